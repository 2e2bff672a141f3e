//! What a job used that has ended.

use std::collections::BTreeMap;

/// What a finished job used, as far as accounting knows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Largest memory on one node, in bytes; `None` when nothing was sampled.
    pub peak_bytes: Option<u64>,
    /// The job, or a part of it, died of a memory limit: the true peak is higher.
    pub peak_is_bound: bool,
    /// CPUs busy on average while it ran (1.0 is one core); `None` when unknown.
    pub cores: Option<f64>,
    /// Run time in seconds.
    pub elapsed_s: u64,
    /// What its steps named for themselves.
    pub named: Named,
    /// How many steps srun or a launcher started in it; `None` where no step of it is known.
    pub launched: Option<u32>,
}

/// What the steps of a job that ran at the same time named for themselves, less than all of the job; 0 where none did.
/// In a job with less than that they cannot be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Named {
    /// Memory on a node, in MiB.
    pub memory_mib: u32,
    /// CPUs.
    pub cpus: u32,
}

/// How a rewrite harmed a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harmed {
    /// It, or a part of it, died for want of memory: one more run with more of it mends that.
    OfMemory,
    /// In any other way.
    Otherwise,
}

/// One run of a kind, as training wants it.
#[derive(Debug, Clone)]
pub struct Run {
    /// It ended well, so that what it used is what such a job needs.
    pub completed: bool,
    /// What it used.
    pub usage: Usage,
    /// Size of its input in bytes, where the submission named it.
    pub input_bytes: Option<u64>,
    /// Memory on a node that its user asked for, in bytes.
    pub asked: Option<u64>,
    /// It had not what its user asked for.
    pub rewritten: bool,
    /// And how that harmed it.
    pub harmed: Option<Harmed>,
    /// It had all that its user asked for, and COMPLETED after something of it was killed for want of memory: its script goes on.
    pub went_on: bool,
    /// A number that tells the commands of a wider kind apart, where it is known.
    pub command: Option<u64>,
    /// A number that tells the users of a wider kind apart.
    pub user: u32,
    /// Seats that it held at most, of each license that it was watched for.
    pub seats: BTreeMap<String, u32>,
}
