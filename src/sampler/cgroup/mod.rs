//! The cgroup of a job, v1 or v2, under a root path so that a recorded tree is a test; or its processes,
//! where Slurm keeps no cgroup.

mod tree;

use std::io;
use std::path::{Path, PathBuf};
pub use tree::Tree;

/// The v1 hierarchies that count or limit something for us.
const CONTROLLERS: [&str; 5] = ["memory", "pids", "cpu", "cpuacct", "blkio"];

/// A job's control groups.
pub enum Group {
    /// One directory of this name in each hierarchy.
    V1 {
        /// `/sys/fs/cgroup`.
        root: PathBuf,
        /// Path below each hierarchy.
        name: String,
    },
    /// The one directory.
    V2(PathBuf),
    /// None: its processes alone.
    Processes(Tree),
}

impl Group {
    /// The group `name` under `root`: v1 if there is a memory hierarchy, else v2.
    pub fn new(root: &Path, name: &str) -> Group {
        if root.join("memory").is_dir() {
            Group::V1 {
                root: root.into(),
                name: name.into(),
            }
        } else {
            Group::V2(root.join(name.trim_start_matches('/')))
        }
    }

    /// The group that Slurm keeps a job in, all its steps on this node, found by one of its processes;
    /// `None` while that is not in one.
    pub fn of_job(root: &Path, proc: &Path, pid: i32, job: u64) -> Option<Group> {
        let text = std::fs::read_to_string(proc.join(format!("{pid}/cgroup"))).ok()?;
        let end = format!("/job_{job}");
        let name = text.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let counts_memory =
                controllers.is_empty() || controllers.split(',').any(|c| c == "memory");
            let at = path.find(&format!("{end}/"))? + end.len();
            counts_memory.then(|| path[..at].trim_start_matches('/').to_owned())
        })?;
        Some(Group::new(root, &name))
    }

    fn folder(&self, controller: &str) -> PathBuf {
        match self {
            Group::V1 { root, name } => root.join(controller).join(name),
            Group::V2(path) => path.clone(),
            Group::Processes(_) => PathBuf::new(),
        }
    }

    fn called<'a>(&self, v1: &'a str, v2: &'a str) -> &'a str {
        match self {
            Group::V1 { .. } => v1,
            _ => v2,
        }
    }

    fn file(&self, controller: &str, v1: &str, v2: &str) -> io::Result<String> {
        let name = self.called(v1, v2);
        std::fs::read_to_string(self.folder(controller).join(name))
    }

    /// Anonymous and shared memory in bytes: what has no file to fall back on.
    pub fn memory(&self) -> io::Result<u64> {
        if let Group::Processes(tree) = self {
            return tree.memory().ok_or(io::ErrorKind::NotFound.into());
        }
        let text = self.file("memory", "memory.stat", "memory.stat")?;
        let names = match self {
            Group::V1 { .. } => ["total_rss", "total_shmem"],
            _ => ["anon", "shmem"],
        };
        Ok(names.iter().filter_map(|name| field(&text, name)).sum())
    }

    /// The same at its peak, between two looks too: of what was charged at most, all but the page cache
    /// and the kernel's part, which change little. `None` where the kernel does not report it.
    pub fn peak_memory(&self) -> Option<u64> {
        let ours = self.memory().ok()?;
        let now = self
            .file("memory", "memory.usage_in_bytes", "memory.current")
            .ok()?;
        let rest = now.trim().parse::<u64>().ok()?.saturating_sub(ours);
        Some(self.charged().saturating_sub(rest)).filter(|&bytes| bytes > 0)
    }

    /// Most memory ever charged, in bytes, page cache included; 0 where the kernel does not report it.
    pub fn charged(&self) -> u64 {
        self.file("memory", "memory.max_usage_in_bytes", "memory.peak")
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0)
    }

    /// How many of its processes were killed for want of memory.
    pub fn oom_kills(&self) -> u64 {
        self.file("memory", "memory.oom_control", "memory.events")
            .ok()
            .and_then(|text| field(&text, "oom_kill"))
            .unwrap_or(0)
    }

    /// CPU time used, in seconds, by those that have ended too.
    pub fn cpu_s(&self) -> io::Result<f64> {
        if let Group::Processes(tree) = self {
            return Ok(tree.cpu_s());
        }
        let text = self.file("cpuacct", "cpuacct.usage", "cpu.stat")?;
        Ok(match self {
            Group::V1 { .. } => text.trim().parse::<u64>().unwrap_or(0) as f64 / 1e9,
            _ => field(&text, "usage_usec").unwrap_or(0) as f64 / 1e6,
        })
    }

    /// Every thread.
    pub fn threads(&self) -> io::Result<Vec<u32>> {
        match self {
            Group::Processes(tree) => Ok(tree.threads()),
            _ => self.members("tasks", "cgroup.threads"),
        }
    }

    /// Every process.
    pub fn processes(&self) -> io::Result<Vec<u32>> {
        match self {
            Group::Processes(tree) => Ok(tree.processes()),
            _ => self.members("cgroup.procs", "cgroup.procs"),
        }
    }

    /// Of this group and all below it: Slurm keeps each step, and each task of it, in one of its own.
    fn members(&self, v1: &str, v2: &str) -> io::Result<Vec<u32>> {
        let name = self.called(v1, v2);
        let mut folders = vec![self.folder("memory")];
        let mut found = numbers(&std::fs::read_to_string(folders[0].join(name))?);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let text = std::fs::read_to_string(entry.path().join(name));
                    found.extend(numbers(&text.unwrap_or_default()));
                    folders.push(entry.path());
                }
            }
        }
        Ok(found)
    }

    /// Removes the directories, once nothing runs in them. v2's belongs to Slurm and stays.
    pub fn remove(&self) -> io::Result<()> {
        let Group::V1 { root, name } = self else {
            return Ok(());
        };
        for controller in CONTROLLERS {
            match std::fs::remove_dir(root.join(controller).join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Moves this process out of every group of a job, so that it is neither counted nor ended with it.
pub fn leave(root: &Path) {
    let own = std::process::id().to_string();
    let hierarchies = std::fs::read_dir(root).into_iter().flatten().flatten();
    for folder in hierarchies.map(|entry| entry.path()).chain([root.into()]) {
        let _not_a_hierarchy = std::fs::write(folder.join("cgroup.procs"), &own);
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

fn numbers(text: &str) -> Vec<u32> {
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn version_1_is_read() {
        let dir = tree(&[
            (
                "memory/job/memory.stat",
                "cache 9\nrss 1\ntotal_cache 9\ntotal_rss 4096\ntotal_shmem 100\n",
            ),
            ("memory/job/memory.max_usage_in_bytes", "8192\n"),
            (
                "memory/job/memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            ),
            ("memory/job/tasks", "7\n8\n"),
            ("cpuacct/job/cpuacct.usage", "2500000000\n"),
        ]);
        let group = Group::new(dir.path(), "job");
        assert_eq!(group.memory().unwrap(), 4196);
        assert_eq!((group.charged(), group.oom_kills()), (8192, 2));
        assert_eq!(group.threads().unwrap(), [7, 8]);
        assert_eq!(group.cpu_s().unwrap(), 2.5);
    }

    #[test]
    fn version_2_is_read() {
        let dir = tree(&[
            (
                "job/memory.stat",
                "anon 4096\nfile 7\nkernel 3\nshmem 100\n",
            ),
            ("job/memory.peak", "8192\n"),
            ("job/memory.events", "low 0\noom 1\noom_kill 1\n"),
            ("job/cgroup.threads", "7\n"),
            ("job/cpu.stat", "usage_usec 1500000\nuser_usec 1\n"),
        ]);
        let group = Group::new(dir.path(), "/job");
        assert_eq!(group.memory().unwrap(), 4196);
        assert_eq!((group.charged(), group.oom_kills()), (8192, 1));
        assert_eq!(group.threads().unwrap(), [7]);
        assert_eq!(group.cpu_s().unwrap(), 1.5);
    }

    #[test]
    fn a_job_is_found_by_its_process_and_its_steps_are_part_of_it() {
        let below = "slurm_n1/uid_7/job_5";
        let v1 = tree(&[
            (
                "1/cgroup",
                &format!("9:cpuset:/x/job_5/y\n4:memory:/{below}/step_batch/task_0\n"),
            ),
            (&format!("memory/{below}/tasks"), ""),
            (&format!("memory/{below}/step_batch/tasks"), "7\n"),
            (&format!("memory/{below}/step_0/task_1/tasks"), "8\n9\n"),
        ]);
        let group = Group::of_job(v1.path(), v1.path(), 1, 5).unwrap();
        let mut threads = group.threads().unwrap();
        threads.sort_unstable();
        assert_eq!(threads, [7, 8, 9]);
        assert!(Group::of_job(v1.path(), v1.path(), 1, 55).is_none());
        let v2 = tree(&[
            (
                "1/cgroup",
                "0::/system.slice/slurmstepd.scope/job_5/step_batch/user/task_0\n",
            ),
            ("system.slice/slurmstepd.scope/job_5/cgroup.threads", "3\n"),
        ]);
        let group = Group::of_job(v2.path(), v2.path(), 1, 5).unwrap();
        assert_eq!(group.threads().unwrap(), [3]);
    }

    #[test]
    fn a_burst_between_two_looks_is_seen() {
        let dir = tree(&[
            (
                "memory/job/memory.stat",
                "total_cache 500\ntotal_rss 1000\ntotal_shmem 100\n",
            ),
            ("memory/job/memory.usage_in_bytes", "1650\n"),
            ("memory/job/memory.max_usage_in_bytes", "9000\n"),
        ]);
        assert_eq!(Group::new(dir.path(), "job").peak_memory(), Some(8450));
    }

    #[test]
    fn what_is_gone_is_an_error_and_no_zero() {
        let dir = tree(&[]);
        assert!(Group::new(dir.path(), "job").memory().is_err());
    }
}
