//! What kind of job this is, from the most specific key to the most general.
//!
//! Runs of one kind differ in numbers, sample names, paths and dates. Those are taken out before
//! hashing, so that ten thousand samples through one pipeline are one kind of job, not ten thousand.
#![forbid(unsafe_code)]

mod accessions;
mod bytes;
mod calendar;
mod commands;
mod decks;
mod dispatch;
mod elsewhere;
mod genomes;
mod meaning;
mod models;
mod name;
mod places;
mod programs;
mod roles;
mod script;
mod segments;
mod servers;
mod slots;
mod started;
mod types;
mod words;

use crate::job::{Layout, Texts};
use name::{push_any_name, push_comment, push_name, push_parts_of_name};
use places::{Data, Unknown, push_work_dir};
use script::{push_arguments, push_script, push_started_by};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use xxhash_rust::xxh3::xxh3_128;

/// Raised when the keys of most jobs change: keys of an earlier scheme are no keys. Where some jobs are told apart by more or
/// less than before, theirs begin anew, and all others keep their history.
const SCHEME: u8 = 2;

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
    /// Same user, account, partition, name, comment, script, arguments and layout.
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
#[serde(into = "Stored", from = "Stored")]
pub struct Kind {
    /// See [`Level::Command`]; unknown for jobs known from accounting alone.
    pub command: Option<Key>,
    /// See [`Level::Script`].
    pub script: Option<Key>,
    /// See [`Level::Name`]; absent where neither name nor comment says anything, and for jobs of several tasks.
    pub name: Option<Key>,
    /// See [`Level::Application`].
    pub application: Option<Key>,
}

/// A [`Kind`] as records hold it.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(default)]
    scheme: u8,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    command: Option<Key>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    script: Option<Key>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name: Option<Key>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    application: Option<Key>,
}

impl From<Kind> for Stored {
    fn from(kind: Kind) -> Stored {
        Stored {
            scheme: SCHEME,
            command: kind.command,
            script: kind.script,
            name: kind.name,
            application: kind.application,
        }
    }
}

impl From<Stored> for Kind {
    fn from(stored: Stored) -> Kind {
        if stored.scheme != SCHEME {
            return Kind::default();
        }
        Kind {
            command: stored.command,
            script: stored.script,
            name: stored.name,
            application: stored.application,
        }
    }
}

/// What a script runs, whoever runs it and however it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// The fast hash of its general form.
    Known([u8; 16]),
    /// The general form of a script that may be any, such as one that runs `./main.sh`, and what else says what it is.
    MayBeAny(Vec<u8>, Unknown),
}

impl Program {
    fn unknown(&self) -> Unknown {
        match self {
            Program::Known(_) => Unknown::Nothing,
            Program::MayBeAny(_, unknown) => *unknown,
        }
    }

    /// What `script` runs.
    pub fn of(script: &[u8]) -> Program {
        let mut form = Vec::with_capacity(2048);
        match push_script(script, &mut form) {
            Unknown::Nothing => Program::Known(fast_hash(&form)),
            unknown => Program::MayBeAny(form, unknown),
        }
    }
}

fn fast_hash(form: &[u8]) -> [u8; 16] {
    xxh3_128(form).to_le_bytes()
}

impl Kind {
    /// The kind of a submission by user `uid`.
    pub fn of(uid: u32, texts: &Texts, layout: Layout) -> Kind {
        Kind::running(&Program::of(texts.script), uid, texts, layout)
    }

    /// The same, where what its script runs has been read already.
    pub fn running(program: &Program, uid: u32, texts: &Texts, layout: Layout) -> Kind {
        let (mut name, mut comment, mut text) = (Vec::new(), Vec::new(), Vec::new());
        push_name(texts.name, &mut name);
        push_comment(texts.comment, &mut comment);
        let by_name = name_key(uid, &name, &comment).filter(|_| layout == Layout::SINGLE);
        let unknown = program.unknown();
        if unknown == Unknown::Environment && name.is_empty() && comment.is_empty() {
            // Nothing says what runs.
            return Kind::default();
        }
        let data = match unknown {
            Unknown::Arguments | Unknown::Environment => Data::Names,
            _ => Data::Types,
        };
        let mut of_arguments = push_arguments(&texts.arguments, data, &mut text);
        if unknown == Unknown::Arguments {
            of_arguments = of_arguments.max(push_started_by(&texts.arguments, &mut text));
        }
        push_work_dir(texts.work_dir, of_arguments, &mut text);
        let script = match program {
            Program::Known(script) => *script,
            Program::MayBeAny(form, unknown) => {
                let mut form = form.clone();
                // What is said elsewhere of a script that may be anything says what it is.
                let said: &[&[u8]] = match unknown {
                    Unknown::Nothing | Unknown::Project => &[],
                    Unknown::Script => &[&name, &comment],
                    Unknown::Part | Unknown::PartOfProject | Unknown::Arguments => &[&text],
                    Unknown::PartOfScript | Unknown::Environment => &[&name, &comment, &text],
                };
                for said in said {
                    form.push(0);
                    form.extend_from_slice(said);
                }
                push_work_dir(texts.work_dir, *unknown, &mut form);
                fast_hash(&form)
            }
        };
        let spread =
            [layout.tasks, layout.nodes, layout.per_node.unwrap_or(0)].map(u32::to_le_bytes);
        let user = uid.to_le_bytes();
        let command: [&[u8]; 8] = [
            &user,
            texts.account.unwrap_or_default(),
            texts.partition.unwrap_or_default(),
            &name,
            &comment,
            &script,
            &text,
            spread.as_flattened(),
        ];
        Kind {
            command: Some(key(Level::Command, &command)),
            script: Some(key(Level::Script, &[&user, &script, spread.as_flattened()])),
            name: by_name,
            application: Some(key(Level::Application, &[&script, spread.as_flattened()])),
        }
    }

    /// The kind of a job of which only accounting's fields are known.
    pub fn of_accounting(uid: u32, name: &[u8]) -> Kind {
        Kind::of_commented(uid, name, b"")
    }

    /// The same, where accounting keeps the jobs' comments.
    pub fn of_commented(uid: u32, name: &[u8], comment: &[u8]) -> Kind {
        let (mut name_form, mut comment_form) = (Vec::new(), Vec::new());
        push_name(name, &mut name_form);
        push_comment(comment, &mut comment_form);
        Kind {
            name: name_key(uid, &name_form, &comment_form),
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

    /// The key that evidence of this level came from.
    pub fn key(&self, level: Level) -> Option<Key> {
        match level {
            Level::Command | Level::Shadow => self.command,
            Level::Script => self.script,
            Level::Name => self.name,
            Level::Application => self.application,
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

/// What names of a kind have in common, for people: `qcreport_#`; where the name says nothing, what the
/// comment says.
pub fn common_name(name: &str, comment: &str) -> String {
    let mut form = Vec::with_capacity(name.len());
    push_name(name.as_bytes(), &mut form);
    if form.is_empty() {
        push_comment(comment.as_bytes(), &mut form);
    }
    if form.is_empty() {
        push_any_name(name.as_bytes(), &mut form);
    }
    String::from_utf8_lossy(&form).into_owned()
}

/// The same, with each part of the name that takes ever new values on its own: `qcreport_#_#`.
pub fn parts_of_name(name: &str, comment: &str) -> String {
    let mut form = Vec::with_capacity(name.len());
    match comment.is_empty() || says_something(name) {
        true => push_parts_of_name(name.as_bytes(), &mut form),
        false => push_comment(comment.as_bytes(), &mut form),
    }
    String::from_utf8_lossy(&form).into_owned()
}

/// Whether a name tells jobs apart at all.
pub fn says_something(name: &str) -> bool {
    let mut form = Vec::with_capacity(name.len());
    push_name(name.as_bytes(), &mut form);
    !form.is_empty()
}

/// The key of what name and comment say, if they say anything.
fn name_key(uid: u32, name: &[u8], comment: &[u8]) -> Option<Key> {
    let says_something = !name.is_empty() || !comment.is_empty();
    says_something.then(|| key(Level::Name, &[&uid.to_le_bytes(), name, comment]))
}

/// Hashes the parts, each with its length, so that no two lists of parts look alike.
///
/// A script comes in as its fast hash. Somebody may find two scripts with the same one; but the user
/// is hashed here, by a hash that nobody breaks, so that no one can meet another user's kinds.
fn key(level: Level, parts: &[&[u8]]) -> Key {
    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(&[SCHEME, level as u8]);
    for part in parts {
        text.extend_from_slice(&(part.len() as u32).to_le_bytes());
        text.extend_from_slice(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(&text).as_bytes()[..8]);
    Key(u64::from_le_bytes(first))
}

#[cfg(test)]
mod tests;
