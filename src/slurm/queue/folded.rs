//! Tasks of an array that wait together are one job to slurmctld, and a row each to squeue: here they are one again.

use super::rows::QueueRow;
use super::{Queue, array_of, comment, read_dependent, read_job, read_shadow, task};
use crate::job::array::{self, Tasks};
use crate::record::Comment;
use std::collections::HashMap;

/// Rows as they come.
#[derive(Default)]
pub(super) struct Folded {
    queue: Queue,
    /// By the number that tasks have in common.
    together: HashMap<u64, Together>,
}

/// Rows of one job.
struct Together {
    array: u64,
    tasks: Vec<u32>,
    /// Where in the queue they stand.
    job: Option<usize>,
    dependent: Option<usize>,
}

impl Folded {
    pub fn take(&mut self, row: &QueueRow) {
        let of_array = array_of(row).zip(row.number("jobid"));
        if let Some((_, job_id)) = of_array
            && let Some(known) = self.together.get_mut(&job_id)
        {
            known.tasks.extend(task(row));
            return;
        }
        let (jobs, dependents) = (self.queue.jobs.len(), self.queue.dependents.len());
        self.queue.dependents.extend(read_dependent(row));
        match comment(row) {
            Comment::Ours(record) => self.queue.jobs.extend(read_job(row, *record)),
            Comment::Shadow(record) => self.queue.shadows.extend(read_shadow(row, *record)),
            Comment::Empty | Comment::Other(_) => {}
        }
        if let Some((array, job_id)) = of_array {
            let one = Together {
                array,
                tasks: task(row).into_iter().collect(),
                job: (self.queue.jobs.len() > jobs).then_some(jobs),
                dependent: (self.queue.dependents.len() > dependents).then_some(dependents),
            };
            self.together.insert(job_id, one);
        }
    }

    /// A job is these tasks, whatever it was shown as.
    pub fn are(&mut self, job_id: u64, tasks: Option<Vec<u32>>) {
        if let Some((known, tasks)) = self.together.get_mut(&job_id).zip(tasks) {
            known.tasks = tasks;
        }
    }

    pub fn queue(self) -> Queue {
        let mut queue = self.queue;
        let known = self.together.into_values();
        // Tasks of which no number is known stand there as they were shown.
        for one in known.filter(|one| !one.tasks.is_empty()) {
            let first = one.tasks.iter().min().copied();
            let alone = one.tasks.len() == 1;
            let tasks = Tasks::of(one.tasks).to_string();
            let handle = array::handle(one.array, &tasks);
            if let Some(job) = one.job.and_then(|at| queue.jobs.get_mut(at)) {
                job.names.truncate(2);
                // None of several is meant alone.
                job.names.extend(alone.then(|| handle.clone()));
                job.original.handle.clone_from(&handle);
                job.original.task = first.map(u64::from);
                job.handle.clone_from(&handle);
                job.tasks = tasks;
            }
            if let Some(dependent) = one.dependent.and_then(|at| queue.dependents.get_mut(at)) {
                dependent.handle = handle;
            }
        }
        queue
    }
}
