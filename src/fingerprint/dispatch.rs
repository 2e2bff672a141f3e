//! Which part of a script runs: where one of its arguments says that, scripts are told apart by their arguments.

use super::commands::ScriptCommands;
use super::decks;
use super::places::Unknown;

/// So many words behind a command are looked at.
pub const MOST_WORDS: usize = 64;

/// Programs that do what their first words name.
const OF_TARGETS: [&[u8]; 8] = [
    b"make",
    b"gmake",
    b"ninja",
    b"snakemake",
    b"just",
    b"rake",
    b"invoke",
    b"doit",
];

/// What hangs on the words behind a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangs {
    /// `case`: the first of the values it is compared with.
    Case,
    /// A comparison.
    Test,
    /// What is made.
    Target,
    /// All that the program does.
    Deck,
}

impl Hangs {
    /// What hangs on the words behind this program; `None` for most.
    pub fn on_words_of(program: &[u8]) -> Option<Hangs> {
        match program {
            b"case" => Some(Hangs::Case),
            b"[" | b"[[" | b"test" => Some(Hangs::Test),
            _ if OF_TARGETS.contains(&program) => Some(Hangs::Target),
            _ if decks::has_one(program) => Some(Hangs::Deck),
            _ => None,
        }
    }

    /// Those of `words` that decide; `command` is the whole command.
    pub fn deciding<'a>(self, words: &[&'a [u8]], command: &ScriptCommands) -> Vec<&'a [u8]> {
        match self {
            Hangs::Case if is_word(first_pattern(command.clone())) => {
                words.first().copied().into_iter().collect()
            }
            Hangs::Case => Vec::new(),
            Hangs::Test => compared(words),
            Hangs::Target => words.to_vec(),
            Hangs::Deck => decks::without_output(words),
        }
    }

    /// What is unknown where an argument decides: the name of a file that is all of a program's work counts, that of data none.
    pub fn unknown(self) -> Unknown {
        match self {
            Hangs::Deck => Unknown::Arguments,
            Hangs::Case | Hangs::Test | Hangs::Target => Unknown::Part,
        }
    }
}

/// What a value of `case` is compared with first, in its command or the next that has words.
fn first_pattern<'a>(mut commands: ScriptCommands<'a>) -> &'a [u8] {
    let behind_in = commands.words().skip_while(|word| *word != b"in").nth(1);
    if let Some(pattern) = behind_in {
        return pattern;
    }
    match commands.next_command() {
        true => commands.words().next().unwrap_or_default(),
        false => b"",
    }
}

/// `$1` of `[ $1 = align ]`: it is compared with a word.
fn compared<'a>(words: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let of = |three: &[&'a [u8]]| match *three {
        [value, b"=" | b"==" | b"!=", word] if value.starts_with(b"$") && is_word(word) => {
            Some(value)
        }
        _ => None,
    };
    words.windows(3).filter_map(of).collect()
}

/// A name of a part, and no option, pattern of files or setting.
fn is_word(text: &[u8]) -> bool {
    let text = text
        .strip_prefix(b"\"")
        .or(text.strip_prefix(b"'"))
        .unwrap_or(text);
    text.first().is_some_and(u8::is_ascii_alphabetic) && !text.contains(&b'=')
}
