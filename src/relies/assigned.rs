//! Where a value stands that a script assigns.

/// No value or list of values is longer, in bytes.
pub const LONGEST_VALUE: usize = 256;

/// No list of options is longer, in bytes.
pub const LONGEST_LIST: usize = 1024;

/// What stands behind the `=` of an assignment, without its quotes, and no more of it than a value may have.
pub fn assigned(text: &[u8]) -> &[u8] {
    let text = &text[..text.len().min(LONGEST_VALUE)];
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
    let braces = braces_length(text);
    let end = text[braces..].iter().position(ends);
    &text[..end.map_or(text.len(), |end| braces + end)]
}

/// What stands in the braces with which `text` begins, as in `${A:-${B}}`.
pub fn in_braces(text: &[u8]) -> Option<&[u8]> {
    let end = braces_length(text).checked_sub(1)?;
    text.get(2..end)
}

/// Up to the brace that closes the one with which `${A:-"b c"}` begins; 0 where none does on its line.
fn braces_length(text: &[u8]) -> usize {
    if !text.starts_with(b"${") {
        return 0;
    }
    let mut depth = 0;
    for (at, &byte) in text.iter().enumerate().take(LONGEST_VALUE) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            b'\n' => return 0,
            _ => {}
        }
    }
    0
}

/// What stands before byte `at` on its line, as far as a command reaches.
pub fn line_before(script: &[u8], at: usize) -> &[u8] {
    let before = &script[at.saturating_sub(LONGEST_VALUE)..at];
    let newline = memchr::memrchr(b'\n', before);
    newline.map_or(before, |newline| &before[newline + 1..])
}

/// Up to the bracket that ends a list; some of its elements may hold brackets of their own.
pub fn list_length(list: &[u8]) -> usize {
    let list = &list[..list.len().min(LONGEST_LIST)];
    let ends = |&at: &usize| {
        let after = list.get(at + 1);
        after.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b';' | b'&'))
    };
    memchr::memchr_iter(b')', list)
        .find(ends)
        .unwrap_or(list.len())
}

/// What stands between `start`, with which the text begins, and the next `end` on its line; of brackets the one that closes
/// it, as far as that is found.
pub fn enclosed<'a>(text: &'a [u8], start: &[u8], end: &[u8]) -> Option<&'a [u8]> {
    let inner = text.strip_prefix(start)?;
    let inner = &inner[..inner.len().min(LONGEST_VALUE)];
    let line = memchr::memchr(b'\n', inner).map_or(inner, |newline| &inner[..newline]);
    let first = memchr::memmem::find(line, end)?;
    let opens_another = end.ends_with(b")") && line[..first].contains(&b'(');
    let last = || closed_at(line, end);
    let at = opens_another.then(last).flatten().unwrap_or(first);
    Some(&line[..at])
}

/// Where `end` stands in `text`, outside of brackets that are opened there.
fn closed_at(text: &[u8], end: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut ends = memchr::memchr2_iter(b'(', b')', text);
    ends.find(|&at| match text[at] {
        b'(' => {
            depth += 1;
            false
        }
        _ if depth == 0 => text[at..].starts_with(end),
        _ => {
            depth -= 1;
            false
        }
    })
}
