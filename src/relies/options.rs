//! Options and sizes in a command's words.

use super::arithmetic::exceeds_counts;
use super::floor::LineNeed;
use super::names::name_length;
use crate::text::units::MIB;

/// What is computed of the job's CPUs and is more than they are stands in a command as this.
pub const MORE_THAN_CPUS: &[u8] = b"$SLURM_CPUS_EXCEEDED";

/// What stands behind an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A value as it is written.
    Written(&'a [u8]),
    /// What Slurm gave the job, as the script's variables say.
    Given(&'a [u8]),
    /// The shell puts it there: a variable, or something computed.
    Computed,
}

impl<'a> Value<'a> {
    /// What `text` says.
    pub fn of(text: &'a [u8]) -> Value<'a> {
        match memchr::memchr(b'$', text) {
            Some(at) if text[at..].starts_with(b"$SLURM_") => Value::of_slurm(text, at),
            Some(_) => Value::Computed,
            None => Value::Written(text),
        }
    }

    /// What `text` says, with a variable of Slurm's at byte `at`.
    fn of_slurm(text: &'a [u8], at: usize) -> Value<'a> {
        let given = Value::Given(&text[at..]);
        let is_sign = |byte: Option<&u8>| byte.is_some_and(|byte| b"*/+-%".contains(byte));
        let after = text.get(at + 1 + name_length(&text[at + 1..])..);
        let is_sum = is_sign(text[..at].last()) || is_sign(after.and_then(<[u8]>::first));
        match given {
            // Which part of an array it is says nothing of how much it was given.
            _ if text[at..].starts_with(b"$SLURM_ARRAY_") => Value::Computed,
            _ if !is_sum || !exceeds_counts(text) => given,
            _ if given.follows_cpus() => Value::Given(MORE_THAN_CPUS),
            _ => Value::Computed,
        }
    }

    /// It may be more than Slurm gave.
    pub fn exceeds_given(self) -> bool {
        match self {
            Value::Given(text) => text.starts_with(MORE_THAN_CPUS),
            Value::Written(_) => false,
            Value::Computed => true,
        }
    }

    /// It follows from how many CPUs the job has.
    pub fn follows_cpus(self) -> bool {
        matches!(self, Value::Given(text) if text.starts_with(b"$SLURM_CPUS") || text.starts_with(b"$SLURM_JOB_CPUS"))
    }

    /// Notes that memory is named by it, and nobody can say how much. What is computed of how many CPUs there are would be less
    /// with fewer of them.
    pub fn note_memory(self, note: &mut impl FnMut(LineNeed)) {
        note(LineNeed::AllMemory);
        if self.follows_cpus() {
            note(LineNeed::AllCpus);
        }
    }

    /// The number, if it is written.
    pub fn number(self) -> Option<u64> {
        match self {
            Value::Written(text) => number(text),
            Value::Given(_) | Value::Computed => None,
        }
    }
}

/// A plain number.
pub fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// A number, which may have a point or an exponent: `0.8`, `40e9`.
pub fn decimal(text: &[u8]) -> Option<f64> {
    // `inf` is none.
    text.first().filter(|byte| byte.is_ascii_digit())?;
    let number: f64 = str::from_utf8(text).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// The value of one of the options `long` (`--mem 4G`, `--mem=4G`) or `short` (`-c 4`, `-c4`), if word `at` is one.
pub fn value<'a>(
    words: &[&'a [u8]],
    at: usize,
    long: &[&str],
    short: &[&str],
) -> Option<Value<'a>> {
    text(words, at, long, short).map(Value::of)
}

/// The same, as it is written.
pub fn text<'a>(words: &[&'a [u8]], at: usize, long: &[&str], short: &[&str]) -> Option<&'a [u8]> {
    let word = words[at];
    if !word.starts_with(b"-") {
        return None;
    }
    let next = || words.get(at + 1).copied();
    let (name, attached) = match word.iter().position(|&byte| byte == b'=') {
        Some(equals) => (&word[..equals], Some(&word[equals + 1..])),
        None => (word, None),
    };
    if long.iter().any(|option| option.as_bytes() == name) {
        return match attached {
            Some([]) | None => next(),
            Some(text) => Some(text),
        };
    }
    let letter = short
        .iter()
        .find_map(|option| word.strip_prefix(option.as_bytes()))?;
    match letter {
        [] => next(),
        // `-n4`, and not `-name`.
        [b'0'..=b'9' | b'$', ..] => Some(letter),
        _ => None,
    }
}

/// What stands behind the `=` of word `at`, which may be quoted: quotes part words.
pub fn behind_equals<'a>(words: &[&'a [u8]], at: usize) -> Option<Value<'a>> {
    let equals = memchr::memchr(b'=', words[at])?;
    let text = &words[at][equals + 1..];
    behind(words, at, text).map(Value::of)
}

/// `text`, which ends word `at`, or what was quoted behind it where that is nothing.
pub fn behind<'a>(words: &[&'a [u8]], at: usize, text: &'a [u8]) -> Option<&'a [u8]> {
    let is_value = |next: &&[u8]| matches!(next, [b'0'..=b'9' | b'$', ..]);
    match text {
        [] => words.get(at + 1).copied().filter(is_value),
        text => Some(text),
    }
}

/// A size with its unit in MiB, rounded up; `None` without unit: each program has one of its own then.
pub fn size(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..digits].parse().ok()?;
    let unit = text[digits..].to_ascii_lowercase();
    let bytes = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "k" => 1024.0,
        // Words of eight bytes, as chemists count.
        "mw" => 8.0 * 1024.0 * 1024.0,
        "gw" => 8.0 * 1024.0 * 1024.0 * 1024.0,
        "m" => 1024.0 * 1024.0,
        "g" => 1024.0 * 1024.0 * 1024.0,
        "t" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    } * number;
    (bytes.is_finite() && bytes > 0.0).then(|| (bytes / MIB as f64).ceil().min(1e12) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        let cases = [
            ("7g", Some(7168)),
            ("512M", Some(512)),
            ("25.99GiB", Some(26614)),
            ("1500k", Some(2)),
            ("2GB", Some(2048)),
            ("1T", Some(1_048_576)),
            ("100MW", Some(800)),
            ("8", None),
            ("80%", None),
            ("G", None),
            ("0G", None),
            ("big", None),
            ("", None),
        ];
        for (text, right) in cases {
            assert_eq!(size(text.as_bytes()), right, "{text}");
        }
    }

    #[test]
    fn options_are_found_in_every_form() {
        let forms: [(&[&str], Option<Value>); 13] = [
            (&["--mem=4G"], Some(Value::Written(b"4G"))),
            (&["--mem", "4G"], Some(Value::Written(b"4G"))),
            (&["--mem=$X"], Some(Value::Computed)),
            (
                &["-c", "$SLURM_NTASKS"],
                Some(Value::Given(b"$SLURM_NTASKS")),
            ),
            (&["-c4"], Some(Value::Written(b"4"))),
            (&["-c", "$N"], Some(Value::Computed)),
            (&["-c", "$SLURM_NNODES*16"], Some(Value::Computed)),
            (&["-c", "2*$SLURM_NNODES"], Some(Value::Computed)),
            (
                &["-c", "$SLURM_CPUS_PER_TASK*2"],
                Some(Value::Given(MORE_THAN_CPUS)),
            ),
            (&["-c", "$SLURM_ARRAY_TASK_ID"], Some(Value::Computed)),
            (&["-chdir"], None),
            (&["--memory=4G"], None),
            (&["--mem"], None),
        ];
        for (words, right) in forms {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            assert_eq!(value(&words, 0, &["--mem"], &["-c"]), right, "{words:?}");
        }
    }
}
