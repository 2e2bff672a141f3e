//! The behavioural database: every job that ended, what it used, and what was decided about it.
//!
//! SQLite in WAL mode, so that reports read while the agent writes. `jobs` holds one row a run,
//! `usages` what it used, `shadows` what the shadows of new kinds saw, `sums` what is left of old runs. A
//! run is known by JobIDRaw and submit time, as in slurmdbd: storing it twice changes nothing.
#![forbid(unsafe_code)]

mod ends;
mod filter;
mod measured_later;
mod others;
pub mod private;
mod retention;
mod schema;
mod seats;
mod shadows;
pub mod upkeep;

use crate::fingerprint::{Key, Kind, Level};
use crate::job::directory::Watermark;
use crate::job::{Harmed, Named, Run, Usage};
use crate::record::FinishedJob;
use crate::record::Record;
use anyhow::{Context, Result, bail};
pub use ends::{Harm, PastEnd, RunOfJob};
pub use filter::Filter;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use schema::MIGRATIONS;
pub use shadows::Shadow;
use std::path::Path;

/// An open database.
pub struct Store {
    db: Connection,
}

impl Store {
    /// Opens the database for writing, and makes it if there is none.
    pub fn open(path: &Path) -> Result<Store> {
        private::make_database(path).with_context(|| path.display().to_string())?;
        let db = Connection::open(path).with_context(|| path.display().to_string())?;
        let mut store = Store { db };
        store
            .prepare()
            .with_context(|| path.display().to_string())?;
        Ok(store)
    }

    /// Opens an existing database for reading.
    pub fn open_to_read(path: &Path) -> Result<Store> {
        if !path.exists() {
            bail!(
                "{}: no database yet; shadowfitd makes it, or 'shadowfit import'",
                path.display()
            );
        }
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .with_context(|| path.display().to_string())?;
        let store = Store { db };
        let version = store
            .version()
            .with_context(|| path.display().to_string())?;
        if version != MIGRATIONS.len() {
            bail!(
                "{}: database version {version}, this release reads {}; restart shadowfitd",
                path.display(),
                MIGRATIONS.len()
            );
        }
        Ok(store)
    }

    /// A database of the moment, in memory.
    pub fn of_the_moment() -> Result<Store> {
        let mut store = Store {
            db: Connection::open_in_memory()?,
        };
        store.prepare()?;
        Ok(store)
    }

    fn prepare(&mut self) -> Result<()> {
        self.db.busy_timeout(std::time::Duration::from_secs(30))?;
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        self.db.pragma_update(None, "synchronous", "NORMAL")?;
        self.db.pragma_update(None, "cache_size", -65536)?;
        let version = self.version()?;
        if version > MIGRATIONS.len() {
            bail!(
                "database version {version} is of a later release; this one knows {}",
                MIGRATIONS.len()
            );
        }
        for (done, migration) in MIGRATIONS.iter().enumerate().skip(version) {
            let step = self.db.transaction()?;
            step.execute_batch(migration)?;
            step.pragma_update(None, "user_version", done as i64 + 1)?;
            step.commit()?;
        }
        Ok(())
    }

    fn version(&self) -> Result<usize> {
        let version: i64 = self
            .db
            .pragma_query_value(None, "user_version", |row| row.get(0))?;
        usize::try_from(version).context("a negative version")
    }

    /// Stores runs that are not there yet, or whose memory was not known, all or none. Returns how many were new.
    pub fn insert(&mut self, jobs: &[(FinishedJob, Kind)]) -> Result<usize> {
        let kept_from = self.progress(retention::KEPT_FROM)?.unwrap_or(0);
        let step = self.db.transaction()?;
        let mut new = 0;
        {
            let mut insert_job = step.prepare_cached(
                "INSERT OR IGNORE INTO jobs (job_id, submitted, started, ended, label, state, name, user, account, \
                 partition, nodes, cpus, memory, command_key, script_key, name_key, application_key, comment, asked, input, \
                 rewritten, harmed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? OR EXISTS ( \
                 SELECT 1 FROM harms WHERE harms.job_id = ?1 AND harms.started = ?3))",
            )?;
            let mut insert_usage = step.prepare_cached(
                "INSERT INTO usages (job, peak, peak_is_bound, cores, elapsed, seats, named_mib, named_cpus) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            for (job, kind) in jobs.iter().filter(|(job, _)| job.ended >= kept_from) {
                let key = |key: Option<Key>| key.map(|key| key.0 as i64);
                let label = Some(&job.label).filter(|label| **label != job.job_id.to_string());
                let comment = Some(job.comment.text()).filter(|comment| !comment.is_empty());
                let record = job.comment.record();
                let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as i64);
                // Whoever opts out teaches nobody else.
                let is_left_alone = record.is_some_and(Record::opted_out);
                let asked = record.and_then(Record::asked_on_a_node);
                let input = record.and_then(|record| record.input_bytes);
                let is_rewritten = record.is_some_and(Record::is_tried);
                let is_harmed = job.was_harmed() || (is_rewritten && job.usage.peak_is_bound);
                let inserted = insert_job.execute(params![
                    job.job_id as i64,
                    job.submitted,
                    job.started,
                    job.ended,
                    label,
                    job.state,
                    job.name,
                    job.user,
                    job.account,
                    job.partition,
                    job.nodes,
                    job.cpus,
                    bytes(job.memory),
                    key(kind.command),
                    key(kind.script),
                    key(kind.name),
                    key(kind.application.filter(|_| !is_left_alone)),
                    comment,
                    bytes(asked.or(job.memory)),
                    bytes(input),
                    is_rewritten,
                    is_harmed,
                ])?;
                if inserted == 1 {
                    let usage = &job.usage;
                    insert_usage.execute(params![
                        step.last_insert_rowid(),
                        bytes(usage.peak_bytes),
                        usage.peak_is_bound,
                        usage.cores,
                        usage.elapsed_s as i64,
                        seats::of_run(&step, job.job_id, record)?,
                        usage.named.memory_mib,
                        usage.named.cpus,
                    ])?;
                    new += 1;
                } else if measured_later::take(&step, job, is_harmed)? {
                    new += 1;
                }
            }
        }
        step.commit()?;
        Ok(new)
    }

    /// How far it reaches: the job that arrived last and the shadow that ended last.
    pub fn watermark(&self) -> Result<Watermark> {
        Ok(self.db.query_row(
            "SELECT (SELECT coalesce(max(id), 0) FROM jobs), (SELECT coalesce(max(ended), 0) FROM shadows)",
            [],
            |row| {
                Ok(Watermark {
                    jobs: row.get(0)?,
                    shadows: row.get(1)?,
                })
            },
        )?)
    }

    /// Every key that a run after row `row` has, at `level`.
    pub fn keys_after(&self, row: i64, level: Level) -> Result<Vec<Key>> {
        let column = column(level);
        let mut query = self.db.prepare_cached(&format!(
            "SELECT DISTINCT {column} FROM jobs NOT INDEXED WHERE id > ? AND {column} IS NOT NULL"
        ))?;
        let keys = query.query_map([row], |row| Ok(Key(row.get::<_, i64>(0)? as u64)))?;
        Ok(keys.collect::<rusqlite::Result<_>>()?)
    }

    /// The latest `limit` runs of a kind up to row `row`, the latest first.
    pub fn runs(&self, level: Level, key: Key, row: i64, limit: u32) -> Result<Vec<Run>> {
        let column = column(level);
        let mut query = self.db.prepare_cached(&format!(
            "{RUN} FROM jobs JOIN usages ON job = id WHERE {column} = ? AND id <= ? AND {TELLING} \
             ORDER BY ended DESC, id DESC LIMIT ?"
        ))?;
        let runs = query.query_map(params![key.0 as i64, row, limit], run)?;
        Ok(runs.collect::<rusqlite::Result<_>>()?)
    }

    /// How many runs it holds, and when the first of them ended, in seconds since 1970.
    pub fn extent(&self) -> Result<(u64, Option<i64>)> {
        let extent = self
            .db
            .query_row("SELECT count(*), min(ended) FROM jobs", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            });
        Ok(extent?)
    }

    /// When the latest run of a kind up to row `row` ended, in seconds since 1970, and whose it was.
    pub fn latest(&self, level: Level, key: Key, row: i64) -> Result<Option<(i64, String)>> {
        let column = column(level);
        let mut query = self.db.prepare_cached(&format!(
            "SELECT ended, user FROM jobs WHERE {column} = ? AND id <= ? ORDER BY ended DESC, id DESC LIMIT 1"
        ))?;
        let latest = query.query_row(params![key.0 as i64, row], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        Ok(latest.optional()?)
    }

    /// A number that outlives restarts, such as how far sacct was read.
    pub fn progress(&self, name: &str) -> Result<Option<i64>> {
        let mut query = self
            .db
            .prepare_cached("SELECT value FROM progress WHERE name = ?")?;
        Ok(query.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Sets such a number.
    pub fn set_progress(&self, name: &str, value: i64) -> Result<()> {
        self.db.execute(
            "INSERT OR REPLACE INTO progress VALUES (?, ?)",
            params![name, value],
        )?;
        Ok(())
    }
}

/// What [`run`] reads, in its order.
const RUN: &str = "SELECT peak, peak_is_bound, cores, elapsed, state, input, coalesce(asked, memory), seats, rewritten, harmed, \
                   named_mib, named_cpus";

/// The runs that tell something.
const TELLING: &str = "started > 0 AND (peak IS NOT NULL OR state = 'COMPLETED' OR harmed)";

fn run(row: &Row) -> rusqlite::Result<Run> {
    let usage = usage(row, 0)?;
    let harmed: bool = row.get(9)?;
    Ok(Run {
        completed: row.get_ref(4)?.as_str()? == "COMPLETED" && !usage.peak_is_bound && !harmed,
        rewritten: row.get(8)?,
        harmed: harmed.then_some(match usage.peak_is_bound {
            true => Harmed::OfMemory,
            false => Harmed::Otherwise,
        }),
        usage: Usage {
            named: Named {
                memory_mib: row.get(10)?,
                cpus: row.get(11)?,
            },
            ..usage
        },
        input_bytes: bytes(row, 5)?,
        asked: bytes(row, 6)?,
        seats: row
            .get_ref(7)?
            .as_str_or_null()?
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default(),
    })
}

fn column(level: Level) -> &'static str {
    match level {
        Level::Command | Level::Shadow => "command_key",
        Level::Script => "script_key",
        Level::Name => "name_key",
        Level::Application => "application_key",
    }
}

fn bytes(row: &Row, at: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(|bytes| bytes as u64))
}

fn usage(row: &Row, at: usize) -> rusqlite::Result<Usage> {
    Ok(Usage {
        peak_bytes: bytes(row, at)?,
        peak_is_bound: row.get(at + 1)?,
        cores: row.get(at + 2)?,
        elapsed_s: row.get::<_, i64>(at + 3)? as u64,
        named: Named::default(),
    })
}

#[cfg(test)]
pub(crate) mod tests;
