//! scontrol: changing a job that waits, running one again.

use super::{CommandError, Commands, queue};
use crate::job::counters::JobCounters;
use crate::job::{Ask, Memory};
use crate::record::{Change, Record};

/// Gives a pending job what `record` has in force instead of what `before` had, and the record itself,
/// all in one call; nothing where AdminComment has no room for the record. `start_now` also ends a wait for a begin time.
///
/// Slurm asks no limit of a job (QOS, association) for what an operator has set in it. With `user`, a number, the change is
/// that user's own, and its limits hold; the record, an operator's, is written before, so that no job is smaller than it
/// says, and taken back where the change certainly was not made.
pub fn set(
    commands: &dyn Commands,
    handle: &str,
    ask: &Ask,
    before: &Record,
    record: &Record,
    start_now: bool,
    user: Option<u32>,
) -> Result<(), CommandError> {
    let mut changes = sizes(ask, before, record);
    changes.extend(times(before, record));
    if let Some(licenses) = before.licenses.as_ref().filter(|_| before.relicenses())
        && !record.relicenses()
    {
        changes.push(format!("Licenses={}", licenses.asked));
    }
    let note = noting(handle, record)?;
    let start = start_now.then(|| "StartTime=now".to_owned());
    let Some(user) = user else {
        return update(
            commands,
            handle,
            &[changes, vec![note], Vec::from_iter(start)].concat(),
        );
    };
    update(commands, handle, &[note])?;
    changes.extend(start);
    if changes.is_empty() {
        return Ok(());
    }
    let set = update_as(commands, &[&format!("--uid={user}")], handle, &changes);
    if set.as_ref().is_err_and(|error| !error.is_unclear())
        && let Ok(note) = noting(handle, before)
    {
        // It stands above what has happened.
        let _is_as_it_was = update(commands, handle, &[note]);
    }
    set
}

/// Memory, and CPUs where they are to be others: what is not changed may have been changed by hand.
fn sizes(ask: &Ask, before: &Record, record: &Record) -> Vec<String> {
    let mut changes = Vec::new();
    match (ask.memory, record.memory_in_force()) {
        (Some(Memory::Node(_)), Some(mib)) => changes.push(format!("MinMemoryNode={mib}")),
        (Some(Memory::Cpu(_)), Some(mib)) => changes.push(format!("MinMemoryCPU={mib}")),
        _ => {}
    }
    let are_others = before.cpus_in_force() != record.cpus_in_force();
    if let Some(cpus) = record.cpus_in_force().filter(|_| are_others) {
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
        (Some(old), Some(new)) if old.set == new.set => Vec::new(),
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
    update_as(commands, &[], handle, changes)
}

fn update_as(
    commands: &dyn Commands,
    whose: &[&str],
    handle: &str,
    changes: &[String],
) -> Result<(), CommandError> {
    let job = format!("JobId={handle}");
    let words = whose.iter().copied().chain(["update", &job]);
    let words: Vec<&str> = words.chain(changes.iter().map(String::as_str)).collect();
    commands.run("scontrol", &words).map(drop)
}

/// Sets a job's AdminComment; refused once the job has ended.
pub fn comment(commands: &dyn Commands, handle: &str, comment: &str) -> Result<(), CommandError> {
    update(commands, handle, &[format!("AdminComment={comment}")])
}

/// Joins what a job did to its record: read and written once, while the job is ending. A comment that
/// somebody else uses is left alone. A run whose memory killed something of it is put back into the queue where its record
/// wants that: slurmctld has not heard of its end yet, and so nobody ever sees one.
pub fn join_profile(
    commands: &dyn Commands,
    job: &str,
    profile: JobCounters,
) -> Result<(), CommandError> {
    let ending = queue::ending(commands, job)?;
    let joined = Record::with_profile(ending.record, profile);
    let is_put_back = ending.is_running && joined.is_put_back(ending.restarts);
    let joined = Record {
        put_back: is_put_back.then_some(ending.started),
        ..joined
    };
    let Some(text) = joined.to_comment() else {
        return Ok(());
    };
    comment(commands, &ending.handle, &text)?;
    match is_put_back {
        true => put_back(commands, &ending.handle),
        false => Ok(()),
    }
}

/// Lets a job that waits begin `delay_s` seconds from now at the earliest, and notes that in its record.
pub fn delay(
    commands: &dyn Commands,
    handle: &str,
    delay_s: u64,
    record: &Record,
) -> Result<(), CommandError> {
    let mut changes = vec![format!("StartTime=now+{delay_s}seconds")];
    changes.push(noting(handle, record)?);
    update(commands, handle, &changes)
}

/// Lets a job that waits begin now with what it has, and notes that in its record where there is room.
pub fn start(commands: &dyn Commands, handle: &str, record: &Record) -> Result<(), CommandError> {
    let mut changes = Vec::from_iter(noting(handle, record));
    changes.push("StartTime=now".into());
    update(commands, handle, &changes)
}

/// A record without which nothing is changed: a job with sizes of ours and none could be harmed, and nobody would know by whom. One that is too
/// large goes without its evidence, which only explains it.
fn noting(handle: &str, record: &Record) -> Result<String, CommandError> {
    let without_evidence = || Record {
        evidence: None,
        ..record.clone()
    };
    let comment = record.to_comment();
    let comment = comment.or_else(|| without_evidence().to_comment());
    let comment = comment.ok_or_else(|| CommandError::NoRoom(handle.to_owned()))?;
    Ok(format!("AdminComment={comment}"))
}

/// Cancels a job.
pub fn cancel(commands: &dyn Commands, handle: &str) -> Result<(), CommandError> {
    commands.run("scancel", &[handle]).map(drop)
}

/// Puts a job that has ended, or runs, back into the queue.
pub fn requeue(commands: &dyn Commands, handle: &str) -> Result<(), CommandError> {
    commands.run("scontrol", &["requeue", handle]).map(drop)
}

/// Puts a job back whose end slurmctld has not heard of; nothing where it has ended meanwhile, as one that its user cancelled.
fn put_back(commands: &dyn Commands, handle: &str) -> Result<(), CommandError> {
    commands
        .run("scontrol", &["requeue", "incomplete", handle])
        .map(drop)
}

/// Gives a job that waits in vain its dependency anew, so that slurmctld looks at it again.
pub fn depend(commands: &dyn Commands, handle: &str, dependency: &str) -> Result<(), CommandError> {
    update(commands, handle, &[format!("Dependency={dependency}")])
}

#[cfg(test)]
mod tests;
