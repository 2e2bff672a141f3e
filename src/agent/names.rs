//! Users' numbers. A name service may take long for each name, and meanwhile nobody is rescued: one look asks for some, and the
//! next goes on there. What was known holds until it is asked for anew.

use crate::clock::Clock;
use crate::job::directory::User;
use crate::slurm::CommandError;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// So long a look may ask, and the first one, without which no rule for a user holds.
const MOST_TIME: Duration = Duration::from_secs(4);
const FIRST_TIME: Duration = Duration::from_secs(60);

/// A name service that has not answered for all is let alone for so many times as long as it was asked.
const RESTS: u32 = 5;

/// Who has which number.
#[derive(Default)]
pub(super) struct Names {
    users: Vec<User>,
    numbers: HashMap<String, u32>,
    /// Names that are to be asked for, the next one last.
    to_ask: Vec<String>,
    /// Until then nobody asks.
    rests_until: Duration,
}

impl Names {
    /// Those that were known before.
    pub fn known(users: &HashMap<u32, User>) -> Names {
        let numbers = users.iter().map(|(uid, user)| (user.name.clone(), *uid));
        Names {
            users: users.values().cloned().collect(),
            numbers: numbers.collect(),
            ..Names::default()
        }
    }

    /// These are all users there are, and are to be asked for: first those that are `named` in something and not known, then the
    /// others that are not, then those for whom there was no time.
    pub fn expect(&mut self, users: Vec<User>, named: impl Fn(&User) -> bool) {
        let left: HashSet<String> = self.to_ask.drain(..).collect();
        let is_later = |user: &&User| {
            let is_known = self.numbers.contains_key(&user.name);
            (is_known, !named(user), !left.contains(&user.name))
        };
        let mut in_turn: Vec<&User> = users.iter().collect();
        in_turn.sort_by_key(is_later);
        let names = in_turn.into_iter().rev().map(|user| user.name.clone());
        self.to_ask = names.collect();
        self.users = users;
    }

    /// Asks `number_of` for as many as there is time for, or for all. After an error the rest is asked for later, and the name
    /// that failed last of all: it may do so always.
    pub fn ask(
        &mut self,
        clock: &dyn Clock,
        all: bool,
        mut number_of: impl FnMut(&str) -> Result<Option<u32>, CommandError>,
    ) -> Result<(), CommandError> {
        let began = clock.elapsed();
        if began < self.rests_until {
            return Ok(());
        }
        let most = match (all, self.numbers.is_empty()) {
            (true, _) => Duration::MAX,
            (_, true) => FIRST_TIME,
            (_, false) => MOST_TIME,
        };
        let mut asked = Ok(());
        while asked.is_ok()
            && clock.since(began) <= most
            && let Some(name) = self.to_ask.pop()
        {
            match number_of(&name) {
                Ok(number) => self.is(name, number),
                Err(error) => {
                    self.to_ask.insert(0, name);
                    asked = Err(error);
                }
            }
        }
        if !self.to_ask.is_empty() {
            self.rests_until = clock.elapsed() + clock.since(began) * RESTS;
        }
        asked
    }

    /// The one of that name is this, or nobody.
    fn is(&mut self, name: String, number: Option<u32>) {
        match number {
            Some(number) => drop(self.numbers.insert(name, number)),
            None => drop(self.numbers.remove(&name)),
        }
    }

    /// All whose numbers are known, by these.
    pub fn users(&self) -> HashMap<u32, User> {
        let number = |user: &User| Some((*self.numbers.get(&user.name)?, user.clone()));
        self.users.iter().filter_map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::turn::tests::Slept;
    use super::*;
    use std::cell::Cell;

    fn user(name: &str) -> User {
        User {
            name: name.into(),
            account: None,
        }
    }

    fn users(count: u32) -> Vec<User> {
        (0..count).map(|n| user(&n.to_string())).collect()
    }

    fn by_number(users: Vec<User>) -> HashMap<u32, User> {
        let number = |user: &User| user.name.parse().unwrap();
        users
            .into_iter()
            .map(|user| (number(&user), user))
            .collect()
    }

    const SLOW: Duration = Duration::from_millis(10);

    /// Asks a service that takes so long for each; how long it took.
    fn ask(names: &mut Names, clock: &Slept, takes: Duration, all: bool) -> Duration {
        let began = clock.elapsed();
        let answer = |name: &str| {
            clock.sleep(takes);
            Ok(name.parse().ok())
        };
        names.ask(clock, all, answer).unwrap();
        clock.since(began)
    }

    #[test]
    fn a_slow_name_service_is_asked_for_some_at_a_time_and_what_was_known_holds() {
        let clock = Slept::default();
        let mut names = Names::known(&by_number(users(4000)));
        names.expect(users(5000), |_| false);
        let (mut looks, mut longest) = (0, Duration::ZERO);
        while !names.to_ask.is_empty() {
            longest = longest.max(ask(&mut names, &clock, SLOW, false));
            looks += 1;
            assert!(names.users().len() >= 4000);
            // New ones come first.
            assert!(looks < 3 || names.users().len() == 5000, "{looks}");
            clock.sleep(Duration::from_secs(30));
        }
        assert!(longest <= MOST_TIME + SLOW, "{longest:?}");
        assert!((12..=14).contains(&looks), "{looks}");
        assert_eq!(names.users(), by_number(users(5000)));
    }

    #[test]
    fn those_that_something_names_come_first_and_who_has_gone_goes() {
        let clock = Slept::default();
        let mut names = Names::known(&by_number(users(2)));
        let mut all = users(9);
        all.extend([user("nobody")]);
        names.expect(all.clone(), |user| user.name == "7");
        assert!(names.to_ask.ends_with(&["7".into()]));
        assert_eq!(names.to_ask[..2], ["1", "0"], "they are known");
        ask(&mut names, &clock, Duration::from_secs(5), false);
        assert_eq!(names.users().len(), 3);
        ask(&mut names, &clock, SLOW, true);
        assert_eq!(names.users().len(), 3, "it is let alone");
        clock.sleep(Duration::from_secs(25));
        ask(&mut names, &clock, SLOW, true);
        assert_eq!(names.users(), by_number(users(9)));
        all.truncate(3);
        names.expect(all, |_| false);
        assert_eq!(names.users(), by_number(users(3)));
        let gone = names.ask(&clock, false, |_| Ok(None));
        assert!(gone.is_ok() && names.users().is_empty());
    }

    #[test]
    fn a_look_that_is_to_have_all_and_the_first_one_take_their_time() {
        for (all, count) in [(true, 10_000), (false, 6001)] {
            let mut names = Names::default();
            names.expect(users(10_000), |_| false);
            ask(&mut names, &Slept::default(), SLOW, all);
            assert_eq!(names.users().len(), count);
        }
    }

    #[test]
    fn a_name_service_that_fails_is_let_alone_and_nobody_is_taken_for_gone() {
        let clock = Slept::default();
        let mut names = Names::known(&by_number(users(3)));
        names.expect(users(3), |_| false);
        let asked = Cell::new(0);
        let mut fail = || {
            names.ask(&clock, false, |_| {
                asked.set(asked.get() + 1);
                clock.sleep(Duration::from_secs(30));
                Err(CommandError::Failed {
                    command: "the name service".into(),
                    said: String::new(),
                })
            })
        };
        assert!(fail().is_err());
        assert!(fail().is_ok());
        clock.sleep(Duration::from_secs(150));
        assert!(fail().is_err());
        assert_eq!(asked.get(), 2);
        assert_eq!(names.users(), by_number(users(3)));
    }
    #[test]
    fn a_name_that_always_fails_keeps_no_other_one_unasked() {
        let clock = Slept::default();
        let mut names = Names::default();
        names.expect(users(5), |user| user.name == "3");
        let fails = |name: &str| match name {
            "3" => Err(CommandError::Failed {
                command: "the name service".into(),
                said: String::new(),
            }),
            name => Ok(name.parse().ok()),
        };
        assert!(names.ask(&clock, false, fails).is_err(), "it comes first");
        assert!(names.ask(&clock, false, fails).is_err(), "and last");
        let mut others = by_number(users(5));
        others.remove(&3);
        assert_eq!(names.users(), others);
        assert!(names.ask(&clock, false, |_| Ok(Some(3))).is_ok());
        assert_eq!(names.users(), by_number(users(5)));
    }
}
