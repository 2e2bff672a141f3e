//! What Python's libraries take of the job's memory where nobody tells them a size: workers of Dask, Ray's store, DuckDB.

use super::facts::Facts;
use super::floor::LineNeed;
use super::names::{is_in_name, name_length};
use super::options::decimal;
use crate::text::contains;

/// Calls that start workers of Dask in the job itself.
const OF_DASK: [&[u8]; 2] = [b"LocalCluster(", b"LocalCUDACluster("];
/// One that does unless it is told of others.
const CLIENT: &[u8] = b"Client(";
/// What says that there are others.
const OF_OTHERS: [&[u8]; 2] = [b"address=", b"scheduler_file="];
/// Calls by which DuckDB begins.
const OF_DUCKDB: [&[u8]; 3] = [b"duckdb.connect(", b"duckdb.sql(", b"duckdb.query("];

/// Notes the share that what is called in a command takes.
pub fn needs(facts: &Facts, command: &[u8], note: &mut impl FnMut(LineNeed)) {
    let takes_share = (starts_dask(facts, command) || calls(command, &OF_DUCKDB))
        && !facts.names_limit()
        || starts_ray(command);
    if takes_share {
        note(LineNeed::AllMemory);
    }
}

fn starts_dask(facts: &Facts, command: &[u8]) -> bool {
    calls(command, &OF_DASK)
        || facts.has_dask() && behind(command, CLIENT).is_some_and(is_of_its_own)
}

/// A client with these arguments has workers of its own: it is given no cluster and no address.
fn is_of_its_own(arguments: &[u8]) -> bool {
    let first = arguments.trim_ascii_start();
    let name = name_length(first);
    let is_named = || first[name..].trim_ascii_start().starts_with(b"=");
    let is_first = matches!(first.first(), None | Some(b')' | b'*' | b'#'));
    (is_first || name > 0 && is_named()) && !OF_OTHERS.iter().any(|other| contains(first, other))
}

fn starts_ray(command: &[u8]) -> bool {
    let is_told = |arguments: &[u8]| {
        let store = behind(arguments, b"object_store_memory=");
        contains(arguments, b"address=") || store.is_some_and(is_plain)
    };
    behind(command, b"ray.init(").is_some_and(|arguments| !is_told(arguments))
}

/// A number, and nothing that is computed: that is read with the other sizes.
fn is_plain(value: &[u8]) -> bool {
    let end = value.iter().position(|byte| matches!(byte, b',' | b')'));
    decimal(value[..end.unwrap_or(value.len())].trim_ascii()).is_some()
}

fn calls(command: &[u8], functions: &[&[u8]]) -> bool {
    functions
        .iter()
        .any(|function| behind(command, function).is_some())
}

/// What stands behind the first call of a function in a command; not of one whose name ends as this one's.
fn behind<'a>(command: &'a [u8], call: &[u8]) -> Option<&'a [u8]> {
    let is_whole = |at: &usize| !command[..*at].last().is_some_and(|byte| is_in_name(*byte));
    let at = memchr::memmem::find_iter(command, call).find(is_whole)?;
    Some(&command[at + call.len()..])
}
