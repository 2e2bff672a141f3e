//! Jobs that a rewrite harms without Slurm calling it so. Each leaves a mark when its work is done, and only then.

use crate::cluster::{Cluster, Result, ensure, eventually, folder_for_all};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Fills as many MiB as its argument says, for a moment.
const FILL: &str = r#"python3 -c "
import sys, time
x = bytearray(int(sys.argv[1]) << 20)
for i in range(0, len(x), 4096): x[i] = 1
time.sleep(3)" "$1""#;

const PUT_BACK: &str = "its node put it back";

/// Fails where its group may hold less than its argument says, in MiB.
const CHECK: &str = "#!/bin/bash\n\
    group=/sys/fs/cgroup/memory$(awk -F: '$2 == \"memory\" { print $3 }' /proc/self/cgroup)\n\
    limit=$(cat \"$group/memory.limit_in_bytes\" \"${group%/*}/memory.limit_in_bytes\" | sort -n | head -1)\n\
    [ \"$limit\" -ge $(($1 << 20)) ]\n";

/// Their names, scripts, the states in which a harmed run ends, and what is said of it.
fn jobs(marks: &Path) -> [(&'static str, String, &'static str, &'static str); 3] {
    let mark = format!("touch {}/\"$2\"", marks.display());
    [
        (
            "step",
            format!("srun {FILL} && {mark}\necho went on"),
            "COMPLETED",
            "a step of it was killed for want of memory",
        ),
        // Slurm looks at the first process of a step alone.
        (
            "child",
            format!("( {FILL} && {mark} ) &\nwait\nexit 0"),
            "",
            "memory",
        ),
        // A program that looks at its group by itself: nothing in the script tells.
        (
            "check",
            format!(
                "{}/check.sh \"$1\" || exit 1\n{FILL} && {mark}",
                marks.display()
            ),
            "FAILED",
            "its kind does not fail so with what its user asks for",
        ),
    ]
}

/// A step that names its memory, in a file that the script starts: nothing in the script tells.
pub fn what_steps_named_in_earlier_runs_is_a_floor(cluster: &mut Cluster) -> Result<()> {
    let marks = folder_for_all(cluster, "steps")?;
    let inner = marks.join("inner");
    let step = "srun --ntasks=1 --mem=800M -c2";
    std::fs::write(
        &inner,
        format!("{step} {FILL} && touch {}/\"$2\"\n", marks.display()),
    )?;
    let script = cluster.scratch.join("outer.sh");
    std::fs::write(
        &script,
        format!("#!/bin/bash\nbash {} \"$@\"\n", inner.display()),
    )?;
    for n in 0..6 {
        let mark = format!("run-{n}");
        let job = cluster.submit("alice", &["--mem=4000", "-c4"], &script, &["20", &mark])?;
        cluster.wait_for(job, "COMPLETED")?;
        ensure(
            marks.join(&mark).exists(),
            format!("run {n} did not do its work: {}", cluster.job(job)?.comment),
        )?;
        let set = cluster.job(job)?;
        // From the fourth on it is sized, each time by what was learned of the sized ones, too.
        ensure(
            n < 3 || (set.memory_mib == Some(800) && set.cpus == 2),
            format!(
                "run {n}: {:?} MiB, {} CPUs: {}",
                set.memory_mib, set.cpus, set.comment
            ),
        )?;
        cluster.books_agree()?;
        cluster.let_the_plugin_look();
    }
    Ok(())
}

pub fn a_job_that_was_harmed_without_slurm_saying_so_runs_again(
    cluster: &mut Cluster,
) -> Result<()> {
    let marks = folder_for_all(cluster, "marks")?;
    std::fs::write(marks.join("check.sh"), CHECK)?;
    std::fs::set_permissions(
        marks.join("check.sh"),
        std::fs::Permissions::from_mode(0o755),
    )?;
    let jobs = jobs(&marks);
    let mut scripts = Vec::new();
    for (name, text, ..) in &jobs {
        let script = cluster.scratch.join(format!("{name}.sh"));
        std::fs::write(&script, format!("#!/bin/bash\n{text}\n"))?;
        scripts.push((*name, script));
    }
    let submit = |name: &str, script: &Path, mib: &str, mark: &str| {
        let name = format!("--job-name={name}");
        cluster.submit("alice", &["--mem=2000", "-c1", &name], script, &[mib, mark])
    };
    let mut first = Vec::new();
    for n in 0..4 {
        for (name, script) in &scripts {
            first.push(submit(name, script, "20", &format!("{name}-{n}"))?);
        }
    }
    for job in &first {
        cluster.wait_for(*job, "COMPLETED")?;
    }
    cluster.books_agree()?;
    for ((name, script), (_, _, state, why)) in scripts.iter().zip(&jobs) {
        let mark = format!("{name}-large");
        let job = submit(name, script, "700", &mark)?;
        let sized = cluster.job(job)?;
        let set = sized.record()["memory"]["set"].as_u64();
        ensure(
            set.is_some_and(|mib| mib < 700),
            format!("{name} is not sized below its need: {}", sized.comment),
        )?;
        let mut is_put_back = false;
        eventually(&format!("{name} ends {state}"), 60, || {
            let now = cluster.job(job)?;
            is_put_back = now.record()["put_back"].is_number();
            let has_ended = !["PENDING", "RUNNING", "COMPLETING"].contains(&now.state.as_str());
            Ok(is_put_back || now.state == *state || (state.is_empty() && has_ended))
        })?;
        // Its node may have seen the kill, and then nobody sees an end.
        ensure(
            !(is_put_back && *name == "check"),
            "nothing of it was killed",
        )?;
        let why = if is_put_back { PUT_BACK } else { why };
        ensure(
            !marks.join(&mark).exists(),
            format!("{name} was not harmed"),
        )?;
        eventually(&format!("{name} did its work"), 180, || {
            cluster.pass()?;
            Ok(marks.join(&mark).exists())
        })?;
        cluster.wait_for(job, "COMPLETED")?;
        ensure(
            cluster.job(job)?.record()["given_back"] == true,
            cluster.job(job)?.comment,
        )?;
        let explained = cluster.run("root", &["shadowfit", "explain", &job.to_string()])?;
        let told = explained.lines().find(|line| line.starts_with("  harmed"));
        ensure(
            told.is_some_and(|told| told.contains(why)),
            explained.clone(),
        )?;
    }
    cluster.books_agree()?;
    // And what was harmed is not learned as enough: the next one is given more than what killed the last.
    for (name, script) in &scripts {
        let again = submit(name, script, "700", &format!("{name}-again"))?;
        eventually(&format!("{name} does its work again"), 180, || {
            cluster.pass()?;
            Ok(marks.join(format!("{name}-again")).exists())
        })?;
        cluster.wait_for(again, "COMPLETED")?;
    }
    cluster.books_agree()
}

/// Looks at a job without rest, as its workflow manager might, and keeps each state that it saw.
fn polled(cluster: &Cluster, job: u64, is_over: &AtomicBool) -> BTreeSet<String> {
    let job = job.to_string();
    let squeue = ["squeue", "-h", "--states=all", "-o", "%T", "-j", &job];
    let sacct = ["sacct", "-X", "-n", "-P", "-o", "State", "-j", &job];
    let mut seen = BTreeSet::new();
    while !is_over.load(Ordering::Relaxed) {
        for command in [&squeue[..], &sacct] {
            let said = cluster.run("alice", command).unwrap_or_default();
            seen.extend(said.split_whitespace().map(str::to_owned));
        }
    }
    seen
}

/// A manager submits again what it sees fail: it must not see what is being mended.
pub fn what_its_memory_kills_is_put_back_before_anybody_sees_an_end(
    cluster: &mut Cluster,
) -> Result<()> {
    let marks = folder_for_all(cluster, "unseen")?;
    cluster.configure("[managers]\nnextflow = 'early'\n")?;
    cluster.let_the_plugin_look();
    let script = cluster.scratch.join("unseen.sh");
    let mark = format!("touch {}/\"$2\"", marks.display());
    std::fs::write(&script, format!("#!/bin/bash\n{FILL} || exit 1\n{mark}\n"))?;
    let submit = |mib: &str, mark: &str, more: &[&str]| {
        let options = [&["--mem=2000", "-c1", "--job-name=nf-unseen"], more].concat();
        cluster.submit("alice", &options, &script, &[mib, mark])
    };
    for n in 0..4 {
        let job = submit("20", &format!("{n}"), &[])?;
        cluster.wait_for(job, "COMPLETED")?;
    }
    cluster.books_agree()?;
    cluster.let_the_plugin_look();
    let job = submit("700", "large", &[])?;
    let sized = cluster.job(job)?;
    ensure(
        sized.memory_mib.is_some_and(|mib| mib < 700) && sized.record()["early"] == true,
        sized.comment,
    )?;
    let after = format!("--dependency=afterok:{job}");
    let dependent = submit("20", "after", &[&after])?;
    let is_over = AtomicBool::new(false);
    let (done, seen) = std::thread::scope(|scope| {
        let poller = scope.spawn(|| polled(cluster, job, &is_over));
        let done = eventually("it does its work", 180, || {
            cluster.pass()?;
            Ok(marks.join("large").exists())
        });
        is_over.store(true, Ordering::Relaxed);
        (done, poller.join().expect("it only looks"))
    });
    done?;
    let harmless = ["PENDING", "RUNNING", "COMPLETING", "COMPLETED", "REQUEUED"];
    let bad: Vec<&String> = seen
        .iter()
        .filter(|state| !harmless.contains(&state.as_str()))
        .collect();
    ensure(bad.is_empty(), format!("a poller saw {bad:?} of {seen:?}"))?;
    cluster.wait_for(job, "COMPLETED")?;
    cluster.wait_for(dependent, "COMPLETED")?;
    let explained = cluster.run("root", &["shadowfit", "explain", &job.to_string()])?;
    ensure(explained.contains(PUT_BACK), explained)?;
    cluster.books_agree()?;
    cluster.configure("")
}

/// The last task has the number of its whole array: what is done with it by that is done with all.
pub fn the_last_task_of_an_array_runs_again_alone(cluster: &mut Cluster) -> Result<()> {
    let marks = folder_for_all(cluster, "tasks")?;
    let script = cluster.scratch.join("tasks.sh");
    let text = format!(
        "#!/bin/bash\necho run >>{}/$SLURM_ARRAY_TASK_ID\n\
         [ \"$SLURM_ARRAY_TASK_ID\" = \"$2\" ] || {{ sleep 8; exit 0; }}\n{FILL} || exit 1\ntouch {}/done\n",
        marks.display(),
        marks.display()
    );
    std::fs::write(&script, text)?;
    let submit = |array: &str, mib: &str| {
        let options = ["--mem=900", "-c1", array];
        cluster.submit("alice", &options, &script, &[mib, "3"])
    };
    let first = submit("--array=0-3", "20")?;
    eventually("the first tasks", 120, || {
        cluster.pass()?;
        Ok(cluster.completed(&first.to_string())? == 4)
    })?;
    cluster.pass()?;
    cluster.let_the_plugin_look();
    for task in 0..4 {
        std::fs::remove_file(marks.join(task.to_string()))?;
    }
    std::fs::remove_file(marks.join("done"))?;
    let array = submit("--array=0-3", "700")?;
    let sized = cluster.job(array)?;
    ensure(sized.memory_mib.is_some_and(|mib| mib < 700), sized.comment)?;
    eventually("the last task does its work", 180, || {
        cluster.pass()?;
        Ok(marks.join("done").exists())
    })?;
    let runs = |task: u32| -> Result<usize> {
        Ok(std::fs::read_to_string(marks.join(task.to_string()))?
            .lines()
            .count())
    };
    let others = [runs(0)?, runs(1)?, runs(2)?];
    ensure(
        others == [1, 1, 1],
        format!("{others:?} runs of the others"),
    )?;
    ensure(runs(3)? > 1, "the last one was not harmed")?;
    cluster.books_agree()
}
