//! When a job is near its limit, how far it grows, and when to look again.

use crate::text::units::MIB;
use std::time::Duration;

/// No job is taken to allocate faster, in bytes a second: some threads that touch fresh pages as fast as they can.
const FASTEST: u64 = 8192 * MIB;

/// Between two looks at least, and at most. At each two small files are read, and near the limit another one.
const SHORTEST: Duration = Duration::from_millis(3);
const LONGEST: Duration = Duration::from_secs(1);

/// A job whose use has not changed for a while is not expected to do so just now: the time between two looks is this part of that while,
/// up to a bound. One that does, and as fast as it can, may be killed, and runs again.
const CALM: u32 = 256;
const CALMEST: Duration = Duration::from_millis(20);

/// A job is near its limit when a sixteenth is left, within these bounds: no less than the fastest allocates between two looks; and the
/// more, the longer a look may be held up, as where a large node is busy. No more than that: a job that was sized well is never far
/// from its limit.
const LEAST_LEFT: u64 = 24 * MIB;
const MOST_LEFT: u64 = 256 * MIB;

/// For one that rises fast it is what it fills meanwhile, an eighth of its limit at most, or this.
const LEAST_AHEAD: u64 = 64 * MIB;

/// A job grows by this at least.
const LEAST_STEP: u64 = 128 * MIB;

/// How much a job with this limit uses when it is near it, where it may use so much more before anybody looks again; all in bytes.
pub fn mark(limit: u64, ahead: u64) -> u64 {
    let fast = ahead.min((limit / 8).max(LEAST_AHEAD));
    let left = (limit / 16).clamp(LEAST_LEFT, MOST_LEFT).max(fast);
    limit.saturating_sub(left).max(least_mark(limit))
}

/// Bytes that the kernel may not have counted yet, on so many CPUs: it counts in batches for each, the larger the more there are
/// (before Linux 6.16 in a process's own figures, too).
pub fn batched(cpus: u64) -> u64 {
    let pages = cpus.saturating_mul(cpus.saturating_mul(2).max(64));
    pages.saturating_mul(4096).max(LEAST_LEFT)
}

/// A job that holds so many bytes has as good as reached this mark, where so many may not be counted yet; all in bytes.
pub fn near(mark: u64, batched: u64) -> u64 {
    mark.saturating_sub(batched).max(mark / 2)
}

/// A job that uses less, in bytes, is not near this limit, however fast it is.
pub fn least_mark(limit: u64) -> u64 {
    limit / 2
}

/// The next limit after this one, `most` at most, where it may use so much more before anybody looks again; all in bytes.
pub fn next(limit: u64, most: u64, ahead: u64) -> u64 {
    let step = (limit / 8).max(LEAST_STEP).max(ahead);
    limit.saturating_add(step).min(most).max(limit)
}

/// How long nothing can happen to a job of which so many bytes are left until it is near its limit, and whose use has been the same for
/// so long; a step that begins meanwhile has the job's first limit for its own.
pub fn rest(left: u64, first: u64, calm: Duration) -> Duration {
    let bytes = left.min(first);
    let filled = Duration::from_micros(bytes.saturating_mul(1_000_000) / FASTEST);
    let least = (calm / CALM).clamp(SHORTEST, CALMEST);
    filled.clamp(least, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_leaves_room_for_what_is_allocated_until_somebody_looks() {
        for (limit, expected) in [
            (20, 10),
            (64, 40),
            (256, 232),
            (512, 480),
            (1024, 960),
            (65536, 65536 - 256),
        ] {
            assert_eq!(mark(limit * MIB, 0).div_ceil(MIB), expected, "{limit} MiB");
        }
        assert_eq!(mark(0, 0), 0);
        let fast = [100, 1000].map(|ahead| mark(1024 * MIB, ahead * MIB) / MIB);
        assert_eq!(fast, [924, 896], "a job that rises fast");
        assert_eq!(mark(256 * MIB, 1000 * MIB) / MIB, 192);
    }

    #[test]
    fn the_more_cpus_the_more_may_not_be_counted_yet() {
        for (cpus, mib) in [(1, 24), (64, 32), (128, 128)] {
            assert_eq!(batched(cpus) / MIB, mib, "{cpus} CPUs");
        }
        let near = [2, 128, 1024].map(|cpus| near(480 * MIB, batched(cpus)) / MIB);
        assert_eq!(near, [456, 352, 240]);
        assert_eq!(batched(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_job_grows_by_an_eighth_or_a_useful_step_and_never_beyond_what_was_asked() {
        for (limit, most, expected) in [
            (256, 8192, 384),
            (4096, 8192, 4608),
            (7800, 8192, 8192),
            (8192, 8192, 8192),
            // Somebody has raised it by hand.
            (9000, 8192, 9000),
        ] {
            let grown = next(limit * MIB, most * MIB, 0);
            assert_eq!(grown, expected * MIB, "{limit} of {most} MiB");
        }
        assert_eq!(next(256 * MIB, 8192 * MIB, 200 * MIB), 456 * MIB);
        assert_eq!(next(u64::MAX, u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn a_look_comes_before_the_fastest_job_can_have_filled_what_is_left() {
        let between = |rest: Duration| rest.as_secs_f64() * FASTEST as f64;
        assert!(between(SHORTEST) <= LEAST_LEFT as f64 * 1.05);
        for (left, first, calm_s, ms) in [
            (0, 256, 0, 3),
            (32, 256, 0, 3),
            (0, 256, 2, 7),
            (0, 256, 3600, 20),
            (512, 4096, 0, 62),
            (512, 4096, 3600, 62),
            (4096, 512, 0, 62),
            (1 << 20, 1 << 20, 0, 1000),
        ] {
            let rest = rest(left * MIB, first * MIB, Duration::from_secs(calm_s));
            assert_eq!(rest.as_millis(), ms, "{left} MiB of {first}, {calm_s} s");
        }
    }
}
