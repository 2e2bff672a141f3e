//! The agent as it runs all day: by events, and what becomes of jobs that none reported.

use crate::cluster::{Cluster, Result, ensure, eventually};
use crate::shadow::{Agent, enable, shadow_of, write_script};
use std::path::{Path, PathBuf};

/// How the agent learns of new jobs, by doctor.
fn seen(cluster: &Cluster, how: &str) -> Result<()> {
    let mut said = String::new();
    let found = eventually(how, 90, || {
        let health = cluster.command("root", &["shadowfit", "doctor"]).output()?;
        said = String::from_utf8_lossy(&health.stdout).into_owned();
        Ok(said.contains(how))
    });
    found.map_err(|_| format!("doctor says nothing of '{how}': {said}").into())
}

/// A job of a kind that nobody has run: it uses a module of Python's that no other one does.
fn new_script(cluster: &Cluster, module: &str) -> Result<PathBuf> {
    let text =
        format!("#!/bin/bash\npython3 -c 'import {module}; held = bytearray(60 << 20)'\nsleep 2\n");
    write_script(cluster, &format!("{module}.sh"), &text)
}

/// A kind of its own that is known as the others' is: its runs here need more than that one's.
fn own_kind(cluster: &Cluster, module: &str) -> Result<PathBuf> {
    let text = std::fs::read_to_string(&cluster.known)?;
    let text = text.replace("import sys,", &format!("import {module}, sys,"));
    let script = write_script(cluster, &format!("own-{module}.sh"), &text)?;
    cluster.learn_kind(&script)?;
    Ok(script)
}

fn has_a_shadow(cluster: &Cluster, script: &Path) -> Result<()> {
    let job = cluster.submit("alice", &["--mem=3000"], script, &[])?;
    eventually("a shadow", 60, || Ok(shadow_of(cluster, job)?.is_some()))
}

/// A new job is shown by its folder, and a job that dies of its rewrite by accounting: passes are ten minutes apart.
pub fn a_listening_agent_sees_new_jobs_and_rescues_between_passes(
    cluster: &mut Cluster,
) -> Result<()> {
    let known = own_kind(cluster, "colorsys")?;
    enable(cluster, 40, "[agent]\ninterval_s = 600\n")?;
    // While no agent is there.
    let waiting: Vec<u64> = (0..100)
        .map(|_| cluster.submit("alice", &["--mem=4000", "-c2", "--hold"], &known, &["105"]))
        .collect::<Result<_>>()?;
    let missed = cluster.submit(
        "alice",
        &["--mem=3000"],
        &new_script(cluster, "zipfile")?,
        &[],
    )?;
    let dead = cluster.submit("alice", &["--mem=4000", "-c2"], &known, &["600"])?;
    cluster.wait_for_death(dead)?;
    let _agent = Agent::start(cluster)?;
    seen(cluster, "new jobs: shown by slurmctld's folders")?;
    eventually("a shadow of what came before", 60, || {
        Ok(shadow_of(cluster, missed)?.is_some())
    })?;
    cluster.wait_for(dead, "COMPLETED")?;

    has_a_shadow(cluster, &new_script(cluster, "wave")?)?;
    let dies = cluster.submit("alice", &["--mem=4000", "-c2"], &known, &["600"])?;
    cluster.is_rewritten(&cluster.job(dies)?)?;
    let after = format!("--dependency=afterok:{dies}");
    let dependent = cluster.submit("alice", &["--mem=4000", "-c2", &after], &known, &["105"])?;
    cluster.wait_for(dies, "COMPLETED")?;
    cluster.wait_for(dependent, "COMPLETED")?;
    let restarts = [
        "squeue",
        "--noheader",
        "--states=all",
        "--Format=restartcnt",
        "--jobs",
    ];
    let restarts = cluster.run("root", &[&restarts[..], &[&dies.to_string()]].concat())?;
    // Once with a step more, perhaps, and then with all.
    ensure(
        ["1", "2"].contains(&restarts.trim()),
        format!("it ran again {restarts} times"),
    )?;
    let last = waiting.last().copied().unwrap_or(0);
    cluster.is_rewritten(&cluster.job(last)?)
}

/// Nine tasks of an array wait together, as one job to slurmctld. squeue hides the tenth behind them.
pub fn an_array_is_sized_between_passes_but_for_the_task_that_was_changed(
    cluster: &mut Cluster,
) -> Result<()> {
    enable(cluster, 40, "[agent]\ninterval_s = 600\n")?;
    let _agent = Agent::start(cluster)?;
    seen(cluster, "new jobs: shown by slurmctld's folders")?;
    let script = new_script(cluster, "quopri")?;
    let array = cluster.submit("alice", &["--mem=3000", "--array=0-9"], &script, &[])?;
    let task = format!("JobId={array}_7");
    cluster.run(
        "alice",
        &["scontrol", "update", &task, "MinMemoryNode=2500"],
    )?;
    let array = array.to_string();
    let all = ["squeue", "--noheader", "--array", "--states=all"];
    let form = ["--Format=arraytaskid:|,minmemory:|", "--jobs", &array];
    let mut shown = String::new();
    let sized = eventually("they are sized", 90, || {
        shown = cluster.run("root", &[&all[..], &form].concat())?;
        let is_right = |line: &str| match line.strip_prefix("7|") {
            Some(memory) => memory == "2500M|",
            None => !line.ends_with("|3000M|"),
        };
        Ok(shown.lines().count() == 10 && shown.lines().all(is_right))
    });
    sized.map_err(|_| format!("not sized, or not as they were changed: {shown}"))?;
    eventually("they run", 90, || Ok(cluster.completed(&array)? == 10))
}

/// An agent that sees a folder which is not slurmctld's asks for the queue, and says so.
pub fn an_agent_that_cannot_see_slurmctlds_folder_asks(cluster: &mut Cluster) -> Result<()> {
    let known = own_kind(cluster, "sndhdr")?;
    enable(cluster, 40, "[agent]\ninterval_s = 5\n")?;
    // In a mount namespace of its own, as on another host.
    let state = cluster.dir.join("state").display().to_string();
    let line = format!("mount -t tmpfs none '{state}' && exec shadowfitd");
    let _agent = Agent::start_with(cluster, &["unshare", "--mount", "sh", "-c", &line])?;
    // A job that has no folder there.
    cluster.submit("alice", &["--mem=4000", "-c2", "--hold"], &known, &["105"])?;
    seen(cluster, "asks for the whole queue")?;
    let dies = cluster.submit("alice", &["--mem=4000", "-c2"], &known, &["600"])?;
    cluster.wait_for(dies, "COMPLETED")
}
