//! Between two passes the agent's work follows what changes, not what waits.
//!
//! New jobs are told by the folders that slurmctld makes for them, jobs that ended badly by accounting; both are then
//! asked for by their numbers. What no event told is found by the next look at the whole queue, which is the rarer the
//! longer it takes. Where the folders cannot be seen, the whole queue is all there is.

use super::folders::Folders;
use super::queue::LOOKS;
use super::shadow::waits_for_shadow;
use super::{Agent, Pass};
use crate::fingerprint::Key;
use crate::slurm::queue::{Awaited, Queue, QueuedJob, query_job, that_wait_for_shadows};
use crate::slurm::{sacct, site};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How the agent learns of new jobs, in the store's `progress`: 1 where their folders tell, else 0.
pub const TOLD_BY_FOLDERS: &str = "told by folders";

/// Least time between two glances.
const LEAST_REST: Duration = Duration::from_millis(500);

/// After each glance, and after a look at the whole queue that something waits for, slurmctld and the agent rest so many
/// times as long as it took.
const RESTS: u32 = 20;

/// The same after a look at the whole queue where events tell what is urgent.
const LONG_RESTS: u32 = 100;

/// No rest is longer: slurmctld forgets what has ended after some minutes, and keeps what was requeued back for two.
const MOST_REST: Duration = Duration::from_secs(60);

/// A folder that is not this slurmctld's is looked at again after so long, in seconds.
const REFUSED_S: i64 = 3600;

/// Accounting is asked so often, in seconds, for what ended badly, and each time so many seconds further back than it
/// has been asked: records reach slurmdbd late.
const ENDS_EVERY_S: i64 = 3;
const LATE_S: i64 = 15;

/// What ended longer ago, in seconds, slurmctld has forgotten.
const FORGOTTEN_S: i64 = 300;

/// A job that ended badly is looked at so long, in seconds, until it waits to run again.
const AGAIN_S: i64 = 60;

/// More jobs are not asked for one by one in a glance.
const MOST: usize = 64;

/// So many jobs of a kind are asked for while it has no shadow.
const FEW: usize = 4;

/// What is known from one glance to the next.
#[derive(Default)]
pub(super) struct Events {
    /// They are listened to; a single pass looks at the whole queue.
    listens: bool,
    folders: Option<Folders>,
    /// What slurmctld's folder seems to be, and is not, and since when that is known.
    refused: Option<(PathBuf, i64)>,
    /// It has been said that the folder cannot be read.
    is_said: bool,
    /// How many looks at the queue in a row showed a job that has no folder; the folders are watched anew since then.
    lacks: u32,
    is_watched_anew: bool,
    /// New jobs at which nobody has looked.
    unseen: BTreeSet<u64>,
    /// Jobs and arrays that wait for a shadow: of which kind, and until when.
    awaiting: BTreeMap<u64, Awaited>,
    /// Which kind's jobs are asked for first.
    turn: usize,
    /// Jobs that ended badly, and until when they are looked at.
    again: BTreeMap<u64, i64>,
    /// When what ended badly was last asked for, how long that took, and what of it is known.
    asked: Option<Done>,
    asked_through: i64,
    ends: BTreeSet<(i64, u64)>,
    /// When accounting last failed to answer: what it lacked then may come late.
    silent: Option<i64>,
    /// How long it took to ask for what may matter now. A look at the whole queue has rests of its own.
    glanced: Duration,
    /// When the whole queue was last looked at, and how long that took with all that was done then.
    looked: Option<Done>,
    /// Something is left that only a look at the whole queue can see to.
    wants_look: bool,
}

/// When something ended, in seconds since 1970, and how long it took.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Done {
    pub at: i64,
    pub took: Duration,
}

/// What took long is done seldom.
fn has_rested(last: Option<Done>, rests: u32, now: i64) -> bool {
    last.is_none_or(|last| is_over(last.at, rest_after(last.took, rests).as_secs_f64(), now))
}

/// So many seconds have gone by since then; a clock that was set back says nothing.
fn is_over(since: i64, seconds: f64, now: i64) -> bool {
    now < since || (now - since) as f64 >= seconds
}

fn rest_after(took: Duration, rests: u32) -> Duration {
    LEAST_REST.max(took * rests).min(MOST_REST)
}

impl Events {
    /// Jobs that were put back are looked at until they have been given more.
    pub fn expect(&mut self, jobs: impl IntoIterator<Item = u64>, now: i64) {
        let jobs = jobs.into_iter().map(|job| (job, now + AGAIN_S));
        self.again.extend(jobs);
    }

    /// Something is left for the next look at the whole queue.
    pub fn want_look(&mut self) {
        self.wants_look = true;
    }

    fn is_look_due(&self, now: i64) -> bool {
        let in_doubt = |since| !is_over(since, FORGOTTEN_S as f64, now);
        let is_urgent = self.wants_look || self.silent.is_some_and(in_doubt);
        has_rested(self.looked, if is_urgent { RESTS } else { LONG_RESTS }, now)
    }

    /// What was done in the last look took so long.
    pub fn took(&mut self, took: Duration) {
        if let Some(looked) = &mut self.looked {
            looked.took += took;
        }
    }

    /// Folders tell of new jobs.
    pub fn are_told(&self) -> bool {
        self.folders.is_some()
    }

    /// The whole queue has been looked at: what it shows is so.
    pub fn note(&mut self, queue: &Queue) {
        self.unseen.clear();
        self.awaiting.clear();
        self.settle(&BTreeSet::new(), queue);
        self.wants_look = false;
    }

    /// The whole queue was asked for, whether it was told or not.
    pub fn rest(&mut self, look: Done) {
        self.looked = Some(look);
    }

    /// These jobs were asked for, and are in the queue or have gone from it.
    fn settle(&mut self, asked: &BTreeSet<u64>, queue: &Queue) {
        let waiting: BTreeMap<u64, Awaited> = awaiting(&queue.jobs).collect();
        self.awaiting
            .retain(|job, _| !asked.contains(job) || waiting.contains_key(job));
        self.awaiting.extend(waiting);
        for job in &queue.jobs {
            if self.again.contains_key(&job.job_id) && !may_run_again(job) {
                self.again.remove(&job.job_id);
                // Others may depend on it, and must learn that it runs again.
                self.wants_look |= job.restarts > 0;
            }
        }
    }

    /// Forgets what is over.
    fn forget(&mut self, now: i64) {
        self.awaiting.retain(|_, (_, until)| *until >= now);
        self.again.retain(|_, until| *until > now);
        self.ends = self.ends.split_off(&(now - 2 * FORGOTTEN_S, 0));
    }
}

fn awaiting(jobs: &[QueuedJob]) -> impl Iterator<Item = (u64, Awaited)> {
    let waiting = jobs.iter().filter(|job| waits_for_shadow(job));
    waiting.filter_map(|job| {
        let until = job.record.shadow.as_ref()?.until;
        Some((job.original.script_id, (job.record.kind.command?, until)))
    })
}

/// It is ending, or waits for another run and has not been given more for that.
fn may_run_again(job: &QueuedJob) -> bool {
    match &*job.state {
        "PENDING" => {
            job.restarts > 0 && job.record.rewrites() && !job.record.is_of_run(job.restarts)
        }
        state => state == "COMPLETING",
    }
}

impl Agent<'_> {
    /// From now on passes and [`Agent::glance`] go by events, where that can be.
    pub fn listen(&mut self) {
        self.events.listens = true;
    }

    /// Until the next pass.
    pub fn tend(&mut self, time: Duration) {
        let end = Instant::now() + time;
        let mut rest = LEAST_REST;
        while Instant::now() + rest < end {
            self.clock.sleep(rest);
            self.events.glanced = Duration::ZERO;
            match self.glance() {
                Ok(pass) if pass != Pass::default() => tracing::info!(?pass),
                Ok(_) => {}
                Err(error) => tracing::warn!("{error:#}"),
            }
            rest = rest_after(self.events.glanced, RESTS);
        }
        self.clock
            .sleep(end.saturating_duration_since(Instant::now()));
    }

    /// A short look at what cannot wait for a pass: jobs that wait for a shadow, and jobs that have ended badly.
    pub fn glance(&mut self) -> Result<Pass> {
        let mut pass = Pass::default();
        let seen = match self.events.are_told() {
            true => self.follow(&mut pass),
            false if self.config.wants_shadows() => self.look_at_shadows(&mut pass),
            false => Ok(()),
        };
        if self.is_new || pass.decided_again > 0 {
            self.publish()?;
        }
        // Last: a slurmdbd that hangs must not keep what is known from being done.
        let told = match self.events.are_told() {
            true => self.ask_for_ends(),
            false => Ok(()),
        };
        seen.and(told).map(|()| pass)
    }

    /// Sees to what has changed, or to the whole queue where that is due.
    fn follow(&mut self, pass: &mut Pass) -> Result<()> {
        let began = Instant::now();
        let now = self.clock.now();
        self.events.forget(now);
        self.hear();
        if self.events.is_look_due(now) {
            // It shows the new ones, too.
            let queue = self.look()?;
            self.rescue(&queue, pass);
            return self.tend_queue(&queue, pass);
        }
        let told = self.look_at_new();
        let seen = self.look_at_some(pass);
        self.events.glanced = began.elapsed();
        seen.and(told)
    }

    fn look_at_shadows(&mut self, pass: &mut Pass) -> Result<()> {
        let began = Instant::now();
        let queue = self.look();
        self.events.glanced = began.elapsed();
        self.tend_shadows(&queue?, pass)
    }

    /// Looks until jobs that were put back are pending and have been given more, for some seconds.
    pub(super) fn wait_for_those_again(&mut self, pass: &mut Pass) -> Result<()> {
        for _ in 0..LOOKS {
            if self.events.again.is_empty() {
                break;
            }
            self.clock.sleep(Duration::from_secs(1));
            let queue = self.ask_for_some()?;
            self.tend_those_that_run_again(&queue, pass);
        }
        Ok(())
    }

    /// Puts back what was harmed, and goes on looking at it.
    pub(super) fn rescue(&mut self, queue: &Queue, pass: &mut Pass) {
        let requeued = self.requeue_killed(&queue.jobs, pass);
        self.events.expect(requeued, self.clock.now());
    }

    fn look_at_some(&mut self, pass: &mut Pass) -> Result<()> {
        let queue = self.ask_for_some()?;
        self.rescue(&queue, pass);
        self.tend_shadows(&queue, pass)?;
        self.tend_those_that_run_again(&queue, pass);
        if pass.shadows_ended > 0 {
            // Jobs that wait get what was learned before slurmctld is told of it: their kind may not be trusted with more.
            let queue = self.ask_for_some()?;
            self.tend_shadows(&queue, pass)?;
        }
        Ok(())
    }

    /// A pass looks at the whole queue, but where that was done a short while ago for what it costs.
    pub(super) fn is_look_due(&self) -> bool {
        self.events.folders.is_none()
            || self.watches_licenses()
            || self.events.is_look_due(self.clock.now())
    }

    /// Finds slurmctld's folder, if it is not watched yet.
    pub(super) fn find_folders(&mut self) -> Result<()> {
        if self.events.listens && self.events.folders.is_none() {
            let settings = site::settings(self.commands)?;
            let place = settings.get("StateSaveLocation").map(PathBuf::from);
            let now = self.clock.now();
            let is_refused = |place: &PathBuf| {
                let mut refused = self.events.refused.iter();
                refused.any(|(other, at)| other == place && !is_over(*at, REFUSED_S as f64, now))
            };
            if let Some(place) = place.filter(|place| !is_refused(place)) {
                self.watch(place);
            }
        }
        Ok(())
    }

    /// For whoever asks how new jobs are seen.
    pub(super) fn say_how_jobs_are_told(&self) -> Result<()> {
        match self.events.listens {
            true => self
                .store
                .set_progress(TOLD_BY_FOLDERS, self.events.are_told().into()),
            false => Ok(()),
        }
    }

    fn watch(&mut self, place: PathBuf) {
        match Folders::watch(&place) {
            Ok(folders) => {
                tracing::info!(folder = %place.display(), "new jobs are told here");
                self.events.folders = Some(folders);
                // What came before was not told.
                self.events.looked = None;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.events.is_said, true) {
                    tracing::warn!("{}: {error}: the whole queue is asked for", place.display());
                }
            }
        }
    }

    /// Each job that is there and carries a record of ours has a folder of which the kernel has told, or the folders are
    /// another slurmctld's, or on a file system whose changes the kernel does not see. One may have gone meanwhile, and
    /// the folder may have been put in the place of the one that is watched.
    pub(super) fn compare(&mut self, queue: &Queue) {
        // They may have come behind the look.
        self.hear();
        let Some(folders) = &self.events.folders else {
            return;
        };
        let is_there =
            |job: &QueuedJob| folders.jobs().contains(&job.original.script_id) || !is_alive(job);
        let lacks = !queue.jobs.iter().all(is_there);
        self.events.lacks = if lacks { self.events.lacks + 1 } else { 0 };
        self.events.is_watched_anew &= lacks;
        if self.events.lacks > 1 {
            self.events.lacks = 0;
            let place = folders.root().to_owned();
            self.events.folders = None;
            if std::mem::replace(&mut self.events.is_watched_anew, true) {
                tracing::warn!(folder = %place.display(), "new jobs are not told here: the whole queue is asked for");
                self.events.refused = Some((place, self.clock.now()));
            }
        }
    }

    /// Takes what the folders have told; one that cannot be read is watched no more.
    fn hear(&mut self) {
        if let Some(folders) = &mut self.events.folders {
            match folders.take_new() {
                Ok(new) => self.events.unseen.extend(new),
                Err(error) => {
                    tracing::warn!("{}: {error}", folders.root().display());
                    self.events.folders = None;
                }
            }
        }
    }

    /// Of the jobs that have come those that seem to wait for a shadow.
    fn look_at_new(&mut self) -> Result<()> {
        if self.config.wants_shadows() {
            let new: Vec<u64> = self.events.unseen.iter().copied().collect();
            let waiting = that_wait_for_shadows(self.commands, &new)?;
            self.events.awaiting.extend(waiting);
        }
        self.events.unseen.clear();
        Ok(())
    }

    /// What has ended badly, or was requeued, by accounting.
    fn ask_for_ends(&mut self) -> Result<()> {
        let (started, now) = (Instant::now(), self.clock.now());
        let asked_lately = |asked: Done| !is_over(asked.at, ENDS_EVERY_S as f64, now);
        if self.events.asked.is_some_and(asked_lately) || !has_rested(self.events.asked, RESTS, now)
        {
            return Ok(());
        }
        let since = self.events.asked_through.clamp(now - FORGOTTEN_S, now) - LATE_S;
        let ends = sacct::harmed(self.commands, since, now + 1);
        let (at, took) = (self.clock.now(), started.elapsed());
        self.events.asked = Some(Done { at, took });
        if ends.is_err() {
            self.events.silent = Some(now);
        }
        let ends = ends?.into_iter();
        let new: Vec<u64> = ends
            .filter(|(job, ended)| self.events.ends.insert((*ended, *job)))
            .map(|(job, _)| job)
            .collect();
        self.events.expect(new, now);
        self.events.asked_through = now;
        Ok(())
    }

    /// Asks for the jobs that may matter now, one by one. Where they are too many, or not known by their numbers, the next
    /// look at the whole queue comes earlier.
    fn ask_for_some(&mut self) -> Result<Queue> {
        let jobs = self.that_matter()?;
        let asked: BTreeSet<u64> = jobs.into_iter().take(MOST).collect();
        let mut queue = Queue::default();
        for job in &asked {
            query_job(self.commands, *job, &mut queue)?;
        }
        // A task may have been asked for beside its array.
        queue.jobs.sort_by(|a, b| a.handle.cmp(&b.handle));
        queue.jobs.dedup_by(|a, b| a.handle == b.handle);
        self.events.settle(&asked, &queue);
        Ok(queue)
    }

    /// Shadows that may have reported, jobs that ended badly, and jobs whose kind has no shadow that they could wait
    /// for.
    fn that_matter(&mut self) -> Result<Vec<u64>> {
        let shadows = self.store.running_shadows()?;
        let mut jobs: Vec<u64> = shadows.iter().filter_map(|one| one.job_id).collect();
        let are_known = jobs.len() == shadows.len();
        jobs.extend(self.events.again.keys());
        let mut kinds: BTreeMap<Key, Vec<u64>> = BTreeMap::new();
        for (job, (kind, _)) in &self.events.awaiting {
            kinds.entry(*kind).or_default().push(*job);
        }
        let mut kinds: Vec<(Key, Vec<u64>)> = kinds.into_iter().collect();
        // Each in its turn.
        self.events.turn = self.events.turn.wrapping_add(1);
        let first = self.events.turn % kinds.len().max(1);
        kinds.rotate_left(first);
        let mut is_all = are_known;
        for (kind, waiting) in kinds {
            match self.store.shadow_of_kind(kind)? {
                Some(shadow) if !shadow.has_ended => {}
                Some(shadow) if shadow.need.is_some() => jobs.extend(waiting),
                _ => {
                    is_all &= waiting.len() <= FEW;
                    jobs.extend(some_of(&waiting));
                }
            }
        }
        if jobs.len() > MOST || !is_all {
            self.events.want_look();
        }
        Ok(jobs)
    }
}

/// The oldest one, which may wait for others, and the newest, which have most of their time left.
fn some_of(waiting: &[u64]) -> impl Iterator<Item = u64> {
    let (first, rest) = waiting.split_at(1);
    let newest = rest.iter().rev().take(FEW - 1);
    first.iter().chain(newest).copied()
}

fn is_alive(job: &QueuedJob) -> bool {
    ["PENDING", "RUNNING"].contains(&&*job.state)
}
