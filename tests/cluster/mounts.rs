//! A node whose table of mounts is as nodes' are: hidden, stacked, odd and vanishing ones, and an automounter.

use crate::cluster::{Cluster, Result, ensure, eventually};
use crate::shadow::{counters, enable, shadow_alone, write_script};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const ODD_MOUNTS: &str = include_str!("odd_mounts.py");

/// Each is true where the shadow sees what its job would, and writes where nobody else sees it.
const LOOK: &str = r#"#!/bin/bash
cd FOLDER || exit 1
seen() { [ "$(cat "$1")" = seen ] || exit "$2"; }
seen hidden/top 2
seen stacked/layer-2 3
seen container/merged/file 4
seen file 5
seen 'odd, name: "x" \ y/file' 6
[ "$(ls many | wc -l)" = 500 ] || exit 7
[ "$(findmnt -n -o FSTYPE -T many/499)" = overlay ] || exit 8
echo x > stacked/of-shadow
[ ! -e chroot/dev/shm/none ] || exit 9
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
    fn start(cluster: &'a Cluster, folder: &Path) -> Result<Node<'a>> {
        let program = write_script(cluster, "odd_mounts.py", ODD_MOUNTS)?;
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
        eventually("a node with odd mounts", 60, || {
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
        let _ = std::fs::remove_dir_all(cluster.scratch.join("odd"));
        let _ = cluster.start(&cluster.node(1));
    }
}

pub fn odd_mounts_do_not_refuse_a_shadow(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 30, "")?;
    let folder = cluster.scratch.join("odd");
    std::fs::create_dir_all(&folder)?;
    let look = LOOK.replace("FOLDER", &folder.display().to_string());
    let script = write_script(cluster, "look.sh", &look)?;
    let _node = Node::start(cluster, &folder)?;
    let options = ["--mem=1000", &cluster.on_first_node()];
    let shadow = shadow_alone(cluster, &options, &script)?;
    let seen = counters(cluster, shadow)?;
    ensure(seen["ended"] == "finished", seen.to_string())?;
    ensure(
        !folder.join("triggered").exists(),
        "the automounter was woken",
    )
}
