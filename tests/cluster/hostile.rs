//! Input that nobody checked.

use crate::cluster::{Cluster, Result, checked, ensure, eventually, text};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

pub fn hostile_scripts_are_accepted_as_written(cluster: &mut Cluster) -> Result<()> {
    let junk: Vec<u8> = (0u32..60_000).map(|n| (n * 7919 % 255 + 1) as u8).collect();
    let scripts: [(&str, Vec<u8>); 3] = [
        ("binary", [b"#!/bin/sh\nexit 0\n", junk.as_slice()].concat()),
        (
            "large",
            format!(
                "#!/bin/sh\nexit 0\n{}",
                "# 0123456789abcdef 0123456789abcdef 01234567\n".repeat(90_000)
            )
            .into_bytes(),
        ),
        ("empty", b"#!/bin/sh\n".to_vec()),
    ];
    for (name, content) in scripts {
        let script = cluster.scratch.join(name);
        std::fs::write(&script, content)?;
        let id = cluster.submit("alice", &["--mem=4000", "-c2", "--hold"], &script, &[])?;
        let job = cluster.job(id)?;
        cluster.is_as_written(&job)?;
        ensure(
            job.record()["kind"]["command"].is_string(),
            format!("{name}: {}", job.comment),
        )?;
    }
    cluster.is_well()
}

pub fn hostile_names_come_home_from_sacct(cluster: &mut Cluster) -> Result<()> {
    let names = [
        "quote\"s'and`ticks`",
        "two\nlines|and|bars",
        ";rm -rf $HOME;$(id)",
        "\x1b[2J\x1b[31mred",
        "ünïcödé ☃ 🦀",
        "{\"shadowfit\":1}",
        "'); DROP TABLE jobs; --",
    ];
    let known = cluster.known.clone();
    let mut jobs = Vec::new();
    for name in names {
        jobs.push(cluster.submit("bob", &["--mem=300", "-J", name], &known, &["60"])?);
    }
    for job in &jobs {
        cluster.wait_for(*job, "COMPLETED")?;
    }
    let all: Vec<String> = jobs.iter().map(u64::to_string).collect();
    eventually("accounting has them all", 30, || {
        Ok(cluster.completed(&all.join(","))? == names.len())
    })?;
    cluster.books_agree()?;
    for job in &jobs {
        let explained = cluster.run("root", &["shadowfit", "explain", &job.to_string()])?;
        ensure(
            explained.contains("of memory on a node") && !explained.contains('\x1b'),
            explained,
        )?;
    }
    let report = cluster.run(
        "root",
        &["shadowfit", "report", "-P", "--by", "fingerprint"],
    )?;
    let bars = report
        .lines()
        .next()
        .unwrap_or_default()
        .matches('|')
        .count();
    ensure(
        report.lines().all(|line| line.matches('|').count() == bars),
        report,
    )
}

/// No text at all, the end of one cut off, and half of a pair.
const NO_UTF8: [&[u8]; 3] = [b"\xff\xfe", b"caf\xc3", b"\xed\xa0\x80 x"];

/// Name, comment and argument of a job of bob's.
fn submit_no_utf8(cluster: &Cluster, bytes: &[u8], options: &[&str]) -> Result<u64> {
    let word = |begin: &str| [begin.as_bytes(), bytes].concat();
    let mut command = cluster.command("bob", &["sbatch", "--parsable", "--output=/dev/null"]);
    for option in [word("--job-name=n"), word("--comment=c")] {
        command.arg(OsStr::from_bytes(&option));
    }
    command.args(options).arg("--mem=300").arg(&cluster.known);
    let output = checked(command.arg("60").arg(OsStr::from_bytes(bytes)))?;
    Ok(text(&output.stdout).parse().map_err(|_| "no job number")?)
}

/// Whether what a command of Slurm's prints is as odd as what was submitted: else nothing is shown here.
fn prints_no_utf8(cluster: &Cluster, command: &[&str]) -> Result<()> {
    let printed = checked(&mut cluster.command("root", command))?.stdout;
    ensure(
        std::str::from_utf8(&printed).is_err(),
        format!("{command:?} prints text: {}", text(&printed)),
    )
}

/// A build that wants UTF-8 from squeue has passes here that fail for all: it prints what is none. slurmdbd keeps question marks.
pub fn what_is_no_utf8_comes_home_and_stops_nobody(cluster: &mut Cluster) -> Result<()> {
    let mut jobs = Vec::new();
    let mut waiting = Vec::new();
    for bytes in NO_UTF8 {
        waiting.push(submit_no_utf8(cluster, bytes, &["--hold"])?);
        jobs.push(submit_no_utf8(cluster, bytes, &[])?);
    }
    let known = cluster.known.clone();
    jobs.push(cluster.submit("alice", &["--mem=4000", "-c2"], &known, &["105"])?);
    // While they wait, run and have ended.
    prints_no_utf8(cluster, &["squeue", "-h", "-o", "%j %k"])?;
    cluster.pass()?;
    for job in &jobs {
        cluster.wait_for(*job, "COMPLETED")?;
    }
    let all: Vec<String> = jobs.iter().map(u64::to_string).collect();
    eventually("accounting has them all", 30, || {
        Ok(cluster.completed(&all.join(","))? == jobs.len())
    })?;
    for job in &waiting {
        cluster.run("root", &["scancel", &job.to_string()])?;
    }
    cluster.books_agree()?;
    for job in &all {
        let explained = cluster.run("root", &["shadowfit", "explain", job])?;
        ensure(explained.contains("of memory on a node"), explained)?;
    }
    cluster.is_well()
}

pub fn two_hundred_submissions_at_once(cluster: &mut Cluster) -> Result<()> {
    let known = cluster.known.display().to_string();
    let mut running = Vec::new();
    for _ in 0..200 {
        let mut command = cluster.command(
            "alice",
            &[
                "sbatch",
                "--parsable",
                "--hold",
                "--mem=4000",
                "-c2",
                &known,
                "105",
            ],
        );
        running.push(
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?,
        );
    }
    for child in running {
        let output = child.wait_with_output()?;
        ensure(output.status.success(), text(&output.stderr))?;
    }
    let jobs: Vec<_> = cluster
        .jobs()?
        .into_iter()
        .filter(|job| job.state == "PENDING")
        .collect();
    ensure(jobs.len() == 200, format!("{} jobs", jobs.len()))?;
    jobs.iter().try_for_each(|job| cluster.is_rewritten(job))?;
    checked(&mut cluster.command("root", &["scancel", "--user", "alice"]))?;
    cluster.is_well()
}
