//! Java machines, and programs that start one: a heap that the script names, or a share of what the job has.

use super::facts::Facts;
use super::floor::LineNeed;
use super::heap::heap_need;
use super::lines::name_of;
use super::options::{Value, behind, size};
use crate::text::contains;

/// Programs that start a machine.
const STARTERS: [&[u8]; 3] = [b"java", b"gatk", b"mvn"];

/// Those whose names are words, too: what an option is given may be called so.
const STARTERS_WITH_COMMON_NAMES: [&[u8]; 7] = [
    b"scala", b"ant", b"groovy", b"gradle", b"gradlew", b"sbt", b"kotlin",
];

/// Those of BBTools, which ask Slurm and the node how much there is.
const BBTOOLS: [&str; 52] = [
    "addadapters.sh",
    "bbcms.sh",
    "bbcountunique.sh",
    "bbduk.sh",
    "bbmap.sh",
    "bbmask.sh",
    "bbmerge-auto.sh",
    "bbmerge.sh",
    "bbnorm.sh",
    "bbrealign.sh",
    "bbrename.sh",
    "bbsketch.sh",
    "bbsplit.sh",
    "bbwrap.sh",
    "bloomfilter.sh",
    "calcuniqueness.sh",
    "callgenes.sh",
    "callvariants.sh",
    "clumpify.sh",
    "comparesketch.sh",
    "dedupe.sh",
    "dedupe2.sh",
    "dedupebymapping.sh",
    "demuxbyname.sh",
    "filterbyname.sh",
    "filterbytile.sh",
    "khist.sh",
    "kmercountexact.sh",
    "kmercoverage.sh",
    "loglog.sh",
    "mapPacBio.sh",
    "mutate.sh",
    "partition.sh",
    "pileup.sh",
    "polyfilter.sh",
    "randomreads.sh",
    "reformat.sh",
    "removehuman.sh",
    "removehuman2.sh",
    "removemicrobes.sh",
    "rename.sh",
    "repair.sh",
    "rqcfilter.sh",
    "rqcfilter2.sh",
    "seal.sh",
    "sendsketch.sh",
    "sketch.sh",
    "sortbyname.sh",
    "splitnextera.sh",
    "tadpipe.sh",
    "tadpole.sh",
    "tadwrapper.sh",
];

/// Commands that speak of programs without starting them.
const SPEAK_OF_PROGRAMS: [&[u8]; 18] = [
    b"module", b"ml", b"which", b"type", b"cd", b"ls", b"mkdir", b"cp", b"mv", b"rm", b"ln",
    b"grep", b"for", b"source", b"spack", b"[", b"[[", b"sdk",
];

/// Words of the shell before a command.
const BEFORE: [&[u8]; 8] = [
    b"if", b"elif", b"while", b"then", b"else", b"do", b"!", b"time",
];

/// Notes the heap that is named, or a share of what the job has.
pub fn needs(facts: &Facts, words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let mut is_named = false;
    for heap in (0..words.len()).filter_map(|at| heap(words, at)) {
        is_named = true;
        match heap {
            Heap::Mib(mib) => note(LineNeed::Memory(heap_need(mib))),
            Heap::Computed(value) => value.note_memory(note),
        }
    }
    let by_share =
        |word: &&[u8]| contains(word, b"RAMPercentage") || contains(word, b"RAMFraction");
    let only_asks = words
        .iter()
        .any(|word| *word == b"-version" || *word == b"--version");
    let is_maven = || words.iter().any(|word| name_of(word) == b"mvn");
    let has_heap = || facts.has_heap() || is_maven() && facts.has_heap_of_maven();
    let starts = || !is_named && !only_asks && !speaks(words) && starts(words);
    if words.iter().any(by_share) || (starts() && !has_heap()) {
        note(LineNeed::AllMemory);
    }
}

/// The command speaks of what it names, and does not start it.
pub fn speaks(words: &[&[u8]]) -> bool {
    let first = words.iter().find(|word| !BEFORE.contains(word));
    first.is_some_and(|word| match name_of(word) {
        b"conda" | b"mamba" => !words.contains(&&b"run"[..]),
        b"command" => words.contains(&&b"-v"[..]) || words.contains(&&b"-V"[..]),
        b"find" => !words.iter().any(|word| word.starts_with(b"-exec")),
        name => SPEAK_OF_PROGRAMS.contains(&name),
    })
}

/// A Java machine, or a program known to be one, with something to do; without a largest heap it takes a share of what there
/// is, and so it does where only the first heap is named.
fn starts(words: &[&[u8]]) -> bool {
    let is_one =
        |name: &[u8]| STARTERS.contains(&name) || BBTOOLS.iter().any(|tool| is_bbtool(name, tool));
    let is_word = |at: usize| {
        let is_value = at
            .checked_sub(1)
            .is_some_and(|before| words[before].starts_with(b"-"));
        !is_value && STARTERS_WITH_COMMON_NAMES.contains(&name_of(words[at]))
    };
    let is_program =
        |at: usize| (is_one(name_of(words[at])) || is_word(at)) && !words[at].contains(&b'=');
    (0..words.len().saturating_sub(1)).any(is_program)
        || words
            .iter()
            .any(|word| *word == b"-jar" || contains(word, b"-Xms"))
}

/// Installations without types of scripts have those whose name says whose they are, too: `bbduk`.
fn is_bbtool(name: &[u8], tool: &str) -> bool {
    let bare = || {
        tool.strip_suffix(".sh")
            .filter(|bare| bare.starts_with("bb"))
    };
    tool.as_bytes() == name || bare().is_some_and(|bare| bare.as_bytes() == name)
}

enum Heap<'a> {
    Mib(u64),
    Computed(Value<'a>),
}

/// `-Xmx7g` and `-Xmx"7g"`, also within `JAVA_OPTS=-Xmx7g`. A plain number is bytes.
fn heap<'a>(words: &[&'a [u8]], at: usize) -> Option<Heap<'a>> {
    let (name, word) = (b"-Xmx", words[at]);
    let text = word[memchr::memmem::find(word, name)? + name.len()..].trim_ascii_start();
    let text = text.strip_prefix(b"=").unwrap_or(text);
    let text = behind(words, at, text).unwrap_or_default();
    let plain = || Some(str::from_utf8(text).ok()?.parse::<u64>().ok()? >> 20);
    Some(match size(text).or_else(plain) {
        Some(mib) => Heap::Mib(mib),
        None => Heap::Computed(Value::of(text)),
    })
}
