//! Ways out of a shadow: each is shown to be one without a sandbox, none leads out of it.

use crate::cluster::{Cluster, Result, checked, ensure, eventually};
use crate::shadow::{counters, enable, inside, nothing_is_left, shadow_alone, write_script};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// So many, the project says, have a run without a sandbox that shows that they are one.
const LEAST_SHOWN: usize = 90;
/// Slurm ends a job's daemons: it is tried outside of any job.
const DAEMON: &str = "daemon";
/// There is none outside: root looks into a shadow.
const SCRATCH: &str = "the scratch space itself";

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster");

fn escapes(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    let program = cluster.scratch.join("escapes.py").display().to_string();
    cluster.run("root", &[&["python3", &program], arguments].concat())
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

/// Where the users can read it.
fn install(cluster: &Cluster) -> Result<()> {
    let ways = cluster.scratch.join("ways");
    std::fs::create_dir_all(&ways)?;
    let program = Path::new(FOLDER).join("escapes.py");
    std::fs::copy(program, cluster.scratch.join("escapes.py"))?;
    for file in std::fs::read_dir(Path::new(FOLDER).join("ways"))? {
        let file = file?;
        if file.file_type()?.is_file() {
            std::fs::copy(file.path(), ways.join(file.file_name()))?;
        }
    }
    Ok(())
}

/// A place for one run of the attempts: a live job of the same user, two more that are to be
/// cancelled, and the baits.
struct Baited {
    folder: PathBuf,
}

impl Baited {
    fn new(cluster: &Cluster, name: &str) -> Result<Baited> {
        let folder = cluster.scratch.join(name);
        checked(
            Command::new("install")
                .args(["-d", "-o", "alice"])
                .arg(&folder),
        )?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port()
            .to_string();
        let path = folder.display().to_string();
        let live = write_script(
            cluster,
            "live.sh",
            &format!(
                "#!/bin/bash\ntrap '' USR1 USR2\nexec python3 {}/escapes.py live $1 $2\n",
                cluster.scratch.display()
            ),
        )?;
        let sleep = write_script(
            cluster,
            "sleep.sh",
            "#!/bin/bash\ntrap '' USR2\nsleep 600\n",
        )?;
        let node = cluster.on_first_node();
        let plain = ["--shadowfit=off", "--mem=100", &node];
        cluster.submit("alice", &plain, &live, &[&path, &port])?;
        let victims: Vec<String> = (0..2)
            .map(|_| Ok(cluster.submit("alice", &plain, &sleep, &[])?.to_string()))
            .collect::<Result<_>>()?;
        let pid_file = folder.join("live.pid");
        eventually("a live job", 20, || Ok(pid_file.exists()))?;
        let pid = std::fs::read_to_string(pid_file)?;
        let uid = cluster.run("alice", &["id", "-u"])?;
        escapes(
            cluster,
            &["bait", &path, &uid, &pid, &victims[0], &victims[1], &port],
        )?;
        Ok(Baited { folder })
    }

    fn path(&self) -> String {
        self.folder.display().to_string()
    }

    fn attempts(&self, cluster: &Cluster) -> Result<PathBuf> {
        let text = format!(
            "#!/bin/bash\ntrap '' USR2\ncd {0}\nexport PYTHONDONTWRITEBYTECODE=1\npython3 {1}/escapes.py attempt {0}\n",
            self.path(),
            cluster.scratch.display()
        );
        write_script(cluster, "attempt.sh", &text)
    }

    /// What the attempts' job asks for: its output is a descriptor that leads out of it.
    fn options(&self, cluster: &Cluster, memory_mb: u64) -> [String; 3] {
        [
            format!("--mem={memory_mb}"),
            cluster.on_first_node(),
            format!("--output={}/output", self.path()),
        ]
    }

    fn effects(&self, cluster: &Cluster) -> Result<BTreeSet<String>> {
        Ok(lines(&escapes(cluster, &["effects", &self.path()])?))
    }

    /// All attempts as alice, in a job without a sandbox, and what that came to.
    fn without_sandbox(&self, cluster: &Cluster) -> Result<()> {
        let script = self.attempts(cluster)?;
        let options = self.options(cluster, 1000);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let options = [&["--shadowfit=off"], &options[..]].concat();
        let job = cluster.submit("alice", &options, &script, &[])?;
        eventually("the control's end", 90, || {
            Ok(!["PENDING", "RUNNING", "COMPLETING"].contains(&cluster.job(job)?.state.as_str()))
        })?;
        let program = cluster.scratch.join("escapes.py").display().to_string();
        let one = ["python3", &program, "one", &self.path(), DAEMON];
        // A daemon holds open what it is given.
        let nowhere = || Stdio::null();
        cluster
            .command("alice", &one)
            .stdout(nowhere())
            .stderr(nowhere())
            .status()?;
        self.effects(cluster).map(drop)
    }

    /// What no user ever has, as root. What root may do ends with namespaces of its own.
    fn as_root(&self, cluster: &Cluster) -> Result<()> {
        let program = cluster.scratch.join("escapes.py").display().to_string();
        let apart = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork"];
        let control = ["python3", &program, "control", &self.path()];
        cluster.run("root", &[&apart[..], &control].concat())?;
        Ok(())
    }
}

/// The attempts by what has shown, without a sandbox, that they are ways out of one.
struct Shown(BTreeMap<String, Vec<String>>);

impl Shown {
    fn read(cluster: &Cluster, control: &Baited) -> Result<Shown> {
        let mut shown = BTreeMap::<String, Vec<String>>::new();
        for line in escapes(cluster, &["shown", &control.path()])?.lines() {
            let (by, name) = line.split_once(' ').ok_or("no name")?;
            shown.entry(by.into()).or_default().push(name.into());
        }
        Ok(Shown(shown))
    }

    fn by(&self, what: &str) -> &[String] {
        self.0.get(what).map_or(&[], Vec::as_slice)
    }

    fn is_shown_by_root(&mut self, name: &str) {
        self.0
            .values_mut()
            .for_each(|names| names.retain(|other| other != name));
        self.0.entry("root".into()).or_default().push(name.into());
    }

    /// What this machine does not have proves nothing, and counts for nothing.
    fn print(&self) {
        let [user, root, lacking] = ["user", "root", "lacking"].map(|what| self.by(what).len());
        println!(
            "{} ways out: {user} shown by a user's own run, {root} that need root shown by root's, {lacking} lacking on this machine: {:?}",
            user + root + lacking,
            self.by("lacking"),
        );
    }

    /// Those that a sandbox does not close count for nothing either.
    fn are_enough(&self, open: &BTreeSet<String>) -> Result<()> {
        let vain = self.by("nothing");
        ensure(
            vain.is_empty(),
            format!("attempts that do not succeed outside of a sandbox either: {vain:?}"),
        )?;
        let shown = self.by("user").iter().chain(self.by("root"));
        let shown = shown.filter(|name| !open.contains(*name)).count();
        ensure(
            shown >= LEAST_SHOWN,
            format!("only {shown} ways are shown to be one"),
        )
    }
}

/// The attempt that an exit code stands for.
fn hole(cluster: &Cluster, seen: &Value) -> Result<String> {
    let code = seen["why"]
        .as_str()
        .and_then(|why| why.strip_prefix("exit code "));
    let place = code.and_then(|code| code.parse::<usize>().ok());
    let all = escapes(cluster, &["all"])?;
    let name = place.and_then(|place| all.lines().nth(place.checked_sub(1)?));
    Ok(name.unwrap_or("no attempt").to_owned())
}

/// What the shadow may not see is there, and holds something.
fn scratch_is_there(cluster: &Cluster) -> Result<()> {
    let holds_something = |pid: &String| {
        let path = format!("/proc/{pid}/root/run/shadowfit/scratch");
        std::fs::read_dir(path).is_ok_and(|mut files| files.next().is_some())
    };
    eventually("a shadow's scratch space", 60, || {
        Ok(inside(cluster).iter().any(holds_something))
    })
}

pub fn nothing_escapes_a_shadow(cluster: &mut Cluster) -> Result<()> {
    // So many attempts take their time, with the CPU time that nobody else wants.
    enable(cluster, 240, "")?;
    install(cluster)?;
    // First without a sandbox: an attempt that harms nothing there would prove nothing.
    let control = Baited::new(cluster, "control")?;
    control.without_sandbox(cluster)?;
    control.as_root(cluster)?;
    let mut shown = Shown::read(cluster, &control)?;
    let open = lines(&escapes(cluster, &["open"])?);
    cluster.cancel_all()?;

    let baited = Baited::new(cluster, "baited")?;
    let script = baited.attempts(cluster)?;
    let options = baited.options(cluster, 2000);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let shadow = shadow_alone(cluster, &options, &script)?;
    scratch_is_there(cluster)?;
    shown.is_shown_by_root(SCRATCH);
    shown.print();
    shown.are_enough(&open)?;
    let seen = counters(cluster, shadow)?;
    let escaped = baited.effects(cluster)?;
    println!(
        "{} ways are known to be open: {open:?}; of these had an effect: {:?}",
        open.len(),
        &escaped & &open
    );
    let escaped = &escaped - &open;
    // Its exit code names the first of the holes that only the inside sees.
    let is_quiet = seen["ended"] == "finished" && seen["why"].is_null();
    ensure(
        escaped.is_empty() && is_quiet,
        format!(
            "escaped: {escaped:?}; seen from inside: {}: {seen}",
            hole(cluster, &seen)?
        ),
    )?;
    nothing_is_left(cluster)
}
