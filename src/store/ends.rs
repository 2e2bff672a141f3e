//! How the latest runs of a kind ended.

use super::others::{LOOKED_AT, fair};
use super::runs::{OPTED_OUT, column, usage};
use super::{RunOfJob, Store};
use crate::fingerprint::{Key, Level};
use crate::job::Usage;
use crate::model::excess::{AsAsked, Ends};
use crate::record::{Comment, Record};
use anyhow::Result;
use rusqlite::{OptionalExtension, params};
use std::cmp::Reverse;

/// How one run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct PastEnd {
    /// When, in seconds since 1970.
    pub ended: i64,
    /// State without its details.
    pub state: String,
    /// It had not what its user asked for.
    pub was_rewritten: bool,
    /// It had, after an earlier run of the job had been harmed.
    pub was_given_back: bool,
    /// The rewrite harmed it.
    pub was_harmed: bool,
    /// What it used.
    pub usage: Usage,
}

/// A rewritten run whose end has to be judged.
#[derive(Debug, Clone)]
pub struct EndedRun {
    /// Which it is.
    pub run: RunOfJob,
    /// State without its details.
    pub state: String,
    /// When it ended, in seconds since 1970.
    pub ended: i64,
    /// What was decided about it, and what it did where that is known.
    pub record: Record,
    /// What it used.
    pub usage: Usage,
}

impl Store {
    /// The latest `limit` runs of a kind, the latest first, without those of `job_id`, those that ended at or after `before`, in
    /// seconds since 1970, and those whose users wanted to be left alone; of several users' runs a fair part of each, and none at all
    /// where fewer than `users` have any. Runs that
    /// a rewrite harmed do not count among them: of those that ended since the first of them there are `limit`, too.
    pub fn past_ends(
        &self,
        (level, key): (Level, Key),
        job_id: u64,
        before: i64,
        limit: u32,
        users: u32,
    ) -> Result<Vec<PastEnd>> {
        let looked_at = match level {
            Level::Application => limit.saturating_mul(LOOKED_AT),
            _ => limit,
        };
        let mut query = self.db.prepare_cached(&format!(
            "SELECT peak, peak_is_bound, cores, elapsed, state, coalesce(comment, ''), launched, ended, user FROM \
             (SELECT * FROM jobs WHERE {} = ?1 AND job_id <> ?2 AND ended >= ?3 AND ended < ?4 \
             ORDER BY ended DESC, id DESC LIMIT ?6 * {LOOKED_AT}) \
             JOIN usages ON job = id WHERE harmed = ?5 AND NOT {OPTED_OUT} ORDER BY ended DESC, id DESC LIMIT ?6",
            column(level)
        ))?;
        let mut ends = |since: i64, was_harmed: bool| -> Result<Vec<PastEnd>> {
            let row = params![
                key.0 as i64,
                job_id as i64,
                since,
                before,
                was_harmed,
                looked_at
            ];
            let ends = query.query_map(row, |row| {
                let comment = Comment::read(row.get_ref(5)?.as_str()?);
                let record = comment.record();
                let end = PastEnd {
                    ended: row.get(7)?,
                    state: row.get(4)?,
                    was_rewritten: record.is_some_and(Record::rewrites),
                    was_given_back: record.is_some_and(|record| record.given_back),
                    was_harmed,
                    usage: Usage {
                        launched: row.get(6)?,
                        ..usage(row, 0)?
                    },
                };
                Ok((row.get::<_, String>(8)?, end))
            })?;
            let ends = ends.collect::<rusqlite::Result<_>>()?;
            Ok(fair(ends, users.max(1) as usize, limit as usize))
        };
        let mut found = ends(i64::MIN, false)?;
        let since = found.last().map_or(i64::MIN, |first| first.ended);
        found.extend(ends(since, true)?);
        found.sort_by_key(|end| Reverse(end.ended));
        Ok(found)
    }

    /// Rewritten runs after row `row` up to row `last` that completed, failed or ran out of time, as far as is known without harm, in the order in
    /// which they started.
    pub fn ended_after(&self, row: i64, last: i64) -> Result<Vec<EndedRun>> {
        let mut query = self.db.prepare_cached(
            "SELECT peak, peak_is_bound, cores, elapsed, job_id, started, comment, launched, state, ended FROM jobs \
             JOIN usages ON job = id WHERE id > ? AND id <= ? AND state IN ('COMPLETED', 'FAILED', 'TIMEOUT') AND NOT harmed AND instr(comment, '\"mode\":\"apply\"') > 0 ORDER BY started, id",
        )?;
        let runs = query.query_map([row, last], |row| {
            let Some(record) = Comment::read(row.get_ref(6)?.as_str()?).record().cloned() else {
                return Ok(None);
            };
            Ok(Some(EndedRun {
                state: row.get(8)?,
                ended: row.get(9)?,
                run: RunOfJob {
                    job_id: row.get::<_, i64>(4)? as u64,
                    restarts: record.again.map_or(0, |again| again.restarts),
                    started: row.get(5)?,
                },
                usage: Usage {
                    launched: row.get(7)?,
                    ..usage(row, 0)?
                },
                record,
            }))
        })?;
        Ok(runs
            .filter_map(rusqlite::Result::transpose)
            .collect::<rusqlite::Result<_>>()?)
    }

    /// Jobs with a run after row `row` that is COMPLETED though a part of it was killed, and that ended at or after `since`, in
    /// seconds since 1970: what is known of its harm as it is stored.
    pub fn completed_harmed_after(&self, row: i64, since: i64) -> Result<Vec<u64>> {
        let mut query = self.db.prepare_cached(
            "SELECT job_id FROM jobs WHERE id > ? AND ended >= ? AND state = 'COMPLETED' AND harmed",
        )?;
        let jobs = query.query_map([row, since], |row| row.get::<_, i64>(0))?;
        Ok(jobs
            .map(|job| job.map(|job| job as u64))
            .collect::<rusqlite::Result<_>>()?)
    }

    /// How each user's runs of each kind ended, day by day, that ended at or after `since`, in seconds since 1970, where some were
    /// rewritten. Those whose end says nothing about them, as a lost node or their users' wish, are left out.
    pub fn ends_of_kinds(&self, since: i64) -> Result<Vec<Ends>> {
        let mut query = self.db.prepare_cached(
            "SELECT kind, sum(rewritten), sum(rewritten AND failed), sum(NOT rewritten), sum(NOT rewritten AND failed), user, day FROM ( \
             SELECT user, coalesce(command_key, script_key, name_key) AS kind, ended / 86400 AS day, rewritten, \
             harmed OR state <> 'COMPLETED' AS failed FROM jobs WHERE ended >= ? AND started > 0 \
             AND (harmed OR state IN ('COMPLETED', 'FAILED', 'OUT_OF_MEMORY', 'TIMEOUT'))) \
             WHERE kind IS NOT NULL GROUP BY user, kind, day HAVING max(rewritten) > 0",
        )?;
        let ends = query.query_map([since], |row| {
            let count = |at| row.get::<_, i64>(at).map(|count| count as u64);
            Ok(Ends {
                user: row.get(5)?,
                day: row.get(6)?,
                kind: Key(count(0)?),
                rewritten: count(1)?,
                rewritten_failed: count(2)?,
                others: count(3)?,
                others_failed: count(4)?,
            })
        })?;
        Ok(ends.collect::<rusqlite::Result<_>>()?)
    }

    /// What each user's runs of each kind did with the requests of their users, all that are remembered, where others of them were
    /// rewritten and ended at or after `since`, in seconds since 1970.
    pub fn ends_as_asked(&self, since: i64) -> Result<AsAsked> {
        let mut query = self.db.prepare_cached(
            "WITH runs AS (SELECT user, coalesce(command_key, script_key, name_key) AS kind, ended, rewritten, \
             harmed OR state <> 'COMPLETED' AS failed FROM jobs WHERE started > 0 \
             AND (harmed OR state IN ('COMPLETED', 'FAILED', 'OUT_OF_MEMORY', 'TIMEOUT'))) \
             SELECT user, kind, count(*), sum(failed) FROM runs WHERE NOT rewritten AND (user, kind) IN \
             (SELECT user, kind FROM runs WHERE rewritten AND ended >= ?) GROUP BY user, kind",
        )?;
        let ends = query.query_map([since], |row| {
            let count = |at| row.get::<_, i64>(at).map(|count| count as u64);
            Ok(((row.get(0)?, Key(count(1)?)), [count(2)?, count(3)?]))
        })?;
        Ok(ends.collect::<rusqlite::Result<_>>()?)
    }

    /// When the run of `job_id` that started at that time ended, both in seconds since 1970, once accounting has reported it.
    pub fn end_of_run(&self, job_id: u64, started: i64) -> Result<Option<i64>> {
        let mut query = self
            .db
            .prepare_cached("SELECT ended FROM jobs WHERE job_id = ? AND started = ?")?;
        let ended = query.query_row([job_id as i64, started], |row| row.get(0));
        Ok(ended.optional()?)
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
    use crate::fingerprint::Kind;
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
            let key = kind.keys().next().unwrap();
            let ends = store.past_ends(key, without, i64::MAX, 10, 1).unwrap();
            ends.into_iter().map(|end| end.state).collect::<Vec<_>>()
        };
        assert_eq!(states(&store, 9), ["FAILED", "COMPLETED"]);
        assert_eq!(states(&store, 2), ["COMPLETED"]);
        store.was_requeued(1).unwrap();
        store.was_requeued(2).unwrap();
        assert_eq!(states(&store, 9), ["FAILED", "REQUEUED"]);
    }

    #[test]
    fn ends_are_counted_by_kind_and_day_where_there_are_both_and_they_say_something() {
        let (_dir, mut store) = store();
        let kinds = [b"align".as_slice(), b"sort"].map(|name| Kind::of_accounting(1001, name));
        let change = crate::record::Change {
            mode: crate::config::Mode::Apply,
            asked: 4096,
            set: 100,
        };
        let run = |id: u64, kind, day: i64, state: &str, is_rewritten: bool| {
            let rewritten = Record {
                memory: Some(change),
                ..Record::kept(kind, None, "")
            };
            let job = FinishedJob {
                state: state.into(),
                comment: match is_rewritten {
                    true => rewritten.into(),
                    false => Comment::Empty,
                },
                ..finished(id, 86_400 * day + 1000, 9)
            };
            (job, kind)
        };
        let [align, sort] = kinds;
        let runs = [
            run(1, align, 1, "COMPLETED", false),
            run(2, align, 1, "FAILED", false),
            run(3, align, 1, "COMPLETED", true),
            run(4, align, 1, "OUT_OF_MEMORY", true),
            run(5, align, 1, "CANCELLED", true),
            run(6, align, 1, "NODE_FAIL", false),
            // Another day, on which all were alike, and a kind of which none was rewritten.
            run(7, align, 2, "FAILED", true),
            run(8, sort, 1, "FAILED", false),
            run(9, align, 3, "TIMEOUT", true),
            run(10, align, 3, "COMPLETED", false),
        ];
        store.insert(&runs).unwrap();
        let ends = |since| {
            let mut ends = store.ends_of_kinds(since).unwrap();
            ends.sort_by_key(|ends| ends.day);
            ends
        };
        let align = align.name.unwrap();
        let of = |day, [rewritten, rewritten_failed, others, others_failed]: [u64; 4]| Ends {
            user: finished(1, 1, 1).user,
            kind: align,
            day,
            rewritten,
            rewritten_failed,
            others,
            others_failed,
        };
        let [alone, later] = [of(2, [1, 1, 0, 0]), of(3, [1, 1, 1, 0])];
        assert_eq!(ends(0), [of(1, [2, 1, 2, 1]), alone.clone(), later.clone()]);
        assert_eq!(ends(2 * 86_400), [alone, later]);
        let as_asked = |since| store.ends_as_asked(since).unwrap();
        let before = ((finished(1, 1, 1).user, align), [3, 1]);
        assert_eq!(as_asked(2 * 86_400), [before].into());
        assert_eq!(as_asked(4 * 86_400), [].into());
    }
}
