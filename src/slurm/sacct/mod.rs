//! sacct: what finished jobs used.
//!
//! A job is one allocation row followed by its step rows. Names and comments may hold delimiters
//! and newlines; our own calls therefore use a delimiter that nobody can guess.

mod columns;
mod cut;
mod dump;
mod early;
mod error;
mod header;
mod jobs;
mod json;
mod lines;
mod moment;
mod plausible;
mod row;
mod steps;

use super::{CommandError, Commands, Limits};
use crate::record::{Comment, FinishedJob, Record};
pub use dump::Reader;
pub use error::DumpError;

/// The command that writes a dump which [`Reader`] reads: what finished jobs of the last 90 days used. Both ends are
/// named: asked for by state from a start alone, sacct looks at that moment and finds nothing.
pub fn dump_command() -> String {
    format!(
        "sacct --allusers --duplicates --parsable2 --starttime now-90days --endtime now --state {ENDED} --format {FIELDS}"
    )
}

/// The columns that we ask for, with commas between them, in the order of the answer. No free text comes last: where its
/// newlines end and a record does could not be seen. Tests that answer in sacct's place and `scripts/bench` read this list.
pub const FIELDS: &str = "JobIDRaw,JobID,Submit,Start,End,State,ElapsedRaw,UID,User,Account,Partition,\
                      AllocCPUS,NTasks,ReqMem,MaxRSS,TotalCPU,TRESUsageInTot,AdminComment,Comment,JobName,NNodes,AllocTRES";

/// The states in which a run is over. Asked for by state, sacct looks at when a run ended. Asked for
/// without, it looks at when it became eligible, and passes over runs for which slurmdbd never
/// learned that, as can happen around a restart of slurmctld.
const ENDED: &str = "BOOT_FAIL,CANCELLED,COMPLETED,DEADLINE,FAILED,NODE_FAIL,OUT_OF_MEMORY,\
                     PREEMPTED,REQUEUED,TIMEOUT";

/// What ended in so many seconds is read within this time, also in seconds; what ended in more takes as long as any command
/// may.
const SHORT_S: i64 = 2 * 3600;
const SHORT_TIMEOUT_S: u32 = 60;

/// So long it may take to ask what has just ended badly: it is asked for every few seconds.
const HARMED_TIMEOUT_S: u32 = 30;

/// Asks for all runs that ended between two times, in seconds since 1970.
pub fn query(
    commands: &dyn Commands,
    since: i64,
    until: i64,
) -> Result<Vec<FinishedJob>, CommandError> {
    let (start, end) = (time(since), time(until));
    let which = ["--state", ENDED, "--starttime", &start, "--endtime", &end];
    let is_short = until - since <= SHORT_S;
    let timeout_s = if is_short { SHORT_TIMEOUT_S } else { u32::MAX };
    ask(commands, Limits::time(timeout_s), &which)
}

/// The states in which a run ends without having done what it was to do.
const HARMED: &str = "BOOT_FAIL,DEADLINE,FAILED,NODE_FAIL,OUT_OF_MEMORY,PREEMPTED,REQUEUED,TIMEOUT";

/// Asks for the jobs of which something was rewritten and that ended badly, or were requeued, between two times, in
/// seconds since 1970: their numbers (JobIDRaw), and when they ended.
pub fn harmed(
    commands: &dyn Commands,
    since: i64,
    until: i64,
) -> Result<Vec<(u64, i64)>, CommandError> {
    let (start, end) = (time(since), time(until));
    let mark = uuid::Uuid::new_v4().simple().to_string();
    let which = ["--state", HARMED, "--starttime", &start, "--endtime", &end];
    let form = [
        "--allusers",
        "--duplicates",
        "--allocations",
        "--noheader",
        "--parsable2",
        "--delimiter",
        &mark,
        "--format",
        "JobIDRaw,End,AdminComment",
    ];
    let limits = Limits::time(HARMED_TIMEOUT_S);
    let output = commands.run_within(limits, "sacct", &[which.as_slice(), &form].concat())?;
    let text = String::from_utf8_lossy(&output);
    let job = |line: &str| {
        let mut fields = line.split(mark.as_str());
        let (job, ended, comment) = (fields.next()?, fields.next()?, fields.next()?);
        let comment = Comment::read(comment);
        let is_rewritten = comment.record().is_some_and(Record::rewrites);
        is_rewritten.then_some((job.parse().ok()?, ended.parse().ok()?))
    };
    Ok(text.lines().filter_map(job).collect())
}

/// Asks for all runs of one job that have ended; `job` is a number as users see it.
pub fn query_job(commands: &dyn Commands, job: &str) -> Result<Vec<FinishedJob>, CommandError> {
    ask(commands, Limits::time(u32::MAX), &["--jobs", job])
}

fn ask(
    commands: &dyn Commands,
    limits: Limits,
    which: &[&str],
) -> Result<Vec<FinishedJob>, CommandError> {
    let delimiter = uuid::Uuid::new_v4().simple().to_string();
    let form = [
        "--allusers",
        "--duplicates",
        "--parsable2",
        "--noconvert",
        "--delimiter",
        &delimiter,
        "--format",
        FIELDS,
    ];
    let output = commands.run_within(limits, "sacct", &[which, &form].concat())?;
    let unreadable = |problem: String| CommandError::Unreadable {
        command: "sacct".into(),
        problem,
    };
    let mut reader = Reader::new(&output[..], Some(&delimiter))
        .map_err(|error| unreadable(error.to_string()))?;
    let mut jobs = Vec::new();
    while let Some(job) = reader
        .next_job()
        .map_err(|error| unreadable(error.to_string()))?
    {
        jobs.push(job);
    }
    // Who asks for one job by its number may ask while it runs.
    let is_lost = |reason: &str| reason != dump::NOT_ENDED;
    for (reason, reject) in reader
        .rejects
        .iter()
        .filter(|(reason, one)| !one.corrected && is_lost(reason))
    {
        tracing::warn!(
            reason,
            count = reject.count,
            example = reject.example,
            "sacct rows left out"
        );
    }
    Ok(jobs)
}

/// Slurm takes fewer seconds for no time.
const LEAST_TIME: i64 = 1_000_000;

/// A time as Slurm's options take it in every zone: an hour of local time may come twice.
fn time(seconds: i64) -> String {
    format!("uts{}", seconds.max(LEAST_TIME))
}

#[cfg(test)]
mod tests;
