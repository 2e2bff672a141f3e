//! What a job relies on, as decisions and records hold it.

use serde::{Deserialize, Serialize, Serializer};

/// CPUs that a job's user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedCpus {
    /// 1 at least.
    pub tasks: u64,
    /// CPUs of all tasks together.
    pub cpus: u64,
}

/// What a job relies on, and where that stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Floor {
    /// Memory on a node.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub memory: Option<Reliance>,
    /// CPUs of all tasks together.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cpus: Option<Reliance>,
}

/// One thing that a script relies on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliance {
    /// At least so many MiB or CPUs; `None`: all that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub least: Option<u64>,
    /// The line, counted from 1.
    pub line: u32,
    /// Its text, without control characters, cut. A record holds none of it, where earlier releases look for it: a script is
    /// its user's and may hold secrets, a record is anybody's to read.
    #[serde(serialize_with = "withhold", default)]
    pub text: String,
}

fn withhold<S: Serializer>(_: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("")
}

impl Floor {
    /// Nothing where it is empty: most jobs rely on nothing, and their records need not say so.
    pub fn some(self) -> Option<Floor> {
        (!self.is_empty()).then_some(self)
    }

    /// The script relies on nothing that is known.
    pub fn is_empty(&self) -> bool {
        self.memory.is_none() && self.cpus.is_none()
    }
}

impl Reliance {
    /// `need`, or what is relied on if that is more; `None` where that is all that was asked for.
    pub fn raised(floor: Option<&Reliance>, need: u64) -> Option<u64> {
        match floor {
            None => Some(need),
            Some(reliance) => Some(need.max(reliance.least?)),
        }
    }
}

/// What one command names of memory, in MiB.
#[derive(Debug, Default)]
pub struct Taken {
    /// The most of all sizes.
    largest: u64,
    /// The same of what is taken beside that.
    beside: u64,
}

impl Taken {
    /// What it takes where it names this, too.
    pub fn with(&mut self, need: LineNeed) -> u64 {
        match need {
            LineNeed::Memory(mib) => self.largest = self.largest.max(mib),
            LineNeed::Beside(mib) => self.beside = self.beside.max(mib),
            LineNeed::AllMemory | LineNeed::Cpus(_) | LineNeed::AllCpus => {}
        }
        self.largest.saturating_add(self.beside)
    }
}

/// What a line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineNeed {
    /// So many MiB on a node.
    Memory(u64),
    /// So many MiB more than what the same command names as [`LineNeed::Memory`]: what a program takes beside its heap.
    Beside(u64),
    /// All the memory that was asked for.
    AllMemory,
    /// So many CPUs.
    Cpus(u64),
    /// All the CPUs that were asked for.
    AllCpus,
}
