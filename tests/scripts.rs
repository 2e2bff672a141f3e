//! The scripts that developers run.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Runs `scripts/test --quick` with a cargo whose verb `failing` fails. Returns the exit code and the verbs it was given.
fn quick_test(failing: &str) -> (Option<i32>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let programs = [
        (
            "cargo",
            format!("echo $1 >>\"$0.verbs\"; [ $1 != '{failing}' ] || exit 7"),
        ),
        // Whatever it goes on to do: not as root.
        ("id", "echo 1000".into()),
    ];
    for (program, body) in programs {
        let path = folder.path().join(program);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("it is writable");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("ours");
    }
    let status = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/test"))
        .arg("--quick")
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .stderr(std::process::Stdio::null())
        .status()
        .expect("bash starts");
    let verbs = std::fs::read_to_string(folder.path().join("cargo.verbs")).expect("it was called");
    (status.code(), verbs.lines().map(str::to_owned).collect())
}

#[test]
fn the_quick_test_ends_with_what_fails_first() {
    for (failing, code, verbs) in [
        ("", Some(0), &["fmt", "test"][..]),
        ("fmt", Some(7), &["fmt"]),
        ("test", Some(7), &["fmt", "test"]),
    ] {
        assert_eq!(
            quick_test(failing),
            (code, verbs.iter().map(|&verb| verb.to_owned()).collect()),
            "{failing}"
        );
    }
}
