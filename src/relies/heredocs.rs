//! Here-documents: which lines of a script are none of its own commands, because it writes them for another job or prints them.

use super::MOST_READ;
use std::ops::Range;

/// Commands that hand a text to another job.
const SUBMIT: [&[u8]; 4] = [b"sbatch", b"qsub", b"bsub", b"salloc"];

/// Where lines stand that this script does not rely on, in bytes, in their order.
pub fn of_others(script: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'<', &script[from..]).map(|at| from + at) {
        from = at + 1;
        let Some((mark, strips_tabs)) = mark(&script[at..]) else {
            continue;
        };
        let Some((head, body)) = around(script, at, mark, strips_tabs) else {
            continue;
        };
        if is_of_others(head, &script[body.clone()]) {
            found.push(body.clone());
        }
        from = body.end.max(from);
    }
    found
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

/// The line on which a here-document begins, and where its text stands.
fn around<'a>(
    script: &'a [u8],
    at: usize,
    mark: &[u8],
    strips_tabs: bool,
) -> Option<(&'a [u8], Range<usize>)> {
    let start = memchr::memrchr(b'\n', &script[..at]).map_or(0, |newline| newline + 1);
    let body = at + memchr::memchr(b'\n', &script[at..])? + 1;
    let mut line = body;
    while line < script.len() && line - body < MOST_READ {
        let end = memchr::memchr(b'\n', &script[line..]).map_or(script.len(), |end| line + end);
        let text = &script[line..end];
        let is_tab = |byte: &&u8| strips_tabs && **byte == b'\t';
        let tabs = text.iter().take_while(is_tab).count();
        if text[tabs..].trim_ascii_end() == mark {
            return Some((&script[start..body], body..line));
        }
        line = end + 1;
    }
    None
}

/// It is submitted, or a job's script, or nothing but printed.
fn is_of_others(head: &[u8], body: &[u8]) -> bool {
    let has = |text: &[u8], part: &[u8]| memchr::memmem::find(text, part).is_some();
    let submits =
        super::lines::words(head).any(|word| SUBMIT.contains(&super::steps::name_of(word)));
    let is_shown = head.trim_ascii_start().starts_with(b"cat ")
        && !has(head, b">")
        && !has(head, b"|")
        && !has(head, b"tee");
    submits || is_shown || has(body, b"#SBATCH") || has(body, b"#PBS -")
}
