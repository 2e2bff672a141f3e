//! From a kind of job to what its runs used.

use super::evidence::Evidence;
use super::snapshot::Snapshot;
use crate::fingerprint::{Kind, Level};

/// The evidence of the most specific key of `kind` that has at least `min_runs` completed runs.
pub fn predict(snapshot: &Snapshot, kind: &Kind, min_runs: u32) -> Option<(Level, Evidence)> {
    kind.keys().find_map(|(level, key)| {
        let evidence = snapshot.find(key)?;
        (evidence.runs >= min_runs).then_some((level, evidence))
    })
}
