//! What a job relies on: memory and CPUs that its script names or hands on to a program that sizes itself by them.
//! A job is never set below that, whatever its runs used: a step that asks for more than its job has is refused,
//! and a heap of a fixed size dies with an error of its own that no accounting calls out of memory.
//!
//! Scripts are hostile: they are read as bytes, once, up to a bound, and nothing in them is an error.
#![forbid(unsafe_code)]

mod lines;
mod options;
mod programs;
mod signs;
mod steps;

use crate::text::units::printable_part;
use lines::{Line, lines};
use serde::{Deserialize, Serialize};
use signs::Signs;

/// More of a script is not read, in bytes.
const MOST_READ: usize = 64 << 10;

/// What is kept of a line, in characters.
const SHOWN: usize = 60;

/// What a job relies on, and where that stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Floor {
    /// Memory on a node.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub memory: Option<Reliance>,
    /// CPUs of all tasks together.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cpus: Option<Reliance>,
}

/// One thing that a script relies on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliance {
    /// At least so many MiB or CPUs; `None`: all that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub least: Option<u64>,
    /// The line, counted from 1.
    pub line: u32,
    /// Its text, without control characters, cut.
    pub text: String,
}

impl Floor {
    /// What `script` relies on; `cpus` is what its user asked for in all.
    pub fn of(script: &[u8], cpus: u64) -> Floor {
        let script = &script[..script.len().min(MOST_READ)];
        let mut found = Found::default();
        let ends = signs::find(script);
        let mut ahead = &ends[..];
        if ends.is_empty() {
            return Floor::default();
        }
        for line in lines(script) {
            let _in_comments = signs::up_to(line.start, &mut ahead);
            let signs = signs::up_to(line.start + line.text.len(), &mut ahead);
            found.take(&line, signs, cpus);
        }
        found.floor()
    }

    /// Nothing where it is empty: most jobs rely on nothing, and their records need not say so.
    pub fn some(self) -> Option<Floor> {
        (!self.is_empty()).then_some(self)
    }

    /// The script relies on nothing that is known.
    pub fn is_empty(&self) -> bool {
        self.memory.is_none() && self.cpus.is_none()
    }
}

/// What a line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// So many MiB on a node.
    Memory(u64),
    /// All the memory that was asked for.
    AllMemory,
    /// So many CPUs.
    Cpus(u64),
    /// All the CPUs that were asked for.
    AllCpus,
}

/// What has been found so far: the line that needs most, of memory and of CPUs.
#[derive(Default)]
struct Found<'a> {
    /// Of the command that is being read.
    words: Vec<&'a [u8]>,
    memory: Option<(Option<u64>, Line<'a>)>,
    cpus: Option<(Option<u64>, Line<'a>)>,
}

impl<'a> Found<'a> {
    /// Reads the commands of a line that hold a sign; where another job may be meant, that may be by any part of it.
    fn take(&mut self, line: &Line<'a>, mut signs: &[(usize, Signs)], cpus: u64) {
        let all = Signs::all(signs);
        if !all.matter() {
            return;
        }
        if all.has(Signs::OTHER_JOB) {
            return self.read(line, line.text, all, cpus);
        }
        for command in line.commands() {
            let of_command = signs::up_to(line.start + command.end, &mut signs);
            if !of_command.is_empty() && !line.only_shows(&command) {
                self.read(line, &line.text[command], Signs::all(of_command), cpus);
            }
            if signs.is_empty() {
                break;
            }
        }
    }

    fn read(&mut self, line: &Line<'a>, command: &'a [u8], signs: Signs, cpus: u64) {
        let mut words = std::mem::take(&mut self.words);
        words.clear();
        if signs.has(Signs::IN_WORDS) {
            words.extend(lines::words(command));
        }
        self.note(line, command, signs, &words, cpus);
        self.words = words;
    }

    fn note(&mut self, line: &Line<'a>, command: &[u8], signs: Signs, words: &[&[u8]], cpus: u64) {
        let mut note = |need: Need| match need {
            Need::Memory(mib) => raise(&mut self.memory, Some(mib), line),
            Need::AllMemory => raise(&mut self.memory, None, line),
            Need::Cpus(least) => raise(&mut self.cpus, Some(least), line),
            Need::AllCpus => raise(&mut self.cpus, None, line),
        };
        if signs.has(Signs::OTHER_JOB) && programs::is_about_another_job(words) {
            if signs.has(Signs::OWN_JOB) {
                programs::asks_about_itself(command, &mut note);
            }
            return;
        }
        if signs.has(Signs::LAUNCHER) {
            steps::needs(line, words, &mut note);
        }
        // How many of them run at once is the script's own secret.
        let is_one_of_several = || line.has_background() || programs::runs_several(words);
        programs::needs(command, signs, words, cpus, &mut |need| match need {
            Need::Memory(_) if is_one_of_several() => note(Need::AllMemory),
            need => note(need),
        });
    }

    fn floor(self) -> Floor {
        let reliance = |(least, line): (Option<u64>, Line)| Reliance {
            least,
            line: line.number,
            text: printable_part(line.text, SHOWN),
        };
        Floor {
            memory: self.memory.map(reliance),
            cpus: self.cpus.map(reliance),
        }
    }
}

impl Reliance {
    /// `need`, or what is relied on if that is more; `None` where that is all that was asked for.
    pub fn raised(floor: Option<&Reliance>, need: u64) -> Option<u64> {
        match floor {
            None => Some(need),
            Some(reliance) => Some(need.max(reliance.least?)),
        }
    }
}

/// Keeps what needs more; all that was asked for is the most.
fn raise<'a>(known: &mut Option<(Option<u64>, Line<'a>)>, least: Option<u64>, line: &Line<'a>) {
    let is_more = match (&known, least) {
        (None, _) => true,
        (Some((None, _)), _) => false,
        (Some((Some(_), _)), None) => true,
        (Some((Some(known), _)), Some(least)) => least > *known,
    };
    if is_more {
        *known = Some((least, *line));
    }
}

#[cfg(test)]
mod tests;
