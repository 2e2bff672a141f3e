//! Shadows: a job of a new kind waits a moment; one clone for all jobs of that kind runs on a slice,
//! and what it predicts is set in the jobs before they start.

use super::queue::is_as_we_left_it;
use super::room::Room;
use super::{Agent, Pass};
use crate::fingerprint::Key;
use crate::job::Ask;
use crate::job::counters::{Ended, ShadowCounters};
use crate::job::shadow::Wait;
use crate::model::extrapolation::Extrapolation;
use crate::record::Record;
use crate::slurm::clone::{Prepared, prepare};
use crate::slurm::queue::{Queue, QueuedJob, QueuedShadow};
use crate::slurm::{CommandError, control};
use crate::store::Shadow;
use anyhow::Result;
use std::collections::BTreeMap;

/// A shadow that has less time than this, in seconds, would show nothing.
const LEAST_TIME_S: i64 = 5;

/// Seconds kept between the end of a shadow's sampling and the moment its report is due.
const REPORT_TIME_S: i64 = 1;

/// A shadow that has not reported so long after its window, in seconds, is lost.
const LOST_AFTER_S: i64 = 120;

/// What was intended so many seconds ago and is not in the queue was never submitted: an sbatch that an agent left
/// behind has ended by then.
const SETTLED_AFTER_S: i64 = 30;

/// A job that may have a shadow.
struct Candidate<'a> {
    job: &'a QueuedJob,
    wait: &'a Wait,
    asked: Ask,
}

/// slurmctld counts a delay from when it hears of it, in seconds.
const COUNTED_LATER_S: i64 = 5;

impl Candidate<'_> {
    /// Its shadow, as it is remembered before it is submitted at `now`, in seconds since 1970.
    fn intended(&self, kind: Key, now: i64) -> Shadow {
        Shadow {
            row: 0,
            job_id: None,
            shadow_of: self.job.handle.clone(),
            origin: self.job.original.script_id,
            user: self.job.user.clone(),
            command: kind,
            submitted: now,
            asked: self.asked,
            has_ended: false,
            counters: None,
            need: None,
        }
    }
}

impl Agent<'_> {
    pub(super) fn tend_shadows(&mut self, queue: &Queue, pass: &mut Pass) -> Result<()> {
        let waiting = waiting(queue);
        let running = self.store.running_shadows()?;
        if waiting.is_empty() && running.is_empty() {
            return Ok(());
        }
        for shadow in running {
            let ended = match self.identify(&shadow, queue)? {
                Some(job_id) => self.end(&shadow, job_id, queue)?,
                None => queue.is_whole && self.give_up(&shadow)?,
            };
            pass.shadows_ended += usize::from(ended);
        }
        if pass.shadows_ended > 0 {
            self.learn()?;
        }
        if self.config.kill_switch_path().exists() {
            return Ok(());
        }
        let mut room = None;
        for (kind, jobs) in waiting {
            self.tend_kind(kind, &jobs, &mut room, pass)?;
        }
        Ok(())
    }

    /// The number of a shadow. Where an agent ended between the submission and the note of it, or sbatch did not
    /// tell, the queue knows: of the shadows of that job it is the latest that nobody remembers.
    fn identify(&self, shadow: &Shadow, queue: &Queue) -> Result<Option<u64>> {
        if shadow.job_id.is_some() {
            return Ok(shadow.job_id);
        }
        let origin = shadow.origin.to_string();
        let mut latest = None;
        for queued in queue
            .shadows
            .iter()
            .filter(|one| one.record.shadow_of == origin)
        {
            if latest < Some(queued.job_id) && !self.store.knows_shadow(queued.job_id)? {
                latest = Some(queued.job_id);
            }
        }
        if let Some(job_id) = latest {
            tracing::info!(shadow = job_id, job = shadow.shadow_of, "shadow found");
            self.store.shadow_submitted(shadow.row, job_id)?;
        }
        Ok(latest)
    }

    /// A shadow that was intended and is not in the queue; no other is submitted for the same job.
    fn give_up(&self, shadow: &Shadow) -> Result<bool> {
        if self.clock.now() < shadow.submitted + SETTLED_AFTER_S {
            return Ok(false);
        }
        tracing::warn!(job = shadow.shadow_of, "its shadow was never submitted");
        self.store.end_shadow(shadow.row, None, None)?;
        Ok(true)
    }

    /// Takes what a shadow has reported, or that it never will.
    fn end(&self, shadow: &Shadow, job_id: u64, queue: &Queue) -> Result<bool> {
        let origin = shadow.origin.to_string();
        // A slurmctld that was killed forgets its last jobs, and gives their numbers to others.
        let is_it = |one: &&QueuedShadow| one.job_id == job_id && one.record.shadow_of == origin;
        let queued = queue.shadows.iter().find(is_it);
        if queued.is_none() && !queue.is_whole {
            return Ok(false);
        }
        let Some(counters) = queued.and_then(QueuedShadow::outcome) else {
            let due = shadow.submitted + i64::from(self.config.shadow.window_s);
            let waits = queued.is_some_and(|queued| queued.state == "PENDING");
            if waits && self.clock.now() >= due && self.is_cancelled(job_id) {
                let never_started = ShadowCounters::never_started();
                self.store
                    .end_shadow(shadow.row, Some(&never_started), None)?;
                return Ok(true);
            }
            if self.clock.now() < due + LOST_AFTER_S {
                return Ok(false);
            }
            tracing::warn!(shadow = job_id, job = shadow.shadow_of, "lost");
            self.store.end_shadow(shadow.row, None, None)?;
            return Ok(true);
        };
        let fit = Extrapolation::of_site(&self.store.observations()?);
        let need = fit.need(&counters);
        tracing::info!(
            shadow = job_id,
            job = shadow.shadow_of,
            ended = ?counters.ended,
            why = counters.why,
            peak_mib = counters.peak_mib,
            need_mib = need.map(|need| need.memory_mib),
            "shadow ended"
        );
        self.store.end_shadow(shadow.row, Some(&counters), need)?;
        Ok(true)
    }

    /// It is cancelled now.
    fn is_cancelled(&self, job_id: u64) -> bool {
        let cancelled = control::cancel(&self.commands, &job_id.to_string());
        cancelled
            .inspect_err(|error| tracing::warn!("{error}"))
            .is_ok()
    }

    /// `room` is what shadows may still start with, once one of the kinds had to ask.
    fn tend_kind(
        &self,
        kind: Key,
        jobs: &[&QueuedJob],
        room: &mut Option<Room>,
        pass: &mut Pass,
    ) -> Result<()> {
        let last = self.store.shadow_of_kind(kind)?;
        match last {
            Some(shadow) if !shadow.has_ended => Ok(()),
            Some(shadow) if belongs_to(&shadow, jobs) => {
                jobs.iter()
                    .for_each(|job| self.start_job(job, &shadow, pass));
                Ok(())
            }
            _ => {
                let (blocked, ready): (Vec<_>, Vec<_>) =
                    jobs.iter().copied().partition(|job| job.waits_for_others);
                match (ready.is_empty(), blocked.first()) {
                    (true, Some(first)) => self.keep_waiting(first),
                    _ => self.start_shadow(kind, &ready, room, pass)?,
                }
                Ok(())
            }
        }
    }

    /// A shadow could not find what other jobs have yet to write: the wait begins anew until they have
    /// ended. One job of a kind is enough.
    fn keep_waiting(&self, job: &QueuedJob) {
        let (now, window) = (self.clock.now(), i64::from(self.config.shadow.window_s));
        // Whenever the others end, most of a window is left.
        let due = |wait: &Wait| wait.until - now < window * 3 / 4 && waits_for_us(job);
        let Some(wait) = job.record.shadow.clone().filter(due) else {
            return;
        };
        let wait = Wait {
            since: now,
            until: now + window,
            ..wait
        };
        let delay_s = wait.delay_s();
        let record = Record {
            shadow: Some(wait),
            ..job.record.clone()
        };
        let delayed = control::delay(&self.commands, &job.handle, delay_s, &record);
        delayed.unwrap_or_else(|error| tracing::warn!(job = job.handle, "{error}"));
    }

    /// Gives a job what the shadow of its kind predicted, and lets it start.
    fn start_job(&self, job: &QueuedJob, shadow: &Shadow, pass: &mut Pass) {
        if !is_as_we_left_it(job) {
            self.start_as_it_is(job);
            return;
        }
        let Some(today) = self.today(job) else {
            return;
        };
        let record = match shadow.need {
            Some(_) => today,
            None => Record {
                kept: Some(why_nothing(shadow.counters.as_ref()).into()),
                ..today
            },
        };
        for (job, record) in self.as_trusted(job, record) {
            let start = waits_for_us(&job);
            pass.decided_again += usize::from(self.set(&job, &record, start));
        }
    }

    /// Somebody has changed its memory, or Slurm has: it gives less for each CPU, and more CPUs, where MaxMemPerCPU is
    /// exceeded. That stays, and there is nothing left to wait for but a begin time of the user's own.
    fn start_as_it_is(&self, job: &QueuedJob) {
        let why = "its memory was changed while it waited, by hand or for MaxMemPerCPU";
        self.start_unchanged(job, why.into());
    }

    /// It starts with what it has.
    fn start_unchanged(&self, job: &QueuedJob, why: String) {
        if !waits_for_us(job) {
            return;
        }
        let record = Record {
            kept: Some(why.into()),
            shadow: None,
            ..job.record.clone()
        };
        let started = control::start(&self.commands, &job.handle, &record);
        started.unwrap_or_else(|error| tracing::warn!(job = job.handle, "{error}"));
    }

    /// Submits a shadow of the first of these jobs, if there is time and room for one.
    fn start_shadow(
        &self,
        kind: Key,
        jobs: &[&QueuedJob],
        room: &mut Option<Room>,
        pass: &mut Pass,
    ) -> Result<()> {
        let now = self.clock.now();
        let Some(first) = self.first_with_time(jobs, now) else {
            return Ok(());
        };
        let room = match room {
            Some(room) => room,
            None => room.insert(self.room(now)?),
        };
        // Both may change: they are asked again in the next look.
        let none_yet = |why| self.store.note_no_shadow(kind, first.wait.since, now, why);
        if let Some(why) = room.lacks(&first.job.user, &self.config.shadow) {
            return none_yet(why);
        }
        let shadow = match self.prepare_shadow(&first, room, now) {
            Ok(None) => return none_yet("accounting did not show yet how it was submitted"),
            Ok(Some(shadow)) => shadow,
            Err(error) => {
                self.start_without(jobs, &error.reason(), &error);
                return Ok(());
            }
        };
        // Remembered first: whatever ends here, a shadow that runs is counted, and no job has two.
        let row = match self.store.intend_shadow(&first.intended(kind, now)) {
            Ok(row) => row,
            Err(error) => {
                // Each further try might wait for the same lock.
                room.shadows = 0;
                self.start_without(jobs, "the database cannot be written", &error);
                return Err(error);
            }
        };
        room.take(&first.job.user);
        match shadow.submit(&self.commands) {
            Ok(job_id) => {
                pass.shadows_started += 1;
                self.note_submitted(first.job, row, job_id)
            }
            Err(error) => {
                self.start_without(jobs, &error.reason(), &error);
                Ok(())
            }
        }
    }

    /// The first of these jobs whose user may have a shadow, and which waits long enough for one.
    fn first_with_time<'j>(&self, jobs: &[&'j QueuedJob], now: i64) -> Option<Candidate<'j>> {
        jobs.iter().copied().find_map(|job| {
            let (wait, asked) = (job.record.shadow.as_ref()?, job.record.asked?);
            let may = self.config.shadow.is_for(job.original.uid);
            (may && wait.until - now >= LEAST_TIME_S).then_some(Candidate { job, wait, asked })
        })
    }

    /// All of its shadow but the submission; `None` while Slurm does not say yet with which arguments it was submitted.
    fn prepare_shadow(
        &self,
        first: &Candidate,
        room: &Room,
        now: i64,
    ) -> Result<Option<Prepared>, CommandError> {
        let limits = &self.config.shadow;
        let window = (f64::from(limits.window_s) * room.window).ceil() as i64;
        let end = first.wait.until.min(now + window.max(LEAST_TIME_S));
        let slice = limits.slice(&first.asked, end - REPORT_TIME_S);
        prepare(
            &self.commands,
            limits,
            &first.job.original,
            slice.at_most(room.free_mib),
            first.wait,
        )
    }

    fn note_submitted(&self, job: &QueuedJob, row: i64, job_id: u64) -> Result<()> {
        tracing::info!(
            shadow = job_id,
            job = job.handle,
            user = job.user,
            "shadow submitted"
        );
        self.store.shadow_submitted(row, job_id)
    }

    /// Lets these jobs start as asked, as no shadow of theirs could be submitted.
    fn start_without(&self, jobs: &[&QueuedJob], reason: &str, error: &dyn std::fmt::Display) {
        if let [first, others @ ..] = jobs {
            // They are as many as their user likes.
            let others = others.len();
            tracing::warn!(job = first.handle, others, "no shadow: {error:#}");
        }
        for job in jobs {
            self.start_unchanged(job, format!("no shadow of it could be submitted: {reason}"));
        }
    }
}

/// Its begin time is the one that it was given for its shadow. A later one is its user's own, or what backfill expects of a
/// job that could not start now.
fn waits_for_us(job: &QueuedJob) -> bool {
    let wait = job.record.shadow.as_ref();
    wait.is_some_and(|wait| job.started <= wait.starts_at() + COUNTED_LATER_S)
}

/// It starts once a shadow of its kind has shown what it needs, or its wait is over.
pub(super) fn waits_for_shadow(job: &QueuedJob) -> bool {
    job.state == "PENDING" && job.restarts == 0 && job.record.shadow.is_some()
}

/// Jobs that wait for a shadow, by kind.
fn waiting(queue: &Queue) -> BTreeMap<Key, Vec<&QueuedJob>> {
    let mut kinds: BTreeMap<Key, Vec<&QueuedJob>> = BTreeMap::new();
    for job in queue.jobs.iter().filter(|job| waits_for_shadow(job)) {
        if let Some(kind) = job.record.kind.command {
            kinds.entry(kind).or_default().push(job);
        }
    }
    kinds
}

/// A shadow of an earlier time showed nothing then, and may show something now.
fn belongs_to(shadow: &Shadow, jobs: &[&QueuedJob]) -> bool {
    let first = jobs
        .iter()
        .filter_map(|job| job.record.shadow.as_ref())
        .map(|wait| wait.since)
        .min();
    shadow.need.is_some() || first.is_some_and(|first| shadow.submitted >= first)
}

fn why_nothing(counters: Option<&ShadowCounters>) -> String {
    match counters {
        None => "its shadow was lost".into(),
        Some(counters) => {
            let why = counters.why.as_deref().map(|why| format!(": {why}"));
            let how = match counters.ended {
                Ended::Refused => "no shadow could run on its node",
                Ended::Oom => "its shadow needed more memory than a slice has",
                Ended::Failed => "its shadow failed",
                _ if counters.was_starved() => "its node was too busy for its shadow to get on",
                _ if counters.was_idle() => "it did next to nothing while its shadow ran",
                _ => "its memory still grew when its shadow's window was over",
            };
            format!("{how}{}", why.unwrap_or_default())
        }
    }
}
