//! From a kind of job to what its runs used.

use super::evidence::Evidence;
use crate::fingerprint::{Key, Kind, Level};

/// Whatever remembers kinds of jobs: the snapshot in slurmctld, or a history that is replayed.
pub trait Known {
    /// What is known about `key`.
    fn find(&self, key: Key) -> Option<Evidence>;
}

/// The evidence of the most specific key of `kind` that has at least `min_runs` completed runs;
/// where there is none, that of a shadow of this very command.
pub fn predict(known: &dyn Known, kind: &Kind, min_runs: u32) -> Option<(Level, Evidence)> {
    let history = kind.keys().find_map(|(level, key)| {
        let evidence = known.find(key)?;
        (evidence.runs >= min_runs).then_some((level, evidence))
    });
    history.or_else(|| {
        let evidence = known.find(kind.command?)?;
        (evidence.shadow_mib > 0).then_some((Level::Shadow, evidence))
    })
}
