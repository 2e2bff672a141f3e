//! What would be set for a job that is not submitted: predict, shadow.

use crate::arguments::{Predict, RunShadow};
use anyhow::{Result, bail, ensure};
use indicatif::ProgressBar;
use shadowfit_core::clock::{Clock, WallClock};
use shadowfit_core::config::Config;
use shadowfit_core::decide::{decide, probation, sentence};
use shadowfit_core::job::counters::ShadowCounters;
use shadowfit_core::model::extrapolation::Extrapolation;
use shadowfit_core::model::snapshot::Snapshot;
use shadowfit_core::report::{explain, shadow};
use shadowfit_core::slurm::queue::{QueuedJob, QueuedShadow};
use shadowfit_core::slurm::sbatch::Sbatch;
use shadowfit_core::slurm::{System, clone, control, queue};
use shadowfit_core::text::units::printable_json;
use std::time::Duration;

/// How long the agent and its shadow may take beyond the window, in seconds.
const SPARE_S: u32 = 30;

pub fn print_prediction(config: &Config, predict: Predict) -> Result<()> {
    let submission = predict
        .script
        .submission(&Sbatch::installed(&System::default()))?;
    let snapshot = Snapshot::load(&predict.snapshot.unwrap_or_else(|| config.snapshot_path()))?;
    let uid = predict
        .uid
        .unwrap_or_else(|| nix::unistd::getuid().as_raw());
    let request = submission.request(uid);
    let record = decide(config, Some(&snapshot), &request, WallClock.now());
    let record = record.map(|record| match probation(config, &snapshot, &record) {
        Some(probation) if request.jobs > probation.trust.open.into() => {
            record.on_probation(probation.why)
        }
        _ => record,
    });
    if predict.json {
        println!("{}", printable_json(&serde_json::to_string(&record)?));
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

/// The job itself is submitted, and held for good: the agent makes a shadow of it as of any other, so that
/// nobody needs a right that sbatch does not give.
pub fn run_shadow(config: &Config, arguments: RunShadow) -> Result<()> {
    let commands = System::default();
    let (options, own) = arguments.script.parted();
    let words = [options, vec![arguments.script.script.clone()], own];
    let job = clone::submit_held(&commands, &words.concat())?;
    let found = wait_for_shadow(&commands, job, config.shadow.window_s);
    control::cancel(&commands, &job.to_string())?;
    let counters = found?;
    if arguments.json {
        println!("{}", printable_json(&serde_json::to_string(&counters)?));
    } else {
        let need = Extrapolation::PRIOR.need(&counters);
        println!("{}", shadow::lines(&counters, need).join("\n"));
    }
    Ok(())
}

/// A shadow may have to wait for its slice; its window runs all the same.
fn wait_for_shadow(commands: &System, job: u64, window_s: u32) -> Result<ShadowCounters> {
    let bar = ProgressBar::new(window_s.into());
    for _ in 0..window_s + SPARE_S {
        let queue = queue::query(commands)?;
        let of_job = |one: &&QueuedShadow| one.record.shadow_of == job.to_string();
        let shadow = queue.shadows.iter().find(of_job);
        if let Some(counters) = shadow.and_then(QueuedShadow::outcome) {
            bar.finish_and_clear();
            return Ok(counters);
        }
        let own = queue.jobs.iter().find(|one| one.job_id == job);
        let waits = own.is_some_and(|own| own.record.shadow.is_some());
        ensure!(
            waits || shadow.is_some(),
            "no shadow of it: {}",
            why_none(own)
        );
        std::thread::sleep(Duration::from_secs(1));
        bar.inc(1);
    }
    bail!("no shadow has reported: is shadowfitd at work, as root? 'shadowfit doctor' says why")
}

fn why_none(own: Option<&QueuedJob>) -> String {
    match own {
        None => "the configuration switches shadowfit off for it".into(),
        Some(own) => explain::decision(&own.record).join("; "),
    }
}
