//! Which running jobs hold the seats that a license manager lists: by user, node and time. What a manager lists may be long,
//! and so may be what runs: both are gone through once.

use super::license_managers::{Checkout, Pool};
use crate::slurm::queue::QueuedJob;
use jiff::tz::TimeZone;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// A seat is of a job that started at most so many seconds after it, the clocks of machines being what they
/// are.
const TOLERANCE_S: i64 = 60;

/// The user and the host are among the holder's first words.
const MOST_WORDS: usize = 16;

/// Jobs that run, by their nodes and users, as names are compared.
pub(super) struct Running<'a> {
    jobs: Vec<&'a QueuedJob>,
    on_node: HashMap<String, Vec<usize>>,
    of_user: HashMap<String, Vec<usize>>,
}

/// Seats that are no job's: jobs on these nodes may hold them, and these users' jobs anywhere.
#[derive(Default)]
struct Nobodys {
    nodes: HashSet<String>,
    users: HashSet<String>,
}

impl<'a> Running<'a> {
    /// Of these jobs those that run.
    pub fn of(jobs: &'a [QueuedJob]) -> Running<'a> {
        let jobs: Vec<_> = jobs.iter().filter(|job| job.state == "RUNNING").collect();
        let (mut on_node, mut of_user) = (HashMap::new(), HashMap::new());
        let add = |index: &mut HashMap<String, Vec<usize>>, name: &str, at| {
            index.entry(folded(name)).or_default().push(at);
        };
        for (at, job) in jobs.iter().enumerate() {
            for node in &job.nodes {
                add(&mut on_node, short(node), at);
            }
            let names = [Some(job.user.as_str()), without_domain(&job.user)];
            for name in names.into_iter().flatten() {
                add(&mut of_user, name, at);
            }
        }
        Running {
            jobs,
            on_node,
            of_user,
        }
    }

    /// None does.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// How many seats each job holds; `None` where that is not known: for all, where the manager does not tell all or
    /// more seats are in use than it lists, and for a job without one, where a seat may be its own.
    pub fn held(&self, pool: Option<&Pool>, now: i64, zone: &TimeZone) -> Vec<(u64, Option<u32>)> {
        let Some(pool) = pool.filter(|pool| pool.is_complete()) else {
            return self.jobs.iter().map(|job| (job.job_id, None)).collect();
        };
        let mut seats = vec![0u32; self.jobs.len()];
        let mut may_have = vec![false; self.jobs.len()];
        let mut nobodys = Nobodys::default();
        for checkout in &pool.checkouts {
            let holders = self.holders(checkout);
            match self.owner(checkout, &holders, now, zone) {
                Some(owner) => {
                    seats[owner] = seats[owner].saturating_add(checkout.seats);
                    // Programs of one user on one node may share a seat, which then is listed once.
                    let user = &self.jobs[owner].user;
                    let share = holders.iter().filter(|at| self.jobs[**at].user == *user);
                    share.for_each(|at| may_have[*at] = true);
                }
                None => nobodys.add(checkout),
            }
        }
        self.that_may_have(&nobodys)
            .for_each(|at| may_have[at] = true);
        let known = |at: usize| (seats[at] > 0 || !may_have[at]).then_some(seats[at]);
        let jobs = self.jobs.iter().enumerate();
        jobs.map(|(at, job)| (job.job_id, known(at))).collect()
    }

    /// Jobs whose user the holder's first words are, and of which the next one is a node, in the order of the queue.
    fn holders(&self, checkout: &Checkout) -> Vec<usize> {
        let words = first_words(checkout);
        let mut found = Vec::new();
        for at in 1..words.len() {
            let user = words[..at].join(" ");
            let there = names_of_node(words[at]).flat_map(|name| at_of(&self.on_node, &name));
            found.extend(there.filter(|job| is_user_of(&user, self.jobs[*job])));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The job that a seat is held by: of its user's on that node, the one that had started last by then. Where
    /// it is not said since when, it must be the only one.
    fn owner(
        &self,
        checkout: &Checkout,
        holders: &[usize],
        now: i64,
        zone: &TimeZone,
    ) -> Option<usize> {
        if checkout.lingers {
            return None;
        }
        let since = checkout.since.seconds(now, zone);
        let started = |at: &usize| {
            let tolerated = |since| self.jobs[*at].started <= since + TOLERANCE_S;
            since.is_none_or(tolerated)
        };
        let may_be: Vec<usize> = holders.iter().copied().filter(started).collect();
        match may_be[..] {
            [only] => Some(only),
            _ if since.is_none() => None,
            _ => may_be.into_iter().max_by_key(|at| self.jobs[*at].started),
        }
    }

    fn that_may_have<'b>(&'b self, nobodys: &'b Nobodys) -> impl Iterator<Item = usize> + 'b {
        let there = nobodys.nodes.iter();
        let there = there.flat_map(|name| at_of(&self.on_node, name));
        let theirs = nobodys.users.iter().flat_map(|user| {
            let names = [Some(user.as_str()), without_domain(user)];
            let jobs = names.into_iter().flatten();
            jobs.flat_map(|name| at_of(&self.of_user, name))
                .filter(|at| is_user_of(user, self.jobs[*at]))
        });
        there.chain(theirs)
    }
}

impl Nobodys {
    /// Any of the holder's words may be a node. Or its first words are a user, and the next one does not say which machine that
    /// is: an address, localhost, or a terminal where the host is left out.
    fn add(&mut self, checkout: &Checkout) {
        let words = checkout.holder.split_whitespace();
        self.nodes.extend(words.flat_map(names_of_node));
        let is_any = |host: &str| {
            host.parse::<IpAddr>().is_ok()
                || short(host).eq_ignore_ascii_case("localhost")
                || host.starts_with('/')
        };
        let words = first_words(checkout);
        let users = (1..words.len()).filter(|at| is_any(words[*at]));
        self.users
            .extend(users.map(|at| folded(&words[..at].join(" "))));
    }
}

fn at_of<'a>(
    index: &'a HashMap<String, Vec<usize>>,
    name: &str,
) -> impl Iterator<Item = usize> + use<'a> {
    index.get(name).into_iter().flatten().copied()
}

fn first_words(checkout: &Checkout) -> Vec<&str> {
    let words = checkout.holder.split_whitespace();
    words.take(MOST_WORDS).collect()
}

/// Managers fold names.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Some programs add their version to the host's name behind a `_`.
fn names_of_node(host: &str) -> impl Iterator<Item = String> + use<> {
    let host = short(host);
    let names = [Some(host), host.split_once('_').map(|(name, _)| name)];
    names.map(|name| name.map(folded)).into_iter().flatten()
}

/// Either may name a domain that the other does not.
fn is_user_of(user: &str, job: &QueuedJob) -> bool {
    user.eq_ignore_ascii_case(&job.user)
        || without_domain(user).is_some_and(|user| user.eq_ignore_ascii_case(&job.user))
        || without_domain(&job.user).is_some_and(|of_job| of_job.eq_ignore_ascii_case(user))
}

/// The user of `SITE\alice` or `alice@site.org`.
fn without_domain(user: &str) -> Option<&str> {
    let behind = user.split_once('\\').map(|(_, user)| user);
    behind.or_else(|| Some(user.split_once('@')?.0))
}

/// Without its domain; an address has none.
fn short(host: &str) -> &str {
    match host.parse::<IpAddr>() {
        Ok(_) => host,
        Err(_) => host.split('.').next().unwrap_or(host),
    }
}

#[cfg(test)]
mod tests {
    use super::super::license_managers::Since;
    use super::*;
    use crate::slurm::queue::tests::queued;

    fn running(job_id: u64, user: &str, node: &str) -> QueuedJob {
        QueuedJob {
            nodes: vec![node.into()],
            user: user.into(),
            ..queued(job_id, "RUNNING")
        }
    }

    fn pool(holders: impl Iterator<Item = String>) -> Pool {
        let checkout = |holder| Checkout {
            holder,
            since: Since::Unknown,
            seats: 1,
            lingers: false,
        };
        Pool {
            in_use: Some(0),
            checkouts: holders.map(checkout).collect(),
            ..Pool::default()
        }
    }

    /// Each beside each other would be a thousand million comparisons.
    #[test]
    fn many_seats_of_many_jobs_are_gone_through_once() {
        let jobs: Vec<_> = (0..20_000)
            .map(|n| running(n, "alice", &format!("n{n}.site.org")))
            .collect();
        let running = Running::of(&jobs);
        let long = "x ".repeat(100_000);
        let listed = (0..50_000).map(|n| match n % 5 {
            0 => "eve localhost".into(),
            1 => "alice elsewhere".into(),
            _ => format!("ALICE N{n}"),
        });
        let pool = pool(listed.chain([long]));
        let held = running.held(Some(&pool), 0, &TimeZone::UTC);
        let expected = |n: u64| Some(u32::from(n % 5 > 1));
        assert!(held.into_iter().eq((0..20_000).map(|n| (n, expected(n)))));
    }

    #[test]
    fn a_seat_on_any_host_may_be_each_of_its_users_jobs() {
        let jobs = [
            running(1, "alice", "n1"),
            running(2, "alice@site.org", "n2"),
            running(3, "bob", "n3"),
        ];
        let running = Running::of(&jobs);
        for (holder, unknown) in [
            ("alice 10.0.0.7", &[1, 2][..]),
            ("SITE\\Alice 10.0.0.7", &[1]),
            ("alice@site.org localhost", &[1, 2]),
            ("eve n3", &[3]),
            ("x", &[]),
        ] {
            let pool = pool([holder.to_owned()].into_iter());
            let held = running.held(Some(&pool), 0, &TimeZone::UTC);
            let held = held.iter().filter(|(_, seats)| seats.is_none());
            let found: Vec<u64> = held.map(|(job, _)| *job).collect();
            assert_eq!(found, unknown, "{holder}");
        }
    }
}
