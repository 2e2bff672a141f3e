//! Where a running job's figures stand: its cgroup, v1 or v2, under a root path so that a recorded tree is
//! a test; or its processes, where Slurm keeps no cgroup.

mod tree;
mod v1;
mod v2;

use crate::shadow::GROUP_PREFIX;
use nix::errno::Errno;
use procfs::process::Process;
use procfs::{ProcessCGroup, ProcessCGroups};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
pub use tree::Tree;

/// A job's control groups.
pub enum Group {
    /// A directory of one name in each hierarchy.
    V1(v1::Folders),
    /// One directory.
    V2(v2::Folder),
    /// None: its processes alone.
    Processes(Tree),
}

impl Group {
    /// The group `name` under `root`: v1 if there is a memory hierarchy, else v2.
    pub fn new(root: &Path, name: &str) -> Group {
        let name = name.trim_start_matches('/');
        match root.join("memory").is_dir() {
            true => Group::V1(v1::Folders::new(root, name)),
            false => Group::V2(v2::Folder(root.join(name))),
        }
    }

    /// The group that Slurm keeps a job in, all its steps on this node, found by one of its processes;
    /// `None` while that is not in one.
    pub fn of_job(root: &Path, proc: &Path, pid: i32, job: u64) -> Option<Group> {
        let groups = groups_of(proc, pid)?;
        // cgroup v2 names no controller.
        let folder = |controller| job_folder(path_of(&groups, controller)?, job);
        Some(Group::new(root, folder("memory").or_else(|| folder(""))?))
    }

    /// The groups of a shadow's own, by the init of its sandbox; `None` once that is gone.
    pub fn of_shadow(root: &Path, proc: &Path, init: i32) -> Option<Group> {
        let groups = groups_of(proc, init)?;
        let own = |controller| path_of(&groups, controller).filter(|path| is_shadows(path));
        if root.join("memory").is_dir() {
            own("memory")?;
            return Some(Group::V1(v1::Folders::of_shadow(root, &groups)));
        }
        let path = own("")?;
        Some(Group::new(root, path))
    }

    /// Where it stands; `None` where Slurm keeps no cgroup.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Group::V1(group) => group.memory_folder(),
            Group::V2(group) => Some(&group.0),
            Group::Processes(_) => None,
        }
    }

    /// Looks anew where that costs: at all processes of the node, `at` seconds after the first look.
    pub fn look(&self, at: f32) {
        if let Group::Processes(tree) = self {
            tree.look(at);
        }
    }

    /// Anonymous and shared memory in bytes, in swap, too: what has no file to fall back on. An error once it is gone.
    pub fn memory(&self) -> io::Result<u64> {
        match self {
            Group::V1(group) => group.memory(),
            Group::V2(group) => group.memory(),
            Group::Processes(tree) => tree.memory().ok_or(io::ErrorKind::NotFound.into()),
        }
    }

    /// It is there no more.
    pub fn is_gone(&self) -> bool {
        match self {
            Group::V1(_) | Group::V2(_) => self.memory().is_err(),
            Group::Processes(tree) => tree.is_gone(),
        }
    }

    /// Memory charged now, in swap, too, and at most so far without that, page cache included, in bytes; `None` where the kernel does
    /// not count it.
    pub fn charged(&self) -> Option<Charged> {
        match self {
            Group::V1(group) => group.charged(),
            Group::V2(group) => group.charged(),
            Group::Processes(_) => None,
        }
    }

    /// How many processes were killed for want of memory, in groups that are still there.
    pub fn oom_kills(&self) -> u64 {
        match self {
            Group::V1(group) => group.oom_kills(),
            Group::V2(group) => group.oom_kills(),
            Group::Processes(_) => 0,
        }
    }

    /// CPU time used, in seconds, by those that have ended too.
    pub fn cpu_s(&self) -> io::Result<f64> {
        match self {
            Group::V1(group) => group.cpu_s(),
            Group::V2(group) => group.cpu_s(),
            Group::Processes(tree) => Ok(tree.cpu_s()),
        }
    }

    /// Every thread.
    pub fn threads(&self) -> io::Result<Vec<u32>> {
        match self {
            Group::V1(group) => group.threads(),
            Group::V2(group) => group.threads(),
            Group::Processes(tree) => Ok(tree.threads()),
        }
    }

    /// Every process.
    pub fn processes(&self) -> io::Result<Vec<u32>> {
        match self {
            Group::V1(group) => group.processes(),
            Group::V2(group) => group.processes(),
            Group::Processes(tree) => Ok(tree.processes()),
        }
    }
}

/// Directories of this name that this user has made, wherever below `root` they are: all groups of one shadow. Whoever has a
/// part of the hierarchy of his own may call a group there what he likes, and make as many as he likes: of those parts only the
/// one that Slurm gave to the shadow's own job, whose number is the end of the name, is entered.
///
/// # Errors
/// Where this process may open no more files: that none was found says nothing then.
pub fn named(root: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
    let own = nix::unistd::geteuid().as_raw();
    let job = format!("job_{}", name.rsplit('_').next().unwrap_or_default());
    let is_own = |folder: &Path| std::fs::metadata(folder).is_ok_and(|made| made.uid() == own);
    let is_jobs = |folder: &Path| {
        let mut names = folder.iter().filter_map(|name| name.to_str());
        names.any(|name| name == job || is_sluid(name))
    };
    let mut found = try_all_below(root, |folder| is_own(folder) || is_jobs(folder))?;
    found.retain(|folder| folder.file_name().is_some_and(|own| own == name) && is_own(folder));
    Ok(found)
}

/// The processes in one directory; none where it is gone. Those of another process namespace have no number here.
pub fn inside(folder: &Path) -> Vec<u32> {
    let mut found = numbers(&[folder.into()], "cgroup.procs").unwrap_or_default();
    found.retain(|&id| id > 0);
    found
}

/// Memory that the kernel charged to a group, page cache included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// Bytes now.
    pub now: u64,
    /// Bytes at most so far; `None` before Linux 5.19 with cgroup v2.
    pub peak: Option<u64>,
}

fn is_shadows(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with(GROUP_PREFIX)
}

/// The groups that a process is in.
fn groups_of(proc: &Path, pid: i32) -> Option<ProcessCGroups> {
    let process = Process::new_with_root(proc.join(pid.to_string())).ok()?;
    process.cgroups().ok()
}

/// Which of them is in the hierarchy of `controller`, of cgroup v2 if that is empty.
fn path_of<'a>(groups: &'a ProcessCGroups, controller: &str) -> Option<&'a str> {
    let is_it = |group: &&ProcessCGroup| match controller {
        "" => group.controllers.is_empty(),
        _ => group.controllers.iter().any(|name| name == controller),
    };
    let group = groups.into_iter().find(is_it)?;
    Some(&group.pathname)
}

/// The part of a process's cgroup path that is its job's: the parent of its step. Up to 25.11 that is called
/// `job_50`; from 26.05 on it may have the job's SLUID for a name.
fn job_folder(path: &str, job: u64) -> Option<&str> {
    let step = path.find("/step_")?;
    let folder = &path[..step];
    let name = folder.rsplit('/').next()?;
    (name == format!("job_{job}") || is_sluid(name)).then_some(folder)
}

/// `sEKNKTV3WPV500`: a process in such a group is in no other job's.
fn is_sluid(name: &str) -> bool {
    let digits = name.strip_prefix('s').unwrap_or_default();
    digits.len() == 13
        && digits
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

/// Moves this process out of every group of a job, so that it is neither counted nor ended with it.
pub fn leave(root: &Path) {
    let own = std::process::id().to_string();
    let hierarchies = std::fs::read_dir(root).into_iter().flatten().flatten();
    for folder in hierarchies.map(|entry| entry.path()).chain([root.into()]) {
        let _not_a_hierarchy = std::fs::write(folder.join("cgroup.procs"), &own);
    }
}

/// `folder` and all below it: Slurm keeps each step, and each task of it, in one of its own.
pub fn with_all_below(folder: &Path) -> Vec<PathBuf> {
    try_all_below(folder, |_| true).unwrap_or_default()
}

/// Of those below, and below them, only what `enters` allows. What cannot be looked through is gone, or nobody's here; an
/// error where nothing can.
fn try_all_below(folder: &Path, enters: impl Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while next < found.len() {
        let entries = match std::fs::read_dir(&found[next]) {
            Err(error) if is_want(&error) => return Err(error),
            entries => entries.into_iter().flatten().flatten(),
        };
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        found.extend(
            folders
                .map(|entry| entry.path())
                .filter(|folder| enters(folder)),
        );
        next += 1;
    }
    Ok(found)
}

/// Of descriptors, this process's or the node's, or of memory.
fn is_want(error: &io::Error) -> bool {
    let wants = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM];
    wants
        .iter()
        .any(|want| error.raw_os_error() == Some(*want as i32))
}

/// The numbers in file `name` of these folders; an error if there is none in the first.
fn numbers(folders: &[PathBuf], name: &str) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for (index, folder) in folders.iter().enumerate() {
        match std::fs::read_to_string(folder.join(name)) {
            Ok(text) => found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok())),
            Err(error) if index == 0 => return Err(error),
            Err(_) => {}
        }
    }
    Ok(found)
}

/// The number behind `name` and a blank on a line of its own.
pub fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// The number that a file holds; `None` where it holds none, as `max`.
pub fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
