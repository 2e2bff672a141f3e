//! scontrol: changing a job that waits, running one again.

use super::{CommandError, Commands, queue};
use crate::counters::Counters;
use crate::job::{Ask, Memory};
use crate::record::{Change, Record};

/// Gives a pending job the memory, CPUs and time that `record` has in force, and the record itself, all
/// in one call. `start_now` also ends a wait for a begin time.
pub fn set(
    commands: &dyn Commands,
    handle: &str,
    ask: &Ask,
    record: &Record,
    start_now: bool,
) -> Result<(), CommandError> {
    let mut arguments = vec!["update".to_owned(), format!("JobId={handle}")];
    match (ask.memory, record.memory_in_force()) {
        (Some(Memory::Node(_)), Some(mib)) => arguments.push(format!("MinMemoryNode={mib}")),
        (Some(Memory::Cpu(_)), Some(mib)) => arguments.push(format!("MinMemoryCPU={mib}")),
        _ => {}
    }
    if let Some(cpus) = record.cpus_in_force().filter(|_| ask.cpus > 1) {
        let total = cpus * u64::from(ask.shape.tasks);
        // Without MinCPUsNode the job keeps the larger number.
        arguments.extend([
            format!("CpusPerTask={cpus}"),
            format!("MinCPUsNode={cpus}"),
            format!("NumCPUs={total}"),
        ]);
    }
    if let Some(time) = record.time.filter(Change::applies) {
        arguments.push(format!("TimeMin={}", time.set));
        if record.limits_time {
            arguments.push(format!("TimeLimit={}", time.set));
        }
    }
    if let Some(comment) = record.to_comment() {
        arguments.push(format!("AdminComment={comment}"));
    }
    if start_now {
        arguments.push("StartTime=now".into());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    commands.run("scontrol", &arguments).map(drop)
}

/// Gives a pending job this time limit, in minutes, which nothing may shorten.
pub fn limit_time(commands: &dyn Commands, handle: &str, minutes: u64) -> Result<(), CommandError> {
    let (job, limit, least) = (
        format!("JobId={handle}"),
        format!("TimeLimit={minutes}"),
        format!("TimeMin={minutes}"),
    );
    commands
        .run("scontrol", &["update", &job, &limit, &least])
        .map(drop)
}

/// Gives a pending job these licenses; empty for none.
pub fn license(commands: &dyn Commands, handle: &str, licenses: &str) -> Result<(), CommandError> {
    let (job, licenses) = (format!("JobId={handle}"), format!("Licenses={licenses}"));
    commands
        .run("scontrol", &["update", &job, &licenses])
        .map(drop)
}

/// Sets a job's AdminComment; refused once the job has ended.
pub fn comment(commands: &dyn Commands, handle: &str, comment: &str) -> Result<(), CommandError> {
    let (job, comment) = (format!("JobId={handle}"), format!("AdminComment={comment}"));
    commands
        .run("scontrol", &["update", &job, &comment])
        .map(drop)
}

/// Joins what a job did to its record: read and written once, while the job is ending. A comment that
/// somebody else uses is left alone.
pub fn join_profile(
    commands: &dyn Commands,
    job: &str,
    profile: Counters,
) -> Result<(), CommandError> {
    let record = queue::record_of(commands, job)?;
    let joined = Record::with_profile(record, profile).to_comment();
    joined.map_or(Ok(()), |text| comment(commands, job, &text))
}

/// Lets a job that waits begin `delay_s` seconds from now at the earliest, and notes that in its record.
pub fn delay(
    commands: &dyn Commands,
    handle: &str,
    delay_s: u64,
    record: &Record,
) -> Result<(), CommandError> {
    let comment = record.to_comment().unwrap_or_default();
    let arguments = [
        "update".to_owned(),
        format!("JobId={handle}"),
        format!("StartTime=now+{delay_s}seconds"),
        format!("AdminComment={comment}"),
    ];
    commands
        .run("scontrol", &arguments.each_ref().map(String::as_str))
        .map(drop)
}

/// Cancels a job.
pub fn cancel(commands: &dyn Commands, handle: &str) -> Result<(), CommandError> {
    commands.run("scancel", &[handle]).map(drop)
}

/// Puts a job that has ended back into the queue.
pub fn requeue(commands: &dyn Commands, handle: &str) -> Result<(), CommandError> {
    commands.run("scontrol", &["requeue", handle]).map(drop)
}

/// Gives a job that waits in vain its dependency anew, so that slurmctld looks at it again.
pub fn depend(commands: &dyn Commands, handle: &str, dependency: &str) -> Result<(), CommandError> {
    let (job, dependency) = (
        format!("JobId={handle}"),
        format!("Dependency={dependency}"),
    );
    commands
        .run("scontrol", &["update", &job, &dependency])
        .map(drop)
}
