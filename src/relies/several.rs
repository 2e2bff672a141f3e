//! Which parts of a script may run several times at once: blocks that go on in the background or into `parallel`, and functions
//! that are started so. How many of them do is the script's own secret.

use super::facts::Facts;
use super::forks::{self, DETACHERS, STARTERS, detaches, runs_several};
use super::lines::{Line, last_background, lines, words_of_line};
use super::names::name_length;
use super::steps::have_several_tasks;
use super::{LONGEST_LINE, helpers, heredocs};
use std::ops::Range;

/// Of more functions nobody asks how they are called.
const MOST_FUNCTIONS: usize = 32;

/// No function's name is longer, in bytes.
const LONGEST_NAME: usize = 256;

/// What opens a block, and what closes it.
const BLOCKS: [(&[&[u8]], &[u8]); 5] = [
    (&[b"for", b"while", b"until", b"select"], b"done"),
    (&[b"if"], b"fi"),
    (&[b"case"], b"esac"),
    (&[b"{"], b"}"),
    (&[b"("], b")"),
];

/// Words behind which a command begins.
const BEFORE: [&[u8]; 9] = [
    b"do",
    b"then",
    b"else",
    b"elif",
    b"!",
    b"time",
    b"{",
    b"(",
    b"function",
];

/// Where such parts stand, and what they use.
#[derive(Debug, Default)]
pub struct Several<'a> {
    /// In bytes, in the order of their ends.
    places: Vec<Range<usize>>,
    /// Variables that stand there, in their order.
    variables: Vec<&'a [u8]>,
}

impl<'a> Several<'a> {
    /// Those of `script`, of which `facts` are true.
    pub fn of(script: &'a [u8], facts: &Facts) -> Several<'a> {
        let mut several = Several::default();
        let mut texts = Vec::new();
        heredocs::for_each(script, |head, body| texts.push((head, body)));
        let bodies = || texts.iter().map(|(_, body)| body.clone());
        several.add(forks::places(script, bodies()));
        let goes_on = lines(script).any(|line| goes_on(line.text).is_some());
        if !goes_on && texts.is_empty() {
            return several;
        }
        let mut blocks = Blocks::of(script);
        // They may start what the script has written into a file.
        if facts.starts_several() {
            blocks.going_on.extend(bodies());
        }
        let helpers = helpers::of(&texts);
        several.add(blocks.going_on);
        let started = helpers::started_several_times(script, &helpers, |line| {
            several.is_one(line) || have_several_tasks(facts, line.text)
        });
        several.add(started);
        let functions = &blocks.functions;
        if functions.len() > MOST_FUNCTIONS || several.starts_any(script, functions) {
            several.add(functions.iter().map(|function| function.place.clone()));
        }
        let going_on = several.lines(script);
        several.variables = going_on.flat_map(|line| used(line.text)).collect();
        several.variables.sort_unstable();
        several
    }

    /// Some of `line` stands in one of them: a function may have its whole body on one.
    pub fn has(&self, line: Range<usize>) -> bool {
        let after = self.places.partition_point(|place| place.end <= line.start);
        self.places
            .get(after)
            .is_some_and(|place| place.start < line.end)
    }

    /// What `variable` holds may be started there.
    pub fn uses(&self, variable: &[u8]) -> bool {
        self.variables.binary_search(&variable).is_ok()
    }

    /// None of them stays within another.
    fn add(&mut self, places: impl IntoIterator<Item = Range<usize>>) {
        let mut all = std::mem::take(&mut self.places);
        all.extend(places);
        all.sort_by_key(|place| (place.end, place.start));
        for place in all {
            let is_within = |last: &Range<usize>| last.start >= place.start;
            while self.places.last().is_some_and(is_within) {
                self.places.pop();
            }
            self.places.push(place);
        }
    }

    /// Lines in them, and those that start something so themselves.
    fn lines(&self, script: &'a [u8]) -> impl Iterator<Item = Line<'a>> {
        lines(script).filter(|line| self.is_one(line))
    }

    fn is_one(&self, line: &Line) -> bool {
        self.has(line.place()) || goes_on(line.text).is_some()
    }

    /// A function is started in one of them, or handed on to others that may do so.
    fn starts_any(&self, script: &[u8], functions: &[Function]) -> bool {
        let names = |line: &Line| {
            words_of_line(line.text).any(|word| functions.iter().any(|one| one.name == word))
        };
        let is_handed_on = |line: &Line| line.text.trim_ascii_start().starts_with(b"export -f");
        self.lines(script).any(|line| names(&line))
            || lines(script).any(|line| is_handed_on(&line) && names(&line))
    }
}

/// The variables that stand in `text`.
fn used(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    memchr::memchr_iter(b'$', text).map(|at| {
        let name = &text[at + 1..];
        let name = name.strip_prefix(b"{").unwrap_or(name);
        &name[..name_length(name)]
    })
}

/// The last place of `text` at which something goes on in the background, or several times.
fn goes_on(text: &[u8]) -> Option<usize> {
    let starters = match runs_several(words_of_line(text)) {
        true => &STARTERS[..],
        false => &[],
    };
    let detachers = match detaches(words_of_line(text)) {
        true => &DETACHERS[..],
        false => &[],
    };
    let names = detachers.iter().map(|(name, _)| name);
    let names = starters.iter().chain(names);
    let last = names.filter_map(|name| memchr::memmem::rfind(text, name));
    last.max().max(last_background(text))
}

struct Function<'a> {
    name: &'a [u8],
    place: Range<usize>,
}

/// The blocks of a script. It is not read as a shell would: where one seems to be closed that was never opened, it may have
/// begun anywhere.
#[derive(Default)]
struct Blocks<'a> {
    open: [Vec<usize>; BLOCKS.len()],
    going_on: Vec<Range<usize>>,
    functions: Vec<Function<'a>>,
}

impl<'a> Blocks<'a> {
    fn of(script: &'a [u8]) -> Blocks<'a> {
        let mut blocks = Blocks::default();
        for line in lines(script) {
            let last = goes_on(line.text);
            if line.text.len() > LONGEST_LINE {
                let place = 0..line.start + line.text.len();
                blocks.going_on.extend(last.map(|_| place));
                continue;
            }
            let mut begins = true;
            for word in tokens(line.text) {
                let text = &line.text[word.clone()];
                blocks.take(script, &line, word, begins, last);
                begins =
                    BEFORE.contains(&text) || matches!(text, b";" | b"&" | b"|" | b")" | b"\n");
            }
        }
        blocks
    }

    fn take(
        &mut self,
        script: &'a [u8],
        line: &Line,
        word: Range<usize>,
        begins: bool,
        last: Option<usize>,
    ) {
        let text = &line.text[word.clone()];
        let at = line.start + word.start;
        for (open, (openers, closer)) in self.open.iter_mut().zip(BLOCKS) {
            let is_bracket = matches!(text, b"(" | b")" | b"{");
            if (begins || is_bracket) && openers.contains(&text) {
                open.push(at);
            } else if (begins || is_bracket) && text == closer {
                let start = open.pop();
                let place = start.unwrap_or(0)..line.start + word.end;
                if let Some(name) = start.and_then(|start| function(&script[..start])) {
                    self.functions.push(Function {
                        name,
                        place: place.clone(),
                    });
                }
                if last.is_some_and(|last| last >= word.end) {
                    self.going_on.push(place);
                }
            }
        }
    }
}

/// The function whose body begins behind `before`.
fn function(before: &[u8]) -> Option<&[u8]> {
    let before = before[before.len().saturating_sub(LONGEST_NAME)..].trim_ascii_end();
    let line = &before[memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1)..];
    let named = line.trim_ascii_start().strip_prefix(b"function ");
    let plain = line
        .strip_suffix(b")")
        .and_then(|text| text.trim_ascii_end().strip_suffix(b"("));
    let name = named.or(plain)?;
    words_of_line(name).next()
}

/// The words of a line outside of quotes, and the signs that stand between them.
fn tokens(text: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at;
            match *text.get(at)? {
                quote @ (b'"' | b'\'') => {
                    let length = memchr::memchr(quote, &text[at + 1..])?;
                    at += length + 2;
                }
                b' ' | b'\t' | b'\\' => at += 1,
                b'(' | b')' | b';' | b'&' | b'|' | b'\n' => {
                    at += 1;
                    return Some(start..at);
                }
                _ => {
                    let ends = |byte: &u8| b" \t\\();&|\n\"'".contains(byte);
                    let length = text[at..].iter().position(ends);
                    at += length.unwrap_or(text.len() - at);
                    return Some(start..at);
                }
            }
        }
    })
}
