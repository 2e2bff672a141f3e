//! The accuracy audit: what shadowfit's decisions were worth, by user, account, partition or kind.

use super::trust::Standing;
use crate::fingerprint::{Key, common_name};
use crate::job::{Memory, kept_always};
use crate::record::FinishedJob;
use crate::record::Record;
use crate::store::{Filter, Store};
use anyhow::Result;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

const GIB: f64 = (1u64 << 30) as f64;

/// What the rows of a report are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// One row a user.
    User,
    /// One row an account.
    Account,
    /// One row a partition.
    Partition,
    /// One row a kind of job, by its most specific fingerprint.
    Fingerprint,
}

/// Figures of many runs. GiB·h count memory times run time over all nodes; CPU·h likewise.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Savings {
    /// Whose; `TOTAL` for the sum.
    pub name: String,
    /// Runs that started, requeued ones each.
    pub runs: u64,
    /// Runs whose request was rewritten.
    pub rewritten: u64,
    /// What users asked for.
    pub mem_requested_gibh: f64,
    /// What the runs were given.
    pub mem_set_gibh: f64,
    /// What they used: their peak for their whole run time.
    pub mem_used_gibh: f64,
    /// What users asked for.
    pub cpu_requested_h: f64,
    /// What the runs were given.
    pub cpu_set_h: f64,
    /// What they kept busy.
    pub cpu_used_h: f64,
    /// Decisions about memory, applied or only noted, whose run's use is known.
    pub predicted: u64,
    /// Of those, the ones whose run stayed within what was, or would have been, set.
    pub covered: u64,
    /// Runs that what was rewritten harmed.
    pub killed: u64,
    /// Of those jobs, the ones that ran again with more, and were not harmed.
    pub rescues: u64,
    /// Runs that were lent more memory while they ran.
    pub grown: u64,
    /// Runs that needed more when their node had nothing to lend.
    pub refused: u64,
    /// Runs that kept their request, by the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, u64>,
    /// Of a row a kind: which, and where it stands.
    #[serde(skip)]
    pub key: Option<Key>,
    /// See [`Standing`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<Standing>,
    /// Jobs that were killed and have not been seen again so far.
    #[serde(skip)]
    pub(super) killed_before: HashSet<u64>,
}

impl Savings {
    fn named(name: String) -> Savings {
        Savings {
            name,
            ..Savings::default()
        }
    }

    /// Requested less set, in GiB·h.
    pub fn mem_saved_gibh(&self) -> f64 {
        self.mem_requested_gibh - self.mem_set_gibh
    }

    /// Requested less set, in CPU·h.
    pub fn cpu_saved_h(&self) -> f64 {
        self.cpu_requested_h - self.cpu_set_h
    }

    /// Share of decisions that were large enough; `None` without decisions.
    pub fn coverage(&self) -> Option<f64> {
        (self.predicted > 0).then(|| self.covered as f64 / self.predicted as f64)
    }

    /// How many runs kept their request for which reason, the most frequent first; nothing of those that runs of their kind
    /// may change.
    pub fn left_alone(&self) -> impl Iterator<Item = String> {
        let counts = kept_always().map(|why| (self.kept.get(why).copied().unwrap_or(0), why));
        let mut counts: Vec<_> = counts.collect();
        counts.retain(|(count, _)| *count > 0);
        counts.sort_by_key(|(count, _)| Reverse(*count));
        let all = self.runs;
        counts
            .into_iter()
            .map(move |(count, why)| format!("{count} of {all} runs kept their request: {why}"))
    }

    /// How many runs grew in place, and how many could not; nothing where none needed to.
    pub fn elastic(&self) -> Option<String> {
        let (grown, refused, all) = (self.grown, self.refused, self.runs);
        (grown + refused > 0).then(|| {
            format!("{grown} of {all} runs were lent more memory while they ran, {refused} needed more when there was nothing to lend")
        })
    }

    fn add(&mut self, job: &FinishedJob) {
        let record = job.comment.record();
        let hours = job.usage.elapsed_s as f64 / 3600.0;
        let nodes = f64::from(job.nodes);
        let cpus = f64::from(job.cpus);
        let given = job.memory.unwrap_or(0) as f64 / GIB * nodes;
        self.runs += 1;
        self.mem_set_gibh += given * hours;
        self.mem_used_gibh += job.usage.peak_bytes.unwrap_or(0) as f64 / GIB * nodes * hours;
        self.cpu_set_h += cpus * hours;
        self.cpu_used_h += job.usage.cores.unwrap_or(0.0) * hours;
        let Some(record) = record else {
            self.mem_requested_gibh += given * hours;
            self.cpu_requested_h += cpus * hours;
            return;
        };
        if job.was_harmed() {
            // With its request the job would have run once: this run is all cost.
            self.killed += 1;
            self.killed_before.insert(job.job_id);
        } else {
            self.mem_requested_gibh += asked_gib(record, nodes).unwrap_or(given) * hours;
            self.cpu_requested_h += asked_cpus(record, cpus) * hours;
            let is_again = record.given_back || record.again.is_some();
            self.rescues += u64::from(is_again && self.killed_before.remove(&job.job_id));
        }
        self.rewritten += u64::from(record.rewrites());
        if let Some(profile) = &record.profile {
            self.grown += u64::from(!profile.growths.grown.is_empty());
            self.refused += u64::from(profile.growths.refused > 0);
        }
        if let Some(why) = record.kept.as_deref().filter(|_| !record.rewrites()) {
            *self.kept.entry(why.to_owned()).or_default() += 1;
        }
        self.judge(record, job);
    }

    /// Compares what was decided with what the run used.
    fn judge(&mut self, record: &Record, job: &FinishedJob) {
        let set =
            record
                .memory
                .zip(record.asked)
                .and_then(|(change, asked)| match asked.memory? {
                    Memory::Node(_) => Some(change.set),
                    Memory::Cpu(_) => Some(
                        change.set
                            * u64::from(asked.layout.tasks_on_a_node()?)
                            * record.cpus_in_force()?,
                    ),
                });
        let (Some(set), Some(peak)) = (set, job.usage.peak_bytes) else {
            return;
        };
        self.predicted += 1;
        let within = peak <= set << 20 && !job.was_harmed();
        self.covered += u64::from(within);
    }
}

fn asked_gib(record: &Record, nodes: f64) -> Option<f64> {
    let asked = record.asked?;
    Some(match asked.memory? {
        Memory::Node(mib) => mib as f64 / 1024.0 * nodes,
        Memory::Cpu(mib) => {
            mib as f64 / 1024.0 * f64::from(asked.cpus) * f64::from(asked.layout.tasks)
        }
    })
}

/// What Slurm allocated, with the user's CPUs per task in place of ours.
fn asked_cpus(record: &Record, allocated: f64) -> f64 {
    match record.cpus.filter(|change| change.applies()) {
        Some(change) => allocated * change.asked as f64 / change.set as f64,
        None => allocated,
    }
}

/// The report over all runs that `filter` lets through: rows, most saved memory first, and the sum.
pub fn savings(store: &Store, filter: &Filter, by: By) -> Result<(Vec<Savings>, Savings)> {
    let mut rows: BTreeMap<String, Savings> = BTreeMap::new();
    let mut total = Savings::named("TOTAL".into());
    // Names of a kind may differ: the first one's general form stands for all.
    let mut kinds = HashMap::new();
    store.each_job(filter, |job, key| {
        if job.started == 0 {
            return;
        }
        let name = match by {
            By::User => job.user.clone(),
            By::Account => job.account.clone(),
            By::Partition => job.partition.clone(),
            By::Fingerprint => key.map_or("none".into(), |key| {
                let named = || format!("{key} {}", common_name(&job.name, &job.user_comment));
                kinds.entry(key).or_insert_with(named).clone()
            }),
        };
        let row = rows.entry(name.clone()).or_insert_with(|| Savings {
            key: key.filter(|_| by == By::Fingerprint),
            ..Savings::named(name)
        });
        row.add(&job);
        total.add(&job);
    })?;
    let mut rows: Vec<Savings> = rows.into_values().collect();
    rows.sort_by(|a, b| b.mem_saved_gibh().total_cmp(&a.mem_saved_gibh()));
    Ok((rows, total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;
    use crate::fingerprint::Kind;
    use crate::job::{Ask, Layout, LeftAlone, OF_A_MANAGER};
    use crate::record::Change;
    use crate::record::tests::finished;
    use crate::store::tests::store;

    fn record(set: u64) -> Record {
        let asked = Ask {
            memory: Some(Memory::Node(8192)),
            cpus: 4,
            layout: Layout::SINGLE,
            ..Ask::LEAST
        };
        Record {
            memory: Some(Change {
                mode: Mode::Apply,
                asked: 8192,
                set,
            }),
            cpus: Some(Change {
                mode: Mode::Apply,
                asked: 4,
                set: 2,
            }),
            ..Record::kept(Kind::default(), Some(asked), "")
        }
    }

    #[test]
    fn a_killed_run_and_its_rescue_are_both_in_the_books() {
        let (_dir, mut store) = store();
        let mut good = finished(1, 0, 1024);
        good.usage.elapsed_s = 3600;
        good.comment = record(4096).into();
        let mut killed = finished(2, 0, 4096);
        killed.state = "OUT_OF_MEMORY".into();
        killed.comment = good.comment.clone();
        let mut again = finished(2, 50, 6000);
        again.comment = record(4096).give_back().into();
        let jobs = [good, killed, again].map(|job| (job, Kind::default()));
        store.insert(&jobs).unwrap();
        let (_, total) = savings(&store, &Filter::default(), By::User).unwrap();
        assert_eq!(
            (total.runs, total.rewritten, total.killed, total.rescues),
            (3, 2, 1, 1)
        );
        assert_eq!(total.coverage(), Some(0.5));
    }

    #[test]
    fn runs_that_kept_their_request_are_counted_by_the_reason() {
        let (_dir, mut store) = store();
        let kept = |id, why: &'static str| {
            let mut job = finished(id, 0, 1024);
            job.comment = Record::kept(Kind::default(), None, why).into();
            (job, Kind::default())
        };
        let jobs = [
            kept(1, LeftAlone::Exclusive.text()),
            kept(2, LeftAlone::NoRequeue.text()),
            kept(3, LeftAlone::NoRequeue.text()),
            kept(4, "too few runs of this kind"),
            (finished(5, 0, 9), Kind::default()),
            kept(6, OF_A_MANAGER),
        ];
        store.insert(&jobs).unwrap();
        let (_, total) = savings(&store, &Filter::default(), By::User).unwrap();
        let said: Vec<String> = total.left_alone().collect();
        assert_eq!(
            said,
            [
                "2 of 6 runs kept their request: may not be requeued",
                "1 of 6 runs kept their request: --exclusive",
                "1 of 6 runs kept their request: its workflow manager submits again by itself ([managers])",
            ]
        );
        assert_eq!(total.kept["too few runs of this kind"], 1);
        let since = |at| store.left_alone_since(at).unwrap();
        assert_eq!(
            since(0),
            (
                6,
                vec![
                    (2, "may not be requeued"),
                    (1, "--exclusive"),
                    (1, OF_A_MANAGER)
                ]
            )
        );
        assert_eq!(since(100), (0, vec![]));
    }

    #[test]
    fn savings_are_requested_less_set() {
        let (_dir, mut store) = store();
        let mut job = finished(1, 0, 1024);
        job.usage.elapsed_s = 3600;
        job.comment = record(4096).into();
        store.insert(&[(job, Kind::default())]).unwrap();
        let (rows, total) = savings(&store, &Filter::default(), By::User).unwrap();
        assert_eq!(rows[0].name, "alice");
        assert_eq!(
            (
                total.mem_requested_gibh,
                total.mem_set_gibh,
                total.mem_used_gibh
            ),
            (8.0, 4.0, 1.0)
        );
        assert_eq!(
            (total.cpu_requested_h, total.cpu_set_h, total.cpu_used_h),
            (4.0, 2.0, 1.0)
        );
    }
}
