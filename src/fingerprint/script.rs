//! What a script runs, in its general form.

use super::name::push_name;
use super::places::{Data, LONGEST_PATH, Unknown, push_line};
use super::programs::elsewhere;
use super::started::{Start, push_started};
use memchr::memmem::{self, Finder};
use std::sync::LazyLock;

/// Only this much of a script or of the arguments is looked at: a decision must stay short.
pub const MAX_TEXT: usize = 64 << 10;

/// Snakemake's name for what a job may run.
static RULES: LazyLock<Finder> = LazyLock::new(|| Finder::new("--allowed-rules"));

/// How Nextflow names a task in the script that it writes around it: today and before 2023.
const TASKS: [&[u8]; 2] = [b"# NEXTFLOW TASK: ", b"### name: '"];

/// Appends what `script` runs: its lines without comments and directives, since what is requested does not
/// change what runs. Where a workflow manager wrote it, its rule or process says all, and the rest is
/// wrapping. Returns what it leaves open.
pub fn push_script(script: &[u8], out: &mut Vec<u8>) -> Unknown {
    let script = &script[..script.len().min(MAX_TEXT)];
    if let Some(at) = RULES.find(script) {
        push_rules(script, &script[at + RULES.needle().len()..], out);
        return Unknown::Nothing;
    }
    let from = out.len();
    let unknown = match push_lines(script, Data::Types, out) {
        Some(unknown) => unknown,
        None => return Unknown::Nothing,
    };
    let mut started = Vec::new();
    let elsewhere = elsewhere(script, &mut started);
    let unknown = match elsewhere.lists {
        true => {
            out.truncate(from);
            push_lines(script, Data::Names, out).unwrap_or_default()
        }
        false => unknown,
    };
    out.extend_from_slice(&started);
    unknown.and(elsewhere.unknown)
}

/// `None` where a task of Nextflow's says all.
fn push_lines(script: &[u8], data: Data, out: &mut Vec<u8>) -> Option<Unknown> {
    let from = out.len();
    let (mut start, mut unknown) = (0, Unknown::Nothing);
    for end in memchr::memchr_iter(b'\n', script).chain([script.len()]) {
        let line = script[start..end].trim_ascii();
        if line.first() == Some(&b'#') && start > 0 {
            if let Some(task) = task(line) {
                out.truncate(from);
                out.extend_from_slice(b"nextflow ");
                push_name(task, out);
                return None;
            }
        } else if !line.is_empty() {
            unknown = unknown.max(push_line(line, data, out));
            out.push(b'\n');
        }
        start = end + 1;
    }
    Some(unknown)
}

/// Appends all arguments.
pub fn push_arguments(arguments: &[&[u8]], data: Data, out: &mut Vec<u8>) -> Unknown {
    let (mut unknown, mut left) = (Unknown::Nothing, MAX_TEXT);
    for argument in arguments {
        let argument = &argument[..argument.len().min(left)];
        unknown = unknown.max(push_line(argument, data, out));
        out.push(b' ');
        left -= argument.len();
    }
    unknown
}

/// Appends what the form of arguments that say what runs lacks of the program among them.
pub fn push_started_by(arguments: &[&[u8]], out: &mut Vec<u8>) -> Unknown {
    let mut words = arguments
        .iter()
        .copied()
        .filter(|word| !word.starts_with(b"-"));
    let word = words.next().unwrap_or_default();
    let start = Start {
        word: &word[..word.len().min(LONGEST_PATH)],
        launcher: b"",
        option: b"",
    };
    push_started(&start, words, out)
}

fn task(line: &[u8]) -> Option<&[u8]> {
    let name = TASKS.iter().find_map(|start| line.strip_prefix(*start))?;
    Some(name.strip_suffix(b"'").unwrap_or(name))
}

/// Appends the rules that a job of Snakemake runs, and its Snakefile.
fn push_rules(script: &[u8], after_option: &[u8], out: &mut Vec<u8>) {
    let mut rules: Vec<&[u8]> = words(after_option)
        .take_while(|word| !word.starts_with(b"-"))
        .collect();
    // Snakemake writes a set, in any order.
    rules.sort_unstable();
    rules.dedup();
    out.extend_from_slice(b"snakemake");
    for rule in rules {
        out.push(b' ');
        out.extend_from_slice(rule);
    }
    let option = b"--snakefile";
    if let Some(at) = memmem::find(script, option) {
        out.push(b'\n');
        let file = words(&script[at + option.len()..]).next();
        push_line(file.unwrap_or_default(), Data::Types, out);
    }
}

/// The words of the rest of a line, without quotes.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.split(|byte| matches!(byte, b' ' | b'\t' | b'=' | b'\'' | b'"'))
        .filter(|word| !word.is_empty())
}
