//! What a shadow or a job did, as the sampler beside it counted it.

use super::is_zero;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Deref;

/// How a shadow or a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// The program ended by itself, with exit code 0.
    Finished,
    /// Its counters had settled.
    Settled,
    /// The window was over.
    Window,
    /// It needed more memory than its slice has.
    Oom,
    /// The program ended with another exit code, or was cancelled.
    Failed,
    /// The node could not give the whole sandbox: nothing ran.
    Refused,
}

/// What is counted of shadows and jobs alike, small enough for AdminComment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// How it ended.
    pub ended: Ended,
    /// Exit code, or why it was refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
    /// How long it was watched, in seconds.
    pub wall_s: f32,
    /// Largest anonymous and shared memory in MiB, without what it wrote to files.
    pub peak_mib: f32,
    /// Largest memory charged to its slice in MiB, page cache and written files included.
    pub charged_mib: f32,
    /// Largest memory in MiB in each slice of the time, oldest first: twelfths of a shadow's, 24ths of a job's.
    /// Empty once the run is old.
    #[serde(default)]
    pub curve_mib: Vec<u32>,
    /// Address space of all its processes at most, in MiB: mapped, whether touched or not.
    pub mapped_mib: u32,
    /// CPU time used, in seconds.
    pub cpu_s: f32,
    /// CPUs it would have kept busy on average, had it not had to wait for one.
    pub demand: f32,
    /// The same in its busiest second.
    pub demand_peak: f32,
    /// Most processes at the same time.
    pub processes: u32,
    /// Most threads at the same time.
    pub threads: u32,
    /// Context switches.
    pub switches: u64,
    /// Page faults.
    pub faults: u64,
    /// MiB that its system calls read, and those that came from storage.
    pub read_mib: [f32; 2],
    /// MiB that its system calls wrote, and those that went to storage.
    pub written_mib: [f32; 2],
    /// Read calls and write calls.
    pub calls: [u64; 2],
    /// How far its input files have been read, 0 to 1; absent where none was seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_share: Option<f32>,
    /// Size of those files, in MiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_mib: Option<f32>,
}

/// What a job did, all its steps on the nodes that were watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobCounters {
    /// What is counted of shadows, too.
    #[serde(flatten)]
    pub seen: Counters,
    /// Nodes of it that were watched: the first one alone, unless all of them share a folder.
    #[serde(skip_serializing_if = "is_one", default = "one")]
    pub nodes: u32,
    /// Memory in MiB: its mean over time, and what it stayed under for 95 % of the time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usual_mib: Option<[f32; 2]>,
    /// MiB received and sent over the network; absent where that was not watched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub network_mib: Option<[f32; 2]>,
    /// Most TCP connections to other nodes at the same time.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub connections: u32,
    /// MiB a second through storage and network in their busiest seconds; absent where those were not watched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peak_mib_s: Option<[f32; 2]>,
    /// What its nodes lent it beyond the memory that it was given.
    #[serde(skip_serializing_if = "Growths::is_empty", default)]
    pub growths: Growths,
    /// Most seats held at the same time, of each license that it was watched for.
    #[serde(
        rename = "licenses",
        skip_serializing_if = "BTreeMap::is_empty",
        default
    )]
    pub seats: BTreeMap<String, u32>,
}

/// A running job was lent more memory by a node.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Seconds after its start.
    pub at_s: f32,
    /// Its limit on that node before, in MiB.
    pub from_mib: u32,
    /// And since then.
    pub to_mib: u32,
}

/// All of them, and when there was no more to lend.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Growths {
    /// The first ones in their order, and of more than [`Growths::MOST`] the last.
    pub grown: Vec<Growth>,
    /// How often it needed more, and its node had nothing to lend.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub refused: u32,
}

impl Growths {
    /// So many are told each by itself.
    pub const MOST: usize = 8;

    /// One more. Beyond the bound the last one told becomes larger.
    pub fn note(&mut self, growth: Growth) {
        let is_full = self.grown.len() >= Growths::MOST;
        match self.grown.last_mut().filter(|_| is_full) {
            Some(last) => last.to_mib = growth.to_mib,
            None => self.grown.push(growth),
        }
    }

    /// The largest limit that it had on a node, in MiB; `None` where it never grew.
    pub fn most_mib(&self) -> Option<u32> {
        self.grown.iter().map(|growth| growth.to_mib).max()
    }

    fn is_empty(&self) -> bool {
        *self == Growths::default()
    }

    fn with(mut self, other: Growths) -> Growths {
        self.refused = self.refused.saturating_add(other.refused);
        other.grown.into_iter().for_each(|growth| self.note(growth));
        self
    }
}

fn one() -> u32 {
    1
}

/// Is left out where counters are written.
fn is_one(number: &u32) -> bool {
    *number == 1
}

/// What a shadow did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowCounters {
    /// What is counted of jobs, too.
    #[serde(flatten)]
    pub seen: Counters,
    /// How far its input files had been read when half of the time was over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_share_half: Option<f32>,
    /// Ranks that a launcher was asked to start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ranks: Option<u32>,
    /// License servers that it asked, as `port@host`, with the number of connections.
    #[serde(
        rename = "licenses",
        skip_serializing_if = "BTreeMap::is_empty",
        default
    )]
    pub license_servers: BTreeMap<String, u32>,
}

/// Why a shadow showed nothing that did not start in time.
const NOT_STARTED: &str = "no node had room for it in time";

/// Of the time that one CPU would have given it, a shadow got less than this: too little to be believed. A judgement: beside live
/// work that fills its node it gets next to nothing; threads that run in bursts wait for each other, and may seem to want
/// two or three times what they get.
const STARVED: f32 = 0.25;

/// What wants less than this share of a CPU, and moves fewer MiB a second, waits for something: a time, a file, an answer. Its work
/// is still to come. A judgement: programs that work want tenfold of either, and one that is taken for idle keeps its request.
const IDLE_CPUS: f32 = 0.1;
const IDLE_MIB_S: f32 = 1.0;

/// No sum is infinite, which no text holds: what is added comes from files.
fn sum(a: f32, b: f32) -> f32 {
    (a + b).clamp(f32::MIN, f32::MAX)
}

fn sums(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [0, 1].map(|n| sum(a[n], b[n]))
}

impl Counters {
    /// It seldom ran though it could have, as others kept its node busy: what it did is the beginning of a job's.
    pub fn was_starved(&self) -> bool {
        self.cpu_s < STARVED * self.demand.min(1.0) * self.wall_s
    }

    /// It did next to nothing.
    pub fn was_idle(&self) -> bool {
        // What is mapped is read by no call, and what is cached comes from no storage.
        let moved = |[by_calls, by_storage]: [f32; 2]| by_calls.max(by_storage);
        let moved_mib = moved(self.read_mib) + moved(self.written_mib);
        self.demand < IDLE_CPUS && moved_mib < IDLE_MIB_S * self.wall_s
    }

    /// The peak in the first half of the time, in MiB.
    pub fn half_peak_mib(&self) -> f64 {
        let half = self.curve_mib.len().div_ceil(2);
        let peak = self.curve_mib[..half].iter().copied().max().unwrap_or(0);
        f64::from(peak).min(f64::from(self.peak_mib))
    }

    /// What a node with less memory saw of the same job is added, but for memory.
    fn with(self, less: &Counters) -> Counters {
        Counters {
            wall_s: self.wall_s.max(less.wall_s),
            charged_mib: self.charged_mib.max(less.charged_mib),
            cpu_s: sum(self.cpu_s, less.cpu_s),
            demand: sum(self.demand, less.demand),
            demand_peak: sum(self.demand_peak, less.demand_peak),
            processes: self.processes.saturating_add(less.processes),
            threads: self.threads.saturating_add(less.threads),
            switches: self.switches.saturating_add(less.switches),
            faults: self.faults.saturating_add(less.faults),
            read_mib: sums(self.read_mib, less.read_mib),
            written_mib: sums(self.written_mib, less.written_mib),
            calls: [0, 1].map(|n| self.calls[n].saturating_add(less.calls[n])),
            ..self
        }
    }

    /// All zero.
    pub fn nothing(ended: Ended) -> Counters {
        Counters {
            ended,
            why: None,
            wall_s: 0.0,
            peak_mib: 0.0,
            charged_mib: 0.0,
            curve_mib: Vec::new(),
            mapped_mib: 0,
            cpu_s: 0.0,
            demand: 0.0,
            demand_peak: 0.0,
            processes: 0,
            threads: 0,
            switches: 0,
            faults: 0,
            read_mib: [0.0; 2],
            written_mib: [0.0; 2],
            calls: [0; 2],
            input_share: None,
            input_mib: None,
        }
    }
}

impl Deref for JobCounters {
    type Target = Counters;

    fn deref(&self) -> &Counters {
        &self.seen
    }
}

impl Deref for ShadowCounters {
    type Target = Counters;

    fn deref(&self) -> &Counters {
        &self.seen
    }
}

impl From<Counters> for JobCounters {
    fn from(seen: Counters) -> JobCounters {
        JobCounters {
            seen,
            nodes: 1,
            usual_mib: None,
            network_mib: None,
            connections: 0,
            peak_mib_s: None,
            growths: Growths::default(),
            seats: BTreeMap::new(),
        }
    }
}

impl From<Counters> for ShadowCounters {
    fn from(seen: Counters) -> ShadowCounters {
        ShadowCounters {
            seen,
            input_share_half: None,
            ranks: None,
            license_servers: BTreeMap::new(),
        }
    }
}

impl ShadowCounters {
    /// Of a shadow that ended in this state, and of which nobody reported what it did.
    pub fn lost(state: &str) -> ShadowCounters {
        let seen = Counters {
            why: Some(format!("{state}, and its node reported nothing")),
            ..Counters::nothing(Ended::Failed)
        };
        seen.into()
    }

    /// Of a shadow that still waited when its window was over.
    pub fn never_started() -> ShadowCounters {
        let seen = Counters {
            why: Some(NOT_STARTED.to_owned()),
            ..Counters::nothing(Ended::Failed)
        };
        seen.into()
    }

    /// It may have run, and what it did is not known: whoever reports has watched it for a moment.
    pub fn was_lost(&self) -> bool {
        let waited = self.why.as_deref() == Some(NOT_STARTED);
        self.ended == Ended::Failed && self.wall_s == 0.0 && !waited
    }

    /// Of a shadow that never ran.
    pub fn refused(why: &str) -> ShadowCounters {
        let seen = Counters {
            why: Some(why.chars().take(200).collect()),
            ..Counters::nothing(Ended::Refused)
        };
        seen.into()
    }
}

impl JobCounters {
    /// What two samplers saw of the same job: memory is that of the one that saw more, all else adds up but for the
    /// number of nodes, as a node's samplers may follow each other.
    pub fn with(self, other: JobCounters) -> JobCounters {
        let (more, less) = match self.peak_mib >= other.peak_mib {
            true => (self, other),
            false => (other, self),
        };
        let both = |a: Option<[f32; 2]>, b: Option<[f32; 2]>| match (a, b) {
            (Some(a), Some(b)) => Some(sums(a, b)),
            (one, None) | (None, one) => one,
        };
        let mut seats = more.seats;
        for (name, held) in less.seats {
            let all = seats.entry(name).or_default();
            *all = held.saturating_add(*all);
        }
        JobCounters {
            seen: more.seen.with(&less.seen),
            nodes: more.nodes,
            usual_mib: more.usual_mib,
            network_mib: both(more.network_mib, less.network_mib),
            peak_mib_s: both(more.peak_mib_s, less.peak_mib_s),
            connections: more.connections.saturating_add(less.connections),
            growths: more.growths.with(less.growths),
            seats,
        }
    }
}
