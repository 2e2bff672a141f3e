//! Reading a snapshot a piece at a time, so that no submission waits for a whole load, and checking it.

use super::{
    CELL, ENTRY, HASH_AT, HEADER, MAGIC, MAX_SIZE, Snapshot, SnapshotError, VERSION, u32_at, u64_at,
};
use crate::job::directory::{Directory, Watermark};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A snapshot that is being read, a piece at each call.
pub struct Loading {
    path: PathBuf,
    file: File,
    bytes: Vec<u8>,
    total: usize,
    hasher: blake3::Hasher,
}

impl Loading {
    /// Opens `path` and reads its header.
    pub fn begin(path: &Path) -> Result<Loading, SnapshotError> {
        let unreadable = |error| SnapshotError::Unreadable(path.into(), error);
        let mut file = File::open(path).map_err(unreadable)?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(unreadable)?;
        let total = check_header(&header).map_err(|what| SnapshotError::Invalid {
            path: path.into(),
            what,
        })?;
        let mut bytes = Vec::with_capacity(total);
        bytes.extend_from_slice(&header);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header[..HASH_AT]);
        Ok(Loading {
            path: path.into(),
            file,
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
        if self.hasher.finalize().as_bytes() != &self.bytes[HASH_AT..HEADER] {
            return Err(self.invalid("its checksum is wrong"));
        }
        let tail = u32_at(&self.bytes, 12) as usize;
        let directory: Directory = serde_json::from_slice(&self.bytes[self.total - tail..])
            .map_err(|error| self.invalid(&format!("its directory is broken: {error}")))?;
        Ok(Snapshot {
            entries: u64_at(&self.bytes, 24) as usize,
            watermark: Watermark {
                jobs: u64_at(&self.bytes, 32) as i64,
                shadows: u64_at(&self.bytes, 40) as i64,
            },
            directory,
            bytes: std::mem::take(&mut self.bytes),
        })
    }

    fn invalid(&self, what: &str) -> SnapshotError {
        SnapshotError::Invalid {
            path: self.path.clone(),
            what: what.into(),
        }
    }
}

/// Returns the file's size in bytes, or what is wrong.
fn check_header(header: &[u8; HEADER]) -> Result<usize, String> {
    if &header[..8] != MAGIC {
        return Err("it is no snapshot".into());
    }
    let version = u32_at(header, 8);
    if version != VERSION {
        return Err(format!(
            "it has version {version}, this release reads {VERSION}"
        ));
    }
    let (tail, total, entries) = (u32_at(header, 12), u64_at(header, 16), u64_at(header, 24));
    let without_cells = entries
        .checked_mul(ENTRY as u64)
        .and_then(|size| size.checked_add(HEADER as u64 + u64::from(tail)));
    let cells = without_cells.and_then(|size| total.checked_sub(size));
    if total > MAX_SIZE || cells.is_none_or(|size| size % CELL as u64 != 0) {
        return Err("its header contradicts itself".into());
    }
    Ok(total as usize)
}
