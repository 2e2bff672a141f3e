//! The direction of imports: a room uses what stands below it, never what stands above, and two rooms never
//! use each other. The order below is the house from the ground up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every room of `src`, the lowest first; rooms of one storey do not know each other.
const STOREYS: [&[&str]; 14] = [
    &["text", "clock", "shadow"],
    &["config"],
    &["job"],
    &["fingerprint", "relies"],
    &["record"],
    &["model", "sampler"],
    &["decide"],
    &["slurmctld"],
    &["store", "slurm"],
    &["agent"],
    &["replay"],
    &["report"],
    &["lib"],
    &["bin"],
];

/// What slurmctld loads must not know these, however low they stand.
const NOT_IN_SLURMCTLD: [&str; 7] = [
    "agent", "clock", "replay", "report", "sampler", "slurm", "store",
];
const IN_SLURMCTLD: [&str; 9] = [
    "config",
    "decide",
    "fingerprint",
    "job",
    "model",
    "record",
    "relies",
    "slurmctld",
    "text",
];

/// The crates that one room alone may name.
const ADDRESSES: [(&str, &[&str]); 3] = [
    ("rusqlite", &["store"]),
    ("linfa", &["model"]),
    ("procfs", &["sampler"]),
];

fn sources() -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("src is readable") {
            let path = entry.expect("src is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The folder or file at the top of `src` that a source lies in.
fn room(path: &Path) -> String {
    let below = path.strip_prefix(root()).expect("a source of ours");
    let first = below.iter().next().expect("a source has a name");
    let first = first.to_str().expect("names are plain");
    first.trim_end_matches(".rs").to_owned()
}

fn storey(room: &str) -> usize {
    let found = STOREYS.iter().position(|rooms| rooms.contains(&room));
    found.unwrap_or_else(|| panic!("src/{room} has no storey in tests/layers.rs"))
}

/// Rooms that the text names, be it in an import or in an expression.
fn named(text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    let mut rooms = BTreeSet::new();
    for prefix in ["crate::", "shadowfit_core::"] {
        for (_, rest) in code
            .match_indices(prefix)
            .map(|(at, _)| code.split_at(at + prefix.len()))
        {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            if let Some(several) = rest.strip_prefix('{') {
                let inner = several.split('}').next().unwrap_or_default();
                rooms.extend(
                    inner
                        .split(',')
                        .map(|one| one.trim().split("::").next().unwrap_or_default().to_owned()),
                );
            } else {
                rooms.insert(name.to_owned());
            }
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a source is readable")
}

/// Every pair (source, room that it uses) but for its own.
fn uses() -> Vec<(PathBuf, String, String)> {
    let mut all = Vec::new();
    for path in sources() {
        let own = room(&path);
        // A program's modules call each other by `crate::`, too.
        let text = match own.as_str() {
            "bin" => read(&path)
                .replace("crate::", "own::")
                .replace("shadowfit_core::", "crate::"),
            _ => read(&path),
        };
        let used = named(&text).into_iter().filter(|used| *used != own);
        all.extend(used.map(|used| (path.clone(), own.clone(), used)));
    }
    all
}

#[test]
fn nothing_is_imported_from_above() {
    let uses = uses();
    assert!(uses.len() > 100, "only {} uses were found", uses.len());
    let wrong: Vec<String> = uses
        .iter()
        .filter(|(_, own, used)| storey(used) >= storey(own))
        .map(|(path, own, used)| format!("{}: {own} uses {used}", path.display()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn slurmctld_loads_no_room_that_waits_or_writes() {
    let wrong: Vec<String> = uses()
        .iter()
        .filter(|(_, own, used)| {
            IN_SLURMCTLD.contains(&own.as_str()) && NOT_IN_SLURMCTLD.contains(&used.as_str())
        })
        .map(|(path, _, used)| format!("{} uses {used}", path.display()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_crate_that_belongs_to_one_room_is_named_in_no_other() {
    for (name, rooms) in ADDRESSES {
        let naming: BTreeSet<String> = sources()
            .iter()
            .filter(|path| read(path).contains(&format!("{name}::")))
            .map(|path| room(path))
            .collect();
        let expected: BTreeSet<String> = rooms.iter().map(|room| (*room).to_owned()).collect();
        assert_eq!(naming, expected, "{name}");
    }
}

#[test]
fn every_form_of_an_import_is_seen() {
    let text = "use crate::store::{Filter, Store};\n// use crate::hidden::x;\nuse crate::{job, model::curve};\nfn f() { crate::text::units::MIB; }";
    let found: Vec<String> = named(text).into_iter().collect();
    assert_eq!(found, ["job", "model", "store", "text"]);
}
