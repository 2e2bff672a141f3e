//! squeue: the jobs that slurmctld still remembers, with our records.

mod folded;
mod json;
mod now;
mod of_array;
mod peek;
mod rows;

use super::clone::Original;
use super::{CommandError, Commands};
use crate::config::Manager;
use crate::decide;
use crate::job::array::{self, Tasks};
use crate::job::counters::ShadowCounters;
use crate::record::{Comment, Record, ShadowRecord};
use crate::text::units::{MIB, parse_memory};
use folded::Folded;
use hostlist_parser::parse;
pub use now::{Now, now, part_of};
pub use peek::{Awaited, that_wait_for_shadows};
use rows::{Marks, QueueRow, matters};

/// What squeue says of a job that slurmctld does not remember.
const FORGOTTEN: &str = "Invalid job id";

/// Which fields squeue prints where no argument says so.
const FORMAT: &str = "SQUEUE_FORMAT2";

/// What slurmctld remembers.
#[derive(Debug, Default)]
pub struct Queue {
    /// What is not here is nowhere: the whole queue was asked for.
    pub is_whole: bool,
    /// Jobs that carry a record of ours, whatever their state.
    pub jobs: Vec<QueuedJob>,
    /// Jobs, anybody's, that wait for something that has failed.
    pub dependents: Vec<Dependent>,
    /// Shadows, whatever their state.
    pub shadows: Vec<QueuedShadow>,
}

/// A shadow in the queue.
#[derive(Debug, Clone)]
pub struct QueuedShadow {
    /// Its own job.
    pub job_id: u64,
    /// JOB_STATE, without flags.
    pub state: String,
    /// Whose it is and, once it has ended, what it did.
    pub record: ShadowRecord,
}

/// States in which a shadow may still report.
const ALIVE: [&str; 5] = [
    "PENDING",
    "CONFIGURING",
    "RUNNING",
    "COMPLETING",
    "SUSPENDED",
];

impl QueuedShadow {
    /// What it did, once that is known.
    pub fn outcome(&self) -> Option<ShadowCounters> {
        if let Some(counters) = &self.record.counters {
            return Some(counters.clone());
        }
        // It ended, and nobody reported: somebody cancelled it before it ran, or its node or its sampler was lost.
        (!ALIVE.contains(&self.state.as_str())).then(|| ShadowCounters::lost(&self.state))
    }
}

/// A job that will never start, because what it depends on has failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependent {
    /// How scontrol names it.
    pub handle: String,
    /// JobIDRaw.
    pub job_id: u64,
    /// As squeue shows it: `afterok:33(failed),afterany:34(unfulfilled)`.
    pub dependency: String,
}

/// One job in the queue that carries a record of ours.
#[derive(Debug, Clone)]
pub struct QueuedJob {
    /// How other jobs name it in their dependencies.
    pub names: Vec<String>,
    /// How scontrol names it: `33`, or `33_[5-30]` for array tasks that still wait together.
    pub handle: String,
    /// JobIDRaw.
    pub job_id: u64,
    /// JOB_STATE, without flags.
    pub state: String,
    /// Where it runs.
    pub nodes: Vec<String>,
    /// When it started, or may, in seconds since 1970.
    pub started: i64,
    /// It waits for other jobs, whose results it may need.
    pub waits_for_others: bool,
    /// Its user or an admin holds it.
    pub is_held: bool,
    /// Tasks of an array: `5-30%2` for those that still wait together, `5` for one that does not; empty for a single job.
    pub tasks: String,
    /// The user.
    pub uid: u32,
    /// The user's name.
    pub user: String,
    /// Account.
    pub account: String,
    /// Partition or partitions.
    pub partition: String,
    /// Memory that is requested now, in MiB per node or per CPU.
    pub memory: Option<u64>,
    /// How often it was started before.
    pub restarts: u64,
    /// The workflow manager that has submitted it.
    pub manager: Option<Manager>,
    /// What was decided about it.
    pub record: Record,
    /// What a shadow of it needs to know.
    pub original: Original,
}

impl QueuedJob {
    /// How many jobs it is; any number where that is not known.
    pub fn count(&self) -> u32 {
        array::jobs(Some(&self.tasks))
    }

    /// The first `count` of its tasks as one job, and the others; it has more than these.
    pub fn split(&self, count: u32) -> Option<[QueuedJob; 2]> {
        let (array, _) = self.handle.split_once("_[")?;
        let (first, others) = Tasks::parse(&self.tasks)?.split(count);
        Some([first, others].map(|tasks| self.of_tasks(format!("{array}_[{tasks}]"), &tasks)))
    }

    /// These of its tasks alone, and how scontrol names them.
    fn of_tasks(&self, handle: String, tasks: &Tasks) -> QueuedJob {
        QueuedJob {
            handle,
            tasks: tasks.to_string(),
            ..self.clone()
        }
    }
}

/// A run that is about to end, as slurmctld knows it.
pub struct Ending {
    /// How scontrol names it. The number of an array's last task is that of the whole array.
    pub handle: String,
    /// `None` where nothing was decided about it.
    pub record: Option<Record>,
    /// Nobody has ended it: neither its user, nor a time limit, nor a job that preempts it.
    pub is_running: bool,
    /// When it began, in seconds since 1970.
    pub started: i64,
    /// How often its job was started before.
    pub restarts: u64,
    /// Memory that it was given, in MiB per node or per CPU.
    pub memory: Option<u64>,
}

/// Asks for one job that has not ended yet. A comment of somebody else's is an error.
pub fn ending(commands: &dyn Commands, job: &str) -> Result<Ending, CommandError> {
    let mut found = None;
    let which = ["--jobs", job];
    ask(
        commands,
        &which,
        |_| true,
        |row| {
            if let Some(handle) = handle(row).filter(|_| row.text("jobid") == job) {
                let ending = Ending {
                    handle,
                    record: None,
                    is_running: row.text("state") == "RUNNING",
                    started: started(row),
                    restarts: restarts(row),
                    memory: shown_memory(row),
                };
                found = Some((comment(row), ending));
            }
        },
    )?;
    let unreadable = |problem: &str| unreadable(&which, problem);
    let (comment, ending) = found.ok_or_else(|| unreadable("the job is not there"))?;
    match comment {
        Comment::Empty => Ok(ending),
        Comment::Ours(record) => Ok(Ending {
            record: Some(*record),
            ..ending
        }),
        _ => Err(unreadable("its AdminComment is somebody else's")),
    }
}

fn comment(row: &QueueRow) -> Comment {
    Comment::read(&row.text("admin_comment"))
}

fn unreadable(which: &[&str], problem: &str) -> CommandError {
    CommandError::Unreadable {
        command: format!("squeue {}", which.join(" ")),
        problem: problem.into(),
    }
}

/// Calls `take` with each job of the answer that passes `only`, by its bytes.
fn ask(
    commands: &dyn Commands,
    which: &[&str],
    only: fn(&[u8]) -> bool,
    take: impl FnMut(&QueueRow),
) -> Result<(), CommandError> {
    ask_with(commands, Marks::new(), which, only, take)
}

/// The same for the fields that `marks` stand between.
fn ask_with(
    commands: &dyn Commands,
    marks: Marks,
    which: &[&str],
    only: fn(&[u8]) -> bool,
    take: impl FnMut(&QueueRow),
) -> Result<(), CommandError> {
    // Unless asked for each, squeue shows all tasks of an array that wait as one, with what the first of them has: those
    // that run again, or were changed by hand, too.
    let each = [&["--array"], which].concat();
    read(commands, &marks, &each, only, take)
}

/// The same, as squeue shows it.
fn read(
    commands: &dyn Commands,
    marks: &Marks,
    which: &[&str],
    only: fn(&[u8]) -> bool,
    mut take: impl FnMut(&QueueRow),
) -> Result<(), CommandError> {
    let format = marks.format();
    // Hidden partitions, too.
    let form = ["--noheader", "--all", "--states=all"];
    let arguments = [&form, which].concat();
    let mut is_whole = false;
    // Where anybody could read the marks, a comment that is changed just then could hold a job with a record.
    commands.read("squeue", &arguments, (FORMAT, &format), &mut |output| {
        is_whole = match output.fill_buf()?.trim_ascii_start().first() {
            Some(&json::BEGINS) => json::each_row(output, only, &mut take)?,
            _ => marks.each_row(output, only, &mut take)?,
        };
        Ok(())
    })?;
    match is_whole {
        true => Ok(()),
        false => Err(unreadable(which, "the answer breaks off")),
    }
}

/// Asks for the whole queue, jobs that have ended and are not forgotten yet included.
pub fn query(commands: &dyn Commands) -> Result<Queue, CommandError> {
    let mut folded = Folded::default();
    ask(commands, &[], matters, |row| folded.take(row))?;
    Ok(Queue {
        is_whole: true,
        ..folded.queue()
    })
}

/// Adds one job to what is known, or all tasks of an array that slurmctld has: asked for alone, it costs the same
/// however long the queue is. One that slurmctld has forgotten adds nothing.
pub fn query_job(commands: &dyn Commands, job: u64, queue: &mut Queue) -> Result<(), CommandError> {
    let found = of_array::query(commands, &job.to_string())?;
    queue.jobs.extend(found.jobs);
    queue.dependents.extend(found.dependents);
    queue.shadows.extend(found.shadows);
    Ok(())
}

/// Dependencies that a job's good end fulfils.
const NEEDS_SUCCESS: [&str; 2] = ["afterok", "aftercorr"];

impl Dependent {
    /// The jobs that have failed, and that it waits for in vain to end well.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        self.dependency
            .split([',', '?'])
            .filter_map(|part| part.strip_suffix("(failed)")?.split_once(':'))
            .filter(|(kind, _)| NEEDS_SUCCESS.contains(kind))
            .map(|(_, job)| job)
    }

    /// The dependency as a user writes it: without the states, `33` for all tasks of array 33.
    pub fn as_written(&self) -> String {
        ["(failed)", "(unfulfilled)", "_*"]
            .iter()
            .fold(self.dependency.clone(), |text, shown| {
                text.replace(shown, "")
            })
    }
}

fn read_dependent(row: &QueueRow) -> Option<Dependent> {
    let dependency = Some(row.text("dependency")).filter(|text| text.contains("(failed)"))?;
    Some(Dependent {
        handle: handle(row)?,
        job_id: row.number("jobid")?,
        dependency,
    })
}

/// Which tasks of an array a row is: `5`, or `5-30` for those that still wait together; empty for a job that is
/// none.
fn tasks(row: &QueueRow) -> String {
    row.text("arraytaskid")
}

fn array_of(row: &QueueRow) -> Option<u64> {
    row.number("arrayjobid").filter(|_| !tasks(row).is_empty())
}

/// It is tasks of an array that wait together.
fn is_together(row: &QueueRow) -> bool {
    array_of(row).is_some() && task(row).is_none()
}

/// The number of the one task that a row is.
fn task(row: &QueueRow) -> Option<u32> {
    tasks(row).parse().ok()
}

/// `33`; `33_5` for a task, whose own number may be that of its whole array; `33_[5-30]` for tasks that wait together. `None` for
/// tasks of which nobody says of what array they are: by a number alone all of one could be meant.
fn handle(row: &QueueRow) -> Option<String> {
    match array_of(row) {
        Some(array) => Some(array::handle(array, &tasks(row))),
        None if tasks(row).is_empty() => Some(row.number::<u64>("jobid")?.to_string()),
        None => None,
    }
}

/// JOB_STATE without flags: what is about to be requeued, or held then, waits; of a first run that is ending, the reason
/// often tells as what. Of others it may be that of an earlier run.
fn state(shown: &str, reason: &str, restarts: u64) -> String {
    let reason = if restarts == 0 { reason } else { "" };
    match (shown, reason) {
        (
            "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "SPECIAL_EXIT" | "RESV_DEL_HOLD"
            | "EXPEDITING",
            _,
        ) => "PENDING",
        ("RESIZING" | "SIGNALING" | "STOPPED", _) => "RUNNING",
        ("COMPLETING" | "STAGE_OUT", "OutOfMemory") => "OUT_OF_MEMORY",
        ("COMPLETING" | "STAGE_OUT", "NonZeroExitCode") => "FAILED",
        ("COMPLETING" | "STAGE_OUT", "TimeLimit") => "TIMEOUT",
        ("STAGE_OUT", _) => "COMPLETING",
        _ => shown,
    }
    .into()
}

fn started(row: &QueueRow) -> i64 {
    row.number("starttime").unwrap_or(0)
}

fn restarts(row: &QueueRow) -> u64 {
    row.number("restartcnt").unwrap_or(0)
}

/// In MiB.
fn shown_memory(row: &QueueRow) -> Option<u64> {
    parse_memory(&row.text("minmemory"), MIB).map(|bytes| bytes / MIB)
}

/// Priority 0 is kept for that. The reason may be given in other words, as after `scontrol requeuehold`, or be another one.
fn is_held(row: &QueueRow) -> bool {
    row.number("prioritylong") == Some(0u32) || row.text("reason").starts_with("JobHeld")
}

fn read_shadow(row: &QueueRow, record: ShadowRecord) -> Option<QueuedShadow> {
    Some(QueuedShadow {
        job_id: row.number("jobid")?,
        // It reports while it is ending, whatever its end.
        state: state(&row.text("state"), "", 0),
        record,
    })
}

fn original(row: &QueueRow) -> Option<Original> {
    let first = tasks(row);
    let first = first.split(|c: char| !c.is_ascii_digit()).next();
    Some(Original {
        handle: handle(row)?,
        name: row.text("name"),
        script_id: array_of(row).or(row.number("jobid"))?,
        task: first.and_then(|task| task.parse().ok()),
        uid: row.number("userid")?,
        gid: row.number("groupid")?,
        partition: row.text("partition"),
        features: row.text("feature"),
        work_dir: row.text("workdir"),
        line: row.text("command"),
    })
}

fn names(row: &QueueRow) -> Vec<String> {
    let mut names = vec![row.text("jobid")];
    if let Some(array) = array_of(row) {
        names.push(format!("{array}_*"));
        names.extend(task(row).map(|task| format!("{array}_{task}")));
    }
    names
}

fn read_job(row: &QueueRow, record: Record) -> Option<QueuedJob> {
    let manager = || {
        let (name, comment) = (row.text("name"), row.text("comment"));
        decide::of_queue(name.as_bytes(), comment.as_bytes())
    };
    Some(QueuedJob {
        handle: handle(row)?,
        names: names(row),
        job_id: row.number("jobid")?,
        nodes: parse(&row.text("nodelist")).unwrap_or_default(),
        started: started(row),
        state: state(&row.text("state"), &row.text("reason"), restarts(row)),
        // The reason for which it is said to wait is set later than this.
        waits_for_others: !row.text("dependency").is_empty(),
        is_held: is_held(row),
        tasks: tasks(row),
        uid: row.number("userid")?,
        user: row.text("username"),
        account: row.text("account"),
        partition: row.text("partition"),
        memory: shown_memory(row),
        restarts: restarts(row),
        manager: record.manager.or_else(manager),
        record,
        original: original(row)?,
    })
}

#[cfg(test)]
pub(crate) mod tests;
