//! Two clusters stand side by side, and `down` leaves nothing of them.

use crate::cluster::{checked, ensure, script, text};
use libtest_mimic::Failed;
use std::path::Path;
use std::process::Command;

const NAMES: [&str; 2] = ["sidea", "sideb"];

pub fn test() -> Result<(), Failed> {
    let mounts = std::fs::read_to_string("/proc/mounts")?;
    let result = NAMES.iter().try_for_each(|name| boot_and_run(name));
    for name in NAMES {
        checked(&mut script("down", name))?;
    }
    result?;
    ensure(
        std::fs::read_to_string("/proc/mounts")? == mounts,
        "a mount is left",
    )?;
    for name in NAMES {
        ensure(
            !Path::new("/var/tmp/shadowfit").join(name).exists(),
            "its folder is left",
        )?;
        let processes = Command::new("pgrep")
            .args([
                "-f",
                &format!("/var/tmp/shadowfit/{name}/|slurmd -D -N {name}"),
            ])
            .output()?;
        ensure(
            processes.stdout.is_empty(),
            format!("processes left: {}", text(&processes.stdout)),
        )?;
        let cgroups = Command::new("find")
            .args(["/sys/fs/cgroup", "-name", &format!("slurm_{name}*")])
            .output()?;
        ensure(
            cgroups.stdout.is_empty(),
            format!("cgroups left: {}", text(&cgroups.stdout)),
        )?;
    }
    Ok(())
}

/// Leaves a job running, for `down` to end.
fn boot_and_run(name: &str) -> Result<(), Failed> {
    checked(script("up", name).args(["--nodes", "2"]))?;
    let ran = checked(script("exec", name).args([
        "--user",
        "bob",
        "--",
        "srun",
        "--chdir=/",
        "-N2",
        "hostname",
    ]))?;
    ensure(text(&ran.stdout).lines().count() == 2, text(&ran.stdout))?;
    checked(script("exec", name).args([
        "--user",
        "alice",
        "--",
        "sbatch",
        "--chdir=/",
        "--output=/dev/null",
        "--wrap",
        "sleep 600",
    ]))?;
    checked(&mut script("status", name)).map(drop)
}
