//! What a replay adds up.

use super::{GB, Outcome, PastJob};
use crate::model::margin::SHARES;
use crate::text::units::MIB;
use serde::Serialize;

/// Figures of a replay; memory in GB·h (GB = 10⁹ bytes).
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Jobs.
    pub n: u64,
    /// Jobs of kinds that were not known yet.
    pub cold: u64,
    /// Memory used: peak times run time.
    pub used_gbh: f64,
    /// Jobs of which it is known what they asked for.
    pub asked: u64,
    /// What the users' own requests would have wasted; see [`Figures::of_requests`].
    pub request_waste_gbh: f64,
    /// What the decisions waste.
    pub waste_gbh: f64,
    /// The part of that on kinds that were not known yet.
    pub cold_waste_gbh: f64,
    /// Attempts that would have been killed.
    pub failed_attempts: u64,
    /// What the decisions would waste if a killed job got all that was asked for at once, and attempts killed then.
    pub at_once_waste_gbh: f64,
    /// See `at_once_waste_gbh`.
    pub at_once_failed_attempts: u64,
    /// What the decisions would waste where kinds have to earn trust.
    pub trusted_waste_gbh: f64,
    /// The same if memory were raised for jobs that ask for less than most runs of their kind needed.
    pub raised_waste_gbh: f64,
    /// See `raised_waste_gbh`.
    pub raised_failed_attempts: u64,
    /// Jobs with a killed attempt then.
    pub raised_failed_tasks: u64,
    /// Jobs with such an attempt.
    pub failed_tasks: u64,
    /// What the decisions would waste if nodes lent memory, if that was asked.
    pub lent_waste_gbh: f64,
    /// What they would lend, as if from a job's beginning to its end.
    pub lent_gbh: f64,
    /// Jobs that would outgrow what they were given.
    pub lent_to: u64,
    /// Jobs that would be killed all the same, on average.
    pub lent_killed: f64,
    /// CPUs set and not kept busy, in core hours.
    pub cpu_waste_core_h: f64,
    /// Jobs of kinds that were known, and how many of them stayed under what each of [`SHARES`] was predicted to.
    pub predicted: u64,
    /// See `predicted`.
    pub within: [u64; SHARES.len()],
    /// Jobs whose time limit would have been lowered.
    pub time_set: u64,
    /// Of those, the jobs that would have run out of time.
    pub time_short: u64,
    /// Time limits of those jobs in hours: as their users asked, as they would have been set, and as used.
    pub time_h: [f64; 3],
}

impl Figures {
    /// A figure that stands on what jobs asked for, if that is known of any of them.
    pub fn of_requests(&self, figure: f64) -> Option<f64> {
        (self.asked > 0).then_some(figure)
    }

    /// Shares of the jobs of known kinds that stayed under what each of [`SHARES`] was predicted to, in percent:
    /// the nearer to those shares, the better calibrated.
    pub fn coverage_pct(&self) -> [f64; SHARES.len()] {
        self.within
            .map(|within| 100.0 * within as f64 / self.predicted.max(1) as f64)
    }

    /// Share of jobs with a killed attempt, in percent.
    pub fn failed_tasks_pct(&self) -> f64 {
        100.0 * self.failed_tasks as f64 / self.n.max(1) as f64
    }

    /// Memory set, killed attempts included, for each GB·h that was used.
    pub fn mean_over_allocation(&self) -> f64 {
        (self.waste_gbh + self.used_gbh) / self.used_gbh
    }

    pub(super) fn add(&mut self, job: &PastJob, outcome: &Outcome) {
        self.n += 1;
        self.cold += u64::from(outcome.cold);
        self.asked += u64::from(job.asked.is_some());
        self.used_gbh += job.peak / GB * job.node_hours();
        self.request_waste_gbh += outcome.request_waste;
        self.waste_gbh += outcome.waste;
        self.cold_waste_gbh += if outcome.cold { outcome.waste } else { 0.0 };
        self.failed_attempts += outcome.failed_attempts;
        self.at_once_waste_gbh += outcome.at_once_waste;
        self.at_once_failed_attempts += outcome.at_once_failed_attempts;
        self.trusted_waste_gbh += outcome.trusted_waste;
        self.raised_waste_gbh += outcome.raised_waste;
        self.raised_failed_attempts += outcome.raised_failed_attempts;
        self.raised_failed_tasks += u64::from(outcome.raised_failed_attempts > 0);
        self.failed_tasks += u64::from(outcome.failed_attempts > 0);
        self.lent_waste_gbh += outcome.lent.map_or(outcome.waste, |lent| lent.waste);
        self.lent_gbh += outcome.lent.map_or(0.0, |lent| lent.lent);
        self.lent_to += u64::from(outcome.lent.is_some_and(|lent| lent.grows));
        let killed = (outcome.failed_attempts.min(1)) as f64;
        self.lent_killed += outcome.lent.map_or(killed, |lent| lent.killed);
        self.cpu_waste_core_h += outcome.cpu_waste;
        if let Some(quantiles) = outcome.quantiles {
            self.predicted += 1;
            for (within, quantile) in self.within.iter_mut().zip(quantiles) {
                *within += u64::from(job.peak <= quantile * MIB as f64);
            }
        }
        if let Some(time) = outcome.time {
            self.time_set += 1;
            self.time_short += u64::from(job.hours * 60.0 > time.set as f64);
            let hours = [time.asked as f64 / 60.0, time.set as f64 / 60.0, job.hours];
            self.time_h
                .iter_mut()
                .zip(hours)
                .for_each(|(sum, hours)| *sum += hours);
        }
    }
}
