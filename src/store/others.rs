//! Runs of a script by several users, as they may teach one who is new to it: one user's word counts little.

use super::Store;
use super::runs::{column, learned_from, run};
use crate::fingerprint::{Key, Level};
use crate::job::Run;
use crate::model::far_less::{Done, Usual, nearly_least};
use anyhow::Result;
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// So many times what is wanted is looked at: some users may have too many of the latest.
pub(super) const LOOKED_AT: u32 = 8;

/// Of what is wanted this part at most are runs that did not end well.
const UNWELL: usize = 4;

/// A run and whose it is.
type Owned = (String, Run);

impl Store {
    /// The latest runs of a script up to row `row`, the latest first: at most `limit`. Those that teach, as [`teaching`] has it, are
    /// of at least `users` users, of whom none has more than all others together have divided by one less than `users`, and none
    /// is left out for what others ran since, as long as it is among the [`LOOKED_AT`] × `limit` latest. None at all where there are
    /// fewer users. Runs that did not end well are there for what they needed and as harm, and speak for no user.
    /// Runs whose user wanted to be left alone are not among them.
    pub fn runs_of_others(&self, key: Key, row: i64, limit: u32, users: u32) -> Result<Vec<Run>> {
        let learned_from = learned_from(column(Level::Application));
        let mut query = self.db.prepare_cached(&learned_from)?;
        let looked_at = limit.saturating_mul(LOOKED_AT);
        let runs = query.query_map(params![key.0 as i64, row, looked_at], |row| {
            let failed = row.get_ref("state")?.as_str()? == "FAILED";
            Ok((failed, (row.get::<_, String>("user")?, run(row)?)))
        })?;
        let runs: Vec<_> = runs.collect::<rusqlite::Result<_>>()?;
        let users = users.max(1) as usize;
        Ok(of_several(
            told_by_several(runs, users),
            users,
            limit as usize,
        ))
    }
}

/// At most `limit` of these runs, in the same order; none where too few users' runs teach.
fn of_several(runs: Vec<Owned>, users: usize, limit: usize) -> Vec<Run> {
    let (completed, unwell): (Vec<_>, Vec<_>) = runs
        .into_iter()
        .enumerate()
        .map(|(at, (user, run))| (user, (at, run)))
        .partition(|(_, (_, run))| run.completed);
    let unwell = fair(unwell, 1, limit / UNWELL);
    let mut kept = fair(teaching(completed), users, limit - unwell.len());
    if kept.is_empty() {
        return Vec::new();
    }
    kept.extend(unwell);
    kept.sort_unstable_by_key(|&(at, _)| at);
    kept.into_iter().map(|(_, run)| run).collect()
}

/// Without those that failed where only few users' did: what one user types wrong takes nobody else's trust.
fn told_by_several(mut runs: Vec<(bool, Owned)>, users: usize) -> Vec<Owned> {
    let by_harm = |(failed, (_, run)): &(bool, Owned)| *failed && run.harmed.is_some();
    let failed = runs.iter().filter(|run| by_harm(run));
    let harmed: BTreeSet<&str> = failed.map(|(_, (user, _))| user.as_str()).collect();
    if harmed.len() < users {
        runs.retain(|run| !by_harm(run));
    }
    runs.into_iter().map(|(_, run)| run).collect()
}

/// Those of these completed runs that tell others what such a job needs: they were measured, and no other user's runs show that
/// they hardly did its work.
fn teaching(mut runs: Vec<(String, (usize, Run))>) -> Vec<(String, (usize, Run))> {
    runs.retain(|(_, (_, run))| is_measured(run));
    let mut each: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for (user, (_, run)) in &runs {
        each.entry(user).or_default().push(run);
    }
    let usual: Vec<(String, Usual, Option<f64>)> = each
        .into_iter()
        .filter_map(|(user, runs)| {
            let usual = Usual::of(runs.iter().map(|run| Done::from(&run.usage)))?;
            let input = |run: &&Run| run.input_bytes.map(|bytes| bytes as f64);
            let inputs: Option<Vec<f64>> = runs.iter().map(input).collect();
            Some((user.to_owned(), usual, inputs.map(nearly_least)))
        })
        .collect();
    runs.retain(|(user, (_, run))| {
        let done = Done::from(&run.usage);
        !usual.iter().any(|(other, usual, least_input)| {
            // Who has less to read has less to do.
            let has_less = run
                .input_bytes
                .zip(*least_input)
                .is_some_and(|(own, least)| (own as f64) < least);
            other != user && !has_less && usual.amiss(&done).is_some()
        })
    });
    runs
}

/// A figure of zero is none.
fn is_measured(run: &Run) -> bool {
    let usage = &run.usage;
    usage.peak_bytes.is_some_and(|peak| peak > 0)
        && usage.elapsed_s > 0
        && usage.cores.is_none_or(|cores| cores > 0.0)
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
    use crate::store::tests::{note_harm, store};

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

    /// A completed run of this script by this user that came to so many MiB and took so many seconds.
    fn owned(user: char, id: u64, mib: u64, elapsed_s: u64) -> (FinishedJob, Kind) {
        let mut job = FinishedJob {
            user: user.into(),
            ..finished(id, id as i64, mib)
        };
        job.usage.elapsed_s = elapsed_s;
        let kind = Kind {
            command: Some(Key(u64::from(user))),
            application: Some(Key(9)),
            ..Kind::default()
        };
        (job, kind)
    }

    /// The memory in MiB of the runs that teach others, the earliest first.
    fn taught(store: &Store, users: u32) -> Vec<u64> {
        let runs = store.runs_of_others(Key(9), i64::MAX, 100, users);
        let peaks = runs.unwrap().into_iter().rev();
        peaks
            .map(|run| run.usage.peak_bytes.unwrap_or(0) >> 20)
            .collect()
    }

    #[test]
    fn only_users_whose_runs_ended_well_and_were_measured_are_counted() {
        type Change = fn(&mut FinishedJob);
        let state = |state: &'static str| -> Box<dyn Fn(&mut FinishedJob)> {
            Box::new(move |job| job.state = state.into())
        };
        let change = |change: Change| -> Box<dyn Fn(&mut FinishedJob)> { Box::new(change) };
        // What the third user's runs are like, and whether three users teach then.
        for (what, change, right) in [
            ("well", change(|_| ()), true),
            ("failed", state("FAILED"), false),
            ("cancelled", state("CANCELLED"), false),
            ("out of time", state("TIMEOUT"), false),
            ("lost with its node", state("NODE_FAIL"), false),
            ("preempted", state("PREEMPTED"), false),
            ("requeued", state("REQUEUED"), false),
            (
                "out of memory",
                change(|job| job.usage.peak_is_bound = true),
                false,
            ),
            ("never started", change(|job| job.started = 0), false),
            (
                "unmeasured",
                change(|job| job.usage.peak_bytes = None),
                false,
            ),
            (
                "of no memory",
                change(|job| job.usage.peak_bytes = Some(0)),
                false,
            ),
            (
                "of no CPU time",
                change(|job| job.usage.cores = Some(0.0)),
                false,
            ),
            ("of no time", change(|job| job.usage.elapsed_s = 0), false),
        ] {
            let (_dir, mut store) = store();
            let mut jobs: Vec<_> = (0..21)
                .map(|n| owned(['a', 'b', 'c'][n as usize % 3], n, 100, 10))
                .collect();
            let of_third = jobs.iter_mut().filter(|(job, _)| job.user == "c");
            of_third.for_each(|(job, _)| change(job));
            store.insert(&jobs).unwrap();
            assert_eq!(!taught(&store, 3).is_empty(), right, "{what}");
        }
    }

    #[test]
    fn a_run_that_a_rewrite_harmed_speaks_for_nobody_and_is_known_as_harm() {
        let (_dir, mut store) = store();
        let jobs: Vec<_> = [('a', 1), ('b', 2), ('c', 3)]
            .map(|(user, id)| owned(user, id, 100, 10))
            .into();
        store.insert(&jobs).unwrap();
        assert_eq!(taught(&store, 3).len(), 3);
        note_harm(&store, 3);
        assert!(taught(&store, 3).is_empty());
        let seen = store.runs_of_others(Key(9), i64::MAX, 10, 2).unwrap();
        let harmed = seen.iter().filter(|run| run.harmed.is_some()).count();
        assert_eq!((seen.len(), harmed), (3, 1));
    }

    #[test]
    fn one_users_failures_are_no_harm_of_others() {
        let harmed = |failed: &[(char, u64)]| {
            let (_dir, mut store) = store();
            let mut jobs: Vec<_> = [('a', 1), ('b', 2), ('c', 3)]
                .map(|(user, id)| owned(user, id, 100, 10))
                .into();
            jobs.extend(failed.iter().map(|&(user, id)| {
                let mut run = owned(user, id, 100, 10);
                run.0.state = "FAILED".into();
                run
            }));
            store.insert(&jobs).unwrap();
            failed.iter().for_each(|&(_, id)| note_harm(&store, id));
            let seen = store.runs_of_others(Key(9), i64::MAX, 40, 2).unwrap();
            seen.iter().filter(|run| run.harmed.is_some()).count()
        };
        assert_eq!(harmed(&[('d', 4), ('d', 5), ('d', 6)]), 0);
        assert_eq!(harmed(&[('d', 4), ('e', 5)]), 2);
    }

    #[test]
    fn runs_that_another_users_runs_show_to_have_done_next_to_nothing_teach_nobody() {
        // How each user's runs are: MiB, seconds, input in MiB, steps.
        type Runs = (char, u64, u64, Option<u64>, Option<u32>);
        let quick: [Runs; 3] = ['a', 'b', 'c'].map(|user| (user, 4, 1, None, None));
        let with = |more: &[Runs]| [&quick[..], more].concat();
        let by_steps = |(user, steps)| -> Runs {
            let seconds = if steps == 0 { 1 } else { 10 };
            (user, 100, seconds, None, Some(steps))
        };
        let cases: [(&str, Vec<Runs>, Vec<u64>); 6] = [
            ("all alike", with(&[]), vec![4; 9]),
            (
                "one did far more",
                with(&[('d', 600, 60, None, None)]),
                vec![],
            ),
            (
                "one took longer",
                with(&[('d', 5, 60, None, None)]),
                [vec![4; 9], vec![5; 3]].concat(),
            ),
            (
                "they had less to do",
                ['a', 'b', 'c', 'd']
                    .map(|user| match user {
                        'd' => (user, 600, 60, Some(900), None),
                        _ => (user, 4, 1, Some(5), None),
                    })
                    .into(),
                [vec![4; 9], vec![600; 3]].concat(),
            ),
            (
                "one's did no step",
                [('a', 0), ('b', 1), ('c', 1), ('d', 1)]
                    .map(by_steps)
                    .into(),
                vec![100; 9],
            ),
            (
                "one's did no step, and three are wanted of three",
                [('a', 0), ('b', 1), ('c', 1)].map(by_steps).into(),
                vec![],
            ),
        ];
        for (what, users, right) in cases {
            let (_dir, mut store) = store();
            let run = |(id, (user, mib, seconds, input, launched)): (u64, Runs)| {
                let (mut job, kind) = owned(user, id, mib, seconds);
                job.usage.launched = launched;
                let input_bytes = input.map(|mib| mib << 20);
                job.comment = Record {
                    input_bytes,
                    ..Record::kept(kind, None, "")
                }
                .into();
                (job, kind)
            };
            let jobs = users.iter().flat_map(|&user| [user; 3]);
            let jobs: Vec<_> = (1..).zip(jobs).map(run).collect();
            store.insert(&jobs).unwrap();
            assert_eq!(taught(&store, 3), right, "{what}");
        }
    }

    #[test]
    fn one_odd_run_of_another_user_hides_neither_what_it_does_nor_how_much_it_reads() {
        let of = |user: char, id: u64, mib: u64, seconds: u64, input_mib: u64| {
            let (mut job, kind) = owned(user, id, mib, seconds);
            job.comment = Record {
                input_bytes: Some(input_mib << 20),
                ..Record::kept(kind, None, "")
            }
            .into();
            (job, kind)
        };
        // Three users' short runs read so much; one of the fourth's twenty does next to nothing.
        for (input_mib, right) in [(900, 0), (5, 9)] {
            let (_dir, mut store) = store();
            let short = (0..9).map(|n| of(['a', 'b', 'c'][n as usize % 3], n, 4, 2, input_mib));
            let long = (9..28).map(|n| of('d', n, 600, 60, 900));
            let odd = [of('d', 28, 5, 1, 1)];
            let jobs: Vec<_> = short.chain(long).chain(odd).collect();
            store.insert(&jobs).unwrap();
            let of_short = taught(&store, 3).into_iter().filter(|&mib| mib == 4);
            assert_eq!(of_short.count(), right, "{input_mib}");
        }
    }

    #[test]
    fn runs_that_did_not_end_well_push_few_of_the_others_out() {
        let run = |user: char, n: u64| {
            let (mut job, kind) = owned(user, n, 100 + n % 2, 10);
            if !"abc".contains(user) {
                job.state = "CANCELLED".into();
            }
            (job, kind)
        };
        let (_dir, mut store) = store();
        let users = ['a', 'b', 'c', 'm', 'n', 'o', 'p', 'q', 'r', 's'];
        let jobs: Vec<_> = (0..400)
            .map(|n| run(users[n as usize % users.len()], n))
            .collect();
        store.insert(&jobs).unwrap();
        let kept = store.runs_of_others(Key(9), i64::MAX, 100, 3).unwrap();
        let completed = kept.iter().filter(|run| run.completed).count();
        assert_eq!((kept.len(), completed), (99, 78));
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
