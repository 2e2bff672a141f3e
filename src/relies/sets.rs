//! Which variables a command sets, and to what: in the shell's own words, and in those of Perl, Python and R.

use super::lines::words;
use super::names::{is_in_name, name_length};
use super::nesting::Nesting;
use crate::text::contains;

/// Words behind which a command begins.
const BEFORE: [&[u8]; 11] = [
    b"if", b"elif", b"while", b"until", b"then", b"else", b"do", b"{", b"(", b"!", b"time",
];

/// Words behind which variables are set.
const DECLARE: [&[u8]; 10] = [
    b"export",
    b"local",
    b"declare",
    b"typeset",
    b"readonly",
    b"set",
    b"@",
    b"my",
    b"our",
    b"let",
];

/// How csh and fish export a variable: its value stands behind a blank.
pub const EXPORTS: [&[u8]; 6] = [
    b"setenv ",
    b"set -x ",
    b"set -gx ",
    b"set -lx ",
    b"set -Ux ",
    b"set --export ",
];

/// A variable, and what stands behind its name up to the end of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
}

/// The variable that a command sets, the first of several: `T` of `export T=8`, and of what Perl, Python and R say: `my $t = 8`,
/// `t = 8`, `t <- 8`.
pub fn set_by(command: &[u8]) -> Option<&[u8]> {
    memchr::memchr2(b'=', b'<', command)?;
    assigned(command).next().map(|set| set.name)
}

/// All that a command sets, also by other words than an assignment: `printf -v N`, `for N in`, `read N <<<`, `: ${N:=4}`.
pub fn sets(command: &[u8]) -> Vec<Set<'_>> {
    let text = begun(of_an_argument(command));
    let one = exported(text).or_else(|| by_a_command(text));
    match one {
        Some(set) => vec![set],
        None => match read(text) {
            Some(sets) => sets.collect(),
            None => assigned(text).collect(),
        },
    }
}

/// Most commands set nothing, and need not be read for it.
fn may_set(command: &[u8]) -> bool {
    const BY_WORD: [&[u8]; 4] = [b"for ", b"printf -v ", b"setenv ", b"set -"];
    memchr::memchr2(b'=', b'<', command).is_some() || {
        let text = begun(command);
        BY_WORD.iter().any(|word| text.starts_with(word))
    }
}

/// `setenv N 4`.
pub fn exported(command: &[u8]) -> Option<Set<'_>> {
    let text = EXPORTS
        .iter()
        .find_map(|export| command.strip_prefix(*export))?;
    Set::named(text)
}

/// `for N in 1 2`, `printf -v N %d 4`, `: "${N:=4}"`.
fn by_a_command(text: &[u8]) -> Option<Set<'_>> {
    let behind = [&b"for "[..], b"printf -v "];
    if let Some(text) = behind.iter().find_map(|word| text.strip_prefix(*word)) {
        return Set::named(text);
    }
    let text = text.strip_prefix(b": ")?;
    let brace = memchr::memmem::find(text, b"${")?;
    Set::named(&text[brace + 2..])
        .filter(|set| set.value.starts_with(b":=") || set.value.starts_with(b"="))
}

/// `IFS=, read -r A B <<< $X`: what each of them is given nobody asks.
fn read(text: &[u8]) -> Option<impl Iterator<Item = Set<'_>>> {
    let text = match text.starts_with(b"IFS=") {
        true => &text[word_length(text)..],
        false => text,
    };
    let text = text.trim_ascii_start().strip_prefix(b"read ")?;
    let (names, value) = text.split_at(memchr::memmem::find(text, b"<<<")?);
    let names = words(names).filter(|word| !word.starts_with(b"-"));
    Some(names.map(move |name| Set { name, value }))
}

/// What stands one behind the other as `A=1 B=2`.
fn assigned(command: &[u8]) -> impl Iterator<Item = Set<'_>> {
    let mut text = declared(begun(command));
    std::iter::from_fn(move || {
        let set = Set::assigned(text)?;
        let end = set.value.as_ptr_range().end as usize - text.as_ptr() as usize;
        text = text[end..].trim_ascii_start();
        Some(set)
    })
}

impl<'a> Set<'a> {
    /// A name, and all that stands behind it.
    fn named(text: &'a [u8]) -> Option<Set<'a>> {
        let text = text.trim_ascii_start();
        let (name, value) = text.split_at(name_length(text));
        (!name.is_empty()).then_some(Set { name, value })
    }

    /// The assignment with which `text` begins.
    fn assigned(text: &'a [u8]) -> Option<Set<'a>> {
        let set = Set::named(text.strip_prefix(b"$").unwrap_or(text))?;
        let value = set.value.trim_ascii_start();
        let is_set = matches!(value, [b'=', next, ..] if *next != b'=');
        if !is_set && !value.starts_with(b"<-") {
            return None;
        }
        // Of other languages' values nobody knows where they end.
        let length = match set.value.starts_with(b"=") {
            true => word_length(value),
            false => value.len(),
        };
        let value = &value[..length];
        Some(Set { value, ..set })
    }
}

/// What a program is given to run in an argument: `matlab -batch "n=4`, `bash -c 'N=4`.
fn of_an_argument(command: &[u8]) -> &[u8] {
    const GIVEN: [&[u8]; 4] = [b" -c ", b" -e ", b" -r ", b" -batch "];
    let is_given = |at: &usize| GIVEN.iter().any(|given| command[..*at].ends_with(given));
    let quote = memchr::memchr2_iter(b'"', b'\'', command).find(is_given);
    quote.map_or(command, |at| &command[at + 1..])
}

/// A command without words before it: those of the shell, the labels of a case, the heads of functions.
pub fn begun(command: &[u8]) -> &[u8] {
    let mut text = command.trim_ascii_start();
    loop {
        let length = text.iter().position(u8::is_ascii_whitespace);
        let (word, rest) = text.split_at(length.unwrap_or(text.len()));
        let is_label = || word.ends_with(b")") && !word.iter().any(|byte| b"=$`".contains(byte));
        text = match word {
            _ if BEFORE.contains(&word) => rest,
            b"case" => match memchr::memmem::find(rest, b" in ") {
                Some(at) => &rest[at + 4..],
                None => return text,
            },
            _ if is_label() => rest,
            [b'(', ..] if !word.starts_with(b"((") => &text[1..],
            _ => return text,
        }
        .trim_ascii_start();
    }
}

/// What stands behind a word that declares variables, and its options.
fn declared(mut text: &[u8]) -> &[u8] {
    let mut is_declared = false;
    loop {
        let length = text.iter().position(u8::is_ascii_whitespace);
        let (word, rest) = text.split_at(length.unwrap_or(text.len()));
        let is_option = is_declared && word.starts_with(b"-");
        if !is_option && !DECLARE.contains(&word) {
            break;
        }
        is_declared = true;
        text = rest.trim_ascii_start();
    }
    match text {
        [b'"' | b'\'', inner @ ..] if is_declared => inner,
        _ => text,
    }
}

/// How long the word is with which `text` begins, with all that is quoted or in brackets in it.
fn word_length(text: &[u8]) -> usize {
    let mut nesting = Nesting::default();
    let ends = |&byte: &u8| {
        nesting.take(byte);
        nesting.depth() == 0 && byte.is_ascii_whitespace()
    };
    text.iter().position(ends).unwrap_or(text.len())
}

/// What counts the job's CPUs, in several languages.
const COUNTS: [&[u8]; 6] = [
    b"SLURM_CPUS_",
    b"SLURM_JOB_CPUS_",
    b"SLURM_NTASKS",
    b"nproc",
    b"sched_getaffinity",
    b"availableCores",
];

/// `text` has the job's count of CPUs in it, which `name` holds, unless Slurm's own variable does.
pub fn has_count(text: &[u8], name: Option<&[u8]>) -> bool {
    match name {
        Some(name) => uses(name, text).next().is_some(),
        None => COUNTS.iter().any(|count| contains(text, count)),
    }
}

/// A word is that count, and nothing else: `"$N"`.
pub fn is_count(word: &[u8], name: Option<&[u8]>) -> bool {
    word.contains(&b'$') && has_count(word, name)
}

/// The variables that a command sets, which has that count in it; of several those that are set to it.
pub fn set_to_count<'a>(command: &'a [u8], name: Option<&[u8]>) -> Vec<&'a [u8]> {
    if !may_set(command) {
        return Vec::new();
    }
    let mut sets = sets(command);
    if sets.len() > 1 {
        sets.retain(|set| has_count(set.value, name));
    }
    sets.into_iter().map(|set| set.name).collect()
}

/// Where `name` is used in `text`, as `$T`, `${T}` or, where something is computed, `T`; of an argument, `$1`.
pub fn uses(name: &[u8], text: &[u8]) -> impl Iterator<Item = usize> {
    let is_argument = name.first().is_some_and(u8::is_ascii_digit);
    memchr::memmem::find_iter(text, name).filter(move |&at| {
        let after = text.get(at + name.len());
        let before = &text[..at];
        let is_begun = match is_argument {
            true => before.ends_with(b"$") || before.ends_with(b"${"),
            false => before
                .last()
                .is_some_and(|byte| b"${( <>=:*+".contains(byte)),
        };
        is_begun && after.is_none_or(|byte| !is_in_name(*byte) && *byte != b'=')
    })
}
