//! What may be committed: text that a person wrote, in files of a size that a person reads, and one type of a name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const LARGEST: usize = 300 * 1024;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files that git tracks and that are there.
fn tracked() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .expect("git is installed");
    assert!(listed.status.success(), "this is a git repository");
    String::from_utf8(listed.stdout)
        .expect("names in UTF-8")
        .split_terminator('\0')
        .map(|name| root().join(name))
        .filter(|path| path.exists())
        .collect()
}

fn fault(name: &Path, content: &[u8]) -> Option<String> {
    let size = content.len();
    if size > LARGEST {
        return Some(format!("{}: {size} bytes", name.display()));
    }
    let text = std::str::from_utf8(content).is_ok_and(|text| !text.contains('\0'));
    (!text).then(|| format!("{}: not text", name.display()))
}

#[test]
fn every_tracked_file_is_text_and_small() {
    let files = tracked();
    assert!(files.contains(&root().join("Cargo.toml")), "{files:?}");
    let faults: Vec<_> = files
        .iter()
        .filter_map(|path| fault(path, &std::fs::read(path).expect("readable")))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Types that a line lets others see, and aliases and traits.
fn type_named(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    words.next().filter(|word| word.starts_with("pub"))?;
    let is_type = |word: &&str| ["struct", "enum", "union", "trait", "type"].contains(word);
    words.next().filter(is_type)?;
    let name = words.next()?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
}

#[test]
fn no_two_types_that_others_see_have_one_name() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let sources = tracked();
    let sources = sources
        .iter()
        .filter(|path| path.starts_with(root().join("src")));
    for path in sources {
        let text = std::fs::read_to_string(path).expect("readable");
        for name in text.lines().filter_map(type_named) {
            let place = path.display().to_string();
            places.entry(name.to_owned()).or_default().push(place);
        }
    }
    assert!(places.len() > 100, "only {} types were found", places.len());
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}

#[test]
fn a_type_is_seen_however_far_it_can_be() {
    for (line, name) in [
        ("pub struct Job {", Some("Job")),
        ("    pub(crate) enum End<'a> {", Some("End")),
        ("pub(super) type Case = u8;", Some("Case")),
        ("struct Own;", None),
        ("pub fn struct_of() {", None),
    ] {
        assert_eq!(type_named(line), name, "{line}");
    }
}

#[test]
fn a_core_dump_and_a_large_file_would_be_seen() {
    let name = Path::new("core");
    assert!(fault(name, b"\x7fELF\x02\x01\x01\0\0").is_some());
    assert!(fault(name, &[0xff, 0xfe, b'a']).is_some());
    assert!(fault(name, &vec![b'a'; LARGEST + 1]).is_some());
    assert!(fault(name, "Größe\n".as_bytes()).is_none());
    assert!(fault(name, &vec![b'a'; LARGEST]).is_none());
}
