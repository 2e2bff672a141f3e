//! How the shell compares the count of CPUs as a text: `[ $N = 4 ]`, `[[ $N =~ ^(8|16)$ ]]`, `case $N in`.

use super::names::is_in_name;
use crate::text::contains;

/// No word that is compared is longer, in bytes.
const LONGEST: usize = 64;

/// A text in `command` is compared with the count, which `name` holds, unless Slurm's own variable does.
pub fn compares_as_text(command: &[u8], name: Option<&[u8]>) -> bool {
    let is_count = |word: &[u8]| is_count(word, name);
    equals(command, is_count) || matches_pattern(command, is_count) || is_case(command, is_count)
}

/// `[ $N = 4 ]`, and not `set N = 4`.
fn equals(command: &[u8], is_count: impl Fn(&[u8]) -> bool) -> bool {
    let is_test = || contains(command, b"[ ") || contains(command, b"test ");
    let compares = |at: usize| {
        let (before, after) = (word_before(command, at), word_behind(command, at + 3));
        is_count(before) && is_number(after) || is_number(before) && is_count(after)
    };
    memchr::memmem::find_iter(command, b" = ").any(compares) && is_test()
}

fn matches_pattern(command: &[u8], is_count: impl Fn(&[u8]) -> bool) -> bool {
    memchr::memmem::find_iter(command, b" =~ ").any(|at| is_count(word_before(command, at)))
}

fn is_case(command: &[u8], is_count: impl Fn(&[u8]) -> bool) -> bool {
    memchr::memmem::find_iter(command, b"case ").any(|at| {
        let is_word = at == 0 || !is_in_name(command[at - 1]);
        is_word && is_count(word_behind(command, at + b"case ".len()))
    })
}

fn word_before(text: &[u8], end: usize) -> &[u8] {
    let text = &text[end.saturating_sub(LONGEST)..end];
    text.rsplit(u8::is_ascii_whitespace).next().unwrap_or(text)
}

fn word_behind(text: &[u8], start: usize) -> &[u8] {
    let text = &text[start..text.len().min(start + LONGEST)];
    text.split(u8::is_ascii_whitespace).next().unwrap_or(text)
}

fn is_count(word: &[u8], name: Option<&[u8]>) -> bool {
    let is_slurms = || contains(word, b"$SLURM_") || contains(word, b"${SLURM_");
    let is_asked = || contains(word, b"nproc");
    let is_name = |part: &[u8]| name == Some(part);
    is_slurms()
        || is_asked()
        || contains(word, b"$") && word.split(|byte| !is_in_name(*byte)).any(is_name)
}

/// `4` and `"4"`, and not 0: with that a variable is compared to see whether it is set.
fn is_number(word: &[u8]) -> bool {
    let is_quote = |byte: &&u8| matches!(byte, b'"' | b'\'');
    let mut digits = word.iter().filter(|byte| !is_quote(byte)).peekable();
    digits.peek().is_some_and(|first| **first != b'0') && digits.all(u8::is_ascii_digit)
}
