//! How a replay went, for plots: some points of it, evenly spread, however many jobs there are.

use super::{Figures, GB, PastJob};

/// More points than this show nothing more to the eye.
const MOST: usize = 4000;

/// One decision and what had come together until then. Memory in GB (10⁹ bytes).
#[derive(Debug, Clone, Copy)]
pub struct CoursePoint {
    /// Jobs decided so far.
    pub jobs: u64,
    /// What this job used at its peak, in GB.
    pub used: f64,
    /// What it was given at first, in GB.
    pub set: f64,
    /// What its user asked for, in GB.
    pub asked: Option<f64>,
    /// GB·h that the requests would have wasted so far.
    pub request_waste: f64,
    /// GB·h that the decisions have wasted so far.
    pub waste: f64,
}

/// Some of the points.
#[derive(Debug, Default)]
pub struct Course {
    points: Vec<CoursePoint>,
    /// Every so many jobs one is kept, as a power of two.
    stride: u32,
}

impl Course {
    /// Every point that was kept, in order.
    pub fn points(&self) -> &[CoursePoint] {
        &self.points
    }

    pub(super) fn add(&mut self, so_far: &Figures, job: &PastJob, set: f64) {
        if !so_far.n.is_multiple_of(1 << self.stride) {
            return;
        }
        self.points.push(CoursePoint {
            jobs: so_far.n,
            used: job.peak / GB,
            set: set / GB,
            asked: job.asked.map(|bytes| bytes / GB),
            request_waste: so_far.request_waste_gbh,
            waste: so_far.waste_gbh,
        });
        if self.points.len() == MOST {
            self.stride += 1;
            let kept = 1 << self.stride;
            self.points.retain(|point| point.jobs % kept == 0);
        }
    }
}
