//! What was known at a moment of the past.

use super::PastJob;
use crate::config::Config;
use crate::fingerprint::Key;
use crate::job::evidence::Evidence;
use crate::job::{Harmed, Run, Usage};
use crate::model::kind::KindModel;
use crate::model::learned::Learned;
use crate::model::margin::SHARES;
use crate::model::predict::KnownKinds;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Jobs that ended, by kind, and jobs that still run.
pub struct History<'a> {
    config: &'a Config,
    refused: Option<f64>,
    kinds: HashMap<Key, RefCell<Remembered>>,
    running: BinaryHeap<Reverse<Running>>,
    /// Running jobs with less than they asked for, by kind, where kinds had to earn that.
    under_way: HashMap<Key, u32>,
    largest_peak: f64,
}

/// One kind of job, and what a snapshot would hold of it; `None` once that has grown old.
struct Remembered {
    model: KindModel,
    learned: Option<Learned>,
}

/// Ordered by the time at which it ends; without a clock it has ended once the next job comes.
struct Running {
    end: f64,
    job: PastJob,
    trial: Trial,
}

/// Whether a job had less than it asked for, where kinds had to earn that, and died of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trial {
    /// It had less.
    pub rewritten: bool,
    /// And died of it.
    pub harmed: bool,
}

impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Running {}

impl PartialOrd for Running {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Running {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.end.total_cmp(&other.end)
    }
}

impl History<'_> {
    /// Nothing is known yet; of jobs in need of more memory that share is `refused` it, where nodes lend.
    pub fn new(config: &Config, refused: Option<f64>) -> History<'_> {
        History {
            config,
            refused,
            kinds: HashMap::new(),
            running: BinaryHeap::new(),
            under_way: HashMap::new(),
            largest_peak: 0.0,
        }
    }

    /// A job has been decided and starts.
    pub fn starts(&mut self, job: PastJob, trial: Trial) {
        let end = job.times.map_or(f64::NEG_INFINITY, |[_, _, end]| end);
        if trial.rewritten {
            for (_, key) in job.kind.keys() {
                *self.under_way.entry(key).or_default() += 1;
            }
        }
        self.running.push(Reverse(Running { end, job, trial }));
    }

    /// Whether one more job of a kind would be rewritten, where that must be earned.
    pub fn trusts(&self, key: Key) -> bool {
        let trust = self.find(key, None).unwrap_or_default().trust;
        let under_way = self.under_way.get(&key).copied().unwrap_or(0);
        trust.is_whole() || under_way < trust.left.into()
    }

    /// Learns from every job that ended before `now`; without a clock, from all.
    pub fn catch_up(&mut self, now: Option<f64>) {
        let now = now.unwrap_or(f64::INFINITY);
        while self
            .running
            .peek()
            .is_some_and(|Reverse(next)| next.end < now)
        {
            if let Some(Reverse(ended)) = self.running.pop() {
                let Running { job, trial, .. } = ended;
                for (_, key) in job.kind.keys().filter(|_| trial.rewritten) {
                    self.under_way.entry(key).and_modify(|jobs| *jobs -= 1);
                }
                self.learn(&job, trial);
            }
        }
    }

    /// What a user who knows nothing but the site would ask for: the largest peak so far, and for the
    /// very first job twice its own.
    pub fn usual_request(&self, peak: f64) -> f64 {
        if self.largest_peak > 0.0 {
            self.largest_peak
        } else {
            2.0 * peak
        }
    }

    /// Takes in a job that has ended.
    pub fn learn(&mut self, job: &PastJob, trial: Trial) {
        self.largest_peak = self.largest_peak.max(job.peak);
        let run = Run {
            completed: true,
            usage: Usage {
                peak_bytes: Some(job.peak as u64),
                peak_is_bound: false,
                cores: job.cpus.map(|(_, busy)| busy),
                elapsed_s: (job.hours * 3600.0).round() as u64,
                named: Default::default(),
                launched: None,
            },
            input_bytes: job.input_bytes,
            asked: job.asked.map(|bytes| bytes as u64),
            rewritten: trial.rewritten,
            harmed: trial.harmed.then_some(Harmed::OfMemory),
            went_on: false,
            command: None,
            user: 0,
            seats: Default::default(),
        };
        for (_, key) in job.kind.keys() {
            let kind = self.kinds.entry(key).or_insert_with(|| {
                RefCell::new(Remembered {
                    model: KindModel::new(self.config, self.refused),
                    learned: None,
                })
            });
            let kind = kind.get_mut();
            kind.model.learn(&run);
            kind.learned = None;
        }
    }
}

impl History<'_> {
    /// The memory in MiB that each of [`SHARES`] of the jobs of a kind stay under.
    pub fn memory_quantiles(
        &self,
        key: Key,
        input_bytes: Option<u64>,
    ) -> Option<[f64; SHARES.len()]> {
        let kind = self.kinds.get(&key)?.borrow();
        kind.model.memory_quantiles(input_bytes)
    }

    /// The memory in MiB that a job of a kind gets next that died of `first_mib`.
    pub fn second_mib(&self, key: Key, first_mib: f64, asked_mib: f64) -> Option<f64> {
        let kind = self.kinds.get(&key)?.borrow();
        Some(kind.model.second(first_mib, asked_mib)?.mib)
    }
}

impl KnownKinds for History<'_> {
    fn find(&self, key: Key, input_bytes: Option<u64>) -> Option<Evidence> {
        let mut kind = self.kinds.get(&key)?.borrow_mut();
        let Remembered { model, learned } = &mut *kind;
        let learned = learned.get_or_insert_with(|| model.learned(None));
        Some(learned.for_input(input_bytes))
    }
}
