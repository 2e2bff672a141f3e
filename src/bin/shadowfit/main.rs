//! shadowfit: audits, explains and predicts. Arguments and exit codes only; the work is in the library.
#![forbid(unsafe_code)]

mod arguments;
mod database;
mod jobs;
mod past;
mod runs;
mod submission;

use anyhow::Result;
use arguments::{Command, CommandLine};
use clap::Parser;
use shadowfit_core::config::Config;
use shadowfit_core::report::doctor;
use shadowfit_core::slurm::System;
use shadowfit_core::slurm::sacct::dump_command;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = CommandLine::parse();
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
        Command::Report(report) => jobs::print_report(&config, report)?,
        Command::Explain { job } => jobs::print_explanation(&config, &job)?,
        Command::Profile(profile) => jobs::print_profile(&config, &profile)?,
        Command::Shadow(shadow) => submission::run_shadow(&config, shadow)?,
        Command::Predict(predict) => submission::print_prediction(&config, predict)?,
        Command::Replay(arguments) => past::replay_jobs(&config, &arguments)?,
        Command::Import {
            file: Some(file),
            print_command: false,
        } => database::import_dump(&config, &file)?,
        Command::Import { .. } => println!("{}", dump_command()),
        Command::Db { what } => return database::keep_up(&config, what),
        Command::Train { all } => database::train_snapshot(&config, all)?,
        Command::Doctor => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn diagnose(config_path: &Path) -> ExitCode {
    let findings = doctor::examine(config_path, &System::default());
    let mut sick = false;
    for finding in &findings {
        match &finding.problem {
            None => println!("ok   {}", finding.what),
            Some((problem, fix)) => {
                sick = true;
                println!("FAIL {}: {problem}\n     fix: {fix}", finding.what);
            }
        }
    }
    if sick {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
