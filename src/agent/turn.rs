//! What one look does job by job has an end, however many jobs there are: no other job is seen to meanwhile. The next look goes on
//! where this one has stopped.

use crate::clock::Clock;
use std::cell::Cell;
use std::time::Duration;

/// One thing is done in one look for no longer than this, whoever has made it so much.
const MOST_TIME: Duration = Duration::from_secs(4);

/// Whose turn it is in the next look, of all that something is done for.
#[derive(Debug, Default)]
pub struct Turn(Cell<usize>);

impl Turn {
    /// Sees to each of them in its turn, until `most` things were done or it took too long; `each` says how many it did. Where they are
    /// not the `whole` of them, as those that are looked at in between, nobody's turn is passed over. Returns whether all had theirs.
    pub fn take<T>(
        &self,
        all: &[T],
        whole: bool,
        most: usize,
        clock: &dyn Clock,
        mut each: impl FnMut(&T) -> usize,
    ) -> bool {
        let (began, mut done) = (clock.elapsed(), 0);
        let first = match whole {
            true => Some(self.0.take()).filter(|first| *first < all.len()),
            false => None,
        };
        let first = first.unwrap_or(0);
        let (later, sooner) = all.split_at(first);
        for (n, one) in sooner.iter().chain(later).enumerate() {
            if done >= most || clock.since(began) > MOST_TIME {
                if whole {
                    self.0.set((first + n) % all.len());
                }
                return false;
            }
            done += each(one);
        }
        true
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What goes by is slept through.
    #[derive(Default)]
    pub struct Slept(Cell<Duration>);

    impl Clock for Slept {
        fn now(&self) -> i64 {
            0
        }

        fn elapsed(&self) -> Duration {
            self.0.get()
        }

        fn sleep(&self, duration: Duration) {
            self.0.set(self.0.get() + duration);
        }
    }

    /// Which of `all` have their turn in three looks, in which each takes that long and does so many things.
    fn seen(all: u32, most: usize, took: Duration, done: usize) -> [(bool, Vec<u32>); 3] {
        let (clock, turn) = (Slept::default(), Turn::default());
        let all: Vec<u32> = (0..all).collect();
        [(); 3].map(|()| {
            let mut seen = Vec::new();
            let were_all = turn.take(&all, true, most, &clock, |one| {
                clock.sleep(took);
                seen.push(*one);
                done
            });
            (were_all, seen)
        })
    }

    #[test]
    fn each_has_its_turn_however_few_one_look_has_time_for() {
        let all = |count: u32| (true, (0..count).collect::<Vec<u32>>());
        let some = |ones: &[u32]| (false, ones.to_vec());
        let none = Duration::ZERO;
        assert_eq!(seen(3, 3, none, 1), [all(3), all(3), all(3)]);
        assert_eq!(seen(0, 3, none, 1), [all(0), all(0), all(0)]);
        let in_turn = [some(&[0, 1]), some(&[2, 3]), some(&[4, 0])];
        assert_eq!(seen(5, 2, none, 1), in_turn);
        assert_eq!(seen(5, 4, none, 2), in_turn);
        assert_eq!(seen(5, 9, MOST_TIME.mul_f64(0.6), 1), in_turn);
        assert_eq!(seen(5, 1, none, 0), [all(5), all(5), all(5)]);
    }

    #[test]
    fn a_look_at_a_few_in_between_takes_nobodys_turn() {
        let (clock, turn) = (Slept::default(), Turn::default());
        let all: Vec<u32> = (0..9).collect();
        let seen = |some: &[u32]| {
            let (mut seen, whole) = (Vec::new(), some.len() == all.len());
            let were_all = turn.take(some, whole, 4, &clock, |one| {
                seen.push(*one);
                1
            });
            (were_all, seen)
        };
        assert_eq!(seen(&all), (false, vec![0, 1, 2, 3]));
        assert_eq!(seen(&all[7..]), (true, vec![7, 8]));
        assert_eq!(seen(&all[1..8]), (false, vec![1, 2, 3, 4]));
        assert_eq!(seen(&[]), (true, vec![]));
        assert_eq!(seen(&all), (false, vec![4, 5, 6, 7]));
    }
}
