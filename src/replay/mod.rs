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
mod history;
pub mod series;
pub mod trace;

use crate::config::{Config, Mode, Modes};
use crate::decide::size;
use crate::fingerprint::Kind;
use crate::job::{Ask, FinishedJob, Memory, Shape};
use crate::model::margin::SHARES;
use crate::record::{Change, Record};
use crate::units::MIB;
pub use course::{Course, Moment};
use history::History;
use serde::Serialize;
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

/// What more than their label may tell jobs apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Split {
    /// The user.
    User,
    /// The hour of the day at which they were submitted, in UTC.
    Hour,
    /// The day of the week, in UTC.
    Weekday,
    /// CPUs asked for.
    Cpus,
    /// Memory asked for.
    Memory,
    /// Time limit asked for.
    Time,
}

impl Split {
    /// Splits the job's kind.
    pub fn apply(self, job: &mut PastJob) {
        let submitted = job.times.map(|[submit, ..]| submit);
        let number = |value: Option<f64>| value.map_or("-".into(), |value| value.to_string());
        let feature = match self {
            Split::User => job.user.clone(),
            Split::Hour => number(submitted.map(|s| (s / 3600.0).floor().rem_euclid(24.0))),
            Split::Weekday => number(submitted.map(|s| (s / 86_400.0).floor().rem_euclid(7.0))),
            Split::Cpus => number(job.cpus.map(|(asked, _)| f64::from(asked))),
            Split::Memory => number(job.asked),
            Split::Time => number(job.time_s.map(|s| s as f64)),
        };
        job.kind = job
            .kind
            .with_feature(job.label.as_bytes(), feature.as_bytes());
    }
}

/// One past job.
#[derive(Debug, Clone)]
pub struct PastJob {
    /// What kind of job it was.
    pub kind: Kind,
    /// The kind's name, for reports.
    pub label: String,
    /// User name.
    pub user: String,
    /// Submit, start and end in seconds since an epoch; `None`: then it sees every job listed before it.
    pub times: Option<[f64; 3]>,
    /// Run time in hours.
    pub hours: f64,
    /// Memory asked for, in bytes.
    pub asked: Option<f64>,
    /// Peak memory in bytes.
    pub peak: f64,
    /// Size of its input in bytes, where it was known at submission.
    pub input_bytes: Option<u64>,
    /// CPUs asked for and CPUs kept busy.
    pub cpus: Option<(u32, f64)>,
    /// Time limit that its user asked for, in seconds.
    pub time_s: Option<u64>,
}

/// Figures of a replay; memory in GB·h (GB = 10⁹ bytes).
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Jobs.
    pub n: u64,
    /// Jobs of kinds that were not known yet.
    pub cold: u64,
    /// Memory used: peak times run time.
    pub used_gbh: f64,
    /// What the users' own requests would have wasted.
    pub request_waste_gbh: f64,
    /// What the decisions waste.
    pub waste_gbh: f64,
    /// The part of that on kinds that were not known yet.
    pub cold_waste_gbh: f64,
    /// Attempts that would have been killed.
    pub failed_attempts: u64,
    /// Jobs with such an attempt.
    pub failed_tasks: u64,
    /// CPUs set and not kept busy, in core hours.
    pub cpu_waste_core_h: f64,
    /// Jobs of kinds that were known, and how many of them stayed under what each of [`SHARES`] was told to.
    pub told: u64,
    /// See `told`.
    pub within: [u64; SHARES.len()],
    /// Jobs whose time limit would have been lowered.
    pub time_set: u64,
    /// Of those, the jobs that would have run out of time.
    pub time_short: u64,
    /// Time limits of those jobs in hours: as their users asked, as they would have been set, and as used.
    pub time_h: [f64; 3],
}

impl Figures {
    /// Shares of the jobs of known kinds that stayed under what each of [`SHARES`] was told to, in percent:
    /// the nearer to those shares, the better calibrated.
    pub fn coverage_pct(&self) -> [f64; SHARES.len()] {
        self.within
            .map(|within| 100.0 * within as f64 / self.told.max(1) as f64)
    }

    /// Share of jobs with a killed attempt, in percent.
    pub fn failed_tasks_pct(&self) -> f64 {
        100.0 * self.failed_tasks as f64 / self.n.max(1) as f64
    }

    /// Memory set, killed attempts included, for each GB·h that was used.
    pub fn mean_over_allocation(&self) -> f64 {
        (self.waste_gbh + self.used_gbh) / self.used_gbh
    }

    fn add(&mut self, job: &PastJob, outcome: &Outcome) {
        self.n += 1;
        self.cold += u64::from(outcome.cold);
        self.used_gbh += job.peak / GB * job.hours;
        self.request_waste_gbh += outcome.request_waste;
        self.waste_gbh += outcome.waste;
        self.cold_waste_gbh += if outcome.cold { outcome.waste } else { 0.0 };
        self.failed_attempts += outcome.failed_attempts;
        self.failed_tasks += u64::from(outcome.failed_attempts > 0);
        self.cpu_waste_core_h += outcome.cpu_waste;
        if let Some(quantiles) = outcome.quantiles {
            self.told += 1;
            for (within, quantile) in self.within.iter_mut().zip(quantiles) {
                *within += u64::from(job.peak <= quantile * MIB as f64);
            }
        }
        if let Some(time) = outcome.time {
            self.time_set += 1;
            self.time_short += u64::from(job.hours * 60.0 > time.set as f64);
            let hours = [time.asked as f64 / 60.0, time.set as f64 / 60.0, job.hours];
            self.time_h
                .iter_mut()
                .zip(hours)
                .for_each(|(sum, hours)| *sum += hours);
        }
    }
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
    cpu_waste: f64,
    /// Memory in MiB that each of [`SHARES`] of such jobs stay under; `None` for a new kind.
    quantiles: Option<[f64; SHARES.len()]>,
    /// Minutes.
    time: Option<Change>,
    /// Bytes given at first.
    set: f64,
}

/// Replays `jobs` in the order of their decisions, with what the jobs `before` them taught. Calls
/// `advance` after each.
pub fn replay(
    config: &Config,
    before: &[PastJob],
    mut jobs: Vec<PastJob>,
    at: DecideAt,
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
    let mut history = History::new(config);
    before.iter().for_each(|job| history.learn(job));
    let mut found = Replay::default();
    for job in jobs {
        history.catch_up(decided_at(&job));
        let outcome = attempt(config, &history, &job, ceiling);
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
        history.starts(job);
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
fn attempt(config: &Config, history: &History, job: &PastJob, ceiling: f64) -> Outcome {
    let unsized_by_user = || history.usual_request(job.peak);
    let request = job.asked.unwrap_or_else(unsized_by_user).min(ceiling);
    // Without a request of its own, a known kind may be given anything up to the ceiling.
    let limit = job.asked.unwrap_or(ceiling);
    let record = decide(config, history, job, limit);
    let cold = record.evidence.is_none();
    let set = match record.memory {
        Some(change) => (change.set * MIB) as f64,
        None if cold => request,
        None => limit,
    };
    let (waste, failed_attempts) = cost(job, set.min(ceiling), ceiling);
    let level = record
        .level
        .map(|level| job.kind.keys().find(|key| key.0 == level));
    let key = level.flatten().map(|(_, key)| key);
    Outcome {
        quantiles: key.and_then(|key| history.memory_quantiles(key, job.input_bytes)),
        time: record.time,
        set: set.min(ceiling),
        cold,
        request_waste: cost(job, request, ceiling).0,
        waste,
        failed_attempts,
        cpu_waste: cpu_waste(&record, job),
    }
}

fn decide(config: &Config, history: &History, job: &PastJob, asked: f64) -> Record {
    let ask = Ask {
        memory: Some(Memory::Node((asked / MIB as f64).ceil() as u64)),
        cpus: job.cpus.map_or(1, |(asked, _)| asked),
        shape: Shape::SINGLE,
        time_s: job.time_s,
        own_time_min: false,
    };
    let modes = Modes {
        memory: Mode::Apply,
        cpus: Mode::Apply,
        licenses: Mode::Off,
        time: Mode::Apply,
    };
    size(config, modes, Some(history), job.kind, ask, job.input_bytes)
}

/// GB·h wasted and attempts killed when the first attempt gets `set` bytes, the next one what the user
/// asked for, and each further one, or where that is missing or no more, twice the memory of the one before.
fn cost(job: &PastJob, mut set: f64, ceiling: f64) -> (f64, u64) {
    let (mut waste, mut failed) = (0.0, 0);
    while job.peak > set && set < ceiling {
        waste += set / GB * job.hours;
        failed += 1;
        let asked = job.asked.filter(|&asked| asked > set);
        set = asked.unwrap_or(2.0 * set).min(ceiling);
    }
    (waste + (set - job.peak).max(0.0) / GB * job.hours, failed)
}

fn cpu_waste(record: &Record, job: &PastJob) -> f64 {
    let Some((_, busy)) = job.cpus else {
        return 0.0;
    };
    let set = record.cpus_in_force().unwrap_or(0) as f64;
    (set - busy).max(0.0) * job.hours
}

/// A job that accounting tells of, if what it used is known.
fn past_job(job: FinishedJob, kind: Kind) -> Option<PastJob> {
    let record = Record::parse(&job.comment);
    let asked = record.as_ref().and_then(Record::asked_on_a_node);
    let asked_time = record.as_ref().and_then(|record| record.asked?.time_s);
    Some(PastJob {
        kind,
        times: Some([job.submitted, job.started, job.ended].map(|time| time as f64)),
        hours: job.usage.elapsed_s as f64 / 3600.0,
        asked: asked.or(job.memory).map(|bytes| bytes as f64),
        input_bytes: record.and_then(|record| record.input_bytes),
        peak: job.usage.peak_bytes? as f64,
        cpus: job.usage.cores.map(|cores| (job.cpus.max(1), cores)),
        time_s: asked_time,
        label: job.name,
        user: job.user,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(start: f64, end: f64, asked: Option<f64>, peak_gib: f64) -> PastJob {
        PastJob {
            kind: Kind::of_label(b"align"),
            label: "align".into(),
            user: "alice".into(),
            times: Some([0.0, start, end]),
            hours: 1.0,
            asked,
            peak: peak_gib * (1u64 << 30) as f64,
            input_bytes: None,
            cpus: Some((4, 1.0)),
            time_s: None,
        }
    }

    fn run(jobs: Vec<PastJob>, at: DecideAt) -> Figures {
        replay(&Config::default(), &[], jobs, at, || ()).total
    }

    #[test]
    fn jobs_before_teach_and_do_not_count() {
        let jobs: Vec<_> = (0..4)
            .map(|n| job(f64::from(n), f64::from(n) + 0.5, Some(64e9), 1.0))
            .collect();
        let (before, rest) = jobs.split_at(3);
        let config = Config::default();
        let found = replay(&config, before, rest.to_vec(), DecideAt::Start, || ()).total;
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
        let retried = 10.0 - 2.0 * gib;
        let warm = figures.waste_gbh - figures.cold_waste_gbh;
        let killed = warm - retried;
        assert!((gib..1.2 * gib).contains(&killed), "{killed}");
    }

    #[test]
    fn without_requests_memory_is_doubled_until_it_is_enough() {
        let gib = (1u64 << 30) as f64;
        let (waste, failed) = cost(&job(0.0, 1.0, None, 5.0), 2.0 * gib, 128e9);
        assert_eq!(failed, 2);
        assert!(
            (waste - (2.0 + 4.0 + 3.0) * gib / GB).abs() < 1e-9,
            "{waste}"
        );
    }
}
