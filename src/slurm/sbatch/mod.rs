//! sbatch's own reading of a submission, as far as a decision depends on it: for `shadowfit predict`.
//!
//! Directives, other systems' lines, the environment and the command line are taken in sbatch's order, each
//! by its own rules. What sbatch refuses before it asks slurmctld is refused here, in one line.

mod asked;
mod begin;
mod check;
mod directives;
mod environment;
mod foreign;
mod installed;
mod options;
#[cfg(test)]
mod tests;
pub(super) mod values;

use super::hints::input_bytes;
use crate::job::{Ask, Layout, LeftAlone, Request, Texts};
use crate::job::{arguments, array};
use crate::text::units::printable;
use anyhow::{Context, Result, anyhow, bail, ensure};
use asked::{Asked, Source};
pub use installed::{Environment, Sbatch};
use options::Word;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// `(24, 11)` is 24.11.
pub type Release = (u16, u16);

/// What is assumed where sbatch does not say: the latest that is known here.
const LATEST: Release = (26, 5);

/// A submission that was not made.
#[derive(Debug)]
pub struct Submission {
    path: String,
    /// The batch script.
    pub script: Vec<u8>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What its writer may have meant otherwise, a line each.
    pub notes: Vec<String>,
    asked: Asked,
    work_dir: Vec<u8>,
}

impl Submission {
    /// What `sbatch [options] SCRIPT [arguments]` would submit. The environment wins over the script, options
    /// on the command line over both. Fails, in one line that names file and line, where sbatch would.
    pub fn new(
        sbatch: &Sbatch,
        path: &str,
        script: Vec<u8>,
        options: &[String],
        arguments: Vec<String>,
    ) -> Result<Self> {
        let (asked, notes) = read(sbatch, path, &script, options)
            .map_err(|error| anyhow!(printable(&format!("{error:#}"))))?;
        let note = |note: &String| printable(&format!("{path}: {note}"));
        Ok(Submission {
            path: path.to_owned(),
            script,
            arguments,
            notes: notes.iter().map(note).collect(),
            work_dir: work_dir(asked.work_dir.as_deref()),
            asked,
        })
    }

    /// The request that job_submit would see, of the user `uid`.
    pub fn request(&self, uid: u32) -> Request<'_> {
        let asked = &self.asked;
        let (min_nodes, max_nodes) = asked.nodes.unzip();
        let max_nodes = max_nodes.filter(|&max| max > 0);
        Request {
            uid,
            texts: self.texts(),
            // What is not UTF-8 names no license of ours.
            licenses: asked
                .licenses
                .as_deref()
                .map_or("", |text| str::from_utf8(text).unwrap_or("|")),
            ask: Ask {
                memory: asked.memory(),
                cpus: asked.cpus.unwrap_or(1),
                layout: Layout::new(asked.tasks, asked.tasks_per_node, min_nodes, max_nodes),
                time_s: asked.time_s,
                own_time_min: asked.own_time_min,
                own_cpus: asked.min_cpus > Some(asked.cpus.unwrap_or(1)),
                own_memory: asked.own_memory,
                ..Ask::LEAST
            },
            jobs: array::jobs(asked.array.as_deref()),
            array: asked.array.as_deref().and_then(array::Extent::of),
            input_bytes: input_bytes(&self.path, self.arguments.iter().map(String::as_str)),
            left_alone: self.left_alone(),
            may_wait: !asked.cannot_wait(),
            unshadowed: asked.unshadowed(),
            starts_later: false,
            measured: asked.measured,
        }
    }

    fn texts(&self) -> Texts<'_> {
        let asked = &self.asked;
        let file_name = self.path.rsplit('/').next().unwrap_or_default();
        Texts {
            account: asked.account.as_deref(),
            partition: asked.partition.as_deref(),
            name: asked.name.as_deref().unwrap_or(file_name.as_bytes()),
            comment: asked.comment.as_deref().unwrap_or_default(),
            work_dir: Some(&self.work_dir),
            script: &self.script,
            arguments: self.first_arguments().0,
        }
    }

    /// One of them is longer than slurmctld reads.
    fn has_long_texts(&self) -> bool {
        let licenses = self.asked.licenses.as_deref().unwrap_or_default();
        self.texts().are_too_long(licenses)
    }

    /// As slurmctld reads them, and whether those are all.
    fn first_arguments(&self) -> (Vec<&[u8]>, bool) {
        arguments::first(self.arguments.iter().map(String::as_bytes))
    }

    fn left_alone(&self) -> Option<LeftAlone> {
        let asked = &self.asked;
        [
            (asked.opted_out, LeftAlone::OptedOut),
            (
                asked.memory().is_some_and(|memory| memory.mib() == 0),
                LeftAlone::WholeNodeMemory,
            ),
            (asked.exclusive, LeftAlone::Exclusive),
            (asked.memory_per_gpu(), LeftAlone::MemoryPerGpu),
            (asked.heterogeneous, LeftAlone::Heterogeneous),
            (!self.first_arguments().1, LeftAlone::ManyArguments),
            (self.has_long_texts(), LeftAlone::LongTexts),
            (asked.expedited, LeftAlone::Expedited),
            (asked.no_requeue, LeftAlone::NoRequeue),
        ]
        .into_iter()
        .find_map(|(applies, reason)| applies.then_some(reason))
    }
}

/// What is asked for in all, and what is worth a note.
fn read(
    sbatch: &Sbatch,
    path: &str,
    script: &[u8],
    options: &[String],
) -> Result<(Asked, Vec<String>)> {
    let mut asked = Asked::of(sbatch.release);
    environment::take_early(sbatch, &mut asked)?;
    asked.ignores_foreign |= ignores_foreign(sbatch, options);
    let notes = read_script(sbatch, script, &mut asked).with_context(|| path.to_owned())?;
    environment::take_all(sbatch, &mut asked)?;
    take_options(sbatch, options, &mut asked).context("sbatch options")?;
    asked.verify()?;
    Ok((asked, notes))
}

/// Takes what the script asks for, and says what its writer may have meant otherwise.
fn read_script(sbatch: &Sbatch, script: &[u8], asked: &mut Asked) -> Result<Vec<String>> {
    is_script(script)?;
    let at = |(line, error): (usize, anyhow::Error)| error.context(format!("line {line}"));
    let found = directives::read(script, sbatch.release)?;
    let (options, read) = sbatch.table.read(&found.words).map_err(at)?;
    if let Some(word) = found.words.get(read) {
        let error = anyhow!(
            "invalid directive found in batch script: {}",
            String::from_utf8_lossy(&word.bytes)
        );
        return Err(at((word.line, error)));
    }
    asked.take_all(&options, Source::Script).map_err(at)?;
    asked.heterogeneous |= found.heterogeneous;
    if !asked.ignores_foreign {
        foreign::take_all(script, sbatch.release, asked)?;
    }
    Ok(found.notes)
}

/// sbatch takes no other file.
fn is_script(script: &[u8]) -> Result<()> {
    ensure!(!script.is_empty(), "the batch script is empty");
    ensure!(
        !script.trim_ascii().is_empty(),
        "the batch script holds nothing but whitespace"
    );
    ensure!(
        script.starts_with(b"#!"),
        "line 1: a batch script begins with #! and the path of an interpreter"
    );
    ensure!(
        !script.contains(&0),
        "a batch script must not contain a NUL character"
    );
    if let Some(at) = memchr::memmem::find(script, b"\r\n") {
        let line = 1 + script[..at].iter().filter(|&&byte| byte == b'\n').count();
        bail!("line {line}: DOS line breaks (\\r\\n) instead of \\n");
    }
    Ok(())
}

/// The components of a command line; a heterogeneous job has several, with a colon between them.
fn components(options: &[String]) -> impl Iterator<Item = Vec<Word>> {
    options.split(|option| option == ":").map(|component| {
        let word = |text: &String| Word {
            bytes: text.clone().into_bytes(),
            line: 0,
        };
        component.iter().map(word).collect()
    })
}

/// What must be known before the script is read; what is wrong with the rest is found later.
fn ignores_foreign(sbatch: &Sbatch, options: &[String]) -> bool {
    components(options).any(|words| {
        let given = sbatch.table.read(&words);
        given.is_ok_and(|(given, _)| given.iter().any(|option| option.name == "ignore-pbs"))
    })
}

fn take_options(sbatch: &Sbatch, options: &[String], asked: &mut Asked) -> Result<()> {
    for (number, words) in components(options).enumerate() {
        let (given, read) = sbatch.table.read(&words).map_err(|(_, error)| error)?;
        if let Some(word) = words.get(read) {
            let word = String::from_utf8_lossy(&word.bytes);
            bail!("'{word}' is no option of sbatch; arguments of the script come after --");
        }
        // The first component is the one that is looked at; the others must be right, too.
        let mut other = Asked::of(sbatch.release);
        let component = if number == 0 { &mut *asked } else { &mut other };
        component
            .take_all(&given, Source::CommandLine)
            .map_err(|(_, error)| error)?;
        asked.heterogeneous |= number > 0;
    }
    Ok(())
}

/// The folder in which a job starts: this one, or another seen from here.
fn work_dir(asked: Option<&[u8]>) -> Vec<u8> {
    let here = std::env::current_dir().unwrap_or_default();
    let there = match asked {
        Some(asked) => here.join(OsStr::from_bytes(asked)),
        None => here,
    };
    there.into_os_string().into_vec()
}
