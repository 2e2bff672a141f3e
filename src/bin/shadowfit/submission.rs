//! What would be set for a job that is not submitted: predict, shadow.

use crate::arguments::{Predict, RunShadow};
use anyhow::{Result, bail};
use indicatif::ProgressBar;
use shadowfit_core::clock::{Clock, WallClock};
use shadowfit_core::config::Config;
use shadowfit_core::decide::{decide, sentence};
use shadowfit_core::job::counters::ShadowCounters;
use shadowfit_core::model::extrapolation::Extrapolation;
use shadowfit_core::model::snapshot::Snapshot;
use shadowfit_core::report::{explain, shadow};
use shadowfit_core::slurm::queue::QueuedShadow;
use shadowfit_core::slurm::sbatch::Sbatch;
use shadowfit_core::slurm::{System, clone, queue};
use std::time::Duration;

pub fn print_prediction(config: &Config, predict: Predict) -> Result<()> {
    let submission = predict
        .script
        .submission(&Sbatch::installed(&System::default()))?;
    let snapshot = Snapshot::load(&predict.snapshot.unwrap_or_else(|| config.snapshot_path()))?;
    let uid = predict
        .uid
        .unwrap_or_else(|| nix::unistd::getuid().as_raw());
    let record = decide(
        config,
        Some(&snapshot),
        &submission.request(uid),
        WallClock.now(),
    );
    if predict.json {
        println!("{}", serde_json::to_string(&record)?);
        return Ok(());
    }
    match &record {
        Some(record) => explain::decision(record)
            .into_iter()
            .chain(sentence(record))
            .for_each(|line| println!("{line}")),
        None => println!("kept      the configuration switches shadowfit off for this job"),
    }
    for note in &submission.notes {
        println!("note      {note}");
    }
    Ok(())
}

pub fn run_shadow(config: &Config, arguments: RunShadow) -> Result<()> {
    let mut limits = config.shadow.clone();
    limits.window_s = arguments.window.unwrap_or(limits.window_s);
    let submission = arguments
        .script
        .submission(&Sbatch::installed(&System::default()))?;
    let (commands, now) = (System::default(), WallClock.now());
    let slice = limits.slice(&submission.request(0).ask, now + i64::from(limits.window_s));
    let job = clone::submit_by_hand(
        &commands,
        &limits,
        &submission.script,
        submission.place(),
        &submission.arguments,
        slice,
    )?;
    let counters = wait_for_shadow(&commands, job, limits.window_s)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&counters)?);
    } else {
        println!(
            "{}",
            shadow::lines(&counters, Extrapolation::PRIOR.need(&counters)).join("\n")
        );
    }
    Ok(())
}

/// A shadow may have to wait for its slice; its window runs all the same.
fn wait_for_shadow(commands: &System, job: u64, window_s: u32) -> Result<ShadowCounters> {
    let bar = ProgressBar::new(window_s.into());
    for _ in 0..window_s + 30 {
        let queue = queue::query(commands)?;
        let mine = queue.shadows.iter().find(|one| one.job_id == job);
        if let Some(counters) = mine.and_then(QueuedShadow::outcome) {
            bar.finish_and_clear();
            return Ok(counters);
        }
        std::thread::sleep(Duration::from_secs(1));
        bar.inc(1);
    }
    bail!("shadow {job} has not reported; 'scontrol show job {job}' may show why")
}
