//! Two slurmctld with one StateSaveLocation, and an agent beside each.

use crate::cluster::{Cluster, Result, ensure, eventually};
use crate::shadow::{enable, write_script};
use std::path::PathBuf;
use std::process::{Child, Stdio};

/// The second controller has a name of its own and the next address of the loopback, both in namespaces that end with it.
const SECOND_NAME: &str = "second";
const SECOND_ADDRESS: &str = "127.0.0.2";

/// A process of this test, which ends with it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The cluster with a second controller; without it again when this is dropped.
struct Pair<'a> {
    cluster: &'a Cluster,
    alone: String,
}

impl<'a> Pair<'a> {
    fn up(cluster: &'a Cluster) -> Result<Pair<'a>> {
        let conf = cluster.dir.join("etc/slurm.conf");
        let alone = std::fs::read_to_string(&conf)?;
        let pair = Pair { cluster, alone };
        let second = format!(
            "SlurmctldHost={SECOND_NAME}({SECOND_ADDRESS})\nSlurmctldTimeout=4\nSlurmctldPort="
        );
        let both = pair.alone.replacen("SlurmctldPort=", &second, 1);
        std::fs::write(&conf, &both)?;
        // Each host has the same files, but these are on one machine.
        let own = |name: &str| both.replace(&format!("{name}."), &format!("{name}-{SECOND_NAME}."));
        let etc = pair.second_etc();
        std::fs::create_dir_all(&etc)?;
        std::fs::write(etc.join("slurm.conf"), own("/slurmctld"))?;
        for file in ["shadowfit.toml", "cgroup.conf", "plugstack.conf"] {
            std::os::unix::fs::symlink(conf.with_file_name(file), etc.join(file))?;
        }
        let hosts = std::fs::read_to_string("/etc/hosts")?;
        let hosts = format!("{hosts}\n{SECOND_ADDRESS} {SECOND_NAME}\n");
        std::fs::write(etc.join("hosts"), hosts)?;
        pair.restart()?;
        Ok(pair)
    }

    /// A slurmctld knows of another one from its start on, nodes from when they are told to read slurm.conf anew.
    fn restart(&self) -> Result<()> {
        self.cluster.restart_slurmctld()?;
        self.cluster
            .run("root", &["scontrol", "reconfigure"])
            .map(drop)
    }

    fn second_etc(&self) -> PathBuf {
        self.cluster.dir.join("etc-second")
    }

    /// Starts a program as on the second host.
    fn on_second(&self, program: &str) -> Result<Process> {
        let line = "hostname \"$1\"; mount --bind \"$2/hosts\" /etc/hosts; export SLURM_CONF=\"$2/slurm.conf\"; exec $3";
        let etc = self.second_etc().display().to_string();
        // What a slurmctld starts would outlive it, but for the namespace.
        let apart = [
            "unshare",
            "--uts",
            "--mount-proc",
            "--pid",
            "--fork",
            "--kill-child",
        ];
        let words = ["sh", "-c", line, "sh", SECOND_NAME, &etc, program];
        self.start(&[&apart[..], &words].concat())
    }

    fn start(&self, words: &[&str]) -> Result<Process> {
        let mut command = self.cluster.command("root", words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Process(command.spawn()?))
    }

    /// Controller `which` of `primary` and `backup` answers.
    fn is_up(&self, which: &str) -> Result<bool> {
        // It fails where one of them does not answer.
        let said = self
            .cluster
            .command("root", &["scontrol", "ping"])
            .output()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let line = said.lines().find(|line| line.contains(which));
        Ok(line.is_some_and(|line| line.contains(" is UP")))
    }
}

impl Drop for Pair<'_> {
    fn drop(&mut self) {
        let _ = std::fs::write(self.cluster.dir.join("etc/slurm.conf"), &self.alone);
        let _ = self.restart();
        let _ = std::fs::remove_dir_all(self.second_etc());
    }
}

/// A job of a new kind for each of these modules of Python.
fn submit(cluster: &Cluster, module: &str) -> Result<u64> {
    let text = format!(
        "#!/bin/bash\npython3 -c 'import {module}, time; held = bytearray(60 << 20); time.sleep(3)'\n"
    );
    let script = write_script(cluster, &format!("{module}.sh"), &text)?;
    cluster.submit("alice", &["--mem=3000"], &script, &[])
}

fn shadows(cluster: &Cluster, job: u64) -> Result<usize> {
    let jobs = cluster.jobs()?;
    Ok(jobs.iter().filter(|one| one.is_shadow_of(job)).count())
}

/// It ran once, sized by its one shadow.
fn is_measured_once(cluster: &Cluster, job: u64) -> Result<()> {
    cluster.wait_for(job, "COMPLETED")?;
    let (count, seen) = (shadows(cluster, job)?, cluster.job(job)?);
    let restarts = cluster.run(
        "root",
        &[
            "squeue",
            "-h",
            "--states=all",
            "-O",
            "restartcnt",
            "-j",
            &job.to_string(),
        ],
    )?;
    ensure(
        count == 1 && seen.memory_mib.is_some_and(|mib| mib < 1000) && restarts == "0",
        format!(
            "job {job}: {count} shadows, {restarts} restarts, {}",
            seen.comment
        ),
    )
}

pub fn jobs_that_wait_outlive_a_takeover_and_the_agent_beside_it(
    cluster: &mut Cluster,
) -> Result<()> {
    enable(cluster, 60, "[agent]\ninterval_s = 5\n")?;
    let pair = Pair::up(cluster)?;
    let backup = pair.on_second("slurmctld -D")?;
    eventually("the second controller", 20, || pair.is_up("backup"))?;
    let first = pair.start(&["shadowfitd"])?;
    let before = submit(cluster, "pickletools")?;
    eventually("a shadow", 30, || Ok(shadows(cluster, before)? == 1))?;
    // It takes nothing in hand, and ends nothing, while the first one is at work.
    let _second = pair.on_second("shadowfitd")?;
    cluster.run("root", &["scontrol", "takeover"])?;
    eventually("the take-over", 30, || {
        Ok(!pair.is_up("primary")? && pair.is_up("backup")?)
    })?;
    // The second agent goes on where the first has ended.
    drop(first);
    is_measured_once(cluster, before)?;
    // The first one is back.
    cluster.start("slurmctld")?;
    eventually("the first controller", 60, || {
        Ok(pair.is_up("primary")? && pair.is_up("backup")?)
    })?;
    drop(backup);
    Ok(())
}
