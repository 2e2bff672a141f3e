//! What a script relies on, by what it says: tables of lines and the floors that are found in them.

mod commands;
mod comparing;
mod counts;
mod forms;
mod hostile;
mod memory;
mod named;
mod no_floor;
mod printed;
mod programs;
mod put_together;
mod several;
mod shares;
mod shell_words;
mod steps;
mod variables;

use super::{AskedCpus, Floor};

/// `None`: nothing; `Some(None)`: all that was asked for; in MiB and CPUs.
type Least = Option<Option<u64>>;

/// One task that asks for four CPUs.
const FOUR: AskedCpus = AskedCpus { tasks: 1, cpus: 4 };

fn floor(script: &str) -> (Least, Least) {
    floor_of(script, FOUR)
}

fn floor_of(script: &str, asked: AskedCpus) -> (Least, Least) {
    let floor = Floor::of(format!("#!/bin/bash\n{script}\n").as_bytes(), asked);
    (floor.memory.map(|f| f.least), floor.cpus.map(|f| f.least))
}

const NOTHING: (Least, Least) = (None, None);

const ALL_MEMORY: (Least, Least) = (Some(None), None);

const ALL_CPUS: (Least, Least) = (None, Some(None));

const ALL: (Least, Least) = (Some(None), Some(None));

fn mib(least: u64) -> (Least, Least) {
    (Some(Some(least)), None)
}

fn cpus(least: u64) -> (Least, Least) {
    (None, Some(Some(least)))
}

fn assert_floors(cases: &[(&str, (Least, Least))]) {
    let wrong = cases.iter().filter_map(|(script, right)| {
        let found = floor(script);
        (found != *right).then(|| format!("{script}\n  is {found:?} and not {right:?}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
