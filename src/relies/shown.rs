//! Commands that only show something, or write it into a file: what they name is nothing that the job relies on.

use super::lines::Line;
use super::names::is_in_name;
use std::ops::Range;

/// No name of a file is longer, in bytes.
const LONGEST_NAME: usize = 256;

/// Commands that print what they are given.
const SHOW: [&[u8]; 2] = [b"echo", b"printf"];

impl Line<'_> {
    /// This command of it does nothing with what it reads but print it into the job's output, or forget it. A bare value may be
    /// what a function of the script returns, or a block whose output goes on: `collects` says whether it may have such. Words of
    /// its own are started only where `goes_on` says that they do. A function may print, too, as `prints` says by its name.
    pub fn only_shows(
        &self,
        command: &Range<usize>,
        collects: impl Fn() -> bool,
        goes_on: impl Fn(&[u8], &Range<usize>) -> bool,
        prints: impl Fn(&[u8]) -> bool,
    ) -> bool {
        let text = self.text[command.clone()].trim_ascii_start();
        // Most commands begin with another letter than those that show, and with no name of a function's.
        if !matches!(
            text.first(),
            Some(b'e' | b'p' | b'u' | b'>' | b't' | b'd' | b'{')
        ) && !prints(first_word(text))
        {
            return false;
        }
        let Some(text) = without_keyword(text, &collects) else {
            return false;
        };
        let text = text.strip_prefix(b">&2").unwrap_or(text).trim_ascii_start();
        let first = first_word(text);
        let shows = SHOW.contains(&first) || prints(first);
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
        let place = self.start + command.start..self.start + command.end;
        !(is_kept || shows && (is_bare || goes_on(text, &place)))
    }

    /// What stands before a command may read what it prints, as in `M=$(cd a; echo $N)`.
    fn is_read(&self, command: &Range<usize>) -> bool {
        let (before, text) = (&self.text[..command.start], &self.text[command.clone()]);
        let ends = text.contains(&b')') && !text.contains(&b'(');
        ends || memchr::memchr(b'`', before).is_some()
            || memchr::memmem::find(before, b"$(").is_some()
    }
}

/// The bytes that stand outside of quotes, and where.
pub fn unquoted(text: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
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
        let word = first_word(text);
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

fn first_word(text: &[u8]) -> &[u8] {
    let mut words = text.split(u8::is_ascii_whitespace);
    words.next().unwrap_or_default()
}

/// What a command prints goes elsewhere than to the job's own output, and not into a log.
fn goes_to_a_file(command: &[u8]) -> bool {
    arrow_target(command).is_some()
}

/// The file into which it goes then.
pub fn arrow_target(command: &[u8]) -> Option<&[u8]> {
    let mut arrows = unquoted(command).filter(|&(_, byte)| byte == b'>');
    arrows.find_map(|(at, _)| {
        let target = command[at + 1..].trim_ascii_start();
        // Of `>>` the second one counts; errors are nothing that is printed.
        if matches!(target.first(), Some(b'>' | b'&')) || command[..at].ends_with(b" 2") {
            return None;
        }
        let target = &target[..target.len().min(LONGEST_NAME)];
        let ends = |byte: &u8| byte.is_ascii_whitespace();
        let name = target.split(ends).next().unwrap_or_default();
        (!name.starts_with(b"/dev/") && !is_log(name)).then_some(name)
    })
}

/// What a command prints goes into a descriptor that is none of the job's own: `>&3`, `>&$fd`.
pub fn goes_to_a_descriptor(command: &[u8]) -> bool {
    let mut arrows = unquoted(command).filter(|&(_, byte)| byte == b'>');
    arrows.any(|(at, _)| match command[at + 1..] {
        [b'&', b'1' | b'2' | b'-', ..] => false,
        [b'&', ..] => true,
        _ => false,
    })
}

/// `run.log`, `log`, `job.out`, `$LOG`, and not `topology.conf`.
fn is_log(target: &[u8]) -> bool {
    let end = target.iter().rposition(|byte| !b"\"'};".contains(byte));
    let name = super::lines::name_of(&target[..end.map_or(0, |end| end + 1)]);
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
    const HANG_ON_NO_SIZE: [&[u8]; 6] =
        [b"date", b"hostname", b"pwd", b"whoami", b"uname", b"uptime"];
    let is_known = |inner: &[u8]| {
        let name = inner.split(u8::is_ascii_whitespace).next();
        name.is_some_and(|name| HANG_ON_NO_SIZE.contains(&name)) && !inner.contains(&b'$')
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
pub fn is_only_copied(text: &[u8]) -> bool {
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

/// It prints its own words: what they name is nothing that this command starts. A block may begin in front of it.
pub fn shows(command: &[u8]) -> bool {
    const OPEN: [&[u8]; 7] = [b"do", b"then", b"else", b"{", b"(", b"function", b""];
    let mut words = command.split(u8::is_ascii_whitespace);
    let first = words.find(|word| !OPEN.contains(word) && !word.ends_with(b")"));
    first.is_some_and(|word| SHOW.contains(&word))
}

/// It makes a text of others that it is given, line by line: commands, perhaps, that are started then.
pub fn makes_text(words: &[&[u8]]) -> bool {
    let makes = |word: &&&[u8]| matches!(**word, b"sed" | b"awk" | b"gawk" | b"mawk");
    words.first().filter(makes).is_some()
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
