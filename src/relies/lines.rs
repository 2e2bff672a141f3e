//! A script's commands, line by line: without comments, with lines that go on below taken as one.

use super::variables::is_in_name;
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

/// No name of a file is longer, in bytes.
const LONGEST_NAME: usize = 256;

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
            // Blank lines are not looked through for what stands below them.
            let first = rest.iter().find(|byte| !b" \t\r\x0c".contains(byte));
            let is_comment = first == Some(&b'#');
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
        // Of `>>` the second one counts.
        if matches!(target.first(), Some(b'>' | b'&')) {
            return false;
        }
        let mut words = target[..target.len().min(LONGEST_NAME)].split(u8::is_ascii_whitespace);
        let name = words.next().unwrap_or_default();
        !name.starts_with(b"/dev/") && !is_log(name)
    })
}

/// `run.log`, `log`, `job.out`, `$LOG`, and not `topology.conf`.
fn is_log(target: &[u8]) -> bool {
    let end = target.iter().rposition(|byte| !b"\"'};".contains(byte));
    let name = super::steps::name_of(&target[..end.map_or(0, |end| end + 1)]);
    let ends = [&b".log"[..], b"_log", b"-log", b"LOG", b".out", b".err"];
    name == b"log" || ends.iter().any(|end| name.ends_with(end))
}

/// A command behind `then`, `do` and their like, if nothing in the script reads what such a block prints.
fn without_keyword(text: &[u8], collects: impl Fn() -> bool) -> Option<&[u8]> {
    let keywords = [&b"then "[..], b"else ", b"do ", b"{ "];
    match keywords
        .iter()
        .find_map(|keyword| text.strip_prefix(*keyword))
    {
        Some(text) => (!collects()).then(|| text.trim_ascii_start()),
        None => Some(text),
    }
}

/// It holds another command's answer, which may follow from anything: only of `$(date)` and its like it is known that it does not.
pub fn asks_with_values(text: &[u8]) -> bool {
    const TELL: [&[u8]; 6] = [b"date", b"hostname", b"pwd", b"whoami", b"uname", b"uptime"];
    let is_known = |inner: &[u8]| {
        let name = inner.split(u8::is_ascii_whitespace).next();
        name.is_some_and(|name| TELL.contains(&name)) && !inner.contains(&b'$')
    };
    let inner = |at: usize| {
        let text = &text[at + 2..];
        memchr::memchr(b')', text).map(|end| &text[..end])
    };
    let mut quoted = text.split(|&byte| byte == b'`').skip(1).step_by(2);
    quoted.any(|inner| !is_known(inner))
        || memchr::memmem::find_iter(text, b"$(").any(|at| !inner(at).is_some_and(is_known))
}

/// The pipe with which `text` begins leads to `tee` and a log.
fn is_only_copied(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"|").unwrap_or(text);
    let text = text.strip_prefix(b"&").unwrap_or(text).trim_ascii_start();
    let end = memchr::memchr3(b'|', b';', b'\n', text).unwrap_or(text.len());
    let mut words = text[..end]
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    words.next() == Some(b"tee")
        && text.get(end) != Some(&b'|')
        && words.all(|word| word.starts_with(b"-") || is_log(word))
}

/// What a block of it prints, or a text that stands in it, goes on into a file or another command.
pub fn goes_on(script: &[u8]) -> bool {
    let mut loops = memchr::memmem::find_iter(script, b"done <");
    loops.any(|at| is_loops(&script[at..]))
        || memchr::memchr2_iter(b'>', b'|', script).any(|at| {
            let before = script[..at].trim_ascii_end();
            let before = before.strip_suffix(b">").unwrap_or(before).trim_ascii_end();
            [&b"}"[..], b")", b"done", b"fi", b"esac"]
                .iter()
                .any(|end| before.ends_with(end))
        })
}

/// Behind the end of a loop that reads a file what it prints goes on: `done < in > out`.
fn is_loops(text: &[u8]) -> bool {
    let text = &text[..text.len().min(LONGEST_NAME)];
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    memchr::memchr2(b'>', b'|', &text[..end]).is_some()
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
    let inputs = [&b"mem="[..], b"nproc", b"maxcore", b"pal"];
    memchr::memchr_iter(b'%', command).any(|at| {
        let text = &command[at + 1..];
        let is = |name: &&[u8]| {
            text.len() >= name.len() && text[..name.len()].eq_ignore_ascii_case(name)
        };
        inputs.iter().any(is)
    })
}

/// An element of an array stands in it: `${usage[1]}`.
pub fn has_elements(command: &[u8]) -> bool {
    memchr::memmem::find_iter(command, b"${").any(|at| {
        let inner = &command[at + 2..];
        let end = inner.iter().position(|byte| !is_in_name(*byte));
        end.is_some_and(|end| inner[end] == b'[')
    })
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
        let mut seen = Seen::default();
        let ends = memchr::memchr3_iter(b'|', b';', b'&', said);
        let ends = ends.filter(move |&at| parts_commands(said, at, has, &mut seen));
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

    /// This command of it does nothing with what it reads but print it into the job's output, or forget it. A bare value may be
    /// what a function of the script returns, or a block whose output goes on: `collects` says whether it may have such.
    pub fn only_shows(&self, command: &Range<usize>, collects: impl Fn() -> bool) -> bool {
        let text = self.text[command.clone()].trim_ascii_start();
        // Most commands begin with another letter than those that show.
        if !matches!(
            text.first(),
            Some(b'e' | b'p' | b'u' | b'>' | b't' | b'd' | b'{')
        ) {
            return false;
        }
        let Some(text) = without_keyword(text, &collects) else {
            return false;
        };
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
        let is_printf = first == b"printf";
        let is_bare = match said.next() {
            Some(b'$') | None => is_printf || self.is_read(command) || collects(),
            Some(b'%') => true,
            Some(_) => is_printf && text.windows(4).any(|four| four == b" -v "),
        };
        let is_kept = unquoted(text).any(|(_, byte)| matches!(byte, b'|' | b'<'))
            || goes_to_a_file(text)
            || asks_with_values(text)
            || self.text[command.end..].starts_with(b"|")
                && !is_only_copied(&self.text[command.end..]);
        !(is_kept || shows && is_bare)
    }

    /// What stands before a command may read what it prints, as in `M=$(cd a; echo $N)`.
    fn is_read(&self, command: &Range<usize>) -> bool {
        let (before, text) = (&self.text[..command.start], &self.text[command.clone()]);
        let ends = text.contains(&b')') && !text.contains(&b'(');
        ends || memchr::memchr(b'`', before).is_some()
            || memchr::memmem::find(before, b"$(").is_some()
    }

    /// A command of it goes on in the background: several of them may run at once.
    pub fn has_background(&self) -> bool {
        let text = self.text;
        memchr::memchr_iter(b'&', text).any(|at| {
            let before = at.checked_sub(1).and_then(|at| text.get(at));
            let after = text.get(at + 1);
            // `&&`, `|&`, `&>`, `>&` and `<&` are something else.
            !matches!(before, Some(b'&' | b'|' | b'>' | b'<'))
                && !matches!(after, Some(b'&' | b'>'))
        })
    }
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
    let is_quoted = any(b"'\"\\|");
    let is_redirection = text[at] == b'&' && (any(b"<>") || seen.quoted(text, at));
    !(is_quoted || is_redirection || has.computed && seen.computed(text, at))
}
