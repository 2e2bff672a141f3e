//! Inputs of chemists' programs that stand in the script, or that it writes: processes and memory in the input's own words.

use super::facts::Facts;
use super::floor::LineNeed;
use super::options::{Value, number};

/// Inputs that stand in the script: Gaussian's `%nprocshared=8`, ORCA's `nprocs 8` and its `%maxcore`, which is for each of them.
pub fn needs(facts: &Facts, words: &[&[u8]], cpus: u64, note: &mut impl FnMut(LineNeed)) {
    let is_printed = matches!(words.first(), Some(&b"printf" | &b"echo"));
    // A script's own variable may have the name of an item.
    let mut is_input = false;
    for at in 0..words.len() {
        let word = of_input(words[at], is_printed);
        is_input |= at == 0 && !word.contains(&b'=') || word.starts_with(b"%");
        if words[0].starts_with(b"!") {
            note_pal(word, note);
        }
        let item = Item {
            word,
            next: words.get(at + 1).copied(),
        };
        item.needs(facts, is_input, cpus, note);
    }
}

/// A word of an input as printf and echo are given it, with `%%` for `%`.
fn of_input(word: &[u8], is_printed: bool) -> &[u8] {
    match is_printed && word.starts_with(b"%%") {
        true => &word[1..],
        false => word,
    }
}

/// An item of an input, and the word behind it.
struct Item<'a> {
    word: &'a [u8],
    next: Option<&'a [u8]>,
}

impl<'a> Item<'a> {
    fn needs(&self, facts: &Facts, is_input: bool, cpus: u64, note: &mut impl FnMut(LineNeed)) {
        let is_gaussians = self.is(&[b"%nprocshared", b"%nproc"]) && self.word.contains(&b'=');
        if is_gaussians || self.is(&[b"nprocs"]) && is_input {
            match self.value() {
                Some(Value::Written(text)) => number(text)
                    .into_iter()
                    .for_each(|count| note(LineNeed::Cpus(count))),
                Some(Value::Computed) => note(LineNeed::AllCpus),
                _ => {}
            }
        }
        if self.is(&[b"%maxcore"]) {
            let processes = facts.processes().unwrap_or(cpus);
            match self.value() {
                Some(Value::Written(text)) => {
                    let mib = number(text).unwrap_or(0);
                    note(LineNeed::Memory(mib.saturating_mul(processes)));
                }
                value => value.unwrap_or(Value::Computed).note_memory(note),
            }
        }
    }

    fn name(&self) -> &'a [u8] {
        let end = memchr::memchr(b'=', self.word);
        &self.word[..end.unwrap_or(self.word.len())]
    }

    fn is(&self, names: &[&[u8]]) -> bool {
        names
            .iter()
            .any(|one| self.name().eq_ignore_ascii_case(one))
    }

    /// What stands behind its `=`, or in the next word.
    fn value(&self) -> Option<Value<'a>> {
        match self.word.get(self.name().len() + 1..) {
            Some(text) if !text.is_empty() => Some(Value::of(text)),
            _ => self.next.map(Value::of),
        }
    }
}

/// ORCA's keyword for its processes: `! B3LYP PAL8`.
fn note_pal(word: &[u8], note: &mut impl FnMut(LineNeed)) {
    let word = word.strip_prefix(b"!").unwrap_or(word);
    if let Some((name, count)) = word.split_at_checked(3)
        && name.eq_ignore_ascii_case(b"pal")
        && let Some(count) = number(count)
    {
        note(LineNeed::Cpus(count));
    }
}
