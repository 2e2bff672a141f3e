//! Files that are nobody's business but the agent's: whoever may open a file may hold a lock on it, and with that
//! stop the agent; and the database holds everybody's jobs.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Others may reach what is named to them in the agent's folder, as the snapshot is, and may not list it.
const FOLDER: u32 = 0o711;
const FILE: u32 = 0o600;

/// Makes the agent's folder, and closes it to others.
pub fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    close(path, FOLDER)
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
        Ok(_) if nix::unistd::geteuid().is_root() => {
            let folder = fs::metadata(path.parent().unwrap_or(Path::new(".")))?;
            chown(path, Some(folder.uid()), Some(folder.gid()))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => close(path, FILE),
        Err(error) => Err(error),
    }
}

/// Closes a database to others, which is made if it is not there yet, and the files that SQLite keeps beside it.
pub fn make_database(path: &Path) -> io::Result<()> {
    make_for_owner_of_folder(path)?;
    for path in beside(path).iter().filter(|path| path.exists()) {
        close(path, FILE)?;
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

/// Closes what an earlier release left open, where it is ours to close.
fn close(path: &Path, mode: u32) -> io::Result<()> {
    let now = fs::metadata(path)?;
    let user = nix::unistd::geteuid();
    if now.mode() & 0o777 & !mode == 0 || !(user.is_root() || user.as_raw() == now.uid()) {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(now.mode() & mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
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
