//! What a job's shadow is awaited for, and what it showed.

use super::arguments::Arguments;
use super::array::Extent;
use super::counters::{Ended, ShadowCounters};
use crate::text::units::MIB;
use serde::{Deserialize, Serialize};

/// How long a job waits for a shadow of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// When it was submitted, in seconds since 1970.
    pub since: i64,
    /// When its shadow must have reported; the job starts by itself [`START_GRACE_S`] later.
    pub until: i64,
    /// What the tasks of its array see of that; none where it is no array, and in records of versions that did not know.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub array: Option<Extent>,
    /// What the shadow's arguments must be.
    #[serde(flatten)]
    pub arguments: Arguments,
}

/// Seconds that the agent has, after a shadow's window, to set what was learned.
const START_GRACE_S: i64 = 2;

impl Wait {
    /// Seconds from the submission until the job starts by itself.
    pub fn delay_s(&self) -> u64 {
        (self.starts_at() - self.since).max(0) as u64
    }

    /// When the job starts by itself, in seconds since 1970.
    pub fn starts_at(&self) -> i64 {
        self.until + START_GRACE_S
    }
}

/// What a job needs, as its kind's shadow showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Need {
    /// Memory on its node that is enough, in MiB; never below what the shadow used.
    pub memory_mib: u32,
    /// CPUs that it keeps busy.
    pub cores: f32,
}

/// What a first view of a job showed, in MiB, and what the whole job came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Tells kinds apart.
    pub kind: u64,
    /// Peak in the first half of the view.
    pub half_mib: f64,
    /// Peak in the whole view.
    pub seen_mib: f64,
    /// Peak of the whole job.
    pub peak_mib: f64,
}

impl Observation {
    /// Of a shadow that was cut off, whose job's peak, in bytes, is known by now.
    pub fn of(counters: &ShadowCounters, kind: u64, peak: u64) -> Option<Observation> {
        let cut_off = matches!(counters.ended, Ended::Window | Ended::Settled);
        cut_off.then(|| Observation {
            kind,
            half_mib: counters.half_peak_mib(),
            seen_mib: f64::from(counters.peak_mib),
            peak_mib: peak as f64 / MIB as f64,
        })
    }
}
