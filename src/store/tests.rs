use super::*;
use crate::fingerprint::{Key, Kind, Level};
use crate::job::Ask;
use crate::record::FinishedJob;
use crate::record::tests::finished;

/// A store in a folder that goes with the test.
pub fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("jobs.db")).unwrap();
    (dir, store)
}

/// A rewrite harmed this run of [`finished`], where that was submitted at the second of its number.
pub fn note_harm(store: &Store, job_id: u64) {
    let run = RunOfJob {
        job_id,
        restarts: 0,
        started: job_id as i64 + 1,
    };
    let harm = Harm {
        of_memory: false,
        why: "it ended far too soon".into(),
    };
    store.note_harm(run, &harm).unwrap();
}

/// A shadow that runs for job `number` of this user, of a kind of its own, since that time in seconds since 1970.
pub fn shadow(number: u64, user: &str, submitted: i64) -> Shadow {
    Shadow {
        row: 0,
        job_id: None,
        shadow_of: number.to_string(),
        origin: number,
        user: user.into(),
        command: Key(number),
        submitted,
        asked: Ask::LEAST,
        has_ended: false,
        counters: None,
        need: None,
    }
}

fn kind() -> Kind {
    Kind::of_accounting(1001, b"align")
}

#[test]
fn a_run_that_is_told_twice_is_stored_once_and_a_requeued_one_twice() {
    let (_dir, mut store) = store();
    let first = (finished(1, 100, 5), kind());
    assert_eq!(store.insert(&[first.clone(), first.clone()]).unwrap(), 1);
    assert_eq!(
        store
            .insert(&[first, (finished(1, 200, 9), kind())])
            .unwrap(),
        1
    );
    let runs = store
        .runs(Level::Name, kind().name.unwrap(), i64::MAX, 10)
        .unwrap();
    let peaks: Vec<_> = runs
        .iter()
        .map(|run| run.usage.peak_bytes.unwrap() >> 20)
        .collect();
    assert_eq!(peaks, [9, 5]);
    assert_eq!(
        store.keys_after(0, Level::Name).unwrap(),
        [kind().name.unwrap()]
    );
    assert_eq!(
        store
            .keys_after(store.watermark().unwrap().jobs, Level::Name)
            .unwrap(),
        []
    );
}

#[test]
fn reports_see_what_they_ask_for() {
    let (_dir, mut store) = store();
    let task = FinishedJob {
        label: "7_3".into(),
        user: "bob".into(),
        ..finished(9, 500, 5)
    };
    store
        .insert(&[(finished(1, 100, 5), kind()), (task, kind())])
        .unwrap();
    let labels = |filter: Filter| {
        let mut labels = Vec::new();
        store
            .each_job(&filter, |job, _| labels.push(job.label))
            .unwrap();
        labels
    };
    let job = |job: &str| Filter {
        job: Some(job.into()),
        ..Filter::default()
    };
    assert_eq!(labels(Filter::default()), ["1", "7_3"]);
    assert_eq!(labels(job("7_3")), ["7_3"]);
    assert_eq!(labels(job("9")), ["7_3"]);
    assert_eq!(labels(job("1'; DROP TABLE jobs")), [""; 0]);
    assert_eq!(
        labels(Filter {
            since: Some(200),
            ..Filter::default()
        }),
        ["7_3"]
    );
    assert_eq!(
        labels(Filter {
            user: Some("alice".into()),
            ..Filter::default()
        }),
        ["1"]
    );
}

#[test]
fn runs_of_an_older_database_are_known_to_have_been_rewritten_and_harmed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let db = Connection::open(&path).unwrap();
    let older = 7;
    for migration in &MIGRATIONS[..older] {
        db.execute_batch(migration).unwrap();
    }
    db.pragma_update(None, "user_version", older as i64)
        .unwrap();
    let comment = |mode: &str| {
        format!(
            "{{\"shadowfit\":1,\"kind\":{{}},\"memory\":{{\"mode\":\"{mode}\",\"asked\":9,\"set\":1}}}}"
        )
    };
    let runs = [
        ("COMPLETED", comment("apply"), false, (true, false)),
        ("OUT_OF_MEMORY", comment("apply"), false, (true, true)),
        ("COMPLETED", comment("apply"), true, (true, true)),
        ("OUT_OF_MEMORY", comment("observe"), true, (false, false)),
        ("COMPLETED", String::new(), false, (false, false)),
    ];
    for (id, (state, comment, is_bound, _)) in (1..).zip(&runs) {
        db.execute(
            "INSERT INTO jobs (id, job_id, submitted, started, ended, state, name, user, account, partition, nodes, \
             cpus, comment) VALUES (?1, ?1, 1, 2, 3, ?2, 'a', 'a', 'a', 'a', 1, 1, nullif(?3, ''))",
            params![id, state, comment],
        )
        .unwrap();
        db.execute(
            "INSERT INTO usages (job, peak_is_bound, elapsed) VALUES (?, ?, 1)",
            params![id, is_bound],
        )
        .unwrap();
    }
    drop(db);
    let store = Store::open(&path).unwrap();
    let mut query = store
        .db
        .prepare("SELECT rewritten, harmed FROM jobs ORDER BY id")
        .unwrap();
    let found = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let found: Vec<(bool, bool)> = found.unwrap().collect::<rusqlite::Result<_>>().unwrap();
    assert_eq!(found, runs.map(|(.., flags)| flags));
}

#[test]
fn progress_outlives_a_restart_and_a_later_database_is_refused() {
    let (dir, store) = store();
    store.set_progress("sacct", 77).unwrap();
    drop(store);
    let path = dir.path().join("jobs.db");
    let store = Store::open(&path).unwrap();
    assert_eq!(store.progress("sacct").unwrap(), Some(77));
    store.db.pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    assert!(format!("{:#}", Store::open(&path).err().unwrap()).contains("version 99"));
}

#[test]
fn a_run_that_was_to_be_left_alone_is_learned_from_and_not_as_enough() {
    let (_dir, mut store) = store();
    let off = crate::job::LeftAlone::OptedOut.text();
    for (id, why) in [(1, off), (2, "the request fits")] {
        let job = FinishedJob {
            comment: crate::record::Record::kept(kind(), None, why).into(),
            ..finished(id, 100 * id as i64, 5)
        };
        store.insert(&[(job, kind())]).unwrap();
    }
    let key = kind().name.unwrap();
    let runs = store.runs(Level::Name, key, i64::MAX, 9).unwrap();
    let seen = runs
        .iter()
        .map(|run| (run.completed, run.usage.peak_bytes.is_some()));
    assert_eq!(seen.collect::<Vec<_>>(), [(true, true), (false, true)]);
    let ends = store.past_ends((Level::Name, key), 9, i64::MAX, 9, 1);
    assert_eq!(ends.unwrap().len(), 1);
}
