//! Past jobs from a dump of sacct, plain or gzipped.

use super::trace::open;
use super::{PastJob, past_job};
use crate::agent::Users;
use crate::job::FinishedJob;
use crate::rejects::Rejects;
use crate::slurm::sacct::Reader;
use anyhow::{Context, Result};
use std::collections::HashSet;
use std::io::BufReader;
use std::path::Path;

/// Reads a whole dump. What tells nothing of a job's needs is left out and counted.
pub fn read(path: &Path) -> Result<(Vec<PastJob>, Rejects)> {
    let place = || path.display().to_string();
    let file = BufReader::with_capacity(1 << 20, open(path).with_context(place)?);
    let mut reader = Reader::new(file, None).with_context(place)?;
    let (mut users, mut seen) = (Users::default(), HashSet::new());
    let mut jobs = Vec::new();
    while let Some(job) = reader.next_job().with_context(place)? {
        let example = format!("{} {} {}", job.label, job.name, job.state);
        let taken = if seen.insert((job.job_id, job.submitted)) {
            take(job, &mut users)
        } else {
            Err("the same run again".into())
        };
        match taken {
            Ok(job) => jobs.push(job),
            Err(reason) => reader
                .rejects
                .add(reason, reader.job_line, example.as_bytes()),
        }
    }
    Ok((jobs, reader.rejects))
}

fn take(job: FinishedJob, users: &mut Users) -> Result<PastJob, String> {
    if job.state != "COMPLETED" {
        return Err(format!("{}: it did not show what it needs", job.state));
    }
    if job.started == 0 {
        return Err("it never started".into());
    }
    if job.usage.peak_bytes.is_none() {
        return Err("its memory was not measured".into());
    }
    let (job, kind) = users.with_kind(job).ok_or("a shadow")?;
    past_job(job, kind).ok_or_else(|| "its memory was not measured".into())
}
