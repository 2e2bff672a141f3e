//! What a running job does, counted from outside: readers of cgroups and /proc, each under a root
//! path, and the sampler that turns their answers into one small object. It is a process of its own
//! beside each shadow or job, and writes to memory only.
#![forbid(unsafe_code)]

pub mod cadence;
pub mod cgroup;
pub mod license_sensor;
pub mod network;
pub mod process;
pub mod seats;
pub mod spool;
pub mod stats;

use crate::config::{License, Rate};
use crate::job::counters::{Counters, Ended};
use crate::text::units::MIB;
use cadence::Cadence;
use cgroup::Group;
use network::{Network, Traffic};
use process::{Processes, Threads};
use seats::SeatWatch;
use stats::{PeakRate, Spread, Timeline};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A point of the curve stands for so many milliseconds at least; a rarer look counts for several.
const SLICE_MS: u128 = 100;

/// Seconds between two looks at what is read and written, and at licenses.
const TRANSFERS_S: f32 = 1.0;

/// The share of the time for which memory stays under what is usual.
const USUAL: f64 = 0.95;

/// A shadow has settled when it was watched this long, in seconds, and its memory has not grown by
/// more than a hundredth in the last two thirds of that.
const SETTLED_S: f32 = 30.0;
const SETTLED_GROWTH: f64 = 1.01;

/// What has been seen so far.
pub struct Sampler {
    group: Group,
    cadence: Cadence,
    /// Processes that are not the job's: the init of a sandbox.
    ours: usize,
    scratch: Option<PathBuf>,
    started: Instant,
    last_look: f32,
    next_threads: f32,
    next_transfers: f32,
    next_network: f32,
    next_close: f32,
    threads: Threads,
    processes: Processes,
    seats: SeatWatch,
    rates: Vec<(String, Rate)>,
    /// Of a job alone: a shadow has no network.
    network: Option<Network>,
    /// Share of the input that had been read, at each close look at a shadow.
    shares: Vec<(f32, f32)>,
    curve: Timeline,
    spread: Spread,
    peak: u64,
    /// When the peak was last raised by more than [`SETTLED_GROWTH`], and to what.
    raised: (f32, u64),
    most_threads: usize,
    most_processes: usize,
    cpu_s: f64,
    demand: PeakRate,
    storage: PeakRate,
    traffic: PeakRate,
}

impl Sampler {
    /// Watches a shadow in `group`; `scratch` is where what it writes to files is kept, in memory.
    pub fn of_shadow(group: Group, scratch: PathBuf) -> Sampler {
        Sampler {
            scratch: Some(scratch),
            ours: 1,
            ..Sampler::new(group, Cadence::Shadow)
        }
    }

    /// Watches a job in `group`.
    pub fn of_job(group: Group, licenses: &[License]) -> Sampler {
        let rate = |license: &License| Some((license.name.clone(), license.rate?));
        Sampler {
            rates: licenses.iter().filter_map(rate).collect(),
            seats: SeatWatch::new(Path::new("/proc"), licenses),
            network: Some(Network::new(Path::new("/proc"))),
            ..Sampler::new(group, Cadence::Job)
        }
    }

    fn new(group: Group, cadence: Cadence) -> Sampler {
        let proc = Path::new("/proc");
        Sampler {
            group,
            cadence,
            ours: 0,
            scratch: None,
            started: Instant::now(),
            last_look: 0.0,
            next_threads: 0.0,
            next_transfers: 0.0,
            next_network: 0.0,
            next_close: 0.0,
            threads: Threads::new(proc),
            processes: Processes::new(proc),
            seats: SeatWatch::new(proc, &[]),
            rates: Vec::new(),
            network: None,
            shares: Vec::new(),
            curve: Timeline::new(cadence.points()),
            spread: Spread::default(),
            peak: 0,
            raised: (0.0, 0),
            most_threads: 0,
            most_processes: 0,
            cpu_s: 0.0,
            demand: PeakRate::default(),
            storage: PeakRate::default(),
            traffic: PeakRate::default(),
        }
    }

    /// How long to wait until the next look.
    pub fn rest(&self) -> Duration {
        self.cadence.memory(self.elapsed_s())
    }

    /// One look; true if it was a close one.
    pub fn look(&mut self) -> bool {
        let at = self.elapsed_s();
        if let Ok(memory) = self.group.memory() {
            self.note_memory(at, memory.saturating_sub(self.written_to_memory()));
        }
        if at >= self.next_threads {
            self.next_threads = at + self.cadence.threads_s();
            self.look_at_threads();
        }
        let close = at >= self.next_close;
        let ids = match close || at >= self.next_transfers || at >= self.next_network {
            true => self.group.processes().unwrap_or_default(),
            false => Vec::new(),
        };
        if at >= self.next_transfers {
            self.next_transfers = at + TRANSFERS_S;
            self.look_at_transfers(at, &ids);
        }
        if at >= self.next_network {
            self.next_network = at + self.cadence.network_s(at);
            self.look_at_network(at, &ids);
        }
        if close {
            self.next_close = at + self.cadence.close_s(at);
            self.look_closely(at, &ids);
        }
        self.demand.note(at, self.wanted_s());
        close
    }

    /// The last look at a job that is about to be gone, which also sees bursts that fell between two looks.
    pub fn look_back(&mut self) {
        (self.next_close, self.next_transfers, self.next_network) = (0.0, 0.0, 0.0);
        self.look();
        self.note_peak();
    }

    /// The kernel's own note of the peak.
    pub fn note_peak(&mut self) {
        self.peak = self.peak.max(self.group.peak_memory().unwrap_or(0));
    }

    /// Its cgroup is there no more.
    pub fn is_over(&self) -> bool {
        self.group.memory().is_err()
    }

    fn look_at_transfers(&mut self, at: f32, ids: &[u32]) {
        self.processes.look_at_transfers(ids);
        self.seats.look(ids);
        let stored = self.processes.transfers();
        let stored = stored.read[1] + stored.written[1];
        self.storage.note(at, stored as f64);
    }

    fn look_at_network(&mut self, at: f32, ids: &[u32]) {
        let Some(network) = &mut self.network else {
            return;
        };
        network.look(ids);
        let Traffic { received, sent } = network.traffic();
        self.traffic.note(at, (received + sent) as f64);
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
            Cadence::Job => self.rest().as_millis().div_ceil(SLICE_MS),
        };
        (0..slices).for_each(|_| self.curve.push((memory / MIB) as u32));
        self.peak = self.peak.max(memory);
        if self.peak as f64 > self.raised.1 as f64 * SETTLED_GROWTH {
            self.raised = (at, self.peak);
        }
    }

    fn look_closely(&mut self, at: f32, ids: &[u32]) {
        self.most_processes = self.most_processes.max(ids.len().saturating_sub(self.ours));
        self.processes.look(ids);
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

    /// Seconds since it started.
    pub fn elapsed_s(&self) -> f32 {
        self.started.elapsed().as_secs_f32()
    }

    /// Nothing new is to be expected: memory has been flat for long, and the input is not still
    /// being read.
    pub fn has_settled(&self) -> bool {
        let at = self.elapsed_s();
        let still_reading = self.processes.input().is_some_and(|(share, _)| share < 0.9);
        at >= SETTLED_S && self.raised.0 <= at / 3.0 && !still_reading
    }

    /// SeatWatch held at most, of each license that is watched for.
    fn licenses(&self) -> BTreeMap<String, u32> {
        let megabytes = |rate: &Rate| match rate {
            Rate::Storage => self.storage.a_second() / 1e6,
            Rate::Network => self.traffic.a_second() / 1e6,
        };
        let mut licenses = self.seats.most();
        let rates = self.rates.iter();
        licenses.extend(rates.map(|(name, rate)| (name.clone(), megabytes(rate).round() as u32)));
        licenses
    }

    /// Everything that was seen of a shadow or job that ended like this.
    pub fn counters(&self, ended: Ended, exit_code: Option<i32>) -> Counters {
        let killed = self.group.oom_kills() > 0;
        let wall_s = self.elapsed_s();
        let mib = |bytes: u64| (bytes as f64 / MIB as f64) as f32;
        let deeds = self.processes.deeds();
        let transfers = self.processes.transfers();
        let traffic = self.network.as_ref().map(Network::traffic);
        let connections = self.network.as_ref().map(Network::most_connections);
        let a_second = |bytes: &PeakRate| mib(bytes.a_second() as u64);
        let peak_mib_s = [&self.storage, &self.traffic].map(a_second);
        let input = self.processes.input();
        let usual = self.spread.mean().zip(self.spread.quantile(USUAL));
        let usual_mib = usual.map(|(mean, most)| [mean, most].map(|bytes| mib(bytes as u64)));
        Counters {
            usual_mib: usual_mib.filter(|_| self.cadence == Cadence::Job),
            ended: if killed { Ended::Oom } else { ended },
            why: exit_code
                .filter(|&code| code != 0)
                .map(|code| format!("exit code {code}")),
            wall_s,
            peak_mib: mib(self.peak),
            charged_mib: mib(self.group.charged()),
            curve_mib: self.curve.points(),
            mapped_mib: mib(self.processes.mapped()) as u32,
            cpu_s: self.cpu_s as f32,
            demand: (self.wanted_s() / f64::from(wall_s.max(0.05))) as f32,
            demand_peak: self.demand.a_second() as f32,
            processes: self.most_processes as u32,
            threads: self.most_threads as u32,
            switches: deeds.switches,
            faults: deeds.faults,
            read_mib: transfers.read.map(mib),
            written_mib: transfers.written.map(mib),
            calls: transfers.calls,
            network_mib: traffic.map(|t| [t.received, t.sent].map(mib)),
            connections: connections.unwrap_or(0) as u32,
            peak_mib_s: traffic.map(|_| peak_mib_s),
            input_share: input.map(|(share, _)| share),
            input_share_half: input.and(self.share_at(wall_s / 2.0)),
            input_mib: input.map(|(_, size)| mib(size)),
            licenses: self.licenses(),
            ..Counters::nothing(ended)
        }
    }
}
