//! The ways in which what a kind of job needs may follow its input, each with what it would have said of
//! the past. None of them is right everywhere: an aligner keeps an index of the same size whatever it
//! reads, a sorter grows with its input, and some do neither.

use super::margin::{Margin, Ratio, SHARES, margin};
use linfa::Dataset;
use linfa::traits::Fit;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2};

/// One past job of a kind, for one quantity: memory in MiB, or run time in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Natural logarithm of its input's size in bytes, where known.
    pub input: Option<f64>,
    /// What it needed, at its peak.
    pub peak: f64,
    /// How much too little or too much of it costs: for memory, run time in hours.
    pub hours: f64,
    /// What its user asked for, where known.
    pub asked: Option<f64>,
}

/// A way in which a quantity may follow the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Base {
    /// Not at all.
    Constant,
    /// In proportion, above a constant.
    Line,
    /// As a power of it.
    Power,
    /// As a power that changes along the way: jobs of about this input tell, those farther away in
    /// ln(input) the less (local regression, Cleveland 1979).
    Bend(f64),
    /// Somehow: jobs of about this input tell, in the same sense.
    Near(f64),
}

/// All of them; the first needs no input. The narrowest stands for jobs of the very same input, as they
/// come again and again where inputs are of a few standard sizes.
pub const BASES: [Base; 8] = [
    Base::Constant,
    Base::Power,
    Base::Line,
    Base::Near(0.21),
    Base::Near(0.63),
    Base::Near(0.07),
    Base::Near(0.001),
    Base::Bend(0.5),
];

/// A line needs more jobs than a constant; a neighbourhood needs this weight of them.
const LEAST_FOR_A_LINE: f64 = 4.0;
const LEAST_NEARBY: f64 = 4.0;

/// Jobs farther away than this weight do not count.
const FAR: f64 = 1e-3;

/// No line is followed below this share of the smallest peak.
const LOWEST: f64 = 0.5;

/// How often a straight line is drawn again without the runs that are strange to it, and how far off a run
/// must lie to be that: so many times the usual distance, which is at least this, in logarithms.
const REDRAWN: usize = 3;
const STRANGE: f64 = 4.0;
const LEAST_DISTANCE: f64 = 0.03;

/// What is told about the next job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// Enough for it, as little as costs least.
    pub enough: f64,
    /// What each of [`SHARES`] of such jobs stay under.
    pub quantiles: [f64; SHARES.len()],
}

impl Told {
    fn new(estimate: f64, margin: &Margin) -> Told {
        Told {
            enough: estimate * margin.enough.exp(),
            quantiles: margin.quantiles.map(|ln| estimate * ln.exp()),
        }
    }
}

/// A base that has been fitted to past jobs, ready to be asked about many inputs.
pub enum Fitted<'a> {
    /// Of one shape everywhere: the margin on top of it is the same everywhere, too.
    Shape(Shape, Margin),
    /// To be fitted anew around each input.
    Around(&'a [Sample], Base, f64),
}

impl Base {
    /// Fits it to `samples`; `None` where they are too few. `price` is that of a failure, as [`margin`]
    /// takes it.
    pub fn fitted(self, samples: &[Sample], price: f64) -> Option<Fitted<'_>> {
        samples.first()?;
        let shape = match self {
            Base::Constant => Shape::CONSTANT,
            Base::Line => Shape::robust_line(samples)?,
            Base::Power => Shape::line(samples, |_| 1.0, Scale::Logarithmic)?,
            Base::Bend(_) | Base::Near(_) => return Some(Fitted::Around(samples, self, price)),
        };
        let margin = shape.margin(samples, |_| 1.0, price);
        Some(Fitted::Shape(shape, margin))
    }
}

impl Fitted<'_> {
    /// About a job with this ln(input); `None` where it has too little to go by.
    pub fn told(&self, input: Option<f64>) -> Option<Told> {
        match self {
            Fitted::Shape(shape, margin) => Some(Told::new(shape.at(input)?, margin)),
            Fitted::Around(samples, base, price) => around(samples, *base, input?, *price),
        }
    }
}

fn around(samples: &[Sample], base: Base, input: f64, price: f64) -> Option<Told> {
    let width = match base {
        Base::Bend(width) | Base::Near(width) => width,
        _ => return None,
    };
    let weight = |sample: &Sample| {
        let distance = sample.input.map(|at| (at - input) / width);
        let weight = distance.map_or(0.0, |distance| (-0.5 * distance * distance).exp());
        if weight > FAR { weight } else { 0.0 }
    };
    let shape = match base {
        Base::Bend(_) => Shape::line(samples, weight, Scale::Logarithmic)?,
        _ if samples.iter().map(weight).sum::<f64>() < LEAST_NEARBY => return None,
        _ => Shape::CONSTANT,
    };
    let margin = shape.margin(samples, weight, price);
    Some(Told::new(shape.at(Some(input))?, &margin))
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

/// What is told about every input.
pub struct Shape {
    intercept: f64,
    slope: f64,
    lowest: f64,
    scale: Scale,
    /// Runs farther off than this, in logarithms, are strange to it.
    reach: f64,
}

impl Shape {
    /// One, whatever the input: all is in the margin.
    const CONSTANT: Shape = Shape {
        intercept: 1.0,
        slope: 0.0,
        lowest: 1.0,
        scale: Scale::Flat,
        reach: f64::INFINITY,
    };

    /// The line of least squares, each job counted by its weight.
    fn line(samples: &[Sample], weight: impl Fn(&Sample) -> f64, scale: Scale) -> Option<Shape> {
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
        Some(Shape {
            intercept: height - slope * middle,
            slope,
            lowest: LOWEST * smallest,
            scale,
            reach: f64::INFINITY,
        })
    }

    /// The line through most of the runs: a few that did something else do not bend it (iteratively
    /// reweighted least squares with the biweight of Beaton and Tukey 1974).
    fn robust_line(samples: &[Sample]) -> Option<Shape> {
        let line = |weight: &dyn Fn(&Sample) -> f64| Shape::line(samples, weight, Scale::Plain);
        let mut shape = line(&|_| 1.0)?;
        for _ in 0..REDRAWN {
            shape.reach = STRANGE * shape.usual_distance(samples).max(LEAST_DISTANCE);
            let counted = |sample: &Sample| shape.off(sample).map_or(0.0, |off| shape.counted(off));
            let Some(next) = line(&counted) else { break };
            let reach = shape.reach;
            shape = Shape { reach, ..next };
        }
        Some(shape)
    }

    /// How far off it a run lies, in logarithms.
    fn off(&self, sample: &Sample) -> Option<f64> {
        Some((sample.peak / self.at(sample.input)?).ln())
    }

    /// How far off it most runs lie: what would be a standard deviation if they lay as in a normal
    /// distribution.
    fn usual_distance(&self, samples: &[Sample]) -> f64 {
        let off = |sample| self.off(sample).map(f64::abs);
        let mut distances: Vec<f64> = samples.iter().filter_map(off).collect();
        let middle = distances.len() / 2;
        1.4826 * *distances.select_nth_unstable_by(middle, f64::total_cmp).1
    }

    /// How much a run that lies so far off counts.
    fn counted(&self, off: f64) -> f64 {
        let share = off / self.reach;
        (1.0 - share * share).max(0.0).powi(2)
    }

    /// `None` where it needs an input and there is none.
    fn at(&self, input: Option<f64>) -> Option<f64> {
        let told = match self.scale {
            Scale::Flat => self.intercept,
            Scale::Plain => self.intercept + self.slope * input?.exp(),
            Scale::Logarithmic => (self.intercept + self.slope * input?).exp(),
        };
        Some(told.max(self.lowest))
    }

    /// By how much what is set must lie above it.
    fn margin(&self, samples: &[Sample], weight: impl Fn(&Sample) -> f64, price: f64) -> Margin {
        let against = |sample: &Sample| {
            let (told, ln) = (self.at(sample.input)?, self.off(sample)?);
            // Strange runs below it tell nothing of what is needed above it.
            let count = weight(sample) * self.counted(ln.min(0.0));
            (count > 0.0).then_some(Ratio {
                ln,
                cost: count * sample.hours * told,
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

    fn told(base: Base, samples: &[Sample], input: f64) -> Option<f64> {
        Some(base.fitted(samples, 1.7)?.told(Some(input.ln()))?.enough)
    }

    #[test]
    fn each_base_tells_what_it_is_made_for() {
        let near = |base, samples: &[Sample], input: f64, right: f64| {
            let over = told(base, samples, input).unwrap() / right;
            assert!((1.0..1.07).contains(&over), "{base:?}: {over}");
        };
        near(Base::Line, &samples(|i| 500.0 + i / 1e7), 20e9, 2500.0);
        let power = samples(|input| input.sqrt() / 100.0);
        near(Base::Power, &power, 9e9, 948.7);
        let saturated = samples(|input| 100.0 + 5000.0 * (1.0 - (-input / 4e9).exp()));
        near(Base::Bend(0.5), &saturated, 20e9, 5066.3);
        let steps = samples(|input| if input > 20e9 { 9000.0 } else { 1000.0 });
        near(Base::Near(0.07), &steps, 12e9, 1000.0);
        near(Base::Constant, &steps, 5e9, 9000.0);
    }

    #[test]
    fn a_few_strange_runs_do_not_bend_a_line() {
        let mut all = samples(|input| 500.0 + input / 1e7);
        for strange in &mut all[..4] {
            *strange = Sample {
                input: strange.input.map(|input| input - 3.0),
                peak: 20.0,
                ..*strange
            };
        }
        let over = told(Base::Line, &all, 20e9).unwrap() / 2500.0;
        assert!((1.0..1.03).contains(&over), "{over}");
    }

    #[test]
    fn a_base_without_enough_to_go_by_says_nothing() {
        let all = samples(|_| 100.0);
        for base in &BASES[1..] {
            assert!(
                base.fitted(&all, 1.0)
                    .is_none_or(|f| f.told(None).is_none())
            );
            assert!(told(*base, &all[..2], all[0].peak).is_none(), "{base:?}");
        }
        let same: Vec<Sample> = vec![all[3]; 9];
        assert!(Base::Line.fitted(&same, 1.0).is_none());
        assert!(Base::Power.fitted(&same, 1.0).is_none());
        assert!(told(Base::Near(0.07), &all, 99f64.exp()).is_none());
    }
}
