//! What the agent knows from one glance to the next, and when the whole queue is looked at again: the rarer, the longer
//! that takes.

use super::folders::JobFolders;
use super::shadow::waits_for_shadow;
use crate::slurm::queue::{Awaited, Queue, QueuedJob};
use crate::store::Store;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// How the agent learns of new jobs, in the store's `progress`: 1 where their folders show them, else 0. The second is what
/// earlier releases wrote.
pub(super) const SHOWN_BY_FOLDERS: &str = "new jobs by folders";
const SHOWN_BEFORE: &str = "told by folders";

/// Whether new jobs are shown by their folders, as the agent noted it last; `None` where none has run for long yet.
pub fn shown_by_folders(store: &Store) -> Result<Option<bool>> {
    let noted = store.progress(SHOWN_BY_FOLDERS)?;
    let noted = match noted {
        None => store.progress(SHOWN_BEFORE)?,
        noted => noted,
    };
    Ok(noted.map(|by_folders| by_folders != 0))
}

/// Least time between two glances.
pub(super) const LEAST_REST: Duration = Duration::from_millis(500);

/// After each glance, and after a look at the whole queue that something waits for, slurmctld and the agent rest so many
/// times as long as it took.
pub(super) const RESTS: u32 = 20;

/// The same after a look at the whole queue where events show what is urgent.
const LONG_RESTS: u32 = 100;

/// No rest is longer: slurmctld forgets what has ended after some minutes, and keeps what was requeued back for two.
pub const MOST_REST: Duration = Duration::from_secs(60);

/// What ended longer ago, in seconds, slurmctld has forgotten.
pub(super) const FORGOTTEN_S: i64 = 300;

/// A job that ended badly is looked at so long, in seconds, until it waits to run again.
const AGAIN_S: i64 = 60;

/// What is known from one glance to the next.
#[derive(Default)]
pub(super) struct Events {
    /// They are listened to; a single pass looks at the whole queue.
    pub listens: bool,
    pub folders: Option<JobFolders>,
    /// Slurmctld's folder that lacked jobs, and is not believed until it has reported one, and since when it is watched for that,
    /// in seconds since 1970.
    pub on_trial: Option<(PathBuf, i64)>,
    /// It has been said that the folder cannot be read.
    pub is_said: bool,
    /// How many looks at the queue in a row showed a job that has no folder; the folders are watched anew since then, and have
    /// reported no job yet.
    pub lacks: u32,
    pub is_watched_anew: bool,
    /// New jobs at which nobody has looked.
    pub unseen: BTreeSet<u64>,
    /// Jobs and arrays that wait for a shadow: of which kind, and until when.
    pub awaiting: BTreeMap<u64, Awaited>,
    /// Which kind's jobs are asked for first.
    pub turn: usize,
    /// Jobs that ended badly, and until when they are looked at.
    pub again: BTreeMap<u64, i64>,
    /// Asking for what ended badly; up to when that was asked for, and what of it is known.
    pub asked: Timer,
    pub asked_through: i64,
    pub ends: BTreeSet<(i64, u64)>,
    /// When accounting last failed to answer: what it lacked then may come late.
    pub silent: Option<i64>,
    /// How long it took to ask for what may matter now. A look at the whole queue has rests of its own.
    pub glanced: Duration,
    /// Looking at the whole queue, with all that is done then.
    pub looked: Timer,
    /// Something is left that only a look at the whole queue can see to.
    pub wants_look: bool,
}

/// What costs, and is done the rarer the longer it takes.
#[derive(Default)]
pub(super) struct Timer {
    /// When it was last done, in seconds since 1970.
    last: Option<i64>,
    took: Duration,
}

impl Timer {
    pub fn done(&mut self, at: i64, took: Duration) {
        let last = Some(at);
        *self = Timer { last, took };
    }

    /// After so many times what it took, and at least after `least`.
    pub fn is_due(&self, rests: u32, least: Duration, now: i64) -> bool {
        let rest = rest_after(self.took, rests).max(least).as_secs_f64();
        self.last.is_none_or(|last| is_over(last, rest, now))
    }
}

/// So many seconds have gone by since then; a clock that was set back says nothing.
pub(super) fn is_over(since: i64, seconds: f64, now: i64) -> bool {
    now < since || (now - since) as f64 >= seconds
}

pub(super) fn rest_after(took: Duration, rests: u32) -> Duration {
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

    pub fn is_look_due(&self, now: i64) -> bool {
        let in_doubt = |since| !is_over(since, FORGOTTEN_S as f64, now);
        let is_urgent = self.wants_look || self.silent.is_some_and(in_doubt);
        let rests = if is_urgent { RESTS } else { LONG_RESTS };
        self.looked.is_due(rests, LEAST_REST, now)
    }

    /// What was done in the last look took so long.
    pub fn took(&mut self, took: Duration) {
        self.looked.took += took;
    }

    /// Folders show new jobs as they come.
    pub fn folders_show_jobs(&self) -> bool {
        self.folders.is_some() && self.on_trial.is_none()
    }

    /// The whole queue has been looked at: what it shows is so.
    pub fn note(&mut self, queue: &Queue) {
        self.unseen.clear();
        self.awaiting.clear();
        self.settle(&BTreeSet::new(), queue);
        self.wants_look = false;
    }

    /// These jobs were asked for, and are in the queue or have gone from it.
    pub fn settle(&mut self, asked: &BTreeSet<u64>, queue: &Queue) {
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
    pub fn forget(&mut self, now: i64) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;
    use crate::fingerprint::{Key, Kind};
    use crate::record::{Change, Record, SecondRun};
    use crate::slurm::queue::tests::queued;

    /// The first second after a look at 1000 in which the next one is due.
    fn next_look(events: &Events) -> Option<i64> {
        (1000..1100).find(|now| events.is_look_due(*now))
    }

    #[test]
    fn how_jobs_are_seen_is_read_under_the_name_of_earlier_releases_until_it_is_noted_anew() {
        let (_folder, store) = crate::store::tests::store();
        assert_eq!(shown_by_folders(&store).unwrap(), None);
        for (name, value, right) in [
            ("told by folders", 0, false),
            ("told by folders", 1, true),
            ("new jobs by folders", 0, false),
            ("told by folders", 1, false),
        ] {
            store.set_progress(name, value).unwrap();
            assert_eq!(shown_by_folders(&store).unwrap(), Some(right), "{name}");
        }
    }

    #[test]
    fn a_look_is_the_rarer_the_longer_all_of_it_took_and_sooner_where_something_waits_for_it() {
        for (took_ms, more_ms, calm, urgent) in [
            (0, 0, 1, 1),
            (100, 0, 10, 2),
            (100, 150, 25, 5),
            (5000, 0, 60, 60),
        ] {
            let mut events = Events::default();
            assert!(events.is_look_due(1000), "there was none yet");
            events.looked.done(1000, Duration::from_millis(took_ms));
            events.took(Duration::from_millis(more_ms));
            assert_eq!(next_look(&events), Some(1000 + calm), "{took_ms}");
            events.want_look();
            assert_eq!(next_look(&events), Some(1000 + urgent), "{took_ms}");
            events.note(&Queue::default());
            assert_eq!(next_look(&events), Some(1000 + calm), "{took_ms}");
            // What accounting lacked when it was silent comes in the next minutes.
            for (silent, next) in [(1000, urgent), (1000 - FORGOTTEN_S, calm)] {
                events.silent = Some(silent);
                assert_eq!(next_look(&events), Some(1000 + next), "{took_ms}");
            }
            assert!(events.is_look_due(999), "a clock that was set back");
        }
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut events = Events::default();
        events.expect([7, 8], 1000);
        events.awaiting.insert(9, (Key(1), 1030));
        events.ends.insert((1000, 7));
        let known =
            |events: &Events| (events.again.len(), events.awaiting.len(), events.ends.len());
        for (now, left) in [
            (1030, (2, 1, 1)),
            (1031, (2, 0, 1)),
            (1000 + AGAIN_S - 1, (2, 0, 1)),
            (1000 + AGAIN_S, (0, 0, 1)),
            (1000 + 2 * FORGOTTEN_S, (0, 0, 1)),
            (1001 + 2 * FORGOTTEN_S, (0, 0, 0)),
        ] {
            events.forget(now);
            assert_eq!(known(&events), left, "{now}");
        }
    }

    #[test]
    fn after_a_whole_look_nothing_is_unseen_and_nobody_waits_who_is_not_there() {
        let mut events = Events::default();
        events.unseen.insert(3);
        events.awaiting.insert(9, (Key(1), 1030));
        events.settle(&BTreeSet::from([4]), &Queue::default());
        assert_eq!((events.unseen.len(), events.awaiting.len()), (1, 1));
        events.settle(&BTreeSet::from([9]), &Queue::default());
        assert_eq!(events.awaiting.len(), 0, "it has gone");
        events.awaiting.insert(9, (Key(1), 1030));
        events.note(&Queue::default());
        assert_eq!((events.unseen.len(), events.awaiting.len()), (0, 0));
    }

    fn job(state: &str, restarts: u64, record: Record) -> QueuedJob {
        QueuedJob {
            restarts,
            record,
            ..queued(7, state)
        }
    }

    #[test]
    fn a_job_that_ended_badly_is_looked_at_until_it_runs_again_with_more_or_will_not() {
        let kept = Record::kept(Kind::default(), None, "");
        let memory = Change {
            mode: Mode::Apply,
            asked: 4000,
            set: 1000,
        };
        let rewritten = Record {
            memory: Some(memory),
            ..kept.clone()
        };
        let again = SecondRun {
            restarts: 1,
            first: 1000,
            runs: 0,
        };
        let given_more = rewritten.with_more(2000, again);
        // Whether it is looked at further, and whether others that depend on it are looked for.
        for (state, restarts, record, further, others) in [
            ("COMPLETING", 0, &rewritten, true, false),
            ("PENDING", 1, &rewritten, true, false),
            ("PENDING", 0, &rewritten, false, false),
            ("PENDING", 1, &given_more, false, true),
            ("PENDING", 2, &given_more, true, false),
            ("PENDING", 1, &kept, false, true),
            ("RUNNING", 1, &rewritten, false, true),
            ("FAILED", 0, &rewritten, false, false),
        ] {
            let mut events = Events::default();
            events.expect([7], 1000);
            let queue = Queue {
                jobs: vec![job(state, restarts, record.clone())],
                ..Queue::default()
            };
            events.settle(&BTreeSet::from([7]), &queue);
            let found = (events.again.contains_key(&7), events.wants_look);
            assert_eq!(found, (further, others), "{state} {restarts}");
            // Another job is none of those that are looked at.
            let mut events = Events::default();
            events.settle(&BTreeSet::new(), &queue);
            assert!(!events.wants_look);
        }
    }
}
