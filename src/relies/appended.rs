//! Lists of other languages that grow: `cmd = ["srun"]`, and below it `cmd += ["-n", "4"]` or `cmd.append("./a")`.

use super::names::is_in_name;
use super::sets::set_by;

/// Nothing that is appended is longer, in bytes.
const LONGEST: usize = 512;

/// So many times a list grows at most.
const MOST: usize = 32;

/// How it does, and what ends what is appended.
const GROWS: [(&[u8], u8); 4] = [
    (b" += [", b']'),
    (b"+=[", b']'),
    (b".extend([", b']'),
    (b".append(", b')'),
];

/// A command may set a variable to a list.
pub fn is_list(command: &[u8]) -> bool {
    command.trim_ascii_end().ends_with(b"]")
}

/// A command that sets a variable to a list, with all in it that `script` appends; `None` where it is none, or does not grow.
pub fn put_together(script: &[u8], command: &[u8]) -> Option<Vec<u8>> {
    let list = command.trim_ascii_end().strip_suffix(b"]")?;
    let name = set_by(command)?;
    let mut all = Vec::new();
    for piece in pieces(script, name).take(MOST) {
        if all.is_empty() {
            all.extend_from_slice(list);
        }
        all.extend_from_slice(b", ");
        all.extend_from_slice(piece);
    }
    (!all.is_empty()).then_some(all)
}

/// What is appended to `name`.
fn pieces<'a>(script: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    memchr::memmem::find_iter(script, name).filter_map(move |at| {
        let before = script[..at].last();
        let after = &script[at + name.len()..];
        let after = &after[..after.len().min(LONGEST)];
        let (text, end) = GROWS
            .iter()
            .find_map(|(grows, end)| Some((after.strip_prefix(*grows)?, *end)))?;
        let is_whole = before.is_none_or(|byte| !is_in_name(*byte) && *byte != b'.');
        let end = memchr::memchr(end, text)?;
        is_whole.then_some(&text[..end])
    })
}
