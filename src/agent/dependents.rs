//! Jobs that depend on one that runs again go on waiting for it.

use super::Agent;
use crate::slurm::control;
use crate::slurm::queue::{Dependent, Queue};
use std::collections::HashMap;

/// No more are mended in one look: each takes some twenty milliseconds, in which no other job is seen to.
const MOST_MENDED: usize = 500;

/// A second run in one of these states can still fulfil a dependency, or has.
const ALIVE: [&str; 5] = [
    "PENDING",
    "CONFIGURING",
    "RUNNING",
    "COMPLETING",
    "COMPLETED",
];

impl Agent<'_> {
    /// The first run's death has failed the dependencies on it, for good. The second run revives them.
    pub(super) fn mend_dependencies(&mut self, queue: &Queue) {
        let again = queue
            .jobs
            .iter()
            .filter(|job| job.restarts > 0 && ALIVE.contains(&job.state.as_str()));
        // And how often they were started before.
        let again: HashMap<&str, u64> = again
            .flat_map(|job| job.names.iter().map(|name| (name.as_str(), job.restarts)))
            .collect();
        let hour = self.hour();
        let (turn, all) = (&self.turns.dependents, &queue.dependents);
        let had_turn = turn.take(all, queue.is_whole, MOST_MENDED, self.clock, |job| {
            let runs = job.failed().filter_map(|failed| again.get(failed));
            let runs: Vec<_> = runs
                .map(|run| (&job.handle, &job.dependency, run, hour))
                .collect();
            // One that Slurm goes on calling failed is none that can be mended.
            let is_new = runs.iter().any(|run| !self.revived.knows(run));
            if is_new && self.mend(job) {
                for run in &runs {
                    self.revived.is_first(run);
                }
            }
            usize::from(is_new)
        });
        if !had_turn {
            self.events.want_look();
        }
    }

    /// Gives a job its dependency anew, unless its user has changed that since it was seen. Whether it has it, or slurmctld would
    /// refuse that once more.
    fn mend(&self, job: &Dependent) -> bool {
        let Some(handle) = job.still_waits(&self.right_now(&job.handle, job.job_id)) else {
            return false;
        };
        let dependency = job.as_written();
        match control::depend(&self.commands, &handle, &dependency) {
            Ok(()) => {
                tracing::info!(job = handle, dependency, "waits again");
                true
            }
            Err(error) => {
                tracing::error!(job = handle, dependency, "not mended: {error}");
                error.is_refusal()
            }
        }
    }
}
