//! The arguments that a job was submitted with, from where its release of Slurm still knows them.
//!
//! Up to 24.05 squeue shows them behind the command. From 24.11 on accounting has the line that was submitted.

use super::super::{CommandError, Commands, Limits, json};
use super::{Original, unreadable};
use crate::job::arguments::Arguments;
use serde_json::Value;

/// Never measured with others: the figures would be another job's.
pub(super) const NOT_ITS_ARGUMENTS: &str =
    "Slurm does not report the arguments that it was submitted with";

/// So many seconds accounting may take to show one job, which waits meanwhile.
const TIMEOUT_S: u32 = 20;

/// The arguments of `job`, which are to be `wanted`; `None` while accounting does not know the job yet.
pub(super) fn find(
    commands: &dyn Commands,
    job: &Original,
    wanted: &Arguments,
) -> Result<Option<Vec<String>>, CommandError> {
    if let Some(found) = wanted.find(&job.line) {
        return Ok(Some(found));
    }
    let lines = lines_in_accounting(commands, job)?;
    match lines.iter().find_map(|line| wanted.find(line)) {
        Some(found) => Ok(Some(found)),
        None if lines.is_empty() => Ok(None),
        None => Err(unreadable(&job.handle, NOT_ITS_ARGUMENTS.into())),
    }
}

/// As sbatch was called, for each job that had this number.
fn lines_in_accounting(
    commands: &dyn Commands,
    job: &Original,
) -> Result<Vec<String>, CommandError> {
    let id = job.script_id.to_string();
    let which = ["--json", "--allocations", "--jobs", &id];
    let output = commands.run_within(Limits::time(TIMEOUT_S), "sacct", &which)?;
    let answer =
        json::first(&output).map_err(|error| unreadable(&job.handle, format!("sacct: {error}")))?;
    let jobs = answer["jobs"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |job: &Value| job["submit_line"].as_str().unwrap_or_default().to_owned();
    Ok(jobs.iter().map(line).collect())
}
