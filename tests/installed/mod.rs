//! The Slurm of this machine.

use std::process::Command;

/// Its release, such as 22.05, which the folder of its shims is named after.
pub fn release() -> String {
    let said = Command::new("slurmctld").arg("-V").output();
    let said = String::from_utf8(said.expect("Slurm is installed").stdout).expect("ASCII");
    let version = said.split_whitespace().last();
    let release = version.and_then(|version| version.rsplit_once('.'));
    release.expect("such as 'slurm 22.05.8'").0.to_owned()
}
