//! Rests between looks at what others decide the cost of: users have as many processes, threads, files and sockets as they
//! like, and a look at all of them must not take their nodes from the others.

use std::time::Duration;

/// A rest lasts at least so many times as long as the look before it kept a CPU busy: one kind of look takes a fiftieth
/// of one at most.
const TIMES: u32 = 50;

/// When one kind of look is due.
#[derive(Debug, Default, Clone, Copy)]
pub struct Rest {
    /// Seconds after the start.
    until: f32,
    owed: Duration,
}

impl Rest {
    /// It is time for a look, `at` seconds after the start.
    pub fn is_over(&self, at: f32) -> bool {
        at >= self.until
    }

    /// Begins after a look `at` seconds after the start that kept a CPU busy for `cost`; it lasts `apart_s` seconds at least.
    pub fn begin(&mut self, at: f32, apart_s: f32, cost: Duration) {
        self.owed = cost.saturating_mul(TIMES);
        self.until = at + apart_s.max(self.owed.as_secs_f32());
    }

    /// What the last look alone makes it last.
    pub fn owed(&self) -> Duration {
        self.owed
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.until = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_costs_is_followed_by_a_rest_of_fifty_times_that() {
        // Seconds apart, cost in ms, and the seconds after which the next look is due.
        for (apart, ms, due) in [
            (1.0, 0, 1.0),
            (1.0, 20, 1.0),
            (1.0, 100, 5.0),
            (0.0, 10, 0.5),
            (5.0, 1200, 60.0),
        ] {
            let mut rest = Rest::default();
            assert!(rest.is_over(0.0));
            rest.begin(7.0, apart, Duration::from_millis(ms));
            let seen = [due - 0.01, due].map(|after| rest.is_over(7.0 + after));
            assert_eq!(seen, [false, true], "{apart} s, {ms} ms");
            rest.end();
            assert!(rest.is_over(0.0));
        }
        let mut endless = Rest::default();
        endless.begin(1.0, 1.0, Duration::MAX);
        assert!(!endless.is_over(1e9));
    }
}
