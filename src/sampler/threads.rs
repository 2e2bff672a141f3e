//! Threads, and how long they wait for a CPU, read from /proc under a root path.

use nix::sys::resource::{Resource, getrlimit};
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Threads whose schedstat is kept open at the same time; of more, the rest is not waited for.
const MAX_THREADS: usize = 4096;

/// Of the files that this process may open, so many are for all else: whoever has more threads than that takes from them
/// neither the looks at a job nor the end of a shadow.
const KEPT_FOR_OTHERS: u64 = 512;

/// How long the threads of a job waited for a CPU: what is missing between the CPUs they had and
/// the CPUs they would have kept busy.
pub struct Threads {
    proc: PathBuf,
    open: HashMap<u32, Thread>,
    most_open: usize,
    waited_ns: u64,
    /// Those that have ended meanwhile: what they had done since [`Threads::waited_within`] was last asked, and their room.
    ended: Vec<(Stretch, u64)>,
}

/// Time waited for a CPU, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Waited {
    /// In the time that was asked for.
    pub within: f64,
    /// In the time that was asked for before.
    pub before: f64,
}

struct Thread {
    schedstat: File,
    now: Stretch,
    before: Stretch,
    /// For how long of the time before, in nanoseconds, it is not known to have run or waited.
    room: u64,
    seen: bool,
}

/// Time in which a thread ran, and in which it waited for a CPU, in nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Stretch {
    ran: u64,
    waited: u64,
}

impl Stretch {
    fn since(self, before: Stretch) -> Stretch {
        Stretch {
            ran: self.ran.saturating_sub(before.ran),
            waited: self.waited.saturating_sub(before.waited),
        }
    }

    /// How much of a wait that ended in the last `all` nanoseconds can have been within them, and how much in the time before,
    /// of which there is `room`.
    fn waited(self, all: u64, room: u64) -> [u64; 2] {
        let within = self.waited.min(all.saturating_sub(self.ran));
        [within, (self.waited - within).min(room)]
    }
}

impl Threads {
    /// Nothing seen yet; `proc` is `/proc`.
    pub fn new(proc: &Path) -> Threads {
        Threads {
            proc: proc.into(),
            open: HashMap::new(),
            most_open: most_open(getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(now, _)| now)),
            waited_ns: 0,
            ended: Vec::new(),
        }
    }

    /// Looks at these threads. A file stays open as long as its thread lives: reading it again costs
    /// a tenth of finding it again.
    pub fn look(&mut self, ids: &[u32]) {
        for thread in self.open.values_mut() {
            thread.seen = false;
        }
        for &id in ids {
            if let Some(now) = self.stretch(id) {
                let thread = self.open.get_mut(&id).expect("opened by stretch()");
                self.waited_ns += now.since(thread.now).waited;
                thread.now = now;
                thread.seen = true;
            }
        }
        let ended = self.open.extract_if(|_, thread| !thread.seen);
        self.ended
            .extend(ended.map(|(_, thread)| (thread.now.since(thread.before), thread.room)));
    }

    fn stretch(&mut self, id: u32) -> Option<Stretch> {
        if !self.open.contains_key(&id) {
            if self.open.len() >= self.most_open {
                return None;
            }
            let schedstat = File::open(self.proc.join(format!("{id}/schedstat"))).ok()?;
            let thread = Thread {
                schedstat,
                now: Stretch::default(),
                before: Stretch::default(),
                room: 0,
                seen: true,
            };
            self.open.insert(id, thread);
        }
        let mut text = [0; 96];
        let length = self.open[&id].schedstat.read_at(&mut text, 0).ok()?;
        let text = str::from_utf8(&text[..length]).ok()?;
        let mut numbers = text.split_ascii_whitespace().map(str::parse);
        Some(Stretch {
            ran: numbers.next()?.ok()?,
            waited: numbers.next()?.ok()?,
        })
    }

    /// Time waited for a CPU by all threads so far, in seconds.
    pub fn waited_s(&self) -> f64 {
        self.waited_ns as f64 / 1e9
    }

    /// The same in the last `seconds` alone, since this was last asked. The kernel reports a wait when it is over: it may have
    /// begun before, and no thread both ran and waited.
    pub fn waited_within(&mut self, seconds: f64) -> Waited {
        let all = (seconds * 1e9) as u64;
        let alive = self.open.values_mut().map(|thread| {
            let since = thread.now.since(thread.before);
            let room = thread.room;
            thread.before = thread.now;
            thread.room = all.saturating_sub(since.ran.saturating_add(since.waited));
            (since, room)
        });
        let threads = alive.chain(self.ended.drain(..));
        let mut sums = [0u64; 2];
        for (stretch, room) in threads {
            let waited = stretch.waited(all, room);
            sums = [0, 1].map(|which| sums[which].saturating_add(waited[which]));
        }
        let [within, before] = sums.map(|ns| ns as f64 / 1e9);
        Waited { within, before }
    }
}

/// How many threads are looked at by a process that may open so many files.
fn most_open(files: u64) -> usize {
    let left = files.saturating_sub(KEPT_FOR_OTHERS);
    usize::try_from(left).map_or(MAX_THREADS, |left| left.min(MAX_THREADS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_leave_files_for_all_else() {
        for (files, threads) in [
            (0, 0),
            (512, 0),
            (1024, 512),
            (4096, 3584),
            (524_288, MAX_THREADS),
            (u64::MAX, MAX_THREADS),
        ] {
            assert_eq!(most_open(files), threads, "{files}");
        }
        let proc = tempfile::tempdir().unwrap();
        let mut threads = Threads::new(proc.path());
        threads.most_open = 2;
        for id in 1..=5 {
            std::fs::create_dir(proc.path().join(id.to_string())).unwrap();
            std::fs::write(proc.path().join(format!("{id}/schedstat")), "5 7 2\n").unwrap();
        }
        threads.look(&[1, 2, 3, 4, 5]);
        assert_eq!((threads.open.len(), threads.waited_ns), (2, 14));
    }

    #[test]
    fn waiting_is_summed_over_threads_that_come_and_go() {
        let proc = tempfile::tempdir().unwrap();
        let write = |id: u32, waited: u64| {
            let folder = proc.path().join(id.to_string());
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("schedstat"), format!("5 {waited} 2\n")).unwrap();
        };
        let mut threads = Threads::new(proc.path());
        write(1, 1_000_000_000);
        threads.look(&[1, 99]);
        write(1, 3_000_000_000);
        write(2, 500_000_000);
        threads.look(&[1, 2]);
        threads.look(&[2]);
        assert_eq!(threads.waited_s(), 3.5);
    }

    #[test]
    fn a_wait_counts_in_the_time_in_which_it_can_have_been() {
        let proc = tempfile::tempdir().unwrap();
        let write = |id: u32, ran_s: f64, waited_s: f64| {
            let folder = proc.path().join(id.to_string());
            std::fs::create_dir_all(&folder).unwrap();
            let [ran, waited] = [ran_s, waited_s].map(|seconds| (seconds * 1e9) as u64);
            std::fs::write(folder.join("schedstat"), format!("{ran} {waited} 2\n")).unwrap();
        };
        let mut threads = Threads::new(proc.path());
        let waited = |within, before| Waited { within, before };
        // One that waited for an hour and then ran; one that did both; one that is gone before it is asked.
        for (id, ran_s, waited_s) in [(1, 0.25, 3600.0), (2, 0.25, 0.25), (3, 0.0, 7.0)] {
            write(id, ran_s, waited_s);
        }
        threads.look(&[1, 2, 3]);
        threads.look(&[1, 2]);
        assert_eq!(threads.waited_within(1.0), waited(0.75 + 0.25 + 1.0, 0.0));
        // Half a second of what the second one waited is of the time before.
        write(2, 0.75, 1.25);
        threads.look(&[1, 2]);
        assert_eq!(threads.waited_within(1.0), waited(0.5, 0.5));
        assert_eq!(threads.waited_within(1.0), waited(0.0, 0.0));
        assert_eq!(threads.waited_s(), 3600.0 + 1.25 + 7.0);
    }
}
