//! Seats that license managers see: who holds them is matched to running jobs by user, node and time.

use super::Agent;
use super::license_managers::{Answer, Checkout, Pool, complaint, read};
use crate::config::License;
use crate::slurm::Commands;
use crate::slurm::queue::QueuedJob;
use anyhow::Result;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::net::IpAddr;

/// A seat is of a job that started at most so many seconds after it, the clocks of machines being what they
/// are.
const TOLERANCE_S: i64 = 60;

impl Agent<'_> {
    /// Some license manager is to be asked.
    pub(super) fn watches_licenses(&self) -> bool {
        let mut all = self.config.license.iter();
        all.any(|license| !license.lmstat.is_empty())
    }

    /// Asks each license manager that is configured, and notes what running jobs hold. One that does not
    /// answer, or not about the feature, is asked again in the next pass: silence is no zero.
    pub(super) fn watch_licenses(&self, jobs: &[QueuedJob]) -> Result<()> {
        let running: Vec<&QueuedJob> = jobs.iter().filter(|job| job.state == "RUNNING").collect();
        // One command often reports many licenses.
        let mut reported: HashMap<&[String], Reply> = HashMap::new();
        let with_command = self
            .config
            .license
            .iter()
            .filter(|license| !license.lmstat.is_empty());
        for license in with_command.filter(|_| !running.is_empty()) {
            let command = license.lmstat.as_slice();
            let reply = reported.entry(command).or_insert_with(|| self.ask(command));
            self.note(license, reply, &running)?;
        }
        Ok(())
    }

    fn ask(&self, command: &[String]) -> Reply {
        let Some((program, arguments)) = command.split_first() else {
            return Reply::default();
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match self.commands.run(program, &arguments) {
            Ok(output) => Reply::of(&String::from_utf8_lossy(&output)),
            Err(error) => {
                tracing::warn!("{error}");
                Reply::default()
            }
        }
    }

    fn note(&self, license: &License, reply: &Reply, running: &[&QueuedJob]) -> Result<()> {
        let feature = license.feature.as_ref().unwrap_or(&license.name);
        if let Some(why) = reply.why_unknown(feature) {
            tracing::warn!(license = license.name, "its seats are not known: {why}");
        }
        let pool = reply.answer.pool(feature);
        for (job, seats) in held(pool, running, self.clock.now(), &TimeZone::system()) {
            self.store.note_seats(job, &license.name, seats)?;
        }
        Ok(())
    }
}

/// What a command printed.
#[derive(Default)]
struct Reply {
    answer: Answer,
    /// What it complained of.
    complaint: Option<String>,
}

impl Reply {
    fn of(text: &str) -> Reply {
        Reply {
            answer: read(text),
            complaint: complaint(text),
        }
    }

    /// Why it does not say, or not all, who holds seats of a feature, where it says why.
    fn why_unknown(&self, feature: &str) -> Option<&str> {
        let complaint = self.complaint.as_deref();
        let of_all = complaint.filter(|_| self.answer.pool(feature).is_none());
        self.answer.why_unknown(feature).or(of_all)
    }
}

/// How many seats each job holds; `None` where that is not known: for all, where the manager does not tell all or
/// more seats are in use than it lists, and for a job without one, where a seat may be its own.
fn held(
    pool: Option<&Pool>,
    running: &[&QueuedJob],
    now: i64,
    zone: &TimeZone,
) -> Vec<(u64, Option<u32>)> {
    let Some(pool) = pool.filter(|pool| pool.is_complete()) else {
        return running.iter().map(|job| (job.job_id, None)).collect();
    };
    let owners = pool
        .checkouts
        .iter()
        .map(|checkout| owner(checkout, running, now, zone));
    let owned: Vec<(&Checkout, Option<&QueuedJob>)> = pool.checkouts.iter().zip(owners).collect();
    let seats_of = |job: &QueuedJob| {
        let is_mine = |owner: &QueuedJob| owner.job_id == job.job_id;
        let mine = owned.iter().filter(|(_, owner)| owner.is_some_and(is_mine));
        let seats = mine.fold(0u32, |sum, (checkout, _)| {
            sum.saturating_add(checkout.seats)
        });
        let may_be_mine = |(checkout, owner): &(&Checkout, Option<&QueuedJob>)| match owner {
            // Programs of one user on one node may share a seat, which then is listed once.
            Some(owner) => owner.user == job.user && is_held_by(checkout, job),
            None => names_a_node_of(checkout, job) || is_held_anywhere_by(checkout, job),
        };
        (seats > 0 || !owned.iter().any(may_be_mine)).then_some(seats)
    };
    running
        .iter()
        .map(|job| (job.job_id, seats_of(job)))
        .collect()
}

/// The job that a seat is held by: of its user's on that node, the one that had started last by then. Where
/// it is not said since when, it must be the only one.
fn owner<'a>(
    checkout: &Checkout,
    running: &[&'a QueuedJob],
    now: i64,
    zone: &TimeZone,
) -> Option<&'a QueuedJob> {
    let since = checkout.since.seconds(now, zone);
    let started = |job: &QueuedJob| since.is_none_or(|since| job.started <= since + TOLERANCE_S);
    let may_be = running
        .iter()
        .copied()
        .filter(|job| started(job) && is_held_by(checkout, job));
    let may_be: Vec<_> = may_be.filter(|_| !checkout.lingers).collect();
    match may_be[..] {
        [only] => Some(only),
        _ if since.is_none() => None,
        _ => may_be.into_iter().max_by_key(|job| job.started),
    }
}

/// The holder's first words are the job's user, and the next one is a node of it, whatever the case.
fn is_held_by(checkout: &Checkout, job: &QueuedJob) -> bool {
    let words: Vec<&str> = checkout.holder.split_whitespace().collect();
    (1..words.len()).any(|at| is_user_of(&words[..at], job) && is_node_of(words[at], job))
}

/// The holder's first words are the job's user, and the next one does not say which machine that is: an address,
/// localhost, or a terminal where the host is left out.
fn is_held_anywhere_by(checkout: &Checkout, job: &QueuedJob) -> bool {
    let words: Vec<&str> = checkout.holder.split_whitespace().collect();
    let is_any = |host: &str| {
        host.parse::<IpAddr>().is_ok()
            || short(host).eq_ignore_ascii_case("localhost")
            || host.starts_with('/')
    };
    (1..words.len()).any(|at| is_any(words[at]) && is_user_of(&words[..at], job))
}

/// Either may name a domain that the other does not.
fn is_user_of(words: &[&str], job: &QueuedJob) -> bool {
    let user = words.join(" ");
    user.eq_ignore_ascii_case(&job.user)
        || without_domain(&user).is_some_and(|user| user.eq_ignore_ascii_case(&job.user))
        || without_domain(&job.user).is_some_and(|of_job| of_job.eq_ignore_ascii_case(&user))
}

/// The user of `SITE\alice` or `alice@site.org`.
fn without_domain(user: &str) -> Option<&str> {
    let behind = user.split_once('\\').map(|(_, user)| user);
    behind.or_else(|| Some(user.split_once('@')?.0))
}

/// Any of the holder's words is a node of the job.
fn names_a_node_of(checkout: &Checkout, job: &QueuedJob) -> bool {
    checkout
        .holder
        .split_whitespace()
        .any(|word| is_node_of(word, job))
}

/// Some programs add their version to the host's name behind a `_`.
fn is_node_of(host: &str, job: &QueuedJob) -> bool {
    let host = short(host);
    let names = [Some(host), host.split_once('_').map(|(name, _)| name)];
    let is_one = |node: &String| {
        let named = |name: &str| short(node).eq_ignore_ascii_case(name);
        names.into_iter().flatten().any(named)
    };
    job.nodes.iter().any(is_one)
}

/// Without its domain; an address has none.
fn short(host: &str) -> &str {
    match host.parse::<IpAddr>() {
        Ok(_) => host,
        Err(_) => host.split('.').next().unwrap_or(host),
    }
}
