//! Files that are nobody's business but the agent's: whoever may open a file may hold a lock on it, and with that
//! stop the agent; and the database holds everybody's jobs.

use nix::fcntl::OFlag;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Others may reach what is named to them in the agent's folder, as the snapshot is, and may not list it.
const FOLDER: u32 = 0o711;
const FILE: u32 = 0o600;

/// Makes the agent's folder, and closes it to others.
pub fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    // A site may keep it elsewhere, by a link.
    close(path, OFlag::O_DIRECTORY, FOLDER)
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
            let folder = fs::metadata(path.parent().unwrap_or(Path::new(".")))?;
            fchown(file, Some(folder.uid()), Some(folder.gid()))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            close(path, OFlag::O_NOFOLLOW, FILE)
        }
        Err(error) => Err(error),
    }
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

/// Closes what an earlier release left open, where it is ours to close.
fn close(path: &Path, how: OFlag, mode: u32) -> io::Result<()> {
    let how = (how | OFlag::O_NONBLOCK).bits();
    let file = match OpenOptions::new().read(true).custom_flags(how).open(path) {
        // Another user's.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        other => other?,
    };
    let now = file.metadata()?;
    let user = nix::unistd::geteuid();
    if now.mode() & 0o777 & !mode == 0 || !(user.is_root() || user.as_raw() == now.uid()) {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(now.mode() & mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (other, link) = (dir.path().join("other"), dir.path().join("agent.lock"));
        fs::write(&other, "theirs").unwrap();
        fs::set_permissions(&other, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert!(make_for_owner_of_folder(&link).is_err());
        assert!(open_to_lock(&link).is_err());
        assert_eq!(
            (mode(&other), &*fs::read(&other).unwrap()),
            (0o644, &b"theirs"[..])
        );
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
