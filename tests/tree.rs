//! What may be committed: text that a person wrote, in files of a size that a person reads.

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

#[test]
fn a_core_dump_and_a_large_file_would_be_seen() {
    let name = Path::new("core");
    assert!(fault(name, b"\x7fELF\x02\x01\x01\0\0").is_some());
    assert!(fault(name, &[0xff, 0xfe, b'a']).is_some());
    assert!(fault(name, &vec![b'a'; LARGEST + 1]).is_some());
    assert!(fault(name, "Größe\n".as_bytes()).is_none());
    assert!(fault(name, &vec![b'a'; LARGEST]).is_none());
}
