//! Whether a run did far less than the runs of its kind do: it ended well by its state, and did not do its work.
//!
//! The constants are judgements: no data that we have tells which runs did not do their work.

use crate::job::Usage;
use crate::job::counters::Counters;
use crate::text::units::MIB;

/// A kind is known to end well from so many completed runs on: as many as it is sized from where `min_runs` is the default.
/// With more, harm to the first jobs that are sized would be left alone; with fewer, one lucky run would prove it.
pub const LEAST_COMPLETED: usize = 3;

/// A job has ended far too soon with less than this share of the time, the CPU time and the memory of nearly every
/// run of its kind. A larger share runs jobs again that only had less to do; a smaller one misses those that die late.
pub const FAR_LESS: f64 = 0.25;

/// Of so many runs of a kind one may have been an odd one, that had nothing to do. With fewer, kinds whose work varies are judged
/// by what most of them do; with more, a few odd runs hide all harm.
const ONE_ODD_IN: usize = 20;

/// A number of steps that so many completed runs of a kind had in a row is no chance. A judgement.
const ALWAYS: usize = 10;

/// Kinds whose runs take less, in seconds, cannot end far too soon: a quarter of that is two of accounting's whole
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

impl From<&Counters> for Done {
    fn from(seen: &Counters) -> Done {
        Done {
            time_s: seen.wall_s.into(),
            cpu_s: seen.cpu_s.into(),
            peak_mib: seen.peak_mib.into(),
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

/// What nearly all completed runs of one kind did at least.
#[derive(Debug)]
pub struct Usual {
    time_s: f64,
    cpu_s: f64,
    peak_mib: f64,
    /// They had a step.
    has_steps: bool,
    /// How many steps they had, where that is always the same.
    always: Option<u32>,
}

impl Usual {
    /// Of these completed runs; `None` where there are too few.
    pub fn of(runs: impl IntoIterator<Item = Done>) -> Option<Usual> {
        let runs: Vec<Done> = runs.into_iter().collect();
        if runs.len() < LEAST_COMPLETED {
            return None;
        }
        let least = |of: fn(&Done) -> f64| nearly_least(runs.iter().map(of).collect());
        let nearly_all = |is: &dyn Fn(Option<u32>) -> bool| {
            let odd = runs.iter().filter(|run| !is(run.launched)).count();
            odd <= runs.len() / ONE_ODD_IN
        };
        let steps = usual_steps(&runs);
        let is_always = runs.len() >= ALWAYS && nearly_all(&|launched| launched == steps);
        Some(Usual {
            time_s: least(|run| run.time_s),
            cpu_s: least(|run| run.cpu_s),
            peak_mib: least(|run| run.peak_mib),
            has_steps: nearly_all(&|launched| launched.is_some_and(|steps| steps > 0)),
            always: steps.filter(|_| is_always),
        })
    }

    /// Of one run alone, as of a shadow that did part of its job's work: without steps.
    pub fn of_one(done: Done) -> Usual {
        Usual {
            time_s: done.time_s,
            cpu_s: done.cpu_s,
            peak_mib: done.peak_mib,
            has_steps: false,
            always: None,
        }
    }

    /// Why a run that did `done` has hardly done the work of these; `None` where it may have.
    pub fn amiss(&self, done: &Done) -> Option<&'static str> {
        // Work may have begun to go by another way than steps, or accounting may have lost them: then CPU time was used.
        let did_nothing = done.cpu_s <= FAR_LESS * self.cpu_s;
        if done.launched == Some(0) && did_nothing && self.has_steps {
            return Some("none of its steps started, and runs of its kind have some");
        }
        if self.lacks_a_step(done) {
            return Some("fewer of its steps started than in runs of its kind");
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

/// The smallest of these values but for the odd ones; infinite where there is none.
pub fn nearly_least(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let odd = values.len() / ONE_ODD_IN;
    values.get(odd).copied().unwrap_or(f64::INFINITY)
}

/// How many steps the middle one of these runs had.
fn usual_steps(runs: &[Done]) -> Option<u32> {
    let mut steps: Vec<Option<u32>> = runs.iter().map(|run| run.launched).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().flatten()
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
    fn one_odd_run_in_twenty_hides_no_harm_and_kinds_that_vary_or_are_short_are_left() {
        let long = |time_s| Done { time_s, ..USUAL };
        let done = |time_s, cpu_s, peak_mib| Done {
            time_s,
            cpu_s,
            peak_mib,
            launched: Some(0),
        };
        let odd = done(0.5, 0.1, 3.0);
        let with_steps = Done {
            launched: Some(3),
            ..USUAL
        };
        let lacks_one = Done {
            launched: Some(2),
            cpu_s: 50.0,
            ..USUAL
        };
        // How many runs there were of which sort, how many odd ones, and what was done then.
        for (sort, usual, odds, did, right) in [
            (USUAL, 19, 1, odd, true),
            (USUAL, 18, 1, odd, false),
            (USUAL, 18, 2, odd, false),
            (USUAL, 48, 2, odd, true),
            (USUAL, 47, 3, odd, false),
            (long(7.0), 19, 1, odd, false),
            (with_steps, 19, 1, done(90.0, 0.1, 700.0), true),
            (with_steps, 18, 2, done(90.0, 0.1, 700.0), false),
            (with_steps, 19, 1, lacks_one, true),
            (with_steps, 18, 2, lacks_one, false),
        ] {
            // Wherever in the order they came.
            for odd_first in [true, false] {
                let mut runs = vec![sort; usual];
                let at = if odd_first { 0 } else { usual };
                runs.splice(at..at, vec![odd; odds]);
                assert_eq!(is_undercut(did, &runs), right, "{usual} {odds} {did:?}");
            }
        }
        // Runs that all differ.
        let runs: Vec<Done> = (1..=40).map(|n| done(f64::from(n * n), 1.0, 9.0)).collect();
        assert!(!is_undercut(odd, &runs[..30]));
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
