//! cgroup v1: one hierarchy for each controller.

use super::{Charged, field, is_shadows, number, numbers, path_of, with_all_below};
use crate::sampler::stats::total;
use procfs::ProcessCGroups;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

/// The hierarchies that count or limit something for us.
const CONTROLLERS: [&str; 5] = ["memory", "pids", "cpu", "cpuacct", "blkio"];

/// Memory that was written to swap: it is still needed. Not there where the kernel does not count it.
const SWAPPED: &str = "total_swap";

/// A group: a directory below each hierarchy.
pub struct Folders(Vec<(&'static str, PathBuf)>);

impl Folders {
    /// The directories of one name.
    pub(super) fn new(root: &Path, name: &str) -> Folders {
        let folder = |controller| (controller, root.join(controller).join(name));
        Folders(CONTROLLERS.map(folder).into())
    }

    /// Those of its own that a shadow is in.
    pub(super) fn of_shadow(root: &Path, groups: &ProcessCGroups) -> Folders {
        let folder = |controller| {
            let path = path_of(groups, controller).filter(|path| is_shadows(path))?;
            let path = path.trim_start_matches('/');
            Some((controller, root.join(controller).join(path)))
        };
        Folders(CONTROLLERS.into_iter().filter_map(folder).collect())
    }

    pub(super) fn memory_folder(&self) -> Option<&Path> {
        let memory = self.0.iter().find(|(own, _)| *own == "memory");
        memory.map(|(_, path)| path.as_path())
    }

    fn folder(&self, controller: &str) -> PathBuf {
        let found = self.0.iter().find(|(own, _)| *own == controller);
        found.map(|(_, path)| path.clone()).unwrap_or_default()
    }

    pub(super) fn memory(&self) -> io::Result<u64> {
        let text = std::fs::read_to_string(self.folder("memory").join("memory.stat"))?;
        let names = ["total_rss", "total_shmem", SWAPPED];
        Ok(total(names.iter().filter_map(|name| field(&text, name))))
    }

    pub(super) fn charged(&self) -> Option<Charged> {
        let folder = self.folder("memory");
        // With swap, where the kernel counts that.
        let with_swap = number(&folder.join("memory.memsw.usage_in_bytes"));
        Some(Charged {
            now: with_swap.or_else(|| number(&folder.join("memory.usage_in_bytes")))?,
            peak: number(&folder.join("memory.max_usage_in_bytes")),
        })
    }

    /// v1 counts a kill where the killed was, and nowhere above.
    pub(super) fn oom_kills(&self) -> u64 {
        let kills = |folder: &PathBuf| {
            let text = std::fs::read_to_string(folder.join("memory.oom_control")).ok()?;
            field(&text, "oom_kill")
        };
        let folders = with_all_below(&self.folder("memory"));
        total(folders.iter().filter_map(kills))
    }

    pub(super) fn cpu_s(&self) -> io::Result<f64> {
        let text = std::fs::read_to_string(self.folder("cpuacct").join("cpuacct.usage"))?;
        Ok(text.trim().parse::<u64>().unwrap_or(0) as f64 / 1e9)
    }

    pub(super) fn threads(&self) -> io::Result<Vec<u32>> {
        numbers(&self.of_tasks(), "tasks")
    }

    pub(super) fn processes(&self) -> io::Result<Vec<u32>> {
        numbers(&self.of_tasks(), "cgroup.procs")
    }

    /// Where the job's own processes are. On newer releases, 24.11 among them, slurmstepd stands in the group of its
    /// step, above those of the tasks, and is none of them.
    fn of_tasks(&self) -> Vec<PathBuf> {
        let all = with_all_below(&self.folder("memory"));
        let is_tasks = |folder: &&PathBuf| {
            let name = folder.file_name().unwrap_or_default();
            name.as_encoded_bytes().starts_with(b"task_")
        };
        let tasks = all.iter().filter(is_tasks);
        let steps: HashSet<PathBuf> = tasks.filter_map(|f| Some(f.parent()?.into())).collect();
        all.into_iter().filter(|f| !steps.contains(f)).collect()
    }
}
