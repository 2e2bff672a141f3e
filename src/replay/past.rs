//! One past job, wherever it comes from.

use crate::fingerprint::{Kind, common_name, parts_of_name};
use crate::record::FinishedJob;
use crate::record::Record;

/// One past job.
#[derive(Debug, Clone)]
pub struct PastJob {
    /// What kind of job it was.
    pub kind: Kind,
    /// The kind's name, for reports.
    pub label: String,
    /// The same with each part of the name on its own that takes ever new values; empty where no name is known.
    pub parts: String,
    /// User name.
    pub user: String,
    /// Submit, start and end in seconds since an epoch; `None`: then it sees every job listed before it.
    pub times: Option<[f64; 3]>,
    /// Run time in hours.
    pub hours: f64,
    /// Nodes, each of which it held its memory on.
    pub nodes: u32,
    /// Memory asked for on a node, in bytes.
    pub asked: Option<f64>,
    /// Peak memory on a node, in bytes.
    pub peak: f64,
    /// Size of its input in bytes, where it was known at submission.
    pub input_bytes: Option<u64>,
    /// CPUs asked for and CPUs kept busy.
    pub cpus: Option<(u32, f64)>,
    /// Time limit that its user asked for, in seconds.
    pub time_s: Option<u64>,
}

impl PastJob {
    /// Hours for which so much memory counts as was on each of its nodes.
    pub fn node_hours(&self) -> f64 {
        self.hours * f64::from(self.nodes.max(1))
    }

    /// A job that accounting reports, if what it used is known.
    pub fn of(job: FinishedJob, kind: Kind) -> Option<PastJob> {
        let record = job.comment.record();
        let asked = record.and_then(Record::asked_on_a_node);
        let asked_time = record.and_then(|record| record.asked?.time_s);
        Some(PastJob {
            kind,
            times: Some([job.submitted, job.started, job.ended].map(|time| time as f64)),
            hours: job.usage.elapsed_s as f64 / 3600.0,
            nodes: job.nodes,
            asked: asked.or(job.memory).map(|bytes| bytes as f64),
            input_bytes: record.and_then(|record| record.input_bytes),
            peak: job.usage.peak_bytes? as f64,
            cpus: job
                .usage
                .cores
                .filter(|_| job.cpus > 0)
                .map(|cores| (job.cpus, cores)),
            time_s: asked_time,
            label: common_name(&job.name, &job.user_comment),
            parts: parts_of_name(&job.name, &job.user_comment),
            user: job.user,
        })
    }
}

/// What more than their label may divide jobs into kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Split {
    /// The user.
    User,
    /// The hour of the day at which they were submitted, in UTC.
    Hour,
    /// The day of the week, in UTC.
    Weekday,
    /// CPUs asked for.
    Cpus,
    /// Memory asked for.
    Memory,
    /// Time limit asked for.
    Time,
}

impl Split {
    /// Splits the job's kind.
    pub fn apply(self, job: &mut PastJob) {
        let submitted = job.times.map(|[submit, ..]| submit);
        let number = |value: Option<f64>| value.map_or("-".into(), |value| value.to_string());
        let feature = match self {
            Split::User => job.user.clone(),
            Split::Hour => number(submitted.map(|s| (s / 3600.0).floor().rem_euclid(24.0))),
            Split::Weekday => number(submitted.map(|s| (s / 86_400.0).floor().rem_euclid(7.0))),
            Split::Cpus => number(job.cpus.map(|(asked, _)| f64::from(asked))),
            Split::Memory => number(job.asked),
            Split::Time => number(job.time_s.map(|s| s as f64)),
        };
        job.kind = job
            .kind
            .with_feature(job.label.as_bytes(), feature.as_bytes());
    }
}
