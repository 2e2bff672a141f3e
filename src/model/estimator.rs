//! The ways in which what a kind of job needs may follow its input, each with what it would have said of
//! the past. None of them is right everywhere: an aligner keeps an index of the same size whatever it
//! reads, a sorter grows with its input, and some do neither.
//!
//! The constants: data, objective and command stand in `model/mod.rs`.

use super::margin::{Margin, Price, Ratio, SHARES, margin};
use linfa::Dataset;
use linfa::traits::Fit;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2};

/// One past job of a kind, for one quantity: memory in MiB, or run time in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Natural logarithm of its input's size in bytes, where known.
    pub input: Option<f64>,
    /// What it needed: memory at its peak in MiB, or its run time in seconds.
    pub peak: f64,
    /// How much too little or too much of it costs: for memory, run time in hours; for run time 1.
    pub hours: f64,
    /// What its user asked for, in the unit of `peak`, where known.
    pub asked: Option<f64>,
}

/// A way in which a quantity may follow the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Estimator {
    /// Not at all.
    Constant,
    /// In proportion, above a constant.
    Line,
    /// As a power of it.
    Power,
    /// As a power that changes along the way: jobs of about this input count, those farther away in
    /// ln(input) the less (local regression, Cleveland 1979). The width is in ln(input), too.
    Bend(f64),
    /// Somehow: jobs of about this input count, in the same sense.
    Near(f64),
}

/// All of them; the first needs no input. The narrowest stands for jobs of the very same input, as they
/// come again and again where inputs are of a few standard sizes.
pub const ESTIMATORS: [Estimator; 8] = [
    Estimator::Constant,
    Estimator::Power,
    Estimator::Line,
    Estimator::Near(0.21),
    Estimator::Near(0.63),
    Estimator::Near(0.07),
    Estimator::Near(0.001),
    Estimator::Bend(0.5),
];

/// A line needs more jobs than a constant; a neighbourhood needs this weight of them.
const LEAST_FOR_A_LINE: f64 = 4.0;
const LEAST_NEARBY: f64 = 4.0;

/// Jobs farther away than this weight do not count.
const FAR: f64 = 1e-3;

/// No line is followed below this share of the smallest peak.
const LOWEST: f64 = 0.5;

/// How often a straight line is drawn again without the runs that are outliers, and how large the residual of a run
/// must be for that: so many times the usual distance, which is at least this, in logarithms.
const REDRAWN: usize = 3;
const OUTLIER: f64 = 4.0;
const LEAST_DISTANCE: f64 = 0.03;

/// What is predicted about the next job, in the unit of [`Sample::peak`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Enough for it, as little as costs least.
    pub enough: f64,
    /// The same where it is lent more while it runs; elsewhere `enough`.
    pub lent_to: f64,
    /// What each of [`SHARES`] of such jobs stay under.
    pub quantiles: [f64; SHARES.len()],
}

impl Prediction {
    fn new(estimate: f64, margin: &Margin) -> Prediction {
        Prediction {
            enough: estimate * margin.enough.exp(),
            lent_to: estimate * margin.lent_to.exp(),
            quantiles: margin.quantiles.map(|ln| estimate * ln.exp()),
        }
    }
}

/// An estimator that has been fitted to past jobs, ready to be asked about many inputs.
pub enum Fitted<'a> {
    /// Of one trend everywhere: the margin on top of it is the same everywhere, too.
    Trend(Trend, Margin),
    /// To be fitted anew around each input.
    Around(&'a [Sample], Estimator, Price),
}

impl Estimator {
    /// Fits it to `samples`; `None` where they are too few.
    pub fn fitted(self, samples: &[Sample], price: Price) -> Option<Fitted<'_>> {
        samples.first()?;
        let trend = match self {
            Estimator::Constant => Trend::CONSTANT,
            Estimator::Line => Trend::robust_line(samples)?,
            Estimator::Power => Trend::line(samples, |_| 1.0, Scale::Logarithmic)?,
            Estimator::Bend(_) | Estimator::Near(_) => {
                return Some(Fitted::Around(samples, self, price));
            }
        };
        let margin = trend.margin(samples, |_| 1.0, price);
        Some(Fitted::Trend(trend, margin))
    }
}

impl Fitted<'_> {
    /// About a job with this ln(input), of bytes; `None` where it has too little to go by.
    pub fn predict(&self, input: Option<f64>) -> Option<Prediction> {
        match self {
            Fitted::Trend(trend, margin) => Some(Prediction::new(trend.at(input)?, margin)),
            Fitted::Around(samples, estimator, price) => {
                around(samples, *estimator, input?, *price)
            }
        }
    }
}

fn around(
    samples: &[Sample],
    estimator: Estimator,
    input: f64,
    price: Price,
) -> Option<Prediction> {
    let width = match estimator {
        Estimator::Bend(width) | Estimator::Near(width) => width,
        _ => return None,
    };
    let weight = |sample: &Sample| {
        let distance = sample.input.map(|at| (at - input) / width);
        let weight = distance.map_or(0.0, |distance| (-0.5 * distance * distance).exp());
        if weight > FAR { weight } else { 0.0 }
    };
    let trend = match estimator {
        Estimator::Bend(_) => Trend::line(samples, weight, Scale::Logarithmic)?,
        _ if samples.iter().map(weight).sum::<f64>() < LEAST_NEARBY => return None,
        _ => Trend::CONSTANT,
    };
    let margin = trend.margin(samples, weight, price);
    Some(Prediction::new(trend.at(Some(input))?, &margin))
}

/// In what input and peak are counted where a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    /// Nothing: it is the same everywhere.
    Flat,
    /// Bytes, and the quantity itself.
    Plain,
    /// Logarithms of both.
    Logarithmic,
}

/// What is predicted about every input.
pub struct Trend {
    intercept: f64,
    slope: f64,
    lowest: f64,
    scale: Scale,
    /// Runs with a larger residual than this, in logarithms, are outliers.
    cutoff: f64,
}

impl Trend {
    /// One, whatever the input: all is in the margin.
    const CONSTANT: Trend = Trend {
        intercept: 1.0,
        slope: 0.0,
        lowest: 1.0,
        scale: Scale::Flat,
        cutoff: f64::INFINITY,
    };

    /// The line of least squares, each job counted by its weight.
    fn line(samples: &[Sample], weight: impl Fn(&Sample) -> f64, scale: Scale) -> Option<Trend> {
        let points: Vec<[f64; 3]> = samples
            .iter()
            .filter_map(|sample| {
                let weight = weight(sample);
                let [input, peak] = match scale {
                    Scale::Logarithmic => [sample.input?, sample.peak.ln()],
                    Scale::Flat | Scale::Plain => [sample.input?.exp(), sample.peak],
                };
                (weight > 0.0).then_some([input, peak, weight])
            })
            .collect();
        let count: f64 = points.iter().map(|point| point[2]).sum();
        let first = points.first()?[0];
        let varied = |point: &[f64; 3]| (point[0] - first).abs() > 1e-4 * first.abs();
        if count < LEAST_FOR_A_LINE || !points.iter().any(varied) {
            return None;
        }
        let mean = |column: usize| points.iter().map(|p| p[2] * p[column]).sum::<f64>() / count;
        let (middle, height) = (mean(0), mean(1));
        let column = |column: usize, mean: f64| {
            points
                .iter()
                .map(|point| point[2].sqrt() * (point[column] - mean))
                .collect::<Vec<f64>>()
        };
        let records = Array2::from_shape_vec((points.len(), 1), column(0, middle)).ok()?;
        let fitted = LinearRegression::new()
            .with_intercept(false)
            .fit(&Dataset::new(records, Array1::from(column(1, height))))
            .ok()?;
        // A slope that few jobs speak for is taken to be flatter than it looks.
        let slope = fitted.params()[0] / (1.0 + 1.0 / count);
        let smallest = samples.iter().map(|s| s.peak).fold(f64::INFINITY, f64::min);
        Some(Trend {
            intercept: height - slope * middle,
            slope,
            lowest: LOWEST * smallest,
            scale,
            cutoff: f64::INFINITY,
        })
    }

    /// The line through most of the runs: a few that did something else do not bend it (iteratively
    /// reweighted least squares with the biweight of Beaton and Tukey 1974).
    fn robust_line(samples: &[Sample]) -> Option<Trend> {
        let line = |weight: &dyn Fn(&Sample) -> f64| Trend::line(samples, weight, Scale::Plain);
        let mut trend = line(&|_| 1.0)?;
        for _ in 0..REDRAWN {
            trend.cutoff = OUTLIER * trend.usual_distance(samples).max(LEAST_DISTANCE);
            let counted = |sample: &Sample| {
                trend
                    .residual(sample)
                    .map_or(0.0, |residual| trend.counted(residual))
            };
            let Some(next) = line(&counted) else { break };
            let cutoff = trend.cutoff;
            trend = Trend { cutoff, ..next };
        }
        Some(trend)
    }

    /// How far off it a run lies, in logarithms.
    fn residual(&self, sample: &Sample) -> Option<f64> {
        Some((sample.peak / self.at(sample.input)?).ln())
    }

    /// How far off it most runs lie: what would be a standard deviation if they lay as in a normal
    /// distribution.
    fn usual_distance(&self, samples: &[Sample]) -> f64 {
        let residual = |sample| self.residual(sample).map(f64::abs);
        let mut distances: Vec<f64> = samples.iter().filter_map(residual).collect();
        let middle = distances.len() / 2;
        1.4826 * *distances.select_nth_unstable_by(middle, f64::total_cmp).1
    }

    /// How much a run that lies so far off counts.
    fn counted(&self, residual: f64) -> f64 {
        let share = residual / self.cutoff;
        (1.0 - share * share).max(0.0).powi(2)
    }

    /// `None` where it needs an input and there is none.
    fn at(&self, input: Option<f64>) -> Option<f64> {
        let predicted = match self.scale {
            Scale::Flat => self.intercept,
            Scale::Plain => self.intercept + self.slope * input?.exp(),
            Scale::Logarithmic => (self.intercept + self.slope * input?).exp(),
        };
        Some(predicted.max(self.lowest))
    }

    /// By how much what is set must lie above it.
    fn margin(&self, samples: &[Sample], weight: impl Fn(&Sample) -> f64, price: Price) -> Margin {
        let against = |sample: &Sample| {
            let (predicted, ln) = (self.at(sample.input)?, self.residual(sample)?);
            // Outliers below it say nothing of what is needed above it.
            let count = weight(sample) * self.counted(ln.min(0.0));
            (count > 0.0).then_some(Ratio {
                ln,
                cost: count * sample.hours * predicted,
                count,
            })
        };
        // What the next job's user will ask for is best known from the last one's.
        let retry = samples
            .last()
            .and_then(|last| Some(last.asked? / self.at(last.input)?));
        margin(samples.iter().filter_map(against).collect(), retry, price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(peak_of: impl Fn(f64) -> f64) -> Vec<Sample> {
        (4..160)
            .map(|n| {
                let input = 0.25e9 * f64::from(n);
                Sample {
                    input: Some(input.ln()),
                    peak: peak_of(input),
                    hours: 1.0,
                    asked: None,
                }
            })
            .collect()
    }

    fn price(killed: f64) -> Price {
        Price {
            killed,
            refused: None,
        }
    }

    fn predicted(estimator: Estimator, samples: &[Sample], input: f64) -> Option<f64> {
        Some(
            estimator
                .fitted(samples, price(1.7))?
                .predict(Some(input.ln()))?
                .enough,
        )
    }

    #[test]
    fn each_estimator_follows_what_it_is_made_for() {
        let near = |estimator, samples: &[Sample], input: f64, right: f64| {
            let over = predicted(estimator, samples, input).unwrap() / right;
            assert!((1.0..1.07).contains(&over), "{estimator:?}: {over}");
        };
        near(Estimator::Line, &samples(|i| 500.0 + i / 1e7), 20e9, 2500.0);
        let power = samples(|input| input.sqrt() / 100.0);
        near(Estimator::Power, &power, 9e9, 948.7);
        let saturated = samples(|input| 100.0 + 5000.0 * (1.0 - (-input / 4e9).exp()));
        near(Estimator::Bend(0.5), &saturated, 20e9, 5066.3);
        let steps = samples(|input| if input > 20e9 { 9000.0 } else { 1000.0 });
        near(Estimator::Near(0.07), &steps, 12e9, 1000.0);
        near(Estimator::Constant, &steps, 5e9, 9000.0);
    }

    #[test]
    fn a_few_outliers_do_not_bend_a_line() {
        let mut all = samples(|input| 500.0 + input / 1e7);
        for outlier in &mut all[..4] {
            *outlier = Sample {
                input: outlier.input.map(|input| input - 3.0),
                peak: 20.0,
                ..*outlier
            };
        }
        let over = predicted(Estimator::Line, &all, 20e9).unwrap() / 2500.0;
        assert!((1.0..1.03).contains(&over), "{over}");
    }

    #[test]
    fn a_base_without_enough_to_go_by_says_nothing() {
        let all = samples(|_| 100.0);
        for estimator in &ESTIMATORS[1..] {
            assert!(
                estimator
                    .fitted(&all, price(1.0))
                    .is_none_or(|f| f.predict(None).is_none())
            );
            assert!(
                predicted(*estimator, &all[..2], all[0].peak).is_none(),
                "{estimator:?}"
            );
        }
        let same: Vec<Sample> = vec![all[3]; 9];
        assert!(Estimator::Line.fitted(&same, price(1.0)).is_none());
        assert!(Estimator::Power.fitted(&same, price(1.0)).is_none());
        assert!(predicted(Estimator::Near(0.07), &all, 99f64.exp()).is_none());
    }
}
