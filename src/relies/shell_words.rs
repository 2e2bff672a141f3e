//! The words of one command as the shell takes them apart: a value is one word, whatever is quoted in it.

use super::lines::name_of;
use super::nesting::{Nesting, parts};

/// What is quoted or in brackets is no longer, in bytes: what never ends is not looked through each time.
const LONGEST: usize = 512;

/// More words of a command are not read.
const MOST: usize = 256;

/// Words without their quotes.
#[derive(Debug, Default)]
pub struct ShellWords {
    text: Vec<u8>,
    /// Where each ends in it.
    ends: Vec<usize>,
}

impl ShellWords {
    /// Those behind a word up to the end of its command, of the quotes or brackets in which it stands, or to the name that
    /// `is_last`.
    pub fn behind(text: &[u8], is_last: impl Fn(&[u8]) -> bool) -> ShellWords {
        let mut words = ShellWords::default();
        // The word itself was quoted.
        let mut at = usize::from(matches!(text.first(), Some(b'"' | b'\'')));
        while at < text.len() && words.ends.len() < MOST {
            at = words.push(text, at);
            if words
                .iter()
                .last()
                .is_some_and(|word| is_last(name_of(word)))
            {
                break;
            }
        }
        words
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        (0..self.ends.len()).map(|at| {
            let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.text[start..self.ends[at]]
        })
    }

    /// Reads the word behind byte `at`, and says where it ends: at the end of the text where no other follows.
    fn push(&mut self, text: &[u8], at: usize) -> usize {
        let begins = at + blanks(&text[at..]);
        let start = self.text.len();
        let mut at = begins;
        while let Some(length) = length_at(text, at, &self.text[start..]) {
            self.text.extend_from_slice(said(&text[at..at + length]));
            at += length;
        }
        if at > begins {
            self.ends.push(self.text.len());
        }
        match text.get(at) {
            Some(byte) if is_between(*byte) => at,
            _ => text.len(),
        }
    }
}

fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'<' | b'>')
}

/// What stands between words, in bytes; of lines that go on below the sign that says so.
fn blanks(text: &[u8]) -> usize {
    let is_blank = |at: &usize| {
        is_between(text[*at])
            || text[*at] == b'\\' && text.get(*at + 1).is_some_and(u8::is_ascii_whitespace)
    };
    (0..text.len()).take_while(is_blank).count()
}

/// How long the piece at `at` is of a word that so far says `word`; `None` where the word ends.
fn length_at(text: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    match *text.get(at)? {
        byte if is_between(byte) || byte == b')' || parts(text, at) => None,
        b'"' | b'\'' if closes(text, at, word) => None,
        b'"' | b'\'' | b'`' | b'(' => enclosed(&text[at..]),
        b'\\' => Some((text.len() - at).min(2)),
        _ => Some(1),
    }
}

/// A quote there ends the text in which all of the command stands: in front of it a word ends, and behind it nothing goes on.
fn closes(text: &[u8], at: usize, word: &[u8]) -> bool {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b')' | b';' | b'&' | b'|');
    word.last().is_some_and(|byte| !b"=,:".contains(byte)) && text.get(at + 1).is_none_or(ends)
}

/// What a piece says: without quotes around it.
fn said(piece: &[u8]) -> &[u8] {
    match piece {
        [b'"' | b'\'', inner @ .., _] => inner,
        [b'\\', escaped @ ..] => escaped,
        _ => piece,
    }
}

/// How long what begins there is up to where it is closed again.
fn enclosed(text: &[u8]) -> Option<usize> {
    let mut nesting = Nesting::default();
    let closes = |&byte: &u8| {
        nesting.take(byte);
        nesting.depth() == 0
    };
    let end = text.iter().take(LONGEST).position(closes)?;
    Some(end + 1)
}
