//! How much memory a job gets that died of its first limit, before it gets all that its user asked for.
//!
//! Data, objective and command stand in `model/mod.rs`. With all that was asked for at once the objective is 0.43, with both
//! constants as they are 0.39; each by itself is a judgement, and was not varied.

use crate::job::Run;
use crate::text::units::MIB;

/// What is set above the largest of the runs that needed more than the first limit: more is wasted in each second run, less
/// sends more jobs into a third, with all that their users asked for.
const ABOVE: f64 = 1.1;

/// Where no run did, the first limit times this. It weighs the same two costs, and knows nothing of the job.
const FURTHER: f64 = 2.0;

/// What the second of three runs gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Second {
    /// Memory on a node, in MiB.
    pub mib: f64,
    /// So many runs of the kind needed more than the first limit, and say how much; 0 where none did.
    pub runs: u32,
}

/// What a job gets next that died of `first_mib` on a node: what the largest of its kind's completed runs above
/// that would want, or else twice as much; all in MiB. `None` where that is not less than the `asked_mib` that it gets at last.
pub fn second<'a>(
    runs: impl IntoIterator<Item = &'a Run>,
    first_mib: f64,
    asked_mib: f64,
) -> Option<Second> {
    let completed = runs.into_iter().filter(|run| run.completed);
    let peaks = completed.filter_map(|run| Some(run.usage.peak_bytes? as f64 / MIB as f64));
    let above = peaks.filter(|&peak| peak > first_mib);
    let (runs, largest) = above.fold((0, 0.0), |(runs, largest), peak| {
        (runs + 1, f64::max(largest, peak))
    });
    let mib = match runs {
        0 => FURTHER * first_mib,
        _ => ABOVE * largest,
    };
    (mib < asked_mib).then_some(Second { mib, runs })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Usage;

    fn run(mib: u64, completed: bool) -> Run {
        Run {
            completed,
            usage: Usage {
                peak_bytes: Some(mib * MIB),
                ..Usage::default()
            },
            input_bytes: None,
            asked: None,
            rewritten: false,
            harmed: None,
            went_on: false,
            command: None,
            user: 0,
            seats: Default::default(),
        }
    }

    #[test]
    fn the_runs_that_needed_more_say_how_much_more_and_else_it_is_doubled() {
        type Case<'a> = (&'a [(u64, bool)], f64, Option<(f64, u32)>);
        let cases: [Case; 7] = [
            (&[], 8000.0, Some((2000.0, 0))),
            (&[(900, true), (1000, true)], 8000.0, Some((2000.0, 0))),
            (
                &[(900, true), (3000, true), (2000, true)],
                8000.0,
                Some((3300.0, 2)),
            ),
            // What did not end well does not say what would have been enough.
            (&[(3000, false), (1100, true)], 8000.0, Some((1210.0, 1))),
            (&[(3000, false)], 8000.0, Some((2000.0, 0))),
            (&[], 2000.0, None),
            (&[(7500, true)], 8000.0, None),
        ];
        for (runs, asked, right) in cases {
            let runs: Vec<Run> = runs.iter().map(|&(mib, well)| run(mib, well)).collect();
            let found = second(&runs, 1000.0, asked);
            let found = found.map(|second| (second.mib.round(), second.runs));
            assert_eq!(found, right, "{runs:?} {asked}");
        }
    }
}
