//! `--begin` and `--deadline`: points in time as Slurm's users write them.

use anyhow::{Result, anyhow};
use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, ToSpan, Zoned};

/// Times of the day that have names.
const HOURS: [(&str, i8); 5] = [
    ("midnight", 0),
    ("noon", 12),
    ("elevenses", 11),
    ("fika", 15),
    ("teatime", 16),
];

/// Units of a delay, each with its seconds; the longer name first.
const UNITS: [(&str, i64); 10] = [
    ("seconds", 1),
    ("second", 1),
    ("minutes", 60),
    ("minute", 60),
    ("hours", 3600),
    ("hour", 3600),
    ("days", 86_400),
    ("day", 86_400),
    ("weeks", 604_800),
    ("week", 604_800),
];

/// The time that is meant, in seconds since 1970. Fails for a text that means none.
pub fn seconds(text: &str, now: &Zoned) -> Result<i64> {
    let seconds = match strip_word(text, "uts") {
        Some(seconds) => seconds.parse().ok().filter(|&seconds| seconds >= 1_000_000),
        None => point(text, now.datetime()).and_then(|point| {
            let there = point.to_zoned(now.time_zone().clone()).ok()?;
            Some(there.timestamp().as_second())
        }),
    };
    seconds.ok_or_else(|| anyhow!("expected a time such as 16:00, now+1hour or 2026-12-24T08:00"))
}

fn point(text: &str, now: DateTime) -> Option<DateTime> {
    let (mut date, mut time, mut rest) = (None, None, text);
    loop {
        rest = rest.trim_start_matches([' ', '\t', '-', 'T']);
        let first = rest.chars().next();
        if first.is_none_or(|first| first == '\n') {
            break;
        }
        let is_all = rest.len() == text.len();
        rest = if let Some(after) = strip_word(rest, "now").filter(|_| is_all) {
            let (moment, after) = delayed(after, now)?;
            (date, time) = (Some(moment.date()), Some(moment.time()));
            after
        } else if let Some((day, after)) = named_day(rest, now.date()) {
            date = Some(day);
            after
        } else if let Some((hour, after)) = named_hour(rest) {
            time = Some(Time::constant(hour, 0, 0, 0));
            after
        } else if rest.bytes().take(3).skip(1).any(|byte| byte == b':') {
            let (clock, after) = clock(rest)?;
            time = Some(clock);
            after
        } else {
            let (day, after) = calendar(rest, now.date())?;
            date = Some(day);
            after
        };
    }
    match (date, time) {
        (Some(date), time) => Some(date.to_datetime(time.unwrap_or(Time::midnight()))),
        // A time alone is the next one.
        (None, Some(time)) => {
            let today = now.date().to_datetime(time);
            if today > now {
                Some(today)
            } else {
                today.checked_add(1.day()).ok()
            }
        }
        (None, None) => None,
    }
}

/// What follows a word, whatever its case.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let begin = text.get(..word.len())?;
    begin
        .eq_ignore_ascii_case(word)
        .then(|| &text[word.len()..])
}

fn named_day(text: &str, today: Date) -> Option<(Date, &str)> {
    if let Some(rest) = strip_word(text, "today") {
        return Some((today, rest));
    }
    Some((today.tomorrow().ok()?, strip_word(text, "tomorrow")?))
}

fn named_hour(text: &str) -> Option<(i8, &str)> {
    HOURS
        .iter()
        .find_map(|&(name, hour)| Some((hour, strip_word(text, name)?)))
}

/// `+1hour`, `-5 minutes`, or nothing.
fn delayed(text: &str, now: DateTime) -> Option<(DateTime, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let Some(delay) = text.strip_prefix(['+', '-']) else {
        return text.is_empty().then_some((now, ""));
    };
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let delay = delay.trim_ascii_start();
    let digits = delay.bytes().take_while(u8::is_ascii_digit).count();
    let count: i64 = delay[..digits].parse().ok()?;
    let unit = delay[digits..].trim_ascii_start();
    let named = UNITS
        .iter()
        .find_map(|(name, seconds)| Some((*seconds, strip_word(unit, name)?)));
    let (seconds, rest) = match named {
        Some(found) => found,
        None if unit.is_empty() => (1, ""),
        None => return None,
    };
    let span = Span::new()
        .try_seconds(sign * count.checked_mul(seconds)?)
        .ok()?;
    Some((now.checked_add(span).ok()?, rest))
}

/// The number that one or two digits at the beginning are.
fn two_digits(text: &str) -> Option<(i8, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// `8:05`, `16:30:10`, `4:30pm`.
fn clock(text: &str) -> Option<(Time, &str)> {
    let (hour, rest) = two_digits(text)?;
    let (minute, rest) = sixtieth(rest)?;
    let (second, rest) = match rest.starts_with(':') {
        true => sixtieth(rest)?,
        false => (0, rest),
    };
    let rest = rest.trim_ascii_start();
    let (hour, rest) = if let Some(rest) = strip_word(rest, "pm") {
        (if hour == 12 { 12 } else { hour + 12 }, rest)
    } else if let Some(rest) = strip_word(rest, "am") {
        (
            if hour == 12 {
                0
            } else {
                Some(hour).filter(|&hour| hour < 12)?
            },
            rest,
        )
    } else {
        (hour, rest)
    };
    Some((Time::new(hour, minute, second, 0).ok()?, rest))
}

/// A colon and two digits.
fn sixtieth(text: &str) -> Option<(i8, &str)> {
    let digits = text.strip_prefix(':')?.get(..2)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits.parse().ok().filter(|_| is_number)?, &text[3..]))
}

/// `2026-12-24`, `12/24/26`, `12.24.26`, `122426`; without a year the next such day.
fn calendar(text: &str, today: Date) -> Option<(Date, &str)> {
    if [4, 7]
        .iter()
        .all(|&at| text.as_bytes().get(at) == Some(&b'-'))
    {
        let year = text.get(..4)?.parse().ok()?;
        let (month, rest) = two_digits(&text[5..])?;
        let (day, rest) = two_digits(rest.strip_prefix('-')?)?;
        return Some((date(year, month, day)?, rest));
    }
    let after_mark = |text| str::strip_prefix(text, ['.', '/']).unwrap_or(text);
    let (month, rest) = two_digits(text)?;
    let (day, rest) = two_digits(after_mark(rest))?;
    let rest = after_mark(rest);
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        let digits = rest
            .get(..2)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        let year: i16 = digits.parse().ok()?;
        return Some((date(2000 + year, month, day)?, &rest[2..]));
    }
    let this_year = date(today.year(), month, day)?;
    let next_year = || date(today.year() + 1, month, day);
    Some((
        if this_year > today {
            this_year
        } else {
            next_year()?
        },
        rest,
    ))
}

/// A 31st that its month lacks is the first of the next.
fn date(year: i16, month: i8, day: i8) -> Option<Date> {
    let first = Date::new(year, month, 1).ok()?;
    let days = Some(day).filter(|day| (1..=31).contains(day))? - 1;
    first.checked_add(i64::from(days).days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_read() {
        let now = DateTime::constant(2026, 11, 25, 12, 30, 0, 0);
        for (text, expected) in [
            ("now", Some("2026-11-25T12:30:00")),
            ("now+90", Some("2026-11-25T12:31:30")),
            ("now + 2 Hours", Some("2026-11-25T14:30:00")),
            ("now-1week", Some("2026-11-18T12:30:00")),
            ("16:00", Some("2026-11-25T16:00:00")),
            ("8:05", Some("2026-11-26T08:05:00")),
            ("4:30:10 PM", Some("2026-11-25T16:30:10")),
            ("12:00am", Some("2026-11-26T00:00:00")),
            ("teatime", Some("2026-11-25T16:00:00")),
            ("noon", Some("2026-11-26T12:00:00")),
            ("today", Some("2026-11-25T00:00:00")),
            ("tomorrow-noon", Some("2026-11-26T12:00:00")),
            ("2026-12-24", Some("2026-12-24T00:00:00")),
            ("2026-12-4T08:00", Some("2026-12-04T08:00:00")),
            ("2027-02-31", Some("2027-03-03T00:00:00")),
            ("2026-1-2", None),
            (" now", None),
            ("12/24", Some("2026-12-24T00:00:00")),
            ("01.02", Some("2027-01-02T00:00:00")),
            ("122425-8:00", Some("2025-12-24T08:00:00")),
            ("", None),
            ("soon", None),
            ("now+", None),
            ("now+1h", None),
            ("now+1hourly", None),
            ("25:00", None),
            ("1:5", None),
            ("13:00pm", None),
            ("13/1", None),
            ("2026-13-01", None),
            ("Tomorrow", None),
            ("é", None),
        ] {
            let found = point(text, now).map(|point| point.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        let now = now.to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        for (text, expected) in [
            ("now+1", Some(now.timestamp().as_second() + 1)),
            ("uts1798000000", Some(1_798_000_000)),
            ("uts5", None),
            ("soon", None),
        ] {
            assert_eq!(seconds(text, &now).ok(), expected, "{text}");
        }
    }
}
