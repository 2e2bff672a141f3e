//! Here-documents: which lines of a script are none of its own commands, because it writes them for another job.

use super::helpers::file_of;
use super::shown::asks_with_values;
use crate::text::contains;
use std::ops::Range;

/// Commands that hand a script to a scheduler.
pub const SUBMIT: [&[u8]; 4] = [b"sbatch", b"qsub", b"bsub", b"salloc"];

/// After so many marks without an end no more are looked for: each one's end is looked for in all of the script.
const MOST_UNENDED: u32 = 16;

/// Where lines stand that this script does not rely on, in bytes, in their order; `collects` says whether what it prints may be
/// read elsewhere than in the job's output, `starts` whether it starts a file of some name itself.
pub fn of_others(
    script: &[u8],
    collects: impl Fn() -> bool,
    starts: impl Fn(&[u8]) -> bool,
) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for_each(script, |head, body| {
        let text = &script[body.clone()];
        if is_comment(head, text)
            || is_of_others(head, text, &starts)
            || is_printed(head, text) && !collects()
        {
            found.push(body);
        }
    });
    found
}

/// Hands over each text that stands in the script, with the line before it.
pub fn for_each<'a>(script: &'a [u8], mut take: impl FnMut(&'a [u8], Range<usize>)) {
    let (mut from, mut unended) = (0, 0);
    while let Some(at) = memchr::memchr(b'<', &script[from..]).map(|at| from + at) {
        // `<<< word` is no mark, nor is its end.
        let arrows = script[at..]
            .iter()
            .take(3)
            .take_while(|&&byte| byte == b'<');
        from = at + arrows.clone().count();
        if arrows.count() == 3 {
            continue;
        }
        let Some((mark, strips_tabs)) = mark(&script[at..]) else {
            continue;
        };
        let start = memchr::memrchr(b'\n', &script[..at]).map_or(0, |newline| newline + 1);
        let end = memchr::memchr(b'\n', &script[at..]).map_or(script.len(), |end| at + end);
        if script[start..at].trim_ascii_start().starts_with(b"#") {
            from = end;
            continue;
        }
        let Some(body) = body(script, end + 1, mark, strips_tabs) else {
            unended += 1;
            if unended == MOST_UNENDED {
                break;
            }
            continue;
        };
        from = body.end.max(from);
        take(&script[start..end], body);
    }
}

/// The word that ends the text behind `<<EOF` or `<<-'EOF'`, and whether tabs may stand before it.
fn mark(text: &[u8]) -> Option<(&[u8], bool)> {
    let text = text.strip_prefix(b"<<")?;
    let strips_tabs = text.first() == Some(&b'-');
    let text = text[usize::from(strips_tabs)..].trim_ascii_start();
    let text = text.strip_prefix(b"\\").unwrap_or(text);
    let text = match text.first()? {
        b'"' | b'\'' => &text[1..],
        _ => text,
    };
    let length = text
        .iter()
        .take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'!' | b'%')
        })
        .count();
    let is_word = length > 0 && !text[0].is_ascii_digit();
    is_word.then_some((&text[..length], strips_tabs))
}

/// Where the text stands of a here-document that begins at `start`.
fn body(script: &[u8], start: usize, mark: &[u8], strips_tabs: bool) -> Option<Range<usize>> {
    let mut line = start;
    while line < script.len() {
        let end = memchr::memchr(b'\n', &script[line..]).map_or(script.len(), |end| line + end);
        let text = &script[line..end];
        let is_tab = |byte: &&u8| strips_tabs && **byte == b'\t';
        let tabs = text.iter().take_while(is_tab).count();
        if text[tabs..].trim_ascii_end() == mark {
            return Some(start..line);
        }
        line = end + 1;
    }
    None
}

/// `: <<'END'`: nothing in it runs, but for commands whose answers the shell puts into it.
fn is_comment(head: &[u8], body: &[u8]) -> bool {
    let head = head.trim_ascii_start().strip_prefix(b":");
    let answers = contains(body, b"$(") || body.contains(&b'`');
    head.is_some_and(|rest| {
        let mark = rest.trim_ascii_start().strip_prefix(b"<<");
        mark.is_some_and(|mark| {
            !answers || matches!(mark.trim_ascii_start().first(), Some(b'\'' | b'"' | b'\\'))
        })
    })
}

/// It goes into the job's own output, and no value of it into another command.
fn is_printed(head: &[u8], body: &[u8]) -> bool {
    let prints = head.trim_ascii_start().strip_prefix(b"cat");
    prints.is_some_and(|rest| {
        matches!(rest.first(), Some(b' ' | b'<'))
            && !rest.iter().any(|byte| b">|;&()`".contains(byte))
    }) && !asks_with_values(body)
}

/// It is submitted, or a job's script that this one does not start itself.
fn is_of_others(head: &[u8], body: &[u8], starts: impl Fn(&[u8]) -> bool) -> bool {
    let submits =
        super::lines::words_of_line(head).any(|word| SUBMIT.contains(&super::lines::name_of(word)));
    let is_jobs = || contains(body, b"#SBATCH") || contains(body, b"#PBS -");
    submits || is_jobs() && !file_of(head).is_some_and(starts)
}
