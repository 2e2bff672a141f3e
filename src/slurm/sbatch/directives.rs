//! Options in a batch script: `#SBATCH` lines up to the first command, cut into words as sbatch cuts them,
//! which is not as a shell would.

use super::Release;
use super::options::Word;
use anyhow::{Context, Result, bail};

/// From this release on a backslash before a blank keeps it.
const ESCAPED_BLANKS: Release = (24, 5);

/// What a script says to sbatch.
#[derive(Debug, Default)]
pub struct Directives {
    /// Of the first component, where it is a heterogeneous job.
    pub words: Vec<Word>,
    /// There are further components.
    pub heterogeneous: bool,
    /// What its writer may have meant otherwise, a line each.
    pub notes: Vec<String>,
}

/// Reads a script. Fails where sbatch fails; the error names the line.
pub fn read(script: &[u8], release: Release) -> Result<Directives> {
    let mut found = Directives::default();
    let mut lines = (1..).zip(script.split(|&byte| byte == b'\n'));
    for (number, line) in lines.by_ref() {
        let Some(text) = directive(line) else {
            if is_command(line) {
                break;
            }
            found.look_at_comment(number, line);
            continue;
        };
        if !line.starts_with(b"#SBATCH") {
            found.note(number, "#SLURM should be #SBATCH");
        }
        if separates_components(text.trim_ascii_start()) {
            found.heterogeneous = true;
            return Ok(found);
        }
        let words = split(text, release).with_context(|| format!("line {number}"))?;
        let words = words.into_iter().map(|bytes| Word {
            bytes,
            line: number,
        });
        found.words.extend(words);
    }
    for (number, line) in lines {
        if let Some(text) = line.strip_prefix(b"#SBATCH") {
            let text = String::from_utf8_lossy(text);
            found.note(
                number,
                &format!("#SBATCH behind the first command is ignored by sbatch:{text}"),
            );
        }
    }
    Ok(found)
}

impl Directives {
    fn note(&mut self, number: usize, what: &str) {
        self.notes.push(format!("line {number}: {what}"));
    }

    fn look_at_comment(&mut self, number: usize, line: &[u8]) {
        if line.trim_ascii_start().starts_with(b"#SBATCH") {
            self.note(
                number,
                "#SBATCH that does not begin its line is ignored by sbatch",
            );
        }
    }
}

/// What follows the magic word.
fn directive(line: &[u8]) -> Option<&[u8]> {
    line.strip_prefix(b"#SBATCH")
        .or_else(|| line.strip_prefix(b"#SLURM"))
}

fn is_command(line: &[u8]) -> bool {
    let first = line.iter().find(|&&byte| !is_space(byte));
    first.is_some_and(|&byte| byte != b'#')
}

/// As C's isspace().
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// `hetjob`, or `packjob` as it was called, as the first word.
fn separates_components(text: &[u8]) -> bool {
    [b"hetjob".as_slice(), b"packjob"].iter().any(|word| {
        let (begin, rest) = text.split_at(word.len().min(text.len()));
        begin.eq_ignore_ascii_case(word) && rest.first().is_none_or(|&byte| is_space(byte))
    })
}

/// The words of a line: quotes and backslashes are taken out, and a # that neither protects ends it, in
/// the middle of a word, too. So does a word of which nothing is left.
pub fn split(line: &[u8], release: Release) -> Result<Vec<Vec<u8>>> {
    let (mut words, mut rest) = (Vec::new(), line);
    loop {
        let start = rest.iter().position(|&byte| !is_space(byte));
        rest = &rest[start.unwrap_or(rest.len())..];
        if rest.first() == Some(&b':') {
            bail!("unexpected ':' in [{}]", String::from_utf8_lossy(line));
        }
        if separates_components(rest) {
            return Ok(words);
        }
        let (word, length) = word(rest, release).with_context(|| {
            format!("quotes do not match in [{}]", String::from_utf8_lossy(line))
        })?;
        if word.is_empty() {
            return Ok(words);
        }
        words.push(word);
        rest = &rest[length..];
    }
}

/// The word at the beginning of `text`, and how much of that it takes up; `None` where a quote is open.
fn word(text: &[u8], release: Release) -> Option<(Vec<u8>, usize)> {
    let (mut word, mut quote, mut at) = (Vec::new(), None, 0);
    while let Some(&byte) = text.get(at) {
        match (byte, quote) {
            (b'\\', _) => {
                at += 1;
                match text.get(at) {
                    Some(b' ') if quote.is_none() && release >= ESCAPED_BLANKS => word.push(b' '),
                    Some(&next) if quote.is_some() || !is_space(next) => word.push(next),
                    _ => break,
                }
            }
            (_, Some(open)) if byte == open => quote = None,
            (_, Some(_)) => word.push(byte),
            (b'"' | b'\'', None) => quote = Some(byte),
            (b'#', None) => break,
            (_, None) if is_space(byte) => break,
            _ => word.push(byte),
        }
        at += 1;
    }
    quote.is_none().then_some((word, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str, release: Release) -> String {
        match split(line.as_bytes(), release) {
            Ok(words) => words
                .iter()
                .map(|word| String::from_utf8_lossy(word))
                .collect::<Vec<_>>()
                .join("|"),
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn a_line_is_cut_as_sbatch_cuts_it() {
        for (line, expected) in [
            (" --mem=8G  -c\t4 ", "--mem=8G|-c|4"),
            ("--mem=8G#was 16G", "--mem=8G"),
            ("--mem=8G # don't", "--mem=8G"),
            ("-J 'al'ign\"-x\" --mem=\"8 G\"", "-J|align-x|--mem=8 G"),
            (r#"-J "a\"b" \#c '\'x'"#, r#"-J|a"b|#c|'x"#),
            ("-J \"\" --mem=8G", "-J"),
            ("-J a HetJob --mem=8G", "-J|a"),
            ("-J hetjobs", "-J|hetjobs"),
            ("-J \"a", "! quotes do not match in [-J \"a]"),
            ("-J :a", "! unexpected ':' in [-J :a]"),
            ("-J a:b x\\", "-J|a:b|x"),
            ("-J a\\\tb", "-J|a|b"),
        ] {
            assert_eq!(words(line, (26, 5)), expected, "{line}");
        }
        assert_eq!(words(r"-J my\ job", (26, 5)), "-J|my job");
        assert_eq!(words(r"-J my\ job", (22, 5)), "-J|my|job");
    }

    #[test]
    fn directives_end_at_the_first_command() {
        let script = b"#!/bin/sh\n\n  # note\n#SBATCH -c4\n #SBATCH -c5\n\n#SLURM --mem=1\n./a\n#SBATCH -c6\n";
        let found = read(script, (26, 5)).unwrap();
        let words: Vec<_> = found
            .words
            .iter()
            .map(|word| (String::from_utf8_lossy(&word.bytes).into_owned(), word.line))
            .collect();
        assert_eq!(words, [("-c4".into(), 4), ("--mem=1".into(), 7)]);
        assert_eq!(found.notes.len(), 3);
        assert!(
            found.notes[1].starts_with("line 7: #SLURM"),
            "{:?}",
            found.notes
        );
        assert!(found.notes[2].contains("line 9") && found.notes[2].ends_with(" -c6"));
        let components = read(
            b"#!/bin/sh\n#SBATCH -c4\n#SBATCH hetjob\n#SBATCH -c5\n",
            (26, 5),
        )
        .unwrap();
        assert!(components.heterogeneous && components.words.len() == 1);
    }
}
