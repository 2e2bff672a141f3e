//! Runs as reports want them: some of them, in order.

use super::Store;
use super::runs::{bytes, usage};
use crate::fingerprint::Key;
use crate::job::kept_always;
use crate::record::{Comment, FinishedJob};
use anyhow::Result;
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

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

impl Filter {
    /// Its conditions and their values; each names its column alone, so that SQLite finds an index for it.
    fn conditions(&self) -> (Vec<&'static str>, Vec<Value>) {
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let job = self.job.as_ref();
        let number = job.and_then(|job| job.parse::<i64>().ok());
        [
            ("ended >= ?", self.since.map(Value::from)),
            ("ended < ?", self.until.map(Value::from)),
            ("user = ?", text(&self.user)),
            ("account = ?", text(&self.account)),
            ("partition = ?", text(&self.partition)),
            ("state = ?", text(&self.state)),
            ("job_id = ?", number.map(Value::from)),
            // Array tasks and the like: what users see is not a number.
            ("label = ?", text(&self.job).filter(|_| number.is_none())),
        ]
        .into_iter()
        .filter_map(|(condition, value)| Some((condition, value?)))
        .unzip()
    }
}

impl Store {
    /// Calls `each` with every run that `filter` lets through, in the order in which they ended, and
    /// with its most specific fingerprint.
    pub fn each_job(
        &self,
        filter: &Filter,
        mut each: impl FnMut(FinishedJob, Option<Key>),
    ) -> Result<()> {
        let (conditions, values) = filter.conditions();
        let only = match conditions.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", conditions.join(" AND ")),
        };
        let mut query = self.db.prepare_cached(&format!(
            "SELECT peak, peak_is_bound, cores, elapsed, job_id, label, submitted, started, ended, state, \
             name, user, account, partition, nodes, cpus, memory, coalesce(comment, ''), \
             coalesce(command_key, script_key, name_key), (SELECT why FROM harms \
             WHERE harms.job_id = jobs.job_id AND harms.started = jobs.started) \
             FROM jobs JOIN usages ON job = id \
             {only} ORDER BY ended, id"
        ))?;
        let mut rows = query.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let key = row.get::<_, Option<i64>>(18)?.map(|key| Key(key as u64));
            each(stored_job(row)?, key);
        }
        Ok(())
    }

    /// How many runs have ended since then, in seconds since 1970, and how many of them kept their request for what reason.
    pub fn left_alone_since(&self, since: i64) -> Result<(u64, Vec<(u64, &'static str)>)> {
        let reasons: Vec<&str> = kept_always().collect();
        // One look at each run, whatever the number of reasons.
        let counts = ", total(NOT rewritten AND instr(comment, ?) > 0)".repeat(reasons.len());
        let mut query = self.db.prepare_cached(&format!(
            "SELECT count(*){counts} FROM jobs WHERE started > 0 AND ended >= ?"
        ))?;
        let mark = |why: &&str| Value::from(format!("\"kept\":\"{why}\""));
        let values = reasons.iter().map(mark).chain([since.into()]);
        Ok(query.query_row(params_from_iter(values), |row| {
            let of = |(at, why)| Ok((row.get::<_, f64>(at)? as u64, why));
            let counts: Vec<_> = (1..)
                .zip(reasons.iter().copied())
                .map(of)
                .collect::<rusqlite::Result<_>>()?;
            let some = counts.into_iter().filter(|(runs, _)| *runs > 0);
            Ok((row.get::<_, i64>(0)? as u64, some.collect()))
        })?)
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
        user_comment: String::new(),
        uid: None,
        user: row.get(11)?,
        account: row.get(12)?,
        partition: row.get(13)?,
        nodes: row.get(14)?,
        cpus: row.get(15)?,
        memory: bytes(row, 16)?,
        comment: Comment::read(row.get_ref(17)?.as_str()?),
        harm: row.get(19)?,
        usage: usage(row, 0)?,
    })
}
