//! How memory was spread over time: its mean, and what it stayed under for most of it.

use std::collections::BTreeMap;

/// Steps of this size, in logarithms, are one and the same.
const STEP: f64 = 0.02;

/// Seconds at each level.
#[derive(Debug, Default)]
pub struct Spread {
    seconds: BTreeMap<i32, f64>,
    byte_s: f64,
    total_s: f64,
}

impl Spread {
    /// It was `bytes` for `seconds`.
    pub fn push(&mut self, bytes: u64, seconds: f64) {
        let level = ((bytes.max(1) as f64).ln() / STEP).round() as i32;
        *self.seconds.entry(level).or_default() += seconds;
        self.byte_s += bytes as f64 * seconds;
        self.total_s += seconds;
    }

    /// In bytes; `None` before anything was seen.
    pub fn mean(&self) -> Option<f64> {
        (self.total_s > 0.0).then(|| self.byte_s / self.total_s)
    }

    /// What it stayed under for this share of the time, in bytes, to a hundredth.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let mut sum = 0.0;
        let level = self.seconds.iter().find(|(_, seconds)| {
            sum += **seconds;
            sum >= share * self.total_s
        });
        level.map(|(level, _)| (f64::from(*level) * STEP).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_burst_is_in_the_peak_alone() {
        let mut spread = Spread::default();
        assert_eq!((spread.mean(), spread.quantile(0.5)), (None, None));
        spread.push(100 << 20, 99.0);
        spread.push(900 << 20, 1.0);
        assert_eq!(spread.mean().unwrap() as u64, 108 << 20);
        let most = spread.quantile(0.95).unwrap() / f64::from(100 << 20);
        assert!((0.98..1.02).contains(&most), "{most}");
    }

    #[test]
    fn it_stays_under_the_level_that_its_share_of_the_time_reaches() {
        let mut spread = Spread::default();
        for (mib, seconds) in [(100u64, 5.0), (300, 2.0), (200, 3.0), (100, 10.0)] {
            spread.push(mib << 20, seconds);
        }
        assert_eq!(spread.mean(), Some(f64::from(135 << 20)));
        for (share, mib) in [
            (0.1, 100.0),
            (0.75, 100.0),
            (0.76, 200.0),
            (0.9, 200.0),
            (0.91, 300.0),
            (1.0, 300.0),
        ] {
            let level = spread.quantile(share).unwrap() / f64::from(1 << 20);
            assert!((level / mib - 1.0).abs() < 0.011, "{share}: {level}");
        }
    }
}
