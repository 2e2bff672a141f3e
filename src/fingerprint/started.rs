//! Programs by the words that start them. Such a word is a program's whatever type a file of that name would have (`./ising.out`),
//! and one with a common name (`./main`, `java -jar app.jar`) may be any, as a script of that name may.

use super::meaning::starts_with_interpreter;
use super::meaning::{is_common_place, is_common_program, is_common_work_of_program, lower};
use super::places::{FOLDERS_OF_A_SCRIPT, Unknown, push_folders, push_project};
use super::roles::is_flag;
use super::segments::{PARAMETER, push_segments};
use super::slots::names_a_stage;
use super::types::{is_data, is_executable_type, is_program_type, is_script, stem};
use super::words::base;
use crate::relies::is_launcher;

/// Stands before each part of a form that words at the place of a program add: no line has it.
pub const STARTED: u8 = 1;

/// No command that its folder leads has its subcommand behind more words.
const BEFORE_SUBCOMMAND: usize = 8;

/// Where a script starts a program.
#[derive(Clone, Copy)]
pub struct Start<'a> {
    /// The word that says which.
    pub word: &'a [u8],
    /// The last program before it that starts others; empty where none does.
    pub launcher: &'a [u8],
    /// The option right before it; empty where none is.
    pub option: &'a [u8],
}

/// Appends what the form of the lines lacks of a program that is started; `rest` are the words behind it. Returns what its name
/// leaves open.
pub fn push_started<'a>(
    start: &Start,
    rest: impl Iterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Unknown {
    let Some(word) = start.name() else {
        return Unknown::Nothing;
    };
    let base = base(word);
    if is_led_by_its_folder(base, rest) {
        return Unknown::Script;
    }
    // What the shell looks up is one program, whatever its name.
    if start.launcher.is_empty() && !is_file(word) {
        return Unknown::Nothing;
    }
    if base.is_empty()
        || starts_with_interpreter(base)
        || base.iter().any(|byte| b"$*?`{}[]".contains(byte))
    {
        return Unknown::Nothing;
    }
    let is_of_the_system = word.starts_with(b"/bin/") || word.starts_with(b"/usr/bin/");
    match (is_file(word) || start.launches_files()) && !is_of_the_system {
        true if !start.may_be_value(base) => push_program(word, base, start, out),
        _ => Unknown::Nothing,
    }
}

impl<'a> Start<'a> {
    /// The program's own name or path. Of several words in quotes it is the first: `main` of `matlab -r "main; exit"`, but not
    /// `test` of `bash -c "test -f a"`.
    fn name(&self) -> Option<&'a [u8]> {
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b";,(&|".contains(byte);
        let Some(end) = self.word.iter().position(ends) else {
            return Some(self.word);
        };
        let name = &self.word[..end];
        (is_file(name) || !self.word[end].is_ascii_whitespace()).then_some(name)
    }

    /// A word without a slash may be a file, class, module or function behind an interpreter; behind what starts programs it is one
    /// that the shell would find, too, unless its name has a type.
    fn launches_files(&self) -> bool {
        let is_container = || {
            matches!(
                self.launcher,
                b"singularity" | b"apptainer" | b"docker" | b"env"
            )
        };
        match is_launcher(self.launcher) || is_container() {
            true => self.word.contains(&b'.'),
            false => starts_with_interpreter(self.launcher),
        }
    }

    /// It may as well be a file behind an option that nobody knows here.
    fn may_be_value(&self, base: &[u8]) -> bool {
        let is_known = matches!(self.option, b"" | b"-m" | b"-jar") || is_flag(self.option);
        !is_known && !self.option.contains(&b'=') && !is_file(self.word) && is_data(base, false)
    }
}

/// It is no word that the shell looks up.
fn is_file(word: &[u8]) -> bool {
    word.contains(&b'/')
}

fn push_program(word: &[u8], base: &[u8], start: &Start, out: &mut Vec<u8>) -> Unknown {
    let (_, kind) = stem(base);
    let is_lost =
        is_data(base, is_file(word)) && (is_executable_type(kind) || start.option == b"-m");
    let from = out.len();
    out.push(STARTED);
    let added = out.len();
    match is_lost {
        true => push_segments(base, out),
        false => {
            push_dimensions(base, out);
            push_stage(base, out);
        }
    }
    let folders = own_folders(&word[..word.len() - base.len()]);
    let unknown = push_folders_of(base, folders, is_lost, out);
    if out.len() == added {
        out.truncate(from);
    }
    unknown
}

/// Appends the folders that say what a program with a common name is, unless the form of the lines has them.
fn push_folders_of(base: &[u8], folders: &[u8], is_lost: bool, out: &mut Vec<u8>) -> Unknown {
    let (stem, kind) = stem(base);
    let is_typed = is_program_type(kind) || is_executable_type(kind);
    let from = out.len();
    push_segments(if is_typed { stem } else { base }, out);
    let form = &out[from..];
    // A number is rather a value than a program.
    let is_any = form != [PARAMETER] && is_common_program(form);
    let is_work = !is_any && form != [PARAMETER] && is_common_work_of_program(form);
    let is_in_lines = !is_lost && is_common_place(form) || is_work && is_script(base);
    out.truncate(from);
    let (is_known, unknown) = match (is_any, is_work) {
        (true, _) => (
            push_folders(folders, FOLDERS_OF_A_SCRIPT, out) > 0,
            Unknown::Script,
        ),
        (_, true) => (push_project(folders, out), Unknown::Project),
        _ => (true, Unknown::Nothing),
    };
    if is_in_lines {
        out.truncate(from);
    }
    match is_known {
        true => Unknown::Nothing,
        false => unknown,
    }
}

/// Without a variable that holds where the job starts, or a place that every job has.
fn own_folders(folders: &[u8]) -> &[u8] {
    let Some(variable) = folders.strip_prefix(b"$") else {
        return folders;
    };
    let end = memchr::memchr(b'/', variable).unwrap_or(variable.len());
    let name = &variable[..end];
    let name = name
        .strip_prefix(b"{")
        .and_then(|name| name.strip_suffix(b"}"))
        .unwrap_or(name);
    match name {
        b"SLURM_SUBMIT_DIR" | b"PWD" | b"TMPDIR" | b"SLURM_TMPDIR" | b"SCRATCH" | b"WORKDIR" => {
            &variable[end..]
        }
        _ => folders,
    }
}

/// Appends in how many dimensions a program computes: `3d` of `./sim3d` needs another memory than `2d`.
fn push_dimensions(base: &[u8], out: &mut Vec<u8>) {
    let parts = base.split(|byte| !byte.is_ascii_alphanumeric());
    for part in parts {
        if let [name @ .., digit @ b'1'..=b'4', b'd' | b'D'] = part
            && name.iter().all(u8::is_ascii_alphabetic)
        {
            out.extend_from_slice(&[*digit, b'd']);
        }
    }
}

/// Appends which stage of several a program is: `step1.sh` does something else than `step2.sh`. Many of them are parts of one work.
fn push_stage(base: &[u8], out: &mut Vec<u8>) {
    let mut before: &[u8] = b"";
    for part in base.split(|byte| !byte.is_ascii_alphanumeric()) {
        let (name, number) = match part {
            [digit] if digit.is_ascii_digit() => (before, *digit),
            [name @ .., digit] if digit.is_ascii_digit() => (name, *digit),
            _ => (&b""[..], b'0'),
        };
        if lower(name, names_a_stage) {
            out.push(number);
        }
        before = part;
    }
}

/// Programs that do whatever the folder in which they start says.
fn is_led_by_its_folder<'a>(program: &[u8], mut rest: impl Iterator<Item = &'a [u8]>) -> bool {
    match program {
        b"make" | b"gmake" | b"snakemake" | b"ninja" | b"ctest" | b"npm" | b"yarn" | b"pnpm" => {
            true
        }
        b"cargo" => rest
            .take(BEFORE_SUBCOMMAND)
            .any(|word| matches!(word, b"run" | b"test" | b"bench" | b"build" | b"r" | b"t")),
        b"nextflow" | b"go" => {
            rest.by_ref()
                .take(BEFORE_SUBCOMMAND)
                .any(|word| matches!(word, b"run" | b"test" | b"build"))
                && rest
                    .find(|word| !word.starts_with(b"-"))
                    .is_none_or(|what| matches!(what, b"." | b"./" | b"./..."))
        }
        _ => false,
    }
}
