//! The descriptors of a job's processes, read from /proc under a root path: each process may have half a million, so that all
//! who read them at one look share what may be read.

use super::folder::open;
use procfs::process::{FDTarget, Process};
use std::cell::{Cell, OnceCell};
use std::collections::HashSet;
use std::path::Path;

/// Processes of a job that are looked at.
pub const MAX_PROCESSES: usize = 256;

/// Of one process so many are read, and of all of them at one look.
const MOST_OF_A_PROCESS: usize = 4096;
const MOST_OF_A_LOOK: usize = 4 * MOST_OF_A_PROCESS;

/// What is read of them at one look.
pub struct Descriptors<'a> {
    proc: &'a Path,
    ids: &'a [u32],
    left: Cell<usize>,
    sockets: OnceCell<Sockets>,
}

/// The sockets that processes hold.
#[derive(Debug, Default, PartialEq)]
pub struct Sockets {
    /// Their inodes.
    pub inodes: HashSet<u64>,
    /// There were more descriptors than are read: some of them may be missing.
    pub is_cut: bool,
}

impl<'a> Descriptors<'a> {
    /// Those of these processes, of which no more than [`MAX_PROCESSES`] are looked at; `proc` is `/proc`.
    pub fn of(proc: &'a Path, ids: &'a [u32]) -> Descriptors<'a> {
        Descriptors {
            proc,
            ids: &ids[..ids.len().min(MAX_PROCESSES)],
            left: Cell::new(MOST_OF_A_LOOK),
            sockets: OnceCell::new(),
        }
    }

    /// The processes.
    pub fn processes(&self) -> &'a [u32] {
        self.ids
    }

    /// One more may be read.
    pub fn take_one(&self) -> bool {
        self.take(1) == 1
    }

    /// So many may be read, of these.
    fn take(&self, wanted: usize) -> usize {
        let taken = wanted.min(self.left.get());
        self.left.set(self.left.get() - taken);
        taken
    }

    /// The sockets among them, looked for once.
    pub fn sockets(&self) -> &Sockets {
        self.sockets.get_or_init(|| {
            let mut found = Sockets::default();
            let processes = self.ids.iter().filter_map(|&id| open(self.proc, id));
            processes.for_each(|process| self.look_at(&process, &mut found));
            found
        })
    }

    fn look_at(&self, process: &Process, found: &mut Sockets) {
        // Whatever cannot be read has just ended.
        let Ok(files) = process.fd() else { return };
        for (seen, file) in files.enumerate() {
            if seen >= MOST_OF_A_PROCESS || !self.take_one() {
                found.is_cut = true;
                return;
            }
            if let Ok(FDTarget::Socket(inode)) = file.map(|file| file.target) {
                found.inodes.insert(inode);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Processes that have so many sockets each.
    fn node(counts: &[usize]) -> (tempfile::TempDir, Vec<u32>) {
        let dir = tempfile::tempdir().unwrap();
        for (id, &count) in counts.iter().enumerate() {
            let fd = dir.path().join(id.to_string()).join("fd");
            std::fs::create_dir_all(&fd).unwrap();
            for number in 0..count {
                let inode = id * 100_000 + number;
                symlink(format!("socket:[{inode}]"), fd.join(number.to_string())).unwrap();
            }
        }
        (dir, (0..counts.len() as u32).collect())
    }

    #[test]
    fn all_sockets_are_found_up_to_a_bound_for_each_process_and_for_a_look() {
        let (one, all) = (MOST_OF_A_PROCESS, MOST_OF_A_LOOK);
        let cases: [(&[usize], usize, bool); 5] = [
            (&[], 0, false),
            (&[3, 0, 2], 5, false),
            (&[one], one, false),
            (&[one + 1, 1], one + 1, true),
            (&[one, one, one, one, 5], all, true),
        ];
        for (counts, found, is_cut) in cases {
            let (dir, ids) = node(counts);
            let descriptors = Descriptors::of(dir.path(), &ids);
            let sockets = descriptors.sockets();
            assert_eq!((sockets.inodes.len(), sockets.is_cut), (found, is_cut));
            // Others who read descriptors at this look have what is left.
            let left = (0..all).take_while(|_| descriptors.take_one()).count();
            assert_eq!(left, all - found, "{counts:?}");
        }
    }
}
