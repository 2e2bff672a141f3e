//! Where a script sets a variable of its own, and to what.

use super::assigned::{LONGEST_LIST, LONGEST_VALUE, assigned, line_before, list_length};
use super::loops::Lists;
use super::names::{is_in_name, name_length};
use super::options::{number, size};
use super::sets::{self, EXPORTS};
use crate::text::contains;

/// Where the last file is read that may set any variable; 0 where none is. What sets up programs sets none that a script
/// sets itself.
pub fn sourced(script: &[u8]) -> usize {
    let reads = |at: usize| {
        let text = &script[at..];
        let read = [&b"source "[..], b". "]
            .iter()
            .find_map(|start| text.strip_prefix(*start));
        read.is_some_and(|read| begins_command(line_before(script, at)) && !sets_up(read))
    };
    memchr::memchr2_iter(b's', b'.', script)
        .rfind(|&at| reads(at))
        .unwrap_or(0)
}

/// The file that `text` begins with sets up programs.
fn sets_up(text: &[u8]) -> bool {
    const SET_UP: [&[u8]; 17] = [
        b"activate",
        b"bashrc",
        b"profile",
        b"conda",
        b"module",
        b"modules",
        b"env",
        b"init",
        b"setup",
        b"setvars",
        b"mpivars",
        b"compilervars",
        b"psxevars",
        b"mklvars",
        b"GMXRC",
        b"amber.sh",
        b"thisroot",
    ];
    let text = &text[..text.len().min(LONGEST_VALUE)];
    let end = memchr::memchr3(b'\n', b';', b'&', text).unwrap_or(text.len());
    SET_UP.iter().any(|part| contains(&text[..end], part))
}

/// Behind `before` on its line a command begins, and no comment.
pub fn begins_command(before: &[u8]) -> bool {
    const BEFORE: [&[u8]; 11] = [
        b"if", b"elif", b"while", b"until", b"then", b"else", b"do", b"!", b"time", b"builtin",
        b"command",
    ];
    let said = before.trim_ascii();
    let is_end = |byte: &u8| matches!(byte, b';' | b'&' | b'|' | b'{' | b'(' | b')');
    let last = || {
        said.rsplit(|byte| byte.is_ascii_whitespace() || is_end(byte))
            .next()
    };
    !said.starts_with(b"#")
        && (said.last().is_none_or(is_end)
            || before.len() > said.len() && last().is_some_and(|word| BEFORE.contains(&word)))
}

/// What `script` sets `name` to, the most of several values; `None` where that is not known.
pub fn set_in<'a>(script: &'a [u8], name: &[u8], sourced: usize) -> Option<&'a [u8]> {
    let (mut best, mut last): (Option<&'a [u8]>, usize) = (None, 0);
    let mut lists = Lists::of(script);
    for at in memchr::memmem::find_iter(script, name) {
        let is_inside = at.checked_sub(1).is_some_and(|before| {
            is_in_name(script[before]) || matches!(script[before], b'$' | b'{' | b'-' | b'.' | b'/')
        });
        if is_inside {
            continue;
        }
        let before = line_before(script, at);
        if before.trim_ascii_start().starts_with(b"#") {
            continue;
        }
        let after = &script[at + name.len()..];
        let values: &mut dyn Iterator<Item = &'a [u8]> = match after {
            [b'=', value @ ..] if value.first() != Some(&b'=') => {
                &mut std::iter::once(assigned(value))
            }
            [b' ', value @ ..] if is_exported(&script[..at]) => {
                &mut std::iter::once(assigned(value.trim_ascii_start()))
            }
            [b' ', b'i', b'n', b' ', list @ ..] if script[..at].ends_with(b"for ") => {
                &mut lists.values(list)
            }
            _ if is_changed(before, after) => return None,
            _ => continue,
        };
        last = at;
        for value in values.filter(|value| !value.is_empty()) {
            if refers_to(value, name) {
                return None;
            }
            // An array's elements are not told apart.
            best = Some(more(best, value).filter(|value| !value.starts_with(b"("))?);
            if best.is_some_and(is_of_slurm) {
                return best;
            }
        }
    }
    best.filter(|_| last >= sourced)
}

/// So many times a variable is given options at most.
const MOST_OPTIONS: usize = 32;

/// A script appends words to what `name` holds: `N+=" x"`, `N="$N x"`. What is appended without a blank is part of a word.
pub fn grows(script: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find_iter(script, name).any(|at| {
        let is_inside = script[..at].last().is_some_and(|byte| is_in_name(*byte));
        !is_inside
            && match &script[at + name.len()..] {
                [b'+', b'=', b'(', ..] => true,
                [b'+', b'=', value @ ..] => assigned(value).starts_with(b" "),
                [b'=', value @ ..] => has_own_word(assigned(value), name),
                _ => false,
            }
    })
}

/// A value holds the variable's own one: `$N x`, but not `${N:-x}`.
fn refers_to(value: &[u8], name: &[u8]) -> bool {
    memchr::memchr_iter(b'$', value).any(|at| own_length(&value[at..], name) > 0)
}

/// The variable's own value is a word of this one, beside others.
fn has_own_word(value: &[u8], name: &[u8]) -> bool {
    memchr::memchr_iter(b'$', value).any(|at| {
        let length = own_length(&value[at..], name);
        length > 0 && (value[at + length..].starts_with(b" ") || value[..at].ends_with(b" "))
    })
}

/// How much of `text` is that variable, with which it begins.
fn own_length(text: &[u8], name: &[u8]) -> usize {
    let is_whole = |end: usize| text.get(end).is_none_or(|byte| !is_in_name(*byte));
    match text.get(1..).unwrap_or_default() {
        [b'{', inner @ ..] if inner.starts_with(name) && inner.get(name.len()) == Some(&b'}') => {
            name.len() + 3
        }
        inner if inner.starts_with(name) && is_whole(1 + name.len()) => 1 + name.len(),
        _ => 0,
    }
}

/// The options that `script` puts into `name`: all elements of an array, and texts that hold options, also where it appends
/// them; of a command to which it appends others, all.
pub fn options<'a>(script: &'a [u8], name: &[u8]) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    let grows = grows(script, name);
    for at in memchr::memmem::find_iter(script, name) {
        let is_inside = script[..at]
            .last()
            .is_some_and(|byte| is_in_name(*byte) || *byte == b'$');
        let after = &script[at + name.len()..];
        let after = after.strip_prefix(b"+").unwrap_or(after);
        let is_comment = || line_before(script, at).trim_ascii_start().starts_with(b"#");
        let Some(value) = after
            .strip_prefix(b"=")
            .filter(|_| !is_inside && !is_comment())
        else {
            continue;
        };
        match value.strip_prefix(b"(") {
            Some(list) => found.extend(without_comments(&list[..list_length(list)])),
            None => {
                let text = assigned(value);
                let text = match text.starts_with(b"$") {
                    true => &text[own_length(text, name)..],
                    false => text,
                };
                let is_number = || text.trim_ascii().first().is_some_and(u8::is_ascii_digit);
                let is_one = holds_options(text) || grows && !is_number();
                found.extend(Some(text).filter(|_| is_one))
            }
        }
        if found.len() >= MOST_OPTIONS {
            break;
        }
    }
    found
}

/// What `script` sets its arguments to, as `set -- -c 4`.
pub fn arguments(script: &[u8]) -> Vec<&[u8]> {
    let sets = memchr::memmem::find_iter(script, b"set -- ");
    let sets = sets.filter(|&at| begins_command(line_before(script, at)));
    let texts = sets.map(|at| {
        let text = &script[at + b"set -- ".len()..];
        let text = &text[..text.len().min(LONGEST_LIST)];
        &text[..memchr::memchr2(b'\n', b';', text).unwrap_or(text.len())]
    });
    texts.take(MOST_OPTIONS).collect()
}

/// The lines of a list, as far as no comment ends them.
fn without_comments(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = list.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let said = lines.map(|line| match memchr::memmem::find(line, b" #") {
        Some(at) => &line[..at],
        None => line,
    });
    said.filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

fn holds_options(text: &[u8]) -> bool {
    let mut words = text.split(u8::is_ascii_whitespace);
    words.any(|word| word.starts_with(b"-"))
}

/// `script` sets `name`, which may be one of Slurm's own.
pub fn is_set(script: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find_iter(script, name).any(|at| {
        let after = script.get(at + name.len());
        after == Some(&b'=') || after == Some(&b' ') && is_exported(&script[..at])
    })
}

fn is_exported(before: &[u8]) -> bool {
    EXPORTS.iter().any(|export| before.ends_with(export))
}

/// What `setenv X 4g` says, as bash writes it.
pub fn as_export(command: &[u8]) -> Option<Vec<u8>> {
    let set = sets::exported(command.trim_ascii())?;
    Some([b"export ", set.name, b"=", set.value.trim_ascii_start()].concat())
}

/// A variable between `before` and `after` is read, or grows: `read N`, `N+=1`, `((N++))`.
fn is_changed(before: &[u8], after: &[u8]) -> bool {
    let is_whole = after.first().is_none_or(|byte| !is_in_name(*byte));
    let is_read = || {
        let mut words = before.split(|byte| b" \t;|&(".contains(byte)).rev();
        let names = |word: &&[u8]| !word.is_empty();
        words
            .by_ref()
            .filter(names)
            .take(8)
            .any(|word| word == b"read")
    };
    match after {
        [b'+' | b'-' | b'*' | b'/', b'=', ..] | [b'+', b'+', ..] | [b'-', b'-', ..] => true,
        _ => is_whole && before.last() == Some(&b' ') && is_read(),
    }
}

/// Of two values the one that is to be believed; `None` where that is not known.
fn more<'a>(known: Option<&'a [u8]>, value: &'a [u8]) -> Option<&'a [u8]> {
    let Some(known) = known.filter(|known| *known != value) else {
        return Some(value);
    };
    if is_of_slurm(value) {
        return Some(value);
    }
    let is_more = match (number(known), number(value)) {
        (Some(known), Some(value)) => value > known,
        _ => size(value)? > size(known)?,
    };
    Some(if is_more { value } else { known })
}

/// A value that Slurm gave.
fn is_of_slurm(value: &[u8]) -> bool {
    let has_name = || memchr::memmem::find(value, b"SLURM_").is_some();
    has_name() || is_nproc(value.strip_prefix(b"$(").unwrap_or(value))
}

/// The command that counts the job's CPUs; with `--all` it counts the node's.
pub fn is_nproc(command: &[u8]) -> bool {
    let command = command.trim_ascii();
    command.starts_with(b"nproc")
        && command.get(5).is_none_or(|byte| !is_in_name(*byte))
        && memchr::memmem::find(command, b"--all").is_none()
}

/// A command that sets variables of the script and starts nothing: what they hold counts where they are used. Options that
/// one holds count where they stand, for nothing may speak of them where it is used.
pub fn only_sets(command: &[u8]) -> bool {
    let mut text = command.trim_ascii();
    for before in [&b"readonly "[..], b"local ", b"declare "] {
        text = text.strip_prefix(before).unwrap_or(text);
    }
    while !text.is_empty() {
        let name = name_length(text);
        if name == 0 || text.get(name) != Some(&b'=') {
            return false;
        }
        let value = &text[name + 1..];
        let quotes = usize::from(matches!(value.first(), Some(b'"' | b'\'')));
        let held = assigned(value);
        let mut words = held.split(u8::is_ascii_whitespace);
        if words.any(|word| word.starts_with(b"-")) {
            return false;
        }
        let after = &value[(held.len() + 2 * quotes).min(value.len())..];
        if after
            .first()
            .is_some_and(|byte| !byte.is_ascii_whitespace())
        {
            return false;
        }
        text = after.trim_ascii_start();
    }
    true
}
