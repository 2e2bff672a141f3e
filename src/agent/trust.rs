//! Kinds that are not trusted with all of their jobs yet: what is under way of them, which jobs that wait get their
//! chance, and how many more may have one as they are submitted.
//!
//! After a look at the whole queue jobs that wait are given what may be given, and only then is published what is left: what
//! is left to slurmctld is never promised to a job that waits, until the next such look. Between a look and the moment when
//! slurmctld sees the new snapshot it goes by the old one, which may leave to it what a part of an array that waits gets
//! now; then there are at most twice as many.

use super::Agent;
use crate::decide::probation;
use crate::fingerprint::{Key, Kind};
use crate::record::Record;
use crate::slurm::queue::{Queue, QueuedJob};
use anyhow::Result;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

/// States in which a job has ended, for now at least.
const ENDED: [&str; 10] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
];

/// Jobs with less than their users asked for, whose ends are not known yet.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    /// When the queue was looked at, in seconds since 1970.
    pub looked: i64,
    jobs: RefCell<HashMap<Key, u32>>,
}

impl UnderWay {
    /// How many they are of a kind.
    pub fn of(&self, kind: Key) -> u32 {
        self.jobs.borrow().get(&kind).copied().unwrap_or(0)
    }

    fn add(&self, keys: impl Iterator<Item = Key>, count: u32) {
        let mut jobs = self.jobs.borrow_mut();
        for key in keys {
            let sum = jobs.entry(key).or_default();
            *sum = sum.saturating_add(count);
        }
    }
}

fn keys(kind: &Kind) -> impl Iterator<Item = Key> {
    let own = kind.keys().map(|(_, key)| key);
    own.chain(kind.application)
}

/// In so many seconds others of its kind may have started and ended.
const LATER_S: i64 = 600;

impl Agent<'_> {
    /// Counts what is under way in the queue as it was at `looked`. One that has ended counts until accounting has said
    /// how: until then it may have been harmed.
    pub(super) fn under_way(&self, queue: &Queue, looked: i64) -> Result<UnderWay> {
        let under_way = UnderWay {
            looked,
            ..UnderWay::default()
        };
        if self.config.trust.trust_all() {
            return Ok(under_way);
        }
        let snapshot = self.snapshot.as_ref();
        let may_be_on_probation = |key: &Key| {
            let trust = snapshot.and_then(|snapshot| snapshot.trust(*key));
            trust.is_none_or(|trust| !trust.is_whole())
        };
        for job in queue.jobs.iter().filter(|job| job.record.is_tried()) {
            let kinds: Vec<Key> = keys(&job.record.kind).filter(may_be_on_probation).collect();
            let has_ended = ENDED.contains(&job.state.as_str());
            let ended = || self.store.end_of_run(job.job_id, job.started);
            let is_known = !kinds.is_empty() && has_ended && ended()?.is_some();
            if !is_known {
                under_way.add(kinds.into_iter(), job.count());
            }
        }
        Ok(under_way)
    }

    /// What a job that waits gets of what it would get today: all of it where its kind is trusted so far, or some
    /// tasks of an array; the others keep their request.
    pub(super) fn as_trusted<'a>(
        &self,
        job: &'a QueuedJob,
        today: Record,
    ) -> Vec<(Cow<'a, QueuedJob>, Record)> {
        let Some(snapshot) = &self.snapshot else {
            return vec![(Cow::Borrowed(job), today)];
        };
        let Some(probation) = probation(&self.config, snapshot, &today) else {
            return vec![(Cow::Borrowed(job), today)];
        };
        let left = u32::from(probation.trust.left);
        let may = match &self.under_way {
            // It is among those under way.
            _ if job.record.rewrites() => left.min(1).saturating_mul(job.count()),
            // It will not start soon, and another one may.
            _ if job.is_held || job.waits_for_others || self.starts_later(job) => 0,
            Some(under_way) => {
                let others = self
                    .left_to_slurmctld
                    .get(&probation.kind)
                    .copied()
                    .unwrap_or(0);
                let taken = under_way.of(probation.kind).saturating_add(others);
                left.saturating_sub(taken).min(job.count())
            }
            None => 0,
        };
        let rest = today.clone().on_probation(probation.why);
        match may {
            0 => vec![(Cow::Borrowed(job), rest)],
            all if all == job.count() => vec![(Cow::Borrowed(job), today)],
            some => match job.split(some) {
                Some([first, others]) => {
                    vec![(Cow::Owned(first), today), (Cow::Owned(others), rest)]
                }
                None => vec![(Cow::Borrowed(job), rest)],
            },
        }
    }

    /// It has a begin time of its own, or backfill expects it to start, so far from now that others will have started before.
    fn starts_later(&self, job: &QueuedJob) -> bool {
        job.started > self.clock.now() + LATER_S
    }

    /// A job that had what its user asked for has been given less.
    pub(super) fn is_given_less(&self, job: &QueuedJob, record: &Record) {
        if let Some(under_way) = &self.under_way
            && record.rewrites()
            && !job.record.rewrites()
        {
            under_way.add(keys(&record.kind), job.count());
        }
    }
}
