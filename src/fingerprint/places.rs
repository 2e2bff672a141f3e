//! Words of a script or an argument: options, programs, data files and other paths.

use super::bytes::{WORD, class, next_special};
use super::meaning::{
    has_meaning, holds_values, is_common_place, is_common_script, is_of_a_manager, lower,
    starts_with_interpreter,
};
use super::models::is_size;
use super::segments::{PARAMETER, is_number, push_segments, push_without_numbers};
use super::slots::{self, Slot};
use super::types::{data_type, is_configuration, is_file, is_model, is_program, is_script, stem};

/// Scripts that a workflow manager writes anew for each task, in a folder that has no name.
const WRITTEN_ANEW: [&[u8]; 3] = [b".command.sh", b".command.run", b"tool_script.sh"];

/// So many folders with a meaning tell scripts with a common name apart.
pub const FOLDERS_OF_A_SCRIPT: usize = 2;
/// No path is longer, in bytes: of a longer one the rest is not read.
pub const LONGEST_PATH: usize = 4 << 10;
/// The same of a folder's name.
const LONGEST_FOLDER: usize = 256;
/// Only so many folders are looked at.
const MOST_FOLDERS: usize = 16;

/// What the name of a script, and the folders before it, leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Unknown {
    /// Nothing.
    #[default]
    Nothing,
    /// Of which project it is: `train.py` says what it does.
    Project,
    /// All of it: with a common name it may be any script.
    Script,
    /// Which part of it runs: its arguments say that.
    Part,
    /// That, and of which project it is.
    PartOfProject,
    /// That, and all of it.
    PartOfScript,
    /// All of it: it runs what its arguments say.
    Arguments,
    /// The same: it runs what a variable holds that the script does not set, or what a server says.
    Environment,
}

impl Unknown {
    /// What this and the other leave open together.
    pub fn and(self, other: Unknown) -> Unknown {
        match (self.min(other), self.max(other)) {
            (Unknown::Project, Unknown::Part) => Unknown::PartOfProject,
            (Unknown::Script, Unknown::Part | Unknown::PartOfProject) => Unknown::PartOfScript,
            (_, most) => most,
        }
    }
}

/// How files of data are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// By their type.
    Types,
    /// By their names: they may be lists of commands, which are run.
    Names,
}

/// A word, and where in it the last slash and the last dot stand: both are found on the way to its end.
struct Word<'a> {
    text: &'a [u8],
    slash: Option<usize>,
    dot: Option<usize>,
}

impl<'a> Word<'a> {
    /// The word of `line` around `at`, and where it ends; all of it before `from` is another's.
    fn around(at: usize, line: &'a [u8], from: usize) -> (Word<'a>, usize) {
        let is_word = |byte: &u8| class(*byte) & WORD != 0;
        let before = line[from..at].iter().rev().take_while(|b| is_word(b));
        let start = at - before.count();
        let (mut slash, mut dot) = (None, None);
        let mut end = at;
        while let Some(byte) = line.get(end).filter(|byte| is_word(byte)) {
            match byte {
                b'/' => slash = Some(end - start),
                b'.' => dot = Some(end - start),
                _ => {}
            }
            end += 1;
        }
        let text = &line[start..end];
        (Word { text, slash, dot }, end)
    }

    /// Without the slashes at its end.
    fn trimmed(self) -> Word<'a> {
        if self.text.last() != Some(&b'/') {
            return self;
        }
        let last = self.text.iter().rposition(|&byte| byte != b'/');
        let text = &self.text[..last.map_or(0, |last| last + 1)];
        Word {
            slash: memchr::memrchr(b'/', text),
            ..Word { text, ..self }
        }
    }

    /// Its folders, its own name, and where in that the last dot stands.
    fn parts(&self) -> (&'a [u8], &'a [u8], Option<usize>) {
        match self.slash {
            Some(slash) => {
                let dot = self.dot.and_then(|dot| dot.checked_sub(slash + 1));
                (&self.text[..slash], &self.text[slash + 1..], dot)
            }
            None => (&self.text[..0], self.text, self.dot),
        }
    }
}

/// Appends a line word by word, each in its general form; what a name before a value says of it counts more than the value.
pub fn push_line(line: &[u8], data: Data, out: &mut Vec<u8>) -> Unknown {
    let (mut unknown, mut from) = (Unknown::Nothing, 0);
    while let Some((slot, place)) = slots::next(line, from) {
        unknown = unknown.max(push_words(&line[from..place.start], data, out));
        match slot {
            Slot::Varies => out.push(PARAMETER),
            Slot::Names | Slot::Sizes | Slot::Stages => out.extend_from_slice(&line[place.clone()]),
        }
        from = place.end;
    }
    unknown.max(push_words(&line[from..], data, out))
}

fn push_words(line: &[u8], data: Data, out: &mut Vec<u8>) -> Unknown {
    let mut unknown = Unknown::Nothing;
    let mut from = 0;
    while let Some(at) = next_special(line, from) {
        if class(line[at]) & WORD == 0 {
            out.extend_from_slice(&line[from..at]);
            out.push(b' ');
            from = at + 1;
            continue;
        }
        let (word, end) = Word::around(at, line, from);
        out.extend_from_slice(&line[from..end - word.text.len()]);
        unknown = unknown.max(push_word(word, data, out));
        from = end;
    }
    out.extend_from_slice(&line[from..]);
    unknown
}

/// Appends a word with slashes, dots or digits: of a path its last part, of a data file its type.
fn push_word(word: Word, data: Data, out: &mut Vec<u8>) -> Unknown {
    let is_option = word.text[0] == b'-';
    let word = word.trimmed();
    let (folders, base, dot) = word.parts();
    if is_option && folders.is_empty() && !is_number(word.text) {
        push_without_numbers(base, out);
        return Unknown::Nothing;
    }
    match data_type(base, dot).filter(|kind| !folders.is_empty() || is_file(base, kind)) {
        Some(_) if data == Data::Names => push_list(folders, base, out),
        Some(kind) => {
            out.push(b'*');
            if is_model(kind) {
                push_size(base, out);
            }
            out.push(b'.');
            push_without_numbers(kind, out);
            Unknown::Nothing
        }
        None => push_place(folders, base, out),
    }
}

/// Appends how large a model is by the name of its file, if that says it: it needs memory by that.
fn push_size(base: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    push_segments(base, out);
    // What is none has become a parameter.
    let mut parts = out[from..].split(|byte| !byte.is_ascii_alphanumeric());
    let size = parts.find(|part| is_size(part)).map(<[u8]>::to_vec);
    out.truncate(from);
    out.extend_from_slice(&size.unwrap_or_default());
}

/// The length of a model's size that the name of a configuration begins with: `7b.yaml` is no sample's.
fn size_of_configuration(base: &[u8]) -> usize {
    let end = base.iter().position(|byte| !byte.is_ascii_alphanumeric());
    end.filter(|&end| is_size(&base[..end]) && is_configuration(stem(base).1))
        .unwrap_or(0)
}

/// Appends a file that may be a list of commands.
fn push_list(folders: &[u8], base: &[u8], out: &mut Vec<u8>) -> Unknown {
    let from = out.len();
    push_segments(base, out);
    let is_common = is_common_place(&out[from..]);
    match is_common && push_folders(folders, FOLDERS_OF_A_SCRIPT, out) == 0 {
        true => Unknown::Script,
        false => Unknown::Nothing,
    }
}

/// Appends a program or a folder. Where its own name says nothing, the folders that it lies in do.
fn push_place(folders: &[u8], base: &[u8], out: &mut Vec<u8>) -> Unknown {
    let from = out.len();
    let size = size_of_configuration(base);
    out.extend_from_slice(&base[..size]);
    push_segments(&base[size..], out);
    if is_one_of_samples(folders, base) {
        out.truncate(from);
        out.push(PARAMETER);
    }
    let form = without_type(&out[from..], base);
    let wanted = match form {
        [PARAMETER] => 1,
        _ if !starts_with_interpreter(form) && is_common_place(form) => FOLDERS_OF_A_SCRIPT,
        _ if is_script(base) && is_common_script(form) => {
            return match push_project(folders, out) {
                true => Unknown::Nothing,
                false => Unknown::Project,
            };
        }
        _ => 0,
    };
    let found = push_folders(folders, wanted, out);
    let may_be_any = wanted == FOLDERS_OF_A_SCRIPT && found == 0 && is_program(base);
    match may_be_any || WRITTEN_ANEW.contains(&base) {
        true => Unknown::Script,
        false => Unknown::Nothing,
    }
}

/// A form without its type, where that is a program's: `main.jl` and `main.m` say as little as `main`. What configures a program may be
/// called as it likes.
fn without_type<'a>(form: &'a [u8], base: &[u8]) -> &'a [u8] {
    let (name, kind) = stem(form);
    match is_program(base) && !is_configuration(kind) && name != [PARAMETER] {
        true => name,
        false => form,
    }
}

/// A folder beside those of other samples; below /usr and /opt they are programs.
fn is_one_of_samples(folders: &[u8], base: &[u8]) -> bool {
    let beside = folders.rsplit(|&byte| byte == b'/').next();
    let holds_samples = |folder: &[u8]| {
        matches!(
            folder,
            b"samples" | b"sample" | b"subjects" | b"patients" | b"participants"
        )
    };
    let are_programs = folders.starts_with(b"/usr/") || folders.starts_with(b"/opt/");
    !are_programs
        && !base.contains(&b'.')
        && beside.is_some_and(|beside| lower(beside, holds_samples))
}

/// Folders without that of a user, whose name says nothing of what runs.
fn below_home(folders: &[u8]) -> &[u8] {
    let homes = [
        &b"/home/"[..],
        b"/users/",
        b"/scratch/users/",
        b"/scratch/",
        b"/work/",
    ];
    let Some(users) = homes.iter().find_map(|home| folders.strip_prefix(*home)) else {
        return folders;
    };
    memchr::memchr(b'/', users).map_or(&users[..0], |slash| &users[slash..])
}

/// Appends what the folder in which a script starts says of what is unknown.
pub fn push_work_dir(folder: Option<&[u8]>, unknown: Unknown, out: &mut Vec<u8>) {
    let folder = folder.unwrap_or_default();
    let folder = &folder[..folder.len().min(LONGEST_PATH)];
    match unknown {
        Unknown::Nothing | Unknown::Part | Unknown::Arguments | Unknown::Environment => {}
        Unknown::Project | Unknown::PartOfProject => {
            push_project(folder, out);
        }
        Unknown::Script | Unknown::PartOfScript => {
            push_folders(folder, FOLDERS_OF_A_SCRIPT, out);
        }
    }
}

/// Appends the outermost folder that has a meaning, and no number: those below it may be another sample's each time.
pub fn push_project(folders: &[u8], out: &mut Vec<u8>) -> bool {
    for folder in below_home(folders)
        .split(|&byte| byte == b'/')
        .take(MOST_FOLDERS)
    {
        let folder = &folder[..folder.len().min(LONGEST_FOLDER)];
        if holds_values(folder) {
            return false;
        }
        let from = out.len();
        out.push(b'/');
        push_segments(folder, out);
        let has_name = has_meaning(&out[from..]) && !is_of_a_manager(folder);
        if has_name && !out[from..].contains(&PARAMETER) {
            return true;
        }
        out.truncate(from);
    }
    false
}

/// Appends the last folders that have a meaning, at most `wanted`, the last one first. Returns how many.
pub fn push_folders(folders: &[u8], wanted: usize, out: &mut Vec<u8>) -> usize {
    let mut found = 0;
    for folder in folders.rsplit(|&byte| byte == b'/').take(MOST_FOLDERS) {
        if found == wanted {
            break;
        }
        let folder = &folder[..folder.len().min(LONGEST_FOLDER)];
        let from = out.len();
        out.push(b'/');
        push_segments(folder, out);
        if has_meaning(&out[from..]) && !is_of_a_manager(folder) {
            found += 1;
        } else {
            out.truncate(from);
        }
    }
    found
}
