//! Whether a script itself says which programs it runs. A common wrapper (`exec "$@"`, `srun $PROG`) runs what its arguments or
//! its submitter's environment say, and one that has a list of commands run (`bash jobs.txt`) what that list says.

use super::commands::{ScriptCommands, word};
use super::decks::push_deck;
use super::dispatch::{Hangs, MOST_WORDS};
use super::elsewhere::{Elsewhere, IN_A_LIST, NOWHERE};
use super::places::Unknown;
use super::roles::{Role, has_value, role};
use super::servers;
use super::started::{Start, push_started};
use super::types::is_script;
use super::words::{
    base, holds_launcher, is_answer, is_assignment, is_list, is_number, names_argument,
    redirection, unquoted, variables,
};
use crate::relies::is_in_name;
use aho_corasick::packed::Searcher;
use memchr::memmem;
use std::iter::Peekable;
use std::sync::LazyLock;

/// So many variables are looked up in a script, and so many places where each stands; what others hold is taken for told
/// elsewhere.
const MOST_VARIABLES: usize = 8;
const MOST_PLACES: usize = 64;

/// Only so many bytes before and behind a variable, and of a command whose answer is run, are looked at.
const AROUND: usize = 512;

/// What names a list of commands that something runs.
const NAME_LISTS: [&[u8]; 8] = [
    b"--job-file",
    b"--jobfile",
    b"--task-file",
    b"--taskfile",
    b"--command-file",
    b"--cmd-file",
    b"--multi-prog",
    b"LAUNCHER_JOB_FILE=",
];

static LISTS: LazyLock<Option<Searcher>> = LazyLock::new(|| Searcher::new(NAME_LISTS));

/// What else than `script` says which programs it runs; to `started` what their words add to its form is appended.
pub fn elsewhere(script: &[u8], started: &mut Vec<u8>) -> Elsewhere {
    if !is_of_a_shell(script) {
        return NOWHERE;
    }
    let mut search = Search {
        script,
        started,
        left: MOST_VARIABLES,
        may_name_lists: LISTS
            .as_ref()
            .is_none_or(|lists| lists.find(script).is_some()),
        may_be_led: servers::may_call(script),
    };
    let mut commands = ScriptCommands::of(script);
    let mut found = NOWHERE;
    while commands.next_command() {
        found = found.and(search.of(&mut commands));
    }
    // Which list it is may be an argument.
    match found.lists && has_own_arguments(script) {
        true => found.and(Elsewhere::told_by(Unknown::Arguments)),
        false => found,
    }
}

/// Whether a command outside of functions has arguments of the script.
fn has_own_arguments(script: &[u8]) -> bool {
    let mut commands = ScriptCommands::of(script);
    while commands.next_command() {
        if !commands.in_function() && commands.words().any(names_argument) {
            return true;
        }
    }
    false
}

fn is_of_a_shell(script: &[u8]) -> bool {
    let line = script.split(|&byte| byte == b'\n').next();
    let line = line.unwrap_or_default();
    !line.starts_with(b"#!") || memmem::find(line, b"sh").is_some()
}

struct Search<'a> {
    script: &'a [u8],
    started: &'a mut Vec<u8>,
    left: usize,
    may_name_lists: bool,
    may_be_led: bool,
}

impl Search<'_> {
    /// What else says which program a command runs.
    fn of(&mut self, command: &mut ScriptCommands) -> Elsewhere {
        let names_list = |word: &[u8]| NAME_LISTS.iter().any(|name| word.starts_with(name));
        if self.may_name_lists && command.clone().words().any(names_list) {
            return IN_A_LIST;
        }
        if self.may_be_led {
            let started = &mut *self.started;
            let mut words = command.clone();
            let mut called = words
                .words()
                .filter_map(|word| servers::called(word, started));
            if let Some(unknown) = called.next() {
                return Elsewhere::told_by(unknown);
            }
        }
        let in_function = command.in_function();
        let whole = command.clone();
        let mut words = command.words().map(unquoted).peekable();
        // Nothing before the first word is an option.
        let (mut runs, mut begun) = (Role::Launches, false);
        let (mut launcher, mut option): (&[u8], &[u8]) = (b"", b"");
        while let Some(word) = words.next() {
            if let Some(is_whole) = redirection(word) {
                if !is_whole {
                    words.next();
                }
                continue;
            }
            if word.starts_with(b"-") {
                option = word;
                let may_be_value = |next: &&[u8]| has_value(runs, launcher, word, next);
                let value = begun.then(|| words.next_if(may_be_value)).flatten();
                match value.filter(|_| words.peek().is_none() && runs == Role::Launches) {
                    // It was none: nothing else is left that could run.
                    Some(program) => return self.of_program(program, in_function),
                    None if value.is_some() => option = b"",
                    None => {}
                }
                continue;
            }
            if word.is_empty() || is_number(word) || (runs == Role::Launches && is_assignment(word))
            {
                continue;
            }
            let base = base(word);
            begun = true;
            let start = Start {
                word,
                launcher,
                option,
            };
            runs = match (runs, role(base)) {
                (Role::Contains, _) if matches!(word, b"exec" | b"run" | b"shell") => {
                    Role::Contains
                }
                // The image.
                (Role::Contains, _) => Role::Launches,
                (Role::RunsLists, Role::Shell) => return IN_A_LIST,
                (Role::RunsLists, _) if is_list(base) || base.starts_with(b":::") => {
                    return IN_A_LIST;
                }
                (Role::RunsLists, _) => return NOWHERE,
                (Role::Shell | Role::Sources, Role::Works) if is_list(base) => return IN_A_LIST,
                (Role::Sources, _) => return self.sources(base, in_function),
                (_, Role::Works) if !word.contains(&b'$') => {
                    return self.starts(&start, words, &whole);
                }
                (_, Role::Works) if holds_launcher(base) && words.peek().is_some() => {
                    Role::Launches
                }
                // Behind a variable a script says what runs.
                (_, Role::Works) if variables(base).next().is_some() && words.any(is_script) => {
                    return NOWHERE;
                }
                (_, Role::Works) => return self.starts(&start, words, &whole),
                (_, next) => {
                    launcher = base;
                    next
                }
            };
            option = b"";
        }
        match runs {
            // What they read.
            Role::Shell | Role::RunsLists => IN_A_LIST,
            _ => NOWHERE,
        }
    }

    /// What else says which program a word starts, and what that program's name leaves open.
    fn starts<'w>(
        &mut self,
        start: &Start,
        mut rest: Peekable<impl Iterator<Item = &'w [u8]>>,
        whole: &ScriptCommands,
    ) -> Elsewhere {
        if servers::leads(start.word, rest.peek().copied()) {
            return Elsewhere::told_by(Unknown::Environment);
        }
        let in_function = whole.in_function();
        let Some(hangs) = Hangs::on_words_of(base(start.word)) else {
            let unknown = push_started(start, rest, self.started);
            return self
                .of_program(start.word, in_function)
                .and(Elsewhere::told_by(unknown));
        };
        let words: Vec<&[u8]> = rest.take(MOST_WORDS).collect();
        let unknown = push_started(start, words.iter().copied(), self.started);
        let deciding = hangs.deciding(&words, whole);
        if hangs == Hangs::Deck {
            push_deck(&deciding, self.started);
        }
        let is_argument = !in_function && deciding.iter().any(|word| self.is_argument(word));
        let decided = if is_argument {
            hangs.unknown()
        } else {
            Unknown::Nothing
        };
        Elsewhere::told_by(unknown.and(decided))
    }

    /// What else says which part of a script is read: an argument, by the file's name.
    fn sources(&mut self, base: &[u8], in_function: bool) -> Elsewhere {
        match !in_function && self.is_argument(base) {
            true => Elsewhere::told_by(Unknown::Part),
            false => NOWHERE,
        }
    }

    /// A word is, or holds, an argument of the script.
    fn is_argument(&mut self, word: &[u8]) -> bool {
        let mut by_variables =
            variables(word).map(|name| self.of_variable(name).unknown == Unknown::Arguments);
        names_argument(word) || by_variables.any(|is_argument| is_argument)
    }

    /// What else says which program a word names. Of several words in quotes the first does.
    fn of_program(&mut self, word: &[u8], in_function: bool) -> Elsewhere {
        if is_answer(word) {
            return answered(word);
        }
        let first = word.split(u8::is_ascii_whitespace).next();
        let base = base(first.unwrap_or_default());
        if !base.contains(&b'$') {
            return NOWHERE;
        }
        if names_argument(base) {
            return match in_function {
                true => NOWHERE,
                false => Elsewhere::told_by(Unknown::Arguments),
            };
        }
        let found = variables(base).map(|name| self.of_variable(name));
        found.fold(NOWHERE, Elsewhere::and)
    }

    /// What else says what a variable holds.
    fn of_variable(&mut self, name: &[u8]) -> Elsewhere {
        // A number, or a folder of Slurm's.
        if name.starts_with(b"SLURM_") {
            return NOWHERE;
        }
        if name == b"OPTARG" {
            return Elsewhere::told_by(Unknown::Arguments);
        }
        let Some(left) = self.left.checked_sub(1) else {
            return Elsewhere::told_by(Unknown::Environment);
        };
        self.left = left;
        let script = self.script;
        let places = memmem::find_iter(script, name).take(MOST_PLACES);
        let found = places.filter_map(|at| {
            let before = &script[at.saturating_sub(AROUND)..at];
            let behind = &script[at + name.len()..];
            self.assigned(name, before, &behind[..behind.len().min(AROUND)])
        });
        let found = found.reduce(Elsewhere::and);
        found.unwrap_or(Elsewhere::told_by(Unknown::Environment))
    }

    /// What else says what is assigned to a variable between `before` and `behind`; `None` where nothing is.
    fn assigned(&mut self, name: &[u8], before: &[u8], behind: &[u8]) -> Option<Elsewhere> {
        let line = before.rsplit(|&byte| byte == b'\n').next()?;
        let ahead = behind.split(|&byte| byte == b'\n').next()?;
        let is_name = |byte: &u8| is_in_name(*byte) || matches!(byte, b'$' | b'{');
        if line.last().is_some_and(is_name) || ahead.first().is_some_and(|byte| is_in_name(*byte)) {
            return None;
        }
        let mut words = line.split(|byte| b" \t;".contains(byte));
        let mut last = line.split(u8::is_ascii_whitespace).rev();
        if ahead.starts_with(b" in ") && last.find(|word| !word.is_empty()) == Some(b"for") {
            let values = ahead.split(|&byte| byte == b';').next();
            let is_argument = values.is_some_and(names_argument);
            return Some(if is_argument {
                Elsewhere::told_by(Unknown::Arguments)
            } else {
                NOWHERE
            });
        }
        if words
            .clone()
            .any(|word| matches!(word, b"read" | b"mapfile" | b"readarray"))
        {
            return Some(IN_A_LIST);
        }
        let value = ahead
            .strip_prefix(b"=")
            .or_else(|| ahead.strip_prefix(b"+="))?;
        let begins = line.last().is_none_or(|byte| b" \t;(&|{".contains(byte));
        if !begins {
            return None;
        }
        // The arguments of a function.
        if words.any(|word| word == b"local") {
            return Some(NOWHERE);
        }
        let length = if value.starts_with(b"(") || value.is_empty() {
            value.len()
        } else {
            word(value)
        };
        let value = unquoted(&value[..length]);
        let by_argument = Elsewhere::told_by(if names_argument(value) {
            Unknown::Arguments
        } else {
            Unknown::Nothing
        });
        if value.starts_with(b"(") || is_answer(value) {
            return Some(answered(value).and(by_argument));
        }
        if by_argument != NOWHERE {
            return Some(by_argument);
        }
        let first = value.split(u8::is_ascii_whitespace).next();
        let others = variables(base(first.unwrap_or_default())).map(|other| match other == name {
            true => Elsewhere::told_by(Unknown::Environment),
            false => self.of_variable(other),
        });
        Some(others.fold(NOWHERE, Elsewhere::and))
    }
}

/// What else says what commands in a word print: the file whose lines they print.
fn answered(word: &[u8]) -> Elsewhere {
    let word = &word[..word.len().min(AROUND)];
    let prints_lines = |at: usize| {
        let command = word[at + 1..].strip_prefix(b"(").unwrap_or(&word[at + 1..]);
        let mut words = command.split(|byte| byte.is_ascii_whitespace() || *byte == b'<');
        let program = words.find(|word| !word.is_empty()).unwrap_or_default();
        matches!(
            program,
            b"sed" | b"awk" | b"gawk" | b"head" | b"tail" | b"cat" | b"cut" | b"grep"
        )
    };
    match memchr::memchr2_iter(b'$', b'`', word).any(prints_lines) {
        true => IN_A_LIST,
        false => NOWHERE,
    }
}
