//! What was learned about one kind of job.

use super::curve::Curve;
use super::seats::SeatUse;
use crate::job::evidence::Evidence;

/// What was learned about one kind of job: what its runs used, and how that follows their input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Learned {
    /// For a job whose input is not known.
    pub evidence: Evidence,
    /// Memory in MiB that is enough, by the input's size.
    pub memory: Curve,
    /// Run time in seconds that is enough, by the input's size.
    pub time: Curve,
    /// Licenses that its runs were watched for.
    pub seats: Vec<SeatUse>,
}

impl Learned {
    /// What it means for a job with this much input, in bytes.
    pub fn for_input(&self, input_bytes: Option<u64>) -> Evidence {
        let by_input = |curve: &Curve, usual| {
            let enough = input_bytes.and_then(|bytes| curve.at(bytes));
            enough.map_or(usual, |enough| enough.ceil() as u32)
        };
        Evidence {
            enough_mib: by_input(&self.memory, self.evidence.enough_mib),
            enough_s: by_input(&self.time, self.evidence.enough_s),
            ..self.evidence
        }
    }
}
