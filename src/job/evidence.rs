//! What is known about one kind of job.

use super::is_zero;
use serde::{Deserialize, Serialize};

/// What past runs of one kind used.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Completed runs whose memory was measured.
    pub runs: u32,
    /// Largest memory on a node in any run, in MiB; of a run that died of its limit, the limit.
    pub max_mib: u32,
    /// 99 % of the completed runs stayed at or below this, in MiB.
    pub p99_mib: u32,
    /// Most CPUs kept busy on average by any run; finite.
    pub cores: f32,
    /// Longest run in seconds.
    pub longest_s: u32,
    /// Run time in seconds that the model says is enough for this job; 0 where it says nothing.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub enough_s: u32,
    /// Memory that a shadow of this kind says is enough, in MiB; 0 where there was none.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub shadow_mib: u32,
    /// Memory on a node that the model says is enough for this job, in MiB; 0 where it says nothing.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub enough_mib: u32,
    /// The same for a job that its node lends more while it runs; 0 where nodes lend nothing, or it says nothing.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub lent_to_mib: u32,
    /// Half of the runs or more needed at least this on a node, in MiB: those that died of their limit, more than it.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub half_mib: u32,
    /// Memory on a node that the steps of any run named for themselves, in MiB; 0 where none did.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub named_mib: u32,
    /// CPUs that they named; 0 where none did.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub named_cpus: u32,
    /// Scripts of this kind go on after something of them is killed for want of memory, and end as COMPLETED, with all that their
    /// users ask for, too: such an end is their own.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub goes_on: bool,
    /// How far the kind is trusted; it says nothing about its needs, and is not recorded.
    #[serde(skip)]
    pub trust: Trust,
}

/// How many jobs of a kind may be rewritten before their ends are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trust {
    /// In all, those included that are under way; [`Trust::ALL`] has no bound.
    pub left: u16,
    /// More of them as they are submitted.
    pub open: u16,
}

impl Trust {
    /// Any number.
    pub const ALL: Trust = Trust {
        left: u16::MAX,
        open: u16::MAX,
    };

    /// The largest number that is none of any.
    pub const MOST: u16 = u16::MAX - 1;

    /// Any number of them may be.
    pub fn is_whole(self) -> bool {
        self.left == u16::MAX
    }
}

impl Default for Trust {
    fn default() -> Self {
        Trust::ALL
    }
}
