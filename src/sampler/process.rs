//! Processes, read from /proc under a root path.

use super::descriptors::{Descriptors, MAX_PROCESSES};
use super::folder::open;
use super::stats::total;
use nix::errno::Errno;
use procfs::process::Process;
use std::collections::HashMap;
use std::hash::Hash;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Open files of a process that are looked at closely.
const MAX_FILES: usize = 64;
/// Processes and input files that are remembered: a job may go on to ever new ones for as long as it runs.
const MOST_REMEMBERED: usize = 16_384;
/// Smaller files are configuration, not input, in bytes.
const LEAST_INPUT: u64 = 1 << 20;

/// Memory of a process that has no file to fall back on, in bytes, what it shares with others by a fork included; 0 of one that is gone,
/// `None` where it does not tell. `proc` is `/proc`.
pub fn anonymous(proc: &Path, process: u32) -> Option<u64> {
    let status = match std::fs::read(proc.join(process.to_string()).join("status")) {
        Err(error) if is_end(&error) => return Some(0),
        // A name in it may be cut in the middle of a character.
        read => String::from_utf8_lossy(&read.ok()?).into_owned(),
    };
    // One that has ended has none.
    let Some(value) = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
    else {
        return Some(0);
    };
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib.saturating_mul(1024))
}

fn is_end(error: &std::io::Error) -> bool {
    [Errno::ENOENT, Errno::ESRCH]
        .iter()
        .any(|end| error.raw_os_error() == Some(*end as i32))
}

/// What a process did by itself until it was last looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deeds {
    /// Page faults.
    pub faults: u64,
    /// Context switches.
    pub switches: u64,
}

/// What processes read and wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transfers {
    /// Bytes by system calls, and from storage.
    pub read: [u64; 2],
    /// Bytes by system calls, and to storage.
    pub written: [u64; 2],
    /// Read and write calls.
    pub calls: [u64; 2],
}

impl Transfers {
    fn bytes(&self) -> u64 {
        self.read[0].saturating_add(self.written[0])
    }

    fn combine(&mut self, other: &Transfers, with: fn(u64, u64) -> u64) {
        for which in 0..2 {
            self.read[which] = with(self.read[which], other.read[which]);
            self.written[which] = with(self.written[which], other.written[which]);
            self.calls[which] = with(self.calls[which], other.calls[which]);
        }
    }
}

/// The processes of a job, those that have ended included.
pub struct Processes {
    proc: PathBuf,
    deeds: HashMap<u32, Deeds>,
    transfers: Transfers,
    moved: u64,
    /// The parent of the job's first process, and what that had read and written before the job did.
    parent: Option<(u32, Transfers)>,
    inputs: HashMap<(u64, u64), Input>,
    mapped: u64,
}

/// How far a file has been read, and its size, in bytes.
#[derive(Clone, Copy, Default)]
struct Input {
    position: u64,
    size: u64,
}

impl Processes {
    /// Nothing seen yet; `proc` is `/proc`.
    pub fn new(proc: &Path) -> Processes {
        Processes {
            proc: proc.into(),
            deeds: HashMap::new(),
            transfers: Transfers::default(),
            moved: 0,
            parent: None,
            inputs: HashMap::new(),
            mapped: 0,
        }
    }

    /// Looks at what these processes, all that there are, read and wrote. The kernel adds what a process did
    /// to its parent's, once that has waited for it: the sum over those that live is the sum over all.
    pub fn look_at_transfers(&mut self, ids: &[u32]) {
        let mut now = Transfers::default();
        for id in ids.iter().take(MAX_PROCESSES) {
            let one = self.transfers_of(*id).unwrap_or_default();
            now.combine(&one, u64::saturating_add);
        }
        // Between a process's end and its parent's wait, a part of it is nowhere.
        self.transfers.combine(&now, u64::max);
        let of_ended = self.parent.and_then(|(parent, before)| {
            let mut since = self.transfers_of(parent)?;
            since.combine(&before, u64::saturating_sub);
            Some(since.bytes())
        });
        self.moved = self
            .moved
            .max(now.bytes().saturating_add(of_ended.unwrap_or(0)));
    }

    /// Bytes that have been read and written at most, those between the last look and the end included.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Counts what the parent of `first`, the job's first process, is given when it has waited for that: no
    /// look sees what a job did between the look before and its end.
    pub fn count_in_parent_of(&mut self, first: i32) {
        let process = open(&self.proc, first as u32);
        let parent = process.and_then(|process| Some(process.stat().ok()?.ppid as u32));
        self.parent = parent.and_then(|parent| Some((parent, self.transfers_of(parent)?)));
    }

    fn transfers_of(&self, id: u32) -> Option<Transfers> {
        let io = open(&self.proc, id)?.io().ok()?;
        Some(Transfers {
            read: [io.rchar, io.read_bytes],
            written: [io.wchar, io.write_bytes],
            calls: [io.syscr, io.syscw],
        })
    }

    /// What all of them read and wrote.
    pub fn transfers(&self) -> Transfers {
        self.transfers
    }

    /// Looks at these processes closely.
    pub fn look(&mut self, look: &Descriptors) {
        let mut mapped = 0;
        for &id in look.processes() {
            // Whatever cannot be read has just ended.
            let Some(process) = open(&self.proc, id) else {
                continue;
            };
            if let Some((deeds, address_space)) = deeds(&process) {
                if let Some(known) = place(&mut self.deeds, id) {
                    *known = deeds;
                }
                mapped = total([mapped, address_space]);
            }
            self.look_at_files(id, look);
        }
        self.mapped = self.mapped.max(mapped);
    }

    fn look_at_files(&mut self, id: u32, look: &Descriptors) {
        let folder = self.proc.join(id.to_string());
        let files = std::fs::read_dir(folder.join("fdinfo"));
        for file in files.into_iter().flatten().flatten().take(MAX_FILES) {
            if !look.take_one() {
                return;
            }
            let Some((identity, seen)) = input(&folder, &file.path()) else {
                continue;
            };
            let Some(known) = place(&mut self.inputs, identity) else {
                continue;
            };
            known.position = known.position.max(seen.position);
            known.size = known.size.max(seen.size);
        }
    }

    /// Everything done by all of them.
    pub fn deeds(&self) -> Deeds {
        let sum = |of: fn(&Deeds) -> u64| total(self.deeds.values().map(of));
        Deeds {
            faults: sum(|deeds| deeds.faults),
            switches: sum(|deeds| deeds.switches),
        }
    }

    /// Largest address space of all together, in bytes.
    pub fn mapped(&self) -> u64 {
        self.mapped
    }

    /// The share of the input files that has been read, and their size in bytes.
    pub fn input(&self) -> Option<(f32, u64)> {
        let inputs = || self.inputs.values();
        let size = total(inputs().map(|input| input.size));
        let read = total(inputs().map(|input| input.position.min(input.size)));
        (size > 0).then(|| ((read as f64 / size as f64) as f32, size))
    }
}

/// Where what is known of one is remembered; `None` for another one where there is no more room.
fn place<Name: Eq + Hash, Known: Default>(
    all: &mut HashMap<Name, Known>,
    name: Name,
) -> Option<&mut Known> {
    let has_room = all.len() < MOST_REMEMBERED || all.contains_key(&name);
    has_room.then(|| all.entry(name).or_default())
}

fn deeds(process: &Process) -> Option<(Deeds, u64)> {
    let (stat, status) = (process.stat().ok()?, process.status().ok()?);
    let switches = [
        status.voluntary_ctxt_switches,
        status.nonvoluntary_ctxt_switches,
    ];
    let deeds = Deeds {
        faults: total([stat.minflt, stat.majflt]),
        switches: total(switches.into_iter().flatten()),
    };
    Some((deeds, stat.vsize))
}

/// A large file that is open for reading only.
fn input(folder: &Path, fdinfo: &Path) -> Option<((u64, u64), Input)> {
    let text = std::fs::read_to_string(fdinfo).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let flags = u32::from_str_radix(field("flags:")?.trim(), 8).ok()?;
    if flags & 3 != 0 {
        return None;
    }
    let file = std::fs::metadata(folder.join("fd").join(fdinfo.file_name()?)).ok()?;
    let seen = Input {
        position: field("pos:")?.trim().parse().ok()?,
        size: file.len(),
    };
    (file.is_file() && seen.size >= LEAST_INPUT).then_some(((file.dev(), file.ino()), seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_with_the_input_it_reads() {
        use std::fs::File;
        use std::io::Read;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("reads.fastq");
        std::fs::write(&path, vec![0; 4 << 20]).unwrap();
        let mut file = File::open(&path).unwrap();
        file.read_exact(&mut vec![0; 1 << 20]).unwrap();
        let mut processes = Processes::new(Path::new("/proc"));
        let own = [std::process::id()];
        processes.look(&Descriptors::of(Path::new("/proc"), &own));
        processes.look_at_transfers(&[std::process::id()]);
        let (share, size) = processes.input().unwrap();
        assert!(size >= 4 << 20 && share > 0.0, "{share} of {size}");
        assert!(processes.transfers().read[0] >= 1 << 20);
        assert!(processes.mapped() > 1 << 20);
    }

    #[test]
    fn of_ever_new_ones_no_more_are_remembered_than_there_is_room_for() {
        let mut all = HashMap::new();
        for name in 0..2 * MOST_REMEMBERED {
            if let Some(known) = place(&mut all, name) {
                *known = name;
            }
        }
        assert_eq!(all.len(), MOST_REMEMBERED);
        assert_eq!(place(&mut all, 7).copied(), Some(7));
        assert_eq!(place(&mut all, MOST_REMEMBERED), None);
    }
}
