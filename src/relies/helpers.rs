//! Scripts that a script writes and then starts itself: several times where it starts them in the background, or as several
//! tasks.

use super::forks;
use super::launchers::is_launcher;
use super::lines::{Has, Line, lines, name_of, words, words_of_line};
use super::names::name_length;
use std::ops::Range;

/// Programs that start what stands behind them.
const STARTERS: [&[u8]; 18] = [
    b"bash",
    b"sh",
    b"zsh",
    b"ksh",
    b"dash",
    b"csh",
    b"tcsh",
    b"source",
    b".",
    b"exec",
    b"eval",
    b"time",
    b"timeout",
    b"nohup",
    b"nice",
    b"env",
    b"apptainer",
    b"singularity",
];

/// Words behind which a command begins.
const BEFORE: [&[u8]; 9] = [
    b"if", b"elif", b"while", b"until", b"then", b"else", b"do", b"!", b"time",
];

/// Names of files that a script starts, in their order.
pub fn started(script: &[u8]) -> Vec<&[u8]> {
    let has = Has::of(script);
    let mut names = Vec::new();
    for line in lines(script) {
        for command in line.commands(has) {
            let text = &line.text[command.clone()];
            let behind = &line.text[command.end..];
            if is_redirection(text) {
                names.extend(read_by(text).map(name_of));
                continue;
            }
            let mut words = words(text)
                .skip_while(|word| BEFORE.contains(word) || is_assignment(word))
                .peekable();
            let Some(first) = words.peek() else {
                continue;
            };
            let name = name_of(first);
            let is_handed_on = || name == b"cat" && behind.trim_ascii_start().starts_with(b"|");
            let starts = STARTERS.contains(&name)
                || is_launcher(name)
                || forks::runs(name)
                || is_handed_on();
            let count = if starts { usize::MAX } else { 1 };
            let started = words.take(count).map(name_of);
            // The name of a variable in braces is another word.
            names.extend(started.filter(|name| *name != b"$"));
        }
    }
    names.sort_unstable();
    names
}

/// What a loop reads line by line, perhaps to start it: `done < cmds`.
fn read_by(text: &[u8]) -> Option<&[u8]> {
    let text = text
        .trim_ascii_start()
        .strip_prefix(b"done")?
        .trim_ascii_start();
    let file = text[descriptor_length(text)..].strip_prefix(b"<")?;
    words(file.split(|&byte| byte == b'>').next()?).last()
}

/// A command that starts nothing, and only says where others print: `exec > a`, or what stands behind a block, `} > a`.
fn is_redirection(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let ends = [&b"exec "[..], b"}", b")", b"done"];
    let behind = ends.iter().find_map(|end| text.strip_prefix(*end));
    let text = behind.unwrap_or(text).trim_ascii_start();
    let arrow = &text[descriptor_length(text)..];
    arrow.starts_with(b">") || arrow.starts_with(b"<") && behind.is_some()
}

/// How long the descriptor is that stands before an arrow: `3`, `{fd}`.
pub fn descriptor_length(text: &[u8]) -> usize {
    match text.strip_prefix(b"{") {
        Some(name) => (2 + name_length(name)).min(text.len()),
        None => text.iter().take_while(|byte| byte.is_ascii_digit()).count(),
    }
}

fn is_assignment(word: &[u8]) -> bool {
    word.get(name_length(word)) == Some(&b'=')
}

/// Where the text of one stands, by the name of its file.
pub type Helper<'a> = (&'a [u8], Range<usize>);

/// Those among the texts that stand in a script, with the lines before them; in the order of their names.
pub fn of<'a>(texts: &[(&'a [u8], Range<usize>)]) -> Vec<Helper<'a>> {
    let named = texts
        .iter()
        .filter_map(|(head, body)| Some((file_of(head)?, body.clone())));
    let mut found: Vec<_> = named.collect();
    found.sort_unstable_by_key(|(name, body)| (*name, body.start));
    found
}

/// Where those stand that a line names which `starts_several` says starts what it names several times.
pub fn started_several_times(
    script: &[u8],
    helpers: &[Helper],
    starts_several: impl Fn(&Line) -> bool,
) -> Vec<Range<usize>> {
    let mut is_started = vec![false; helpers.len()];
    for line in lines(script) {
        // The line that writes one starts nothing.
        if memchr::memmem::find(line.text, b"<<").is_some() {
            continue;
        }
        let mut named = words_of_line(line.text)
            .filter_map(|word| {
                let name = name_of(word);
                let first = helpers.partition_point(|(known, _)| *known < name);
                helpers
                    .get(first)
                    .is_some_and(|(known, _)| *known == name)
                    .then_some(first)
            })
            .filter(|&first| !is_started[first])
            .peekable();
        if named.peek().is_none() || !starts_several(&line) {
            continue;
        }
        for first in named.collect::<Vec<_>>() {
            is_started[first] = true;
        }
    }
    let mut places = Vec::new();
    for (at, (name, place)) in helpers.iter().enumerate() {
        // What is written anew has the same name.
        let is_same = at > 0 && helpers[at - 1].0 == *name;
        is_started[at] |= is_same && is_started[at - 1];
        if is_started[at] {
            places.push(place.clone());
        }
    }
    places
}

/// The file into which a here-document goes: `cat > one.sh <<EOF`, `tee one.sh <<EOF`.
pub fn file_of(head: &[u8]) -> Option<&[u8]> {
    let arrow = memchr::memchr(b'>', head).and_then(|at| words_of_line(&head[at + 1..]).next());
    let tee = || {
        let mut words = words_of_line(head)
            .skip_while(|word| *word != b"tee")
            .skip(1);
        words.find(|word| !word.starts_with(b"-"))
    };
    arrow.or_else(tee).map(name_of)
}
