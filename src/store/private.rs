//! Files that are nobody's business but the agent's: whoever may open a file may hold a lock on it, and with that
//! stop the agent; and the database holds everybody's jobs.

use nix::fcntl::OFlag;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Others may reach what is named to them in the agent's folder, as the snapshot is, and may not list it.
const FOLDER: u32 = 0o711;
const FILE: u32 = 0o600;

/// Makes the agent's folder, and closes it to others.
pub fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    // A site may keep it elsewhere, by a link.
    close(path, OFlag::empty(), FOLDER)
}

/// Makes a file that is not there yet, and closes it to others. What root makes, by an import or as an agent with
/// shadows, must be writable for an agent that is SlurmUser.
pub fn make_for_owner_of_folder(path: &Path) -> io::Result<()> {
    let new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE)
        .open(path);
    match new {
        // The file itself: the folder's owner may have put something else in its place.
        Ok(file) if nix::unistd::geteuid().is_root() => {
            let folder = fs::metadata(folder_of(path))?;
            fchown(file, Some(folder.uid()), Some(folder.gid()))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            close(path, OFlag::O_NOFOLLOW, FILE)
        }
        Err(error) => Err(error),
    }
}

fn folder_of(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Closes a database to others, which is made if it is not there yet, and the files that SQLite keeps beside it.
pub fn make_database(path: &Path) -> io::Result<()> {
    make_for_owner_of_folder(path)?;
    for path in beside(path).iter().filter(|path| path.exists()) {
        close(path, OFlag::O_NOFOLLOW, FILE)?;
    }
    Ok(())
}

fn beside(database: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|end| {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        name.into()
    })
}

/// Opens a file that is there, to lock it; a link in its place is an error.
pub fn open_to_lock(path: &Path) -> io::Result<File> {
    let as_it_is = OFlag::O_NOFOLLOW.bits();
    OpenOptions::new()
        .write(true)
        .custom_flags(as_it_is)
        .open(path)
}

/// A link in the place of a file.
fn is_a_link(path: &Path) -> io::Error {
    let path = path.display();
    io::Error::other(format!(
        "{path} is a link, which root does not follow in a folder of another user's: let state_dir be the folder that it leads to"
    ))
}

/// Closes what an earlier release left open, where it is ours to close. By a descriptor for nothing else: closing another one
/// of a database would give up SQLite's locks on it.
fn close(path: &Path, links: OFlag, mode: u32) -> io::Result<()> {
    let user = nix::unistd::geteuid();
    let links = if user.is_root() {
        links
    } else {
        OFlag::empty()
    };
    let how = (links | OFlag::O_PATH).bits();
    let file = OpenOptions::new().read(true).custom_flags(how).open(path)?;
    let now = file.metadata()?;
    if now.is_symlink() {
        return Err(is_a_link(path));
    }
    if now.mode() & 0o777 & !mode == 0 || !(user.is_root() || user.as_raw() == now.uid()) {
        return Ok(());
    }
    let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
    fs::set_permissions(itself, Permissions::from_mode(now.mode() & mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn root_follows_no_link_in_the_place_of_a_file_and_another_user_leads_himself_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (other, link) = (dir.path().join("other"), dir.path().join("agent.lock"));
        fs::write(&other, "theirs").unwrap();
        fs::set_permissions(&other, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let is_root = nix::unistd::geteuid().is_root();
        let made = make_for_owner_of_folder(&link);
        assert_eq!(made.is_err(), is_root, "{made:?}");
        assert!(open_to_lock(&link).is_err());
        assert_eq!(fs::read(&other).unwrap(), b"theirs");
        assert_eq!(mode(&other), if is_root { 0o644 } else { 0o600 });
    }

    #[test]
    fn a_file_without_a_folder_lies_in_this_one() {
        assert_eq!(folder_of(Path::new("jobs.db")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/jobs.db")), Path::new("a"));
    }

    #[test]
    fn nobody_else_opens_a_lock_be_it_new_or_an_earlier_releases() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join("agent.lock");
        for left_as in [None, Some(0o644), Some(0o666)] {
            if let Some(mode) = left_as {
                fs::set_permissions(&lock, Permissions::from_mode(mode)).unwrap();
            }
            make_for_owner_of_folder(&lock).unwrap();
            assert_eq!(mode(&lock), 0o600, "{left_as:?}");
        }
    }

    #[test]
    fn nobody_else_opens_the_database_or_lists_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        // As an earlier release left it.
        let path = folder.join("jobs.db");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        make_folder(&folder).unwrap();
        let store = Store::open(&path).unwrap();
        store.set_progress("a", 1).unwrap();
        assert_eq!((mode(&folder), mode(&path)), (0o711, 0o600));
        for path in beside(&path) {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}
