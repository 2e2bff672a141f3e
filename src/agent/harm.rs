//! Was a job harmed by what was rewritten? Slurm's state says so only of plain deaths. A step or a child that is
//! killed, a step that is refused, a program that finds too little memory: they end as COMPLETED or FAILED. What
//! tells then is the job's own profile, its steps in accounting, and how its kind ended with what its users asked for.
//!
//! An end that a kind knows by itself is its user's own, but only as often as it comes by itself: one such run among many as asked
//! does not tell why each rewritten one ends so (`model/own_way.rs`).
//!
//! The constants are judgements: no data that we have tells which ends a rewrite caused. What they weigh is a run that did not do its
//! work, taken for a good one, against one run more of a job that ends so by itself. `scripts/bench strangers` makes such ends,
//! and prints how many of the jobs that were harmed were mended, and which were learned as good ones.

use super::{Agent, JUDGED};
use crate::fingerprint::{Kind, Level};
use crate::job::counters::JobCounters;
use crate::model::far_less::{Done, FAR_LESS, LEAST_COMPLETED, Usual};
use crate::model::own_way::{LATEST, Share, explains};
use crate::record::Record;
use crate::slurm::queue::QueuedJob;
use crate::store::{Harm, PastEnd};
use anyhow::Result;
use std::borrow::Cow;

/// So many of a kind's latest runs are looked at: in more, its program may have been another; in fewer, a failure of its own
/// that comes once in a while is not seen.
const LOOKED_AT: u32 = 50;

/// No more rows of the store are judged in one pass: somebody waits for a rescue. What is judged later is learned once more.
const MOST_JUDGED: i64 = 5000;

/// slurmctld has forgotten what ended so many seconds ago, and another job may have its number.
const FORGOTTEN_S: i64 = 86_400;

/// Ends that say something of what a run had; others are a node's, or somebody's wish.
const TELLING: [&str; 4] = ["COMPLETED", "FAILED", "OUT_OF_MEMORY", "TIMEOUT"];

impl Agent<'_> {
    /// Why the rewrite may have harmed a job that has ended; `None` for one that is well, or whose failure is its
    /// user's own.
    pub(super) fn harm(&self, job: &QueuedJob) -> Result<Option<Harm>> {
        let past = || self.own_past(&job.record.kind, job.job_id, i64::MAX);
        if let Some(why) = self.was_killed(job)? {
            let is_its_own =
                job.state == "COMPLETED" && (job.record.goes_on() || goes_on(&past()?));
            if !is_its_own {
                return Ok(Some(of_memory(why)));
            }
        } else if job.record.may_have_killed(&job.state) {
            let past = past()?;
            let is_its_own =
                !job.record.shortens() && is_its_own_way(ends_as(&job.state), &past, &past);
            return Ok((!is_its_own).then(|| otherwise("it died of the rewrite")));
        }
        match job.state.as_str() {
            _ if !job.record.resizes() => Ok(None),
            "FAILED" | "TIMEOUT" => {
                // Its accounting has been judged already, perhaps, by what was known then.
                if let Some(noted) = self.store.harm_of_run(job.job_id, job.started)? {
                    return Ok(Some(noted));
                }
                let ended = self.store.end_of_run(job.job_id, job.started)?;
                let ended = ended.unwrap_or(i64::MAX);
                let why = self.fails_alone(&job.record, job.job_id, &job.state, ended)?;
                Ok(why.map(otherwise))
            }
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
                let done = Done::from(&profile.seen);
                let why = self.ended_too_soon(&job.record, job.job_id, job.started, &done)?;
                Ok(why.map(otherwise))
            }
            None => Ok(noted),
        }
    }

    /// Notes which of the runs that are new in the store the rewrite harmed, before their kinds learn from them: not every
    /// node has a sampler, and slurmctld forgets a job before an agent that was away comes back.
    pub(super) fn judge_new_runs(&mut self) -> Result<()> {
        // All that are there, where none was judged yet: they may have been imported.
        let judged = self.store.progress(JUDGED)?.unwrap_or(0);
        let all = self
            .store
            .watermark()?
            .jobs
            .min(judged.saturating_add(MOST_JUDGED));
        let remembered = self.clock.now() - FORGOTTEN_S;
        // Their state says nothing: the next look at the whole queue, by which they are found, may be far.
        let mut harmed = self.store.completed_harmed_after(judged, remembered)?;
        let ends = self.store.ended_after(judged, all)?;
        for end in ends.iter().filter(|end| end.record.resizes()) {
            let (run, record) = (end.run, &end.record);
            let why = match end.state.as_str() {
                "COMPLETED" => {
                    let did = Done::from(&end.usage);
                    self.ended_too_soon(record, run.job_id, run.started, &did)?
                }
                state => self.fails_alone(record, run.job_id, state, end.ended)?,
            };
            if let Some(why) = why {
                self.store.note_harm(run, &otherwise(why))?;
                harmed.extend(Some(run.job_id).filter(|_| end.ended >= remembered));
            }
        }
        self.events.expect(harmed, self.clock.now());
        if all != judged {
            self.store.set_progress(JUDGED, all)?;
        }
        Ok(())
    }

    /// Why the rewrite may have made a job fail that ended then, in seconds since 1970; `None` where its kind fails so by itself,
    /// or nobody knows.
    fn fails_alone(
        &self,
        record: &Record,
        job_id: u64,
        state: &str,
        ended: i64,
    ) -> Result<Option<&'static str>> {
        // However long it is looked at, what ends after it says nothing of it: else one bad row would put back all that failed.
        let before = ended.saturating_add(1);
        let own = self.own_past(&record.kind, job_id, before)?;
        let past = self.past_of_its_size(record, job_id, before, &own)?;
        if is_its_own_way(ends_as(state), &own, &past) {
            return Ok(None);
        }
        if is_known(&past) {
            return Ok(Some(
                "its kind does not fail so with what its user asks for",
            ));
        }
        let is_first = state == "FAILED" && record.level == Some(Level::Shadow);
        Ok(is_first.then_some("nothing but a shadow has shown what its kind needs"))
    }

    /// Why a run that Slurm calls COMPLETED, did that, and started then, in seconds since 1970, has hardly done its work; `None`
    /// where it may have.
    fn ended_too_soon(
        &self,
        record: &Record,
        job_id: u64,
        started: i64,
        done: &Done,
    ) -> Result<Option<&'static str>> {
        let own = self.own_past(&record.kind, job_id, started)?;
        let past = self.past_of_its_size(record, job_id, started, &own)?;
        let runs = completed(&past).map(|run| Done::from(&run.usage));
        let usual = match Usual::of(runs) {
            None => self.seen_by_its_shadow(record)?,
            usual => usual,
        };
        let why = usual.as_ref().and_then(|usual| usual.amiss(done));
        let so = |run: &PastEnd| {
            let amiss = usual
                .as_ref()
                .and_then(|usual| usual.amiss(&(&run.usage).into()));
            run.state == "COMPLETED" && amiss.is_some()
        };
        Ok(why.filter(|_| !is_its_own_way(so, &own, &past)))
    }

    /// What the shadow did by which the job was sized, if it was: the job's own work, or the beginning of it.
    fn seen_by_its_shadow(&self, record: &Record) -> Result<Option<Usual>> {
        let Some(kind) = record
            .kind
            .command
            .filter(|_| record.level == Some(Level::Shadow))
        else {
            return Ok(None);
        };
        let shadow = self.store.shadow_of_kind(kind)?;
        let counters = shadow
            .filter(|shadow| shadow.need.is_some())
            .and_then(|shadow| shadow.counters);
        Ok(counters.map(|counters| Usual::of_one(Done::from(&counters.seen))))
    }

    /// The latest runs of the kind by which the job was sized: its user's `own`, or else all users' where theirs told what it needs.
    fn past_of_its_size<'a>(
        &self,
        record: &Record,
        job_id: u64,
        before: i64,
        own: &'a [PastEnd],
    ) -> Result<Cow<'a, [PastEnd]>> {
        let others = record
            .kind
            .application
            .filter(|_| record.level == Some(Level::Application) && !is_known(own));
        let Some(key) = others else {
            return Ok(own.into());
        };
        let kind = (Level::Application, key);
        let ends = self.store.past_ends(
            kind,
            job_id,
            before,
            LOOKED_AT,
            self.config.evidence.application_min_users,
        )?;
        Ok(ends.into())
    }

    /// The latest runs that ended before that time, in seconds since 1970, of the most specific of a user's kinds of which enough
    /// ended well, or else that has any.
    fn own_past(&self, kind: &Kind, job_id: u64, before: i64) -> Result<Vec<PastEnd>> {
        let mut found = Vec::new();
        for key in kind.keys() {
            let ends = self.store.past_ends(key, job_id, before, LOOKED_AT, 1)?;
            if is_known(&ends) {
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
        let past = self.own_past(&job.record.kind, job.job_id, i64::MAX)?;
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

/// A run ended in that state.
fn ends_as(state: &str) -> impl Fn(&PastEnd) -> bool + Copy {
    move |run| run.state == state
}

/// Jobs of this kind end so with what their users ask for, too, and as often.
fn is_its_own_way(so: impl Fn(&PastEnd) -> bool + Copy, own: &[PastEnd], past: &[PastEnd]) -> bool {
    comes_again(so, own) || comes_as_often(so, past)
}

/// The last job of this kind that ran again with all that its user asked for ended so once more, not so many rewritten ones ago
/// that it may have been chance.
fn comes_again(so: impl Fn(&PastEnd) -> bool, own: &[PastEnd]) -> bool {
    let Some(last) = own.iter().position(|run| run.was_given_back) else {
        return false;
    };
    let since = own[..last].iter().filter(|run| run.was_rewritten).count();
    so(&own[last]) && since < LATEST
}

/// As many of the latest rewritten runs, and the one that has just ended so, may end so as do with what their users ask for.
fn comes_as_often(so: impl Fn(&PastEnd) -> bool, past: &[PastEnd]) -> bool {
    let telling = || {
        past.iter()
            .filter(|run| TELLING.contains(&run.state.as_str()))
    };
    let mut as_asked = Share::default();
    let mut rewritten = Share { so: 1, all: 1 };
    let asked = telling().filter(|run| !run.was_rewritten);
    asked.for_each(|run| as_asked.count(so(run)));
    let latest = telling().filter(|run| run.was_rewritten);
    latest
        .take(LATEST - 1)
        .for_each(|run| rewritten.count(so(run)));
    explains(as_asked, rewritten)
}

/// Worth a look at its kind.
fn is_short(job: &QueuedJob, profile: &JobCounters) -> bool {
    let longest = job.record.evidence.map_or(0, |evidence| evidence.longest_s);
    f64::from(profile.wall_s) < FAR_LESS * f64::from(longest)
}

/// Enough of them ended well.
fn is_known(past: &[PastEnd]) -> bool {
    completed(past).count() >= LEAST_COMPLETED
}

fn completed(past: &[PastEnd]) -> impl Iterator<Item = &PastEnd> {
    past.iter()
        .filter(|run| run.state == "COMPLETED" && !run.usage.peak_is_bound && !run.was_harmed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Usage;

    /// The latest first; whether each was rewritten.
    fn ends(states: &[(&str, bool)]) -> Vec<PastEnd> {
        let end = |&(state, was_rewritten): &(&str, bool)| PastEnd {
            ended: 0,
            state: state.into(),
            was_rewritten,
            was_given_back: false,
            was_harmed: false,
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

    fn failed(run: &PastEnd) -> bool {
        run.state == "FAILED"
    }

    #[test]
    fn a_failure_is_a_kinds_own_only_as_often_as_it_comes_by_itself() {
        let (good, own, ours) = (("COMPLETED", false), ("FAILED", false), ("FAILED", true));
        let (well, cancelled) = (("COMPLETED", true), ("CANCELLED", false));
        // Runs before, the latest first, and how many there were of each.
        type Runs<'a> = &'a [((&'a str, bool), usize)];
        let cases: [(Runs, bool); 13] = [
            (&[], false),
            (&[(good, 3)], false),
            (&[(good, 3), (("TIMEOUT", false), 1)], false),
            (&[(ours, 1), (good, 3)], false),
            (&[(good, 3), (own, 1)], true),
            (&[(good, 20), (own, 1)], false),
            (&[(ours, 7), (good, 20), (own, 1)], false),
            (&[(well, 5), (good, 20), (own, 1)], true),
            (&[(ours, 2), (well, 30), (good, 20), (own, 1)], false),
            (&[(good, 3), (own, 3)], true),
            (&[(ours, 3), (good, 3), (own, 3)], true),
            (&[(ours, 9), (good, 3), (own, 3)], false),
            // Those that were cancelled say nothing.
            (&[(cancelled, 40), (good, 3), (own, 1)], true),
        ];
        for (runs, right) in cases {
            let each = runs.iter().flat_map(|&(end, count)| vec![end; count]);
            let past = ends(&each.collect::<Vec<_>>());
            assert_eq!(comes_as_often(failed, &past), right, "{runs:?}");
        }
    }

    #[test]
    fn a_failure_comes_again_where_the_last_job_that_was_given_all_failed_so_too() {
        // The latest first; whether it had been given back.
        let cases: [(&[(&str, bool)], bool); 5] = [
            (&[("FAILED", true)], true),
            (&[("COMPLETED", false), ("FAILED", true)], true),
            (&[("COMPLETED", true), ("FAILED", true)], false),
            (&[("FAILED", false)], false),
            (&[], false),
        ];
        for (runs, right) in cases {
            let mut past = ends(runs);
            for (run, (_, given_back)) in past.iter_mut().zip(runs) {
                (run.was_rewritten, run.was_given_back) = (false, *given_back);
            }
            assert_eq!(comes_again(failed, &past), right, "{runs:?}");
        }
        // After so many rewritten ones one is tried again.
        for (since, right) in [(LATEST - 1, true), (LATEST, false)] {
            let mut past = ends(&vec![("FAILED", true); since + 1]);
            let last = past.last_mut().unwrap();
            (last.was_rewritten, last.was_given_back) = (false, true);
            assert_eq!(comes_again(failed, &past), right, "{since}");
        }
    }
}
