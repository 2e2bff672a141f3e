//! Runs of a script by several users, as they may teach one who is new to it: one user's word counts little.

use super::Store;
use super::runs::{LEARNED_FROM, RUN, run};
use crate::fingerprint::Key;
use crate::job::Run;
use anyhow::Result;
use rusqlite::params;
use std::collections::HashMap;

/// So many times what is wanted is looked at: some users may have too many of the latest.
pub(super) const LOOKED_AT: u32 = 8;

impl Store {
    /// The latest runs of a script up to row `row`, the latest first: at most `limit`, of at least `users` users, of
    /// whom none has more than all others together have divided by one less than `users`, and none is left out for what others
    /// ran since, as long as it is among the [`LOOKED_AT`] × `limit` latest. None at all where there are
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
        Ok(fair(runs, users.max(1) as usize, limit as usize))
    }
}

/// At most `limit` of them, in the same order: of each user no more than a fair part, and of those with few runs all that
/// there are, however many others have run since.
pub(super) fn fair<T>(runs: Vec<(String, T)>, users: usize, limit: usize) -> Vec<T> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (user, _) in &runs {
        *counts.entry(user.clone()).or_default() += 1;
    }
    if counts.len() < users {
        return Vec::new();
    }
    let total = runs.len();
    if users > 1 {
        for own in counts.values_mut() {
            *own = (*own).min((total - *own) / (users - 1));
        }
    }
    let most = most_of_each(counts.values().copied().collect(), limit);
    counts.values_mut().for_each(|own| *own = (*own).min(most));
    let fits = |(user, run): (String, T)| {
        let left = counts.get_mut(&user)?;
        *left = left.checked_sub(1)?;
        Some(run)
    };
    runs.into_iter().filter_map(fits).take(limit).collect()
}

/// The largest number of runs of one user with which all of these together stay within `limit`; at least 1.
fn most_of_each(mut counts: Vec<usize>, limit: usize) -> usize {
    counts.sort_unstable();
    let (mut left, mut users) = (limit, counts.len());
    for own in counts {
        if own.saturating_mul(users) > left {
            return (left / users).max(1);
        }
        (left, users) = (left - own, users - 1);
    }
    limit.max(1)
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
            assert_eq!(fair(runs, least, 100).len(), right, "{users}");
        }
    }

    #[test]
    fn users_who_flood_push_nobody_out() {
        // The latest first.
        let cases: [(&str, usize, &str); 5] = [
            ("abababababababababcc", 6, "ababcc"),
            ("aaaaaaaabbbbbbbbc", 7, "aaabbbc"),
            ("abcdefgh", 3, "abc"),
            ("ab", 6, "ab"),
            ("", 6, ""),
        ];
        for (users, limit, right) in cases {
            let runs: Vec<_> = users.chars().map(|user| (user.to_string(), user)).collect();
            let kept: String = fair(runs, 1, limit).into_iter().collect();
            assert_eq!(kept, right, "{users}");
        }
        let flood = "ab".repeat(700) + "ccccc";
        let runs: Vec<_> = flood.chars().map(|user| (user.to_string(), user)).collect();
        let kept = fair(runs, 3, 200);
        assert_eq!(kept.iter().filter(|&&user| user == 'c').count(), 5);
        assert!(kept.len() <= 200 && kept.len() > 190, "{}", kept.len());
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
