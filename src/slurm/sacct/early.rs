//! Steps that stand before their job's row, as in a dump that was sorted or turned around. sacct prints them behind it: only
//! a dump whose first steps stand before their job is taken to be of that order throughout.

use super::steps::Step;

/// Steps whose job has not come yet.
#[derive(Default)]
pub struct Early {
    order: Order,
    job_id: u64,
    steps: Vec<Step>,
    lost: Vec<Step>,
}

#[derive(Default, PartialEq)]
enum Order {
    /// No job's row was read.
    #[default]
    Unknown,
    JobsFirst,
    StepsFirst,
}

impl Early {
    /// A step's row, which is given back where steps stand behind their jobs.
    pub fn step(&mut self, job_id: u64, step: Step) -> Option<Step> {
        if self.order == Order::JobsFirst {
            return Some(step);
        }
        if job_id != self.job_id {
            self.lost.append(&mut self.steps);
            self.job_id = job_id;
        }
        self.steps.push(step);
        None
    }

    /// A job's row: the steps that stood before it, and whether no more can come.
    pub fn of(&mut self, job_id: u64) -> (Vec<Step>, bool) {
        let own = match self.job_id == job_id {
            true => std::mem::take(&mut self.steps),
            false => Vec::new(),
        };
        self.lost.append(&mut self.steps);
        if self.order == Order::Unknown {
            self.order = match own.is_empty() {
                true => Order::JobsFirst,
                false => Order::StepsFirst,
            };
        }
        (own, self.order == Order::StepsFirst)
    }

    /// A row was no record: what follows may be part of a name, and says nothing of the order.
    pub fn broken(&mut self) {
        if self.order == Order::Unknown {
            self.order = Order::JobsFirst;
        }
    }

    /// At the end of the dump no job comes any more.
    pub fn end(&mut self) {
        self.lost.append(&mut self.steps);
    }

    /// Takes what was lost since it was asked last.
    pub fn lost(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.lost)
    }

    /// A step that is of no job.
    pub fn lose(&mut self, step: Step) {
        self.lost.push(step);
    }
}
