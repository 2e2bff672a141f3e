//! How deep a byte of a line stands in quotes and brackets, as the shell takes them.

/// What is open where a line has been read up to some byte. To be handed every byte of it.
#[derive(Debug, Default)]
pub struct Nesting {
    open: Vec<u8>,
    is_escaped: bool,
    last: u8,
}

impl Nesting {
    pub fn take(&mut self, byte: u8) {
        if std::mem::take(&mut self.is_escaped) {
            return;
        }
        match (self.open.last(), byte) {
            (Some(b'\''), b'\'') | (Some(b'"'), b'"') | (Some(b'`'), b'`') | (Some(b'('), b')') => {
                self.open.pop();
            }
            (Some(b'\''), _) | (Some(b'"'), b'\'') => {}
            (Some(b'"'), b'(') if self.last != b'$' => {}
            (_, b'\\') => self.is_escaped = true,
            (_, b'\'' | b'"' | b'`' | b'(') => self.open.push(byte),
            _ => {}
        }
        self.last = byte;
    }

    /// So many quotes and brackets are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// The byte behind has no meaning of its own.
    pub fn is_escaped(&self) -> bool {
        self.is_escaped
    }
}

/// One of the signs that part commands stands at `at`: `;`, `|`, or an `&` that belongs to no redirection.
pub fn parts(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|at| text[at]);
    match text[at] {
        b';' | b'|' => before != Some(b'\\'),
        b'&' => !matches!(before, Some(b'>' | b'<' | b'\\')) && text.get(at + 1) != Some(&b'>'),
        _ => false,
    }
}
