//! Which ends are a rewrite's, and which a kind's own, whoever's runs tell how the kind ends.

use super::*;
use shadowfit_core::agent::import;
use shadowfit_core::fingerprint::Key;
use shadowfit_core::job::LeftAlone;
use shadowfit_core::job::shadow::Need;
use shadowfit_core::slurm::sacct::Reader;
use shadowfit_core::store::{Filter, Shadow, Store};

/// One run, as accounting has it.
struct Row<'a> {
    id: u32,
    user: &'a str,
    state: &'a str,
    seconds: i64,
    mib: u64,
    record: Option<Record>,
}

/// A run that did as such runs do.
const WELL: Row = Row {
    id: 0,
    user: "alice",
    state: "COMPLETED",
    seconds: 300,
    mib: 983,
    record: None,
};

impl Row<'_> {
    /// It ended when `finished` does that has its number; with half of its time as CPU time.
    fn text(&self) -> String {
        let comment = self.record.as_ref().map(|record| record.to_comment());
        let comment = comment.map_or(String::new(), Option::unwrap);
        let Row {
            id,
            user,
            state,
            seconds,
            mib,
            ..
        } = self;
        let end = NOON - 1000 + i64::from(*id);
        let cpu = format!("{:02}:{:02}.000", seconds / 120, seconds / 2 % 60);
        let start = end - seconds;
        format!(
            "{id}|{id}|{start}|{start}|{end}|{state}|{seconds}|7|{user}|physics|batch|2||4000M||{cpu}||{comment}||align|1|\n\
             {id}.batch|{id}.batch|{start}|{start}|{end}|{state}|{seconds}||||||1||{mib}M|{cpu}||||batch|1|\n"
        )
    }

    /// The same job, as slurmctld still knows it.
    fn queued(&self) -> String {
        let job = queued(self.id, self.state, 0, 1000, self.record.as_ref().unwrap());
        let mut job: serde_json::Value = serde_json::from_str(&job).unwrap();
        let start = NOON - 1000 + i64::from(self.id) - self.seconds;
        job["start_time"] = start.into();
        job.to_string()
    }
}

fn texts<'a>(rows: impl IntoIterator<Item = Row<'a>>) -> String {
    rows.into_iter().map(|row| row.text()).collect()
}

/// So many runs as asked from number `first` on, that ended so.
fn as_asked(first: u32, count: u32, state: &str) -> String {
    let row = |id| Row { id, state, ..WELL };
    texts((first..first + count).map(row))
}

/// A rewritten run that ended so after a second.
fn rewritten(id: u32, state: &str) -> Row<'_> {
    Row {
        id,
        state,
        seconds: 1,
        mib: 3,
        record: Some(record(Some(1000))),
        ..WELL
    }
}

/// A site with the shipped stages.
fn site() -> Site {
    let site = Site::new();
    let config = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(&site.config, config.replace("trust.stages = []\n", "")).unwrap();
    site
}

fn store(site: &Site) -> Store {
    Store::open(&site.config.with_file_name("jobs.db")).unwrap()
}

/// How many more jobs of alice's may be rewritten; `None` where nothing is known of them.
fn left(site: &Site) -> Option<u16> {
    let snapshot = Snapshot::load(&site.config.with_file_name("snapshot")).unwrap();
    let kind = Kind::of_accounting(7, b"align").name.unwrap();
    snapshot.trust(kind).map(|trust| trust.left)
}

/// Which runs were harmed.
fn harmed(site: &Site) -> Vec<u64> {
    let mut harmed = Vec::new();
    let each = |job: shadowfit_core::record::FinishedJob, _| {
        if job.harm.is_some() {
            harmed.push(job.job_id);
        }
    };
    store(site).each_job(&Filter::default(), each).unwrap();
    harmed
}

/// Jobs that are put back of these, which slurmctld still knows, where the agent knew of what was before.
fn put_back(site: &Site, before: &str, jobs: &[Row]) -> usize {
    site.slurm.rows.replace(before.into());
    site.agent().pass(true).unwrap();
    let rows: String = jobs.iter().map(Row::text).collect();
    site.slurm.rows.replace(format!("{before}{rows}"));
    let known: Vec<String> = jobs.iter().map(Row::queued).collect();
    site.slurm.queue.replace(vec![known.join(",")]);
    site.agent().pass(true).unwrap().requeued
}

#[test]
fn what_fails_once_in_a_while_by_itself_is_harm_where_rewritten_jobs_fail_one_after_the_other() {
    for state in ["FAILED", "TIMEOUT"] {
        let jobs: Vec<Row> = (101..=108).map(|id| rewritten(id, state)).collect();
        let often = as_asked(1, 9, "COMPLETED") + &as_asked(10, 1, state);
        let seldom = as_asked(1, 20, "COMPLETED") + &as_asked(21, 1, state);
        for (before, right) in [(seldom, 8), (often, 7)] {
            let site = site();
            assert_eq!(put_back(&site, &before, &jobs), right, "{state}");
            assert_eq!(harmed(&site).len(), right, "{state}");
            assert_eq!(left(&site), Some(0), "{state}");
        }
    }
}

#[test]
fn a_kind_that_fails_as_often_by_itself_is_left_to_its_user() {
    let before = as_asked(1, 10, "COMPLETED") + &as_asked(11, 10, "FAILED");
    let jobs: Vec<Row> = (101..=120)
        .map(|id| match id % 2 {
            0 => Row {
                id,
                record: Some(record(Some(1000))),
                ..WELL
            },
            _ => rewritten(id, "FAILED"),
        })
        .collect();
    let site = site();
    assert_eq!(put_back(&site, &before, &jobs), 0);
    assert_eq!(harmed(&site), [0; 0]);
}

#[test]
fn a_failure_that_came_again_as_asked_stays_its_users() {
    let given_back = Row {
        id: 30,
        state: "FAILED",
        record: Some(record(None).give_back()),
        ..WELL
    };
    let before = as_asked(1, 20, "COMPLETED") + &given_back.text();
    let site = site();
    let jobs = [rewritten(101, "FAILED"), rewritten(102, "FAILED")];
    assert_eq!(put_back(&site, &before, &jobs), 0);
}

#[test]
fn one_trivial_run_hides_no_run_that_did_nothing() {
    let trivial = Row {
        id: 20,
        seconds: 3,
        mib: 20,
        ..WELL
    };
    let before = as_asked(1, 19, "COMPLETED") + &trivial.text();
    let rows = texts((101..=121).map(|id| rewritten(id, "COMPLETED")));
    let site = site();
    site.slurm.rows.replace(before + &rows);
    site.agent().pass(true).unwrap();
    assert_eq!(harmed(&site).len(), 21);
    assert_eq!(left(&site), Some(0));
}

/// Keys of one user's own for a script that others run, too.
fn of_script(user: u64) -> Kind {
    Kind {
        command: Some(Key(user)),
        application: Some(Key(99)),
        ..Kind::default()
    }
}

/// A job of a user of whose own runs nothing is known, sized by what that level knew.
fn stranger(id: u32, state: &str, level: Level) -> Row<'_> {
    let record = Record {
        kind: of_script(4),
        level: Some(level),
        ..record(Some(1000))
    };
    Row {
        user: "dave",
        record: Some(record),
        ..rewritten(id, state)
    }
}

#[test]
fn a_job_that_others_runs_sized_is_judged_by_those() {
    let of_others = |failed: u32| {
        let users = [("alice", 1), ("bob", 2), ("carol", 3)];
        let rows = (1..=30).zip(users.into_iter().cycle());
        texts(rows.map(|(id, (user, number))| Row {
            id,
            user,
            state: if id <= failed { "FAILED" } else { "COMPLETED" },
            record: Some(Record {
                kind: of_script(number),
                ..record(None)
            }),
            ..WELL
        }))
    };
    for (state, failed, level, right) in [
        ("FAILED", 0, Level::Application, 1),
        ("TIMEOUT", 0, Level::Application, 1),
        ("COMPLETED", 0, Level::Application, 1),
        ("FAILED", 15, Level::Application, 0),
        // What sized it was of its own user.
        ("FAILED", 0, Level::Command, 0),
        ("COMPLETED", 0, Level::Command, 0),
    ] {
        let site = site();
        let job = stranger(101, state, level);
        let requeued = put_back(&site, &of_others(failed), &[job]);
        assert_eq!(requeued, right, "{state} {failed} {level:?}");
        assert_eq!(harmed(&site).len(), right, "{state} {failed} {level:?}");
    }
}

#[test]
fn a_job_that_a_shadow_sized_is_judged_by_that_where_nothing_else_is_known() {
    let seen = |wall_s, peak_mib| Counters {
        wall_s,
        cpu_s: wall_s,
        peak_mib,
        ..Counters::nothing(Ended::Window)
    };
    let again = |state| Row {
        id: 9,
        user: "dave",
        state,
        record: Some(
            Record {
                kind: of_script(4),
                ..record(None)
            }
            .give_back(),
        ),
        ..WELL
    };
    for (state, shadow, before, right) in [
        ("FAILED", seen(40.0, 900.0), None, 1),
        ("FAILED", seen(40.0, 900.0), Some("COMPLETED"), 1),
        ("FAILED", seen(40.0, 900.0), Some("FAILED"), 0),
        ("TIMEOUT", seen(40.0, 900.0), None, 0),
        ("COMPLETED", seen(40.0, 900.0), None, 1),
        ("COMPLETED", seen(40.0, 10.0), None, 0),
        ("COMPLETED", seen(3.0, 900.0), None, 0),
    ] {
        let site = site();
        let shadowed = Shadow {
            row: 0,
            job_id: None,
            shadow_of: "90".into(),
            origin: 90,
            user: "dave".into(),
            command: Key(4),
            submitted: NOON - 2000,
            asked: Ask::LEAST,
            has_ended: false,
            counters: None,
            need: None,
        };
        let need = Need {
            memory_mib: 1000,
            cores: 1.0,
        };
        let row = store(&site).intend_shadow(&shadowed).unwrap();
        let counters = ShadowCounters::from(shadow.clone());
        store(&site)
            .end_shadow(row, Some(&counters), Some(need))
            .unwrap();
        let before = before.map_or(String::new(), |state| again(state).text());
        let job = stranger(101, state, Level::Shadow);
        let requeued = put_back(&site, &before, &[job]);
        assert_eq!(requeued, right, "{state} {shadow:?} {before}");
    }
}

#[test]
fn runs_that_were_to_be_left_alone_make_no_kind_known_and_bring_no_trust_back() {
    let left_alone = |ids: std::ops::RangeInclusive<u32>| {
        texts(ids.map(|id| Row {
            id,
            record: Some(Record::kept(
                Kind::of_accounting(7, b"align"),
                None,
                LeftAlone::OptedOut.text(),
            )),
            ..WELL
        }))
    };
    let site = site();
    site.slurm.rows.replace(left_alone(1..=3));
    site.agent().pass(true).unwrap();
    assert_eq!(left(&site), None);
    let known = as_asked(11, 3, "COMPLETED") + &rewritten(101, "COMPLETED").text();
    site.slurm.rows.replace(known.clone());
    site.agent().pass(true).unwrap();
    assert_eq!(left(&site), Some(0));
    site.slurm.rows.replace(left_alone(201..=220));
    site.agent().pass(true).unwrap();
    assert_eq!(left(&site), Some(0));
    site.slurm.rows.replace(as_asked(301, 6, "COMPLETED"));
    site.agent().pass(true).unwrap();
    assert_eq!(left(&site), Some(1));
}

#[test]
fn imported_runs_are_judged_and_no_other_job_of_their_number_is_put_back() {
    for state in ["COMPLETED", "FAILED", "TIMEOUT"] {
        let site = site();
        let rows =
            as_asked(1, 20, "COMPLETED") + &texts((101..=121).map(|id| rewritten(id, state)));
        let dump = format!("{}\n{rows}", FIELDS.replace(',', "|"));
        let reader = Reader::new(dump.as_bytes(), None).unwrap();
        import(&mut store(&site), reader, |_| ()).unwrap();
        let other = queued(101, "COMPLETED", 0, 1000, &record(Some(1000)));
        site.slurm.queue.replace(vec![other]);
        let pass = site.agent().pass(true).unwrap();
        assert_eq!(pass.requeued, 0, "{state}");
        assert_eq!(harmed(&site).len(), 21, "{state}");
        assert_eq!(left(&site), Some(0), "{state}");
    }
}
