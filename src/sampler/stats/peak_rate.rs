//! The busiest second of something that only adds up: CPU time, bytes.

/// What was added a second at most so far.
#[derive(Debug, Default)]
pub struct PeakRate {
    last: (f32, f64),
    most: f64,
}

impl PeakRate {
    /// Notes that it was `total`, in any unit, by second `at`; looks closer together than a second count as one.
    pub fn note(&mut self, at: f32, total: f64) {
        let (last_at, last_total) = self.last;
        if at - last_at >= 1.0 {
            self.most = self
                .most
                .max((total - last_total) / f64::from(at - last_at));
            self.last = (at, total);
        }
    }

    /// The most a second, in the unit of the totals.
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
