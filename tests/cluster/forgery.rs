//! Marks of shadows that users make or copy, and shadows of root's jobs: nothing comes of them.

use crate::cluster::{Cluster, Result, checked, ensure, eventually, text};
use crate::shadow::{counters, enable, submit_new_kind, write_script};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

/// How Slurm carries the option.
const VARIABLE: &str = "_SLURM_SPANK_OPTION_shadowfit_shadowfit";
const PRECIOUS: &str = "#!/bin/sh\nexit 64 # of root alone\nprecious\n";

fn mark() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let until = now.map_or(0, |now| now.as_secs()) + 60;
    format!("shadow:1:{until}:1:100:100:100")
}

/// A file of root's, a link of alice's to it, and a script of hers that leaves a proof.
struct Bait {
    precious: PathBuf,
    link: PathBuf,
    proof: PathBuf,
    script: PathBuf,
}

impl Bait {
    fn new(cluster: &Cluster) -> Result<Bait> {
        let folder = cluster.scratch.join("forged");
        let install = ["-d", "-o", "alice"];
        checked(Command::new("install").args(install).arg(&folder))?;
        let (precious, link) = (cluster.scratch.join("precious"), folder.join("link"));
        std::fs::write(&precious, PRECIOUS)?;
        checked(Command::new("chmod").arg("600").arg(&precious))?;
        let _of_an_earlier_test = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&precious, &link)?;
        let proof = folder.join("proof");
        let script = write_script(
            cluster,
            "forged.sh",
            &format!("#!/bin/bash\necho ran > {}\n", proof.display()),
        )?;
        Ok(Bait {
            precious,
            link,
            proof,
            script,
        })
    }

    fn is_unharmed(&self, attack: &str) -> Result<()> {
        let content = std::fs::read_to_string(&self.precious)?;
        ensure(
            content == PRECIOUS,
            format!("{attack}: root's file is now {content:?}"),
        )?;
        ensure(!self.proof.exists(), format!("{attack}: the step ran"))
    }
}

/// `command` of alice's, with `mark` in her environment.
fn with_mark(cluster: &Cluster, mark: &str, command: &[&str]) -> Result<Output> {
    Ok(cluster
        .command("alice", command)
        .env(VARIABLE, mark)
        .output()?)
}

fn is_refused(attack: &str, output: &Output) -> Result<()> {
    let said = text(&output.stderr);
    let lines = said.lines().filter(|line| line.contains("shadowfit: "));
    ensure(
        !output.status.success() && lines.count() == 1,
        format!("{attack}: {}: {said}", output.status),
    )
}

/// A batch job that has the mark from its environment: slurmctld takes it as any other, its node does not.
/// One that may not be requeued does not wait for a shadow of its own.
fn batch_is_refused(cluster: &Cluster, bait: &Bait, attack: &str, mark: &str) -> Result<()> {
    let said = cluster.scratch.join("forged/said");
    let _ = std::fs::remove_file(&said);
    let script = bait.script.display().to_string();
    let out = format!("--output={}", said.display());
    let words = [
        "sbatch",
        "--parsable",
        "--mem=100",
        "--no-requeue",
        &out,
        &script,
    ];
    let output = cluster
        .command("alice", &words)
        .env(VARIABLE, mark)
        .output()?;
    ensure(output.status.success(), text(&output.stderr))?;
    let job: u64 = text(&output.stdout).parse().map_err(|_| "no job number")?;
    eventually(&format!("{attack}: its end"), 60, || {
        Ok(!["PENDING", "RUNNING", "COMPLETING"].contains(&cluster.job(job)?.state.as_str()))
    })?;
    bait.is_unharmed(attack)
}

pub fn no_user_makes_a_shadow(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 60, "")?;
    let bait = Bait::new(cluster)?;
    let (mark, link) = (mark(), bait.link.display().to_string());
    let script = bait.script.display().to_string();
    let option = format!("--shadowfit={mark}");
    let attacks: [(&str, &[&str]); 4] = [
        ("a step", &["srun", "-n1", "--mem=100M", &option, &link]),
        (
            "a step's program",
            &["srun", "-n1", "--mem=100M", &option, &script],
        ),
        ("a job", &["sbatch", "--mem=100", &option, &script]),
        ("an allocation", &["salloc", "--mem=100", &option, "true"]),
    ];
    for (attack, command) in attacks {
        is_refused(attack, &cluster.command("alice", command).output()?)?;
        bait.is_unharmed(attack)?;
    }
    // Past sbatch and srun, by the variable that they would have set.
    let step = ["srun", "-n1", "--mem=100M", &link];
    with_mark(cluster, &mark, &step)?;
    bait.is_unharmed("a step with the variable")?;
    batch_is_refused(cluster, &bait, "a job with the variable", &mark)?;
    cluster.is_well()
}

/// The mark of a shadow that runs.
fn true_mark(cluster: &Cluster, shadow: u64) -> Result<String> {
    let record = cluster.job(shadow)?.record();
    let mark = record["mark"].as_str().map(str::to_owned);
    mark.ok_or_else(|| format!("no mark: {record}").into())
}

pub fn a_mark_is_good_for_its_own_job_alone(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 20, "")?;
    let bait = Bait::new(cluster)?;
    let script = write_script(cluster, "original.sh", "#!/bin/bash\nsleep 15\n")?;
    let (job, shadow) = submit_new_kind(cluster, &["--mem=500"], &script, &[])?;
    cluster.run("root", &["scancel", &job.to_string()])?;
    cluster.wait_for(shadow, "RUNNING")?;
    let mark = true_mark(cluster, shadow)?;
    batch_is_refused(cluster, &bait, "a copied mark", &mark)?;
    let inside = format!("--jobid={shadow}");
    let step = [
        "srun",
        "--overlap",
        &inside,
        "-n1",
        &bait.script.display().to_string(),
    ];
    is_refused(
        "a step of the shadow's own job",
        &with_mark(cluster, &mark, &step)?,
    )?;
    bait.is_unharmed("a step of the shadow's own job")?;
    let seen = counters(cluster, shadow)?;
    ensure(seen["ended"] != "refused", seen.to_string())
}

/// A plugin that any user may give to srun: it knows the option, and lets every value through to the node.
const MARKER: &str = r#"#include <slurm/spank.h>
SPANK_PLUGIN(shadowfit, 1);
static int take(int value, const char *text, int remote) { return 0; }
static struct spank_option option = { "shadowfit", "mark", "mark", 1, 0, take };
int slurm_spank_init(spank_t spank, int argc, char **argv) { return spank_option_register(spank, &option); }
"#;

/// Steps of a job with the mark, as srun has the option and past it, then the job's work.
const MARKED_STEPS: &str = r#"#!/bin/bash
srun -n1 --mem=50M --shadowfit=MARK touch PROOF
SLURM_CONF=CONFIGURATION srun -n1 --mem=50M --shadowfit=MARK touch PROOF && exit 3
python3 -c 'import time; held = bytearray(90 << 20); time.sleep(2.5)'
"#;

/// The slurm.conf of a user who has srun load MARKER in the place of shadowfit.
fn own_configuration(cluster: &Cluster) -> Result<PathBuf> {
    let (source, plugin) = ["marker.c", "marker.so"]
        .map(|name| cluster.scratch.join(name))
        .into();
    std::fs::write(&source, MARKER)?;
    checked(
        Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&plugin, &source]),
    )?;
    let stack = write_script(
        cluster,
        "plugstack.own",
        &format!("required {}\n", plugin.display()),
    )?;
    let theirs = std::fs::read_to_string(cluster.dir.join("etc/slurm.conf"))?;
    let own = format!("{theirs}\nPlugStackConfig={}\n", stack.display());
    write_script(cluster, "slurm.own", &own)
}

/// A plugin that starts a sampler beside such a step all the same (whatever `shadow_refused` says) fails here: its report takes
/// the place of the job's record.
pub fn a_step_with_a_mark_takes_nothing_from_its_job(cluster: &mut Cluster) -> Result<()> {
    let bait = Bait::new(cluster)?;
    let text = MARKED_STEPS
        .replace(
            "CONFIGURATION",
            &own_configuration(cluster)?.display().to_string(),
        )
        .replace("MARK", &mark())
        .replace("PROOF", &bait.proof.display().to_string());
    let script = write_script(cluster, "marked-steps.sh", &text)?;
    let job = cluster.submit("alice", &["--mem=400"], &script, &[])?;
    cluster.wait_for(job, "COMPLETED")?;
    bait.is_unharmed("steps of a live job")?;
    let record = cluster.job(job)?.record();
    ensure(
        record["kind"].is_object() && record["profile"].is_object(),
        format!("the job's own record: {record}"),
    )?;
    let id = job.to_string();
    eventually("its run in the database", 20, || {
        cluster.pass()?;
        let report = cluster.run("root", &["shadowfit", "report", "--json", "-j", &id])?;
        let report: serde_json::Value = serde_json::from_str(&report)?;
        Ok(report["total"]["runs"] == 1)
    })
}

/// Users of the system, as every Debian has them.
const OF_THE_SYSTEM: [&str; 2] = ["daemon", "games"];

/// As the agent submits a shadow of job 1 for this user; returns its job.
fn shadow_by_hand(cluster: &Cluster, user: &str, script: &Path) -> Result<u64> {
    let (uid, option) = (format!("--uid={user}"), format!("--shadowfit={}", mark()));
    let script = script.display().to_string();
    let words = [
        "sbatch",
        "--parsable",
        "--mem=100",
        "--no-requeue",
        "--chdir=/",
        "--output=/dev/null",
    ];
    let words = [&words[..], &[&uid, &option, &script]].concat();
    let output = checked(&mut cluster.command("root", &words))?;
    let job = text(&output.stdout).parse().map_err(|_| "no job number")?;
    eventually(&format!("the end of a shadow of {user}"), 60, || {
        Ok(!["PENDING", "RUNNING", "COMPLETING"].contains(&cluster.job(job)?.state.as_str()))
    })?;
    Ok(job)
}

/// Neither asks job_submit for one, nor does a node take one that root submits for them: a plugin that refuses root alone
/// fails here.
pub fn users_of_the_system_have_no_shadow(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 60, "")?;
    let plain = write_script(cluster, "of-the-system.sh", "#!/bin/bash\nexpr 4 + 4\n")?;
    let stub = "#!/bin/sh\nexit 64 # only a sandbox of shadowfit runs what follows\n";
    let stub = write_script(cluster, "by-hand.sh", &format!("{stub}#!/bin/sh\nexit 0\n"))?;
    // One for alice runs: what keeps the others from it is who they are.
    let seen = counters(cluster, shadow_by_hand(cluster, "alice", &stub)?)?;
    ensure(seen["ended"] == "finished", seen.to_string())?;
    for user in OF_THE_SYSTEM {
        let account = [
            "sacctmgr",
            "-i",
            "-Q",
            "add",
            "user",
            user,
            "account=physics",
        ];
        cluster.run("root", &account)?;
        let uid = format!("--uid={user}");
        let (held, said) = cluster.sbatch(
            "root",
            &[&uid, "--chdir=/", "--hold", "--mem=3000"],
            &plain,
            &[],
        )?;
        ensure(
            !said.contains("a new kind of job"),
            format!("{user}: {said}"),
        )?;
        let by_hand = cluster.job(shadow_by_hand(cluster, user, &stub)?)?;
        let ran = &by_hand.record()["counters"];
        ensure(
            by_hand.state == "FAILED" && ran.is_null(),
            format!("{user}: {} {ran}", by_hand.state),
        )?;
        let pass = cluster.pass_as_root()?;
        ensure(pass.contains("shadows_started: 0"), pass)?;
        cluster.run("root", &["scancel", &held.to_string()])?;
    }
    Ok(())
}

/// As alice, plants links to a file of root's under names that root's programs may use, of which the process number is
/// known ahead; then becomes the program.
const PLANTED: &str = r#"
for name in shadowfit-$$.sh shadowfit-$$ shadowfit.$$ shadow-$$.sh shadow.$$ job-$$ script-$$ stub-$$.sh; do
    setpriv --reuid alice --clear-groups ln -s "$1" "$TMPDIR/$name" || exit 64
done
exec shadowfit shadow "$2"
"#;

/// A build that puts the script of `shadowfit shadow` under such a name, as earlier ones did (`shadowfit-PID.sh`), fails here.
pub fn no_planted_name_is_written_through(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 10, "")?;
    let bait = Bait::new(cluster)?;
    let folder = cluster.scratch.join("planted");
    checked(
        Command::new("install")
            .args(["-d", "-m", "777"])
            .arg(&folder),
    )?;
    let words = |paths: [&PathBuf; 2]| paths.map(|path| path.display().to_string());
    let [precious, script] = words([&bait.precious, &bait.script]);
    let command = ["bash", "-c", PLANTED, "planted", &precious, &script];
    let mut command = cluster.command("root", &command);
    let output = command.env("TMPDIR", &folder).output()?;
    // Root's jobs have none, and that is all it says.
    let said = text(&output.stderr);
    ensure(said.contains("no shadow of it"), said)?;
    bait.is_unharmed("names planted ahead")?;
    let files: Vec<_> = std::fs::read_dir(&folder)?.collect::<std::io::Result<_>>()?;
    let links = files.iter().filter(|file| file.path().is_symlink()).count();
    ensure(
        (files.len(), links) == (8, 8),
        format!("{} files, {links} links", files.len()),
    )
}

pub fn jobs_of_root_have_no_shadow(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 60, "")?;
    let script = write_script(cluster, "of-root.sh", "#!/bin/bash\nexpr 3 + 3\n")?;
    let (_, said) = cluster.sbatch("root", &["--mem=3000"], &script, &[])?;
    ensure(!said.contains("a new kind of job"), said)?;
    let pass = cluster.pass_as_root()?;
    ensure(pass.contains("shadows_started: 0"), pass)?;
    let option = format!("--shadowfit={}", mark());
    let words = [
        "sbatch",
        "--mem=100",
        &option,
        &script.display().to_string(),
    ];
    is_refused("root's own", &cluster.command("root", &words).output()?)
}

/// Holds MiB for some seconds.
const HOLD: &str = "#!/bin/bash\nexec python3 -c 'import sys, time; held = bytearray(int(sys.argv[1]) << 20); time.sleep(float(sys.argv[2]))' $1 $2\n";

pub fn a_shadow_and_its_jobs_steps_share_one_limit(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 30, "")?;
    let script = write_script(cluster, "share.sh", HOLD)?;
    let (job, shadow) = submit_new_kind(cluster, &["--mem=300"], &script, &["220", "12"])?;
    cluster.run("root", &["scancel", &job.to_string()])?;
    cluster.wait_for(shadow, "RUNNING")?;
    let (inside, script) = (format!("--jobid={shadow}"), script.display().to_string());
    let step = |mib, seconds| {
        let srun = ["srun", "--overlap", &inside, "--mem=300"];
        let words = [&srun[..], &["bash", &script, mib, seconds]].concat();
        cluster.command("alice", &words).output()
    };
    // A step that cannot even start would prove nothing.
    let small = step("1", "0")?;
    ensure(small.status.success(), text(&small.stderr))?;
    let beside = step("220", "4")?;
    let seen = counters(cluster, shadow)?;
    let both = beside.status.success() && seen["ended"] == "finished";
    ensure(!both, format!("220 + 220 MiB of 300 were held: {seen}"))
}

/// As alice, beside a shadow of hers on its node: keeps what it can reach of the shadow's files, and uses it
/// after the shadow's end. Prints what came of that.
const KEEPER: &str = include_str!("keeper.py");
const ALL_GONE: &str =
    "reached 2 folders, wrote 48 MiB; afterwards: holds 0 bytes, wrote 0 bytes, maps 0 files";

/// Files of the node's that somebody has open while a shadow ends: they are nobody's remains.
struct Bystander(Vec<(PathBuf, File, u64)>);

impl Bystander {
    /// On the file system that the shadow has an overlay over, on one that it has of its own, and what is shown
    /// inside of its sandbox.
    fn new(cluster: &Cluster) -> Result<Bystander> {
        let own = [
            cluster.scratch.join("bystander"),
            "/tmp/shadowfit-bystander".into(),
            "/dev/shm/shadowfit-bystander".into(),
        ];
        for path in &own {
            std::fs::write(path, PRECIOUS)?;
        }
        let shown = cluster.dir.join("plugins/shadowfit-standin");
        let open = |path: PathBuf| {
            let file = File::open(&path)?;
            let size = file.metadata()?.len();
            Ok((path, file, size))
        };
        let files: Result<_> = own.into_iter().chain([shown]).map(open).collect();
        Ok(Bystander(files?))
    }

    fn is_unharmed(&self) -> Result<()> {
        for (path, file, size) in &self.0 {
            let (left, named) = (file.metadata()?.len(), std::fs::metadata(path)?.len());
            ensure(
                (left, named) == (*size, *size),
                format!("{}: {left} of {size} bytes are left", path.display()),
            )?;
        }
        Ok(())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        for (path, ..) in &self.0[..self.0.len() - 1] {
            let _ = std::fs::remove_file(path);
        }
    }
}

pub fn what_a_shadow_wrote_goes_with_it_whoever_holds_it(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 12, "")?;
    let bystander = Bystander::new(cluster)?;
    let keeper = write_script(cluster, "keeper.py", KEEPER)?;
    let told = cluster.scratch.join("kept");
    checked(
        Command::new("install")
            .args(["-o", "alice", "/dev/null"])
            .arg(&told),
    )?;
    let live = write_script(
        cluster,
        "keep.sh",
        &format!(
            "#!/bin/bash\nexec python3 {} {}\n",
            keeper.display(),
            told.display()
        ),
    )?;
    let node = cluster.on_first_node();
    let plain = ["--shadowfit=off", "--mem=200", &node];
    let live = cluster.submit("alice", &plain, &live, &[])?;
    let script = write_script(
        cluster,
        "leaves.sh",
        "#!/bin/bash\nmkdir /tmp/kept /dev/shm/kept\nsleep 30\n",
    )?;
    let options = ["--mem=1000", node.as_str()];
    let (job, shadow) = submit_new_kind(cluster, &options, &script, &[])?;
    cluster.run("root", &["scancel", &job.to_string()])?;
    counters(cluster, shadow)?;
    cluster.wait_for(live, "COMPLETED")?;
    bystander.is_unharmed()?;
    let told = std::fs::read_to_string(told)?;
    ensure(told.trim() == ALL_GONE, told)
}
