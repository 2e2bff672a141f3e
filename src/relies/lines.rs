//! A script's commands, line by line: without comments, with lines that go on below taken as one.

/// Which bytes part words: blanks, quotes and the shell's own signs.
const PARTS_WORDS: [bool; 256] = {
    let mut parts = [false; 256];
    let signs = b" \t\n\r\x0c\"'`;|&()<>{}\\,";
    let mut at = 0;
    while at < signs.len() {
        parts[signs[at] as usize] = true;
        at += 1;
    }
    parts
};

/// One logical line.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Where it begins, counted from 1.
    pub number: u32,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Its bytes, newlines of continued lines included.
    pub text: &'a [u8],
}

/// Every line that is no comment.
pub fn lines(script: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = script;
    let mut next = 1;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = logical(rest);
        let (text, after) = rest.split_at(length);
        let (number, start) = (next, script.len() - rest.len());
        next += memchr::memchr_iter(b'\n', text).count() as u32;
        rest = after;
        Some(Line {
            number,
            start,
            text,
        })
    })
    .filter(|line| !line.text.trim_ascii_start().starts_with(b"#"))
}

/// Bytes up to the end of the first line that does not go on; a comment never does.
fn logical(text: &[u8]) -> usize {
    let is_comment = text.trim_ascii_start().starts_with(b"#");
    let mut from = 0;
    while let Some(end) = memchr::memchr(b'\n', &text[from..]) {
        let line = text[from..from + end].trim_ascii_end();
        from += end + 1;
        if is_comment || !line.ends_with(b"\\") {
            return from;
        }
    }
    text.len()
}

impl<'a> Line<'a> {
    /// Its words: what blanks, quotes and the shell's own signs part. `=` stays in a word.
    pub fn words(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.text;
        let parts = |byte: &u8| PARTS_WORDS[usize::from(*byte)];
        std::iter::from_fn(move || {
            let start = rest.iter().position(|byte| !parts(byte))?;
            let begun = &rest[start..];
            let (word, after) = begun.split_at(begun.iter().position(parts).unwrap_or(begun.len()));
            rest = after;
            Some(word).filter(|word| *word != b"#")
        })
    }

    /// A command of it goes on in the background: several of them may run at once.
    pub fn has_background(&self) -> bool {
        let text = self.text;
        memchr::memchr_iter(b'&', text).any(|at| {
            let before = at.checked_sub(1).and_then(|at| text.get(at));
            let after = text.get(at + 1);
            // `&&`, `&>`, `>&` and `<&` are something else.
            !matches!(before, Some(b'&' | b'>' | b'<')) && !matches!(after, Some(b'&' | b'>'))
        })
    }
}
