//! Values of which the name before them says what they are: `SAMPLE=liver` and `--subject 01` take ever new values, whatever they
//! are made of; the numbers in `--model resnet50` and `MODEL=llama-2-7b` are part of a name, and tell kinds apart.

use super::calendar;
use super::genomes;
use super::meaning::{has_meaning, is_common_place, lower, starts_with_interpreter, varies};
use super::models::is_size;
use super::segments::is_hash;
use super::types::is_program;
use std::ops::Range;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// It is another one in each job of a kind.
    Varies,
    /// It is a name, numbers and all.
    Names,
    /// It is a name, if it is a model's size.
    Sizes,
    /// The same, if it is a single digit.
    Stages,
}

/// No longer value is any of them, in bytes.
const LONGEST_VALUE: usize = 256;

/// No longer value is a name, in bytes.
const LONGEST_NAME: usize = 80;

/// So many digits in a row are a date or a count.
const DIGITS_OF_A_DATE: usize = 5;

/// The first such value of `line` from byte `from` on, and where it stands.
pub fn next(line: &[u8], from: usize) -> Option<(Slot, Range<usize>)> {
    memchr::memchr3_iter(b'=', b'-', b':', &line[from..]).find_map(|at| {
        let at = from + at;
        let (name, start) = match line[at] {
            b'=' => (name_before(&line[from..at]), at + 1),
            b':' => return of_genomes(line, from, at),
            _ => match genomes::behind_option(line, at) {
                Some(place) => return Some((Slot::Varies, place)),
                None => long_option(line, at)?,
            },
        };
        let slot = slot(name)?;
        let start = start + usize::from(matches!(line.get(start), Some(b'"' | b'\'')));
        let value = &line[start..start + length(&line[start..])];
        is_one(slot, value).then_some((slot, start..start + value.len()))
    })
}

/// What a colon at `at` parts in read groups and regions.
fn of_genomes(line: &[u8], from: usize, at: usize) -> Option<(Slot, Range<usize>)> {
    if let Some(start) = genomes::read_group(line, at) {
        let value = &line[start..start + length(&line[start..])];
        let end = memchr::memchr(b'\\', value).unwrap_or(value.len());
        return is_one(Slot::Varies, &value[..end]).then_some((Slot::Varies, start..start + end));
    }
    Some((Slot::Varies, genomes::before_range(line, from, at)?))
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
    let name = line[at + 1..].strip_prefix(b"-")?;
    let begins = at
        .checked_sub(1)
        .is_none_or(|before| line[before].is_ascii_whitespace());
    // Before the name is measured: of many dashes only the first begins one.
    if !begins {
        return None;
    }
    let name = &name[..name.iter().take_while(|byte| is_in_name(**byte)).count()];
    let end = at + 2 + name.len();
    (line.get(end) == Some(&b' ')).then_some((name, end + 1))
}

fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn length(text: &[u8]) -> usize {
    let text = &text[..text.len().min(LONGEST_VALUE + 1)];
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace()
            || matches!(byte, b'"' | b'\'' | b';' | b'&' | b'|' | b'(' | b')' | b',')
    };
    text.iter().position(ends).unwrap_or(text.len())
}

/// Of `SAMPLE` and `BATCH_SAMPLE` the last part says it, or the one before `id` and its like; of `sample_type` and `per-sample`
/// nothing does. Of `--model-name` any part.
fn slot(name: &[u8]) -> Option<Slot> {
    let mut found = None;
    let (mut parts, mut is_flag) = (0, false);
    for part in name
        .split(|byte| matches!(byte, b'_' | b'-'))
        .filter(|part| !part.is_empty())
    {
        is_flag |= parts == 0 && lower(part, is_quantity);
        parts += 1;
        found = match found {
            Some(Slot::Names) if lower(part, is_place) => None,
            Some(Slot::Names) => Some(Slot::Names),
            _ if lower(part, names_a_model) => Some(Slot::Names),
            _ if lower(part, varies) => Some(Slot::Varies),
            _ if lower(part, names_a_size) => Some(Slot::Sizes),
            Some(Slot::Varies) if lower(part, is_label) => Some(Slot::Varies),
            _ => None,
        };
    }
    match found {
        Some(Slot::Varies) if is_flag => None,
        None if parts == 1 && lower(name, |name| name == b"id") => Some(Slot::Varies),
        None if parts == 1 && lower(without_dashes(name), names_a_stage) => Some(Slot::Stages),
        found => found,
    }
}

fn without_dashes(name: &[u8]) -> &[u8] {
    let start = name.iter().position(|&byte| byte != b'-');
    &name[start.unwrap_or(name.len())..]
}

/// Of `--stage 1` and `step1.sh`: what is done there is something else than in the others.
pub fn names_a_stage(name: &[u8]) -> bool {
    matches!(name, b"step" | b"stage" | b"phase" | b"part")
}

/// Before `sample` in the name of a flag.
fn is_quantity(part: &[u8]) -> bool {
    matches!(
        part,
        b"per" | b"multi" | b"single" | b"all" | b"each" | b"by" | b"no" | b"skip" | b"with"
    )
}

fn is_label(part: &[u8]) -> bool {
    matches!(part, b"id" | b"name" | b"label" | b"no")
}

/// What a job writes or reads has another name each time.
fn is_place(part: &[u8]) -> bool {
    matches!(
        part,
        b"path" | b"dir" | b"file" | b"out" | b"output" | b"ckpt" | b"checkpoint" | b"folder"
    )
}

fn names_a_model(part: &[u8]) -> bool {
    matches!(
        part,
        b"model" | b"arch" | b"architecture" | b"backbone" | b"encoder" | b"llm" | b"network"
    )
}

fn names_a_size(part: &[u8]) -> bool {
    matches!(part, b"size" | b"params" | b"scale" | b"variant")
}

/// Variables and whole paths are read as everywhere; so is a model that is but a number, as in a sweep.
fn is_one(slot: Slot, value: &[u8]) -> bool {
    if value.is_empty()
        || value.len() > LONGEST_VALUE
        || value[0] == b'-'
        || value.iter().any(|byte| matches!(byte, b'$' | b'`'))
    {
        return false;
    }
    let slashes = value.iter().filter(|byte| **byte == b'/').count();
    match slot {
        Slot::Varies => slashes == 0 && !is_program(value) && !starts_with_interpreter(value),
        Slot::Sizes => is_size(value),
        Slot::Stages => matches!(value, [digit] if digit.is_ascii_digit()),
        Slot::Names if value.len() > LONGEST_NAME => false,
        Slot::Names => {
            let is_path = slashes > 1 || matches!(value[0], b'/' | b'.' | b'~');
            let mut words = value
                .split(|byte| !byte.is_ascii_alphabetic())
                .filter(|word| !word.is_empty());
            let is_name = words
                .clone()
                .any(|word| has_meaning(word) && !lower(word, names_a_model));
            !is_path
                && is_name
                && !words.any(|word| is_common_place(word) || lower(word, is_of_a_run))
                && !has_type(value)
                && !has_date(value)
                && !has_hash(value)
        }
    }
}

/// What the number behind it says is a run's, and no model's: `bert_seed42`, `lr0.001_bs32`.
fn is_of_a_run(word: &[u8]) -> bool {
    matches!(
        word,
        b"lr"
            | b"bs"
            | b"wd"
            | b"ep"
            | b"epoch"
            | b"epochs"
            | b"steps"
            | b"ckpt"
            | b"checkpoint"
            | b"best"
            | b"last"
            | b"final"
            | b"cv"
            | b"split"
            | b"sweep"
            | b"config"
    )
}

/// It is a file: behind its last dot stands a word.
fn has_type(value: &[u8]) -> bool {
    let dot = memchr::memrchr(b'.', value);
    dot.is_some_and(|dot| {
        let kind = &value[dot + 1..];
        kind.first().is_some_and(u8::is_ascii_alphabetic)
            && kind.iter().all(u8::is_ascii_alphanumeric)
    })
}

/// A part of it is a hash, or of a UUID.
fn has_hash(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| !byte.is_ascii_alphanumeric());
    parts.any(is_hash)
}

fn has_date(value: &[u8]) -> bool {
    let mut digits = value.split(|byte| !byte.is_ascii_digit());
    let mut at = 0;
    let mut words = value.split(|byte| !byte.is_ascii_alphabetic()).map(|word| {
        let place = at..at + word.len();
        at = place.end + 1;
        place
    });
    digits.any(|digits| digits.len() >= DIGITS_OF_A_DATE)
        || words.any(|place| !place.is_empty() && calendar::is_part_of_date(value, place))
}
