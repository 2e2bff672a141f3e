//! CPUs by their numbers, which a job must have: lists of them for programs that bind others, and in variables.

use super::floor::LineNeed;
use super::forms::is_gaussian;
use super::lines::name_of;
use super::options::{number, text};

/// Of srun, also in its variable; fewer CPUs have other numbers.
const MAPS: [&[u8]; 2] = [b"map_cpu:", b"mask_cpu:"];

/// Variables that hold such a list, or a word for all.
const VARIABLES: [&[u8]; 4] = [
    b"I_MPI_PIN_PROCESSOR_LIST",
    b"GOMP_CPU_AFFINITY",
    b"OMP_PLACES",
    b"proclist",
];

/// What hwloc calls the parts of a machine.
const PARTS: [&[u8]; 6] = [b"core", b"pu", b"node", b"numanode", b"package", b"socket"];

/// Notes that a command names CPUs.
pub fn needs(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let is_map = |word: &&[u8]| MAPS.iter().any(|map| crate::text::contains(word, map));
    let is_set = |at: usize| is_variable(words, at) || is_of_a_launcher(words, at);
    if words.iter().any(is_map) || (0..words.len()).any(is_set) || are_of_a_binder(words) {
        note(LineNeed::AllCpus);
    }
}

/// `numactl -C 0-15`, `taskset -c 0-15`, Gaussian's `-c="0-15"`, `hwloc-bind core:0-15`.
fn are_of_a_binder(words: &[&[u8]]) -> bool {
    for at in 0..words.len() {
        let options: &[&str] = match name_of(words[at]) {
            b"numactl" => &["--physcpubind", "-C"],
            b"taskset" => &["--cpu-list", "-c"],
            b"likwid-pin" | b"likwid-perfctr" => &["-c", "-C"],
            b"hwloc-bind" => return words[at..].iter().any(|word| is_part(word)),
            name if is_gaussian(name) => &["-c"],
            _ => continue,
        };
        let mut lists = (at + 1..words.len()).filter_map(|at| text(words, at, options, options));
        // One CPU there always is.
        return lists.any(|list| list != b"all" && number(list).is_none_or(|cpu| cpu > 0));
    }
    false
}

/// `core:0-15`.
fn is_part(word: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', word) else {
        return false;
    };
    PARTS.contains(&&word[..colon]) && begins_list(&word[colon + 1..])
}

/// Open MPI's `--cpu-set 0-15`.
fn is_of_a_launcher(words: &[&[u8]], at: usize) -> bool {
    let options = ["--cpu-set", "-cpu-set", "--cpu-list", "-cpu-list"];
    text(words, at, &options, &[]).is_some_and(begins_list)
}

/// `GOMP_CPU_AFFINITY=0-15`, also behind `-genv`, and with brackets, which part words.
fn is_variable(words: &[&[u8]], at: usize) -> bool {
    let word = words[at];
    let equals = memchr::memchr(b'=', word);
    let name = &word[..equals.unwrap_or(word.len())];
    let value = equals.map_or(&b""[..], |equals| &word[equals + 1..]);
    let value = match value {
        b"" => words.get(at + 1).copied().unwrap_or_default(),
        value => value.strip_prefix(b"[").unwrap_or(value),
    };
    VARIABLES.contains(&name) && begins_list(value)
}

fn begins_list(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_digit)
}
