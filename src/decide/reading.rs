//! What a script says, read once: the program that it runs, what that relies on, and who wrote it.
//!
//! Scripts come again and again: of arrays' siblings, of a loop around sbatch, of last night's run. What was read of the
//! last of them is kept, since somebody waits for each reading.

use super::managers;
use crate::config::Manager;
use crate::fingerprint::Program;
use crate::job::Request;
use crate::relies::{AskedCpus, Floor, names_a_launcher};
use std::sync::{Arc, Mutex, TryLockError};
use xxhash_rust::xxh3::xxh3_64;

/// So many scripts are remembered.
const REMEMBERED: usize = 64;

/// No more of a script is read, in bytes, and remembered: all of them together take 4 MiB at most.
pub(super) const MOST_READ: usize = 64 << 10;

/// What a script says.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What it runs.
    pub program: Program,
    /// What that relies on.
    pub floor: Floor,
    /// The workflow manager that wrote it.
    pub manager: Option<Manager>,
    /// It may start steps.
    pub steps: bool,
}

impl Reading {
    /// Reads the script of a request.
    pub fn of(request: &Request) -> Reading {
        let script = what_is_read(request);
        Reading {
            program: Program::of(script),
            floor: Floor::of(script, asked(request)),
            manager: managers::of_script(script),
            steps: names_a_launcher(script),
        }
    }
}

/// What was read of the last scripts.
#[derive(Default)]
pub struct LastScripts(Mutex<Vec<Option<Remembered>>>);

/// A script is known again by every byte that is read of it: by a hash alone, one user could make another's be taken for his
/// own.
struct Remembered {
    script: Box<[u8]>,
    asked: AskedCpus,
    reading: Arc<Reading>,
}

impl LastScripts {
    /// What the script of a request says. Nobody waits for another who looks at the same time.
    pub fn read(&self, request: &Request) -> Arc<Reading> {
        let script = what_is_read(request);
        let mut places = match self.0.try_lock() {
            Ok(places) => places,
            Err(TryLockError::Poisoned(poisoned)) => {
                // Whoever panicked may have left anything.
                self.0.clear_poison();
                poisoned.into_inner().clear();
                return Arc::new(Reading::of(request));
            }
            _ => return Arc::new(Reading::of(request)),
        };
        places.resize_with(REMEMBERED, || None);
        let asked = asked(request);
        let place = &mut places[xxh3_64(script) as usize % REMEMBERED];
        if let Some(known) = place
            && known.asked == asked
            && *known.script == *script
        {
            return known.reading.clone();
        }
        let reading = Arc::new(Reading::of(request));
        *place = Some(Remembered {
            script: script.into(),
            asked,
            reading: reading.clone(),
        });
        reading
    }
}

/// What is behind it in the script says nothing, not even by its length.
fn what_is_read<'a>(request: &Request<'a>) -> &'a [u8] {
    let script = request.texts.script;
    &script[..script.len().min(MOST_READ)]
}

fn asked(request: &Request) -> AskedCpus {
    let ask = &request.ask;
    let tasks = u64::from(ask.layout.tasks);
    AskedCpus {
        tasks,
        cpus: u64::from(ask.cpus) * tasks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Ask, Layout, Texts};

    fn request(script: &[u8], cpus: u32) -> Request<'_> {
        Request {
            jobs: 1,
            array: None,
            uid: 1001,
            texts: Texts {
                script,
                ..Texts::default()
            },
            ask: Ask {
                cpus,
                layout: Layout::SINGLE,
                memory: None,
                ..Ask::LEAST
            },
            licenses: "",
            input_bytes: None,
            left_alone: None,
            may_wait: false,
            unshadowed: None,
            starts_later: false,
            measured: false,
        }
    }

    #[test]
    fn a_script_that_comes_again_says_what_it_said_and_no_other_does() {
        let last = LastScripts::default();
        let scripts: Vec<String> = (0..1000)
            .map(|n| format!("#!/bin/sh\nsamtools sort -@ $T -m {n}M a\n"))
            .collect();
        for round in 0..2 {
            for (number, script) in scripts.iter().enumerate() {
                for cpus in [1, 4] {
                    let request = request(script.as_bytes(), cpus);
                    let read = last.read(&request);
                    assert_eq!(*read, Reading::of(&request), "{round} {number} {cpus}");
                    assert!(Arc::ptr_eq(&read, &last.read(&request)), "{number}");
                }
            }
        }
    }

    #[test]
    fn a_long_script_is_known_again_by_what_is_read_of_it() {
        let last = LastScripts::default();
        let script = |behind: &str, length: usize| {
            let mut text = b"#!/bin/sh\nsort -S 2G a\n".to_vec();
            text.resize(MOST_READ, b'#');
            text.extend_from_slice(behind.as_bytes());
            text.resize(length, b'x');
            text
        };
        let [long, longer, cut] = [
            script("\njava -Xmx9g", 4 << 20),
            script("\nsnakemake -j", 5 << 20),
            script("", MOST_READ),
        ];
        let known = last.read(&request(&long, 1));
        assert_eq!(*known, Reading::of(&request(&long, 1)));
        for same in [&long, &longer, &cut] {
            assert!(Arc::ptr_eq(&known, &last.read(&request(same, 1))));
            // What reads them looks no further, either.
            let program = Program::of(same);
            let floor = Floor::of(same, asked(&request(same, 1)));
            assert_eq!((&known.program, &known.floor), (&program, &floor));
            assert_eq!(known.manager, managers::of_script(same));
        }
        let mut another = long.clone();
        another[MOST_READ - 1] = b'x';
        assert!(!Arc::ptr_eq(&known, &last.read(&request(&another, 1))));
        let kept = last.0.lock().unwrap();
        let kept = kept.iter().flatten().map(|one| one.script.len());
        assert!(kept.max() <= Some(MOST_READ));
    }

    #[test]
    fn whoever_finds_the_memory_taken_reads_by_himself() {
        let last = LastScripts::default();
        let taken = last.0.lock();
        let request = request(b"#!/bin/sh\nsort -S 2G a\n", 1);
        assert_eq!(*last.read(&request), Reading::of(&request));
        drop(taken);
    }

    #[test]
    fn a_memory_that_somebody_left_in_a_panic_is_forgotten_and_used_again() {
        let last = LastScripts::default();
        let request = request(b"#!/bin/sh\nsort -S 2G a\n", 1);
        let known = last.read(&request);
        let panicked = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let _taken = last.0.lock();
                panic!("as a decision might");
            });
            thread.join()
        });
        assert!(panicked.is_err() && last.0.is_poisoned());
        assert_eq!(last.read(&request), known);
        assert!(!last.0.is_poisoned());
        let again = last.read(&request);
        assert!(!Arc::ptr_eq(&again, &known) && Arc::ptr_eq(&again, &last.read(&request)));
    }
}
