//! MATLAB's pools of workers: it refuses one of more workers than there are CPUs.

use super::facts::Facts;
use super::floor::LineNeed;
use super::names::name_length;
use super::options::{Value, number};
use crate::text::contains;

/// No command has more of them.
const MOST: usize = 4;

/// No list of arguments is longer, in bytes.
const LONGEST: usize = 256;

/// Pairs of a name and a value that say something else of a pool.
const PROPERTIES: [&[u8]; 5] = [
    b"IdleTimeout",
    b"AttachedFiles",
    b"AutoAddClientPath",
    b"EnvironmentVariables",
    b"SpmdEnabled",
];

/// What says that as many are taken as there are.
const GIVEN: [&[u8]; 4] = [b"SLURM_", b"numcores", b"maxNumCompThreads", b"NumWorkers"];

/// Notes how many workers the pools of a command have: `parpool(8)`, `parpool('local', 8)`, `p = c.parpool([1 8])`, `parpool(n)`.
pub fn needs(facts: &Facts, command: &[u8], note: &mut impl FnMut(LineNeed)) {
    let name = b"parpool";
    for at in memchr::memmem::find_iter(command, name).take(MOST) {
        let behind = &command[at + name.len()..];
        let behind = &behind[..behind.len().min(LONGEST)];
        let arguments = match behind.trim_ascii_start().strip_prefix(b"(") {
            Some(inner) => arguments(inner),
            // As a command: `parpool local 8`.
            None => {
                let command = behind.split(|byte| b";,\n".contains(byte)).next();
                let words = command.unwrap_or_default().split(u8::is_ascii_whitespace);
                let words = words.map(unquoted);
                words.filter(|word| number(word).is_some()).collect()
            }
        };
        let arguments = arguments.into_iter().map(<[u8]>::trim_ascii);
        let arguments = arguments.filter(|argument| !argument.is_empty());
        let size = arguments
            .take_while(|argument| !PROPERTIES.contains(&unquoted(argument)))
            .map(|argument| Size::of(facts, argument))
            .take(2)
            .reduce(Size::or);
        match size {
            Some(Size::Number(count)) => note(LineNeed::Cpus(count)),
            Some(Size::Unknown) => note(LineNeed::AllCpus),
            Some(Size::Given | Size::None) | None => {}
        }
    }
}

/// What stands between the commas of a list up to the bracket that ends it.
fn arguments(text: &[u8]) -> Vec<&[u8]> {
    let (mut depth, mut start) = (0usize, 0);
    let mut found = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b',' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            b')' | b']' if depth == 0 => {
                found.push(&text[start..at]);
                return found;
            }
            b')' | b']' => depth -= 1,
            _ => {}
        }
    }
    found.push(&text[start..]);
    found
}

fn unquoted(text: &[u8]) -> &[u8] {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    let inner = text.strip_prefix(b"\\").unwrap_or(text);
    let inner = inner.strip_suffix(b"\\").unwrap_or(inner);
    let start = usize::from(inner.first().is_some_and(is_quote));
    let end = inner.len() - usize::from(inner.len() > 1 && inner.last().is_some_and(is_quote));
    &inner[start.min(end)..end]
}

/// What an argument says of how many workers there are.
#[derive(Clone, Copy)]
enum Size {
    /// Nothing: it is a profile's name, or a cluster.
    None,
    Number(u64),
    Given,
    Unknown,
}

impl Size {
    fn of(facts: &Facts, argument: &[u8]) -> Size {
        let is_given = |text: &[u8]| GIVEN.iter().any(|given| contains(text, given));
        let range = argument.strip_prefix(b"[").unwrap_or_default();
        let numbers = range
            .split(|byte| !byte.is_ascii_digit())
            .filter_map(number);
        if let Some(count) = number(argument).or_else(|| numbers.max()) {
            return Size::Number(count);
        }
        if is_given(argument) {
            return Size::Given;
        }
        let is_name = name_length(argument) == argument.len();
        match (Value::of(argument), argument.first()) {
            (Value::Given(_), _) => Size::Given,
            (Value::Computed, _) => Size::Unknown,
            _ if contains(argument, b"parcluster") => Size::None,
            (_, Some(b'\'' | b'"' | b'\\')) => Size::None,
            _ if is_name => match facts.said_of(argument) {
                Some(said) if contains(said, b"parcluster") => Size::None,
                Some(said) if is_given(said) => Size::Given,
                Some(said) => number(said).map_or(Size::Unknown, Size::Number),
                None => Size::Unknown,
            },
            _ => Size::Unknown,
        }
    }

    /// Of two arguments the one that says something; the second is a size where the first was a cluster.
    fn or(self, other: Size) -> Size {
        match (self, other) {
            (Size::None | Size::Unknown, other @ (Size::Number(_) | Size::Given)) => other,
            (Size::None, other) => other,
            (known, _) => known,
        }
    }
}
