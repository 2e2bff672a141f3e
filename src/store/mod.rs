//! The behavioural database: every job that ended, what it used, and what was decided about it.
//!
//! SQLite in WAL mode, so that reports read while the agent writes. `jobs` holds one row a run,
//! `usages` what it used, `shadows` what the shadows of new kinds saw,
//! `unshadowed` why others had none, `sums` what is left of old runs. A
//! run is known by JobIDRaw and submit time, as in slurmdbd: storing it twice changes nothing.
#![forbid(unsafe_code)]

mod ends;
mod filter;
mod harms;
mod lent;
mod measured_later;
mod others;
pub mod private;
mod retention;
mod runs;
mod schema;
mod seats;
mod shadows;
mod unshadowed;
pub mod upkeep;

use crate::job::directory::Watermark;
use anyhow::{Context, Result, bail};
pub use ends::PastEnd;
pub use filter::Filter;
pub use harms::{Harm, RunOfJob};
pub use lent::Lent;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};
use schema::MIGRATIONS;
pub use shadows::Shadow;
use std::path::Path;
use std::time::{Duration, Instant};

/// So long is waited for others who write.
const PATIENCE: Duration = Duration::from_secs(30);

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
        self.db.busy_timeout(PATIENCE)?;
        self.log_ahead()?;
        self.db.pragma_update(None, "synchronous", "NORMAL")?;
        self.db.pragma_update(None, "cache_size", -65536)?;
        // Whoever opens it at the same time, as an import beside an agent, finds it before or behind all steps.
        if self.version()? != MIGRATIONS.len() {
            self.bring_up_to_date()?;
        }
        Ok(())
    }

    /// Who changes the mode while another one does, of a database that is new, is told so at once, without the patience that
    /// SQLite has with all else.
    fn log_ahead(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            match self.db.pragma_update(None, "journal_mode", "WAL") {
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && began.elapsed() < PATIENCE =>
                {
                    std::thread::sleep(Duration::from_millis(10));
                }
                changed => return Ok(changed?),
            }
        }
    }

    fn bring_up_to_date(&mut self) -> Result<()> {
        let all = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = version(&all)?;
        if version > MIGRATIONS.len() {
            bail!(
                "database version {version} is of a later release; this one knows {}",
                MIGRATIONS.len()
            );
        }
        for migration in MIGRATIONS.iter().skip(version) {
            all.execute_batch(migration)?;
        }
        all.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
        Ok(all.commit()?)
    }

    fn version(&self) -> Result<usize> {
        version(&self.db)
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

    /// How many runs it holds, and when the first of them ended, in seconds since 1970.
    pub fn extent(&self) -> Result<(u64, Option<i64>)> {
        let extent = self
            .db
            .query_row("SELECT count(*), min(ended) FROM jobs", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            });
        Ok(extent?)
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

fn version(db: &Connection) -> Result<usize> {
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    usize::try_from(version).context("a negative version")
}

#[cfg(test)]
pub(crate) mod tests;
