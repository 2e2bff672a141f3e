//! Kinds of jobs earn trust: one rewritten job, then four, then sixteen, then all.

use crate::cluster::{Cluster, Job, Result, ensure, eventually};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const REQUEST_MIB: u64 = 500;

/// A job of a kind of its own that is over in a moment.
fn quick(cluster: &Cluster, name: &str) -> Result<PathBuf> {
    let script = cluster.scratch.join(name);
    std::fs::write(
        &script,
        "#!/bin/bash\npython3 -c 'import time; held = bytearray(40 << 20); time.sleep(1)'\n",
    )?;
    Ok(script)
}

/// Allocates as many MiB as its argument says.
fn hold(cluster: &Cluster, name: &str) -> Result<PathBuf> {
    let script = cluster.scratch.join(name);
    std::fs::copy(&cluster.known, &script)?;
    Ok(script)
}

fn is_rewritten(job: &Job) -> bool {
    job.record()["memory"]["mode"] == "apply"
}

/// Submits as fast as sbatch can, by four at a time. Returns the jobs, once they are all there.
fn burst(cluster: &Cluster, script: &Path, count: usize) -> Result<Vec<Job>> {
    let one =
        "seq \"$1\" | xargs -P4 -I{} sbatch --parsable --output=/dev/null --mem=\"$2\" \"$0\"";
    let words = [
        script.display().to_string(),
        count.to_string(),
        REQUEST_MIB.to_string(),
    ];
    let command = ["bash", "-c", one, &words[0], &words[1], &words[2]];
    let ids = cluster.run("bob", &command)?;
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

/// The stage of bob's kind with this name, as the report has it.
fn standing(cluster: &Cluster, name: &str) -> Result<Vec<String>> {
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
    let of_kind = |line: &&str| {
        line.split('|')
            .next()
            .is_some_and(|kind| kind.ends_with(name))
    };
    let line = report
        .lines()
        .find(of_kind)
        .ok_or_else(|| format!("no {name} in {report}"))?;
    Ok(line.split('|').skip(12).map(str::to_owned).collect())
}

pub fn a_burst_is_rewritten_as_far_as_its_kind_has_earned_trust(
    cluster: &mut Cluster,
) -> Result<()> {
    cluster.configure("[trust]\n")?;
    let script = quick(cluster, "earns.sh")?;
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
                job.memory_mib == Some(REQUEST_MIB) && why.starts_with("its kind is on trial"),
                job.comment.clone(),
            )?;
        }
        end(cluster, &jobs)?;
        let standing = standing(cluster, "earns.sh")?;
        ensure(standing[0] == stage, format!("{trusted}: {standing:?}"))?;
    }
    Ok(())
}

pub fn a_harm_takes_trust_back_and_good_runs_earn_it_again(cluster: &mut Cluster) -> Result<()> {
    cluster.configure("[trust]\nstages = [1]\n")?;
    let script = hold(cluster, "grows.sh")?;
    let submit = |need: u64| {
        let id = cluster.submit("bob", &["--mem=2000"], &script, &[&need.to_string()])?;
        cluster.job(id)
    };
    let run = |count| -> Result<()> {
        let jobs: Vec<Job> = (0..count).map(|_| submit(60)).collect::<Result<_>>()?;
        ensure(!jobs.iter().any(is_rewritten), "one is rewritten")?;
        end(cluster, &jobs)
    };
    run(3)?;
    let first = submit(60)?;
    ensure(is_rewritten(&first), first.comment.clone())?;
    end(cluster, &[first])?;
    let grown = submit(60)?;
    let set = grown.memory_mib.unwrap_or(2000);
    end(cluster, &[grown])?;
    let harmed = submit(set * 3 / 2)?;
    ensure(is_rewritten(&harmed), harmed.comment.clone())?;
    cluster.wait_for(harmed.id, "OUT_OF_MEMORY")?;
    let pass = cluster.pass()?;
    ensure(pass.contains("requeued: 1, given_back: 1"), pass)?;
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
    end(cluster, &[next, harmed])?;
    let harm = standing(cluster, "grows.sh")?;
    ensure(
        harm[0] == "0" && harm[1] == "1/3" && harm[3] == "harmed: 2 of 6 runs ended well since",
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
    let script = quick(cluster, "waits.sh")?;
    let id = cluster.submit("bob", &["--mem=7000", "--array=1-60"], &script, &[])?;
    let (mut rewritten, mut well) = (BTreeSet::new(), BTreeSet::new());
    let mut most = 0;
    eventually("sixty completed tasks", 240, || {
        cluster.pass()?;
        let jobs = cluster.jobs()?;
        for job in jobs.iter().filter(|job| job.id >= id && is_rewritten(job)) {
            rewritten.insert(job.id);
            if job.state == "COMPLETED" {
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
