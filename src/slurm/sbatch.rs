//! sbatch's options, as far as a decision depends on them: for `shadowfit predict`.

use super::hints::input_bytes;
use crate::job::{Ask, Layout, LeftAlone, Memory, Request, Texts};
use crate::text::units::{MIB, parse_memory};
use anyhow::{Context, Result, anyhow, bail};

/// A submission that was not made.
#[derive(Debug, Default)]
pub struct Submission {
    path: String,
    /// The batch script.
    pub script: Vec<u8>,
    /// Its arguments.
    pub arguments: Vec<String>,
    name: Option<String>,
    account: Option<String>,
    partition: Option<String>,
    memory: Option<Memory>,
    memory_per_gpu: bool,
    exclusive: bool,
    no_requeue: bool,
    opted_out: bool,
    cannot_wait: bool,
    cpus: Option<u32>,
    tasks: Option<u32>,
    tasks_per_node: Option<u32>,
    nodes: Option<(u32, u32)>,
    time_s: Option<u64>,
    own_time_min: bool,
    licenses: Option<String>,
}

/// sbatch's short options and the long ones they stand for.
const SHORT: [(char, &str); 10] = [
    ('A', "account"),
    ('b', "begin"),
    ('c', "cpus-per-task"),
    ('G', "gpus"),
    ('J', "job-name"),
    ('L', "licenses"),
    ('n', "ntasks"),
    ('N', "nodes"),
    ('p', "partition"),
    ('t', "time"),
];

/// Options without a value; of all others the next word is the value.
const FLAGS: [&str; 11] = [
    "exclusive",
    "no-requeue",
    "requeue",
    "contiguous",
    "hold",
    "overcommit",
    "oversubscribe",
    "parsable",
    "quiet",
    "verbose",
    "wait",
];

impl Submission {
    /// What `sbatch [options] SCRIPT [arguments]` would submit. Options on the command line win over
    /// those in the script.
    pub fn new(
        path: &str,
        script: Vec<u8>,
        options: &[String],
        arguments: Vec<String>,
    ) -> Result<Self> {
        let mut submission = Submission {
            arguments,
            path: path.to_owned(),
            name: path.rsplit('/').next().map(str::to_owned),
            ..Submission::default()
        };
        for (number, line) in directives(&script) {
            let place = || format!("{path}: line {number}");
            let words = shlex::split(&line)
                .ok_or_else(|| anyhow!("quotes do not match"))
                .with_context(place)?;
            submission.take_options(&words).with_context(place)?;
        }
        submission.script = script;
        submission.take_options(options).context("sbatch options")?;
        Ok(submission)
    }

    /// The request that job_submit would see, of the user `uid`.
    pub fn request(&self, uid: u32) -> Request<'_> {
        let (min_nodes, max_nodes) = self.nodes.unzip();
        Request {
            uid,
            texts: Texts {
                account: self.account.as_deref().map(str::as_bytes),
                partition: self.partition.as_deref().map(str::as_bytes),
                name: self.name.as_deref().unwrap_or_default().as_bytes(),
                script: &self.script,
                arguments: self.arguments.iter().map(String::as_bytes).collect(),
            },
            licenses: self.licenses.as_deref().unwrap_or_default(),
            ask: Ask {
                memory: self.memory,
                cpus: self.cpus.unwrap_or(1).max(1),
                layout: Layout::new(self.tasks, self.tasks_per_node, min_nodes, max_nodes),
                time_s: self.time_s,
                own_time_min: self.own_time_min,
            },
            input_bytes: input_bytes(&self.path, self.arguments.iter().map(String::as_str)),
            left_alone: self.left_alone(),
            may_wait: !self.cannot_wait,
        }
    }

    /// Where and on whose account it would run, as options.
    pub fn place(&self) -> Vec<String> {
        let account = self
            .account
            .iter()
            .map(|account| format!("--account={account}"));
        let partition = self
            .partition
            .iter()
            .map(|name| format!("--partition={name}"));
        account.chain(partition).collect()
    }

    fn left_alone(&self) -> Option<LeftAlone> {
        [
            (self.opted_out, LeftAlone::OptedOut),
            (
                self.memory.is_some_and(|memory| memory.mib() == 0),
                LeftAlone::WholeNodeMemory,
            ),
            (self.exclusive, LeftAlone::Exclusive),
            (self.memory_per_gpu, LeftAlone::MemoryPerGpu),
            (self.no_requeue, LeftAlone::NoRequeue),
        ]
        .into_iter()
        .find_map(|(applies, reason)| applies.then_some(reason))
    }

    fn take_options(&mut self, words: &[String]) -> Result<()> {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (name, value) = split_option(word)?;
            let value = match value {
                Some(value) => value,
                None if FLAGS.contains(&name.as_str()) => String::new(),
                None => words
                    .next()
                    .with_context(|| format!("{word} wants a value"))?
                    .clone(),
            };
            self.take(&name, &value)
                .with_context(|| format!("--{name}={value}"))?;
        }
        Ok(())
    }

    fn take(&mut self, name: &str, value: &str) -> Result<()> {
        let count = || value.parse::<u32>().context("expected a whole number");
        let mib = || {
            parse_memory(value, MIB)
                .map(|bytes| bytes.div_ceil(MIB))
                .context("expected a size such as 4000 (MB), 512M or 4G")
        };
        match name {
            "job-name" => self.name = Some(value.into()),
            "account" => self.account = Some(value.into()),
            "partition" => self.partition = Some(value.into()),
            "mem" => self.memory = Some(Memory::Node(mib()?)),
            "mem-per-cpu" => self.memory = Some(Memory::Cpu(mib()?)),
            "mem-per-gpu" => self.memory_per_gpu = true,
            "exclusive" => self.exclusive = true,
            "no-requeue" => self.no_requeue = true,
            "requeue" => self.no_requeue = false,
            "cpus-per-task" => self.cpus = Some(count()?),
            "ntasks" => self.tasks = Some(count()?),
            "ntasks-per-node" => self.tasks_per_node = Some(count()?),
            "nodes" => self.nodes = Some(node_range(value)?),
            "time" => self.time_s = Some(time_limit(value)?),
            "licenses" => self.licenses = Some(value.into()),
            "time-min" => self.own_time_min = true,
            "shadowfit" => self.opted_out = value == "off",
            "begin" | "reservation" | "gpus" | "gres" => self.cannot_wait = true,
            _ => {}
        }
        Ok(())
    }
}

/// The option words of each #SBATCH line, with the line's number; they end at the first command.
fn directives(script: &[u8]) -> impl Iterator<Item = (usize, String)> {
    script
        .split(|&b| b == b'\n')
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .enumerate()
        .take_while(|(_, line)| line.starts_with('#') || line.trim().is_empty())
        .filter_map(|(number, line)| {
            let words = line.strip_prefix("#SBATCH")?.to_owned();
            Some((number + 1, words))
        })
}

fn split_option(word: &str) -> Result<(String, Option<String>)> {
    if let Some(long) = word.strip_prefix("--") {
        return Ok(match long.split_once('=') {
            Some((name, value)) => (name.into(), Some(value.into())),
            None => (long.into(), None),
        });
    }
    let mut chars = word.strip_prefix('-').unwrap_or_default().chars();
    let Some(letter) = chars.next() else {
        bail!("'{word}' is no option of sbatch; arguments of the script come after --");
    };
    let name = SHORT
        .iter()
        .find_map(|(short, long)| (*short == letter).then(|| (*long).to_owned()))
        .unwrap_or_else(|| letter.to_string());
    let rest = chars.as_str();
    Ok((name, (!rest.is_empty()).then(|| rest.to_owned())))
}

fn node_range(value: &str) -> Result<(u32, u32)> {
    let (min, max) = value.split_once('-').unwrap_or((value, value));
    let count = |text: &str| {
        text.parse()
            .context("expected a number of nodes, or MIN-MAX")
    };
    Ok((count(min)?, count(max)?))
}

/// Minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes[:seconds].
fn time_limit(value: &str) -> Result<u64> {
    let expected = "expected a time such as 90, 30:00, 4:00:00 or 2-12";
    let (days, clock) = match value.split_once('-') {
        Some((days, clock)) => (Some(days.parse::<u64>().context(expected)?), clock),
        None => (None, value),
    };
    let parts: Vec<u64> = clock
        .split(':')
        .map(|part| part.parse().context(expected))
        .collect::<Result<_>>()?;
    let seconds = match (days, parts[..].as_ref()) {
        (None, [minutes]) => minutes * 60,
        (None, [minutes, seconds]) => minutes * 60 + seconds,
        (None, [hours, minutes, seconds]) => hours * 3600 + minutes * 60 + seconds,
        (Some(_), [hours]) => hours * 3600,
        (Some(_), [hours, minutes]) => hours * 3600 + minutes * 60,
        (Some(_), [hours, minutes, seconds]) => hours * 3600 + minutes * 60 + seconds,
        _ => bail!(expected),
    };
    Ok(seconds + days.unwrap_or(0) * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(script: &str, options: &[&str]) -> Result<Submission> {
        let options: Vec<_> = options.iter().map(|option| option.to_string()).collect();
        Submission::new("dir/align.sh", script.into(), &options, Vec::new())
    }

    #[test]
    fn the_command_line_wins_over_the_script() {
        let script =
            "#!/bin/sh\n#SBATCH --mem=4G -c8\n#SBATCH -J \"my job\"\n\nsleep 1\n#SBATCH --mem=1G\n";
        let submission =
            submission(script, &["--mem-per-cpu", "500", "-t", "1-2", "-N2-4"]).unwrap();
        let request = submission.request(1);
        assert_eq!(request.ask.memory, Some(Memory::Cpu(500)));
        assert_eq!((request.ask.cpus, request.ask.time_s), (8, Some(93_600)));
        assert_eq!(request.texts.name, b"my job");
        assert_eq!(request.ask.layout.nodes, 2);
    }

    #[test]
    fn what_is_left_alone_in_slurmctld_is_left_alone_here() {
        let left = |options: &[&str]| submission("#!/bin/sh\n", options).unwrap().left_alone();
        assert_eq!(left(&["--mem=0"]), Some(LeftAlone::WholeNodeMemory));
        assert_eq!(left(&["--exclusive"]), Some(LeftAlone::Exclusive));
        assert_eq!(
            left(&["--exclusive=user", "--mem=1G"]),
            Some(LeftAlone::Exclusive)
        );
        assert_eq!(left(&["--no-requeue"]), Some(LeftAlone::NoRequeue));
        assert_eq!(left(&["--shadowfit=off"]), Some(LeftAlone::OptedOut));
        assert_eq!(left(&["--gres", "gpu:1", "-o", "out"]), None);
    }

    #[test]
    fn a_bad_option_is_named_with_its_place() {
        let error = submission("#!/bin/sh\n#SBATCH --mem=lots\n", &[]).unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("align.sh: line 2") && text.contains("--mem=lots"),
            "{text}"
        );
        assert!(submission("", &["input.dat"]).is_err());
        assert!(submission("", &["-c"]).is_err());
    }
}
