//! Runs from sacct: what is taken, what nodes have left of them, and what is forgotten.

use super::*;
use shadowfit_core::sampler::spool::{NodeProfile, TOLERANCE_S, leave};

/// A run of a job of that name, which ended then.
fn run(id: u32, name: &str, ended: i64) -> String {
    let row = finished(id, 900 << 20).replace("|align|", &format!("|{name}|"));
    let end = NOON - 100 + i64::from(id);
    [0, 50, 60].iter().fold(row, |row, before| {
        row.replace(&(end - before).to_string(), &(ended - before).to_string())
    })
}

fn runs(ids: std::ops::RangeInclusive<u32>, name: &str, ended: i64) -> String {
    ids.map(|id| run(id, name, ended)).collect()
}

fn kinds(site: &Site) -> usize {
    let snapshot = Snapshot::load(&site.config.with_file_name("snapshot")).unwrap();
    snapshot.len()
}

fn configure(site: &Site, lines: &str) {
    let config = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(&site.config, format!("{config}{lines}\n")).unwrap();
}

#[test]
fn only_runs_older_than_the_site_keeps_are_forgotten() {
    for (keep_days, later, left) in [(10, 9, 2), (10, 11, 1), (10, 19, 0), (0, 19, 2)] {
        let site = Site::new();
        configure(&site, &format!("database.keep_days = {keep_days}"));
        let rows = runs(1..=5, "align", NOON) + &runs(6..=10, "sort", NOON + 8 * DAY);
        site.slurm.rows.replace(rows);
        site.agent().pass(true).unwrap();
        assert_eq!(kinds(&site), 2);
        site.watch.0.set(NOON + later * DAY);
        site.agent().pass(true).unwrap();
        assert_eq!(kinds(&site), left, "{keep_days} after {later} days");
    }
}

#[test]
fn a_nodes_profile_is_joined_to_its_run_once_nodes_have_had_time_to_write_it() {
    let site = Site::new();
    let spool = site.config.with_file_name("spool");
    std::fs::create_dir(&spool).unwrap();
    configure(&site, &format!("profile.spool_dir = '{}'", spool.display()));
    let ended = NOON + 10;
    site.slurm.rows.replace(run(1, "align", ended));
    let profile = NodeProfile {
        job: 1,
        node: "n1".into(),
        ended,
        counters: Counters {
            peak_mib: 512.0,
            ..Counters::nothing(Ended::Finished)
        }
        .into(),
    };
    leave(&spool, &profile).unwrap();
    let files = || std::fs::read_dir(&spool).unwrap().count();
    for (after, new, left) in [(TOLERANCE_S - 1, 0, 1), (TOLERANCE_S, 1, 0), (60, 0, 0)] {
        site.watch.0.set(ended + after);
        let pass = site.agent().pass(true).unwrap();
        assert_eq!((pass.new_runs, files()), (new, left), "{after}");
    }
    let database = rusqlite::Connection::open(site.config.with_file_name("jobs.db")).unwrap();
    let peak: i64 = database
        .query_row("SELECT peak FROM usages", [], |row| row.get(0))
        .unwrap();
    assert_eq!(peak, 512 << 20, "and counts instead of what sacct sampled");
}
