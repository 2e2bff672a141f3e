//! Rests between looks at what others decide the cost of: users have as many processes, threads, files and sockets as they
//! like, and a look at all of them must not take their nodes from the others.

use std::time::Duration;

/// Looks of one kind take a fiftieth of a CPU's time at most, in the long run.
const TIMES: u32 = 50;

/// So many seconds of rest may be owed before one is taken: a tenth of a second of a CPU. A look that costs too much once,
/// as on a machine that is busy with something else, leaves no hole in what is seen of a job; looks that always do, do.
const AHEAD_S: f64 = 5.0;

/// When one kind of look is due.
#[derive(Debug, Default, Clone, Copy)]
pub struct Rest {
    /// Seconds after the start.
    until: f64,
    /// What all looks have cost is made up for by then, in seconds after the start.
    paid: f64,
}

impl Rest {
    /// It is time for a look, `at` seconds after the start.
    pub fn is_over(&self, at: impl Into<f64>) -> bool {
        at.into() >= self.until
    }

    /// Begins after a look `at` seconds after the start that kept a CPU busy for `cost`; it lasts `apart_s` seconds at least.
    pub fn begin(&mut self, at: impl Into<f64>, apart_s: impl Into<f64>, cost: Duration) {
        let (at, owed) = (at.into(), cost.saturating_mul(TIMES).as_secs_f64());
        self.paid = self.paid.max(at) + owed;
        self.until = (at + apart_s.into()).max(self.paid - AHEAD_S);
    }

    /// How long it still lasts, `at` seconds after the start.
    pub fn left(&self, at: impl Into<f64>) -> Duration {
        let left = (self.until - at.into()).max(0.0);
        Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX)
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.until = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds until the next look is due after each of looks that cost so many ms, each taken when it was due.
    fn waits(apart_s: f64, costs: &[u64]) -> Vec<f64> {
        let (mut rest, mut at) = (Rest::default(), 7.0);
        let mut wait = |&ms: &u64| {
            assert!(rest.is_over(at));
            rest.begin(at, apart_s, Duration::from_millis(ms));
            let wait = rest.left(at).as_secs_f64();
            at += wait;
            (wait * 100.0).round() / 100.0
        };
        costs.iter().map(&mut wait).collect()
    }

    #[test]
    fn a_look_that_costs_is_made_up_for_and_one_alone_leaves_no_hole() {
        for (apart, costs, expected) in [
            (1.0, &[0, 0][..], &[1.0, 1.0][..]),
            (1.0, &[20, 20, 20], &[1.0, 1.0, 1.0]),
            (0.1, &[90, 1, 1], &[0.1, 0.1, 0.1]),
            // 30 s are owed for the first, and 5 of them may be.
            (0.1, &[600, 0, 0], &[25.0, 0.1, 0.1]),
            (0.0, &[100, 10, 10], &[0.0, 0.5, 0.5]),
            (1.0, &[100, 100, 100], &[1.0, 4.0, 5.0]),
        ] {
            assert_eq!(waits(apart, costs), expected, "{apart} s, {costs:?} ms");
        }
    }

    #[test]
    fn in_the_long_run_looks_take_a_fiftieth_of_a_cpu() {
        let waits = waits(0.0, &[40; 1000]);
        let seconds: f64 = waits.iter().sum();
        assert!(seconds >= 50.0 * 0.04 * 1000.0 - AHEAD_S - 1.0, "{seconds}");
    }

    #[test]
    fn a_rest_without_end_is_one() {
        let mut endless = Rest::default();
        endless.begin(1.0, 1.0, Duration::MAX);
        assert!(!endless.is_over(1e9_f64));
        endless.end();
        assert!(endless.is_over(0.0));
    }
}
