//! Which runs a rewrite harmed, as it was found out: each is noted once, before anything is done about it.

use super::Store;
use anyhow::Result;
use rusqlite::{OptionalExtension, Row, params};
use std::borrow::Cow;

/// How a rewrite harmed a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Harm {
    /// It lacked memory, so that more of it may be enough; else nobody knows what it lacked.
    pub of_memory: bool,
    /// In words.
    pub why: Cow<'static, str>,
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
    use crate::fingerprint::{Kind, Level};
    use crate::job::Harmed;
    use crate::record::tests::finished;
    use crate::record::{Comment, FinishedJob, Record};
    use crate::store::Filter;
    use crate::store::tests::store;

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
        let ended = |started| store.end_of_run(5, started).unwrap();
        assert!(ended(501).is_some() && ended(502).is_none());
    }

    #[test]
    fn a_run_that_went_on_after_a_kill_did_so_with_what_its_user_asked_for() {
        let (_dir, mut store) = store();
        let kind = Kind::of_accounting(1001, b"align");
        let given = |record: Record, goes_on| Record {
            memory: Some(crate::record::Change {
                mode: crate::config::Mode::Apply,
                asked: 4096,
                set: 100,
            }),
            evidence: Some(crate::job::evidence::Evidence {
                goes_on,
                ..Default::default()
            }),
            ..record
        };
        let plain = || Record::kept(kind, None, "");
        let again = Record {
            again: Some(crate::record::SecondRun {
                restarts: 1,
                first: 50,
                runs: 0,
            }),
            ..plain()
        };
        let run = |id, state: &str, comment: Comment| {
            let mut job = FinishedJob {
                state: state.into(),
                comment,
                ..finished(id, 100 * id as i64, 9)
            };
            job.usage.peak_is_bound = true;
            (job, kind)
        };
        let runs = [
            run(1, "COMPLETED", Comment::Empty),
            run(2, "FAILED", Comment::Empty),
            run(3, "COMPLETED", given(plain(), false).into()),
            run(4, "COMPLETED", given(plain(), true).into()),
            run(5, "COMPLETED", given(again, false).into()),
            run(6, "FAILED", given(plain(), true).into()),
        ];
        store.insert(&runs).unwrap();
        let runs = store.runs(Level::Name, kind.name.unwrap(), i64::MAX, 10);
        let seen = runs.unwrap().into_iter().rev();
        let seen: Vec<_> = seen
            .map(|run| (run.went_on, run.harmed.is_some()))
            .collect();
        let nothing = (false, false);
        let harmed = (false, true);
        assert_eq!(
            seen,
            [(true, false), nothing, harmed, nothing, harmed, harmed]
        );
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
