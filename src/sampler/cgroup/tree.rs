//! The processes of a job where Slurm keeps no cgroup for it: its user's that are found in /proc by the job's number in their
//! environment, which anybody may write, or children of those.

use crate::sampler::folder::open;
use crate::sampler::stats::total;
use procfs::process::{Process, all_processes_with_root};
use std::cell::{Ref, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// All processes of the node are looked through so many seconds apart; in between, those found last count.
const APART_S: f32 = 1.0;

/// The variable in which Slurm gives each of a job's processes its number.
const NUMBER: &str = "SLURM_JOB_ID";

/// A job's processes.
pub struct Tree {
    proc: PathBuf,
    job: String,
    user: u32,
    found: RefCell<Found>,
}

#[derive(Default)]
struct Found {
    /// Seconds after the first look.
    looked: Option<f32>,
    known: HashMap<i32, KnownProcess>,
    /// CPU time, in ticks, of those of the job's that have ended.
    ended: u64,
}

/// A process of the node.
#[derive(Clone, Copy)]
struct KnownProcess {
    /// When it started: with its number that makes it this one.
    started: u64,
    parent: i32,
    /// It is the job's.
    ours: bool,
    /// CPU time, that of children which have ended and were waited for included.
    ticks: u64,
}

impl Tree {
    /// The processes of `job`, of the user with that number; `proc` is `/proc`.
    pub fn new(proc: &Path, job: u64, user: u32) -> Tree {
        Tree {
            proc: proc.into(),
            job: job.to_string(),
            user,
            found: RefCell::default(),
        }
    }

    /// Every process.
    pub fn processes(&self) -> Vec<u32> {
        let found = self.found();
        let ours = found.known.iter().filter(|(_, known)| known.ours);
        ours.map(|(&id, _)| id as u32).collect()
    }

    fn found(&self) -> Ref<'_, Found> {
        self.found.borrow()
    }

    /// Looks through the node's processes, if it is time, `at` seconds after the first look.
    pub fn look(&self, at: f32) {
        let mut found = self.found.borrow_mut();
        if found.looked.is_none_or(|looked| at - looked >= APART_S) {
            let now = self.now(&found.known);
            found.ended = total([found.ended, ended(&found.known, &now)]);
            found.known = now;
            found.looked = Some(at);
        }
    }

    fn now(&self, before: &HashMap<i32, KnownProcess>) -> HashMap<i32, KnownProcess> {
        let all = all_processes_with_root(&self.proc)
            .into_iter()
            .flatten()
            .flatten();
        let mut stats: Vec<_> = all
            .filter_map(|process| Some((process.stat().ok()?, process)))
            .collect();
        // Parents first, as nearly always; a child that comes before its parent is found by its environment.
        stats.sort_by_key(|(stat, _)| stat.starttime);
        let mut now: HashMap<i32, KnownProcess> = HashMap::with_capacity(stats.len());
        for (stat, process) in stats {
            let known = before.get(&stat.pid);
            let known = known.filter(|known| known.started == stat.starttime);
            let of_ours = now.get(&stat.ppid).is_some_and(|parent| parent.ours);
            let ours =
                of_ours || known.map_or_else(|| self.is_of_job(&process), |known| known.ours);
            let waited = [stat.cutime, stat.cstime].map(|ticks| ticks.max(0) as u64);
            let this = KnownProcess {
                started: stat.starttime,
                parent: stat.ppid,
                ours,
                ticks: total([stat.utime, stat.stime].into_iter().chain(waited)),
            };
            now.insert(stat.pid, this);
        }
        now
    }

    /// Whoever started it: a program that changes its user has still that one.
    fn is_of_user(&self, process: &Process) -> bool {
        process
            .status()
            .is_ok_and(|status| status.ruid == self.user)
    }

    fn is_of_job(&self, process: &Process) -> bool {
        self.has_number(process) && self.is_of_user(process)
    }

    fn has_number(&self, process: &Process) -> bool {
        let environment = process.environ().unwrap_or_default();
        let number = environment.get(std::ffi::OsStr::new(NUMBER));
        number.is_some_and(|number| number == self.job.as_str())
    }

    /// Anonymous memory in bytes; `None` once no process is left.
    pub fn memory(&self) -> Option<u64> {
        let processes = self.processes();
        let sizes: Vec<u64> = processes
            .iter()
            .filter_map(|&id| self.anonymous(id))
            .collect();
        (!sizes.is_empty()).then(|| total(sizes))
    }

    /// No process is left: the first that is there says that at once.
    pub fn is_gone(&self) -> bool {
        let mut processes = self.processes().into_iter();
        processes.all(|id| self.anonymous(id).is_none())
    }

    /// Anonymous memory of a process in bytes; `None` if it has ended.
    fn anonymous(&self, id: u32) -> Option<u64> {
        let pages = open(&self.proc, id)?.statm().ok()?;
        let anonymous = pages.resident.saturating_sub(pages.shared);
        Some(anonymous.saturating_mul(procfs::page_size()))
    }

    /// CPU time in seconds, of those that have ended too.
    pub fn cpu_s(&self) -> f64 {
        let found = self.found();
        let living = found.known.values().filter(|known| known.ours);
        let ticks = total(living.map(|known| known.ticks).chain([found.ended]));
        ticks as f64 / procfs::ticks_per_second() as f64
    }

    /// Every thread. By hand, as procfs opens the folder of each, and only their numbers are wanted.
    pub fn threads(&self) -> Vec<u32> {
        let of = |id: u32| {
            let tasks = std::fs::read_dir(self.proc.join(format!("{id}/task")));
            let names = tasks.into_iter().flatten().flatten();
            names.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        };
        self.processes().into_iter().flat_map(of).collect()
    }
}

/// CPU time of the job's processes that are there no more. What a parent of theirs that is the job's has
/// waited for is in its own.
fn ended(before: &HashMap<i32, KnownProcess>, now: &HashMap<i32, KnownProcess>) -> u64 {
    let is_gone =
        |id: &i32, was: &KnownProcess| now.get(id).is_none_or(|known| known.started != was.started);
    let has_parent = |was: &KnownProcess| before.get(&was.parent).is_some_and(|parent| parent.ours);
    let gone = before
        .iter()
        .filter(|(id, was)| was.ours && is_gone(id, was) && !has_parent(was));
    total(gone.map(|(_, was)| was.ticks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::{Duration, Instant};

    #[test]
    fn a_job_is_found_by_its_number_and_its_children_by_their_parents() {
        let own = nix::unistd::getuid().as_raw();
        let tree = Tree::new(Path::new("/proc"), 987_654_321, own);
        tree.look(0.0);
        assert!(tree.processes().is_empty() && tree.memory().is_none());
        // The child has lost its environment.
        let mut job = Command::new("sh")
            .args(["-c", "env -i sleep 20 & wait"])
            .env(NUMBER, "987654321")
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        let tree = loop {
            let tree = Tree::new(Path::new("/proc"), 987_654_321, own);
            tree.look(0.0);
            if tree.processes().len() == 2 || Instant::now() > end {
                break tree;
            }
        };
        let mut found = tree.processes();
        let threads = tree.threads();
        let memory = tree.memory();
        // Whoever else writes that number into an environment is no part of the job.
        let of_another = Tree::new(Path::new("/proc"), 987_654_321, own + 1);
        of_another.look(0.0);
        assert_eq!(of_another.processes(), [0; 0]);
        for id in &found {
            let pid = nix::unistd::Pid::from_raw(*id as i32);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        }
        job.wait().unwrap();
        found.sort_unstable();
        assert!(found.len() == 2 && found.contains(&job.id()), "{found:?}");
        assert_eq!(threads.len(), 2);
        assert!(memory > Some(50_000), "{memory:?}");
    }
}
