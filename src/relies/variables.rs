//! What the script's own variables stand for: `THREADS=8; srun -c $THREADS` names eight CPUs, and `T=$SLURM_CPUS_PER_TASK`
//! hands on what the job has. Only commands that hold a sign are looked at, and their variables are looked up where they
//! are used: most scripts pay nothing for it.

use super::arithmetic::{exceeds_counts, number};
use super::assigned::{enclosed, in_braces};
use super::assignments::{arguments, is_nproc, is_set, options, set_in, sourced};
use super::held;
use super::lines::{name_of, words};
use super::names::{is_in_name, name_length};
use super::options::MORE_THAN_CPUS;
use crate::text::contains;

/// A value may name another variable, and so on, so many times.
const DEEPEST: u32 = 4;
/// So many variables of a script are looked up: each time all of it is read.
const MOST: usize = 64;
/// A command does not grow beyond that, in bytes.
const LONGEST: usize = 8 << 10;
/// So many bytes are written out in all commands of a script together, a variable counting as [`OF_A_VARIABLE`].
const MOST_WRITTEN: usize = 256 << 10;
/// What looking up a variable counts beside its value, in bytes.
const OF_A_VARIABLE: usize = 16;

/// What Slurm gives that the job's CPUs decide.
const CPUS: &[u8] = b"$SLURM_CPUS_ON_NODE";

/// The same of memory.
const MEMORY: &[u8] = b"$SLURM_MEM_PER_NODE";

/// The same of what is not set anew: tasks, nodes, the job's number.
const OTHER: &[u8] = b"$SLURM_NTASKS";

/// The variables of one script.
#[derive(Debug)]
pub struct Variables<'a> {
    script: &'a [u8],
    /// What has been looked up, and what was found.
    known: Vec<(Vec<u8>, Option<&'a [u8]>)>,
    /// Behind what is read of another file that may set any of them; `None` until somebody asks.
    sourced: Option<usize>,
    /// Of these, of which nobody says what they hold, the options that the script puts into them; the arguments are called `@`.
    options: Vec<(Vec<u8>, Vec<&'a [u8]>)>,
    /// Such options are being written out: those in them stay.
    in_options: bool,
    written: usize,
}

/// A command whose variables were to be written out.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// None stand in it.
    AsItIs,
    /// As far as the script says what they hold.
    Out(Vec<u8>),
    /// It would be too long, or the script has too much of it.
    TooMuch,
}

impl<'a> Variables<'a> {
    /// Those of `script`.
    pub fn of(script: &'a [u8]) -> Variables<'a> {
        Variables {
            script,
            known: Vec::new(),
            sourced: None,
            options: Vec::new(),
            in_options: false,
            written: 0,
        }
    }

    /// Writes out the variables of `command`.
    pub fn write_out(&mut self, command: &[u8]) -> Written {
        let named = |at: usize| {
            matches!(
                command.get(at + 1),
                Some(b'{' | b'(' | b'_' | b'@' | b'*' | b'a'..=b'z' | b'A'..=b'Z')
            )
        };
        let has_variable =
            memchr::memchr2_iter(b'$', b'`', command).any(|at| command[at] == b'`' || named(at));
        if !has_variable {
            return Written::AsItIs;
        }
        let mut out = Vec::with_capacity(command.len() + 64);
        match self.push(command, 0, &mut out) {
            Some(()) => Written::Out(out),
            None => Written::TooMuch,
        }
    }

    /// `None`: too much.
    fn push(&mut self, text: &[u8], depth: u32, out: &mut Vec<u8>) -> Option<()> {
        let mut rest = text;
        while let Some(at) = memchr::memchr2(b'$', b'`', rest) {
            out.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            self.written += at + OF_A_VARIABLE;
            if out.len() > LONGEST || self.written > MOST_WRITTEN {
                return None;
            }
            let start = out.len();
            rest = self.push_one(rest, depth, out)?;
            // Options, behind each of which a blank stands, are words of their own in quotes too.
            let are_options = out[start..].ends_with(b" ");
            if are_options && out[..start].ends_with(b"\"") && rest.starts_with(b"\"") {
                out.remove(start - 1);
                rest = &rest[1..];
            }
        }
        self.written += rest.len();
        out.extend_from_slice(rest);
        Some(())
    }

    /// Appends what `text` begins with, and gives what is behind it.
    fn push_one<'t>(&mut self, text: &'t [u8], depth: u32, out: &mut Vec<u8>) -> Option<&'t [u8]> {
        if let Some(inner) = enclosed(text, b"$((", b"))") {
            self.push_computed(inner, depth, out)?;
            return Some(&text[inner.len() + 5..]);
        }
        if let Some(inner) = enclosed(text, b"$[", b"]") {
            self.push_computed(inner, depth, out)?;
            return Some(&text[inner.len() + 3..]);
        }
        if let Some(inner) = enclosed(text, b"$(", b")")
            && (push_known_answer(inner, depth, out) || self.push_sum(inner, depth, out)?)
        {
            return Some(&text[inner.len() + 3..]);
        }
        if text[0] == b'`' {
            return self.push_answer(text, depth, out);
        }
        let (name, after) = match in_braces(text) {
            Some(inner) => (inner, &text[inner.len() + 3..]),
            None if text[0] == b'$' => text[1..].split_at(name_length(&text[1..])),
            None => (&text[..0], text),
        };
        let plain = &name[..name_length(name)];
        if plain.is_empty() {
            return self.push_arguments(text, depth, out);
        }
        let is_slurms = plain.starts_with(b"SLURM_");
        let otherwise = [&b":-"[..], b":=", b"-"]
            .iter()
            .find_map(|sign| name[plain.len()..].strip_prefix(*sign));
        match (self.value(plain, depth), otherwise) {
            (Some(value), _) if is_bare_sum(value) => self.push_computed(value, depth, out)?,
            (Some(value), _) => self.push(value, depth + 1, out)?,
            (None, Some(otherwise)) if depth <= DEEPEST && !is_slurms => {
                let quoted = [&b"\""[..], b"'"];
                let inner = quoted
                    .iter()
                    .find_map(|quote| otherwise.strip_prefix(*quote)?.strip_suffix(*quote));
                self.push(inner.unwrap_or(otherwise), depth + 1, out)?
            }
            _ if !is_slurms && !is_element(name) && self.push_options(plain, depth, out)? => {}
            _ => match held::usual_program(plain) {
                Some(program) => out.extend_from_slice(program),
                None => {
                    out.push(b'$');
                    out.extend_from_slice(plain);
                }
            },
        }
        Some(after)
    }

    /// Another command's answer, as if it were asked for by `$(…)`; a comment has none.
    fn push_answer<'t>(
        &mut self,
        text: &'t [u8],
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Option<&'t [u8]> {
        let Some(inner) = enclosed(text, b"`", b"`") else {
            out.extend_from_slice(b"$(");
            return Some(&text[1..]);
        };
        if !push_known_answer(inner, depth, out)
            && !self.push_sum(inner, depth, out)?
            && !inner.starts_with(b"#")
        {
            out.extend_from_slice(b"$(");
            self.push(inner, depth, out)?;
            out.push(b')');
        }
        Some(&text[inner.len() + 2..])
    }

    /// `$@`, which the script may set itself; any other `$` stands for itself.
    fn push_arguments<'t>(
        &mut self,
        text: &'t [u8],
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Option<&'t [u8]> {
        let forms = [&b"$@"[..], b"$*", b"${@}", b"${*}"];
        let form = forms.iter().find(|form| text.starts_with(form));
        let Some(form) = form else {
            out.push(text[0]);
            return Some(&text[1..]);
        };
        if !self.push_options(b"@", depth, out)? {
            out.extend_from_slice(b"$@");
        }
        Some(&text[form.len()..])
    }

    /// Writes all options that the script puts into `name`, one after the other, if any: a list of words, or what it appends.
    fn push_options(&mut self, name: &[u8], depth: u32, out: &mut Vec<u8>) -> Option<bool> {
        if self.in_options || depth >= DEEPEST {
            return Some(false);
        }
        let known = self.options.iter().position(|(known, _)| known == name);
        if known.is_none() && self.options.len() >= MOST {
            return Some(false);
        }
        let at = known.unwrap_or_else(|| {
            let found = match name {
                b"@" => arguments(self.script),
                _ => options(self.script, name),
            };
            self.options.push((name.to_vec(), found));
            self.options.len() - 1
        });
        let found = self.options[at].1.clone();
        self.in_options = true;
        let all = found.iter().try_for_each(|text| {
            self.push(text, depth + 1, out)?;
            out.push(b' ');
            (out.len() <= LONGEST).then_some(())
        });
        self.in_options = false;
        all.map(|()| !found.is_empty())
    }

    /// What is computed of written numbers is a number; else it is known what of Slurm's is in it.
    fn push_computed(&mut self, inner: &[u8], depth: u32, out: &mut Vec<u8>) -> Option<()> {
        let mut text = Vec::new();
        for part in inner.split_inclusive(|&byte| !is_in_name(byte)) {
            // In there names need no `$`, but those of commands are none.
            let is_name = !matches!(text.last(), Some(b'$' | b'{')) && !text.ends_with(b"$(");
            if part[0].is_ascii_alphabetic() && is_name {
                text.push(b'$');
            }
            text.extend_from_slice(part);
        }
        let mut written = Vec::new();
        self.push(&text, depth + 1, &mut written)?;
        let has = |part: &[u8]| contains(&written, part);
        let exceeds = || exceeds_counts(&written);
        match number(&written) {
            Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
            None if has_cpus(&written) => {
                out.extend_from_slice(if exceeds() { MORE_THAN_CPUS } else { CPUS })
            }
            None if has(b"$SLURM_MEM") => out.extend_from_slice(MEMORY),
            None if !exceeds() || is_slurms_alone(&written) => out.extend_from_slice(OTHER),
            None => out.extend_from_slice(b"$UNKNOWN"),
        }
        Some(())
    }

    /// What another command computes of how many CPUs there are may be more than they are: `$(expr $N \* 4)`.
    fn push_sum(&mut self, command: &[u8], depth: u32, out: &mut Vec<u8>) -> Option<bool> {
        if depth >= DEEPEST || !computes(command) {
            return Some(false);
        }
        let mut written = Vec::new();
        self.push(command, depth + 1, &mut written)?;
        let has_cpus = has_cpus(&written);
        if has_cpus {
            out.extend_from_slice(MORE_THAN_CPUS);
        }
        Some(has_cpus)
    }

    /// What the script says that `name` holds: Slurm's own if it may be that, the largest of several sizes.
    fn value(&mut self, name: &[u8], depth: u32) -> Option<&'a [u8]> {
        if depth >= DEEPEST {
            return None;
        }
        if let Some((_, value)) = self.known.iter().find(|(known, _)| known == name) {
            return *value;
        }
        if self.known.len() >= MOST {
            return None;
        }
        let script = self.script;
        if name.starts_with(b"SLURM_") && !is_set(script, name) {
            self.known.push((name.to_vec(), None));
            return None;
        }
        let sourced = *self.sourced.get_or_insert_with(|| sourced(script));
        let value = set_in(script, name, sourced);
        self.known.push((name.to_vec(), value));
        value
    }
}

/// Writes what a command answers of which that is known: how many CPUs there are, or, in a variable or where a command begins,
/// which program is meant.
fn push_known_answer(command: &[u8], depth: u32, out: &mut Vec<u8>) -> bool {
    if is_nproc(command) {
        out.extend_from_slice(CPUS);
        return true;
    }
    let begins = || {
        out.iter()
            .all(|byte| byte.is_ascii_whitespace() || *byte == b'"')
    };
    match held::asked_program(command) {
        Some(program) if depth > 0 || begins() => {
            out.extend_from_slice(program);
            true
        }
        _ => false,
    }
}

/// Programs that compute.
const COMPUTE: [&[u8]; 7] = [b"expr", b"bc", b"dc", b"awk", b"gawk", b"python3", b"perl"];

fn computes(command: &[u8]) -> bool {
    words(command).any(|word| COMPUTE.contains(&name_of(word)))
}

fn has_cpus(written: &[u8]) -> bool {
    contains(written, b"$SLURM_CPUS") || contains(written, b"$SLURM_JOB_CPUS")
}

/// `4*SLURM_CPUS_PER_TASK`, as `let` and `((` read it.
fn is_bare_sum(value: &[u8]) -> bool {
    if value.contains(&b'$') {
        return false;
    }
    let is_bare = |at: usize| {
        let before = value[..at].last();
        before.is_none_or(|byte| matches!(byte, b'*' | b'+' | b'-' | b'/' | b'('))
    };
    [&b"SLURM_CPUS_"[..], b"SLURM_JOB_CPUS_"]
        .iter()
        .any(|name| memchr::memmem::find(value, name).is_some_and(is_bare))
}

/// One element of an array, as `N[1]`: which one, nobody says.
fn is_element(name: &[u8]) -> bool {
    let index = memchr::memchr(b'[', name).map(|at| &name[at + 1..]);
    index.is_some_and(|index| !matches!(index.first(), Some(b'@' | b'*')))
}

/// A single variable of Slurm's.
fn is_slurms_alone(text: &[u8]) -> bool {
    let name = text.trim_ascii().strip_prefix(b"$SLURM_");
    let name = name.filter(|name| !name.starts_with(b"ARRAY_"));
    name.is_some_and(|name| name.iter().all(|byte| is_in_name(*byte)))
}
