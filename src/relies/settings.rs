//! Lines of settings in texts that a script writes: `memory=40GB` in an ini file is no variable of the shell.

use super::heredocs;
use super::memory_names::speaks_of_memory;
use super::names::name_length;
use crate::text::contains;
use std::ops::Range;

/// A line that sets what programs call memory; what a shell's script sets for its own is rather written in large letters.
pub fn is_one(command: &[u8]) -> bool {
    let command = command.trim_ascii_start();
    let name = &command[..name_length(command)];
    let is_small = |byte: &u8| !byte.is_ascii_uppercase();
    command[name.len()..].starts_with(b"=") && name.iter().all(is_small) && speaks_of_memory(name)
}

/// Where texts stand that are no scripts of a shell's, in bytes.
pub fn texts(script: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    heredocs::for_each(script, |head, body| {
        let is_script = contains(head, b".sh")
            || contains(head, b"bash")
            || script[body.clone()].starts_with(b"#!");
        if !is_script {
            found.push(body);
        }
    });
    found
}

/// One of these texts, which stand in their order, has byte `at`.
pub fn are_around(at: usize, texts: &[Range<usize>]) -> bool {
    let next = texts.partition_point(|text| text.end <= at);
    texts.get(next).is_some_and(|text| text.contains(&at))
}
