//! Reading a snapshot a piece at a time, so that no submission waits for a whole load, and checking it.

use super::{
    CELL, ENTRY, HASH_AT, HEADER, MAGIC, MAX_SIZE, Snapshot, SnapshotError, SnapshotHeader,
    VERSION, hash,
};
use crate::job::directory::{Directory, Watermark};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// A snapshot that is being read, a piece at each call.
pub struct Loading {
    path: PathBuf,
    file: File,
    header: SnapshotHeader,
    bytes: Vec<u8>,
    total: usize,
    hasher: blake3::Hasher,
}

impl Loading {
    /// Opens `path` and reads its header.
    pub fn begin(path: &Path) -> Result<Loading, SnapshotError> {
        let unreadable = |error| SnapshotError::Unreadable(path.into(), error);
        let mut file = File::open(path).map_err(unreadable)?;
        let mut header = SnapshotHeader::new_zeroed();
        file.read_exact(header.as_mut_bytes()).map_err(unreadable)?;
        let total = check(&header).map_err(|what| SnapshotError::Invalid {
            path: path.into(),
            what,
        })?;
        let mut bytes = Vec::with_capacity(total);
        bytes.extend_from_slice(header.as_bytes());
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header.as_bytes()[..HASH_AT]);
        Ok(Loading {
            path: path.into(),
            file,
            header,
            bytes,
            total,
            hasher,
        })
    }

    /// Reads at most `step` bytes more. Returns the snapshot once it is whole and checked.
    pub fn advance(&mut self, step: usize) -> Result<Option<Snapshot>, SnapshotError> {
        let start = self.bytes.len();
        let wanted = step.min(self.total - start);
        let read = (&mut self.file)
            .take(wanted as u64)
            .read_to_end(&mut self.bytes)
            .map_err(|error| SnapshotError::Unreadable(self.path.clone(), error))?;
        self.hasher.update(&self.bytes[start..]);
        if read < wanted {
            return Err(self.invalid("it is cut short"));
        }
        if self.bytes.len() < self.total {
            return Ok(None);
        }
        self.finish().map(Some)
    }

    fn finish(&mut self) -> Result<Snapshot, SnapshotError> {
        if self.hasher.finalize().as_bytes() != &self.header.hash {
            return Err(self.invalid("its checksum is wrong"));
        }
        let bytes = std::mem::take(&mut self.bytes);
        whole(&self.header, bytes).map_err(|what| self.invalid(&what))
    }

    fn invalid(&self, what: &str) -> SnapshotError {
        SnapshotError::Invalid {
            path: self.path.clone(),
            what: what.into(),
        }
    }
}

/// A snapshot whose bytes are all here.
pub(super) fn read(bytes: Vec<u8>) -> Result<Snapshot, String> {
    let cut_short = || "it is cut short".to_owned();
    let (header, content) = SnapshotHeader::read_from_prefix(&bytes).map_err(|_| cut_short())?;
    if check(&header)? != bytes.len() {
        return Err(cut_short());
    }
    if hash(&header, content) != header.hash {
        return Err("its checksum is wrong".into());
    }
    whole(&header, bytes)
}

/// What is in a file that has been checked.
fn whole(header: &SnapshotHeader, bytes: Vec<u8>) -> Result<Snapshot, String> {
    let directory = bytes.len() - header.directory.get() as usize;
    let directory: Directory = serde_json::from_slice(&bytes[directory..])
        .map_err(|error| format!("its directory is broken: {error}"))?;
    Ok(Snapshot {
        entries: header.entries.get() as usize,
        watermark: Watermark {
            jobs: header.jobs.get(),
            shadows: header.shadows.get(),
        },
        looked: header.looked.get(),
        directory,
        bytes,
    })
}

/// Returns the file's size in bytes, or what is wrong.
fn check(header: &SnapshotHeader) -> Result<usize, String> {
    if header.magic != MAGIC {
        return Err("it is no snapshot".into());
    }
    let version = header.version.get();
    if version != VERSION {
        return Err(format!(
            "it has version {version}, this release reads {VERSION}"
        ));
    }
    let (total, directory) = (header.total.get(), u64::from(header.directory.get()));
    let entries = header.entries.get().checked_mul(ENTRY as u64);
    let without_cells = entries.and_then(|size| size.checked_add(HEADER as u64 + directory));
    let cells = without_cells.and_then(|size| total.checked_sub(size));
    if total > MAX_SIZE || cells.is_none_or(|size| size % CELL as u64 != 0) {
        return Err("its header contradicts itself".into());
    }
    Ok(total as usize)
}
