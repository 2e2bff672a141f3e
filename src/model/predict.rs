//! From a kind of job to what its runs used.

use super::evidence::Evidence;
use crate::fingerprint::{Key, Kind, Level};

/// Whatever remembers kinds of jobs: the snapshot in slurmctld, or a history that is replayed.
pub trait Known {
    /// What is known about `key`, for a job with this much input, in bytes.
    fn find(&self, key: Key, input_bytes: Option<u64>) -> Option<Evidence>;
}

/// The evidence of the most specific key of `kind` that has at least `min_runs` completed runs;
/// where there is none, that of a shadow of this very command.
pub fn predict(
    known: &dyn Known,
    kind: &Kind,
    input_bytes: Option<u64>,
    min_runs: u32,
) -> Option<(Level, Evidence)> {
    let history = kind.keys().find_map(|(level, key)| {
        let evidence = known.find(key, input_bytes)?;
        (evidence.runs >= min_runs).then_some((level, evidence))
    });
    history.or_else(|| {
        let evidence = known.find(kind.command?, input_bytes)?;
        (evidence.shadow_mib > 0).then_some((Level::Shadow, evidence))
    })
}
