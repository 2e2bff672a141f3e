//! Commands about other jobs: what they name is nothing that this one relies on, so they are taken out of a script before it
//! is read. What stands before or beside them in a command is still the job's own.

use super::LONGEST_LINE;
use super::lines::{Has, lines, name_of, parts_words};
use super::names::name_length;
use super::nesting::{Nesting, parts};
use super::signs::{self, Signs};
use std::cmp::Ordering;
use std::ops::Range;

/// Commands whose options are about another job.
const ABOUT_OTHERS: [&[u8]; 6] = [
    b"sbatch",
    b"salloc",
    b"scontrol",
    b"qsub",
    b"sacct",
    b"squeue",
];

/// Words behind which a command begins.
const BEFORE: [&[u8]; 13] = [
    b"if", b"then", b"else", b"elif", b"while", b"until", b"do", b"time", b"exec", b"builtin",
    b"command", b"{", b"!",
];

/// Programs that start or show what stands behind their own options.
const STARTERS: [&[u8]; 16] = [
    b"echo",
    b"printf",
    b"timeout",
    b"nohup",
    b"nice",
    b"env",
    b"export",
    b"sudo",
    b"ssh",
    b"eval",
    b"watch",
    b"find",
    b"xargs",
    b"parallel",
    b"which",
    b"trap",
];

/// Programs that only pass on what a command about another job answers.
const FILTERS: [&[u8]; 14] = [
    b"awk", b"gawk", b"mawk", b"grep", b"egrep", b"fgrep", b"sed", b"cut", b"tr", b"head", b"tail",
    b"wc", b"column", b"cat",
];

/// These commands are about another job.
pub fn ask_about_jobs(word: &[u8]) -> bool {
    ABOUT_OTHERS.contains(&name_of(word))
}

/// `script` with blanks in their place, and `found` without their signs; `None` where there are none.
pub fn taken_out(script: &[u8], found: &mut Vec<(usize, Signs)>) -> Option<Vec<u8>> {
    if !Signs::all(found).has(Signs::OTHER_JOB) {
        return None;
    }
    let places = places(script, found);
    let mut said = script.to_vec();
    for place in &places {
        let bytes = said[place.clone()].iter_mut();
        // Lines that go on below still do.
        let taken = bytes.filter(|byte| !matches!(byte, b'\n' | b'\\'));
        taken.for_each(|byte| *byte = b' ');
    }
    let mut ahead = places.iter().peekable();
    found.retain(|&(end, sign)| {
        while ahead.next_if(|place| place.end < end).is_some() {}
        // Of these it is said below whether the job asks about itself.
        sign.has(Signs::OTHER_JOB)
            || sign.has(Signs::OWN_JOB)
            || ahead.peek().is_none_or(|place| end <= place.start)
    });
    Some(said)
}

/// Where they stand in a script, in their order. A line that is not read need not be looked at.
fn places(script: &[u8], found: &[(usize, Signs)]) -> Vec<Range<usize>> {
    let has = Has::of(script);
    let mut ahead = found;
    let mut places = Vec::new();
    for line in lines(script) {
        let _in_comments = signs::up_to(line.start, &mut ahead);
        let signs = signs::up_to(line.start + line.text.len(), &mut ahead);
        if Signs::all(signs).has(Signs::OTHER_JOB) && line.text.len() <= LONGEST_LINE {
            let of_line = of_line(line.before_comment(has));
            places.extend(of_line.map(|place| line.start + place.start..line.start + place.end));
        }
    }
    places
}

/// A command that is being read, within some quotes and brackets.
#[derive(Clone, Copy, Default)]
struct Command {
    /// Behind its first word.
    is_begun: bool,
    /// That word starts or shows others.
    starts_others: bool,
    /// Another one before it is of the same list or pipe.
    is_joined: bool,
    /// It reads what one about another job prints.
    reads_answer: bool,
}

impl Command {
    /// The one behind a sign at `at`.
    fn behind(text: &[u8], at: usize, is_answered: bool) -> Command {
        let around = [
            at.checked_sub(1).map(|at| text[at]),
            text.get(at + 1).copied(),
        ];
        let is_double = around.contains(&Some(text[at]));
        Command {
            is_joined: text[at] == b'|' || text[at] == b'&' && is_double,
            reads_answer: text[at] == b'|' && !is_double && is_answered,
            ..Command::default()
        }
    }

    /// Reads its next word, and says whether from there on it is about another job.
    fn take(&mut self, word: &[u8]) -> bool {
        if self.is_begun && !self.starts_others {
            return false;
        }
        if ask_about_jobs(word) || !self.is_begun && self.reads_answer && FILTERS.contains(&word) {
            return true;
        }
        let is_assignment = || word.get(name_length(word)) == Some(&b'=');
        if !self.is_begun && !BEFORE.contains(&word) && !is_assignment() {
            self.is_begun = true;
            self.starts_others = STARTERS.contains(&name_of(word));
        }
        false
    }
}

/// What is to be taken out of a line.
struct Taken {
    start: usize,
    depth: usize,
    is_joined: bool,
}

/// Where they stand in a line: from their own word up to the end of their command, or of the quotes or brackets around it.
fn of_line(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut places = Vec::new();
    let mut nesting = Nesting::default();
    let mut commands = vec![Command::default()];
    let mut taken: Option<Taken> = None;
    let mut is_word = false;
    for (at, &byte) in text.iter().enumerate() {
        let (depth, is_escaped) = (nesting.depth(), nesting.is_escaped());
        nesting.take(byte);
        match nesting.depth().cmp(&depth) {
            Ordering::Greater => commands.push(Command::default()),
            Ordering::Less => drop(commands.pop()),
            Ordering::Equal => {}
        }
        let is_end = !is_escaped && parts(text, at);
        let was_word = std::mem::replace(&mut is_word, !parts_words(byte));
        let is_answered = taken.is_some();
        if let Some(open) = &taken {
            let is_over = nesting.depth() < open.depth || is_end && nesting.depth() == open.depth;
            if !is_over {
                continue;
            }
            places.push(open.start..end_with_background(text, at, open.is_joined));
            taken = None;
        }
        let Some(command) = commands.last_mut() else {
            break;
        };
        let opens = byte == b')' && nesting.depth() == depth;
        if is_end || opens {
            *command = Command::behind(text, at, is_answered);
        } else if is_word && !was_word && command.take(word_at(text, at)) {
            taken = Some(Taken {
                start: at,
                depth: nesting.depth(),
                is_joined: command.is_joined,
            });
        }
    }
    if let Some(open) = taken {
        places.push(open.start..last_end(text, open.start, nesting.depth() > open.depth));
    }
    places.into_iter()
}

/// The `&` that sends nothing but this one to the background goes with it.
fn end_with_background(text: &[u8], at: usize, is_joined: bool) -> usize {
    let is_its = text[at] == b'&' && !is_joined && text.get(at + 1) != Some(&b'&');
    at + usize::from(is_its)
}

/// Where one ends that no sign of its line ends. Where something in it stays open nobody knows what that is.
fn last_end(text: &[u8], start: usize, is_open: bool) -> usize {
    let mut ends = (start..text.len()).filter(|&at| is_open && parts(text, at));
    ends.next().unwrap_or(text.len())
}

fn word_at(text: &[u8], at: usize) -> &[u8] {
    let text = &text[at..];
    let length = text.iter().position(|&byte| parts_words(byte));
    &text[..length.unwrap_or(text.len())]
}
