//! Values of which the name before them says what they are: `SAMPLE=liver` and `--subject 01` take ever new values, whatever they
//! are made of; the numbers in `--model resnet50` and `MODEL=llama-2-7b` are part of a name, and tell kinds apart.

use super::meaning::{has_meaning, lower};
use memchr::memmem::Finder;
use std::ops::Range;
use std::sync::LazyLock;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// It is another one in each job of a kind.
    Varies,
    /// It is a name, numbers and all.
    Names,
}

/// What long options begin with.
static LONG: LazyLock<Finder> = LazyLock::new(|| Finder::new("--"));

/// No longer value is a name, in bytes.
const LONGEST_NAME: usize = 80;

/// So many digits in a row are a date or a count.
const DIGITS_OF_A_DATE: usize = 5;

/// The first such value of `line` from byte `from` on, and where it stands.
pub fn next(line: &[u8], from: usize) -> Option<(Slot, Range<usize>)> {
    // Most lines have neither.
    if memchr::memchr(b'=', &line[from..]).is_none() && LONG.find(&line[from..]).is_none() {
        return None;
    }
    memchr::memchr2_iter(b'=', b'-', &line[from..]).find_map(|at| {
        let at = from + at;
        let (name, start) = match line[at] {
            b'=' => (name_before(&line[from..at]), at + 1),
            _ => long_option(line, at)?,
        };
        let slot = slot(name)?;
        let start = start + usize::from(matches!(line.get(start), Some(b'"' | b'\'')));
        let value = &line[start..start + length(&line[start..])];
        is_one(slot, value).then_some((slot, start..start + value.len()))
    })
}

/// The name right before a `=`.
fn name_before(text: &[u8]) -> &[u8] {
    let length = text
        .iter()
        .rev()
        .take_while(|byte| is_in_name(**byte))
        .count();
    &text[text.len() - length..]
}

/// The name of a long option at `at`, and where the value begins that a blank parts from it.
fn long_option(line: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let name = line[at..].strip_prefix(b"--")?;
    let begins = at
        .checked_sub(1)
        .is_none_or(|before| line[before].is_ascii_whitespace());
    let name = &name[..name.iter().take_while(|byte| is_in_name(**byte)).count()];
    let end = at + 2 + name.len();
    (begins && line.get(end) == Some(&b' ')).then_some((name, end + 1))
}

fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn length(text: &[u8]) -> usize {
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace()
            || matches!(byte, b'"' | b'\'' | b';' | b'&' | b'|' | b'(' | b')' | b',')
    };
    text.iter().position(ends).unwrap_or(text.len())
}

/// Of `SAMPLE_ID` and `--participant-label` a part says it.
fn slot(name: &[u8]) -> Option<Slot> {
    let mut found = None;
    let mut parts = 0;
    for part in name
        .split(|byte| matches!(byte, b'_' | b'-'))
        .filter(|part| !part.is_empty())
    {
        parts += 1;
        match part {
            _ if lower(part, is_model) => return Some(Slot::Names),
            _ if lower(part, varies) => found = Some(Slot::Varies),
            _ => {}
        }
    }
    found.or((parts == 1 && lower(name, |name| name == b"id")).then_some(Slot::Varies))
}

fn is_model(part: &[u8]) -> bool {
    matches!(
        part,
        b"model" | b"arch" | b"architecture" | b"backbone" | b"encoder" | b"llm" | b"network"
    )
}

fn varies(part: &[u8]) -> bool {
    matches!(
        part,
        b"sample"
            | b"subject"
            | b"subj"
            | b"participant"
            | b"patient"
            | b"individual"
            | b"accession"
            | b"barcode"
            | b"lane"
            | b"chr"
            | b"chrom"
            | b"chromosome"
            | b"date"
            | b"day"
            | b"month"
            | b"year"
            | b"seed"
            | b"chunk"
            | b"shard"
            | b"fold"
            | b"replicate"
            | b"session"
            | b"region"
            | b"srr"
    )
}

/// Variables and whole paths are read as everywhere; so is a model that is but a number, as in a sweep.
fn is_one(slot: Slot, value: &[u8]) -> bool {
    if value.is_empty() || value[0] == b'-' || value.iter().any(|byte| matches!(byte, b'$' | b'`'))
    {
        return false;
    }
    let slashes = value.iter().filter(|byte| **byte == b'/').count();
    match slot {
        Slot::Varies => slashes == 0,
        Slot::Names => {
            let is_path = slashes > 1 || matches!(value[0], b'/' | b'.' | b'~');
            let letters = |part: &[u8]| has_meaning(part) && !lower(part, is_model);
            let is_name = value.split(|byte| !byte.is_ascii_alphabetic()).any(letters);
            value.len() <= LONGEST_NAME && !is_path && is_name && !has_date(value)
        }
    }
}

fn has_date(value: &[u8]) -> bool {
    let digits = value.split(|byte| !byte.is_ascii_digit());
    digits
        .map(<[u8]>::len)
        .any(|length| length >= DIGITS_OF_A_DATE)
}
