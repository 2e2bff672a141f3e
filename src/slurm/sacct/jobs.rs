//! Which job a step belongs to. sacct prints a job's steps right behind it; where another job's row stands between
//! them, that row was part of a name with newlines, and its writer wants to be somebody else.

use super::early::Early;
use super::steps::{Open, Step};
use crate::record::FinishedJob;
use std::collections::VecDeque;

/// A job without steps waits for them while this many more jobs are read: more rows than that fit in no name.
const MOST_OPEN: usize = 16;

/// Jobs to which steps may still come, in the order of their rows.
#[derive(Default)]
pub struct Jobs {
    open: VecDeque<Open>,
    /// The job whose row was read last, if it has not ended or was left out.
    passed: Option<u64>,
    early: Early,
}

impl Jobs {
    /// A job's row, at `line`, or the one before it once more.
    pub fn begin(&mut self, job: FinishedJob, line: u64) {
        self.passed = None;
        let (steps, settled) = self.early.of(job.job_id);
        let is_again = |before: &&mut Open| {
            let may_be = settled || before.steps.is_empty();
            may_be && steps.is_empty() && before.job == job
        };
        if let Some(before) = self.open.back_mut().filter(is_again) {
            before.again += 1;
            return;
        }
        self.open.push_back(Open {
            job,
            steps,
            line,
            again: 0,
            settled,
        });
    }

    /// The row of a job that has not ended: what steps come next are its own.
    pub fn pass(&mut self, job_id: u64) {
        self.open.iter_mut().for_each(|open| open.settled = true);
        self.leave_out(job_id);
    }

    /// The row of a job that is left out: its steps are, too.
    pub fn leave_out(&mut self, job_id: u64) {
        self.early.of(job_id);
        self.passed = Some(job_id);
    }

    /// A step's row. Returns the jobs that stood between it and its own job, and are none.
    pub fn step(&mut self, job_id: u64, step: Step) -> Vec<Open> {
        match self.early.step(job_id, step) {
            Some(step) if self.passed != Some(job_id) => self.behind(job_id, step),
            _ => Vec::new(),
        }
    }

    fn behind(&mut self, job_id: u64, step: Step) -> Vec<Open> {
        let is_its = |open: &Open| open.job.job_id == job_id && !open.settled;
        let latest = self.open.len().saturating_sub(1);
        let may_take = |at: &usize| *at == latest || self.open[*at].steps.is_empty();
        let Some(at) = self.open.iter().rposition(is_its).filter(may_take) else {
            self.early.lose(step);
            return Vec::new();
        };
        let between = self.open.split_off(at + 1);
        self.open[at].steps.push(step);
        between.into()
    }

    /// A row that is no record.
    pub fn broken(&mut self) {
        self.early.broken();
    }

    /// Steps since it was asked last that no job was found for.
    pub fn lost(&mut self) -> Vec<Step> {
        self.early.lost()
    }

    /// The next job to which no more steps can come.
    pub fn ready(&mut self) -> Option<Open> {
        let first = self.open.front().filter(|_| self.open.len() > 1)?;
        let waits = first.steps.is_empty() && first.job.started > 0 && !first.settled;
        if waits && self.open.len() <= MOST_OPEN {
            return None;
        }
        self.open.pop_front()
    }

    /// The next job once the dump is at its end.
    pub fn last(&mut self) -> Option<Open> {
        self.early.end();
        self.open.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::finished;

    fn step() -> Step {
        Step {
            id: "1.0".into(),
            line: 3,
            start: 1,
            end: 2,
            peak: 7,
            out_of_memory: false,
            memory: 0,
            cpus: 1,
            nodes: 1,
            is_launched: true,
        }
    }

    fn ready(jobs: &mut Jobs) -> Vec<u64> {
        std::iter::from_fn(|| jobs.ready())
            .map(|open| open.job.job_id)
            .collect()
    }

    #[test]
    fn a_job_with_its_steps_is_ready_once_the_next_one_begins() {
        let mut jobs = Jobs::default();
        jobs.begin(finished(1, 100, 5), 2);
        assert!(jobs.step(1, step()).is_empty());
        assert_eq!(ready(&mut jobs), [0; 0], "more steps may come");
        jobs.begin(finished(2, 100, 5), 4);
        assert_eq!(ready(&mut jobs), [1]);
        assert_eq!(jobs.last().map(|open| open.line), Some(4));
    }

    #[test]
    fn a_job_without_steps_waits_for_them_no_longer_than_a_name_can_be() {
        let mut jobs = Jobs::default();
        for id in 1..=16 {
            jobs.begin(finished(id, 100, 5), id);
            assert_eq!(ready(&mut jobs), [0; 0]);
        }
        jobs.begin(finished(17, 100, 5), 17);
        assert_eq!(ready(&mut jobs), [1]);
        // The steps of one that has been passed over are nobody's.
        assert!(jobs.step(1, step()).is_empty());
        assert_eq!(jobs.lost().len(), 1);
    }

    #[test]
    fn a_job_that_never_started_or_is_followed_by_one_that_runs_waits_for_no_steps() {
        let mut jobs = Jobs::default();
        let never = FinishedJob {
            started: 0,
            ..finished(1, 100, 5)
        };
        jobs.begin(never, 2);
        jobs.begin(finished(2, 100, 5), 3);
        assert_eq!(ready(&mut jobs), [1]);
        jobs.pass(8);
        assert!(jobs.step(8, step()).is_empty() && jobs.lost().is_empty());
        jobs.begin(finished(3, 100, 5), 5);
        assert_eq!(ready(&mut jobs), [2]);
    }
}
