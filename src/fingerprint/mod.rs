//! What kind of job this is, from the most specific key to the most general.
//!
//! Runs of one kind differ in numbers, sample names, paths and dates. Those are taken out before
//! hashing, so that ten thousand samples through one pipeline are one kind of job, not ten thousand.
#![forbid(unsafe_code)]

mod normal;

use crate::job::{Layout, Texts};
use normal::{join, normal, normal_script};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use xxhash_rust::xxh3::xxh3_128;

/// Slurm's own names for jobs that were given none; they say nothing about the job.
const NAMES_WITHOUT_MEANING: [&[u8]; 4] = [b"", b"wrap", b"sbatch", b"bash"];

/// One fingerprint, written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16)
            .map(Key)
            .map_err(|_| serde::de::Error::custom("a fingerprint is 16 hexadecimal digits"))
    }
}

/// How specific a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Same user, account, partition, name, script, arguments and layout.
    Command,
    /// Same user, script and layout.
    Script,
    /// Same user and job name; all that accounting alone knows.
    Name,
    /// Same as [`Level::Command`], known from a shadow.
    Shadow,
    /// Same script and layout, whoever runs it.
    Application,
}

impl Level {
    /// The level as reports print it.
    pub fn text(self) -> &'static str {
        match self {
            Level::Command => "command",
            Level::Script => "script",
            Level::Name => "name",
            Level::Shadow => "shadow",
            Level::Application => "application",
        }
    }
}

/// The keys of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Kind {
    /// See [`Level::Command`]; unknown for jobs known from accounting alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<Key>,
    /// See [`Level::Script`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub script: Option<Key>,
    /// See [`Level::Name`]; absent for names that Slurm chose and for jobs of several tasks.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<Key>,
    /// See [`Level::Application`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub application: Option<Key>,
}

impl Kind {
    /// The kind of a submission by user `uid`.
    pub fn of(uid: u32, texts: &Texts, layout: Layout) -> Kind {
        let script = xxh3_128(&normal_script(texts.script)).to_le_bytes();
        let name = normal(texts.name);
        let arguments = normal(&join(&texts.arguments));
        let spread =
            [layout.tasks, layout.nodes, layout.per_node.unwrap_or(0)].map(u32::to_le_bytes);
        let user = uid.to_le_bytes();
        let command: [&[u8]; 7] = [
            &user,
            texts.account.unwrap_or_default(),
            texts.partition.unwrap_or_default(),
            &name,
            &script,
            &arguments,
            spread.as_flattened(),
        ];
        let single_and_named = layout == Layout::SINGLE && has_meaning(texts.name);
        Kind {
            command: Some(key(Level::Command, &command)),
            script: Some(key(Level::Script, &[&user, &script, spread.as_flattened()])),
            name: single_and_named.then(|| key(Level::Name, &[&user, &name])),
            application: Some(key(Level::Application, &[&script, spread.as_flattened()])),
        }
    }

    /// The kind of a job of which only accounting's fields are known.
    pub fn of_accounting(uid: u32, name: &[u8]) -> Kind {
        Kind {
            name: has_meaning(name).then(|| key(Level::Name, &[&uid.to_le_bytes(), &normal(name)])),
            ..Kind::default()
        }
    }

    /// A kind that somebody else has named, such as the task type of a trace.
    pub fn of_label(label: &[u8]) -> Kind {
        Kind {
            name: Some(key(Level::Name, &[label])),
            ..Kind::default()
        }
    }

    /// The same, divided further by `feature`; without runs of its own, what the label knows counts.
    pub fn with_feature(self, label: &[u8], feature: &[u8]) -> Kind {
        Kind {
            command: Some(key(Level::Command, &[label, feature])),
            ..self
        }
    }

    /// The keys of its user's own kinds there are, most specific first.
    pub fn keys(&self) -> impl Iterator<Item = (Level, Key)> {
        [
            (Level::Command, self.command),
            (Level::Script, self.script),
            (Level::Name, self.name),
        ]
        .into_iter()
        .filter_map(|(level, key)| key.map(|key| (level, key)))
    }
}

fn has_meaning(name: &[u8]) -> bool {
    !NAMES_WITHOUT_MEANING.contains(&name)
}

/// Hashes the parts, each with its length, so that no two lists of parts look alike.
///
/// A script comes in as its fast hash. Somebody may find two scripts with the same one; but the user
/// is hashed here, by a hash that nobody breaks, so that no one can meet another user's kinds.
fn key(level: Level, parts: &[&[u8]]) -> Key {
    let mut text = Vec::with_capacity(256);
    text.push(level as u8);
    for part in parts {
        text.extend_from_slice(&(part.len() as u32).to_le_bytes());
        text.extend_from_slice(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(&text).as_bytes()[..8]);
    Key(u64::from_le_bytes(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(script: &str, arguments: &[&str]) -> Kind {
        let texts = Texts {
            name: b"job.sh",
            script: script.as_bytes(),
            arguments: arguments.iter().map(|a| a.as_bytes()).collect(),
            ..Texts::default()
        };
        Kind::of(1000, &texts, Layout::SINGLE)
    }

    fn shown(text: &str) -> String {
        String::from_utf8(normal(text.as_bytes())).unwrap()
    }

    #[test]
    fn numbers_samples_and_places_are_taken_out() {
        assert_eq!(
            shown("bwa mem -t8 /data/v37/ref.fa /scratch/NA12878_1.fastq.gz"),
            "bwa mem -t# *.fa *.fastq.gz"
        );
        assert_eq!(shown("solve --tol=1e-9 42 1.5"), "solve --tol=#e-# # #.#");
        assert_eq!(shown("out-3f2a9c1b7d"), "#");
    }

    #[test]
    fn programs_keep_their_names() {
        assert_eq!(
            shown("python3 /home/a/train.py data.h5"),
            "python# train.py *.h#"
        );
        assert_ne!(kind("", &["train.py"]), kind("", &["predict.py"]));
    }

    #[test]
    fn what_is_requested_does_not_change_the_kind() {
        let small = kind("#!/bin/sh\n#SBATCH --mem=1G\nbwa mem x.fa\n", &[]);
        let large = kind(
            "#!/bin/sh\n#SBATCH --mem=64G\n\n  # better\n  bwa mem y.fa\n",
            &[],
        );
        assert_eq!(small, large);
    }

    #[test]
    fn arguments_split_the_command_and_not_the_script() {
        let fast = kind("#!/bin/sh\n./solve $1\n", &["--fast"]);
        let exact = kind("#!/bin/sh\n./solve $1\n", &["--exact"]);
        assert_ne!(fast.command, exact.command);
        assert_eq!(fast.script, exact.script);
        assert_eq!(fast, kind("#!/bin/sh\n./solve $1\n", &["--fast"]));
    }

    #[test]
    fn names_that_slurm_chose_are_no_evidence() {
        assert_eq!(Kind::of_accounting(1, b"wrap"), Kind::default());
        assert_eq!(
            Kind::of_accounting(1, b"align_17"),
            Kind::of_accounting(1, b"align_4")
        );
        assert_ne!(
            Kind::of_accounting(1, b"align"),
            Kind::of_accounting(2, b"align")
        );
    }

    #[test]
    fn any_bytes_have_a_kind() {
        let junk: Vec<u8> = (0..=255u8).cycle().take(5 << 20).collect();
        let texts = Texts {
            name: &junk[..4000],
            script: &junk,
            arguments: vec![&junk, b"", &junk],
            ..Texts::default()
        };
        assert!(Kind::of(0, &texts, Layout::SINGLE).command.is_some());
    }

    #[test]
    fn keys_survive_their_text_form() {
        let kind = kind("x", &[]);
        let text = serde_json::to_string(&kind).unwrap();
        assert_eq!(serde_json::from_str::<Kind>(&text).unwrap(), kind);
    }
}
