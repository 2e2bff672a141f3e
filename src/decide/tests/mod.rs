//! Requests and what becomes of them.
mod cpus_and_time;
mod memory;
mod recorded;
mod submission;

use super::*;
use crate::config::{Modes, Rule};
use crate::job::arguments::Arguments;
use crate::job::directory::{Directory, User, Watermark};
use crate::job::evidence::Trust;
use crate::job::{Layout, Texts};
use crate::model::learned::Learned;
use crate::record::Comment;

const SEEN: Evidence = Evidence {
    runs: 23,
    max_mib: 8294,
    p99_mib: 8294,
    cores: 1.02,
    longest_s: 100,
    shadow_mib: 0,
    lent_to_mib: 0,
    enough_mib: 9124,
    enough_s: 0,
    trust: Trust::ALL,
    half_mib: 0,
    goes_on: false,
    named_mib: 0,
    named_cpus: 0,
};

/// What the agent publishes once it knows one kind of job.
fn snapshot(kind: &Kind, evidence: Evidence, directory: &Directory) -> Snapshot {
    let learned = Learned {
        evidence,
        ..Learned::default()
    };
    let entries = [(kind.name.unwrap(), learned)];
    let bytes = Snapshot::encode(entries.iter(), Watermark::default(), directory);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("snapshot");
    Snapshot::publish(&path, &bytes).unwrap();
    Snapshot::load(&path).unwrap()
}

fn sized_by<'a>(
    config: &Config,
    terms: impl Into<Terms<'a>>,
    ask: Ask,
    evidence: Evidence,
    floor: &Floor,
) -> Record {
    let kind = Kind::of_accounting(1, b"align");
    let snapshot = snapshot(&kind, evidence, &Directory::default());
    size(
        config,
        terms,
        known(Some(&snapshot)),
        kind,
        ask,
        Some(7),
        floor,
    )
}

/// On these terms.
pub fn sized_on(terms: Terms, ask: Ask, evidence: Evidence) -> Record {
    sized_by(&Config::default(), terms, ask, evidence, &Floor::default())
}

fn sized(ask: Ask, evidence: Evidence, mode: Mode) -> Record {
    sized_above(ask, evidence, mode, &Floor::default())
}

fn sized_above(ask: Ask, evidence: Evidence, mode: Mode, floor: &Floor) -> Record {
    sized_by(&Config::default(), Modes::all(mode), ask, evidence, floor)
}

/// A request on one node.
pub fn ask(memory: Option<Memory>, cpus: u32, tasks: u32) -> Ask {
    Ask {
        memory,
        cpus,
        layout: Layout::new(Some(tasks), None, Some(1), Some(1)),
        ..Ask::LEAST
    }
}

fn sets(record: &Record) -> (Option<u64>, Option<u64>) {
    (record.memory.map(|c| c.set), record.cpus.map(|c| c.set))
}
