//! `[managers]`: what is done with jobs whose submitter watches them and submits again by itself.

use super::modes::NoRequeue;
use serde::{Deserialize, Serialize};

/// A workflow manager that retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// Its rules.
    Snakemake,
    /// Its processes.
    Nextflow,
    /// Its calls.
    Cromwell,
    /// Its workers.
    Toil,
    /// Its tasks.
    Cylc,
    /// The job's own script, which submits or requeues itself where what it runs fails.
    Itself,
}

/// How far its jobs are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Care {
    /// They keep their request; what would be set is noted.
    Keep,
    /// They are sized, and the manager alone submits again what a rewrite harmed.
    Size,
    /// They are sized, and what dies of its memory is put back by its node before its manager can see an end. What a rewrite
    /// harms otherwise the manager sees, and submits again.
    Early,
    /// They are sized and requeued like all others. Only for managers that do not retry.
    Rescue,
}

/// `[managers]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Managers {
    /// For those not named below.
    pub default: Care,
    /// What is done with those of their jobs that may not be requeued.
    pub no_requeue: NoRequeue,
    /// Snakemake.
    pub snakemake: Option<Care>,
    /// Nextflow.
    pub nextflow: Option<Care>,
    /// Cromwell.
    pub cromwell: Option<Care>,
    /// Toil.
    pub toil: Option<Care>,
    /// Cylc.
    pub cylc: Option<Care>,
    /// Scripts that run again by themselves.
    pub itself: Option<Care>,
}

impl Default for Managers {
    fn default() -> Self {
        Managers {
            default: Care::Keep,
            no_requeue: NoRequeue::Keep,
            snakemake: None,
            nextflow: None,
            cromwell: None,
            toil: None,
            cylc: None,
            itself: None,
        }
    }
}

impl Managers {
    /// For jobs of `manager`; all of it for those of nobody.
    pub fn care(&self, manager: Option<Manager>) -> Care {
        let named = match manager {
            None => Some(Care::Rescue),
            Some(Manager::Snakemake) => self.snakemake,
            Some(Manager::Nextflow) => self.nextflow,
            Some(Manager::Cromwell) => self.cromwell,
            Some(Manager::Toil) => self.toil,
            Some(Manager::Cylc) => self.cylc,
            Some(Manager::Itself) => self.itself,
        };
        named.unwrap_or(self.default)
    }
}
