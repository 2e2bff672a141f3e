//! From the store to a new snapshot. Only kinds with new runs are computed again, each from its
//! latest runs alone, so that a pass costs in proportion to what is new; training from nothing
//! gives the same snapshot bit for bit.

use super::evidence::Evidence;
use super::fit::Need;
use super::snapshot::{Directory, Snapshot, Through};
use crate::fingerprint::{Key, Level};
use crate::store::{Run, Store};
use crate::units::MIB;
use anyhow::Result;
use std::collections::BTreeMap;

const LEVELS: [Level; 3] = [Level::Command, Level::Script, Level::Name];

/// Levels at which a shadow counts: its own command's alone.
fn shadow_of(store: &Store, level: Level, key: Key, through: Through) -> Result<Option<Need>> {
    match level {
        Level::Command => store.shadow_need(key, through.shadows),
        _ => Ok(None),
    }
}

/// Brings `previous` up to date with the store, counting the latest `window` runs of each kind.
/// Returns the new snapshot's bytes, or `None` when nothing has changed.
pub fn train(
    store: &Store,
    previous: Option<&Snapshot>,
    window: u32,
    directory: &Directory,
) -> Result<Option<Vec<u8>>> {
    let last = store.through()?;
    // A store that was made anew starts its rows anew.
    let previous = previous.filter(|snapshot| {
        let old = snapshot.through();
        old.jobs <= last.jobs && old.shadows <= last.shadows
    });
    let through = previous.map_or(Through::default(), Snapshot::through);
    if previous.is_some_and(|old| through == last && old.directory() == directory) {
        return Ok(None);
    }
    let mut changed = BTreeMap::new();
    for level in LEVELS {
        let mut keys = store.keys_after(through.jobs, level)?;
        if level == Level::Command {
            keys.extend(store.shadowed_after(through.shadows)?);
        }
        for key in keys {
            let runs = store.runs(level, key, last.jobs, window)?;
            let shadow = shadow_of(store, level, key, last)?;
            changed.insert(key, evidence(&runs, shadow));
        }
    }
    let entries = merge(previous, changed);
    Ok(Some(Snapshot::encode(entries.iter(), last, directory)))
}

/// Entries of both, sorted; where a key is in both, the changed one.
fn merge(previous: Option<&Snapshot>, changed: BTreeMap<Key, Evidence>) -> Vec<(Key, Evidence)> {
    let Some(previous) = previous else {
        return changed.into_iter().collect();
    };
    let kept = previous
        .entries()
        .filter(|(key, _)| !changed.contains_key(key));
    let mut entries: Vec<_> = kept
        .chain(changed.iter().map(|(&key, &evidence)| (key, evidence)))
        .collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
}

/// What `runs` of one kind and a shadow of it tell about it.
pub fn evidence(runs: &[Run], shadow: Option<Need>) -> Evidence {
    let mib = |run: &Run| run.usage.peak_bytes.map(|bytes| bytes.div_ceil(MIB) as u32);
    let mut completed: Vec<u32> = runs
        .iter()
        .filter(|run| run.completed)
        .filter_map(mib)
        .collect();
    completed.sort_unstable();
    let cores = runs
        .iter()
        .filter_map(|run| run.usage.cores)
        .chain(shadow.map(|need| f64::from(need.cores)))
        .fold(0.0, f64::max);
    let longest = runs
        .iter()
        .map(|run| run.usage.elapsed_s)
        .max()
        .unwrap_or(0);
    Evidence {
        runs: completed.len() as u32,
        max_mib: runs.iter().filter_map(mib).max().unwrap_or(0),
        p99_mib: percentile_99(&completed),
        cores: cores as f32,
        longest_s: longest.min(u64::from(u32::MAX)) as u32,
        shadow_mib: shadow.map_or(0, |need| need.memory_mib),
    }
}

/// Nearest rank: the smallest value that at least 99 % do not exceed.
fn percentile_99(sorted: &[u32]) -> u32 {
    let rank = (sorted.len() * 99).div_ceil(100);
    rank.checked_sub(1).map_or(0, |index| sorted[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Kind;
    use crate::job::FinishedJob;
    use crate::model::predict::Known;
    use crate::store::tests::{finished, store};

    fn kind(n: u64) -> Kind {
        Kind::of_accounting(
            1,
            format!("job{}", ["a", "b", "c"][n as usize % 3]).as_bytes(),
        )
    }

    fn job(n: u64) -> (FinishedJob, Kind) {
        (finished(n, 1000 + n as i64, 100 + n), kind(n))
    }

    fn load(bytes: &[u8]) -> Snapshot {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        Snapshot::publish(&path, bytes).unwrap();
        Snapshot::load(&path).unwrap()
    }

    #[test]
    fn training_on_what_is_new_gives_the_same_as_training_on_all() {
        let (_dir, mut store) = store();
        let directory = Directory::default();
        let mut snapshot: Option<Snapshot> = None;
        let mut stepwise = Vec::new();
        for batch in 0..10 {
            let jobs: Vec<_> = (batch * 7..batch * 7 + 7).map(job).collect();
            store.insert(&jobs).unwrap();
            stepwise = train(&store, snapshot.as_ref(), 10, &directory)
                .unwrap()
                .unwrap();
            snapshot = Some(load(&stepwise));
        }
        assert_eq!(
            train(&store, None, 10, &directory).unwrap().unwrap(),
            stepwise
        );
        assert_eq!(
            train(&store, snapshot.as_ref(), 10, &directory).unwrap(),
            None
        );
        let found = snapshot.unwrap().find(kind(69).name.unwrap()).unwrap();
        assert_eq!((found.runs, found.max_mib), (10, 169));
    }

    #[test]
    fn runs_that_did_not_end_well_raise_the_peak_and_do_not_count() {
        let (_dir, mut store) = store();
        let mut failed = job(3);
        failed.0.state = "FAILED".into();
        failed.0.usage.peak_bytes = Some(900 << 20);
        store.insert(&[job(0), failed]).unwrap();
        let bytes = train(&store, None, 10, &Directory::default())
            .unwrap()
            .unwrap();
        let found = load(&bytes).find(kind(0).name.unwrap()).unwrap();
        assert_eq!((found.runs, found.max_mib, found.p99_mib), (1, 900, 100));
    }

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        assert_eq!(percentile_99(&[]), 0);
        assert_eq!(percentile_99(&[4, 9]), 9);
        assert_eq!(percentile_99(&(1..=200).collect::<Vec<_>>()), 198);
    }
}
