//! Runs of jobs: stored, and found again by their kind.

use super::{Store, measured_later, retention, seats};
use crate::fingerprint::{Key, Kind, Level};
use crate::job::{Harmed, Named, Run, Usage};
use crate::model::learned::owner;
use crate::record::{FinishedJob, Record};
use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, Row, params};

impl Store {
    /// Stores runs that are not there yet, or whose memory was not known, all or none. Returns how many were new.
    pub fn insert(&mut self, jobs: &[(FinishedJob, Kind)]) -> Result<usize> {
        let kept_from = self.progress(retention::KEPT_FROM)?.unwrap_or(0);
        let step = self.db.transaction()?;
        let mut new = 0;
        for (job, kind) in jobs.iter().filter(|(job, _)| job.ended >= kept_from) {
            new += usize::from(store_run(&step, job, kind)?);
        }
        step.commit()?;
        Ok(new)
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
        let mut query = self.db.prepare_cached(&learned_from(column(level)))?;
        let runs = query.query_map(params![key.0 as i64, row, limit], run)?;
        Ok(runs.collect::<rusqlite::Result<_>>()?)
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
}

/// Says whether anything of the run is new.
fn store_run(step: &Connection, job: &FinishedJob, kind: &Kind) -> Result<bool> {
    let record = job.comment.record();
    let is_rewritten = record.is_some_and(Record::is_tried);
    let goes_on = |record: &Record| job.state == "COMPLETED" && record.goes_on();
    let had_less = record.is_some_and(|record| record.rewrites() && !goes_on(record));
    let is_harmed = job.was_harmed() || (had_less && job.usage.peak_is_bound);
    if !insert_job(step, job, kind, is_rewritten, is_harmed)? {
        return Ok(measured_later::take(step, job, is_harmed)?);
    }
    insert_usage(step, step.last_insert_rowid(), job)?;
    Ok(true)
}

/// Says whether it was not there yet.
fn insert_job(
    step: &Connection,
    job: &FinishedJob,
    kind: &Kind,
    is_rewritten: bool,
    is_harmed: bool,
) -> Result<bool> {
    let key = |key: Option<Key>| key.map(|key| key.0 as i64);
    let label = Some(&job.label).filter(|label| **label != job.job_id.to_string());
    let comment = Some(job.comment.text()).filter(|comment| !comment.is_empty());
    let record = job.comment.record();
    // Whoever opts out teaches nobody else.
    let is_left_alone = record.is_some_and(Record::opted_out);
    let asked = record.and_then(Record::asked_on_a_node);
    let input = record.and_then(|record| record.input_bytes);
    let mut insert = step.prepare_cached(
        "INSERT OR IGNORE INTO jobs (job_id, submitted, started, ended, label, state, name, user, account, \
                 partition, nodes, cpus, memory, command_key, script_key, name_key, application_key, comment, asked, input, \
                 rewritten, harmed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? OR EXISTS ( \
                 SELECT 1 FROM harms WHERE harms.job_id = ?1 AND harms.started = ?3))",
    )?;
    let inserted = insert.execute(params![
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
        stored(job.memory),
        key(kind.command),
        key(kind.script),
        key(kind.name),
        key(kind.application.filter(|_| !is_left_alone)),
        comment,
        stored(asked.or(job.memory)),
        stored(input),
        is_rewritten,
        is_harmed,
    ])?;
    Ok(inserted == 1)
}

/// What the run in row `row` used.
fn insert_usage(step: &Connection, row: i64, job: &FinishedJob) -> Result<()> {
    let usage = &job.usage;
    let mut insert = step.prepare_cached(
        "INSERT INTO usages (job, peak, peak_is_bound, cores, elapsed, seats, named_mib, named_cpus, launched) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    insert.execute(params![
        row,
        stored(usage.peak_bytes),
        usage.peak_is_bound,
        usage.cores,
        usage.elapsed_s as i64,
        seats::of_run(step, job.job_id, job.comment.record())?,
        usage.named.memory_mib,
        usage.named.cpus,
        usage.launched,
    ])?;
    Ok(())
}

/// Bytes as SQLite counts.
fn stored(bytes: Option<u64>) -> Option<i64> {
    bytes.map(|bytes| bytes as i64)
}

/// A run's user wanted it to be left alone, as its record says.
pub const OPTED_OUT: &str = r#"(coalesce(instr(comment, '"kept":"--shadowfit=off"'), 0) > 0)"#;

/// Asks for the latest runs with that key, of a row up to some number, of which something can be learned, the latest first and so
/// many at most: what [`run`] reads, in its order.
pub fn learned_from(column: &str) -> String {
    format!(
        "SELECT peak, peak_is_bound, cores, elapsed, state, input, coalesce(asked, memory), seats, rewritten, harmed, \
         named_mib, named_cpus, command_key, launched, user, {OPTED_OUT} FROM jobs JOIN usages ON job = id \
         WHERE {column} = ? AND id <= ? AND started > 0 AND (peak IS NOT NULL OR state = 'COMPLETED' OR harmed) \
         ORDER BY ended DESC, id DESC LIMIT ?"
    )
}

pub fn run(row: &Row) -> rusqlite::Result<Run> {
    let usage = usage(row, 0)?;
    let (rewritten, harmed, opted_out): (bool, bool, bool) =
        (row.get(8)?, row.get(9)?, row.get(15)?);
    // A rewritten run of which nothing was measured is no proof that it had enough.
    let is_proof = usage.peak_bytes.is_some() || !rewritten;
    // What was to be left alone is no measure for the others: it counts where they need as much.
    let is_well = !usage.peak_is_bound && !harmed && is_proof && !opted_out;
    let is_completed = row.get_ref(4)?.as_str()? == "COMPLETED";
    Ok(Run {
        completed: is_completed && is_well,
        went_on: is_completed && usage.peak_is_bound && !rewritten && !harmed,
        rewritten,
        harmed: harmed.then_some(match usage.peak_is_bound {
            true => Harmed::OfMemory,
            false => Harmed::Otherwise,
        }),
        usage: Usage {
            named: Named {
                memory_mib: row.get(10)?,
                cpus: row.get(11)?,
            },
            launched: row.get(13)?,
            ..usage
        },
        input_bytes: bytes(row, 5)?,
        asked: bytes(row, 6)?,
        command: bytes(row, 12)?,
        user: owner(row.get_ref(14)?.as_str()?),
        seats: row
            .get_ref(7)?
            .as_str_or_null()?
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default(),
    })
}

pub fn column(level: Level) -> &'static str {
    match level {
        Level::Command | Level::Shadow => "command_key",
        Level::Script => "script_key",
        Level::Name => "name_key",
        Level::Application => "application_key",
    }
}

pub fn bytes(row: &Row, at: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(|bytes| bytes as u64))
}

pub fn usage(row: &Row, at: usize) -> rusqlite::Result<Usage> {
    Ok(Usage {
        peak_bytes: bytes(row, at)?,
        peak_is_bound: row.get(at + 1)?,
        cores: row.get(at + 2)?,
        elapsed_s: row.get::<_, i64>(at + 3)? as u64,
        named: Named::default(),
        launched: None,
    })
}
