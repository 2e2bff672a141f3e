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
        let task = array_of(row).zip(row.number("jobid")).zip(task(row));
        if let Some(((_, job_id), task)) = task
            && let Some(known) = self.together.get_mut(&job_id)
        {
            known.tasks.push(task);
            return;
        }
        let (jobs, dependents) = (self.queue.jobs.len(), self.queue.dependents.len());
        self.queue.dependents.extend(read_dependent(row));
        match comment(row) {
            Comment::Ours(record) => self.queue.jobs.extend(read_job(row, *record)),
            Comment::Shadow(record) => self.queue.shadows.extend(read_shadow(row, *record)),
            Comment::Empty | Comment::Other(_) => {}
        }
        if let Some(((array, job_id), task)) = task {
            let one = Together {
                array,
                tasks: vec![task],
                job: (self.queue.jobs.len() > jobs).then_some(jobs),
                dependent: (self.queue.dependents.len() > dependents).then_some(dependents),
            };
            self.together.insert(job_id, one);
        }
    }

    pub fn queue(self) -> Queue {
        let mut queue = self.queue;
        for one in self
            .together
            .into_values()
            .filter(|one| one.tasks.len() > 1)
        {
            let first = one.tasks.iter().min().copied();
            let tasks = Tasks::of(one.tasks).to_string();
            let handle = array::handle(one.array, &tasks);
            if let Some(job) = one.job.and_then(|at| queue.jobs.get_mut(at)) {
                // None of them is meant alone.
                job.names.truncate(2);
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
