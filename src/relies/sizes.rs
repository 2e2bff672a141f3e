//! Programs that are given their size in words of their own: how many processes they start, how much memory they may take, or that
//! they take what the job has.

use super::facts::{Facts, is_scheduler};
use super::floor::LineNeed;
use super::java::speaks;
use super::lines::name_of;
use super::options::{Value, number, size, value};
use super::{forms, lists, pools};

/// Profiles that say nothing of where tasks run.
const LOCAL_PROFILES: [&[u8]; 13] = [
    b"standard",
    b"local",
    b"test",
    b"test_full",
    b"debug",
    b"docker",
    b"singularity",
    b"apptainer",
    b"podman",
    b"conda",
    b"mamba",
    b"wave",
    b"arm",
];

/// Notes the sizes that the programs of a command are given.
pub fn needs(facts: &Facts, command: &[u8], words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    forms::needs(words, note);
    lists::needs(words, note);
    parts_of_a_mesh(words, note);
    stress(words, note);
    pools::needs(facts, command, note);
    nextflow(facts, words, note);
    canu(words, note);
    toil(words, note);
    takes_all(facts, words, note);
}

/// OpenFOAM's meshes lie in as many parts as processes are to work on them.
fn parts_of_a_mesh(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let mut names = words.iter().map(|word| name_of(word));
    let is_parallel = words.contains(&&b"-parallel"[..]);
    if names.any(|name| name == b"decomposePar" || name.ends_with(b"Foam") && is_parallel) {
        note(LineNeed::AllCpus);
    }
}

/// Each of stress-ng's workers takes as much.
fn stress(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let find = |option: &str| (0..words.len()).find_map(|at| value(words, at, &[option], &[]));
    if let Some(Value::Written(bytes)) = find("--vm-bytes") {
        let workers = match find("--vm") {
            Some(Value::Written(count)) => number(count),
            Some(_) => None,
            None => Some(1),
        };
        let all = workers
            .zip(size(bytes))
            .map(|(one, mib)| mib.saturating_mul(one.max(1)));
        note(all.map_or(LineNeed::AllMemory, LineNeed::Memory));
    }
}

/// Canu sizes itself by what Slurm gave the job, unless it is told a size; without `useGrid=false` it has others do its work.
fn canu(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let names = |name: &[u8]| words.iter().any(|word| word.starts_with(name));
    if !has_program(words, |name| name == b"canu") || !words.contains(&&b"useGrid=false"[..]) {
        return;
    }
    if !names(b"maxMemory=") {
        note(LineNeed::AllMemory);
    }
    if !names(b"maxThreads=") {
        note(LineNeed::AllCpus);
    }
}

/// Toil runs its jobs within this one, as long as there is room for them, where it is given no other batch system.
fn toil(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let system = (0..words.len()).find_map(|at| value(words, at, &["--batchSystem"], &[]));
    let is_toil = |name: &[u8]| name.starts_with(b"toil-") && name.ends_with(b"-runner");
    let is_here = match system {
        Some(system) => system == Value::Written(b"single_machine"),
        None => has_program(words, is_toil),
    };
    if is_here {
        note(LineNeed::AllMemory);
        note(LineNeed::AllCpus);
    }
}

/// Programs that size themselves by what they see: Ray's store, Cell Ranger's stages.
fn takes_all(facts: &Facts, words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let names =
        |options: &[&str]| (0..words.len()).any(|at| value(words, at, options, options).is_some());
    let is = |name: &[u8], commands: &[&[u8]]| starts(words, |word| word == name, commands);
    let takes = takes_stages(words) && !names(&["--localmem"])
        || is(b"ray", &[b"start"]) && !names(&["--object-store-memory"])
        || is(b"megahit", &READS) && !names(&["-m", "--memory"])
        || is(b"dotnet", &[b"run", b"exec", b"test"])
        || words
            .windows(2)
            .any(|pair| name_of(pair[0]) == b"dotnet" && pair[1].ends_with(b".dll"))
        || has_program(words, forms::is_worker_of_spark) && !names(&["-m", "--memory"])
        || is_duckdb(words) && !facts.names_limit();
    if takes {
        note(LineNeed::AllMemory);
    }
}

/// Options of MEGAHIT behind which its reads stand.
const READS: [&[u8]; 5] = [b"-1", b"-2", b"-r", b"--12", b"--read"];

/// Cell Ranger and its like, in the job itself.
fn takes_stages(words: &[&[u8]]) -> bool {
    const STAGES: [&[u8]; 9] = [
        b"count",
        b"multi",
        b"aggr",
        b"vdj",
        b"mkref",
        b"mkfastq",
        b"wgs",
        b"targeted",
        b"run",
    ];
    let is_ranger = |name: &[u8]| {
        name.ends_with(b"ranger") || name.starts_with(b"cellranger-") || name == b"supernova"
    };
    let mode = (0..words.len()).find_map(|at| value(words, at, &["--jobmode"], &[]));
    starts(words, is_ranger, &STAGES) && mode.is_none_or(|mode| mode == Value::Written(b"local"))
}

/// DuckDB's own shell, with something to do.
fn is_duckdb(words: &[&[u8]]) -> bool {
    let last = words.len().saturating_sub(1);
    !speaks(words)
        && !words.contains(&&b"install"[..])
        && has_program(&words[..last], |name| name == b"duckdb")
}

fn has_program(words: &[&[u8]], is: fn(&[u8]) -> bool) -> bool {
    words.iter().any(|word| is(name_of(word)))
}

/// A program is given one of `commands`.
fn starts(words: &[&[u8]], is: impl Fn(&[u8]) -> bool, commands: &[&[u8]]) -> bool {
    start(words, is, commands).is_some()
}

/// Where the program stands that is given one of `commands`.
fn start(words: &[&[u8]], is: impl Fn(&[u8]) -> bool, commands: &[&[u8]]) -> Option<usize> {
    let at = words.iter().position(|word| is(name_of(word)))?;
    let mut behind = words[at..].iter();
    behind.any(|word| commands.contains(word)).then_some(at)
}

/// Where Nextflow runs its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tasks {
    /// In the job itself, which refuses one that wants more than there is.
    InTheJob,
    /// As jobs of their own.
    AsJobs,
    /// Only the site's profile knows, or a configuration beside the script.
    Unknown,
}

fn nextflow(facts: &Facts, words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let Some(at) = start(words, |name| name == b"nextflow", &[b"run"]) else {
        return;
    };
    let words = &words[at..];
    if asks(words) {
        return;
    }
    let is_in_the_job = Tasks::of(facts, words) == Tasks::InTheJob;
    // Who names the heap of Nextflow's own machine has a job for that machine alone.
    if is_in_the_job || !facts.has_heap_of_nextflow() {
        note(LineNeed::AllMemory);
    }
    if is_in_the_job {
        note(LineNeed::AllCpus);
    }
}

/// Nothing stands behind `nextflow run` but a question, or nothing at all.
fn asks(words: &[&[u8]]) -> bool {
    words.len() < 3
        || words
            .iter()
            .any(|word| matches!(*word, b"-h" | b"-help" | b"--help"))
}

impl Tasks {
    fn of(facts: &Facts, words: &[&[u8]]) -> Tasks {
        let behind = |option: &[u8]| {
            let at = words.iter().position(|word| *word == option);
            let values = at.map_or(&words[..0], |at| &words[at + 1..]);
            // Profiles stand in a list, which parts words.
            values
                .iter()
                .copied()
                .take(6)
                .take_while(|word| !word.starts_with(b"-"))
        };
        let executor = words
            .iter()
            .copied()
            .filter(|word| word.starts_with(b"-process.executor"));
        let said = behind(b"-profile")
            .chain(behind(b"-c").take(1))
            .chain(executor)
            .chain(behind(b"-process.executor").take(1))
            .any(is_scheduler);
        if said || facts.executor_is_scheduler() == Some(true) {
            return Tasks::AsJobs;
        }
        let mut profiles = behind(b"-profile").peekable();
        let names_executor = words
            .iter()
            .any(|word| word.starts_with(b"-process.executor"))
            || facts.executor_is_scheduler().is_some();
        // A configuration beside the script may name a scheduler, and does for who thinks of the heap of Nextflow itself.
        let may_be_jobs =
            profiles.peek().is_none() && !names_executor && facts.has_heap_of_nextflow();
        match may_be_jobs
            || !profiles.all(|profile| LOCAL_PROFILES.contains(&profile))
            || behind(b"-c").next().is_some()
        {
            true => Tasks::Unknown,
            false => Tasks::InTheJob,
        }
    }
}
