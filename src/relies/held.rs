//! Programs that are started by variables: `RUN=/opt/bin/mpirun; $RUN -np 4 ./a`. Where such a variable is used stands no sign
//! of what it starts, so its own is put there.

use super::assigned::{LONGEST_LIST, assigned, enclosed, line_before};
use super::assignments::{self, begins_command};
use super::names::{is_in_name, name_length};
use super::sets::set_by;
use super::signs::Signs;
use crate::text::contains;
use std::cell::OnceCell;

/// Of more variables nobody asks where they are used.
const MOST: usize = 16;

/// Names under which modules and sites set programs, and what these are called.
const USUAL: [(&str, Signs); 6] = [
    ("srun", Signs::LAUNCHER),
    ("mpirun", Signs::LAUNCHER),
    ("mpiexec", Signs::LAUNCHER),
    ("java", Signs::JAVA),
    ("samtools", Signs::SORT),
    ("gatk", Signs::JAVA),
];

/// How a script asks where a program is.
const ASK: [&[u8]; 4] = [b"which ", b"command -v ", b"type -P ", b"type -p "];

/// Adds to the signs `found` in `script` those of programs that variables hold, in their order.
pub fn add_signs(script: &[u8], found: &mut Vec<(usize, Signs)>) {
    let count = found.len();
    let held = held(script, found);
    let whole = |text: &[u8]| {
        [&b"[@]}"[..], b"[*]}"]
            .iter()
            .any(|end| text.starts_with(end))
    };
    for at in memchr::memchr_iter(b'$', script) {
        let text = &script[at + 1..];
        let brace = usize::from(text.first() == Some(&b'{'));
        let name = &text[brace..];
        let name = &name[..name_length(name)];
        let end = at + 1 + 2 * brace + name.len();
        let end = match brace == 1 && whole(&text[1 + name.len()..]) {
            true => end + b"[@]".len(),
            false => end,
        };
        let of_script = held.iter().find(|held| held.name == name);
        let is_started = || match of_script {
            Some(held) if held.is_command => is_not_set_by(script, at),
            _ => is_started(script, at, end),
        };
        let of_others = || usual(name).map(|&(_, sign)| sign);
        let sign = of_script.map(|held| held.sign).or_else(of_others);
        if let Some(sign) = sign.filter(|_| is_started()) {
            found.push((end, sign));
        }
    }
    if found.len() > count {
        found.sort_by_key(|&(end, _)| end);
    }
}

/// The program that a variable of this name is usually set to by others.
pub fn usual_program(name: &[u8]) -> Option<&'static [u8]> {
    usual(name).map(|(program, _)| program.as_bytes())
}

/// The program of which `command` asks where it is.
pub fn asked_program(command: &[u8]) -> Option<&[u8]> {
    let command = command.trim_ascii();
    let name = ASK.iter().find_map(|ask| command.strip_prefix(*ask))?;
    let name = name.split(u8::is_ascii_whitespace).next();
    name.filter(|name| !name.is_empty() && !name.contains(&b'$'))
}

fn usual(name: &[u8]) -> Option<&'static (&'static str, Signs)> {
    let is_it = |(program, _): &&(&str, Signs)| name.eq_ignore_ascii_case(program.as_bytes());
    USUAL.iter().find(is_it)
}

/// A variable that holds a program.
struct Held<'a> {
    name: &'a [u8],
    sign: Signs,
    /// Its options too: an array over several lines, what others are appended to, a default. Where that is set nobody sees all.
    is_command: bool,
}

/// Which variables of a script are appended to: for each of them all of it is read, so of more than a few nobody asks.
struct Growing<'a> {
    script: &'a [u8],
    known: Vec<(&'a [u8], bool)>,
}

impl<'a> Growing<'a> {
    fn has(&mut self, name: &'a [u8]) -> bool {
        if let Some((_, grows)) = self.known.iter().find(|(known, _)| *known == name) {
            return *grows;
        }
        let grows = self.known.len() < MOST && assignments::grows(self.script, name);
        if self.known.len() < MOST {
            self.known.push((name, grows));
        }
        grows
    }
}

/// Variables that `script` sets to a program of which a sign was `found`.
fn held<'a>(script: &'a [u8], found: &[(usize, Signs)]) -> Vec<Held<'a>> {
    let mut held: Vec<Held> = Vec::new();
    let mut growing = Growing {
        script,
        known: Vec::new(),
    };
    let has_lists = OnceCell::new();
    let has_lists = || *has_lists.get_or_init(|| contains(script, b"=("));
    for &(end, sign) in found {
        let starts = [Signs::LAUNCHER, Signs::JAVA, Signs::SIZED, Signs::SORT];
        if held.len() == MOST || !starts.iter().any(|&one| sign.has(one)) {
            continue;
        }
        let set = program_set(script, end, &mut growing)
            .map(|(name, program)| (name, &script[end..program]));
        let in_list = || {
            Some((
                has_lists().then(|| list_around(script, end)).flatten()?,
                &b" "[..],
            ))
        };
        let Some((name, behind)) = set.or_else(in_list) else {
            continue;
        };
        let is_last = !behind.contains(&b'/');
        let is_command = behind.contains(&b' ') || growing.has(name);
        if !is_last && !is_command {
            continue;
        }
        match held.iter_mut().find(|held| held.name == name) {
            Some(known) => {
                known.sign = Signs::all(&[(0, known.sign), (0, sign)]);
                known.is_command |= is_command;
            }
            None => held.push(Held {
                name,
                sign,
                is_command,
            }),
        }
    }
    held
}

/// The variable that is set to a program around byte `at`, and where the program's name ends.
fn program_set<'a>(
    script: &'a [u8],
    at: usize,
    growing: &mut Growing<'a>,
) -> Option<(&'a [u8], usize)> {
    let before = line_before(script, at);
    let command = memchr::memrchr2(b';', b'&', before).map_or(before, |end| &before[end + 1..]);
    let equals = at - command.len() + memchr::memchr(b'=', command)?;
    // Nothing is set by what ends with its `=`.
    let command = &script[at - command.len()..script.len().min(at + 1)];
    let name = set_by(command)?;
    let value = assigned(&script[equals + 1..]);
    let start = equals + 1 + usize::from(matches!(script.get(equals + 1), Some(b'"' | b'\'')));
    let inner = enclosed(value, b"$(", b")").or_else(|| enclosed(value, b"`", b"`"));
    let (start, program) = match inner.and_then(asked_program) {
        Some(program) => (start + memchr::memmem::find(value, program)?, program),
        None => (start, value),
    };
    let end = start + program.len();
    if !(start..=end).contains(&at) {
        return None;
    }
    let is_word = !program.contains(&b' ') || value.starts_with(b"${") || growing.has(name);
    is_word.then_some((name, end))
}

/// The array whose elements stand around byte `at`, which began on a line above.
fn list_around(script: &[u8], at: usize) -> Option<&[u8]> {
    let before = &script[at.saturating_sub(LONGEST_LIST)..at];
    let open = memchr::memrchr2(b'(', b')', before)?;
    let name = before[..open]
        .strip_suffix(b"=")
        .filter(|_| before[open] == b'(')?;
    let name = name.strip_suffix(b"+").unwrap_or(name);
    let start = name.iter().rposition(|byte| !is_in_name(*byte));
    let name = &name[start.map_or(0, |start| start + 1)..];
    let end = memchr::memchr2(b')', b'\n', &script[at..]);
    let goes_on = || end.is_some_and(|end| script[at + end] == b'\n');
    (!name.is_empty() && (before[open..].contains(&b'\n') || goes_on())).then_some(name)
}

/// A use of a variable at that byte is no value of another one, nor its own.
fn is_not_set_by(script: &[u8], at: usize) -> bool {
    let before = line_before(script, at);
    let before = before.strip_suffix(b"\"").unwrap_or(before);
    !before.ends_with(b"=") && !before.trim_ascii_start().starts_with(b"#")
}

/// A use of a variable between these bytes starts what it holds: it begins a command, or options stand behind it.
fn is_started(script: &[u8], start: usize, end: usize) -> bool {
    let behind = script.get(end..).unwrap_or_default();
    let behind = behind.strip_prefix(b"\"").unwrap_or(behind);
    let Some(next) = behind.strip_prefix(b" ") else {
        return false;
    };
    let before = line_before(script, start);
    let before = before.strip_suffix(b"\"").unwrap_or(before);
    next.trim_ascii_start().starts_with(b"-") || begins_command(before)
}
