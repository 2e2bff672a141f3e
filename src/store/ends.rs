//! How the latest runs of a kind ended, and which of them a rewrite harmed.

use super::Store;
use super::runs::{column, usage};
use crate::fingerprint::{Key, Level};
use crate::job::Usage;
use crate::model::excess::Ends;
use crate::record::{Comment, Record};
use anyhow::Result;
use rusqlite::{OptionalExtension, Row, params};
use std::borrow::Cow;

/// How one run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct PastEnd {
    /// State without its details.
    pub state: String,
    /// It had not what its user asked for.
    pub was_rewritten: bool,
    /// It had, after an earlier run of the job had been harmed.
    pub was_given_back: bool,
    /// What it used.
    pub usage: Usage,
}

/// How a rewrite harmed a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Harm {
    /// It lacked memory, so that more of it may be enough; else nobody knows what it lacked.
    pub of_memory: bool,
    /// In words.
    pub why: Cow<'static, str>,
}

/// A rewritten run that Slurm calls COMPLETED.
#[derive(Debug, Clone)]
pub struct CompletedRun {
    /// Which it is.
    pub run: RunOfJob,
    /// What was decided about it, and what it did where that is known.
    pub record: Record,
    /// What it used.
    pub usage: Usage,
}

/// One run of a job that Slurm may start more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOfJob {
    /// JobIDRaw.
    pub job_id: u64,
    /// How often the job had been restarted before.
    pub restarts: u64,
    /// Seconds since 1970.
    pub started: i64,
}

impl Store {
    /// The latest `limit` runs of a kind, without those of `job_id`, those that a rewrite harmed, and those that ended at or
    /// after `before`, in seconds since 1970.
    pub fn past_ends(
        &self,
        (level, key): (Level, Key),
        job_id: u64,
        before: i64,
        limit: u32,
    ) -> Result<Vec<PastEnd>> {
        let mut query = self.db.prepare_cached(&format!(
                "SELECT peak, peak_is_bound, cores, elapsed, state, coalesce(comment, ''), launched FROM jobs \
                 JOIN usages ON job = id WHERE {} = ? AND job_id <> ? AND ended < ? AND NOT harmed ORDER BY ended DESC, id DESC LIMIT ?",
                column(level)
            ))?;
        let ends = query.query_map(params![key.0 as i64, job_id as i64, before, limit], |row| {
            let comment = Comment::read(row.get_ref(5)?.as_str()?);
            let record = comment.record();
            Ok(PastEnd {
                state: row.get(4)?,
                was_rewritten: record.is_some_and(Record::rewrites),
                was_given_back: record.is_some_and(|record| record.given_back),
                usage: Usage {
                    launched: row.get(6)?,
                    ..usage(row, 0)?
                },
            })
        })?;
        Ok(ends.collect::<rusqlite::Result<_>>()?)
    }

    /// Rewritten runs after row `row` that are COMPLETED, as far as is known without harm, in the order in which they started.
    pub fn completed_after(&self, row: i64) -> Result<Vec<CompletedRun>> {
        let mut query = self.db.prepare_cached(
            "SELECT peak, peak_is_bound, cores, elapsed, job_id, started, comment, launched FROM jobs JOIN usages ON job = id \
             WHERE id > ? AND state = 'COMPLETED' AND NOT harmed AND instr(comment, '\"mode\":\"apply\"') > 0 ORDER BY started, id",
        )?;
        let runs = query.query_map([row], |row| {
            let Some(record) = Comment::read(row.get_ref(6)?.as_str()?).record().cloned() else {
                return Ok(None);
            };
            Ok(Some(CompletedRun {
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

    /// Accounting says of the run of `job_id` that started at that time, in seconds since 1970, that a step of it was
    /// killed for want of memory. The sampler may miss that: a step's group is gone with the step.
    pub fn was_killed_inside(&self, job_id: u64, started: i64) -> Result<bool> {
        let mut query = self.db.prepare_cached(
            "SELECT coalesce(max(peak_is_bound), 0) FROM jobs JOIN usages ON job = id WHERE job_id = ? AND started = ?",
        )?;
        Ok(query.query_row([job_id as i64, started], |row| row.get(0))?)
    }

    /// Remembers that a rewrite harmed a run, before anything is done about it. Returns whether that is new.
    pub fn note_harm(&self, run: RunOfJob, harm: &Harm) -> Result<bool> {
        let step = self.db.unchecked_transaction()?;
        let is_new = step.execute(
            "INSERT OR IGNORE INTO harms (job_id, restarts, started, of_memory, why) VALUES (?, ?, ?, ?, ?)",
            params![run.job_id as i64, run.restarts as i64, run.started, harm.of_memory, harm.why],
        )?;
        let ids = [run.job_id as i64, run.started];
        let stored = step.query_row(
            "SELECT id FROM jobs WHERE job_id = ? AND started = ?",
            ids,
            |row| row.get::<_, i64>(0),
        );
        if let Some(id) = stored.optional()?.filter(|_| is_new == 1) {
            // It was stored before: it gets the next number, so that its kind is learned from it again.
            step.pragma_update(None, "defer_foreign_keys", true)?;
            step.execute(
                "UPDATE usages SET job = (SELECT max(id) + 1 FROM jobs) WHERE job = ?",
                [id],
            )?;
            step.execute(
                "UPDATE jobs SET harmed = 1, id = (SELECT max(id) + 1 FROM jobs) WHERE id = ?",
                [id],
            )?;
        }
        step.commit()?;
        Ok(is_new == 1)
    }

    /// How each user's runs of each kind ended, day by day, that ended at or after `since`, in seconds since 1970, where some were
    /// rewritten and others not. Those whose end says nothing about them, as a lost node or their users' wish, are left out.
    pub fn ends_of_kinds(&self, since: i64) -> Result<Vec<Ends>> {
        let mut query = self.db.prepare_cached(
            "SELECT kind, sum(rewritten), sum(rewritten AND failed), sum(NOT rewritten), sum(NOT rewritten AND failed), user FROM ( \
             SELECT user, coalesce(command_key, script_key, name_key) AS kind, ended / 86400 AS day, rewritten, \
             harmed OR state <> 'COMPLETED' AS failed FROM jobs WHERE ended >= ? AND started > 0 \
             AND (harmed OR state IN ('COMPLETED', 'FAILED', 'OUT_OF_MEMORY', 'TIMEOUT'))) \
             WHERE kind IS NOT NULL GROUP BY user, kind, day HAVING max(rewritten) > min(rewritten)",
        )?;
        let ends = query.query_map([since], |row| {
            let count = |at| row.get::<_, i64>(at).map(|count| count as u64);
            Ok(Ends {
                user: row.get(5)?,
                kind: Key(count(0)?),
                rewritten: count(1)?,
                rewritten_failed: count(2)?,
                others: count(3)?,
                others_failed: count(4)?,
            })
        })?;
        Ok(ends.collect::<rusqlite::Result<_>>()?)
    }

    /// Accounting has reported the run of `job_id` that started at that time, in seconds since 1970.
    pub fn has_run(&self, job_id: u64, started: i64) -> Result<bool> {
        let mut query = self
            .db
            .prepare_cached("SELECT 1 FROM jobs WHERE job_id = ? AND started = ?")?;
        Ok(query.exists([job_id as i64, started])?)
    }

    /// How a rewrite harmed the run of `job_id` before which the job had been restarted `restarts` times.
    pub fn harm_of(&self, job_id: u64, restarts: u64) -> Result<Option<Harm>> {
        let mut query = self
            .db
            .prepare_cached("SELECT of_memory, why FROM harms WHERE job_id = ? AND restarts = ? ORDER BY started DESC LIMIT 1")?;
        let harm = query.query_row([job_id as i64, restarts as i64], harm);
        Ok(harm.optional()?)
    }

    /// The same of the run that started at that time, in seconds since 1970.
    pub fn harm_of_run(&self, job_id: u64, started: i64) -> Result<Option<Harm>> {
        let mut query = self
            .db
            .prepare_cached("SELECT of_memory, why FROM harms WHERE job_id = ? AND started = ?")?;
        Ok(query.query_row([job_id as i64, started], harm).optional()?)
    }

    /// How many runs of `job_id` a rewrite has harmed of those before the one that was started `restarts` times before, since
    /// that time in seconds since 1970.
    pub fn harms_before(&self, job_id: u64, restarts: u64, since: i64) -> Result<usize> {
        let mut query = self.db.prepare_cached(
            "SELECT count(DISTINCT restarts) FROM harms WHERE job_id = ? AND restarts < ? AND started >= ?",
        )?;
        let row = [job_id as i64, restarts as i64, since];
        let count = query.query_row(row, |row| row.get::<_, i64>(0))?;
        Ok(count as usize)
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

fn harm(row: &Row) -> rusqlite::Result<Harm> {
    Ok(Harm {
        of_memory: row.get(0)?,
        why: row.get::<_, String>(1)?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Kind;
    use crate::job::Harmed;
    use crate::record::FinishedJob;
    use crate::record::tests::finished;
    use crate::store::Filter;
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
            let ends = store.past_ends(key, without, i64::MAX, 10).unwrap();
            ends.into_iter().map(|end| end.state).collect::<Vec<_>>()
        };
        assert_eq!(states(&store, 9), ["FAILED", "COMPLETED"]);
        assert_eq!(states(&store, 2), ["COMPLETED"]);
        store.was_requeued(1).unwrap();
        store.was_requeued(2).unwrap();
        assert_eq!(states(&store, 9), ["FAILED", "REQUEUED"]);
    }

    #[test]
    fn a_harm_is_remembered_for_its_own_run_and_told_with_it() {
        let (_dir, mut store) = store();
        let run = |restarts, started| RunOfJob {
            job_id: 2,
            restarts,
            started,
        };
        let harm = |of_memory, why| Harm {
            of_memory,
            why: Cow::Borrowed(why),
        };
        let (first, second) = (harm(true, "it died"), harm(false, "it failed"));
        store.note_harm(run(0, 201), &first).unwrap();
        store.note_harm(run(1, 301), &second).unwrap();
        assert_eq!(store.harm_of(2, 0).unwrap(), Some(first));
        assert_eq!(store.harm_of(2, 1).unwrap(), Some(second));
        assert_eq!(store.harm_of(2, 2).unwrap(), None);
        assert_eq!(store.harm_of(3, 0).unwrap(), None);
        let runs = [(2, 200), (2, 300), (2, 400), (3, 200)];
        let runs = runs.map(|(id, submitted)| (finished(id, submitted, 9), Kind::default()));
        store.insert(&runs).unwrap();
        let mut told = Vec::new();
        store
            .each_job(&Filter::default(), |job, _| {
                told.push((job.job_id, job.started, job.harm))
            })
            .unwrap();
        assert_eq!(
            told,
            [
                (2, 201, Some("it died".into())),
                (3, 201, None),
                (2, 301, Some("it failed".into())),
                (2, 401, None)
            ]
        );
    }

    #[test]
    fn a_run_that_was_found_to_be_harmed_is_learned_anew_and_not_as_enough() {
        let (_dir, mut store) = store();
        let kind = Kind::of_accounting(1001, b"align");
        let key = kind.name.unwrap();
        let change = crate::record::Change {
            mode: crate::config::Mode::Apply,
            asked: 4096,
            set: 100,
        };
        let rewritten = Record {
            memory: Some(change),
            ..Record::kept(kind, None, "")
        };
        let run = |id, state: &str, comment: Comment| {
            let mut job = FinishedJob {
                state: state.into(),
                comment,
                ..finished(id, 100 * id as i64, 9)
            };
            job.usage.peak_is_bound = state == "OUT_OF_MEMORY";
            (job, kind)
        };
        let early = RunOfJob {
            job_id: 4,
            restarts: 0,
            started: 401,
        };
        let harm = Harm {
            of_memory: false,
            why: "it failed".into(),
        };
        // One is found out before accounting reports it, one after.
        store.note_harm(early, &harm).unwrap();
        let ours = || Comment::from(rewritten.clone());
        let runs = [
            run(1, "COMPLETED", Comment::Empty),
            run(2, "COMPLETED", ours()),
            run(3, "OUT_OF_MEMORY", ours()),
            run(4, "FAILED", ours()),
            run(5, "COMPLETED", ours()),
        ];
        store.insert(&runs).unwrap();
        let seen = |store: &Store| {
            let runs = store.runs(Level::Name, key, i64::MAX, 10).unwrap();
            let letter = |run: &crate::job::Run| match (run.rewritten, run.harmed, run.completed) {
                (false, None, true) => 'a',
                (true, None, true) => 'r',
                (true, Some(Harmed::Otherwise), false) => 'h',
                (true, Some(Harmed::OfMemory), false) => 'm',
                _ => '?',
            };
            runs.iter().rev().map(letter).collect::<String>()
        };
        assert_eq!(seen(&store), "armhr");
        let told = store.watermark().unwrap().jobs;
        assert_eq!(store.keys_after(told, Level::Name).unwrap(), []);
        let late = RunOfJob {
            job_id: 5,
            restarts: 0,
            started: 501,
        };
        store.note_harm(late, &harm).unwrap();
        assert_eq!(seen(&store), "armhh");
        assert_eq!(store.keys_after(told, Level::Name).unwrap(), [key]);
        // Looked at again, it is nothing new.
        let told = store.watermark().unwrap().jobs;
        store.note_harm(late, &harm).unwrap();
        assert_eq!(store.watermark().unwrap().jobs, told);
        assert!(store.has_run(5, 501).unwrap() && !store.has_run(5, 502).unwrap());
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
            ends.sort_by_key(|ends| ends.rewritten);
            ends
        };
        let align = align.name.unwrap();
        let of = |[rewritten, rewritten_failed, others, others_failed]: [u64; 4]| Ends {
            user: finished(1, 1, 1).user,
            kind: align,
            rewritten,
            rewritten_failed,
            others,
            others_failed,
        };
        assert_eq!(ends(0), [of([1, 1, 1, 0]), of([2, 1, 2, 1])]);
        assert_eq!(ends(2 * 86_400), [of([1, 1, 1, 0])]);
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
