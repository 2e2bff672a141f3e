//! Seats of licenses that jobs held: as license managers report while they run, and as samplers do at the end.

use super::Store;
use crate::record::Record;
use anyhow::Result;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};

impl Store {
    /// A running job holds so many seats now; `None` where its license's manager does not say.
    pub fn note_seats(&self, job_id: u64, license: &str, seats: Option<u32>) -> Result<()> {
        let Some(seats) = seats else {
            let mut note = self
                .db
                .prepare_cached("INSERT OR IGNORE INTO unseen_seats VALUES (?, ?)")?;
            note.execute(params![job_id as i64, license])?;
            return Ok(());
        };
        let mut note = self.db.prepare_cached(
            "INSERT INTO seats VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET most = max(most, excluded.most)",
        )?;
        note.execute(params![job_id as i64, license, seats])?;
        Ok(())
    }
}

/// The most that a run held of each license that anybody watched for, as JSON; `None` if nobody did. What
/// license managers reported is taken out: the job may run again. None held is believed only of a manager
/// that answered in every pass.
pub(super) fn of_run(
    db: &Connection,
    job_id: u64,
    record: Option<&Record>,
) -> Result<Option<String>> {
    let profile = record.and_then(|record| record.profile.as_ref());
    let mut most: BTreeMap<String, u32> = profile.map(|p| p.seats.clone()).unwrap_or_default();
    let mut unseen =
        db.prepare_cached("DELETE FROM unseen_seats WHERE job_id = ? RETURNING license")?;
    let unseen = unseen.query_map([job_id as i64], |row| row.get::<_, String>(0))?;
    let unseen: BTreeSet<String> = unseen.collect::<rusqlite::Result<_>>()?;
    let mut reported =
        db.prepare_cached("DELETE FROM seats WHERE job_id = ? RETURNING license, most")?;
    for row in reported.query_map([job_id as i64], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?))
    })? {
        let (license, seats) = row?;
        if seats > 0 || !unseen.contains(&license) {
            let held = most.entry(license).or_default();
            *held = seats.max(*held);
        }
    }
    Ok((!most.is_empty())
        .then(|| serde_json::to_string(&most))
        .transpose()?)
}
