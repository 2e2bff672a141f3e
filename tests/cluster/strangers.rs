//! What users' runs of a script teach a stranger to it: too few users nothing, and nobody's trials hide what others need.

use crate::cluster::{Cluster, Job, Result, ensure, eventually};
use crate::shadow::{counters, enable, shadow_of, write_script};
use std::path::{Path, PathBuf};

const REQUEST_MIB: u64 = 900;
/// What the stranger's job needs.
const NEED_MIB: u64 = 300;

/// Allocates so many MiB and is at work, by this statement, until so many seconds are over: `sh SCRIPT MIB SECONDS`.
fn shared(cluster: &Cluster, name: &str, at_work: &str) -> Result<PathBuf> {
    let text = format!(
        "#!/bin/bash\n: {name}\npython3 -c '\nimport sys, time\nheld = bytearray(int(sys.argv[1]) << 20)\n\
         end = time.monotonic() + float(sys.argv[2])\nwhile time.monotonic() < end: {at_work}\n' $1 $2\n"
    );
    write_script(cluster, name, &text)
}

/// Besides alice, who is the stranger. The last two are users of the system whom Slurm knows once they have an account.
const OTHERS: [&str; 4] = ["bob", "nobody", "daemon", "games"];

/// Gives all of them an account.
fn introduce(cluster: &Cluster) -> Result<()> {
    for user in &OTHERS[1..] {
        let add = [
            "sacctmgr",
            "-i",
            "-Q",
            "add",
            "user",
            user,
            "account=genomics",
        ];
        // They have one where another of these tests ran before.
        cluster.command("root", &add).output()?;
        let shown = ["sacctmgr", "-n", "-P", "show", "assoc", "format=user"];
        let shown = cluster.run("root", &shown)?;
        ensure(shown.lines().any(|one| one == *user), shown.clone())?;
    }
    Ok(())
}

/// `user` runs the script so often, with so many MiB and seconds; returns once the agent has learned of it.
fn run(cluster: &Cluster, user: &str, script: &Path, count: usize, work: [&str; 2]) -> Result<()> {
    let before = stored(cluster, user, script)?;
    let tasks = format!("--array=1-{count}");
    let memory = format!("--mem={REQUEST_MIB}");
    let array = cluster.submit(user, &[&memory, &tasks], script, &work)?;
    eventually(&format!("{count} runs of {user}'s"), 120, || {
        Ok(cluster.completed(&array.to_string())? == count)
    })?;
    eventually("a store that knows them", 30, || {
        cluster.pass()?;
        Ok(stored(cluster, user, script)? == before + count)
    })?;
    cluster.let_the_plugin_look();
    Ok(())
}

/// How many runs of this script by this user the agent has stored.
fn stored(cluster: &Cluster, user: &str, script: &Path) -> Result<usize> {
    let name = script.file_name().unwrap_or_default().to_string_lossy();
    let database = rusqlite::Connection::open(cluster.dir.join("shadowfit/jobs.db"))?;
    let count = "SELECT count(*) FROM jobs WHERE user = ? AND name = ?";
    Ok(database.query_row(count, [user, &name], |row| row.get::<_, i64>(0))? as usize)
}

/// alice's first job of the script, which never runs and so leaves her a stranger.
fn first_of_a_stranger(cluster: &Cluster, script: &Path) -> Result<Job> {
    let memory = format!("--mem={REQUEST_MIB}");
    let work = [&NEED_MIB.to_string(), "3"];
    let id = cluster.submit("alice", &[&memory, "--hold"], script, &work)?;
    let job = cluster.job(id)?;
    cluster.run("root", &["scancel", &id.to_string()])?;
    Ok(job)
}

fn keeps_its_request(cluster: &Cluster, script: &Path, what: &str) -> Result<()> {
    let job = first_of_a_stranger(cluster, script)?;
    ensure(
        job.memory_mib == Some(REQUEST_MIB),
        format!("{what}: {:?} MB: {}", job.memory_mib, job.comment),
    )
}

fn is_sized(cluster: &Cluster, script: &Path, least_mib: u64, what: &str) -> Result<()> {
    let job = first_of_a_stranger(cluster, script)?;
    let set = job.memory_mib.unwrap_or(0);
    ensure(
        (least_mib..REQUEST_MIB).contains(&set) && job.record()["level"] == "application",
        format!("{what}: {set} MB: {}", job.comment),
    )
}

pub fn runs_of_a_script_teach_a_stranger_no_less_than_any_user_needs(
    cluster: &mut Cluster,
) -> Result<()> {
    introduce(cluster)?;
    let script = shared(cluster, "tried", "pass")?;
    let trials = ["4", "1"];
    run(cluster, "bob", &script, 21, trials)?;
    keeps_its_request(cluster, &script, "one user's trials")?;
    run(cluster, "nobody", &script, 21, trials)?;
    keeps_its_request(cluster, &script, "two users' trials")?;
    run(cluster, "games", &script, 1, [&NEED_MIB.to_string(), "9"])?;
    is_sized(cluster, &script, NEED_MIB, "a third needed more, once")?;
    run(cluster, "daemon", &script, 21, trials)?;
    is_sized(cluster, &script, NEED_MIB, "one of 64 runs needed more")?;
    // Well below what the first one needed, which is all that they get.
    run(cluster, "games", &script, 2, ["250", "9"])?;
    keeps_its_request(
        cluster,
        &script,
        "beside the third's runs the trials did nothing",
    )
}

pub fn a_strangers_own_shadow_counts_before_what_others_ran(cluster: &mut Cluster) -> Result<()> {
    introduce(cluster)?;
    cluster.configure("[evidence]\napplication_min_runs = 6\n")?;
    // What only waits gets on beside others, too.
    let script = shared(cluster, "measured", "time.sleep(0.1)")?;
    for user in &OTHERS[..3] {
        run(cluster, user, &script, 2, ["4", "1"])?;
    }
    is_sized(cluster, &script, 4, "three users agree")?;
    enable(cluster, 30, "[evidence]\napplication_min_runs = 6\n")?;
    let memory = format!("--mem={REQUEST_MIB}");
    let work = [&NEED_MIB.to_string(), "3"];
    let options = [&memory, "--shadowfit=measure"];
    let job = cluster.submit("alice", &options, &script, &work)?;
    let pass = cluster.pass_as_root()?;
    let shadow = shadow_of(cluster, job)?.ok_or(format!("no shadow: {pass}"))?;
    counters(cluster, shadow)?;
    cluster.pass_as_root()?;
    let measured = cluster.job(job)?;
    ensure(
        measured.memory_mib.is_some_and(|mib| mib >= NEED_MIB),
        measured.comment.clone(),
    )?;
    cluster.wait_for(job, "COMPLETED")?;
    // The next one is asked of what her shadow said, though others' runs say less.
    let next = first_of_a_stranger(cluster, &script)?;
    ensure(
        next.memory_mib.is_some_and(|mib| mib >= NEED_MIB) && next.record()["level"] == "shadow",
        next.comment,
    )
}
