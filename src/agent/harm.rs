//! Was a job harmed by what was rewritten? Slurm's state says so only of plain deaths. A step or a child that is
//! killed, a step that is refused, a program that finds too little memory: they end as COMPLETED or FAILED. What
//! tells then is the job's own profile, its steps in accounting, and how its kind ended with what its users asked for.
//!
//! The constants are judgements: no data that we have tells which ends a rewrite caused. What they weigh is a run that did not do its
//! work, taken for a good one, against one run more of a job that ends so by itself. `scripts/bench strangers` makes such ends,
//! and prints how many of the jobs that were harmed were mended, and which were learned as good ones.

use super::{Agent, JUDGED};
use crate::fingerprint::Kind;
use crate::job::Usage;
use crate::job::counters::JobCounters;
use crate::slurm::queue::QueuedJob;
use crate::store::{Harm, PastEnd};
use crate::text::units::MIB;
use anyhow::Result;
use std::borrow::Cow;

/// So many of a kind's latest runs are looked at: in more, its program may have been another; in fewer, a failure of its own
/// that comes once in a while is not seen.
const LOOKED_AT: u32 = 50;

/// A kind is known to end well from so many completed runs on: as many as it is sized from where `min_runs` is the default.
/// With more, harm to the first jobs that are sized would be left alone; with fewer, one lucky run would prove it.
const LEAST_COMPLETED: usize = 3;

/// A job has ended far too soon with less than this share of the time, the CPU time and the memory of every
/// run of its kind. A larger share runs jobs again that only had less to do; a smaller one misses those that die late.
const FAR_LESS: f64 = 0.25;

/// A number of steps that so many completed runs of a kind had in a row is no chance. A judgement.
const ALWAYS: usize = 10;

/// Kinds whose shortest run took less, in seconds, cannot end far too soon: a quarter of that is two of accounting's whole
/// seconds. A shorter job that goes wrong is cheap to run again by hand.
const LEAST_TIME_S: f64 = 8.0;

impl Agent<'_> {
    /// Why the rewrite may have harmed a job that has ended; `None` for one that is well, or whose failure is its
    /// user's own.
    pub(super) fn harm(&self, job: &QueuedJob) -> Result<Option<Harm>> {
        if job.record.died_of_memory(&job.state) {
            return Ok(Some(of_memory("it died of its memory limit")));
        }
        let past = || self.past(&job.record.kind, job.job_id, i64::MAX);
        if job.record.may_have_killed(&job.state) {
            let is_its_own = !job.record.shortens() && comes_again(&job.state, &past()?);
            return Ok((!is_its_own).then(|| otherwise("it died of the rewrite")));
        }
        let goes_on = ["COMPLETED", "FAILED"].contains(&job.state.as_str());
        if goes_on
            && job.record.memory.is_some_and(|memory| memory.applies())
            && self.store.was_killed_inside(job.job_id, job.started)?
        {
            return Ok(Some(of_memory(
                "a step of it was killed for want of memory",
            )));
        }
        match job.state.as_str() {
            _ if !job.record.resizes() => Ok(None),
            "FAILED" | "TIMEOUT" => Ok(fails_alone(&job.state, &past()?).map(otherwise)),
            "COMPLETED" => self.did_too_little(job),
            _ => Ok(None),
        }
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
        for done in self.store.completed_after(judged)? {
            let (run, record) = (done.run, &done.record);
            if !record.resizes() {
                continue;
            }
            let past = self.past(&record.kind, run.job_id, run.started)?;
            if let Some(why) = ended_too_soon(&(&done.usage).into(), &past) {
                self.store.note_harm(run, &otherwise(why))?;
            }
        }
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

/// What a run did. What nobody measured of it is nothing.
struct Done {
    time_s: f64,
    cpu_s: f64,
    peak_mib: f64,
    /// Steps; `None` where nobody knows.
    launched: Option<u32>,
}

impl From<&JobCounters> for Done {
    fn from(profile: &JobCounters) -> Done {
        Done {
            time_s: profile.wall_s.into(),
            cpu_s: profile.cpu_s.into(),
            peak_mib: profile.peak_mib.into(),
            launched: None,
        }
    }
}

impl From<&Usage> for Done {
    fn from(usage: &Usage) -> Done {
        let time_s = usage.elapsed_s as f64;
        Done {
            time_s,
            cpu_s: time_s * usage.cores.unwrap_or(0.0),
            peak_mib: usage.peak_bytes.unwrap_or(0) as f64 / MIB as f64,
            launched: usage.launched,
        }
    }
}

fn ended_too_soon(done: &Done, past: &[PastEnd]) -> Option<&'static str> {
    let runs: Vec<Done> = completed(past).map(|run| Done::from(&run.usage)).collect();
    if runs.len() < LEAST_COMPLETED {
        return None;
    }
    let least = |of: fn(&Done) -> f64| runs.iter().map(of).fold(f64::INFINITY, f64::min);
    let has_steps = |run: &Done| run.launched.is_some_and(|steps| steps > 0);
    // Work may have begun to go by another way than steps, or accounting may have lost them: then CPU time was used.
    let did_nothing = done.cpu_s <= FAR_LESS * least(|run| run.cpu_s);
    if done.launched == Some(0) && did_nothing && runs.iter().all(has_steps) {
        return Some("none of its steps started, and each run of its kind has some");
    }
    if is_without_a_step(done, &runs) {
        return Some("fewer of its steps started than in each run of its kind");
    }
    let far_less = |of: fn(&Done) -> f64| of(done) < FAR_LESS * least(of);
    let is_long = least(|run| run.time_s) >= LEAST_TIME_S;
    let all_less =
        far_less(|run| run.time_s) && far_less(|run| run.cpu_s) && far_less(|run| run.peak_mib);
    (is_long && all_less).then_some("it ended far too soon, having used far too little")
}

/// One of several steps was refused, and its script went on. How many there are may follow the data, and then varies sooner or later.
fn is_without_a_step(done: &Done, runs: &[Done]) -> bool {
    let (Some(launched), Some(usual)) = (done.launched, runs[0].launched) else {
        return false;
    };
    let is_usual = runs.len() >= ALWAYS && runs.iter().all(|run| run.launched == Some(usual));
    let least = runs
        .iter()
        .map(|run| run.cpu_s)
        .fold(f64::INFINITY, f64::min);
    launched < usual && is_usual && done.cpu_s <= least * f64::from(launched) / f64::from(usual)
}

fn completed(past: &[PastEnd]) -> impl Iterator<Item = &PastEnd> {
    past.iter()
        .filter(|run| run.state == "COMPLETED" && !run.usage.peak_is_bound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Usage;
    use crate::job::counters::{Counters, Ended};

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

    #[test]
    fn only_a_job_that_did_far_less_in_every_way_ended_too_soon() {
        let past = ends(&[("COMPLETED", false); 3]);
        let profile = |wall_s, cpu_s, peak_mib| {
            let seen = Counters {
                wall_s,
                cpu_s,
                peak_mib,
                ..Counters::nothing(Ended::Finished)
            };
            JobCounters::from(seen)
        };
        let cases = [
            (profile(1.0, 0.1, 4.0), true),
            (profile(30.0, 0.1, 4.0), false),
            (profile(1.0, 30.0, 4.0), false),
            (profile(1.0, 0.1, 300.0), false),
        ];
        for (profile, right) in cases {
            assert_eq!(
                ended_too_soon(&Done::from(&profile), &past).is_some(),
                right,
                "{profile:?}"
            );
        }
        let quick = Done::from(&profile(0.1, 0.0, 1.0));
        assert!(ended_too_soon(&quick, &past[..2]).is_none());
        let mut short = past;
        short.iter_mut().for_each(|run| run.usage.elapsed_s = 5);
        assert!(ended_too_soon(&quick, &short).is_none());
    }

    #[test]
    fn a_job_whose_steps_did_not_start_did_nothing_where_its_kind_has_steps() {
        let usual = Done::from(&ends(&[("COMPLETED", false)])[0].usage);
        let done = |launched, share: f64| Done {
            launched,
            cpu_s: usual.cpu_s * share,
            ..usual
        };
        // Steps of this run, its share of the usual CPU time, and steps of those before.
        for (launched, share, before, right) in [
            (Some(0), 0.1, [Some(1), Some(1), Some(3)], true),
            (Some(0), 1.0, [Some(1), Some(1), Some(3)], false),
            (Some(2), 0.1, [Some(3); 3], false),
            (Some(0), 0.1, [Some(1), Some(0), Some(1)], false),
            (Some(0), 0.1, [Some(1), None, Some(1)], false),
            (None, 0.1, [Some(1); 3], false),
        ] {
            let mut past = ends(&[("COMPLETED", false); 3]);
            for (run, launched) in past.iter_mut().zip(before) {
                run.usage.launched = launched;
            }
            let found = ended_too_soon(&done(launched, share), &past).is_some();
            assert_eq!(found, right, "{launched:?} {share} {before:?}");
        }
    }

    #[test]
    fn a_job_that_lacks_a_step_which_all_runs_of_its_kind_had_is_harmed() {
        let usual = Done::from(&ends(&[("COMPLETED", false)])[0].usage);
        // Steps of this run, its share of the usual CPU time, how many runs there were before, and the steps of the last of them.
        for (launched, share, count, last, right) in [
            (Some(2), 0.6, 10, Some(3), true),
            (Some(2), 0.6, 9, Some(3), false),
            (Some(2), 0.7, 10, Some(3), false),
            (Some(2), 0.6, 10, Some(4), false),
            (Some(2), 0.6, 10, None, false),
            (Some(4), 0.6, 10, Some(3), false),
            (None, 0.6, 10, Some(3), false),
        ] {
            let mut past = ends(&vec![("COMPLETED", false); count]);
            past.iter_mut().for_each(|run| run.usage.launched = Some(3));
            past.last_mut().unwrap().usage.launched = last;
            let done = Done {
                launched,
                cpu_s: usual.cpu_s * share,
                ..usual
            };
            let found = ended_too_soon(&done, &past).is_some();
            assert_eq!(found, right, "{launched:?} {share} {count} {last:?}");
        }
    }
}
