//! A node whose table of mounts is as nodes' are: hidden, stacked, odd and vanishing ones, an automounter, and a file server.

use crate::cluster::{Cluster, Result, ensure, eventually};
use crate::shadow::{counters, enable, shadow_alone, submit_new_kind, write_script};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Below the cluster's scratch folder: where all is mounted.
const FOLDER: &str = "odd";
const ODD_MOUNTS: &str = include_str!("odd_mounts.py");

/// Each is true where the shadow sees what its job would, and writes where nobody else sees it.
const LOOK: &str = r#"#!/bin/bash
cd FOLDER || exit 1
seen() { [ "$(cat "$1")" = seen ] || exit "$2"; }
seen hidden/top 2
seen stacked/layer-2 3
seen container/merged/file 4
seen file 5
seen squashed/file 10
[ "$(findmnt -n -o FSTYPE -T squashed)" = overlay ] || exit 11
seen 'odd, name: "x" \ y/file' 6
[ "$(ls many | wc -l)" = 500 ] || exit 7
[ "$(findmnt -n -o FSTYPE -T many/499)" = overlay ] || exit 8
echo x > stacked/of-shadow
[ ! -e chroot/dev/shm/none ] || exit 9
"#;

const VANISHING_MOUNTS: &str = include_str!("vanishing_mounts.py");

const FILE_SERVER: &str = include_str!("file_server.py");

const CONTAINER: &str = include_str!("container.py");

const ODD_FILE_SYSTEMS: &str = include_str!("odd_file_systems.py");

/// Of a folder that its server lets alice alone read and write: what her job would do there.
const WORK_IN_PRIVATE: &str = r#"#!/bin/bash
cd FOLDER/alice || exit 2
[ "$(cat private)" = seen ] || exit 3
echo more >> private && [ "$(tail -n 1 private)" = more ] || exit 4
mkdir deep && echo x > deep/file && rm other && [ ! -e other ] || exit 5
mv private deep/moved && [ "$(head -n 1 deep/moved)" = seen ] || exit 6
"#;

/// It fails where it is in no container.
const CONTAINED: &str = r#"#!/bin/bash
[[ $(hostname) = pod-* ]] || exit 2
[ "$(findmnt -n -o FSTYPE /)" = overlay ] || exit 3
python3 -c 'import time; contained = bytearray(150 << 20); time.sleep(3)'
"#;

/// slurmd of one node in a mount namespace of its own, until it is dropped.
struct Node<'a>(&'a Cluster, Child);

/// When slurmctld heard that slurmd of the node began. The node's state does not tell: slurmctld may say for minutes
/// that a job is on it which has ended.
fn slurmd_since(cluster: &Cluster) -> Result<String> {
    let shown = cluster.run("root", &["scontrol", "show", "node", &cluster.node(1)])?;
    let mut words = shown.split_whitespace();
    let since = words.find(|word| word.starts_with("SlurmdStartTime="));
    Ok(since.ok_or(shown.as_str())?.to_owned())
}

impl<'a> Node<'a> {
    /// `mounts` is a program that mounts below `folder`, and then becomes slurmd.
    fn start(cluster: &'a Cluster, folder: &Path, mounts: &str) -> Result<Node<'a>> {
        std::fs::create_dir_all(folder)?;
        let program = write_script(cluster, "mounts.py", mounts)?;
        let before = slurmd_since(cluster)?;
        cluster.stop(&cluster.node(1))?;
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "python3"])
            .args([program.as_path(), folder, Path::new(&cluster.node(1))])
            .env("SLURM_CONF", cluster.dir.join("etc/slurm.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let node = Node(cluster, command.spawn()?);
        eventually("a node with its mounts", 60, || {
            Ok(folder.join("ready").exists())
        })?;
        eventually("a node that has registered anew", 60, || {
            Ok(slurmd_since(cluster)? != before)
        })?;
        Ok(node)
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        let Node(cluster, slurmd) = self;
        let _ = killpg(Pid::from_raw(slurmd.id() as i32), Signal::SIGTERM);
        let _ = slurmd.wait();
        // The processes in its namespace end with the folder.
        let _ = std::fs::remove_dir_all(cluster.scratch.join(FOLDER));
        let _ = cluster.start(&cluster.node(1));
    }
}

/// What a shadow of `script` showed on that node.
fn seen_there(cluster: &Cluster, script: &Path) -> Result<Value> {
    let options = ["--mem=1000", &cluster.on_first_node()];
    let shadow = shadow_alone(cluster, &options, script)?;
    counters(cluster, shadow)
}

pub fn odd_mounts_do_not_refuse_a_shadow(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 30, "")?;
    let folder = cluster.scratch.join(FOLDER);
    let look = LOOK.replace("FOLDER", &folder.display().to_string());
    let script = write_script(cluster, "look.sh", &look)?;
    let _node = Node::start(cluster, &folder, ODD_MOUNTS)?;
    let seen = seen_there(cluster, &script)?;
    ensure(seen["ended"] == "finished", seen.to_string())?;
    ensure(
        !folder.join("triggered").exists(),
        "the automounter was woken",
    )
}

/// In a container with all privileges nothing is lacking: its job is measured, starts sized and is profiled.
pub fn slurmd_in_a_container_is_a_node_as_others_are(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 30, "")?;
    let script = write_script(cluster, "contained.sh", CONTAINED)?;
    let _node = Node::start(cluster, &cluster.scratch.join(FOLDER), CONTAINER)?;
    let options = ["--mem=3000", "-c2", &cluster.on_first_node()];
    let (job, shadow) = submit_new_kind(cluster, &options, &script, &[])?;
    let seen = counters(cluster, shadow)?;
    ensure(seen["ended"] == "finished", seen.to_string())?;
    cluster.pass_as_root()?;
    cluster.wait_for(job, "COMPLETED")?;
    let seen = cluster.job(job)?;
    let peak = &seen.record()["profile"]["peak_mib"];
    ensure(
        peak.as_f64().is_some_and(|peak| peak > 150.0)
            && seen.memory_mib.is_some_and(|mib| mib < 400),
        format!("{:?} MB: {}", seen.memory_mib, seen.comment),
    )
}

/// One in two was refused for them.
pub fn mounts_that_vanish_refuse_no_shadow(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 30, "")?;
    let folder = cluster.scratch.join(FOLDER);
    let _node = Node::start(cluster, &folder, VANISHING_MOUNTS)?;
    for kind in ["a", "b", "c", "d", "e"] {
        let text = format!("#!/bin/bash\n: {kind}\nexit 0\n");
        let script = write_script(cluster, &format!("{kind}.sh"), &text)?;
        let seen = seen_there(cluster, &script)?;
        ensure(seen["ended"] == "finished", format!("{kind}: {seen}"))?;
    }
    Ok(())
}

/// A home as most sites have it: on a server that takes root for nobody.
pub fn a_shadow_works_in_what_a_file_server_shows_its_user_alone(
    cluster: &mut Cluster,
) -> Result<()> {
    enable(cluster, 30, "")?;
    let folder = cluster.scratch.join(FOLDER);
    let work = WORK_IN_PRIVATE.replace("FOLDER", &folder.join("mounted").display().to_string());
    let script = write_script(cluster, "work.sh", &work)?;
    let _node = Node::start(cluster, &folder, FILE_SERVER)?;
    let seen = seen_there(cluster, &script)?;
    ensure(seen["ended"] == "finished", seen.to_string())?;
    let served = folder.join("served/alice");
    let read = |name| std::fs::read_to_string(served.join(name));
    ensure(
        read("private")? == "seen\n" && read("other")? == "kept\n" && !served.join("deep").exists(),
        "the shadow has changed what the server holds",
    )
}

/// The kernel refuses an overlay over some file systems, and others end the node for it.
pub fn no_overlay_is_tried_over_a_file_system_that_is_not_known_to_bear_one(
    cluster: &mut Cluster,
) -> Result<()> {
    enable(cluster, 30, "")?;
    let folder = cluster.scratch.join(FOLDER);
    let script = write_script(cluster, "work.sh", "#!/bin/bash\nsleep 1\n")?;
    let _node = Node::start(cluster, &folder, ODD_FILE_SYSTEMS)?;
    let seen = seen_there(cluster, &script)?;
    let why = format!(
        "{} is of type romfs, which is not known",
        folder.join("rom").display()
    );
    ensure(
        seen["ended"] == "refused" && seen["why"].to_string().contains(&why),
        seen.to_string(),
    )
}
