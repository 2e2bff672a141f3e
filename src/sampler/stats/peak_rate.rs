//! The busiest second of something that only adds up: CPU time, bytes.

/// Less by what the sum of two times of day loses.
const A_SECOND: f64 = 1.0 - 1e-4;

/// What was added a second at most so far.
#[derive(Debug, Default)]
pub struct PeakRate {
    last: (f32, f64),
    most: f64,
}

impl PeakRate {
    /// Seconds between the last look that counted and second `at`; `None` if they are too close together to count
    /// as two.
    pub fn since_last(&self, at: f32) -> Option<f64> {
        let seconds = f64::from(at - self.last.0);
        (seconds >= A_SECOND).then_some(seconds)
    }

    /// Notes that it was `total` by second `at`; looks closer together than a second count as one.
    pub fn note(&mut self, at: f32, total: f64) {
        if let Some(seconds) = self.since_last(at) {
            self.most = self.most.max((total - self.last.1) / seconds);
            self.last = (at, total);
        }
    }

    /// The most a second.
    pub fn a_second(&self) -> f64 {
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_is_found() {
        let mut rate = PeakRate::default();
        for (at, total) in [
            (0.5, 9.0),
            (1.0, 10.0),
            (1.5, 80.0),
            (2.0, 90.0),
            (4.0, 100.0),
        ] {
            rate.note(at, total);
        }
        assert_eq!(rate.a_second(), 80.0);
    }

    #[test]
    fn looks_that_are_far_apart_share_what_was_added() {
        let mut rate = PeakRate::default();
        for (at, total, most) in [
            (0.9, 99.0, 0.0),
            (1.0, 10.0, 10.0),
            (4.0, 100.0, 30.0),
            (5.0, 120.0, 30.0),
        ] {
            rate.note(at, total);
            assert_eq!(rate.a_second(), most, "{at}");
        }
    }
}
