//! Commands of one pipe run at the same time, each with memory of its own: what they name is added.

use std::ops::Range;

/// More commands of one line are not told apart.
const MOST_PARTS: usize = 64;

/// Openings of commands whose output or input another one is given as a file.
const OPENINGS: [&[u8]; 2] = [b"<(", b">("];

/// Words with which what stands behind a `|` is a block: a `;` in it ends no pipe.
const BLOCKS: [&[u8]; 5] = [b"while", b"for", b"until", b"if", b"{"];

/// The memory that the commands of one pipe name, in MiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pipe {
    /// Of those before this one.
    before: u64,
    /// Of this one: the most of what it names.
    here: u64,
    /// It goes on in the next line.
    goes_on: bool,
    /// A block of it has been entered.
    in_block: bool,
}

impl Pipe {
    /// Another line begins, which is still of the pipe if the last one ended with `|`.
    pub fn begin_line(&mut self, text: &[u8]) {
        match self.goes_on {
            true => self.join(),
            false if self.before | self.here > 0 => *self = Pipe::default(),
            false => self.in_block = false,
        }
        let text = text.trim_ascii_end();
        self.goes_on = text.ends_with(b"|") && !text.ends_with(b"||");
    }

    /// A command of `text` begins at byte `start`.
    pub fn begin(&mut self, text: &[u8], start: usize) {
        let Some(before) = start.checked_sub(1) else {
            return;
        };
        let is_pipe = text[before] == b'|';
        if is_pipe || self.in_block {
            self.in_block |= is_pipe && is_block(&text[start..]);
            self.join();
        } else {
            self.end();
        }
    }

    /// What follows does not run beside it.
    pub fn end(&mut self) {
        (self.before, self.here) = (0, 0);
    }

    /// Another command runs beside those so far.
    pub fn join(&mut self) {
        self.before = self.before.saturating_add(std::mem::take(&mut self.here));
    }

    /// What all of them need where this one names `mib`.
    pub fn with(&mut self, mib: u64) -> u64 {
        self.here = self.here.max(mib);
        self.before.saturating_add(mib)
    }

    /// This one names memory.
    pub fn needs_memory(&self) -> bool {
        self.here > 0
    }

    /// Forgets what this one names: its parts are read one by one.
    pub fn forget(&mut self) {
        self.here = 0;
    }
}

fn is_block(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    text.starts_with(b"(")
        || BLOCKS.iter().any(|word| {
            let rest = text.strip_prefix(*word);
            rest.is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_whitespace))
        })
}

/// The command itself and those that it is given as files, as in `join <(sort a) <(sort b)`; nothing where it is given none.
pub fn parts(command: &[u8]) -> Vec<Range<usize>> {
    let is_opening = |at: &usize| {
        let text = &command[*at..];
        OPENINGS.iter().any(|opening| text.starts_with(opening))
    };
    let openings = memchr::memchr2_iter(b'<', b'>', command).filter(is_opening);
    let mut parts = Vec::new();
    let mut start = 0;
    for at in openings.take(MOST_PARTS) {
        parts.push(start..at);
        start = at + 2;
    }
    if start > 0 {
        parts.push(start..command.len());
    }
    parts
}
