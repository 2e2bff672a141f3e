//! Whether a shadow can run on this host, where slurmd runs on it.

use super::Finding;
use crate::shadow::OF_A_NODE;
use std::fs::DirEntry;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The capability, by its number, without which slurmd has no namespaces and no mounts to give.
const SYS_ADMIN: u32 = 21;

/// Earlier kernels lack openat2, or close_range as the sandbox wants it.
const LEAST_KERNEL: [u32; 2] = [5, 11];

/// Nothing on a host without slurmd. `programs` is where plugstack.conf has the sampler and the stand-in.
pub(super) fn shadows(proc: &Path, programs: &Path) -> Option<Finding> {
    let slurmd = slurmd(proc)?;
    let lacks = [
        is_confined(&slurmd).then(|| {
            "slurmd has no CAP_SYS_ADMIN, as in a container that is not privileged".to_owned()
        }),
        has_no_user_namespaces(proc).then(|| "user.max_user_namespaces is 0".to_owned()),
        old_kernel(proc),
        missing(programs),
    ];
    let lacks: Vec<String> = lacks.into_iter().flatten().collect();
    let problem = (!lacks.is_empty()).then(|| format!("none runs here: {}", lacks.join("; ")));
    let fix =
        "docs/limits.md says what a node needs for shadows; until then jobs start there as asked";
    Some(Finding::check("shadows: this node", problem, fix))
}

/// Its folder in /proc. A user may call anything by that name.
fn slurmd(proc: &Path) -> Option<PathBuf> {
    let is_roots = |process: &DirEntry| process.metadata().is_ok_and(|meta| meta.uid() == 0);
    let processes = std::fs::read_dir(proc).ok()?.flatten();
    processes
        .filter(is_roots)
        .map(|process| process.path())
        .find(|process| read(&process.join("comm")).trim() == "slurmd")
}

fn is_confined(process: &Path) -> bool {
    let status = read(&process.join("status"));
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    effective.is_some_and(|effective| effective >> SYS_ADMIN & 1 == 0)
}

fn has_no_user_namespaces(proc: &Path) -> bool {
    read(&proc.join("sys/user/max_user_namespaces")).trim() == "0"
}

/// Of "5.4.0-150-generic" the first two numbers count.
fn old_kernel(proc: &Path) -> Option<String> {
    let release = read(&proc.join("sys/kernel/osrelease"));
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|word| word.trim().parse().ok());
    let version = [numbers.next()?, numbers.next()?];
    (version < LEAST_KERNEL).then(|| format!("kernel {} is before 5.11", release.trim()))
}

fn missing(programs: &Path) -> Option<String> {
    let missing = OF_A_NODE
        .into_iter()
        .find(|name| !programs.join(name).exists())?;
    Some(format!("{} is not there", programs.join(missing).display()))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host with a process of this name and these capabilities.
    fn host(comm: &str, capabilities: &str, namespaces: &str, kernel: &str) -> tempfile::TempDir {
        let proc = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("1/comm", "init\n"),
            ("7/comm", comm),
            ("7/status", capabilities),
            ("sys/user/max_user_namespaces", namespaces),
            ("sys/kernel/osrelease", kernel),
        ] {
            let path = proc.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        proc
    }

    #[test]
    fn what_a_node_lacks_for_shadows_is_named() {
        let programs = tempfile::tempdir().unwrap();
        let all = "Name:\tslurmd\nCapEff:\t000001ffffffffff\n";
        let confined = "Name:\tslurmd\nCapEff:\t000001ffffdfffff\n";
        let said = |proc: &tempfile::TempDir| {
            let found = shadows(proc.path(), programs.path()).unwrap();
            found.problem.map(|(problem, _)| problem)
        };
        let whole = host("slurmd\n", all, "96000\n", "6.1.0-13-amd64\n");
        assert!(said(&whole).unwrap().contains("shadowfit-sampler is not"));
        for name in ["shadowfit-sampler", "shadowfit-standin"] {
            std::fs::write(programs.path().join(name), "").unwrap();
        }
        assert_eq!(said(&whole), None);
        for (capabilities, namespaces, kernel, why) in [
            (confined, "96000\n", "6.1.0\n", "no CAP_SYS_ADMIN"),
            (all, "0\n", "6.1.0\n", "max_user_namespaces"),
            (all, "96000\n", "5.4.0-150-generic\n", "kernel 5.4.0-150"),
        ] {
            let problem = said(&host("slurmd\n", capabilities, namespaces, kernel)).unwrap();
            assert!(problem.contains(why) && !problem.contains(';'), "{problem}");
        }
        let other = host("slurmctld\n", confined, "0\n", "4.18.0\n");
        assert!(shadows(other.path(), programs.path()).is_none());
    }
}
