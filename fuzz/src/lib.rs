//! What the targets share: how an input that is text becomes what the project reads.

use shadowfit_core::slurm::{CommandError, Commands};
use std::path::{Path, PathBuf};

/// `name=value` lines, an empty line, and the rest: an input that a person can write and read.
pub struct Fields<'a> {
    lines: Vec<(&'a [u8], &'a [u8])>,
    /// What follows the empty line.
    pub rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Any bytes are such an input.
    pub fn of(input: &'a [u8]) -> Fields<'a> {
        let (mut lines, mut rest) = (Vec::new(), input);
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if line.is_empty() {
                break;
            }
            let at = line.iter().position(|&byte| byte == b'=');
            let (name, value) = line.split_at(at.unwrap_or(line.len()));
            lines.push((name, value.strip_prefix(b"=").unwrap_or_default()));
        }
        Fields { lines, rest }
    }

    /// Every value of this name, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.lines.iter();
        lines.filter_map(move |(own, value)| (*own == name.as_bytes()).then_some(*value))
    }

    /// The first of them.
    pub fn text(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The same as a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        str::from_utf8(self.text(name)?).ok()?.parse().ok()
    }
}

/// Slurm's commands, all of which answer the same.
pub struct Answer<'a>(pub &'a [u8]);

impl Commands for Answer<'_> {
    fn run(&self, _program: &str, _arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        Ok(self.0.to_vec())
    }
}

/// A folder of this process, for what is read from files; scripts/fuzz puts it into memory and takes it away.
pub struct Folder(PathBuf);

impl Folder {
    /// Empty.
    pub fn new(name: &str) -> Folder {
        let own = format!("shadowfit-fuzz-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(own);
        let _nothing_there = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        Folder(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it; the name is the target's own, never of an input.
    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("below a folder of ours");
        }
        std::fs::write(&path, content).expect("in memory");
        path
    }
}
