//! One word, segment by segment: what of it is a name and what takes ever new values.
//!
//! slurmctld sees one job at a time and cannot ask which parts vary, so a segment is judged by its form:
//! numbers, hashes, UUIDs, dates, sample codes and the names of temporary files become `#`.

use super::accessions::{accession, is_run_elsewhere};
use super::bytes::{DIGIT, class};
use super::calendar::{self, MONTHS};
use super::models::is_part_of_name;

/// Stands for whatever takes ever new values.
pub const PARAMETER: u8 = b'#';
/// The same, while none may join with it.
const APART: u8 = 1;

/// 8-4-4-4-12 hexadecimal digits.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];
/// Of a UUID with its separators.
pub const UUID_LENGTH: usize = 36;

/// Hexadecimal digits from this length on are a hash, if a digit is among them.
const SHORTEST_HASH: usize = 7;

/// What Python calls a temporary file: so many characters behind `tmp`.
const RANDOM: usize = 8;
/// And what C's library does.
const RANDOM_OF_C: usize = 6;

/// Appends `word` in its general form: a number becomes a parameter, else each of its segments does that
/// varies; parameters side by side count as one.
pub fn push_segments(word: &[u8], out: &mut Vec<u8>) {
    push_each(word, true, out);
}

/// The same, with each parameter on its own.
pub fn push_segments_apart(word: &[u8], out: &mut Vec<u8>) {
    push_each(word, false, out);
}

fn push_each(word: &[u8], together: bool, out: &mut Vec<u8>) {
    if is_number(word) {
        return push_parameter(out, out.len());
    }
    let from = out.len();
    let mut at = 0;
    while at < word.len() {
        match out[from..].last_mut() {
            Some(last) if !together && *last == PARAMETER => *last = APART,
            _ => {}
        }
        if word[at].is_ascii_uppercase()
            && let Some((same, length)) = accession(&word[at..])
        {
            out.extend_from_slice(&word[at..at + same]);
            push_parameter(out, from);
            at += length;
            continue;
        }
        if is_pattern(&word[at..]) {
            push_parameter(out, from);
            at += 2;
            continue;
        }
        if !is_part_of_segment(word[at]) {
            out.push(word[at]);
            at += 1;
            continue;
        }
        let length = parameter_of_several(&word[at..]);
        let end = at + length.unwrap_or_else(|| segment_length(&word[at..]));
        if length.is_some() || calendar::is_part_of_date(word, at..end) {
            push_parameter(out, from);
        } else {
            push_segment(&word[at..end], from, out);
        }
        at = end;
    }
    let is_apart = |byte: &&mut u8| **byte == APART;
    out[from..]
        .iter_mut()
        .filter(is_apart)
        .for_each(|byte| *byte = PARAMETER);
}

/// As it is, but for its numbers: an option such as `-t8`, a file's type such as `h5`.
pub fn push_without_numbers(word: &[u8], out: &mut Vec<u8>) {
    let mut rest = word;
    while let Some(digit) = rest.iter().position(u8::is_ascii_digit) {
        out.extend_from_slice(&rest[..digit]);
        out.push(PARAMETER);
        let digits = rest[digit..].iter().take_while(|b| b.is_ascii_digit());
        rest = &rest[digit + digits.count()..];
    }
    out.extend_from_slice(rest);
}

/// `42`, `-1.5`, `1e-9`, `2023-09-11`, `0.11.9`.
pub fn is_number(word: &[u8]) -> bool {
    word.iter().any(u8::is_ascii_digit)
        && word
            .iter()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
}

/// The length of the UUID that `text` starts with.
pub fn uuid_length(text: &[u8]) -> Option<usize> {
    let mut rest = text.get(..UUID_LENGTH)?;
    for (group, length) in UUID.into_iter().enumerate() {
        if group > 0 {
            rest = rest
                .strip_prefix(b"-")
                .or_else(|| rest.strip_prefix(b"_"))?;
        }
        let (digits, after) = rest.split_at_checked(length)?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
        rest = after;
    }
    Some(UUID_LENGTH)
}

fn is_part_of_segment(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// `%j`, which Slurm or printf fills in.
fn is_pattern(text: &[u8]) -> bool {
    matches!(text, [b'%', letter, ..] if letter.is_ascii_alphabetic() && segment_length(&text[1..]) == 1)
}

fn segment_length(text: &[u8]) -> usize {
    let end = text.iter().position(|&byte| !is_part_of_segment(byte));
    end.unwrap_or(text.len())
}

/// Of Arvados' names for what it stores: cluster, type and a number in letters and digits.
const ARVADOS: [usize; 3] = [5, 5, 15];

/// The length of such a name that `text` starts with.
fn arvados_length(text: &[u8]) -> Option<usize> {
    let name = text.get(..ARVADOS.iter().sum::<usize>() + 2)?;
    let mut parts = name.split(|&byte| byte == b'-');
    let fits = |length| {
        let part: &[u8] = parts.next().unwrap_or_default();
        let is_one = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        part.len() == length && part.iter().all(is_one)
    };
    let is_whole = text
        .get(name.len())
        .is_none_or(|&byte| !is_part_of_segment(byte));
    let is_one = ARVADOS.into_iter().all(fits) && is_whole;
    (is_one
        && name[name.len() - ARVADOS[2]..]
            .iter()
            .any(u8::is_ascii_digit))
    .then_some(name.len())
}

/// A UUID, a name of Arvados', or the temporary name that mktemp (`tmp.k63vlaie`) or Python (`tmpk63v_aie`) gives.
fn parameter_of_several(text: &[u8]) -> Option<usize> {
    match text[0] {
        b't' => temporary_length(text),
        byte if byte.is_ascii_hexdigit() => uuid_length(text),
        _ => None,
    }
    .or_else(|| arvados_length(text))
}

/// What mktemp and Python call temporary files.
pub fn is_temporary(name: &[u8]) -> bool {
    temporary_length(name).is_some()
}

fn temporary_length(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"tmp")?;
    if let Some(random) = rest.strip_prefix(b".") {
        let length = segment_length(random);
        return (6..=12).contains(&length).then_some(4 + length);
    }
    let random = |&byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let length = rest
        .iter()
        .take(RANDOM + 1)
        .take_while(|byte| random(byte))
        .count();
    let random = &rest[..length];
    let is_random = match length {
        RANDOM => random[0] != b'_',
        // Of letters alone it may be a word.
        RANDOM_OF_C => !random.contains(&b'_') && random.iter().any(u8::is_ascii_digit),
        _ => false,
    };
    is_random.then_some(3 + length)
}

/// Appends a parameter, unless one stands before it in the same word with nothing but a separator between.
fn push_parameter(out: &mut Vec<u8>, from: usize) {
    match out[from..] {
        [.., PARAMETER, b'_' | b'-' | b'.' | b'+'] => {
            out.pop();
        }
        [.., PARAMETER] => {}
        _ => out.push(PARAMETER),
    }
}

fn push_segment(segment: &[u8], from: usize, out: &mut Vec<u8>) {
    let seen = segment.iter().fold(0, |seen, &byte| seen | class(byte));
    if seen & DIGIT == 0 {
        if is_sex_chromosome(segment) {
            out.extend_from_slice(&segment[..3]);
            return out.push(PARAMETER);
        }
        let after_number = matches!(out[from..], [.., PARAMETER | APART, _]);
        if after_number
            && MONTHS
                .iter()
                .any(|month| month.eq_ignore_ascii_case(segment))
        {
            return push_parameter(out, from);
        }
        return out.extend_from_slice(segment);
    }
    if is_day(segment) {
        push_parameter(out, from);
    } else if is_part_of_name(segment, out, from) {
        out.extend_from_slice(segment);
    } else if is_code(segment) {
        push_parameter(out, from);
    } else if is_run_elsewhere(segment) {
        out.extend_from_slice(b"SRR#");
    } else {
        push_without_numbers(segment, out);
    }
}

/// `Jun12`, `jan2024`; with one digit it may be something else, as the gene `Oct4`.
fn is_day(segment: &[u8]) -> bool {
    let Some((name, digits)) = segment.split_at_checked(3) else {
        return false;
    };
    let is_month = || MONTHS.iter().any(|month| month.eq_ignore_ascii_case(name));
    (2..=4).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) && is_month()
}

/// `chrX` is a value beside `chr1`.
fn is_sex_chromosome(segment: &[u8]) -> bool {
    matches!(segment, b"chrX" | b"chrY" | b"chrM" | b"chrMT")
}

/// Hexadecimal digits as of a commit or a UUID.
pub fn is_hash(segment: &[u8]) -> bool {
    segment.len() >= SHORTEST_HASH
        && segment.iter().all(u8::is_ascii_hexdigit)
        && segment.iter().any(u8::is_ascii_digit)
}

/// What letters and digits make of a segment that has digits.
struct Makeup {
    letters: usize,
    digits: usize,
    /// Runs of digits.
    runs: usize,
    has_lowercase: bool,
    is_hexadecimal: bool,
    starts_with_digit: bool,
    ends_with_digit: bool,
}

impl Makeup {
    fn of(segment: &[u8]) -> Makeup {
        let (mut digits, mut runs, mut in_run) = (0, 0, false);
        let (mut has_lowercase, mut is_hexadecimal) = (false, true);
        for &byte in segment {
            let is_digit = byte.is_ascii_digit();
            digits += usize::from(is_digit);
            runs += usize::from(is_digit && !in_run);
            in_run = is_digit;
            has_lowercase |= byte.is_ascii_lowercase();
            is_hexadecimal &= byte.is_ascii_hexdigit();
        }
        Makeup {
            letters: segment.len() - digits,
            digits,
            runs,
            has_lowercase,
            is_hexadecimal,
            starts_with_digit: segment[0].is_ascii_digit(),
            ends_with_digit: in_run,
        }
    }
}

/// A number, or a code that nobody reads: `NA12878`, `S01`, `p27w03s24`, `3f2a9c1b7d`, `k63vlaie`, but not
/// `python3`, `bowtie2`, `fastq2bam` or `16S`.
fn is_code(segment: &[u8]) -> bool {
    let is = Makeup::of(segment);
    if is.letters == 0 || is.runs >= 2 || (is.is_hexadecimal && segment.len() >= SHORTEST_HASH) {
        return true;
    }
    match (is.starts_with_digit, is.ends_with_digit) {
        // 10ms, 16S, 2nd; but 20230911run.
        (true, _) => is.digits > 3,
        // hg38, S01; but chr1.
        (_, true) => is.letters <= 2,
        // ENCFF123ABC, k63vlaie; but fastq2bam.
        _ => is.digits > 1 || !is.has_lowercase,
    }
}
