//! The options that a batch system knows, and how it tells them from their values: as getopt_long does.

use super::{LATEST, Release};
use crate::shadow::OPTION;
use anyhow::{Result, bail};
use std::borrow::Cow;

/// What follows an option's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// No value.
    Nothing,
    /// A value with `=`, or none.
    Perhaps,
    /// A value, with `=` or as the next word.
    Value,
}

/// sbatch's options of all releases from 22.05 to 26.05, each with its letter if it has one.
const WITHOUT_VALUE: &str = "consolidate-segments contiguous external help/h hold/H ignore-pbs no-requeue \
    overcommit/O oversubscribe/s parsable quiet/Q reboot spread-job spread-segments stepmgr test-only usage \
    use-min-nodes verbose/v version/V wait/W";
const WITH_OPTIONAL_VALUE: &str =
    "exclusive get-user-env nice no-kill/k oom-kill-step propagate requeue resv-ports";
const WITH_VALUE: &str = "account/A acctg-freq array/a autocomplete batch bb bbf begin/b chdir/D cluster \
    cluster-constraint clusters/M comment constraint/C container container-id container-type context \
    core-spec/S cores-per-socket cpu-freq cpus-per-gpu cpus-per-task/c deadline delay-boot dependency/d \
    distribution/m error/e exclude/x export export-file extra extra-node-info/B gid gpu-bind gpu-freq gpus/G \
    gpus-per-node gpus-per-socket gpus-per-task gres gres-flags hint input/i job-name/J kill-on-invalid-dep \
    licenses/L mail-type mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mem-update mincpus network \
    nodefile/F nodelist/w nodes/N ntasks/n ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket \
    ntasks-per-tres open-mode output/o partition/p power prefer priority profile qos/q reservation resources \
    segment signal sockets-per-node switches tasks-per-node thread-spec threads-per-core time/t time-min tmp \
    tres-bind tres-per-task uid wait-all-nodes wckey wrap";

/// Those that came after 22.05, with their first release. They are known by their whole names to every
/// release: what a later sbatch takes does no harm here.
const LATER: [(&str, Release); 14] = [
    ("autocomplete", (23, 2)),
    ("consolidate-segments", (25, 11)),
    ("container-id", (23, 2)),
    ("container-type", (26, 5)),
    ("external", (25, 5)),
    ("extra", (23, 2)),
    ("mem-update", (26, 5)),
    ("oom-kill-step", (24, 11)),
    ("resources", (25, 11)),
    ("resv-ports", (23, 2)),
    ("segment", (24, 5)),
    ("spread-segments", (25, 11)),
    ("stepmgr", (24, 5)),
    ("tres-per-task", (23, 2)),
];

/// From this release on `--get-user-env` takes no value; of an sbatch that does not say its release nobody knows.
const USER_ENV_TAKES_NOTHING: Release = (26, 5);

#[derive(Debug, Clone)]
struct KnownOption {
    name: Cow<'static, str>,
    letter: Option<char>,
    takes: Takes,
    /// It may be shortened.
    of_this_release: bool,
}

/// The options of one command.
#[derive(Debug, Clone)]
pub struct Table(Vec<KnownOption>);

/// A word of a command line or of a directive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// Nothing says that it is UTF-8.
    pub bytes: Vec<u8>,
    /// Of the script, from 1; 0 for a word of the command line.
    pub line: usize,
}

/// An option that was given.
#[derive(Debug, PartialEq, Eq)]
pub struct Given<'a> {
    /// Its long name.
    pub name: &'a str,
    /// Its value, where it has one.
    pub value: Option<&'a [u8]>,
    /// See [`Word::line`].
    pub line: usize,
}

impl Table {
    /// The options of the sbatch that `said` which release it is, and those that plugins bring.
    pub fn of_sbatch(said: Option<Release>, plugins: &[(String, Takes)]) -> Table {
        let release = said.unwrap_or(LATEST);
        let lists = [
            (WITHOUT_VALUE, Takes::Nothing),
            (WITH_OPTIONAL_VALUE, Takes::Perhaps),
            (WITH_VALUE, Takes::Value),
        ];
        let mut table = Table::new(&lists);
        for known in &mut table.0 {
            let later = LATER.iter().find(|(name, _)| known.name == *name);
            known.of_this_release = later.is_none_or(|(_, since)| *since <= release);
            if known.name == "get-user-env" && said >= Some(USER_ENV_TAKES_NOTHING) {
                known.takes = Takes::Nothing;
            }
        }
        let own = [(OPTION.to_owned(), Takes::Value)];
        for (name, takes) in plugins.iter().chain(&own) {
            if !table.0.iter().any(|known| known.name == *name) {
                table.0.push(KnownOption {
                    name: Cow::Owned(name.clone()),
                    letter: None,
                    takes: *takes,
                    of_this_release: true,
                });
            }
        }
        table
    }

    /// Of lists of `name` or `name/letter`.
    pub fn new(lists: &[(&'static str, Takes)]) -> Table {
        let known = |word: &'static str, takes| {
            let (name, letter) = word.split_once('/').unwrap_or((word, ""));
            KnownOption {
                name: Cow::Borrowed(name),
                letter: letter.chars().next(),
                takes,
                of_this_release: true,
            }
        };
        let all = lists
            .iter()
            .flat_map(|&(list, takes)| list.split_whitespace().map(move |word| known(word, takes)));
        Table(all.collect())
    }

    /// What follows the option of this name.
    pub fn takes(&self, name: &str) -> Takes {
        let known = self.0.iter().find(|known| known.name == name);
        known.map_or(Takes::Value, |known| known.takes)
    }

    /// The options at the beginning of `words`, and how many words they take up: what follows is no option.
    /// An error comes with the line that it stands in.
    pub fn read<'a>(
        &'a self,
        words: &'a [Word],
    ) -> Result<(Vec<Given<'a>>, usize), (usize, anyhow::Error)> {
        let (mut given, mut at) = (Vec::new(), 0);
        while let Some(word) = words.get(at) {
            let next = words.get(at + 1);
            let result = match word.bytes.as_slice() {
                b"--" => return Ok((given, at + 1)),
                [b'-', b'-', long @ ..] => self.long(long, next, word.line, &mut given),
                [b'-', letters @ ..] if !letters.is_empty() => {
                    self.cluster(letters, next, word.line, &mut given)
                }
                _ => break,
            };
            at += 1 + result.map_err(|error| (word.line, error))?;
        }
        Ok((given, at))
    }

    /// `--name`, `--name=value` or `--name value`; says how many further words it took.
    fn long<'a>(
        &'a self,
        text: &'a [u8],
        next: Option<&'a Word>,
        line: usize,
        given: &mut Vec<Given<'a>>,
    ) -> Result<usize> {
        let (name, joined) = match memchr::memchr(b'=', text) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let known = self.named(name)?;
        let (value, taken) = match (known.takes, joined, next) {
            (Takes::Nothing, Some(_), _) => bail!("option '--{}' takes no value", known.name),
            (Takes::Value, None, Some(next)) => (Some(next.bytes.as_slice()), 1),
            (Takes::Value, None, None) => bail!("option '--{}' wants a value", known.name),
            _ => (joined, 0),
        };
        let name = known.name.as_ref();
        given.push(Given { name, value, line });
        Ok(taken)
    }

    /// By its whole name, or by a beginning that no other has.
    fn named(&self, name: &[u8]) -> Result<&KnownOption> {
        if let Some(whole) = self.0.iter().find(|one| one.name.as_bytes() == name) {
            return Ok(whole);
        }
        let begins =
            |one: &&KnownOption| one.of_this_release && one.name.as_bytes().starts_with(name);
        let mut found = self.0.iter().filter(begins);
        let shown = String::from_utf8_lossy(name);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (Some(one), Some(other)) => bail!(
                "option '--{shown}' is ambiguous: --{}, --{}",
                one.name,
                other.name
            ),
            _ => bail!("unrecognized option '--{shown}'"),
        }
    }

    /// Letters after one dash: several without a value, then perhaps one with the rest or the next word as
    /// its value.
    fn cluster<'a>(
        &'a self,
        letters: &'a [u8],
        next: Option<&'a Word>,
        line: usize,
        given: &mut Vec<Given<'a>>,
    ) -> Result<usize> {
        for (at, &letter) in letters.iter().enumerate() {
            let letter = char::from(letter);
            let Some(known) = self.0.iter().find(|one| one.letter == Some(letter)) else {
                bail!("invalid option -- '{}'", letter.escape_default());
            };
            let rest = Some(&letters[at + 1..]).filter(|rest| !rest.is_empty());
            let (value, taken) = match (known.takes, rest, next) {
                (Takes::Nothing, ..) => (None, 0),
                (Takes::Value, None, Some(next)) => (Some(next.bytes.as_slice()), 1),
                (Takes::Value, None, None) => bail!("option '-{letter}' wants a value"),
                _ => (rest, 0),
            };
            let name = known.name.as_ref();
            given.push(Given { name, value, line });
            if known.takes != Takes::Nothing {
                return Ok(taken);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let words: Vec<Word> = line
            .split(' ')
            .map(|word| Word {
                bytes: word.into(),
                line: 0,
            })
            .collect();
        let plugins = [("container-image".into(), Takes::Value)];
        let table = Table::of_sbatch(Some((26, 5)), &plugins);
        match table.read(&words) {
            Ok((given, at)) => {
                let each = given.iter().map(|one| {
                    let value = one.value.map(String::from_utf8_lossy);
                    value.map_or(one.name.to_owned(), |value| format!("{}={value}", one.name))
                });
                each.chain([format!("+{}", words.len() - at)])
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            Err((_, error)) => format!("! {error}"),
        }
    }

    #[test]
    fn what_a_release_does_not_know_makes_nothing_ambiguous() {
        let words = [Word {
            bytes: b"--res=x".into(),
            line: 0,
        }];
        let name = |release| {
            let table = Table::of_sbatch(Some(release), &[]);
            let (given, _) = table.read(&words).ok()?;
            Some(given[0].name.to_owned())
        };
        assert_eq!(name((22, 5)), Some("reservation".into()));
        assert_eq!(name((26, 5)), None);
    }

    #[test]
    fn options_are_told_from_values_as_getopt_does() {
        for (line, expected) in [
            ("--mem=8G -c4 rest", "mem=8G cpus-per-task=4 +1"),
            ("-c 4 --mem 8G", "cpus-per-task=4 mem=8G +0"),
            (
                "-HOc4 -vvk --wait x",
                "hold overcommit cpus-per-task=4 verbose verbose no-kill wait +1",
            ),
            ("-koff -Jname=x", "no-kill=off job-name=name=x +0"),
            ("--nice --mem=8G", "nice mem=8G +0"),
            ("--nice=5 --nice 5", "nice=5 nice +1"),
            (
                "--part=a --exclusi=user --shadow=off",
                "partition=a exclusive=user shadowfit=off +0",
            ),
            ("--job-name= -J", "! option '-J' wants a value"),
            ("--mem", "! option '--mem' wants a value"),
            ("--mem --hold", "mem=--hold +0"),
            ("--hold=1", "! option '--hold' takes no value"),
            (
                "--container-image=a.sqsh -- --mem=1",
                "container-image=a.sqsh +1",
            ),
            (
                "--cpus=4",
                "! option '--cpus' is ambiguous: --cpus-per-gpu, --cpus-per-task",
            ),
            ("--memory=8G", "! unrecognized option '--memory'"),
            ("-c4 -X", "! invalid option -- 'X'"),
            ("- -c4", "+2"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }
}
