//! `#BSUB` and `#PBS` lines, which sbatch reads as well: behind its own directives, and winning over them.

use super::Release;
use super::asked::{Asked, Source};
use super::directives::split;
use super::options::{Table, Takes, Word};
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeSet;

/// How many lines may follow that are no comments.
const PATIENCE: usize = 100;

const BSUB: [(&str, Takes); 2] = [
    ("exclusive/x", Takes::Nothing),
    (
        "cwd/c error_file/e job_name/J hostname/m memory_limit/M tasks/n output_file/o queue_name/q time/W",
        Takes::Value,
    ),
];

const PBS: [(&str, Takes); 3] = [
    ("hold/h interactive/I all_env/V no_std/z", Takes::Nothing),
    ("join", Takes::Perhaps),
    (
        "start_time/a account/A checkpoint/c working_dir/C directory/d error/e join_letter/j job_array/J keep/k \
         resource_list/l mail_options/m mail_user_list/M job_name/N out/o priority/p destination/q \
         rerunable/r script_path/S array/t running_user/u variable_list/v attributes/W work/w",
        Takes::Value,
    ),
];

/// Takes what the script says to LSF, or else what it says to PBS. An error comes with its line.
pub fn take_all(script: &[u8], release: Release, asked: &mut Asked) -> Result<()> {
    let bsub = words(script, b"#BSUB", release)?;
    if !bsub.is_empty() {
        return take(&bsub, &Table::new(&BSUB), asked, take_bsub);
    }
    take(
        &words(script, b"#PBS", release)?,
        &Table::new(&PBS),
        asked,
        take_pbs,
    )
}

/// The words of all such lines, wherever in the script they stand.
fn words(script: &[u8], magic: &[u8], release: Release) -> Result<Vec<Word>> {
    let (mut words, mut others) = (Vec::new(), 0);
    for (line, text) in (1..).zip(script.split(|&byte| byte == b'\n')) {
        if let Some(text) = text.strip_prefix(magic) {
            let found = split(text, release).with_context(|| format!("line {line}"))?;
            words.extend(found.into_iter().map(|bytes| Word { bytes, line }));
        } else if !text.starts_with(b"#") {
            others += 1;
        }
        if others > PATIENCE {
            break;
        }
    }
    Ok(words)
}

type TakeOne = fn(&mut Asked, &str, &str) -> Result<()>;

fn take(words: &[Word], table: &Table, asked: &mut Asked, take_one: TakeOne) -> Result<()> {
    let place = |(line, error): (usize, anyhow::Error)| error.context(format!("line {line}"));
    // LSF's -cwd is a long option with one dash.
    let words: Vec<Word> = words
        .iter()
        .map(|word| match word.bytes.as_slice() {
            b"-cwd" => Word {
                bytes: b"-c".into(),
                line: word.line,
            },
            _ => word.clone(),
        })
        .collect();
    let (options, read) = table.read(&words).map_err(place)?;
    for option in options {
        let value = String::from_utf8_lossy(option.value.unwrap_or_default());
        take_one(asked, option.name, &value).map_err(|error| place((option.line, error)))?;
    }
    match words.get(read) {
        Some(word) => Err(place((
            word.line,
            anyhow!("invalid argument: {}", String::from_utf8_lossy(&word.bytes)),
        ))),
        None => Ok(()),
    }
}

fn set(asked: &mut Asked, option: &str, value: &str) -> Result<()> {
    asked.take(option, Some(value.as_bytes()), Source::Script)
}

fn take_bsub(asked: &mut Asked, name: &str, value: &str) -> Result<()> {
    match name {
        "job_name" => set(asked, "job-name", value),
        "hostname" => set(asked, "nodelist", &value.replace(' ', ",")),
        // Without a unit it is KB.
        "memory_limit" if value.ends_with(|c: char| c.is_ascii_digit()) => {
            set(asked, "mem-per-cpu", &format!("{value}K"))
        }
        "memory_limit" => set(asked, "mem-per-cpu", value),
        // Of at least and at most, the latter.
        "tasks" => set(
            asked,
            "ntasks",
            value.split_once(',').map_or(value, |(_, most)| most),
        ),
        "queue_name" => set(asked, "partition", value),
        "time" => set(asked, "time", value),
        "exclusive" => asked.take("exclusive", None, Source::Script),
        _ => Ok(()),
    }
}

fn take_pbs(asked: &mut Asked, name: &str, value: &str) -> Result<()> {
    match name {
        "start_time" => set(asked, "begin", value),
        "account" => set(asked, "account", value),
        "job_name" => set(asked, "job-name", value),
        "destination" => set(asked, "partition", value),
        "resource_list" => take_resources(asked, value),
        _ => Ok(()),
    }
}

/// Resources that are passed over up to the next comma.
const PASSED_OVER: [&str; 9] = [
    "arch", "host", "opsys", "other", "pmem", "pvmem", "software", "vmem", "proc",
];

/// `-l nodes=2:ppn=4,mem=8gb,walltime=1:00:00` and `-l select=2:ncpus=8:mpiprocs=4`. What is unknown is
/// passed over letter by letter, as sbatch does.
fn take_resources(asked: &mut Asked, list: &str) -> Result<()> {
    let (mut rest, mut seen) = (list, BTreeSet::new());
    while let Some(first) = rest.chars().next() {
        let Some((name, after)) = resource(rest) else {
            rest = &rest[first.len_utf8()..];
            continue;
        };
        let end = match name {
            "mpiprocs" | "ncpus" | "select" => ':',
            _ => ',',
        };
        let (value, behind) = after.split_once(end).unwrap_or((after, ""));
        rest = behind;
        seen.insert(name);
        take_resource(asked, name, value)?;
    }
    let counts = ["mpiprocs", "ncpus", "select"]
        .iter()
        .all(|name| seen.contains(name));
    if let (true, Some(cpus), Some(tasks)) = (counts, asked.min_cpus, asked.tasks_per_node)
        && cpus > tasks
    {
        set(asked, "cpus-per-task", &(cpus / tasks).to_string())?;
    }
    Ok(())
}

/// The resource that the text begins with, and what follows its =.
fn resource(text: &str) -> Option<(&'static str, &str)> {
    let known = [
        "cput",
        "file",
        "mem",
        "mpiprocs",
        "naccelerators",
        "ncpus",
        "nice",
        "nodes",
        "pcput",
        "select",
        "walltime",
    ];
    let mut names = known.into_iter().chain(PASSED_OVER);
    names.find_map(|name| Some((name, text.strip_prefix(name)?.strip_prefix('=')?)))
}

fn take_resource(asked: &mut Asked, name: &str, value: &str) -> Result<()> {
    match name {
        "cput" | "pcput" | "walltime" => set(asked, "time", value),
        // Torque writes mb and gb.
        "mem" => set(
            asked,
            "mem",
            value.strip_suffix(['b', 'B']).unwrap_or(value),
        ),
        "mpiprocs" => set(asked, "ntasks-per-node", value),
        "ncpus" => set(asked, "mincpus", value),
        "nodes" => take_nodes(asked, value),
        "select" => set(asked, "nodes", value),
        "naccelerators" => set(asked, "gres", &format!("gpu:{value}")),
        _ => Ok(()),
    }
}

/// `2:ppn=4`, `n1+n2:ppn=8`, `1:ppn=4:gpus=2`.
fn take_nodes(asked: &mut Asked, text: &str) -> Result<()> {
    let leading = |text: &str| {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        text[..digits].parse::<u32>().unwrap_or(0)
    };
    let (mut nodes, mut tasks, mut hosts) = (0u32, 0u32, Vec::new());
    for part in text.split(['+', ':']) {
        match part.as_bytes().first() {
            _ if part.starts_with("gpus=") => set(asked, "gpus-per-node", &part["gpus=".len()..])?,
            _ if part.starts_with("ppn=") => {
                tasks = tasks.saturating_add(leading(&part["ppn=".len()..]));
            }
            Some(b'0'..=b'9') => nodes = nodes.saturating_add(leading(part)),
            Some(byte) if byte.is_ascii_alphabetic() => hosts.push(part),
            _ => {}
        }
    }
    if nodes > 0 {
        set(asked, "nodes", &nodes.to_string())?;
    }
    if tasks > 0 {
        set(
            asked,
            "ntasks",
            &tasks.saturating_mul(nodes.max(1)).to_string(),
        )?;
    }
    if !hosts.is_empty() {
        set(asked, "nodelist", &hosts.join(","))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Memory;

    fn read(script: &str) -> Result<Asked> {
        let mut asked = Asked::of((26, 5));
        take_all(script.as_bytes(), (26, 5), &mut asked)?;
        asked.verify()?;
        Ok(asked)
    }

    #[test]
    fn other_systems_requests_are_translated() {
        let pbs = read("#!/bin/sh\n#PBS -N a -q long -A acct\n./a\n#PBS -l nodes=2:ppn=4,mem=8gb,walltime=1:00:00\n").unwrap();
        assert_eq!(pbs.name.as_deref(), Some(b"a".as_slice()));
        assert_eq!(
            (pbs.nodes, pbs.tasks, pbs.time_s),
            (Some((2, 2)), Some(8), Some(3600))
        );
        assert_eq!(pbs.memory(), Some(Memory::Node(8192)));
        let select = read("#PBS -l select=2:ncpus=8:mpiprocs=4\n").unwrap();
        assert_eq!(
            (select.nodes, select.tasks_per_node, select.cpus),
            (Some((2, 2)), Some(4), Some(2))
        );
        let bsub =
            read("#BSUB -J b -n 2,8 -M 4096 -cwd /tmp -W 30 -q q -x\n#PBS -l mem=1gb\n").unwrap();
        assert_eq!(
            (bsub.tasks, bsub.memory(), bsub.exclusive),
            (Some(8), Some(Memory::Cpu(4)), true)
        );
    }

    #[test]
    fn each_of_their_options_sets_what_it_means() {
        let text =
            |value: &Option<Vec<u8>>| String::from_utf8(value.clone().unwrap_or_default()).unwrap();
        let of = |line: &str| {
            let asked = read(line).unwrap();
            let texts = [&asked.name, &asked.account, &asked.partition].map(text);
            (
                texts.join(" ").trim().to_owned(),
                asked.time_s,
                asked.memory(),
            )
        };
        let cpu = |mib| Some(Memory::Cpu(mib));
        for (line, expected) in [
            ("#PBS -q long", ("long", None, None)),
            ("#PBS -A acct", ("acct", None, None)),
            ("#PBS -N a", ("a", None, None)),
            ("#BSUB -J a", ("a", None, None)),
            ("#BSUB -q long", ("long", None, None)),
            ("#BSUB -W 30", ("", Some(1800), None)),
            ("#BSUB -M 4096", ("", None, cpu(4))),
            ("#BSUB -M 4096M", ("", None, cpu(4096))),
        ] {
            let (name, time_s, memory) = expected;
            assert_eq!(of(line), (name.to_owned(), time_s, memory), "{line}");
        }
        assert!(
            read("#PBS -a someday\n").is_err(),
            "-a is a time to begin at"
        );
    }

    #[test]
    fn of_a_script_only_the_beginning_is_read_for_them() {
        let after = |lines: usize| {
            let script = format!("{}#PBS -N late\n", "true\n# true\n".repeat(lines));
            read(&script).unwrap().name.is_some()
        };
        assert!(after(PATIENCE));
        assert!(!after(PATIENCE + 1));
    }

    #[test]
    fn what_sbatch_refuses_of_them_is_refused() {
        for script in [
            "#PBS -l mem=8gb:ncpus=4\n",
            "#PBS -l select=1:ncpus=x\n",
            "#PBS -Z\n",
            "#PBS -N a b\n",
            "#BSUB -R rusage[mem=4]\n",
            "#BSUB -n 2,\n",
        ] {
            let error = read(script).unwrap_err();
            assert!(
                format!("{error:#}").contains("line 1"),
                "{script}: {error:#}"
            );
        }
        assert!(read("#PBSX\n").is_err());
    }
}
