//! shadowfitd: learns from finished jobs and tends the queue. Runs on the controller, as SlurmUser.
#![forbid(unsafe_code)]

use anyhow::Result;
use clap::Parser;
use shadowfit_core::agent::{Agent, lock};
use shadowfit_core::clock::WallClock;
use shadowfit_core::config::Config;
use shadowfit_core::slurm::System;
use std::path::PathBuf;

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

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let path = arguments.config.unwrap_or_else(Config::default_path);
    let (system, clock) = (System::default(), WallClock);
    let mut agent = Agent::new(path.clone(), &system, &clock)?;
    let _lock = lock(&Config::load(&path)?)?;
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
