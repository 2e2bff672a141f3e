//! What a job's processes hold, asked of themselves: the kernel counts for a group who has what up to two seconds late, and until then
//! page cache looks like memory that a program has just filled.

use super::node::memory;
use super::step::batched;
use crate::sampler::cgroup::{inside, with_all_below};
use crate::sampler::process::anonymous;
use nix::unistd::{SysconfVar, sysconf};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// More are not asked: each takes some ten microseconds, of a thread that goes before all others.
const MOST: usize = 32;

/// What the whole node shares is asked for so often while a job is watched closely.
const APART: Duration = Duration::from_secs(1);

/// Asks the processes of one job.
pub struct Holders {
    proc: PathBuf,
    batched: u64,
    /// The least that the whole node had of it since the job was first seen, in bytes; `None` where nobody knows.
    least_shared: Option<u64>,
    asked: Option<Duration>,
}

impl Holders {
    /// `proc` is `/proc`.
    pub fn new(proc: &Path) -> Holders {
        let cpus = sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten();
        Holders {
            proc: proc.into(),
            batched: batched(cpus.and_then(|cpus| cpus.try_into().ok()).unwrap_or(1)),
            least_shared: shared(proc),
            asked: None,
        }
    }

    /// Bytes that the kernel may not have counted yet.
    pub fn batched(&self) -> u64 {
        self.batched
    }

    /// To be called at each look near the limit: what other jobs free must not hide what this one shares later.
    pub fn look(&mut self, at: Duration) {
        let is_due = |asked: Duration| at.saturating_sub(asked) >= APART;
        if self.asked.is_none_or(is_due) {
            self.asked = Some(at);
            let _it_is_noted = self.shared();
        }
    }

    /// Bytes, other than of files, that the processes in the group `job`, and below it, hold. What several of them share by a fork counts
    /// for each, and what others of the node wrote to shared memory since the job was first seen counts as the job's: it may be less.
    /// Once there are `enough` the others are not asked. `None` where they are too many, or one does not tell.
    pub fn held(&mut self, job: &Path, enough: u64) -> Option<u64> {
        let mut held = self.shared()?;
        let mut asked = 0;
        for process in with_all_below(job).iter().flat_map(|folder| inside(folder)) {
            if held >= enough {
                break;
            }
            asked += 1;
            if asked > MOST {
                return None;
            }
            held = held.saturating_add(anonymous(&self.proc, process)?);
        }
        Some(held)
    }

    /// What the node has more of shared memory, that of no process (tmpfs) too, than it had.
    fn shared(&mut self) -> Option<u64> {
        let now = shared(&self.proc)?;
        let least = self.least_shared?.min(now);
        self.least_shared = Some(least);
        Some(now - least)
    }
}

fn shared(proc: &Path) -> Option<u64> {
    memory(proc, "Shmem").ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn node(shmem_kib: u64) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        shares(dir.path(), shmem_kib);
        dir
    }

    fn shares(proc: &Path, kib: u64) {
        let text = format!("MemAvailable: 9 kB\nShmem:   {kib} kB\nShmemHugePages: 7 kB\n");
        fs::write(proc.join("meminfo"), text).unwrap();
    }

    /// Processes in a group below `dir`, and what each says that it has.
    fn runs(dir: &Path, group: &str, processes: &[(u32, u64)]) {
        let folder = dir.join(group);
        fs::create_dir_all(&folder).unwrap();
        let ids: Vec<String> = processes.iter().map(|(id, _)| id.to_string()).collect();
        fs::write(folder.join("cgroup.procs"), ids.join("\n")).unwrap();
        for (id, kib) in processes {
            let own = dir.join(id.to_string());
            fs::create_dir_all(&own).unwrap();
            let status = format!("Name:\tprogram\nRssAnon:\t{kib} kB\nRssFile:\t7 kB\n");
            fs::write(own.join("status"), status).unwrap();
        }
    }

    #[test]
    fn what_all_of_a_jobs_processes_have_and_what_became_shared_since_is_held() {
        let dir = node(1000);
        let mut holders = Holders::new(dir.path());
        runs(dir.path(), "job", &[(7, 100)]);
        runs(dir.path(), "job/step_0/task_0", &[(8, 20), (9, 3)]);
        runs(dir.path(), "another", &[(10, 5000)]);
        let mut held = |enough| holders.held(&dir.path().join("job"), enough);
        assert_eq!(held(u64::MAX), Some(123 * 1024));
        assert_eq!(held(100 * 1024), Some(100 * 1024), "that is enough");
        shares(dir.path(), 3000);
        assert_eq!(held(u64::MAX), Some(2123 * 1024));
        shares(dir.path(), 10);
        fs::remove_dir_all(dir.path().join("8")).unwrap();
        assert_eq!(held(u64::MAX), Some(103 * 1024), "it has ended");
        // What others have freed by now hides nothing.
        shares(dir.path(), 60);
        assert_eq!(held(u64::MAX), Some(153 * 1024));
        let status = dir.path().join("7/status");
        fs::write(&status, b"Name:\tabc\xc3\nVmRSS:\t9 kB\nRssAnon:\t  7 kB\n").unwrap();
        assert_eq!(held(u64::MAX), Some(60 * 1024), "a name that was cut");
        fs::write(&status, "RssAnon: many\n").unwrap();
        assert_eq!(held(u64::MAX), None);
        fs::remove_file(&status).unwrap();
        fs::create_dir(&status).unwrap();
        assert_eq!(held(u64::MAX), None);
    }

    #[test]
    fn what_others_free_is_seen_once_a_second() {
        let dir = node(1000);
        let mut holders = Holders::new(dir.path());
        let mut shared_after = |kib, ms| {
            shares(dir.path(), kib);
            holders.look(Duration::from_millis(ms));
            holders.least_shared.map(|bytes| bytes / 1024)
        };
        assert_eq!(shared_after(900, 5000), Some(900));
        assert_eq!(shared_after(100, 5900), Some(900));
        assert_eq!(shared_after(100, 6000), Some(100));
        assert_eq!(shared_after(700, 7000), Some(100));
    }

    #[test]
    fn of_too_many_processes_and_of_an_unknown_node_nobody_knows() {
        let dir = node(1000);
        let many: Vec<(u32, u64)> = (0..=MOST as u32).map(|id| (1000 + id, 1)).collect();
        runs(dir.path(), "job", &many);
        let job = dir.path().join("job");
        assert_eq!(Holders::new(dir.path()).held(&job, u64::MAX), None);
        assert_eq!(Holders::new(dir.path()).held(&job, 1024), Some(1024));
        runs(dir.path(), "job", &many[1..]);
        let held = Holders::new(dir.path()).held(&job, u64::MAX);
        assert_eq!(held, Some(MOST as u64 * 1024));
        fs::remove_file(dir.path().join("meminfo")).unwrap();
        assert_eq!(Holders::new(dir.path()).held(&job, u64::MAX), None);
    }
}
