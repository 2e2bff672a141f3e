//! The values of sbatch's options: whole numbers, sizes, times, numbers of nodes, and words of a list.

use anyhow::{Result, bail, ensure};

/// As C's strtoll() in base ten: the number at the beginning of `text`, and what follows it. `None` where
/// there is none, or none that fits.
pub fn number(text: &str) -> Option<(i64, &str)> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (figure, rest) = text.split_at(text.len() - digits.len() + length);
    Some((figure.parse().ok()?, rest))
}

/// A whole number of at least `least`.
pub fn count(text: &str, least: u32) -> Result<u32> {
    let whole = number(text).filter(|(_, rest)| rest.is_empty());
    let fits = whole.and_then(|(value, _)| u32::try_from(value).ok());
    match fits.filter(|&value| value >= least && value < i32::MAX as u32) {
        Some(value) => Ok(value),
        None => bail!("expected a whole number, at least {least}"),
    }
}

/// A size in MiB: a whole number, then k, m, g or t, then perhaps B.
pub fn mib(text: &str) -> Result<u64> {
    let expected = "expected a size such as 4000 (MB), 512M or 4G, without fractions";
    let Some((value, unit)) =
        number(text).and_then(|(value, unit)| Some((u64::try_from(value).ok()?, unit)))
    else {
        bail!(expected);
    };
    let unit = unit.to_ascii_lowercase();
    let mib = match unit
        .strip_suffix('b')
        .filter(|unit| !unit.is_empty())
        .unwrap_or(&unit)
    {
        "k" => Some(value.div_ceil(1024)),
        "" | "m" => Some(value),
        "g" => value.checked_mul(1 << 10),
        "t" => value.checked_mul(1 << 20),
        _ => None,
    };
    match mib.filter(|&mib| i64::try_from(mib).is_ok()) {
        Some(mib) => Ok(mib),
        None => bail!(expected),
    }
}

/// A time limit in seconds, a whole number of minutes as Slurm keeps it; `None` for no limit. Minutes,
/// minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes or days-hours:minutes:seconds.
pub fn time(text: &str) -> Result<Option<u64>> {
    if ["-1", "infinite", "unlimited"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
    {
        return Ok(None);
    }
    let seconds = seconds(text);
    let minutes = seconds.map(|seconds| seconds.div_ceil(60));
    match minutes.filter(|&minutes| u32::try_from(minutes).is_ok()) {
        Some(minutes) => Ok((minutes > 0).then_some(minutes * 60)),
        None => bail!("expected a time such as 90, 30:00, 4:00:00 or 2-12"),
    }
}

fn seconds(text: &str) -> Option<u64> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (Some(figure(days)?), clock),
        None => (None, text),
    };
    // "2-" is two days.
    let parts: Vec<u64> = match (days, clock) {
        (Some(_), "") => vec![0],
        _ => clock.split(':').map(figure).collect::<Option<_>>()?,
    };
    let seconds = match (days, &parts[..]) {
        (None, &[minutes]) => minutes * 60,
        (None, &[minutes, seconds]) => minutes * 60 + seconds,
        (Some(_), &[hours]) => hours * 3600,
        (Some(_), &[hours, minutes]) => hours * 3600 + minutes * 60,
        (_, &[hours, minutes, seconds]) => hours * 3600 + minutes * 60 + seconds,
        _ => return None,
    };
    Some(seconds + days.unwrap_or(0) * 86_400)
}

/// Digits alone, and not too many of them to count with.
fn figure(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<i32>().ok().filter(|_| digits)?.try_into().ok()
}

/// At least and at most so many nodes: `N`, `MIN-MAX`, `-MAX`, or the sizes that would do as later releases
/// take them: `2,4-8`, `2-16:2`.
pub fn nodes(text: &str) -> Result<(u32, u32)> {
    let range = match text.split_once('-') {
        _ if text.contains([',', ':']) => sizes(text),
        Some((min, max)) if min.trim_ascii().is_empty() => nodes_of(max).map(|max| (1, max)),
        Some((min, max)) => nodes_of(min).zip(nodes_of(max)),
        None => nodes_of(text).map(|nodes| (nodes, nodes)),
    };
    let Some((min, max)) = range else {
        bail!("expected a number of nodes, or MIN-MAX");
    };
    ensure!(
        max == 0 || min <= max,
        "at most {max} nodes are fewer than at least {min}"
    );
    Ok((min, max))
}

/// The least and the most of a list of sizes and ranges; what follows a colon is a step.
fn sizes(text: &str) -> Option<(u32, u32)> {
    let parts = text.split(',').filter_map(|part| part.split(':').next());
    let figures = parts.flat_map(|part| part.split('-')).map(nodes_of);
    let figures: Vec<u32> = figures.collect::<Option<_>>()?;
    Some((*figures.iter().min()?, *figures.iter().max()?))
}

/// `k` and `m` are 1024 and 1024².
fn nodes_of(text: &str) -> Option<u32> {
    let (value, rest) = number(text)?;
    let (value, rest) = match rest.strip_prefix(['k', 'K']) {
        Some(rest) => (value.checked_mul(1 << 10)?, rest),
        None => (value, rest),
    };
    let (value, rest) = match rest.strip_prefix(['m', 'M']) {
        Some(rest) => (value.checked_mul(1 << 20)?, rest),
        None => (value, rest),
    };
    let value = u32::try_from(value)
        .ok()
        .filter(|&value| i32::try_from(value).is_ok());
    value.filter(|_| rest.trim_ascii().is_empty())
}

/// One of these words, whatever its case; the first is what no value stands for.
pub fn one_of<'a>(text: Option<&str>, words: &[&'a str]) -> Result<&'a str> {
    let wanted = text.unwrap_or(words[0]);
    match words.iter().find(|word| word.eq_ignore_ascii_case(wanted)) {
        Some(word) => Ok(word),
        None => bail!("expected {}", words.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_a_unit() {
        for (text, expected) in [
            ("8192", Some(8192)),
            ("8g", Some(8192)),
            ("8GB", Some(8192)),
            ("8388608Kb", Some(8192)),
            ("1T", Some(1 << 20)),
            ("512K", Some(1)),
            ("1025k", Some(2)),
            (" +8G", Some(8192)),
            ("0G", Some(0)),
            ("-0", Some(0)),
            ("8.5G", None),
            ("8GiB", None),
            ("8 G", None),
            ("8G ", None),
            ("8B", None),
            ("8P", None),
            ("-1", None),
            ("", None),
            ("G", None),
            ("0x10", None),
            ("99999999999999999999", None),
            ("9999999999999999T", None),
        ] {
            assert_eq!(mib(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn times_are_rounded_up_to_minutes() {
        for (text, expected) in [
            ("90", Some(Some(5400))),
            ("0:30", Some(Some(60))),
            ("4:00:01", Some(Some(14_460))),
            ("1-2", Some(Some(93_600))),
            ("1-", Some(Some(86_400))),
            ("1-2:30", Some(Some(95_400))),
            ("2:30", Some(Some(180))),
            ("100:0", Some(Some(6000))),
            ("1-0:0:1", Some(Some(86_460))),
            ("0", Some(None)),
            ("Unlimited", Some(None)),
            ("-1", Some(None)),
            ("", None),
            ("-", None),
            ("-5", None),
            ("1:", None),
            (":30", None),
            ("1:2:3:4", None),
            ("1-2:", None),
            ("1-2-3", None),
            ("1h", None),
            ("90 ", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(time(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn numbers_of_nodes_are_ranges() {
        for (text, expected) in [
            ("2", Some((2, 2))),
            ("2-4", Some((2, 4))),
            ("1k", Some((1024, 1024))),
            ("1m", Some((1 << 20, 1 << 20))),
            ("2 ", Some((2, 2))),
            ("2-0", Some((2, 0))),
            ("1,3-5", Some((1, 5))),
            ("2-8:2", Some((2, 8))),
            ("0", Some((0, 0))),
            ("4-2", None),
            ("-2", Some((1, 2))),
            ("-", None),
            ("2-", None),
            ("two", None),
            ("", None),
            ("1-2-3", None),
            ("1,x", None),
        ] {
            assert_eq!(nodes(text).ok(), expected, "{text}");
        }
    }
}
