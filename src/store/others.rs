//! Runs of a script by several users, as they may teach one who is new to it: one user's word counts little.

use super::Store;
use super::runs::{LEARNED_FROM, RUN, run};
use crate::fingerprint::Key;
use crate::job::Run;
use anyhow::Result;
use rusqlite::params;
use std::collections::HashMap;

/// So many times the runs wanted are looked at: some users may have too many of the latest.
const LOOKED_AT: u32 = 8;

impl Store {
    /// The latest runs of a script up to row `row`, the latest first: at most `limit`, of at least `users` users, of
    /// whom none has more than all others together have divided by one less than `users`. None at all where there are
    /// fewer users. Runs whose user wanted to be left alone are not among them.
    pub fn runs_of_others(&self, key: Key, row: i64, limit: u32, users: u32) -> Result<Vec<Run>> {
        let mut query = self.db.prepare_cached(&format!(
            "{RUN}, user FROM jobs JOIN usages ON job = id WHERE application_key = ? AND id <= ? AND {LEARNED_FROM} \
             ORDER BY ended DESC, id DESC LIMIT ?"
        ))?;
        let looked_at = limit.saturating_mul(LOOKED_AT);
        let runs = query.query_map(params![key.0 as i64, row, looked_at], |row| {
            Ok((row.get::<_, String>("user")?, run(row)?))
        })?;
        let runs: Vec<(String, Run)> = runs.collect::<rusqlite::Result<_>>()?;
        let mut runs = fair(runs, users.max(1) as usize);
        runs.truncate(limit as usize);
        Ok(runs)
    }
}

/// Of each user no more than a fair part, in the same order.
fn fair<T>(runs: Vec<(String, T)>, users: usize) -> Vec<T> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (user, _) in &runs {
        *counts.entry(user.clone()).or_default() += 1;
    }
    if counts.len() < users {
        return Vec::new();
    }
    let others = |own: usize| (runs.len() - own) / (users - 1).max(1);
    let mut left: HashMap<String, usize> = counts
        .iter()
        .map(|(user, &own)| {
            (
                user.clone(),
                if users == 1 {
                    own
                } else {
                    own.min(others(own))
                },
            )
        })
        .collect();
    let fits = |(user, run): (String, T)| {
        let left = left.get_mut(&user)?;
        *left = left.checked_sub(1)?;
        Some(run)
    };
    runs.into_iter().filter_map(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Kind;
    use crate::record::tests::finished;
    use crate::record::{FinishedJob, Record};
    use crate::store::tests::store;

    #[test]
    fn no_user_speaks_for_all() {
        let cases: [(&str, usize, usize); 7] = [
            ("aaaaaaaaaaaaaaaaaaaaa", 3, 0),
            ("aaaaaaaaaaaaaaaaaab", 3, 0),
            ("aaaaaaaaaaaaaaabbcc", 3, 6),
            ("abcabcabc", 3, 9),
            ("aabbccdd", 3, 8),
            ("aaab", 2, 2),
            ("aaab", 1, 4),
        ];
        for (users, least, right) in cases {
            let runs: Vec<_> = users.chars().map(|user| (user.to_string(), user)).collect();
            assert_eq!(fair(runs, least).len(), right, "{users}");
        }
    }

    #[test]
    fn runs_that_opted_out_teach_nobody_else() {
        let (_dir, mut store) = store();
        let kind = Kind {
            application: Some(Key(9)),
            ..Kind::of_accounting(1001, b"align")
        };
        let of = |id: u64, user: &str, is_out: bool| {
            let mut job = FinishedJob {
                user: user.into(),
                ..finished(id, id as i64, 5)
            };
            if is_out {
                job.comment = Record::kept(kind, None, "--shadowfit=off").into();
            }
            (job, kind)
        };
        let jobs = [of(1, "a", false), of(2, "b", false), of(3, "c", true)];
        store.insert(&jobs).unwrap();
        let count = |users| {
            store
                .runs_of_others(Key(9), i64::MAX, 10, users)
                .unwrap()
                .len()
        };
        assert_eq!((count(2), count(3)), (2, 0));
    }
}
