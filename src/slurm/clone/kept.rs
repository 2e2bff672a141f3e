//! What slurmctld keeps of a job that waits, read by an agent that may be root. The folder is SlurmUser's, who may have put
//! anything into it: a link to a file of root's, a pipe that is never written to, a file of any size.

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// An environment of more bytes is none.
const MOST_BYTES: u64 = 16 << 20;

/// The file `name` that slurmctld keeps of this job below its `state` folder. No link is followed below that, and a file that
/// whoever made the job's folder did not make is none.
pub(super) fn read(state: &Path, script_id: u64, name: &str) -> io::Result<Vec<u8>> {
    let hash = format!("hash.{}", script_id % 10);
    let folder = [hash, format!("job.{script_id}")]
        .iter()
        .try_fold(root(state)?, |above, name| folder_in(&above, name))?;
    let file = File::from(opened(&folder, name, OFlag::O_NONBLOCK)?);
    let (folder, found) = (File::from(folder).metadata()?, file.metadata()?);
    if !found.is_file() || found.uid() != folder.uid() {
        return Err(io::Error::other("this is no file that slurmctld keeps"));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MOST_BYTES {
        true => Err(io::Error::other("this is too large")),
        false => Ok(bytes),
    }
}

/// Where the admin keeps it, by a link perhaps.
fn root(state: &Path) -> io::Result<OwnedFd> {
    let how = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(open(state, how, Mode::empty())?)
}

fn folder_in(above: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    opened(above, name, OFlag::O_DIRECTORY)
}

fn opened(folder: &OwnedFd, name: &str, more: OFlag) -> io::Result<OwnedFd> {
    let how = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | more;
    Ok(openat(folder, name, how, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir_all, remove_dir_all, remove_file, rename, write};
    use std::os::unix::fs::{chown, symlink};

    #[test]
    fn only_a_file_of_slurmctlds_own_is_read() {
        let (state, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let hash = state.path().join("hash.3");
        let folder = hash.join("job.33");
        let (kept, secret) = (folder.join("environment"), other.path().join("secret"));
        let named = |job: &str| other.path().join(job).join("environment");
        write(&secret, "root's").unwrap();
        create_dir_all(other.path().join("job.33")).unwrap();
        write(named("job.33"), "root's").unwrap();
        type Put<'a> = &'a dyn Fn();
        let file = || write(&kept, "A=b").unwrap();
        let link = || symlink(&secret, &kept).unwrap();
        let pipe = || nix::unistd::mkfifo(&kept, Mode::S_IRWXU).unwrap();
        let large = || {
            let file = File::create(&kept).unwrap();
            file.set_len(MOST_BYTES + 1).unwrap();
        };
        let deep = || create_dir_all(&kept).unwrap();
        let linked_job = || {
            remove_dir_all(&folder).unwrap();
            symlink(other.path().join("job.33"), &folder).unwrap();
        };
        let linked_hash = || {
            remove_dir_all(&hash).unwrap();
            symlink(other.path(), &hash).unwrap();
        };
        let cases: [(&str, Put, bool); 7] = [
            ("a file", &file, true),
            ("a link", &link, false),
            ("a pipe", &pipe, false),
            ("a large file", &large, false),
            ("a folder", &deep, false),
            ("a link for the job's folder", &linked_job, false),
            ("a link for the folder above", &linked_hash, false),
        ];
        for (what, put, is_read) in cases {
            let _a_link = remove_file(&hash);
            let _none_yet = remove_dir_all(&hash);
            create_dir_all(&folder).unwrap();
            put();
            let found = read(state.path(), 33, "environment");
            assert_eq!(found.is_ok(), is_read, "{what}: {found:?}");
        }
        let _a_link = remove_file(&hash);
        create_dir_all(&folder).unwrap();
        file();
        if nix::unistd::geteuid().is_root() {
            chown(&folder, Some(7), None).unwrap();
            assert!(read(state.path(), 33, "environment").is_err(), "root's own");
            chown(&kept, Some(7), None).unwrap();
        }
        let elsewhere = other.path().join("state");
        rename(state.path(), &elsewhere).unwrap();
        symlink(&elsewhere, state.path()).unwrap();
        let found = read(state.path(), 33, "environment").unwrap();
        remove_file(state.path()).unwrap();
        assert_eq!(found, b"A=b", "by a link of the admin's");
    }
}
