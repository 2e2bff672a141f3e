//! What a shadow or a job did, as the sampler beside it counted it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// What a shadow or a job did. Sizes in MiB, times in seconds; small enough for AdminComment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// How it ended.
    pub ended: Ended,
    /// Exit code, or why it was refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
    /// How long it was watched.
    pub wall_s: f32,
    /// Largest anonymous and shared memory, without what it wrote to files.
    pub peak_mib: f32,
    /// Largest memory charged to its slice, page cache and written files included.
    pub charged_mib: f32,
    /// Its mean over time, and what it stayed under for 95 % of the time; of jobs alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usual_mib: Option<[f32; 2]>,
    /// Largest memory in each slice of the time, oldest first: twelfths of a shadow's, 24ths of a job's.
    /// Empty once the run is old.
    #[serde(default)]
    pub curve_mib: Vec<u32>,
    /// Address space of all its processes at most: mapped, whether touched or not.
    pub mapped_mib: u32,
    /// CPU time used.
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
    /// Bytes that its system calls read, and those that came from storage.
    pub read_mib: [f32; 2],
    /// Bytes that its system calls wrote, and those that went to storage.
    pub written_mib: [f32; 2],
    /// Read calls and write calls.
    pub calls: [u64; 2],
    /// Received and sent over the network; absent where that was not watched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub network_mib: Option<[f32; 2]>,
    /// Most TCP connections to other nodes at the same time.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub connections: u32,
    /// Through storage and network in their busiest seconds, a second; absent where those were not watched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peak_mib_s: Option<[f32; 2]>,
    /// How far its input files have been read, 0 to 1; absent where none was seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_share: Option<f32>,
    /// How far when half of the time was over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_share_half: Option<f32>,
    /// Size of those files.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_mib: Option<f32>,
    /// Ranks that a launcher was asked to start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ranks: Option<u32>,
    /// Of a shadow: license servers that it asked, as `port@host`, with the number of connections. Of a job:
    /// the most seats that it held at the same time, of each license that it was watched for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub licenses: BTreeMap<String, u32>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Counters {
    /// Counters of a shadow that never ran.
    pub fn refused(why: &str) -> Counters {
        Counters {
            why: Some(why.chars().take(200).collect()),
            ..Counters::nothing(Ended::Refused)
        }
    }

    /// The peak in the first half of the time, in MiB.
    pub fn half_peak_mib(&self) -> f64 {
        let half = self.curve_mib.len().div_ceil(2);
        let peak = self.curve_mib[..half].iter().copied().max().unwrap_or(0);
        f64::from(peak).min(f64::from(self.peak_mib))
    }

    /// What two nodes saw of the same job: memory is that of the node with more, all else adds up.
    pub fn with(self, other: Counters) -> Counters {
        let (more, less) = match self.peak_mib >= other.peak_mib {
            true => (self, other),
            false => (other, self),
        };
        let both = |a: Option<[f32; 2]>, b: Option<[f32; 2]>| match (a, b) {
            (Some(a), Some(b)) => Some([a[0] + b[0], a[1] + b[1]]),
            (one, None) | (None, one) => one,
        };
        let mut licenses = more.licenses;
        for (name, held) in less.licenses {
            *licenses.entry(name).or_default() += held;
        }
        Counters {
            wall_s: more.wall_s.max(less.wall_s),
            charged_mib: more.charged_mib.max(less.charged_mib),
            cpu_s: more.cpu_s + less.cpu_s,
            demand: more.demand + less.demand,
            demand_peak: more.demand_peak + less.demand_peak,
            processes: more.processes + less.processes,
            threads: more.threads + less.threads,
            switches: more.switches + less.switches,
            faults: more.faults + less.faults,
            read_mib: [0, 1].map(|n| more.read_mib[n] + less.read_mib[n]),
            written_mib: [0, 1].map(|n| more.written_mib[n] + less.written_mib[n]),
            calls: [0, 1].map(|n| more.calls[n] + less.calls[n]),
            network_mib: both(more.network_mib, less.network_mib),
            peak_mib_s: both(more.peak_mib_s, less.peak_mib_s),
            connections: more.connections + less.connections,
            licenses,
            ..more
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
            usual_mib: None,
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
            network_mib: None,
            connections: 0,
            peak_mib_s: None,
            input_share: None,
            input_share_half: None,
            input_mib: None,
            ranks: None,
            licenses: BTreeMap::new(),
        }
    }
}
