//! What is learned about one kind of job, run by run.
//!
//! Each run is first predicted by every base from the runs before it, as it would have been, and only
//! then learned from. What that would have cost is each base's score; the one with the least is followed
//! (prequential selection, Dawid 1984). Runs with more input than any before have scores of their own:
//! a base that is good where runs are known may be bad beyond.

use super::base::{BASES, Sample};
use super::curve::{Curve, Knot};
use super::evidence::{Evidence, Learned};
use super::fit::Need;
use super::margin::margin;
use crate::job::Usage;
use crate::units::MIB;
use std::collections::VecDeque;

/// Scores count from this many runs on.
const FIRST_SCORED: usize = 3;

/// A score halves after about a dozen runs.
const SCORE_KEPT: f64 = 0.945;

/// Beyond the inputs seen, this much of the score within them counts too.
const SCORE_WITHIN: f64 = 0.32;

/// What a wrong choice of base costs when a run is killed, beyond its memory, as a share of that.
const SCORE_PRICE: f64 = 0.67;

/// Points at which a curve is asked for within the inputs seen, and their distances beyond the largest
/// and below the smallest, in ln(input).
const KNOTS: usize = 20;
const BEYOND: [f64; 3] = [1e-3, 0.35, 0.7];
const BELOW: f64 = 0.35;

/// Of a run that died of its memory limit the need is not known; it is taken to be this much more.
const OUTGROWN: f64 = 1.2;

/// One run of a kind, as training wants it.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// It ended well, so that what it used is what such a job needs.
    pub completed: bool,
    /// What it used.
    pub usage: Usage,
    /// Size of its input in bytes, where the submission told it.
    pub input_bytes: Option<u64>,
    /// Memory on a node that its user asked for, in bytes.
    pub asked: Option<u64>,
}

/// What is known about one kind of job, and how good each base has been at it.
pub struct Learner {
    window: usize,
    price: f64,
    runs: VecDeque<Run>,
    samples: VecDeque<Sample>,
    largest_input: Option<f64>,
    within: [f64; BASES.len()],
    beyond: [f64; BASES.len()],
}

impl Learner {
    /// Remembers the latest `window` runs. `price` is what a killed run costs beyond its memory, as a
    /// share of that.
    pub fn new(window: u32, price: f64) -> Learner {
        Learner {
            window: window as usize,
            price,
            runs: VecDeque::new(),
            samples: VecDeque::new(),
            largest_input: None,
            within: [0.0; BASES.len()],
            beyond: [0.0; BASES.len()],
        }
    }

    /// Takes in a run.
    pub fn learn(&mut self, run: &Run) {
        if let Some(sample) = self.sample(run) {
            self.score(&sample);
            let larger = sample
                .input
                .filter(|&input| self.largest_input.is_none_or(|l| input > l));
            self.largest_input = larger.or(self.largest_input);
            push(&mut self.samples, sample, self.window);
        }
        push(&mut self.runs, *run, self.window);
    }

    /// What a run tells about memory. One that did not end well tells something only if it needed more
    /// than it would be given.
    fn sample(&mut self, run: &Run) -> Option<Sample> {
        let peak = run.usage.peak_bytes.filter(|&bytes| bytes > 0)? as f64 / MIB as f64;
        let input = run.input_bytes.filter(|&bytes| bytes > 0);
        let sample = Sample {
            input: input.map(|bytes| (bytes as f64).ln()),
            peak: if run.usage.peak_is_bound {
                OUTGROWN * peak
            } else {
                peak
            },
            // A run counts for at least a second.
            hours: run.usage.elapsed_s.max(1) as f64 / 3600.0,
            asked: run.asked.map(|bytes| bytes as f64 / MIB as f64),
        };
        let outgrown = |enough: Option<f64>| enough.is_none_or(|enough| sample.peak > enough);
        (run.completed || outgrown(self.enough(sample.input))).then_some(sample)
    }

    /// Memory in MiB that is enough for a job with this ln(input).
    fn enough(&mut self, input: Option<f64>) -> Option<f64> {
        let mut bases: [usize; BASES.len()] = std::array::from_fn(|base| base);
        let known = self.largest_input.is_some();
        if let Some(input) = input.filter(|_| known) {
            let outside = self.is_beyond(input);
            let score = |base: usize| match outside {
                true => self.beyond[base] + SCORE_WITHIN * self.within[base],
                false => self.within[base],
            };
            bases.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
        }
        bases.into_iter().find_map(|base| self.told(base, input))
    }

    fn is_beyond(&self, input: f64) -> bool {
        self.largest_input.is_some_and(|largest| input > largest)
    }

    /// What one base says, margin included, in MiB.
    fn told(&mut self, base: usize, input: Option<f64>) -> Option<f64> {
        let asked = self.samples.back()?.asked;
        let estimate = BASES[base].estimate(self.samples.make_contiguous(), input)?;
        let again = asked.map(|asked| asked / estimate.mib);
        Some(estimate.mib * margin(estimate.ratios, again, self.price).exp())
    }

    /// Counts for each base what it would have cost to follow it for this run.
    fn score(&mut self, sample: &Sample) {
        // Without inputs there is nothing to choose between.
        let Some(input) = sample.input.filter(|_| self.samples.len() >= FIRST_SCORED) else {
            return;
        };
        let Some(constant) = self.told(0, None) else {
            return;
        };
        let costs: [f64; BASES.len()] = std::array::from_fn(|base| {
            let set = self.told(base, sample.input).unwrap_or(constant);
            cost(set, sample)
        });
        let scores = match self.is_beyond(input) {
            true => &mut self.beyond,
            false => &mut self.within,
        };
        for (score, cost) in scores.iter_mut().zip(costs) {
            *score = *score * SCORE_KEPT + cost;
        }
    }

    /// All that is known by now; `shadow` is what a shadow of this kind told.
    pub fn learned(&mut self, shadow: Option<Need>) -> Learned {
        let enough = self.enough(None).map_or(0, |mib| mib.ceil() as u32);
        Learned {
            evidence: Evidence {
                enough_mib: enough,
                ..self.evidence(shadow)
            },
            curve: self.curve(),
        }
    }

    fn curve(&mut self) -> Curve {
        let mut inputs: Vec<f64> = self.samples.iter().filter_map(|s| s.input).collect();
        inputs.sort_by(f64::total_cmp);
        let (Some(&smallest), Some(largest)) = (inputs.first(), self.largest_input) else {
            return Curve::default();
        };
        let last = inputs.len() - 1;
        let ranks = (0..KNOTS).map(|n| (n * last + (KNOTS - 1) / 2) / (KNOTS - 1));
        let mut at: Vec<f64> = ranks.map(|rank| inputs[rank]).collect();
        at.extend(BEYOND.map(|distance| largest + distance));
        at.push(smallest - BELOW);
        at.sort_by(f64::total_cmp);
        at.dedup_by(|a, b| *a - *b < 1e-4);
        let knot = |input: f64| {
            let enough = self.enough(Some(input))?.ln() as f32;
            let input = input as f32;
            Some(Knot { input, enough })
        };
        Curve(at.into_iter().filter_map(knot).collect()).simplified()
    }

    fn evidence(&self, shadow: Option<Need>) -> Evidence {
        let mib = |run: &Run| run.usage.peak_bytes.map(|bytes| bytes.div_ceil(MIB) as u32);
        let completed = self.runs.iter().filter(|run| run.completed);
        let mut peaks: Vec<u32> = completed.filter_map(mib).collect();
        let shadow_cores = shadow.map(|need| f64::from(need.cores));
        let cores = self.runs.iter().filter_map(|run| run.usage.cores);
        let longest = self.runs.iter().map(|run| run.usage.elapsed_s).max();
        Evidence {
            runs: peaks.len() as u32,
            max_mib: self.runs.iter().filter_map(mib).max().unwrap_or(0),
            p99_mib: percentile_99(&mut peaks),
            cores: cores.chain(shadow_cores).fold(0.0, f64::max) as f32,
            longest_s: longest.unwrap_or(0).min(u64::from(u32::MAX)) as u32,
            shadow_mib: shadow.map_or(0, |need| need.memory_mib),
            enough_mib: 0,
        }
    }
}

fn push<T>(latest: &mut VecDeque<T>, new: T, window: usize) {
    latest.push_back(new);
    if latest.len() > window {
        latest.pop_front();
    }
}

/// GiB·h that a run would have cost beyond what it used, had it been given `set` MiB.
fn cost(set: f64, run: &Sample) -> f64 {
    if set >= run.peak {
        return (set - run.peak) * run.hours;
    }
    let again = run
        .asked
        .filter(|&asked| asked > set)
        .unwrap_or((2.0 * set).max(run.peak));
    (set + again - run.peak + SCORE_PRICE * set) * run.hours
}

/// Nearest rank: the smallest value that at least 99 % do not exceed.
fn percentile_99(values: &mut [u32]) -> u32 {
    let rank = (values.len() * 99).div_ceil(100);
    rank.checked_sub(1)
        .map_or(0, |index| *values.select_nth_unstable(index).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(input_gb: Option<f64>, peak_mib: f64) -> Run {
        Run {
            completed: true,
            usage: Usage {
                peak_bytes: Some((peak_mib * MIB as f64) as u64),
                peak_is_bound: false,
                cores: Some(1.0),
                elapsed_s: 3600,
            },
            input_bytes: input_gb.map(|gb| (gb * 1e9) as u64),
            asked: Some(64 << 30),
        }
    }

    fn after(runs: impl IntoIterator<Item = Run>) -> Learned {
        let mut learner = Learner::new(256, 2.0);
        runs.into_iter().for_each(|run| learner.learn(&run));
        learner.learned(None)
    }

    fn enough(learned: &Learned, input_gb: f64) -> f64 {
        f64::from(learned.for_input(Some((input_gb * 1e9) as u64)).enough_mib)
    }

    #[test]
    fn memory_that_follows_the_input_is_set_by_it() {
        let sizes = (0..90).map(|n| 1.0 + f64::from((n * 37) % 90));
        let grows = after(sizes.map(|gb| run(Some(gb), 500.0 + 100.0 * gb)));
        for gb in [2.0, 30.0, 85.0, 120.0] {
            let over = enough(&grows, gb) / (500.0 + 100.0 * gb);
            assert!((1.0..1.25).contains(&over), "{gb} GB: {over}");
        }
    }

    #[test]
    fn memory_that_does_not_follow_the_input_is_one_figure() {
        let sizes = (0..90).map(|n| 1.0 + f64::from((n * 37) % 90));
        let steady = after(sizes.map(|gb| run(Some(gb), 11_000.0 + gb % 7.0)));
        assert!(steady.curve.0.len() <= 4, "{:?}", steady.curve);
        for gb in [2.0, 85.0, 300.0] {
            let over = enough(&steady, gb) / 11_000.0;
            assert!((1.0..1.05).contains(&over), "{gb} GB: {over}");
        }
    }

    #[test]
    fn a_job_that_outgrew_what_it_was_given_widens_its_kind_at_once() {
        let mut runs: Vec<Run> = (0..40)
            .map(|n| run(None, 1000.0 + f64::from(n % 5)))
            .collect();
        let before = after(runs.clone()).evidence.enough_mib;
        assert!((1004..1100).contains(&before), "{before}");
        let mut killed = run(None, f64::from(before));
        killed.completed = false;
        killed.usage.peak_is_bound = true;
        runs.push(killed);
        let learned = after(runs);
        assert!(f64::from(learned.evidence.enough_mib) >= 1.2 * f64::from(before));
        assert_eq!(learned.evidence.runs, 40);
    }

    #[test]
    fn runs_that_failed_early_tell_nothing() {
        let good = (0..20).map(|_| run(None, 1000.0));
        let failed = Run {
            completed: false,
            ..run(None, 3.0)
        };
        let all = after(good.clone().chain(vec![failed; 20]))
            .evidence
            .enough_mib;
        assert_eq!(all, after(good).evidence.enough_mib);
    }

    #[test]
    fn hostile_sizes_are_survived() {
        let strange = [0, 1, u64::MAX].into_iter().flat_map(|input| {
            [0, 1, u64::MAX].map(|peak| Run {
                input_bytes: Some(input),
                usage: Usage {
                    peak_bytes: Some(peak),
                    ..run(None, 1.0).usage
                },
                ..run(None, 1.0)
            })
        });
        let learned = after(strange.cycle().take(40));
        assert!(
            learned
                .curve
                .0
                .iter()
                .all(|k| k.input.is_finite() && k.enough.is_finite())
        );
    }

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        assert_eq!(percentile_99(&mut []), 0);
        assert_eq!(percentile_99(&mut [9, 4]), 9);
        assert_eq!(percentile_99(&mut (1..=200).collect::<Vec<_>>()), 198);
    }
}
