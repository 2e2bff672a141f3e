//! What keeps a second sampler away from a job.

use super::NOTES;
use nix::fcntl::{Flock, FlockArg};
use shadowfit_core::sampler::cgroup::Group;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The one sampler of a job on a node, as long as this lives: whatever steps the job starts, and whatever their environment
/// calls the node.
pub struct OnlySampler {
    path: PathBuf,
    _lock: Flock<File>,
}

impl OnlySampler {
    /// `None` where another one is.
    pub fn beside(job: u64, group: &Group) -> Option<OnlySampler> {
        let path = Path::new(NOTES).join(lock_name(job, group.folder()));
        std::fs::create_dir_all(NOTES).ok()?;
        let file = lock_file(&path).ok()?;
        let _lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()?;
        Some(OnlySampler { path, _lock })
    }
}

impl Drop for OnlySampler {
    fn drop(&mut self) {
        let _somebody_cleaned_up = std::fs::remove_file(&self.path);
    }
}

/// Nobody else may open it: whoever can read a file can lock it.
fn lock_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path)
}

/// Where several slurmd share a machine, their jobs' cgroups tell them apart, however deep they lie.
fn lock_name(job: u64, folder: Option<&Path>) -> String {
    let group = folder.map_or(&b""[..], |folder| folder.as_os_str().as_bytes());
    format!("{job}.{}", blake3::hash(group).to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_one_lock_on_a_node_and_none_of_another() {
        let of = |folder: &str| lock_name(7, Some(Path::new(folder)));
        let names = [
            of("/sys/fs/cgroup/memory/slurm_n1/uid_7/job_7"),
            of("/sys/fs/cgroup/memory/slurm_n2/uid_7/job_7"),
            lock_name(7, None),
            lock_name(8, None),
            of(&"/nested".repeat(500)),
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(!name.contains('/') && !names[..at].contains(name), "{name}");
            assert!(name.len() <= 255, "no file has such a name: {name}");
        }
    }

    #[test]
    fn nobody_else_opens_a_lock() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = lock_file(&dir.path().join("7.lock")).unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}
