//! The cluster under test, as an admin and two users handle it.

use libtest_mimic::Failed;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub type Result<T> = std::result::Result<T, Failed>;

/// What tests start from: everything is applied, and small jobs may be made smaller still.
const APPLY: &str = "[modes]\ndefault = 'apply'\n[memory]\nfloor_mib = 32\n";

/// Allocates the given MiB, twice sampled, and writes nothing.
const HOLD: &str = "#!/bin/bash\npython3 -c 'import sys, time; held = bytearray(int(sys.argv[1]) << 20); time.sleep(2.5)' $1\n";

pub struct Cluster {
    name: &'static str,
    /// The cluster's own folder.
    pub dir: PathBuf,
    /// A folder that alice and bob may read.
    pub scratch: PathBuf,
    /// A job of a kind that alice has run before, peaks between 100 and 130 MiB.
    pub known: PathBuf,
    good_snapshot: Option<Vec<u8>>,
}

/// One job as squeue shows it.
pub struct Job {
    pub id: u64,
    pub state: String,
    pub memory_mib: Option<u64>,
    pub cpus: u64,
    pub comment: String,
}

impl Job {
    /// The decision in AdminComment.
    pub fn record(&self) -> Value {
        serde_json::from_str(&self.comment).unwrap_or_default()
    }

    /// It is the shadow of job `id`.
    pub fn is_shadow_of(&self, id: u64) -> bool {
        self.record()["shadow_of"].as_str() == Some(&id.to_string())
    }
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The core that panics, from where `scripts/test` put it.
pub fn panicking_core() -> PathBuf {
    project().join("target/panic/debug/libshadowfit_core.so")
}

pub fn script(verb: &str, name: &str) -> Command {
    let mut command = Command::new(project().join("scripts/cluster"));
    command.args([verb, "--name", name]).stdin(Stdio::null());
    command
}

/// The Slurm that is not the installed one, if such a one is asked for: `SHADOWFIT_TEST_RELEASE=24.11`.
pub fn other_release() -> Option<String> {
    std::env::var("SHADOWFIT_TEST_RELEASE").ok()
}

pub fn checked(command: &mut Command) -> Result<Output> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}\n{}", output.status, text(&output.stderr)).into());
    }
    Ok(output)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// The cluster's name. Where several checkouts are tested at once, each has its own: `SHADOWFIT_TEST_CLUSTER=mine`.
pub fn own_name() -> &'static str {
    let name = std::env::var("SHADOWFIT_TEST_CLUSTER").ok();
    name.map_or("test", |name| name.leak())
}

/// How many times longer than usual all may take: an emulated machine is slow.
pub fn patience() -> u32 {
    let said = std::env::var("SHADOWFIT_PATIENCE").ok();
    said.and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Others of this machine wait for its CPUs a quarter of the time or more: what a job's processes do one after the other when
/// they have them, they then do at once.
pub fn is_busy() -> bool {
    let pressure = std::fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    let of_ten_seconds = pressure.split_once("avg10=").map(|(_, rest)| rest);
    let percent = of_ten_seconds.and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
    percent.is_some_and(|percent| percent > 25.0)
}

/// A new folder below `scratch` that every user may write to.
pub fn folder_for_all(cluster: &Cluster, name: &str) -> Result<PathBuf> {
    let folder = cluster.scratch.join(name);
    std::fs::create_dir_all(&folder)?;
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777))?;
    Ok(folder)
}

/// Tries until it holds.
pub fn eventually(what: &str, seconds: u64, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let seconds = seconds * u64::from(patience());
    let end = Instant::now() + Duration::from_secs(seconds);
    while !holds()? {
        if Instant::now() > end {
            return Err(format!("not within {seconds} s: {what}").into());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

pub fn ensure(holds: bool, what: impl Into<String>) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(what.into().into())
    }
}

/// A plain number, or from 23.02 on `{"set": true, "number": 7}`.
fn number(value: &Value) -> Option<u64> {
    match value["set"].as_bool() {
        Some(is_set) => value["number"].as_u64().filter(|_| is_set),
        None => value.as_u64(),
    }
}

/// A text, or from 23.11 on the first of a list.
fn first(value: &Value) -> String {
    let text = value.as_str().or(value[0].as_str());
    text.unwrap_or_default().into()
}

impl Cluster {
    /// Boots the cluster and lets alice run one kind of job, so that it is known.
    pub fn up(name: &'static str) -> Cluster {
        let scratch = tempfile::Builder::new()
            .prefix("shadowfit-test.")
            .tempdir_in("/var/tmp")
            .expect("a folder")
            .keep();
        let config = scratch.join("shadowfit.toml");
        std::fs::write(&config, APPLY).expect("scratch is writable");
        let status = Command::new("chmod").args(["755"]).arg(&scratch).status();
        assert!(status.is_ok_and(|status| status.success()));
        let _ = script("down", name).output();
        let mut up = script("up", name);
        if let Some(release) = other_release() {
            up.args(["--release", &release]);
        }
        let booted = up
            .arg("--plugins")
            .arg(project().join("target/release"))
            .arg("--config")
            .arg(&config)
            .status();
        assert!(
            booted.is_ok_and(|status| status.success()),
            "the cluster did not come up: this needs root, and what scripts/test installs and builds"
        );
        let mut cluster = Cluster {
            name,
            dir: PathBuf::from("/var/tmp/shadowfit").join(name),
            known: scratch.join("hold.sh"),
            scratch,
            good_snapshot: None,
        };
        std::fs::write(&cluster.known, HOLD).expect("scratch is writable");
        cluster.learn().unwrap_or_else(|error| {
            panic!("nothing learned: {}", error.message().unwrap_or_default())
        });
        cluster
    }

    fn learn(&mut self) -> Result<()> {
        self.learn_kind(&self.known)?;
        self.good_snapshot = Some(std::fs::read(self.snapshot())?);
        Ok(())
    }

    /// Lets alice run a kind that holds as many MB as its argument says, so that it is known.
    pub fn learn_kind(&self, script: &Path) -> Result<()> {
        let sizes = ["100", "110", "120", "130"];
        let jobs: Vec<u64> = sizes
            .iter()
            .map(|size| self.submit("alice", &["--mem=4000", "-c2"], script, &[size]))
            .collect::<Result<_>>()?;
        for job in jobs {
            self.wait_for(job, "COMPLETED")?;
        }
        self.pass().map(drop)
    }

    /// Every test starts from an empty queue, the good snapshot and the same configuration.
    pub fn reset(&mut self) -> Result<()> {
        self.configure("")?;
        for file in ["off", "breaker-open"] {
            let _ = std::fs::remove_file(self.dir.join("shadowfit").join(file));
        }
        let good = self.good_snapshot.clone().ok_or("nothing was learned")?;
        self.publish(&good)?;
        self.cancel_all()?;
        self.let_the_plugin_look();
        Ok(())
    }

    pub fn cancel_all(&self) -> Result<()> {
        for user in ["alice", "bob"] {
            self.run("root", &["scancel", "--user", user])?;
        }
        eventually("an empty queue", 30, || {
            Ok(self.run("root", &["squeue", "-h"])?.is_empty())
        })
    }

    /// Runs a command inside the cluster and returns its standard output.
    pub fn run(&self, user: &str, command: &[&str]) -> Result<String> {
        Ok(text(&checked(&mut self.command(user, command))?.stdout))
    }

    pub fn command(&self, user: &str, command: &[&str]) -> Command {
        let mut inside = script("exec", self.name);
        inside
            .args(["--user", user, "--"])
            .args(command)
            .current_dir(&self.scratch);
        inside
    }

    /// sbatch's answer: the job's number and what else the user sees.
    pub fn sbatch(
        &self,
        user: &str,
        options: &[&str],
        script: &Path,
        arguments: &[&str],
    ) -> Result<(u64, String)> {
        let mut command = self.command(user, &["sbatch", "--parsable", "--output=/dev/null"]);
        command.args(options).arg(script).args(arguments);
        let output = checked(&mut command)?;
        let id = text(&output.stdout)
            .parse()
            .map_err(|_| format!("no job number: {}", text(&output.stdout)))?;
        Ok((id, text(&output.stderr)))
    }

    pub fn submit(
        &self,
        user: &str,
        options: &[&str],
        script: &Path,
        arguments: &[&str],
    ) -> Result<u64> {
        Ok(self.sbatch(user, options, script, arguments)?.0)
    }

    /// alice's known kind, asking for 4000 MB and 2 CPUs, held so that it can be looked at.
    pub fn submit_known(&self, options: &[&str]) -> Result<Job> {
        let mut all = vec!["--mem=4000", "-c2", "--hold"];
        all.extend(options);
        let known = self.known.clone();
        let id = self.submit("alice", &all, &known, &["105"])?;
        self.job(id)
    }

    /// The plugin looks at its files once a second.
    pub fn let_the_plugin_look(&self) {
        std::thread::sleep(Duration::from_millis(1100));
    }

    pub fn jobs(&self) -> Result<Vec<Job>> {
        let answer = self.run("root", &["squeue", "--json", "--states=all"])?;
        let answer: Value = serde_json::from_str(&answer)?;
        let jobs = answer["jobs"]
            .as_array()
            .ok_or("no jobs in squeue's answer")?;
        Ok(jobs
            .iter()
            .map(|job| Job {
                id: job["job_id"].as_u64().unwrap_or(0),
                state: first(&job["job_state"]),
                memory_mib: number(&job["memory_per_node"]).or(number(&job["memory_per_cpu"])),
                cpus: number(&job["cpus"]).unwrap_or(0),
                comment: job["admin_comment"].as_str().unwrap_or_default().into(),
            })
            .collect())
    }

    pub fn job(&self, id: u64) -> Result<Job> {
        let found = self.jobs()?.into_iter().find(|job| job.id == id);
        found.ok_or_else(|| format!("job {id} is not in the queue").into())
    }

    pub fn wait_for(&self, id: u64, state: &str) -> Result<()> {
        // A slurmctld that was just started may take a minute until its nodes have jobs again.
        let seen = eventually(&format!("job {id} {state}"), 150, || {
            Ok(self.job(id)?.state == state)
        });
        seen.map_err(|error| {
            let shown = self.run("root", &["scontrol", "show", "job", &id.to_string()]);
            let nodes = self.run("root", &["sinfo", "-N"]);
            format!("{error:?}: {shown:?} {nodes:?}").into()
        })
    }

    /// Waits until its memory has killed it, or something of it: Slurm shows that, or its node has put it back before.
    pub fn wait_for_death(&self, id: u64) -> Result<()> {
        eventually(&format!("job {id} dies of its memory"), 150, || {
            let job = self.job(id)?;
            let is_put_back = job.state == "PENDING" && job.record()["put_back"].is_number();
            Ok(is_put_back || job.state == "OUT_OF_MEMORY")
        })
    }

    /// Passes until so many jobs more have been given more: nodes have some seconds to clear away the runs that died.
    pub fn give_back(&self, jobs: usize) -> Result<()> {
        let mut given = 0;
        eventually(&format!("{jobs} jobs are given more"), 30, || {
            let pass = self.pass()?;
            let count = pass.split("given_back: ").nth(1).unwrap_or_default();
            let digits: String = count.chars().take_while(char::is_ascii_digit).collect();
            given += digits.parse::<usize>()?;
            Ok(given == jobs)
        })
    }

    /// One pass of the agent, as SlurmUser.
    pub fn pass(&self) -> Result<String> {
        self.run("slurm", &["shadowfitd", "--once"])
    }

    /// One pass of an agent that may submit shadows.
    pub fn pass_as_root(&self) -> Result<String> {
        self.run("root", &["shadowfitd", "--once"])
    }

    /// Adds to the configuration that tests start from. Kinds need not earn trust, and what many
    /// tests harm opens no breaker, unless it is about that.
    pub fn configure(&self, more: &str) -> Result<()> {
        let state = format!("state_dir = '{}'\n", self.dir.join("shadowfit").display());
        let unless = |section: &str, setting: &str| match more.contains(section) {
            true => String::new(),
            false => format!("{setting}\n"),
        };
        let trust = unless("[trust]", "trust.stages = []")
            + &unless("[breaker]", "breaker.enabled = false");
        Ok(std::fs::write(
            self.dir.join("etc/shadowfit.toml"),
            state + &trust + APPLY + more,
        )?)
    }

    /// The name of its node number `n`, from 1 on.
    pub fn node(&self, n: usize) -> String {
        format!("{}{n}", self.name)
    }

    /// What asks for its first node.
    pub fn on_first_node(&self) -> String {
        format!("--nodelist={}", self.node(1))
    }

    /// What the names of its shadows' cgroups begin with.
    pub fn groups_of_shadows(&self) -> String {
        format!("shadowfit_{}_", self.name)
    }

    pub fn snapshot(&self) -> PathBuf {
        self.dir.join("shadowfit/snapshot")
    }

    pub fn publish(&self, bytes: &[u8]) -> Result<()> {
        let new = self.dir.join("shadowfit/test.new");
        std::fs::write(&new, bytes)?;
        Ok(std::fs::rename(new, self.snapshot())?)
    }

    pub fn good_snapshot(&self) -> &[u8] {
        self.good_snapshot.as_deref().unwrap_or_default()
    }

    pub fn stop(&self, service: &str) -> Result<()> {
        checked(script("stop", self.name).arg(service)).map(drop)
    }

    /// This cluster's processes whose command line matches; those of others on the machine do not count.
    pub fn processes(&self, pattern: &str) -> Result<Vec<u32>> {
        let found = Command::new("pgrep").args(["-f", pattern]).output()?;
        let pids = text(&found.stdout);
        let pids = pids.lines().filter_map(|pid| pid.parse().ok());
        Ok(pids.filter(|&pid| self.is_ours(pid)).collect())
    }

    /// Its program, or a file that it has open, is the cluster's.
    fn is_ours(&self, pid: u32) -> bool {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let files = std::fs::read_dir(process.join("fd"));
        let files = files.into_iter().flatten().flatten();
        files
            .map(|file| file.path())
            .chain([process.join("exe")])
            .filter_map(|link| std::fs::read_link(link).ok())
            .any(|path| path.starts_with(&self.dir))
    }

    /// SIGKILL for the one process of this cluster whose command line matches, once it is there.
    pub fn kill_process(&self, pattern: &str) -> Result<()> {
        eventually(pattern, 20, || {
            let found = self.processes(pattern)?;
            let killed = found.iter().map(|pid| {
                checked(Command::new("kill").args(["-KILL", &pid.to_string()])).map(drop)
            });
            killed.collect::<Result<()>>()?;
            Ok(!found.is_empty())
        })
    }

    pub fn restart_slurmctld(&self) -> Result<()> {
        self.stop("slurmctld")?;
        self.start("slurmctld")
    }

    /// For what slurm.conf's daemons read as they start.
    pub fn restart_all(&self) -> Result<()> {
        let nodes = self.run("root", &["sinfo", "-h", "-N", "-p", "batch", "-o", "%N"])?;
        let services: Vec<&str> = ["slurmctld"].into_iter().chain(nodes.lines()).collect();
        services.iter().try_for_each(|service| self.stop(service))?;
        services
            .iter()
            .try_for_each(|service| self.start(service))?;
        eventually("all nodes idle", 30, || {
            let idle = ["sinfo", "-h", "-N", "-p", "batch", "-t", "idle", "-o", "%N"];
            Ok(self.run("root", &idle)?.lines().count() + 1 == services.len())
        })
    }

    /// As a crash would end it.
    pub fn kill(&self, service: &str) -> Result<()> {
        checked(script("kill", self.name).arg(service)).map(drop)
    }

    pub fn start(&self, service: &str) -> Result<()> {
        checked(script("start", self.name).arg(service)).map(drop)
    }

    /// What slurmctld has logged so far.
    pub fn log(&self) -> Result<String> {
        Ok(text(&std::fs::read(
            self.dir.join("log/slurm/slurmctld.log"),
        )?))
    }

    /// slurmctld lives and decides as it should: the sure sign that a fault did no lasting harm.
    pub fn is_well(&self) -> Result<()> {
        self.let_the_plugin_look();
        self.is_rewritten(&self.submit_known(&[])?)
    }

    pub fn is_rewritten(&self, job: &Job) -> Result<()> {
        let set = job.memory_mib.unwrap_or(0);
        ensure(
            (110..1000).contains(&set) && job.cpus == 1,
            format!("not sized: {set} MB, {} CPUs: {}", job.cpus, job.comment),
        )
    }

    pub fn is_as_written(&self, job: &Job) -> Result<()> {
        ensure(
            job.memory_mib == Some(4000) && job.cpus == 2,
            format!(
                "not as written: {:?} MB, {} CPUs: {}",
                job.memory_mib, job.cpus, job.comment
            ),
        )
    }

    /// How many runs of these jobs accounting has as COMPLETED; jobs comma-separated, an array counts
    /// each task.
    pub fn completed(&self, jobs: &str) -> Result<usize> {
        let states = self.run(
            "root",
            &["sacct", "-X", "-n", "-P", "-o", "State", "-j", jobs],
        )?;
        Ok(states.lines().filter(|state| *state == "COMPLETED").count())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = script("down", self.name).status();
        let _ = std::fs::remove_dir_all(&self.scratch);
    }
}
