//! What a job relies on: memory and CPUs that its script names or hands on to a program that sizes itself by them.
//! A job is never set below that, whatever its runs used: a step that asks for more than its job has is refused,
//! and a heap of a fixed size dies with an error of its own that no accounting calls out of memory.
//!
//! Scripts are hostile: they are read as bytes, once, up to a bound, and nothing in them is an error.
#![forbid(unsafe_code)]

mod appended;
mod arithmetic;
mod assigned;
mod assignments;
mod blocks;
mod clusters;
mod comparing;
mod each;
mod edits;
mod facts;
mod floor;
mod forks;
mod forms;
mod found;
mod functions;
mod heap;
mod held;
mod helpers;
mod heredocs;
mod inner;
mod inputs;
mod java;
mod launchers;
mod lines;
mod lists;
mod loops;
mod memory;
mod memory_names;
mod names;
mod nesting;
mod options;
mod other_jobs;
mod pipes;
mod pools;
mod printed;
mod programs;
mod properties;
mod sets;
mod settings;
mod several;
mod shares;
mod shell_words;
mod shown;
mod signs;
mod sizes;
mod steps;
mod variables;

pub use floor::{AskedCpus, Floor, Reliance};
use found::Found;
pub use launchers::{is_launcher, names_a_launcher};
use lines::lines;
pub use names::is_in_name;

/// More of a script is not read, in bytes.
const MOST_READ: usize = 64 << 10;

/// A longer line that holds a sign is not read, in bytes: it keeps all that the sign is about.
const LONGEST_LINE: usize = 4 << 10;

impl Floor {
    /// What `script` relies on, of which its user `asked` for so much.
    pub fn of(script: &[u8], asked: AskedCpus) -> Floor {
        let script = &script[..script.len().min(MOST_READ)];
        let mut ends = signs::find(script);
        held::add_signs(script, &mut ends);
        if ends.is_empty() {
            return Floor::default();
        }
        let own = other_jobs::taken_out(script, &mut ends);
        let own = own.as_deref().unwrap_or(script);
        let mut ahead = &ends[..];
        let mut found = Found::in_script(script, own, asked);
        let collects = || found.facts.collects();
        let others = heredocs::of_others(script, collects, |name| found.starts(name));
        let mut others = others.iter().peekable();
        for line in lines(own) {
            let _in_comments = signs::up_to(line.start, &mut ahead);
            let signs = signs::up_to(line.start + line.text.len(), &mut ahead);
            while others.next_if(|other| other.end <= line.start).is_some() {}
            if !others
                .peek()
                .is_some_and(|other| other.contains(&line.start))
            {
                found.take(&line, signs);
            }
        }
        found.floor()
    }
}

#[cfg(test)]
mod tests;
