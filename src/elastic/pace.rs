//! How fast a job's use rises, and for how long it has been the same.

use crate::text::units::MIB;
use std::time::Duration;

/// Between two looks that are nearer to each other nothing is learned of how fast it rises: the kernel counts in batches.
const SHORTEST: Duration = Duration::from_millis(2);

/// A look may be held up so long where a node is busy, or is itself a guest of one that is.
const HELD_UP: Duration = Duration::from_millis(100);

/// A job that has risen fast is taken to be able to do so again for about so long.
const REMEMBERED: Duration = Duration::from_secs(1);

/// What was seen of a job's use so far.
#[derive(Debug, Default)]
pub struct Pace {
    /// What it used, in bytes, and when that was.
    seen: Option<(u64, Duration)>,
    /// The same, when it last was another.
    changed: (u64, Duration),
    bytes_a_s: f64,
}

impl Pace {
    /// It uses so many bytes now.
    pub fn look(&mut self, used: u64, at: Duration) {
        if used.abs_diff(self.changed.0) > MIB {
            self.changed = (used, at);
        }
        let Some((before, since)) = self.seen else {
            self.seen = Some((used, at));
            return;
        };
        let passed = at.saturating_sub(since);
        if passed >= SHORTEST {
            let now = used.saturating_sub(before) as f64 / passed.as_secs_f64();
            let left = 1.0 - passed.as_secs_f64() / REMEMBERED.as_secs_f64();
            self.bytes_a_s = now.max(self.bytes_a_s * left.max(0.0));
            self.seen = Some((used, at));
        }
    }

    /// For how long it has used nearly the same.
    pub fn calm(&self, at: Duration) -> Duration {
        at.saturating_sub(self.changed.1)
    }

    /// How much more it may use, in bytes, before anybody looks again.
    pub fn ahead(&self) -> u64 {
        // From floats to integers Rust saturates.
        (self.bytes_a_s * HELD_UP.as_secs_f64()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rises_fast_is_expected_to_go_on_for_a_while() {
        let mut pace = Pace::default();
        let mut ahead_mib = |mib: u64, ms: u64| {
            pace.look(mib * MIB, Duration::from_millis(ms));
            pace.ahead() / MIB
        };
        assert_eq!(ahead_mib(500, 1000), 0, "nobody knows since when");
        assert_eq!(ahead_mib(510, 1010), 100);
        assert_eq!(ahead_mib(520, 1011), 100, "too soon to tell");
        assert_eq!(ahead_mib(520, 1510), 50);
        assert_eq!(ahead_mib(100, 2600), 0);
    }

    #[test]
    fn a_job_is_calm_while_it_uses_nearly_the_same() {
        let mut pace = Pace::default();
        for (kib, s, calm_s) in [(2048, 1, 0), (2500, 5, 4), (1500, 9, 8), (4096, 10, 0)] {
            let at = Duration::from_secs(s);
            pace.look(kib * 1024, at);
            assert_eq!(pace.calm(at).as_secs(), calm_s, "{kib}");
        }
    }
}
