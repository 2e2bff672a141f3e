//! What slurmctld has of one job right now. A look at the queue is seconds old where something is done by it, and holds
//! less of each job.

use super::rows::{Marks, QueueRow};
use super::{
    Dependent, FORGOTTEN, QueuedJob, array_of, ask_with, handle, restarts, shown_memory, state,
    task,
};
use crate::job::array::{self, Tasks};
use crate::slurm::sbatch::values;
use crate::slurm::{CommandError, Commands};
use std::borrow::Cow;

/// A job, or one task of an array.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Now {
    /// How scontrol names it.
    pub handle: String,
    /// Of those of an array: which it is.
    pub task: Option<u32>,
    /// JOB_STATE, without flags.
    pub state: String,
    /// How often it was started before.
    pub restarts: u64,
    /// The memory that is requested, in MiB per node or per CPU.
    pub memory: Option<u64>,
    /// CPUs per task, where they were asked for.
    pub cpus: Option<u64>,
    /// CPUs of all tasks.
    pub all_cpus: Option<u64>,
    /// The time limit in minutes, any number where there is none; `None` where squeue does not say.
    pub limit_min: Option<u64>,
    /// When it was submitted, or requeued last, in seconds since 1970.
    pub submitted: i64,
    /// Before this it does not begin.
    pub begins: i64,
    /// What it waits for, as squeue shows it; empty where that is nothing.
    pub dependency: String,
}

impl Now {
    /// Nobody has changed its memory or started, ended or requeued it since it was seen as `job`.
    pub fn is(&self, job: &QueuedJob) -> bool {
        (self.state.as_str(), self.restarts, self.memory)
            == (job.state.as_str(), job.restarts, job.memory)
    }
}

/// The part of a job that `is` so by what it was `seen` as, all of it or some of the tasks of an array, and how one of those was
/// seen; `None` where none is.
pub fn part_of<'b, 's>(
    job: &'b QueuedJob,
    seen: &'s [Now],
    is: impl Fn(&Now) -> bool,
) -> Option<(Cow<'b, QueuedJob>, &'s Now)> {
    let (one, part) = those(&job.handle, seen, is)?;
    let job = match part {
        None => Cow::Borrowed(job),
        Some((handle, tasks)) => Cow::Owned(job.of_tasks(handle, &tasks)),
    };
    Some((job, one))
}

impl Dependent {
    /// How scontrol names the part of it that waits as it was seen to, by what it is now; `None` where nothing of it does.
    pub fn still_waits(&self, now: &[Now]) -> Option<String> {
        let waits = |now: &Now| now.state == "PENDING" && now.dependency == self.dependency;
        let (_, part) = those(&self.handle, now, waits)?;
        Some(part.map_or_else(|| self.handle.clone(), |(handle, _)| handle))
    }
}

/// The first of those of a job that are so, and which tasks they are and how scontrol names them, unless they are all.
fn those<'s>(
    handle: &str,
    seen: &'s [Now],
    is: impl Fn(&Now) -> bool,
) -> Option<(&'s Now, Option<(String, Tasks)>)> {
    let those: Vec<&Now> = seen.iter().filter(|now| is(now)).collect();
    let one = *those.first()?;
    if those.len() == seen.len() {
        return Some((one, None));
    }
    let tasks: Option<Vec<u32>> = those.iter().map(|now| now.task).collect();
    let tasks = Tasks::of(tasks?);
    let (array, _) = parts(handle)?;
    let handle = array::handle(array, &tasks.to_string());
    Some((one, Some((handle, tasks))))
}

/// The number of the job or array that scontrol calls `handle`, and which of the array's tasks are meant.
fn parts(handle: &str) -> Option<(u64, Option<Tasks>)> {
    let (array, tasks) = match handle.split_once('_') {
        Some((array, tasks)) => (array, Some(tasks)),
        None => (handle, None),
    };
    Some((array.parse().ok()?, tasks.and_then(Tasks::parse)))
}

/// Asks for a job that scontrol calls `name` and squeue `job_id`, or for each of its tasks where it is some of an array; what
/// slurmctld has forgotten is not there.
pub fn now(commands: &dyn Commands, name: &str, job_id: u64) -> Result<Vec<Now>, CommandError> {
    let (array, tasks) = parts(name).unwrap_or((job_id, None));
    let is_it = |row: &QueueRow| {
        let task = task(row).filter(|_| array_of(row) == Some(array));
        let is_of_them = task.zip(tasks.as_ref());
        handle(row).as_deref() == Some(name)
            || is_of_them.is_some_and(|(task, tasks)| tasks.contain(task))
    };
    // Tasks that wait together may have been parted meanwhile.
    let id = match tasks.as_ref().map_or(1, Tasks::count) {
        1 => job_id,
        _ => array,
    };
    let mut found = Vec::new();
    let take = |row: &QueueRow| {
        if is_it(row) {
            found.push(read(row));
        }
    };
    let which = ["--jobs", &id.to_string()];
    match ask_with(commands, Marks::of_one(), &which, |_| true, take) {
        Err(CommandError::Failed { said, .. }) if said.contains(FORGOTTEN) => Ok(Vec::new()),
        other => other.map(|()| found),
    }
}

fn read(row: &QueueRow) -> Now {
    let limit = values::time(row.text("timelimit").trim());
    let restarts = restarts(row);
    Now {
        handle: handle(row).unwrap_or_default(),
        task: task(row),
        state: state(&row.text("state"), &row.text("reason"), restarts),
        restarts,
        memory: shown_memory(row),
        cpus: row.number("cpus-per-task"),
        all_cpus: row.number("numcpus"),
        limit_min: limit
            .ok()
            .map(|limit| limit.map_or(u64::MAX, |seconds| seconds / 60)),
        submitted: row.number("submittime").unwrap_or(0),
        begins: row.number("eligibletime").unwrap_or(0),
        dependency: row.text("dependency"),
    }
}
