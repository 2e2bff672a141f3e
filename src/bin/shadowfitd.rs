//! shadowfitd: learns from finished jobs and tends the queue. Runs on the controller, as SlurmUser.
#![forbid(unsafe_code)]

use anyhow::Result;
use clap::Parser;
use shadowfit_core::agent::{Agent, lock};
use shadowfit_core::clock::{Clock, WallClock};
use shadowfit_core::config::Config;
use shadowfit_core::slurm::System;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two looks at the shadows.
const LEAST_REST: Duration = Duration::from_millis(500);

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
    loop {
        let pass = agent.pass(false)?;
        if pass != Default::default() {
            tracing::info!(?pass);
        }
        glance(&mut agent, &clock);
    }
}

/// Between two passes: what waits for a shadow must not wait for the next pass too. A large queue is
/// looked at less often, so that its controller has twenty times as long to rest.
fn glance(agent: &mut Agent, clock: &WallClock) {
    let end = Instant::now() + agent.interval();
    let mut rest = LEAST_REST;
    while Instant::now() + rest < end {
        clock.sleep(rest);
        let started = Instant::now();
        match agent.glance() {
            Ok(pass) if pass != Default::default() => tracing::info!(?pass),
            Ok(_) => {}
            Err(error) => tracing::warn!("{error:#}"),
        }
        rest = LEAST_REST.max(started.elapsed() * 20);
    }
    clock.sleep(end.saturating_duration_since(Instant::now()));
}
