//! Where what commands print goes on into a file or another command: behind a block, behind the call of a function, or by a
//! descriptor that the script has opened. What is printed there may be started:
//! `for f in a b; do echo "./align $f"; done > run.sh; bash run.sh`.

use super::LONGEST_LINE;
use super::blocks::{Block, MOST_FUNCTIONS, blocks, functions};
use super::helpers;
use super::heredocs::SUBMIT;
use super::lines::{lines, name_of, words};
use super::shown::{arrow_target, is_only_copied, unquoted};
use std::cell::OnceCell;
use std::ops::Range;

/// Of more places all of a script is taken to go on.
const MOST_PLACES: usize = 256;

/// Where what a command prints goes is said so near behind it, in bytes.
const NEAR: usize = 512;

/// Functions that call each other are followed so deep.
const DEEPEST: u32 = 4;

/// Where something printed goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink<'a> {
    /// Into a file of this name.
    File(&'a [u8]),
    /// Into another command, or a value.
    Command,
    /// Into one that hands it to a scheduler.
    Scheduler,
}

/// The places of one script from which it goes on.
#[derive(Debug, Default)]
pub struct Printed<'a> {
    places: Vec<(Range<usize>, Sink<'a>)>,
    /// A file that it opens under a descriptor of its own: `exec 3> run.sh`.
    opened: Option<Sink<'a>>,
}

impl<'a> Printed<'a> {
    /// Those of `script`.
    pub fn of(script: &'a [u8]) -> Printed<'a> {
        let mut printed = Printed::default();
        printed.add_opened(script);
        let blocks = blocks(script);
        for block in &blocks {
            let behind = &block.line.text[block.behind..];
            if let Some(sink) = Some(behind).filter(|text| goes_on(text)).and_then(sink) {
                printed.places.push((block.place.clone(), sink));
            }
            if printed.places.len() > MOST_PLACES {
                printed.places = vec![(0..script.len(), Sink::Command)];
                return printed;
            }
        }
        let functions = functions(&blocks);
        printed.add_functions(script, &functions[..functions.len().min(MOST_FUNCTIONS)]);
        printed
    }

    /// Where it goes what a command prints that stands there.
    pub fn at(&self, place: &Range<usize>) -> Option<Sink<'a>> {
        let is_around =
            |known: &&(Range<usize>, _)| known.0.start < place.end && place.start < known.0.end;
        self.places.iter().find(is_around).map(|&(_, sink)| sink)
    }

    /// Where it goes what a command prints into a descriptor that is none of the job's own.
    pub fn by_descriptor(&self) -> Option<Sink<'a>> {
        self.opened
    }

    /// What the script itself prints from some line on goes into a file only where it starts that: else it is rather a log.
    fn add_opened(&mut self, script: &'a [u8]) {
        let started = OnceCell::new();
        let is_started = |name: &[u8]| {
            let names = started.get_or_init(|| helpers::started(script));
            names.binary_search(&name).is_ok()
        };
        for at in memchr::memmem::find_iter(script, b"exec ") {
            let text = &script[at + b"exec ".len()..];
            let text = &text[..text.len().min(NEAR)];
            let text = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
            let arrow = helpers::descriptor_length(text);
            if text.get(arrow) != Some(&b'>') {
                continue;
            }
            match arrow_target(&text[arrow..]).map(file_name) {
                // Which of several it is written to nobody asks.
                Some(name) if arrow > 0 => {
                    self.opened = Some(self.opened.map_or(Sink::File(name), |_| Sink::Command));
                }
                Some(name) if is_started(name) => {
                    self.places.push((at..script.len(), Sink::File(name)));
                    return;
                }
                _ => {}
            }
        }
    }

    /// What a function prints goes where a call of it does, also from within another.
    fn add_functions(&mut self, script: &'a [u8], functions: &[&Block<'a>]) {
        if functions.is_empty() {
            return;
        }
        let calls = calls(script, functions);
        let mut known = vec![false; functions.len()];
        for _ in 0..DEEPEST {
            let count = self.places.len();
            for call in &calls {
                if known[call.function] {
                    continue;
                }
                if let Some(sink) = call.sink.or_else(|| self.at(&call.place)) {
                    known[call.function] = true;
                    self.places
                        .push((functions[call.function].place.clone(), sink));
                }
            }
            if self.places.len() == count {
                return;
            }
        }
    }
}

/// A call of a function, by its place among them.
struct Call<'a> {
    function: usize,
    place: Range<usize>,
    sink: Option<Sink<'a>>,
}

/// The calls of `functions` in a script.
fn calls<'a>(script: &'a [u8], functions: &[&Block<'a>]) -> Vec<Call<'a>> {
    let mut calls = Vec::new();
    // A longer line is kept for as a whole where it is read.
    for line in lines(script).filter(|line| line.text.len() <= LONGEST_LINE) {
        for word in super::lines::word_places(line.text) {
            let name = &line.text[word.clone()];
            let after = &line.text[word.end..];
            let Some(function) = functions.iter().position(|one| one.function == Some(name)) else {
                continue;
            };
            if after.trim_ascii_start().starts_with(b"(") {
                continue;
            }
            let is_read = || is_read(&line.text[..word.start]);
            calls.push(Call {
                function,
                place: line.start + word.start..line.start + word.end,
                sink: sink(after).or_else(|| is_read().then_some(Sink::Command)),
            });
        }
    }
    calls
}

/// What begins there is read by another command: behind `$(`, a quote of the old kind or `<(`.
fn is_read(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    before.ends_with(b"$(") || before.ends_with(b"<(") || before.ends_with(b"`")
}

/// An arrow or another command follows at once, as behind a block.
fn goes_on(text: &[u8]) -> bool {
    let first = text.iter().take(NEAR).find(|byte| !b" \t".contains(byte));
    first.is_some_and(|byte| b"><|&{".contains(byte) || byte.is_ascii_digit())
}

/// Where it goes what is printed in front of `text`, up to the end of the command; `None`: into the job's output or a log.
fn sink(text: &[u8]) -> Option<Sink<'_>> {
    let text = &text[..text.len().min(NEAR)];
    let parts = |&(at, byte): &(usize, u8)| match byte {
        b';' | b'\n' | b'|' => true,
        b'&' => !matches!(text[..at].last(), Some(b'>' | b'<')) && text.get(at + 1) != Some(&b'>'),
        _ => false,
    };
    let end = unquoted(text).find(parts).map_or(text.len(), |(at, _)| at);
    let file = || arrow_target(&text[..end]).map(|target| Sink::File(file_name(target)));
    let behind = &text[end..];
    if !behind.starts_with(b"|") || behind.starts_with(b"||") {
        return file();
    }
    if is_only_copied(behind) {
        return None;
    }
    let first = words(behind).next().unwrap_or_default();
    Some(match SUBMIT.contains(&name_of(first)) {
        true => Sink::Scheduler,
        false => Sink::Command,
    })
}

/// The name of a file as an arrow names it, perhaps in quotes and behind a folder in a variable.
pub fn file_name(target: &[u8]) -> &[u8] {
    words(target).last().map(name_of).unwrap_or_default()
}
