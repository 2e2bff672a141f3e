//! Jobs that were rewritten as they were submitted, of kinds that are not trusted with all of them yet. A snapshot says how
//! many may be, as the agent saw the queue; what was rewritten since is counted here, so that of a thousand that come
//! within a second no more are.

use crate::fingerprint::Key;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Seconds within which a job that was decided may not yet be in the queue, or the agent's clock may differ.
const UNSEEN_S: i64 = 2;

/// What was rewritten since the queue was looked at.
#[derive(Default)]
pub struct RewrittenSince(Mutex<Table>);

#[derive(Default)]
struct Table {
    looked: i64,
    kinds: HashMap<Key, Taken>,
}

/// Jobs of one kind.
struct Taken {
    jobs: u32,
    /// When the last of them was decided.
    last: i64,
}

impl RewrittenSince {
    /// Whether `jobs` more of a kind may be rewritten where a snapshot left `open` of them when the queue had been looked
    /// at; if so they count from now on. Times are in seconds since 1970. The lock is held for one look-up, and for kinds
    /// on probation alone.
    pub fn take(&self, kind: Key, open: u16, looked: i64, jobs: u32, now: i64) -> bool {
        let table = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.looked != looked {
            table.looked = looked;
            // The others were in the queue, or will never be.
            table
                .kinds
                .retain(|_, taken| taken.last + UNSEEN_S >= looked);
        }
        let before = table.kinds.get(&kind).map_or(0, |taken| taken.jobs);
        let all = before.saturating_add(jobs);
        let may = all <= u32::from(open);
        if may {
            table.kinds.insert(
                kind,
                Taken {
                    jobs: all,
                    last: now,
                },
            );
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Key = Key(7);

    #[test]
    fn of_any_number_only_so_many_are_taken_and_an_array_counts_all_its_tasks() {
        let burst = |open, jobs| {
            let since = RewrittenSince::default();
            (0..1000)
                .filter(|_| since.take(KIND, open, 100, jobs, 105))
                .count()
        };
        for (open, jobs, taken) in [(0, 1, 0), (1, 1, 1), (16, 1, 16), (16, 5, 3), (4, 1000, 0)] {
            assert_eq!(burst(open, jobs), taken, "{open} {jobs}");
        }
        let since = RewrittenSince::default();
        assert!(since.take(KIND, 1, 100, 1, 105) && since.take(Key(8), 1, 100, 1, 105));
        assert!(!since.take(KIND, 4, 100, u32::MAX, 105));
    }

    #[test]
    fn threads_share_what_is_left() {
        let since = RewrittenSince::default();
        let taken: usize = std::thread::scope(|scope| {
            let take = || {
                (0..500)
                    .filter(|_| since.take(KIND, 4, 100, 1, 105))
                    .count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(taken, 4);
    }

    #[test]
    fn what_a_later_look_may_not_have_seen_still_counts() {
        for (looked, taken) in [(104, false), (105, false), (107, false), (108, true)] {
            let since = RewrittenSince::default();
            assert!(since.take(KIND, 1, 100, 1, 105));
            assert_eq!(since.take(KIND, 1, looked, 1, 110), taken, "{looked}");
        }
    }
}
