//! What a `for` loop goes through: words, and lists that variables hold.

use super::assigned::{LONGEST_VALUE, assigned, line_before, list_length};
use super::names::{is_in_name, name_length};

/// So many times a list is set or added to at most.
const MOST: usize = 32;

/// The lists of one script. Only the first that a loop names by a variable is looked for: each time all of the script is read.
pub struct Lists<'a> {
    script: &'a [u8],
    /// The variable that has been looked for, and whether it holds any.
    known: Option<(&'a [u8], bool)>,
}

impl<'a> Lists<'a> {
    pub fn of(script: &'a [u8]) -> Lists<'a> {
        Lists {
            script,
            known: None,
        }
    }

    /// The values that stand behind `for N in`; a variable stays where nobody says what it holds.
    pub fn values(&mut self, list: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let list = &list[..list.len().min(LONGEST_VALUE)];
        let end = memchr::memchr2(b'\n', b';', list);
        let list = &list[..end.unwrap_or(list.len())];
        let mut values = Vec::new();
        for word in plain_words(list) {
            match named(word).and_then(|name| self.held_by(name)) {
                None => values.push(word),
                Some(held) => values.extend(held.into_iter().flat_map(plain_words)),
            }
        }
        values.into_iter()
    }

    /// The lists that `name` may hold, if that is the one that may be looked for: once, for of several loops the most counts.
    fn held_by(&mut self, name: &'a [u8]) -> Option<Vec<&'a [u8]>> {
        if let Some((known, is_held)) = self.known {
            return (known == name && is_held).then(Vec::new);
        }
        let held = lists_in(self.script, name);
        self.known = Some((name, !held.is_empty()));
        Some(held).filter(|held| !held.is_empty())
    }
}

/// The words of a list without their quotes.
fn plain_words(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
    list.split(between).filter(|word| !word.is_empty())
}

/// The variable of which all elements are meant: `N` of `$N`, `${N}`, `${N[@]}`.
fn named(word: &[u8]) -> Option<&[u8]> {
    let text = word.strip_prefix(b"$")?;
    let (text, has_brace) = match text.strip_prefix(b"{") {
        Some(inner) => (inner.strip_suffix(b"}")?, true),
        None => (text, false),
    };
    let (name, rest) = text.split_at(name_length(text));
    let is_whole = rest.is_empty() || has_brace && matches!(rest, b"[@]" | b"[*]");
    (!name.is_empty() && is_whole).then_some(name)
}

/// What `script` sets `name` to or adds to it: an array's elements, or a text.
fn lists_in<'a>(script: &'a [u8], name: &[u8]) -> Vec<&'a [u8]> {
    let places = memchr::memmem::find_iter(script, name);
    let values = places.filter_map(|at| {
        let is_inside = |before: &u8| is_in_name(*before) || matches!(before, b'$' | b'{');
        let after = &script[at + name.len()..];
        let value = after
            .strip_prefix(b"+")
            .unwrap_or(after)
            .strip_prefix(b"=")?;
        let is_comment = || line_before(script, at).trim_ascii_start().starts_with(b"#");
        (!script[..at].last().is_some_and(is_inside) && !is_comment()).then_some(value)
    });
    let lists = values.map(|value| match value.strip_prefix(b"(") {
        Some(list) => &list[..list_length(list)],
        None => assigned(value),
    });
    lists.take(MOST).collect()
}
