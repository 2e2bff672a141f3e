//! The sampler: a process of its own beside each shadow. It looks at memory fifty times a second and
//! at threads ten times, writes to memory only, and ends the shadow when enough has been seen.

use super::cgroup::Group;
use super::curve::Curve;
use super::process::{Processes, Threads};
use super::{Counters, Ended};
use crate::units::MIB;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two looks at memory, whose bursts are short.
pub const INTERVAL: Duration = Duration::from_millis(20);

/// Every so many looks the threads are looked at, too.
const THREADS_LOOK: u32 = 5;

/// Every so many looks the processes are looked at closely: files, I/O, faults.
const CLOSE_LOOK: u32 = 50;

/// Points of the memory curve.
const POINTS: usize = 12;

/// A shadow has settled when it was watched this long, in seconds, and its memory has not grown by
/// more than a hundredth in the last two thirds of that.
const SETTLED_S: f32 = 30.0;
const SETTLED_GROWTH: f64 = 1.01;

/// The process of the sandbox itself: its init.
const OURS: usize = 1;

/// What has been seen so far.
pub struct Sampler {
    group: Group,
    scratch: Option<PathBuf>,
    started: Instant,
    looks: u32,
    threads: Threads,
    processes: Processes,
    curve: Curve,
    peak: u64,
    /// When the peak was last raised by more than [`SETTLED_GROWTH`], and to what.
    raised: (f32, u64),
    most_threads: usize,
    most_processes: usize,
    cpu_s: f64,
    last_close: (f32, f64),
    demand_peak: f64,
}

impl Sampler {
    /// Watches `group`. `scratch` is where what the shadow writes to files is kept, in memory.
    pub fn new(group: Group, scratch: Option<PathBuf>) -> Sampler {
        let proc = Path::new("/proc");
        Sampler {
            group,
            scratch,
            started: Instant::now(),
            looks: 0,
            threads: Threads::new(proc),
            processes: Processes::new(proc),
            curve: Curve::new(POINTS),
            peak: 0,
            raised: (0.0, 0),
            most_threads: 0,
            most_processes: 0,
            cpu_s: 0.0,
            last_close: (0.0, 0.0),
            demand_peak: 0.0,
        }
    }

    /// One look; true if it was a close one.
    pub fn look(&mut self) -> bool {
        let at = self.elapsed_s();
        if let Ok(memory) = self.group.memory() {
            self.note_memory(at, memory.saturating_sub(self.written_to_memory()));
        }
        if self.looks.is_multiple_of(THREADS_LOOK) {
            self.look_at_threads();
        }
        let close = self.looks.is_multiple_of(CLOSE_LOOK);
        if close {
            self.look_closely(at);
        }
        self.looks += 1;
        close
    }

    fn look_at_threads(&mut self) {
        if let Ok(cpu_s) = self.group.cpu_s() {
            self.cpu_s = cpu_s;
        }
        if let Ok(ids) = self.group.threads() {
            self.most_threads = self.most_threads.max(ids.len().saturating_sub(OURS));
            self.threads.look(&ids);
        }
    }

    fn note_memory(&mut self, at: f32, memory: u64) {
        self.curve.push((memory / MIB) as u32);
        self.peak = self.peak.max(memory);
        if self.peak as f64 > self.raised.1 as f64 * SETTLED_GROWTH {
            self.raised = (at, self.peak);
        }
    }

    fn look_closely(&mut self, at: f32) {
        if let Ok(ids) = self.group.processes() {
            self.most_processes = self.most_processes.max(ids.len().saturating_sub(OURS));
            self.processes.look(&ids);
        }
        let wanted = self.wanted_s();
        let (last_at, last_wanted) = self.last_close;
        if at - last_at > 0.5 {
            let demand = (wanted - last_wanted) / f64::from(at - last_at);
            self.demand_peak = self.demand_peak.max(demand);
        }
        self.last_close = (at, wanted);
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

    /// Seconds since the shadow started.
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

    /// Everything that was seen of a shadow that ended like this.
    pub fn counters(&self, ended: Ended, exit_code: Option<i32>) -> Counters {
        let killed = self.group.oom_kills() > 0;
        let wall_s = self.elapsed_s();
        let mib = |bytes: u64| (bytes as f64 / MIB as f64) as f32;
        let deeds = self.processes.deeds();
        let input = self.processes.input();
        Counters {
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
            demand_peak: self.demand_peak as f32,
            processes: self.most_processes as u32,
            threads: self.most_threads as u32,
            switches: deeds.switches,
            faults: deeds.faults,
            read_mib: deeds.read.map(mib),
            written_mib: deeds.written.map(mib),
            calls: deeds.calls,
            input_share: input.map(|(share, _)| share),
            input_mib: input.map(|(_, size)| mib(size)),
            ..Counters::nothing(ended)
        }
    }
}
