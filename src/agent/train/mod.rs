//! From the store to a new snapshot. Only kinds with new runs are computed again, each from its
//! latest runs alone, so that a pass costs in proportion to what is new; training from nothing
//! gives the same snapshot bit for bit, but where nodes lend memory: how often they refused it counts as it was when a kind
//! last changed.

use crate::config::{Config, EvidenceLimits, KindNumber, Stage, TrustLimits};
use crate::fingerprint::{Key, Level};
use crate::job::Run;
use crate::job::directory::{Directory, Watermark};
use crate::job::evidence::Trust;
use crate::job::shadow::Need;
use crate::model::agreement::disagrees;
use crate::model::kind::KindModel;
use crate::model::learned::{Learned, owner};
use crate::model::margin;
use crate::model::snapshot::Snapshot;
use crate::model::users::cover_each;
use crate::store::{Lent, Store};
use anyhow::Result;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

const DAY: i64 = 86_400;

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
/// snapshot's bytes, or `None` when nothing has changed. `now` is in seconds since 1970.
pub fn train(
    store: &Store,
    previous: Option<&Snapshot>,
    config: &Config,
    directory: &Directory,
    now: i64,
) -> Result<Option<Vec<u8>>> {
    let last = store.watermark()?;
    // A store that was made anew starts its rows anew.
    let previous = previous.filter(|snapshot| {
        let old = snapshot.watermark();
        old.jobs <= last.jobs && old.shadows <= last.shadows
    });
    let watermark = previous.map_or(Watermark::default(), Snapshot::watermark);
    let is_same = |old: &Snapshot| {
        watermark == last && old.directory() == directory && holds_what_is_said(old, &config.trust)
    };
    if previous.is_some_and(is_same) {
        return Ok(None);
    }
    let mut changed = BTreeMap::new();
    let refused = refused(store, config)?;
    for level in LEVELS {
        let mut keys = store.keys_after(watermark.jobs, level)?;
        if level == Level::Command {
            keys.extend(store.shadowed_after(watermark.shadows)?);
        }
        for key in keys {
            changed.insert(key, learned(store, config, refused, level, key, last)?);
        }
    }
    let mut entries = bounded(merge(previous, changed), &config.evidence, now);
    entries.iter_mut().for_each(|(key, learned)| {
        if let Some(said) = said(*key, &config.trust) {
            learned.evidence.trust = said;
        }
    });
    Ok(Some(Snapshot::encode(entries.iter(), last, directory)))
}

/// What nodes have refused to lend to jobs in need of it, as a share of those; `None` where they lend nothing.
fn refused(store: &Store, config: &Config) -> Result<Option<f64>> {
    if config.elastic.pool_mib == 0 {
        return Ok(None);
    }
    let Lent { runs, died } = store.lent()?;
    Ok(Some(margin::refused(runs, died)))
}

/// How far an admin trusts a kind, whatever its runs have earned.
fn said(key: Key, limits: &TrustLimits) -> Option<Trust> {
    limits
        .kinds
        .get(&KindNumber(key.0))
        .map(|stage| match *stage {
            Stage::All => Trust::ALL,
            Stage::Jobs(left) => Trust { left, open: 0 },
        })
}

fn holds_what_is_said(snapshot: &Snapshot, limits: &TrustLimits) -> bool {
    let mut kinds = limits.kinds.keys().map(|key| Key(key.0));
    kinds.all(|key| {
        let known = snapshot.trust(key).map(|trust| trust.left);
        known.is_none() || known == said(key, limits).map(|trust| trust.left)
    })
}

/// Entries of both, sorted; where a key is in both, the changed one, or none where that says nothing yet.
fn merge(
    previous: Option<&Snapshot>,
    changed: BTreeMap<Key, Option<Learned>>,
) -> Vec<(Key, Learned)> {
    let kept = previous.into_iter().flat_map(Snapshot::entries);
    let kept = kept.filter(|(key, _)| !changed.contains_key(key));
    let new = changed
        .iter()
        .filter_map(|(&key, learned)| Some((key, learned.clone()?)));
    let mut entries: Vec<_> = kept.chain(new).collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
}

/// The kinds that ran last, no more than are allowed of each user and in all, none too long ago; in the same order.
fn bounded(
    mut entries: Vec<(Key, Learned)>,
    limits: &EvidenceLimits,
    now: i64,
) -> Vec<(Key, Learned)> {
    if limits.kinds_days > 0 {
        let oldest = now - i64::from(limits.kinds_days) * DAY;
        entries.retain(|(_, learned)| i64::from(learned.last) >= oldest);
    }
    let owner = |learned: &Learned| (learned.owner != 0).then_some(learned.owner);
    keep_latest(&mut entries, limits.max_kinds_per_user, owner);
    keep_latest(&mut entries, limits.max_kinds, |_| Some(0));
    entries
}

/// Keeps of each group those that ran last, at most so many; what is of no group stays.
fn keep_latest(
    entries: &mut Vec<(Key, Learned)>,
    most: u32,
    group: impl Fn(&Learned) -> Option<u32>,
) {
    if entries.len() <= most as usize {
        return;
    }
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_unstable_by_key(|&at| (Reverse(entries[at].1.last), entries[at].0));
    let mut counts: HashMap<u32, u32> = HashMap::new();
    let mut stays = vec![true; entries.len()];
    for at in order {
        if let Some(group) = group(&entries[at].1) {
            let count = counts.entry(group).or_default();
            *count += 1;
            stays[at] = *count <= most;
        }
    }
    let mut stays = stays.into_iter();
    entries.retain(|_| stays.next().unwrap_or(true));
}

/// What the latest runs of a kind teach, and its shadow; `None` where they say nothing yet that anybody asks for.
fn learned(
    store: &Store,
    config: &Config,
    refused: Option<f64>,
    level: Level,
    key: Key,
    watermark: Watermark,
) -> Result<Option<Learned>> {
    let shadow = shadow_of(store, level, key, watermark)?;
    let runs = runs(store, config, level, key, watermark.jobs)?;
    if shadow.is_none() && runs.len() < least_runs(config, level) {
        return Ok(None);
    }
    if level != Level::Command && disagrees(&runs) {
        return Ok(None);
    }
    let mut model = KindModel::new(config, refused.filter(|_| level != Level::Application));
    runs.iter().rev().for_each(|run| model.learn(run));
    let mut learned = model.learned(shadow);
    if level == Level::Application {
        cover_each(&mut learned, &runs);
    }
    if !says_something(&learned, level, config) {
        return Ok(None);
    }
    let latest = match store.latest(level, key, watermark.jobs)? {
        None => store.latest_shadow(key, watermark.shadows)?,
        run => run,
    };
    let (last, user) = latest.unwrap_or_default();
    Ok(Some(Learned {
        last: u32::try_from(last).unwrap_or(0),
        owner: match level {
            Level::Application => 0,
            _ => owner(&user),
        },
        ..learned
    }))
}

/// Enough is known of the kind for it to be sized, or for its licenses.
fn says_something(learned: &Learned, level: Level, config: &Config) -> bool {
    let limits = &config.evidence;
    let runs = learned.evidence.runs;
    let sizes = match level {
        Level::Application => {
            limits.application_min_runs > 0 && runs >= limits.application_min_runs
        }
        _ => runs >= limits.min_runs || learned.evidence.shadow_mib > 0,
    };
    let least = config.licenses.min_runs;
    sizes
        || learned
            .seats
            .iter()
            .any(|seats| u32::from(seats.watched) >= least)
}

/// With fewer runs nothing is known, whatever they were.
fn least_runs(config: &Config, level: Level) -> usize {
    let sizes = match level {
        Level::Application => config.evidence.application_min_runs.max(1),
        _ => config.evidence.min_runs,
    };
    sizes.min(config.licenses.min_runs) as usize
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
mod tests;
