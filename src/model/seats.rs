//! How many seats of a license the runs of a kind of job held.

use xxhash_rust::xxh3::xxh3_64;

/// A license, known by a hash of its name, and what the latest watched runs of one kind did with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeatUse {
    /// See [`id`].
    pub license: u32,
    /// Completed runs that were watched, up to 255.
    pub watched: u8,
    /// Of those, the runs that held a seat.
    pub used: u8,
    /// Most seats held at the same time.
    pub most: u16,
}

/// The short form of a license's name.
pub fn id(name: &str) -> u32 {
    xxh3_64(name.as_bytes()) as u32
}

impl SeatUse {
    /// Eight bytes of a snapshot.
    pub fn to_bytes(self) -> [u8; 8] {
        let ([a, b, c, d], [e, f]) = (self.license.to_le_bytes(), self.most.to_le_bytes());
        [a, b, c, d, self.watched, self.used, e, f]
    }

    /// The same the other way round.
    pub fn from_bytes([a, b, c, d, watched, used, e, f]: [u8; 8]) -> SeatUse {
        SeatUse {
            license: u32::from_le_bytes([a, b, c, d]),
            watched,
            used,
            most: u16::from_le_bytes([e, f]),
        }
    }
}
