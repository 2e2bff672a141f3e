//! Where reports take their runs from: the database for whoever may read it, and for everybody else what sacct
//! shows them, by the rules that their site has for that (PrivateData).

use anyhow::Result;
use shadowfit_core::agent::Users;
use shadowfit_core::clock::{Clock, WallClock};
use shadowfit_core::config::Config;
use shadowfit_core::slurm::{System, sacct};
use shadowfit_core::store::{Filter, Store};
use std::fs::File;
use std::io::ErrorKind;

/// How far back sacct is asked where nobody says, in seconds.
const USUAL_S: i64 = 7 * 86_400;

/// All runs that `filter` may let through, to read.
pub fn store(config: &Config, filter: &Filter) -> Result<Store> {
    let path = config.database_path();
    match File::open(&path) {
        // It is on the controller alone, and there for the agent alone.
        Err(error)
            if [ErrorKind::PermissionDenied, ErrorKind::NotFound].contains(&error.kind()) =>
        {
            shown(filter)
        }
        _ => Store::open_to_read(&path),
    }
}

/// What sacct shows this user.
fn shown(filter: &Filter) -> Result<Store> {
    let (commands, now) = (System::default(), WallClock.now());
    let until = filter.until.unwrap_or(now + 1);
    let jobs = match &filter.job {
        Some(job) => sacct::query_job(&commands, job)?,
        None => sacct::query(&commands, filter.since.unwrap_or(until - USUAL_S), until)?,
    };
    let mut users = Users::default();
    let runs: Vec<_> = jobs
        .into_iter()
        .filter_map(|job| users.with_kind(job))
        .collect();
    let mut store = Store::of_the_moment()?;
    store.insert(&runs)?;
    Ok(store)
}
