//! The most CPUs that were wanted at the same time, over a second.

use crate::sampler::threads::Waited;

/// CPUs that were used and waited for, at most so far.
#[derive(Debug, Default)]
pub struct PeakDemand {
    /// When it was last noted, in seconds after the start, and CPU time until then, in seconds.
    last: (f32, f64),
    /// Seconds, and CPU seconds wanted in them: a wait that is not over yet may still be added.
    open: (f64, f64),
    most: f64,
}

impl PeakDemand {
    /// Seconds between the last look that counted and second `at`; `None` if they are too close together to count
    /// as two.
    pub fn since_last(&self, at: f32) -> Option<f64> {
        let seconds = f64::from(at - self.last.0);
        // Less by what the sum of two times loses.
        (seconds >= 1.0 - 1e-4).then_some(seconds)
    }

    /// Notes what was wanted in the last `seconds`: all CPU time used by second `at`, and what was waited for meanwhile.
    pub fn note(&mut self, at: f32, seconds: f64, cpu_s: f64, waited: Waited) {
        self.open.1 += waited.before;
        self.most = self.cpus();
        self.open = (seconds, cpu_s - self.last.1 + waited.within);
        self.last = (at, cpu_s);
    }

    /// The most CPUs that were wanted at the same time, over a second.
    pub fn cpus(&self) -> f64 {
        let (seconds, wanted) = self.open;
        let now = if seconds > 0.0 { wanted / seconds } else { 0.0 };
        self.most.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_wait_counts_in_the_second_before() {
        let mut demand = PeakDemand::default();
        assert_eq!(demand.cpus(), 0.0);
        for (at, cpu_s, within, before, most) in [
            (1.0, 1.0, 0.5, 0.0, 1.5),
            (2.0, 1.5, 0.0, 1.0, 2.5),
            (4.0, 5.5, 0.0, 0.0, 2.5),
            (5.0, 5.5, 0.0, 2.0, 3.0),
        ] {
            let seconds = demand.since_last(at).unwrap();
            demand.note(at, seconds, cpu_s, Waited { within, before });
            assert_eq!(demand.cpus(), most, "{at}");
            assert_eq!(demand.since_last(at + 0.9), None);
        }
    }
}
