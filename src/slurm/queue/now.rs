//! What slurmctld has of one job right now. A look at the queue is seconds old where something is done by it, and holds
//! less of each job.

use super::rows::{Marks, QueueRow};
use super::{
    FORGOTTEN, QueuedJob, array_of, ask_with, handle, restarts, shown_memory, state, task,
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
    let those: Vec<&Now> = seen.iter().filter(|now| is(now)).collect();
    let one = *those.first()?;
    if those.len() == seen.len() {
        return Some((Cow::Borrowed(job), one));
    }
    let tasks: Option<Vec<u32>> = those.iter().map(|now| now.task).collect();
    let tasks = Tasks::of(tasks?);
    let handle = array::handle(job.original.script_id, &tasks.to_string());
    Some((Cow::Owned(job.of_tasks(handle, &tasks)), one))
}

/// Asks for a job, or for each of its tasks where it is some of an array; what slurmctld has forgotten is not there.
pub fn now(commands: &dyn Commands, job: &QueuedJob) -> Result<Vec<Now>, CommandError> {
    let tasks = Tasks::parse(&job.tasks);
    let array = job.original.script_id;
    let is_it = |row: &QueueRow| {
        let task = task(row).filter(|_| array_of(row) == Some(array));
        let is_of_them = task.zip(tasks.as_ref());
        handle(row).as_ref() == Some(&job.handle)
            || is_of_them.is_some_and(|(task, tasks)| tasks.contain(task))
    };
    // Tasks that wait together may have been parted meanwhile.
    let id = match job.count() {
        1 => job.job_id,
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
    }
}
