//! What was done, or said, and would be again at each look.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// So many things are remembered; with more all of them are forgotten, and done once more.
const MOST: usize = 10_000;

/// Remembers what it is told.
#[derive(Debug, Default)]
pub struct Once(RefCell<HashSet<u64>>);

impl Once {
    /// It was told this.
    pub fn knows(&self, what: &impl Hash) -> bool {
        self.0.borrow().contains(&number(what))
    }

    /// Is told this; whether for the first time.
    pub fn is_first(&self, what: &impl Hash) -> bool {
        let mut known = self.0.borrow_mut();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(number(what))
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
    fn a_thing_is_the_first_once_and_too_many_are_forgotten() {
        let once = Once::default();
        assert!(!once.knows(&(7, "a")));
        let seen = [(7, "a"), (7, "b"), (7, "a")].map(|what| once.is_first(&what));
        assert_eq!(seen, [true, true, false]);
        assert!(once.knows(&(7, "b")));
        for n in 0..MOST {
            once.is_first(&n);
        }
        assert!(!once.knows(&(7, "a")));
    }
}
