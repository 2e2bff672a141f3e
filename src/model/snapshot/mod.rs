//! The model in one file: what slurmctld holds in memory.
//!
//! Little-endian. An 80-byte header (magic, version, sizes, how far the training got, BLAKE3 of
//! all the rest), then 56-byte entries sorted by key, then what belongs to them in cells of 8 bytes: the knots of
//! their curves and the seats of licenses; then the directory
//! as JSON. The agent writes it beside the old one and renames it, so that a reader sees the old file or
//! the new one.
//!
//! Reading never maps the file: whoever truncates a mapped file would kill slurmctld. It is read
//! piece by piece instead, so that no submission waits for a whole load.

mod loading;

use super::curve::{Curve, Knot};
use super::learned::Learned;
use super::predict::KnownKinds;
use super::seats::SeatUse;
use crate::fingerprint::{Key, Kind};
use crate::job::directory::{Directory, Watermark};
use crate::job::evidence::Evidence;
pub use loading::Loading;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"shadowft";
/// Raised by every change of the layout; a snapshot of another version is not read.
const VERSION: u32 = 5;
const HEADER: usize = 80;
const ENTRY: usize = 56;
const CELL: usize = 8;
const TOTAL_AT: usize = 16;
const HASH_AT: usize = 48;
/// A larger file is no snapshot of ours, whatever its header says: 256 MiB.
const MAX_SIZE: u64 = 256 << 20;

/// A complete, checked model.
pub struct Snapshot {
    bytes: Vec<u8>,
    entries: usize,
    watermark: Watermark,
    directory: Directory,
}

/// Why a file is no usable snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be read.
    #[error("{0}: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// It is something else, damaged, or of another release of shadowfit.
    #[error("{path}: {what}; 'shadowfit train' makes a new one")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl Snapshot {
    /// Builds the file's content from entries sorted by key without duplicates.
    pub fn encode<'a>(
        entries: impl ExactSizeIterator<Item = &'a (Key, Learned)>,
        watermark: Watermark,
        directory: &Directory,
    ) -> Vec<u8> {
        let tail = serde_json::to_vec(directory).unwrap_or_default();
        let mut bytes = Vec::with_capacity(HEADER + entries.len() * ENTRY + tail.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(tail.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&(entries.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&watermark.jobs.to_le_bytes());
        bytes.extend_from_slice(&watermark.shadows.to_le_bytes());
        bytes.resize(HEADER, 0);
        let mut cells: Vec<u8> = Vec::new();
        for (key, learned) in entries {
            push_entry(&mut bytes, *key, learned, cells.len() / CELL);
            for knot in learned.memory.0.iter().chain(&learned.time.0) {
                cells.extend_from_slice(&knot.input.to_le_bytes());
                cells.extend_from_slice(&knot.enough.to_le_bytes());
            }
            cells.extend(learned.seats.iter().flat_map(|seats| seats.to_bytes()));
        }
        bytes.extend_from_slice(&cells);
        bytes.extend_from_slice(&tail);
        let total = bytes.len() as u64;
        bytes[TOTAL_AT..TOTAL_AT + 8].copy_from_slice(&total.to_le_bytes());
        // The hash covers all but itself.
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes[..HASH_AT]).update(&bytes[HEADER..]);
        bytes[HASH_AT..HEADER].copy_from_slice(hasher.finalize().as_bytes());
        bytes
    }

    /// Writes `bytes` beside `path` and renames them into place.
    pub fn publish(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    }

    /// Reads and checks the whole file at once.
    pub fn load(path: &Path) -> Result<Snapshot, SnapshotError> {
        let mut loading = Loading::begin(path)?;
        loop {
            if let Some(snapshot) = loading.advance(usize::MAX)? {
                return Ok(snapshot);
            }
        }
    }

    /// Every entry, sorted by key.
    pub fn entries(&self) -> impl Iterator<Item = (Key, Learned)> + '_ {
        (0..self.entries).map(|index| (self.key_at(index), self.learned_at(index)))
    }

    /// How many kinds are known.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// How far the store counts in it.
    pub fn watermark(&self) -> Watermark {
        self.watermark
    }

    /// Who is who.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    fn word(&self, at: usize) -> u32 {
        u32_at(&self.bytes, at)
    }

    fn key_at(&self, index: usize) -> Key {
        Key(u64_at(&self.bytes, HEADER + index * ENTRY))
    }

    fn learned_at(&self, index: usize) -> Learned {
        let at = HEADER + index * ENTRY + 8;
        let [first, for_memory, for_time, for_seats] =
            [32, 36, 40, 44].map(|to| self.word(at + to) as usize);
        let curve = |first, count| Curve(self.cells(first, count, knot).unwrap_or_default());
        let [time, seats] = [for_memory, for_memory.saturating_add(for_time)]
            .map(|before| first.saturating_add(before));
        Learned {
            evidence: Evidence {
                runs: self.word(at),
                max_mib: self.word(at + 4),
                p99_mib: self.word(at + 8),
                cores: f32::from_bits(self.word(at + 12)),
                longest_s: self.word(at + 16),
                shadow_mib: self.word(at + 20),
                enough_mib: self.word(at + 24),
                enough_s: self.word(at + 28),
            },
            memory: curve(first, for_memory),
            time: curve(time, for_time),
            seats: self
                .cells(seats, for_seats, SeatUse::from_bytes)
                .unwrap_or_default(),
        }
    }

    fn cells<T>(&self, first: usize, count: usize, read: fn([u8; CELL]) -> T) -> Option<Vec<T>> {
        let start = HEADER + self.entries * ENTRY + first.checked_mul(CELL)?;
        let cells = self.bytes.get(start..)?.get(..count.checked_mul(CELL)?)?;
        Some(cells.as_chunks().0.iter().map(|cell| read(*cell)).collect())
    }

    /// What is known about licenses of the most specific kind with at least `min_runs` watched runs.
    pub fn seats(&self, kind: &Kind, min_runs: u32) -> Vec<SeatUse> {
        let enough = |seats: &Vec<SeatUse>| seats.iter().any(|s| u32::from(s.watched) >= min_runs);
        let known = |(_, key)| Some(self.learned_at(self.position(key)?).seats);
        kind.keys()
            .filter_map(known)
            .find(enough)
            .unwrap_or_default()
    }

    fn position(&self, key: Key) -> Option<usize> {
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.key_at(middle).cmp(&key) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

fn knot(cell: [u8; CELL]) -> Knot {
    Knot {
        input: f32::from_bits(u32_at(&cell, 0)),
        enough: f32::from_bits(u32_at(&cell, 4)),
    }
}

impl KnownKinds for Snapshot {
    fn find(&self, key: Key, input_bytes: Option<u64>) -> Option<Evidence> {
        let position = self.position(key)?;
        Some(self.learned_at(position).for_input(input_bytes))
    }
}

/// `first_cell` is the number of cells before this entry's.
fn push_entry(bytes: &mut Vec<u8>, key: Key, learned: &Learned, first_cell: usize) {
    let evidence = &learned.evidence;
    bytes.extend_from_slice(&key.0.to_le_bytes());
    for word in [
        evidence.runs,
        evidence.max_mib,
        evidence.p99_mib,
        evidence.cores.to_bits(),
        evidence.longest_s,
        evidence.shadow_mib,
        evidence.enough_mib,
        evidence.enough_s,
        first_cell as u32,
        learned.memory.0.len() as u32,
        learned.time.0.len() as u32,
        learned.seats.len() as u32,
    ] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::directory::User;

    fn entries(count: u64) -> Vec<(Key, Learned)> {
        let knot = |n: u64| Knot {
            input: n as f32,
            enough: 0.5 * n as f32,
        };
        (0..count)
            .map(|n| {
                let evidence = Evidence {
                    runs: n as u32,
                    cores: 1.5,
                    shadow_mib: 2 * n as u32,
                    enough_mib: 3 * n as u32,
                    enough_s: 4 * n as u32,
                    ..Evidence::default()
                };
                let learned = Learned {
                    evidence,
                    memory: Curve((0..n % 3).map(knot).collect()),
                    time: Curve((0..n % 5).map(knot).collect()),
                    seats: vec![
                        SeatUse {
                            license: n as u32,
                            watched: 9,
                            used: 3,
                            most: 700
                        };
                        n as usize % 2
                    ],
                };
                (Key(n * 7 + 1), learned)
            })
            .collect()
    }

    fn directory() -> Directory {
        let user = User {
            name: "alice".into(),
            account: Some("physics".into()),
        };
        Directory {
            default_partition: Some("batch".into()),
            users: [(1001, user)].into(),
            licenses: [("matlab".into(), 4)].into(),
        }
    }

    fn write(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshot");
        Snapshot::publish(&path, bytes).unwrap();
        (dir, path)
    }

    #[test]
    fn what_was_written_is_found_again() {
        let entries = entries(1000);
        let through = Watermark {
            jobs: 42,
            shadows: 7,
        };
        let (_dir, path) = write(&Snapshot::encode(entries.iter(), through, &directory()));
        let snapshot = Snapshot::load(&path).unwrap();
        assert_eq!(snapshot.entries().collect::<Vec<_>>(), entries);
        assert_eq!(snapshot.find(Key(8), None), Some(entries[1].1.evidence));
        let with_input = snapshot.find(Key(15), Some(1)).unwrap();
        assert_eq!((with_input.runs, with_input.enough_mib), (2, 1));
        assert_eq!(snapshot.find(Key(9), None), None);
        assert_eq!(snapshot.directory(), &directory());
        assert_eq!(snapshot.watermark(), through);
    }

    #[test]
    fn a_load_in_pieces_gives_the_same() {
        let (_dir, path) = write(&Snapshot::encode(
            entries(100).iter(),
            Watermark::default(),
            &directory(),
        ));
        let mut loading = Loading::begin(&path).unwrap();
        let mut pieces = 0;
        let snapshot = loop {
            pieces += 1;
            if let Some(snapshot) = loading.advance(100).unwrap() {
                break snapshot;
            }
        };
        assert!(pieces > 30, "{pieces}");
        assert_eq!(snapshot.len(), 100);
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        let good = Snapshot::encode(entries(3).iter(), Watermark::default(), &directory());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            let (_dir, path) = write(&bad);
            assert!(Snapshot::load(&path).is_err(), "byte {at}");
        }
        for length in 0..good.len() {
            let (_dir, path) = write(&good[..length]);
            assert!(Snapshot::load(&path).is_err(), "length {length}");
        }
    }
}
