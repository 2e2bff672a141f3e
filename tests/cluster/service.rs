//! The agent under systemd as admins have it there: installed by scripts/install, started, upgraded and taken away again.
//! Only in a machine of its own, and last: what was installed is taken from slurmctld, too.

use crate::cluster::{Cluster, Result, checked, ensure, eventually, patience, text};
use crate::shadow::write_script;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const UNIT: &str = "/etc/systemd/system/shadowfitd.service";
const DROP_INS: &str = "/etc/systemd/system/shadowfitd.service.d";
const STATE: &str = "/var/lib/shadowfit";

/// The state lies where it does without a word about it; there is no trust to earn, as in other tests.
const SETTINGS: &str = "[modes]\ndefault = 'apply'\n[memory]\nfloor_mib = 32\n[trust]\nstages = []\n\
    [breaker]\nenabled = false\n[agent]\ninterval_s = 10\n";

/// A kind of its own, which keeps its request.
const SLEEPS: &str = "#!/bin/bash\nsleep 40\n";

const NEW_KIND: &str =
    "#!/bin/bash\npython3 -c 'import time; held = bytearray(150 << 20); time.sleep(3)'\n";

pub fn admins_install_start_upgrade_and_remove_the_agent(cluster: &mut Cluster) -> Result<()> {
    install(cluster)?;
    it_starts_and_does_its_work(cluster)?;
    an_upgrade_under_jobs_that_run_loses_nothing(cluster)?;
    it_outlives_what_kills_it()?;
    a_broken_file_ends_its_start_until_somebody_mends_it(cluster)?;
    as_root_it_has_shadows(cluster)?;
    it_stops_within_seconds()?;
    it_is_taken_away(cluster)
}

fn systemctl(arguments: &[&str]) -> Result<String> {
    Ok(text(
        &checked(Command::new("systemctl").args(arguments))?.stdout,
    ))
}

/// What systemd says of the unit: `MainPID`, `ActiveState`.
fn property(name: &str) -> Result<String> {
    systemctl(&["show", "shadowfitd", "--value", "--property", name])
}

fn is_active() -> Result<bool> {
    Ok(property("ActiveState")? == "active")
}

/// What its journal holds of the latest start.
fn journal() -> Result<String> {
    let start = format!("_SYSTEMD_INVOCATION_ID={}", property("InvocationID")?);
    let mut journal = Command::new("journalctl");
    journal.args(["--no-pager", "--output=cat", "--unit=shadowfitd", &start]);
    Ok(text(&checked(&mut journal)?.stdout))
}

fn eventually_says(words: &str) -> Result<()> {
    let said = eventually(words, 60, || Ok(journal()?.contains(words)));
    said.map_err(|_| format!("no '{words}' in: {:?}", journal()).into())
}

/// A start returns before the program is there.
fn restart() -> Result<()> {
    systemctl(&["restart", "shadowfitd"])?;
    eventually_says("started config=")
}

/// 0 to 10.
fn exposure() -> Result<f64> {
    let mut analysis = Command::new("systemd-analyze");
    analysis.args(["security", "--no-pager", "shadowfitd.service"]);
    let said = text(&checked(&mut analysis)?.stdout);
    let level = said.rsplit_once("shadowfitd.service: ");
    let number = level.and_then(|(_, level)| level.split_whitespace().next()?.parse().ok());
    number.ok_or(said.into())
}

fn configuration(cluster: &Cluster) -> std::path::PathBuf {
    cluster.dir.join("etc/shadowfit.toml")
}

fn run_install(cluster: &Cluster, more: &[&str]) -> Result<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/install");
    let folder = cluster.dir.join("etc").display().to_string();
    let command = [&[script, "--conf-dir", &folder], more].concat();
    cluster.run("root", &command)
}

/// All that bears the name, where anything is installed to.
fn installed(cluster: &Cluster) -> Result<Vec<String>> {
    let mut find = Command::new("find");
    find.args(["/usr/local", "/usr/lib", "/etc/systemd"])
        .arg(cluster.dir.join("plugins"))
        .args(["-name", "*shadowfit*"]);
    let mut found: Vec<String> = text(&checked(&mut find)?.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    found.sort();
    Ok(found)
}

/// The cluster's slurm.conf is where the unit's sandbox shows nothing.
fn install(cluster: &Cluster) -> Result<()> {
    std::fs::write(configuration(cluster), SETTINGS)?;
    let said = run_install(cluster, &[])?;
    ensure(said.contains("systemctl enable --now shadowfitd"), said)?;
    let kept = std::fs::read_to_string(configuration(cluster))?;
    ensure(kept == SETTINGS, kept)?;
    let dir = cluster.dir.display();
    std::fs::create_dir_all(DROP_INS)?;
    std::fs::write(
        Path::new(DROP_INS).join("cluster.conf"),
        format!(
            "[Service]\nEnvironment=SLURM_CONF={dir}/etc/slurm.conf\nBindReadOnlyPaths={dir}\n"
        ),
    )?;
    systemctl(&["daemon-reload"]).map(drop)
}

fn it_starts_and_does_its_work(cluster: &Cluster) -> Result<()> {
    cluster.let_the_plugin_look();
    // Nothing is known there yet.
    cluster.is_as_written(&cluster.submit_known(&[])?)?;
    systemctl(&["enable", "--now", "shadowfitd"])?;
    eventually_says("published: true")?;
    ensure(is_active()?, "it is active")?;
    let runs = Path::new("/proc").join(property("MainPID")?);
    let program = std::fs::read_link(runs.join("exe"))?;
    ensure(
        program == Path::new("/usr/local/sbin/shadowfitd"),
        program.display().to_string(),
    )?;
    ensure(owner(&runs)? == "slurm", "it runs as SlurmUser")?;
    let exposure = exposure()?;
    println!("systemd-analyze security shadowfitd: {exposure}");
    ensure(exposure <= 2.0, format!("exposure {exposure}"))?;
    cluster.let_the_plugin_look();
    cluster.is_rewritten(&cluster.submit_known(&[])?)?;
    cluster.cancel_all()
}

fn owner(path: &Path) -> Result<String> {
    Ok(text(
        &checked(Command::new("stat").args(["-c", "%U"]).arg(path))?.stdout,
    ))
}

/// One of the jobs dies of its rewrite meanwhile.
fn an_upgrade_under_jobs_that_run_loses_nothing(cluster: &Cluster) -> Result<()> {
    let script = write_script(cluster, "sleeps.sh", SLEEPS)?;
    let sleeps = cluster.submit("alice", &["--mem=300"], &script, &[])?;
    let known = cluster.known.clone();
    let submit = |mib: &str| cluster.submit("alice", &["--mem=4000", "-c2"], &known, &[mib]);
    let (runs, dies) = (submit("105")?, submit("400")?);
    cluster.wait_for(sleeps, "RUNNING")?;
    let (before, path) = (property("MainPID")?, |pid: &str| {
        Path::new("/proc").join(pid).join("exe")
    });
    run_install(cluster, &[])?;
    let old = std::fs::read_link(path(&before))?;
    ensure(
        is_active()? && old.ends_with("shadowfitd (deleted)"),
        old.display().to_string(),
    )?;
    systemctl(&["daemon-reload"])?;
    restart()?;
    let new = std::fs::read_link(path(&property("MainPID")?))?;
    ensure(new.ends_with("sbin/shadowfitd"), new.display().to_string())?;
    cluster.wait_for(sleeps, "RUNNING")?;
    for job in [runs, dies, sleeps] {
        cluster.wait_for(job, "COMPLETED")?;
    }
    let shown = cluster.run("root", &["scontrol", "show", "job", &dies.to_string()])?;
    ensure(!shown.contains("Restarts=0"), shown)?;
    cluster.books_agree_in(Path::new(STATE), || {
        std::thread::sleep(Duration::from_secs(2));
        Ok(())
    })
}

fn it_outlives_what_kills_it() -> Result<()> {
    let killed = property("MainPID")?;
    checked(Command::new("kill").args(["-KILL", &killed]))?;
    eventually("another start", 30, || {
        let now = property("MainPID")?;
        Ok(is_active()? && now != "0" && now != killed)
    })?;
    eventually_says("started config=")
}

fn a_broken_file_ends_its_start_until_somebody_mends_it(cluster: &Cluster) -> Result<()> {
    let path = configuration(cluster);
    let line = SETTINGS.lines().count() + 1;
    let place = format!("{}: line {line}: ", path.display());
    std::fs::write(&path, format!("{SETTINGS}no_such_setting = 1\n"))?;
    // One at work says so and goes on with what it has read.
    eventually_says(&place)?;
    ensure(is_active()?, "it goes on")?;
    systemctl(&["restart", "shadowfitd"])?;
    eventually("a failed unit", 20, || {
        Ok(property("ActiveState")? == "failed")
    })?;
    // Longer than it takes to be started again.
    std::thread::sleep(Duration::from_secs(15));
    let (state, restarts) = (property("ActiveState")?, property("NRestarts")?);
    ensure(
        state == "failed" && restarts == "0",
        format!("{state}, {restarts} restarts"),
    )?;
    let said = journal()?;
    ensure(said.contains(&place), said)?;
    std::fs::write(&path, SETTINGS)?;
    restart()?;
    ensure(is_active()?, "it is active")
}

fn as_root_it_has_shadows(cluster: &Cluster) -> Result<()> {
    let shadows = "[shadow]\nenabled = true\nmin_stake_gib_h = 0\nwindow_s = 120\n";
    std::fs::write(configuration(cluster), format!("{SETTINGS}{shadows}"))?;
    let drop_in = "/usr/local/share/shadowfit/shadowfitd-root.conf";
    checked(Command::new("install").args(["-D", "-t", DROP_INS, drop_in]))?;
    systemctl(&["daemon-reload"])?;
    restart()?;
    let runs = Path::new("/proc").join(property("MainPID")?);
    ensure(owner(&runs)? == "root", "it runs as root")?;
    let exposure = exposure()?;
    println!("the same with shadowfitd-root.conf: {exposure}");
    ensure(exposure <= 2.5, format!("exposure {exposure}"))?;
    eventually_says("new jobs are looked for")?;
    let script = write_script(cluster, "new.sh", NEW_KIND)?;
    let (job, said) = cluster.sbatch("alice", &["--mem=3000"], &script, &[])?;
    ensure(said.contains("a new kind of job"), said)?;
    let sized = eventually("a job that its shadow has sized", 30, || {
        let set = cluster.job(job)?.memory_mib.unwrap_or(0);
        Ok((150..400).contains(&set))
    });
    sized.map_err(|_| format!("not sized by its shadow: {:?}", journal()))?;
    cluster.cancel_all()
}

fn it_stops_within_seconds() -> Result<()> {
    let began = Instant::now();
    systemctl(&["stop", "shadowfitd"])?;
    let took = began.elapsed();
    println!("stopped within {took:.1?}");
    let (state, result) = (property("ActiveState")?, property("Result")?);
    ensure(
        state == "inactive" && result == "success" && took < Duration::from_secs(3) * patience(),
        format!("{state}, {result}, {took:?}"),
    )
}

/// What admins wrote themselves stays: of the unit that is a drop-in.
fn it_is_taken_away(cluster: &Cluster) -> Result<()> {
    restart()?;
    let agent = Path::new("/proc").join(property("MainPID")?);
    let refused = run_install(cluster, &["--uninstall"]);
    let refused = refused
        .err()
        .and_then(|error| error.message().map(str::to_owned));
    let refused = refused.unwrap_or_default();
    ensure(refused.contains("still loads shadowfit"), refused)?;
    ensure(agent.exists() && is_active()?, "it is still there")?;
    let conf = cluster.dir.join("etc/slurm.conf");
    let without = std::fs::read_to_string(&conf)?.replace("JobSubmitPlugins=shadowfit\n", "");
    std::fs::write(conf, without)?;
    std::fs::write(cluster.dir.join("etc/plugstack.conf"), "")?;
    cluster.restart_slurmctld()?;
    let said = run_install(cluster, &["--uninstall"])?;
    let toml = configuration(cluster);
    let stays = format!("remove {STATE} and {} if nobody wants it", toml.display());
    ensure(said.contains(&stays), said.clone())?;
    ensure(said.contains(DROP_INS), said)?;
    ensure(!agent.exists(), "it has ended")?;
    ensure(
        property("LoadState")? == "not-found",
        property("LoadState")?,
    )?;
    // The programs that scripts/cluster put beside the plugins are none of install's.
    let own = ["sampler", "standin"].map(|program| {
        let path = cluster.dir.join(format!("plugins/shadowfit-{program}"));
        path.display().to_string()
    });
    let expected = [&[DROP_INS.to_owned()][..], &own].concat();
    let left = installed(cluster)?;
    ensure(left == expected, format!("{left:?}"))?;
    ensure(!Path::new(UNIT).exists(), UNIT)?;
    let drop_ins: Vec<_> = std::fs::read_dir(DROP_INS)?.flatten().collect();
    ensure(
        drop_ins.len() == 1 && drop_ins[0].file_name() == "cluster.conf",
        format!("{drop_ins:?}"),
    )?;
    ensure(
        toml.exists() && Path::new(STATE).join("jobs.db").exists(),
        "what was learned and configured stays",
    )?;
    cluster.is_as_written(&cluster.submit_known(&[])?)
}
