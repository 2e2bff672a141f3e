//! Whatever of ours is missing, stale, corrupt or panicking: jobs are accepted, slurmctld lives, and
//! no outcome is lost or doubled.

use crate::cluster::{Cluster, Result, checked, ensure, eventually, panicking_core};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub fn a_damaged_snapshot_changes_nothing(cluster: &mut Cluster) -> Result<()> {
    let good = cluster.good_snapshot().to_vec();
    let mut next_version = good.clone();
    next_version[8] += 1;
    let damages: [(&str, Vec<u8>); 3] = [
        ("cut short", good[..good.len() / 2].to_vec()),
        ("version", next_version),
        ("no snapshot", b"0123456789".repeat(20)),
    ];
    for (what, bytes) in damages {
        cluster.publish(&bytes)?;
        cluster.is_well()?;
        let log = cluster.log()?;
        ensure(
            log.contains("the last good snapshot stays in use") && log.contains(what),
            format!("{what}: {log}"),
        )?;
    }
    // After a restart there is no last good one: jobs pass.
    std::fs::remove_file(cluster.snapshot())?;
    cluster.restart_slurmctld()?;
    cluster.is_as_written(&cluster.submit_known(&[])?)?;
    cluster.publish(&good)?;
    cluster.is_well()
}

/// Four that submit known jobs, each as many.
struct Storm(Vec<Child>);

impl Storm {
    fn start(cluster: &Cluster, each: u32) -> Result<Storm> {
        let known = cluster.known.display().to_string();
        let each = each.to_string();
        let line = "for n in $(seq $1); do sbatch --parsable --hold --mem=4000 -c2 \"$0\" 105 || exit 1; done";
        let submit = || {
            let mut command = cluster.command("alice", &["bash", "-c", line, &known, &each]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        Ok(Storm(
            (0..4).map(|_| submit()).collect::<std::io::Result<_>>()?,
        ))
    }

    fn end(self) -> Result<()> {
        let mut all_submitted = true;
        for mut child in self.0 {
            all_submitted &= child.wait()?.success();
        }
        ensure(all_submitted, "a submission failed")
    }
}

pub fn a_snapshot_replaced_a_thousand_times_in_a_storm(cluster: &mut Cluster) -> Result<()> {
    let storm = Storm::start(cluster, 40)?;
    let good = cluster.good_snapshot().to_vec();
    for round in 0..1000 {
        // Every third one is damaged on its way.
        let length = if round % 3 == 0 {
            good.len() / 2
        } else {
            good.len()
        };
        cluster.publish(&good[..length])?;
        std::thread::sleep(Duration::from_millis(3));
    }
    storm.end()?;
    let jobs: Vec<_> = cluster
        .jobs()?
        .into_iter()
        .filter(|job| job.state == "PENDING")
        .collect();
    ensure(jobs.len() == 160, format!("{} jobs", jobs.len()))?;
    jobs.iter().try_for_each(|job| cluster.is_rewritten(job))
}

pub fn a_missing_core_lets_jobs_pass(cluster: &mut Cluster) -> Result<()> {
    with_core(cluster, None, |cluster| {
        cluster.is_as_written(&cluster.submit_known(&[])?)?;
        let log = cluster.log()?;
        ensure(
            log.contains("every job passes unchanged: ") && log.contains("libshadowfit_core.so"),
            log,
        )
    })
}

pub fn a_core_of_another_abi_lets_jobs_pass(cluster: &mut Cluster) -> Result<()> {
    let other = core_of_another_abi(cluster)?;
    with_core(cluster, Some(&other), |cluster| {
        cluster.is_as_written(&cluster.submit_known(&[])?)?;
        let log = cluster.log()?;
        ensure(log.contains("speaks ABI 999"), log)
    })
}

fn core_of_another_abi(cluster: &Cluster) -> Result<Vec<u8>> {
    let source = cluster.scratch.join("other.c");
    let other = cluster.scratch.join("other.so");
    std::fs::write(&source, "unsigned shadowfit_abi(void) { return 999; }\n")?;
    checked(
        Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(&other)
            .arg(&source),
    )?;
    Ok(std::fs::read(other)?)
}

/// An upgrade while jobs are submitted: slurmctld keeps the core that it has mapped, whatever is put in the place of the file,
/// and has the new one from its next start on.
pub fn a_core_put_in_place_under_load_counts_from_the_next_start(
    cluster: &mut Cluster,
) -> Result<()> {
    let path = cluster.dir.join("plugins/libshadowfit_core.so");
    let (right, other) = (std::fs::read(&path)?, core_of_another_abi(cluster)?);
    let met = core_under_load(cluster, &path, &right, &other);
    // The others' tests need the right one, whatever came of this.
    put_in_place(&path, &right)?;
    cluster.restart_slurmctld()?;
    met?;
    cluster.is_well()
}

fn core_under_load(cluster: &mut Cluster, path: &Path, right: &[u8], other: &[u8]) -> Result<()> {
    let storm = Storm::start(cluster, 50)?;
    for round in 0..100 {
        put_in_place(path, if round % 2 == 0 { right } else { other })?;
        std::thread::sleep(Duration::from_millis(20));
    }
    storm.end()?;
    let jobs = cluster.jobs()?;
    let jobs: Vec<_> = jobs.iter().filter(|job| job.state == "PENDING").collect();
    ensure(jobs.len() == 200, format!("{} jobs", jobs.len()))?;
    jobs.iter().try_for_each(|job| cluster.is_rewritten(job))?;
    cluster.restart_slurmctld()?;
    cluster.is_as_written(&cluster.submit_known(&[])?)
}

/// As scripts/install puts a file in the place of another.
fn put_in_place(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes)?;
    Ok(std::fs::rename(new, path)?)
}

pub fn a_panic_in_the_core_lets_the_job_pass(cluster: &mut Cluster) -> Result<()> {
    let panicking = std::fs::read(panicking_core())?;
    with_core(cluster, Some(&panicking), |cluster| {
        for _ in 0..3 {
            cluster.is_as_written(&cluster.submit_known(&["-J", "panic"])?)?;
        }
        let log = cluster.log()?;
        ensure(
            log.contains("internal error, this job passes unchanged")
                && log.contains("a panic on demand"),
            log,
        )?;
        // The same core still sizes other jobs.
        cluster.is_well()
    })
}

/// SIGKILL at random moments of a pass, jobs ending all the while; then one whole pass.
pub fn a_killed_agent_loses_and_doubles_nothing(cluster: &mut Cluster) -> Result<()> {
    let script = cluster.scratch.join("quick.sh");
    std::fs::write(&script, "#!/bin/sh\nsleep 0.3\n")?;
    for round in 0u64..25 {
        cluster.submit("bob", &["--mem=100"], &script, &[])?;
        let agent = cluster.dir.join("agent.pid");
        let line = format!("echo $$ >{}; exec shadowfitd --once", agent.display());
        let mut child = cluster
            .command("root", &["bash", "-c", &line])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        std::thread::sleep(Duration::from_millis(10 + round * 13 % 170));
        // Every wrapper has replaced itself by the next: the child is the agent.
        let _ = child.kill();
        child.wait()?;
    }
    eventually("all jobs' end", 60, || {
        Ok(cluster.run("root", &["squeue", "-h"])?.is_empty())
    })?;
    // A core file, a half-written snapshot or a lock left behind would show here.
    eventually("a whole pass", 10, || Ok(cluster.pass().is_ok()))?;
    cluster.books_agree()?;
    checked(&mut cluster.command("root", &["shadowfit", "report"]))?;
    cluster.is_well()
}

/// SIGKILL for samplers, a slurmstepd, a slurmd, slurmctld and slurmdbd in turn while 50 jobs run: every
/// job ends, and the outcome of each arrives once.
pub fn fifty_jobs_outlive_every_kill(cluster: &mut Cluster) -> Result<()> {
    let script = cluster.scratch.join("steady.sh");
    std::fs::write(&script, "#!/bin/sh\nsleep $1\n")?;
    // Those that are to lose something still run when all are submitted.
    let seconds = |n: usize| if n < 4 { "45" } else { "15" };
    let submit = |n: usize| {
        cluster.submit(
            ["alice", "bob"][n % 2],
            &["--mem=100"],
            &script,
            &[seconds(n)],
        )
    };
    let jobs: Vec<u64> = (0..50).map(submit).collect::<Result<_>>()?;
    cluster.wait_for(jobs[0], "RUNNING")?;
    // What slurmctld has not saved yet is lost with it, whoever's plugins it has: it saves every 5 s.
    std::thread::sleep(Duration::from_secs(7));
    for job in &jobs[..3] {
        cluster.kill_process(&format!("shadowfit-sampler job --job {job} "))?;
    }
    let orphan = jobs[3].to_string();
    let node = cluster.run("root", &["squeue", "-h", "-o", "%N", "-j", &orphan])?;
    cluster.kill_process(&format!("slurmstepd: \\[{orphan}.batch\\]"))?;
    for service in ["slurmctld", "slurmdbd", &node] {
        cluster.kill(service)?;
        cluster.start(service)?;
        std::thread::sleep(Duration::from_secs(3));
    }
    // A job without its slurmstepd is missed as its node registers anew, 20 s after slurmctld heard of it
    // last (BatchStartTimeout and MessageTimeout); then it runs again.
    eventually("the job without slurmstepd is put back", 90, || {
        cluster.stop(&node)?;
        cluster.start(&node)?;
        std::thread::sleep(Duration::from_secs(4));
        let waiting = ["squeue", "-h", "-t", "PENDING", "-j", &orphan];
        Ok(!cluster.run("root", &waiting)?.is_empty())
    })?;
    let job = format!("JobId={orphan}");
    cluster.run("root", &["scontrol", "update", &job, "StartTime=now"])?;
    eventually("all jobs' end", 120, || {
        Ok(cluster.run("root", &["squeue", "-h"])?.is_empty())
    })?;
    let all: Vec<String> = jobs.iter().map(u64::to_string).collect();
    let mut completed = 0;
    let done = eventually("all completed in accounting", 60, || {
        completed = cluster.completed(&all.join(","))?;
        Ok(completed == jobs.len())
    });
    done.map_err(|_| format!("{completed} of {} jobs completed", jobs.len()))?;
    cluster.books_agree()?;
    cluster.is_well()
}

pub fn an_absent_slurmdbd_loses_nothing(cluster: &mut Cluster) -> Result<()> {
    cluster.stop("slurmdbd")?;
    let known = cluster.known.clone();
    let sized = cluster.submit("alice", &["--mem=4000", "-c2"], &known, &["105"])?;
    let dies = cluster.submit("alice", &["--mem=4000", "-c2"], &known, &["600"])?;
    cluster.wait_for(sized, "COMPLETED")?;
    cluster.wait_for_death(dies)?;
    // A pass fails where it needs accounting, and still rescues, once the node has cleared away what died.
    let failed = cluster.pass();
    let rescued = eventually("the rescue", 30, || {
        let _accounting_is_silent = cluster.pass();
        Ok(cluster.job(dies)?.record()["again"]["restarts"] == 1)
    });
    cluster.start("slurmdbd")?;
    ensure(failed.is_err(), "a pass without slurmdbd says nothing")?;
    rescued?;
    // What its kind is known to need may want a third run.
    eventually("the rescued job completed", 120, || {
        cluster.pass()?;
        Ok(cluster.job(dies)?.state == "COMPLETED")
    })?;
    eventually("accounting caught up", 60, || {
        Ok(cluster.completed(&format!("{sized},{dies}"))? == 2)
    })?;
    cluster.books_agree()
}

pub fn a_restart_of_slurmctld_keeps_what_was_set(cluster: &mut Cluster) -> Result<()> {
    let before = cluster.submit_known(&[])?;
    cluster.is_rewritten(&before)?;
    cluster.restart_slurmctld()?;
    let after = cluster.job(before.id)?;
    cluster.is_rewritten(&after)?;
    ensure(after.comment == before.comment, after.comment)?;
    cluster.run("root", &["scontrol", "release", &before.id.to_string()])?;
    cluster.wait_for(before.id, "COMPLETED")
}

/// Runs `body` with another core, or none, and puts the right one back whatever happens.
fn with_core(
    cluster: &mut Cluster,
    core: Option<&[u8]>,
    body: impl FnOnce(&Cluster) -> Result<()>,
) -> Result<()> {
    let path = cluster.dir.join("plugins/libshadowfit_core.so");
    let right = std::fs::read(&path)?;
    cluster.stop("slurmctld")?;
    std::fs::remove_file(&path)?;
    core.map(|core| std::fs::write(&path, core)).transpose()?;
    cluster.start("slurmctld")?;
    let result = body(cluster);
    cluster.stop("slurmctld")?;
    std::fs::write(&path, right)?;
    cluster.start("slurmctld")?;
    result?;
    cluster.is_well()
}
