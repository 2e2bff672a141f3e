//! Whether a wider kind is one kind at all. Where the commands that it joins use memory far more unlike each other than each does
//! from run to run, it tells nothing of a new command: the next may be any.
//!
//! The constants are judgements, as the public traces name one level of kinds alone. Stricter ones take what is known from users
//! whose commands differ in how large they are; laxer ones size a new command by other programs' runs.

use crate::job::Run;
use std::collections::BTreeMap;

/// A command with fewer measured runs is not weighed: chance spreads them.
const LEAST_RUNS: usize = 3;

/// Commands that differ by less than this, the standard deviation of their means in logarithms, are alike enough: half as much
/// and twice as much.
const ALIKE: f64 = std::f64::consts::LN_2;

/// Between commands lies so many times what lies within each.
const FAR_MORE: f64 = 4.0;

/// Whether what runs of a wider kind teach is to be left out, by how far the peaks of its commands disagree.
pub fn disagrees(runs: &[Run]) -> bool {
    let mut commands: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.completed) {
        if let (Some(command), Some(peak)) = (run.command, run.usage.peak_bytes) {
            let peaks = commands.entry(command).or_default();
            peaks.push((peak.max(1) as f64).ln());
        }
    }
    commands.retain(|_, peaks| peaks.len() >= LEAST_RUNS);
    let weighed: usize = commands.values().map(Vec::len).sum();
    // Of a kind of many commands with few runs each, these few say nothing.
    if commands.len() < 2 || 2 * weighed < runs.len() {
        return false;
    }
    let means: Vec<f64> = commands.values().map(|peaks| mean(peaks)).collect();
    let squares: f64 = commands.values().map(|peaks| squares(peaks)).sum();
    let within = (squares / weighed as f64).sqrt();
    let between = (self::squares(&means) / means.len() as f64).sqrt();
    between >= ALIKE && between >= FAR_MORE * within
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sum of the squares of how far they are from their mean.
fn squares(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Usage;

    /// Runs of a command with these peaks, in MiB.
    fn runs(command: Option<u64>, peaks: &[u64]) -> Vec<Run> {
        let run = |&peak: &u64| Run {
            completed: true,
            usage: Usage {
                peak_bytes: Some(peak << 20),
                ..Usage::default()
            },
            input_bytes: None,
            asked: None,
            rewritten: false,
            harmed: None,
            went_on: false,
            command,
            user: 0,
            seats: Default::default(),
        };
        peaks.iter().map(run).collect()
    }

    #[test]
    fn commands_that_differ_far_more_than_their_runs_are_no_one_kind() {
        let small = || runs(Some(1), &[1000, 1010, 990]);
        let large = || runs(Some(2), &[60_000, 62_000, 61_000]);
        let cases = [
            ("two programs", [small(), large()].concat(), true),
            ("one", small(), false),
            (
                "alike",
                [small(), runs(Some(2), &[1500, 1400, 1600])].concat(),
                false,
            ),
            (
                "each is as unlike itself",
                [
                    runs(Some(1), &[100, 1000, 10_000]),
                    runs(Some(2), &[1000, 10_000, 100_000]),
                ]
                .concat(),
                false,
            ),
            (
                "too few of one",
                [small(), runs(Some(2), &[60_000, 61_000])].concat(),
                false,
            ),
            (
                "accounting alone",
                runs(None, &[1000, 1000, 60_000, 61_000]),
                false,
            ),
            (
                "most of them are others",
                [small(), large(), runs(None, &[1000; 7])].concat(),
                false,
            ),
            ("none", Vec::new(), false),
        ];
        for (what, runs, right) in cases {
            assert_eq!(disagrees(&runs), right, "{what}");
        }
        let mut failed = [small(), large()].concat();
        failed[3..].iter_mut().for_each(|run| run.completed = false);
        assert!(!disagrees(&failed));
    }
}
