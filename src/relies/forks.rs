//! What languages other than the shell's start several times at once, and make.

use super::lines::{lines, name_of, words_of_line};
use crate::text::contains;
use std::ops::Range;

/// Programs that start what stands behind them several times, or each line of a list that they are given.
pub const STARTERS: [&[u8]; 9] = [
    b"parallel",
    b"xargs",
    b"env_parallel",
    b"sem",
    b"rush",
    b"ParaFly",
    b"disBatch",
    b"paramrun",
    b"greasy",
];

/// Names of functions and classes by which a program starts itself or others several times, without what they belong to.
const FORKS: [&[u8]; 17] = [
    b"Popen",
    b"Pool",
    b"ThreadPool",
    b"ThreadPoolExecutor",
    b"ProcessPoolExecutor",
    b"Parallel",
    b"Process",
    b"Thread",
    b"create_subprocess_exec",
    b"create_subprocess_shell",
    b"mclapply",
    b"mcmapply",
    b"parLapply",
    b"%dopar%",
    b"fork",
    b"ForkManager",
    b"parfor",
];

/// Programs that start what they are given several times, with `-j`.
const MAKES: [&[u8]; 4] = [b"make", b"gmake", b"pmake", b"ninja"];

/// Languages whose programs are read so.
const LANGUAGES: [&[u8]; 6] = [b"python", b"perl", b"Rscript", b"julia", b"ruby", b"R "];

/// It starts what stands behind it several times.
pub fn runs_several<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> bool {
    words.any(|word| runs(name_of(word)))
}

/// A program of this name does.
pub fn runs(name: &[u8]) -> bool {
    STARTERS.contains(&name)
}

/// What stands behind one of these goes on beside what follows, as with `&`: the name, and what its options begin with then.
pub const DETACHERS: [(&[u8], &[u8]); 3] = [(b"coproc", b""), (b"screen", b"-d"), (b"tmux", b"-d")];

/// It lets what stands behind it go on in the background.
pub fn detaches<'a>(words: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut option: Option<&[u8]> = None;
    for word in words {
        let named = DETACHERS.iter().find(|(name, _)| *name == name_of(word));
        option = named.map(|(_, option)| *option).or(option);
        let is_said = named.is_none() && option.is_some_and(|option| word.starts_with(option));
        if is_said || option == Some(b"") {
            return true;
        }
    }
    false
}

/// A command starts what it names several times.
pub fn starts_several(words: &[&[u8]]) -> bool {
    words.iter().any(|word| is_fork(word)) || makes_several(words)
}

/// Which of the texts that stand in a script start several of what they name; all of it where it is of such a language.
pub fn places(script: &[u8], texts: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let whole = is_of_a_language(script).then_some(0..script.len());
    let forks = |place: &Range<usize>| {
        let mut lines = lines(&script[place.clone()]);
        lines.any(|line| words_of_line(line.text).any(is_fork))
    };
    whole.into_iter().chain(texts).filter(forks).collect()
}

/// As its first line says.
fn is_of_a_language(script: &[u8]) -> bool {
    let end = memchr::memchr(b'\n', script).unwrap_or(script.len());
    let first = script[..end].strip_prefix(b"#!");
    first.is_some_and(|first| LANGUAGES.iter().any(|name| contains(first, name)))
}

/// `multiprocessing.Pool`, `Parallel::ForkManager`.
fn is_fork(word: &[u8]) -> bool {
    let last = word
        .rsplit(|byte| matches!(byte, b'.' | b':' | b'='))
        .next();
    last.is_some_and(|name| FORKS.contains(&name))
}

/// `make -j4`, and not `make -j1`.
fn makes_several(words: &[&[u8]]) -> bool {
    let Some(at) = words.iter().position(|word| MAKES.contains(&name_of(word))) else {
        return false;
    };
    let mut behind = words[at + 1..].iter().peekable();
    while let Some(word) = behind.next() {
        let count = [&b"--jobs="[..], b"--jobs", b"-j"]
            .iter()
            .find_map(|option| word.strip_prefix(*option));
        match count {
            Some([]) => return behind.peek() != Some(&&&b"1"[..]),
            Some(count) => return count != b"1",
            None => {}
        }
    }
    false
}
