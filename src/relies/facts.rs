//! What is true of a whole script: each found out once, and only where somebody asks.

use super::lines::{Line, lines};
use super::options::number;
use super::programs;
use super::shown;
use crate::text::contains;
use std::cell::OnceCell;

/// Variables from which every Java machine takes its heap; `JDK_JAVA_OPTIONS` ends in the first.
const EVERY_MACHINES: [&[u8]; 2] = [b"_JAVA_OPTIONS=", b"JAVA_TOOL_OPTIONS="];
/// Those from which Nextflow's takes it.
const NEXTFLOWS: [&[u8]; 2] = [b"NXF_JVM_ARGS=", b"NXF_OPTS="];
/// Commands that hand a script to a scheduler.
pub const SUBMIT: [&[u8]; 4] = [b"sbatch", b"qsub", b"bsub", b"salloc"];

/// Nextflow runs its tasks in the job itself, unless it is to use one of these.
const SCHEDULERS: [&[u8]; 10] = [
    b"slurm", b"cluster", b"pbs", b"sge", b"lsf", b"hpc", b"batch", b"k8s", b"condor", b"flux",
];

/// The facts of one script.
#[derive(Debug)]
pub struct Facts<'a> {
    script: &'a [u8],
    counts: OnceCell<bool>,
    collects: OnceCell<bool>,
    submits: OnceCell<bool>,
    has_heap: OnceCell<bool>,
    has_heap_of_nextflow: OnceCell<bool>,
    executor_is_scheduler: OnceCell<Option<bool>>,
    processes: OnceCell<Option<u64>>,
}

impl<'a> Facts<'a> {
    /// Those of `script`.
    pub fn of(script: &'a [u8]) -> Facts<'a> {
        Facts {
            script,
            counts: OnceCell::new(),
            collects: OnceCell::new(),
            submits: OnceCell::new(),
            has_heap: OnceCell::new(),
            has_heap_of_nextflow: OnceCell::new(),
            executor_is_scheduler: OnceCell::new(),
            processes: OnceCell::new(),
        }
    }

    /// It counts anything.
    pub fn counts(&self) -> bool {
        *self.counts.get_or_init(|| programs::counts(self.script))
    }

    /// What a command prints may be read elsewhere than in the job's output: it has functions, or blocks whose output goes on.
    pub fn collects(&self) -> bool {
        let script = self.script;
        let has = || {
            contains(script, b"()")
                || contains(script, b"function ")
                || contains(script, b"$(\n")
                || contains(script, b"exec >")
                || shown::goes_on(script)
        };
        *self.collects.get_or_init(has)
    }

    /// It hands a script to a scheduler: what it writes may be another job's.
    pub fn submits(&self) -> bool {
        let submits = |line: Line| SUBMIT.iter().any(|command| contains(line.text, command));
        *self.submits.get_or_init(|| lines(self.script).any(submits))
    }

    /// It sets a heap for every Java machine that it starts.
    pub fn has_heap(&self) -> bool {
        let sets = || sets_heap(self.script, &EVERY_MACHINES);
        *self.has_heap.get_or_init(sets)
    }

    /// It sets a heap for Nextflow's machine.
    pub fn has_heap_of_nextflow(&self) -> bool {
        let sets = || sets_heap(self.script, &NEXTFLOWS);
        self.has_heap() || *self.has_heap_of_nextflow.get_or_init(sets)
    }

    /// Whether what the environment has Nextflow run its tasks by is a scheduler; `None` where it does not say.
    pub fn executor_is_scheduler(&self) -> Option<bool> {
        *self.executor_is_scheduler.get_or_init(|| {
            let name = b"NXF_EXECUTOR=";
            lines(self.script).find_map(|line| {
                let at = memchr::memmem::find(line.text, name)? + name.len();
                Some(is_scheduler(&line.text[at..line.text.len().min(at + 16)]))
            })
        })
    }

    /// How many processes an input of ORCA in it names.
    pub fn processes(&self) -> Option<u64> {
        *self
            .processes
            .get_or_init(|| processes_of_orca(self.script))
    }
}

/// A line that is no comment sets one of `names` to something with a heap in it.
fn sets_heap(script: &[u8], names: &[&[u8]]) -> bool {
    lines(script).any(|line| {
        names.iter().any(|name| {
            let at = memchr::memmem::find(line.text, name);
            at.is_some_and(|at| contains(&line.text[at..], b"-Xmx"))
        })
    })
}

/// How many processes ORCA's input names: `nprocs 8`, or `! PAL8`.
fn processes_of_orca(script: &[u8]) -> Option<u64> {
    let behind = |name: &[u8]| {
        let at = memchr::memmem::find(script, name)?;
        let text = script[at + name.len()..].trim_ascii_start();
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        number(&text[..digits])
    };
    behind(b"nprocs ").or_else(|| behind(b" PAL"))
}

/// It names a scheduler.
pub fn is_scheduler(text: &[u8]) -> bool {
    let text = text.to_ascii_lowercase();
    SCHEDULERS
        .iter()
        .any(|scheduler| contains(&text, scheduler))
}
