//! What is true of a whole script: each found out once, and only where somebody asks.

use super::assignments::is_set;
use super::forks::{STARTERS, runs_several};
use super::functions::Function;
use super::heredocs::SUBMIT;
use super::launchers::names_a_launcher;
use super::lines::{Line, lines, words_of_line};
use super::names::is_in_name;
use super::options::number;
use super::printed::{Printed, Sink, file_name};
use super::variables::{Variables, Written};
use super::{assigned, functions, sets, settings, shown};
use crate::text::contains;
use std::cell::OnceCell;
use std::ops::Range;

/// Variables from which every Java machine takes its heap; `JDK_JAVA_OPTIONS` ends in the first.
const EVERY_MACHINES: [&[u8]; 2] = [b"_JAVA_OPTIONS=", b"JAVA_TOOL_OPTIONS="];
/// Those from which Nextflow's takes it.
const NEXTFLOWS: [&[u8]; 2] = [b"NXF_JVM_ARGS=", b"NXF_OPTS="];
/// That from which Maven's takes it.
const MAVENS: [&[u8]; 1] = [b"MAVEN_OPTS="];

/// Slurm's variables that say which of several parts of the work is done.
const PARTS: [&[u8]; 2] = [b"SLURM_ARRAY_TASK_ID", b"SLURM_PROCID"];

/// Those that hold the number of the job itself.
const OWN_JOB: [&[u8]; 2] = [b"SLURM_JOB_ID", b"SLURM_JOBID"];

/// Classes of Dask's and of submitit's that start other jobs.
const CLUSTERS_OF_JOBS: [&[u8]; 4] = [b"SLURMCluster", b"PBSCluster", b"LSFCluster", b"submitit"];

/// Of more places where a variable's name stands, and of more bytes before and behind it, nobody asks whether it is set there.
const MOST_PLACES: usize = 64;
const LONGEST_VALUE: usize = 256;

/// Each command that asks Slurm something is searched for so many names of the job's own number.
const MOST_OWN_NAMES: usize = 8;

/// Of each no more uses are looked at.
const MOST_PARTS: usize = 64;

/// Nextflow runs its tasks in the job itself, unless it is to use one of these.
const SCHEDULERS: [&[u8]; 10] = [
    b"slurm", b"cluster", b"pbs", b"sge", b"lsf", b"hpc", b"batch", b"k8s", b"condor", b"flux",
];

/// The facts of one script.
#[derive(Debug)]
pub struct Facts<'a> {
    script: &'a [u8],
    counts: OnceCell<bool>,
    has_less_or_more: OnceCell<bool>,
    collects: OnceCell<bool>,
    printed: OnceCell<Printed<'a>>,
    names_a_launcher: OnceCell<bool>,
    submits: OnceCell<bool>,
    has_heap: OnceCell<bool>,
    has_heap_of_nextflow: OnceCell<bool>,
    has_heap_of_maven: OnceCell<bool>,
    starts_several: OnceCell<bool>,
    cpus_of_steps: OnceCell<Option<Vec<u8>>>,
    tasks_of_steps: OnceCell<Option<Vec<u8>>>,
    has_functions: OnceCell<bool>,
    has_dask: OnceCell<bool>,
    workers: OnceCell<Option<u64>>,
    executor_is_scheduler: OnceCell<Option<bool>>,
    processes: OnceCell<Option<u64>>,
    names_limit: OnceCell<bool>,
    settings: OnceCell<Vec<Range<usize>>>,
    functions: OnceCell<Vec<Function<'a>>>,
    parts: OnceCell<Vec<&'a [u8]>>,
    own_job: OnceCell<Vec<&'a [u8]>>,
    sizes_other_jobs: OnceCell<bool>,
}

impl<'a> Facts<'a> {
    /// Those of `script`.
    pub fn of(script: &'a [u8]) -> Facts<'a> {
        Facts {
            script,
            counts: OnceCell::new(),
            has_less_or_more: OnceCell::new(),
            collects: OnceCell::new(),
            printed: OnceCell::new(),
            names_a_launcher: OnceCell::new(),
            submits: OnceCell::new(),
            has_heap: OnceCell::new(),
            has_heap_of_nextflow: OnceCell::new(),
            has_heap_of_maven: OnceCell::new(),
            starts_several: OnceCell::new(),
            cpus_of_steps: OnceCell::new(),
            tasks_of_steps: OnceCell::new(),
            has_functions: OnceCell::new(),
            has_dask: OnceCell::new(),
            workers: OnceCell::new(),
            executor_is_scheduler: OnceCell::new(),
            processes: OnceCell::new(),
            names_limit: OnceCell::new(),
            settings: OnceCell::new(),
            functions: OnceCell::new(),
            parts: OnceCell::new(),
            own_job: OnceCell::new(),
            sizes_other_jobs: OnceCell::new(),
        }
    }

    /// It counts anything.
    pub fn counts(&self) -> bool {
        *self.counts.get_or_init(|| counts(self.script))
    }

    /// `<` or `>` stands between blanks in it.
    pub fn has_less_or_more(&self) -> bool {
        let script = self.script;
        let has = || {
            memchr::memchr2_iter(b'<', b'>', script)
                .any(|at| script[..at].ends_with(b" ") && script.get(at + 1) == Some(&b' '))
        };
        *self.has_less_or_more.get_or_init(has)
    }

    /// What a command prints may be read elsewhere than in the job's output: it has functions, or blocks whose output goes on.
    pub fn collects(&self) -> bool {
        let script = self.script;
        let has = || {
            self.has_functions()
                || contains(script, b"$(\n")
                || contains(script, b"exec >")
                || shown::goes_on(script)
        };
        *self.collects.get_or_init(has)
    }

    /// Where it goes what a command of it prints that stands there; `None`: into the job's output or a log.
    pub fn sink<'c>(&'c self, command: &'c [u8], place: &Range<usize>) -> Option<Sink<'c>> {
        if let Some(target) = shown::arrow_target(command) {
            return Some(Sink::File(file_name(target)));
        }
        let printed = || self.printed.get_or_init(|| Printed::of(self.script));
        if shown::goes_to_a_descriptor(command) {
            return printed().by_descriptor();
        }
        self.collects().then(|| printed().at(place)).flatten()
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

    /// It sets a heap for Maven's machine.
    pub fn has_heap_of_maven(&self) -> bool {
        let sets = || sets_heap(self.script, &MAVENS);
        *self.has_heap_of_maven.get_or_init(sets)
    }

    /// It may start a step.
    pub fn names_a_launcher(&self) -> bool {
        let names = || names_a_launcher(self.script);
        *self.names_a_launcher.get_or_init(names)
    }

    /// It has functions.
    pub fn has_functions(&self) -> bool {
        let has = || contains(self.script, b"()") || contains(self.script, b"function ");
        *self.has_functions.get_or_init(has)
    }

    /// What stands behind the sign that first sets `name`, up to the end of its line or command: in no comment, and in no option that
    /// is called so.
    pub fn said_of(&self, name: &[u8]) -> Option<&'a [u8]> {
        let places = memchr::memmem::find_iter(self.script, name).take(MOST_PLACES);
        places.into_iter().find_map(|at| {
            let after = &self.script[at + name.len()..];
            let after = &after[..after.len().min(LONGEST_VALUE)];
            let value = after.trim_ascii_start().strip_prefix(b"=")?;
            let before = &self.script[at.saturating_sub(LONGEST_VALUE)..at];
            let line = before.rsplit(|&byte| byte == b'\n').next()?;
            let is_another = line
                .last()
                .is_some_and(|byte| is_in_name(*byte) || b"-.$/".contains(byte));
            let is_comment = line.trim_ascii_start().starts_with(b"#");
            let end = memchr::memchr2(b'\n', b';', value).unwrap_or(value.len());
            (!is_another && !is_comment && !value.starts_with(b"="))
                .then(|| value[..end].trim_ascii())
        })
    }

    /// Its function of that name.
    fn function(&self, name: &[u8]) -> Option<&Function<'a>> {
        let all = || match self.has_functions() {
            true => functions::functions(self.script),
            false => Vec::new(),
        };
        let all = self.functions.get_or_init(all);
        all.iter().find(|one| one.name == name)
    }

    /// It has a function of that name which only prints what it is called with.
    pub fn prints(&self, name: &[u8]) -> bool {
        self.function(name).is_some_and(|one| one.only_prints)
    }

    /// It has a cluster of other jobs, which are given their sizes where it is made.
    pub fn sizes_other_jobs(&self) -> bool {
        let sizes = || {
            CLUSTERS_OF_JOBS
                .iter()
                .any(|name| contains(self.script, name))
        };
        *self.sizes_other_jobs.get_or_init(sizes)
    }

    /// Variables of it that hold the number of the job itself.
    pub fn own_job(&self) -> &[&'a [u8]] {
        let set = || {
            let mut names = set_to(self.script, &OWN_JOB);
            names.truncate(MOST_OWN_NAMES);
            names
        };
        self.own_job.get_or_init(set)
    }

    /// The function of it that a command calls with the count of CPUs, which `name` holds unless Slurm's own variable does:
    /// by which argument it knows it, and where its body stands.
    pub fn called(
        &self,
        command: &[u8],
        name: Option<&[u8]>,
    ) -> Option<(&'static [u8], Range<usize>)> {
        const ARGUMENTS: &[u8] = b"123456789";
        if !self.has_functions() {
            return None;
        }
        let mut words = sets::begun(command).split(u8::is_ascii_whitespace);
        let first = words.next()?;
        let body = self.function(first)?.body.clone();
        let mut arguments = words.filter(|word| !word.is_empty());
        let at = arguments.position(|word| sets::is_count(word, name))?;
        Some((ARGUMENTS.get(at..at + 1)?, body))
    }

    /// What says which part of the work a job does, and the variables that are set to it.
    pub fn parts(&self) -> &[&'a [u8]] {
        self.parts.get_or_init(|| set_to(self.script, &PARTS))
    }

    /// It starts a program that starts others several times, perhaps those that it has written into a file.
    pub fn starts_several(&self) -> bool {
        let may = || STARTERS.iter().any(|name| contains(self.script, name));
        let starts = |line: Line| runs_several(words_of_line(line.text));
        *self
            .starts_several
            .get_or_init(|| may() && lines(self.script).any(starts))
    }

    /// How many CPUs for a task it exports for its steps.
    pub fn cpus_of_steps(&self) -> Option<&[u8]> {
        let exports = || exports(self.script, &["SRUN_CPUS_PER_TASK", "SLURM_CPUS_PER_TASK"]);
        self.cpus_of_steps.get_or_init(exports).as_deref()
    }

    /// How many tasks it exports for its steps.
    pub fn tasks_of_steps(&self) -> Option<&[u8]> {
        let exports = || exports(self.script, &["SLURM_NTASKS", "SLURM_NPROCS"]);
        self.tasks_of_steps.get_or_init(exports).as_deref()
    }

    /// It speaks of Dask.
    pub fn has_dask(&self) -> bool {
        *self.has_dask.get_or_init(|| contains(self.script, b"dask"))
    }

    /// How many workers of Dask it starts, each with a memory limit of its own; `None` where nobody can say.
    pub fn workers(&self) -> Option<u64> {
        *self.workers.get_or_init(|| workers_of_dask(self.script))
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

    /// It sets a limit for what would take a share of the memory without one.
    pub fn names_limit(&self) -> bool {
        let names =
            || contains(self.script, b"memory_limit") || contains(self.script, b"max_memory");
        *self.names_limit.get_or_init(names)
    }

    /// A command at byte `at` is a line of settings in a text that it writes.
    pub fn is_setting(&self, at: usize, command: &[u8]) -> bool {
        let texts = || settings::texts(self.script);
        settings::is_one(command) && settings::are_around(at, self.settings.get_or_init(texts))
    }

    /// How many processes an input of ORCA in it names.
    pub fn processes(&self) -> Option<u64> {
        *self
            .processes
            .get_or_init(|| processes_of_orca(self.script))
    }
}

/// Those of `names` that stand in a script, and the variables that are set to what has one of them in it.
fn set_to<'a>(script: &'a [u8], names: &[&[u8]]) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    for name in names {
        for at in memchr::memmem::find_iter(script, name).take(MOST_PARTS) {
            let line = assigned::line_before(script, at);
            let begin = memchr::memrchr(b';', line).map_or(0, |end| end + 1);
            let end = at + name.len();
            found.push(&script[at..end]);
            found.extend(sets::set_by(&script[at - (line.len() - begin)..end]));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
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

/// What it sets the first of `names` to that it sets at all, with its variables written out.
fn exports(script: &[u8], names: &[&str]) -> Option<Vec<u8>> {
    names.iter().find_map(|name| {
        if !is_set(script, name.as_bytes()) {
            return None;
        }
        let name = format!("${name}").into_bytes();
        match Variables::of(script).write_out(&name) {
            Written::Out(value) => Some(value).filter(|value| *value != name),
            Written::AsItIs => None,
            Written::TooMuch => Some(b"$UNKNOWN".into()),
        }
    })
}

/// `--nworkers 4`, `n_workers=4`. What is not written may be any number; without it there is one, but of a cluster in Python.
fn workers_of_dask(script: &[u8]) -> Option<u64> {
    let names = [&b"n_workers"[..], b"nworkers", b"n-workers", b"nprocs"];
    let mut most = (!contains(script, b"LocalCluster")).then_some(1);
    for at in names.iter().flat_map(|name| {
        let ends = memchr::memmem::find_iter(script, *name);
        ends.map(|at| at + name.len())
    }) {
        let text = script[at..].trim_ascii_start();
        let text = text.strip_prefix(b"=").unwrap_or(text).trim_ascii_start();
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        most = most.max(Some(number(&text[..digits])?));
    }
    most
}

/// How many processes ORCA's input names: `nprocs 8`, or `! PAL8`.
fn processes_of_orca(script: &[u8]) -> Option<u64> {
    let behind = |names: &[&[u8]]| {
        let find = |name: &&[u8]| Some(memchr::memmem::find(script, name)? + name.len());
        let text = script[names.iter().find_map(find)?..].trim_ascii_start();
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        number(&text[..digits])
    };
    behind(&[b"nprocs ", b"NPROCS ", b"NProcs "]).or_else(|| behind(&[b" PAL", b" pal"]))
}

/// It names a scheduler.
pub fn is_scheduler(text: &[u8]) -> bool {
    let text = text.to_ascii_lowercase();
    SCHEDULERS
        .iter()
        .any(|scheduler| contains(&text, scheduler))
}

/// So many parts of the work are counted out, by `seq `, `{1..` or a loop of Python's up to what Slurm gave: with fewer CPUs there are fewer parts.
pub fn counts(text: &[u8]) -> bool {
    let begins = |at: usize| {
        let before = text[..at].last();
        before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-'))
    };
    memchr::memmem::find_iter(text, b"seq ").any(begins)
        || contains(text, b"{1..")
        || contains(text, b"{0..")
        || contains(text, b"range(int(os.environ")
}
