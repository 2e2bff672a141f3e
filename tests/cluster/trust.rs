//! Kinds of jobs earn trust: one rewritten job, then four, then sixteen, then all.

use crate::cluster::{Cluster, Job, Result, ensure, eventually};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const REQUEST_MIB: u64 = 500;

/// A job of a kind of its own, by what its script says: it allocates `mib` and is over after so many seconds.
fn script(cluster: &Cluster, name: &str, mib: &str, seconds: &str) -> Result<PathBuf> {
    let path = cluster.scratch.join(format!("{name}.sh"));
    let text = format!("import sys, time; {name} = bytearray({mib} << 20); time.sleep({seconds})");
    std::fs::write(&path, format!("#!/bin/bash\npython3 -c '{text}' $1\n"))?;
    Ok(path)
}

fn quick(cluster: &Cluster, name: &str) -> Result<PathBuf> {
    script(cluster, name, "40", "1")
}

/// Allocates as many MiB as its argument says.
fn hold(cluster: &Cluster, name: &str) -> Result<PathBuf> {
    script(cluster, name, "int(sys.argv[1])", "2.5")
}

fn is_rewritten(job: &Job) -> bool {
    job.record()["memory"]["mode"] == "apply"
}

/// Submits as fast as sbatch can, by four at a time. Returns the jobs, once they are all there.
fn burst(cluster: &Cluster, script: &Path, count: usize) -> Result<Vec<Job>> {
    burst_of("bob", cluster, script, count)
}

fn burst_of(user: &str, cluster: &Cluster, script: &Path, count: usize) -> Result<Vec<Job>> {
    let one =
        "seq \"$1\" | xargs -P4 -I{} sbatch --parsable --output=/dev/null --mem=\"$2\" \"$0\"";
    let words = [
        script.display().to_string(),
        count.to_string(),
        REQUEST_MIB.to_string(),
    ];
    let command = ["bash", "-c", one, &words[0], &words[1], &words[2]];
    let ids = cluster.run(user, &command)?;
    let ids: BTreeSet<u64> = ids
        .lines()
        .filter_map(|id| id.trim().parse().ok())
        .collect();
    ensure(ids.len() == count, format!("{} of {count} jobs", ids.len()))?;
    let jobs = cluster.jobs()?.into_iter();
    Ok(jobs.filter(|job| ids.contains(&job.id)).collect())
}

/// Waits until they all have ended well and the agent knows.
fn end(cluster: &Cluster, jobs: &[Job]) -> Result<()> {
    let ids: Vec<String> = jobs.iter().map(|job| job.id.to_string()).collect();
    eventually("all completed", 120, || {
        Ok(cluster.completed(&ids.join(","))? >= jobs.len())
    })?;
    cluster.books_agree()?;
    cluster.let_the_plugin_look();
    Ok(())
}

/// Where the kind of a job stands, as the report has it.
fn standing(cluster: &Cluster, job: &Job) -> Result<Vec<String>> {
    let report = [
        "shadowfit",
        "report",
        "-P",
        "--by",
        "fingerprint",
        "-u",
        "bob",
    ];
    let report = cluster.run("root", &report)?;
    let kind = job.record()["kind"]["command"]
        .as_str()
        .unwrap_or("none")
        .to_owned();
    let line = report.lines().find(|line| line.starts_with(&kind));
    let line = line.ok_or_else(|| format!("no {kind} in {report}"))?;
    Ok(line.split('|').skip(12).map(str::to_owned).collect())
}

pub fn a_burst_is_rewritten_as_far_as_its_kind_has_earned_trust(
    cluster: &mut Cluster,
) -> Result<()> {
    cluster.configure("[trust]\n")?;
    let script = quick(cluster, "earns")?;
    let jobs = burst(cluster, &script, 3)?;
    ensure(!jobs.iter().any(is_rewritten), "nobody knows this kind")?;
    end(cluster, &jobs)?;
    for (trusted, stage) in [(1, "4"), (4, "16"), (16, "all"), (40, "all")] {
        if trusted < 16 {
            // An array is all of its tasks.
            let tasks = format!("--array=1-{}", trusted + 1);
            let array = ["--mem=500", "--hold", &tasks];
            let array = cluster.submit("bob", &array, &script, &[])?;
            let array = cluster.job(array)?;
            ensure(!is_rewritten(&array), array.comment)?;
            cluster.run("root", &["scancel", &array.id.to_string()])?;
        }
        let jobs = burst(cluster, &script, 40)?;
        let (rewritten, kept): (Vec<_>, Vec<_>) = jobs.iter().partition(|job| is_rewritten(job));
        ensure(
            (rewritten.len(), kept.len()) == (trusted, 40 - trusted),
            format!("{} of {trusted} rewritten", rewritten.len()),
        )?;
        for job in kept {
            let why = job.record()["kept"].as_str().unwrap_or_default().to_owned();
            ensure(
                job.memory_mib == Some(REQUEST_MIB) && why.starts_with("its kind is on probation"),
                job.comment.clone(),
            )?;
        }
        end(cluster, &jobs)?;
        let standing = standing(cluster, &jobs[0])?;
        ensure(standing[0] == stage, format!("{trusted}: {standing:?}"))?;
    }
    Ok(())
}

pub fn a_harm_takes_trust_back_and_good_runs_earn_it_again(cluster: &mut Cluster) -> Result<()> {
    cluster.configure("[trust]\nstages = [1, 4]\n")?;
    let script = hold(cluster, "grows")?;
    let submit = |need: u64| {
        let id = cluster.submit("bob", &["--mem=2000"], &script, &[&need.to_string()])?;
        cluster.job(id)
    };
    let run = |count| -> Result<()> {
        let jobs: Vec<Job> = (0..count).map(|_| submit(60)).collect::<Result<_>>()?;
        ensure(!jobs.iter().any(is_rewritten), "one is rewritten")?;
        end(cluster, &jobs)
    };
    let harm = |need: u64| -> Result<Job> {
        let harmed = submit(need)?;
        ensure(is_rewritten(&harmed), harmed.comment.clone())?;
        cluster.wait_for_death(harmed.id)?;
        cluster.give_back(1)?;
        Ok(harmed)
    };
    run(3)?;
    let first = submit(60)?;
    let set = first.memory_mib.unwrap_or(2000);
    ensure(is_rewritten(&first), first.comment.clone())?;
    end(cluster, &[first])?;
    let once = harm(set * 3 / 2)?;
    end(cluster, std::slice::from_ref(&once))?;
    let stage = standing(cluster, &once)?;
    ensure(stage[0] == "1" && stage[1] == "1/2", format!("{stage:?}"))?;
    let harmed = harm(set * 3)?;
    cluster.let_the_plugin_look();
    let next = submit(60)?;
    let why = next.record()["kept"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    ensure(
        next.memory_mib == Some(2000) && why.starts_with("a rewrite harmed a job of its kind"),
        next.comment.clone(),
    )?;
    // The harmed job's second run counts, too: that makes two of six.
    let jobs = [next, harmed];
    end(cluster, &jobs)?;
    let harm = standing(cluster, &jobs[0])?;
    ensure(
        harm[0] == "0" && harm[1] == "2/3" && harm[3] == "harmed: 2 of 6 runs ended well since",
        format!("{harm:?}"),
    )?;
    run(3)?;
    run(1)?;
    let tried = [submit(60)?, submit(60)?];
    ensure(
        is_rewritten(&tried[0]) && !is_rewritten(&tried[1]),
        tried[0].comment.clone(),
    )
}

/// It fills the cluster's memory, so that most of it waits; nobody submits anything else.
pub fn tasks_that_wait_earn_trust_for_the_others(cluster: &mut Cluster) -> Result<()> {
    cluster.configure("[trust]\n")?;
    let script = quick(cluster, "waits")?;
    let id = cluster.submit("bob", &["--mem=7000", "--array=1-60"], &script, &[])?;
    let (mut rewritten, mut well) = (BTreeSet::new(), BTreeSet::new());
    let mut most = 0;
    eventually("sixty completed tasks", 240, || {
        cluster.pass()?;
        let jobs = cluster.jobs()?;
        for job in jobs.iter().filter(|job| job.id >= id && is_rewritten(job)) {
            rewritten.insert(job.id);
            // Accounting may know it before its node is free again.
            if ["COMPLETED", "COMPLETING"].contains(&job.state.as_str()) {
                well.insert(job.id);
            }
        }
        let trusted = match well.len() {
            0 => 1,
            1..5 => 5,
            5..21 => 21,
            _ => 60,
        };
        ensure(
            rewritten.len() <= trusted,
            format!("{} rewritten, {} ended well", rewritten.len(), well.len()),
        )?;
        most = most.max(rewritten.len());
        Ok(cluster.completed(&id.to_string())? == 60)
    })?;
    ensure(most > 1, "no more than one was ever rewritten")
}

/// A program that looks at its own limit, so that nothing in the script tells; it fails below the request.
const PICKY: &str = "#!/bin/bash\n\
    group=/sys/fs/cgroup/memory$(awk -F: '$2 == \"memory\" { print $3 }' /proc/self/cgroup)\n\
    limit=$(cat \"$group/memory.limit_in_bytes\" \"${group%/*}/memory.limit_in_bytes\" | sort -n | head -1)\n\
    python3 -c 'import time; held = bytearray(40 << 20); time.sleep(1)'\n\
    [ \"$limit\" -ge $((400 << 20)) ]\n";

pub fn a_site_whose_rewritten_jobs_fail_is_trusted_no_more(cluster: &mut Cluster) -> Result<()> {
    let picky = cluster.scratch.join("picky");
    std::fs::write(&picky, PICKY)?;
    std::fs::set_permissions(&picky, std::fs::Permissions::from_mode(0o755))?;
    let scripts: Vec<PathBuf> = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|name| {
            let script = cluster.scratch.join(format!("fails-{name}.sh"));
            let text = format!("#!/bin/bash\necho {name}\n{}\n", picky.display());
            std::fs::write(&script, text).map(|()| script)
        })
        .collect::<std::io::Result<_>>()?;
    let all = |cluster: &Cluster| -> Result<Vec<Job>> {
        // One user's jobs alone do not open it.
        let of_all =
            |script: &PathBuf| ["alice", "bob"].map(|user| burst_of(user, cluster, script, 6));
        let jobs = scripts.iter().flat_map(of_all);
        Ok(jobs
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect())
    };
    let jobs = all(cluster)?;
    end(cluster, &jobs)?;
    // Without trust to be earned all of the next ones are rewritten, and fail; each runs again with its request.
    let jobs = all(cluster)?;
    ensure(jobs.iter().all(is_rewritten), "not all are rewritten")?;
    let ids: BTreeSet<u64> = jobs.iter().map(|job| job.id).collect();
    eventually("all failed", 60, || {
        let states = cluster.jobs()?.into_iter();
        let failed = states.filter(|job| ids.contains(&job.id) && job.state == "FAILED");
        Ok(failed.count() == jobs.len())
    })?;
    cluster.books_agree()?;
    end(cluster, &jobs)?;
    let health = |user: &str| -> Result<String> {
        let output = cluster.command(user, &["shadowfit", "doctor"]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    ensure(
        health("root")?.contains("ok   breaker"),
        "it is open where it is off",
    )?;
    cluster.configure("[breaker]\n")?;
    let database = rusqlite::Connection::open(cluster.dir.join("shadowfit/jobs.db"))?;
    database.execute("DELETE FROM progress WHERE name = 'breaker looked'", [])?;
    cluster.pass()?;
    let told = health("root")?;
    let breaker = cluster.dir.join("shadowfit/breaker-open");
    ensure(
        told.contains("FAIL breaker: nothing is set beyond advice: ") && breaker.exists(),
        told,
    )?;
    cluster.let_the_plugin_look();
    let known = cluster.known.clone();
    let (id, said) = cluster.sbatch("alice", &["--mem=4000", "-c2", "--hold"], &known, &["105"])?;
    cluster.is_as_written(&cluster.job(id)?)?;
    ensure(said.contains("would do"), said)?;
    std::fs::remove_file(&breaker)?;
    cluster.is_well()?;
    // What was before does not open it again.
    cluster.pass()?;
    database.execute("DELETE FROM progress WHERE name = 'breaker looked'", [])?;
    cluster.pass()?;
    ensure(!breaker.exists(), "it has opened again")
}
