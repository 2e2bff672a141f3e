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
        let only_prints = only_prints(&script[body.clone()]) && has_one_head(script, name);
        Some(Function {
            name,
            body,
            only_prints,
        })
    });
    all.take(MOST).collect()
}

/// A function that is there twice does something else the other time.
fn has_one_head(script: &[u8], name: &[u8]) -> bool {
    let mut heads = memchr::memmem::find_iter(script, name).filter(|at| {
        let (before, behind) = (&script[..*at], &script[at + name.len()..]);
        let is_inside = before.last().is_some_and(|byte| is_named(*byte));
        let is_whole = behind.first().is_none_or(|byte| !is_named(*byte));
        let by_word = before.ends_with(b"function ") && is_whole;
        let blanks = behind
            .iter()
            .take_while(|byte| **byte == b' ')
            .take(LONGEST)
            .count();
        by_word || !is_inside && behind[blanks..].starts_with(b"()")
    });
    heads.nth(1).is_none()
}

/// A function's name may hold this byte.
fn is_named(byte: u8) -> bool {
    is_in_name(byte) || matches!(byte, b'-' | b'.' | b':')
}

/// Where the body stands that begins behind byte `at`: up to the last brace of its first line, or to one that begins another, no
/// deeper than the head.
fn body(script: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at
        + script[at..]
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())?;
    let text = script[start..]
        .strip_prefix(b"{")
        .map(|_| &script[start..])?;
    let head = memchr::memrchr(b'\n', &script[..at]).map_or(0, |newline| newline + 1);
    let depth = indent(&script[head..]);
    let mut end = 0;
    for (number, line) in text
        .split_inclusive(|&byte| byte == b'\n')
        .take(LONGEST)
        .enumerate()
    {
        let closes = match number {
            0 => memchr::memrchr(b'}', line).map(|at| at + 1),
            _ => (line.trim_ascii_start().starts_with(b"}") && indent(line) <= depth)
                .then_some(line.len()),
        };
        if let Some(length) = closes {
            return Some(start..start + end + length);
        }
        end += line.len();
    }
    None
}

fn indent(line: &[u8]) -> usize {
    line.iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

/// Something of a command that prints runs beside it: `echo "$*" && "$@"`, `echo "$($@)"`.
fn starts_another(command: &[u8]) -> bool {
    let by_sign = memchr::memchr_iter(b'&', command).any(|at| !command[..at].ends_with(b">"));
    let mut answers = memchr::memmem::find_iter(command, b"$(");
    by_sign || command.contains(&b'`') || answers.any(|at| !command[at + 2..].starts_with(b"date"))
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
        said && !starts_another(command)
            && arrow_target(command).is_none()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_only_prints_where_that_is_all_it_ever_does() {
        for (script, right) in [
            ("log() { echo \"[$(date)] $*\"; }\n", true),
            ("log() { echo \"$*\" >&2; }\n", true),
            ("run() { echo \"+ $*\" && \"$@\"; }\n", false),
            ("run() { echo \"$*\" & \"$@\"; }\n", false),
            ("run() { echo \"$(\"$@\")\"; }\n", false),
            ("run() { echo `$*`; }\n", false),
            // As for a dry run.
            (
                "if [ $DRY ]; then run() { echo \"$*\"; }; else run() { \"$@\"; }; fi\n",
                false,
            ),
            ("run() { echo \"$*\"; }\nfunction run {\n\"$@\"\n}\n", false),
        ] {
            let found = functions(script.as_bytes());
            assert_eq!(found[0].only_prints, right, "{script}");
        }
    }

    #[test]
    fn a_body_ends_no_deeper_than_its_head() {
        let script = b"check() {\n  awk '{\n    x\n  }' f\n  [ $1 -ge 8 ]\n}\nafter\n";
        let body = &script[functions(script)[0].body.clone()];
        assert!(
            body.ends_with(b"[ $1 -ge 8 ]\n}\n"),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}
