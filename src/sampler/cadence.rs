//! How often what is looked at. A shadow lives for a minute and is looked at all the time; a job may live
//! for days, and must not notice.

use std::time::Duration;

/// Of a shadow or of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// Memory fifty times a second, threads ten times, processes once.
    Shadow,
    /// Memory ten times a second in the first minute, then once, and every five seconds after ten minutes.
    Job,
}

impl Cadence {
    /// Between two looks at memory, after the job has run for `at` seconds.
    pub fn memory(self, at: f32) -> Duration {
        Duration::from_millis(match self {
            Cadence::Shadow => 20,
            Cadence::Job if at < 60.0 => 100,
            Cadence::Job if at < 600.0 => 1000,
            Cadence::Job => 5000,
        })
    }

    /// Seconds between two looks at threads.
    pub fn threads_s(self) -> f32 {
        match self {
            Cadence::Shadow => 0.1,
            Cadence::Job => 1.0,
        }
    }

    /// Seconds between two looks at connections: the kernel walks through a large table for each.
    pub fn network_s(self, at: f32) -> f32 {
        if at < 60.0 { 1.0 } else { 5.0 }
    }

    /// Seconds between two close looks at processes, their files and I/O: a short job is looked at, too.
    pub fn close_s(self, at: f32) -> f32 {
        match self {
            Cadence::Shadow => 1.0,
            Cadence::Job => (at / 2.0).clamp(0.5, 10.0),
        }
    }

    /// Points of the memory curve.
    pub fn points(self) -> usize {
        match self {
            Cadence::Shadow => 12,
            Cadence::Job => 24,
        }
    }
}
