//! The direction of imports: a room uses what stands below it, never what stands above, and two rooms never
//! use each other. The order below is the house from the ground up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every room of `src`, the lowest first; rooms of one storey do not know each other. The nouns stand on `text` alone.
const STOREYS: [&[&str]; 10] = [
    &["text"],
    &["job", "clock", "shadow", "relies"],
    &["config", "fingerprint"],
    &["record", "model"],
    &["sampler", "decide", "store"],
    &["slurmctld", "slurm", "elastic"],
    &["agent"],
    &["replay"],
    &["report"],
    &["lib", "bin"],
];

/// What slurmctld loads must not know these, however low they stand.
const NOT_IN_SLURMCTLD: [&str; 8] = [
    "agent", "clock", "elastic", "replay", "report", "sampler", "slurm", "store",
];
const IN_SLURMCTLD: [&str; 10] = [
    "config",
    "decide",
    "fingerprint",
    "job",
    "model",
    "record",
    "relies",
    "shadow",
    "slurmctld",
    "text",
];

/// The crates that one room alone may name.
const ADDRESSES: [(&str, &[&str]); 4] = [
    ("rusqlite", &["store"]),
    ("linfa", &["model"]),
    ("linfa_linear", &["model"]),
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

/// Where a source stands in its crate: `["store", "filter"]` for `src/store/filter.rs`, nothing for the crate's root.
fn module(path: &Path) -> Vec<String> {
    let below = path.strip_prefix(root()).expect("a source of ours");
    let names = below.with_extension("");
    let mut module: Vec<String> = names
        .iter()
        .map(|name| name.to_str().expect("names are plain").to_owned())
        .collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    module
}

/// A source without its comments: what stands in the module itself, then in each that it writes out, with its name.
fn parts(text: &str) -> Vec<(Option<&str>, String)> {
    let mut parts = vec![(None, String::new())];
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    for line in code {
        let head = line
            .strip_suffix(" {")
            .filter(|head| !head.starts_with(' '));
        let inner = head.and_then(|head| head.split_once("mod "));
        match (inner, line) {
            (Some((_, name)), _) => parts.push((Some(name), String::new())),
            (None, "}") => parts.push((None, String::new())),
            _ => {
                let (_, part) = parts.last_mut().expect("it is never empty");
                part.push_str(line);
                part.push('\n');
            }
        }
    }
    parts
}

/// All paths of an import that begins with `text`: `a::{b, c::{d, e}}` are three.
fn spread(text: &str) -> Vec<Vec<&str>> {
    let text = text.trim_start();
    if let Some(several) = text.strip_prefix('{') {
        return elements(several).into_iter().flat_map(spread).collect();
    }
    let end = text.find(|c: char| !is_in_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    match rest.strip_prefix("::") {
        _ if name.is_empty() => vec![Vec::new()],
        Some(rest) => {
            let behind = spread(rest).into_iter();
            behind.map(|path| [vec![name], path].concat()).collect()
        }
        None => vec![vec![name]],
    }
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// What commas part up to the brace that closes the one before `text`.
fn elements(text: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

/// Every path from the crate's root that a text names which stands in `module`, be it in an import or in an expression.
fn paths(text: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for start in ["crate::", "shadowfit_core::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let is_inside = |c: char| is_in_name(c) || c == ':';
            if !text[..at].ends_with(is_inside) {
                let named = spread(&text[at..]).into_iter();
                all.extend(named.filter_map(|path| from_root(&path, module)));
            }
        }
    }
    all
}

/// The same path without `crate` or `super`; nothing where it climbs higher than there is.
fn from_root(path: &[&str], module: &[String]) -> Option<Vec<String>> {
    let climbed = path.iter().take_while(|name| **name == "super").count();
    let (above, below) = match climbed {
        0 => (&module[..0], &path[1..]),
        _ => (
            &module[..module.len().checked_sub(climbed)?],
            &path[climbed..],
        ),
    };
    let below = below.iter().map(|name| (*name).to_owned());
    Some(above.iter().cloned().chain(below).collect())
}

/// Rooms that the text of a source at `module` names.
fn named(text: &str, module: &[String]) -> BTreeSet<String> {
    let of_part = |(inner, text): (Option<&str>, String)| {
        let module: Vec<String> = module
            .iter()
            .cloned()
            .chain(inner.map(str::to_owned))
            .collect();
        paths(&text, &module)
    };
    let paths = parts(text).into_iter().flat_map(of_part);
    paths
        .filter_map(|path| path.into_iter().next())
        .filter(|room| !room.is_empty())
        .collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a source is readable")
}

/// Every pair (source, room that it uses) but for its own.
fn uses() -> Vec<(PathBuf, String, String)> {
    let mut all = Vec::new();
    for path in sources() {
        let own = room(&path);
        // A program's modules call each other by `crate::` and `super::`, too.
        let text = match own.as_str() {
            "bin" => read(&path)
                .replace("crate::", "own::")
                .replace("super::", "own::"),
            _ => read(&path),
        };
        let used = named(&text, &module(&path)).into_iter();
        let used = used.filter(|used| *used != own);
        all.extend(used.map(|used| (path.clone(), own.clone(), used)));
    }
    all
}

fn may_use(own: &str, used: &str) -> bool {
    storey(used) < storey(own)
}

#[test]
fn nothing_is_imported_from_above() {
    let uses = uses();
    assert!(uses.len() > 100, "only {} uses were found", uses.len());
    let wrong: Vec<String> = uses
        .iter()
        .filter(|(_, own, used)| !may_use(own, used))
        .map(|(path, own, used)| format!("{}: {own} uses {used}", path.display()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_nouns_know_no_setting_no_time_and_no_shadow() {
    for (own, used, may) in [
        ("job", "config", false),
        ("job", "clock", false),
        ("job", "shadow", false),
        ("job", "text", true),
        ("record", "job", true),
        ("model", "store", false),
        ("lib", "bin", false),
    ] {
        assert_eq!(may_use(own, used), may, "{own} {used}");
    }
}

#[test]
fn there_are_as_many_storeys_as_the_imports_need() {
    let uses = uses();
    for pair in STOREYS.windows(2) {
        let holds_up = |(_, own, used): &(PathBuf, String, String)| {
            pair[1].contains(&own.as_str()) && pair[0].contains(&used.as_str())
        };
        assert!(uses.iter().any(holds_up), "{pair:?} could be one storey");
    }
}

#[test]
fn the_architecture_lists_the_rooms_from_the_ground_up() {
    let page = read(&root().join("../docs/architecture.md"));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `src/"));
    let names = rows.filter_map(|row| row.split(['`', '.']).next());
    let storeys: Vec<usize> = names.filter(|name| *name != "lib").map(storey).collect();
    assert!(storeys.len() > 15 && storeys.is_sorted(), "{storeys:?}");
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

/// Which of those that lie beside each other in a folder uses which, by their paths. Tests are left out, and what a file and
/// the folder's own `mod.rs` have of each other.
fn neighbours(sources: &[(Vec<String>, String)]) -> BTreeSet<(Vec<String>, Vec<String>)> {
    let is_source = |path: &[String]| sources.iter().any(|(module, _)| module == path);
    let mut uses = BTreeSet::new();
    for (module, text) in sources {
        let own = parts(text).into_iter().filter(|(inner, _)| inner.is_none());
        for path in own.flat_map(|(_, text)| paths(&text, module)) {
            let lengths = (1..=path.len()).rev();
            let used = lengths.map(|n| &path[..n]).find(|path| is_source(path));
            let used = used.unwrap_or_default();
            let together = module.iter().zip(used).take_while(|(a, b)| a == b).count();
            if together < module.len().min(used.len()) {
                let beside = |path: &[String]| path[..=together].to_vec();
                uses.insert((beside(module), beside(used)));
            }
        }
    }
    uses
}

/// What is left of `uses` without those that end: circles, and what leads to them.
fn circles(mut uses: BTreeSet<(Vec<String>, Vec<String>)>) -> Vec<String> {
    loop {
        let users: BTreeSet<Vec<String>> = uses.iter().map(|(user, _)| user.clone()).collect();
        let before = uses.len();
        uses.retain(|(_, used)| users.contains(used));
        if uses.len() == before {
            break;
        }
    }
    let line = |(user, used): &(Vec<String>, Vec<String>)| {
        format!("{} uses {}", user.join("/"), used.join("/"))
    };
    uses.iter().map(line).collect()
}

#[test]
fn no_files_of_a_room_use_each_other_in_a_circle() {
    let sources: Vec<(Vec<String>, String)> = sources()
        .iter()
        .map(|path| (module(path), read(path)))
        .filter(|(module, _)| !matches!(module.first(), Some(room) if room == "bin"))
        .filter(|(module, _)| !module.iter().any(|name| name == "tests"))
        .collect();
    let uses = neighbours(&sources);
    assert!(uses.len() > 100, "only {} uses were found", uses.len());
    let circles = circles(uses);
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_circle_is_seen_and_what_is_none_is_not() {
    let sources = |texts: &[(&str, &str)]| -> Vec<(Vec<String>, String)> {
        let source = |(module, text): &(&str, &str)| {
            let module = module.split(' ').map(str::to_owned).collect();
            (module, (*text).to_owned())
        };
        texts.iter().map(source).collect()
    };
    let cases: [(&[(&str, &str)], bool); 5] = [
        (
            &[("r a", "use super::b::x;"), ("r b", "use super::{a, c};")],
            true,
        ),
        (
            &[
                ("r a x", "use super::super::b::x;"),
                ("r b", "use crate::r::a::y;"),
                ("r a", ""),
            ],
            true,
        ),
        (
            &[
                ("r a", "use super::b::x;"),
                ("r b", "use super::c;"),
                ("r c", ""),
            ],
            false,
        ),
        (
            &[("r", "use crate::r::a::f;"), ("r a", "use super::T;")],
            false,
        ),
        (
            &[
                ("r a", "use super::b::x;"),
                ("r b", "mod tests {\n    use super::super::a;\n}"),
            ],
            false,
        ),
    ];
    for (texts, right) in cases {
        let found = circles(neighbours(&sources(texts)));
        assert_eq!(!found.is_empty(), right, "{texts:?}: {found:?}");
    }
}

#[test]
fn every_form_of_an_import_is_seen() {
    let text = "use crate::store::{Filter, Store};\n// use crate::hidden::x;\nuse crate::{job, model::curve};\nfn f() { crate::text::units::MIB; }";
    let found: Vec<String> = named(text, &[]).into_iter().collect();
    assert_eq!(found, ["job", "model", "store", "text"]);
    // The module, a text in it, and the rooms that it names.
    let cases: [(&str, &str, &[&str]); 11] = [
        ("decide", "use crate::{a::{b}, store::c};", &["a", "store"]),
        (
            "decide",
            "use crate::{\n    a::{b::{c, d}, e},\n    store::c as f,\n};",
            &["a", "store"],
        ),
        ("decide", "use crate::{job as store};", &["job"]),
        ("decide", "use super::store::Filter;", &["store"]),
        (
            "decide",
            "use super::{agent, store::*};",
            &["agent", "store"],
        ),
        (
            "decide trust",
            "use super::super::store::Filter;",
            &["store"],
        ),
        (
            "decide trust",
            "fn f() { super::super::store::f(); }",
            &["store"],
        ),
        ("decide trust", "use super::store::Filter;", &["decide"]),
        (
            "decide trust",
            "mod tests {\n    use super::super::store::x;\n    use super::super::super::slurm;\n}\n",
            &["decide", "slurm"],
        ),
        ("decide", "use super::super::store;", &[]),
        ("decide", "pub(super) fn f(of: other_crate::T) {}", &[]),
    ];
    for (module, text, right) in cases {
        let module: Vec<String> = module.split(' ').map(str::to_owned).collect();
        let found: Vec<String> = named(text, &module).into_iter().collect();
        assert_eq!(found, right, "{text}");
    }
}
