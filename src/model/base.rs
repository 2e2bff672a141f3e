//! The ways in which a kind's memory may follow its input, each with what it would have said of the
//! past. None of them is right everywhere: an aligner keeps an index of the same size whatever it reads,
//! a sorter grows with its input, and some do neither.

use super::margin::Ratio;
use linfa::Dataset;
use linfa::traits::Fit;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2};

/// One past job of a kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Natural logarithm of its input's size in bytes, where known.
    pub input: Option<f64>,
    /// Its peak in MiB.
    pub peak: f64,
    /// Its run time in hours.
    pub hours: f64,
    /// What its user asked for on a node, in MiB, where known.
    pub asked: Option<f64>,
}

/// A way in which memory may follow the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Base {
    /// Not at all.
    Constant,
    /// In proportion, above a constant.
    Line,
    /// As a power of it.
    Power,
    /// Somehow: jobs of about this input tell, those farther away in ln(input) the less.
    Near(f64),
}

/// All of them; the first needs no input.
pub const BASES: [Base; 6] = [
    Base::Constant,
    Base::Power,
    Base::Line,
    Base::Near(0.21),
    Base::Near(0.63),
    Base::Near(0.07),
];

/// A line needs more jobs than a constant; a neighbourhood needs this weight of them.
const LEAST_FOR_A_LINE: usize = 4;
const LEAST_NEARBY: f64 = 3.0;

/// Jobs farther away than this weight do not count.
const FAR: f64 = 1e-3;

/// No line is followed below this share of the smallest peak.
const LOWEST: f64 = 0.5;

/// What a base says of a job, and what it would have said of the past ones.
pub struct Estimate {
    /// In MiB; the margin comes on top.
    pub mib: f64,
    /// Past jobs against theirs.
    pub ratios: Vec<Ratio>,
}

impl Base {
    /// Its estimate for a job with this ln(input); `None` where it has too little to go by.
    pub fn estimate(self, samples: &[Sample], input: Option<f64>) -> Option<Estimate> {
        match self {
            Base::Constant => Some(Estimate {
                mib: 1.0,
                ratios: samples.iter().map(|s| weighed(s, 1.0)).collect(),
            }),
            Base::Near(width) => nearby(samples, input?, width),
            Base::Line => Line::through(samples, f64::exp, |peak| peak)?.estimate(samples, input?),
            Base::Power => {
                Line::through(samples, |input| input, f64::ln)?.estimate(samples, input?)
            }
        }
    }
}

fn weighed(sample: &Sample, count: f64) -> Ratio {
    Ratio {
        ln: sample.peak.ln(),
        cost: count * sample.hours,
        count,
    }
}

fn nearby(samples: &[Sample], input: f64, width: f64) -> Option<Estimate> {
    let weight = |sample: &Sample| {
        let distance = (sample.input? - input) / width;
        let weight = (-0.5 * distance * distance).exp();
        (weight > FAR).then(|| weighed(sample, weight))
    };
    let ratios: Vec<Ratio> = samples.iter().filter_map(weight).collect();
    let enough = ratios.iter().map(|r| r.count).sum::<f64>() >= LEAST_NEARBY;
    enough.then_some(Estimate { mib: 1.0, ratios })
}

/// A least-squares line in some scale of input and peak.
struct Line {
    intercept: f64,
    slope: f64,
    lowest: f64,
    input_scale: fn(f64) -> f64,
    logarithmic: bool,
}

impl Line {
    fn through(
        samples: &[Sample],
        input_scale: fn(f64) -> f64,
        peak_scale: fn(f64) -> f64,
    ) -> Option<Line> {
        let (inputs, peaks): (Vec<f64>, Vec<f64>) = samples
            .iter()
            .filter_map(|s| Some((input_scale(s.input?), peak_scale(s.peak))))
            .unzip();
        let count = inputs.len();
        let varied = inputs
            .iter()
            .any(|&input| (input - inputs[0]).abs() > 1e-4 * inputs[0].abs());
        if count < LEAST_FOR_A_LINE || !varied {
            return None;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / count as f64;
        let (middle, height) = (mean(&inputs), mean(&peaks));
        let records = Array2::from_shape_vec((count, 1), inputs).ok()?;
        let fitted = LinearRegression::new()
            .fit(&Dataset::new(records, Array1::from(peaks)))
            .ok()?;
        // A slope that few jobs speak for is taken to be flatter than it looks.
        let slope = fitted.params()[0] / (1.0 + 1.0 / count as f64);
        let smallest = samples.iter().map(|s| s.peak).fold(f64::INFINITY, f64::min);
        Some(Line {
            intercept: height - slope * middle,
            slope,
            lowest: LOWEST * smallest,
            input_scale,
            logarithmic: peak_scale(1.0) == 0.0,
        })
    }

    fn at(&self, input: f64) -> f64 {
        let told = self.intercept + self.slope * (self.input_scale)(input);
        let peak = if self.logarithmic { told.exp() } else { told };
        peak.max(self.lowest)
    }

    fn estimate(&self, samples: &[Sample], input: f64) -> Option<Estimate> {
        let against = |sample: &Sample| {
            let told = self.at(sample.input?);
            Some(Ratio {
                ln: (sample.peak / told).ln(),
                cost: sample.hours * told,
                count: 1.0,
            })
        };
        Some(Estimate {
            mib: self.at(input),
            ratios: samples.iter().filter_map(against).collect(),
        })
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

    fn told(base: Base, samples: &[Sample], input: f64) -> f64 {
        let estimate = base.estimate(samples, Some(input.ln())).unwrap();
        let largest = estimate
            .ratios
            .iter()
            .map(|r| r.ln)
            .fold(f64::MIN, f64::max);
        estimate.mib * largest.exp()
    }

    #[test]
    fn each_base_tells_what_it_is_made_for() {
        let line = samples(|input| 500.0 + input / 1e7);
        assert!((told(Base::Line, &line, 20e9) / 2500.0 - 1.0).abs() < 0.05);
        let power = samples(|input| input.sqrt() / 100.0);
        assert!((told(Base::Power, &power, 9e9) / 948.7 - 1.0).abs() < 0.05);
        let steps = samples(|input| if input > 20e9 { 9000.0 } else { 1000.0 });
        assert!((told(Base::Near(0.07), &steps, 5e9) - 1000.0).abs() < 1.0);
        assert!((told(Base::Constant, &steps, 5e9) - 9000.0).abs() < 1.0);
    }

    #[test]
    fn a_base_without_enough_to_go_by_says_nothing() {
        let all = samples(|_| 100.0);
        for base in &BASES[1..] {
            assert!(base.estimate(&all, None).is_none());
            assert!(base.estimate(&all[..2], Some(1.0)).is_none());
        }
        let same: Vec<Sample> = vec![all[3]; 9];
        assert!(Base::Line.estimate(&same, Some(20.0)).is_none());
        assert!(Base::Power.estimate(&same, Some(20.0)).is_none());
        assert!(Base::Near(0.07).estimate(&all, Some(99.0)).is_none());
    }
}
