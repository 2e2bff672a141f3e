//! scontrol: changing a job that waits, running one again.

use super::{CommandError, Commands, queue};
use crate::job::counters::JobCounters;
use crate::job::{Ask, Memory};
use crate::record::{Change, Record};

/// Gives a pending job what `record` has in force instead of what `before` had, and the record itself,
/// all in one call. `start_now` also ends a wait for a begin time.
pub fn set(
    commands: &dyn Commands,
    handle: &str,
    ask: &Ask,
    before: &Record,
    record: &Record,
    start_now: bool,
) -> Result<(), CommandError> {
    let mut changes = sizes(ask, record);
    changes.extend(times(before, record));
    if let Some(licenses) = before.licenses.as_ref().filter(|_| before.relicenses())
        && !record.relicenses()
    {
        changes.push(format!("Licenses={}", licenses.asked));
    }
    if let Some(comment) = record.to_comment() {
        changes.push(format!("AdminComment={comment}"));
    }
    if start_now {
        changes.push("StartTime=now".into());
    }
    update(commands, handle, &changes)
}

/// Memory and CPUs.
fn sizes(ask: &Ask, record: &Record) -> Vec<String> {
    let mut changes = Vec::new();
    match (ask.memory, record.memory_in_force()) {
        (Some(Memory::Node(_)), Some(mib)) => changes.push(format!("MinMemoryNode={mib}")),
        (Some(Memory::Cpu(_)), Some(mib)) => changes.push(format!("MinMemoryCPU={mib}")),
        _ => {}
    }
    if let Some(cpus) = record.cpus_in_force().filter(|_| ask.cpus > 1) {
        let total = cpus * u64::from(ask.layout.tasks);
        // Without MinCPUsNode the job keeps the larger number.
        changes.extend([
            format!("CpusPerTask={cpus}"),
            format!("MinCPUsNode={cpus}"),
            format!("NumCPUs={total}"),
        ]);
    }
    changes
}

/// The time limit, and what backfill may shorten it to. Slurm may have shortened it already: what is given
/// back may not be shortened again.
fn times(before: &Record, record: &Record) -> Vec<String> {
    let applied = |record: &Record| record.time.filter(Change::applies);
    match (applied(before), applied(record)) {
        (_, Some(time)) => {
            let limit = record
                .limits_time
                .then(|| format!("TimeLimit={}", time.set));
            let least = format!("TimeMin={}", time.set);
            std::iter::once(least).chain(limit).collect()
        }
        (Some(time), None) => vec![
            format!("TimeLimit={}", time.asked),
            format!("TimeMin={}", time.asked),
        ],
        (None, None) => Vec::new(),
    }
}

fn update(commands: &dyn Commands, handle: &str, changes: &[String]) -> Result<(), CommandError> {
    let job = format!("JobId={handle}");
    let words = ["update", &job].into_iter();
    let words: Vec<&str> = words.chain(changes.iter().map(String::as_str)).collect();
    commands.run("scontrol", &words).map(drop)
}

/// Sets a job's AdminComment; refused once the job has ended.
pub fn comment(commands: &dyn Commands, handle: &str, comment: &str) -> Result<(), CommandError> {
    update(commands, handle, &[format!("AdminComment={comment}")])
}

/// Joins what a job did to its record: read and written once, while the job is ending. A comment that
/// somebody else uses is left alone.
pub fn join_profile(
    commands: &dyn Commands,
    job: &str,
    profile: JobCounters,
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
    let changes = [
        format!("StartTime=now+{delay_s}seconds"),
        format!("AdminComment={comment}"),
    ];
    update(commands, handle, &changes)
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
    update(commands, handle, &[format!("Dependency={dependency}")])
}
