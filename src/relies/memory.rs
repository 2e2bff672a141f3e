//! Memory that a program is told to take, in an option or a variable whose name speaks of memory.

use super::Need;
use super::options::{Value, size, value};
use super::programs::contains;
use super::steps::name_of;

/// Parts of options' names that speak of another memory than the job's, or of none.
const OF_OTHER_MEMORY: [&[u8]; 23] = [
    b"gpu",
    b"cuda",
    b"vram",
    b"device",
    b"member",
    b"remem",
    b"memo-",
    b"nomem",
    b"no-mem",
    b"no_mem",
    b"membind",
    b"mem-bind",
    b"memory-map",
    b"mmap",
    b"pin-mem",
    b"pin_mem",
    b"usage",
    b"efficient",
    b"replay",
    b"_dim",
    b"-dim",
    b"profil",
    b"linmem",
];

/// Options whose plain numbers are GiB.
const IN_GIB: [&[u8]; 3] = [b"--localmem", b"-abs-mem", b"-absmem"];

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

/// `--max-mem 6G`, `--memory-limit=6GiB`, `executor-memory 4g`: an option whose name speaks of memory; `memory=6gb`, `%mem=6GB`,
/// `export TOOL_MEM=6G`: what a program or its input is told in that form.
pub fn named(words: &[&[u8]], at: usize, note: &mut impl FnMut(Need)) {
    let word = words[at];
    let name = word.split(|&byte| byte == b'=').next().unwrap_or(word);
    let is_option = word.starts_with(b"-");
    if !speaks_of_memory(name)
        || !is_option && !tells(words, at, name)
        || is_a_steps(words, at)
        || name.iter().any(|byte| matches!(byte, b'$' | b'/'))
    {
        return;
    }
    let Ok(text) = str::from_utf8(name) else {
        return;
    };
    // Dask's workers fill what they believe to have, and count not all of it.
    let times = if words.iter().any(|word| contains(word, b"dask")) {
        2
    } else {
        1
    };
    let found = match is_option {
        true => value(words, at, &[text], &[]),
        false => told(words, at),
    };
    let is_defined = word.starts_with(b"-D");
    match found {
        Some(Value::Written(text)) => match (size(text), plain(name, text)) {
            (Some(mib), _) => note(Need::Memory(mib.saturating_mul(times))),
            (None, Some(mib)) => note(Need::Memory(mib)),
            _ if is_defined => {}
            // Of small numbers only the program knows the unit.
            _ if is_option && number(text).is_some_and(|number| number > 0) => {
                note(Need::AllMemory)
            }
            _ if text.ends_with(b"%") => note(Need::AllMemory),
            _ => {}
        },
        // Any program's `x=$Y` may hold anything.
        Some(Value::Computed)
            if !is_option
                && name[0] != b'%'
                && !(is_told(words, at)
                    && IS_MEMORY.iter().any(|one| name.eq_ignore_ascii_case(one))) => {}
        Some(given) => {
            note(Need::AllMemory);
            if given.follows_cpus() {
                note(Need::AllCpus);
            }
        }
        None => {}
    }
}

fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// A number without unit, in MiB: its option's name says the unit, or it is bytes for sure.
fn plain(name: &[u8], text: &[u8]) -> Option<u64> {
    let number = number(text).filter(|&number| number > 0)?;
    let ends = |unit: &[u8]| {
        name.len() > unit.len() && name[name.len() - unit.len()..].eq_ignore_ascii_case(unit)
    };
    match number {
        _ if ends(b"mb") || ends(b"mib") => Some(number),
        _ if ends(b"gb") || ends(b"gib") || IN_GIB.contains(&name) => {
            Some(number.saturating_mul(1024))
        }
        bytes if bytes >= 64 << 20 => Some(bytes.div_ceil(1 << 20)),
        _ => None,
    }
}

/// A word before `name=value` is a program, and not the label of a case.
fn is_told(words: &[&[u8]], at: usize) -> bool {
    words[..at]
        .iter()
        .any(|word| word.len() > 1 && !word.contains(&b'='))
}

/// Word `at` is `name=value` and tells a program something; a variable that only the script knows, as in `MEM=6G`, tells none.
fn tells(words: &[&[u8]], at: usize, name: &[u8]) -> bool {
    let is_export = words[0] == b"export";
    let is_rules = || OF_RULES.iter().any(|option| words.contains(option));
    let has_value = name.len() < words[at].len();
    has_value && (!is_export || name.contains(&b'_')) && !is_rules()
}

/// What stands behind the `=` of word `at`.
fn told<'a>(words: &[&'a [u8]], at: usize) -> Option<Value<'a>> {
    let equals = memchr::memchr(b'=', words[at])?;
    match &words[at][equals + 1..] {
        [] => words
            .get(at + 1)
            .filter(|next| size(next).is_some() || next.ends_with(b"%"))
            .map(|next| Value::of(next)),
        text => Some(Value::of(text)),
    }
}

fn speaks_of_memory(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let part = |text: &[u8]| contains(&name, text);
    if OF_OTHER_MEMORY.iter().any(|other| part(other)) {
        return false;
    }
    part(b"mem")
        || part(b"maxram")
        || part(b"max-ram")
        || part(b"limitbamsortram")
        || part(b"genomegenerateram")
        || name == b"--ram"
        || part(b"heap-size")
}

/// srun's own options are read with its step.
fn is_a_steps(words: &[&[u8]], at: usize) -> bool {
    let name = words[at]
        .split(|&byte| byte == b'=')
        .next()
        .unwrap_or_default();
    let own = [
        &b"--mem"[..],
        b"--mem-per-cpu",
        b"--mem-bind",
        b"--mem-per-gpu",
    ];
    own.contains(&name) && words[..at].iter().any(|word| name_of(word) == b"srun")
}
