//! Seats of a feature, and who holds them.

use super::Since;
use std::collections::BTreeMap;

/// Seats that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// A user, a host, and perhaps more words. Names of users may hold blanks: where one ends shows only
    /// beside a job.
    pub holder: String,
    /// Since when.
    pub since: Since,
    /// How many.
    pub seats: u32,
    /// No program uses them: one has given them back, and the manager keeps them for it, or they are borrowed.
    pub lingers: bool,
}

/// What an answer says about one feature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pool {
    /// Seats in use; `None` where that is not said.
    pub in_use: Option<u32>,
    /// Of those, seats that are kept for somebody who does not use them.
    pub reserved: u32,
    /// Who holds how many.
    pub checkouts: Vec<Checkout>,
    /// Why a part of it is not known: one of its servers is down, or says nothing of it.
    pub why_unknown: Option<String>,
}

/// No site has more seats of one feature in use; an answer that lists more is not looked at further.
const MOST_CHECKOUTS: usize = 50_000;

impl Pool {
    /// Forgets a list that is longer than any can be: then nothing is known.
    pub fn limit(&mut self) {
        if self.checkouts.len() > MOST_CHECKOUTS {
            self.checkouts = Vec::new();
            let why = format!("more than {MOST_CHECKOUTS} seats are listed");
            self.why_unknown = Some(why);
        }
    }

    /// Every seat in use is listed: whoever is not in the list holds none.
    pub fn is_complete(&self) -> bool {
        let listed = self.listed();
        self.why_unknown.is_none() && self.in_use.is_some_and(|in_use| in_use <= listed)
    }

    fn listed(&self) -> u32 {
        let seats = self.checkouts.iter().map(|checkout| checkout.seats);
        seats.fold(self.reserved, u32::saturating_add)
    }

    /// Several pools of one feature are one.
    pub fn add_in_use(&mut self, seats: u32) {
        self.in_use = Some(self.in_use.unwrap_or(0).saturating_add(seats));
    }

    /// A seat that programs share is listed once for each of them. Where just that explains that more are
    /// listed than are in use, each holder has what its largest line says.
    pub fn count_shared_once(&mut self) {
        if self.in_use.is_none_or(|in_use| self.listed() <= in_use) {
            return;
        }
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut once: Vec<Checkout> = Vec::new();
        for one in &self.checkouts {
            match places.get(one.holder.as_str()) {
                Some(&at) => once[at].seats = once[at].seats.max(one.seats),
                None => {
                    places.insert(&one.holder, once.len());
                    once.push(one.clone());
                }
            }
        }
        let once = Pool {
            checkouts: once,
            ..self.clone()
        };
        if self.in_use == Some(once.listed()) {
            *self = once;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_list_longer_than_any_can_be_nothing_is_known() {
        for (listed, is_known) in [(MOST_CHECKOUTS, true), (MOST_CHECKOUTS + 1, false)] {
            let checkout = Checkout {
                holder: "alice n1".into(),
                since: Since::Unknown,
                seats: 1,
                lingers: false,
            };
            let mut pool = Pool {
                in_use: Some(1),
                checkouts: vec![checkout; listed],
                ..Pool::default()
            };
            pool.limit();
            assert_eq!(pool.is_complete(), is_known, "{listed}");
            assert_eq!(pool.why_unknown.is_none(), is_known);
        }
    }
}
