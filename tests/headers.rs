//! `slurm_headers/fetch --from`: the headers of a Slurm that is here, in a copy of this project's folders.

use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const HEADERS: [&str; 4] = ["slurm.h", "slurmdb.h", "slurm_errno.h", "spank.h"];
const VERSION: &str = "#define SLURM_VERSION_NUMBER 0x170b0a\n";

/// The script among its own, so that it puts nothing into this project's folder.
fn project() -> TempDir {
    let project = tempfile::tempdir().unwrap();
    for file in ["slurm_headers/fetch", "scripts/lib.sh", "scripts/debian.sh"] {
        let to = project.path().join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), to).unwrap();
    }
    project
}

/// Headers in this folder below a new one, and what says their version.
fn slurm(below: &str, version: Option<&str>) -> TempDir {
    let slurm = tempfile::tempdir().unwrap();
    let folder = slurm.path().join(below);
    std::fs::create_dir_all(&folder).unwrap();
    for header in HEADERS {
        std::fs::write(folder.join(header), "").unwrap();
    }
    if let Some(text) = version {
        std::fs::write(folder.join("slurm_version.h"), text).unwrap();
    }
    slurm
}

fn fetch(project: &TempDir, from: &Path, release: &[&str]) -> Output {
    let mut fetch = Command::new(project.path().join("slurm_headers/fetch"));
    fetch.arg("--from").arg(from).args(release);
    fetch.output().unwrap()
}

#[test]
fn headers_are_taken_from_where_slurm_was_installed_or_from_its_source() {
    for (below, release) in [("include/slurm", &["23.11"][..]), ("slurm", &[]), ("", &[])] {
        let (project, slurm) = (project(), slurm(below, Some(VERSION)));
        let output = fetch(&project, slurm.path(), release);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            said.contains("holds the headers of 23.11.10"),
            "{below}: {said}"
        );
        let kept = project.path().join("slurm_headers/23.11/slurm");
        assert_eq!(
            std::fs::read_to_string(kept.join("slurm_version.h")).unwrap(),
            VERSION
        );
        assert!(HEADERS.iter().all(|header| kept.join(header).exists()));
    }
}

#[test]
fn what_is_wrong_with_a_folder_is_said_and_nothing_is_kept() {
    for (below, version, release, why) in [
        (
            "lib",
            Some(VERSION),
            &[][..],
            "holds no slurm.h, include/slurm/slurm.h",
        ),
        (
            "slurm",
            None,
            &[],
            "holds no slurm_version.h: ./configure makes",
        ),
        (
            "slurm",
            Some("#undef SLURM_VERSION_NUMBER\n"),
            &[],
            "does not say which",
        ),
        (
            "slurm",
            Some(VERSION),
            &["24.05"],
            "the headers of 23.11.10, not of 24.05",
        ),
    ] {
        let (project, slurm) = (project(), slurm(below, version));
        let output = fetch(&project, slurm.path(), release);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && said.contains(why),
            "{below}: {said}"
        );
        let kept = std::fs::read_dir(project.path().join("slurm_headers")).unwrap();
        assert_eq!(kept.count(), 1, "{below}");
    }
}
