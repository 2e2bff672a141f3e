//! What a running job does, counted from outside: readers of cgroups and /proc, each under a root
//! path, and the sampler that turns their answers into one small object. It is a process of its own
//! beside each shadow or job, and writes to memory only.
#![forbid(unsafe_code)]

pub mod cadence;
pub mod cgroup;
pub mod descriptors;
mod folder;
pub mod license_sensor;
pub mod network;
mod peak;
pub mod process;
pub mod rest;
pub mod seats;
pub mod spool;
pub mod stats;
pub mod threads;

use crate::clock::Clock;
use crate::config::{License, Rate};
use crate::job::counters::{Counters, Ended, Growths, JobCounters, ShadowCounters};
use crate::text::units::MIB;
use cadence::Cadence;
use cgroup::Group;
use descriptors::Descriptors;
use network::{Network, Traffic};
use peak::Peak;
use process::Processes;
use rest::Rest;
use seats::SeatWatch;
use stats::{PeakDemand, PeakRate, Spread, Timeline, total};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use threads::Threads;

/// A point of the curve stands for so many milliseconds at least; a rarer look counts for several.
const SLICE_MS: u128 = 100;

/// Seconds between two looks at what is read and written, and at licenses.
const TRANSFERS_S: f32 = 1.0;

/// On a busy node a look may be held up, and then sees more than the time for which it is taken.
const A_MOMENT: Duration = Duration::from_millis(50);
const A_WHILE_S: f64 = 5.0;

/// The share of the time for which memory stays under what is usual.
const USUAL: f64 = 0.95;

/// A shadow has settled when it was watched this long, in seconds, and its memory has not grown by
/// more than a hundredth in the last two thirds of that.
const SETTLED_S: f32 = 30.0;
const SETTLED_GROWTH: f64 = 1.01;

/// Of each kind of look one.
#[derive(Default)]
struct Rests {
    /// Of looking through the node's processes, where Slurm keeps no cgroup.
    node: Rest,
    memory: Rest,
    threads: Rest,
    transfers: Rest,
    network: Rest,
    close: Rest,
}

/// What has been seen so far.
pub struct Sampler<'a> {
    group: Group,
    proc: PathBuf,
    /// Says how long a look was held up, and what it cost.
    clock: &'a dyn Clock,
    cadence: Cadence,
    /// Processes that are not the job's: the init of a sandbox.
    ours: usize,
    scratch: Option<PathBuf>,
    last_look: f32,
    rests: Rests,
    threads: Threads,
    processes: Processes,
    seats: SeatWatch,
    rates: Vec<(String, Rate)>,
    /// Of a job alone: a shadow has no network.
    network: Option<Network>,
    /// Seconds after the start, and the share of the input that had been read, at each close look at a shadow.
    shares: Vec<(f32, f32)>,
    curve: Timeline,
    spread: Spread,
    peak: Peak,
    /// Most memory charged at any look, page cache included, in bytes.
    charged: u64,
    oom_kills: u64,
    /// When the peak was last raised by more than [`SETTLED_GROWTH`], in seconds after the start, and to how many bytes.
    raised: (f32, u64),
    most_threads: usize,
    most_processes: usize,
    cpu_s: f64,
    demand: PeakDemand,
    storage: PeakRate,
    traffic: PeakRate,
}

impl<'a> Sampler<'a> {
    /// Watches a shadow in `group`; `scratch` is where what it writes to files is kept, in memory. `proc` is
    /// `/proc`.
    pub fn of_shadow(
        group: Group,
        proc: &Path,
        scratch: PathBuf,
        clock: &'a dyn Clock,
    ) -> Sampler<'a> {
        Sampler {
            scratch: Some(scratch),
            ours: 1,
            ..Sampler::new(group, proc, clock, Cadence::Shadow)
        }
    }

    /// Watches a job in `group`; `proc` is `/proc`.
    pub fn of_job(
        group: Group,
        proc: &Path,
        licenses: &[License],
        clock: &'a dyn Clock,
    ) -> Sampler<'a> {
        let rate = |license: &License| Some((license.name.clone(), license.rate?));
        Sampler {
            rates: licenses.iter().filter_map(rate).collect(),
            seats: SeatWatch::new(proc, licenses),
            network: Some(Network::new(proc)),
            ..Sampler::new(group, proc, clock, Cadence::Job)
        }
    }

    /// Also sees, in the end, what was read and written after the last look: by the parent of `first`, the
    /// job's first process.
    pub fn until_its_end(mut self, first: i32) -> Self {
        self.processes.count_in_parent_of(first);
        self
    }

    fn new(group: Group, proc: &Path, clock: &'a dyn Clock, cadence: Cadence) -> Sampler<'a> {
        Sampler {
            group,
            proc: proc.into(),
            clock,
            cadence,
            ours: 0,
            scratch: None,
            last_look: 0.0,
            rests: Rests::default(),
            threads: Threads::new(proc),
            processes: Processes::new(proc),
            seats: SeatWatch::new(proc, &[]),
            rates: Vec::new(),
            network: None,
            shares: Vec::new(),
            curve: Timeline::new(cadence.points()),
            spread: Spread::default(),
            peak: Peak::default(),
            charged: 0,
            oom_kills: 0,
            raised: (0.0, 0),
            most_threads: 0,
            most_processes: 0,
            cpu_s: 0.0,
            demand: PeakDemand::default(),
            storage: PeakRate::default(),
            traffic: PeakRate::default(),
        }
    }

    /// How long to wait after a look `at` seconds after the start until the next one.
    pub fn rest(&self, at: f32) -> Duration {
        self.cadence.memory(at).max(self.rests.memory.left(at))
    }

    /// CPU time since the thread had used `began`.
    fn cost(&self, began: Duration) -> Duration {
        self.clock.busy().saturating_sub(began)
    }

    /// A look `at` seconds after the start, never less than at the look before; true if it was a close one.
    pub fn look(&mut self, at: f32) -> bool {
        self.look_at_node(at);
        let began = self.clock.elapsed();
        self.look_at_memory(at);
        if self.rests.threads.is_over(at) {
            let busy = self.clock.busy();
            self.look_at_threads();
            let apart = self.cadence.threads_s();
            self.rests.threads.begin(at, apart, self.cost(busy));
            // Of one that was held up nobody knows which second it saw. Over a while that matters little.
            let is_long = self.demand.since_last(at).is_some_and(|s| s > A_WHILE_S);
            if self.clock.since(began) < A_MOMENT || is_long {
                self.note_demand(at);
            }
        }
        self.look_at_processes(at)
    }

    fn look_at_node(&mut self, at: f32) {
        if self.rests.node.is_over(at) {
            let busy = self.clock.busy();
            self.group.look(at);
            self.rests.node.begin(at, 0.0, self.cost(busy));
        }
    }

    fn look_at_memory(&mut self, at: f32) {
        if !self.rests.memory.is_over(at) {
            return;
        }
        let busy = self.clock.busy();
        let memory = self.group.memory();
        self.rests.memory.begin(at, 0.0, self.cost(busy));
        if let Ok(memory) = memory {
            self.note_memory(at, memory.saturating_sub(self.written_to_memory()));
        }
    }

    /// All that is to be seen of each of them, where it is due; true if they were looked at closely.
    fn look_at_processes(&mut self, at: f32) -> bool {
        let rests = &self.rests;
        let [transfers, network, close] =
            [rests.transfers, rests.network, rests.close].map(|rest| rest.is_over(at));
        if !(transfers || network || close) {
            return false;
        }
        let busy = self.clock.busy();
        let (proc, ids) = (
            self.proc.clone(),
            self.group.processes().unwrap_or_default(),
        );
        let look = Descriptors::of(&proc, &ids);
        let listing = self.cost(busy);
        if transfers {
            let busy = self.clock.busy();
            self.look_at_transfers(at, &look);
            let cost = listing + self.cost(busy);
            self.rests.transfers.begin(at, TRANSFERS_S, cost);
        }
        if network {
            let busy = self.clock.busy();
            self.look_at_network(at, &look);
            let (apart, cost) = (self.cadence.network_s(at), listing + self.cost(busy));
            self.rests.network.begin(at, apart, cost);
        }
        if close {
            let busy = self.clock.busy();
            self.look_closely(at, ids.len(), &look);
            let (apart, cost) = (self.cadence.close_s(at), listing + self.cost(busy));
            self.rests.close.begin(at, apart, cost);
        }
        close
    }

    fn note_demand(&mut self, at: f32) {
        if let Some(seconds) = self.demand.since_last(at) {
            let waited = self.threads.waited_within(seconds);
            self.demand.note(at, seconds, self.cpu_s, waited);
        }
    }

    /// The last look at a job that is about to be gone.
    pub fn look_back(&mut self, at: f32) {
        let rests = &mut self.rests;
        let all = [
            &mut rests.node,
            &mut rests.memory,
            &mut rests.transfers,
            &mut rests.network,
            &mut rests.close,
        ];
        all.into_iter().for_each(Rest::end);
        self.look(at);
    }

    /// Its cgroup is there no more.
    pub fn is_over(&self) -> bool {
        self.group.is_gone()
    }

    fn look_at_transfers(&mut self, at: f32, look: &Descriptors) {
        self.processes.look_at_transfers(look.processes());
        self.seats.look(look);
        let stored = self.processes.transfers();
        let stored = total([stored.read[1], stored.written[1]]);
        self.storage.note(at, stored as f64);
        self.note_charged();
    }

    /// What the kernel noted since the last time: of a job alone, as a shadow is looked at all the time.
    fn note_charged(&mut self) {
        let Some(charged) = self.group.charged() else {
            return;
        };
        self.charged = self.charged.max(charged.peak.unwrap_or(charged.now));
        if let (Cadence::Job, Ok(needed)) = (self.cadence, self.group.memory()) {
            self.peak
                .note_charged(needed, charged, self.processes.moved());
        }
    }

    fn look_at_network(&mut self, at: f32, look: &Descriptors) {
        let Some(network) = &mut self.network else {
            return;
        };
        network.look(look);
        if let Some(Traffic { received, sent }) = network.traffic() {
            self.traffic.note(at, total([received, sent]) as f64);
        }
    }

    fn look_at_threads(&mut self) {
        if let Ok(cpu_s) = self.group.cpu_s() {
            self.cpu_s = cpu_s;
        }
        if let Ok(ids) = self.group.threads() {
            self.most_threads = self.most_threads.max(ids.len().saturating_sub(self.ours));
            self.threads.look(&ids);
        }
    }

    fn note_memory(&mut self, at: f32, memory: u64) {
        let seconds = at - self.last_look;
        self.last_look = at;
        self.spread.push(memory, seconds.into());
        // Of a shadow each look is a slice of its own.
        let slices = match self.cadence {
            Cadence::Shadow => 1,
            Cadence::Job => self.rest(at).as_millis().div_ceil(SLICE_MS),
        };
        (0..slices).for_each(|_| self.curve.push((memory / MIB) as u32));
        self.peak.note(memory);
        let peak = self.peak.bytes();
        if peak as f64 > self.raised.1 as f64 * SETTLED_GROWTH {
            self.raised = (at, peak);
        }
    }

    fn look_closely(&mut self, at: f32, count: usize, look: &Descriptors) {
        self.most_processes = self.most_processes.max(count.saturating_sub(self.ours));
        self.processes.look(look);
        self.oom_kills = self.oom_kills.max(self.group.oom_kills());
        if self.cadence == Cadence::Shadow {
            let share = self.processes.input().map(|(share, _)| share);
            self.shares.push((at, share.unwrap_or(0.0)));
        }
    }

    /// How much of the input had been read by `at`.
    fn share_at(&self, at: f32) -> Option<f32> {
        let before = self.shares.iter().take_while(|(seen, _)| *seen <= at);
        before.last().map(|(_, share)| *share)
    }

    /// CPU time that it used or waited for, in seconds.
    fn wanted_s(&self) -> f64 {
        self.cpu_s + self.threads.waited_s()
    }

    /// What lies in the sandbox's tmpfs is memory to the cgroup, and a file to the job.
    fn written_to_memory(&self) -> u64 {
        let space = self
            .scratch
            .as_deref()
            .and_then(|path| nix::sys::statvfs::statvfs(path).ok());
        space.map_or(0, |space| {
            (space.blocks() - space.blocks_free()) * space.fragment_size()
        })
    }

    /// Nothing new is to be expected `at` seconds after the start: memory has been flat for long, and the
    /// input is not still being read.
    pub fn has_settled(&self, at: f32) -> bool {
        let still_reading = self.processes.input().is_some_and(|(share, _)| share < 0.9);
        at >= SETTLED_S && self.raised.0 <= at / 3.0 && !still_reading
    }

    /// SeatWatch held at most, of each license that is watched for.
    fn licenses(&self) -> BTreeMap<String, u32> {
        let megabytes = |rate: &Rate| match rate {
            Rate::Storage => Some(self.storage.a_second() / 1e6),
            Rate::Network => self.traffic_seen().map(|_| self.traffic.a_second() / 1e6),
        };
        let rate =
            |(name, rate): &(String, Rate)| Some((name.clone(), megabytes(rate)?.round() as u32));
        let mut licenses = self.seats.most();
        licenses.extend(self.rates.iter().filter_map(rate));
        licenses
    }

    /// What went over the network; `None` where that was not watched to the end.
    fn traffic_seen(&self) -> Option<Traffic> {
        self.network.as_ref()?.traffic()
    }

    /// Everything that was seen of a job that ended like this, `wall_s` seconds after the start.
    pub fn job(&self, wall_s: f32, ended: Ended, exit_code: Option<i32>) -> JobCounters {
        let usual = self.spread.mean().zip(self.spread.quantile(USUAL));
        let traffic = self.traffic_seen();
        let connections = self.network.as_ref().filter(|_| traffic.is_some());
        let connections = connections.map(Network::most_connections);
        let a_second = |bytes: &PeakRate| mib(bytes.a_second() as u64);
        JobCounters {
            seen: self.counters(wall_s, ended, exit_code),
            nodes: 1,
            usual_mib: usual.map(|(mean, most)| [mean, most].map(|bytes| mib(bytes as u64))),
            network_mib: traffic.map(|t| [t.received, t.sent].map(mib)),
            connections: connections.unwrap_or(0) as u32,
            peak_mib_s: traffic.map(|_| [&self.storage, &self.traffic].map(a_second)),
            growths: Growths::default(),
            seats: self.licenses(),
        }
    }

    /// Everything that was seen of a shadow that ended like this, `wall_s` seconds after the start.
    pub fn shadow(&self, wall_s: f32, ended: Ended, exit_code: Option<i32>) -> ShadowCounters {
        let half = self.processes.input().and(self.share_at(wall_s / 2.0));
        ShadowCounters {
            input_share_half: half,
            ..self.counters(wall_s, ended, exit_code).into()
        }
    }

    fn counters(&self, wall_s: f32, ended: Ended, exit_code: Option<i32>) -> Counters {
        let killed = self.oom_kills.max(self.group.oom_kills()) > 0;
        let (deeds, transfers) = (self.processes.deeds(), self.processes.transfers());
        let input = self.processes.input();
        let failed = exit_code.filter(|&code| code != 0);
        Counters {
            ended: if killed { Ended::Oom } else { ended },
            why: failed.map(|code| format!("exit code {code}")),
            wall_s,
            peak_mib: mib(self.peak.bytes()),
            charged_mib: mib(self.charged),
            curve_mib: self.curve.points(),
            mapped_mib: mib(self.processes.mapped()) as u32,
            cpu_s: self.cpu_s as f32,
            demand: (self.wanted_s() / f64::from(wall_s.max(0.05))) as f32,
            demand_peak: self.demand.cpus() as f32,
            processes: self.most_processes as u32,
            threads: self.most_threads as u32,
            switches: deeds.switches,
            faults: deeds.faults,
            read_mib: transfers.read.map(mib),
            written_mib: transfers.written.map(mib),
            calls: transfers.calls,
            input_share: input.map(|(share, _)| share),
            input_mib: input.map(|(_, size)| mib(size)),
        }
    }
}

fn mib(bytes: u64) -> f32 {
    (bytes as f64 / MIB as f64) as f32
}

#[cfg(test)]
mod tests;
