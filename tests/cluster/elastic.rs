//! Jobs that outgrow the memory that they were given, on nodes that have more to lend.

use crate::cluster::{Cluster, Result, ensure, eventually, folder_for_all};
use serde_json::Value;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Fills as many MiB as its first argument says, with as many threads as the second, and holds them. Not as fast as it can, which is
/// what `scripts/bench elastic` does: what then happens on a busy machine is nobody's fault.
const FILL: &str = r#"import mmap, sys, threading, time
mib, threads = int(sys.argv[1]), int(sys.argv[2])
def fill():
    part = mmap.mmap(-1, mib // threads << 20)
    for at in range(0, len(part), 1 << 20):
        part[at:at + (1 << 20)] = bytes(1 << 20)
        time.sleep(threads / 400)
    kept.append(part)
kept = []
all = [threading.Thread(target=fill) for _ in range(threads)]
for one in all: one.start()
for one in all: one.join()
time.sleep(float(sys.argv[3]))
"#;

/// Does what its kind has always done in little memory, or fills as much as its arguments say, and leaves a mark.
const SCRIPT: &str = "#!/bin/bash
: NAME
python3 FOLDER/fill.py \"$1\" \"$2\" \"$3\" || exit 1
touch FOLDER/\"$4\"
";

/// So often three jobs are made to need more at the same time.
const ROUNDS: u32 = 3;

const POOL: &str = "[elastic]\npool_mib = 2500\nuser_share = 1\n";

/// A kind whose runs have needed next to nothing so far; the folder of its marks, and its script.
fn small_kind(cluster: &mut Cluster, name: &str) -> Result<(PathBuf, PathBuf)> {
    let marks = folder_for_all(cluster, name)?;
    std::fs::write(marks.join("fill.py"), FILL)?;
    let script = cluster.scratch.join(format!("{name}.sh"));
    let text = SCRIPT.replace("FOLDER", &marks.display().to_string());
    let text = text.replace("NAME", name);
    std::fs::write(&script, text)?;
    cluster.configure(POOL)?;
    cluster.let_the_plugin_look();
    for n in 0..4 {
        let job = outgrow(cluster, &script, &["20", "1", "0", &format!("{n}")])?;
        cluster.wait_for(job, "COMPLETED")?;
    }
    cluster.books_agree()?;
    cluster.let_the_plugin_look();
    Ok((marks, script))
}

fn outgrow(cluster: &Cluster, script: &Path, arguments: &[&str]) -> Result<u64> {
    let name = script.file_stem().unwrap_or_default().to_string_lossy();
    let (name, node) = (format!("--job-name={name}"), cluster.on_first_node());
    cluster.submit(
        "alice",
        &["--mem=2000", "-c1", &name, &node],
        script,
        arguments,
    )
}

/// The limit of a job's memory on its node.
fn limit(folder: &Path) -> Option<u64> {
    let read = |name| {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        text.trim().parse().ok()
    };
    read("memory.limit_in_bytes").or_else(|| read("memory.max"))
}

/// Groups of jobs under `folder`, wherever.
fn job_folders(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true if name.starts_with("job_") => found.push(entry.path()),
            true => job_folders(&entry.path(), found),
            false => {}
        }
    }
}

/// What all jobs may use at the same time beyond what they began with, in MiB, at most: somebody else's view of the books.
fn most_lent(is_over: &AtomicBool) -> u64 {
    let (mut most, mut first) = (0, HashMap::new());
    let root = match Path::new("/sys/fs/cgroup/memory").is_dir() {
        true => "/sys/fs/cgroup/memory",
        false => "/sys/fs/cgroup",
    };
    while !is_over.load(Ordering::Relaxed) {
        let mut folders = Vec::new();
        job_folders(Path::new(root), &mut folders);
        let lent = folders.into_iter().filter_map(|folder| {
            let now = limit(&folder)?;
            // Of a job that runs again the group is another one.
            let which = (std::fs::metadata(&folder).ok()?.ino(), folder);
            let began: &mut u64 = first.entry(which).or_insert(now);
            Some(now.saturating_sub(*began) >> 20)
        });
        most = most.max(lent.sum());
        std::thread::sleep(Duration::from_millis(5));
    }
    most
}

fn growths(cluster: &Cluster, job: u64) -> Result<Value> {
    Ok(cluster.job(job)?.record()["profile"]["growths"].clone())
}

/// It runs once, and does all its work.
pub fn a_job_that_outgrows_its_memory_goes_on(cluster: &mut Cluster) -> Result<()> {
    let (marks, script) = small_kind(cluster, "outgrows")?;
    let mut last = 0;
    for (mib, threads) in [("400", "1"), ("1200", "1"), ("1200", "8"), ("1600", "2")] {
        let mark = format!("{mib}-{threads}");
        let job = outgrow(cluster, &script, &[mib, threads, "1", &mark])?;
        last = job;
        let sized = cluster.job(job)?;
        ensure(
            sized.memory_mib.is_some_and(|mib| mib < 400) && sized.record()["elastic"] == true,
            sized.comment,
        )?;
        cluster.wait_for(job, "COMPLETED")?;
        ensure(
            marks.join(&mark).exists(),
            format!("{mark}: no work was done"),
        )?;
        let grown = growths(cluster, job)?;
        println!("{mark}: {grown}");
        let told = grown["grown"].as_array().map_or(0, Vec::len);
        ensure(told > 0 && grown["refused"].is_null(), grown.to_string())?;
        let runs = [
            "sacct",
            "-D",
            "-X",
            "-n",
            "-P",
            "-o",
            "State",
            "-j",
            &job.to_string(),
        ];
        let runs = cluster.run("root", &runs)?;
        ensure(runs.trim() == "COMPLETED", format!("{mark}: {runs}"))?;
    }
    cluster.books_agree()?;
    let explained = cluster.run("root", &["shadowfit", "explain", &last.to_string()])?;
    ensure(explained.contains("grown     "), explained)?;
    // What it needed is learned.
    cluster.let_the_plugin_look();
    let next = outgrow(cluster, &script, &["20", "1", "0", "next"])?;
    let sized = cluster.job(next)?;
    ensure(sized.memory_mib.is_some_and(|mib| mib > 400), sized.comment)?;
    cluster.wait_for(next, "COMPLETED")?;
    // Each step that begins sets the job's limit anew: to what Slurm gave it, which may be less than it uses by then.
    let text = std::fs::read_to_string(&script)? + "srun true\n";
    std::fs::write(&script, text)?;
    let steps = outgrow(cluster, &script, &["20", "1", "0", "steps"])?;
    let record = cluster.job(steps)?.record();
    ensure(
        record["elastic"].is_null() && record["steps"] == true,
        record.to_string(),
    )?;
    cluster.wait_for(steps, "COMPLETED")?;
    cluster.configure("")
}

/// One in twenty of a kind needs ten times what the others do: its jobs are not given that where nodes lend, and it does its work.
pub fn jobs_that_can_grow_start_with_less(cluster: &mut Cluster) -> Result<()> {
    // How often nodes have nothing to lend is known from those that they lent to.
    let (_, other) = small_kind(cluster, "lends")?;
    let options = ["--mem=2000", "-c1", "--job-name=lends", "--array=1-4"];
    let some = cluster.submit("alice", &options, &other, &["200", "1", "1", "some"])?;
    cluster.wait_for(some, "COMPLETED")?;
    let (marks, script) = small_kind(cluster, "spreads")?;
    let options = ["--mem=2000", "-c1", "--job-name=spreads", "--array=1-18"];
    let many = cluster.submit("alice", &options, &script, &["20", "1", "0", "many"])?;
    cluster.wait_for(many, "COMPLETED")?;
    let large = ["600", "1", "1", "large"];
    let first = outgrow(cluster, &script, &large)?;
    cluster.wait_for(first, "COMPLETED")?;
    cluster.books_agree()?;
    let given = |cluster: &mut Cluster, toml| -> Result<(u64, u64, String)> {
        cluster.configure(toml)?;
        cluster.let_the_plugin_look();
        let job = outgrow(cluster, &script, &large)?;
        let sized = cluster.job(job)?;
        cluster.wait_for(job, "COMPLETED")?;
        cluster.books_agree()?;
        Ok((job, sized.memory_mib.unwrap_or(0), sized.comment))
    };
    std::fs::remove_file(marks.join("large"))?;
    let (lent, with_less, why) = given(cluster, POOL)?;
    ensure(with_less < 400 && marks.join("large").exists(), why)?;
    let grown = growths(cluster, lent)?;
    ensure(grown["grown"].is_array(), grown.to_string())?;
    let (_, alone, why) = given(cluster, "")?;
    println!("{with_less} MiB where nodes lend, {alone} where they do not");
    ensure(alone >= 600, why)
}

/// Three of them at once do their work.
fn three_outgrow(cluster: &Cluster, marks: &Path, script: &Path) -> Result<()> {
    let names: Vec<String> = (0..3).map(|n| format!("large{n}")).collect();
    for name in &names {
        outgrow(cluster, script, &["1000", "1", "6", name])?;
    }
    eventually("all do their work", 240, || {
        cluster.pass()?;
        Ok(names.iter().all(|name| marks.join(name).exists()))
    })
}

/// Three of a user that need more at once than there is for one: no more is lent than that, and who is lent too little runs again.
pub fn no_more_is_lent_than_a_node_has(cluster: &mut Cluster) -> Result<()> {
    let mut most = 0;
    // On a busy machine one of them may be killed before it is lent anything, and run after the others.
    for round in 0..ROUNDS {
        let (marks, script) = small_kind(cluster, &format!("greedy{round}"))?;
        cluster.configure("[elastic]\npool_mib = 2000\nuser_share = 0.75\n")?;
        let is_over = AtomicBool::new(false);
        let (done, lent) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| most_lent(&is_over));
            let done = three_outgrow(cluster, &marks, &script);
            is_over.store(true, Ordering::Relaxed);
            (done, watcher.join().expect("it only looks"))
        });
        done?;
        println!("of 1500 MiB {lent} were lent at most");
        ensure(lent <= 1500, format!("{lent} MiB"))?;
        most = most.max(lent);
        if most > 1000 {
            break;
        }
    }
    ensure(most > 1000, format!("{most} MiB"))?;
    cluster.books_agree()?;
    cluster.configure("")
}

/// Page cache fills its memory, beside little that its processes hold and beside half of it, and the kernel drops that for nothing.
pub fn a_job_that_only_reads_does_not_grow(cluster: &mut Cluster) -> Result<()> {
    let (marks, script) = small_kind(cluster, "reads")?;
    let text = std::fs::read_to_string(&script)?;
    let file = marks.join("large");
    let reads = "[ -z \"$5\" ] || { python3 FOLDER/fill.py \"$5\" 1 8 & for n in 1 2 3; do head -c 700M /dev/zero >FILE; cat FILE | wc -c; rm FILE; done; wait; }\n";
    let reads = reads.replace("FILE", &file.display().to_string());
    let reads = text + &reads.replace("FOLDER", &marks.display().to_string());
    std::fs::write(&script, reads)?;
    // It has room, and would grow into that.
    for n in 0..4 {
        let mark = format!("again{n}");
        let job = outgrow(cluster, &script, &["250", "1", "0", &mark])?;
        cluster.wait_for(job, "COMPLETED")?;
    }
    cluster.books_agree()?;
    for (holds, mark) in [("1", "read"), ("160", "read-and-held")] {
        cluster.let_the_plugin_look();
        let job = outgrow(cluster, &script, &["20", "1", "0", mark, holds])?;
        cluster.wait_for(job, "COMPLETED")?;
        let sized = cluster.job(job)?;
        let profile = &sized.record()["profile"];
        println!("{mark} in {:?} MiB: {profile}", sized.memory_mib);
        let part =
            |name: &str| Some(profile[name].as_f64()? / sized.memory_mib.unwrap_or(0) as f64);
        ensure(part("charged_mib") > Some(0.8), profile.to_string())?;
        ensure(
            holds == "1" || part("peak_mib") > Some(0.5),
            profile.to_string(),
        )?;
        ensure(profile["growths"].is_null(), profile.to_string())?;
    }
    cluster.configure("")
}
