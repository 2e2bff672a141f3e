//! Programs that size themselves: by a size that the script names, or by what Slurm gave the job.

use super::comparing::compares_as_text;
use super::facts::{Facts, counts};
use super::floor::LineNeed;
use super::lines::{name_of, words};
use super::names::is_in_name;
use super::options::{Value, number, size, value};
use super::signs::Signs;
use super::{clusters, edits, memory, properties, sets};
use crate::text::contains;
use std::cell::OnceCell;

/// A command that asks Slurm about the job itself, and keeps the answer: its memory or its CPUs, which a `reader` takes out of
/// it, that command itself or a line that reads the file into which it writes.
pub fn asks_about_itself(command: &[u8], reader: &[u8], note: &mut impl FnMut(LineNeed)) {
    let asks = |names: &[&str]| names.iter().any(|name| contains(reader, name.as_bytes()));
    let answers = |word: &[u8]| matches!(name_of(word), b"scontrol" | b"sacct" | b"squeue");
    let is_kept = command != reader || asks(&["`", "$("]);
    if !is_kept || !words(command).any(answers) {
        return;
    }
    if asks(&["Mem", "mem", "%m"]) {
        note(LineNeed::AllMemory);
    }
    if asks(&["CPU", "cpu"]) {
        note(LineNeed::AllCpus);
    }
}

/// Notes what the programs of a command need; `cpus` is what the job's user asked for in all.
pub fn needs(
    facts: &Facts,
    command: &[u8],
    signs: Signs,
    words: &[&[u8]],
    cpus: u64,
    note: &mut impl FnMut(LineNeed),
) {
    if signs.has(Signs::MEMORY_VARIABLE) && !only_takes_away(command) {
        note(LineNeed::AllMemory);
    }
    if signs.has(Signs::CPU_VARIABLE) && hangs_on_count(facts, command, None) {
        note(LineNeed::AllCpus);
    }
    if signs.has(Signs::NAMES_MEMORY) {
        memory::needs(facts, words, note);
        if let Some(words) = edits::put_in(words) {
            memory::needs(facts, &words, note);
        }
        properties::needs(facts, words, note);
        dask(words, note);
    }
    if signs.has(Signs::SIZED) {
        clusters::needs(facts, command, note);
    }
    if signs.has(Signs::SORT) {
        sort(words, cpus, note);
    }
}

/// Of the job's memory nothing is read: its variables are taken away from a program, as in `env -u SLURM_MEM_PER_CPU`, or are
/// about where memory lies.
fn only_takes_away(command: &[u8]) -> bool {
    let name = b"SLURM_MEM_";
    let mut uses = memchr::memmem::find_iter(command, name).peekable();
    let is_none = |at: usize| {
        command[..at].ends_with(b"-u ") || command[at + name.len()..].starts_with(b"BIND")
    };
    uses.peek().is_some() && uses.all(is_none) && !contains(command, b"memory.")
}

/// What a command does is another thing with another number of CPUs: it compares it, or counts parts of the work out by it.
/// `name` holds it, unless Slurm's own variable does.
pub fn hangs_on_count(facts: &Facts, command: &[u8], name: Option<&[u8]>) -> bool {
    compares(command, name)
        || compares_as_text(command, name)
        || facts.has_less_or_more() && is_less_or_more(command, name)
        || facts.counts() && counts(command)
        || counts_up_to(command, name)
}

/// `range(n)`, `1:n`, `1..$n`: parts of the work are counted out as the languages do that count in loops.
fn counts_up_to(command: &[u8], name: Option<&[u8]>) -> bool {
    const BEGIN: [&[u8]; 7] = [
        b"range(",
        b"range(0, ",
        b"range(1, ",
        b"1:",
        b"1..$",
        b"0..$",
        b"seq_len(",
    ];
    let begins = |at: usize| BEGIN.iter().any(|begin| command[..at].ends_with(begin));
    name.is_some_and(|name| sets::uses(name, command).any(begins))
}

/// A number is compared in it, and not just handed on: `-lt`, `==`, `((` and their like; `$((` computes. With nothing or 0 a
/// variable is compared to see whether it is set. In `QUAL>=20` a program's own names are.
fn compares(text: &[u8], name: Option<&[u8]>) -> bool {
    // What is computed of the count may have to be 0.
    let computes = OnceCell::new();
    let computes = || *computes.get_or_init(|| contains(text, b"$(("));
    let is_number = |number: &[u8]| is_number(number) || computes();
    let is_of_the_shell = |before: &[u8], after: &[u8]| is_of_the_shell(before, after, name);
    memchr::memchr3_iter(b'-', b'=', b'(', text).any(|at| match &text[at..] {
        [b'-', b'l' | b'g', b't' | b'e', b' ', ..] => is_number(&text[at + 3..]),
        [b'-', b'e', b'q', b' ', ..] | [b'-', b'n', b'e', b' ', ..] => is_number(&text[at + 3..]),
        [b'=', b'=', ..] => {
            is_number(&text[at + 2..]) && is_of_the_shell(&text[..at], &text[at + 2..])
        }
        [b'(', b'(', ..] => !text[..at].ends_with(b"$"),
        [b'=', ..] => {
            matches!(text[..at].last(), Some(b'!' | b'<' | b'>'))
                && is_number(&text[at + 1..])
                && is_of_the_shell(&text[..at - 1], &text[at + 1..])
        }
        _ => false,
    })
}

/// `n < 4`, as languages other than the shell's compare.
fn is_less_or_more(text: &[u8], name: Option<&[u8]>) -> bool {
    memchr::memchr2_iter(b'<', b'>', text).any(|at| {
        text[..at].ends_with(b" ")
            && is_bare_number(&text[at + 1..])
            && is_of_the_shell(&text[..at], &[], name)
    })
}

/// One of the words around a comparison is what the shell puts there, or what Slurm gave, also where it is called `name`.
fn is_of_the_shell(before: &[u8], after: &[u8], name: Option<&[u8]>) -> bool {
    const LONGEST: usize = 64;
    let before = &before[before.len().saturating_sub(LONGEST)..];
    let after = &after[..after.len().min(LONGEST)];
    let is_blank = u8::is_ascii_whitespace;
    let before = before.trim_ascii_end().rsplit(is_blank).next();
    let after = after.trim_ascii_start().split(is_blank).next();
    let mut words = before.into_iter().chain(after);
    words.any(|word| {
        word.ends_with(b"))")
            || contains(word, b"SLURM_")
            || name.is_some_and(|name| names(word, name))
            || word.iter().any(|byte| matches!(byte, b'$' | b'`'))
    })
}

/// `n` stands in `check(n`.
fn names(word: &[u8], name: &[u8]) -> bool {
    word.split(|byte| !is_in_name(*byte))
        .any(|part| part == name)
}

/// ` 4`, and nothing of a file's name: `./a < 4.txt` compares nothing.
fn is_bare_number(text: &[u8]) -> bool {
    let Some(text) = text.strip_prefix(b" ") else {
        return false;
    };
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace()
            || matches!(byte, b')' | b';' | b']' | b'}' | b':' | b',' | b'"' | b'\'')
    };
    digits > 0 && text[0] != b'0' && text.get(digits).is_none_or(ends)
}

/// What begins there may be a number, and not 0.
fn is_number(text: &[u8]) -> bool {
    let mut bytes = text
        .iter()
        .filter(|byte| !matches!(byte, b' ' | b'"' | b'\''));
    match bytes.next() {
        Some(b'0') => bytes.next().is_some_and(u8::is_ascii_digit),
        Some(b']' | b';' | b'x' | b'X') | None => false,
        Some(_) => true,
    }
}

/// Dask's workers take what there is where no size says how much.
fn dask(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let starts = |pair: &[&[u8]]| name_of(pair[0]) == b"dask" && pair[1] == b"worker";
    let is_worker =
        words.windows(2).any(starts) || words.iter().any(|word| name_of(word) == b"dask-worker");
    let find = |at| value(words, at, &["--memory-limit"], &[]);
    let is_sized = |limit| matches!(limit, Value::Written(text) if size(text).is_some());
    if is_worker && !(0..words.len()).filter_map(find).any(is_sized) {
        note(LineNeed::AllMemory);
    }
}

/// It may have an option for sort's buffer: most have none, and need not be read word by word.
pub fn may_name_a_buffer(command: &[u8]) -> bool {
    memchr::memchr2_iter(b'-', b'$', command).any(|at| match &command[at..] {
        [b'-', b'S' | b'm', ..] | [b'-', b'-', b'b' | b'm', ..] => true,
        [b'-', letters @ ..] => behind_letters(letters).is_some(),
        [b'$', next, ..] => next.is_ascii_alphabetic() || matches!(next, b'{' | b'('),
        _ => false,
    })
}

/// What stands behind the `S` of sort's options that are written as one: `uS 2G`, `k` and its like take all behind them.
fn behind_letters(letters: &[u8]) -> Option<&[u8]> {
    let flags = letters
        .iter()
        .take_while(|letter| b"bCcdfghiMmnRrsuVz".contains(letter))
        .take(16)
        .count();
    letters[flags..].strip_prefix(b"S")
}

/// sort's buffer, written behind other options in one word.
fn clustered<'a>(words: &[&'a [u8]]) -> Option<Value<'a>> {
    words.iter().enumerate().find_map(|(at, word)| {
        match behind_letters(word.strip_prefix(b"-")?)? {
            [] => words.get(at + 1).map(|next| Value::of(next)),
            text => Some(Value::of(text)),
        }
    })
}

/// sort's buffer, and samtools sort's for each of its threads.
fn sort(words: &[&[u8]], cpus: u64, note: &mut impl FnMut(LineNeed)) {
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
    let plain = |text| Some(number(text)?.div_ceil(if is_samtools { 1 << 20 } else { 1 << 10 }));
    let own = || {
        (!is_samtools)
            .then(|| clustered(&words[at + 1..]))
            .flatten()
    };
    match find(long, short).or_else(own) {
        Some(given @ (Value::Computed | Value::Given(_))) => given.note_memory(note),
        // A plain number is bytes, and KiB of sort's own.
        Some(Value::Written(text)) => match size(text).or(plain(text)) {
            Some(mib) => note(LineNeed::Memory(mib.saturating_mul(threads()))),
            // A share of the memory that it believes to have.
            None if text.ends_with(b"%") => note(LineNeed::AllMemory),
            None => {}
        },
        None => {}
    }
}
