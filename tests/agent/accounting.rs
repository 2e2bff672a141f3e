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

#[test]
fn accounting_is_read_without_gaps_across_restarts_and_clock_changes() {
    let site = Site::new();
    site.agent().pass(true).unwrap();
    let first = site.slurm.calls("sacct ");
    assert_eq!(first.len(), 15, "two weeks, a day at a time");
    assert_eq!(since(&first)[0], uts(NOON - 14 * DAY));

    site.watch.0.set(NOON + 60);
    site.agent().pass(true).unwrap();
    assert_eq!(
        since(&site.slurm.calls("sacct ")),
        [uts(NOON - 900)],
        "a new agent goes on where the old one ended"
    );

    let mut agent = site.agent();
    for (now, begins) in [
        (61, 60 - 900),
        (100, 61 - 120),
        (61 + 224, 100 - 120),
        (61 + 225, 61 + 224 - 900),
    ] {
        site.watch.0.set(NOON + now);
        agent.pass(true).unwrap();
        assert_eq!(
            since(&site.slurm.calls("sacct ")),
            [uts(NOON + begins)],
            "what may come late is read now and then"
        );
    }

    site.watch.0.set(NOON - 3600);
    site.agent().pass(true).unwrap();
    assert_eq!(
        since(&site.slurm.calls("sacct ")),
        [uts(NOON - 3600 - 900), uts(NOON - 3600 - DAY)],
        "the clock was set back: all is read again"
    );

    for _ in 0..13 {
        site.agent().pass(true).unwrap();
    }
    site.slurm.calls("sacct ");
    for pass in 0..16 {
        site.watch.0.set(NOON + DAY + 30 * pass);
        site.agent().pass(true).unwrap();
        let calls = site.slurm.calls("sacct ");
        let far = calls.len() - 1;
        assert_eq!(
            far,
            usize::from(pass < 14) + usize::from(pass == 0),
            "once a day everything is read again, a day in each pass: {calls:?}"
        );
        if pass < 14 {
            assert_eq!(since(&calls)[far], uts(NOON - pass * DAY));
        }
    }
}

#[test]
fn what_is_too_old_is_forgotten_once_a_day() {
    let site = Site::new();
    *site.slurm.rows.borrow_mut() = (1..=5).map(|id| finished(id, 1 << 20)).collect();
    let kinds = || {
        let snapshot = Snapshot::load(&site.config.with_file_name("snapshot")).unwrap();
        snapshot.len()
    };
    site.agent().pass(true).unwrap();
    assert_eq!(kinds(), 1);
    site.watch.0.set(NOON + 1096 * DAY);
    assert_eq!(site.agent().pass(true).unwrap().new_runs, 0);
    assert_eq!(kinds(), 0, "learned anew from what is left");
}

#[test]
fn a_pass_without_slurmdbd_is_made_up_for() {
    let site = Site::new();
    site.agent().pass(true).unwrap();
    site.slurm.calls("");
    site.slurm.slurmdbd_is_down.set(true);
    site.watch.0.set(NOON + 7200);
    assert!(site.agent().pass(true).is_err());
    assert!(site.agent().pass(false).is_ok(), "the daemon goes on");
    site.slurm.slurmdbd_is_down.set(false);
    site.slurm.calls("");
    site.watch.0.set(NOON + 7260);
    site.agent().pass(true).unwrap();
    assert_eq!(since(&site.slurm.calls("sacct ")), [uts(NOON - 900)]);
}

#[test]
fn who_is_who_is_asked_for_again_after_ten_minutes_and_after_one_where_that_failed() {
    let site = Site::new();
    let mut agent = site.agent();
    let mut asked = |after: i64, down: bool| {
        site.watch.0.set(site.watch.0.get() + after);
        site.slurm.slurmctld_is_down.set(down);
        let _slurmctld_may_be_down = agent.pass(false);
        site.slurm.calls("scontrol show config").len()
    };
    let passes = [
        (0, true),
        (30, true),
        (30, true),
        (60, false),
        (60, true),
        (540, true),
    ];
    let asked = passes.map(|(after, down)| asked(after, down));
    assert_eq!(asked, [1, 0, 1, 1, 0, 1]);
}
