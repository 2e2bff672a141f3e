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
}

impl Directory {
    /// One of `partitions`, which commas part, gives each job whole nodes: what a job does not ask for nobody else gets
    /// there, and less memory may still kill it.
    pub fn gives_whole_nodes(&self, partitions: &[u8]) -> bool {
        one_is_of(partitions, &self.exclusive_partitions)
    }

    /// In one of `partitions`, which commas part, memory is no consumable resource: less of it makes room for nobody, and
    /// may still kill the job.
    pub fn memory_is_not_given_out(&self, partitions: &[u8]) -> bool {
        one_is_of(partitions, &self.partitions_without_memory)
    }
}

fn one_is_of(partitions: &[u8], these: &HashSet<String>) -> bool {
    let mut names = partitions.split(|&byte| byte == b',');
    !these.is_empty()
        && names.any(|name| str::from_utf8(name).is_ok_and(|name| these.contains(name)))
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
