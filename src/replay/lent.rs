//! What jobs would waste whose nodes lend them memory while they run, as `[elastic]` does.

use super::{GB, History, PastJob, bytes, cost, decide, deciding_key, second};
use crate::config::Config;
use crate::elastic::{mark, next};

/// How one job fares, on average over whether its node has something to lend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grown {
    /// GB·h.
    pub waste: f64,
    /// GB·h, as if it had been lent from its beginning to its end.
    pub lent: f64,
    /// It outgrows what it was given.
    pub grows: bool,
    /// How likely it is to be killed; 0 to 1.
    pub killed: f64,
}

/// Decides about one job that is lent memory up to `limit`, in bytes, but in the share `refused` of all cases. `None` where nothing
/// is set.
pub fn attempt(
    config: &Config,
    history: &History,
    job: &PastJob,
    limit: f64,
    ceiling: f64,
    refused: f64,
) -> Option<Grown> {
    let record = decide(config, history, job, limit, u64::MAX);
    let set = bytes(record.memory?).min(ceiling);
    let reached = reached(set, job.peak, limit);
    let second = deciding_key(&record, job).and_then(|key| second(history, key, set, limit));
    let alone = cost(job, set, second, ceiling);
    let with_more = match job.peak <= reached {
        // What is lent was kept for that: none of it is wasted by this job.
        true => ((set - job.peak).max(0.0) / GB * job.node_hours(), 0),
        // More than its user asked for.
        false => cost(job, reached, None, ceiling),
    };
    let on_average =
        |of: fn((f64, u64)) -> f64| (1.0 - refused) * of(with_more) + refused * of(alone);
    Some(Grown {
        waste: on_average(|(waste, _)| waste),
        lent: (1.0 - refused) * (reached - set) / GB * job.node_hours(),
        grows: job.peak > set,
        killed: on_average(|(_, failed)| failed.min(1) as f64),
    })
}

/// What a job's limit becomes, step by step, where it uses `peak`; all in bytes.
fn reached(set: f64, peak: f64, most: f64) -> f64 {
    let (mut limit, most) = (set as u64, most as u64);
    while limit < most && peak > mark(limit, 0) as f64 {
        limit = next(limit, most, 0);
    }
    limit as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::units::MIB;

    #[test]
    fn a_limit_follows_what_is_used_and_goes_no_further_than_what_was_asked() {
        let mib = |mib: f64| mib * MIB as f64;
        for (set, peak, most, right) in [
            (1000.0, 900.0, 4000.0, 1000.0),
            (1000.0, 990.0, 4000.0, 1128.0),
            (1000.0, 1100.0, 4000.0, 1269.0),
            (4000.0, 4100.0, 9000.0, 4500.0),
            (1000.0, 9000.0, 1100.0, 1100.0),
            (1000.0, 9000.0, 1000.0, 1000.0),
        ] {
            assert_eq!(
                reached(mib(set), mib(peak), mib(most)),
                mib(right),
                "{set} {peak}"
            );
        }
    }
}
