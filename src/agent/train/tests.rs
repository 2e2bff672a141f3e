//! What kinds learn of runs, shadows and other users.

use super::*;
use crate::fingerprint::Kind;
use crate::model::predict::KnownKinds;
use crate::record::FinishedJob;
use crate::record::tests::finished;
use crate::store::tests::store;

/// Shortly after the runs below ended.
const NOW: i64 = 10_000;

fn kind(n: u64) -> Kind {
    Kind::of_accounting(
        1,
        format!("job{}", ["a", "b", "c"][n as usize % 3]).as_bytes(),
    )
}

fn job(n: u64) -> (FinishedJob, Kind) {
    (finished(n, 1000 + n as i64, 100 + n), kind(n))
}

fn ten_runs() -> Config {
    let mut config = Config::default();
    config.evidence.window = 10;
    config.evidence.min_runs = 1;
    config
}

fn load(bytes: &[u8]) -> Snapshot {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    Snapshot::publish(&path, bytes).unwrap();
    Snapshot::load(&path).unwrap()
}

#[test]
fn training_on_what_is_new_gives_the_same_as_training_on_all() {
    let (_dir, mut store) = store();
    let directory = Directory::default();
    let config = ten_runs();
    let mut snapshot: Option<Snapshot> = None;
    let mut stepwise = Vec::new();
    for batch in 0..10 {
        let jobs: Vec<_> = (batch * 7..batch * 7 + 7).map(job).collect();
        store.insert(&jobs).unwrap();
        stepwise = train(&store, snapshot.as_ref(), &config, &directory, NOW)
            .unwrap()
            .unwrap();
        snapshot = Some(load(&stepwise));
    }
    assert_eq!(
        train(&store, None, &config, &directory, NOW)
            .unwrap()
            .unwrap(),
        stepwise
    );
    assert_eq!(
        train(&store, snapshot.as_ref(), &config, &directory, NOW).unwrap(),
        None
    );
    let found = snapshot
        .unwrap()
        .find(kind(69).name.unwrap(), None)
        .unwrap();
    assert_eq!((found.runs, found.max_mib), (10, 169));
}

#[test]
fn what_an_admin_says_of_a_kind_counts_from_the_next_look_on() {
    let (_dir, mut store) = store();
    store.insert(&(0..6).map(job).collect::<Vec<_>>()).unwrap();
    let [Some(one), Some(other)] = [0, 1].map(|n| kind(n).name) else {
        panic!("names say something");
    };
    let mut config = ten_runs();
    let directory = Directory::default();
    let mut snapshot = None;
    for (stage, left) in [
        (None, 1),
        (Some(Stage::Jobs(0)), 0),
        (Some(Stage::Jobs(7)), 7),
        (Some(Stage::All), u16::MAX),
    ] {
        config.trust.kinds = stage
            .map(|stage| (KindNumber(one.0), stage))
            .into_iter()
            .collect();
        let bytes = train(&store, snapshot.as_ref(), &config, &directory, NOW).unwrap();
        let known = load(&bytes.unwrap());
        assert_eq!(known.trust(one).unwrap().left, left, "{stage:?}");
        assert_eq!(known.trust(other).unwrap().left, 1, "{stage:?}");
        let again = train(&store, Some(&known), &config, &directory, NOW).unwrap();
        assert_eq!(again, None, "{stage:?}");
        snapshot = Some(known);
    }
    // Of a kind that nobody knows nothing can be said.
    config.trust.kinds.insert(KindNumber(5), Stage::All);
    let again = train(&store, snapshot.as_ref(), &config, &directory, NOW).unwrap();
    assert_eq!(again, None);
}

#[test]
fn runs_that_did_not_end_well_raise_the_peak_and_do_not_count() {
    let (_dir, mut store) = store();
    let mut failed = job(3);
    failed.0.state = "FAILED".into();
    failed.0.usage.peak_bytes = Some(900 << 20);
    store.insert(&[job(0), failed]).unwrap();
    let bytes = train(&store, None, &ten_runs(), &Directory::default(), NOW)
        .unwrap()
        .unwrap();
    let found = load(&bytes).find(kind(0).name.unwrap(), None).unwrap();
    assert_eq!((found.runs, found.max_mib, found.p99_mib), (1, 900, 100));
}

#[test]
fn a_script_whose_commands_are_far_from_alike_teaches_a_new_one_nothing() {
    let run = |n: u64, command, peak_mib| {
        let kind = Kind {
            command: Some(Key(command)),
            script: Some(Key(7)),
            ..Kind::default()
        };
        (finished(n, 1000 + n as i64, peak_mib), kind)
    };
    for (other, keys) in [(60_000, vec![1, 2]), (120, vec![1, 2, 7])] {
        let runs: Vec<_> = (0..6)
            .map(|n| match n % 2 {
                0 => run(n, 1, 100 + n),
                _ => run(n, 2, other + n),
            })
            .collect();
        assert_eq!(known(&Config::default(), &runs, NOW).0, keys, "{other}");
    }
}

#[test]
fn a_stranger_gets_no_less_than_any_user_of_the_script_needs() {
    let run = |n: u64, user: &str, peak_mib| {
        let job = FinishedJob {
            user: user.into(),
            ..finished(n, 1000 + n as i64, peak_mib)
        };
        // Each user's commands differ, so that none of them alone tells how it spreads.
        let kind = Kind {
            command: Some(Key(100 + n)),
            application: Some(Key(7)),
            ..Kind::default()
        };
        (job, kind)
    };
    let small = |users: &[&str], count| -> Vec<_> {
        (0..count)
            .map(|n| run(n, users[n as usize % users.len()], 4))
            .collect()
    };
    let many = |more: Vec<_>| [small(&["a", "b", "c"], 120), more].concat();
    // What is known of them, in MiB: at least, and no more than.
    for (what, runs, right) in [
        ("three agree", small(&["a", "b", "c"], 21), Some(4..6)),
        ("one alone", small(&["a"], 21), None),
        ("two", small(&["a", "b"], 21), None),
        (
            "one user has one run",
            many(vec![run(500, "d", 600)]),
            Some(600..800),
        ),
        (
            "one user has few, of which all need more",
            many((0..3).map(|n| run(500 + n, "d", 600)).collect()),
            Some(600..800),
        ),
        (
            "one run in a hundred of a user's",
            many(
                (0..40)
                    .map(|n| run(500 + n, "d", if n == 20 { 600 } else { 4 }))
                    .collect(),
            ),
            Some(4..10),
        ),
    ] {
        let (_dir, mut store) = store();
        store.insert(&runs).unwrap();
        let bytes = train(&store, None, &Config::default(), &Directory::default(), NOW);
        let found = load(&bytes.unwrap().unwrap()).find(Key(7), None);
        let enough = found.map(|evidence| evidence.enough_mib);
        match right {
            Some(right) => assert!(
                enough.is_some_and(|mib| right.contains(&mib)),
                "{what}: {enough:?}"
            ),
            None => assert_eq!(enough, None, "{what}"),
        }
    }
}

/// A run of a kind with this name key, of this user, that ended then.
fn run_of(user: &str, key: u64, n: u64, ended: i64) -> (FinishedJob, Kind) {
    let job = FinishedJob {
        user: user.into(),
        ..finished(n, ended, 100)
    };
    let kind = Kind {
        name: Some(Key(key)),
        ..Kind::default()
    };
    (job, kind)
}

/// The keys of what is known after these runs.
fn known(config: &Config, runs: &[(FinishedJob, Kind)], now: i64) -> (Vec<u64>, usize) {
    let (_dir, mut store) = store();
    store.insert(runs).unwrap();
    let bytes = train(&store, None, config, &Directory::default(), now)
        .unwrap()
        .unwrap();
    let keys = load(&bytes).entries().map(|(key, _)| key.0).collect();
    (keys, bytes.len())
}

#[test]
fn a_hundred_thousand_kinds_of_one_run_each_leave_no_trace_and_others_in_place() {
    let greedy = (0..100_000).map(|n| run_of("greedy", 1000 + n, n, 5000));
    let alices = (0..3).map(|n| run_of("alice", 7, 200_000 + n, 1000));
    let runs: Vec<_> = alices.chain(greedy).collect();
    let (keys, bytes) = known(&Config::default(), &runs, NOW);
    assert_eq!(keys, [7]);
    assert!(bytes < 1000, "{bytes}");
}

#[test]
fn of_each_user_and_in_all_the_kinds_that_ran_last_are_known() {
    let mut config = Config::default();
    config.evidence.min_runs = 1;
    config.evidence.max_kinds_per_user = 3;
    config.evidence.max_kinds = 5;
    // Six kinds of greedy's, the latest last; one each of three others', all of them older.
    let greedy = (0..6).map(|n| run_of("greedy", 10 + n, n, 5000 + n as i64));
    let others = ["alice", "bob", "carol"].into_iter().zip(1..);
    let others = others.map(|(user, n)| run_of(user, n, 100 + n, 1000 + n as i64));
    let runs: Vec<_> = greedy.chain(others).collect();
    assert_eq!(known(&config, &runs, NOW).0, [2, 3, 13, 14, 15]);
    config.evidence.max_kinds = 9;
    assert_eq!(known(&config, &runs, NOW).0, [1, 2, 3, 13, 14, 15]);
}

#[test]
fn a_kind_is_forgotten_so_many_days_after_its_latest_run() {
    let mut config = Config::default();
    config.evidence.min_runs = 1;
    let runs = [run_of("alice", 1, 1, 1000), run_of("alice", 2, 2, 2000)];
    for (days, now, keys) in [
        // A run ends 11 seconds after its submission here.
        (1, DAY + 1011, &[1, 2][..]),
        (1, DAY + 1012, &[2]),
        (1, DAY + 2012, &[]),
        (0, 9 * DAY, &[1, 2]),
    ] {
        config.evidence.kinds_days = days;
        assert_eq!(known(&config, &runs, now).0, keys, "{days} {now}");
    }
}

#[test]
fn a_kind_that_comes_to_say_something_is_known_from_then_on() {
    let (_dir, mut store) = store();
    let (config, directory) = (Config::default(), Directory::default());
    let mut snapshot: Option<Snapshot> = None;
    for (n, known) in [(0, 0), (1, 0), (2, 1), (3, 1)] {
        store.insert(&[run_of("alice", 7, n, 1000)]).unwrap();
        let bytes = train(&store, snapshot.as_ref(), &config, &directory, NOW);
        let new = load(&bytes.unwrap().unwrap());
        assert_eq!(new.len(), known, "{n}");
        snapshot = Some(new);
    }
    let found = snapshot.unwrap().find(Key(7), None).unwrap();
    assert_eq!(found.runs, 4);
}
