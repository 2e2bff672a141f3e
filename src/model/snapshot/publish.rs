//! A new file in the place of an old one: readers see the one or the other. Nothing that slurmctld loads writes.

use super::Snapshot;
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::Builder;

impl Snapshot {
    /// Writes `bytes` beside `path` and renames them into place. After an error nothing is left beside it.
    pub fn publish(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let new = path.with_extension("new");
        // An agent that was killed here may have left its own, and have been another user.
        let _nothing_there = std::fs::remove_file(&new);
        let folder = new.parent().unwrap_or(Path::new(""));
        // One name, so that they do not pile up where agents are killed.
        let mut file = Builder::new()
            .prefix(new.file_name().unwrap_or_default())
            .rand_bytes(0)
            .tempfile_in(folder)?;
        // slurmctld and whoever asks for a prediction read it, whatever the umask is here.
        file.as_file()
            .set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn readers_find_the_old_file_or_the_new_one_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("snapshot"), dir.path().join("other"));
        fs::write(&other, "theirs").unwrap();
        // What an agent that was killed, or somebody else, has left.
        std::os::unix::fs::symlink(&other, dir.path().join("snapshot.new")).unwrap();
        for content in [b"first".as_slice(), b"second"] {
            let old = fs::File::open(&path).ok();
            Snapshot::publish(&path, content).unwrap();
            assert_eq!(fs::read(&path).unwrap(), content);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o644);
            // Whoever has the old one open goes on reading that.
            let old = old.map(|file| std::io::read_to_string(file).unwrap());
            assert_eq!(old, (content == b"second").then(|| "first".to_owned()));
        }
        assert_eq!(fs::read(&other).unwrap(), b"theirs");
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        assert!(Snapshot::publish(&folder, b"third").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }
}
