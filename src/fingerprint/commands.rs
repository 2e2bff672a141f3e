//! The commands of a shell script, word by word, as far as it takes to see which program each starts. No shell: what is quoted is
//! one word, and what `$(...)` and backticks enclose belongs to the word that it stands in.

/// One command: its words, quotes and all, and what is before and behind it.
#[derive(Debug, Default)]
pub struct ScriptCommand<'a> {
    pub words: Vec<&'a [u8]>,
    /// It stands in a function, whose arguments are not the script's.
    pub in_function: bool,
}

/// More words of a command are not kept: its program stands among the first.
const MOST_WORDS: usize = 64;

/// Most commands have no more: room that is made once.
const USUAL_WORDS: usize = 16;

/// Reads a script command by command.
pub struct ScriptCommands<'a> {
    text: &'a [u8],
    at: usize,
    /// Braces that are open since a function began; `None` outside of one.
    depth: Option<usize>,
}

impl<'a> ScriptCommands<'a> {
    pub fn of(text: &'a [u8]) -> ScriptCommands<'a> {
        ScriptCommands {
            text,
            at: 0,
            depth: None,
        }
    }

    /// What ends a command is passed over; a pair of brackets begins a function.
    fn end(&mut self) {
        if self.text[self.at..].starts_with(b"()") {
            self.depth = self.depth.or(Some(0));
        }
        self.at += 1;
    }

    /// Counts the braces of a function that begins or ends here.
    fn brace(&mut self, word: &[u8]) {
        self.depth = match (self.depth, word) {
            (None, b"function") => Some(0),
            (Some(depth), b"{") => Some(depth + 1),
            (Some(depth), b"}") => depth.checked_sub(1).filter(|&depth| depth > 0),
            // Brackets without a body, as of an array that is empty.
            (Some(0), _) => None,
            (depth, _) => depth,
        };
    }
}

impl<'a> Iterator for ScriptCommands<'a> {
    type Item = ScriptCommand<'a>;

    fn next(&mut self) -> Option<ScriptCommand<'a>> {
        let mut command = ScriptCommand {
            words: Vec::with_capacity(USUAL_WORDS),
            in_function: false,
        };
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' | b';' | b'|' | b'&' | b'(' | b')' => {
                    self.end();
                    if !command.words.is_empty() {
                        break;
                    }
                }
                b'#' => self.at += line(&self.text[self.at..]),
                b'\\' if self.text.get(self.at + 1) == Some(&b'\n') => self.at += 2,
                _ if byte.is_ascii_whitespace() => self.at += 1,
                _ => {
                    let word = &self.text[self.at..][..word(&self.text[self.at..])];
                    self.at += word.len();
                    if command.words.is_empty() {
                        self.brace(word);
                        command.in_function = self.depth.is_some();
                    }
                    if command.words.len() < MOST_WORDS {
                        command.words.push(word);
                    }
                }
            }
        }
        (!command.words.is_empty()).then_some(command)
    }
}

fn line(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).unwrap_or(text.len())
}

/// Bytes that neither end a word nor change what ends it.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let one = byte as u8;
        plain[byte] =
            one.is_ascii_alphanumeric() || matches!(one, b'-' | b'_' | b'.' | b'/' | b'=' | b'$');
        byte += 1;
    }
    plain
};

/// The length of the word that `text` starts with; at least 1.
pub fn word(text: &[u8]) -> usize {
    let (mut at, mut quote, mut open) = (0, None, 0usize);
    while let Some(&byte) = text.get(at) {
        // Most bytes say nothing, wherever they stand.
        if PLAIN[usize::from(byte)] {
            at += 1;
            continue;
        }
        match (quote, byte) {
            (_, b'\\') if quote != Some(b'\'') => at += 1,
            (Some(mark), _) if byte == mark => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (None, b'(') if open > 0 || text[..at].last() == Some(&b'$') => open += 1,
            (None, b')') if open > 0 => open -= 1,
            (None, b'\n' | b';' | b'|' | b'&' | b'(' | b')') if open == 0 => break,
            (None, _) if open == 0 && byte.is_ascii_whitespace() => break,
            (None, _) => {}
        }
        at += 1;
    }
    at.clamp(1, text.len())
}
