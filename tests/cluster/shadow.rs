//! Shadows: what they show, what they cannot do, and what is left of them.

use crate::cluster::{
    Cluster, Result, checked, ensure, eventually, is_busy, other_release, patience,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Allocates MiB, keeps some threads busy for some seconds: `sh SCRIPT MIB THREADS SECONDS`.
const WORK: &str = r#"#!/bin/bash
python3 -c '
import sys, time
held = bytearray(int(sys.argv[1]) << 20)
' $1
for n in $(seq $2); do timeout $3 sh -c "while :; do :; done" & done
python3 -c '
import sys, time
held = bytearray(int(sys.argv[1]) << 20)
time.sleep(float(sys.argv[2]))
' $1 $3
wait
"#;

pub fn enable(cluster: &Cluster, window_s: u32, more: &str) -> Result<()> {
    cluster.configure(&format!(
        "[shadow]\nenabled = true\nmin_stake_gib_h = 0\nwindow_s = {window_s}\n{more}"
    ))?;
    cluster.let_the_plugin_look();
    Ok(())
}

pub fn write_script(cluster: &Cluster, name: &str, text: &str) -> Result<PathBuf> {
    let path = cluster.scratch.join(name);
    std::fs::write(&path, text)?;
    Ok(path)
}

/// Submits a job of a kind never seen and starts its shadow. Returns both job numbers.
pub fn submit_new_kind(
    cluster: &Cluster,
    options: &[&str],
    script: &Path,
    arguments: &[&str],
) -> Result<(u64, u64)> {
    let (job, said) = cluster.sbatch("alice", options, script, arguments)?;
    ensure(
        said.contains("a new kind of job"),
        format!("the user reads: {said}"),
    )?;
    let pass = pass_that_starts_a_shadow(cluster)?;
    ensure(pass.contains("shadows_started: 1"), pass)?;
    let shadow = shadow_of(cluster, job)?;
    Ok((job, shadow.ok_or("no shadow in the queue")?))
}

/// The first pass; on other releases the first after accounting knows how the job was submitted.
pub fn pass_that_starts_a_shadow(cluster: &Cluster) -> Result<String> {
    let mut pass = cluster.pass_as_root()?;
    for _ in 0..if other_release().is_some() { 20 } else { 0 } {
        if pass.contains("shadows_started: 1") {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
        pass = cluster.pass_as_root()?;
    }
    Ok(pass)
}

/// The job number of this job's shadow.
pub fn shadow_of(cluster: &Cluster, job: u64) -> Result<Option<u64>> {
    let mut jobs = cluster.jobs()?.into_iter();
    Ok(jobs
        .find(|one| one.is_shadow_of(job))
        .map(|shadow| shadow.id))
}

/// A shadow whose job never runs: for scripts that do harm.
pub fn shadow_alone(cluster: &Cluster, options: &[&str], script: &Path) -> Result<u64> {
    let (job, shadow) = submit_new_kind(cluster, options, script, &[])?;
    cluster.run("root", &["scancel", &job.to_string()])?;
    Ok(shadow)
}

/// Waits for the shadow's report.
pub fn counters(cluster: &Cluster, shadow: u64) -> Result<Value> {
    let mut found = Value::Null;
    eventually(&format!("a report of shadow {shadow}"), 300, || {
        found = cluster.job(shadow)?.record()["counters"].clone();
        Ok(!found.is_null())
    })?;
    Ok(found)
}

pub fn near(what: &str, value: &Value, low: f64, high: f64) -> Result<()> {
    let number = value.as_f64().unwrap_or(-1.0);
    ensure(
        (low..=high).contains(&number),
        format!("{what}: {number} is not in {low}..{high}"),
    )
}

pub fn a_new_kind_of_job_is_measured_and_starts_sized(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 30, "")?;
    let script = write_script(cluster, "work.sh", WORK)?;
    let was_busy = is_busy();
    let (job, shadow) =
        submit_new_kind(cluster, &["--mem=4000", "-c8"], &script, &["200", "3", "3"])?;
    let seen = counters(cluster, shadow)?;
    ensure(seen["ended"] == "finished", seen.to_string())?;
    near("peak_mib", &seen["peak_mib"], 200.0, 230.0)?;
    // An emulated machine stands still now and then, while the job's threads wait.
    let is_slow = patience() > 1 || was_busy;
    let most = if is_slow { 8.0 } else { 4.4 };
    // It has one CPU, and the kernel counts no waiting while that is withheld.
    near("demand_peak", &seen["demand_peak"], 2.1, most)?;
    let pass = cluster.pass_as_root()?;
    ensure(
        pass.contains("decided_again: 1") && pass.contains("shadows_ended: 1"),
        pass,
    )?;
    let sized = cluster.job(job)?;
    let memory = sized.memory_mib.unwrap_or(0);
    ensure(
        (200..400).contains(&memory) && sized.cpus < 8,
        format!("{memory} MB, {} CPUs: {}", sized.cpus, sized.comment),
    )?;
    cluster.wait_for(job, "COMPLETED")?;
    // The next one of this kind needs no shadow.
    let (again, said) = cluster.sbatch(
        "alice",
        &["--mem=4000", "-c8", "--hold"],
        &script,
        &["200", "3", "3"],
    )?;
    ensure(said.contains("a trial run says"), said)?;
    ensure(
        cluster.job(again)?.memory_mib == Some(memory),
        "the same size again",
    )?;
    nothing_is_left(cluster)
}

pub fn one_shadow_serves_all_jobs_of_its_kind(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 30, "")?;
    let script = write_script(
        cluster,
        "many.sh",
        "#!/bin/bash\npython3 -c 'import time; many = bytearray(150 << 20); time.sleep(2)'\n",
    )?;
    let first = cluster.submit("bob", &["--mem=3000"], &script, &[])?;
    for _ in 1..30 {
        cluster.submit("bob", &["--mem=3000"], &script, &[])?;
    }
    let array = cluster.submit("bob", &["--mem=3000", "--array=1-20"], &script, &[])?;
    let pass = cluster.pass_as_root()?;
    ensure(pass.contains("shadows_started: 1,"), pass)?;
    let shadow = shadow_of(cluster, first)?;
    counters(cluster, shadow.ok_or("no shadow of the first")?)?;
    let pass = cluster.pass_as_root()?;
    ensure(pass.contains("decided_again: 31,"), pass)?;
    eventually("twenty completed tasks", 60, || {
        Ok(cluster.completed(&array.to_string())? == 20)
    })
}

pub fn without_an_agent_jobs_start_as_asked(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 2, "")?;
    let script = write_script(cluster, "alone.sh", "#!/bin/bash\nexpr 1 + 1\n")?;
    let started = Instant::now();
    let (job, said) = cluster.sbatch("alice", &["--mem=3000"], &script, &[])?;
    ensure(said.contains("delays it by 4 s at most"), said)?;
    cluster.wait_for(job, "COMPLETED")?;
    ensure(cluster.job(job)?.memory_mib == Some(3000), "as asked")?;
    ensure(started.elapsed().as_secs() >= 3, "it waited for its window")?;
    eventually("an explanation", 60, || {
        let said = cluster.run("root", &["shadowfit", "explain", &job.to_string()])?;
        Ok(said.contains("kept      no shadow of its kind had shown anything"))
    })
}

/// An agent at work until it is dropped.
pub struct Agent(Child);

impl Agent {
    pub fn start(cluster: &Cluster) -> Result<Agent> {
        Agent::start_with(cluster, &["shadowfitd"])
    }

    /// By a command that becomes the agent.
    pub fn start_with(cluster: &Cluster, command: &[&str]) -> Result<Agent> {
        let mut command = cluster.command("root", command);
        Ok(Agent(command.stderr(Stdio::null()).spawn()?))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn a_job_that_depends_on_another_is_shadowed_when_its_input_is_there(
    cluster: &mut Cluster,
) -> Result<()> {
    enable(cluster, 12, "[agent]\ninterval_s = 2\n")?;
    let folder = cluster.scratch.join("chain");
    checked(
        Command::new("install")
            .args(["-d", "-o", "alice"])
            .arg(&folder),
    )?;
    let path = folder.join("input").display().to_string();
    let first = write_script(
        cluster,
        "first.sh",
        "#!/bin/bash\nsleep 20\necho data > $1\n",
    )?;
    let second = write_script(
        cluster,
        "second.sh",
        "#!/bin/bash\ngrep data $1 || exit 1\npython3 -c 'import time; held = bytearray(150 << 20); time.sleep(2)'\n",
    )?;
    let _agent = Agent::start(cluster)?;
    let one = cluster.submit("alice", &["--mem=300", "--shadowfit=off"], &first, &[&path])?;
    let after = format!("--dependency=afterok:{one}");
    let two = cluster.submit("alice", &["--mem=3000", &after], &second, &[&path])?;
    cluster.wait_for(two, "COMPLETED")?;
    let shadow = cluster
        .jobs()?
        .into_iter()
        .find(|job| job.is_shadow_of(two))
        .ok_or("it had no shadow")?;
    let seen = &shadow.record()["counters"];
    ensure(seen["ended"] == "finished", seen.to_string())?;
    let set = cluster.job(two)?.memory_mib;
    ensure(set.is_some_and(|mib| mib < 1000), format!("{set:?}"))
}

pub fn what_cannot_have_a_shadow_is_not_delayed(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 60, "[[rule]]\nuser = 'bob'\nshadow = false\n")?;
    let script = write_script(cluster, "undelayed.sh", "#!/bin/bash\nexpr 2 + 2\n")?;
    let staged = write_script(
        cluster,
        "staged.sh",
        "#!/bin/bash\n#BB_LUA pool=fast\nexpr 2 + 2\n",
    )?;
    let cases: [(&str, &[&str], &Path, &str); 7] = [
        ("alice", &["--begin=now+1hour"], &script, ""),
        ("alice", &["--no-requeue"], &script, "requeue"),
        ("bob", &[], &script, ""),
        ("alice", &["--input=/etc/passwd"], &script, "standard input"),
        ("alice", &["--container=/bundle"], &script, "container"),
        ("alice", &["--bb=capacity=1G"], &script, "burst buffer"),
        ("alice", &[], &staged, "burst buffer"),
    ];
    for (user, options, script, why) in cases {
        let options = [&["--mem=3000", "--hold"], options].concat();
        let (job, said) = cluster.sbatch(user, &options, script, &[])?;
        ensure(
            !said.contains("a new kind of job"),
            format!("{options:?}: {said}"),
        )?;
        let record = cluster.job(job)?.record();
        let kept = record["kept"].as_str().unwrap_or_default();
        ensure(kept.contains(why), format!("{options:?}: {record}"))?;
    }
    let pass = cluster.pass_as_root()?;
    ensure(pass.contains("shadows_started: 0"), pass)
}

/// Asks a license server thrice, starts six ranks, and tells Slurm and others what they must not hear.
const OUTWARD: &str = r#"#!/bin/bash
#SBATCH --comment=of-the-user
for n in 1 2 3; do timeout 2 bash -c 'exec 3<>/dev/tcp/lic1/27000; sleep 0.3'; done
srun -n 6 -c 2 true || exit 1
mpirun -np 4 true
sbatch --wrap true || exit 2
scancel -u alice || exit 3
if command -v mail; then echo hello | mail root || exit 4; fi
sleep 1
"#;

pub fn launchers_and_license_servers_are_stood_in_for(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 30, "license_servers = ['27000@lic1']\n")?;
    let hosts = std::fs::read("/etc/hosts")?;
    let script = write_script(cluster, "outward.sh", OUTWARD)?;
    let before = cluster.jobs()?.len();
    let shadow = shadow_alone(cluster, &["--mem=1000"], &script)?;
    let seen = counters(cluster, shadow)?;
    ensure(seen["ended"] == "finished", seen.to_string())?;
    ensure(
        seen["ranks"] == 6 && seen["licenses"]["27000@lic1"] == 3,
        seen.to_string(),
    )?;
    ensure(
        cluster.jobs()?.len() == before + 2,
        "no job but the original and its shadow",
    )?;
    let shown = cluster.run("root", &["scontrol", "show", "job", &shadow.to_string()])?;
    ensure(
        !shown.contains("of-the-user"),
        format!("an option of the script was taken: {shown}"),
    )?;
    ensure(
        std::fs::read("/etc/hosts")? == hosts,
        "the node's hosts file has changed",
    )
}

pub fn a_shadow_cannot_exhaust_its_node(cluster: &mut Cluster) -> Result<()> {
    enable(
        cluster,
        12 * patience(),
        "scratch_mib = 64\nmemory_mib = 300\npids = 200\n",
    )?;
    let cases = [
        (
            "memory",
            "python3 -c 'held = [bytearray(8 << 20) for _ in range(10000)]'",
            "oom",
        ),
        (
            "disk",
            "dd if=/dev/zero of=$HOME/full bs=1M count=100000; dd if=/dev/zero of=/tmp/full bs=1M count=1000",
            "failed",
        ),
        (
            "forks",
            "bomb() { bomb | bomb & }; bomb; sleep 600",
            "window",
        ),
        (
            "shared memory",
            "dd if=/dev/zero of=/dev/shm/full bs=1M count=100000",
            "oom",
        ),
    ];
    let before = free_bytes("/var/tmp")?;
    for (name, command, ended) in cases {
        let script = write_script(
            cluster,
            &format!("exhaust-{}.sh", name.replace(' ', "-")),
            &format!("#!/bin/bash\n{command}\n"),
        )?;
        let shadow = shadow_alone(cluster, &["--mem=2000"], &script)?;
        let seen = counters(cluster, shadow)?;
        ensure(seen["ended"] == ended, format!("{name}: {seen}"))?;
        near("charged_mib", &seen["charged_mib"], 0.0, 365.0)?;
        near("processes", &seen["threads"], 0.0, 200.0)?;
        cluster.pass_as_root()?;
    }
    ensure(
        before.abs_diff(free_bytes("/var/tmp")?) < 50 << 20,
        "the disk is fuller",
    )?;
    nothing_is_left(cluster)
}

/// Free bytes of the file system of `path`.
fn free_bytes(path: &str) -> Result<u64> {
    let space = nix::sys::statvfs::statvfs(path)?;
    Ok(space.blocks_free() * space.fragment_size())
}

pub fn whatever_ends_a_shadow_nothing_is_left(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 12, "")?;
    let script = |n: usize| {
        write_script(
            cluster,
            &format!("ends-{}.sh", ["a", "b", "c", "d", "e"][n]),
            &format!(
                "#!/bin/bash\nsetsid sleep 71{n} &\necho x > ~/left\nmkdir /tmp/left\nsleep 71{n}\n"
            ),
        )
    };
    type End = fn(&Cluster, u64) -> Result<()>;
    let ends: [(&str, End); 5] = [
        ("its window", |_, _| Ok(())),
        ("scancel", |cluster, shadow| {
            cluster
                .run("root", &["scancel", &shadow.to_string()])
                .map(drop)
        }),
        ("a killed sampler", |cluster, shadow| {
            cluster.kill_process(&format!("shadowfit-sampler shadow --job {shadow} "))
        }),
        ("a killed slurmstepd", |cluster, shadow| {
            cluster.kill_process(&format!("slurmstepd: \\[{shadow}.batch\\]"))
        }),
        ("a restart of slurmd", |cluster, _| {
            cluster.stop(&cluster.node(1))?;
            cluster.start(&cluster.node(1))
        }),
    ];
    for (n, (name, end)) in ends.into_iter().enumerate() {
        let shadow = shadow_alone(
            cluster,
            &["--mem=500", &cluster.on_first_node()],
            &script(n)?,
        )?;
        cluster.wait_for(shadow, "RUNNING")?;
        eventually("a program inside", 10, || Ok(!inside(cluster).is_empty()))?;
        end(cluster, shadow)?;
        nothing_is_left(cluster)
            .map_err(|error| format!("after {name}: {}", error.message().unwrap_or_default()))?;
        cluster.run("root", &["scancel", &shadow.to_string()])?;
        cluster.pass_as_root()?;
    }
    Ok(())
}

/// Processes in a shadow's cgroup.
pub fn inside(cluster: &Cluster) -> Vec<String> {
    let groups = groups(cluster);
    groups
        .iter()
        .filter_map(|group| std::fs::read_to_string(group.join("cgroup.procs")).ok())
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Groups of shadows, at the top of each hierarchy and below Slurm's own.
fn groups(cluster: &Cluster) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        // One of Slurm's may go while it is looked at.
        let below = std::fs::read_dir(folder).into_iter().flatten().flatten();
        folders.extend(
            below
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
        found.extend(
            folders
                .iter()
                .filter(|path| is_a_shadows(cluster, path))
                .cloned(),
        );
        folders.retain(|path| !is_a_shadows(cluster, path));
    }
    found
}

fn is_a_shadows(cluster: &Cluster, group: &Path) -> bool {
    let name = group.file_name().unwrap_or_default();
    name.to_string_lossy()
        .starts_with(&cluster.groups_of_shadows())
}

pub fn nothing_is_left(cluster: &Cluster) -> Result<()> {
    eventually("no cgroup, process, mount or file of a shadow", 30, || {
        let mounts = std::fs::read_to_string("/proc/mounts")?;
        let samplers = cluster.processes("shadowfit-sampler shadow --job")?;
        let sleepers = Command::new("pgrep")
            .args(["-f", "sleep 71[0-4]"])
            .output()?;
        let files = std::fs::read_dir(cluster.dir.join("shadowfit/shadows"))
            .map_or(0, |files| files.count());
        Ok(groups(cluster).is_empty()
            && samplers.is_empty()
            && sleepers.stdout.is_empty()
            && !mounts.contains("shadowfit/scratch")
            && files == 0
            && !Path::new("/home/alice/left").exists()
            && !Path::new("/tmp/left").exists())
    })
    .map_err(|error| {
        format!(
            "{}; groups {:?}, inside {:?}",
            error.message().unwrap_or_default(),
            groups(cluster),
            inside(cluster)
        )
        .into()
    })
}
