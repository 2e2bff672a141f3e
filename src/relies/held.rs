//! Programs that are started by variables: `RUN=/opt/bin/mpirun; $RUN -np 4 ./a`. Where such a variable is used stands no sign
//! of what it starts, so its own is put there.

use super::assigned::{assigned, enclosed, line_before};
use super::assignments::{begins_command, set_by};
use super::names::name_length;
use super::signs::Signs;

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
    for at in memchr::memchr_iter(b'$', script) {
        let text = &script[at + 1..];
        let brace = usize::from(text.first() == Some(&b'{'));
        let name = &text[brace..];
        let name = &name[..name_length(name)];
        let end = at + 1 + 2 * brace + name.len();
        let of_script = || held.iter().find(|(known, _)| *known == name);
        let of_others = || usual(name).map(|&(_, sign)| sign);
        let sign = of_script().map(|&(_, sign)| sign).or_else(of_others);
        if let Some(sign) = sign.filter(|_| is_started(script, at, end)) {
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

/// Variables that `script` sets to a program of which a sign was `found`.
fn held<'a>(script: &'a [u8], found: &[(usize, Signs)]) -> Vec<(&'a [u8], Signs)> {
    let mut held = Vec::new();
    for &(end, sign) in found {
        let starts = [Signs::LAUNCHER, Signs::JAVA, Signs::SIZED, Signs::SORT];
        if held.len() == MOST || !starts.iter().any(|&one| sign.has(one)) {
            continue;
        }
        let Some((name, program)) = program_set(script, end) else {
            continue;
        };
        let is_last = !script[end..program].contains(&b'/');
        if is_last && !held.iter().any(|&(known, _)| known == name) {
            held.push((name, sign));
        }
    }
    held
}

/// The variable that is set to a program around byte `at`, and where the program's name ends.
fn program_set(script: &[u8], at: usize) -> Option<(&[u8], usize)> {
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
    let is_word = !program.contains(&b' ') && (start..=end).contains(&at);
    is_word.then_some((name, end))
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
