use super::*;
use crate::config::Mode;
use crate::fingerprint::{Key, Kind};
use crate::job::directory::{Directory, Watermark};
use crate::job::evidence::{Evidence, Trust};
use crate::job::{Ask, Layout, LeftAlone, Memory, Texts};
use crate::model::learned::Learned;

struct Site {
    dir: tempfile::TempDir,
    live: Live,
}

impl Site {
    fn new(config: &str) -> Site {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shadowfit.toml");
        let state = format!("state_dir = '{}'\n", dir.path().display());
        std::fs::write(&path, state + config).unwrap();
        Site {
            dir,
            live: Live::new(path),
        }
    }

    fn publish(&self, bytes: &[u8]) {
        Snapshot::publish(&self.dir.path().join("snapshot"), bytes).unwrap();
    }

    fn decide(&self) -> Option<Record> {
        self.live.watch.lock().unwrap().looked = None;
        self.live.decide(&request())
    }

    /// Takes in what was published.
    fn decide_something_else(&self) {
        self.live.watch.lock().unwrap().looked = None;
        let left_alone = Some(LeftAlone::OptedOut);
        self.live.decide(&Request {
            left_alone,
            ..request()
        });
    }
}

fn request() -> Request<'static> {
    Request {
        uid: 1,
        jobs: 1,
        array: None,
        texts: Texts {
            name: b"align",
            script: b"#!/bin/sh\nbwa\n",
            ..Texts::default()
        },
        licenses: "",
        ask: Ask {
            memory: Some(Memory::Node(65536)),
            cpus: 1,
            layout: Layout::SINGLE,
            ..Ask::LEAST
        },
        input_bytes: None,
        left_alone: None,
        may_wait: true,
        unshadowed: None,
        starts_later: false,
        measured: false,
    }
}

fn model(extra: u64) -> Vec<u8> {
    trusted(extra, Trust::ALL)
}

fn trusted(extra: u64, trust: Trust) -> Vec<u8> {
    let evidence = Evidence {
        runs: 5,
        enough_mib: 1100,
        trust,
        ..Evidence::default()
    };
    let learned = Learned {
        evidence,
        ..Learned::default()
    };
    let own = Kind::of(1, &request().texts, Layout::SINGLE)
        .command
        .unwrap();
    let mut entries: Vec<_> = (0..extra).map(|n| (Key(n), learned.clone())).collect();
    entries.push((own, learned));
    Snapshot::encode(entries.iter(), Watermark::default(), &Directory::default())
}

fn set(record: Option<Record>) -> Option<u64> {
    record
        .and_then(|record| record.memory)
        .map(|memory| memory.set)
}

#[test]
fn a_snapshot_counts_once_it_is_there_and_a_bad_one_changes_nothing() {
    let site = Site::new("");
    assert_eq!(set(site.decide()), None);
    site.publish(&model(0));
    assert_eq!(set(site.decide()), Some(1100));
    site.publish(b"junk");
    assert_eq!(set(site.decide()), Some(1100));
    let problem = site.live.take_problem().unwrap();
    assert!(
        problem.starts_with("the last good snapshot stays in use"),
        "{problem}"
    );
    assert_eq!(site.live.take_problem(), None);
}

#[test]
fn a_large_snapshot_arrives_in_pieces() {
    let site = Site::new("");
    site.publish(&model(200_000));
    assert_eq!(set(site.decide()), None);
    let more = (0..100).find(|_| set(site.live.decide(&request())).is_some());
    assert!(more.is_some());
}

#[test]
fn a_broken_configuration_lets_jobs_pass_until_it_is_mended() {
    let site = Site::new("");
    site.publish(&model(0));
    assert!(site.decide().is_some());
    let path = site.dir.path().join("shadowfit.toml");
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, "modes = 'all'").unwrap();
    assert_eq!(site.decide(), None);
    assert!(site.live.take_problem().unwrap().contains("line 1"));
    std::fs::write(&path, good).unwrap();
    assert!(site.decide().is_some());
}

#[test]
fn of_a_burst_only_as_many_are_rewritten_as_the_kind_is_trusted_with() {
    for (trust, stages, rewritten) in [
        (Trust { left: 4, open: 4 }, "", 4),
        (Trust { left: 4, open: 1 }, "", 1),
        (Trust { left: 0, open: 0 }, "", 0),
        (Trust::ALL, "", 1000),
        (Trust { left: 1, open: 1 }, "trust.stages = []", 1000),
    ] {
        let site = Site::new(&format!("modes.default = 'apply'\n{stages}"));
        site.publish(&trusted(0, trust));
        let records: Vec<Record> = (0..1000)
            .filter_map(|_| site.live.decide(&request()))
            .collect();
        let (set, kept): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.rewrites());
        assert_eq!(
            (set.len(), kept.len()),
            (rewritten, 1000 - rewritten),
            "{trust:?}"
        );
        let noted = kept.iter().all(|record| {
            let noted = record.memory.map(|change| (change.mode, change.set));
            noted == Some((Mode::Observe, 1100)) && record.memory_in_force() == Some(65536)
        });
        assert!(noted && kept.iter().all(|record| record.kept.is_some()));
    }
}

#[test]
fn a_job_that_starts_later_than_others_is_none_of_those_that_earn_trust() {
    for (trust, starts_later, is_set) in [
        (Trust { left: 1, open: 1 }, true, false),
        (Trust { left: 1, open: 1 }, false, true),
        (Trust::ALL, true, true),
    ] {
        let site = Site::new("modes.default = 'apply'");
        site.publish(&trusted(0, trust));
        let later = Request {
            starts_later,
            ..request()
        };
        let record = site.live.decide(&later).unwrap();
        assert_eq!(record.rewrites(), is_set, "{trust:?}");
    }
}

#[test]
fn an_array_counts_all_its_tasks_and_a_new_look_at_the_queue_begins_anew() {
    let site = Site::new("modes.default = 'apply'");
    let array = |jobs| Request { jobs, ..request() };
    let is_set = |jobs| {
        site.live
            .decide(&array(jobs))
            .is_some_and(|record| record.rewrites())
    };
    let publish = |open, looked| {
        let trust = Trust { left: 4, open };
        let mut snapshot = Snapshot::read(trusted(0, trust)).unwrap();
        site.publish(snapshot.sealed(looked));
        site.decide_something_else();
    };
    publish(4, now());
    assert!(!is_set(5) && is_set(3) && !is_set(2) && is_set(1) && !is_set(1));
    // The agent cannot have seen them yet.
    publish(4, now());
    assert!(!is_set(1));
    publish(2, now() + 60);
    assert!(is_set(2) && !is_set(1));
}

#[test]
fn an_open_breaker_leaves_advice_and_a_closed_one_sets_again() {
    let site = Site::new("modes.default = 'apply'");
    site.publish(&model(0));
    let mode = || site.decide().and_then(|record| Some(record.memory?.mode));
    let breaker = site.dir.path().join("breaker-open");
    assert_eq!(mode(), Some(Mode::Apply));
    std::fs::write(&breaker, "why").unwrap();
    assert_eq!(mode(), Some(Mode::Advise));
    std::fs::remove_file(&breaker).unwrap();
    assert_eq!(mode(), Some(Mode::Apply));
}

#[test]
fn the_kill_switch_works_at_once_and_both_ways() {
    let site = Site::new("");
    site.publish(&model(0));
    let switch = site.dir.path().join("off");
    std::fs::write(&switch, "").unwrap();
    assert_eq!(site.decide(), None);
    std::fs::remove_file(&switch).unwrap();
    assert!(site.decide().is_some());
}
