//! The processes of a job where Slurm keeps no cgroup for it: found in /proc by the job's number in their
//! environment, or as children of those.

use procfs::process::{Process, all_processes_with_root};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// All processes of the node are looked through this often; in between, those found last time count.
const OFTEN: Duration = Duration::from_secs(1);

/// The variable in which Slurm tells each of a job's processes its number.
const NUMBER: &str = "SLURM_JOB_ID";

/// A job's processes.
pub struct Tree {
    proc: PathBuf,
    job: String,
    found: RefCell<Found>,
}

#[derive(Default)]
struct Found {
    looked: Option<Instant>,
    /// Every process of the node by when it started, which makes it that one, and whether it is the job's.
    known: HashMap<i32, (u64, bool)>,
}

impl Tree {
    /// The processes of `job`; `proc` is `/proc`.
    pub fn new(proc: &Path, job: u64) -> Tree {
        Tree {
            proc: proc.into(),
            job: job.to_string(),
            found: RefCell::default(),
        }
    }

    /// Every process.
    pub fn processes(&self) -> Vec<u32> {
        let mut found = self.found.borrow_mut();
        if found.looked.is_none_or(|looked| looked.elapsed() >= OFTEN) {
            found.known = self.look(&found.known);
            found.looked = Some(Instant::now());
        }
        let ours = found.known.iter().filter(|(_, (_, ours))| *ours);
        ours.map(|(&id, _)| id as u32).collect()
    }

    fn look(&self, before: &HashMap<i32, (u64, bool)>) -> HashMap<i32, (u64, bool)> {
        let all = all_processes_with_root(&self.proc)
            .into_iter()
            .flatten()
            .flatten();
        let mut stats: Vec<_> = all
            .filter_map(|process| Some((process.stat().ok()?, process)))
            .collect();
        // Parents first, as nearly always; a child that comes before its parent is found by its environment.
        stats.sort_by_key(|(stat, _)| stat.starttime);
        let mut now = HashMap::with_capacity(stats.len());
        for (stat, process) in stats {
            let known = before.get(&stat.pid).filter(|one| one.0 == stat.starttime);
            let of_ours = now
                .get(&stat.ppid)
                .is_some_and(|parent: &(u64, bool)| parent.1);
            let ours = known.map(|one| one.1);
            let ours = of_ours || ours.unwrap_or_else(|| self.has_number(&process));
            now.insert(stat.pid, (stat.starttime, ours));
        }
        now
    }

    fn has_number(&self, process: &Process) -> bool {
        let environment = process.environ().unwrap_or_default();
        let number = environment.get(std::ffi::OsStr::new(NUMBER));
        number.is_some_and(|number| number == self.job.as_str())
    }

    /// Anonymous memory in bytes; `None` once no process is left.
    pub fn memory(&self) -> Option<u64> {
        let page = procfs::page_size();
        let anonymous = |process: &Process| {
            let pages = process.statm().ok()?;
            Some(pages.resident.saturating_sub(pages.shared) * page)
        };
        self.sum(anonymous)
    }

    /// CPU time in seconds, that of children which have ended and were waited for included.
    pub fn cpu_s(&self) -> Option<f64> {
        let ticks = self.sum(|process| {
            let stat = process.stat().ok()?;
            let waited = (stat.cutime + stat.cstime).max(0) as u64;
            Some(stat.utime + stat.stime + waited)
        });
        Some(ticks? as f64 / procfs::ticks_per_second() as f64)
    }

    fn sum(&self, of: impl Fn(&Process) -> Option<u64>) -> Option<u64> {
        let open = |id: &u32| Process::new_with_root(self.proc.join(id.to_string())).ok();
        let processes = self.processes();
        let values: Vec<u64> = processes.iter().filter_map(|id| of(&open(id)?)).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// Every thread.
    pub fn threads(&self) -> Vec<u32> {
        let of = |id: u32| {
            let tasks = std::fs::read_dir(self.proc.join(format!("{id}/task")));
            let names = tasks.into_iter().flatten().flatten();
            names.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        };
        self.processes().into_iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_job_is_found_by_its_number_and_its_children_by_their_parents() {
        let tree = Tree::new(Path::new("/proc"), 987_654_321);
        assert!(tree.processes().is_empty() && tree.memory().is_none());
        // The child has lost its environment.
        let mut job = Command::new("sh")
            .args(["-c", "env -i sleep 20 & wait"])
            .env(NUMBER, "987654321")
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        let tree = loop {
            let tree = Tree::new(Path::new("/proc"), 987_654_321);
            if tree.processes().len() == 2 || Instant::now() > end {
                break tree;
            }
        };
        let mut found = tree.processes();
        let threads = tree.threads();
        let (memory, cpu_s) = (tree.memory(), tree.cpu_s());
        for id in &found {
            let pid = nix::unistd::Pid::from_raw(*id as i32);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        }
        job.wait().unwrap();
        found.sort_unstable();
        assert!(found.len() == 2 && found.contains(&job.id()), "{found:?}");
        assert_eq!(threads.len(), 2);
        assert!(memory > Some(50_000) && cpu_s.is_some(), "{memory:?}");
    }
}
