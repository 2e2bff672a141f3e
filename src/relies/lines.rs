//! A script's commands, line by line: without comments, with lines that go on below taken as one.

use super::inner;
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
    let is_shells = is_shells(script);
    let mut lists = MOST_LISTS;
    std::iter::from_fn(move || {
        while start < script.len() {
            let rest = &script[start..];
            // Blank lines are not looked through for what stands below them.
            let first = rest.iter().find(|byte| !b" \t\r\x0c".contains(byte));
            let is_comment = first == Some(&b'#');
            let list = match is_shells || is_comment || lists == 0 {
                true => None,
                false => bracketed(rest, &mut lists),
            };
            let (length, newlines) = list.unwrap_or_else(|| logical(rest, is_comment));
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

/// No list of another language over several lines is longer, in bytes.
const LONGEST_LIST: usize = 512;

/// So many brackets that are not closed in time are looked into: each is looked through as far as that.
const MOST_LISTS: u32 = 64;

/// It says that no other language's interpreter reads it.
fn is_shells(script: &[u8]) -> bool {
    const OTHERS: [&[u8]; 5] = [b"python", b"perl", b"Rscript", b"julia", b"ruby"];
    let Some(rest) = script.strip_prefix(b"#!") else {
        return true;
    };
    let rest = &rest[..rest.len().min(LONGEST_LIST)];
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let mut words = rest[..end].split(|&byte| byte == b' ').map(name_of);
    !words.any(|word| OTHERS.iter().any(|other| word.starts_with(other)))
}

/// Bytes and newlines up to the end of the line on which the brackets are closed that the first one opens; `None` where it opens
/// none, or a comment stands in them. One that is not closed counts against `lists`.
fn bracketed(text: &[u8], lists: &mut u32) -> Option<(usize, u32)> {
    let (mut depth, mut newlines, mut quote) = (0u32, 0, None);
    for (at, &byte) in text.iter().enumerate().take(LONGEST_LIST) {
        match (quote, byte) {
            // No quote goes on below: one that seems to was none.
            (_, b'\n') if newlines == 0 && depth == 0 => return None,
            (_, b'\n') => {
                newlines += 1;
                quote = None;
                if depth == 0 {
                    return Some((at + 1, newlines));
                }
            }
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'[') => depth += 1,
            (None, b')' | b']') => depth = depth.saturating_sub(1),
            (None, b'#') => break,
            _ => {}
        }
    }
    *lists -= u32::from(newlines > 0 || depth > 0);
    None
}

/// It stands between two words.
pub fn parts_words(byte: u8) -> bool {
    PARTS_WORDS[usize::from(byte)]
}

/// The words of a command: what blanks, quotes and the shell's own signs part. `=` stays in a word.
pub fn words(command: &[u8]) -> impl Iterator<Item = &[u8]> {
    word_places(command).map(|place| &command[place])
}

/// Those of a line as it is written, up to a comment.
pub fn words_of_line(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    words(line).take_while(|word| *word != b"#")
}

/// Where the words of a command stand in it; of one behind `\n`, as printf is given it, without that letter.
pub fn word_places(command: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &command[at..];
        let start = at + rest.iter().position(|&byte| !parts_words(byte))?;
        let length = command[start..].iter().position(|&byte| parts_words(byte));
        at = length.map_or(command.len(), |length| start + length);
        let is_glued =
            command[start] == b'n' && start + 1 < at && command[..start].ends_with(b"\\");
        Some(start + usize::from(is_glued)..at)
    })
}

/// The file name of a program.
pub fn name_of(word: &[u8]) -> &[u8] {
    word.rsplit(|&byte| byte == b'/').next().unwrap_or(word)
}

/// What a script has nowhere is looked for in none of its lines.
#[derive(Debug, Clone, Copy)]
pub struct Has {
    /// A `#` behind a blank, which may begin a comment behind a command.
    comments: bool,
    /// `((`, in which the signs that part commands mean something else.
    computed: bool,
}

impl Has {
    /// What `script` has.
    pub fn of(script: &[u8]) -> Has {
        let is_behind = |at: usize| {
            at.checked_sub(1)
                .is_some_and(|before| matches!(script[before], b' ' | b'\t'))
        };
        Has {
            comments: memchr::memchr_iter(b'#', script).any(is_behind),
            computed: memchr::memchr_iter(b'(', script).any(|at| script.get(at + 1) == Some(&b'(')),
        }
    }
}

impl<'a> Line<'a> {
    /// Its bytes in the script.
    pub fn place(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// Its commands, which `|`, `;`, `&` and `&&` part, without the comment at its end.
    pub fn commands(&self, has: Has) -> impl Iterator<Item = Range<usize>> {
        self.commands_in(0..self.before_comment(has).len(), has)
    }

    /// The commands of a part of it. What stands in one of them, as in `$(…)`, is part of it.
    pub fn commands_in(&self, part: Range<usize>, has: Has) -> impl Iterator<Item = Range<usize>> {
        let said = &self.text[part.clone()];
        let mut seen = Seen::default();
        let mut inner = inner::places(said).into_iter().peekable();
        let ends = memchr::memchr3_iter(b'|', b';', b'&', said);
        let ends = ends.filter(move |&at| {
            while inner.next_if(|inner| inner.end <= at).is_some() {}
            inner.peek().is_none_or(|inner| inner.start > at)
                && parts_commands(said, at, has, &mut seen)
        });
        let mut start = part.start;
        let ends = ends.map(move |at| part.start + at);
        ends.chain([part.end]).map(move |end| {
            let command = start..end;
            start = end + 1;
            command
        })
    }

    /// Its commands where one of them may ask about the job itself: what is quoted or in brackets is part of the command around
    /// it, and so are the others of a pipe.
    pub fn whole_commands(&self, has: Has) -> impl Iterator<Item = Range<usize>> {
        let said = self.before_comment(has);
        let (mut quote, mut depth, mut start) = (None, 0usize, 0);
        let mut ends = said.iter().enumerate().filter(move |&(at, &byte)| {
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'\'' | b'"' | b'`') => quote = Some(byte),
                (None, b'(') => depth += 1,
                (None, b')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            let is_redirection = matches!(said.get(at.wrapping_sub(1)), Some(b'|' | b'>' | b'<'))
                || said.get(at + 1) == Some(&b'>');
            quote.is_none() && depth == 0 && (byte == b';' || byte == b'&' && !is_redirection)
        });
        let mut is_over = false;
        std::iter::from_fn(move || {
            let end = ends.next().map(|(at, _)| at);
            if is_over {
                return None;
            }
            is_over = end.is_none();
            let command = start..end.unwrap_or(said.len());
            start = command.end + 1;
            Some(command)
        })
    }

    /// The line of `script` around byte `at`, which stands behind `known`.
    pub fn around(script: &'a [u8], at: usize, known: &Line) -> Line<'a> {
        let start = memchr::memrchr(b'\n', &script[..at]).map_or(0, |newline| newline + 1);
        let end = memchr::memchr(b'\n', &script[at..]).map_or(script.len(), |newline| at + newline);
        let between = script.get(known.start..start).unwrap_or_default();
        Line {
            number: known.number + memchr::memchr_iter(b'\n', between).count() as u32,
            start,
            text: &script[start..end],
        }
    }

    /// Its command around byte `at` of the script.
    pub fn command_at(&self, at: usize, has: Has) -> Range<usize> {
        let at = at - self.start;
        self.commands(has)
            .find(|command| command.contains(&at))
            .unwrap_or(0..0)
    }

    /// What stands before a `#` that begins a word outside of quotes.
    pub fn before_comment(&self, has: Has) -> &'a [u8] {
        let text = self.text;
        if !has.comments {
            return text;
        }
        let (mut seen, mut is_open) = (0, [false; 2]);
        let mut is_comment = |at: usize| {
            for (open, quote) in is_open.iter_mut().zip(*b"\"'") {
                *open ^= memchr::memchr_iter(quote, &text[seen..at]).count() % 2 == 1;
            }
            seen = at;
            text[..at].last().is_some_and(u8::is_ascii_whitespace) && is_open == [false; 2]
        };
        match memchr::memchr_iter(b'#', text).find(|&at| is_comment(at)) {
            Some(at) => &text[..at],
            None => text,
        }
    }

    /// A command of it goes on in the background: several of them may run at once.
    pub fn has_background(&self) -> bool {
        last_background(self.text).is_some()
    }
}

/// The last `&` of a line that sends something to the background.
pub fn last_background(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'&', text).rfind(|&at| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let after = text.get(at + 1);
        // `&&`, `|&`, `&>`, `>&` and `<&` are something else.
        !matches!(before, Some(b'&' | b'|' | b'>' | b'<'))
            && !matches!(after, Some(b'&' | b'>'))
            && !is_in_value(text, at)
    })
}

/// What is quoted around byte `at` holds no blank, as in `--constraint="a&b"`: that is a value, and no command.
fn is_in_value(text: &[u8], at: usize) -> bool {
    const LONGEST: usize = 64;
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
    let first = at.saturating_sub(LONGEST);
    let before = text[first..at]
        .iter()
        .rposition(ends)
        .map(|open| first + open);
    let after = text[at..text.len().min(at + LONGEST)]
        .iter()
        .find(|byte| ends(byte));
    before.is_some_and(|open| {
        let is_opening = open
            .checked_sub(1)
            .is_none_or(|before| matches!(text[before], b'=' | b' ' | b'\t'));
        is_opening && !text[open].is_ascii_whitespace() && Some(&text[open]) == after
    })
}

/// What has been read of a line so far, so that each byte is read once.
#[derive(Debug, Default)]
struct Seen {
    /// Up to here quotes have been counted.
    quotes: usize,
    is_quoted: bool,
    /// Up to here brackets have been read.
    brackets: usize,
    is_computed: bool,
}

impl Seen {
    /// An odd number of `"` stands before `at`.
    fn quoted(&mut self, text: &[u8], at: usize) -> bool {
        let quotes = memchr::memchr_iter(b'"', &text[self.quotes..at]).count();
        self.is_quoted ^= quotes % 2 == 1;
        self.quotes = at;
        self.is_quoted
    }

    /// A `((` before `at` is still open.
    fn computed(&mut self, text: &[u8], at: usize) -> bool {
        for bracket in memchr::memchr2_iter(b'(', b')', &text[self.brackets..at]) {
            let bracket = self.brackets + bracket;
            if bracket + 1 < at && text[bracket + 1] == text[bracket] {
                self.is_computed = text[bracket] == b'(';
            }
        }
        self.brackets = at;
        self.is_computed
    }
}

/// One that is quoted, as in `sort -t'|'` or `find -exec sort {} \;`, parts nothing; `||` may stand in a condition, `;` in
/// the head of a loop, and `&` in `2>&1`. To be asked of ever later places.
fn parts_commands(text: &[u8], at: usize, has: Has, seen: &mut Seen) -> bool {
    let around = [
        at.checked_sub(1).and_then(|at| text.get(at)),
        text.get(at + 1),
    ];
    let any = |signs: &[u8]| around.iter().flatten().any(|byte| signs.contains(byte));
    let is_quoted = any(b"'\"\\|") || is_in_value(text, at);
    let is_redirection = text[at] == b'&' && (any(b"<>") || seen.quoted(text, at));
    !(is_quoted || is_redirection || has.computed && seen.computed(text, at))
}
