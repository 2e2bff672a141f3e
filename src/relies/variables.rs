//! What the script's own variables stand for: `THREADS=8; srun -c $THREADS` names eight CPUs, and `T=$SLURM_CPUS_PER_TASK`
//! hands on what the job has. Only commands that hold a sign are looked at, and their variables are looked up where they
//! are used: most scripts pay nothing for it.

use super::options::size;

/// A value may name another variable, and so on, so many times.
const DEEPEST: u32 = 4;
/// So many variables of a script are looked up: each time all of it is read.
const MOST: u32 = 64;
/// A command does not grow beyond that, in bytes.
const LONGEST: usize = 8 << 10;

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
    looked_up: u32,
}

impl<'a> Variables<'a> {
    /// Those of `script`.
    pub fn of(script: &'a [u8]) -> Variables<'a> {
        Variables {
            script,
            looked_up: 0,
        }
    }

    /// `command`, whose variables are written out as far as the script says before `end` what they hold; `None` where none
    /// stand in it.
    pub fn written_out(&mut self, command: &[u8], end: usize) -> Option<Vec<u8>> {
        let named = |at: usize| {
            matches!(
                command.get(at + 1),
                Some(b'{' | b'(' | b'_' | b'a'..=b'z' | b'A'..=b'Z')
            )
        };
        let has_variable =
            memchr::memchr2_iter(b'$', b'`', command).any(|at| command[at] == b'`' || named(at));
        has_variable.then(|| {
            let mut out = Vec::with_capacity(command.len() + 64);
            self.push(command, end, 0, &mut out);
            out
        })
    }

    fn push(&mut self, text: &[u8], end: usize, depth: u32, out: &mut Vec<u8>) {
        let mut rest = text;
        while let Some(at) = memchr::memchr2(b'$', b'`', rest) {
            out.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            if out.len() > LONGEST {
                return out.push(b'$');
            }
            rest = self.push_one(rest, end, depth, out);
        }
        out.extend_from_slice(rest);
    }

    /// Appends what `text` begins with, and gives what is behind it.
    fn push_one<'t>(
        &mut self,
        text: &'t [u8],
        end: usize,
        depth: u32,
        out: &mut Vec<u8>,
    ) -> &'t [u8] {
        if let Some(inner) = enclosed(text, b"$((", b"))") {
            self.push_computed(inner, end, depth, out);
            return &text[inner.len() + 5..];
        }
        if let Some(inner) = enclosed(text, b"$(", b")").filter(|inner| is_nproc(inner)) {
            out.extend_from_slice(CPUS);
            return &text[inner.len() + 3..];
        }
        if let Some(inner) = enclosed(text, b"`", b"`").filter(|inner| is_nproc(inner)) {
            out.extend_from_slice(CPUS);
            return &text[inner.len() + 2..];
        }
        let (name, after) = match enclosed(text, b"${", b"}") {
            Some(inner) => (inner, &text[inner.len() + 3..]),
            None if text[0] == b'$' => text[1..].split_at(name_length(&text[1..])),
            None => (&text[..0], text),
        };
        let plain = &name[..name_length(name)];
        if plain.is_empty() {
            out.push(text[0]);
            return &text[1..];
        }
        if plain.starts_with(b"SLURM_") {
            out.push(b'$');
            out.extend_from_slice(plain);
            return after;
        }
        match self.value(plain, end, depth) {
            Some(value) => self.push(value, end, depth + 1, out),
            None => {
                out.push(b'$');
                out.extend_from_slice(plain);
            }
        }
        after
    }

    /// What is computed of written numbers is a number; else it is known what of Slurm's is in it.
    fn push_computed(&mut self, inner: &[u8], end: usize, depth: u32, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        for part in inner.split_inclusive(|&byte| !is_in_name(byte)) {
            // In there names need no `$`.
            if part[0].is_ascii_alphabetic() && !matches!(text.last(), Some(b'$' | b'{')) {
                text.push(b'$');
            }
            text.extend_from_slice(part);
        }
        let mut written = Vec::new();
        self.push(&text, end, depth + 1, &mut written);
        let has = |part: &[u8]| memchr::memmem::find(&written, part).is_some();
        match super::arithmetic::number(&written) {
            Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
            None if has(b"$SLURM_CPUS") || has(b"$SLURM_JOB_CPUS") => out.extend_from_slice(CPUS),
            None if has(b"$SLURM_MEM") => out.extend_from_slice(MEMORY),
            None if has(b"$SLURM_N") || is_slurms_alone(&written) => out.extend_from_slice(OTHER),
            None => out.extend_from_slice(b"$UNKNOWN"),
        }
    }

    /// What the script says before `end` that `name` holds: Slurm's own if it may be that, the largest of several sizes.
    fn value(&mut self, name: &[u8], end: usize, depth: u32) -> Option<&'a [u8]> {
        if depth >= DEEPEST || self.looked_up >= MOST {
            return None;
        }
        self.looked_up += 1;
        let before = &self.script[..end.min(self.script.len())];
        // A function may stand above what it uses.
        set_in(before, name).or_else(|| set_in(self.script, name))?
    }
}

/// What `script` sets `name` to, the most of several values; `Some(None)` where that is not known.
fn set_in<'a>(script: &'a [u8], name: &[u8]) -> Option<Option<&'a [u8]>> {
    let mut best: Option<&'a [u8]> = None;
    for at in memchr::memmem::find_iter(script, name) {
        let is_inside = at.checked_sub(1).is_some_and(|before| {
            is_in_name(script[before]) || matches!(script[before], b'$' | b'{' | b'-' | b'.' | b'/')
        });
        if is_inside {
            continue;
        }
        let after = &script[at + name.len()..];
        let values: &mut dyn Iterator<Item = &'a [u8]> = match after {
            [b'=', value @ ..] if value.first() != Some(&b'=') => {
                &mut std::iter::once(assigned(value))
            }
            [b' ', b'i', b'n', b' ', list @ ..] if script[..at].ends_with(b"for ") => {
                let line = list.split(|&byte| byte == b'\n' || byte == b';').next();
                &mut line.unwrap_or_default().split(|&byte| byte == b' ')
            }
            _ => continue,
        };
        for value in values.filter(|value| !value.is_empty()) {
            // An array's elements are not told apart.
            match more(best, value).filter(|value| !value.starts_with(b"(")) {
                Some(value) => best = Some(value),
                None => return Some(None),
            }
        }
    }
    best.map(Some)
}

/// Of two values the one that is to be believed; `None` where that is not known.
fn more<'a>(known: Option<&'a [u8]>, value: &'a [u8]) -> Option<&'a [u8]> {
    let Some(known) = known.filter(|known| *known != value) else {
        return Some(value);
    };
    let of_slurm = |text: &[u8]| {
        memchr::memmem::find(text, b"SLURM_").is_some()
            || is_nproc(text.strip_prefix(b"$(").unwrap_or(text))
    };
    let number = |text: &[u8]| str::from_utf8(text).ok()?.parse::<u64>().ok();
    match (of_slurm(known), of_slurm(value)) {
        (true, _) => return Some(known),
        (_, true) => return Some(value),
        _ => {}
    }
    let is_more = match (number(known), number(value)) {
        (Some(known), Some(value)) => value > known,
        _ => size(value)? > size(known)?,
    };
    Some(if is_more { value } else { known })
}

/// A single variable of Slurm's.
fn is_slurms_alone(text: &[u8]) -> bool {
    let name = text.trim_ascii().strip_prefix(b"$SLURM_");
    name.is_some_and(|name| name.iter().all(|byte| is_in_name(*byte)))
}

/// What stands behind the `=` of an assignment, without its quotes.
fn assigned(text: &[u8]) -> &[u8] {
    for (start, end) in [
        (&b"\""[..], &b"\""[..]),
        (b"'", b"'"),
        (b"$((", b"))"),
        (b"$(", b")"),
        (b"`", b"`"),
    ] {
        if let Some(inner) = enclosed(text, start, end) {
            let is_quoted = matches!(start, b"\"" | b"'");
            let whole = start.len() + inner.len() + end.len();
            return if is_quoted { inner } else { &text[..whole] };
        }
    }
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace()
            || matches!(byte, b';' | b'&' | b'|' | b')' | b'"' | b'\'' | b'`')
    };
    &text[..text.iter().position(ends).unwrap_or(text.len())]
}

/// What stands between `start`, with which the text begins, and the next `end` on its line.
fn enclosed<'a>(text: &'a [u8], start: &[u8], end: &[u8]) -> Option<&'a [u8]> {
    let inner = text.strip_prefix(start)?;
    let line = memchr::memchr(b'\n', inner).map_or(inner, |newline| &inner[..newline]);
    memchr::memmem::find(line, end).map(|at| &line[..at])
}

/// The command that counts the job's CPUs; with `--all` it counts the node's.
fn is_nproc(command: &[u8]) -> bool {
    let command = command.trim_ascii();
    command.starts_with(b"nproc")
        && command.get(5).is_none_or(|byte| !is_in_name(*byte))
        && memchr::memmem::find(command, b"--all").is_none()
}

fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How many bytes of a variable's name a text begins with; arguments such as `$1` are none of the script's.
fn name_length(text: &[u8]) -> usize {
    match text.first() {
        Some(first) if is_in_name(*first) && !first.is_ascii_digit() => text
            .iter()
            .position(|byte| !is_in_name(*byte))
            .unwrap_or(text.len()),
        _ => 0,
    }
}

/// The variable that a command sets: `T` of `export T=8`.
pub fn set_by(command: &[u8]) -> Option<&[u8]> {
    memchr::memchr(b'=', command)?;
    let mut text = command.trim_ascii_start();
    for before in [
        &b"export "[..],
        b"local ",
        b"declare ",
        b"readonly ",
        b"set ",
    ] {
        text = text.strip_prefix(before).unwrap_or(text).trim_ascii_start();
    }
    let name = &text[..name_length(text)];
    (!name.is_empty() && text.get(name.len()) == Some(&b'=')).then_some(name)
}

/// A command that sets variables of the script and starts nothing: what they hold counts where they are used.
pub fn only_sets(command: &[u8]) -> bool {
    let mut text = command.trim_ascii();
    for before in [&b"readonly "[..], b"local ", b"declare "] {
        text = text.strip_prefix(before).unwrap_or(text);
    }
    while !text.is_empty() {
        let name = name_length(text);
        if name == 0 || text.get(name) != Some(&b'=') {
            return false;
        }
        let value = &text[name + 1..];
        let quotes = usize::from(matches!(value.first(), Some(b'"' | b'\'')));
        let after = &value[(assigned(value).len() + 2 * quotes).min(value.len())..];
        if after
            .first()
            .is_some_and(|byte| !byte.is_ascii_whitespace())
        {
            return false;
        }
        text = after.trim_ascii_start();
    }
    true
}

/// Where `name` is used in `text`, as `$T`, `${T}` or, where the shell computes, `T`.
pub fn uses<'a>(name: &'a [u8], text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    memchr::memmem::find_iter(text, name).filter(move |&at| {
        let after = text.get(at + name.len());
        let before = text[..at].last();
        after.is_none_or(|byte| !is_in_name(*byte) && *byte != b'=')
            && before
                .is_some_and(|byte| matches!(byte, b'$' | b'{' | b'(' | b' ' | b'<' | b'>' | b'='))
    })
}
