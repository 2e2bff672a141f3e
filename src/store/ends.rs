//! How the latest runs of a kind ended.

use super::{Store, column, usage};
use crate::fingerprint::Kind;
use crate::job::Usage;
use crate::record::{Comment, Record};
use anyhow::Result;
use rusqlite::params;

/// How one run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct PastEnd {
    /// State without its details.
    pub state: String,
    /// It had not what its user asked for.
    pub was_rewritten: bool,
    /// What it used.
    pub usage: Usage,
}

impl Store {
    /// The latest `limit` runs of the most specific of a user's kinds that has any, without those of `job_id`.
    pub fn past_ends(&self, kind: &Kind, job_id: u64, limit: u32) -> Result<Vec<PastEnd>> {
        for (level, key) in kind.keys() {
            let mut query = self.db.prepare_cached(&format!(
                "SELECT peak, peak_is_bound, cores, elapsed, state, coalesce(comment, '') FROM jobs JOIN usages ON job = id \
                 WHERE {} = ? AND job_id <> ? ORDER BY ended DESC, id DESC LIMIT ?",
                column(level)
            ))?;
            let ends = query.query_map(params![key.0 as i64, job_id as i64, limit], |row| {
                let comment = Comment::read(row.get_ref(5)?.as_str()?);
                Ok(PastEnd {
                    state: row.get(4)?,
                    was_rewritten: comment.record().is_some_and(Record::rewrites),
                    usage: usage(row, 0)?,
                })
            })?;
            let ends: Vec<PastEnd> = ends.collect::<rusqlite::Result<_>>()?;
            if !ends.is_empty() {
                return Ok(ends);
            }
        }
        Ok(Vec::new())
    }

    /// Accounting says of the run of `job_id` that started at that time, in seconds since 1970, that a step of it was
    /// killed for want of memory. The sampler may miss that: a step's group is gone with the step.
    pub fn was_killed_inside(&self, job_id: u64, started: i64) -> Result<bool> {
        let mut query = self.db.prepare_cached(
            "SELECT coalesce(max(peak_is_bound), 0) FROM jobs JOIN usages ON job = id WHERE job_id = ? AND started = ?",
        )?;
        Ok(query.query_row([job_id as i64, started], |row| row.get(0))?)
    }

    /// A run that was taken for well and was not runs again: it is no example for others.
    pub fn was_requeued(&self, job_id: u64) -> Result<()> {
        self.db.execute(
            "UPDATE jobs SET state = 'REQUEUED' WHERE job_id = ? AND state = 'COMPLETED'",
            [job_id as i64],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::FinishedJob;
    use crate::record::tests::finished;
    use crate::store::tests::store;

    #[test]
    fn the_ends_of_a_kind_are_known_and_a_run_that_was_no_good_is_no_example() {
        let (_dir, mut store) = store();
        let kind = Kind::of_accounting(1001, b"align");
        let failed = FinishedJob {
            state: "FAILED".into(),
            ..finished(2, 200, 9)
        };
        store
            .insert(&[(finished(1, 100, 5), kind), (failed, kind)])
            .unwrap();
        let states = |store: &Store, without| {
            let ends = store.past_ends(&kind, without, 10).unwrap();
            ends.into_iter().map(|end| end.state).collect::<Vec<_>>()
        };
        assert_eq!(states(&store, 9), ["FAILED", "COMPLETED"]);
        assert_eq!(states(&store, 2), ["COMPLETED"]);
        store.was_requeued(1).unwrap();
        store.was_requeued(2).unwrap();
        assert_eq!(states(&store, 9), ["FAILED", "REQUEUED"]);
    }

    #[test]
    fn a_run_whose_step_was_killed_is_known_by_its_number_and_its_start() {
        let (_dir, mut store) = store();
        let kind = Kind::of_accounting(1001, b"align");
        let mut killed = finished(2, 200, 9);
        killed.usage.peak_is_bound = true;
        let again = finished(2, 300, 9);
        store.insert(&[(killed, kind), (again, kind)]).unwrap();
        let known = |id, started| store.was_killed_inside(id, started).unwrap();
        assert!(known(2, 201));
        assert!(!known(2, 301) && !known(3, 201));
    }
}
