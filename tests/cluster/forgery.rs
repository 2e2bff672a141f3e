//! Marks of shadows that users make or copy, and shadows of root's jobs: nothing comes of them.

use crate::cluster::{Cluster, Result, checked, ensure, eventually, text};
use crate::shadow::{counters, enable, inside, nothing_is_left, submit_new_kind, write_script};
use libtest_mimic::Failed;
use shadowfit_core::shadow::STUB;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

/// How Slurm carries the option.
const VARIABLE: &str = "_SLURM_SPANK_OPTION_shadowfit_shadowfit";

/// A file of root's, which begins as the only script that a node rewrites, and would be cut by that.
fn of_root() -> String {
    format!("{STUB}precious\n")
}

fn mark() -> String {
    mark_for(60)
}

fn mark_for(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    mark_until(now.map_or(0, |now| now.as_secs()) + seconds)
}

fn mark_until(until: u64) -> String {
    format!("shadow:1:{until}:1:100:100:100")
}

/// What job_submit writes of it.
fn comment_of(mark: &str) -> String {
    format!("{{\"shadowfit\":1,\"shadow_of\":\"1\",\"mark\":\"{mark}\"}}")
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
        std::fs::write(&precious, of_root())?;
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
            content == of_root(),
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

/// As the agent submits a shadow of job 1 for this user, and waits for its end; returns its job.
fn shadow_by_hand(cluster: &Cluster, user: &str, script: &Path) -> Result<u64> {
    let job = marked_by_root(cluster, user, script, &mark())?;
    has_ended(cluster, job)?;
    Ok(job)
}

fn has_ended(cluster: &Cluster, job: u64) -> Result<()> {
    eventually(&format!("the end of shadow {job}"), 150, || {
        Ok(!["PENDING", "RUNNING", "COMPLETING"].contains(&cluster.job(job)?.state.as_str()))
    })
}

fn marked_by_root(cluster: &Cluster, user: &str, script: &Path, mark: &str) -> Result<u64> {
    let (uid, option) = (format!("--uid={user}"), format!("--shadowfit={mark}"));
    let script = script.display().to_string();
    let words = [
        "sbatch",
        "--parsable",
        "--mem=100",
        "--requeue",
        "--chdir=/",
        "--output=/dev/null",
    ];
    let words = [&words[..], &[&uid, &option, &script]].concat();
    let output = checked(&mut cluster.command("root", &words))?;
    Ok(text(&output.stdout).parse().map_err(|_| "no job number")?)
}

/// It failed, and nothing was counted.
fn did_not_run(cluster: &Cluster, job: u64, why: &str) -> Result<()> {
    let ended = cluster.job(job)?;
    let ran = &ended.record()["counters"];
    ensure(
        ended.state == "FAILED" && ran.is_null(),
        format!("{why}: {} {ran}", ended.state),
    )
}

/// Whoever submits it again, or puts it back into the queue: root itself does so here, and repeats the mark.
pub fn a_shadow_runs_once_and_in_its_time(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 60, "")?;
    let script = write_script(cluster, "once.sh", &format!("{STUB}#!/bin/sh\nsleep 9\n"))?;
    let late = marked_by_root(cluster, "alice", &script, &mark_until(1))?;
    has_ended(cluster, late)?;
    did_not_run(cluster, late, "its time is over")?;
    // Its time is not what keeps the second run from it.
    let mark = mark_for(600);
    let again = marked_by_root(cluster, "alice", &script, &mark)?;
    cluster.wait_for(again, "RUNNING")?;
    let id = again.to_string();
    cluster.run("root", &["scontrol", "requeuehold", &id])?;
    cluster.wait_for(again, "PENDING")?;
    let comment = format!("AdminComment={}", comment_of(&mark));
    eventually("its first end's report is over", 20, || {
        Ok(cluster
            .processes(&format!("shadowfit-sampler shadow --job {again}"))?
            .is_empty())
    })?;
    let job = format!("JobId={id}");
    // Slurm puts off what was requeued by two minutes.
    let update = ["scontrol", "update", &job, &comment, "StartTime=now"];
    cluster.run("root", &update)?;
    cluster.run("root", &["scontrol", "release", &id])?;
    has_ended(cluster, again)?;
    did_not_run(cluster, again, "it has run already")
}

/// Neither asks job_submit for one, nor does a node take one that root submits for them: a plugin that refuses root alone
/// fails here.
pub fn users_of_the_system_have_no_shadow(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 60, "")?;
    let plain = write_script(cluster, "of-the-system.sh", "#!/bin/bash\nexpr 4 + 4\n")?;
    let stub = write_script(cluster, "by-hand.sh", &format!("{STUB}#!/bin/sh\nexit 0\n"))?;
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
        did_not_run(cluster, shadow_by_hand(cluster, user, &stub)?, user)?;
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
    // On a busy machine its window may be over before it has ended by itself.
    let was_kept = seen["ended"] == "finished" || seen["ended"] == "window";
    let both = beside.status.success() && was_kept;
    let has_held = seen["peak_mib"].as_f64() >= Some(220.0);
    ensure(
        !both || has_held,
        format!("it held nothing to share: {seen}"),
    )?;
    ensure(!both, format!("220 + 220 MiB of 300 were held: {seen}"))
}

/// As alice, beside a shadow of hers on its node: tries each way that /proc and the kernel have into another process of hers.
const OUTSIDER: &str = include_str!("outsider.py");
/// All that it knows.
const WAYS_IN: &str =
    "root folder write program run descriptor taken mapped memory environment namespace traced";
/// What the shadow is known by outside.
const SLEEP: &str = "sleep 20.375";

/// In the working folder of a shadow: what it writes there.
const WRITTEN: &str = "written-inside";

/// By root, who alone may: a descriptor of what a shadow has written.
fn hold_what_is_written(cluster: &Cluster, folder: &Path) -> Result<File> {
    let mut held = None;
    eventually("a file of the shadow's", 60, || {
        let paths = inside(cluster).into_iter().map(|pid| {
            let path = folder.join(WRITTEN).display().to_string();
            format!("/proc/{pid}/root{path}")
        });
        held = paths.filter_map(|path| File::open(path).ok()).next();
        Ok(held.is_some())
    })?;
    Ok(held.ok_or("no file")?)
}

/// Nothing else of the shadow is left beside it, and nothing empties it: whoever may look into a shadow may keep what is in it.
fn is_held_alone(cluster: &Cluster, mut held: File, folder: &Path) -> Result<()> {
    nothing_is_left(cluster)?;
    let mut kept = String::new();
    held.read_to_string(&mut kept)?;
    ensure(
        kept == "held\n" && !folder.join(WRITTEN).exists(),
        format!("root's descriptor of it reads {kept:?}"),
    )
}

/// A sandbox without a user namespace of its own lets all of them in, and what is written, held, mapped or run there then
/// outlives the shadow. Root may hold it.
pub fn nobody_outside_reaches_into_a_shadow(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 40, "")?;
    let folder = cluster.scratch.join("outsider");
    checked(
        Command::new("install")
            .args(["-d", "-o", "alice"])
            .arg(&folder),
    )?;
    let program = write_script(cluster, "outsider.py", OUTSIDER)?;
    let told = folder.join("told");
    let live = format!(
        "#!/bin/bash\nexec python3 {} {} copy '{SLEEP}'\n",
        program.display(),
        told.display()
    );
    let live = write_script(cluster, "outsider.sh", &live)?;
    let node = cluster.on_first_node();
    let plain = ["--shadowfit=off", "--mem=200", &node];
    let live = cluster.submit("alice", &plain, &live, &[])?;
    // What it would run lies in the shadow's own folder.
    let inside = format!(
        "#!/bin/bash\ncd {} && echo held >{WRITTEN} && cp $(command -v sleep) copy && {SLEEP}\n",
        folder.display()
    );
    let script = write_script(cluster, "is-alone.sh", &inside)?;
    let (job, shadow) = submit_new_kind(cluster, &["--mem=300", &node], &script, &[])?;
    cluster.run("root", &["scancel", &job.to_string()])?;
    let held = hold_what_is_written(cluster, &folder)?;
    let seen = counters(cluster, shadow)?;
    ensure(seen["ended"] == "finished", seen.to_string())?;
    cluster.wait_for(live, "COMPLETED")?;
    let told = std::fs::read_to_string(told)?;
    ensure(told == format!("outside: {WAYS_IN}\nshadow: \n"), told)?;
    is_held_alone(cluster, held, &folder)
}

/// A client of Slurm's of a user's own: job_submit takes the mark of root and SlurmUser alone, and Slurm would have to let the
/// user write AdminComment.
const COMMENTER: &str = r##"#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv)
{
	job_desc_msg_t job;
	submit_response_msg_t *answer = NULL;
	char *environment[] = { "PATH=/bin:/usr/bin", argv[1], NULL };
	slurm_init(NULL);
	slurm_init_job_desc_msg(&job);
	job.admin_comment = argv[2];
	if (argc > 3) {
		job.job_id = strtoul(argv[3], NULL, 10);
		return slurm_update_job(&job) ? 1 : 0;
	}
	job.script = "#!/bin/bash\nsleep 20\n";
	job.name = "commented";
	job.work_dir = "/";
	job.std_out = job.std_err = "/dev/null";
	job.pn_min_memory = 100;
	job.user_id = getuid();
	job.group_id = getgid();
	job.environment = environment;
	job.env_size = 2;
	if (slurm_submit_batch_job(&job, &answer)) {
		fprintf(stderr, "%s\n", slurm_strerror(slurm_get_errno()));
		return 1;
	}
	printf("%u\n", answer->job_id);
	return 0;
}
"##;

/// Past sbatch and scontrol, which have checks of their own.
pub fn no_user_writes_the_comment_that_makes_a_shadow(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 60, "")?;
    let (source, client) = ["commenter.c", "commenter"]
        .map(|name| cluster.scratch.join(name))
        .into();
    std::fs::write(&source, COMMENTER)?;
    checked(
        Command::new("cc")
            .args(["-include", "unistd.h", "-o"])
            .args([&client, &source])
            .arg("-lslurm"),
    )?;
    let client = client.display().to_string();
    let mark = mark();
    let (variable, comment) = (format!("{VARIABLE}={mark}"), comment_of(&mark));
    let has_it = |job: u64| Ok::<_, Failed>(cluster.job(job)?.comment == comment);
    // Root's hand shows that the client writes it.
    let script = write_script(cluster, "commented.sh", "#!/bin/bash\nsleep 1\n")?;
    let job = cluster.submit(
        "alice",
        &["--hold", "--shadowfit=off", "--mem=100"],
        &script,
        &[],
    )?;
    let id = job.to_string();
    let update = [client.as_str(), &variable, &comment, &id];
    let refused = cluster.command("alice", &update).output()?;
    ensure(
        !refused.status.success() && !has_it(job)?,
        "alice has written it",
    )?;
    checked(&mut cluster.command("root", &update))?;
    ensure(has_it(job)?, "root has not")?;
    // With the submission: refused, or passed without it.
    let output = cluster.command("alice", &update[..3]).output()?;
    if let Ok(job) = text(&output.stdout).parse() {
        ensure(!has_it(job)?, "it came with the submission")?;
    }
    cluster.cancel_all()
}
