//! The functions of a script by their heads: `check() {`, `function check {`.

use super::names::{is_in_name, name_length};
use super::shown::{arrow_target, is_only_copied};
use std::ops::Range;

/// Of more functions nobody asks what they do, and of more heads whether they are one.
const MOST: usize = 32;
const MOST_HEADS: usize = 256;

/// No body is longer, in lines.
const LONGEST: usize = 64;

/// One of them.
#[derive(Debug)]
pub struct Function<'a> {
    pub name: &'a [u8],
    /// Where its body stands, with its braces.
    pub body: Range<usize>,
    /// It does nothing but print what it is called with into the job's output.
    pub only_prints: bool,
}

/// Those of a script, in the order of their heads' forms.
pub fn functions(script: &[u8]) -> Vec<Function<'_>> {
    let by_brackets = memchr::memmem::find_iter(script, b"()").map(|at| {
        let head = script[..at].trim_ascii_end();
        let start = head.iter().rposition(|byte| !is_named(*byte));
        (&head[start.map_or(0, |at| at + 1)..], at + 2)
    });
    let word = b"function ";
    let by_word = memchr::memmem::find_iter(script, word).map(|at| {
        let text = &script[at + word.len()..];
        let name = &text[..name_length(text)];
        (name, at + word.len() + name.len())
    });
    let all = by_brackets.take(MOST_HEADS).chain(by_word.take(MOST_HEADS));
    let all = all.filter_map(|(name, end)| {
        let body = body(script, end).filter(|_| !name.is_empty())?;
        let only_prints = only_prints(&script[body.clone()]);
        Some(Function {
            name,
            body,
            only_prints,
        })
    });
    all.take(MOST).collect()
}

/// A function's name may hold this byte.
fn is_named(byte: u8) -> bool {
    is_in_name(byte) || matches!(byte, b'-' | b'.' | b':')
}

/// Where the body stands that begins behind byte `at`: up to the last brace of its first line, or to one that begins another.
fn body(script: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at
        + script[at..]
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())?;
    let text = script[start..]
        .strip_prefix(b"{")
        .map(|_| &script[start..])?;
    let mut end = 0;
    for (number, line) in text
        .split_inclusive(|&byte| byte == b'\n')
        .take(LONGEST)
        .enumerate()
    {
        let closes = match number {
            0 => memchr::memrchr(b'}', line).map(|at| at + 1),
            _ => line
                .trim_ascii_start()
                .starts_with(b"}")
                .then_some(line.len()),
        };
        if let Some(length) = closes {
            return Some(start..start + end + length);
        }
        end += line.len();
    }
    None
}

/// `{ echo "[$(date)] $*"; }`.
fn only_prints(body: &[u8]) -> bool {
    let inner = body
        .trim_ascii()
        .strip_prefix(b"{")
        .and_then(|text| text.strip_suffix(b"}"));
    let prints = |command: &[u8]| {
        let said = [&b"echo "[..], b"printf "]
            .iter()
            .any(|name| command.starts_with(name));
        let pipe = memchr::memchr(b'|', command);
        said && arrow_target(command).is_none()
            && pipe.is_none_or(|at| is_only_copied(&command[at..]))
    };
    inner.is_some_and(|inner| {
        let commands = inner
            .split(|byte| matches!(byte, b';' | b'\n'))
            .map(<[u8]>::trim_ascii);
        let mut commands = commands.filter(|command| !command.is_empty()).peekable();
        commands.peek().is_some() && commands.all(prints)
    })
}
