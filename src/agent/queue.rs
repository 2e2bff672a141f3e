//! The queue: jobs that wait are decided again when more is known.

use super::turn::Turn;
use super::{Agent, Pass, Turns};
use crate::config::{Mode, Modes, Owner};
use crate::decide::{by_its_nodes, known, lent_mib, size, terms};
use crate::record::{Change, Record};
use crate::slurm::CommandError;
use crate::slurm::control::{self, How};
use crate::slurm::queue::{Now, Queue, QueuedJob, now, part_of};
use anyhow::Result;
use std::borrow::Cow;
use std::time::Duration;

/// More jobs that wait are not given more, or less, in one look at the queue: each takes some ten milliseconds and more, in which
/// no other job is rescued.
const MOST_RAISED: usize = 2000;
const MOST_LOWERED: usize = 500;

/// A job is asked for alone before it is given less by a look that is older than this.
const NEW_LOOK: Duration = Duration::from_secs(1);

/// When slurmctld last refused to change a job that waits, in seconds since 1970, in the store's `progress`.
pub const REFUSED: &str = "change refused";

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The job has it.
    Set,
    /// slurmctld has refused it, and named a limit that it would pass.
    Limited,
    /// slurmctld has refused it for some other reason, as where the site lets users change nothing.
    Refused,
    /// The job has changed meanwhile, or nobody has answered, or the record has no room: it may be there or not.
    NotSet,
}

impl Agent<'_> {
    pub(super) fn tend_queue(&mut self, queue: &Queue, pass: &mut Pass) -> Result<()> {
        let began = self.clock.elapsed();
        let tended = self.tend_shadows(queue, pass);
        self.tend_those_that_run_again(queue, pass);
        self.decide_again(queue, pass);
        self.events.took(self.clock.since(began));
        tended
    }

    /// Sets in jobs that wait what they would get today. Where they are too many for one look, the next one goes on where
    /// this one has stopped.
    fn decide_again(&mut self, queue: &Queue, pass: &mut Pass) {
        if self.config.kill_switch_path().exists() {
            return;
        }
        let now = self.clock.now();
        let is_open = |job: &&QueuedJob| {
            job.state == "PENDING"
                && !job.record.waits(now)
                && job.restarts == 0
                && !job.record.given_back
                && is_as_we_left_it(job)
        };
        let waiting: Vec<&QueuedJob> = queue.jobs.iter().filter(is_open).collect();
        let whole = queue.is_whole;
        // What they have may be too little: they come first.
        let Turns {
            raised, lowered, ..
        } = &self.turns;
        let are_raised = self.set_some(&waiting, whole, true, (raised, MOST_RAISED), pass);
        let are_lowered = self.set_some(&waiting, whole, false, (lowered, MOST_LOWERED), pass);
        if !(are_raised && are_lowered) {
            self.events.want_look();
        }
    }

    /// Sets in these jobs what they would get today, where that is more than they have in something, or where it is not.
    /// Returns whether all had their turn.
    fn set_some(
        &self,
        jobs: &[&QueuedJob],
        whole: bool,
        more: bool,
        (turn, most): (&Turn, usize),
        pass: &mut Pass,
    ) -> bool {
        turn.take(jobs, whole, most, self.clock, |job| {
            let mut tried = 0;
            let today = self.today(job);
            let parts = today.map(|today| self.as_trusted(job, today));
            for (job, record) in parts.into_iter().flatten() {
                if self.is_better(&job.record, &record)
                    && is_more(&job.record, &record) == more
                    && !self.refused.knows(&self.wish(&job, &record))
                {
                    tried += 1;
                    pass.decided_again += usize::from(self.set(&job, &record, false));
                }
            }
            tried
        })
    }

    /// What the job would be given today.
    pub(super) fn today(&self, job: &QueuedJob) -> Option<Record> {
        let owner = Owner {
            user: Some(&job.user),
            account: Some(job.account.as_bytes()),
            partition: Some(job.partition.as_bytes()),
        };
        let is_kept =
            job.record.no_requeue && !self.config.sizes_without_requeue(owner, job.manager);
        // Known since its submission, perhaps, or moved there.
        let terms = match is_kept || self.directory.gives_whole_nodes(job.partition.as_bytes()) {
            true => Modes::all(Mode::Off).into(),
            false => terms(&self.config, Some(&self.directory), owner, job.manager),
        };
        let (ask, steps) = (job.record.asked?, job.record.steps);
        let no_requeue = job.record.no_requeue;
        let lent_mib = lent_mib(&self.config, owner, job.manager, &ask, steps, no_requeue);
        let sized = size(
            &self.config,
            terms.lent(lent_mib),
            known(self.snapshot.as_ref()),
            job.record.kind,
            ask,
            job.record.input_bytes,
            &job.record.floor.clone().unwrap_or_default(),
        );
        let today = Record {
            // Decided at submission, with the script in sight.
            licenses: job.record.licenses.clone(),
            manager: job.manager,
            no_requeue: job.record.no_requeue,
            steps: job.record.steps,
            later: job.record.later.decided_anew(),
            ..sized
        };
        Some(by_its_nodes(&self.config, owner, today))
    }

    /// What a job would be given now differs enough from what it has.
    fn is_better(&self, old: &Record, new: &Record) -> bool {
        let differs = |old: Option<u64>, new: Option<u64>| match (old, new) {
            // More is needed at once; less only when it is worth a call.
            (Some(old), Some(new)) => {
                new > old || (old - new) as f64 > old as f64 * self.config.evidence.min_saving
            }
            _ => false,
        };
        differs(old.memory_in_force(), new.memory_in_force())
            || differs(old.cpus_in_force(), new.cpus_in_force())
            || differs(old.time_in_force(), new.time_in_force())
    }

    /// Whether the job has been given what `record` says.
    pub(super) fn set(&self, job: &QueuedJob, record: &Record, start_now: bool) -> bool {
        let Some((job, record, now)) = self.still_fits(job, record) else {
            return false;
        };
        let how = How {
            start_now,
            user: self.in_whose_name(&job),
            above: now.as_ref(),
        };
        self.set_as(&job, &record, how) == Outcome::Set
    }

    pub(super) fn in_whose_name(&self, job: &QueuedJob) -> Option<u32> {
        // Not known yet, limits may hold.
        self.limits_hold.unwrap_or(true).then_some(job.uid)
    }

    /// What may be set of `record` as the job is right now, and how that is, where it was asked for: the look is old, or the time
    /// limit is to be another, which a look does not show. `None` where the job has changed since the look, by its user perhaps;
    /// of an array the tasks that have not.
    fn still_fits<'r>(
        &self,
        job: &'r QueuedJob,
        record: &'r Record,
    ) -> Option<(Cow<'r, QueuedJob>, Cow<'r, Record>, Option<Now>)> {
        let is_old = self.clock.since(self.looked) > NEW_LOOK;
        let [time, had] = [record, &job.record].map(|record| record.time.filter(Change::applies));
        if !is_old && time == had {
            return Some((Cow::Borrowed(job), Cow::Borrowed(record), None));
        }
        let (job, now) = self.as_seen(job)?;
        let is_above = |time: Change| now.limit_min.is_some_and(|limit| time.set > limit);
        let record = match time.is_some_and(is_above) {
            // Somebody has lowered the limit: slurmctld would refuse a TimeMin above it, with CPUs changed before.
            true => Cow::Owned(Record {
                time: job.record.time,
                limits_time: job.record.limits_time,
                ..record.clone()
            }),
            false => Cow::Borrowed(record),
        };
        Some((job, record, Some(now)))
    }

    /// The job as slurmctld has it right now, or the tasks of an array that are as they were seen; `None` where that cannot be asked,
    /// or none is.
    pub(super) fn as_seen<'b>(&self, job: &'b QueuedJob) -> Option<(Cow<'b, QueuedJob>, Now)> {
        let all = self.right_now(&job.handle, job.job_id);
        let (job, one) = part_of(job, &all, |now| now.is(job))?;
        Some((job, one.clone()))
    }

    /// What slurmctld has of a job right now; nothing where that cannot be asked.
    pub(super) fn right_now(&self, handle: &str, job_id: u64) -> Vec<Now> {
        let asked = now(&self.commands, handle, job_id);
        asked.unwrap_or_else(|error| {
            tracing::warn!(job = handle, "{error}");
            Vec::new()
        })
    }

    pub(super) fn set_as(&self, job: &QueuedJob, record: &Record, how: How) -> Outcome {
        match control::set(&self.commands, job, record, how) {
            Ok(()) => {
                tracing::info!(
                    job = job.handle,
                    user = job.user,
                    memory_mib = record.memory_in_force(),
                    cpus = record.cpus_in_force(),
                    "set"
                );
                self.is_given_less(job, record);
                Outcome::Set
            }
            Err(error @ CommandError::NoRoom(_)) => {
                self.say_once(job, &error);
                Outcome::NotSet
            }
            Err(error) => {
                tracing::warn!(job = job.handle, "not set: {error}");
                self.not_set(job, record, &error)
            }
        }
    }

    /// Notes that slurmctld would not change a job, if that is what it has said: it may have started or been cancelled meanwhile.
    fn not_set(&self, job: &QueuedJob, record: &Record, error: &CommandError) -> Outcome {
        if job.state != "PENDING" || !error.is_refusal() || !self.still_waits(job) {
            return Outcome::NotSet;
        }
        self.refused.is_first(&self.wish(job, record));
        let noted = self.store.set_progress(REFUSED, self.clock.now());
        noted.unwrap_or_else(|error| tracing::warn!("{error:#}"));
        match error.names_a_limit() {
            true => Outcome::Limited,
            false => Outcome::Refused,
        }
    }

    /// slurmctld refuses in many words to change one that does not.
    fn still_waits(&self, job: &QueuedJob) -> bool {
        let waits = |one: &Now| one.state == "PENDING" && one.restarts == job.restarts;
        self.right_now(&job.handle, job.job_id).iter().any(waits)
    }

    /// What is wanted for a job, and when.
    fn wish<'b>(&self, job: &'b QueuedJob, record: &Record) -> (&'b str, Option<String>, i64) {
        (&job.handle, record.to_comment(), self.hour())
    }

    /// What was refused is tried again in the next one.
    pub(super) fn hour(&self) -> i64 {
        self.clock.now() / 3600
    }

    /// What each look would find again.
    fn say_once(&self, job: &QueuedJob, error: &CommandError) {
        if self.without_room.is_first(&job.job_id) {
            tracing::warn!(job = job.handle, "not set: {error}");
        }
    }
}

/// Something of what a job has is too little.
fn is_more(old: &Record, new: &Record) -> bool {
    let more =
        |old: Option<u64>, new: Option<u64>| old.zip(new).is_some_and(|(old, new)| new > old);
    more(old.memory_in_force(), new.memory_in_force())
        || more(old.cpus_in_force(), new.cpus_in_force())
        || more(old.time_in_force(), new.time_in_force())
}

/// Nobody has changed the job's memory by hand since the record was written.
pub(super) fn is_as_we_left_it(job: &QueuedJob) -> bool {
    job.memory.filter(|&mib| mib > 0) == job.record.memory_in_force()
}
