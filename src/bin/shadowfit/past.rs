//! What would have been: replay.

use crate::arguments::ReplayArguments;
use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use shadowfit_core::config::Config;
use shadowfit_core::replay::{PastJob, dump, page_cache, replay, series, trace};
use shadowfit_core::report::{page, print};
use shadowfit_core::slurm::sacct::dump_command;
use std::path::Path;
use std::time::Instant;

pub fn replay_jobs(config: &Config, arguments: &ReplayArguments) -> Result<()> {
    if let (Some(path), Some(window_s)) = (&arguments.series, arguments.window) {
        return replay_series(config, path, window_s, arguments.json);
    }
    let started = Instant::now();
    let (path, jobs) = match (&arguments.trace, &arguments.sacct) {
        (Some(path), _) => (path, read_trace(path)?),
        (_, Some(path)) => (path, read_dump(path)?),
        _ => bail!("--trace, --sacct or --series says what to replay"),
    };
    let mut jobs = jobs;
    if let Some(split) = arguments.split {
        jobs.iter_mut().for_each(|job| split.apply(job));
    }
    let before = arguments.history.as_deref().map(read_trace).transpose()?;
    let before = before.unwrap_or_default();
    if let Some(refused) = arguments
        .elastic
        .filter(|refused| !(0.0..=1.0).contains(refused))
    {
        bail!("--elastic {refused}: a share of refusals is a number from 0 to 1");
    }
    let bar = ProgressBar::new(jobs.len() as u64);
    let found = replay(
        config,
        &before,
        jobs,
        arguments.decide,
        arguments.elastic,
        || {
            bar.inc(1);
        },
    );
    bar.finish_and_clear();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_end_matches(".gz").trim_end_matches(".csv");
    let seconds = started.elapsed().as_secs_f64();
    if let Some(file) = &arguments.html {
        std::fs::write(file, page::replay(name, &found)?)
            .with_context(|| file.display().to_string())?;
    }
    println!("{}", print::replay(arguments.json, name, &found, seconds));
    Ok(())
}

fn replay_series(config: &Config, path: &Path, window_s: f64, json: bool) -> Result<()> {
    let (all, rejects) = series::read(path)?;
    eprint!("{rejects}");
    let figures = series::evaluate(config, &all, window_s)?;
    let fit = series::fit(&all, window_s)?;
    println!("{}", print::series(json, &figures, &fit));
    Ok(())
}

fn read_trace(path: &Path) -> Result<Vec<PastJob>> {
    let (jobs, rejects) = trace::read(path)?;
    eprint!("{rejects}");
    Ok(jobs)
}

fn read_dump(path: &Path) -> Result<Vec<PastJob>> {
    let (jobs, rejects) = dump::read(path)?;
    eprint!("{rejects}");
    if jobs.is_empty() {
        let (path, command) = (path.display(), dump_command());
        bail!("{path}: no run in it can be replayed; make the dump with: {command}");
    }
    if let Some(hint) = page_cache::hint(&jobs) {
        eprintln!("{hint}");
    }
    Ok(jobs)
}
