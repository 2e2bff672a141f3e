//! One array, however many of its tasks wait. Unless it is asked for each task, squeue shows all that wait as one, with what the
//! first of slurmctld's jobs among them has, and hides the others: those that run again, or were changed by hand. A row for each
//! task is more than a kilobyte. So squeue is asked for few rows, and then in few words which tasks are of which job.

use super::folded::Folded;
use super::rows::{Marks, QueueRow};
use super::{FORGOTTEN, Queue, ask, is_together, read, task};
use crate::slurm::{CommandError, Commands};
use std::collections::{BTreeMap, HashSet};

/// More jobs that squeue hides behind another are not asked for one by one.
const MOST_HIDDEN: usize = 32;

/// Asks for a job, or for all of an array that slurmctld has; nothing where that is forgotten.
pub(super) fn query(commands: &dyn Commands, job: &str) -> Result<Queue, CommandError> {
    let which = ["--jobs", job];
    let mut shown = Shown::default();
    let take = |row: &QueueRow| shown.take(row);
    is_known(read(commands, &Marks::new(), &which, |_| true, take))?;
    if shown.together.is_empty() {
        return Ok(shown.folded.queue());
    }
    let parts = parts(commands, &which)?;
    let hidden = parts.keys().filter(|id| !shown.jobs.contains(id));
    let hidden: Vec<u64> = hidden.copied().collect();
    if hidden.len() > MOST_HIDDEN {
        return each_task(commands, job);
    }
    for job in hidden {
        show(commands, job, &mut shown.folded)?;
    }
    Ok(shown.parted(&parts))
}

/// What squeue shows of an array, tasks that wait as one.
#[derive(Default)]
struct Shown {
    folded: Folded,
    /// The numbers of all jobs, and of those that are shown as several tasks, their own and others'.
    jobs: HashSet<u64>,
    together: HashSet<u64>,
}

impl Shown {
    fn take(&mut self, row: &QueueRow) {
        let id = row.number::<u64>("jobid");
        self.jobs.extend(id);
        self.together.extend(id.filter(|_| is_together(row)));
        self.folded.take(row);
    }

    /// Each job with its own tasks alone. One that does not wait any more is left out: the next look shows what it is then.
    fn parted(mut self, parts: &Parts) -> Queue {
        for id in &self.together {
            self.folded.are(*id, parts.get(id).cloned().flatten());
        }
        let mut queue = self.folded.queue();
        let waits = |id: u64| !self.together.contains(&id) || parts.contains_key(&id);
        queue.jobs.retain(|job| waits(job.job_id));
        queue.dependents.retain(|job| waits(job.job_id));
        queue
    }
}

/// Which tasks are one job that waits, by its number; `None` where somebody answers in squeue's place who shows no single tasks,
/// and so hides none.
type Parts = BTreeMap<u64, Option<Vec<u32>>>;

fn parts(commands: &dyn Commands, which: &[&str]) -> Result<Parts, CommandError> {
    let mut parts = Parts::new();
    let take = |row: &QueueRow| {
        let id = row.number("jobid");
        if let Some(id) = id.filter(|_| row.text("state") == "PENDING") {
            let tasks = parts.entry(id).or_insert_with(|| Some(Vec::new()));
            match task(row) {
                Some(task) => tasks.iter_mut().for_each(|tasks| tasks.push(task)),
                None => *tasks = None,
            }
        }
    };
    let which = [&["--array"], which].concat();
    is_known(read(commands, &Marks::of_tasks(), &which, |_| true, take))?;
    Ok(parts)
}

/// Adds one job, which is part of an array.
fn show(commands: &dyn Commands, job: u64, folded: &mut Folded) -> Result<(), CommandError> {
    let id = job.to_string();
    let take = |row: &QueueRow| {
        // The last task has the number of its array.
        if row.text("jobid") == id {
            folded.take(row);
        }
    };
    is_known(ask(commands, &["--jobs", &id], |_| true, take))
}

/// All of an array, a row for each task.
fn each_task(commands: &dyn Commands, job: &str) -> Result<Queue, CommandError> {
    let mut folded = Folded::default();
    let take = |row: &QueueRow| folded.take(row);
    is_known(ask(commands, &["--jobs", job], |_| true, take))?;
    Ok(folded.queue())
}

/// What slurmctld has forgotten is no failure.
fn is_known(answer: Result<(), CommandError>) -> Result<(), CommandError> {
    match answer {
        Err(CommandError::Failed { said, .. }) if said.contains(FORGOTTEN) => Ok(()),
        other => other,
    }
}
