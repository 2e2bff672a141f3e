//! Memory or run time that is enough, by the size of a job's input.
//!
//! Whatever it follows for a kind of job, a constant, a line, a power or nothing with a name, becomes the
//! same thing here: points between which the logarithms are interpolated. slurmctld needs nothing else.

/// One point of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knot {
    /// Natural logarithm of the input's size in bytes.
    pub input: f32,
    /// Natural logarithm of what is enough, in MiB or seconds.
    pub enough: f32,
}

/// Points in order of their input; empty where no input is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve(pub Vec<Knot>);

/// Beyond the last knot it is taken to grow at the rate before it, never faster than the input.
const STEEPEST: f32 = 1.0;

/// A knot whose neighbours predict it this well, in logarithms, is not worth keeping.
const TOLERANCE: f32 = 0.002;

impl Curve {
    /// What is enough for a job with `input_bytes` of input, in MiB or seconds.
    pub fn at(&self, input_bytes: u64) -> Option<f64> {
        let input = (input_bytes.max(1) as f64).ln() as f32;
        let (first, last) = (self.0.first()?, self.0.last()?);
        let enough = if input <= first.input {
            first.enough
        } else if input >= last.input {
            last.enough + self.slope_at_end() * (input - last.input)
        } else {
            let next = self.0.partition_point(|knot| knot.input < input);
            // Knots that are out of order say nothing.
            let before = self.0.get(next.checked_sub(1)?)?;
            between(*before, *self.0.get(next)?, input)
        };
        Some(f64::from(enough).exp()).filter(|enough| enough.is_finite())
    }

    fn slope_at_end(&self) -> f32 {
        match self.0[..] {
            [.., before, last] if last.input > before.input => {
                let slope = (last.enough - before.enough) / (last.input - before.input);
                slope.clamp(0.0, STEEPEST)
            }
            _ => 0.0,
        }
    }

    /// The same curve without the knots that a straight line between the others replaces.
    pub fn simplified(&self) -> Curve {
        let mut kept: Vec<Knot> = Vec::new();
        let mut skipped: Vec<Knot> = Vec::new();
        for &knot in &self.0 {
            let straight = kept.last().is_some_and(|&from| {
                let close = |s: &Knot| (between(from, knot, s.input) - s.enough).abs() <= TOLERANCE;
                skipped.iter().all(close)
            });
            if !straight {
                kept.extend(skipped.last());
                skipped.clear();
            }
            skipped.push(knot);
        }
        kept.extend(skipped.last());
        Curve(kept)
    }
}

fn between(left: Knot, right: Knot, input: f32) -> f32 {
    let width = right.input - left.input;
    if width <= 0.0 {
        return left.enough.max(right.enough);
    }
    left.enough + (right.enough - left.enough) * ((input - left.input) / width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f32, f32)]) -> Curve {
        let knot = |&(input, enough): &(f32, f32)| Knot { input, enough };
        Curve(points.iter().map(knot).collect())
    }

    fn ln_at(curve: &Curve, input: f64) -> f64 {
        curve.at(input.exp() as u64).unwrap().ln()
    }

    #[test]
    fn between_knots_logarithms_are_interpolated() {
        let curve = curve(&[(10.0, 5.0), (12.0, 6.0), (14.0, 6.0)]);
        for (input, enough) in [(9.0, 5.0), (11.0, 5.5), (13.0, 6.0), (20.0, 6.0)] {
            assert!((ln_at(&curve, input) - enough).abs() < 1e-3, "{input}");
        }
        assert_eq!(Curve::default().at(7), None);
    }

    #[test]
    fn beyond_its_end_it_grows_no_faster_than_the_input() {
        let steep = curve(&[(10.0, 5.0), (11.0, 9.0)]);
        assert!((ln_at(&steep, 12.0) - 10.0).abs() < 1e-3);
        let falling = curve(&[(10.0, 5.0), (11.0, 4.0)]);
        assert!((ln_at(&falling, 12.0) - 4.0).abs() < 1e-3);
    }

    #[test]
    fn a_straight_line_needs_two_knots() {
        let line: Vec<_> = (0..20).map(|n| (n as f32, 2.0 + 0.5 * n as f32)).collect();
        assert_eq!(curve(&line).simplified(), curve(&[line[0], line[19]]));
        let bent = [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 4.0)];
        assert_eq!(
            curve(&bent).simplified(),
            curve(&[bent[0], bent[2], bent[3]])
        );
        assert_eq!(Curve::default().simplified(), Curve::default());
    }

    #[test]
    fn knots_that_are_out_of_order_say_nothing() {
        let knot = |input| Knot { input, enough: 1.0 };
        for inputs in [
            vec![f32::NAN],
            vec![f32::NAN, f32::NAN],
            vec![0.0, f32::NAN, f32::INFINITY],
            vec![5.0, -5.0, f32::NAN],
        ] {
            let curve = Curve(inputs.into_iter().map(knot).collect());
            for bytes in [0, 1, 2, 1 << 40, u64::MAX] {
                let enough = curve.at(bytes);
                assert!(
                    enough.is_none_or(f64::is_finite),
                    "{curve:?} {bytes}: {enough:?}"
                );
            }
        }
    }
}
