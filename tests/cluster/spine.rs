//! The loop: submit, decide, run, learn, decide better.

use crate::cluster::{Cluster, Result, ensure, eventually, folder_for_all, other_release};
use std::path::Path;

pub fn a_known_kind_of_job_gets_what_it_needs(cluster: &mut Cluster) -> Result<()> {
    let known = cluster.known.clone();
    let printed = folder_for_all(cluster, "printed")?.join("known");
    let output = format!("--output={}", printed.display());
    let (id, said) = cluster.sbatch("alice", &["--mem=4000", "-c2", &output], &known, &["125"])?;
    cluster.is_rewritten(&cluster.job(id)?)?;
    ensure(
        said.starts_with("sbatch: shadowfit: memory 4G -> ")
            && said.contains("(4 runs, 99% were under"),
        format!("the user reads: {said}"),
    )?;
    cluster.wait_for(id, "COMPLETED")?;
    let printed = std::fs::read_to_string(&printed)?;
    ensure(
        printed.is_empty(),
        format!("the job prints nothing, and its output holds: {printed}"),
    )?;
    let own = own_output_of_a_job_that_submits(cluster, &known)?;
    ensure(
        !own.contains("shadowfit"),
        format!("a job's own output: {own}"),
    )?;
    let stranger = cluster.submit("bob", &["--mem=4000", "-c2"], &known, &["125"])?;
    cluster.is_as_written(&cluster.job(stranger)?)?;
    if other_release().as_deref() == Some("26.05") {
        memory_that_slurm_lowers_stays(cluster)?;
    }
    Ok(())
}

/// What stands there, the answer to its sbatch of a known kind included.
fn own_output_of_a_job_that_submits(cluster: &Cluster, known: &Path) -> Result<String> {
    let output = folder_for_all(cluster, "submits")?.join("output");
    let script = cluster.scratch.join("submits.sh");
    let submits = format!(
        "#!/bin/sh\nsbatch --mem=4000 -c2 --wait -o /dev/null {} 125\n",
        known.display()
    );
    std::fs::write(&script, submits)?;
    let output_option = format!("--output={}", output.display());
    let job = cluster.submit("alice", &["--mem=100", &output_option], &script, &[])?;
    cluster.wait_for(job, "COMPLETED")?;
    let own = std::fs::read_to_string(&output)?;
    ensure(own.contains("Submitted batch job"), own.clone())?;
    Ok(own)
}

/// 26.05 takes it back itself from a job that runs, where its user says so.
fn memory_that_slurm_lowers_stays(cluster: &Cluster) -> Result<()> {
    let known = cluster.known.clone();
    let options = ["--mem=4000", "-c2", "--hold", "--mem-update=20@5"];
    let job = cluster.submit("alice", &options, &known, &["125"])?;
    let job = cluster.job(job)?;
    ensure(
        job.memory_mib == Some(4000) && job.cpus == 1,
        format!(
            "{:?} MB, {} CPUs: {}",
            job.memory_mib, job.cpus, job.comment
        ),
    )
}

pub fn memory_per_cpu_keeps_its_form(cluster: &mut Cluster) -> Result<()> {
    let known = cluster.known.clone();
    let id = cluster.submit(
        "alice",
        &["--mem-per-cpu=2000", "-c2", "--hold"],
        &known,
        &["125"],
    )?;
    let shown = cluster.run("root", &["scontrol", "show", "job", &id.to_string()])?;
    ensure(
        shown.contains("MinMemoryCPU=1") && shown.contains("CPUs/Task=1"),
        shown,
    )
}

/// The array fills the cluster's memory, so that most of it still waits when the first tasks end.
pub fn the_first_tasks_of_an_array_size_the_rest(cluster: &mut Cluster) -> Result<()> {
    let script = cluster.scratch.join("array.sh");
    std::fs::write(
        &script,
        "#!/bin/bash\npython3 -c 'import time; held = bytearray(90 << 20); time.sleep(2.5)'\n",
    )?;
    let id = cluster.submit("bob", &["--mem=7000", "--array=1-40"], &script, &[])?;
    eventually("tasks sized while they wait", 40, || {
        cluster.pass()?;
        let pending: Vec<_> = cluster
            .jobs()?
            .into_iter()
            .filter(|job| job.state == "PENDING")
            .collect();
        Ok(pending
            .iter()
            .any(|job| job.id == id && job.memory_mib.is_some_and(|mib| (80..300).contains(&mib))))
    })?;
    eventually("forty completed tasks", 90, || {
        Ok(cluster.completed(&id.to_string())? == 40)
    })
}

pub fn a_change_by_hand_is_respected(cluster: &mut Cluster) -> Result<()> {
    let job = cluster.submit_known(&[])?;
    cluster.run(
        "root",
        &[
            "scontrol",
            "update",
            &format!("JobId={}", job.id),
            "MinMemoryNode=3000",
        ],
    )?;
    cluster.configure("[cpus]\nmargin = 1.0\n")?;
    cluster.pass()?;
    let memory = cluster.job(job.id)?.memory_mib;
    ensure(memory == Some(3000), format!("{memory:?}"))
}

/// One job needs half as much again as it is given, one four times as much; both die of it. Each pass is another
/// agent's, and slurmctld is restarted before the second runs end.
pub fn a_job_that_dies_of_the_rewrite_runs_again(cluster: &mut Cluster) -> Result<()> {
    let known = cluster.known.clone();
    let set = cluster.submit_known(&[])?.memory_mib.unwrap_or(0);
    cluster.cancel_all()?;
    let submit = |need: u64| {
        let id = cluster.submit(
            "alice",
            &["--mem=4000", "-c2"],
            &known,
            &[&need.to_string()],
        )?;
        cluster.is_rewritten(&cluster.job(id)?)?;
        Ok::<u64, libtest_mimic::Failed>(id)
    };
    let (little, much) = (submit(set * 3 / 2)?, submit(set * 4)?);
    let after = format!("--dependency=afterok:{much}");
    let dependent = cluster.submit("alice", &["--mem=4000", "-c2", &after], &known, &["105"])?;
    cluster.wait_for_death(little)?;
    cluster.wait_for_death(much)?;
    cluster.give_back(2)?;
    for id in [little, much] {
        let job = cluster.job(id)?;
        let has_twice = job.memory_mib == Some(2 * set) && job.cpus == 2;
        ensure(
            has_twice && job.record()["again"]["first"] == set,
            format!("{set}: {:?} {}", job.memory_mib, job.comment),
        )?;
    }
    cluster.restart_slurmctld()?;
    cluster.wait_for(little, "COMPLETED")?;
    cluster.wait_for_death(much)?;
    cluster.give_back(1)?;
    cluster.is_as_written(&cluster.job(much)?)?;
    cluster.wait_for(much, "COMPLETED")?;
    cluster.wait_for(dependent, "COMPLETED")?;
    cluster.pass()?;
    let last = cluster.pass()?;
    ensure(last.contains("requeued: 0, given_back: 0"), last)?;
    cluster.books_agree()?;
    for (id, killed, told) in [(little, 1, "the second run"), (much, 2, "the third run")] {
        let id = id.to_string();
        let report = cluster.run("root", &["shadowfit", "report", "--json", "-j", &id])?;
        let report: serde_json::Value = serde_json::from_str(&report)?;
        let total = &report["total"];
        ensure(
            total["killed"] == killed && total["rescues"] == 1,
            total.to_string(),
        )?;
        let explained = cluster.run("root", &["shadowfit", "explain", &id])?;
        // By its end, or by its node before that.
        let harms = [
            "it died of its memory limit",
            "it was killed for want of memory",
        ];
        let is_told = |harm: &&str| explained.contains(&format!("harmed    {harm}"));
        ensure(
            explained.contains(told) && harms.iter().any(is_told),
            explained,
        )?;
    }
    Ok(())
}

pub fn report_explain_and_doctor_tell_what_happened(cluster: &mut Cluster) -> Result<()> {
    let job = cluster.submit_known(&[])?;
    let queued = cluster.run("root", &["shadowfit", "explain", &job.id.to_string()])?;
    ensure(
        queued.contains("asked     --mem=4000M") || queued.contains("asked     --mem=4G"),
        queued,
    )?;
    let predicted = cluster.run(
        "alice",
        &[
            "shadowfit",
            "predict",
            &cluster.known.display().to_string(),
            "--mem=4000",
            "-c2",
            "--",
            "105",
        ],
    )?;
    let set = format!("set       memory 4G -> {}M", job.memory_mib.unwrap_or(0));
    ensure(
        predicted.contains(&set),
        format!("{predicted}\nlacks: {set}"),
    )?;
    cluster.pass()?;
    let report = cluster.run("root", &["shadowfit", "report", "-P", "-u", "alice"])?;
    ensure(
        report.lines().count() == 3 && report.contains("\nalice|"),
        report,
    )?;
    let health = cluster.command("root", &["shadowfit", "doctor"]).output()?;
    let health = String::from_utf8(health.stdout)?;
    // Under cgroup v2 releases before 25.11 count page cache, and nothing mends that.
    let failed = |line: &str| line.starts_with("FAIL") && !line.contains("page cache in MaxRSS");
    ensure(health.contains("ok") && !health.lines().any(failed), health)
}

/// The database is the agent's alone; a user sees by `shadowfit` what sacct shows, and cannot hold the agent up.
pub fn users_read_their_jobs_from_sacct_and_cannot_lock_the_agent_out(
    cluster: &mut Cluster,
) -> Result<()> {
    let known = cluster.known.clone();
    let job = cluster.submit("alice", &["--mem=4000", "-c2"], &known, &["105"])?;
    cluster.wait_for(job, "COMPLETED")?;
    cluster.pass()?;
    let id = job.to_string();
    let state = cluster.snapshot();
    let state = state.parent().expect("the snapshot lies in a folder");
    let all = "find \"$1\" ! -path \"$1\"";
    let state = state.display().to_string();
    let all = cluster.run("root", &["sh", "-c", all, "sh", &state])?;
    let opens = |path: &str| -> Result<bool> {
        let output = cluster
            .command("alice", &["flock", "-n", path, "true"])
            .output()?;
        Ok(output.status.success())
    };
    let mut opened = Vec::new();
    for path in all.lines() {
        if opens(path)? {
            opened.push(path);
        }
    }
    let snapshot = cluster.snapshot().display().to_string();
    ensure(
        opened == [snapshot] && all.contains("/jobs.db") && all.contains("/agent.lock"),
        format!("alice opened {opened:?} of {all}"),
    )?;
    let listed = cluster.command("alice", &["ls", &state]).output()?;
    ensure(!listed.status.success(), "alice listed the agent's folder")?;
    for user in ["root", "alice"] {
        let explained = cluster.run(user, &["shadowfit", "explain", &id])?;
        ensure(
            explained.contains(&format!("JobId={id} ")) && explained.contains("set       memory"),
            format!("{user}: {explained}"),
        )?;
        let report = cluster.run(user, &["shadowfit", "report", "-P", "-u", "alice"])?;
        ensure(report.contains("\nalice|"), format!("{user}: {report}"))?;
    }
    cluster.pass().map(drop)
}

pub fn a_dump_as_json_says_what_the_other_one_says(cluster: &mut Cluster) -> Result<()> {
    let command = cluster.run("root", &["shadowfit", "import", "--print-command"])?;
    let plain: Vec<&str> = command.split_whitespace().collect();
    let which = plain.iter().position(|word| *word == "--starttime");
    let which = &plain[which.ok_or("no --starttime")?..plain.len() - 2];
    let json = [&["sacct", "--allusers", "--duplicates", "--json"], which].concat();
    let mut figures = Vec::new();
    for command in [plain, json] {
        let dump = cluster.scratch.join("dump");
        std::fs::write(&dump, cluster.run("root", &command)?)?;
        let dump = dump.display().to_string();
        let replayed = cluster.run("root", &["shadowfit", "replay", "--json", "--sacct", &dump])?;
        let replayed: serde_json::Value = serde_json::from_str(&replayed)?;
        let names = ["n", "used_gbh", "request_waste_gbh", "cpu_waste_core_h"];
        figures.push(names.map(|name| replayed[name].as_f64().unwrap_or(0.0)));
    }
    // Sums of the same numbers in another order; and CPU time has three decimals in the one and six in the other.
    let tolerances = [0.0, 1e-9, 1e-9, 0.01];
    let near = |n: usize| {
        let (text, json) = (figures[0][n], figures[1][n]);
        text > 0.0 && (text - json).abs() <= tolerances[n] * text
    };
    let is_same = (0..tolerances.len()).all(near);
    ensure(figures[0][0] >= 4.0 && is_same, format!("{figures:?}"))
}
