//! A shadow is remembered before it is submitted: an agent that ends in between, or cannot write, leaves none that
//! nobody knows and no job with two.

use crate::cluster::{Cluster, Result, ensure};
use crate::shadow::{counters, enable, write_script};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A kind of its own for each test.
fn work(cluster: &Cluster, name: &str) -> Result<PathBuf> {
    let text = format!(
        "#!/bin/bash\npython3 -c 'import time; {name} = bytearray(150 << 20); time.sleep(3)'\n"
    );
    write_script(cluster, &format!("{name}.sh"), &text)
}

/// A pass of an agent that finds this in place of a command of Slurm's. Returns whether it ended well.
fn pass_with(cluster: &Cluster, command: &str, text: &str) -> Result<bool> {
    let folder = cluster.scratch.join("in-place");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(command);
    std::fs::write(&path, text)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    let line = format!("PATH={}:$PATH exec shadowfitd --once", folder.display());
    let mut agent = cluster.command("root", &["bash", "-c", &line]);
    let status = agent.stderr(Stdio::null()).status()?;
    std::fs::remove_dir_all(&folder)?;
    Ok(status.success())
}

/// Where the cluster's own command lies.
fn real(cluster: &Cluster, command: &str) -> Result<String> {
    let path = cluster.run("root", &["bash", "-c", &format!("command -v {command}")])?;
    Ok(path.trim().to_owned())
}

fn database(cluster: &Cluster) -> PathBuf {
    cluster.dir.join("shadowfit/jobs.db")
}

/// Numbers of the shadows of a job: in the queue, and as the agent remembers them.
fn shadows_of(cluster: &Cluster, job: u64) -> Result<(Vec<u64>, Vec<Option<i64>>)> {
    let queued = cluster.jobs()?.into_iter();
    let queued = queued.filter(|one| one.is_shadow_of(job));
    let store = rusqlite::Connection::open(database(cluster))?;
    let mut query = store.prepare("SELECT job_id FROM shadows WHERE origin = ?")?;
    let remembered = query.query_map([job as i64], |row| row.get(0))?;
    let remembered = remembered.collect::<rusqlite::Result<_>>()?;
    Ok((queued.map(|one| one.id).collect(), remembered))
}

pub fn an_agent_that_ends_between_a_shadow_and_its_note_knows_it_again(
    cluster: &mut Cluster,
) -> Result<()> {
    enable(cluster, 60, "")?;
    let script = work(cluster, "killed")?;
    let job = cluster.submit("alice", &["--mem=3000"], &script, &[])?;
    let kill = format!(
        "#!/bin/sh\n{} \"$@\"\nkill -9 $PPID\n",
        real(cluster, "sbatch")?
    );
    ensure(!pass_with(cluster, "sbatch", &kill)?, "it was killed")?;
    let (queued, remembered) = shadows_of(cluster, job)?;
    ensure(queued.len() == 1, format!("{queued:?}: one was submitted"))?;
    ensure(
        remembered == [None],
        format!("{remembered:?}: no number was noted"),
    )?;
    let pass = cluster.pass_as_root()?;
    ensure(pass.contains("shadows_started: 0"), pass)?;
    let seen = counters(cluster, queued[0])?;
    ensure(seen["ended"] == "finished", seen.to_string())?;
    let pass = cluster.pass_as_root()?;
    ensure(
        pass.contains("shadows_ended: 1") && pass.contains("decided_again: 1"),
        pass,
    )?;
    let memory = cluster.job(job)?.memory_mib.unwrap_or(0);
    ensure((150..400).contains(&memory), format!("{memory} MB"))?;
    let after = shadows_of(cluster, job)?;
    ensure(
        after == (queued.clone(), vec![Some(queued[0] as i64)]),
        format!("{after:?}"),
    )
}

pub fn a_shadow_that_cannot_be_remembered_is_not_submitted(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 120, "")?;
    let script = work(cluster, "locked")?;
    let job = cluster.submit("alice", &["--mem=3000"], &script, &[])?;
    // The agent asks sinfo just before: from then on somebody else is writing, for longer than it waits.
    let lock = write_script(cluster, "lock.py", LOCK)?;
    let locks = format!(
        "#!/bin/sh\nsetsid python3 {} {} </dev/null >/dev/null 2>&1 &\nwhile ! [ -e {} ]; do sleep 0.1; done\nexec {} \"$@\"\n",
        lock.display(),
        database(cluster).display(),
        sign(&lock).display(),
        real(cluster, "sinfo")?
    );
    ensure(!pass_with(cluster, "sinfo", &locks)?, "it says so")?;
    std::fs::remove_file(sign(&lock))?;
    let (queued, remembered) = shadows_of(cluster, job)?;
    ensure(queued.is_empty(), format!("{queued:?}"))?;
    ensure(remembered.is_empty(), format!("{remembered:?}"))?;
    // Its window is far from over.
    cluster.wait_for(job, "COMPLETED")?;
    let started = cluster.job(job)?;
    let why = "no shadow of it could be submitted: the database cannot be written";
    ensure(started.comment.contains(why), started.comment)?;
    ensure(started.memory_mib == Some(3000), "as asked")?;
    cluster.pass_as_root().map(drop)
}

/// Writes for longer than the agent waits for it, and says when it has begun.
const LOCK: &str = "import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('BEGIN IMMEDIATE')
open(sys.argv[0] + '.begun', 'w').close()
time.sleep(40)
";

fn sign(lock: &Path) -> PathBuf {
    PathBuf::from(format!("{}.begun", lock.display()))
}
