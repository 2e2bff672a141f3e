//! Inputs of chemists' programs that stand in the script, or that it writes: processes and memory in the input's own words.

use super::facts::Facts;
use super::floor::LineNeed;
use super::options::{Value, number, size};

/// Inputs that stand in the script: Gaussian's `%nprocshared=8`, ORCA's `nprocs 8` and its `%maxcore`, which is for each of them.
pub fn needs(facts: &Facts, words: &[&[u8]], cpus: u64, note: &mut impl FnMut(LineNeed)) {
    for (at, word) in words.iter().enumerate() {
        defaults_of_gaussian(word, note);
        if words[0].starts_with(b"!") {
            note_pal(word, note);
        }
        let name = word.split(|&byte| byte == b'=').next().unwrap_or_default();
        let is = |names: &[&[u8]]| names.iter().any(|one| name.eq_ignore_ascii_case(one));
        let behind = || match word.get(name.len() + 1..) {
            Some(text) if !text.is_empty() => Some(Value::of(text)),
            _ => words.get(at + 1).map(|next| Value::of(next)),
        };
        // A script's own variable may have that name.
        let is_input = at == 0 && !word.contains(&b'=') || words[0].starts_with(b"%");
        if is(&[b"%nprocshared", b"%nproc"]) && word.contains(&b'=') || is(&[b"nprocs"]) && is_input
        {
            match behind() {
                Some(Value::Written(text)) => number(text)
                    .into_iter()
                    .for_each(|count| note(LineNeed::Cpus(count))),
                Some(Value::Computed) => note(LineNeed::AllCpus),
                _ => {}
            }
        }
        if is(&[b"%maxcore"]) {
            match behind() {
                Some(Value::Written(text)) => {
                    let mib = number(text).unwrap_or(0);
                    note(LineNeed::Memory(
                        mib.saturating_mul(facts.processes().unwrap_or(cpus)),
                    ));
                }
                _ => note(LineNeed::AllMemory),
            }
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

/// What Gaussian takes where its input names nothing.
fn defaults_of_gaussian(word: &[u8], note: &mut impl FnMut(LineNeed)) {
    if let Some(mib) = word.strip_prefix(b"GAUSS_MDEF=").and_then(size) {
        note(LineNeed::Memory(mib));
    }
    if let Some(count) = word.strip_prefix(b"GAUSS_PDEF=").and_then(number) {
        note(LineNeed::Cpus(count));
    }
}
