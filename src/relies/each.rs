//! Sizes that are for each of several: threads, cores, children. They count for all of them together.

use super::options::{Value, value};
use crate::text::contains;
use std::cell::OnceCell;

/// What each of these is given stands behind `per` in an option's name.
const THINGS: [&[u8]; 8] = [
    b"thread", b"core", b"cpu", b"proc", b"process", b"worker", b"rank", b"task",
];

/// Options that say how many there are, however they are written.
const COUNTS: [&str; 24] = [
    "--threads",
    "--num-threads",
    "--num_threads",
    "--nthreads",
    "--thread",
    "--cores",
    "--num-cores",
    "--ncores",
    "--cpus",
    "--cpu",
    "--CPU",
    "--ncpus",
    "--num-cpus",
    "--processes",
    "--nproc",
    "--procs",
    "--workers",
    "--num-workers",
    "--tasks",
    "--jobs",
    "-t",
    "-p",
    "-@",
    "-j",
];

/// The same as [`COUNTS`], of Trinity's children.
const OF_CHILDREN: [&str; 1] = ["--bflyCPU"];

/// How many of each a command's words name: found out once, where somebody asks.
pub struct Each<'a> {
    words: &'a [&'a [u8]],
    things: OnceCell<Option<u64>>,
    children: OnceCell<Option<u64>>,
}

impl<'a> Each<'a> {
    pub fn of(words: &'a [&'a [u8]]) -> Each<'a> {
        Each {
            words,
            things: OnceCell::new(),
            children: OnceCell::new(),
        }
    }

    /// What an option of this name says is for each of so many; `None` where nobody can say how many they are.
    pub fn times(&self, name: &[u8]) -> Option<u64> {
        let small = name.to_ascii_lowercase();
        let named = |cell: &OnceCell<Option<u64>>, options| {
            *cell.get_or_init(|| largest(options, self.words))
        };
        if contains(&small, b"bflyheap") {
            return named(&self.children, &OF_CHILDREN);
        }
        // Each process of Molcas takes as much.
        if small == b"molcas_mem" {
            return None;
        }
        match is_per_thing(&small) {
            true => named(&self.things, &COUNTS),
            false => Some(1),
        }
    }
}

/// `mem-per-thread`, `memory_per_core`.
fn is_per_thing(name: &[u8]) -> bool {
    let Some(at) = memchr::memmem::rfind(name, b"per") else {
        return false;
    };
    let thing = &name[at + 3..];
    let thing = thing.strip_prefix(b"-").unwrap_or(thing);
    let thing = thing.strip_prefix(b"_").unwrap_or(thing);
    THINGS.contains(&thing)
}

/// The most that one of these options says.
fn largest(options: &[&str], words: &[&[u8]]) -> Option<u64> {
    let found = (0..words.len()).filter_map(|at| value(words, at, options, options));
    found
        .map(Value::number)
        .reduce(|one, other| Some(one?.max(other?)))?
}
