//! Runs as reports want them: some of them, in order.

use super::{Store, bytes, usage};
use crate::fingerprint::Key;
use crate::job::FinishedJob;
use anyhow::Result;
use rusqlite::{Row, params};

/// Which runs a report is about; `None` is all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Ended at or after, in seconds since 1970.
    pub since: Option<i64>,
    /// Ended before.
    pub until: Option<i64>,
    /// User.
    pub user: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// Partition.
    pub partition: Option<String>,
    /// JobIDRaw, or what users see.
    pub job: Option<String>,
    /// State, as `COMPLETED`.
    pub state: Option<String>,
}

impl Store {
    /// Calls `each` with every run that `filter` lets through, in the order in which they ended, and
    /// with its most specific fingerprint.
    pub fn each_job(
        &self,
        filter: &Filter,
        mut each: impl FnMut(FinishedJob, Option<Key>),
    ) -> Result<()> {
        let mut query = self.db.prepare_cached(
            "SELECT peak, peak_is_bound, cores, elapsed, job_id, label, submitted, started, ended, state, \
             name, user, account, partition, nodes, cpus, memory, coalesce(comment, ''), \
             coalesce(command_key, script_key, name_key) FROM jobs JOIN usages ON job = id \
             WHERE (?1 IS NULL OR ended >= ?1) AND (?2 IS NULL OR ended < ?2) AND (?3 IS NULL OR user = ?3) \
             AND (?4 IS NULL OR account = ?4) AND (?5 IS NULL OR partition = ?5) \
             AND (?6 IS NULL OR label = ?6 OR job_id = CAST(?6 AS INTEGER) AND CAST(job_id AS TEXT) = ?6) \
             AND (?7 IS NULL OR state = ?7) ORDER BY ended, id",
        )?;
        let bound = params![
            filter.since,
            filter.until,
            filter.user,
            filter.account,
            filter.partition,
            filter.job,
            filter.state
        ];
        let mut rows = query.query(bound)?;
        while let Some(row) = rows.next()? {
            let key = row.get::<_, Option<i64>>(18)?.map(|key| Key(key as u64));
            each(stored_job(row)?, key);
        }
        Ok(())
    }
}

fn stored_job(row: &Row) -> rusqlite::Result<FinishedJob> {
    let job_id = row.get::<_, i64>(4)? as u64;
    let label: Option<String> = row.get(5)?;
    Ok(FinishedJob {
        job_id,
        label: label.unwrap_or_else(|| job_id.to_string()),
        submitted: row.get(6)?,
        started: row.get(7)?,
        ended: row.get(8)?,
        state: row.get(9)?,
        name: row.get(10)?,
        uid: None,
        user: row.get(11)?,
        account: row.get(12)?,
        partition: row.get(13)?,
        nodes: row.get(14)?,
        cpus: row.get(15)?,
        memory: bytes(row, 16)?,
        comment: row.get(17)?,
        usage: usage(row, 0)?,
    })
}
