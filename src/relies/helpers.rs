//! Scripts that a script writes by a here-document and then starts itself: several times where it starts them in the
//! background, or as several tasks.

use super::lines::{Line, lines, name_of, words_of_line};
use std::ops::Range;

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
fn file_of(head: &[u8]) -> Option<&[u8]> {
    let arrow = memchr::memchr(b'>', head).and_then(|at| words_of_line(&head[at + 1..]).next());
    let tee = || {
        let mut words = words_of_line(head)
            .skip_while(|word| *word != b"tee")
            .skip(1);
        words.find(|word| !word.starts_with(b"-"))
    };
    arrow.or_else(tee).map(name_of)
}
