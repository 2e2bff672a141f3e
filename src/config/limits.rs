//! The file's sections of numbers: what they mean, what is allowed, what they are if nobody says.

use super::Mode;
use crate::shadow::LEAST_UID;
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

/// `[evidence]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvidenceLimits {
    /// Completed runs of a kind before it is sized; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub min_runs: u32,
    /// Completed runs of a script by other users before it is sized for one who never ran it; 0: never.
    pub application_min_runs: u32,
    /// Users whom those runs must be of, none of them having more than a fair part.
    #[serde(deserialize_with = "at_least_one")]
    pub application_min_users: u32,
    /// Latest runs of a kind that count; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub window: u32,
    /// Days after its latest run for which a kind is known; 0: for good.
    pub kinds_days: u32,
    /// Kinds that are known at most, those that ran last; at least 1. slurmctld holds them in memory.
    #[serde(deserialize_with = "at_least_one")]
    pub max_kinds: u32,
    /// Of them, those of one user; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub max_kinds_per_user: u32,
    /// A request is rewritten only if at least this share of it is saved; 0 to 1.
    #[serde(deserialize_with = "share")]
    pub min_saving: f64,
}

/// `[breaker]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerLimits {
    /// Whether everything goes back to advice where rewritten jobs fail more often than others of the same kinds.
    pub enabled: bool,
    /// The share of rewritten jobs that may fail beyond that: what smaller requests cost, those that are rescued
    /// included; 0 to 1.
    #[serde(deserialize_with = "share")]
    pub allowed: f64,
}

/// `[memory]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryLimits {
    /// What a job that is killed for its memory costs, beyond that memory and its second run, as a share
    /// of what it was given; 0 to 100. The higher, the fewer are killed and the less is saved.
    #[serde(deserialize_with = "up_to_a_hundred")]
    pub failure_price: f64,
    /// Never set less for a node, in MiB.
    pub floor_mib: u64,
    /// What is done where half of a kind's runs or more needed more than a job asks for; no more than what is done with
    /// its memory else.
    pub raise: Mode,
    /// Nothing is raised above this on a node, in MiB.
    pub raise_to_mib: u64,
}

/// `[time]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeLimits {
    /// What a job that runs out of time costs beyond the time it was given, as a share of that.
    #[serde(deserialize_with = "up_to_a_hundred")]
    pub failure_price: f64,
    /// Minutes below which no limit is ever set.
    pub floor_min: u32,
    /// Set the time limit itself, not only how far backfill may shorten it (`--time-min`).
    pub limit: bool,
}

/// `[cpus]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CpuLimits {
    /// Set is the most CPUs a run kept busy times this; 1 or more. A serial program gets one.
    #[serde(deserialize_with = "one_or_more")]
    pub margin: f64,
    /// Never set fewer for a task; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub floor: u32,
}

/// `[shadow]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShadowLimits {
    /// Whether a new kind of job is measured by a shadow before it starts, where its memory or CPUs
    /// may be set.
    pub enabled: bool,
    /// Seconds from the submission of a job until its shadow has ended; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub window_s: u32,
    /// Shadows at the same time while the cluster is empty; fewer as it fills, none when it is full.
    pub max_running: u32,
    /// Of them, those of one user, however empty the cluster is.
    pub max_running_per_user: u32,
    /// CPU seconds that all shadows may use in an hour.
    pub max_cpu_s_per_hour: u32,
    /// Of them, those of one user's.
    pub max_cpu_s_per_hour_per_user: u32,
    /// Only for jobs that ask for at least so many GiB × hours of time limit.
    pub min_stake_gib_h: f64,
    /// Memory of a slice at most, in MiB; at least 1. The kernel takes a limit of 0 for none, here and below.
    #[serde(deserialize_with = "at_least_one")]
    pub memory_mib: u64,
    /// What a shadow may write to files, in MiB; it is kept in the slice's memory and takes at most half; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub scratch_mib: u64,
    /// Processes and threads at most; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub pids: u32,
    /// From and to each disk, in MiB a second; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub io_mib_s: u32,
    /// Users below are the system's and have no shadows; nodes have their own `least_uid` in plugstack.conf.
    pub least_uid: u32,
    /// The site's license servers, as `27000@lic1`: shadows that ask them are counted and get no license.
    pub license_servers: Vec<String>,
    /// Where shadows run; without it, in the job's own partition.
    pub partition: Option<String>,
    /// What they are accounted to; without it, the user's default account.
    pub account: Option<String>,
    /// Their QOS.
    pub qos: Option<String>,
}

/// `[agent]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentLimits {
    /// Seconds between two passes; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub interval_s: u32,
    /// sacct is read this many seconds further back than the last pass ended, for records that reach slurmdbd
    /// late: four times within that time; other passes read two minutes of it.
    pub overlap_s: u32,
    /// The first pass looks back this many days, and once a day they are read again, a day in each pass; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub lookback_days: u32,
}

/// `[profile]`
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileLimits {
    /// A folder that all nodes and the controller share, writable by root alone. There every node of a job
    /// leaves its profile; without it the first node's goes into AdminComment, and others' are lost.
    pub spool_dir: Option<PathBuf>,
}

/// `[database]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseLimits {
    /// Days for which the curve of a run's profile is kept; 0: for good.
    pub curves_days: u32,
    /// Days for which a run is kept; then it counts in the sums of its month alone; 0: for good.
    pub keep_days: u32,
}

impl Default for DatabaseLimits {
    fn default() -> Self {
        DatabaseLimits {
            curves_days: 180,
            keep_days: 1095,
        }
    }
}

impl Default for EvidenceLimits {
    fn default() -> Self {
        EvidenceLimits {
            min_runs: 3,
            application_min_runs: 20,
            application_min_users: 3,
            window: 256,
            kinds_days: 365,
            max_kinds: 400_000,
            max_kinds_per_user: 20_000,
            min_saving: 0.1,
        }
    }
}

impl Default for BreakerLimits {
    fn default() -> Self {
        BreakerLimits {
            enabled: true,
            allowed: 0.05,
        }
    }
}

impl Default for MemoryLimits {
    fn default() -> Self {
        MemoryLimits {
            failure_price: 1.7,
            floor_mib: 256,
            raise: Mode::Advise,
            raise_to_mib: 0,
        }
    }
}

/// `[elastic]`: a job that outgrows the memory that it was given gets more while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ElasticLimits {
    /// Memory of each node that Slurm does not give out (MemSpecLimit, or a smaller RealMemory), in MiB: what all jobs of a
    /// node may be lent at the same time. 0: no job grows.
    pub pool_mib: u64,
    /// The share of it that the jobs of one user may be lent at the same time; 0 to 1.
    #[serde(deserialize_with = "share")]
    pub user_share: f64,
}

impl Default for ElasticLimits {
    fn default() -> Self {
        ElasticLimits {
            pool_mib: 0,
            user_share: 0.5,
        }
    }
}

impl Default for TimeLimits {
    fn default() -> Self {
        TimeLimits {
            failure_price: 10.0,
            floor_min: 10,
            limit: false,
        }
    }
}

impl Default for CpuLimits {
    fn default() -> Self {
        CpuLimits {
            margin: 1.5,
            floor: 1,
        }
    }
}

impl ShadowLimits {
    /// Whether a user may have shadows: never root, and no user of the system's.
    pub fn is_for(&self, uid: u32) -> bool {
        uid != 0 && uid >= self.least_uid
    }
}

impl Default for ShadowLimits {
    fn default() -> Self {
        ShadowLimits {
            enabled: false,
            window_s: 60,
            max_running: 4,
            max_running_per_user: 2,
            max_cpu_s_per_hour: 3600,
            max_cpu_s_per_hour_per_user: 1800,
            min_stake_gib_h: 0.5,
            memory_mib: 8192,
            scratch_mib: 1024,
            pids: 1024,
            io_mib_s: 100,
            least_uid: LEAST_UID,
            license_servers: Vec::new(),
            partition: None,
            account: None,
            qos: None,
        }
    }
}

impl Default for AgentLimits {
    fn default() -> Self {
        AgentLimits {
            interval_s: 30,
            overlap_s: 900,
            lookback_days: 14,
        }
    }
}

pub(super) fn at_least_one<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + PartialOrd + From<u8>,
{
    let number = T::deserialize(deserializer)?;
    if number >= T::from(1) {
        Ok(number)
    } else {
        Err(serde::de::Error::custom("allowed: a whole number from 1"))
    }
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if (1.0..=100.0).contains(&number) {
        Ok(number)
    } else {
        Err(serde::de::Error::custom("allowed: a number from 1 to 100"))
    }
}

fn up_to_a_hundred<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if (0.0..=100.0).contains(&number) {
        Ok(number)
    } else {
        Err(serde::de::Error::custom("allowed: a number from 0 to 100"))
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&number) {
        Ok(number)
    } else {
        Err(serde::de::Error::custom("allowed: a number from 0 to 1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shadow_is_for_root_whatever_a_site_says_of_the_systems_users() {
        for (least_uid, uid, is_for) in [
            (LEAST_UID, LEAST_UID, true),
            (LEAST_UID, LEAST_UID - 1, false),
            (500, 500, true),
            (0, 1, true),
            (0, 0, false),
        ] {
            let limits = ShadowLimits {
                least_uid,
                ..ShadowLimits::default()
            };
            assert_eq!(limits.is_for(uid), is_for, "{uid} from {least_uid}");
        }
    }
}
