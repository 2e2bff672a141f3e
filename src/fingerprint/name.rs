//! Job names and comments, in their general form.

use super::meaning::has_meaning;
use super::segments::{UUID_LENGTH, push_segments, uuid_length};

/// Only so many bytes are looked at.
const LONGEST: usize = 1024;

/// What stands before the sample in the comment that Snakemake gives a job: `rule_align_wildcards_S01`.
const WILDCARDS: &[u8] = b"_wildcards_";

/// Appends a job's name; nothing if that says nothing. What brackets enclose is a parameter, as in
/// Nextflow's `nf-ALIGN_(S01)`.
pub fn push_name(name: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    push_any_name(name, out);
    // A run's UUID is the name of all its jobs, whatever the workflow's is before it.
    if ends_with_uuid(name) || !has_meaning(&out[from..]) {
        out.truncate(from);
    }
}

/// Appends a job's comment; nothing if that says nothing.
pub fn push_comment(comment: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    let end = memchr::memmem::find(comment, WILDCARDS).filter(|_| comment.starts_with(b"rule_"));
    push_any_name(&comment[..end.unwrap_or(comment.len())], out);
    if !has_meaning(&out[from..]) {
        out.truncate(from);
    }
}

/// Appends a name, whether it says something or not.
pub fn push_any_name(name: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    let mut depth = 0usize;
    let is_bracket = |byte: &u8| matches!(byte, b'(' | b'[' | b')' | b']');
    for piece in name[..name.len().min(LONGEST)].split_inclusive(is_bracket) {
        let bracket = piece.last().filter(|last| is_bracket(last));
        if depth == 0 {
            push_segments(&piece[..piece.len() - usize::from(bracket.is_some())], out);
        }
        match bracket {
            Some(b'(' | b'[') => depth += 1,
            Some(_) => depth = depth.saturating_sub(1),
            None => {}
        }
    }
    let is_separator = |byte: &u8| matches!(byte, b'_' | b'-' | b'.' | b' ');
    let end = out[from..].iter().rposition(|byte| !is_separator(byte));
    out.truncate(from + end.map_or(0, |end| end + 1));
}

fn ends_with_uuid(name: &[u8]) -> bool {
    let start = name.len().checked_sub(UUID_LENGTH);
    start.is_some_and(|start| uuid_length(&name[start..]).is_some())
}
