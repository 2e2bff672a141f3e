//! Whether a kind's runs end so by themselves, as often as its rewritten ones do.
//!
//! The constants are judgements: no data that we have tells which ends a rewrite caused.

/// So many of a kind's latest rewritten runs are counted: with more, harm that begins late is hidden by all the good runs before;
/// with fewer, a kind that fails now and then is taken for harmed by chance.
pub const LATEST: usize = 10;

/// What comes about by chance no more often than so is no chance. With less, more runs that a rewrite harmed are left alone; with
/// more, runs that failed by themselves run once more.
const NO_CHANCE: f64 = 0.05;

/// Of some runs, how many ended so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// Those that ended so.
    pub so: usize,
    /// All of them.
    pub all: usize,
}

impl Share {
    /// One more run.
    pub fn count(&mut self, is_so: bool) {
        self.so += usize::from(is_so);
        self.all += 1;
    }
}

/// Runs that had what their users asked for end so as often that as many of the rewritten ones may do so by chance.
pub fn explains(as_asked: Share, rewritten: Share) -> bool {
    let often = as_asked.so as f64 / as_asked.all.max(1) as f64;
    so_many_or_more(rewritten, often) > NO_CHANCE
}

/// The probability that so many of them or more do what each does as `often`: the binomial distribution's upper tail.
fn so_many_or_more(Share { so, all }: Share, often: f64) -> f64 {
    let exactly = |count: usize| {
        let ways: f64 = (0..count)
            .map(|n| (all - n) as f64 / (n + 1) as f64)
            .product();
        ways * often.powi(count as i32) * (1.0 - often).powi((all - count) as i32)
    };
    (so..=all).map(exactly).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share((so, all): (usize, usize)) -> Share {
        Share { so, all }
    }

    #[test]
    fn the_upper_tail_of_the_binomial_distribution() {
        for (so, often, right) in [
            ((1, 1), 0.3, 0.3),
            ((2, 3), 0.5, 0.5),
            ((0, 7), 0.1, 1.0),
            ((10, 10), 0.5, 0.000_976_562_5),
            ((3, 10), 0.05, 0.011_503_557),
            ((4, 10), 0.0, 0.0),
            ((4, 10), 1.0, 1.0),
        ] {
            let found = so_many_or_more(share(so), often);
            assert!((found - right).abs() < 1e-8, "{so:?} {often}: {found}");
        }
    }

    #[test]
    fn a_kinds_own_failures_explain_as_many_as_chance_makes_of_them() {
        for (as_asked, rewritten, right) in [
            // None failed, or nobody knows.
            ((0, 20), (1, 1), false),
            ((0, 0), (1, 10), false),
            // Once in a while: one of some, and not one after the other.
            ((1, 21), (1, 1), false),
            ((1, 21), (1, 3), true),
            ((1, 21), (2, 3), false),
            ((1, 10), (1, 1), true),
            ((1, 10), (2, 2), false),
            // Half of the time.
            ((10, 20), (1, 1), true),
            ((10, 20), (4, 4), true),
            ((10, 20), (5, 10), true),
            ((10, 20), (8, 10), true),
            ((10, 20), (9, 10), false),
            // Always.
            ((20, 20), (10, 10), true),
        ] {
            let found = explains(share(as_asked), share(rewritten));
            assert_eq!(found, right, "{as_asked:?} {rewritten:?}");
        }
    }
}
