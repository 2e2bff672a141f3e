//! What would it have saved, and how many jobs would it have hurt? Past jobs, decided again one after
//! the other by the code that decides in slurmctld, each from nothing but the jobs that had ended
//! before.
//!
//! Waste is counted as in the literature on task sizing (Witt et al., HPCS 2019; Sizey, CLUSTER 2024):
//! memory set and not used, times run time, for the attempt that succeeds, and all memory set, times
//! run time, for each attempt that is killed.
#![forbid(unsafe_code)]

mod course;
pub mod dump;
mod figures;
mod history;
mod lent;
pub mod page_cache;
mod past;
pub mod series;
mod templates;
pub mod trace;

use crate::config::{Config, Mode, Modes};
use crate::decide::{Terms, size};
use crate::fingerprint::Key;
use crate::job::{Ask, Layout, Memory};
use crate::model::margin::SHARES;
use crate::record::{Change, Record};
use crate::relies::Floor;
use crate::text::units::MIB;
pub use course::{Course, CoursePoint};
pub use figures::Figures;
use history::{History, Trial};
use lent::Grown;
pub use past::{PastJob, Split};
use std::collections::BTreeMap;

const GB: f64 = 1e9;

/// No set value exceeds this many bytes, or what the trace itself goes beyond it.
const LARGEST_NODE: f64 = 128e9;

/// When a job's request is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DecideAt {
    /// As it starts, as the agent does for jobs that waited.
    Start,
    /// As it is submitted.
    Submit,
}

/// What a replay found: in all, by kind and by user.
#[derive(Debug, Default)]
pub struct Replay {
    /// All jobs.
    pub total: Figures,
    /// By kind's label.
    pub kinds: BTreeMap<String, Figures>,
    /// By user.
    pub users: BTreeMap<String, Figures>,
    /// In the order of the decisions.
    pub course: Course,
}

struct Outcome {
    cold: bool,
    request_waste: f64,
    waste: f64,
    failed_attempts: u64,
    /// The same, had the second attempt been given all that was asked for at once.
    at_once_waste: f64,
    at_once_failed_attempts: u64,
    /// The same, where kinds have to earn trust.
    trusted_waste: f64,
    trial: Trial,
    /// The same, were memory raised where the user asks for less than most runs needed.
    raised_waste: f64,
    raised_failed_attempts: u64,
    cpu_waste: f64,
    /// Memory in MiB that each of [`SHARES`] of such jobs stay under; `None` for a new kind.
    quantiles: Option<[f64; SHARES.len()]>,
    /// Minutes.
    time: Option<Change>,
    /// Bytes given at first.
    set: f64,
    /// The same, were its node to lend it more; `None` where that is not asked, or nothing is set.
    lent: Option<Grown>,
}

/// Replays `jobs` in the order of their decisions, with what the jobs `before` them taught; and as if nodes lent memory to all in need
/// of more but the share `refused`, 0 to 1, of them, unless that is `None`. Calls `advance` after each.
pub fn replay(
    config: &Config,
    before: &[PastJob],
    mut jobs: Vec<PastJob>,
    at: DecideAt,
    refused: Option<f64>,
    mut advance: impl FnMut(),
) -> Replay {
    let decided_at = |job: &PastJob| {
        job.times.map(|[submit, start, _]| match at {
            DecideAt::Start => start,
            DecideAt::Submit => submit,
        })
    };
    // Stable: jobs without a clock stay in the order in which they are listed.
    jobs.sort_by(|a, b| {
        decided_at(a)
            .partial_cmp(&decided_at(b))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let ceiling = ceiling(&jobs);
    let mut history = History::new(config, refused);
    before
        .iter()
        .for_each(|job| history.learn(job, Trial::default()));
    let mut found = Replay::default();
    for job in jobs {
        history.catch_up(decided_at(&job));
        let outcome = attempt(config, &history, &job, ceiling, refused);
        found.total.add(&job, &outcome);
        found
            .kinds
            .entry(job.label.clone())
            .or_default()
            .add(&job, &outcome);
        found
            .users
            .entry(job.user.clone())
            .or_default()
            .add(&job, &outcome);
        found.course.add(&found.total, &job, outcome.set);
        history.starts(job, outcome.trial);
        advance();
    }
    found
}

/// The largest value that may be set, in bytes.
fn ceiling(jobs: &[PastJob]) -> f64 {
    let peak = jobs.iter().map(|job| job.peak).fold(0.0, f64::max);
    let asked = jobs.iter().filter_map(|job| job.asked).fold(0.0, f64::max);
    LARGEST_NODE.max(1.2 * peak).max(asked)
}

/// Decides about one job and lets it run, again and again if it must.
fn attempt(
    config: &Config,
    history: &History,
    job: &PastJob,
    ceiling: f64,
    refused: Option<f64>,
) -> Outcome {
    let unsized_by_user = || history.usual_request(job.peak);
    let request = job.asked.unwrap_or_else(unsized_by_user).min(ceiling);
    // Without a request of its own, a known kind may be given anything up to the ceiling.
    let limit = job.asked.unwrap_or(ceiling);
    let record = decide(config, history, job, limit, 0);
    let cold = record.evidence.is_none();
    let unchanged = if cold { request } else { limit };
    let set = record.memory.map_or(unchanged, bytes).min(ceiling);
    let key = deciding_key(&record, job);
    let second = key.and_then(|key| second(history, key, set, limit));
    let (waste, failed_attempts) = cost(job, set, second, ceiling);
    let (at_once_waste, at_once_failed_attempts) = cost(job, set, None, ceiling);
    let request_waste = cost(job, request, None, ceiling).0;
    let rewritten = record.memory.is_some() && key.is_some_and(|key| history.trusts(key));
    let (raised_waste, raised_failed_attempts) = match record.raised {
        Some(raised) => cost(job, bytes(raised).min(ceiling).max(set), None, ceiling),
        None => (waste, failed_attempts),
    };
    Outcome {
        quantiles: key.and_then(|key| history.memory_quantiles(key, job.input_bytes)),
        lent: refused
            .and_then(|refused| lent::attempt(config, history, job, limit, ceiling, refused)),
        time: record.time,
        set,
        cold,
        request_waste,
        waste,
        failed_attempts,
        at_once_waste,
        at_once_failed_attempts,
        trusted_waste: match rewritten || record.memory.is_none() {
            true => waste,
            false => request_waste,
        },
        trial: Trial {
            rewritten,
            harmed: rewritten && failed_attempts > 0,
        },
        raised_waste,
        raised_failed_attempts,
        cpu_waste: cpu_waste(&record, job),
    }
}

/// What a change of memory sets, in bytes.
fn bytes(change: Change) -> f64 {
    (change.set * MIB) as f64
}

/// The key of the kind from which it was decided.
fn deciding_key(record: &Record, job: &PastJob) -> Option<Key> {
    let level = record.level?;
    let mut keys = job.kind.keys();
    keys.find_map(|(other, key)| (other == level).then_some(key))
}

/// What a job that `set` bytes were not enough for gets next, in bytes.
fn second(history: &History, key: Key, set: f64, limit: f64) -> Option<f64> {
    let mib = MIB as f64;
    let second = history.second_mib(key, set / mib, limit / mib)?;
    Some(second.round() * mib)
}

fn decide(config: &Config, history: &History, job: &PastJob, asked: f64, lent_mib: u64) -> Record {
    let ask = Ask {
        memory: Some(Memory::Node((asked / MIB as f64).ceil() as u64)),
        cpus: job.cpus.map_or(1, |(asked, _)| asked),
        layout: Layout::SINGLE,
        time_s: job.time_s,
        ..Ask::LEAST
    };
    let modes = Modes {
        memory: Mode::Apply,
        cpus: Mode::Apply,
        licenses: Mode::Off,
        time: Mode::Apply,
    };
    // Accounting has no scripts.
    let floor = Floor::default();
    size(
        config,
        Terms::from(modes).lent(lent_mib),
        Some(history),
        job.kind,
        ask,
        job.input_bytes,
        &floor,
    )
}

/// GB·h wasted and attempts killed when the first attempt gets `set` bytes, the next one `second`, then what the user
/// asked for, and each further one, or where that is missing or no more, twice the memory of the one before.
fn cost(job: &PastJob, mut set: f64, mut second: Option<f64>, ceiling: f64) -> (f64, u64) {
    let (mut waste, mut failed) = (0.0, 0);
    while job.peak > set && set < ceiling {
        waste += set / GB * job.node_hours();
        failed += 1;
        let more = second.take().or(job.asked).filter(|&more| more > set);
        set = more.unwrap_or(2.0 * set).min(ceiling);
    }
    (
        waste + (set - job.peak).max(0.0) / GB * job.node_hours(),
        failed,
    )
}

fn cpu_waste(record: &Record, job: &PastJob) -> f64 {
    let Some((_, busy)) = job.cpus else {
        return 0.0;
    };
    let set = record.cpus_in_force().unwrap_or(0) as f64;
    (set - busy).max(0.0) * job.hours
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Kind;

    fn job(start: f64, end: f64, asked: Option<f64>, peak_gib: f64) -> PastJob {
        PastJob {
            kind: Kind::of_label(b"align"),
            label: "align".into(),
            parts: String::new(),
            user: "alice".into(),
            times: Some([0.0, start, end]),
            hours: 1.0,
            nodes: 1,
            asked,
            peak: peak_gib * (1u64 << 30) as f64,
            input_bytes: None,
            cpus: Some((4, 1.0)),
            time_s: None,
        }
    }

    fn run(jobs: Vec<PastJob>, at: DecideAt) -> Figures {
        replay(&Config::default(), &[], jobs, at, None, || ()).total
    }

    #[test]
    fn memory_counts_on_each_node_of_a_job() {
        let of = |nodes| {
            let job = PastJob {
                nodes,
                ..job(0.0, 3600.0, Some(8.0 * (1u64 << 30) as f64), 1.0)
            };
            let found = run(vec![job], DecideAt::Start);
            [found.used_gbh, found.request_waste_gbh, found.waste_gbh]
        };
        let doubled = of(1).map(|figure| 2.0 * figure);
        assert_eq!((of(2), of(0)), (doubled, of(1)));
        assert!(doubled[0] > 0.0 && doubled[1] > doubled[0]);
    }

    #[test]
    fn jobs_before_teach_and_do_not_count() {
        let jobs: Vec<_> = (0..4)
            .map(|n| job(f64::from(n), f64::from(n) + 0.5, Some(64e9), 1.0))
            .collect();
        let (before, rest) = jobs.split_at(3);
        let config = Config::default();
        let found = replay(&config, before, rest.to_vec(), DecideAt::Start, None, || ()).total;
        assert_eq!((found.n, found.cold), (1, 0));
    }

    #[test]
    fn a_job_sees_only_what_had_ended() {
        let jobs: Vec<_> = (0..6)
            .map(|n| job(f64::from(n), f64::from(n) + 0.5, Some(64e9), 1.0))
            .collect();
        assert_eq!(run(jobs.clone(), DecideAt::Start).cold, 3);
        assert_eq!(run(jobs.clone(), DecideAt::Submit).cold, 6);
        let no_clock = jobs
            .into_iter()
            .map(|job| PastJob { times: None, ..job })
            .collect();
        assert_eq!(run(no_clock, DecideAt::Start).cold, 3);
    }

    #[test]
    fn a_killed_attempt_costs_all_it_was_given() {
        let small = (0..3).map(|n| job(f64::from(n), f64::from(n) + 0.5, Some(10e9), 1.0));
        let figures = run(
            small.chain([job(9.0, 10.0, Some(10e9), 2.0)]).collect(),
            DecideAt::Start,
        );
        assert_eq!((figures.failed_attempts, figures.failed_tasks), (1, 1));
        let gib = (1u64 << 30) as f64 / GB;
        let at_once = figures.at_once_waste_gbh - figures.cold_waste_gbh;
        let killed = at_once - (10.0 - 2.0 * gib);
        assert!((gib..1.2 * gib).contains(&killed), "{killed}");
        // No run needed more than the first attempt had: the second one has twice that.
        let in_steps = figures.waste_gbh - figures.cold_waste_gbh;
        let expected = killed + 2.0 * killed - 2.0 * gib;
        assert!((in_steps - expected).abs() < 0.01, "{in_steps} {expected}");
    }

    #[test]
    fn a_second_attempt_has_a_step_and_the_third_all() {
        let gib = (1u64 << 30) as f64;
        let small = (0..3).map(|n| job(f64::from(n), f64::from(n) + 0.5, Some(64.0 * gib), 1.0));
        let large = |start, peak_gib| job(start, start + 0.5, Some(64.0 * gib), peak_gib);
        // Neither the first limit nor twice that is enough.
        let found = run(small.chain([large(9.0, 8.0)]).collect(), DecideAt::Start);
        assert_eq!(
            (found.failed_attempts, found.at_once_failed_attempts),
            (2, 1)
        );
        let (waste, failed) = cost(&large(0.0, 8.0), 2.0 * gib, Some(4.0 * gib), 128e9);
        let expected = (2.0 + 4.0 + 56.0) * gib / GB;
        assert!(
            failed == 2 && (waste - expected).abs() < 1e-9,
            "{waste} {failed}"
        );
    }

    #[test]
    fn a_kind_that_has_to_earn_trust_wastes_its_requests_until_then() {
        // A job an hour, each over when the next one comes: 3 to know the kind, 21 to trust it.
        let steady = |n: u32| job(f64::from(n), f64::from(n) + 0.5, Some(64e9), 1.0);
        let alone = run((0..30).map(steady).collect(), DecideAt::Start);
        assert_eq!(alone.trusted_waste_gbh, alone.waste_gbh);
        // All at the same time: one is tried.
        let burst = (0..10).map(|_| job(100.0, 200.0, Some(64e9), 1.0));
        let burst = run((0..3).map(steady).chain(burst).collect(), DecideAt::Start);
        let kept = burst.trusted_waste_gbh - burst.waste_gbh;
        let saved_by_one = 64.0 - 1.1;
        assert!((9.0 * saved_by_one - kept).abs() < 9.0, "{kept}");
    }

    #[test]
    fn what_nodes_lend_is_set_for_nobody_and_who_is_refused_is_killed() {
        let gib = (1u64 << 30) as f64;
        // Every tenth job needs four times what the others need.
        let peak = |n: u32| if n % 10 == 9 { 4.0 } else { 1.0 };
        let jobs: Vec<_> = (0..200)
            .map(|n| job(f64::from(n), f64::from(n) + 0.5, Some(64.0 * gib), peak(n)))
            .collect();
        let lending = |refused| {
            let config = Config::default();
            replay(&config, &[], jobs.clone(), DecideAt::Start, refused, || ()).total
        };
        let all = lending(Some(0.0));
        assert!(
            all.lent_waste_gbh < 0.7 * all.waste_gbh && all.lent_killed < 1.0,
            "{all:?}"
        );
        assert!(all.lent_to >= 15 && all.lent_gbh > 15.0 * 2.0, "{all:?}");
        for nothing in [lending(Some(1.0)), lending(None)] {
            assert_eq!(nothing.lent_waste_gbh, nothing.waste_gbh);
            assert_eq!(nothing.lent_gbh, 0.0);
            assert_eq!(nothing.lent_killed, nothing.failed_tasks as f64);
        }
    }

    #[test]
    fn requests_that_most_runs_outgrew_are_counted_as_they_are_and_as_raised() {
        let gib = (1u64 << 30) as f64;
        let jobs = (0..10).map(|n| job(f64::from(n), f64::from(n) + 0.5, Some(gib), 1.5));
        let found = run(jobs.collect(), DecideAt::Start);
        assert_eq!(found.failed_tasks, 10);
        // The first three are of a kind that nobody knows yet.
        assert_eq!(found.raised_failed_tasks, 3);
        assert!(found.raised_waste_gbh < found.waste_gbh * 0.6, "{found:?}");
    }

    #[test]
    fn without_requests_memory_is_doubled_until_it_is_enough() {
        let gib = (1u64 << 30) as f64;
        let (waste, failed) = cost(&job(0.0, 1.0, None, 5.0), 2.0 * gib, None, 128e9);
        assert_eq!(failed, 2);
        assert!(
            (waste - (2.0 + 4.0 + 3.0) * gib / GB).abs() < 1e-9,
            "{waste}"
        );
    }
}
