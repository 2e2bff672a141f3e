//! From a kind of job to what its runs used.

use super::snapshot::Snapshot;
use crate::fingerprint::{Kind, Level};
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
    /// Most CPUs kept busy on average by any run.
    pub cores: f32,
    /// Longest run in seconds.
    pub longest_s: u32,
}

/// The evidence of the most specific key of `kind` that has at least `min_runs` completed runs.
pub fn predict(snapshot: &Snapshot, kind: &Kind, min_runs: u32) -> Option<(Level, Evidence)> {
    kind.keys().find_map(|(level, key)| {
        let evidence = snapshot.find(key)?;
        (evidence.runs >= min_runs).then_some((level, evidence))
    })
}
