//! The limits of one job on its node: of its own group, and of those of its steps that may use as much.

use crate::sampler::cgroup::{field, number, with_all_below};
use std::io;
use std::path::{Path, PathBuf};

/// What cgroup v1 and v2 call what is read and written here.
struct Names {
    used: &'static str,
    /// Hard limits. Where there is another one above it, that is raised before.
    limit: &'static str,
    above: &'static str,
    /// In memory.stat: what has a file to fall back on, and what of that has none after all.
    droppable: &'static [&'static str],
    kept: &'static str,
    /// What processes have written to, other than files.
    held: &'static str,
}

const V1: Names = Names {
    used: "memory.usage_in_bytes",
    limit: "memory.limit_in_bytes",
    // With swap.
    above: "memory.memsw.limit_in_bytes",
    droppable: &["total_cache"],
    kept: "total_shmem",
    held: "total_rss",
};

const V2: Names = Names {
    used: "memory.current",
    limit: "memory.max",
    // Above it a group is slowed down; Slurm sets both to the same.
    above: "memory.high",
    droppable: &["file", "slab_reclaimable"],
    kept: "shmem",
    held: "anon",
};

/// What a job cannot do without, as the kernel's figures tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// In all.
    pub bytes: u64,
    /// Most of it is known to be its processes'. What is left over when page cache is taken off may be the kernel's own, or cache that
    /// it has not counted yet.
    pub is_known: bool,
}

/// A job's limits.
pub struct GroupLimits {
    folder: PathBuf,
    names: &'static Names,
    /// The first one, and each that it was raised to; in bytes.
    had: Vec<u64>,
}

impl GroupLimits {
    /// Of the job whose memory group is `folder`; `None` where that has no limit.
    pub fn of(folder: &Path) -> Option<GroupLimits> {
        let of = |names: &'static Names| Some((names, number(&folder.join(names.limit))?));
        let (names, first) = of(&V1).or_else(|| of(&V2))?;
        // How cgroup v1 writes that there is none.
        let is_one = first < i64::MAX as u64 / 2;
        is_one.then(|| GroupLimits {
            folder: folder.into(),
            names,
            had: vec![first],
        })
    }

    /// The job's group.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What Slurm gave the job, in bytes.
    pub fn first(&self) -> u64 {
        self.had.first().copied().unwrap_or(0)
    }

    /// What it may use now, in bytes.
    pub fn now(&self) -> u64 {
        self.had.last().copied().unwrap_or(0)
    }

    /// What it uses, page cache included, in bytes; `None` once it is gone.
    pub fn used(&self) -> Option<u64> {
        number(&self.folder.join(self.names.used))
    }

    /// What it uses that the kernel cannot drop; `None` once it is gone.
    pub fn needed(&self) -> Option<Needed> {
        let text = std::fs::read_to_string(self.folder.join("memory.stat")).ok()?;
        let of = |name: &str| field(&text, name).unwrap_or(0);
        let droppable = self.names.droppable.iter().map(|name| of(name));
        let droppable = droppable.fold(0, u64::saturating_add);
        let kept = of(self.names.kept);
        let bytes = self.used()?.saturating_sub(droppable.saturating_sub(kept));
        let held = of(self.names.held).saturating_add(kept);
        Some(Needed {
            bytes,
            is_known: held >= bytes / 2,
        })
    }

    /// Raises them to so many bytes.
    ///
    /// # Errors
    /// Where the job's own cannot be raised: then its steps' are as they were, too.
    pub fn raise(&mut self, to: u64) -> io::Result<()> {
        self.raise_one(&self.folder, self.now(), to)?;
        self.had.push(to);
        self.level();
        Ok(())
    }

    /// Gives steps that began meanwhile with what the job had before what it has now. A step that has asked for less itself keeps
    /// that.
    pub fn level(&self) {
        let Some((&now, had)) = self.had.split_last().filter(|(_, had)| !had.is_empty()) else {
            return;
        };
        for folder in with_all_below(&self.folder) {
            let limit = number(&folder.join(self.names.limit));
            if let Some(limit) = limit.filter(|limit| had.contains(limit)) {
                let _it_ends = self.raise_one(&folder, limit, now);
            }
        }
    }

    fn raise_one(&self, folder: &Path, from: u64, to: u64) -> io::Result<()> {
        let above = folder.join(self.names.above);
        if let Some(limit) = number(&above).filter(|&limit| limit < i64::MAX as u64 / 2) {
            std::fs::write(above, limit.saturating_add(to - from).to_string())?;
        }
        std::fs::write(folder.join(self.names.limit), to.to_string())
    }
}
