//! Programs that do what a server says, or a file that somebody else wrote for them: neither their names nor their words tell.

use super::places::{FOLDERS_OF_A_SCRIPT, Unknown, push_folders};
use super::started::STARTED;
use super::words::base;
use aho_corasick::packed::Searcher;
use memchr::memmem;
use std::sync::LazyLock;

/// Their file names.
const PROGRAMS: [&[u8]; 10] = [
    b"cryosparcw",
    b"crunch-run",
    b"rlaunch",
    b"process_worker_pool.py",
    b"ipengine",
    b"work_queue_worker",
    b"vine_worker",
    b"dask-worker",
    b"jupyterhub-singleuser",
    b"batchspawner-singleuser",
];

/// Those that are one by their first word.
const COMMANDS: [(&[u8], &[u8]); 5] = [
    (b"hq", b"worker"),
    (b"wandb", b"agent"),
    (b"dask", b"worker"),
    (b"rq", b"worker"),
    (b"prefect", b"worker"),
];

/// What the names of Python's modules begin with.
const MODULES: [&[u8]; 5] = [
    b"executorlib.",
    b"parsl.executors.",
    b"distributed.cli.",
    b"ipyparallel.engine",
    b"jupyterhub.singleuser",
];

/// R's functions, as they stand in what it is given to compute.
const FUNCTIONS: [&[u8]; 4] = [
    b"clustermq:::worker(",
    b"clustermq::worker(",
    b"crew_worker(",
    COLLECTION,
];

/// batchtools' function, which does what a file in the folder `jobs` of a registry says.
const COLLECTION: &[u8] = b"doJobCollection(";

static FOUND: LazyLock<Option<Searcher>> = LazyLock::new(|| Searcher::new(FUNCTIONS));

/// Whether a server tells `word` what to do, behind which `next` stands.
pub fn leads(word: &[u8], next: Option<&[u8]>) -> bool {
    let program = base(word);
    PROGRAMS.contains(&program)
        || next.is_some_and(|next| COMMANDS.contains(&(program, next)))
        || MODULES.iter().any(|module| word.starts_with(module))
        || memmem::find(word, b"/executorlib/").is_some()
}

/// Whether one of R's functions stands in `text` that a server leads.
pub fn may_call(text: &[u8]) -> bool {
    FOUND
        .as_ref()
        .is_none_or(|functions| functions.find(text).is_some())
}

/// What such functions in `word` leave open, if one is called there; of a registry what its folders say is appended.
pub fn called(word: &[u8], out: &mut Vec<u8>) -> Option<Unknown> {
    let is_called = |function: &&[u8]| memmem::find(word, function).is_some();
    if !FUNCTIONS.iter().any(is_called) {
        return None;
    }
    let registry = memmem::find(word, COLLECTION).and_then(|at| folders(&word[at..]));
    let is_known = registry.is_some_and(|folders| {
        out.push(STARTED);
        push_folders(folders, FOLDERS_OF_A_SCRIPT, out) > 0
    });
    Some(match is_known {
        true => Unknown::Nothing,
        false => Unknown::Environment,
    })
}

/// The folders of the file that the quotes of a call enclose.
fn folders(call: &[u8]) -> Option<&[u8]> {
    let mut quoted = call.split(|byte| matches!(byte, b'"' | b'\'' | b'\\'));
    let file = quoted.find(|part| part.contains(&b'/'))?;
    Some(&file[..file.len() - base(file).len()])
}
