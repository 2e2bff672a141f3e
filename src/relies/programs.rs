//! Programs that size themselves: by a size that the script names, or by what Slurm gave the job.

use super::Need;
use super::options::{Value, size, value};
use super::signs::Signs;
use super::steps::name_of;

/// A Java heap is not all that its machine takes: a tenth and so many MiB more.
const BESIDE_HEAP_MIB: u64 = 256;

/// Commands whose options are about another job.
const ABOUT_OTHERS: [&[u8]; 6] = [
    b"sbatch",
    b"salloc",
    b"scontrol",
    b"qsub",
    b"sacct",
    b"squeue",
];

/// Commands that speak of programs without starting them.
const SPEAK_OF_PROGRAMS: [&[u8]; 6] = [b"module", b"ml", b"which", b"type", b"cd", b"ls"];

/// The line submits or asks about another job.
pub fn is_about_another_job(words: &[&[u8]]) -> bool {
    words
        .iter()
        .any(|word| ABOUT_OTHERS.contains(&name_of(word)))
}

/// A command that asks Slurm about the job itself, and keeps the answer: its memory or its CPUs.
pub fn asks_about_itself(command: &[u8], note: &mut impl FnMut(Need)) {
    let asks = |names: &[&str]| names.iter().any(|name| contains(command, name.as_bytes()));
    if !asks(&["`", "$("]) {
        return;
    }
    if asks(&["Mem", "mem", "%m"]) {
        note(Need::AllMemory);
    }
    if asks(&["CPU", "cpu"]) {
        note(Need::AllCpus);
    }
}

/// It starts what stands behind it several times.
pub fn runs_several(words: &[&[u8]]) -> bool {
    let starts = |word: &&[u8]| matches!(name_of(word), b"parallel" | b"xargs");
    words.iter().any(starts)
}

/// Notes what the programs of a command need; `cpus` is what the job's user asked for in all.
pub fn needs(
    command: &[u8],
    signs: Signs,
    words: &[&[u8]],
    cpus: u64,
    note: &mut impl FnMut(Need),
) {
    if signs.has(Signs::MEMORY_VARIABLE) {
        note(Need::AllMemory);
    }
    if signs.has(Signs::CPU_VARIABLE) && (compares(command) || counts(command)) {
        note(Need::AllCpus);
    }
    if signs.has(Signs::JAVA) {
        java(words, note);
    }
    if signs.has(Signs::NAMES_MEMORY) {
        for at in 0..words.len() {
            named_memory(words, at, note);
        }
        dask(words, note);
    }
    if signs.has(Signs::SORT) {
        sort(words, cpus, note);
    }
}

/// So many parts of the work are counted out: with fewer CPUs there are fewer parts.
fn counts(text: &[u8]) -> bool {
    let ranges = memchr::memchr_iter(b'{', text).map(|at| &text[at..]);
    let mut ranges =
        ranges.filter(|range| range.starts_with(b"{0..") || range.starts_with(b"{1.."));
    ranges.next().is_some() || has_seq(text)
}

/// `seq ` by the rarest of its letters.
fn has_seq(text: &[u8]) -> bool {
    memchr::memchr_iter(b'q', text)
        .filter_map(|at| text.get(at.checked_sub(2)?..))
        .any(|word| word.starts_with(b"seq "))
}

/// A number is compared in it, and not just handed on: `-lt`, `==`, `((` and their like; `$((` computes.
fn compares(text: &[u8]) -> bool {
    memchr::memchr3_iter(b'-', b'=', b'(', text).any(|at| match &text[at..] {
        [b'-', b'l' | b'g', b't' | b'e', b' ', ..] => true,
        [b'-', b'e', b'q', b' ', ..] | [b'-', b'n', b'e', b' ', ..] => true,
        [b'=', b'=', ..] => true,
        [b'(', b'(', ..] => !text[..at].ends_with(b"$"),
        [b'=', ..] => text[..at].ends_with(b"!"),
        _ => false,
    })
}

/// The heap that is named, or a share of what the job has.
fn java(words: &[&[u8]], note: &mut impl FnMut(Need)) {
    let heaps = words.iter().filter_map(|word| heap(word));
    let mut is_named = false;
    for heap in heaps {
        is_named = true;
        note(match heap {
            Some(mib) => Need::Memory(mib.saturating_add(mib / 10 + BESIDE_HEAP_MIB)),
            None => Need::AllMemory,
        });
    }
    let by_share =
        |word: &&[u8]| contains(word, b"RAMPercentage") || contains(word, b"RAMFraction");
    let speaks = words
        .first()
        .is_some_and(|word| SPEAK_OF_PROGRAMS.contains(&name_of(word)));
    let starts = !speaks && words.iter().any(|word| starts_java(word));
    let only_asks = words
        .iter()
        .any(|word| *word == b"-version" || *word == b"--version");
    if words.iter().any(by_share) || (starts && !is_named && !only_asks) {
        note(Need::AllMemory);
    }
}

/// A Java machine, or a program known to be one; without a largest heap it takes a share of what there is, and so it does
/// where only the first heap is named.
fn starts_java(word: &[u8]) -> bool {
    let is_program = matches!(name_of(word), b"java" | b"gatk") && !word.contains(&b'=');
    is_program || word == b"-jar" || contains(word, b"-Xms")
}

/// `-Xmx7g` as MiB, also within `JAVA_OPTS=-Xmx7g`; `Some(None)` where the shell computes it. A plain number is bytes.
fn heap(word: &[u8]) -> Option<Option<u64>> {
    let name = b"-Xmx";
    let text = &word[memchr::memmem::find(word, name)? + name.len()..];
    let plain = || Some(str::from_utf8(text).ok()?.parse::<u64>().ok()? >> 20);
    Some(size(text).or_else(plain))
}

/// Dask's workers take what there is where no size says how much.
fn dask(words: &[&[u8]], note: &mut impl FnMut(Need)) {
    let starts = |pair: &[&[u8]]| name_of(pair[0]) == b"dask" && pair[1] == b"worker";
    let is_worker =
        words.windows(2).any(starts) || words.iter().any(|word| name_of(word) == b"dask-worker");
    let find = |at| value(words, at, &["--memory-limit"], &[]);
    let is_sized = |limit| matches!(limit, Value::Written(text) if size(text).is_some());
    if is_worker && !(0..words.len()).filter_map(find).any(is_sized) {
        note(Need::AllMemory);
    }
}

/// `--max-mem 6G`, `--memory-limit=6GiB`, `executor-memory 4g`: an option whose name speaks of memory.
fn named_memory(words: &[&[u8]], at: usize, note: &mut impl FnMut(Need)) {
    let word = words[at];
    let name = word.split(|&byte| byte == b'=').next().unwrap_or(word);
    if !word.starts_with(b"-") || !speaks_of_memory(name) || is_a_steps(words, at) {
        return;
    }
    let Ok(name) = str::from_utf8(name) else {
        return;
    };
    // Dask's workers fill what they believe to have, and count not all of it.
    let times = if words.iter().any(|word| contains(word, b"dask")) {
        2
    } else {
        1
    };
    match value(words, at, &[name], &[]) {
        Some(Value::Computed) => note(Need::AllMemory),
        Some(Value::Written(text)) => match (
            size(text),
            str::from_utf8(text)
                .ok()
                .and_then(|t| t.parse::<u64>().ok()),
        ) {
            (Some(mib), _) => note(Need::Memory(mib.saturating_mul(times))),
            // Bytes, for sure; of smaller numbers only the program knows the unit.
            (None, Some(bytes)) if bytes >= 64 << 20 => note(Need::Memory(bytes.div_ceil(1 << 20))),
            (None, Some(number)) if number > 0 => note(Need::AllMemory),
            _ => {}
        },
        None => {}
    }
}

fn speaks_of_memory(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let part = |text: &[u8]| contains(&name, text);
    part(b"mem") && !part(b"member") && !part(b"remem") && !part(b"memo-")
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

/// sort's buffer, and samtools sort's for each of its threads.
fn sort(words: &[&[u8]], cpus: u64, note: &mut impl FnMut(Need)) {
    let sorts = |word: &&[u8]| word.ends_with(b"sort") && name_of(word) == b"sort";
    let Some(at) = words.iter().position(sorts) else {
        return;
    };
    let is_samtools = at > 0
        && matches!(
            name_of(words[at - 1]),
            b"samtools" | b"sambamba" | b"bcftools"
        );
    let (long, short): (&[&str], &[&str]) = match is_samtools {
        true => (&["--max-mem", "-m"], &["-m"]),
        false => (&["--buffer-size", "-S"], &["-S"]),
    };
    let find = |long: &[&str], short: &[&str]| {
        (at + 1..words.len()).find_map(|at| value(words, at, long, short))
    };
    let threads = || match find(&["-@", "--threads"], &["-@"]) {
        Some(threads) if is_samtools => threads.number().unwrap_or(cpus).max(1),
        _ => 1,
    };
    match find(long, short) {
        Some(Value::Computed) => note(Need::AllMemory),
        Some(Value::Written(text)) => match size(text) {
            Some(mib) => note(Need::Memory(mib.saturating_mul(threads()))),
            // A share of the memory that it believes to have.
            None if text.ends_with(b"%") => note(Need::AllMemory),
            None => {}
        },
        None => {}
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}
