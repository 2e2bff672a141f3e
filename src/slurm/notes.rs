//! What the stand-ins for srun, mpirun and their like have noted inside a shadow.
//!
//! One line a launch: `ranks=4 cpus=2 mem=4096`. The user's own programs can write there too, so
//! nothing of it is believed beyond its range.

use std::io::Read;
use std::path::Path;

/// Larger notes are somebody else's, in bytes.
const MAX_SIZE: u64 = 1 << 16;
/// More ranks than any cluster has.
const MAX_RANKS: u32 = 1 << 20;

/// What has been noted so far.
#[derive(Debug, Default)]
pub struct Notes {
    ranks: Option<u32>,
}

impl Notes {
    /// Reads the notes as they are now; they go with the sandbox.
    pub fn read(&mut self, path: &Path) {
        let mut text = String::new();
        let file = std::fs::File::open(path);
        if file.is_ok_and(|file| file.take(MAX_SIZE).read_to_string(&mut text).is_ok()) {
            self.take(&text);
        }
    }

    fn take(&mut self, text: &str) {
        let ranks = text
            .split_ascii_whitespace()
            .filter_map(|word| word.strip_prefix("ranks=")?.parse().ok())
            .filter(|ranks| (1..=MAX_RANKS).contains(ranks));
        self.ranks = self.ranks.max(ranks.max());
    }

    /// Most ranks that one launch asked for.
    pub fn ranks(&self) -> Option<u32> {
        self.ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_launch_counts_and_nonsense_does_not() {
        let mut notes = Notes::default();
        notes.take("ranks=4 cpus=2\nranks=16\nranks=-3 ranks=99999999999 ranks=\n");
        assert_eq!(notes.ranks(), Some(16));
    }

    #[test]
    fn notes_are_read_from_their_file_and_what_is_no_text_or_not_there_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let mut notes = Notes::default();
        for (content, ranks) in [
            (None, None),
            (Some("ranks=4\n".as_bytes()), Some(4)),
            (Some(b"\xff ranks=9"), Some(4)),
            (Some(b"ranks=8"), Some(8)),
        ] {
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            notes.read(&path);
            assert_eq!(notes.ranks(), ranks, "{content:?}");
        }
    }
}
