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

#[cfg(test)]
mod tests {
    use super::Cadence::{Job, Shadow};
    use super::*;

    #[test]
    fn a_job_is_looked_at_more_rarely_the_longer_it_runs_and_a_shadow_is_not() {
        // Seconds; milliseconds between looks at memory, seconds between those at connections and processes.
        for (cadence, at, memory, network, close) in [
            (Job, 0.0, 100, 1.0, 0.5),
            (Job, 4.0, 100, 1.0, 2.0),
            (Job, 59.9, 100, 1.0, 10.0),
            (Job, 60.0, 1000, 5.0, 10.0),
            (Job, 599.9, 1000, 5.0, 10.0),
            (Job, 600.0, 5000, 5.0, 10.0),
            (Shadow, 0.0, 20, 1.0, 1.0),
            (Shadow, 59.9, 20, 1.0, 1.0),
            (Shadow, 700.0, 20, 5.0, 1.0),
        ] {
            let seen = (
                cadence.memory(at),
                cadence.network_s(at),
                cadence.close_s(at),
            );
            let expected = (Duration::from_millis(memory), network, close);
            assert_eq!(seen, expected, "{cadence:?} at {at}");
        }
        assert_eq!((Job.threads_s(), Shadow.threads_s()), (1.0, 0.1));
        assert_eq!((Job.points(), Shadow.points()), (24, 12));
    }
}
