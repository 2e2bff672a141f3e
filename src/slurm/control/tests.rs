//! Changes of jobs, as scontrol is given them.

use super::super::queue::tests::queued;
use super::super::scripted::Scripted;
use super::*;
use crate::config::Mode;
use crate::decide::tests::ask;
use crate::fingerprint::Kind;
use crate::job::Ask;
use crate::job::counters::{Counters, Ended};
use crate::job::evidence::Evidence;
use crate::record::{MAX_SIZE, Relicensed, SecondRun};
use std::cell::RefCell;

fn set_to(mode: Mode, set: u64) -> Option<Change> {
    let asked = 120;
    Some(Change { mode, asked, set })
}

/// What scontrol is given for a job that had `before` and gets `record`, its comment aside.
fn changed(before: &Record, record: &Record, above: Option<&Now>) -> Vec<String> {
    let slurm = Scripted::default();
    let how = How {
        above,
        ..How::default()
    };
    set(&slurm, &job("33_[5-7]", before), record, how).unwrap();
    let changes = slurm.asked().into_iter().flat_map(|line| {
        let words = line.strip_prefix("scontrol update JobId=33_[5-7]").unwrap();
        let changes = words.split(" AdminComment={").next().unwrap();
        changes
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    changes.collect()
}

fn job(handle: &str, record: &Record) -> QueuedJob {
    QueuedJob {
        handle: handle.into(),
        record: record.clone(),
        ..queued(9, "PENDING")
    }
}

fn own_change(start_now: bool) -> How<'static> {
    How {
        start_now,
        user: Some(1001),
        above: None,
    }
}

#[test]
fn memory_and_cpus_are_set_in_the_users_form() {
    let (node, cpu) = (Some(Memory::Node(4000)), Some(Memory::Cpu(4000)));
    for (ask, had, cpus, expected) in [
        (ask(node, 1, 1), None, None, "MinMemoryNode=120"),
        (ask(cpu, 1, 1), None, None, "MinMemoryCPU=120"),
        (
            ask(node, 8, 3),
            None,
            set_to(Mode::Apply, 2),
            "MinMemoryNode=120 CpusPerTask=2 MinCPUsNode=2 NumCPUs=6",
        ),
        (
            Ask {
                own_cpus: true,
                ..ask(node, 8, 3)
            },
            None,
            None,
            "MinMemoryNode=120",
        ),
        // What is only advised is not set, but what was there is.
        (
            ask(node, 8, 3),
            set_to(Mode::Apply, 2),
            set_to(Mode::Advise, 2),
            "MinMemoryNode=120 CpusPerTask=8 MinCPUsNode=8 NumCPUs=24",
        ),
        // What stays may be what somebody has set by hand.
        (
            ask(node, 8, 3),
            set_to(Mode::Apply, 2),
            set_to(Mode::Apply, 2),
            "MinMemoryNode=120",
        ),
    ] {
        let with = |cpus| Record {
            memory: set_to(Mode::Apply, 120),
            cpus,
            ..Record::kept(Kind::default(), Some(ask), "")
        };
        assert_eq!(changed(&with(had), &with(cpus), None).join(" "), expected);
    }
    let none = ask(None, 1, 1);
    let record = Record::kept(Kind::default(), Some(none), "");
    assert_eq!(changed(&record, &record, None), [""; 0]);
}

#[test]
fn a_time_limit_is_set_as_far_as_the_site_wants_and_given_back_whole() {
    let ask = ask(None, 1, 1);
    let timed = |mode, limits_time| Record {
        time: set_to(mode, 30),
        limits_time,
        ..Record::kept(Kind::default(), Some(ask), "")
    };
    let none = Record::kept(Kind::default(), Some(ask), "");
    for (before, record, expected) in [
        (&none, &timed(Mode::Apply, false), "TimeMin=30"),
        (&none, &timed(Mode::Apply, true), "TimeMin=30 TimeLimit=30"),
        (&timed(Mode::Apply, true), &timed(Mode::Apply, true), ""),
        (&none, &timed(Mode::Observe, true), ""),
        (
            &timed(Mode::Apply, false),
            &none,
            "TimeLimit=120 TimeMin=120",
        ),
        (&timed(Mode::Observe, false), &none, ""),
    ] {
        assert_eq!(changed(before, record, None).join(" "), expected);
    }
}

#[test]
fn where_limits_hold_sizes_are_the_users_own_change_and_the_record_is_as_they_are() {
    let nothing = ask(None, 1, 1);
    let ask = ask(Some(Memory::Node(4000)), 8, 1);
    let before = Record::kept(Kind::default(), Some(ask), "before");
    let record = Record {
        memory: set_to(Mode::Apply, 120),
        time: set_to(Mode::Apply, 30),
        ..Record::kept(Kind::default(), Some(ask), "after")
    };
    let with = |answer: Option<CommandError>, start, has_mib: u64| {
        let row = format!(r#"{{"job_id": 9, "memory_per_node": {has_mib}}}"#);
        let answers = [("squeue", row.as_str())];
        let slurm = Refusing(Scripted::new(&answers), RefCell::new(answer));
        let is_set = set(&slurm, &job("9", &before), &record, own_change(start)).is_ok();
        (is_set, slurm.0.asked())
    };
    let (is_set, asked) = with(None, true, 4000);
    let noted = "scontrol update JobId=9 AdminComment={";
    assert!(
        is_set && asked[0].starts_with(noted) && asked[0].contains("after"),
        "{asked:?}"
    );
    assert_eq!(
        asked[1..],
        ["scontrol --uid=1001 update JobId=9 MinMemoryNode=120 TimeMin=30 StartTime=now"]
    );
    for (error, has_mib, is_taken_back) in [
        (refused("Access/permission denied for job 9"), 4000, true),
        (refused("Job is no longer pending execution"), 4000, true),
        // It was done, or somebody has changed it since.
        (refused("Access/permission denied for job 9"), 120, false),
        // It may be done a moment later.
        (
            refused("Socket timed out on send/recv operation"),
            4000,
            false,
        ),
    ] {
        let (is_set, asked) = with(Some(error), false, has_mib);
        let last = asked
            .iter()
            .rfind(|line| line.contains("AdminComment"))
            .unwrap();
        assert!(!is_set && asked[0].contains("after"), "{asked:?}");
        assert_eq!(last.contains("before"), is_taken_back, "{asked:?}");
        // Nobody knows whether its time was changed.
        assert!(last.contains("\"time\":"), "{asked:?}");
    }
    // Nothing but its record is to change.
    let slurm = Scripted::default();
    let other = Record::kept(Kind::default(), Some(nothing), "other");
    set(&slurm, &job("9", &other), &other, own_change(false)).unwrap();
    assert_eq!(slurm.asked().len(), 1);
}

fn refused(said: &str) -> CommandError {
    CommandError::Failed {
        command: "scontrol".into(),
        said: said.into(),
    }
}

#[test]
fn a_change_that_was_refused_in_part_is_taken_back_for_those_tasks_that_have_what_they_had() {
    let asked = Some(ask(Some(Memory::Node(4000)), 8, 1));
    let before = Record::kept(Kind::default(), asked, "before");
    let record = Record {
        memory: set_to(Mode::Apply, 120),
        cpus: set_to(Mode::Apply, 2),
        ..Record::kept(Kind::default(), asked, "after")
    };
    // Memory, CPUs per task and CPUs of tasks 4 to 8, of which 5 to 7 are meant.
    for (rows, taken_back) in [
        ([[4000, 8, 8]; 5], Some("33_[5-7]")),
        (
            [
                [4000, 8, 8],
                [4000, 8, 8],
                [120, 2, 2],
                [4000, 8, 8],
                [4000, 8, 8],
            ],
            Some("33_[5,7]"),
        ),
        // CPUs were changed, and then something was refused.
        (
            [
                [4000, 8, 8],
                [4000, 2, 2],
                [4000, 8, 2],
                [4000, 8, 8],
                [4000, 8, 8],
            ],
            Some("33_7"),
        ),
        ([[120, 2, 2]; 5], None),
    ] {
        let row = |(task, [mib, cpus, all]): (u64, [u64; 3])| {
            let row = serde_json::json!({"job_id": 30 + task, "array_job_id": 33, "array_task_id": task,
                "job_state": "RUNNING", "memory_per_node": mib, "cpus_per_task": cpus, "cpus": all});
            row.to_string()
        };
        let rows: Vec<String> = (4..).zip(rows).map(row).collect();
        let rows = rows.join(",");
        let answers = [("squeue", rows.as_str())];
        let error = refused("33_5: Job is no longer pending execution");
        let slurm = Refusing(Scripted::new(&answers), RefCell::new(Some(error)));
        let mut job = job("33_[5-7]", &before);
        (job.tasks, job.original.script_id) = ("5-7".into(), 33);
        set(&slurm, &job, &record, own_change(false)).unwrap_err();
        let asked = slurm.0.asked();
        assert_eq!(
            asked.len(),
            3 + usize::from(taken_back.is_some()),
            "{asked:?}"
        );
        if let Some(tasks) = taken_back {
            let start = format!("scontrol update JobId={tasks} AdminComment={{");
            assert!(
                asked[3].starts_with(&start) && asked[3].contains("before"),
                "{asked:?}"
            );
        }
    }
}

#[test]
fn what_is_more_is_noted_once_the_job_has_it_and_of_both_the_lesser_is_noted_before() {
    let asked = Some(ask(Some(Memory::Node(4000)), 8, 1));
    let with = |mib, cpus, why| Record {
        memory: set_to(Mode::Apply, mib),
        cpus: set_to(Mode::Apply, cpus),
        ..Record::kept(Kind::default(), asked, why)
    };
    let before = with(120, 4, "before");
    let harmed = Record {
        memory: set_to(Mode::Apply, 100),
        ..before.give_back()
    };
    let changed = |record: &Record, how: How| {
        let slurm = Scripted::default();
        set(&slurm, &job("9", &before), record, how).unwrap();
        let short = |line: String| {
            let words = line.split(' ').filter(|word| !word.starts_with("JobId="));
            let mut words: Vec<&str> = words
                .skip(1)
                .map(|word| word.split('{').next().unwrap())
                .collect();
            words.retain(|word| *word != "update" && !word.contains('"'));
            words.join(" ")
        };
        let asked = slurm.asked();
        let noted: Vec<bool> = asked
            .iter()
            .map(|line| line.contains(r#""set":120}"#))
            .collect();
        (asked.into_iter().map(short).collect::<Vec<_>>(), noted)
    };
    let now = How {
        start_now: true,
        ..How::default()
    };
    let (lines, _) = changed(&with(200, 4, "more"), own_change(true));
    assert_eq!(
        lines,
        [
            "--uid=1001 MinMemoryNode=200",
            "AdminComment= StartTime=now"
        ]
    );
    let (lines, _) = changed(&with(200, 4, "more"), now);
    assert_eq!(lines, ["MinMemoryNode=200", "AdminComment= StartTime=now"]);
    let cpus = "CpusPerTask=2 MinCPUsNode=2 NumCPUs=2";
    let (lines, noted) = changed(&with(200, 2, "both"), own_change(true));
    assert_eq!(
        lines,
        [
            "AdminComment=",
            &format!("--uid=1001 MinMemoryNode=200 {cpus}"),
            "AdminComment= StartTime=now"
        ]
    );
    assert_eq!(
        noted,
        [true, false, false],
        "it has the lesser memory until then"
    );
    // Less memory for each of more CPUs is no less for another run.
    let (lines, _) = changed(&harmed, now);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let (lines, _) = changed(&with(100, 4, "less"), now);
    assert_eq!(lines, ["MinMemoryNode=100 AdminComment= StartTime=now"]);
}

#[test]
fn what_somebody_has_raised_by_hand_is_not_lowered_where_a_job_is_given_back_its_request() {
    let asked = Some(ask(Some(Memory::Node(120)), 8, 1));
    let before = Record {
        memory: set_to(Mode::Apply, 50),
        time: set_to(Mode::Apply, 30),
        limits_time: true,
        ..Record::kept(Kind::default(), asked, "")
    };
    let changed = |memory, limit_min| {
        let now = Now {
            memory,
            limit_min,
            ..Now::default()
        };
        changed(&before, &before.give_back(), Some(&now)).join(" ")
    };
    let all = "MinMemoryNode=120 TimeLimit=120 TimeMin=120";
    assert_eq!(changed(None, None), all);
    assert_eq!(changed(Some(50), Some(30)), all);
    assert_eq!(changed(Some(150), Some(30)), "TimeLimit=120 TimeMin=120");
    assert_eq!(
        changed(Some(50), Some(600)),
        "MinMemoryNode=120 TimeMin=120"
    );
}

/// What users change fails so.
struct Refusing<'a>(Scripted<'a>, RefCell<Option<CommandError>>);

impl Commands for Refusing<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let answer = self.0.run(program, arguments);
        match arguments[0]
            .starts_with("--uid=")
            .then(|| self.1.take())
            .flatten()
        {
            Some(error) => Err(error),
            None => answer,
        }
    }
}

#[test]
fn licenses_that_were_rewritten_are_given_back() {
    let ask = ask(None, 1, 1);
    let licensed = |mode| Record {
        licenses: Some(Relicensed {
            mode,
            asked: "matlab:2".into(),
            set: "matlab".into(),
            forgotten: String::new(),
            why: String::new(),
        }),
        ..Record::kept(Kind::default(), Some(ask), "")
    };
    let (set, advised) = (licensed(Mode::Apply), licensed(Mode::Advise));
    assert_eq!(changed(&set, &set.give_back(), None), ["Licenses=matlab:2"]);
    assert_eq!(changed(&set, &set, None), [""; 0], "they stay as they are");
    assert_eq!(changed(&advised, &advised.give_back(), None), [""; 0]);
}

#[test]
fn nothing_is_changed_that_no_record_tells_of() {
    let ask = ask(Some(Memory::Node(4000)), 1, 1);
    let record = |spare: usize| {
        let explained = Record {
            memory: set_to(Mode::Apply, 120),
            evidence: Some(Evidence::default()),
            ..Record::kept(Kind::default(), Some(ask), "")
        };
        let text = explained.to_comment().unwrap();
        let why = "x".repeat(MAX_SIZE + spare - text.len());
        Record {
            kept: Some(why.into()),
            ..explained
        }
    };
    // How far it is too large, and whether the record and its evidence are written.
    for (spare, written) in [(0, Some(true)), (1, Some(false)), (300, None)] {
        let record = record(spare);
        let slurm = Scripted::default();
        let now_it_starts = How {
            start_now: true,
            ..How::default()
        };
        let is_set = set(&slurm, &job("9", &record), &record, now_it_starts).is_ok();
        let is_delayed = delay(&slurm, "9", 60, &record).is_ok();
        assert_eq!((is_set, is_delayed), (written.is_some(), written.is_some()));
        let asked = slurm.asked();
        assert_eq!(asked.is_empty(), written.is_none(), "{asked:?}");
        for line in asked {
            assert!(line.contains(" AdminComment={"), "{line}");
            assert_eq!(Some(line.contains("\"evidence\":")), written, "{line}");
        }
        // What it has is its user's, and it waits no longer.
        start(&slurm, "9", &record).unwrap();
        assert!(slurm.asked()[0].ends_with(" StartTime=now"));
    }
}

#[test]
fn a_job_starts_at_once_only_where_that_is_wanted() {
    let record = Record::kept(Kind::default(), None, "");
    let slurm = Scripted::default();
    for (start_now, ends) in [(true, "} StartTime=now"), (false, "}")] {
        let how = How {
            start_now,
            ..How::default()
        };
        set(&slurm, &job("9", &record), &record, how).unwrap();
        let line = slurm.asked().remove(0);
        assert!(line.ends_with(ends), "{line}");
    }
    delay(&slurm, "9", 62, &record).unwrap();
    let expected = "scontrol update JobId=9 StartTime=now+62seconds AdminComment={";
    assert!(slurm.asked()[0].starts_with(expected));
}

#[test]
fn a_profile_joins_the_record_and_no_note_of_anybody_elses() {
    let profile = || JobCounters::from(Counters::nothing(Ended::Finished));
    let joined = |comment: &str| {
        let job = serde_json::json!({"job_id": 9, "admin_comment": comment});
        let answer = job.to_string();
        let answers = [("squeue", answer.as_str())];
        let slurm = Scripted::new(&answers);
        let result = join_profile(&slurm, "9", profile());
        (result.is_ok(), slurm.asked().split_off(1))
    };
    let record = Record::kept(Kind::default(), None, "it fits");
    let (done, asked) = joined(&record.to_comment().unwrap());
    let expected = Record::with_profile(Some(record), profile());
    let expected = expected.to_comment().unwrap();
    assert!(done);
    assert_eq!(
        asked,
        [format!("scontrol update JobId=9 AdminComment={expected}")]
    );
    let (done, asked) = joined("");
    assert!(
        done && asked[0].contains("nothing was decided"),
        "{asked:?}"
    );
    assert_eq!(joined("see ticket 5"), (false, vec![]));
}

#[test]
fn a_run_that_its_memory_killed_is_put_back_by_its_own_name_where_its_record_wants_that() {
    let sized = Record {
        memory: set_to(Mode::Apply, 50),
        early: true,
        ..Record::kept(
            Kind::default(),
            Some(ask(Some(Memory::Node(120)), 1, 1)),
            "",
        )
    };
    let again = |restarts| SecondRun {
        restarts,
        first: 50,
        runs: 0,
    };
    let with = |record: &Record, state: &str, restarts: u64, ended: Ended| {
        let comment = record.to_comment().unwrap();
        // The last task of its array: 33 alone would be all of them.
        let job = serde_json::json!({"job_id": 33, "array_job_id": 33, "array_task_id": 9, "job_state": state,
            "restart_cnt": restarts, "start_time": 77, "admin_comment": comment});
        let answer = job.to_string();
        let answers = [("squeue", answer.as_str())];
        let slurm = Scripted::new(&answers);
        join_profile(&slurm, "33", Counters::nothing(ended).into()).unwrap();
        let asked = slurm.asked().split_off(1);
        assert!(
            asked[0].starts_with("scontrol update JobId=33_9 AdminComment={"),
            "{asked:?}"
        );
        let is_noted = asked[0].contains("\"put_back\":77");
        assert_eq!(is_noted, asked.len() == 2, "{asked:?}");
        asked.get(1).cloned()
    };
    let put_back = Some("scontrol requeue incomplete 33_9".to_owned());
    let second = sized.with_more(100, again(1));
    let kept = Record {
        early: false,
        ..sized.clone()
    };
    let goes_on = Record {
        evidence: Some(Evidence {
            goes_on: true,
            ..Evidence::default()
        }),
        ..sized.clone()
    };
    let noted = Record {
        memory: set_to(Mode::Observe, 50),
        ..sized.clone()
    };
    for (what, record, state, restarts, ended, right) in [
        ("killed", &sized, "RUNNING", 0, Ended::Oom, put_back.clone()),
        ("well", &sized, "RUNNING", 0, Ended::Finished, None),
        ("failed", &sized, "RUNNING", 0, Ended::Failed, None),
        (
            "cancelled meanwhile",
            &sized,
            "COMPLETING",
            0,
            Ended::Oom,
            None,
        ),
        (
            "nobody has given it more",
            &sized,
            "RUNNING",
            1,
            Ended::Oom,
            None,
        ),
        ("it had more", &second, "RUNNING", 1, Ended::Oom, put_back),
        (
            "it had all",
            &sized.give_back(),
            "RUNNING",
            2,
            Ended::Oom,
            None,
        ),
        ("its manager's", &kept, "RUNNING", 0, Ended::Oom, None),
        ("as asked", &noted, "RUNNING", 0, Ended::Oom, None),
        (
            "its kind's own way",
            &goes_on,
            "RUNNING",
            0,
            Ended::Oom,
            None,
        ),
    ] {
        assert_eq!(with(record, state, restarts, ended), right, "{what}");
    }
}

/// The record in a job's AdminComment after its profile was joined to `comment`.
fn joined(comment: &str) -> serde_json::Value {
    let job = serde_json::json!({"job_id": 9, "job_state": "RUNNING", "admin_comment": comment});
    let answer = job.to_string();
    let answers = [("squeue", answer.as_str())];
    let slurm = Scripted::new(&answers);
    join_profile(&slurm, "9", Counters::nothing(Ended::Finished).into()).unwrap();
    let asked = slurm.asked().split_off(1);
    let (_, written) = asked[0].split_once("AdminComment=").unwrap();
    serde_json::from_str(written).unwrap()
}

#[test]
fn what_a_later_release_wrote_is_written_back() {
    let asked = Some(ask(Some(Memory::Node(4000)), 1, 1));
    let known = Record::kept(Kind::default(), asked, "nothing is known");
    let known = known.to_comment().unwrap();
    let mut later: serde_json::Value = serde_json::from_str(&known).unwrap();
    later["plan"] = serde_json::json!({"node": "n1"});
    later["asked"]["own_disk"] = true.into();
    let mut expected = joined(&known);
    expected["plan"] = later["plan"].clone();
    expected["asked"]["own_disk"] = true.into();
    assert_eq!(joined(&later.to_string()), expected);
    // What it wrote of an earlier run's profile tells nothing of this one's.
    let mut again = joined(&later.to_string());
    again["profile"]["of_that_run"] = 7.into();
    assert_eq!(joined(&again.to_string()), expected);
}

#[test]
fn jobs_are_cancelled_requeued_and_made_to_wait_again_by_their_handle() {
    let slurm = Scripted::default();
    cancel(&slurm, "77").unwrap();
    requeue(&slurm, "33_5").unwrap();
    depend(&slurm, "34", "afterok:33").unwrap();
    assert_eq!(
        slurm.asked(),
        [
            "scancel 77",
            "scontrol requeue 33_5",
            "scontrol update JobId=34 Dependency=afterok:33"
        ]
    );
}
