//! What a word of a shell script is, by its form.

use super::meaning::lower;
use super::types::is_data_type;
use crate::relies::is_in_name;

/// What a command prints.
pub fn is_answer(word: &[u8]) -> bool {
    word.starts_with(b"$(") || word.starts_with(b"`")
}

/// Whether what a redirection names stands in the same word; `None` for another word.
pub fn redirection(word: &[u8]) -> Option<bool> {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let signs = word[digits..]
        .iter()
        .take_while(|byte| b"<>&".contains(byte))
        .count();
    (signs > 0).then_some(word.len() > digits + signs)
}

/// Without the quotes around it.
pub fn unquoted(word: &[u8]) -> &[u8] {
    let quoted = |mark: &[u8]| word.strip_prefix(mark)?.strip_suffix(mark);
    quoted(b"\"").or_else(|| quoted(b"'")).unwrap_or(word)
}

/// Its last part, where slashes part it that stand in no `${...}`.
pub fn base(word: &[u8]) -> &[u8] {
    if is_answer(word) {
        return word;
    }
    let outside = |at: &usize| {
        let before = &word[..*at];
        memchr::memrchr(b'{', before) <= memchr::memrchr(b'}', before)
    };
    let slash = memchr::memrchr_iter(b'/', word).take(2).find(outside);
    slash.map_or(word, |slash| &word[slash + 1..])
}

/// The names that stand behind a dollar sign, with or without brackets.
fn names(word: &[u8]) -> impl Iterator<Item = &[u8]> {
    memchr::memchr_iter(b'$', word).map(|at| {
        let name = &word[at + 1..];
        name.strip_prefix(b"{").unwrap_or(name)
    })
}

/// `$1`, `$@`, `${2:-x}` and their like stand in it.
pub fn names_argument(word: &[u8]) -> bool {
    names(word).any(|name| matches!(name.first(), Some(b'@' | b'*' | b'1'..=b'9')))
}

/// The names of the variables in it.
pub fn variables(word: &[u8]) -> impl Iterator<Item = &[u8]> {
    let own = |name: &[u8]| name.iter().take_while(|byte| is_in_name(**byte)).count();
    names(word)
        .map(move |name| &name[..own(name)])
        .filter(|name| !name.is_empty() && !is_number(name))
}

pub fn is_assignment(word: &[u8]) -> bool {
    let name = word.iter().take_while(|byte| is_in_name(**byte)).count();
    name > 0 && word.get(name) == Some(&b'=')
}

pub fn is_number(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_digit)
}

/// A file of lines.
pub fn is_list(base: &[u8]) -> bool {
    let dot = memchr::memrchr(b'.', base);
    dot.is_some_and(|dot| is_data_type(&base[dot + 1..]))
}

/// A variable that by its name holds what starts programs, and is none.
pub fn holds_launcher(base: &[u8]) -> bool {
    let starts = |part: &[u8]| {
        matches!(
            part,
            b"srun"
                | b"mpirun"
                | b"mpiexec"
                | b"mpi"
                | b"launch"
                | b"launcher"
                | b"python"
                | b"java"
                | b"shell"
                | b"rscript"
        )
    };
    let mut parts = variables(base).flat_map(|name| name.split(|&byte| byte == b'_'));
    parts.any(|part| lower(part, starts))
}
