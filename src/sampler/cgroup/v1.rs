//! cgroup v1: one hierarchy for each controller.

use super::{Charged, field, number, numbers, with_all_below};
use std::io;
use std::path::{Path, PathBuf};

/// The hierarchies that count or limit something for us.
const CONTROLLERS: [&str; 5] = ["memory", "pids", "cpu", "cpuacct", "blkio"];

/// A group: directories of one name below each hierarchy.
pub struct Folders {
    root: PathBuf,
    name: String,
}

impl Folders {
    pub(super) fn new(root: &Path, name: &str) -> Folders {
        Folders {
            root: root.into(),
            name: name.into(),
        }
    }

    fn folder(&self, controller: &str) -> PathBuf {
        self.root.join(controller).join(&self.name)
    }

    pub(super) fn memory(&self) -> io::Result<u64> {
        let text = std::fs::read_to_string(self.folder("memory").join("memory.stat"))?;
        let names = ["total_rss", "total_shmem"];
        Ok(names.iter().filter_map(|name| field(&text, name)).sum())
    }

    pub(super) fn charged(&self) -> Option<Charged> {
        let folder = self.folder("memory");
        Some(Charged {
            now: number(&folder.join("memory.usage_in_bytes"))?,
            peak: number(&folder.join("memory.max_usage_in_bytes")),
        })
    }

    /// v1 counts a kill where the killed was, and nowhere above.
    pub(super) fn oom_kills(&self) -> u64 {
        let kills = |folder: &PathBuf| {
            let text = std::fs::read_to_string(folder.join("memory.oom_control")).ok()?;
            field(&text, "oom_kill")
        };
        with_all_below(&self.folder("memory"))
            .iter()
            .filter_map(kills)
            .sum()
    }

    pub(super) fn cpu_s(&self) -> io::Result<f64> {
        let text = std::fs::read_to_string(self.folder("cpuacct").join("cpuacct.usage"))?;
        Ok(text.trim().parse::<u64>().unwrap_or(0) as f64 / 1e9)
    }

    pub(super) fn threads(&self) -> io::Result<Vec<u32>> {
        numbers(&with_all_below(&self.folder("memory")), "tasks")
    }

    pub(super) fn processes(&self) -> io::Result<Vec<u32>> {
        numbers(&with_all_below(&self.folder("memory")), "cgroup.procs")
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        for controller in CONTROLLERS {
            match std::fs::remove_dir(self.folder(controller)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
