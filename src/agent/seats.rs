//! Seats that license managers see: who holds them is matched to running jobs by user, node and time.

use super::Agent;
use super::lmstat::{Checkout, read};
use crate::config::License;
use crate::slurm::queue::QueuedJob;
use anyhow::Result;
use jiff::tz::TimeZone;
use std::collections::HashMap;

/// A seat is of a job that started at most so many seconds after it, the clocks of machines being what they
/// are.
const TOLERANCE_S: i64 = 60;

impl Agent<'_> {
    /// Asks each license manager that is configured, and notes what running jobs hold. One that does not
    /// answer is asked again in the next pass.
    pub(super) fn watch_licenses(&self, jobs: &[QueuedJob]) -> Result<()> {
        let running: Vec<&QueuedJob> = jobs.iter().filter(|job| job.state == "RUNNING").collect();
        // One command often reports many licenses.
        let mut reported: HashMap<&[String], Option<Vec<Checkout>>> = HashMap::new();
        for license in self.config.license.iter().filter(|_| !running.is_empty()) {
            let command = license.lmstat.as_slice();
            let checkouts = reported.entry(command).or_insert_with(|| self.ask(command));
            if let Some(checkouts) = checkouts {
                self.note(license, checkouts, &running)?;
            }
        }
        Ok(())
    }

    fn ask(&self, command: &[String]) -> Option<Vec<Checkout>> {
        let (program, arguments) = command.split_first()?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = self.commands.run(program, &arguments);
        let output = output.inspect_err(|error| tracing::warn!("{error}")).ok()?;
        Some(read(&String::from_utf8_lossy(&output)))
    }

    fn note(
        &self,
        license: &License,
        checkouts: &[Checkout],
        running: &[&QueuedJob],
    ) -> Result<()> {
        let now = self.clock.now();
        let feature = license.feature.as_ref().unwrap_or(&license.name);
        let owners: Vec<(u64, u32)> = checkouts
            .iter()
            .filter(|checkout| checkout.feature == *feature)
            .filter_map(|checkout| Some((owner(checkout, running, now)?, checkout.seats)))
            .collect();
        for job in running {
            let mine = owners.iter().filter(|(owner, _)| *owner == job.job_id);
            let seats = mine.fold(0u32, |sum, (_, seats)| sum.saturating_add(*seats));
            self.store.note_seats(job.job_id, &license.name, seats)?;
        }
        Ok(())
    }
}

/// The job that a seat is held by: of its user's on that node, the one that had started last by then.
fn owner(checkout: &Checkout, running: &[&QueuedJob], now: i64) -> Option<u64> {
    let since = checkout.since(now, &TimeZone::system())?;
    let host = short(&checkout.host);
    let may_be = running.iter().filter(|job| {
        job.user == checkout.user
            && job.started <= since + TOLERANCE_S
            && job.nodes.iter().any(|node| short(node) == host)
    });
    may_be.max_by_key(|job| job.started).map(|job| job.job_id)
}

fn short(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}
