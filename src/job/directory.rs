//! Who is who on the site, and how far what is known reaches.

use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// Who is who, as the agent learned it: slurmctld must not ask a name service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Directory {
    /// The partition of jobs that name none.
    pub default_partition: Option<String>,
    /// By uid.
    pub users: HashMap<u32, User>,
    /// How many of each license the cluster has.
    #[serde(default)]
    pub licenses: HashMap<String, u32>,
    /// Partitions that give each job whole nodes.
    #[serde(default)]
    pub exclusive_partitions: HashSet<String>,
    /// Partitions in which memory is no consumable resource.
    #[serde(default)]
    pub partitions_without_memory: HashSet<String>,
    /// Partitions with a most for the memory of each CPU (MaxMemPerCPU): a job that wants more gets more CPUs.
    #[serde(default)]
    pub partitions_with_cpus_by_memory: HashSet<String>,
    /// The time limit of jobs that name none, in seconds, by partition; none where it is endless.
    #[serde(default)]
    pub times_s: HashMap<String, u64>,
    /// Least memory of a job in each QOS that has such a thing (MinTRES), in MiB.
    #[serde(default)]
    pub least_memory_mib: Vec<u64>,
    /// The same of CPUs.
    #[serde(default)]
    pub least_cpus: Vec<u64>,
}

/// What holds for jobs in some partitions, one of which they will run in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// In one of them memory is no consumable resource: less of it makes room for nobody, and may still kill the job.
    pub memory_is_not_given_out: bool,
    /// In one of them there is a most for the memory of each CPU.
    pub memory_brings_cpus: bool,
    /// The least of the time limits of jobs that name none, in seconds.
    pub time_s: Option<u64>,
}

impl Directory {
    /// One of `partitions`, which commas part, gives each job whole nodes: what a job does not ask for nobody else gets
    /// there, and less memory may still kill it.
    pub fn gives_whole_nodes(&self, partitions: &[u8]) -> bool {
        one_is_of(partitions, &self.exclusive_partitions)
    }

    /// What holds in `partitions`, which commas part.
    pub fn place(&self, partitions: &[u8]) -> Place {
        let times = names(partitions).filter_map(|name| self.times_s.get(name));
        Place {
            memory_is_not_given_out: one_is_of(partitions, &self.partitions_without_memory),
            memory_brings_cpus: one_is_of(partitions, &self.partitions_with_cpus_by_memory),
            time_s: times.min().copied(),
        }
    }
}

fn names(partitions: &[u8]) -> impl Iterator<Item = &str> {
    let names = partitions.split(|&byte| byte == b',');
    names.filter_map(|name| str::from_utf8(name).ok())
}

fn one_is_of(partitions: &[u8], these: &HashSet<String>) -> bool {
    !these.is_empty() && names(partitions).any(|name| these.contains(name))
}

/// One user of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Login name.
    pub name: String,
    /// The account of jobs that name none.
    pub account: Option<String>,
}

/// How far the store counts in a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watermark {
    /// The last row of a job.
    pub jobs: i64,
    /// The last shadow that ended.
    pub shadows: i64,
}
