//! Shadows in the store: what was submitted, what it showed, what can be learned from it.

use super::Store;
use super::others::{LOOKED_AT, fair};
use super::runs::OPTED_OUT;
use crate::fingerprint::Key;
use crate::job::Ask;
use crate::job::counters::ShadowCounters;
use crate::job::shadow::{Need, Observation};
use anyhow::Result;
use rusqlite::{OptionalExtension, Row, params};

/// Of so many of the latest shadows that were cut off the model learns, and of so many of the latest runs of each one's kind.
const OBSERVED: u32 = 400;
const OBSERVED_RUNS: u32 = 30;
/// And of so many users at least.
const OBSERVED_USERS: usize = 3;

/// One shadow.
#[derive(Debug, Clone, PartialEq)]
pub struct Shadow {
    /// The number of its row; 0 where it has none yet.
    pub row: i64,
    /// Its own job; `None` while Slurm has not answered, which has then perhaps never heard of it.
    pub job_id: Option<u64>,
    /// The job that it runs for, as scontrol names it.
    pub shadow_of: String,
    /// The job whose script it runs: of an array, the array's. Its own record names this one.
    pub origin: u64,
    /// Whose job that is.
    pub user: String,
    /// Its kind.
    pub command: Key,
    /// Seconds since 1970.
    pub submitted: i64,
    /// What that job asked for.
    pub asked: Ask,
    /// It has ended.
    pub has_ended: bool,
    /// What it did; `None` while it runs, or when it was lost.
    pub counters: Option<ShadowCounters>,
    /// What its kind needs; `None` while it runs, or when nothing can be predicted.
    pub need: Option<Need>,
}

/// All of a [`Shadow`], in the order of [`stored_shadow`].
const SHADOW: &str = "SELECT id, job_id, shadow_of, origin, command_key, submitted, asked, ended IS NOT NULL, \
     counters, need_mib, cores, user FROM shadows";

impl Store {
    /// Remembers a shadow before it is submitted. Returns its row.
    pub fn intend_shadow(&self, shadow: &Shadow) -> Result<i64> {
        self.db.execute(
            "INSERT INTO shadows (shadow_of, origin, command_key, submitted, asked, user) VALUES (?, ?, ?, ?, ?, ?)",
            params![
                shadow.shadow_of,
                shadow.origin as i64,
                shadow.command.0 as i64,
                shadow.submitted,
                serde_json::to_string(&shadow.asked)?,
                shadow.user,
            ],
        )?;
        Ok(self.db.last_insert_rowid())
    }

    /// Notes which number Slurm gave to the shadow of that row. One that had the same number and never reported is lost: a
    /// slurmctld that was killed gives numbers anew.
    pub fn shadow_submitted(&self, row: i64, job_id: u64) -> Result<()> {
        let mut query = self.db.prepare_cached(
            "SELECT id FROM shadows WHERE job_id = ? AND id <> ? AND ended IS NULL",
        )?;
        let earlier = query.query_map([job_id as i64, row], |row| row.get(0))?;
        let earlier: Vec<i64> = earlier.collect::<rusqlite::Result<_>>()?;
        for lost in earlier {
            self.end_shadow(lost, None, None)?;
        }
        self.db.execute(
            "UPDATE shadows SET job_id = ? WHERE id = ?",
            [job_id as i64, row],
        )?;
        Ok(())
    }

    /// A shadow of this number is remembered.
    pub fn knows_shadow(&self, job_id: u64) -> Result<bool> {
        let mut query = self
            .db
            .prepare_cached("SELECT 1 FROM shadows WHERE job_id = ?")?;
        Ok(query.exists([job_id as i64])?)
    }

    /// Shadows that have not ended yet.
    pub fn running_shadows(&self) -> Result<Vec<Shadow>> {
        let mut query = self
            .db
            .prepare_cached(&format!("{SHADOW} WHERE ended IS NULL"))?;
        let shadows = query.query_map([], stored_shadow)?;
        Ok(shadows.collect::<rusqlite::Result<_>>()?)
    }

    /// Every shadow submitted since `since`, in seconds since 1970, that has ended.
    pub fn ended_shadows(&self, since: i64) -> Result<Vec<Shadow>> {
        let mut query = self.db.prepare_cached(&format!(
            "{SHADOW} WHERE ended IS NOT NULL AND submitted >= ? ORDER BY ended"
        ))?;
        let shadows = query.query_map([since], stored_shadow)?;
        Ok(shadows.collect::<rusqlite::Result<_>>()?)
    }

    /// The shadow of a kind that was submitted last.
    pub fn shadow_of_kind(&self, command: Key) -> Result<Option<Shadow>> {
        let mut query = self.db.prepare_cached(&format!(
            "{SHADOW} WHERE command_key = ? ORDER BY id DESC LIMIT 1"
        ))?;
        Ok(query
            .query_row([command.0 as i64], stored_shadow)
            .optional()?)
    }

    /// Writes how a shadow ended and what its kind therefore needs, if that can be predicted.
    pub fn end_shadow(
        &self,
        row: i64,
        counters: Option<&ShadowCounters>,
        need: Option<Need>,
    ) -> Result<()> {
        let counters = counters.map(serde_json::to_string).transpose()?;
        self.db.execute(
            "UPDATE shadows SET ended = (SELECT coalesce(max(ended), 0) + 1 FROM shadows), counters = ?2, \
             need_mib = ?3, cores = ?4 WHERE id = ?1 AND ended IS NULL",
            params![
                row,
                counters,
                need.map(|need| need.memory_mib),
                need.map(|need| need.cores),
            ],
        )?;
        Ok(())
    }

    /// Shadows that were cut off, of kinds that have completed since, the latest first: what the model can learn from. It
    /// serves all users, so it learns from no run that was harmed or whose user wanted to be left alone, and from none of them alone: at most [`OBSERVED`], of at least [`OBSERVED_USERS`] users, of
    /// each no more than a fair part, or none at all.
    pub fn observations(&self) -> Result<Vec<Observation>> {
        let mut query = self.db.prepare_cached(&format!(
            "SELECT user, command_key, counters, (SELECT max(peak) FROM (SELECT peak FROM jobs JOIN usages ON job = jobs.id \
             WHERE jobs.command_key = shadows.command_key AND state = 'COMPLETED' AND peak > 0 AND NOT peak_is_bound AND NOT harmed \
             AND NOT {OPTED_OUT} ORDER BY jobs.ended DESC LIMIT ?2)) AS peak FROM shadows \
             WHERE ended IS NOT NULL AND need_mib IS NOT NULL AND peak IS NOT NULL ORDER BY ended DESC LIMIT ?1"
        ))?;
        let looked_at = OBSERVED.saturating_mul(LOOKED_AT);
        let rows = query.query_map([looked_at, OBSERVED_RUNS], |row| {
            let counters: String = row.get(2)?;
            let seen = serde_json::from_str::<ShadowCounters>(&counters).ok();
            let (user, kind, peak): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(3)?);
            let observation =
                seen.and_then(|seen| Observation::of(&seen, kind as u64, peak as u64));
            Ok(observation.map(|observation| (user, observation)))
        })?;
        let observations = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let observations = observations.into_iter().flatten().collect();
        Ok(fair(observations, OBSERVED_USERS, OBSERVED as usize))
    }

    /// Every kind that a shadow predicted something about, which ended after number `ended`.
    pub fn shadowed_after(&self, ended: i64) -> Result<Vec<Key>> {
        let mut query = self.db.prepare_cached(
            "SELECT DISTINCT command_key FROM shadows WHERE ended > ? AND need_mib IS NOT NULL",
        )?;
        let keys = query.query_map([ended], |row| Ok(Key(row.get::<_, i64>(0)? as u64)))?;
        Ok(keys.collect::<rusqlite::Result<_>>()?)
    }

    /// What the last shadow of a kind says, of those up to number `ended`.
    pub fn shadow_need(&self, command: Key, ended: i64) -> Result<Option<Need>> {
        let mut query = self.db.prepare_cached(
            "SELECT need_mib, cores FROM shadows WHERE command_key = ? AND ended <= ? \
             AND need_mib IS NOT NULL ORDER BY ended DESC LIMIT 1",
        )?;
        let need = query.query_row(params![command.0 as i64, ended], |row| {
            Ok(Need {
                memory_mib: row.get(0)?,
                cores: row.get(1)?,
            })
        });
        Ok(need.optional()?)
    }

    /// When the last shadow of a kind was submitted that says what it needs, in seconds since 1970, and whose it was.
    pub fn latest_shadow(&self, command: Key, ended: i64) -> Result<Option<(i64, String)>> {
        let mut query = self.db.prepare_cached(
            "SELECT submitted, user FROM shadows WHERE command_key = ? AND ended <= ? \
             AND need_mib IS NOT NULL ORDER BY ended DESC LIMIT 1",
        )?;
        let latest = query.query_row(params![command.0 as i64, ended], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        Ok(latest.optional()?)
    }
}

fn stored_shadow(row: &Row) -> rusqlite::Result<Shadow> {
    let unreadable = |at, error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, error.into())
    };
    let counters: Option<String> = row.get(8)?;
    let (memory_mib, cores): (Option<u32>, Option<f32>) = (row.get(9)?, row.get(10)?);
    Ok(Shadow {
        row: row.get(0)?,
        job_id: row.get::<_, Option<i64>>(1)?.map(|id| id as u64),
        shadow_of: row.get(2)?,
        origin: row.get::<_, i64>(3)? as u64,
        user: row.get(11)?,
        command: Key(row.get::<_, i64>(4)? as u64),
        submitted: row.get(5)?,
        asked: serde_json::from_str(row.get_ref(6)?.as_str()?)
            .map_err(|error| unreadable(6, error))?,
        has_ended: row.get(7)?,
        counters: counters.and_then(|text| serde_json::from_str(&text).ok()),
        need: memory_mib
            .zip(cores)
            .map(|(memory_mib, cores)| Need { memory_mib, cores }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Kind;
    use crate::job::LeftAlone;
    use crate::job::counters::{Counters, Ended};
    use crate::record::tests::finished;
    use crate::record::{FinishedJob, Record};
    use crate::store::tests::{note_harm, shadow, store};

    /// A shadow of `user`'s that was cut off at 100 MiB, of a kind of its own, whose job came to `peak_mib`.
    fn cut_off(store: &mut Store, number: u64, user: &str, peak_mib: u64) {
        cut_off_of(store, number, user, peak_mib, |_| ());
    }

    /// The same of a job that is changed so.
    fn cut_off_of(
        store: &mut Store,
        number: u64,
        user: &str,
        peak_mib: u64,
        change: impl Fn(&mut FinishedJob),
    ) {
        let kind = Kind {
            command: Some(Key(number)),
            ..Kind::of_accounting(1001, b"align")
        };
        let mut job = FinishedJob {
            user: user.into(),
            ..finished(number, number as i64, 5)
        };
        job.usage.peak_bytes = Some(peak_mib << 20);
        change(&mut job);
        store.insert(&[(job, kind)]).unwrap();
        let shadow = shadow(number, user, number as i64);
        let row = store.intend_shadow(&shadow).unwrap();
        let seen = Counters {
            peak_mib: 100.0,
            ..Counters::nothing(Ended::Window)
        };
        let need = Need {
            memory_mib: 110,
            cores: 1.0,
        };
        store
            .end_shadow(row, Some(&seen.into()), Some(need))
            .unwrap();
    }

    #[test]
    fn no_user_teaches_alone_what_all_shadows_that_were_cut_off_mean() {
        let (_dir, mut store) = store();
        let flood = u64::from(OBSERVED) + 100;
        (1..=flood).for_each(|number| cut_off(&mut store, number, "mallory", 100));
        assert_eq!(store.observations().unwrap(), []);
        for (at, user) in ["alice", "bob", "alice", "bob"].iter().enumerate() {
            cut_off(&mut store, flood + 1 + at as u64, user, 400);
        }
        let seen = store.observations().unwrap();
        let of_others = seen.iter().filter(|one| one.peak_mib == 400.0).count();
        assert_eq!((seen.len(), of_others), (6, 4), "{seen:?}");
        assert!(seen[0].kind > seen[1].kind, "the latest first: {seen:?}");
    }

    #[test]
    fn shadows_are_told_by_no_run_that_was_cut_short_harmed_unmeasured_or_left_alone() {
        type Change = fn(&mut FinishedJob);
        let cases: [(&str, Change, usize); 7] = [
            ("well", |_| (), 3),
            ("cut short", |job| job.state = "TIMEOUT".into(), 0),
            ("cancelled", |job| job.state = "CANCELLED".into(), 0),
            ("out of memory", |job| job.usage.peak_is_bound = true, 0),
            ("of no memory", |job| job.usage.peak_bytes = Some(0), 0),
            (
                "left alone",
                |job| {
                    let off = LeftAlone::OptedOut.text();
                    job.comment = Record::kept(Kind::default(), None, off).into();
                },
                0,
            ),
            (
                "kept for another reason",
                |job| job.comment = Record::kept(Kind::default(), None, "little to save").into(),
                3,
            ),
        ];
        for (what, change, right) in cases {
            let (_dir, mut store) = store();
            for (number, user) in (1..).zip(["alice", "bob", "carol"]) {
                cut_off_of(&mut store, number, user, 400, change);
            }
            assert_eq!(store.observations().unwrap().len(), right, "{what}");
        }
        let (_dir, mut store) = store();
        for (number, user) in (1..).zip(["alice", "bob", "carol"]) {
            cut_off(&mut store, number, user, 400);
        }
        note_harm(&store, 3);
        assert_eq!(store.observations().unwrap(), []);
    }
}
