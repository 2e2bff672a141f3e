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
