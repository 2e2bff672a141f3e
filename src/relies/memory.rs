//! Memory that a program is to take, named in an option or a variable whose name speaks of memory.

use super::each::Each;
use super::facts::Facts;
use super::floor::LineNeed;
use super::launchers::is_launcher;
use super::lines::name_of;
use super::memory_names::{is_mode, need_of, speaks_of_memory};
use super::options::{Value, behind_equals, decimal, size, value};
use crate::text::contains;

/// Options whose plain numbers are GiB.
const IN_GIB: [&[u8]; 3] = [b"--localmem", b"-abs-mem", b"-absmem"];

/// Programs whose `--memory` counts MiB.
const IN_MIB: [&[u8]; 4] = [b"plink", b"plink1.9", b"plink2", b"fastqc"];

/// Programs whose `memory=` counts GiB.
const COUNT_GIB: [&[u8]; 2] = [b"canu", b"meryl"];

/// Names whose plain numbers are MiB, of whichever program: Node.js' options, and GDAL's variable.
const ARE_MIB: [&[u8]; 3] = [
    b"--max-old-space-size",
    b"--max_old_space_size",
    b"GDAL_CACHEMAX",
];

/// How the executables of LS-Dyna are called, which count words of memory, of eight bytes each where they are exact.
const LS_DYNA: [&[u8]; 7] = [
    b"ls-dyna",
    b"lsdyna",
    b"ls971",
    b"mpp971",
    b"mppdyna",
    b"mpp-dyna",
    b"smp971",
];
const BYTES_OF_A_WORD: u64 = 8;

/// Names that say that it is the memory which a program may take.
const IS_MEMORY: [&[u8]; 6] = [
    b"mem",
    b"memory",
    b"mem_mb",
    b"mem_gb",
    b"max_memory",
    b"maxmemory",
];

/// Options of Snakemake that hand its rules to other jobs, or are written by itself into the job that runs one rule.
const OF_RULES: [&[u8]; 7] = [
    b"--allowed-rules",
    b"--target-jobs",
    b"--cluster",
    b"--slurm",
    b"--executor",
    b"--profile",
    b"--workflow-profile",
];

/// Parts of exported names that say that the script itself means something by them.
const OF_THE_SCRIPT: [&[u8]; 5] = [b"JOB_", b"MY_", b"TOTAL_", b"REQ_", b"NODE_"];

/// What jobs are given by what starts clusters of them.
const OF_JOBS: [&[u8]; 6] = [
    b"memory",
    b"job_mem",
    b"mem_gb",
    b"slurm_mem",
    b"slurm_mem_per_cpu",
    b"slurm_mem_gb",
];

/// srun's own options are read with its step.
const OF_STEPS: [&[u8]; 4] = [b"--mem", b"--mem-per-cpu", b"--mem-bind", b"--mem-per-gpu"];

/// What is true of all words of a command.
struct Command<'a> {
    words: &'a [&'a [u8]],
    each: Each<'a>,
    is_dask: bool,
    is_dyna: bool,
    is_parallel: bool,
    is_rules: bool,
    is_export: bool,
    is_in_mib: bool,
    is_in_gib: bool,
    /// fastqc's threads, each of which takes its own.
    threads: Option<u64>,
    /// Where srun's own options begin: those of the program that follows at once are none.
    srun: Option<usize>,
    /// A word that is a program, and not the label of a case.
    program: Option<usize>,
}

impl<'a> Command<'a> {
    fn of(words: &'a [&'a [u8]]) -> Command<'a> {
        let has_options = |at: &usize| {
            name_of(words[*at]) == b"srun" && matches!(words.get(at + 1), Some([b'-' | b'$', ..]))
        };
        let is_snakemake = || words.iter().any(|word| name_of(word) == b"snakemake");
        Command {
            words,
            each: Each::of(words),
            is_dask: words
                .iter()
                .any(|word| contains(word, b"dask") || *word == b"LocalCluster"),
            is_dyna: words.iter().any(|word| is_dyna(name_of(word))),
            is_parallel: words.iter().any(|word| is_launcher(name_of(word))),
            is_rules: words
                .iter()
                .any(|word| OF_RULES.contains(&name_before(word)))
                || is_snakemake() && words.contains(&&b"-e"[..]),
            is_export: words.first() == Some(&&b"export"[..]),
            is_in_mib: words.iter().any(|word| IN_MIB.contains(&name_of(word))),
            is_in_gib: words.iter().any(|word| COUNT_GIB.contains(&name_of(word))),
            threads: threads_of_fastqc(words),
            srun: (0..words.len()).find(has_options),
            program: words
                .iter()
                .position(|word| word.len() > 1 && !word.contains(&b'=')),
        }
    }
}

/// `None` where nobody can say; other programs have one.
fn threads_of_fastqc(words: &[&[u8]]) -> Option<u64> {
    if !words.iter().any(|word| name_of(word) == b"fastqc") {
        return Some(1);
    }
    let mut found =
        (0..words.len()).filter_map(|at| value(words, at, &["--threads", "-t"], &["-t"]));
    found.next().map_or(Some(1), Value::number)
}

fn is_dyna(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    LS_DYNA.iter().any(|one| name.starts_with(one))
}

/// What stands behind `before` is put together to a size of memory: `-Xmx{`, `--mem=$((2*`, `memory="`.
pub fn is_size(before: &[u8]) -> bool {
    const LONGEST: usize = 64;
    let before = &before[before.len().saturating_sub(LONGEST)..];
    let is_put_together = |byte: &u8| byte.is_ascii_digit() || b"{($\"'+*- ".contains(byte);
    let without = |text: &'_ [u8]| {
        text.iter()
            .rposition(|byte| !is_put_together(byte))
            .map_or(0, |end| end + 1)
    };
    let before = &before[..without(before)];
    // Python's `"--memory=" + str(n)`.
    let before = before.strip_suffix(b"str").unwrap_or(before);
    let before = &before[..without(before)];
    let word = before.rsplit(|byte| byte.is_ascii_whitespace() || b"\"'[,".contains(byte));
    let word = word.map(<[u8]>::trim_ascii).next().unwrap_or_default();
    let is_named = || word.starts_with(b"-") || word.ends_with(b"=");
    word.ends_with(b"-Xmx") || is_named() && speaks_of_memory(name_before(word))
}

/// What stands before the `=` of a word.
fn name_before(word: &[u8]) -> &[u8] {
    word.split(|&byte| byte == b'=').next().unwrap_or(word)
}

/// Notes what a command's words name.
pub fn needs(facts: &Facts, words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let is_one = |word: &[u8]| word.starts_with(b"-") || word.contains(&b'=');
    let mut command = None;
    for at in (0..words.len()).filter(|&at| is_one(words[at])) {
        let command = command.get_or_insert_with(|| Command::of(words));
        match memchr::memmem::find(words[at], b"=--").filter(|_| !words[at].starts_with(b"-")) {
            // `TOOL_OPTIONS=--max-mem=4G`.
            Some(equals) => {
                let option = [&words[at][equals + 1..]];
                named(facts, &Command::of(&option), &option, 0, note);
            }
            None => named(facts, command, words, at, note),
        }
    }
}

/// `--max-mem 6G`, `--memory-limit=6GiB`, `executor-memory 4g`: an option whose name speaks of memory; `memory=6gb`, `%mem=6GB`,
/// `export TOOL_MEM=6G`: what a program or its input is given in that form.
fn named(
    facts: &Facts,
    command: &Command,
    words: &[&[u8]],
    at: usize,
    note: &mut impl FnMut(LineNeed),
) {
    let word = words[at];
    let name = name_before(word);
    let is_option = word.starts_with(b"-");
    if !speaks_of_memory(name)
        || !is_option && !command.reaches_program(name)
        || OF_JOBS.contains(&name) && facts.sizes_other_jobs()
        || command.srun.is_some_and(|srun| srun < at) && OF_STEPS.contains(&name)
        || name.iter().any(|byte| matches!(byte, b'$' | b'/'))
    {
        return;
    }
    let Ok(text) = str::from_utf8(name) else {
        return;
    };
    let found = match is_option {
        true => value(words, at, &[text], &[]),
        false => behind_equals(words, at),
    };
    match found {
        Some(Value::Written(text)) => written(facts, command, at, text).into_iter().for_each(note),
        // Any program's `x=$Y` may hold anything.
        Some(Value::Computed)
            if !is_option
                && name[0] != b'%'
                && !command.names_its_memory(name, at)
                && !command.is_variable(at) => {}
        Some(given) => given.note_memory(note),
        None => {}
    }
}

/// What the value `text` in or behind word `at` asks for; `None` where it may count something else.
fn written(facts: &Facts, command: &Command, at: usize, text: &[u8]) -> Option<LineNeed> {
    let word = command.words[at];
    let name = name_before(word);
    let memory = |mib: u64| need_of(name, mib, command.times(facts, name));
    match (size(text), plain(command, name, text)) {
        (Some(mib), _) => Some(memory(mib)),
        _ if is_mode(name) => None,
        (None, Some(mib)) => Some(memory(mib)),
        _ if word.starts_with(b"-D") => None,
        // Another line says how much each of Dask's workers may take.
        _ if name == b"memory_limit" && is_said_elsewhere(text) && facts.has_dask() => {
            Some(LineNeed::AllMemory)
        }
        // Of small numbers only the program knows the unit.
        _ => (command.is_number(at, text) || text.ends_with(b"%")).then_some(LineNeed::AllMemory),
    }
}

/// A variable of another language's, or `auto`, which is a share of what there is.
fn is_said_elsewhere(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic) && text != b"None"
}

/// A number without unit, in MiB: its option's name says the unit, or it is bytes for sure.
fn plain(command: &Command, name: &[u8], text: &[u8]) -> Option<u64> {
    let number = decimal(text).filter(|&number| number >= 1.0)? as u64;
    let ends = |unit: &[u8]| {
        name.len() > unit.len() && name[name.len() - unit.len()..].eq_ignore_ascii_case(unit)
    };
    match number {
        _ if command.is_in_mib && name == b"--memory" || ARE_MIB.contains(&name) => Some(number),
        _ if ends(b"mb") || ends(b"mib") || ends(b"memoryOverhead") => Some(number),
        // More GiB no machine has: then it is bytes.
        gib if command.is_in_gib && matches!(name, b"memory" | b"maxMemory") && gib < 1 << 16 => {
            Some(gib << 10)
        }
        _ if ends(b"gb") || ends(b"gib") || IN_GIB.contains(&name) => {
            Some(number.saturating_mul(1024))
        }
        bytes if bytes >= 64 << 20 => Some(bytes.div_ceil(1 << 20)),
        _ => None,
    }
}

impl Command<'_> {
    /// How often what an option of this name says is taken; `None` where nobody can say.
    fn times(&self, facts: &Facts, name: &[u8]) -> Option<u64> {
        // Each process of LS-Dyna takes its own.
        let is_each = self.is_dyna && self.is_parallel;
        if is_each {
            return None;
        }
        if self.is_dyna && name.starts_with(b"memory") {
            return Some(BYTES_OF_A_WORD);
        }
        // Each of Dask's workers has a limit of its own. They fill what they believe to have, and count not all of it.
        if self.is_dask || name == b"memory_limit" && facts.has_dask() {
            return Some(facts.workers()?.saturating_mul(2));
        }
        let of_each = self.each.times(name)?;
        Some(self.threads?.max(1).saturating_mul(of_each.max(1)))
    }

    /// The value of word `at` may be memory in a unit that its name does not say. In the environment 0 and 1 say whether
    /// something is done, and shares are rather of a GPU's memory.
    fn is_number(&self, at: usize, text: &[u8]) -> bool {
        let least = match self.words[at] {
            [b'-', ..] => f64::MIN_POSITIVE,
            _ if self.is_variable(at) => 2.0,
            _ => return false,
        };
        decimal(text).is_some_and(|number| number >= least)
    }

    /// Word `at` sets a variable of the environment, as such are called.
    fn is_variable(&self, at: usize) -> bool {
        let is_before = |word: &&[u8]| matches!(*word, b"export" | b"env") || word.contains(&b'=');
        let name = name_before(self.words[at]);
        name.contains(&b'_')
            && !name.iter().any(u8::is_ascii_lowercase)
            && self.words[..at].iter().all(is_before)
    }

    /// `name=value` reaches a program; a variable that only the script knows, as in `MEM=6G`, does not.
    fn reaches_program(&self, name: &[u8]) -> bool {
        let is_scripts = || OF_THE_SCRIPT.iter().any(|part| name.starts_with(part));
        let is_tools = || name.contains(&b'_') && !is_scripts() || name == b"GOMEMLIMIT";
        !self.is_rules && (!self.is_export || is_tools())
    }

    /// Word `at` stands behind the program, and its `name` is one of memory itself.
    fn names_its_memory(&self, name: &[u8], at: usize) -> bool {
        self.program.is_some_and(|program| program < at)
            && IS_MEMORY.iter().any(|one| name.eq_ignore_ascii_case(one))
    }
}
