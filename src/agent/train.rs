//! From the store to a new snapshot. Only kinds with new runs are computed again, each from its
//! latest runs alone, so that a pass costs in proportion to what is new; training from nothing
//! gives the same snapshot bit for bit.

use crate::config::Config;
use crate::fingerprint::{Key, Level};
use crate::job::Run;
use crate::job::directory::{Directory, Watermark};
use crate::job::shadow::Need;
use crate::model::kind::KindModel;
use crate::model::learned::Learned;
use crate::model::snapshot::Snapshot;
use crate::store::Store;
use anyhow::Result;
use std::collections::BTreeMap;

const LEVELS: [Level; 4] = [
    Level::Command,
    Level::Script,
    Level::Name,
    Level::Application,
];

/// Levels at which a shadow counts: its own command's alone.
fn shadow_of(store: &Store, level: Level, key: Key, watermark: Watermark) -> Result<Option<Need>> {
    match level {
        Level::Command => store.shadow_need(key, watermark.shadows),
        _ => Ok(None),
    }
}

/// Brings `previous` up to date with the store, counting the latest runs of each kind. Returns the new
/// snapshot's bytes, or `None` when nothing has changed.
pub fn train(
    store: &Store,
    previous: Option<&Snapshot>,
    config: &Config,
    directory: &Directory,
) -> Result<Option<Vec<u8>>> {
    let last = store.watermark()?;
    // A store that was made anew starts its rows anew.
    let previous = previous.filter(|snapshot| {
        let old = snapshot.watermark();
        old.jobs <= last.jobs && old.shadows <= last.shadows
    });
    let watermark = previous.map_or(Watermark::default(), Snapshot::watermark);
    if previous.is_some_and(|old| watermark == last && old.directory() == directory) {
        return Ok(None);
    }
    let mut changed = BTreeMap::new();
    for level in LEVELS {
        let mut keys = store.keys_after(watermark.jobs, level)?;
        if level == Level::Command {
            keys.extend(store.shadowed_after(watermark.shadows)?);
        }
        for key in keys {
            let shadow = shadow_of(store, level, key, last)?;
            changed.insert(
                key,
                learned(store, config, level, key, last)?.learned(shadow),
            );
        }
    }
    let entries = merge(previous, changed);
    Ok(Some(Snapshot::encode(entries.iter(), last, directory)))
}

/// Entries of both, sorted; where a key is in both, the changed one.
fn merge(previous: Option<&Snapshot>, changed: BTreeMap<Key, Learned>) -> Vec<(Key, Learned)> {
    let Some(previous) = previous else {
        return changed.into_iter().collect();
    };
    let kept = previous
        .entries()
        .filter(|(key, _)| !changed.contains_key(key));
    let mut entries: Vec<_> = kept
        .chain(changed.iter().map(|(&key, learned)| (key, learned.clone())))
        .collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
}

/// What the latest runs of a kind teach.
fn learned(
    store: &Store,
    config: &Config,
    level: Level,
    key: Key,
    watermark: Watermark,
) -> Result<KindModel> {
    let mut model = KindModel::new(config);
    for run in runs(store, config, level, key, watermark.jobs)?
        .iter()
        .rev()
    {
        model.learn(run);
    }
    Ok(model)
}

/// The latest runs of a kind up to row `row` of the store, the latest first.
pub fn runs(store: &Store, config: &Config, level: Level, key: Key, row: i64) -> Result<Vec<Run>> {
    let window = config.evidence.window;
    match level {
        Level::Application => {
            let users = config.evidence.application_min_users;
            store.runs_of_others(key, row, window, users)
        }
        _ => store.runs(level, key, row, window),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Kind;
    use crate::model::predict::KnownKinds;
    use crate::record::FinishedJob;
    use crate::record::tests::finished;
    use crate::store::tests::store;

    fn kind(n: u64) -> Kind {
        Kind::of_accounting(
            1,
            format!("job{}", ["a", "b", "c"][n as usize % 3]).as_bytes(),
        )
    }

    fn job(n: u64) -> (FinishedJob, Kind) {
        (finished(n, 1000 + n as i64, 100 + n), kind(n))
    }

    fn ten_runs() -> Config {
        let mut config = Config::default();
        config.evidence.window = 10;
        config
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
        let config = ten_runs();
        let mut snapshot: Option<Snapshot> = None;
        let mut stepwise = Vec::new();
        for batch in 0..10 {
            let jobs: Vec<_> = (batch * 7..batch * 7 + 7).map(job).collect();
            store.insert(&jobs).unwrap();
            stepwise = train(&store, snapshot.as_ref(), &config, &directory)
                .unwrap()
                .unwrap();
            snapshot = Some(load(&stepwise));
        }
        assert_eq!(
            train(&store, None, &config, &directory).unwrap().unwrap(),
            stepwise
        );
        assert_eq!(
            train(&store, snapshot.as_ref(), &config, &directory).unwrap(),
            None
        );
        let found = snapshot
            .unwrap()
            .find(kind(69).name.unwrap(), None)
            .unwrap();
        assert_eq!((found.runs, found.max_mib), (10, 169));
    }

    #[test]
    fn runs_that_did_not_end_well_raise_the_peak_and_do_not_count() {
        let (_dir, mut store) = store();
        let mut failed = job(3);
        failed.0.state = "FAILED".into();
        failed.0.usage.peak_bytes = Some(900 << 20);
        store.insert(&[job(0), failed]).unwrap();
        let bytes = train(&store, None, &ten_runs(), &Directory::default())
            .unwrap()
            .unwrap();
        let found = load(&bytes).find(kind(0).name.unwrap(), None).unwrap();
        assert_eq!((found.runs, found.max_mib, found.p99_mib), (1, 900, 100));
    }
}
