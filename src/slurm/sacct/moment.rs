//! Times as sacct prints them.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// What sacct prints where there is no time.
const NONE: [&str; 5] = ["", "0", "Unknown", "None", "N/A"];

/// A time in seconds since 1970. An hour comes twice when clocks are set back: then it may be either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The earlier one.
    pub first: i64,
    last: i64,
}

impl Moment {
    /// Reads seconds, or local time as sacct prints it by default, with a zone or without; `None` where there is none.
    pub fn read(text: &str) -> Result<Option<Moment>, &'static str> {
        Moment::read_in(text, &TimeZone::system())
    }

    fn read_in(text: &str, zone: &TimeZone) -> Result<Option<Moment>, &'static str> {
        if NONE.contains(&text) {
            return Ok(None);
        }
        let found = seconds(text).or_else(|| local(text, zone));
        let found = found.ok_or(
            "a time in a form that only a SLURM_TIME_FORMAT or a spreadsheet writes: unset that and make the dump again",
        )?;
        Ok(Some(found).filter(|found| found.first > 0))
    }

    /// The one that is not before `start`, if one is not.
    pub fn not_before(self, start: i64) -> i64 {
        if self.first < start {
            self.last
        } else {
            self.first
        }
    }
}

fn seconds(text: &str) -> Option<Moment> {
    // Of a program that keeps all numbers so.
    let fraction = || Some(text.parse::<f64>().ok().filter(|s| s.is_finite())? as i64);
    let zoned = || Some(text.parse::<jiff::Timestamp>().ok()?.as_second());
    let seconds = text.parse().ok().or_else(zoned).or_else(fraction)?;
    // No calendar has it.
    jiff::Timestamp::from_second(seconds).ok()?;
    Some(Moment {
        first: seconds,
        last: seconds,
    })
}

fn local(text: &str, zone: &TimeZone) -> Option<Moment> {
    let civil: DateTime = text.parse().ok()?;
    let time = zone.to_ambiguous_timestamp(civil);
    let at = |offset: jiff::tz::Offset| Some(offset.to_timestamp(civil).ok()?.as_second());
    let (first, last) = match time.offset() {
        AmbiguousOffset::Fold { before, after } => (at(before)?, at(after)?),
        _ => {
            let only = time.compatible().ok()?.as_second();
            (only, only)
        }
    };
    Some(Moment { first, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_no_calendar_has_is_none() {
        for (text, is_one) in [
            ("1700000100", true),
            ("1700000100.5", true),
            ("253402207200", true),
            ("9223372036854775807", false),
            ("17000666666666666666666666666600100", false),
            ("1e300", false),
            ("-9223372036854775808", false),
        ] {
            assert_eq!(Moment::read(text).is_ok(), is_one, "{text}");
        }
    }

    #[test]
    fn an_hour_that_comes_twice_is_never_before_the_start() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let at = |text| Moment::read_in(text, &zone).unwrap().unwrap();
        let (start, end) = (at("2026-10-25T02:50:00"), at("2026-10-25T02:10:00"));
        assert_eq!(end.not_before(start.first) - start.first, 20 * 60);
        assert_eq!(end.not_before(0), end.first);
        let once = at("2026-10-25T03:10:00");
        assert_eq!(once.first, once.not_before(once.first + 1));
        assert_eq!(once.first - at("2026-10-25T01:10:00").first, 3 * 3600);
    }
}
