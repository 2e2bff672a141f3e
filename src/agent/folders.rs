//! New submissions, without asking: slurmctld makes a folder for each job or array that it accepts,
//! `StateSaveLocation/hash.7/job.4207`, and takes it away when it forgets the job. The kernel reports each.

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// The folders of jobs, and what has been seen of them.
pub struct JobFolders {
    root: PathBuf,
    inotify: Inotify,
    watched: HashMap<WatchDescriptor, PathBuf>,
    /// Jobs and arrays whose folders are there.
    jobs: BTreeSet<u64>,
    /// Of them those that nobody has taken yet.
    new: BTreeSet<u64>,
    /// The kernel has lost events: what is there must be listed.
    is_in_doubt: bool,
    /// It has reported a job, or a folder for some: it sees who makes folders here.
    has_reported: bool,
}

impl JobFolders {
    /// Watches slurmctld's folder; an error where this process may not read it.
    pub fn watch(root: &Path) -> io::Result<JobFolders> {
        let mut folders = JobFolders {
            root: root.to_owned(),
            inotify: Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?,
            watched: HashMap::new(),
            jobs: BTreeSet::new(),
            new: BTreeSet::new(),
            is_in_doubt: false,
            has_reported: false,
        };
        folders.list()?;
        // What was there before is no news.
        folders.new.clear();
        Ok(folders)
    }

    /// Slurmctld's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Jobs and arrays whose folders are there.
    pub fn jobs(&self) -> &BTreeSet<u64> {
        &self.jobs
    }

    /// The kernel has reported one since this folder is watched. Until then it may be blind here: that nothing is lacking in
    /// a list that was just made says nothing.
    pub fn has_reported(&self) -> bool {
        self.has_reported
    }

    /// Those that have come since this was last called.
    pub fn take_new(&mut self) -> io::Result<Vec<u64>> {
        self.read_events()?;
        if self.is_in_doubt {
            self.list()?;
        }
        Ok(std::mem::take(&mut self.new).into_iter().collect())
    }

    fn list(&mut self) -> io::Result<()> {
        // It may be another than the one that was watched.
        self.add(self.root.clone())?;
        for folder in hash_folders(&self.root)? {
            self.add(folder)?;
        }
        // Folders are seen that came before their watch.
        let there = self.there()?;
        self.new.extend(there.difference(&self.jobs));
        self.jobs = there;
        self.is_in_doubt = false;
        Ok(())
    }

    fn there(&self) -> io::Result<BTreeSet<u64>> {
        let mut there = BTreeSet::new();
        for folder in hash_folders(&self.root)? {
            let entries = std::fs::read_dir(folder)?;
            there.extend(entries.flatten().filter_map(|one| job_of(&one.file_name())));
        }
        Ok(there)
    }

    fn add(&mut self, folder: PathBuf) -> io::Result<()> {
        let events = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        // Of a folder that is watched already this is the same watch.
        let watch = self.inotify.add_watch(&folder, events)?;
        self.watched.insert(watch, folder);
        Ok(())
    }

    fn read_events(&mut self) -> io::Result<()> {
        loop {
            let events = match self.inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for event in events {
                let lost = AddWatchFlags::IN_Q_OVERFLOW
                    | AddWatchFlags::IN_DELETE_SELF
                    | AddWatchFlags::IN_IGNORED
                    | AddWatchFlags::IN_UNMOUNT;
                self.is_in_doubt |= event.mask.intersects(lost);
                let is_root = self
                    .watched
                    .get(&event.wd)
                    .is_some_and(|folder| *folder == self.root);
                let Some(name) = event.name else { continue };
                match job_of(&name) {
                    // A new hash folder, which may hold jobs already.
                    _ if is_root => {
                        self.is_in_doubt |= is_hash(&name);
                        self.has_reported |= is_hash(&name) && !is_gone(event.mask);
                    }
                    Some(job) if is_gone(event.mask) => {
                        self.jobs.remove(&job);
                        self.new.remove(&job);
                    }
                    Some(job) if self.jobs.insert(job) => {
                        self.new.insert(job);
                        self.has_reported = true;
                    }
                    _ => {}
                }
            }
        }
    }
}

fn hash_folders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(root)?.flatten();
    let hashes = entries.filter(|entry| is_hash(&entry.file_name()));
    Ok(hashes.map(|entry| entry.path()).collect())
}

fn is_gone(mask: AddWatchFlags) -> bool {
    mask.contains(AddWatchFlags::IN_DELETE)
}

fn is_hash(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("hash."))
}

fn job_of(name: &OsStr) -> Option<u64> {
    name.to_str()?.strip_prefix("job.")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir_all, remove_dir};

    fn make(root: &Path, jobs: std::ops::Range<u64>) {
        for job in jobs {
            create_dir_all(root.join(format!("hash.{}/job.{job}", job % 10))).unwrap();
        }
    }

    #[test]
    fn what_comes_is_told_once_and_what_goes_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        make(root, 1..3);
        std::fs::write(root.join("job_state"), "").unwrap();
        let mut folders = JobFolders::watch(root).unwrap();
        assert_eq!(folders.take_new().unwrap(), [0; 0], "they were there");
        // Some in folders that are watched, some in such as are new.
        make(root, 11..16);
        assert_eq!(folders.take_new().unwrap(), [11, 12, 13, 14, 15]);
        assert_eq!(folders.take_new().unwrap(), [0; 0]);
        make(root, 20..22);
        remove_dir(root.join("hash.0/job.20")).unwrap();
        remove_dir(root.join("hash.1/job.11")).unwrap();
        assert_eq!(folders.take_new().unwrap(), [21]);
        let all: Vec<u64> = folders.jobs().iter().copied().collect();
        assert_eq!(all, [1, 2, 12, 13, 14, 15, 21]);
    }

    #[test]
    fn what_comes_in_a_folder_that_was_put_in_the_place_of_the_old_one_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("state");
        make(&root, 1..3);
        let mut folders = JobFolders::watch(&root).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        make(&root, 11..13);
        assert_eq!(folders.take_new().unwrap(), [11, 12]);
        // In a hash folder that was not there yet.
        make(&root, 25..26);
        assert_eq!(folders.take_new().unwrap(), [25]);
    }

    #[test]
    fn more_events_than_the_kernel_keeps_lose_no_job() {
        let most = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let most: u64 = most.trim().parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), 0..10);
        let mut folders = JobFolders::watch(folder.path()).unwrap();
        // Each file is two events: the folder's name comes and goes.
        for n in 0..most / 2 + 10 {
            let one = folder.path().join(format!("hash.{}/other{n}", n % 10));
            std::fs::write(&one, "").unwrap();
            std::fs::remove_file(one).unwrap();
        }
        make(folder.path(), 10..40);
        assert_eq!(folders.take_new().unwrap(), (10..40).collect::<Vec<_>>());
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_an_error() {
        assert!(JobFolders::watch(Path::new("/no/such/folder")).is_err());
    }
}
