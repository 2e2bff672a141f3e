//! What became of jobs: report, explain, profile.

use crate::arguments::{Profile, Report};
use crate::runs;
use anyhow::{Context, Result, bail};
use shadowfit_core::clock::{Clock, WallClock};
use shadowfit_core::config::Config;
use shadowfit_core::fingerprint::Level;
use shadowfit_core::record::{Comment, FinishedJob, Record};
use shadowfit_core::report::print::Form;
use shadowfit_core::report::profile::Profiled;
use shadowfit_core::report::savings::savings;
use shadowfit_core::report::trust::Standing;
use shadowfit_core::report::{explain, print, shadow};
use shadowfit_core::slurm::System;
use shadowfit_core::slurm::queue::{self, Queue};
use shadowfit_core::store::{Filter, Store};

pub fn print_report(config: &Config, report: Report) -> Result<()> {
    let filter = Filter {
        since: report.starttime.as_deref().map(time).transpose()?,
        until: report.endtime.as_deref().map(time).transpose()?,
        user: report.user,
        account: report.account,
        partition: report.partition,
        job: report.job,
        state: report.state.map(|state| state.to_uppercase()),
    };
    let store = runs::store(config, &filter)?;
    let form = match (report.parsable2, report.json) {
        (true, _) => Form::Parsable,
        (_, true) => Form::Json,
        _ => Form::Text,
    };
    let (mut rows, total) = savings(&store, &filter, report.by)?;
    // To a program no rows are an answer.
    if rows.is_empty() && form == Form::Text {
        bail!("no run is known that fits this");
    }
    for row in &mut rows {
        let standing = row.key.map(|key| Standing::of(&store, config, key));
        row.trust = standing.transpose()?.flatten();
    }
    let shadows = shadow::shadows(&store, &filter)?;
    println!(
        "{}",
        print::savings(form, &format!("{:?}", report.by), &rows, &total, &shadows)
    );
    Ok(())
}

/// Local time as sacct takes it, or seconds since 1970.
fn time(text: &str) -> Result<i64> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let civil = text
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| text.parse::<jiff::civil::Date>().map(Into::into))
        .with_context(|| {
            format!("'{text}': expected a time such as 2026-11-30 or 2026-11-30T12:00:00")
        })?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::system())?;
    Ok(zoned.timestamp().as_second())
}

pub fn print_explanation(config: &Config, job: &str) -> Result<()> {
    let filter = Filter {
        job: Some(job.to_owned()),
        ..Filter::default()
    };
    let mut runs = Vec::new();
    let store = runs::store(config, &filter)?;
    store.each_job(&filter, |run, _| runs.push(run))?;
    let mut runs: Vec<Vec<String>> = runs
        .into_iter()
        .map(|run| {
            let run = with_outcome_of_wait(&store, run)?;
            with_shadow(&store, explain::run(&run), &run.comment)
        })
        .collect::<Result<_>>()?;
    if runs.is_empty() {
        runs = queued(&store, job)?;
    }
    if runs.is_empty() {
        bail!("job {job}: neither in the database nor, with a decision of ours, in the queue");
    }
    for run in runs {
        println!("{}\n", run.join("\n  "));
    }
    Ok(())
}

pub fn print_profile(config: &Config, arguments: &Profile) -> Result<()> {
    let filter = Filter {
        job: Some(arguments.job.clone()),
        ..Filter::default()
    };
    let mut runs = Vec::new();
    let store = runs::store(config, &filter)?;
    store.each_job(&filter, |run, _| runs.extend(Profiled::of(&run)))?;
    let Some(last) = runs.last() else {
        bail!(
            "job {}: no profile in the database; it is there once the job has ended and shadowfitd has seen it",
            arguments.job
        );
    };
    if let Some(file) = &arguments.html {
        return std::fs::write(file, last.html()?).with_context(|| file.display().to_string());
    }
    for run in &runs {
        println!(
            "{}",
            if arguments.json {
                run.json()
            } else {
                run.text()
            }
        );
    }
    Ok(())
}

/// The run of a job that has waited for a shadow in vain says so, and why.
fn with_outcome_of_wait(store: &Store, run: FinishedJob) -> Result<FinishedJob> {
    let record = run.comment.record().filter(|_| run.started > 0);
    let Some(record) = record.cloned() else {
        return Ok(run);
    };
    Ok(FinishedJob {
        comment: waited(store, record)?.into(),
        ..run
    })
}

/// The record of a job that waits for no shadow any more.
fn waited(store: &Store, record: Record) -> Result<Record> {
    let wait = record.shadow.as_ref().zip(record.kind.command);
    let why = wait.map(|(wait, kind)| store.why_no_shadow(kind, wait));
    let why = why.transpose()?.flatten();
    Ok(record.started(why.as_deref()))
}

/// Adds what the shadow of the job's kind predicted, where one sized it.
fn with_shadow(store: &Store, mut lines: Vec<String>, comment: &Comment) -> Result<Vec<String>> {
    let kind = comment
        .record()
        .filter(|record| record.level == Some(Level::Shadow))
        .and_then(|record| record.kind.command);
    let shadow = kind
        .map(|kind| store.shadow_of_kind(kind))
        .transpose()?
        .flatten();
    if let Some((counters, need)) = shadow.and_then(|shadow| Some((shadow.counters?, shadow.need)))
    {
        lines.extend(shadow::lines(&counters, need));
    }
    Ok(lines)
}

/// A job that has not ended yet, from the queue.
fn queued(store: &Store, job: &str) -> Result<Vec<Vec<String>>> {
    let mut queue = Queue::default();
    let number = job.split('_').next().and_then(|number| number.parse().ok());
    if let Some(number) = number {
        queue::query_job(&System::default(), number, &mut queue)?;
    }
    let now = WallClock.now();
    let this = queue.jobs.into_iter().filter(|one| one.handle == job);
    this.map(|queued| {
        let waits = queued.state == "PENDING" && queued.record.waits(now);
        let record = match waits {
            true => queued.record,
            false => waited(store, queued.record)?,
        };
        let head = format!(
            "JobId={} User={} State={}",
            queued.handle, queued.user, queued.state
        );
        Ok(std::iter::once(head)
            .chain(explain::decision(&record))
            .collect())
    })
    .collect()
}
