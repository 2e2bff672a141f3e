//! What is learned about one quantity of one kind of job, run by run: memory, or run time.
//!
//! Each run is first predicted by every estimator from the runs before it, as it would have been, and only
//! then learned from. What that would have cost is each estimator's score; the one with the least is followed
//! (prequential selection, Dawid 1984). Runs with more input than any before have scores of their own:
//! an estimator that is good where runs are known may be bad beyond.
//!
//! The constants: data, objective and command stand in `model/mod.rs`.

use super::curve::{Curve, Knot};
use super::estimator::{ESTIMATORS, Fitted, Prediction, Sample};
use super::margin::Price;
use std::cell::OnceCell;
use std::collections::VecDeque;

/// Scores count from this many runs on.
const FIRST_SCORED: usize = 3;

/// A score halves after about eight runs: what was good lately counts.
const SCORE_KEPT: f64 = 0.92;

/// Beyond the inputs seen, this much of the score within them counts too.
const SCORE_WITHIN: f64 = 0.32;

/// What a wrong choice of estimator costs when a run is killed, beyond what it was given, as a share of that.
const SCORE_PRICE: f64 = 0.67;

/// Points at which a curve is asked for within the inputs seen, and their distances beyond the largest
/// and below the smallest, in ln(input).
const KNOTS: usize = 40;
const BEYOND: [f64; 3] = [1e-3, 0.35, 0.7];
const BELOW: f64 = 0.35;

type Scores = [f64; ESTIMATORS.len()];

/// One quantity of one kind.
pub struct Selection {
    window: usize,
    price: Price,
    samples: VecDeque<Sample>,
    largest_input: Option<f64>,
    within: Scores,
    beyond: Scores,
}

impl Selection {
    /// Remembers the latest `window` runs.
    pub fn new(window: u32, price: Price) -> Selection {
        Selection {
            window: window as usize,
            price,
            samples: VecDeque::new(),
            largest_input: None,
            within: [0.0; ESTIMATORS.len()],
            beyond: [0.0; ESTIMATORS.len()],
        }
    }

    /// Takes in a run.
    pub fn learn(&mut self, sample: Sample) {
        self.score(&sample);
        let larger = sample
            .input
            .filter(|&input| self.is_beyond(input) || self.largest_input.is_none());
        self.largest_input = larger.or(self.largest_input);
        self.samples.push_back(sample);
        if self.samples.len() > self.window {
            self.samples.pop_front();
        }
        self.samples.make_contiguous();
    }

    /// About a job with this ln(input), of bytes, in the unit of the samples.
    pub fn predict(&self, input: Option<f64>) -> Option<Prediction> {
        self.fitted().predict(input)
    }

    /// What is enough for a job of unknown input, and by the input's size, in the unit of the samples; and the share of the latter
    /// that is enough where a job is lent more, whatever its input.
    pub fn learned(&self) -> (Option<Prediction>, Curve, f64) {
        let fitted = self.fitted();
        let (curve, lent_to) = self.curve(&fitted);
        (fitted.predict(None), curve, lent_to)
    }

    fn curve(&self, fitted: &All) -> (Curve, f64) {
        let mut inputs: Vec<f64> = self.samples.iter().filter_map(|s| s.input).collect();
        inputs.sort_by(f64::total_cmp);
        let (Some(&smallest), Some(largest)) = (inputs.first(), self.largest_input) else {
            return (Curve::default(), 1.0);
        };
        let last = inputs.len() - 1;
        let ranks = (0..KNOTS).map(|n| (n * last + (KNOTS - 1) / 2) / (KNOTS - 1));
        let mut at: Vec<f64> = ranks.map(|rank| inputs[rank]).collect();
        at.extend(BEYOND.map(|distance| largest + distance));
        at.push(smallest - BELOW);
        at.sort_by(f64::total_cmp);
        at.dedup_by(|a, b| *a - *b < 1e-4);
        let predicted: Vec<(f64, Prediction)> = at
            .into_iter()
            .filter_map(|input| Some((input, fitted.predict(Some(input))?)))
            .collect();
        let knots = predicted.iter().map(|(input, predicted)| Knot {
            input: *input as f32,
            enough: predicted.enough.ln() as f32,
        });
        let curve = Curve(knots.collect()).simplified();
        let shares = predicted
            .iter()
            .map(|(_, predicted)| predicted.lent_to / predicted.enough);
        (curve, shares.fold(0.0, f64::max))
    }

    fn fitted(&self) -> All<'_> {
        All {
            selection: self,
            fitted: Default::default(),
        }
    }

    fn is_beyond(&self, input: f64) -> bool {
        self.largest_input.is_some_and(|largest| input > largest)
    }

    /// The estimators, the one to be followed first. Without inputs there is nothing to choose between.
    fn order(&self, input: Option<f64>) -> [usize; ESTIMATORS.len()] {
        let mut estimators: [usize; ESTIMATORS.len()] = std::array::from_fn(|estimator| estimator);
        if let Some(input) = input.filter(|_| self.largest_input.is_some()) {
            let outside = self.is_beyond(input);
            let score = |estimator: usize| match outside {
                true => self.beyond[estimator] + SCORE_WITHIN * self.within[estimator],
                false => self.within[estimator],
            };
            estimators.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
        }
        estimators
    }

    /// Counts for each estimator what it would have cost to follow it for this run; where it had nothing to say,
    /// the next best one would have been followed.
    fn score(&mut self, sample: &Sample) {
        let Some(input) = sample.input.filter(|_| self.samples.len() >= FIRST_SCORED) else {
            return;
        };
        let fitted = self.fitted();
        let predicted: [Option<f64>; ESTIMATORS.len()] =
            std::array::from_fn(|estimator| Some(fitted.by(estimator, Some(input))?.enough));
        let Some(usual) = self
            .order(Some(input))
            .into_iter()
            .find_map(|estimator| predicted[estimator])
        else {
            return;
        };
        let costs = predicted.map(|predicted| cost(predicted.unwrap_or(usual), sample));
        let scores = match self.is_beyond(input) {
            true => &mut self.beyond,
            false => &mut self.within,
        };
        for (score, cost) in scores.iter_mut().zip(costs) {
            *score = *score * SCORE_KEPT + cost;
        }
    }
}

/// Every estimator, fitted to the same runs once it is asked.
struct All<'a> {
    selection: &'a Selection,
    fitted: [OnceCell<Option<Fitted<'a>>>; ESTIMATORS.len()],
}

impl All<'_> {
    fn by(&self, estimator: usize, input: Option<f64>) -> Option<Prediction> {
        let (samples, _) = self.selection.samples.as_slices();
        let fit = || ESTIMATORS[estimator].fitted(samples, self.selection.price);
        self.fitted[estimator]
            .get_or_init(fit)
            .as_ref()?
            .predict(input)
    }

    fn predict(&self, input: Option<f64>) -> Option<Prediction> {
        let order = self.selection.order(input);
        order
            .into_iter()
            .find_map(|estimator| self.by(estimator, input))
    }
}

/// What a run would have cost beyond what it used, had it been given `set`.
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
