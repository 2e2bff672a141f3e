//! Rescue: a job that a rewrite harmed runs again with more, before anybody notices.

use super::harm::of_memory;
use super::queue::Outcome;
use super::train::runs;
use super::{Agent, Pass};
use crate::config::Care;
use crate::model::second::second;
use crate::record::{Record, SecondRun};
use crate::slurm::control::{self, How};
use crate::slurm::queue::{self, Now, Queue, QueuedJob};
use crate::store::{Harm, RunOfJob};
use anyhow::Result;
use std::time::Duration;

/// So long a pass looks again and again whether a job it put back is pending, and so far apart; what is done then counts.
const MOST_WAIT: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// A job is put back so often at most: the second run has a step more, the third all that its user asked for. One that dies of
/// a rewrite after that has been given nothing, and would die again and again.
const MOST_RESCUES: usize = 2;

/// Why a run was harmed that its node put back.
const PUT_BACK: &str = "it was killed for want of memory, and its node put it back into the queue";

/// A job runs again so many seconds after its requeue at the earliest, whoever asked for that: a slurmd that still clears away the
/// run before fails the next one at once ("already running").
const CLEARED_S: u64 = 5;

/// A requeue takes some seconds itself. What begins later than those and Slurm's own hold does so by its user's wish, or an admin's.
const REQUEUE_S: i64 = 5;

/// More jobs that run again are not given more in one look: each takes some twenty milliseconds, in which no other job is seen to.
const MOST_AGAIN: usize = 500;

/// Numbers of jobs come again after longer than this, in seconds.
const SAME_JOB_S: i64 = 30 * 86_400;

impl Agent<'_> {
    /// Looks until jobs that were put back are pending and have been given more, for some seconds.
    pub(super) fn wait_for_those_again(&mut self, pass: &mut Pass) -> Result<()> {
        let began = self.clock.elapsed();
        while !self.events.again.is_empty() && self.clock.since(began) < MOST_WAIT {
            self.clock.sleep(BETWEEN_LOOKS);
            let queue = self.ask_for_some()?;
            self.tend_those_that_run_again(&queue, pass);
        }
        Ok(())
    }

    /// Puts back what was harmed, but for those that were `seen_to`, and goes on looking at it. Returns what was put back.
    pub(super) fn rescue(&mut self, queue: &Queue, seen_to: &[u64], pass: &mut Pass) -> Vec<u64> {
        let jobs = queue.jobs.iter();
        let jobs: Vec<_> = jobs.filter(|job| !seen_to.contains(&job.job_id)).collect();
        let requeued = self.requeue_killed(&jobs, queue.is_whole, pass);
        self.events
            .expect(requeued.iter().copied(), self.clock.now());
        requeued
    }

    /// Puts back what accounting has just said was harmed, where the whole queue was not looked at.
    pub(super) fn rescue_some(&mut self, pass: &mut Pass) -> Result<()> {
        if self.events.folders_show_jobs() && !self.events.again.is_empty() {
            let queue = self.ask_for_some()?;
            self.rescue(&queue, &[], pass);
        }
        Ok(())
    }

    /// Looks until so many jobs that were put back are pending and have been given more.
    pub(super) fn wait_for(&mut self, mut jobs: usize, pass: &mut Pass) -> Result<()> {
        let began = self.clock.elapsed();
        while jobs > 0 && self.clock.since(began) < MOST_WAIT {
            self.clock.sleep(BETWEEN_LOOKS);
            self.looked = self.clock.elapsed();
            let queue = queue::query(&self.commands)?;
            jobs -= self.tend_those_that_run_again(&queue, pass).min(jobs);
        }
        Ok(())
    }

    pub(super) fn tend_those_that_run_again(&mut self, queue: &Queue, pass: &mut Pass) -> usize {
        self.note_those_put_back(&queue.jobs);
        let seen_to = self.give_back(queue, pass);
        self.mend_dependencies(queue);
        seen_to
    }

    /// Puts jobs that a rewrite harmed back into the queue; Slurm holds them there, for two minutes unless set otherwise.
    /// Returns their numbers. Where there is no time for all, those that were are to be given more before Slurm starts them as
    /// they were.
    fn requeue_killed(&mut self, jobs: &[&QueuedJob], whole: bool, pass: &mut Pass) -> Vec<u64> {
        let (mut requeued, mut is_any_left) = (Vec::new(), false);
        let turn = &self.turns.harmed;
        let had_turn = turn.take(jobs, whole, usize::MAX, self.clock, |job| {
            match self.requeue_if_harmed(job) {
                Requeue::Done => requeued.push(job.job_id),
                Requeue::Unneeded => {}
                Requeue::Later => is_any_left = true,
            }
            1
        });
        if is_any_left || !had_turn {
            self.events.want_look();
        }
        pass.requeued += requeued.len();
        requeued
    }

    fn requeue_if_harmed(&self, job: &QueuedJob) -> Requeue {
        let harm = match self.harm(job) {
            Ok(Some(harm)) => harm,
            Ok(None) => return Requeue::Unneeded,
            Err(error) => {
                tracing::warn!(job = job.handle, "{error:#}");
                return Requeue::Later;
            }
        };
        // Whoever comes after this agent must know why the job runs again, and its kind has to learn from it.
        let noted = self.store.note_harm(run_of(job), &harm);
        let is_new = noted.unwrap_or_else(|error| {
            tracing::warn!(job = job.handle, "{error:#}");
            true
        });
        if self.rescued_in_vain(job) {
            if is_new {
                tracing::error!(
                    job = job.handle,
                    "{}, again, though it was put back {MOST_RESCUES} times: it is not any more",
                    harm.why
                );
            }
            return Requeue::Unneeded;
        }
        // Its submitter runs it again: two would write the same files. Or nobody may.
        if self.config.managers.care(job.manager) < Care::Rescue || job.record.no_requeue {
            return Requeue::Unneeded;
        }
        // Its user may have requeued it meanwhile, and that run is not to be ended.
        if self.as_seen(job).is_none() {
            return Requeue::Later;
        }
        self.requeue(job, &harm)
    }

    fn requeue(&self, job: &QueuedJob, harm: &Harm) -> Requeue {
        if let Err(error) = control::requeue(&self.commands, &job.handle) {
            tracing::error!(job = job.handle, "cannot be requeued: {error}");
            return Requeue::Later;
        }
        tracing::info!(
            job = job.handle,
            state = job.state,
            user = job.user,
            "{}: requeued",
            harm.why
        );
        let marked = self.store.was_requeued(job.job_id);
        marked.unwrap_or_else(|error| tracing::warn!("{error:#}"));
        Requeue::Done
    }

    /// Notes which runs their nodes have put back, before anything is given to the next ones.
    fn note_those_put_back(&self, jobs: &[QueuedJob]) {
        for job in jobs {
            let restarts = job.record.again.map_or(0, |again| again.restarts);
            // Others may have requeued it once more since.
            let began = job.record.put_back.filter(|_| job.restarts == restarts + 1);
            let run = began.map(|started| RunOfJob {
                job_id: job.job_id,
                restarts,
                started,
            });
            let noted = run.map(|run| self.store.note_harm(run, &of_memory(PUT_BACK)));
            match noted {
                Some(Ok(true)) => {
                    tracing::info!(job = job.handle, user = job.user, "{PUT_BACK}");
                }
                Some(Err(error)) => tracing::warn!(job = job.handle, "{error:#}"),
                _ => {}
            }
        }
    }

    /// It has been put back as often as that can help, and has died of the rewrite once more.
    fn rescued_in_vain(&self, job: &QueuedJob) -> bool {
        let since = self.clock.now() - SAME_JOB_S;
        let before = self.store.harms_before(job.job_id, job.restarts, since);
        // What cannot be counted is taken for harm each time.
        before.unwrap_or_else(|error| {
            tracing::warn!(job = job.handle, "{error:#}");
            job.restarts as usize
        }) >= MOST_RESCUES
    }

    /// A job that waits for another run gets more: what is likely to be enough, where it died of its memory alone
    /// and for the first time, and else what its user asked for, whoever requeued it: what ended the run may have
    /// been the rewrite. Returns how many are not to be waited for any more.
    fn give_back(&mut self, queue: &Queue, pass: &mut Pass) -> usize {
        let (now, hour) = (self.clock.now(), self.hour());
        // While the run before still ends slurmctld shows the time of the first submission.
        let is_cleared = |job: &QueuedJob, seen: &Now| {
            let since = seen.submitted.max(put_back_at(job).unwrap_or(0));
            // slurmctld may be a second ahead, so that no two runs were submitted at the same time; a clock that was set back
            // is further away.
            now.abs_diff(since) >= CLEARED_S
        };
        let again = queue.jobs.iter();
        let again: Vec<_> = again
            .filter(|job| is_to_be_given_more(job) && !self.refused.knows(&limited(job, hour)))
            .collect();
        let (mut given_back, mut not_yet, mut may_not) = (0, Vec::new(), Vec::new());
        // Those that are refused each time must not be in the way of the others.
        let turn = &self.turns.again;
        let had_turn = turn.take(&again, queue.is_whole, MOST_AGAIN, self.clock, |job| {
            let seen = self.as_seen(job);
            let cleared = seen.filter(|(job, seen)| is_cleared(job, seen));
            match cleared.map(|(job, seen)| self.give(&job, &seen)) {
                Some(Outcome::Set) => given_back += 1,
                Some(Outcome::Limited) => {
                    self.refused.is_first(&limited(job, hour));
                    may_not.push(job.job_id);
                }
                Some(Outcome::Refused | Outcome::NotSet) => {}
                // It is looked at again.
                None => not_yet.push(job.job_id),
            }
            1
        });
        self.events.expect(not_yet, now);
        // Nobody waits for what they may not have.
        self.events.again.retain(|job, _| !may_not.contains(job));
        if !had_turn {
            self.events.want_look();
        }
        pass.given_back += given_back;
        given_back + may_not.len()
    }

    /// Gives the job more. What a limit of its user's refuses it does not get: it runs again with what it has.
    /// Slurm asks no limit for what an operator sets, who does so only where the site lets users change nothing.
    fn give(&self, job: &QueuedJob, seen: &Now) -> Outcome {
        let next = self.next_run(job);
        let how = |user| How {
            start_now: seen.begins <= self.clock.now() + REQUEUE_S + self.requeue_hold_s as i64,
            user,
            above: Some(seen),
        };
        let user = self.in_whose_name(job);
        let sizes = sizes_alone(job, &next);
        let mut outcome = self.set_as(job, &next, how(user));
        // What was refused may have been its time, or its licenses.
        if let (Outcome::Limited | Outcome::Refused, Some(sizes)) = (outcome, &sizes) {
            outcome = self.set_as(job, sizes, how(user));
        }
        // A site may have its users change less than it accepted, and a job that died is not to die again of that.
        if outcome == Outcome::Refused
            && user.is_some()
            && let Some((job, _)) = self.as_seen(job)
        {
            outcome = self.set_as(&job, sizes.as_ref().unwrap_or(&next), how(None));
        }
        outcome
    }

    fn next_run(&self, job: &QueuedJob) -> Record {
        if is_above_its_request(job) {
            return job.record.give_back();
        }
        let second = self.second_run(job).unwrap_or_else(|error| {
            tracing::warn!(job = job.handle, "{error:#}");
            None
        });
        second.unwrap_or_else(|| job.record.give_back())
    }

    /// The second of at most three runs: more memory, and the rest as asked. `None` where the next run is to have all.
    fn second_run(&self, job: &QueuedJob) -> Result<Option<Record>> {
        let record = &job.record;
        let (Some(ask), Some(level)) = (record.asked, record.level) else {
            return Ok(None);
        };
        let (Some(memory), Some(tasks), Some(first_mib)) = (
            ask.memory,
            ask.layout.tasks_on_a_node(),
            record.given_on_a_node(),
        ) else {
            return Ok(None);
        };
        let harm = self.store.harm_of(job.job_id, job.restarts - 1)?;
        let is_first = record.again.is_none() && harm.is_some_and(|harm| harm.of_memory);
        if !is_first || self.dies_of_memory_by_itself(job)? {
            return Ok(None);
        }
        let runs = match record.kind.key(level) {
            Some(key) => runs(&self.store, &self.config, level, key, i64::MAX)?,
            None => Vec::new(),
        };
        let asked_mib = memory.on_a_node(tasks.into(), ask.cpus);
        let next = second(&runs, first_mib as f64, asked_mib as f64);
        let units = memory.units_on_a_node(tasks.into(), ask.cpus);
        Ok(next.map(|next| {
            let again = SecondRun {
                restarts: job.restarts,
                first: record.memory_in_force().unwrap_or(0),
                runs: next.runs,
            };
            record.with_more((next.mib / units as f64).round() as u64, again)
        }))
    }
}

/// What became of a job that may have to be put back.
enum Requeue {
    Done,
    Unneeded,
    /// The next look shows it, as it is by then.
    Later,
}

/// When the run ended that its node has put back, in seconds since 1970.
fn put_back_at(job: &QueuedJob) -> Option<i64> {
    let (began, profile) = job.record.put_back.zip(job.record.profile.as_ref())?;
    Some(began.saturating_add(profile.wall_s.ceil() as i64))
}

fn run_of(job: &QueuedJob) -> RunOfJob {
    RunOfJob {
        job_id: job.job_id,
        restarts: job.restarts,
        started: job.started,
    }
}

/// That a limit refuses in that hour what the job is to have for this run.
fn limited(job: &QueuedJob, hour: i64) -> (&str, &'static str, u64, i64) {
    (&job.handle, "limited", job.restarts, hour)
}

/// It waits for another run, and has less than its user asked for in something that nobody has raised by hand.
fn is_to_be_given_more(job: &QueuedJob) -> bool {
    let record = &job.record;
    let is_more_than_memory = || {
        let cpus = record.cpus.is_some_and(|cpus| cpus.applies());
        cpus || record.shortens() || record.relicenses()
    };
    job.state == "PENDING"
        && job.restarts > 0
        && record.rewrites()
        && !record.is_of_run(job.restarts)
        && (!is_above_its_request(job) || is_more_than_memory())
}

/// What a job gets whose user may not have all of it back: its memory and CPUs. Its time and its licenses are
/// measured by limits that its user may have chosen since, as those of another partition.
/// `None` where that is all.
fn sizes_alone(job: &QueuedJob, next: &Record) -> Option<Record> {
    let had = &job.record;
    if !had.shortens() && !had.relicenses() {
        return None;
    }
    let first = had.again.map(|again| again.first);
    let again = SecondRun {
        restarts: job.restarts,
        first: first.or(had.memory_in_force()).unwrap_or(0),
        runs: next.again.map_or(0, |again| again.runs),
    };
    Some(Record {
        time: had.time,
        limits_time: had.limits_time,
        licenses: had.licenses.clone(),
        // Not all is given back: it may die of the rest.
        again: Some(again),
        given_back: false,
        kept: None,
        ..next.clone()
    })
}

/// Somebody has given the job more memory by hand than its user first asked for.
fn is_above_its_request(job: &QueuedJob) -> bool {
    let asked = job.record.asked.and_then(|asked| asked.memory);
    job.memory
        .zip(asked)
        .is_some_and(|(now, asked)| now > asked.mib())
}
