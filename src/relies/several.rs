//! Which parts of a script may run several times at once: blocks that go on in the background or into `parallel`, and functions
//! that are started so. How many of them do is the script's own secret.

use super::LONGEST_LINE;
use super::lines::{Line, last_background, lines, words};
use super::programs::{STARTERS, runs_several};
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

/// Where such parts stand.
#[derive(Debug, Default)]
pub struct Several {
    /// In bytes, in their order, none within another.
    places: Vec<Range<usize>>,
}

impl Several {
    /// Those of `script`.
    pub fn of(script: &[u8]) -> Several {
        let mut several = Several::default();
        if !lines(script).any(|line| goes_on(line.text).is_some()) {
            return several;
        }
        let blocks = Blocks::of(script);
        blocks
            .going_on
            .into_iter()
            .for_each(|place| several.add(place));
        let functions = &blocks.functions;
        if functions.len() > MOST_FUNCTIONS || several.starts_any(script, functions) {
            let mut all: Vec<_> = functions
                .iter()
                .map(|function| function.place.clone())
                .collect();
            all.append(&mut several.places);
            all.sort_by_key(|place| (place.end, place.start));
            all.into_iter().for_each(|place| several.add(place));
        }
        several
    }

    /// Byte `at` stands in one of them.
    pub fn has(&self, at: usize) -> bool {
        let after = self.places.partition_point(|place| place.end <= at);
        self.places
            .get(after)
            .is_some_and(|place| place.start <= at)
    }

    /// Places are added in the order of their ends.
    fn add(&mut self, place: Range<usize>) {
        while self
            .places
            .last()
            .is_some_and(|last| last.start >= place.start)
        {
            self.places.pop();
        }
        self.places.push(place);
    }

    /// A function is started where several commands may run at once, or handed on to others that may do so.
    fn starts_any(&self, script: &[u8], functions: &[Function]) -> bool {
        let names =
            |line: &Line| words(line.text).any(|word| functions.iter().any(|one| one.name == word));
        let is_handed_on = |line: &Line| line.text.trim_ascii_start().starts_with(b"export -f");
        lines(script).any(|line| {
            (is_handed_on(&line) || self.has(line.start) || goes_on(line.text).is_some())
                && names(&line)
        })
    }
}

/// The last place of `text` at which something goes on in the background, or several times.
fn goes_on(text: &[u8]) -> Option<usize> {
    let starters = match runs_several(words(text)) {
        true => &STARTERS[..],
        false => &[],
    };
    let last = starters
        .iter()
        .filter_map(|name| memchr::memmem::rfind(text, name))
        .max();
    last.max(last_background(text))
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
    words(name).next()
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
