//! The model in one file: what slurmctld holds in memory.
//!
//! A header, then entries sorted by key, then what belongs to them in cells: the knots of their curves and the
//! seats of licenses; then the directory as JSON. `layout.rs` has every field. The agent writes it beside the
//! old one and renames it, so that a reader sees the old file or the new one.
//!
//! Reading never maps the file: whoever truncates a mapped file would kill slurmctld. It is read
//! piece by piece instead, so that no submission waits for a whole load.

mod layout;
mod loading;
#[cfg(feature = "programs")]
mod publish;

use super::learned::Learned;
use super::predict::KnownKinds;
use super::seats::SeatUse;
use crate::fingerprint::{Key, Kind};
use crate::job::directory::{Directory, Watermark};
use crate::job::evidence::{Evidence, Trust};
use layout::{Cell, Entry, MAGIC, SnapshotHeader, VERSION};
pub use loading::Loading;
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use zerocopy::{FromBytes, IntoBytes};

const HEADER: usize = size_of::<SnapshotHeader>();
const ENTRY: usize = size_of::<Entry>();
const CELL: usize = size_of::<Cell>();
const HASH_AT: usize = offset_of!(SnapshotHeader, hash);
const _: () = assert!(HEADER == 88 && ENTRY == 92 && CELL == 8);
/// A larger file is no snapshot of ours, whatever its header says: 256 MiB.
const MAX_SIZE: u64 = 256 << 20;

/// A complete, checked model.
pub struct Snapshot {
    bytes: Vec<u8>,
    entries: usize,
    watermark: Watermark,
    looked: i64,
    directory: Directory,
}

/// BLAKE3 of all but itself.
fn hash(header: &SnapshotHeader, content: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&header.as_bytes()[..HASH_AT]).update(content);
    hasher.finalize().into()
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
        let directory = serde_json::to_vec(directory).unwrap_or_default();
        let (mut table, mut cells) = (Vec::with_capacity(entries.len()), Vec::new());
        for (key, learned) in entries {
            table.push(Entry::new(*key, learned, cells.len()));
            cells.extend(Cell::of(learned));
        }
        let content = [table.as_bytes(), cells.as_bytes(), &directory].concat();
        let mut header = SnapshotHeader {
            magic: MAGIC,
            version: VERSION.into(),
            directory: (directory.len() as u32).into(),
            total: ((HEADER + content.len()) as u64).into(),
            entries: (table.len() as u64).into(),
            jobs: watermark.jobs.into(),
            shadows: watermark.shadows.into(),
            looked: 0.into(),
            hash: [0; 32],
        };
        header.hash = hash(&header, &content);
        [header.as_bytes(), &content].concat()
    }

    /// How many more jobs of each kind that is not trusted with all of them may be rewritten as they are submitted:
    /// `open` says so by key and by how many may be in all. Returns whether that differs from what was so before.
    pub fn open(&mut self, open: impl Fn(Key, u16) -> u16) -> bool {
        let entries = self.entries;
        let rest = self.bytes.get_mut(HEADER..).unwrap_or_default();
        let Ok((table, _)) = <[Entry]>::mut_from_prefix_with_elems(rest, entries) else {
            return false;
        };
        let mut differs = false;
        for entry in table.iter_mut().filter(|entry| !entry.trust().is_whole()) {
            let may = open(Key(entry.key.get()), entry.left.get());
            differs |= may != entry.open.get();
            entry.open = may.into();
        }
        differs
    }

    /// The file's content, saying that the queue was looked at at `looked`, in seconds since 1970.
    pub fn sealed(&mut self, looked: i64) -> &[u8] {
        self.looked = looked;
        if let Ok((header, content)) = SnapshotHeader::mut_from_prefix(&mut self.bytes) {
            header.looked = looked.into();
            header.hash = hash(header, content);
        }
        &self.bytes
    }

    /// How far a kind is trusted; `None` for one that is not known.
    pub fn trust(&self, key: Key) -> Option<Trust> {
        Some(self.entry(key)?.trust())
    }

    /// When the queue was looked at, in seconds since 1970; 0: it was not.
    pub fn looked(&self) -> i64 {
        self.looked
    }

    /// Some kind that is not trusted with all of its jobs may have more of them rewritten as they are submitted.
    pub fn is_open(&self) -> bool {
        let mut table = self.table().iter();
        table.any(|entry| !entry.trust().is_whole() && entry.open.get() > 0)
    }

    /// What [`Snapshot::encode`] gave.
    pub fn read(bytes: Vec<u8>) -> Result<Snapshot, String> {
        loading::read(bytes)
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
        let cells = self.cells();
        let kinds = self.table().iter();
        kinds.map(|entry| (Key(entry.key.get()), entry.learned(cells)))
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

    fn table(&self) -> &[Entry] {
        let rest = self.bytes.get(HEADER..).unwrap_or_default();
        let table = <[Entry]>::ref_from_prefix_with_elems(rest, self.entries);
        table.map_or(&[], |(table, _)| table)
    }

    /// All behind the entries; what is no whole cell is the directory's.
    fn cells(&self) -> &[Cell] {
        let rest = self.bytes.get(HEADER + self.entries * ENTRY..);
        let rest = rest.unwrap_or_default();
        let cells = <[Cell]>::ref_from_prefix_with_elems(rest, rest.len() / CELL);
        cells.map_or(&[], |(cells, _)| cells)
    }

    fn entry(&self, key: Key) -> Option<&Entry> {
        let table = self.table();
        let position = table.binary_search_by_key(&key.0, |entry| entry.key.get());
        table.get(position.ok()?)
    }

    fn learned(&self, key: Key) -> Option<Learned> {
        Some(self.entry(key)?.learned(self.cells()))
    }

    /// What is known about licenses of the most specific kind with at least `min_runs` watched runs.
    pub fn seats(&self, kind: &Kind, min_runs: u32) -> Vec<SeatUse> {
        let enough = |seats: &Vec<SeatUse>| seats.iter().any(|s| u32::from(s.watched) >= min_runs);
        let known = |(_, key)| Some(self.learned(key)?.seats);
        kind.keys()
            .filter_map(known)
            .find(enough)
            .unwrap_or_default()
    }
}

impl KnownKinds for Snapshot {
    fn find(&self, key: Key, input_bytes: Option<u64>) -> Option<Evidence> {
        Some(self.learned(key)?.for_input(input_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::directory::User;
    use crate::model::curve::{Curve, Knot};

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
                    lent_to_mib: 2 * n as u32,
                    enough_s: 4 * n as u32,
                    half_mib: 7 * n as u32,
                    named_mib: 8 * n as u32,
                    named_cpus: 9 * n as u32,
                    goes_on: n % 2 == 1,
                    ..Evidence::default()
                };
                let learned = Learned {
                    evidence,
                    memory: Curve((0..n % 3).map(knot).collect()),
                    lent_share: 0.25 * n as f32,
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
                    last: 5 * n as u32,
                    owner: 6 * n as u32,
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
            exclusive_partitions: ["whole".into()].into(),
            partitions_without_memory: ["cores".into()].into(),
            times_s: [("cores".into(), 3600)].into(),
            least_cpus: vec![4],
            ..Directory::default()
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
    fn what_is_open_is_written_over_and_sealed_anew() {
        let mut entries = entries(6);
        let left = |n: usize| match n {
            0 => Trust::ALL,
            n => Trust {
                left: n as u16,
                open: 0,
            },
        };
        for (n, (_, learned)) in entries.iter_mut().enumerate() {
            learned.evidence.trust = left(n);
        }
        let bytes = Snapshot::encode(entries.iter(), Watermark::default(), &directory());
        let mut snapshot = Snapshot::read(bytes.clone()).unwrap();
        assert!(!snapshot.is_open() && snapshot.looked() == 0);
        assert!(!snapshot.open(|_, _| 0));
        assert!(snapshot.open(|key, left| left - u16::from(key == entries[1].0)));
        let (_dir, path) = write(snapshot.sealed(77));
        let read = Snapshot::load(&path).unwrap();
        assert!(read.is_open() && read.looked() == 77);
        let trusts = |n: usize| read.find(entries[n].0, None).unwrap().trust;
        assert_eq!(trusts(0), Trust::ALL);
        assert_eq!(trusts(1), Trust { left: 1, open: 0 });
        assert_eq!(trusts(5), Trust { left: 5, open: 5 });
        assert_eq!(read.trust(Key(9)), None);
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            assert!(Snapshot::read(bad).is_err(), "byte {at}");
            assert!(Snapshot::read(bytes[..at].to_vec()).is_err(), "length {at}");
        }
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
