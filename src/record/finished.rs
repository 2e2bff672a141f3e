//! A job that has ended.

use super::{Comment, Record};
use crate::job::Usage;
use crate::job::counters::{Ended, JobCounters};
use crate::text::units::MIB;

/// A job that has ended, as accounting reports it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FinishedJob {
    /// The number that is unique among jobs and array tasks (JobIDRaw).
    pub job_id: u64,
    /// The number that users see: `33_5` for an array task.
    pub label: String,
    /// Seconds since 1970; with `job_id` the identity of this run, since a requeue submits anew.
    pub submitted: i64,
    /// Seconds since 1970; 0 if it never started.
    pub started: i64,
    /// Seconds since 1970.
    pub ended: i64,
    /// State without its details: `CANCELLED`, not `CANCELLED by 1000`.
    pub state: String,
    /// Job name.
    pub name: String,
    /// What its user wrote as comment, where accounting keeps that.
    pub user_comment: String,
    /// User number, where the output has it.
    pub uid: Option<u32>,
    /// User name.
    pub user: String,
    /// Account.
    pub account: String,
    /// Partition it ran in.
    pub partition: String,
    /// Nodes it had.
    pub nodes: u32,
    /// CPUs it had in all.
    pub cpus: u32,
    /// Memory it was given on each node, in bytes, when that was limited.
    pub memory: Option<u64>,
    /// What it used.
    pub usage: Usage,
    /// AdminComment.
    pub comment: Comment,
    /// How a rewrite harmed it, where shadowfitd found that out.
    pub harm: Option<String>,
}

impl FinishedJob {
    /// A rewrite harmed this run, by what is known of its end.
    pub fn was_harmed(&self) -> bool {
        let by_end = |record: &Record| record.may_have_killed(&self.state);
        self.harm.is_some() || self.comment.record().is_some_and(by_end)
    }

    /// Takes over what stands in its record, if it was profiled.
    pub fn take_profile(&mut self) {
        let profile = self
            .comment
            .record()
            .and_then(|record| record.profile.clone());
        if let Some(profile) = profile {
            self.measured(&profile);
            // Something of it was killed for want of memory, whatever Slurm calls the end of the rest.
            self.usage.peak_is_bound |= profile.ended == Ended::Oom;
        }
    }

    /// Takes over what the samplers beside the job saw: they look often, the cgroup shows them bursts between two looks, and
    /// page cache is not in it. Where a node was not watched, the one with most memory may have been that, and what accounting
    /// sampled counts, too. A job that died of its limit needed more.
    fn measured(&mut self, profile: &JobCounters) {
        if self.usage.peak_is_bound || profile.peak_mib <= 0.0 {
            return;
        }
        let seen = (f64::from(profile.peak_mib) * MIB as f64) as u64;
        let sampled = self.usage.peak_bytes.filter(|_| profile.nodes < self.nodes);
        self.usage.peak_bytes = Some(seen).max(sampled);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::job::counters::Counters;

    /// A run that ended well, for the tests of every room.
    pub fn finished(job_id: u64, submitted: i64, peak_mib: u64) -> FinishedJob {
        FinishedJob {
            job_id,
            label: job_id.to_string(),
            submitted,
            started: submitted + 1,
            ended: submitted + 11,
            state: "COMPLETED".into(),
            name: "align".into(),
            user_comment: String::new(),
            uid: Some(1001),
            user: "alice".into(),
            account: "physics".into(),
            partition: "batch".into(),
            nodes: 1,
            cpus: 2,
            memory: Some(4 << 30),
            usage: Usage {
                peak_bytes: Some(peak_mib << 20),
                peak_is_bound: false,
                cores: Some(1.0),
                elapsed_s: 10,
                named: Default::default(),
                launched: None,
            },
            comment: Comment::Empty,
            harm: None,
        }
    }

    #[test]
    fn what_the_sampler_saw_takes_the_place_of_what_was_sampled() {
        let job = |nodes, watched, peak_is_bound| {
            let mut job = FinishedJob {
                nodes,
                usage: Usage {
                    peak_bytes: Some(900 * MIB),
                    peak_is_bound,
                    ..Usage::default()
                },
                ..FinishedJob::default()
            };
            let seen = Counters {
                peak_mib: 512.0,
                ..Counters::nothing(Ended::Finished)
            };
            let profile = JobCounters {
                nodes: watched,
                ..seen.into()
            };
            job.comment = Record::with_profile(None, profile).into();
            job.take_profile();
            job.usage.peak_bytes.map(|bytes| bytes / MIB)
        };
        for (nodes, watched, peak_is_bound, right) in [
            (1, 1, false, 512),
            (2, 1, false, 900),
            (2, 2, false, 512),
            (3, 2, false, 900),
            (1, 1, true, 900),
            (2, 2, true, 900),
        ] {
            let found = job(nodes, watched, peak_is_bound);
            assert_eq!(found, Some(right), "{watched} of {nodes}");
        }
    }

    #[test]
    fn a_peak_is_a_bound_where_something_of_the_job_was_killed_or_accounting_says_so() {
        for (known, ended, is_bound) in [
            (false, Ended::Oom, true),
            (false, Ended::Failed, false),
            (true, Ended::Finished, true),
        ] {
            let mut job = finished(1, 100, 900);
            job.usage.peak_is_bound = known;
            job.comment = Record::with_profile(None, Counters::nothing(ended).into()).into();
            job.take_profile();
            assert_eq!(job.usage.peak_is_bound, is_bound, "{ended:?}");
        }
    }
}
