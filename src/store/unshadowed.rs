//! Why kinds of jobs that waited for a shadow had none.

use super::Store;
use crate::fingerprint::Key;
use crate::job::shadow::Wait;
use anyhow::Result;
use rusqlite::{OptionalExtension, params};

impl Store {
    /// Notes that a kind whose jobs wait since `since` cannot have a shadow at `now`, both in seconds since 1970. What is
    /// noted already is not written again: a kind that waits is looked at twice a second.
    pub fn note_no_shadow(&self, kind: Key, since: i64, now: i64, why: &str) -> Result<()> {
        let mut query = self.db.prepare_cached(
            "SELECT 1 FROM unshadowed WHERE command_key = ? AND at >= ? AND why = ?",
        )?;
        if query.exists(params![kind.0 as i64, since, why])? {
            return Ok(());
        }
        let mut note = self
            .db
            .prepare_cached("INSERT OR REPLACE INTO unshadowed VALUES (?, ?, ?)")?;
        note.execute(params![kind.0 as i64, now, why])?;
        Ok(())
    }

    /// Why a job of this kind that waited so had nothing of a shadow, as far as that is known.
    pub fn why_no_shadow(&self, kind: Key, wait: &Wait) -> Result<Option<String>> {
        let waited = wait.since..=wait.until;
        let shadow = self.shadow_of_kind(kind)?;
        if let Some(shadow) = shadow.filter(|shadow| waited.contains(&shadow.submitted)) {
            let number = shadow.job_id.map(|id| format!(", job {id},"));
            return Ok(Some(format!(
                "one{} was submitted, and what it showed did not reach the job",
                number.unwrap_or_default()
            )));
        }
        let mut query = self.db.prepare_cached(
            "SELECT why FROM unshadowed WHERE command_key = ? AND at BETWEEN ? AND ?",
        )?;
        let why = query.query_row(params![kind.0 as i64, wait.since, wait.until], |row| {
            row.get(0)
        });
        Ok(why.optional()?)
    }

    /// Kinds that waited in vain since `since`, in seconds since 1970: how many there are for each reason, the most first.
    pub fn unshadowed(&self, since: i64) -> Result<Vec<(String, usize)>> {
        let mut query = self.db.prepare_cached(
            "SELECT why, count(*) FROM unshadowed WHERE at >= ? AND NOT EXISTS (SELECT 1 FROM shadows \
             WHERE shadows.command_key = unshadowed.command_key AND submitted >= at) GROUP BY why ORDER BY 2 DESC, why",
        )?;
        let counts = query.query_map([since], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)? as usize))
        })?;
        Ok(counts.collect::<rusqlite::Result<_>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::arguments::Arguments;
    use crate::store::tests::{shadow, store};

    fn wait(since: i64) -> Wait {
        Wait {
            since,
            until: since + 60,
            array: None,
            arguments: Arguments::of(&[]).unwrap(),
        }
    }

    #[test]
    fn a_wait_is_explained_by_what_was_so_while_it_lasted() {
        let (_folder, mut store) = store();
        let (kind, other) = (Key(1), Key(2));
        store.note_no_shadow(kind, 100, 110, "no room").unwrap();
        store.note_no_shadow(other, 100, 110, "no room").unwrap();
        store.note_no_shadow(other, 100, 120, "no memory").unwrap();
        let why = |store: &Store, kind, since| store.why_no_shadow(kind, &wait(since)).unwrap();
        assert_eq!(why(&store, kind, 100).as_deref(), Some("no room"));
        assert_eq!(why(&store, other, 100).as_deref(), Some("no memory"));
        assert_eq!(why(&store, kind, 40), None, "it ended before");
        assert_eq!(why(&store, kind, 111), None, "it began later");
        // The same once more is not written: its time stays.
        store.note_no_shadow(kind, 100, 130, "no room").unwrap();
        assert_eq!(why(&store, kind, 120), None);
        store.note_no_shadow(kind, 120, 130, "no room").unwrap();
        assert_eq!(why(&store, kind, 120).as_deref(), Some("no room"));

        let counted = |reasons: &[(&str, usize)]| -> Vec<(String, usize)> {
            reasons.iter().map(|&(why, n)| (why.into(), n)).collect()
        };
        let both = counted(&[("no memory", 1), ("no room", 1)]);
        assert_eq!(store.unshadowed(100).unwrap(), both);
        assert_eq!(store.unshadowed(131).unwrap(), []);
        let row = store.intend_shadow(&shadow(kind.0, "alice", 140)).unwrap();
        assert_eq!(
            store.unshadowed(100).unwrap(),
            counted(&[("no memory", 1)]),
            "it had one in the end"
        );
        store.shadow_submitted(row, 77).unwrap();
        let said = why(&store, kind, 120).unwrap();
        assert!(said.starts_with("one, job 77, was submitted"), "{said}");
        store.forget_runs(125).unwrap();
        assert_eq!(store.unshadowed(0).unwrap(), []);
    }
}
