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
    /// What processes have written to, other than files, and the kernel's own for them.
    held: &'static [&'static str],
    /// The kernel's own, where that stands in a file of its own.
    kernel: Option<&'static str>,
}

const V1: Names = Names {
    used: "memory.usage_in_bytes",
    limit: "memory.limit_in_bytes",
    // With swap.
    above: "memory.memsw.limit_in_bytes",
    droppable: &["total_cache"],
    kept: "total_shmem",
    held: &["total_rss"],
    kernel: Some("memory.kmem.usage_in_bytes"),
};

const V2: Names = Names {
    used: "memory.current",
    limit: "memory.max",
    // Above it a group is slowed down; Slurm sets both to the same.
    above: "memory.high",
    droppable: &["file", "slab_reclaimable"],
    kept: "shmem",
    held: &[
        "anon",
        "kernel_stack",
        "pagetables",
        "percpu",
        "sock",
        "vmalloc",
        "slab_unreclaimable",
    ],
    kernel: None,
};

/// Nobody has so many bytes: it stands for no limit.
const UNLIMITED: u64 = i64::MAX as u64 / 2;

/// What a job cannot do without, as the kernel's figures tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// At most, in bytes.
    pub most: u64,
    /// What of it is known to be the kernel's, or what its processes have written to, other than files, or share; where that was asked
    /// for. What is left over may be page cache that is not counted yet.
    pub held: Option<u64>,
}

impl Needed {
    /// No more than what is used in all.
    pub fn unasked(used: u64) -> Needed {
        Needed {
            most: used,
            held: None,
        }
    }
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
        let is_one = first < UNLIMITED;
        // Where Slurm lets a job have more than it gave (AllowedRAMSpace), it is slowed down long before its limit.
        let is_slowed = number(&folder.join(names.above)).is_some_and(|above| above < first);
        (is_one && !is_slowed).then(|| GroupLimits {
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
        let all = |names: &[&str]| {
            names
                .iter()
                .map(|name| of(name))
                .fold(0, u64::saturating_add)
        };
        let kept = of(self.names.kept);
        let droppable = all(self.names.droppable).saturating_sub(kept);
        let kernel = |name| number(&self.folder.join(name));
        let kernel = self.names.kernel.and_then(kernel).unwrap_or(0);
        let held = [all(self.names.held), kept, kernel];
        Some(Needed {
            most: self.used()?.saturating_sub(droppable),
            held: Some(held.into_iter().fold(0, u64::saturating_add)),
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

    /// Whether they are still what they were raised to, or more; a step that begins sets them to what Slurm gave the job. `false` where
    /// somebody has lowered them.
    pub fn hold(&mut self) -> bool {
        let Some(limit) = number(&self.folder.join(self.names.limit)) else {
            return true;
        };
        if limit > self.now() {
            self.had.push(limit);
        }
        self.had.contains(&limit)
    }

    /// Gives the job and steps that began meanwhile with what it had before what it has now. A step that has asked for less itself
    /// keeps that.
    pub fn level(&self) {
        let now = self.now();
        if now == self.first() {
            return;
        }
        for folder in with_all_below(&self.folder) {
            let limit = number(&folder.join(self.names.limit));
            if let Some(limit) = limit.filter(|limit| self.had.contains(limit)) {
                let _it_ends = self.raise_one(&folder, limit, now);
            }
        }
    }

    /// slurmstepd writes both of cgroup v2 one after the other: either may be lower than the other for a moment.
    fn raise_one(&self, folder: &Path, from: u64, to: u64) -> io::Result<()> {
        let path = folder.join(self.names.above);
        if let Some(above) = number(&path).filter(|&above| above < UNLIMITED) {
            let wanted = above.saturating_add(to - from).max(to);
            if wanted > above {
                std::fs::write(path, wanted.to_string())?;
            }
        }
        match to > from {
            true => std::fs::write(folder.join(self.names.limit), to.to_string()),
            false => Ok(()),
        }
    }
}
