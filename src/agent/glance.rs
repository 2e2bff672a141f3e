//! Between two passes the agent's work follows what changes, not what waits.
//!
//! New jobs are seen by the folders that slurmctld makes for them, jobs that ended badly in accounting; both are then
//! asked for by their numbers. What no event showed is found by the next look at the whole queue. Where the folders cannot
//! be seen, new jobs are found by the whole queue alone.

use super::events::{FORGOTTEN_S, LEAST_REST, RESTS, SHOWN_BY_FOLDERS, Timer, is_over, rest_after};
use super::folders::JobFolders;
use super::{Agent, Pass};
use crate::fingerprint::Key;
use crate::slurm::queue::{Queue, QueuedJob, query_job, that_wait_for_shadows};
use crate::slurm::{sacct, site};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Folders that are not believed are watched anew after so long, in seconds: another may have been put in their place.
const WATCHED_ANEW_S: i64 = 3600;

/// Accounting is asked so often for what ended badly.
const ENDS_EVERY: Duration = Duration::from_secs(3);

/// It is asked so many seconds further back than it has been: records reach slurmdbd late.
const LATE_S: i64 = 15;

/// More jobs are not asked for one by one in a glance.
const MOST: usize = 64;

/// More new jobs are not asked for in a glance: slurmctld answers for each, and whoever waits for a rescue waits for that.
const MOST_NEW: usize = 500;

/// So many jobs of a kind are asked for while it has no shadow.
const FEW: usize = 4;

impl Agent<'_> {
    /// From now on passes and [`Agent::glance`] go by events, where that can be.
    pub fn listen(&mut self) {
        self.events.listens = true;
    }

    /// Until the next pass.
    pub fn tend(&mut self, time: Duration) {
        let end = self.clock.elapsed() + time;
        let mut rest = LEAST_REST;
        while self.clock.elapsed() + rest < end {
            self.clock.sleep(rest);
            self.events.glanced = Duration::ZERO;
            match self.glance() {
                Ok(pass) if pass != Pass::default() => tracing::info!(?pass),
                Ok(_) => {}
                Err(error) => tracing::warn!("{error:#}"),
            }
            rest = rest_after(self.events.glanced, RESTS);
        }
        self.clock.sleep(end.saturating_sub(self.clock.elapsed()));
    }

    /// A short look at what cannot wait for a pass: jobs that wait for a shadow, and jobs that have ended badly.
    pub fn glance(&mut self) -> Result<Pass> {
        let mut pass = Pass::default();
        let seen = self.follow(&mut pass);
        if self.is_new || pass.decided_again > 0 {
            self.publish()?;
        }
        // Last: a slurmdbd that hangs must not keep what is known from being done.
        let asked = self.ask_for_ends();
        seen.and(asked).map(|()| pass)
    }

    /// Sees to what has changed, or to the whole queue where that is due.
    fn follow(&mut self, pass: &mut Pass) -> Result<()> {
        let began = self.clock.elapsed();
        let now = self.clock.now();
        self.events.forget(now);
        self.hear();
        if self.events.is_look_due(now) {
            // It shows the new ones, too.
            let queue = self.look();
            if !self.events.folders_show_jobs() {
                // So does the next glance.
                self.events.glanced = self.clock.since(began);
            }
            let queue = queue?;
            self.rescue(&queue, &[], pass);
            return self.tend_queue(&queue, pass);
        }
        let new = self.look_at_new();
        let seen = self.look_at_some(pass);
        self.events.glanced = self.clock.since(began);
        seen.and(new)
    }

    fn look_at_some(&mut self, pass: &mut Pass) -> Result<()> {
        let queue = self.see_some()?;
        self.rescue(&queue, &[], pass);
        self.tend_shadows(&queue, pass)?;
        self.tend_those_that_run_again(&queue, pass);
        if pass.shadows_ended > 0 && !queue.is_whole {
            // Jobs that wait get what was learned before slurmctld knows of it: their kind may not be trusted with more.
            let queue = self.ask_for_some()?;
            self.tend_shadows(&queue, pass)?;
        }
        Ok(())
    }

    /// The jobs that may matter now: the whole queue where nothing else shows a job that waits for a shadow.
    fn see_some(&mut self) -> Result<Queue> {
        match self.events.folders_show_jobs() || !self.config.wants_shadows() {
            true => self.ask_for_some(),
            false => self.look(),
        }
    }

    /// A pass looks at the whole queue, but where that was done a short while ago for what it costs.
    pub(super) fn is_look_due(&self) -> bool {
        !self.events.folders_show_jobs()
            || self.watches_licenses()
            || self.events.is_look_due(self.clock.now())
    }

    /// Finds slurmctld's folder, if it is not watched yet, or another than that is.
    pub(super) fn find_folders(&mut self) -> Result<()> {
        if self.events.listens && !self.events.folders_show_jobs() {
            let settings = site::settings(&self.commands)?;
            let place = settings.get("StateSaveLocation").map(PathBuf::from);
            if let Some(place) = place.filter(|place| !self.is_tried(place)) {
                self.watch(place);
            }
        }
        Ok(())
    }

    /// It is watched, though not believed, and has not been for long.
    fn is_tried(&self, place: &Path) -> bool {
        let is_new = |since| !is_over(since, WATCHED_ANEW_S as f64, self.clock.now());
        let mut trial = self.events.on_trial.iter();
        self.events.folders.is_some()
            && trial.any(|(other, since)| other == place && is_new(*since))
    }

    /// For whoever asks how new jobs are seen.
    pub(super) fn note_how_jobs_are_seen(&self) -> Result<()> {
        match self.events.listens {
            true => self
                .store
                .set_progress(SHOWN_BY_FOLDERS, self.events.folders_show_jobs().into()),
            false => Ok(()),
        }
    }

    fn watch(&mut self, place: PathBuf) {
        match JobFolders::watch(&place) {
            Ok(folders) => {
                tracing::info!(folder = %place.display(), "new jobs are looked for here");
                let trial = self.events.on_trial.take();
                let trial = trial.filter(|(other, _)| *other == place);
                self.events.on_trial = trial.map(|(place, _)| (place, self.clock.now()));
                self.events.folders = Some(folders);
                // What came before was not seen.
                self.events.looked = Timer::default();
            }
            Err(error) => {
                if !std::mem::replace(&mut self.events.is_said, true) {
                    tracing::warn!("{}: {error}: the whole queue is asked for", place.display());
                }
            }
        }
    }

    /// Each job that is there and carries a record of ours has a folder that the kernel has reported, or the folders are
    /// another slurmctld's, or on a file system whose changes the kernel does not see. One may have gone meanwhile, and
    /// the folder may have been put in the place of the one that is watched.
    pub(super) fn compare(&mut self, queue: &Queue) {
        // They may have come behind the look.
        self.hear();
        if !self.events.folders_show_jobs() {
            return;
        }
        let Some(folders) = &self.events.folders else {
            return;
        };
        let is_there =
            |job: &QueuedJob| folders.jobs().contains(&job.original.script_id) || !is_alive(job);
        let lacks = !queue.jobs.iter().all(is_there);
        self.events.lacks = if lacks { self.events.lacks + 1 } else { 0 };
        self.events.is_watched_anew &= !folders.has_reported();
        if self.events.lacks > 1 {
            self.events.lacks = 0;
            let place = folders.root().to_owned();
            self.events.folders = None;
            if std::mem::replace(&mut self.events.is_watched_anew, true) {
                tracing::warn!(folder = %place.display(), "new jobs are not reported here: the whole queue is asked for");
                // It may yet report some, as when slurmctld comes back to this host.
                self.events.on_trial = Some((place.clone(), self.clock.now()));
                self.watch(place);
            }
        }
    }

    /// Takes the jobs that the folders have shown; one that cannot be read is watched no more.
    fn hear(&mut self) {
        let Some(folders) = &mut self.events.folders else {
            return;
        };
        match folders.take_new() {
            Ok(new) => {
                self.events.unseen.extend(new);
                self.believe();
            }
            Err(error) => {
                tracing::warn!("{}: {error}", folders.root().display());
                self.events.folders = None;
            }
        }
    }

    /// Folders on trial that have reported a job are believed. What they lacked they are to know.
    fn believe(&mut self) {
        let folders = self.events.folders.as_ref();
        let place = folders.filter(|folders| folders.has_reported());
        let place = place.map(|folders| folders.root().to_owned());
        if let Some(place) = place.filter(|_| self.events.on_trial.take().is_some()) {
            self.events.is_watched_anew = false;
            self.watch(place);
        }
    }

    /// Of the jobs that have come those that seem to wait for a shadow. Of too many for one glance it asks for the newest, which
    /// have most of their time left; the next look at the whole queue shows all of them, and comes earlier for that.
    fn look_at_new(&mut self) -> Result<()> {
        if !self.config.wants_shadows() {
            self.events.unseen.clear();
            return Ok(());
        }
        let newest = self.events.unseen.iter().rev();
        let newest: BTreeSet<u64> = newest.take(MOST_NEW).copied().collect();
        let waiting = that_wait_for_shadows(&self.commands, &newest)?;
        self.events.awaiting.extend(waiting);
        self.events.unseen.retain(|job| !newest.contains(job));
        if !self.events.unseen.is_empty() {
            self.events.want_look();
        }
        Ok(())
    }

    /// What has ended badly, or was requeued, by accounting.
    fn ask_for_ends(&mut self) -> Result<()> {
        let (began, now) = (self.clock.elapsed(), self.clock.now());
        if !self.events.asked.is_due(RESTS, ENDS_EVERY, now) {
            return Ok(());
        }
        if self.commands.lets_slurmdbd_alone() {
            self.events.silent = Some(now);
            return Ok(());
        }
        let since = self.events.asked_through.clamp(now - FORGOTTEN_S, now) - LATE_S;
        let ends = sacct::harmed(&self.commands, since, now + 1);
        let took = self.clock.since(began);
        self.events.asked.done(self.clock.now(), took);
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
    pub(super) fn ask_for_some(&mut self) -> Result<Queue> {
        let jobs = self.that_matter()?;
        let asked: BTreeSet<u64> = jobs.into_iter().take(MOST).collect();
        let mut queue = Queue::default();
        self.looked = self.clock.elapsed();
        for job in &asked {
            query_job(&self.commands, *job, &mut queue)?;
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
