//! The snapshot's bytes, field by field; every change raises the version in here.

use crate::fingerprint::Key;
use crate::job::evidence::{Evidence, Trust};
use crate::model::curve::{Curve, Knot};
use crate::model::learned::Learned;
use crate::model::seats::SeatUse;
use zerocopy::little_endian::{F32, I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub const MAGIC: [u8; 8] = *b"shadowft";
/// A snapshot of another version is not read.
pub const VERSION: u32 = 10;

/// The beginning of the file.
#[derive(Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SnapshotHeader {
    pub magic: [u8; 8],
    pub version: U32,
    /// Bytes of the directory, at the end.
    pub directory: U32,
    /// Bytes of the file.
    pub total: U64,
    pub entries: U64,
    /// How far the store counts in it.
    pub jobs: I64,
    pub shadows: I64,
    /// When the queue was looked at, in seconds since 1970; 0: it was not.
    pub looked: I64,
    /// BLAKE3 of all but itself.
    pub hash: [u8; 32],
}

/// A kind of job; the entries are sorted by key.
#[derive(Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Entry {
    pub key: U64,
    runs: U32,
    max_mib: U32,
    p99_mib: U32,
    cores: F32,
    longest_s: U32,
    shadow_mib: U32,
    enough_mib: U32,
    lent_to_mib: U32,
    lent_share: F32,
    enough_s: U32,
    half_mib: U32,
    named_mib: U32,
    named_cpus: U32,
    /// Its first cell, and how many of each sort follow there in this order.
    first_cell: U32,
    memory_knots: U32,
    time_knots: U32,
    seats: U32,
    /// How many of its jobs may be rewritten, and how many more of them as they are submitted.
    pub left: U16,
    pub open: U16,
    last: U32,
    owner: U32,
    /// 1 where its scripts go on after a kill.
    goes_on: U32,
}

/// What belongs to an entry and is there in any number.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Cell([u8; 8]);

#[derive(FromBytes, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct KnotCell {
    input: F32,
    enough: F32,
}

#[derive(FromBytes, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct SeatCell {
    license: U32,
    watched: u8,
    used: u8,
    most: U16,
}

impl Entry {
    /// The entry of a kind whose cells begin at number `first_cell`.
    pub fn new(key: Key, learned: &Learned, first_cell: usize) -> Entry {
        let evidence = &learned.evidence;
        let count = |length: usize| U32::new(length as u32);
        Entry {
            key: key.0.into(),
            runs: evidence.runs.into(),
            max_mib: evidence.max_mib.into(),
            p99_mib: evidence.p99_mib.into(),
            cores: evidence.cores.into(),
            longest_s: evidence.longest_s.into(),
            shadow_mib: evidence.shadow_mib.into(),
            enough_mib: evidence.enough_mib.into(),
            lent_to_mib: evidence.lent_to_mib.into(),
            lent_share: learned.lent_share.into(),
            enough_s: evidence.enough_s.into(),
            half_mib: evidence.half_mib.into(),
            named_mib: evidence.named_mib.into(),
            named_cpus: evidence.named_cpus.into(),
            first_cell: count(first_cell),
            memory_knots: count(learned.memory.0.len()),
            time_knots: count(learned.time.0.len()),
            seats: count(learned.seats.len()),
            left: evidence.trust.left.into(),
            open: evidence.trust.open.into(),
            last: learned.last.into(),
            owner: learned.owner.into(),
            goes_on: u32::from(evidence.goes_on).into(),
        }
    }

    /// What was learned; `cells` are all of the snapshot's.
    pub fn learned(&self, cells: &[Cell]) -> Learned {
        let [first, memory, time, seats] = [
            self.first_cell,
            self.memory_knots,
            self.time_knots,
            self.seats,
        ]
        .map(|number| number.get() as usize);
        let own = cells.get(first..).unwrap_or_default();
        let (memory, own) = own.split_at(memory.min(own.len()));
        let (time, own) = own.split_at(time.min(own.len()));
        let curve = |cells: &[Cell]| Curve(cells.iter().map(Cell::knot).collect());
        Learned {
            evidence: self.evidence(),
            memory: curve(memory),
            lent_share: finite(self.lent_share),
            time: curve(time),
            seats: own.iter().take(seats).map(Cell::seats).collect(),
            last: self.last.get(),
            owner: self.owner.get(),
        }
    }

    fn evidence(&self) -> Evidence {
        Evidence {
            runs: self.runs.get(),
            max_mib: self.max_mib.get(),
            p99_mib: self.p99_mib.get(),
            cores: finite(self.cores),
            longest_s: self.longest_s.get(),
            shadow_mib: self.shadow_mib.get(),
            enough_mib: self.enough_mib.get(),
            lent_to_mib: self.lent_to_mib.get(),
            enough_s: self.enough_s.get(),
            half_mib: self.half_mib.get(),
            named_mib: self.named_mib.get(),
            named_cpus: self.named_cpus.get(),
            goes_on: self.goes_on.get() != 0,
            trust: self.trust(),
        }
    }

    /// How far the kind is trusted.
    pub fn trust(&self) -> Trust {
        Trust {
            left: self.left.get(),
            open: self.open.get(),
        }
    }
}

/// What is no number would make a record that nobody can read.
fn finite(number: F32) -> f32 {
    Some(number.get())
        .filter(|number| number.is_finite())
        .unwrap_or(0.0)
}

impl Cell {
    /// Those of a kind, in order.
    pub fn of(learned: &Learned) -> impl Iterator<Item = Cell> + '_ {
        let knots = learned.memory.0.iter().chain(&learned.time.0);
        let knots = knots.map(|knot| KnotCell {
            input: knot.input.into(),
            enough: knot.enough.into(),
        });
        let seats = learned.seats.iter().map(|seats| SeatCell {
            license: seats.license.into(),
            watched: seats.watched,
            used: seats.used,
            most: seats.most.into(),
        });
        let knots = knots.map(|knot| Cell(zerocopy::transmute!(knot)));
        knots.chain(seats.map(|seats| Cell(zerocopy::transmute!(seats))))
    }

    fn knot(&self) -> Knot {
        let cell: KnotCell = zerocopy::transmute!(self.0);
        Knot {
            input: cell.input.get(),
            enough: cell.enough.get(),
        }
    }

    fn seats(&self) -> SeatUse {
        let cell: SeatCell = zerocopy::transmute!(self.0);
        SeatUse {
            license: cell.license.get(),
            watched: cell.watched,
            used: cell.used,
            most: cell.most.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_no_evidence() {
        for (written, read) in [(1.5, 1.5), (f32::NAN, 0.0), (f32::INFINITY, 0.0)] {
            let mut learned = Learned::default();
            learned.evidence.cores = written;
            let entry = Entry::new(Key(1), &learned, 0);
            assert_eq!(entry.learned(&[]).evidence.cores, read);
        }
    }
}
