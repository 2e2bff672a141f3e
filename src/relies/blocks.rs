//! The blocks of a script: loops, conditions, what stands in brackets, and the bodies of functions.

use super::LONGEST_LINE;
use super::lines::{Line, lines, words_of_line};
use std::ops::Range;

/// Of more functions nobody asks how they are called.
pub const MOST_FUNCTIONS: usize = 32;

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

/// One that has been closed.
#[derive(Debug)]
pub struct Block<'a> {
    /// In bytes of the script.
    pub place: Range<usize>,
    /// Whose body it is.
    pub function: Option<&'a [u8]>,
    /// The line on which it is closed.
    pub line: Line<'a>,
    /// Where on that line what stands behind it begins.
    pub behind: usize,
}

/// Those of a script, in the order of their ends. It is not read as a shell would: where one seems to be closed that was never
/// opened, it may have begun anywhere. A line that is too long to be read counts as one that did.
pub fn blocks(script: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Blocks {
        script,
        open: Default::default(),
        closed: Vec::new(),
    };
    for line in lines(script) {
        if line.text.len() > LONGEST_LINE {
            blocks.closed.push(Block {
                place: 0..line.place().end,
                function: None,
                line,
                behind: 0,
            });
            continue;
        }
        let mut begins = true;
        for word in tokens(line.text) {
            let text = &line.text[word.clone()];
            blocks.take(&line, word, begins);
            begins = BEFORE.contains(&text) || matches!(text, b";" | b"&" | b"|" | b")" | b"\n");
        }
    }
    blocks.closed
}

/// Those that are a function's body.
pub fn functions<'b, 'a>(blocks: &'b [Block<'a>]) -> Vec<&'b Block<'a>> {
    let is_body = |block: &&Block| block.function.is_some();
    blocks.iter().filter(is_body).collect()
}

struct Blocks<'a> {
    script: &'a [u8],
    open: [Vec<usize>; BLOCKS.len()],
    closed: Vec<Block<'a>>,
}

impl<'a> Blocks<'a> {
    fn take(&mut self, line: &Line<'a>, word: Range<usize>, begins: bool) {
        let text = &line.text[word.clone()];
        for (open, (openers, closer)) in self.open.iter_mut().zip(BLOCKS) {
            let is_bracket = matches!(text, b"(" | b")" | b"{");
            if (begins || is_bracket) && openers.contains(&text) {
                open.push(line.start + word.start);
            } else if (begins || is_bracket) && text == closer {
                let start = open.pop();
                self.closed.push(Block {
                    place: start.unwrap_or(0)..line.start + word.end,
                    function: start.and_then(|start| function(&self.script[..start])),
                    line: *line,
                    behind: word.end,
                });
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
