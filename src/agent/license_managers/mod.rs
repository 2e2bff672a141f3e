//! What license managers report of who holds seats: one file for the form in which each writes it.
//!
//! Nothing that is not said is taken for a zero: an answer that does not speak of a feature, says that more
//! seats are in use than it lists, or lacks one of several servers leaves it unknown what jobs hold.

mod complaint;
mod dsls;
mod flexnet;
mod lmx;
mod lsdyna;
mod olicense;
mod pool;
mod reprise;

pub use complaint::complaint;
use complaint::quoted;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
pub use pool::{Checkout, Pool};
use std::collections::BTreeMap;

/// Since when seats are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// It is not said.
    Unknown,
    /// Month, day, hour and minute, in local time.
    InSomeYear([i8; 4]),
    /// In local time.
    At(DateTime),
}

impl Since {
    /// In seconds since 1970. Where the year is not said it is the latest that is not after `now`.
    pub fn seconds(self, now: i64, zone: &TimeZone) -> Option<i64> {
        let seconds =
            |time: DateTime| Some(time.to_zoned(zone.clone()).ok()?.timestamp().as_second());
        let [month, day, hour, minute] = match self {
            Since::Unknown => return None,
            Since::At(time) => return seconds(time),
            Since::InSomeYear(parts) => parts,
        };
        let now_there = jiff::Timestamp::from_second(now)
            .ok()?
            .to_zoned(zone.clone());
        let in_year =
            |year: i16| seconds(DateTime::new(year, month, day, hour, minute, 0, 0).ok()?);
        // A clock of another machine may be a little ahead.
        let is_past = |at: &i64| *at <= now + 3600;
        in_year(now_there.year())
            .filter(is_past)
            .or_else(|| in_year(now_there.year() - 1))
    }
}

/// What an answer says, feature by feature.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pools: BTreeMap<String, Pool>,
    /// Features of which a server would say nothing, and why.
    refused: BTreeMap<String, String>,
    /// Why it says nothing of any.
    says_too_little: Option<&'static str>,
}

impl Answer {
    /// What it says about a feature; some managers fold names to capitals. `None` if it says nothing.
    pub fn pool(&self, feature: &str) -> Option<&Pool> {
        self.pools.get(&feature.to_lowercase())
    }

    /// Why it says nothing, or not all, of a feature.
    pub fn why_unknown(&self, feature: &str) -> Option<&str> {
        let pool = self.pool(feature);
        let why = pool.and_then(|pool| pool.why_unknown.as_deref());
        why.or_else(|| Some(self.refused.get(&feature.to_lowercase())?.as_str()))
            .or(self.says_too_little)
    }

    /// Every feature that it speaks of, and what it says.
    pub fn pools(&self) -> impl Iterator<Item = (&str, &Pool)> {
        let pools = self.pools.iter();
        pools.map(|(feature, pool)| (feature.as_str(), pool))
    }

    /// Several pools of one feature are one.
    fn pool_mut(&mut self, feature: &str) -> &mut Pool {
        self.pools.entry(feature.to_lowercase()).or_default()
    }

    /// A server says nothing of a feature: what others say of it is not all.
    fn refuse(&mut self, feature: &str, why: String) {
        self.refused.insert(feature.to_lowercase(), why);
    }

    /// A server that may know of any feature does not answer.
    fn lacks_a_server(&mut self, why: &str) {
        for pool in self.pools.values_mut() {
            pool.why_unknown.get_or_insert_with(|| why.to_owned());
        }
    }

    fn says_nothing(&self) -> bool {
        self.pools.is_empty() && self.refused.is_empty() && self.says_too_little.is_none()
    }
}

/// Reads an answer in whichever form it is; whatever is not understood is passed over.
pub fn read(text: &str) -> Answer {
    let readers = [
        flexnet::read,
        reprise::read,
        lmx::read,
        lsdyna::read,
        olicense::read,
        dsls::read,
    ];
    let mut answers = readers.iter().map(|reader| reader(text));
    let mut answer = answers
        .find(|answer| !answer.says_nothing())
        .unwrap_or_default();
    for (feature, pool) in &mut answer.pools {
        pool.count_shared_once();
        pool.limit();
        pool.why_unknown = pool
            .why_unknown
            .take()
            .or_else(|| answer.refused.get(feature).cloned());
    }
    answer
}

/// The number before `what`, as in `1 of 3 license(s) used`.
fn number_before(text: &str, what: &str) -> Option<u32> {
    text.split_once(what)?
        .0
        .split_whitespace()
        .last()?
        .parse()
        .ok()
}

/// A user and a host from `user@host`; the user's name may hold an @, too.
fn holder(text: &str) -> Option<String> {
    let (user, host) = text.rsplit_once('@')?;
    let (user, host) = (user.trim(), host.split_whitespace().next()?);
    (!user.is_empty()).then(|| format!("{user} {host}"))
}

/// The time that `2026-11-24 10:15` begins, with or without seconds.
fn date_and_time(text: &str) -> Since {
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    words.join("T").parse().map_or(Since::Unknown, Since::At)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::random::Random;

    /// What a reader makes of an answer, a line a feature.
    pub(super) fn shown(answer: &Answer) -> Vec<String> {
        let checkout = |one: &Checkout| {
            let words: Vec<&str> = one.holder.split_whitespace().take(3).collect();
            let lingers = if one.lingers { " lingers" } else { "" };
            format!("{}*{}{lingers}", words.join(" "), one.seats)
        };
        let pools = answer.pools().map(|(feature, pool)| {
            let holders: Vec<_> = pool.checkouts.iter().map(checkout).collect();
            let complete = if pool.is_complete() {
                ""
            } else {
                " incomplete"
            };
            format!("{feature}{complete}: {}", holders.join(", "))
        });
        pools.collect()
    }

    #[test]
    fn an_answer_that_is_none_says_nothing() {
        for text in [
            "",
            "lmutil - Copyright\nError getting status: Cannot connect to license server system. (-15,570:111)\n",
            "rlmutil v12\nError connecting to \"rlm\" server\nConnection attempted to host: \"\" on port 5053\n",
            "LM-X license server(s):\nThere are no license server(s) available.\n",
            "*** ERROR failed to open server lic1\n",
            "OlComm 454 Request cannot connect to target\n",
            "Admin connection error: not connected\n",
        ] {
            assert_eq!(read(text), Answer::default(), "{text}");
            assert_eq!(complaint(text).is_some(), !text.is_empty(), "{text}");
        }
    }

    #[test]
    fn any_bytes_are_an_answer() {
        const PIECES: [&str; 40] = [
            "Users of x:",
            "(Total of 9 licenses issued;  Total of ",
            " licenses in use)",
            ", start ",
            "Mon 3/2 8:00",
            "RESERVATION",
            "linger:",
            "x v1",
            ": a@b ",
            "1/0",
            " at ",
            "count:",
            " inuse:",
            "Feature: x Version: ",
            " of ",
            " license(s) used",
            " by ",
            "Checkout time: ",
            "2026-13-41 25:61",
            "PROGRAM EXPIRATION\n",
            "X 1/1/2030 - 1 2 | 0",
            " u 7@n 3",
            "x; FreeFloating; 3;",
            " FloatsLockedBy:",
            " #1",
            " type: Token",
            "granted since:",
            " tokens: ",
            "internal Id:",
            " by user: ",
            " on host: ",
            "Feature,Inuse,User,Host,Tokens\n",
            ",",
            "\n",
            " ",
            "\t",
            "4294967295",
            "99999999999",
            "-1",
            "é",
        ];
        let mut random = Random::new(2);
        let mut spoken = 0;
        for _ in 0..8_000 {
            let answer = read(&random.text(&PIECES));
            for (feature, pool) in answer.pools() {
                spoken += 1;
                assert_eq!(answer.pool(feature), Some(pool));
                for one in &pool.checkouts {
                    assert!(one.holder.split_whitespace().nth(1).is_some(), "{one:?}");
                    let _no_panic = one.since.seconds(1_767_225_600, &TimeZone::UTC);
                }
            }
        }
        assert!(spoken > 400, "{spoken}");
    }

    #[test]
    fn a_checkout_is_of_the_latest_such_day() {
        let at = |since| {
            Since::InSomeYear(since)
                .seconds(1_767_225_600 + 3600, &TimeZone::UTC)
                .unwrap()
        };
        // It is 2026-01-01T01:00:00.
        assert_eq!(at([1, 1, 0, 30]), 1_767_225_600 + 1800);
        assert_eq!(at([12, 31, 23, 0]), 1_767_225_600 - 3600);
        let full = date_and_time("2026-01-01 00:30 x");
        assert_eq!(full.seconds(0, &TimeZone::UTC), Some(1_767_225_600 + 1800));
        assert_eq!(date_and_time("10/6/25 1:55:06 PM"), Since::Unknown);
    }
}
