//! Two clusters stand side by side, and `down` leaves nothing of them.

use crate::cluster::{checked, ensure, script, text};
use libtest_mimic::Failed;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const NAMES: [&str; 2] = ["sidea", "sideb"];

/// A machine as Debian's installer leaves it: its own name stands for another address than localhost. `$1` is a file for that.
const AS_INSTALLED: &str = "hosts=$1 && shift
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' \"$(hostname -s)\" >\"$hosts\"
mount --bind \"$hosts\" /etc/hosts && exec \"$@\"";

pub fn test() -> Result<(), Failed> {
    let mounts = std::fs::read_to_string("/proc/mounts")?;
    let hosts = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile()?;
    let result = NAMES
        .iter()
        .try_for_each(|name| boot_and_run(name, hosts.path()));
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

/// The second of them has a machine as it was installed.
fn script_on(hosts: &Path, verb: &str, name: &str) -> Command {
    let plain = script(verb, name);
    if name == NAMES[0] {
        return plain;
    }
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "bash", "-c", AS_INSTALLED, "installed"])
        .arg(hosts)
        .arg(plain.get_program())
        .args(plain.get_args())
        .env_remove("SHADOWFIT_HOSTS");
    command
}

/// Leaves a job running, for `down` to end.
fn boot_and_run(name: &str, hosts: &Path) -> Result<(), Failed> {
    checked(script_on(hosts, "up", name).args(["--nodes", "2"]))?;
    let ran = checked(script_on(hosts, "exec", name).args([
        "--user",
        "bob",
        "--",
        "srun",
        "--chdir=/",
        "-N2",
        "hostname",
    ]))?;
    ensure(text(&ran.stdout).lines().count() == 2, text(&ran.stdout))?;
    checked(script_on(hosts, "exec", name).args([
        "--user",
        "alice",
        "--",
        "sbatch",
        "--chdir=/",
        "--output=/dev/null",
        "--wrap",
        "sleep 600",
    ]))?;
    checked(&mut script_on(hosts, "status", name)).map(drop)
}
