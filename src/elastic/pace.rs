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
    /// What it used, in bytes, when that last was another, and when that was.
    changed: (u64, Duration),
    /// What it used, what its processes had of that, and when both were read.
    seen: Option<([u64; 2], Duration)>,
    bytes_a_s: f64,
}

impl Pace {
    /// It uses so many bytes now, page cache included, of which its processes have `held`, where that was asked for. It has risen by the
    /// lesser of both: cache comes and goes, and who has what the kernel counts in batches.
    pub fn look(&mut self, used: u64, held: Option<u64>, at: Duration) {
        if used.abs_diff(self.changed.0) > MIB {
            self.changed = (used, at);
        }
        let now = held.map(|held| ([used, held], at));
        let (Some((now, _)), Some((before, since))) = (now, self.seen) else {
            if now.is_none() {
                self.bytes_a_s = 0.0;
            }
            self.seen = now;
            return;
        };
        let passed = at.saturating_sub(since);
        if passed >= SHORTEST {
            let risen = [0, 1].map(|n| now[n].saturating_sub(before[n]));
            let risen = risen[0].min(risen[1]) as f64 / passed.as_secs_f64();
            let left = 1.0 - passed.as_secs_f64() / REMEMBERED.as_secs_f64();
            self.bytes_a_s = risen.max(self.bytes_a_s * left.max(0.0));
            self.seen = Some((now, at));
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
            pace.look(mib * MIB, Some(mib * MIB), Duration::from_millis(ms));
            pace.ahead() / MIB
        };
        assert_eq!(ahead_mib(500, 1000), 0, "nobody knows since when");
        assert_eq!(ahead_mib(510, 1010), 100);
        assert_eq!(ahead_mib(520, 1011), 100, "too soon to tell");
        assert_eq!(ahead_mib(520, 1510), 50);
        assert_eq!(ahead_mib(100, 2600), 0);
        let mut unknown = Pace::default();
        for (n, held) in [Some(MIB), None, Some(500 * MIB)].into_iter().enumerate() {
            unknown.look(
                n as u64 * 500 * MIB,
                held,
                Duration::from_millis(10 * n as u64),
            );
        }
        assert_eq!(unknown.ahead(), 0, "what was not asked for");
        let mut risen = Pace::default();
        for (ms, mib) in [(0, 100), (10, 200)] {
            risen.look(mib * MIB, Some(mib * MIB), Duration::from_millis(ms));
        }
        assert!(risen.ahead() > 500 * MIB);
        risen.look(50 * MIB, None, Duration::from_millis(20));
        assert_eq!(risen.ahead(), 0, "far from its limit");
        for (used, held) in [([100, 500], [100, 100]), ([500, 500], [100, 500])] {
            let mut cache = Pace::default();
            for n in 0..2 {
                let at = Duration::from_millis(10 * n as u64);
                cache.look(used[n] * MIB, Some(held[n] * MIB), at);
            }
            assert_eq!(cache.ahead(), 0, "{used:?} {held:?}");
        }
    }

    #[test]
    fn a_job_is_calm_while_it_uses_nearly_the_same() {
        let mut pace = Pace::default();
        for (kib, s, calm_s) in [(2048, 1, 0), (2500, 5, 4), (1500, 9, 8), (4096, 10, 0)] {
            let at = Duration::from_secs(s);
            pace.look(kib * 1024, None, at);
            assert_eq!(pace.calm(at).as_secs(), calm_s, "{kib}");
        }
    }
}
