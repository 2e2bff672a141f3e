//! Job names and comments, in their general form.

use super::meaning::tells_jobs_apart;
use super::segments::{PARAMETER, UUID_LENGTH, push_segments, push_segments_apart, uuid_length};
use super::slots::{self, Slot};
use memchr::memmem;

/// Only so many bytes are looked at.
const LONGEST: usize = 1024;

/// What stands before the sample in the comment that Snakemake gives a job: `rule_align_wildcards_S01`.
const WILDCARDS: &[u8] = b"_wildcards_";

/// In the name that Open OnDemand gives to a session, whatever runs in it: `sys/dashboard/sys/jupyter`.
const PORTAL: &[u8] = b"sys/dashboard/";

/// Appends a job's name; nothing if that says nothing. What brackets enclose is a parameter, as in
/// Nextflow's `nf-ALIGN_(S01)`.
pub fn push_name(name: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    push_any_name(name, out);
    // A run's UUID is the name of all its jobs, whatever the workflow's is before it.
    let is_any = ends_with_uuid(name) || memmem::find(name, PORTAL).is_some();
    if is_any || !tells_jobs_apart(&out[from..]) {
        out.truncate(from);
    }
}

/// Appends a job's comment; nothing if that says nothing.
pub fn push_comment(comment: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    let end = memmem::find(comment, WILDCARDS).filter(|_| comment.starts_with(b"rule_"));
    push_any_name(&comment[..end.unwrap_or(comment.len())], out);
    if !tells_jobs_apart(&out[from..]) {
        out.truncate(from);
    }
}

/// Appends a name, whether it says something or not.
pub fn push_any_name(name: &[u8], out: &mut Vec<u8>) {
    push_pieces(name, push_segments, out);
}

/// The same, with parameters side by side each on its own: names made alike have as many parts.
pub fn push_parts_of_name(name: &[u8], out: &mut Vec<u8>) {
    push_pieces(name, push_segments_apart, out);
}

/// Appends what stands outside of brackets, by `push`.
fn push_pieces(name: &[u8], push: fn(&[u8], &mut Vec<u8>), out: &mut Vec<u8>) {
    let from = out.len();
    let mut depth = 0usize;
    let is_bracket = |byte: &u8| matches!(byte, b'(' | b'[' | b')' | b']');
    for piece in name[..name.len().min(LONGEST)].split_inclusive(is_bracket) {
        let bracket = piece.last().filter(|last| is_bracket(last));
        if depth == 0 {
            push_piece(
                &piece[..piece.len() - usize::from(bracket.is_some())],
                push,
                out,
            );
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

/// Appends a piece by `push`, but for what a name before it says to be another one in each job: `sample=liver`.
fn push_piece(piece: &[u8], push: fn(&[u8], &mut Vec<u8>), out: &mut Vec<u8>) {
    let (mut from, mut looked) = (0, 0);
    while let Some((slot, place)) = slots::next(piece, looked) {
        looked = place.end;
        if slot == Slot::Varies {
            push(&piece[from..place.start], out);
            out.push(PARAMETER);
            from = place.start + before_next_name(&piece[place]);
            looked = from;
        }
    }
    push(&piece[from..], out);
}

/// How much of a value stands before the name of another, as in `S01-unit=2`.
fn before_next_name(value: &[u8]) -> usize {
    let Some(next) = memchr::memchr(b'=', value) else {
        return value.len();
    };
    let is_separator = |byte: &u8| matches!(byte, b'_' | b'-' | b'.');
    value[..next].iter().rposition(is_separator).unwrap_or(next)
}

fn ends_with_uuid(name: &[u8]) -> bool {
    let start = name.len().checked_sub(UUID_LENGTH);
    start.is_some_and(|start| uuid_length(&name[start..]).is_some())
}
