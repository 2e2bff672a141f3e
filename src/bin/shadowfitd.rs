//! shadowfitd: learns from finished jobs and tends the queue. Runs on the controller, as SlurmUser.
#![forbid(unsafe_code)]

use anyhow::Result;
use clap::Parser;
use shadowfit_core::agent::{Agent, alone, alone_at_last};
use shadowfit_core::clock::WallClock;
use shadowfit_core::config::{Config, ConfigError};
use shadowfit_core::slurm::System;
use std::path::PathBuf;
use std::process::ExitCode;

/// sysexits' EX_CONFIG: no start will do better until somebody has mended the file, and the unit tries none.
const BROKEN_CONFIGURATION: u8 = 78;

/// Learns from finished jobs, publishes what slurmctld decides with, and tends the queue.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration; default: $SHADOWFIT_CONFIG, else shadowfit.toml beside slurm.conf
    #[arg(long)]
    config: Option<PathBuf>,
    /// Do one pass, report it and exit non-zero if anything of it failed
    #[arg(long)]
    once: bool,
}

fn main() -> ExitCode {
    let Err(error) = run(Arguments::parse()) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("Error: {error:?}");
    match error.downcast_ref() {
        Some(ConfigError::Invalid { .. }) => BROKEN_CONFIGURATION.into(),
        _ => ExitCode::FAILURE,
    }
}

fn run(arguments: Arguments) -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let path = arguments.config.unwrap_or_else(Config::default_path);
    let (system, clock) = (System::default(), WallClock);
    // First: what another agent is at work on is not even opened.
    let _alone = match arguments.once {
        true => alone(&Config::load(&path)?)?,
        false => alone_at_last(&path, &clock)?,
    };
    let mut agent = Agent::new(path.clone(), &system, &clock)?;
    if arguments.once {
        let pass = agent.pass(true)?;
        println!("{pass:?}");
        return Ok(());
    }
    tracing::info!(config = %path.display(), "started");
    agent.listen();
    loop {
        let pass = agent.pass(false)?;
        if pass != Default::default() {
            tracing::info!(?pass);
        }
        agent.tend(agent.interval());
    }
}
