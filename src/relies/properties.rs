//! Memory that is named by a pair of words: a property and its value, or a size with a blank before its unit.

use super::facts::Facts;
use super::floor::LineNeed;
use super::memory_names::{need_of, speaks_of_memory};
use super::options::{number, size};

/// How a pair is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pair {
    /// `name value`.
    Bare,
    /// `name = value`, `name: value`.
    Joined,
}

/// `.config("spark.driver.memory", "48g")`, `SET memory_limit = '40GB'`, `memory: 40GB`; `memory="40 gb"`, with a blank before
/// its unit.
pub fn needs(facts: &Facts, words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    inputs(facts, words, note);
    for (at, word) in words.iter().enumerate() {
        let (name, pair, behind) = match (word.strip_suffix(b":"), &words[at + 1..]) {
            (Some(name), behind) => (name, Pair::Joined, behind),
            (None, [b"=" | b":" | b"=>", behind @ ..]) => (*word, Pair::Joined, behind),
            (None, behind) => (*word, Pair::Bare, behind),
        };
        let found = match behind {
            [value, rest @ ..] if is_property(name, pair) => {
                let counted = || number(value).filter(|_| pair == Pair::Joined);
                let by_name = || unit_of_name(name)?.checked_mul(counted()?);
                let mib = sized(value, rest).or_else(by_name);
                mib.map(|mib| property(facts, name, mib))
            }
            [count, unit, ..] if name.ends_with(b"=") && speaks_of_memory(name) => {
                size_apart(count, unit)
            }
            _ => None,
        };
        found.into_iter().for_each(&mut *note);
    }
}

/// Names that are set by a pair of words in a language of their own: Spark's properties, DuckDB's limit; with a sign between
/// them whatever speaks of memory, but variables of a shell's, which rather are large letters.
fn is_property(name: &[u8], pair: Pair) -> bool {
    let is_sparks = || name.starts_with(b"spark.") && !name.contains(&b'=');
    let is_limit = || matches!(name, b"memory_limit" | b"max_memory");
    let is_name = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-' | b'.');
    let is_setting = || pair == Pair::Joined && name.iter().all(is_name);
    speaks_of_memory(name) && (is_sparks() || is_limit() || is_setting())
}

/// How many MiB a plain number counts by the name: `memory_mb`, `max-memory-gb`.
fn unit_of_name(name: &[u8]) -> Option<u64> {
    match name
        .rsplit(|byte| matches!(byte, b'_' | b'-' | b'.'))
        .next()?
    {
        b"mb" | b"mib" => Some(1),
        b"gb" | b"gib" => Some(1 << 10),
        _ => None,
    }
}

/// Psi4's `memory 6 GB`, and NWChem's `memory total 6000 mb`, which each of its processes takes. A letter alone is a unit of
/// words, of which nobody says how many processes take them.
fn inputs(facts: &Facts, words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let [name, behind @ ..] = words else {
        return;
    };
    let (of_each, behind) = match behind {
        [b"total" | b"stack" | b"heap" | b"global", ..] => (true, behind),
        _ => (false, behind),
    };
    if !name.eq_ignore_ascii_case(b"memory") {
        return;
    }
    let pairs = behind.windows(2);
    let sizes = pairs.filter_map(|pair| Some((size_apart(pair[0], pair[1])?, pair[1].len() == 1)));
    let mut all = 0u64;
    for (need, is_of_words) in sizes {
        match need {
            LineNeed::Memory(mib) if !is_of_words => all = all.saturating_add(mib),
            _ => return note(LineNeed::AllMemory),
        }
    }
    if all > 0 {
        note(match of_each && facts.names_a_launcher() {
            true => LineNeed::AllMemory,
            false => LineNeed::Memory(all),
        });
    }
}

/// `40GB`, `40 GB`.
fn sized(value: &[u8], rest: &[&[u8]]) -> Option<u64> {
    let apart = || match size_apart(value, rest.first()?)? {
        LineNeed::Memory(mib) => Some(mib),
        _ => None,
    };
    size(value).or_else(apart)
}

/// What a property of that name needs. Each of Dask's workers has a limit of its own, which is not all that it takes.
fn property(facts: &Facts, name: &[u8], mib: u64) -> LineNeed {
    match name == b"memory_limit" && facts.has_dask() {
        true => facts.workers().map_or(LineNeed::AllMemory, |workers| {
            LineNeed::Memory(mib.saturating_mul(workers).saturating_mul(2))
        }),
        false => need_of(name, mib, Some(1)),
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
