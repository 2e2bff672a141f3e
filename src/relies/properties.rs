//! Memory that is named by a pair of words: a property and its value, or a size with a blank before its unit.

use super::facts::Facts;
use super::floor::LineNeed;
use super::memory::speaks_of_memory;
use super::options::{number, size};

/// Names that are set by a pair of words in a language of their own: Spark's properties, DuckDB's limit.
fn is_property(name: &[u8]) -> bool {
    let is_sparks = name.starts_with(b"spark.") && speaks_of_memory(name);
    is_sparks && !name.contains(&b'=') || matches!(name, b"memory_limit" | b"max_memory")
}

/// `.config("spark.driver.memory", "48g")`, `SET memory_limit = '40GB'`; `memory="40 gb"`, with a blank before its unit.
pub fn needs(facts: &Facts, words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    for (at, word) in words.iter().enumerate() {
        let behind = &words[at + 1..];
        let behind = match behind {
            [b"=", behind @ ..] => behind,
            _ => behind,
        };
        let found = match behind {
            [value, ..] if is_property(word) => size(value).map(|mib| property(facts, word, mib)),
            [count, unit, ..] if word.ends_with(b"=") && speaks_of_memory(word) => {
                size_apart(count, unit)
            }
            _ => None,
        };
        found.into_iter().for_each(&mut *note);
    }
}

/// What a property of that name needs. Each of Dask's workers has a limit of its own, which is not all that it takes.
fn property(facts: &Facts, name: &[u8], mib: u64) -> LineNeed {
    match name == b"memory_limit" && facts.has_dask() {
        true => facts.workers().map_or(LineNeed::AllMemory, |workers| {
            LineNeed::Memory(mib.saturating_mul(workers).saturating_mul(2))
        }),
        false => LineNeed::Memory(mib),
    }
}

/// `40 gb`, `90 %`.
fn size_apart(count: &[u8], unit: &[u8]) -> Option<LineNeed> {
    number(count)?;
    match unit {
        b"%" => Some(LineNeed::AllMemory),
        _ if unit.len() > 3 => None,
        _ => size(&[count, unit].concat()).map(LineNeed::Memory),
    }
}
