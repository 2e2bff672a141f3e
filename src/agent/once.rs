//! What was done, or said, and would be again at each look.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// So many of the latest things are remembered, and as many older ones at most.
const MOST: usize = 10_000;

/// Remembers what it is told.
#[derive(Debug, Default)]
pub struct Once(RefCell<Known>);

/// In two halves, of which the older one is forgotten at once: were it all, all would be done once more.
#[derive(Debug, Default)]
struct Known {
    newer: HashSet<u64>,
    older: HashSet<u64>,
}

impl Once {
    /// It was told this.
    pub fn knows(&self, what: &impl Hash) -> bool {
        self.0.borrow().holds(number(what))
    }

    /// Is told this; whether for the first time.
    pub fn is_first(&self, what: &impl Hash) -> bool {
        let (mut known, what) = (self.0.borrow_mut(), number(what));
        let is_first = !known.holds(what);
        known.take(what);
        is_first
    }
}

impl Known {
    fn holds(&self, what: u64) -> bool {
        self.newer.contains(&what) || self.older.contains(&what)
    }

    fn take(&mut self, what: u64) {
        if self.newer.len() >= MOST {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(what);
    }
}

fn number(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_the_first_once_and_of_too_many_the_older_half_is_forgotten() {
        let once = Once::default();
        assert!(!once.knows(&(7, "a")));
        let seen = [(7, "a"), (7, "b"), (7, "a")].map(|what| once.is_first(&what));
        assert_eq!(seen, [true, true, false]);
        assert!(once.knows(&(7, "b")));
        let told = |numbers: std::ops::Range<usize>| {
            let first = numbers.filter(|n| once.is_first(n));
            first.count()
        };
        assert_eq!(told(0..MOST), MOST);
        assert!(once.knows(&(7, "a")) && !once.is_first(&(7, "b")));
        assert_eq!(told(MOST..2 * MOST), MOST);
        assert!(!once.knows(&(7, "a")), "nobody has told it again");
        assert_eq!(told(MOST..2 * MOST), 0, "the newer ones are known");
        let known = once.0.borrow();
        assert!(known.newer.len() <= MOST && known.older.len() <= MOST);
    }
}
