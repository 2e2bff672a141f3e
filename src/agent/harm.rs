//! Was a job harmed by what was rewritten? Slurm's state says so only of plain deaths. A step or a child that is
//! killed, a step that is refused, a program that finds too little memory: they end as COMPLETED or FAILED. What
//! tells then is the job's own profile, its steps in accounting, and how its kind ended with what its users asked for.
//!
//! The constants are judgements: no data that we have tells which ends a rewrite caused. What they weigh is a run that did not do its
//! work, taken for a good one, against one run more of a job that ends so by itself. `scripts/bench strangers` makes such ends,
//! and prints how many of the jobs that were harmed were mended, and which were learned as good ones.

use super::{Agent, JUDGED};
use crate::fingerprint::Kind;
use crate::job::counters::JobCounters;
use crate::model::far_less::{Done, FAR_LESS, LEAST_COMPLETED, Usual};
use crate::slurm::queue::QueuedJob;
use crate::store::{Harm, PastEnd};
use anyhow::Result;
use std::borrow::Cow;

/// So many of a kind's latest runs are looked at: in more, its program may have been another; in fewer, a failure of its own
/// that comes once in a while is not seen.
const LOOKED_AT: u32 = 50;

impl Agent<'_> {
    /// Why the rewrite may have harmed a job that has ended; `None` for one that is well, or whose failure is its
    /// user's own.
    pub(super) fn harm(&self, job: &QueuedJob) -> Result<Option<Harm>> {
        let past = || self.past(&job.record.kind, job.job_id, i64::MAX);
        if let Some(why) = self.was_killed(job)? {
            let is_its_own =
                job.state == "COMPLETED" && (job.record.goes_on() || goes_on(&past()?));
            if !is_its_own {
                return Ok(Some(of_memory(why)));
            }
        } else if job.record.may_have_killed(&job.state) {
            let is_its_own = !job.record.shortens() && comes_again(&job.state, &past()?);
            return Ok((!is_its_own).then(|| otherwise("it died of the rewrite")));
        }
        match job.state.as_str() {
            _ if !job.record.resizes() => Ok(None),
            "FAILED" | "TIMEOUT" => Ok(fails_alone(&job.state, &past()?).map(otherwise)),
            "COMPLETED" => self.did_too_little(job),
            _ => Ok(None),
        }
    }

    /// What of a job that had less memory than its user asked for was killed for want of it.
    fn was_killed(&self, job: &QueuedJob) -> Result<Option<&'static str>> {
        if job.record.died_of_memory(&job.state) {
            return Ok(Some("it died of its memory limit"));
        }
        let is_told = ["COMPLETED", "FAILED"].contains(&job.state.as_str())
            && job.record.memory.is_some_and(|memory| memory.applies())
            && self.store.was_killed_inside(job.job_id, job.started)?;
        Ok(is_told.then_some("a step of it was killed for want of memory"))
    }

    /// By its accounting, which has been judged, or by its profile, which may be there before.
    fn did_too_little(&self, job: &QueuedJob) -> Result<Option<Harm>> {
        let noted = self.store.harm_of_run(job.job_id, job.started)?;
        let profile = job.record.profile.as_deref();
        match profile.filter(|profile| noted.is_none() && is_short(job, profile)) {
            Some(profile) => {
                let past = self.past(&job.record.kind, job.job_id, job.started)?;
                Ok(ended_too_soon(&profile.into(), &past).map(otherwise))
            }
            None => Ok(noted),
        }
    }

    /// Notes which of the runs that are new in the store ended far too soon, before their kinds learn from them: not every
    /// node has a sampler, and slurmctld forgets a job before an agent that was away comes back.
    pub(super) fn judge_new_runs(&mut self) -> Result<()> {
        let judged = self.store.progress(JUDGED)?.unwrap_or(0);
        let all = self.store.watermark()?.jobs;
        // Their state says nothing: the next look at the whole queue, by which they are found, may be far.
        let mut harmed = self.store.completed_harmed_after(judged)?;
        for done in self.store.completed_after(judged)? {
            let (run, record) = (done.run, &done.record);
            if !record.resizes() {
                continue;
            }
            let past = self.past(&record.kind, run.job_id, run.started)?;
            if let Some(why) = ended_too_soon(&(&done.usage).into(), &past) {
                self.store.note_harm(run, &otherwise(why))?;
                harmed.push(run.job_id);
            }
        }
        self.events.expect(harmed, self.clock.now());
        if all != judged {
            self.store.set_progress(JUDGED, all)?;
        }
        Ok(())
    }

    /// The latest runs that ended before that time, in seconds since 1970, of the most specific of a user's kinds of which enough
    /// ended well, or else that has any.
    fn past(&self, kind: &Kind, job_id: u64, before: i64) -> Result<Vec<PastEnd>> {
        let mut found = Vec::new();
        for key in kind.keys() {
            let ends = self.store.past_ends(key, job_id, before, LOOKED_AT)?;
            if completed(&ends).count() >= LEAST_COMPLETED {
                return Ok(ends);
            }
            if found.is_empty() {
                found = ends;
            }
        }
        Ok(found)
    }

    /// Jobs of this kind die of memory with all that their users ask for, too.
    pub(super) fn dies_of_memory_by_itself(&self, job: &QueuedJob) -> Result<bool> {
        let past = self.past(&job.record.kind, job.job_id, i64::MAX)?;
        Ok(past
            .iter()
            .any(|run| !run.was_rewritten && run.usage.peak_is_bound))
    }
}

pub(super) fn of_memory(why: &'static str) -> Harm {
    Harm {
        of_memory: true,
        why: Cow::Borrowed(why),
    }
}

fn otherwise(why: &'static str) -> Harm {
    Harm {
        of_memory: false,
        why: Cow::Borrowed(why),
    }
}

/// A job of this kind went on after something of it was killed, and ended as COMPLETED, with all that its user asked for.
fn goes_on(past: &[PastEnd]) -> bool {
    past.iter()
        .any(|run| run.state == "COMPLETED" && !run.was_rewritten && run.usage.peak_is_bound)
}

/// The last job of this kind that ran again with all that its user asked for ended so once more.
fn comes_again(state: &str, past: &[PastEnd]) -> bool {
    let last = past.iter().find(|run| run.was_given_back);
    last.is_some_and(|run| run.state == state)
}

/// Worth a look at its kind.
fn is_short(job: &QueuedJob, profile: &JobCounters) -> bool {
    let longest = job.record.evidence.map_or(0, |evidence| evidence.longest_s);
    f64::from(profile.wall_s) < FAR_LESS * f64::from(longest)
}

/// No run of its kind ended like this with what its user asked for, and enough of them ended well.
fn fails_alone(state: &str, past: &[PastEnd]) -> Option<&'static str> {
    let by_itself = past
        .iter()
        .any(|run| run.state == state && !run.was_rewritten);
    (completed(past).count() >= LEAST_COMPLETED && !by_itself)
        .then_some("its kind does not fail so with what its user asks for")
}

fn ended_too_soon(done: &Done, past: &[PastEnd]) -> Option<&'static str> {
    let runs = completed(past).map(|run| Done::from(&run.usage));
    Usual::of(runs)?.amiss(done)
}

fn completed(past: &[PastEnd]) -> impl Iterator<Item = &PastEnd> {
    past.iter()
        .filter(|run| run.state == "COMPLETED" && !run.usage.peak_is_bound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Usage;

    fn ends(states: &[(&str, bool)]) -> Vec<PastEnd> {
        let end = |&(state, was_rewritten): &(&str, bool)| PastEnd {
            state: state.into(),
            was_rewritten,
            was_given_back: false,
            usage: Usage {
                peak_bytes: Some(800 << 20),
                peak_is_bound: false,
                cores: Some(1.0),
                elapsed_s: 100,
                named: Default::default(),
                launched: None,
            },
        };
        states.iter().map(end).collect()
    }

    #[test]
    fn a_failure_is_the_rewrites_only_where_the_kind_never_fails_by_itself() {
        let good = [("COMPLETED", false); 3];
        let with = |more: &[(&str, bool)]| ends(&[&good[..], more].concat());
        let cases = [
            (ends(&good), true),
            (ends(&good[..2]), false),
            (with(&[("FAILED", true)]), true),
            (with(&[("TIMEOUT", false)]), true),
            (with(&[("FAILED", false)]), false),
            (Vec::new(), false),
        ];
        for (past, right) in cases {
            assert_eq!(fails_alone("FAILED", &past).is_some(), right, "{past:?}");
        }
    }

    #[test]
    fn a_failure_comes_again_where_the_last_job_that_was_given_all_failed_so_too() {
        // The latest first; whether it had been given back.
        let cases: [(&[(&str, bool)], bool); 5] = [
            (&[("TIMEOUT", true)], true),
            (&[("COMPLETED", false), ("TIMEOUT", true)], true),
            (&[("COMPLETED", true), ("TIMEOUT", true)], false),
            (&[("TIMEOUT", false)], false),
            (&[], false),
        ];
        for (runs, right) in cases {
            let mut past = ends(runs);
            for (run, (_, given_back)) in past.iter_mut().zip(runs) {
                (run.was_rewritten, run.was_given_back) = (false, *given_back);
            }
            assert_eq!(comes_again("TIMEOUT", &past), right, "{runs:?}");
        }
    }
}
