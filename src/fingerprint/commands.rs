//! The commands of a shell script, word by word, as far as it takes to see which program each starts. No shell: what is quoted is
//! one word, and what `$(...)` and backticks enclose belongs to the word that it stands in.

/// Reads a script command by command, and of each the words that somebody asks for, quotes and all.
#[derive(Clone)]
pub struct ScriptCommands<'a> {
    text: &'a [u8],
    at: usize,
    /// Within a command.
    begun: bool,
    /// Braces that are open since a function began; `None` outside of one.
    depth: Option<usize>,
}

impl<'a> ScriptCommands<'a> {
    pub fn of(text: &'a [u8]) -> ScriptCommands<'a> {
        ScriptCommands {
            text,
            at: 0,
            begun: false,
            depth: None,
        }
    }

    /// Goes on to the next command, whatever is left of this one; false after the last.
    pub fn next_command(&mut self) -> bool {
        if std::mem::take(&mut self.begun) {
            self.pass_over_rest();
        }
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                _ if ends(byte) => self.end(),
                _ if self.pass_over_nothing(byte) => {}
                _ => {
                    self.brace(&self.text[self.at..]);
                    self.begun = true;
                    break;
                }
            }
        }
        self.begun
    }

    /// The words of this command that were not read yet.
    pub fn words(&mut self) -> impl Iterator<Item = &'a [u8]> {
        std::iter::from_fn(|| self.next_word())
    }

    fn next_word(&mut self) -> Option<&'a [u8]> {
        loop {
            let rest = &self.text[self.at..];
            let byte = *rest.first().filter(|byte| !ends(**byte))?;
            if !self.pass_over_nothing(byte) {
                let word = &rest[..word(rest)];
                self.at += word.len();
                return Some(word);
            }
        }
    }

    /// Whether this command stands in a function, whose arguments are not the script's.
    pub fn in_function(&self) -> bool {
        self.depth.is_some()
    }

    /// What ends a command is passed over; a pair of brackets begins a function.
    fn end(&mut self) {
        if self.text[self.at..].starts_with(b"()") {
            self.depth = self.depth.or(Some(0));
        }
        self.at += 1;
    }

    /// Counts the braces of a function that begins or ends with the first word of `command`.
    fn brace(&mut self, command: &[u8]) {
        if self.depth.is_none() && command.first() != Some(&b'f') {
            return;
        }
        self.depth = match (self.depth, &command[..word(command)]) {
            (None, b"function") => Some(self.clone().words().filter(|word| word == b"{").count()),
            (Some(depth), b"{") => Some(depth + 1),
            (Some(depth), b"}") => depth.checked_sub(1).filter(|&depth| depth > 0),
            // Brackets without a body, as of an array that is empty.
            (Some(0), _) => None,
            (depth, _) => depth,
        };
    }

    /// Passes over what stands here, beginning with `byte`, if it is part of no word and ends no command.
    fn pass_over_nothing(&mut self, byte: u8) -> bool {
        let rest = &self.text[self.at..];
        self.at += match byte {
            b'#' => line(rest),
            b'\\' if rest.get(1) == Some(&b'\n') => 2,
            b'\n' => 0,
            _ if byte.is_ascii_whitespace() => 1,
            _ => 0,
        };
        self.text.len() - self.at < rest.len()
    }

    fn pass_over_rest(&mut self) {
        loop {
            self.at += without_sign(&self.text[self.at..]);
            let rest = &self.text[self.at..];
            let Some(&byte) = rest.first() else {
                return;
            };
            let before = self.text[..self.at].last();
            match (byte, before) {
                // What `$(...)` encloses is part of its word.
                (b'(', Some(b'$')) => self.at += word(&self.text[self.at - 1..]) - 1,
                _ if ends(byte) => return,
                (_, Some(b' ' | b'\t' | b'\n')) if self.pass_over_nothing(byte) => {}
                _ => self.at += word(rest),
            }
        }
    }
}

/// Whether a byte that stands in no quotes ends a command.
const fn ends(byte: u8) -> bool {
    matches!(byte, b'\n' | b';' | b'|' | b'&' | b'(' | b')')
}

fn line(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).unwrap_or(text.len())
}

/// How many bytes at the beginning of `text` neither end a command nor change what ends it.
fn without_sign(text: &[u8]) -> usize {
    let sign = text.iter().position(|byte| SIGNS[usize::from(*byte)]);
    sign.unwrap_or(text.len())
}

const SIGNS: [bool; 256] = {
    let mut signs = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let one = byte as u8;
        signs[byte] = ends(one) || matches!(one, b'"' | b'\'' | b'`' | b'\\' | b'#');
        byte += 1;
    }
    signs
};

/// The length of the word that `text` starts with; at least 1.
pub fn word(text: &[u8]) -> usize {
    let (mut at, mut quote, mut open) = (0, None, 0usize);
    while let Some(&byte) = text.get(at) {
        // Most bytes say nothing, wherever they stand.
        if !SIGNS[usize::from(byte)] && !byte.is_ascii_whitespace() {
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
            (None, _) if open == 0 && (ends(byte) || byte.is_ascii_whitespace()) => break,
            (None, _) => {}
        }
        at += 1;
    }
    at.clamp(1, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first words of all commands, where so many words of each are read.
    fn first_words(script: &[u8], read: usize) -> Vec<String> {
        let mut commands = ScriptCommands::of(script);
        let mut found = Vec::new();
        while commands.next_command() {
            let first = commands.clone().words().next().unwrap_or_default();
            let place = if commands.in_function() { "in " } else { "" };
            found.push(format!("{place}{}", String::from_utf8_lossy(first)));
            commands.words().take(read).for_each(drop);
        }
        found
    }

    #[test]
    fn a_command_ends_where_it_ends_however_many_of_its_words_are_read() {
        let scripts: [(&str, &[&str]); 9] = [
            ("a b c; d e\nf", &["a", "d", "f"]),
            ("a 'x; y' \"z | $(w; v)\" | b", &["a", "b"]),
            ("a $(b; c) x$(d | e)f g && h", &["a", "h"]),
            ("a `b; c`d; e", &["a", "e"]),
            ("a \\\n # 'no quote\nb \\\n c#'d;e'\nf", &["a", "b", "f"]),
            ("a x\\;y \\\"; b \\$(c", &["a", "b"]),
            ("a # it's; b\n# c\nd", &["a", "d"]),
            (
                "f() {\n a b; c\n}\nd\nx=()\ny",
                &["f", "in {", "in a", "in c", "}", "d", "x=", "y"],
            ),
            (
                "function f {\n a; b\n}\nc 'open ; d",
                &["in function", "in a", "in b", "}", "c"],
            ),
        ];
        for (script, expected) in scripts {
            for read in 0..5 {
                assert_eq!(
                    first_words(script.as_bytes(), read),
                    expected,
                    "{read} words of {script:?}"
                );
            }
        }
    }
}
