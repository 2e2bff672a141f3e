//! The systemd unit: how much it leaves exposed, with what agents that must be root add.

use std::path::{Path, PathBuf};
use std::process::Command;

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts")
}

/// What `systemd-analyze security` says of the unit as these files make it, 0 to 10.
fn exposure(drop_in: Option<&str>) -> f64 {
    let root = tempfile::tempdir().expect("a folder");
    let units = root.path().join("etc/systemd/system");
    let drop_ins = units.join("shadowfitd.service.d");
    std::fs::create_dir_all(&drop_ins).expect("ours");
    let unit = scripts().join("shadowfitd.service");
    std::fs::copy(unit, units.join("shadowfitd.service")).expect("ours");
    if let Some(name) = drop_in {
        std::fs::copy(scripts().join(name), drop_ins.join(name)).expect("ours");
    }
    let said = Command::new("systemd-analyze")
        .args([
            "security",
            "--offline=true",
            "--no-pager",
            "shadowfitd.service",
        ])
        .arg(format!("--root={}", root.path().display()))
        .output()
        .expect("systemd-analyze is installed");
    let said = String::from_utf8_lossy(&said.stdout);
    let level = said
        .lines()
        .find_map(|line| line.split_once("shadowfitd.service: "));
    let (_, level) = level.unwrap_or_else(|| panic!("{said}"));
    let number = level.split_whitespace().next().expect("a number");
    number.parse().unwrap_or_else(|_| panic!("{level}"))
}

#[test]
fn the_agent_starts_nothing_of_slurms() {
    let unit = std::fs::read_to_string(scripts().join("shadowfitd.service")).expect("it is there");
    let names = |line: &&str| line.contains("slurmctld.service");
    let lines: Vec<&str> = unit.lines().filter(names).collect();
    // An admin who has stopped slurmctld finds it stopped, whatever becomes of the agent.
    assert_eq!(lines, ["After=slurmctld.service munge.service"]);
}

#[test]
fn a_broken_configuration_is_what_the_unit_does_not_start_again_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shadowfit.toml");
    let ends = |settings: String| {
        std::fs::write(&path, settings).expect("ours");
        let mut agent = Command::new(env!("CARGO_BIN_EXE_shadowfitd"));
        let ended = agent
            .arg("--config")
            .arg(&path)
            .output()
            .expect("it starts");
        (
            ended.status.code(),
            String::from_utf8_lossy(&ended.stderr).into_owned(),
        )
    };
    let (code, said) = ends("[agent]\nno_such_setting = 1\n".into());
    let place = format!("{}: line 2: ", path.display());
    assert!(code == Some(78) && said.contains(&place), "{code:?} {said}");
    let unit = std::fs::read_to_string(scripts().join("shadowfitd.service")).expect("it is there");
    assert!(unit.contains("\nRestartPreventExitStatus=78\n"));
    // What may be another by and by: a folder that is not there yet.
    let (code, said) = ends("state_dir = '/proc/none'\n".into());
    assert_eq!(code, Some(1), "{said}");
}

#[test]
#[ignore = "needs systemd-analyze, which scripts/setup installs"]
fn the_agent_is_exposed_as_little_as_its_work_allows() {
    let plain = exposure(None);
    assert!(plain <= 2.0, "{plain}");
    let root = exposure(Some("shadowfitd-root.conf"));
    assert!(plain < root && root <= 2.5, "{root}");
}
