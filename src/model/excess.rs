//! Do rewritten jobs fail more often than others of the same kinds?
//!
//! The test of Cochran (Biometrics 10, 1954) and of Mantel and Haenszel (Journal of the National Cancer Institute 22, 1959),
//! one stratum a kind and day: how many of the failures would be of rewritten jobs if the rewrite did not matter, against how
//! many are. A kind whose jobs all fail, or never do, weighs nothing; neither that other kinds are rewritten than fail nor a
//! day on which a file system is down misleads it. What is allowed as the price of smaller requests is taken off first.
//!
//! A kind that is trusted with all of its jobs has few others or none on the same day. It is compared with what its runs did with
//! their users' requests at any time, all of its days one stratum, without the day on which most such runs of the site failed
//! and those beside it: a night on which a file system is down has two.

use crate::fingerprint::Key;
use std::collections::{BTreeMap, HashMap};

/// So many standard deviations above what chance would give, less often than one in thirty thousand looks.
const CERTAIN: f64 = 4.0;

/// It must be certain without the user whose runs fail most, and of the others' without these kinds that fail most: what one
/// batch or one user does is for its own kinds' trust to see, and no user speaks for the site.
const LEFT_OUT: usize = 2;

/// Others of which there are so many times more rewritten ones are too few to compare with.
const FEW: u64 = 10;

/// How one user's runs of one kind ended on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// Whose runs.
    pub user: String,
    /// Which kind.
    pub kind: Key,
    /// Which day, in days since 1970.
    pub day: i64,
    /// Runs whose request was rewritten.
    pub rewritten: u64,
    /// Of those, the ones that failed or were harmed.
    pub rewritten_failed: u64,
    /// Runs with what their users asked for.
    pub others: u64,
    /// Of those, the ones that failed.
    pub others_failed: u64,
}

/// How many runs of a user's kind had what its user asked for, at any time, and how many of them failed.
pub type AsAsked = HashMap<(String, Key), [u64; 2]>;

/// How much more often rewritten jobs fail.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Excess {
    /// Rewritten runs of kinds that have others to be compared with.
    pub rewritten: u64,
    /// Of those, the ones that failed.
    pub failed: u64,
    /// As many runs would have failed, did they fail as often as those others.
    pub expected: f64,
    /// In standard deviations, what is allowed taken off, without the user and the kinds that fail most.
    pub deviations: f64,
}

/// More failures of rewritten jobs of a kind than are allowed and expected by chance, and the variance of that number.
#[derive(Debug, Clone, Copy, Default)]
struct Above {
    failures: f64,
    variance: f64,
}

impl Above {
    fn and(self, ends: &Ends, allowed: f64) -> Above {
        let [rewritten, others] = [ends.rewritten, ends.others].map(|runs| runs as f64);
        let all = rewritten + others;
        let failed = (ends.rewritten_failed + ends.others_failed) as f64;
        let weight = rewritten * others / all;
        let expected = rewritten * failed / all + allowed * weight;
        let by_chance = weight * failed / all * (all - failed) / (all - 1.0);
        Above {
            failures: self.failures + ends.rewritten_failed as f64 - expected,
            variance: self.variance + by_chance + allowed * (1.0 - allowed) * weight,
        }
    }
}

impl Excess {
    /// Over these, where `allowed`, a share from 0 to 1, of the rewritten jobs may fail beyond the others; `as_asked` as in
    /// [`AsAsked`].
    pub fn of(ends: impl IntoIterator<Item = Ends>, as_asked: &AsAsked, allowed: f64) -> Excess {
        let mut sum = Excess::default();
        let mut kinds: BTreeMap<(String, Key), Above> = BTreeMap::new();
        for ends in compared(ends, as_asked) {
            sum.rewritten += ends.rewritten;
            sum.failed += ends.rewritten_failed;
            sum.expected += ends.rewritten as f64 * ends.others_failed as f64 / ends.others as f64;
            let kind = kinds.entry((ends.user.clone(), ends.kind)).or_default();
            *kind = kind.and(&ends, allowed);
        }
        let kinds = without_worst_user(kinds);
        let rest = kinds.iter().skip(LEFT_OUT);
        let failures: f64 = rest.clone().map(|kind| kind.failures).sum();
        let variance: f64 = rest.map(|kind| kind.variance).sum();
        // Counts are whole numbers: half of one is chance.
        let failures = (failures - 0.5).max(0.0);
        if variance > 0.0 {
            sum.deviations = failures / variance.sqrt();
        }
        sum
    }

    /// It is no chance.
    pub fn is_certain(&self) -> bool {
        self.deviations >= CERTAIN
    }
}

/// Strata in which there are both.
fn compared(ends: impl IntoIterator<Item = Ends>, as_asked: &AsAsked) -> Vec<Ends> {
    let ends: Vec<Ends> = ends.into_iter().filter(|ends| ends.rewritten > 0).collect();
    let mut all: HashMap<(&str, Key), [u64; 2]> = HashMap::new();
    for ends in &ends {
        let [rewritten, others] = all.entry((&ends.user, ends.kind)).or_default();
        *rewritten += ends.rewritten;
        *others += ends.others;
    }
    let is_alone = |ends: &Ends| {
        let [rewritten, others] = all[&(ends.user.as_str(), ends.kind)];
        ends.others == 0 || others * FEW < rewritten
    };
    let which: Vec<bool> = ends.iter().map(is_alone).collect();
    let (mut alone, mut strata) = (Vec::new(), Vec::new());
    for (ends, is_alone) in ends.into_iter().zip(which) {
        if is_alone { &mut alone } else { &mut strata }.push(ends);
    }
    let worst_day = worst_day(&alone);
    let mut kinds: BTreeMap<(String, Key), Ends> = BTreeMap::new();
    for ends in alone {
        let kind = (ends.user.clone(), ends.kind);
        if let Some([others, others_failed]) = as_asked.get(&kind)
            && *others > 0
            && worst_day.is_none_or(|worst| ends.day.abs_diff(worst) > 1)
        {
            let all = kinds.entry(kind).or_insert(Ends {
                rewritten: 0,
                rewritten_failed: 0,
                others: *others,
                others_failed: *others_failed,
                ..ends
            });
            all.rewritten += ends.rewritten;
            all.rewritten_failed += ends.rewritten_failed;
        }
    }
    strata.extend(kinds.into_values());
    strata
}

/// The day on which most of these failed.
fn worst_day(ends: &[Ends]) -> Option<i64> {
    let mut failed: BTreeMap<i64, u64> = BTreeMap::new();
    for ends in ends {
        *failed.entry(ends.day).or_default() += ends.rewritten_failed;
    }
    failed
        .into_iter()
        .max_by_key(|(_, failed)| *failed)
        .map(|(day, _)| day)
}

/// The kinds of all users but the one whose runs fail most, those that fail most first.
fn without_worst_user(kinds: BTreeMap<(String, Key), Above>) -> Vec<Above> {
    let mut failures: HashMap<&str, f64> = HashMap::new();
    for ((user, _), kind) in &kinds {
        *failures.entry(user).or_default() += kind.failures;
    }
    let worst = failures.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let worst = worst.map(|(user, _)| user.to_owned());
    let others = kinds
        .into_iter()
        .filter(|((user, _), _)| Some(user) != worst.as_ref());
    let mut others: Vec<Above> = others.map(|(_, kind)| kind).collect();
    others.sort_by(|a, b| b.failures.total_cmp(&a.failures));
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: f64 = 0.03;

    /// Of a user of its own.
    fn kind(number: usize, [rewritten, rewritten_failed, others, others_failed]: [u64; 4]) -> Ends {
        Ends {
            user: number.to_string(),
            kind: Key(number as u64),
            day: 1,
            rewritten,
            rewritten_failed,
            others,
            others_failed,
        }
    }

    #[test]
    fn what_is_no_chance_is_told_from_what_may_be() {
        // Of each kind alike, how many kinds, and whether that is certain.
        for (ends, kinds, right) in [
            ([6, 6, 6, 0], 6, true),
            // What two kinds do beside the worst user's, or few runs of a few, or the same on both sides, or the other way round.
            ([600, 600, 600, 0], 3, false),
            ([3, 3, 3, 0], 4, false),
            ([100, 50, 100, 50], 9, false),
            ([100, 0, 100, 100], 9, false),
            // What is allowed, and more than that.
            ([1000, 25, 1000, 0], 9, false),
            ([1000, 100, 1000, 0], 9, true),
            // A little in each of many.
            ([3, 1, 4, 0], 100, true),
            // Nothing to compare with.
            ([100, 100, 0, 0], 9, false),
            ([1, 1, 1, 0], 0, false),
        ] {
            let found = Excess::of(
                (0..kinds).map(|number| kind(number, ends)),
                &AsAsked::new(),
                ALLOWED,
            );
            assert_eq!(found.is_certain(), right, "{kinds} of {ends:?}: {found:?}");
        }
        // The kinds that fail are the ones that are rewritten, or all of it was one bad day: no rewrite's fault.
        let often = (0..9).map(|number| kind(number, [1000, 500, 10, 5]));
        let seldom = (9..18).map(|number| kind(number, [10, 0, 1000, 0]));
        assert!(!Excess::of(often.chain(seldom), &AsAsked::new(), ALLOWED).is_certain());
        let days = (0..9).flat_map(|n| [kind(n, [50, 50, 2, 2]), kind(n, [2, 0, 50, 0])]);
        assert!(!Excess::of(days, &AsAsked::new(), ALLOWED).is_certain());
        let plain = Excess::of(
            [kind(1, [10, 0, 5, 1]), kind(2, [7, 7, 0, 0])],
            &AsAsked::new(),
            ALLOWED,
        );
        assert_eq!(
            (plain.rewritten, plain.failed, plain.expected),
            (10, 0, 2.0)
        );
    }

    #[test]
    fn kinds_that_are_always_rewritten_are_compared_with_what_they_did_before() {
        // Of each of some kinds alike on each of some days; what they had done as asked; whether that is certain.
        for (ends, kinds, days, before, right) in [
            ([20, 10, 0, 0], 9, 5, [20, 0], true),
            // A few others are no comparison.
            ([20, 10, 1, 0], 9, 5, [25, 0], true),
            ([20, 10, 0, 0], 9, 5, [20, 10], false),
            ([20, 0, 0, 0], 9, 5, [20, 0], false),
            // One bad day or night, a few kinds, and kinds of which nobody knows how they were.
            ([20, 20, 0, 0], 9, 2, [20, 0], false),
            ([20, 10, 0, 0], 3, 5, [20, 0], false),
            ([20, 10, 0, 0], 9, 5, [0, 0], false),
        ] {
            let all = (0..days).flat_map(|day| {
                (0..kinds).map(move |number| Ends {
                    day,
                    ..kind(number, ends)
                })
            });
            let as_asked =
                (0..kinds).map(|number| ((number.to_string(), Key(number as u64)), before));
            let found = Excess::of(all, &as_asked.collect(), ALLOWED);
            assert_eq!(
                found.is_certain(),
                right,
                "{kinds} of {ends:?}, {days} days: {found:?}"
            );
        }
    }

    #[test]
    fn no_user_speaks_for_the_site() {
        let of = |user: &str, kinds: usize| {
            let user = user.to_owned();
            (0..kinds).map(move |number| Ends {
                user: user.clone(),
                ..kind(number, [30, 30, 30, 0])
            })
        };
        let well = || (0..9).map(|number| kind(number, [30, 0, 30, 0]));
        let is_certain = |ends: Vec<Ends>| Excess::of(ends, &AsAsked::new(), ALLOWED).is_certain();
        assert!(!is_certain(of("mallory", 40).chain(well()).collect()));
        assert!(!is_certain(
            of("mallory", 40).chain(of("alice", 2)).collect()
        ));
        assert!(is_certain(
            of("mallory", 40).chain(of("alice", 5)).collect()
        ));
    }

    /// Xorshift (Marsaglia 2003), from 0 to 1.
    fn chance(state: &mut u64) -> f64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Sites on which it was raised, of 200 that are looked at forty times while jobs of 30 kinds end; each kind fails as
    /// often as it does, and rewritten ones by `excess` more.
    fn raised(excess: f64) -> usize {
        let mut state = 0x9e37_79b9_7f4a_7c15;
        let mut site = || {
            let rates: Vec<f64> = (0..30).map(|_| 0.2 * chance(&mut state)).collect();
            let mut kinds: Vec<Ends> = (0..rates.len()).map(|n| kind(n, [0; 4])).collect();
            for _ in 0..40 {
                for (ends, rate) in kinds.iter_mut().zip(&rates) {
                    let rewritten = chance(&mut state) < 0.5;
                    let rate = if rewritten { rate + excess } else { *rate };
                    let failed = u64::from(chance(&mut state) < rate);
                    match rewritten {
                        true => {
                            (ends.rewritten, ends.rewritten_failed) =
                                (ends.rewritten + 1, ends.rewritten_failed + failed)
                        }
                        false => {
                            (ends.others, ends.others_failed) =
                                (ends.others + 1, ends.others_failed + failed)
                        }
                    }
                }
                if Excess::of(kinds.iter().cloned(), &AsAsked::new(), ALLOWED).is_certain() {
                    return true;
                }
            }
            false
        };
        (0..200).filter(|_| site()).count()
    }

    #[test]
    fn false_alarms_are_rare_and_true_ones_are_not() {
        assert_eq!((raised(0.0), raised(ALLOWED)), (0, 0));
        assert!(raised(0.2) >= 180);
    }
}
