//! sbatch's own reading of a submission, as far as a decision depends on it: for `shadowfit predict`.
//!
//! Directives, other systems' lines, the environment and the command line are taken in sbatch's order, each
//! by its own rules. What sbatch refuses before it asks slurmctld is refused here, in one line.

mod asked;
mod directives;
mod environment;
mod foreign;
mod installed;
mod options;
mod values;

use super::hints::input_bytes;
use crate::job::{Ask, Layout, LeftAlone, Request, Texts};
use crate::text::units::printable;
use anyhow::{Context, Result, anyhow, bail, ensure};
use asked::{Asked, Source};
pub use environment::Environment;
pub use installed::{Release, Sbatch};
use options::Word;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

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
        let file_name = self.path.rsplit('/').next().unwrap_or_default();
        Request {
            uid,
            texts: Texts {
                account: asked.account.as_deref(),
                partition: asked.partition.as_deref(),
                name: asked.name.as_deref().unwrap_or(file_name.as_bytes()),
                comment: asked.comment.as_deref().unwrap_or_default(),
                work_dir: Some(&self.work_dir),
                script: &self.script,
                arguments: self.arguments.iter().map(String::as_bytes).collect(),
            },
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
            },
            input_bytes: input_bytes(&self.path, self.arguments.iter().map(String::as_str)),
            left_alone: self.left_alone(),
            may_wait: !asked.cannot_wait(),
        }
    }

    /// Where and on whose account it would run, as options.
    pub fn place(&self) -> Vec<String> {
        let named = [
            ("account", &self.asked.account),
            ("partition", &self.asked.partition),
        ];
        let option = |(name, value): (&str, &Option<Vec<u8>>)| {
            let value = String::from_utf8_lossy(value.as_deref()?);
            Some(format!("--{name}={value}"))
        };
        named.into_iter().filter_map(option).collect()
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
    let mut asked = Asked::default();
    environment::take_early(&sbatch.environment, &sbatch.table, &mut asked)?;
    asked.ignores_foreign |= ignores_foreign(sbatch, options);
    let notes = read_script(sbatch, script, &mut asked).with_context(|| path.to_owned())?;
    environment::take_all(&sbatch.environment, &sbatch.table, &mut asked)?;
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
        let mut other = Asked::default();
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
    let there = here.join(OsStr::from_bytes(asked.unwrap_or_default()));
    there.into_os_string().into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Memory;
    use crate::text::random::Random;

    fn submission(script: &str, options: &[&str]) -> Result<Submission> {
        let options: Vec<_> = options.iter().map(|option| option.to_string()).collect();
        Submission::new(
            &Sbatch::default(),
            "dir/align.sh",
            script.into(),
            &options,
            Vec::new(),
        )
    }

    #[test]
    fn the_command_line_wins_over_the_script() {
        let script = "#!/bin/sh\n#SBATCH --mem-per-cpu=4G -c8\n#SBATCH -J \"my job\"\n\nsleep 1\n#SBATCH --mem=1G\n";
        let submission =
            submission(script, &["--mem-per-cpu", "500", "-t", "1-2", "-N2-4"]).unwrap();
        let request = submission.request(1);
        assert_eq!(request.ask.memory, Some(Memory::Cpu(500)));
        assert_eq!((request.ask.cpus, request.ask.time_s), (8, Some(93_600)));
        assert_eq!(request.texts.name, b"my job");
        assert_eq!(request.ask.layout.nodes, 2);
    }

    #[test]
    fn the_environment_stands_between_script_and_command_line() {
        let asked = |variables: &[(&str, &str)], options: &[&str]| {
            let environment = variables
                .iter()
                .map(|&(name, value)| (name.into(), value.into()));
            let sbatch = Sbatch::default().with_environment(environment.collect());
            let options: Vec<_> = options.iter().map(|option| option.to_string()).collect();
            let script = "#!/bin/sh\n#SBATCH --mem=4G -t 10\n#PBS -N other\n";
            let submission = Submission::new(&sbatch, "a.sh", script.into(), &options, vec![]);
            submission.map(|submission| {
                let request = submission.request(1);
                let name = String::from_utf8_lossy(request.texts.name).into_owned();
                (
                    name,
                    request.ask.memory,
                    request.ask.time_s,
                    request.left_alone,
                )
            })
        };
        let [four, two] = [4096, 2048].map(|mib| Some(Memory::Node(mib)));
        let other = || "other".to_owned();
        for (variables, options, expected) in [
            (
                &[("SBATCH_MEM_PER_NODE", "2G"), ("SBATCH_TIMELIMIT", "5")][..],
                &[][..],
                (other(), two, Some(300), None),
            ),
            (
                &[("SBATCH_MEM_PER_NODE", "2G")],
                &["--mem=4G"],
                (other(), four, Some(600), None),
            ),
            (
                &[("SBATCH_MEM_PER_CPU", "2G")],
                &[],
                (other(), four, Some(600), None),
            ),
            (
                &[("SBATCH_NO_REQUEUE", "0"), ("SBATCH_IGNORE_PBS", "yes")],
                &[],
                ("a.sh".into(), four, Some(600), None),
            ),
            (
                &[("SBATCH_NO_REQUEUE", "")],
                &[],
                (other(), four, Some(600), Some(LeftAlone::NoRequeue)),
            ),
            (
                &[("SBATCH_EXCLUSIVE", "")],
                &["--ignore-pbs"],
                ("a.sh".into(), four, Some(600), Some(LeftAlone::Exclusive)),
            ),
            (
                &[("SBATCH_EXCLUSIVE", "user")],
                &["-s", "-t0"],
                (other(), four, None, None),
            ),
        ] {
            assert_eq!(
                asked(variables, options).unwrap(),
                expected,
                "{variables:?} {options:?}"
            );
        }
        let error = asked(&[("SBATCH_MEM_PER_NODE", "2.5G")], &[]).unwrap_err();
        assert!(
            format!("{error:#}").contains("SBATCH_MEM_PER_NODE"),
            "{error:#}"
        );
        assert!(asked(&[], &["--mem-per-cpu=1G"]).is_err());
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
        assert_eq!(
            left(&["--mem=1G", ":", "--mem=2G"]),
            Some(LeftAlone::Heterogeneous)
        );
        assert_eq!(left(&["--gres", "gpu:1", "-o", "out"]), None);
        assert_eq!(
            left(&["--exclusive=oversubscribe", "--no-requeue", "--requeue"]),
            None
        );
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
        for (script, options, named) in [
            (
                "#!/bin/sh\n\n#SBATCH -J align run\n",
                &[][..],
                "align.sh: line 3: invalid directive",
            ),
            (
                "#!/bin/sh\n#SBATCH -J \"a\n",
                &[],
                "align.sh: line 2: quotes",
            ),
            (
                "#!/bin/sh\n#SBATCH --mem=1 --bogus\n",
                &[],
                "align.sh: line 2: unrecognized option '--bogus'",
            ),
            (
                "#!/bin/sh\n#PBS -l mem=x\n",
                &[],
                "align.sh: line 2: --mem=x",
            ),
            ("#!/bin/sh\r\n#SBATCH -c4\r\n", &[], "align.sh: line 1: DOS"),
            (
                "echo\n",
                &[],
                "align.sh: line 1: a batch script begins with #!",
            ),
            (
                "#!/bin/sh\n \0",
                &[],
                "align.sh: a batch script must not contain a NUL",
            ),
            ("#!/bin/sh\n", &["input.dat"], "sbatch options: 'input.dat'"),
            ("#!/bin/sh\n", &["-c"], "sbatch options: option '-c'"),
            (
                "#!/bin/sh\n",
                &["-c4", ":", "-c0"],
                "sbatch options: --cpus-per-task=0",
            ),
            (
                "#!/bin/sh\n",
                &["--mem=1G", "--mem-per-cpu=1G"],
                "exclude each other",
            ),
            ("#!/bin/sh\n", &["--exclusive=maybe"], "--exclusive=maybe"),
            ("#!/bin/sh\n", &["-wn[1-999][1-999]"], "more than"),
            ("#!/bin/sh\n", &["-wn[99999999999999999999]"], "more than"),
        ] {
            let error = submission(script, options).unwrap_err();
            let text = format!("{error:#}");
            assert!(
                text.contains(named) && !text.contains('\n'),
                "{text} lacks {named}"
            );
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_in_one_line() {
        const PIECES: [&str; 44] = [
            "#SBATCH ",
            "#SLURM",
            "#PBS ",
            "#BSUB ",
            "\n",
            "\n#SBATCH ",
            " ",
            "--mem=",
            "--mem-per-cpu ",
            "-c",
            "-n ",
            "-N",
            "-t",
            "--exclusive",
            "--no-kill=",
            "-J",
            "-w",
            "n[1-",
            "]",
            "--shadowfit=off",
            "hetjob",
            ":",
            "--",
            "-",
            "=",
            "#",
            "\"",
            "'",
            "\\",
            "-l ",
            "nodes=",
            "ppn=",
            "select=",
            "mem=",
            "ncpus=",
            "mpiprocs=",
            "walltime=",
            "+",
            "99999999999",
            "4294967296",
            "-1",
            "8gb",
            "1-2:3",
            "é",
        ];
        let mut random = Random::new(1);
        let mut read = 0;
        for _ in 0..8_000 {
            let script = [b"#!/bin/sh\n".to_vec(), random.bytes(&PIECES)].concat();
            let options: Vec<String> = (0..random.below(4)).map(|_| random.text(&PIECES)).collect();
            let variables = [
                "SBATCH_MEM_PER_NODE",
                "SBATCH_NO_REQUEUE",
                "SBATCH_EXCLUSIVE",
                "SBATCH_TIMELIMIT",
            ];
            let variable = variables[random.below(4)].to_owned();
            let environment = (random.below(4) == 0).then(|| (variable, random.bytes(&PIECES)));
            let sbatch = Sbatch::default().with_environment(environment.into_iter().collect());
            match Submission::new(&sbatch, "/no/such/a.sh", script, &options, vec![]) {
                Ok(submission) => {
                    read += 1;
                    let request = submission.request(1);
                    assert!(request.ask.cpus > 0 && request.ask.layout.tasks > 0);
                    assert!(submission.notes.iter().all(|note| !note.contains('\n')));
                }
                Err(error) => assert!(!format!("{error:#}").contains('\n'), "{error:#}"),
            }
        }
        assert!(read > 400, "{read}");
    }

    #[test]
    fn nodes_and_tasks_are_filled_in() {
        for (options, tasks, nodes, on_a_node) in [
            (&["-N2"][..], 2, 2, None),
            (&["-N2", "--tasks-per-node=3"], 6, 2, Some(3)),
            (&["-n1", "-N4"], 1, 1, Some(1)),
            (&["-n4", "-N2-8"], 4, 2, None),
            (&["-w", "n[1-3]"], 3, 3, None),
            (&["-w", "n[1-3],m7,n2"], 4, 4, None),
            (&["-N2", "-B", "2:4"], 16, 2, None),
            (&["-N2", "--threads-per-core=2"], 4, 2, None),
            (&["-n8", "-N1"], 8, 1, Some(8)),
        ] {
            let submission = submission("#!/bin/sh\n", options).unwrap();
            let layout = submission.request(1).ask.layout;
            assert_eq!(
                (layout.tasks, layout.nodes, layout.tasks_on_a_node()),
                (tasks, nodes, on_a_node),
                "{options:?}"
            );
        }
    }
}
