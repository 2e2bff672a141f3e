//! A shadow's program sees what its job's would see: environment, umask and limits, looked at from outside.

use crate::cluster::{Cluster, Result, checked, ensure, eventually, text};
use crate::shadow::{enable, shadow_of, write_script};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What differs between any two jobs.
const OF_EACH_JOB: [&str; 15] = [
    "HOSTNAME",
    "SLURMD_NODENAME",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_JOBID",
    "SLURM_JOB_END_TIME",
    "SLURM_JOB_ID",
    "SLURM_JOB_NODELIST",
    "SLURM_JOB_SLUID",
    "SLURM_JOB_START_TIME",
    "SLURM_NODELIST",
    "SLURM_TASK_PID",
    "SLURM_TOPOLOGY_ADDR",
    // Of the option, and of shadows alone.
    "SLURM_SPANK__SLURM_SPANK_OPTION_shadowfit_shadowfit",
    "SHADOWFIT_LICENSE_SERVERS",
    "TMPDIR",
];

/// Waits, so that it can be looked at. Its one argument is its name there.
const WAIT: &str = "#!/bin/sh\nexec sleep \"$1\"\n";

#[derive(Debug, PartialEq)]
struct Seen {
    variables: BTreeMap<String, String>,
    umask: String,
    stack: String,
    files: String,
    folder: PathBuf,
}

/// What the process sees that sleeps for so many seconds.
fn look(seconds: &str) -> Result<Option<Seen>> {
    for entry in std::fs::read_dir("/proc")? {
        let process = entry?.path();
        let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
        if command == format!("sleep\0{seconds}\0").as_bytes() {
            return Ok(Some(seen(&process)?));
        }
    }
    Ok(None)
}

fn seen(process: &Path) -> Result<Seen> {
    let environment = std::fs::read(process.join("environ"))?;
    let variables = String::from_utf8_lossy(&environment)
        .split('\0')
        .filter_map(|one| one.split_once('='))
        .filter(|(name, _)| !OF_EACH_JOB.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let line = |file: &str, begin: &str| -> Result<String> {
        let all = std::fs::read_to_string(process.join(file))?;
        let line = all.lines().find_map(|line| line.strip_prefix(begin));
        let words = line.unwrap_or_default().split_whitespace().next();
        Ok(words.unwrap_or_default().to_owned())
    };
    Ok(Seen {
        variables,
        umask: line("status", "Umask:")?,
        stack: line("limits", "Max stack size")?,
        files: line("limits", "Max open files")?,
        folder: std::fs::read_link(process.join("cwd"))?,
    })
}

/// Submitted from where and as no agent works.
fn submit(cluster: &Cluster, options: &[&str], script: &Path, name: &str) -> Result<u64> {
    let from = "cd \"$0\" && umask 0027 && ulimit -S -s 4096 && ulimit -S -n 500 && exec sbatch --parsable \"$@\"";
    let folder = std::fs::canonicalize(&cluster.scratch)?;
    let mut command = cluster.command("alice", &["sh", "-c", from]);
    command.arg(folder).arg("--output=/dev/null").args(options);
    let output = checked(command.arg(script).arg(name))?;
    Ok(text(&output.stdout).parse().map_err(|_| "no job number")?)
}

fn pass_from_elsewhere(cluster: &Cluster) -> Result<()> {
    let from = "cd / && umask 0077 && ulimit -S -s 8000 && exec shadowfitd --once";
    checked(&mut cluster.command("root", &["sh", "-c", from])).map(drop)
}

pub fn a_shadow_sees_what_its_job_would_see(cluster: &mut Cluster) -> Result<()> {
    // Each form's shadow is cancelled, and counts with its whole window where nobody reports what it did.
    let often = "max_cpu_s_per_hour = 100000\nmax_cpu_s_per_hour_per_user = 100000\n";
    let at_once = "max_running = 20\nmax_running_per_user = 20\n";
    enable(cluster, 60, &[often, at_once].concat())?;
    let script = write_script(cluster, "wait.sh", WAIT)?;
    let forms: [&[&str]; 5] = [
        &["--mem=3000"],
        &["--mem=3000", "-N1", "--ntasks-per-node=2", "-c2"],
        &["--mem-per-cpu=500", "-n1", "-c4", "--job-name=own name"],
        &["--mem=7000", "-N1", "-n3"],
        // One task at a time: the first.
        &["--mem=3000", "--array=6,9-17:4%1"],
    ];
    for (number, form) in forms.iter().enumerate() {
        // Each is a kind of its own.
        let (own, other) = (format!("6{number}.5"), format!("6{number}.25"));
        let off = [&["--shadowfit=off"], *form].concat();
        let left_alone = submit(cluster, &off, &script, &own)?;
        let mut of_job = None;
        eventually("a job at work", 30, || {
            of_job = look(&own)?;
            Ok(of_job.is_some())
        })?;
        let job = submit(cluster, form, &script, &other)?;
        let mut of_shadow = None;
        eventually(&format!("{form:?}: a shadow at work"), 50, || {
            if shadow_of(cluster, job)?.is_none() {
                pass_from_elsewhere(cluster)?;
            }
            of_shadow = look(&other)?;
            Ok(of_shadow.is_some())
        })?;
        ensure(
            cluster.job(job)?.state == "PENDING",
            "the job runs, and was taken for its shadow",
        )?;
        let shadow = shadow_of(cluster, job)?.ok_or("no shadow")?;
        for id in [left_alone, job, shadow] {
            cluster.run("root", &["scancel", &id.to_string()])?;
        }
        differences(&of_job, &of_shadow).map_err(|what| format!("{form:?}: {what:?}"))?;
    }
    Ok(())
}

fn differences(job: &Option<Seen>, shadow: &Option<Seen>) -> Result<()> {
    let (job, shadow) = (
        job.as_ref().ok_or("no job")?,
        shadow.as_ref().ok_or("no shadow")?,
    );
    let names = job.variables.keys().chain(shadow.variables.keys());
    let of_both = names.map(|name| (name, job.variables.get(name), shadow.variables.get(name)));
    let other: Vec<_> = of_both.filter(|(_, job, shadow)| job != shadow).collect();
    ensure(other.is_empty(), format!("job and shadow: {other:?}"))?;
    ensure(job == shadow, format!("{job:?}\n{shadow:?}"))?;
    ensure(
        (job.umask.as_str(), job.stack.as_str(), job.files.as_str()) == ("0027", "4194304", "500"),
        format!("the job itself was submitted otherwise: {job:?}"),
    )
}
