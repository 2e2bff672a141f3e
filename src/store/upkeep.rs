//! The database as a file: is it whole, copied, brought back, made smaller, handed to others.
//!
//! Nothing in it is lost for good: what jobs used is in accounting, and what was decided in their
//! AdminComment. `rebuild` begins anew and lets the agent read both again.

use super::{Filter, Store};
use anyhow::{Context, Result, bail};
use rusqlite::{Connection, OpenFlags};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What `PRAGMA integrity_check` says of a whole file.
const WHOLE: &str = "ok";

const COLUMNS: &str = "JobID,Submit,Start,End,State,JobName,User,Account,Partition,NNodes,AllocCPUS,MemBytes,PeakBytes,Cores,ElapsedSeconds,Fingerprint";

/// Every problem that SQLite finds in the file; none if it is whole.
pub fn check(path: &Path) -> Result<Vec<String>> {
    let place = || path.display().to_string();
    if !path.exists() {
        bail!("{}: there is no database", place());
    }
    let db =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).with_context(place)?;
    let problems = || -> rusqlite::Result<Vec<String>> {
        let mut query = db.prepare("PRAGMA integrity_check")?;
        query.query_map([], |row| row.get(0))?.collect()
    };
    // A file that is no database at all cannot even be asked.
    let found = problems().unwrap_or_else(|error| vec![error.to_string()]);
    Ok(found.into_iter().filter(|line| line != WHOLE).collect())
}

/// Writes a copy while others read and write; never over a file that is there.
pub fn backup(path: &Path, to: &Path) -> Result<()> {
    let problems = check(path)?;
    if let Some(first) = problems.first() {
        bail!("{}: damaged, so it is no backup: {first}", path.display());
    }
    if to.exists() {
        bail!("{}: is there already; name another file", to.display());
    }
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let to_text = to.to_str().context("a file name that is not UTF-8")?;
    // The copy is as private as the database: VACUUM takes an empty file for none.
    super::private::make_for_owner_of_folder(to).with_context(|| to.display().to_string())?;
    db.execute("VACUUM INTO ?", [to_text])
        .with_context(|| to.display().to_string())?;
    Ok(())
}

/// Puts a backup in the place of the database, which is kept beside it. Returns where. The agent must not
/// be at work; with the next pass it reads from accounting what the backup does not have.
pub fn restore(path: &Path, from: &Path) -> Result<Option<PathBuf>> {
    let problems = check(from)?;
    if let Some(first) = problems.first() {
        bail!("{}: damaged, too: {first}", from.display());
    }
    let kept = set_aside(path)?;
    super::private::make_for_owner_of_folder(path)?;
    std::fs::write(path, std::fs::read(from)?).with_context(|| path.display().to_string())?;
    Ok(kept)
}

/// Begins anew. The old file is kept beside; returns where. The agent's next pass reads its `lookback_days`
/// from accounting; `shadowfit import` takes more.
pub fn rebuild(path: &Path) -> Result<Option<PathBuf>> {
    let kept = set_aside(path)?;
    Store::open(path)?;
    Ok(kept)
}

/// A database and the two files that SQLite keeps beside it.
fn set_aside(path: &Path) -> Result<Option<PathBuf>> {
    if !path.exists() {
        return Ok(None);
    }
    let free = |n: &u32| !path.with_extension(format!("db.old{n}")).exists();
    let number = (1..1000)
        .find(free)
        .context("a thousand old databases lie there; remove some")?;
    let kept = path.with_extension(format!("db.old{number}"));
    for end in ["", "-wal", "-shm"] {
        let with_end = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        if with_end(path).exists() {
            std::fs::rename(with_end(path), with_end(&kept))?;
        }
    }
    Ok(Some(kept))
}

impl Store {
    /// Gives back the space of what is gone.
    pub fn vacuum(&self) -> Result<()> {
        Ok(self.db.execute_batch("VACUUM")?)
    }

    /// Writes every run as CSV, with a header. Returns how many.
    pub fn export(&self, out: impl Write) -> Result<usize> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(COLUMNS.split(','))?;
        let (mut count, mut failure) = (0, None);
        self.each_job(&Filter::default(), |job, key| {
            let number = |value: Option<u64>| value.map_or(String::new(), |v| v.to_string());
            let written = rows.write_record([
                job.label,
                job.submitted.to_string(),
                job.started.to_string(),
                job.ended.to_string(),
                job.state,
                job.name,
                job.user,
                job.account,
                job.partition,
                job.nodes.to_string(),
                job.cpus.to_string(),
                number(job.memory),
                number(job.usage.peak_bytes),
                job.usage
                    .cores
                    .map_or(String::new(), |cores| cores.to_string()),
                job.usage.elapsed_s.to_string(),
                key.map_or(String::new(), |key| key.to_string()),
            ]);
            count += 1;
            failure = failure.take().or(written.err());
        })?;
        rows.flush()?;
        match failure {
            Some(error) => Err(error.into()),
            None => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Kind;
    use crate::record::tests::finished;

    fn filled(path: &Path, count: u64) -> Store {
        let mut store = Store::open(path).unwrap();
        let jobs: Vec<_> = (0..count)
            .map(|n| (finished(n, n as i64, 100), Kind::default()))
            .collect();
        store.insert(&jobs).unwrap();
        store
    }

    #[test]
    fn a_damaged_file_is_found_and_brought_back_from_its_backup() {
        let dir = tempfile::tempdir().unwrap();
        let (path, copy) = (dir.path().join("jobs.db"), dir.path().join("copy.db"));
        drop(filled(&path, 500));
        assert_eq!(check(&path).unwrap(), Vec::<String>::new());
        backup(&path, &copy).unwrap();
        assert!(backup(&path, &copy).is_err(), "over a file that is there");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[5000..9000].fill(0x5a);
        std::fs::write(&path, bytes).unwrap();
        assert!(!check(&path).unwrap().is_empty());
        assert!(backup(&path, &dir.path().join("bad.db")).is_err());
        let kept = restore(&path, &copy).unwrap().unwrap();
        assert!(kept.exists() && check(&path).unwrap().is_empty());
        let mut text = Vec::new();
        assert_eq!(Store::open(&path).unwrap().export(&mut text).unwrap(), 500);
        assert_eq!(String::from_utf8(text).unwrap().lines().count(), 501);
    }

    #[test]
    fn a_rebuilt_one_begins_anew_and_keeps_the_old() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jobs.db");
        drop(filled(&path, 3));
        std::fs::write(&path, b"no database").unwrap();
        assert!(!check(&path).unwrap().is_empty());
        assert!(rebuild(&path).unwrap().unwrap().exists());
        assert_eq!(Store::open(&path).unwrap().watermark().unwrap().jobs, 0);
    }
}
