//! Texts in their general form: without what differs between runs of one kind of job.

/// Only this much of a script or of one argument is looked at: a decision must stay short.
const MAX_TEXT: usize = 64 << 10;

/// Files that are programs: their name says what runs. Of other files only the type is kept.
const PROGRAM_TYPES: [&[u8]; 20] = [
    b"sh", b"bash", b"zsh", b"csh", b"py", b"pl", b"r", b"R", b"rb", b"jl", b"m", b"lua", b"jar",
    b"js", b"nf", b"smk", b"awk", b"sif", b"exe", b"x",
];

/// All arguments as one text.
pub fn join(arguments: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    for argument in arguments {
        all.extend_from_slice(&argument[..argument.len().min(MAX_TEXT)]);
        all.push(b' ');
        if all.len() >= MAX_TEXT {
            break;
        }
    }
    all
}

/// A script without comments and #SBATCH lines: what is requested does not change what runs.
pub fn normal_script(script: &[u8]) -> Vec<u8> {
    let script = &script[..script.len().min(MAX_TEXT)];
    let mut out = Vec::with_capacity(script.len() + 64);
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', script).chain([script.len()]) {
        let line = script[start..end].trim_ascii();
        let is_comment = line.first() == Some(&b'#') && start > 0;
        if !line.is_empty() && !is_comment {
            normalise(line, &mut out);
            out.push(b'\n');
        }
        start = end + 1;
    }
    out
}

/// A name or arguments.
pub fn normal(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    normalise(&text[..text.len().min(MAX_TEXT)], &mut out);
    out
}

/// What a byte is for the reading of words, as bits: the plain letters of most words are passed over
/// in a loop of a few instructions, since slurmctld waits for it.
const WORD: u8 = 1;
const DIGIT: u8 = 2;
const DOT: u8 = 4;
const SLASH: u8 = 8;
const SPACE: u8 = 16;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
            b'0'..=b'9' => WORD | DIGIT,
            b'.' => WORD | DOT,
            b'/' => WORD | SLASH,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'-' | b'+' | b'%' | b'~' | 0x80.. => WORD,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// Appends `text` word by word, each in its general form.
fn normalise(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < text.len() {
        let first = class(text[at]);
        if first & WORD != 0 {
            at = push_word(text, at, out);
            continue;
        }
        if first & SPACE == 0 {
            out.push(text[at]);
        } else if out.last().is_some_and(|&last| class(last) & SPACE == 0) {
            out.push(b' ');
        }
        at += 1;
    }
}

/// Appends the word that starts at `start` and returns where it ends.
fn push_word(text: &[u8], start: usize, out: &mut Vec<u8>) -> usize {
    let (mut end, mut seen) = (start, 0);
    while end < text.len() && class(text[end]) & WORD != 0 {
        seen |= class(text[end]);
        end += 1;
    }
    let word = &text[start..end];
    if seen == WORD {
        out.extend_from_slice(word);
    } else {
        push_place_or_number(word, out);
    }
    end
}

/// Appends a word with slashes, dots or digits: of a path its last part, of a data file its type, of
/// numbers a mark.
fn push_place_or_number(word: &[u8], out: &mut Vec<u8>) {
    let base = memchr::memrchr(b'/', word).map_or(word, |slash| &word[slash + 1..]);
    let is_option = word[0] == b'-';
    let is_data = |dot: &usize| *dot > 0 && !is_option && !is_number(base) && !is_program(base);
    match memchr::memchr(b'.', base).filter(is_data) {
        Some(dot) => {
            out.push(b'*');
            push_without_numbers(&base[dot..], out);
        }
        None => push_without_numbers(base, out),
    }
}

fn is_number(word: &[u8]) -> bool {
    word.iter()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
}

fn is_program(base: &[u8]) -> bool {
    base.rsplit(|&b| b == b'.')
        .next()
        .is_some_and(|kind| PROGRAM_TYPES.contains(&kind))
}

/// Every run of digits becomes `#`; a word in which letters and digits alternate often is an
/// identifier (a hash, a UUID) and becomes a single `#`.
fn push_without_numbers(word: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut runs = 0;
    let mut in_number = false;
    for &byte in word {
        if byte.is_ascii_digit() {
            if !in_number {
                out.push(b'#');
                runs += 1;
            }
        } else {
            out.push(byte);
        }
        in_number = byte.is_ascii_digit();
    }
    let separated = word.iter().any(|b| matches!(b, b'.' | b'_' | b'/'));
    if runs >= 3 && !separated {
        out.truncate(start);
        out.push(b'#');
    }
}
