//! A site's own plugins beside ours: what they change before us counts, what they say is heard, and what they undo or
//! refuse is told.

use crate::cluster::{Cluster, Job, Result, ensure, eventually};
use crate::shadow::{enable, write_script};
use std::path::Path;
use std::time::Duration;

/// Says hello, and changes a job in the way that its name says. Memory of a job that waits is not for anybody to change.
const LUA: &str = r#"
function slurm_job_submit(job, partitions, uid)
    slurm.log_user("site: welcome")
    if job.name == "more-cpus" then job.min_cpus = 4 end
    if job.name == "less-memory" then job.pn_min_memory = 3000 end
    if job.name == "own-comment" then job.admin_comment = "ticket 5" end
    return slurm.SUCCESS
end
function slurm_job_modify(job, record, partitions, uid)
    if job.pn_min_memory ~= nil and job.pn_min_memory < 2^40 then return slurm.ERROR end
    return slurm.SUCCESS
end
return slurm.SUCCESS
"#;

/// Runs `check` where slurmctld has these plugins, and puts back what was there.
fn beside_lua(
    cluster: &Cluster,
    plugins: &str,
    check: impl FnOnce(&Cluster) -> Result<()>,
) -> Result<()> {
    let conf = cluster.dir.join("etc/slurm.conf");
    let before = std::fs::read_to_string(&conf)?;
    let with_lua = before.replace(
        "JobSubmitPlugins=shadowfit",
        &format!("JobSubmitPlugins={plugins}"),
    );
    std::fs::write(cluster.dir.join("etc/job_submit.lua"), LUA)?;
    std::fs::write(&conf, with_lua)?;
    let checked = restart(cluster).and_then(|()| check(cluster));
    std::fs::write(&conf, before)?;
    restart(cluster)?;
    checked
}

/// Runs `check` where slurmctld holds jobs to the limits of their associations.
fn where_limits_hold(cluster: &Cluster, check: impl FnOnce(&Cluster) -> Result<()>) -> Result<()> {
    let conf = cluster.dir.join("etc/slurm.conf");
    let before = std::fs::read_to_string(&conf)?;
    let enforce = "AccountingStorageEnforce=associations";
    ensure(before.contains(enforce), "the cluster enforces something")?;
    std::fs::write(&conf, before.replace(enforce, &format!("{enforce},limits")))?;
    let checked = restart(cluster).and_then(|()| check(cluster));
    cluster.cancel_all()?;
    std::fs::write(&conf, before)?;
    restart(cluster)?;
    checked
}

/// Slurm asks no limit for what an operator has set in a job.
pub fn what_the_agent_changes_stays_within_its_users_limits(cluster: &mut Cluster) -> Result<()> {
    where_limits_hold(cluster, |cluster| {
        let checked = keeps_within_limits(cluster);
        let [of_users, of_jobs] =
            ["MaxTRESPerUser", "MaxTRESPerJob"].map(|which| limit(cluster, which, "mem=-1"));
        checked.and(of_users).and(of_jobs)
    })
}

/// A shadow counts among its user's jobs.
pub fn a_job_whose_shadow_a_limit_refuses_starts_without_it(cluster: &mut Cluster) -> Result<()> {
    where_limits_hold(cluster, |cluster| {
        limit(cluster, "MaxSubmitJobsPerUser", "1")?;
        let checked = starts_without_a_shadow(cluster);
        limit(cluster, "MaxSubmitJobsPerUser", "-1")?;
        checked
    })
}

fn starts_without_a_shadow(cluster: &Cluster) -> Result<()> {
    enable(cluster, 60, "")?;
    let script = write_script(cluster, "alone.sh", "#!/bin/bash\n: alone\nsleep 1\n")?;
    let (job, said) = cluster.sbatch("alice", &["--mem=1000"], &script, &[])?;
    ensure(said.contains("a new kind of job"), said)?;
    let pass = cluster.pass_as_root()?;
    ensure(pass.contains("shadows_started: 0"), pass)?;
    let refused = cluster.job(job)?;
    ensure(
        refused.comment.contains("QOSMaxSubmitJobPerUserLimit"),
        refused.comment,
    )?;
    // Long before a window would be over.
    eventually("its end", 30, || Ok(cluster.job(job)?.state == "COMPLETED"))
}

/// What one user's running jobs may have together, or each of them.
fn limit(cluster: &Cluster, which: &str, most: &str) -> Result<()> {
    let to = format!("{which}={most}");
    let words = [
        "sacctmgr", "-i", "-Q", "modify", "qos", "normal", "set", &to,
    ];
    cluster.run("root", &words).map(drop)
}

fn keeps_within_limits(cluster: &Cluster) -> Result<()> {
    cluster.configure("")?;
    let script = write_script(
        cluster,
        "limited.sh",
        "#!/bin/bash\npython3 -c 'import time; limited = bytearray(90 << 20); time.sleep(6)'\n",
    )?;
    for _ in 0..3 {
        let job = cluster.submit("alice", &["--mem=1000", "-c2"], &script, &[])?;
        cluster.wait_for(job, "COMPLETED")?;
    }
    let held = ["--mem=1000", "-c2", "--hold"];
    let jobs: Vec<u64> = (0..4)
        .map(|_| cluster.submit("alice", &held, &script, &[]))
        .collect::<Result<_>>()?;
    limit(cluster, "MaxTRESPerUser", "mem=250")?;
    let pass = cluster.pass()?;
    ensure(pass.contains("decided_again: 4"), pass)?;
    for job in &jobs {
        cluster.run("root", &["scontrol", "release", &job.to_string()])?;
    }
    let mut most = 0;
    eventually("all of them completed", 120, || {
        let all = cluster.jobs()?;
        let of = |state: &str| {
            let own = all.iter().filter(|job| jobs.contains(&job.id));
            own.filter(|job| job.state == state).count()
        };
        most = most.max(of("RUNNING"));
        Ok(of("COMPLETED") == jobs.len())
    })?;
    ensure(most == 2, format!("{most} ran at once, with room for two"))?;
    a_job_that_runs_again_does_so_too(cluster, &script)
}

/// What it asked for is above its user's limit: it runs with what it may have, or waits as it would without us.
fn a_job_that_runs_again_does_so_too(cluster: &Cluster, script: &Path) -> Result<()> {
    limit(cluster, "MaxTRESPerUser", "mem=-1")?;
    limit(cluster, "MaxTRESPerJob", "mem=500")?;
    let job = cluster.submit("alice", &["--mem=1000", "-c2"], script, &[])?;
    cluster.wait_for(job, "RUNNING")?;
    cluster.run("alice", &["scontrol", "requeue", &job.to_string()])?;
    // Its node clears the run before away.
    std::thread::sleep(Duration::from_secs(7));
    cluster.pass()?;
    let words = ["squeue", "-h", "-o", "%r", "-j", &job.to_string()];
    eventually("it is held to its limit", 180, || {
        let now = cluster.job(job)?;
        let is_above = now.memory_mib.is_some_and(|mib| mib > 500);
        ensure(
            !is_above || now.state == "PENDING",
            "it runs beyond its limit",
        )?;
        Ok(match is_above {
            true => cluster.run("root", &words)?.starts_with("QOSMax"),
            false => now.state == "COMPLETED",
        })
    })
}

fn restart(cluster: &Cluster) -> Result<()> {
    cluster.restart_slurmctld()?;
    cluster.let_the_plugin_look();
    Ok(())
}

fn problem(cluster: &Cluster, what: &str) -> Result<bool> {
    let output = cluster.command("root", &["shadowfit", "doctor"]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said
        .lines()
        .any(|line| line.starts_with(&format!("FAIL {what}:"))))
}

pub fn a_plugin_before_ours_is_heard_and_what_it_changes_counts(
    cluster: &mut Cluster,
) -> Result<()> {
    beside_lua(cluster, "lua,shadowfit", |cluster| {
        let known = ["--mem=4000", "-c2", "--hold"];
        let (_, said) = cluster.sbatch("alice", &known, &cluster.known, &["105"])?;
        ensure(
            said.contains("site: welcome") && said.contains("memory 4G -> "),
            format!("the user reads: {said}"),
        )?;
        let named = |name: &str| cluster.submit_known(&["-J", name]);
        let job = named("less-memory")?;
        let asked = &job.record()["memory"]["asked"];
        ensure(*asked == 3000, format!("asked {asked}"))?;
        has_its_cpus(&named("more-cpus")?)?;
        cluster.is_as_written(&named("own-comment")?)?;
        ensure(!problem(cluster, "plugin order")?, "the order is well")
    })
}

/// Four, as the site says; memory is sized all the same.
fn has_its_cpus(job: &Job) -> Result<()> {
    let record = job.record();
    ensure(
        job.cpus == 4 && record["cpus"].is_null() && record["memory"]["mode"] == "apply",
        format!("{} CPUs: {}", job.cpus, job.comment),
    )
}

pub fn what_a_plugin_undoes_or_refuses_is_told(cluster: &mut Cluster) -> Result<()> {
    beside_lua(cluster, "shadowfit,lua", |cluster| {
        ensure(problem(cluster, "plugin order")?, "the order is told")?;
        let job = cluster.submit("alice", &["--mem=4000", "-c2"], &cluster.known, &["600"])?;
        cluster.wait_for_death(job)?;
        eventually("the rescue", 20, || {
            cluster.pass()?;
            Ok(cluster.job(job)?.state == "PENDING")
        })?;
        eventually("the refusal is told", 20, || {
            cluster.pass()?;
            problem(cluster, "changes of jobs")
        })?;
        cluster.cancel_all()
    })
}

pub fn a_job_that_gets_whole_nodes_is_left_alone(cluster: &mut Cluster) -> Result<()> {
    let whole = [
        "PartitionName=whole",
        "Nodes=ALL",
        "OverSubscribe=EXCLUSIVE",
    ];
    cluster.run("root", &[&["scontrol", "create"], &whole[..]].concat())?;
    let passed = cluster.pass();
    cluster.let_the_plugin_look();
    let job = cluster.submit_known(&["-p", "whole"]);
    let other = cluster.submit_known(&["-p", "batch"]);
    let cancelled = cluster.cancel_all();
    cluster.run("root", &["scontrol", "delete", whole[0]])?;
    passed.and(cancelled)?;
    let job = job?;
    cluster.is_as_written(&job)?;
    let kept = &job.record()["kept"];
    ensure(*kept == "its partition gives whole nodes", kept.to_string())?;
    cluster.is_rewritten(&other?)
}
