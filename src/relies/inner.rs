//! Commands that stand in another one, which reads what they print: `$(…)`, and the same in backticks.

use super::nesting::Nesting;
use std::ops::Range;

/// Where they stand in `text`, without those in them. What never ends is none.
pub fn places(text: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    if !opens_any(text) {
        return places;
    }
    let mut nesting = Nesting::default();
    let mut open: Option<(usize, usize)> = None;
    for (at, &byte) in text.iter().enumerate() {
        let depth = nesting.depth();
        nesting.take(byte);
        match open {
            None if nesting.depth() > depth && opens(text, at) => open = Some((at + 1, depth)),
            Some((start, depth)) if nesting.depth() == depth => {
                places.push(start..at);
                open = None;
            }
            _ => {}
        }
    }
    places
}

fn opens_any(text: &[u8]) -> bool {
    memchr::memchr2_iter(b'(', b'`', text).any(|at| opens(text, at))
}

/// In `$((…))` something is computed.
fn opens(text: &[u8], at: usize) -> bool {
    match text[at] {
        b'(' => text[..at].ends_with(b"$") && text.get(at + 1) != Some(&b'('),
        byte => byte == b'`',
    }
}
