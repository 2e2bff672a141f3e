//! shadowfit: audits, explains and predicts. Arguments and exit codes only; the work is in the library.
#![forbid(unsafe_code)]

mod arguments;

use anyhow::{Context, Result, bail};
use arguments::{Arguments, Command, Db, Predict, Profile, ReplayArguments, Report, RunShadow};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use shadowfit_core::agent::{Clock, WallClock, import, lock};
use shadowfit_core::config::Config;
use shadowfit_core::counters::Counters;
use shadowfit_core::decide::{decide, sentence};
use shadowfit_core::fingerprint::Level;
use shadowfit_core::model::fit::Fit;
use shadowfit_core::model::snapshot::Snapshot;
use shadowfit_core::model::train::train;
use shadowfit_core::record::Record;
use shadowfit_core::replay::{PastJob, dump, replay, series, trace};
use shadowfit_core::report::print::Form;
use shadowfit_core::report::profile::Profiled;
use shadowfit_core::report::savings::savings;
use shadowfit_core::report::{doctor, explain, page, print, shadow};
use shadowfit_core::slurm::queue::QueuedShadow;
use shadowfit_core::slurm::sacct::Reader;
use shadowfit_core::slurm::{System, clone, queue};
use shadowfit_core::store::{Filter, Store, upkeep};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let path = arguments.config.unwrap_or_else(Config::default_path);
    match run(&path, arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("shadowfit: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config_path: &Path, command: Command) -> Result<ExitCode> {
    if let Command::Doctor = command {
        return Ok(diagnose(config_path));
    }
    let config = Config::load(config_path)?;
    match command {
        Command::Report(report) => print_report(&config, report)?,
        Command::Explain { job } => print_explanation(&config, &job)?,
        Command::Profile(profile) => print_profile(&config, &profile)?,
        Command::Shadow(shadow) => run_shadow(&config, shadow)?,
        Command::Predict(predict) => print_prediction(&config, predict)?,
        Command::Replay(arguments) => replay_jobs(&config, &arguments)?,
        Command::Import { file } => import_dump(&config, &file)?,
        Command::Db { what } => return keep_up(&config, what),
        Command::Train { all } => train_snapshot(&config, all)?,
        Command::Doctor => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn print_report(config: &Config, report: Report) -> Result<()> {
    let store = Store::open_to_read(&config.database_path())?;
    let filter = Filter {
        since: report.starttime.as_deref().map(time).transpose()?,
        until: report.endtime.as_deref().map(time).transpose()?,
        user: report.user,
        account: report.account,
        partition: report.partition,
        job: report.job,
        state: report.state.map(|state| state.to_uppercase()),
    };
    let form = match (report.parsable2, report.json) {
        (true, _) => Form::Parsable,
        (_, true) => Form::Json,
        _ => Form::Text,
    };
    let (rows, total) = savings(&store, &filter, report.by)?;
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

fn print_explanation(config: &Config, job: &str) -> Result<()> {
    let filter = Filter {
        job: Some(job.to_owned()),
        ..Filter::default()
    };
    let mut runs = Vec::new();
    let store = Store::open_to_read(&config.database_path())?;
    store.each_job(&filter, |run, _| {
        runs.push((explain::run(&run), run.comment))
    })?;
    let mut runs: Vec<Vec<String>> = runs
        .into_iter()
        .map(|(lines, comment)| with_shadow(&store, lines, &comment))
        .collect::<Result<_>>()?;
    if runs.is_empty() {
        runs = queued(job)?;
    }
    if runs.is_empty() {
        bail!("job {job}: neither in the database nor, with a decision of ours, in the queue");
    }
    for run in runs {
        println!("{}\n", run.join("\n  "));
    }
    Ok(())
}

fn print_profile(config: &Config, arguments: &Profile) -> Result<()> {
    let filter = Filter {
        job: Some(arguments.job.clone()),
        ..Filter::default()
    };
    let mut runs = Vec::new();
    let store = Store::open_to_read(&config.database_path())?;
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

/// Adds what the shadow of the job's kind told, where one sized it.
fn with_shadow(store: &Store, mut lines: Vec<String>, comment: &str) -> Result<Vec<String>> {
    let kind = Record::parse(comment)
        .filter(|record| record.level == Some(Level::Shadow))
        .and_then(|record| record.kind.command);
    let shadow = kind
        .map(|kind| store.shadow_of_kind(kind))
        .transpose()?
        .flatten();
    if let Some((counters, need)) = shadow.and_then(|shadow| Some((shadow.counters?, shadow.need)))
    {
        lines.extend(shadow::told(&counters, need));
    }
    Ok(lines)
}

/// A job that has not ended yet, from the queue.
fn queued(job: &str) -> Result<Vec<Vec<String>>> {
    let jobs = queue::query(&System::default())?.jobs;
    let this = jobs.into_iter().filter(|queued| queued.handle == job);
    Ok(this
        .map(|queued| {
            let head = format!(
                "JobId={} User={} State={}",
                queued.handle, queued.user, queued.state
            );
            std::iter::once(head)
                .chain(explain::decision(&queued.record))
                .collect()
        })
        .collect())
}

fn print_prediction(config: &Config, predict: Predict) -> Result<()> {
    let submission = predict.script.submission()?;
    let snapshot = Snapshot::load(&predict.snapshot.unwrap_or_else(|| config.snapshot_path()))?;
    let uid = predict
        .uid
        .unwrap_or_else(|| nix::unistd::getuid().as_raw());
    let now = WallClock.now();
    match decide(config, Some(&snapshot), &submission.request(uid), now) {
        Some(record) => {
            println!("{}", explain::decision(&record).join("\n"));
            sentence(&record)
                .into_iter()
                .for_each(|line| println!("{line}"));
        }
        None => println!("kept      the configuration switches shadowfit off for this job"),
    }
    Ok(())
}

fn run_shadow(config: &Config, arguments: RunShadow) -> Result<()> {
    let mut limits = config.shadow.clone();
    limits.window_s = arguments.window.unwrap_or(limits.window_s);
    let submission = arguments.script.submission()?;
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
            shadow::told(&counters, Fit::PRIOR.need(&counters)).join("\n")
        );
    }
    Ok(())
}

/// A shadow may have to wait for its slice; its window runs all the same.
fn wait_for_shadow(commands: &System, job: u64, window_s: u32) -> Result<Counters> {
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
    bail!("shadow {job} has not reported; 'scontrol show job {job}' may tell why")
}

fn replay_jobs(config: &Config, arguments: &ReplayArguments) -> Result<()> {
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
    let bar = ProgressBar::new(jobs.len() as u64);
    let found = replay(config, &before, jobs, arguments.decide, || bar.inc(1));
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
    Ok(jobs)
}

fn import_dump(config: &Config, file: &Path) -> Result<()> {
    std::fs::create_dir_all(&config.state_dir)
        .with_context(|| config.state_dir.display().to_string())?;
    let mut store = Store::open(&config.database_path())?;
    let (input, size): (Box<dyn Read>, u64) = if file == Path::new("-") {
        (Box::new(stdin()), 0)
    } else {
        let input = File::open(file).with_context(|| file.display().to_string())?;
        let size = input.metadata()?.len();
        (Box::new(input), size)
    };
    let bar = ProgressBar::new(size);
    bar.set_style(ProgressStyle::with_template(
        "{wide_bar} {bytes}/{total_bytes} {eta}",
    )?);
    let reader = Reader::new(BufReader::with_capacity(1 << 20, input), None)
        .with_context(|| file.display().to_string())?;
    let (read, new, reader) = import(&mut store, reader, |bytes| bar.set_position(bytes))?;
    bar.finish_and_clear();
    println!(
        "{} rows read, {read} finished runs, {new} of them new",
        reader.rows
    );
    eprint!("{}", reader.rejects);
    Ok(())
}

fn train_snapshot(config: &Config, all: bool) -> Result<()> {
    let store = Store::open(&config.database_path())?;
    let path = config.snapshot_path();
    let old = Snapshot::load(&path).ok();
    // Who is who is the agent's to find out; it is carried over.
    let directory = old
        .as_ref()
        .map(|old| old.directory().clone())
        .unwrap_or_default();
    let previous = old.as_ref().filter(|_| !all);
    if let Some(bytes) = train(&store, previous, config, &directory)? {
        Snapshot::publish(&path, &bytes).with_context(|| path.display().to_string())?;
    }
    println!(
        "{}: {} kinds of jobs",
        path.display(),
        Snapshot::load(&path)?.len()
    );
    Ok(())
}

fn keep_up(config: &Config, what: Db) -> Result<ExitCode> {
    let path = &config.database_path();
    let kept = |old: Option<PathBuf>| {
        if let Some(old) = old {
            println!("the old one is {}", old.display());
        }
    };
    match what {
        Db::Check => {
            let problems = upkeep::check(path)?;
            problems.iter().for_each(|problem| println!("{problem}"));
            if !problems.is_empty() {
                let name = path.display();
                println!(
                    "{name}: damaged; 'shadowfit db restore FILE' or 'shadowfit db rebuild' mends it"
                );
                return Ok(ExitCode::FAILURE);
            }
            println!("{}: whole", path.display());
        }
        Db::Backup { file } => upkeep::backup(path, &file)?,
        Db::Restore { file } => {
            let _alone = lock(config)?;
            kept(upkeep::restore(path, &file)?);
        }
        Db::Vacuum => Store::open(path)?.vacuum()?,
        Db::Export { file, sums } => {
            let store = Store::open_to_read(path)?;
            let out: Box<dyn Write> = match file == Path::new("-") {
                true => Box::new(stdout().lock()),
                false => Box::new(BufWriter::new(
                    File::create(&file).with_context(|| file.display().to_string())?,
                )),
            };
            let rows = match sums {
                true => store.export_sums(out)?,
                false => store.export(out)?,
            };
            eprintln!("{}: {rows} rows", file.display());
        }
        Db::Rebuild => {
            let _alone = lock(config)?;
            kept(upkeep::rebuild(path)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn diagnose(config_path: &Path) -> ExitCode {
    let findings = doctor::examine(config_path, &System::default());
    let mut sick = false;
    for finding in &findings {
        match &finding.problem {
            None => println!("ok   {}", finding.what),
            Some((problem, mend)) => {
                sick = true;
                println!("BAD  {}: {problem}\n     mend: {mend}", finding.what);
            }
        }
    }
    if sick {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
