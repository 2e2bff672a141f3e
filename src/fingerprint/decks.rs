//! Programs whose whole work stands in their input: of these the name of that file says what runs, as a script's does.

use super::segments::push_segments;
use super::started::STARTED;
use super::types::stem;
use super::words::{base, redirection};

/// Their file names, up to what stands behind the first dot, `_` or number.
const PROGRAMS: [&[u8]; 30] = [
    b"orca",
    b"g",
    b"gaussian",
    b"psi",
    b"molpro",
    b"qchem",
    b"nwchem",
    b"molcas",
    b"pymolcas",
    b"dalton",
    b"cp",
    b"pw",
    b"ph",
    b"neb",
    b"epw",
    b"hp",
    b"projwfc",
    b"siesta",
    b"abinit",
    b"lmp",
    b"lammps",
    b"namd",
    b"sander",
    b"pmemd",
    b"gmx",
    b"mdrun",
    b"ansys",
    b"mapdl",
    b"mcnp",
    b"papermill",
];

/// Types of such files.
const TYPES: [&[u8]; 13] = [
    b"inp", b"in", b"com", b"gjf", b"dat", b"tpr", b"nw", b"i", b"abi", b"mdin", b"fdf", b"input",
    b"lmp",
];

/// Whether the program of this file name is one.
pub fn has_one(program: &[u8]) -> bool {
    let end = program
        .iter()
        .position(|byte| matches!(byte, b'.' | b'_' | b'0'..=b'9'));
    let (name, rest) = program.split_at(end.unwrap_or(program.len()));
    // `g16`, `cp2k` and `psi4`, and no program that copies; Quantum ESPRESSO's all end in `.x`.
    let is_known = match name {
        b"g" => matches!(program, b"g03" | b"g09" | b"g16"),
        b"cp" => rest.starts_with(b"2k") || rest == b".x",
        b"psi" => rest == b"4",
        b"pw" | b"ph" | b"neb" | b"epw" | b"hp" | b"projwfc" => rest == b".x",
        _ => true,
    };
    is_known && PROGRAMS.contains(&name)
}

/// The words behind a program without those that say where its output goes.
pub fn without_output<'a>(words: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut found = Vec::with_capacity(words.len());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match redirection(word) {
            None => found.push(*word),
            // What is read stands in the next word, or behind the sign.
            Some(is_whole) if word.starts_with(b"<") => {
                if is_whole {
                    found.push(&word[1..]);
                }
            }
            Some(true) => {}
            Some(false) => {
                words.next();
            }
        }
    }
    found
}

/// Appends the name of the first file that may be the input, without its type and its numbers.
pub fn push_deck(words: &[&[u8]], out: &mut Vec<u8>) {
    if let Some(deck) = words.iter().find_map(|word| deck(word)) {
        out.push(STARTED);
        push_segments(deck, out);
    }
}

/// The name of an input, also in `i=a.inp`.
fn deck(word: &[u8]) -> Option<&[u8]> {
    let file = word.rsplit(|&byte| byte == b'=').next().map(base)?;
    let (name, kind) = stem(file);
    (TYPES.contains(&kind) && !name.contains(&b'$')).then_some(name)
}
