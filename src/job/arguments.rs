//! The arguments of a job's script, as its record carries them.
//!
//! Slurm reports arguments joined by blanks, which may stand in them, too. Where they do, how many stand in
//! each argument is enough to tell them apart again; a digest says whether that gave what was submitted.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

/// Arguments whose blanks change more often than this are not told apart: the record has no room for it.
const MOST_STRETCHES: usize = 60;

/// So many arguments are read: slurmctld waits for that.
pub const MOST: usize = 4096;
/// So many bytes of them are, together.
pub const MOST_BYTES: usize = 64 << 10;

/// The first of these arguments, as far as they are read, and whether those are all.
pub fn first<'a>(all: impl Iterator<Item = &'a [u8]>) -> (Vec<&'a [u8]>, bool) {
    let (mut found, mut left) = (Vec::new(), MOST_BYTES);
    for argument in all {
        if found.len() == MOST || argument.len() > left {
            return (found, false);
        }
        left -= argument.len();
        found.push(argument);
    }
    (found, true)
}

/// What tells a script's arguments from any others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arguments {
    /// How many there are.
    #[serde(rename = "arguments")]
    pub count: u32,
    /// Of all of them; missing in records of versions that had none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    digest: Option<u64>,
    /// How many arguments in a row have how many blanks each; empty where none has any.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    blanks: Vec<(u32, u32)>,
}

impl Arguments {
    /// Of these arguments; `None` if they could not be told apart again.
    pub fn of(arguments: &[&[u8]]) -> Option<Arguments> {
        let blanks = stretches(arguments);
        (blanks.len() <= MOST_STRETCHES).then(|| Arguments {
            count: arguments.len() as u32,
            digest: Some(digest(arguments.iter().copied())),
            blanks,
        })
    }

    /// The arguments at the end of a command line whose words were joined by blanks, if they are those that
    /// were submitted.
    pub fn find(&self, line: &str) -> Option<Vec<String>> {
        let words: Vec<&str> = line.split(' ').collect();
        // Each is a word at least, whatever a record says.
        if self.count as usize > words.len() {
            return None;
        }
        let blanks = self.blanks_of_each()?;
        let wanted = blanks.iter().map(|blanks| *blanks as usize + 1).sum();
        let mut rest = &words[words.len().checked_sub(wanted)?..];
        let found: Vec<String> = blanks
            .iter()
            .map(|&blanks| {
                let (argument, others) = rest.split_at(blanks as usize + 1);
                rest = others;
                argument.join(" ")
            })
            .collect();
        let seen = digest(found.iter().map(String::as_bytes));
        (self.digest == Some(seen)).then_some(found)
    }

    /// For each argument; `None` where the record contradicts itself.
    fn blanks_of_each(&self) -> Option<Vec<u32>> {
        if self.blanks.is_empty() {
            return Some(vec![0; self.count as usize]);
        }
        let count: u64 = self.blanks.iter().map(|(row, _)| u64::from(*row)).sum();
        (count == u64::from(self.count)).then(|| {
            self.blanks
                .iter()
                .flat_map(|&(row, blanks)| std::iter::repeat_n(blanks, row as usize))
                .collect()
        })
    }
}

fn stretches(arguments: &[&[u8]]) -> Vec<(u32, u32)> {
    let mut stretches: Vec<(u32, u32)> = Vec::new();
    for argument in arguments {
        let blanks = argument.iter().filter(|&&byte| byte == b' ').count() as u32;
        match stretches.last_mut() {
            Some((row, same)) if *same == blanks => *row += 1,
            _ => stretches.push((1, blanks)),
        }
    }
    match stretches[..] {
        [(_, 0)] => Vec::new(),
        _ => stretches,
    }
}

/// No argument has a NUL in it, so that it ends each.
fn digest<'a>(arguments: impl Iterator<Item = &'a [u8]>) -> u64 {
    let mut hash = Xxh3Default::new();
    for argument in arguments {
        hash.update(argument);
        hash.update(&[0]);
    }
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arguments: &[&str]) -> String {
        [&["sbatch", "--mem=1G", "my job.sh"], arguments]
            .concat()
            .join(" ")
    }

    fn of(arguments: &[&str]) -> Arguments {
        let bytes: Vec<&[u8]> = arguments.iter().map(|one| one.as_bytes()).collect();
        Arguments::of(&bytes).expect("few blanks")
    }

    #[test]
    fn arguments_are_found_again_whatever_they_hold() {
        let many: Vec<String> = (0..1000).map(|n| format!("number {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let cases: [&[&str]; 8] = [
            &[],
            &[""],
            &["a", "b"],
            &["a b", "", "", " c  d ", "e"],
            &["x\ny", "tab\there", "'\"`$(id)\\", "ü"],
            &["-n", "--mem=3", "*", "my", "job.sh"],
            &[" ", "  ", ""],
            &many,
        ];
        for arguments in cases {
            let carried = of(arguments);
            let text = serde_json::to_string(&carried).unwrap();
            assert!(text.len() < 100, "{text}");
            let carried: Arguments = serde_json::from_str(&text).unwrap();
            assert_eq!(carried.find(&line(arguments)).unwrap(), arguments);
        }
    }

    #[test]
    fn other_arguments_are_not_taken_for_them() {
        let cases: [(&[&str], &str); 6] = [
            (&["a", "b"], "sbatch job.sh a c"),
            (&["a", "b"], "sbatch job.sh a b "),
            (&["a b"], "sbatch job.sh a  b"),
            (&["a", "b", "c", "d"], "a b"),
            // What is not UTF-8 is reported as something else.
            (&["\u{fffd}x"], "sbatch job.sh x"),
            (&["a"], ""),
        ];
        for (arguments, line) in cases {
            assert_eq!(of(arguments).find(line), None, "{arguments:?} {line}");
        }
    }

    #[test]
    fn arguments_are_read_up_to_a_number_and_a_length() {
        let (half, all) = (vec![b'x'; MOST_BYTES / 2], vec![b'x'; MOST_BYTES]);
        let cases: [(Vec<&[u8]>, usize, bool); 6] = [
            (vec![], 0, true),
            (vec![b"a"; MOST], MOST, true),
            (vec![b""; MOST + 1], MOST, false),
            (vec![&half[..], &half[..], b""], 3, true),
            (vec![&half[..], &half[..], b"x", b""], 2, false),
            (vec![b"x", &all[..]], 1, false),
        ];
        for (at, (arguments, count, are_all)) in cases.into_iter().enumerate() {
            let (found, all) = first(arguments.iter().copied());
            assert_eq!((found.len(), all), (count, are_all), "{at}");
            assert_eq!(found, arguments[..count], "{at}");
        }
    }

    #[test]
    fn records_that_cannot_tell_find_nothing() {
        let old = r#"{"arguments":2}"#;
        let wrong = r#"{"arguments":2,"digest":1,"blanks":[[4000000000,1],[1,0]]}"#;
        for text in [old, wrong] {
            let carried: Arguments = serde_json::from_str(text).unwrap();
            assert_eq!(carried.find("sbatch job.sh a b"), None, "{text}");
        }
        let restless: Vec<&[u8]> = [b"a b" as &[u8], b"c"].repeat(200);
        assert_eq!(Arguments::of(&restless), None);
    }

    #[test]
    fn more_arguments_than_words_are_none_and_take_no_memory() {
        for blanks in [vec![], vec![(u32::MAX, 0)], vec![(u32::MAX, u32::MAX)]] {
            let boasting = Arguments {
                count: u32::MAX,
                digest: None,
                blanks,
            };
            assert_eq!(boasting.find("job.sh a b"), None);
        }
    }
}
