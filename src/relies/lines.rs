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

/// The bytes that stand outside of quotes, and where.
fn unquoted(text: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
    let mut quote = None;
    text.iter().enumerate().filter_map(move |(at, &byte)| {
        let is_quote = matches!(byte, b'\'' | b'"');
        match quote {
            Some(open) if open == byte => quote = None,
            None if is_quote => quote = Some(byte),
            None => return Some((at, byte)),
            Some(_) => {}
        }
        None
    })
}

/// What echo is to print, behind its own options.
fn without_options(mut text: &[u8]) -> &[u8] {
    loop {
        text = text.trim_ascii_start();
        let word = text
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        match word {
            [b'-', letters @ ..]
                if !letters.is_empty() && letters.iter().all(|letter| b"neE".contains(letter)) =>
            {
                text = &text[word.len()..]
            }
            _ => return text,
        }
    }
}

/// What a command prints goes elsewhere than to the job's own output, and not into a log.
fn goes_to_a_file(command: &[u8]) -> bool {
    let mut arrows = unquoted(command).filter(|&(_, byte)| byte == b'>');
    arrows.any(|(at, _)| {
        let target = command[at + 1..].trim_ascii_start();
        let target = target
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        let is_log = [&b"log"[..], b"LOG", b".out", b".err"]
            .iter()
            .any(|part| memchr::memmem::find(target, part).is_some());
        // Of `>>` the second one counts.
        !(target.starts_with(b">")
            || target.starts_with(b"&")
            || target.starts_with(b"/dev/")
            || is_log)
    })
}

/// It writes its own words into a file: what they name is nothing that this command starts.
pub fn writes(command: &[u8]) -> bool {
    let command = command.trim_ascii_start();
    let shows = |name: &&[u8]| command.strip_prefix(*name).is_some_and(starts_with_blank);
    SHOW.iter().any(shows) && goes_to_a_file(command)
}

fn starts_with_blank(text: &[u8]) -> bool {
    text.first().is_none_or(u8::is_ascii_whitespace)
}

/// It writes a line of an input such as `%mem=8GB`.
pub fn is_input(command: &[u8]) -> bool {
    memchr::memchr(b'%', command).is_some()
}

/// It holds a line by which a script asks a scheduler for something: that is for another job.
pub fn is_directive(command: &[u8]) -> bool {
    let marks = [&b"#SBATCH"[..], b"#PBS", b"#BSUB", b"#SLURM"];
    marks
        .iter()
        .any(|mark| memchr::memmem::find(command, mark).is_some())
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
    /// Its commands, which `|`, `;`, `&` and `&&` part, without the comment at its end.
    pub fn commands(&self, has: Has) -> impl Iterator<Item = Range<usize>> {
        let said = self.before_comment(has);
        let ends = memchr::memchr3_iter(b'|', b';', b'&', said);
        let ends = ends.filter(move |&at| self.parts_commands(at, has));
        let mut start = 0;
        ends.chain([said.len()]).map(move |end| {
            let command = start..end;
            start = end + 1;
            command
        })
    }

    /// Its commands where one of them may be about another job: what is quoted or in brackets is part of the command around
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
            let is_redirection = matches!(said.get(at.wrapping_sub(1)), Some(b'>' | b'<'))
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

    /// A part of it, as a line of its own.
    pub fn part(&self, place: &Range<usize>) -> Line<'a> {
        Line {
            number: self.number,
            start: self.start + place.start,
            text: &self.text[place.clone()],
        }
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
    fn before_comment(&self, has: Has) -> &'a [u8] {
        let text = self.text;
        if !has.comments {
            return text;
        }
        let is_comment = |at: usize| {
            let before = &text[..at];
            let is_open = |quote| memchr::memchr_iter(quote, before).count() % 2 == 1;
            before.last().is_some_and(u8::is_ascii_whitespace) && !is_open(b'"') && !is_open(b'\'')
        };
        match memchr::memchr_iter(b'#', text).find(|&at| is_comment(at)) {
            Some(at) => &text[..at],
            None => text,
        }
    }

    /// This command of it does nothing with what it reads but print it into the job's output, or forget it. A bare value may be
    /// what a function of the script returns.
    pub fn only_shows(&self, command: &Range<usize>) -> bool {
        let text = self.text[command.clone()].trim_ascii_start();
        // Most commands begin with another letter than those that show.
        if !matches!(text.first(), Some(b'e' | b'p' | b'u' | b'>')) {
            return false;
        }
        let text = text.strip_prefix(b">&2").unwrap_or(text).trim_ascii_start();
        let first = text
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        let shows = SHOW.contains(&first);
        if !shows && first != b"unset" {
            return false;
        }
        let mut said = without_options(&text[first.len()..])
            .iter()
            .filter(|byte| !b" \t'\"".contains(byte));
        let is_bare = said.next().is_none_or(|byte| b"$%".contains(byte))
            || first == b"printf" && text.windows(4).any(|four| four == b" -v ");
        let is_kept = unquoted(text).any(|(_, byte)| matches!(byte, b'|' | b'<'))
            || memchr::memchr(b'`', text).is_some()
            || goes_to_a_file(text)
            || text.windows(2).any(|two| two == b"$(")
            || self.text.get(command.end) == Some(&b'|');
        !(is_kept || shows && is_bare)
    }

    /// One that is quoted, as in `sort -t'|'` or `find -exec sort {} \;`, parts nothing; `||` may stand in a condition, `;` in
    /// the head of a loop, and `&` in `2>&1`.
    fn parts_commands(&self, at: usize, has: Has) -> bool {
        let text = self.text;
        let quotes = |at: usize| matches!(text.get(at), Some(b'\'' | b'"' | b'\\' | b'|'));
        let is_redirection = || {
            let around = [
                at.checked_sub(1).and_then(|at| text.get(at)),
                text.get(at + 1),
            ];
            let is_quoted = || memchr::memchr_iter(b'"', &text[..at]).count() % 2 == 1;
            text[at] == b'&'
                && (around.iter().any(|byte| matches!(byte, Some(b'>' | b'<'))) || is_quoted())
        };
        let is_computed = || {
            let open = memchr::memmem::rfind(&text[..at], b"((");
            open.is_some_and(|open| memchr::memmem::find(&text[open..at], b"))").is_none())
        };
        let is_quoted = quotes(at + 1) || at.checked_sub(1).is_some_and(quotes);
        !(is_quoted || is_redirection() || has.computed && is_computed())
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
