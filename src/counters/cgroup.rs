//! The cgroup of a job, v1 or v2, under a root path so that a recorded tree is a test.

use std::io;
use std::path::{Path, PathBuf};

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

    fn file(&self, controller: &str, v1: &str, v2: &str) -> io::Result<String> {
        std::fs::read_to_string(match self {
            Group::V1 { root, name } => root.join(controller).join(name).join(v1),
            Group::V2(path) => path.join(v2),
        })
    }

    /// Anonymous and shared memory in bytes: what has no file to fall back on.
    pub fn memory(&self) -> io::Result<u64> {
        let text = self.file("memory", "memory.stat", "memory.stat")?;
        let names = match self {
            Group::V1 { .. } => ["total_rss", "total_shmem"],
            Group::V2(_) => ["anon", "shmem"],
        };
        Ok(names.iter().filter_map(|name| field(&text, name)).sum())
    }

    /// Most memory ever charged, in bytes, page cache included; 0 where the kernel does not tell.
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
        let text = self.file("cpuacct", "cpuacct.usage", "cpu.stat")?;
        Ok(match self {
            Group::V1 { .. } => text.trim().parse::<u64>().unwrap_or(0) as f64 / 1e9,
            Group::V2(_) => field(&text, "usage_usec").unwrap_or(0) as f64 / 1e6,
        })
    }

    /// Every thread.
    pub fn threads(&self) -> io::Result<Vec<u32>> {
        Ok(numbers(&self.file("memory", "tasks", "cgroup.threads")?))
    }

    /// Every process.
    pub fn processes(&self) -> io::Result<Vec<u32>> {
        Ok(numbers(&self.file(
            "memory",
            "cgroup.procs",
            "cgroup.procs",
        )?))
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
    fn what_is_gone_is_an_error_and_no_zero() {
        let dir = tree(&[]);
        assert!(Group::new(dir.path(), "job").memory().is_err());
    }
}
