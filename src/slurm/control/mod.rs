//! scontrol: changing a job that waits, running one again.

use super::queue::{self, Now, QueuedJob};
use super::{CommandError, Commands};
use crate::job::Memory;
use crate::job::counters::JobCounters;
use crate::record::{Change, Record};

/// How a job that waits is changed.
#[derive(Debug, Clone, Copy, Default)]
pub struct How<'a> {
    /// A wait for a begin time ends, too.
    pub start_now: bool,
    /// The change is that user's own, and its limits hold: Slurm asks no limit of a job (QOS, association) for what an operator
    /// has set in it. The record is an operator's in any case.
    pub user: Option<u32>,
    /// What the job has right now: what of it is more than it would get stays.
    pub above: Option<&'a Now>,
}

/// Gives a pending job what `record` has in force instead of what its own record has, and the record itself; nothing where
/// AdminComment has no room for that.
///
/// slurmctld changes one thing after the other, task by task, and stops at the first that it refuses; and whoever asks for it
/// may be ended between two calls. So the record never tells of more than the job has: of less it tells before, of more
/// after, and only then the job starts.
pub fn set(
    commands: &dyn Commands,
    job: &QueuedJob,
    record: &Record,
    how: How,
) -> Result<(), CommandError> {
    let handle = &job.handle;
    let changes = changes(&job.record, record, how.above);
    let note = noting(handle, record)?;
    let start = Vec::from_iter(how.start_now.then(|| "StartTime=now".to_owned()));
    let lesser = lesser(&job.record, record);
    let first = lesser.as_ref().map(|lesser| noting(handle, lesser));
    let first = first.transpose()?;
    let is_less = first.as_ref() == Some(&note);
    if changes.is_empty() || (is_less && how.user.is_none()) {
        return update(commands, handle, &[changes, vec![note], start].concat());
    }
    if let Some(first) = first {
        update(commands, handle, &[first])?;
    }
    let (own, after) = match is_less {
        true => ([changes, start].concat(), None),
        false => (changes, Some([vec![note], start].concat())),
    };
    let set = update_as(commands, how.user, handle, &own);
    if let (Err(error), Some(lesser)) = (&set, &lesser)
        && !error.is_unclear()
    {
        take_back(commands, job, lesser);
    }
    set?;
    after.map_or(Ok(()), |after| update(commands, handle, &after))
}

/// The record of a job that has the lesser of both in all; `None` where it gets no less of anything, as for another run
/// after one that was harmed.
fn lesser(before: &Record, record: &Record) -> Option<Record> {
    // What was not asked for is not limited.
    let most = |value: Option<u64>| value.unwrap_or(u64::MAX);
    let pairs = [
        (before.memory_in_force(), record.memory_in_force()),
        (before.cpus_in_force(), record.cpus_in_force()),
        (before.time_in_force(), record.time_in_force()),
    ]
    .map(|(old, new)| (most(old), most(new)));
    let [memory, cpus, time] = pairs.map(|(old, new)| new > old);
    let licenses = before.relicenses() && !record.relicenses();
    let is_less = pairs.iter().any(|(old, new)| new < old);
    let is_more = memory || cpus || time || licenses;
    let is_of_another_run = record.given_back || record.again.is_some();
    let of = |rises: bool| if rises { before } else { record };
    (!is_of_another_run && (is_less || !is_more)).then(|| Record {
        memory: of(memory).memory,
        raised: of(memory).raised,
        cpus: of(cpus).cpus,
        time: of(time).time,
        limits_time: of(time).limits_time,
        licenses: of(licenses).licenses.clone(),
        ..record.clone()
    })
}

/// Of a change that was refused a part may have been made, or all of it to some tasks. Those that still have what they had are
/// noted so, as far as squeue shows it: it does not show TimeMin. The others have no less than `noted` says.
fn take_back(commands: &dyn Commands, job: &QueuedJob, noted: &Record) {
    let Ok(seen) = queue::now(commands, &job.handle, job.job_id) else {
        return;
    };
    let is_unchanged = |now: &Now| has(now, &job.record, noted);
    let Some((unchanged, _)) = queue::part_of(job, &seen, is_unchanged) else {
        return;
    };
    let as_it_was = Record {
        time: noted.time,
        limits_time: noted.limits_time,
        ..job.record.clone()
    };
    if let Ok(note) = noting(&unchanged.handle, &as_it_was) {
        let _it_has_more_than_is_noted = update(commands, &unchanged.handle, &[note]);
    }
}

/// The memory that `before` has in force, and its CPUs where those were to be changed.
fn has(now: &Now, before: &Record, noted: &Record) -> bool {
    let cpus = before.cpus_in_force();
    let tasks = before.asked.map_or(1, |asked| asked.layout.tasks);
    let has_cpus = || {
        now.cpus.is_none_or(|now| Some(now) == cpus)
            && now.all_cpus == cpus.map(|cpus| cpus * u64::from(tasks))
    };
    now.memory.filter(|&mib| mib > 0) == before.memory_in_force()
        && (cpus == noted.cpus_in_force() || has_cpus())
}

fn changes(before: &Record, record: &Record, above: Option<&Now>) -> Vec<String> {
    let had = before.memory_in_force();
    let by_hand = above
        .and_then(|now| now.memory)
        .filter(|mib| Some(*mib) != had);
    let mut changes = sizes(before, record, by_hand);
    changes.extend(times(before, record, above.and_then(|now| now.limit_min)));
    if let Some(licenses) = before.licenses.as_ref().filter(|_| before.relicenses())
        && !record.relicenses()
    {
        changes.push(format!("Licenses={}", licenses.asked));
    }
    changes
}

/// Memory, but for less than somebody has set `by_hand`, and CPUs where they are to be others: what is not changed may have
/// been changed by hand.
fn sizes(before: &Record, record: &Record, by_hand: Option<u64>) -> Vec<String> {
    let mut changes = Vec::new();
    let Some(ask) = record.asked else {
        return changes;
    };
    let memory = record.memory_in_force();
    match (
        ask.memory,
        memory.filter(|&mib| by_hand.is_none_or(|by_hand| mib > by_hand)),
    ) {
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
/// back may not be shortened again. A limit of `least_min` that somebody has raised since is not lowered.
fn times(before: &Record, record: &Record, least_min: Option<u64>) -> Vec<String> {
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
        (Some(time), None) => {
            let limit = least_min
                .is_none_or(|least| time.asked > least)
                .then(|| format!("TimeLimit={}", time.asked));
            let least = format!("TimeMin={}", time.asked);
            limit.into_iter().chain([least]).collect()
        }
        (None, None) => Vec::new(),
    }
}

fn update(commands: &dyn Commands, handle: &str, changes: &[String]) -> Result<(), CommandError> {
    update_as(commands, None, handle, changes)
}

fn update_as(
    commands: &dyn Commands,
    user: Option<u32>,
    handle: &str,
    changes: &[String],
) -> Result<(), CommandError> {
    let job = format!("JobId={handle}");
    let whose = user.map(|user| format!("--uid={user}"));
    let words = whose.as_deref().into_iter().chain(["update", &job]);
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
