//! What was learned about one kind of job.

use super::curve::Curve;
use super::seats::SeatUse;
use crate::job::evidence::Evidence;
use xxhash_rust::xxh3::xxh3_64;

/// What was learned about one kind of job: what its runs used, and how that follows their input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Learned {
    /// For a job whose input is not known.
    pub evidence: Evidence,
    /// Memory in MiB that is enough, by the input's size.
    pub memory: Curve,
    /// The share of `memory` that is enough for a job that its nodes lend more.
    pub lent_share: f32,
    /// Run time in seconds that is enough, by the input's size.
    pub time: Curve,
    /// Licenses that its runs were watched for.
    pub seats: Vec<SeatUse>,
    /// When its latest run ended, or its shadow was submitted, in seconds since 1970.
    pub last: u32,
    /// Whose it is: [`owner`], or 0 where it is nobody's alone.
    pub owner: u32,
}

/// A number that tells users apart, well enough to count what is theirs.
pub fn owner(user: &str) -> u32 {
    (xxh3_64(user.as_bytes()) as u32).max(1)
}

impl Learned {
    /// What it means for a job with this much input, in bytes.
    pub fn for_input(&self, input_bytes: Option<u64>) -> Evidence {
        let by_input = |curve: &Curve| input_bytes.and_then(|bytes| curve.at(bytes));
        let or_usual =
            |enough: Option<f64>, usual| enough.map_or(usual, |enough| enough.ceil() as u32);
        let memory = by_input(&self.memory);
        let lent_to = memory.map(|enough| enough * f64::from(self.lent_share));
        Evidence {
            enough_mib: or_usual(memory, self.evidence.enough_mib),
            lent_to_mib: match self.evidence.lent_to_mib {
                0 => 0,
                usual => or_usual(lent_to, usual),
            },
            enough_s: or_usual(by_input(&self.time), self.evidence.enough_s),
            ..self.evidence
        }
    }
}
