//! What license managers report of who holds seats: FlexNet's lmstat and Reprise's rlmstat.

use jiff::civil::date;
use jiff::tz::TimeZone;

/// Seats that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// What is held, as the license manager names it.
    pub feature: String,
    /// By whom.
    pub user: String,
    /// Where; perhaps with a domain.
    pub host: String,
    /// Month, day, hour and minute since when, in local time.
    pub since: [i8; 4],
    /// How many.
    pub seats: u32,
}

impl Checkout {
    /// Since when, in seconds since 1970: neither gives the year, so it is the latest that is not after `now`.
    pub fn since(&self, now: i64, zone: &TimeZone) -> Option<i64> {
        let [month, day, hour, minute] = self.since;
        let year = jiff::Timestamp::from_second(now)
            .ok()?
            .to_zoned(zone.clone())
            .year();
        let in_year = |year: i16| {
            let time = jiff::civil::DateTime::new(year, month, day, hour, minute, 0, 0).ok()?;
            Some(time.to_zoned(zone.clone()).ok()?.timestamp().as_second())
        };
        // A clock of another machine may be a little ahead.
        let is_past = |at: &i64| *at <= now + 3600;
        in_year(year).filter(is_past).or_else(|| in_year(year - 1))
    }
}

/// Reads the output of either; whatever is not a checkout is passed over.
pub fn read(text: &str) -> Vec<Checkout> {
    let mut feature = "";
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.trim_start().strip_prefix("Users of ") {
            feature = rest.split(':').next().unwrap_or_default().trim();
        }
        found.extend(flexnet(feature, line).or_else(|| reprise(line)));
    }
    found
}

/// `    alice node1 /dev/pts/3 (v44) (lic1/27000 1234), start Tue 11/24 10:15, 3 licenses`
fn flexnet(feature: &str, line: &str) -> Option<Checkout> {
    let (who, when) = line.split_once(", start ")?;
    let mut words = who.split_ascii_whitespace();
    let (user, host) = (words.next()?, words.next()?);
    let seats = when.split(',').nth(1).and_then(|text| {
        let (count, what) = text.trim().split_once(' ')?;
        what.starts_with("license").then(|| count.parse().ok())?
    });
    Some(Checkout {
        feature: Some(feature).filter(|name| !name.is_empty())?.to_owned(),
        user: user.to_owned(),
        host: host.to_owned(),
        since: clock(when)?,
        seats: seats.unwrap_or(1),
    })
}

/// `        solver v1.0: alice@node1 1/0 at 11/24 10:15  (handle: 41)`
fn reprise(line: &str) -> Option<Checkout> {
    let (who, when) = line.split_once(" at ")?;
    let mut words = who.split_ascii_whitespace();
    let (feature, version) = (words.next()?, words.next()?);
    let (user, host) = words.next()?.split_once('@')?;
    let seats = words.next()?.split('/').next()?.parse().ok()?;
    (version.starts_with('v') && version.ends_with(':')).then_some(Checkout {
        feature: feature.to_owned(),
        user: user.to_owned(),
        host: host.to_owned(),
        since: clock(when)?,
        seats,
    })
}

/// The first `11/24 10:15`.
fn clock(text: &str) -> Option<[i8; 4]> {
    let words: Vec<&str> = text
        .split([' ', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let pair = |text: &str, between: char| {
        let (first, second) = text.split_once(between)?;
        Some([first.parse().ok()?, second.parse().ok()?])
    };
    words.windows(2).find_map(|two| {
        let ([month, day], [hour, minute]) = (pair(two[0], '/')?, pair(two[1], ':')?);
        // A leap day is one in every year here.
        let is_one =
            (1..=12).contains(&month) && (1..=date(2024, month, 1).days_in_month()).contains(&day);
        (is_one && (0..24).contains(&hour) && (0..60).contains(&minute))
            .then_some([month, day, hour, minute])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLEXNET: &str = "lmstat - Copyright (c) 1989-2024\n\
        Users of MATLAB:  (Total of 10 licenses issued;  Total of 4 licenses in use)\n\n  \
        \"MATLAB\" v45, vendor: MLM, expiry: 01-jan-2027\n  floating license\n\n    \
        alice node1 /dev/pts/3 (v44) (lic1/27000 1234), start Tue 11/24 10:15\n    \
        bob node2.site.org node2:0.0 (v44) (lic1/27000 305), start Tue 11/24 9:00, 3 licenses\n\
        Users of Optimization_Toolbox:  (Total of 2 licenses issued;  Total of 1 license in use)\n    \
        alice node1 /dev/pts/3 (v44) (lic1/27000 1235), start Tue 11/24 10:16\n";

    #[test]
    fn both_are_read() {
        let found = read(FLEXNET);
        let short: Vec<_> = found
            .iter()
            .map(|c| {
                (
                    c.feature.as_str(),
                    c.user.as_str(),
                    c.host.as_str(),
                    c.seats,
                )
            })
            .collect();
        assert_eq!(
            short,
            [
                ("MATLAB", "alice", "node1", 1),
                ("MATLAB", "bob", "node2.site.org", 3),
                ("Optimization_Toolbox", "alice", "node1", 1)
            ]
        );
        assert_eq!(found[0].since, [11, 24, 10, 15]);
        let found = read("\tsolver v1.0: alice@node1 2/0 at 11/24 10:15  (handle: 41)\n");
        assert_eq!((found[0].feature.as_str(), found[0].seats), ("solver", 2));
    }

    #[test]
    fn hostile_lines_are_passed_over() {
        for text in [
            ", start Tue 11/24 10:15",
            "Users of :\n a b (v1), start 1/1 1:1",
            "Users of X:\n a b (v1), start Tue 13/24 10:15",
            "Users of X:\n a b (v1), start Tue 2/30 10:15",
            "Users of X:\n a b (v1), start Tue 99999/1 1:1, 9 licenses",
            "a b: c@d e/f at 1/1 1:1",
            "x v1: a@b 99999999999/0 at 1/1 1:1",
        ] {
            assert_eq!(read(text), [], "{text}");
        }
    }

    #[test]
    fn a_checkout_is_of_the_latest_such_day() {
        let zone = TimeZone::UTC;
        let at = |since| {
            let checkout = Checkout {
                since,
                ..read(FLEXNET)[0].clone()
            };
            checkout.since(1_767_225_600 + 3600, &zone).unwrap()
        };
        // It is 2026-01-01T01:00:00.
        assert_eq!(at([1, 1, 0, 30]), 1_767_225_600 + 1800);
        assert_eq!(at([12, 31, 23, 0]), 1_767_225_600 - 3600);
    }
}
