//! What lies in the agent's state folder: switches, snapshot and database.

use super::Finding;
use crate::agent::{REFUSED, shown_by_folders};
use crate::clock::{Clock as _, WallClock};
use crate::config::Config;
use crate::fingerprint::Key;
use crate::job::counters::{Ended, ShadowCounters};
use crate::model::snapshot::Snapshot;
use crate::store::Store;
use crate::text::units::{MIB, printable};
use std::collections::HashMap;
use std::path::Path;

const DAY_S: i64 = 86_400;

/// How far back jobs that were left alone are counted, in days.
const LEFT_ALONE_OF_DAYS: i64 = 7;

/// How far back shadows are looked at, in days.
const SHADOWS_OF_DAYS: u32 = 7;

/// What an admin or the agent switches off by a file.
pub(super) fn switches(config: &Config) -> Vec<Finding> {
    vec![kill_switch(config), breaker(config)]
}

/// What is learned, and whether the agent lives.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = vec![snapshot(config), database(config)];
    findings.extend(named_kinds(config));
    findings.extend(new_jobs(config));
    findings.extend(changes(config));
    findings.extend(growth(config));
    findings.extend(shadows(config));
    findings.extend(unshadowed(config));
    findings.extend(left_alone(config));
    findings
}

fn kill_switch(config: &Config) -> Finding {
    let path = config.kill_switch_path();
    let thrown = path
        .exists()
        .then(|| "it is there: every job passes unchanged".to_owned());
    Finding::check("kill switch", thrown, format!("rm {}", path.display()))
}

/// Whoever closes it wants to know why it opened.
fn breaker(config: &Config) -> Finding {
    let path = config.breaker_path();
    let why = std::fs::read_to_string(&path).unwrap_or_default();
    let why = printable(why.trim());
    let problem = config
        .is_advised_only
        .then(|| format!("nothing is set beyond advice: {why}"));
    let fix = format!(
        "see 'shadowfit report --by fingerprint', leave out by a rule what fails, then: rm {}",
        path.display()
    );
    Finding::check("breaker", problem, fix)
}

/// A kind that `[trust.kinds]` names and nobody knows was forgotten, or its key is mistyped.
pub(super) fn named_kinds(config: &Config) -> Option<Finding> {
    let snapshot = Snapshot::load(&config.snapshot_path()).ok()?;
    let kinds = config.trust.kinds.keys().map(|key| Key(key.0));
    let unknown: Vec<String> = kinds
        .filter(|key| snapshot.trust(*key).is_none())
        .map(|key| key.to_string())
        .collect();
    let problem = format!("nobody knows a kind of the key {}", unknown.join(", "));
    let fix = "'shadowfit report --by fingerprint' shows keys: correct [trust.kinds]";
    let is_any = !config.trust.kinds.is_empty();
    is_any.then(|| {
        Finding::check(
            "[trust.kinds]",
            (!unknown.is_empty()).then_some(problem),
            fix,
        )
    })
}

/// How large it is, and whether kinds are left out of it: of all, or of a user who has very many.
pub(super) fn snapshot(config: &Config) -> Finding {
    let path = config.snapshot_path();
    let snapshot = match Snapshot::load(&path) {
        Ok(snapshot) => snapshot,
        Err(error) => return Finding::bad("snapshot", error.to_string(), "shadowfit train"),
    };
    let mut users: HashMap<u32, usize> = HashMap::new();
    for (_, learned) in snapshot.entries().filter(|(_, one)| one.owner != 0) {
        *users.entry(learned.owner).or_default() += 1;
    }
    let limits = &config.evidence;
    let full = users
        .values()
        .filter(|&&kinds| kinds >= limits.max_kinds_per_user as usize)
        .count();
    let what = format!(
        "snapshot: {} kinds of jobs of {} users, {} of them with all that one may have, {:.1} MiB",
        snapshot.len(),
        users.len(),
        full,
        mib(&path)
    );
    let problem = (snapshot.len() >= limits.max_kinds as usize).then(|| {
        "as many kinds as are allowed: those that ran longest ago are left out".to_owned()
    });
    let fix = "raise max_kinds under [evidence], lower kinds_days or max_kinds_per_user, then: shadowfit train --all";
    Finding::check(what, problem, fix)
}

/// The size of a file; 0 where there is none.
fn mib(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(0.0, |meta| meta.len() as f64 / MIB as f64)
}

/// How much the database holds, and for how long it will.
pub(super) fn growth(config: &Config) -> Option<Finding> {
    let path = config.database_path();
    let (runs, first) = Store::open_to_read(&path).ok()?.extent().ok()?;
    let since = first.and_then(|first| jiff::Timestamp::from_second(first).ok());
    let since = since.map_or(String::new(), |first| {
        format!(" since {}", first.strftime("%Y-%m-%d"))
    });
    let kept = match config.database.keep_days {
        0 => "kept for good".to_owned(),
        days => format!("kept for {days} days"),
    };
    let size = mib(&path);
    Some(Finding::good(format!(
        "database: {runs} runs{since}, {kept}, {size:.1} MiB"
    )))
}

/// How the agent learns of new jobs; nothing where none has run for long yet.
fn new_jobs(config: &Config) -> Option<Finding> {
    let store = Store::open_to_read(&config.database_path()).ok()?;
    Some(match shown_by_folders(&store).ok()?? {
        false => Finding::bad(
            "new jobs",
            "slurmctld's StateSaveLocation does not show them to shadowfitd, which asks for the whole queue: slow where that is large",
            "run shadowfitd beside the slurmctld that is active, as SlurmUser or root",
        ),
        true => Finding::good("new jobs: shown by slurmctld's folders"),
    })
}

/// So many shadows in a row that no node would run, or of which no sampler reported, are no accident of one node's.
const REFUSED_IN_A_ROW: usize = 5;

/// Whether the last shadows ran; nothing where the site has none, or had none of late. Where none ever runs, jobs of new kinds
/// wait for nothing.
pub(super) fn shadows(config: &Config) -> Option<Finding> {
    if !config.wants_shadows() {
        return None;
    }
    let since = WallClock.now() - DAY_S * i64::from(SHADOWS_OF_DAYS);
    let store = Store::open_to_read(&config.database_path()).ok()?;
    let ended = store.ended_shadows(since).ok()?;
    let ended: Vec<_> = ended
        .iter()
        .rev()
        .filter_map(|one| one.counters.as_ref())
        .collect();
    let in_vain = ended
        .iter()
        .take_while(|seen| seen.ended == Ended::Refused || failed_unseen(seen));
    let (count, last) = (in_vain.count(), ended.first()?);
    let problem = (count >= REFUSED_IN_A_ROW).then(|| {
        let why = last.why.as_deref().unwrap_or("no reason is known");
        format!(
            "the last {count} did not run, or reported nothing, and their jobs waited in vain: {}",
            printable(why)
        )
    });
    let what = format!("shadows: {} in {SHADOWS_OF_DAYS} days", ended.len());
    let fix = "mend that on the nodes (shadowfit-sampler and shadowfit-standin of this release, docs/limits.md for overlay_over=), or set \
               enabled = false under [shadow]";
    Some(Finding::check(what, problem, fix))
}

/// Its node reported nothing of it; nor does one of a shadow that was cancelled or preempted, which is no fault.
fn failed_unseen(seen: &ShadowCounters) -> bool {
    let why = seen.why.as_deref().unwrap_or_default();
    seen.was_lost() && why.starts_with("FAILED")
}

/// So many kinds that wait in vain are no accident of a full hour's.
const MANY_KINDS: usize = 20;

/// Kinds for which there was never room, and what they lacked most.
pub(super) fn unshadowed(config: &Config) -> Option<Finding> {
    if !config.wants_shadows() {
        return None;
    }
    let since = WallClock.now() - DAY_S * i64::from(SHADOWS_OF_DAYS);
    let store = Store::open_to_read(&config.database_path()).ok()?;
    let reasons = store.unshadowed(since).ok()?;
    let kinds: usize = reasons.iter().map(|(_, kinds)| kinds).sum();
    let (why, _) = reasons.first().filter(|_| kinds >= MANY_KINDS)?;
    Some(Finding::bad(
        "new kinds of jobs",
        format!(
            "{kinds} waited in vain for a shadow in {SHADOWS_OF_DAYS} days, most of them because {}",
            printable(why)
        ),
        "raise what was used up under [shadow], or min_stake_gib_h, so that only larger jobs wait",
    ))
}

/// How many of the last days' runs kept their request whatever is known of them: nothing where none did.
pub(super) fn left_alone(config: &Config) -> Option<Finding> {
    let since = WallClock.now() - DAY_S * LEFT_ALONE_OF_DAYS;
    let store = Store::open_to_read(&config.database_path()).ok()?;
    let (all, reasons) = store.left_alone_since(since).ok()?;
    let reasons: Vec<String> = reasons
        .iter()
        .map(|(runs, why)| format!("{runs} of {all} {why}"))
        .collect();
    (!reasons.is_empty()).then(|| {
        Finding::good(format!(
            "left alone in {LEFT_ALONE_OF_DAYS} days: {}; no_requeue under [[rule]] and [managers] sizes those that may not be \
             requeued",
            reasons.join(", ")
        ))
    })
}

/// A plugin of the site may refuse what the agent changes: then no job can be rescued, or given what its shadow showed. Reported
/// for a day.
fn changes(config: &Config) -> Option<Finding> {
    let store = Store::open_to_read(&config.database_path()).ok()?;
    let ago = WallClock.now() - store.progress(REFUSED).ok()??;
    (0..DAY_S).contains(&ago).then(|| {
        Finding::bad(
            "changes of jobs",
            format!("slurmctld refused to change a job that waits {ago} s ago: such jobs get nothing back"),
            "see shadowfitd's log: a limit of the job's user, or slurm_job_modify in job_submit.lua, which must let root and SlurmUser change jobs",
        )
    })
}

/// The database's last pass shows whether the agent lives.
fn database(config: &Config) -> Finding {
    let path = config.database_path();
    let passed = Store::open_to_read(&path).and_then(|store| store.progress("sacct"));
    let now = WallClock.now();
    match passed {
        Err(error) => Finding::bad(
            "database",
            format!("{error:#}"),
            "systemctl restart shadowfitd",
        ),
        Ok(None) => Finding::bad(
            "agent",
            "it has never read accounting",
            "systemctl start shadowfitd",
        ),
        Ok(Some(at)) if now - at > 10 * i64::from(config.agent.interval_s) => {
            let problem = format!("its last pass was {} s ago", now - at);
            Finding::bad("agent", problem, "systemctl restart shadowfitd")
        }
        Ok(Some(at)) => Finding::good(format!("agent: last pass {} s ago", now - at)),
    }
}
