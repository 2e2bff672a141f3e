//! scripts/install, into an empty root, beside Slurms of several releases.

mod installed;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A machine with nothing but programs of Slurm that know their own version.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn with(programs: &[&str], version: &str) -> Machine {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("bin")).expect("it is writable");
        for program in ["slurmctld", "slurmd", "sbatch", "scontrol"] {
            let path = folder.path().join("bin").join(program);
            let answer = match programs.contains(&program) {
                true => format!("echo slurm {version}"),
                // The one that may really be installed here must not answer.
                false => "exit 127".into(),
            };
            std::fs::write(&path, format!("#!/bin/sh\n{answer}\n")).expect("writable");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("ours");
        }
        Machine { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn install(&self, options: &[&str]) -> Output {
        let bin = self.folder.path().join("bin");
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install"))
            .args(["--plugin-dir", "/slurm", "--root"])
            .arg(self.root())
            .args(options)
            // Without /usr/sbin, where Slurm's own daemons are.
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .output()
            .expect("bash starts")
    }

    fn files(&self) -> Vec<String> {
        let found = Command::new("find")
            .arg(self.root())
            .args(["-type", "f", "-printf", "%P\n"])
            .output()
            .expect("find starts");
        let found = String::from_utf8_lossy(&found.stdout);
        let mut files: Vec<String> = found.lines().map(str::to_owned).collect();
        files.sort();
        files
    }

    fn configure(&self, file: &str, line: &str) {
        let folder = self.root().join("etc/slurm");
        std::fs::create_dir_all(&folder).expect("it is writable");
        std::fs::write(folder.join(file), line).expect("it is writable");
    }
}

/// The version that the installed Slurm's shims were built for, such as 22.05.8.
fn built() -> String {
    let shims = format!("target/release/slurm-{}/version", installed::release());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(shims);
    std::fs::read_to_string(path).expect("scripts/build was run")
}

/// Another micro release of the same Slurm.
fn beside() -> String {
    format!("{}.99", installed::release())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
#[ignore = "needs root and scripts/build"]
fn what_was_installed_is_taken_away_again() {
    let machine = Machine::with(&["slurmctld"], &built());
    assert!(machine.install(&[]).status.success());
    let files = machine.files();
    for file in [
        "slurm/job_submit_shadowfit.so",
        "slurm/libshadowfit_core.so",
        "usr/local/sbin/shadowfitd",
    ] {
        assert!(files.iter().any(|one| one == file), "{file}: {files:?}");
    }
    // As install says for agents that must be root, and one of the admin's own.
    let drop_ins = machine
        .root()
        .join("etc/systemd/system/shadowfitd.service.d");
    std::fs::create_dir(&drop_ins).expect("it is writable");
    let shared = machine.root().join("usr/local/share/shadowfit");
    let for_root = drop_ins.join("shadowfitd-root.conf");
    std::fs::copy(shared.join("shadowfitd-root.conf"), for_root).expect("it is there");
    let own = drop_ins.join("own.conf");
    std::fs::write(&own, "[Service]\nNice=19\n").expect("it is writable");
    let uninstalled = machine.install(&["--uninstall"]);
    assert!(uninstalled.status.success());
    let words = String::from_utf8_lossy(&uninstalled.stdout).into_owned();
    assert!(
        words.contains("etc/systemd/system/shadowfitd.service.d"),
        "{words}"
    );
    let left = [
        "etc/slurm/shadowfit.toml",
        "etc/systemd/system/shadowfitd.service.d/own.conf",
    ];
    assert_eq!(machine.files(), left);
    std::fs::remove_file(own).expect("it is there");
    assert!(machine.install(&["--uninstall"]).status.success());
    assert!(!drop_ins.exists());
}

#[test]
#[ignore = "needs root and scripts/build"]
fn a_node_gets_what_nodes_need() {
    for program in ["slurmd", "sbatch"] {
        // SPANK plugins fit every micro release.
        let machine = Machine::with(&[program], &beside());
        let output = machine.install(&[]);
        assert!(output.status.success(), "{}", said(&output));
        let files = machine.files();
        assert!(
            files.iter().any(|one| one == "slurm/spank_shadowfit.so"),
            "{files:?}"
        );
        assert!(
            !files.iter().any(|one| one.contains("job_submit")),
            "{files:?}"
        );
    }
}

#[test]
#[ignore = "needs root and scripts/build"]
fn a_slurm_that_does_not_fit_is_refused_with_the_remedy() {
    let other = beside();
    let remedy = format!("would not start with them: install the headers of {other}");
    let cases = [
        (vec!["slurmctld"], other.as_str(), remedy.as_str()),
        (
            vec!["slurmctld"],
            "20.02.1",
            "no shims for the Slurm 20.02.1 that is here: first install this Slurm's headers",
        ),
        (vec![], other.as_str(), "no Slurm here"),
    ];
    for (programs, version, reason) in cases {
        let machine = Machine::with(&programs, version);
        let output = machine.install(&[]);
        assert!(!output.status.success(), "{version}");
        assert!(said(&output).contains(reason), "{}", said(&output));
        assert!(machine.files().is_empty());
    }
}

#[test]
#[ignore = "needs root and scripts/build"]
fn what_slurm_still_loads_stays() {
    let loaded = [
        ("slurm.conf", "JobSubmitPlugins=lua,shadowfit\n"),
        ("plugstack.conf", "optional spank_shadowfit.so\n"),
    ];
    for (file, line) in loaded {
        let machine = Machine::with(&["slurmctld"], &built());
        assert!(machine.install(&[]).status.success());
        machine.configure(file, line);
        let before = machine.files();
        let output = machine.install(&["--uninstall"]);
        assert!(
            said(&output).contains("still loads shadowfit"),
            "{}",
            said(&output)
        );
        assert_eq!(machine.files(), before);
        machine.configure(file, &format!("#{line}"));
        assert!(machine.install(&["--uninstall"]).status.success());
    }
}
