//! A script's commands, line by line: without comments, with lines that go on below taken as one.

use std::ops::Range;

/// Which bytes part words: blanks, quotes and the shell's own signs.
const PARTS_WORDS: [bool; 256] = {
    let mut parts = [false; 256];
    let signs = b" \t\n\r\x0c\"'`;|&()<>{}\\,";
    let mut at = 0;
    while at < signs.len() {
        parts[signs[at] as usize] = true;
        at += 1;
    }
    parts
};

/// Commands that print what they are given.
const SHOW: [&[u8]; 2] = [b"echo", b"printf"];

/// One logical line.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Where it begins, counted from 1.
    pub number: u32,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Its bytes, newlines of continued lines included.
    pub text: &'a [u8],
}

/// Every line that is no comment.
pub fn lines(script: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let (mut start, mut next) = (0, 1);
    std::iter::from_fn(move || {
        while start < script.len() {
            let rest = &script[start..];
            let is_comment = rest.trim_ascii_start().starts_with(b"#");
            let (length, newlines) = logical(rest, is_comment);
            let line = Line {
                number: next,
                start,
                text: &rest[..length],
            };
            next += newlines;
            start += length;
            if !is_comment {
                return Some(line);
            }
        }
        None
    })
}

/// Bytes and newlines up to the end of the first line that does not go on; a comment never does.
fn logical(text: &[u8], is_comment: bool) -> (usize, u32) {
    let (mut from, mut newlines) = (0, 0);
    while let Some(end) = memchr::memchr(b'\n', &text[from..]) {
        let line = &text[from..from + end];
        from += end + 1;
        newlines += 1;
        if is_comment || !line.trim_ascii_end().ends_with(b"\\") {
            return (from, newlines);
        }
    }
    (text.len(), newlines)
}

/// The words of a command: what blanks, quotes and the shell's own signs part. `=` stays in a word.
pub fn words(command: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = command.split(|byte| PARTS_WORDS[usize::from(*byte)]);
    words
        .filter(|word| !word.is_empty())
        .take_while(|word| *word != b"#")
}

impl<'a> Line<'a> {
    /// Its commands, which `|` and `;` part.
    pub fn commands(&self) -> impl Iterator<Item = Range<usize>> {
        let ends = memchr::memchr2_iter(b'|', b';', self.text);
        let ends = ends.filter(|&at| self.parts_commands(at));
        let mut start = 0;
        ends.chain([self.text.len()]).map(move |end| {
            let command = start..end;
            start = end + 1;
            command
        })
    }

    /// This command of it does nothing with what it reads but print it into the job's output, or forget it. A bare value may be
    /// what a function of the script returns.
    pub fn only_shows(&self, command: &Range<usize>) -> bool {
        let text = self.text[command.clone()].trim_ascii_start();
        let first = text
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        let shows = SHOW.contains(&first);
        if !shows && first != b"unset" {
            return false;
        }
        let mut said = text[first.len()..]
            .iter()
            .filter(|byte| !b" \t'\"".contains(byte));
        let is_bare = said.next().is_none_or(|byte| b"$%-".contains(byte));
        let hands_on = |byte: &u8| matches!(byte, b'|' | b'&' | b'<' | b'>' | b'`');
        let is_kept = text.iter().any(hands_on)
            || text.windows(2).any(|two| two == b"$(")
            || self.text.get(command.end) == Some(&b'|');
        !(is_kept || shows && is_bare)
    }

    /// One that is quoted, as in `sort -t'|'` or `find -exec sort {} \;`, parts nothing; `||` may stand in a condition.
    fn parts_commands(&self, at: usize) -> bool {
        let quotes = |at: usize| matches!(self.text.get(at), Some(b'\'' | b'"' | b'\\' | b'|'));
        !quotes(at + 1) && at.checked_sub(1).is_none_or(|before| !quotes(before))
    }

    /// A command of it goes on in the background: several of them may run at once.
    pub fn has_background(&self) -> bool {
        let text = self.text;
        memchr::memchr_iter(b'&', text).any(|at| {
            let before = at.checked_sub(1).and_then(|at| text.get(at));
            let after = text.get(at + 1);
            // `&&`, `&>`, `>&` and `<&` are something else.
            !matches!(before, Some(b'&' | b'>' | b'<')) && !matches!(after, Some(b'&' | b'>'))
        })
    }
}
