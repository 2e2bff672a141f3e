//! cgroup v2: one directory, whose figures hold all below it.

use super::{Charged, field, number, numbers, with_all_below};
use crate::sampler::stats::total;
use std::io;
use std::path::PathBuf;

/// In each step's directory Slurm keeps the job's processes in `user`, and its own in here.
const SLURM: &str = "slurm";

/// A group.
pub struct Folder(pub(super) PathBuf);

impl Folder {
    fn text(&self, name: &str) -> io::Result<String> {
        std::fs::read_to_string(self.0.join(name))
    }

    pub(super) fn memory(&self) -> io::Result<u64> {
        let text = self.text("memory.stat")?;
        let names = ["anon", "shmem"];
        let here = total(names.iter().filter_map(|name| field(&text, name)));
        Ok(here.saturating_add(self.swapped()))
    }

    fn swapped(&self) -> u64 {
        number(&self.0.join("memory.swap.current")).unwrap_or(0)
    }

    pub(super) fn charged(&self) -> Option<Charged> {
        Some(Charged {
            now: number(&self.0.join("memory.current"))?.saturating_add(self.swapped()),
            peak: number(&self.0.join("memory.peak")),
        })
    }

    pub(super) fn oom_kills(&self) -> u64 {
        let text = self.text("memory.events").unwrap_or_default();
        field(&text, "oom_kill").unwrap_or(0)
    }

    pub(super) fn cpu_s(&self) -> io::Result<f64> {
        let text = self.text("cpu.stat")?;
        Ok(field(&text, "usage_usec").unwrap_or(0) as f64 / 1e6)
    }

    pub(super) fn threads(&self) -> io::Result<Vec<u32>> {
        numbers(&self.of_the_job(), "cgroup.threads")
    }

    pub(super) fn processes(&self) -> io::Result<Vec<u32>> {
        numbers(&self.of_the_job(), "cgroup.procs")
    }

    /// Its directories without slurmstepd's, whose threads and processes are not the job's.
    fn of_the_job(&self) -> Vec<PathBuf> {
        let mut folders = with_all_below(&self.0);
        folders.retain(|folder| {
            let below = folder.strip_prefix(&self.0).unwrap_or(folder);
            !below.iter().any(|part| part == SLURM)
        });
        folders
    }
}
