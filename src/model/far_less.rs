//! Whether a run did far less than the runs of its kind do: it ended well by its state, and did not do its work.
//!
//! The constants are judgements: no data that we have tells which runs did not do their work.

use crate::job::Usage;
use crate::job::counters::JobCounters;
use crate::text::units::MIB;

/// A kind is known to end well from so many completed runs on: as many as it is sized from where `min_runs` is the default.
/// With more, harm to the first jobs that are sized would be left alone; with fewer, one lucky run would prove it.
pub const LEAST_COMPLETED: usize = 3;

/// A job has ended far too soon with less than this share of the time, the CPU time and the memory of every
/// run of its kind. A larger share runs jobs again that only had less to do; a smaller one misses those that die late.
pub const FAR_LESS: f64 = 0.25;

/// A number of steps that so many completed runs of a kind had in a row is no chance. A judgement.
const ALWAYS: usize = 10;

/// Kinds whose shortest run took less, in seconds, cannot end far too soon: a quarter of that is two of accounting's whole
/// seconds. A shorter job that goes wrong is cheap to run again by hand.
const LEAST_TIME_S: f64 = 8.0;

/// What a run did. What nobody measured of it is nothing.
#[derive(Debug, Clone, Copy)]
pub struct Done {
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

/// What completed runs of one kind did at least.
#[derive(Debug)]
pub struct Usual {
    time_s: f64,
    cpu_s: f64,
    peak_mib: f64,
    /// Each of them had a step.
    has_steps: bool,
    /// How many steps each of them had, where that is always the same.
    always: Option<u32>,
}

impl Usual {
    /// Of these completed runs; `None` where there are too few.
    pub fn of(runs: impl IntoIterator<Item = Done>) -> Option<Usual> {
        let runs: Vec<Done> = runs.into_iter().collect();
        if runs.len() < LEAST_COMPLETED {
            return None;
        }
        let least = |of: fn(&Done) -> f64| runs.iter().map(of).fold(f64::INFINITY, f64::min);
        let first = runs.first()?.launched;
        let is_always = runs.len() >= ALWAYS && runs.iter().all(|run| run.launched == first);
        Some(Usual {
            time_s: least(|run| run.time_s),
            cpu_s: least(|run| run.cpu_s),
            peak_mib: least(|run| run.peak_mib),
            has_steps: runs
                .iter()
                .all(|run| run.launched.is_some_and(|steps| steps > 0)),
            always: first.filter(|_| is_always),
        })
    }

    /// Why a run that did `done` has hardly done the work of these; `None` where it may have.
    pub fn amiss(&self, done: &Done) -> Option<&'static str> {
        // Work may have begun to go by another way than steps, or accounting may have lost them: then CPU time was used.
        let did_nothing = done.cpu_s <= FAR_LESS * self.cpu_s;
        if done.launched == Some(0) && did_nothing && self.has_steps {
            return Some("none of its steps started, and each run of its kind has some");
        }
        if self.lacks_a_step(done) {
            return Some("fewer of its steps started than in each run of its kind");
        }
        let all_less = done.time_s < FAR_LESS * self.time_s
            && done.cpu_s < FAR_LESS * self.cpu_s
            && done.peak_mib < FAR_LESS * self.peak_mib;
        (self.time_s >= LEAST_TIME_S && all_less)
            .then_some("it ended far too soon, having used far too little")
    }

    /// One of several steps was refused, and its script went on. How many there are may follow the data, and then varies sooner or later.
    fn lacks_a_step(&self, done: &Done) -> bool {
        let (Some(launched), Some(usual)) = (done.launched, self.always) else {
            return false;
        };
        launched < usual && done.cpu_s <= self.cpu_s * f64::from(launched) / f64::from(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Done = Done {
        time_s: 100.0,
        cpu_s: 100.0,
        peak_mib: 800.0,
        launched: None,
    };

    fn is_undercut(done: Done, runs: &[Done]) -> bool {
        let usual = Usual::of(runs.iter().copied());
        usual.is_some_and(|usual| usual.amiss(&done).is_some())
    }

    #[test]
    fn only_a_job_that_did_far_less_in_every_way_ended_too_soon() {
        let done = |time_s, cpu_s, peak_mib| Done {
            time_s,
            cpu_s,
            peak_mib,
            launched: None,
        };
        let quick = done(0.1, 0.0, 1.0);
        let short = Done {
            time_s: 5.0,
            ..USUAL
        };
        for (did, runs, right) in [
            (done(1.0, 0.1, 4.0), [USUAL; 3].as_slice(), true),
            (done(30.0, 0.1, 4.0), &[USUAL; 3], false),
            (done(1.0, 30.0, 4.0), &[USUAL; 3], false),
            (done(1.0, 0.1, 300.0), &[USUAL; 3], false),
            (quick, &[USUAL; 3], true),
            (quick, &[USUAL; 2], false),
            (quick, &[USUAL, USUAL, short], false),
        ] {
            assert_eq!(is_undercut(did, runs), right, "{did:?} {runs:?}");
        }
    }

    #[test]
    fn a_job_whose_steps_did_not_start_did_nothing_where_its_kind_has_steps() {
        // Steps of this run, its share of the usual CPU time, and steps of those before.
        for (launched, share, before, right) in [
            (Some(0), 0.1, [Some(1), Some(1), Some(3)], true),
            (Some(0), 1.0, [Some(1), Some(1), Some(3)], false),
            (Some(2), 0.1, [Some(3); 3], false),
            (Some(0), 0.1, [Some(1), Some(0), Some(1)], false),
            (Some(0), 0.1, [Some(1), None, Some(1)], false),
            (None, 0.1, [Some(1); 3], false),
        ] {
            let runs = before.map(|launched| Done { launched, ..USUAL });
            let done = Done {
                launched,
                cpu_s: USUAL.cpu_s * share,
                ..USUAL
            };
            let found = is_undercut(done, &runs);
            assert_eq!(found, right, "{launched:?} {share} {before:?}");
        }
    }

    #[test]
    fn a_job_that_lacks_a_step_which_all_runs_of_its_kind_had_is_harmed() {
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
            let three = Done {
                launched: Some(3),
                ..USUAL
            };
            let mut runs = vec![three; count];
            runs[count - 1].launched = last;
            let done = Done {
                launched,
                cpu_s: USUAL.cpu_s * share,
                ..USUAL
            };
            let found = is_undercut(done, &runs);
            assert_eq!(found, right, "{launched:?} {share} {count} {last:?}");
        }
    }
}
