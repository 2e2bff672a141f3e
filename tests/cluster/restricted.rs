//! The agent under what its unit takes from it, as far as that can be shown where systemd is not pid 1: as SlurmUser
//! it learns and sizes jobs, as root with the drop-in's capabilities it has shadows; and no system call that either
//! makes is one that the unit forbids.

use crate::cluster::{Cluster, Result, checked, ensure};
use crate::shadow::{counters, enable, write_script};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// `$1` is the state folder, `$2` a user, `$3` the capabilities that are left; then comes a command. Everything is
/// read-only but for that folder, homes and devices are not there, /proc shows own processes alone.
const RESTRICTED: &str = r#"
set -e
state=$1 user=$2 capabilities=$3
shift 3
mount --make-rprivate /
mount --bind "$state" "$state"
mount -t tmpfs -o mode=1777 private /tmp
mount -t tmpfs -o ro,mode=000 home /home
mount -t tmpfs -o ro,mode=000 home /root
mount -t tmpfs dev /mnt
for device in null zero full random urandom; do touch /mnt/$device; mount --bind /dev/$device /mnt/$device; done
mount --move /mnt /dev
mount -t proc -o subset=pid,hidepid=invisible proc /proc
mount -o remount,bind,ro /
umask 077
exec setpriv --reuid "$user" --regid "$user" --init-groups --no-new-privs \
    --inh-caps=-all --ambient-caps=-all --bounding-set="-all$capabilities" "$@"
"#;

/// Settings of the unit or its drop-in.
fn settings(file: &str, name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scripts")
        .join(file);
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let found = lines.filter(|(own, _)| *own == name);
    found.map(|(_, value)| value.to_owned()).collect()
}

/// As setpriv wants them: `,+chown`.
fn capabilities(file: &str) -> String {
    let all = settings(file, "CapabilityBoundingSet").join(" ");
    let names = all
        .split_whitespace()
        .filter_map(|name| name.strip_prefix("CAP_"));
    names
        .map(|name| format!(",+{}", name.to_lowercase()))
        .collect()
}

/// A pass of an agent under the unit's restrictions.
fn pass(cluster: &Cluster, user: &str, file: &str) -> Result<String> {
    let state = cluster.snapshot();
    let state = state.parent().ok_or("a folder")?.display().to_string();
    let capabilities = capabilities(file);
    let command = [
        "unshare",
        "--mount",
        "bash",
        "-c",
        RESTRICTED,
        "restricted",
        &state,
        user,
        &capabilities,
        "shadowfitd",
        "--once",
    ];
    cluster.run("root", &command)
}

pub fn an_agent_that_its_unit_restricts_does_its_work(cluster: &mut Cluster) -> Result<()> {
    ensure(
        capabilities("shadowfitd.service").is_empty(),
        "none of its own",
    )?;
    std::fs::remove_file(cluster.snapshot())?;
    let known = cluster.known.clone();
    let job = cluster.submit("alice", &["--mem=4000", "-c2"], &known, &["105"])?;
    cluster.wait_for(job, "COMPLETED")?;
    let learned = pass(cluster, "slurm", "shadowfitd.service")?;
    ensure(learned.contains("published: true"), learned)?;
    cluster.let_the_plugin_look();
    cluster.is_rewritten(&cluster.submit_known(&[])?)?;
    cluster.cancel_all()
}

pub fn an_agent_that_must_be_root_has_its_shadows_under_the_drop_in(
    cluster: &mut Cluster,
) -> Result<()> {
    enable(cluster, 60, "")?;
    let text =
        "#!/bin/bash\npython3 -c 'import time; restricted = bytearray(150 << 20); time.sleep(3)'\n";
    let script = write_script(cluster, "restricted.sh", text)?;
    let (job, said) = cluster.sbatch("alice", &["--mem=3000"], &script, &[])?;
    ensure(said.contains("a new kind of job"), said)?;
    let started = pass(cluster, "root", "shadowfitd-root.conf")?;
    ensure(started.contains("shadows_started: 1"), started)?;
    let jobs = cluster.jobs()?;
    let shadow = jobs.iter().find(|one| one.is_shadow_of(job));
    let seen = counters(cluster, shadow.ok_or("no shadow")?.id)?;
    ensure(seen["ended"] == "finished", seen.to_string())?;
    let sized = pass(cluster, "root", "shadowfitd-root.conf")?;
    ensure(sized.contains("decided_again: 1"), sized)?;
    let memory = cluster.job(job)?.memory_mib.unwrap_or(0);
    ensure((150..400).contains(&memory), format!("{memory} MB"))
}

/// System calls that a set of systemd's names, with those of the sets in it.
fn calls_of(set: &str) -> Result<BTreeSet<String>> {
    if !set.starts_with('@') {
        return Ok([set.to_owned()].into());
    }
    let listed = checked(Command::new("systemd-analyze").args(["syscall-filter", set]))?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let names = listed.lines().map(str::trim).skip(1);
    let names = names.filter(|name| !name.is_empty() && !name.starts_with('#'));
    let mut all = BTreeSet::new();
    for name in names {
        all.extend(calls_of(name)?);
    }
    Ok(all)
}

/// What the unit allows, its lines taken one after the other.
fn allowed(files: &[&str]) -> Result<BTreeSet<String>> {
    let mut calls = BTreeSet::new();
    for line in files
        .iter()
        .flat_map(|file| settings(file, "SystemCallFilter"))
    {
        let denied = line.strip_prefix('~');
        for set in denied.unwrap_or(&line).split_whitespace() {
            let these = calls_of(set)?;
            match denied {
                Some(_) => calls = &calls - &these,
                None => calls.extend(these),
            }
        }
    }
    Ok(calls)
}

/// The system calls of a pass and of all that it starts.
fn traced(cluster: &Cluster, user: &str) -> Result<BTreeSet<String>> {
    let trace = cluster.snapshot().with_file_name("trace");
    let path = trace.display().to_string();
    cluster.run(
        user,
        &["strace", "-f", "-qq", "-o", &path, "shadowfitd", "--once"],
    )?;
    let text = std::fs::read(&trace)?;
    std::fs::remove_file(&trace)?;
    let text = String::from_utf8_lossy(&text);
    let calls = text.lines().filter_map(|line| {
        let call = line.split_once(' ')?.1.trim_start().split_once('(')?.0;
        let is_name = call
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name.then(|| call.to_owned())
    });
    Ok(calls.collect())
}

pub fn no_system_call_of_the_agent_is_forbidden_by_its_unit(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 30, "")?;
    let text =
        "#!/bin/bash\npython3 -c 'import time; traced = bytearray(100 << 20); time.sleep(2)'\n";
    let script = write_script(cluster, "traced.sh", text)?;
    let plain = traced(cluster, "slurm")?;
    ensure(
        plain.contains("execve") && plain.len() > 30,
        format!("{plain:?}"),
    )?;
    let forbidden = &plain - &allowed(&["shadowfitd.service"])?;
    ensure(forbidden.is_empty(), format!("as SlurmUser: {forbidden:?}"))?;
    let (job, said) = cluster.sbatch("alice", &["--mem=3000"], &script, &[])?;
    ensure(said.contains("a new kind of job"), said)?;
    let as_root = traced(cluster, "root")?;
    let shadows = cluster.jobs()?;
    ensure(
        shadows.iter().any(|one| one.is_shadow_of(job)),
        "a shadow was submitted",
    )?;
    let forbidden = &as_root - &allowed(&["shadowfitd.service", "shadowfitd-root.conf"])?;
    ensure(forbidden.is_empty(), format!("as root: {forbidden:?}"))
}
