//! Which parts of a script may run several times at once: blocks that go on in the background or into `parallel`, and functions
//! that are started so. How many of them do is the script's own secret.

use super::blocks::{Block, MOST_FUNCTIONS, blocks, functions};
use super::facts::Facts;
use super::forks::{self, DETACHERS, STARTERS, detaches, runs_several};
use super::lines::{Line, last_background, lines, words_of_line};
use super::names::name_length;
use super::steps::have_several_tasks;
use super::{helpers, heredocs};
use std::ops::Range;

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
        let blocks = blocks(script);
        several.add(going_on(&blocks));
        // They may start what the script has written into a file.
        if facts.starts_several() {
            several.add(bodies());
        }
        let helpers = helpers::of(&texts);
        let started = helpers::started_several_times(script, &helpers, |line| {
            several.is_one(line) || have_several_tasks(facts, line.text)
        });
        several.add(started);
        let functions = functions(&blocks);
        if functions.len() > MOST_FUNCTIONS || several.starts_any(script, &functions) {
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
    fn starts_any(&self, script: &[u8], functions: &[&Block]) -> bool {
        let names = |line: &Line| {
            words_of_line(line.text)
                .any(|word| functions.iter().any(|one| one.function == Some(word)))
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

/// Where those stand behind which something goes on so.
fn going_on(blocks: &[Block]) -> Vec<Range<usize>> {
    // Of a line with many of them it is asked once.
    let mut known = (usize::MAX, None);
    let mut goes_on_behind = |block: &Block| {
        if known.0 != block.line.start {
            known = (block.line.start, goes_on(block.line.text));
        }
        known.1.is_some_and(|last| last >= block.behind)
    };
    let going_on = blocks.iter().filter(|block| goes_on_behind(block));
    going_on.map(|block| block.place.clone()).collect()
}
