use super::super::scripted::Scripted;
use super::super::squeue;
use super::*;
use crate::fingerprint::Kind;
use crate::job::counters::Ended;
use serde_json::Value;
use std::cell::Cell;

/// A job of nobody's about which nothing was decided, for the tests of every room.
pub fn queued(job_id: u64, state: &str) -> QueuedJob {
    QueuedJob {
        names: Vec::new(),
        handle: job_id.to_string(),
        job_id,
        state: state.into(),
        nodes: Vec::new(),
        started: 0,
        waits_for_others: false,
        is_held: false,
        tasks: String::new(),
        uid: 1001,
        user: String::new(),
        account: String::new(),
        partition: String::new(),
        memory: None,
        restarts: 0,
        manager: None,
        record: Record::kept(Kind::default(), None, ""),
        original: Original {
            handle: job_id.to_string(),
            name: String::new(),
            script_id: job_id,
            task: None,
            uid: 1001,
            gid: 1001,
            partition: String::new(),
            features: String::new(),
            work_dir: String::new(),
            line: String::new(),
        },
    }
}

/// Calls `take` with an answer in which three bytes are others, two thousand times.
pub fn each_spoiled(answer: &[u8], mut take: impl FnMut(&[u8])) {
    let mut state = 7u64;
    for _ in 0..2000 {
        let mut spoiled = answer.to_vec();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = (state >> 33) as usize % spoiled.len();
            spoiled[at] = (state >> 20) as u8;
        }
        take(&spoiled);
    }
}

/// Answers with these jobs.
struct Answer(&'static str);
impl Commands for Answer {
    fn run(&self, _: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        Ok(squeue::answer(self.0, arguments))
    }
}

const OURS: &str = r#"{"shadowfit":1,"kind":{}}"#;

#[test]
fn tasks_of_nobody_knows_which_array_are_let_alone() {
    for (array, tasks, seen) in [
        (serde_json::json!(8), "5", Some("8_5")),
        (serde_json::json!("?"), "5", None),
        (serde_json::json!("?"), "", Some("9")),
    ] {
        let job = serde_json::json!({
            "job_id": 9, "array_job_id": array, "array_task_string": tasks, "job_state": "RUNNING", "user_id": 7, "group_id": 7,
            "admin_comment": OURS
        });
        let job = job.to_string();
        let answers = [("squeue", job.as_str())];
        let queue = query(&Scripted::new(&answers)).unwrap();
        let handle = queue.jobs.first().map(|job| job.handle.as_str());
        assert_eq!(handle, seen, "{job}");
        let ending = ending(&Scripted::new(&answers), "9");
        assert_eq!(ending.ok().map(|job| job.handle).as_deref(), seen, "{job}");
    }
}

#[test]
fn jobs_are_read_with_the_states_that_matter() {
    for (state, reason, restarts, seen) in [
        ("PENDING", "Resources", 2, "PENDING"),
        ("REQUEUED", "BeginTime", 2, "PENDING"),
        ("REQUEUE_HOLD", "None", 2, "PENDING"),
        ("SPECIAL_EXIT", "None", 2, "PENDING"),
        ("RESV_DEL_HOLD", "None", 2, "PENDING"),
        ("EXPEDITING", "None", 1, "PENDING"),
        ("RESIZING", "None", 2, "RUNNING"),
        ("STAGE_OUT", "None", 0, "COMPLETING"),
        ("COMPLETING", "None", 0, "COMPLETING"),
        ("COMPLETING", "OutOfMemory", 0, "OUT_OF_MEMORY"),
        ("COMPLETING", "NonZeroExitCode", 0, "FAILED"),
        ("COMPLETING", "TimeLimit", 0, "TIMEOUT"),
        ("COMPLETING", "OutOfMemory", 1, "COMPLETING"),
        ("OUT_OF_MEMORY", "OutOfMemory", 2, "OUT_OF_MEMORY"),
    ] {
        let job = serde_json::json!({
            "job_id": 8, "job_state": state, "state_reason": reason, "user_id": 4_294_900_001u32, "group_id": 1,
            "restart_cnt": restarts, "memory_per_cpu": 2048, "admin_comment": OURS, "nodes": "n[1-2]", "start_time": 77
        });
        let job = job.to_string();
        let answers = [("squeue", job.as_str())];
        let queue = query(&Scripted::new(&answers)).unwrap();
        let [job] = &queue.jobs[..] else {
            panic!("{queue:?}")
        };
        assert_eq!((job.handle.as_str(), job.restarts), ("8", restarts));
        assert_eq!(
            (job.state.as_str(), job.uid, job.memory, job.started),
            (seen, 4_294_900_001, Some(2048), 77)
        );
        assert_eq!(job.nodes, ["n1", "n2"]);
        assert!(!job.waits_for_others);
    }
}

#[test]
fn a_job_is_held_by_its_priority_or_its_reason() {
    for (reason, priority, held) in [
        ("Priority", 4_294_901_758u32, false),
        ("None", 1, false),
        ("Dependency", 0, true),
        ("job_requeued_in_held_state", 0, true),
        ("JobHeldUser", 0, true),
        ("JobHeldAdmin", 1, true),
    ] {
        let job = serde_json::json!({
            "job_id": 8, "job_state": "PENDING", "state_reason": reason, "priority": priority, "user_id": 1,
            "group_id": 1, "admin_comment": OURS
        });
        let job = job.to_string();
        let answers = [("squeue", job.as_str())];
        let queue = query(&Scripted::new(&answers)).unwrap();
        assert_eq!(queue.jobs[0].is_held, held, "{reason}, {priority}");
    }
}

#[test]
fn tasks_of_arrays_are_named_as_dependencies_and_scontrol_name_them() {
    let none = serde_json::json!({"set": false, "number": 0});
    for (array, tasks, task, named, at, script_id, first, count) in [
        (0.into(), "", Value::Null, vec!["40"], "40", 40, None, 1),
        (none.clone(), "", none, vec!["40"], "40", 40, None, 1),
        (
            33.into(),
            "",
            5.into(),
            vec!["40", "33_*", "33_5"],
            "33_5",
            33,
            Some(5),
            1,
        ),
        (
            33.into(),
            "5-9,12%2",
            Value::Null,
            vec!["40", "33_*"],
            "33_[5-9,12]",
            33,
            Some(5),
            6,
        ),
    ] {
        let job = serde_json::json!({
            "job_id": 40, "array_job_id": array, "array_task_string": tasks, "array_task_id": task,
            "user_id": 1, "group_id": 2, "command": "/a/b.sh x  y", "features": "gpu", "partition": "p,q",
            "current_working_directory": "/home/alice", "admin_comment": OURS
        });
        let job = job.to_string();
        let answers = [("squeue", job.as_str())];
        let queue = query(&Scripted::new(&answers)).unwrap();
        assert_eq!(queue.jobs[0].names, named, "{job}");
        assert_eq!(queue.jobs[0].count(), count, "{job}");
        let original = &queue.jobs[0].original;
        assert_eq!(original.handle, at);
        assert_eq!((original.script_id, original.task), (script_id, first));
        assert_eq!((original.uid, original.gid), (1, 2));
        assert_eq!(
            (&*original.line, &*original.features, &*original.partition),
            ("/a/b.sh x  y", "gpu", "p,q")
        );
        assert_eq!(original.work_dir, "/home/alice");
    }
}

#[test]
fn one_job_is_asked_for_alone_and_one_that_is_forgotten_is_none() {
    struct Forgot;
    impl Commands for Forgot {
        fn run(&self, program: &str, _: &[&str]) -> Result<Vec<u8>, CommandError> {
            Err(CommandError::Failed {
                command: program.into(),
                said: "slurm_load_jobs error: Invalid job id specified".into(),
            })
        }
    }
    let mut queue = Queue::default();
    query_job(&Forgot, 9, &mut queue).unwrap();
    assert!(queue.jobs.is_empty());
    let job =
        |id| serde_json::json!({"job_id": id, "user_id": 1, "group_id": 1, "admin_comment": OURS});
    let jobs = [job(8).to_string(), job(9).to_string()].join(",");
    let answers = [("squeue", jobs.as_str())];
    query_job(&Scripted::new(&answers), 9, &mut queue).unwrap();
    let ids: Vec<u64> = queue.jobs.iter().map(|job| job.job_id).collect();
    assert_eq!(ids, [9]);
}

/// The last task of an array has the number of all of it; scontrol would take that for all of them.
#[test]
fn one_task_is_never_named_as_its_array_and_those_that_wait_together_are_one_job() {
    let handles = |rows: &[String]| {
        let rows = rows.join(",");
        let answers = [("squeue", rows.as_str())];
        let queue = query(&Scripted::new(&answers)).unwrap();
        let jobs = queue.jobs.iter();
        let jobs: Vec<_> = jobs
            .map(|job| (job.handle.clone(), job.count(), job.restarts))
            .collect();
        let dependents = queue.dependents.iter();
        let dependents: Vec<String> = dependents.map(|job| job.handle.clone()).collect();
        assert_eq!(
            jobs.iter().map(|job| &job.0).collect::<Vec<_>>(),
            dependents.iter().collect::<Vec<_>>()
        );
        jobs
    };
    let last = [
        of_33(33, "RUNNING", "", Some(9), 0),
        of_33(34, "RUNNING", "", Some(8), 0),
    ];
    assert_eq!(
        handles(&last),
        [("33_9".into(), 1, 0), ("33_8".into(), 1, 0)]
    );
    // One of those that wait runs again: it is none of the others.
    let waiting = [
        of_33(33, "PENDING", "5,8-10%2", None, 0),
        of_33(38, "PENDING", "", Some(7), 1),
    ];
    assert_eq!(
        handles(&waiting),
        [("33_[5,8-10]".into(), 4, 0), ("33_7".into(), 1, 1)]
    );
}

/// A row of array 33, some of whose tasks run again.
fn of_33(id: u64, state: &str, together: &str, task: Option<u64>, restarts: u64) -> String {
    serde_json::json!({
        "job_id": id, "array_job_id": 33, "array_task_string": together, "array_task_id": task, "job_state": state,
        "restart_cnt": restarts, "user_id": 1, "group_id": 2, "admin_comment": OURS, "dependency": "afterok:7(failed)"
    })
    .to_string()
}

#[test]
fn an_array_that_is_asked_for_alone_is_what_slurmctld_has_it_as() {
    let run_again = |from: u64, count: u64| {
        (from..from + count).map(|task| of_33(1000 + task, "PENDING", "", Some(task), 1))
    };
    let together = || of_33(33, "PENDING", "50-59%2", None, 0);
    let running = || of_33(999, "RUNNING", "", Some(4), 0);
    let last = of_33(33, "PENDING", "50", None, 0);
    for rows in [
        vec![together(), running()],
        run_again(5, 2).chain([together(), running()]).collect(),
        run_again(100, 50).chain([together(), running()]).collect(),
        run_again(5, 1).chain([last]).collect(),
        vec![of_33(33, "PENDING", "", Some(9), 0), running()],
    ] {
        let rows = rows.join(",");
        let answers = [("squeue", rows.as_str())];
        let said = |queue: Queue| {
            let job = |job: &QueuedJob| {
                let first = job.original.task;
                format!("{} {:?} {} {first:?}", job.handle, job.names, job.restarts)
            };
            let mut jobs: Vec<String> = queue.jobs.iter().map(job).collect();
            let dependents = queue.dependents.iter();
            jobs.extend(dependents.map(|one| format!("{one:?}")));
            jobs.sort();
            jobs
        };
        let whole = query(&Scripted::new(&answers)).unwrap();
        let mut alone = Queue::default();
        query_job(&Scripted::new(&answers), 33, &mut alone).unwrap();
        assert_eq!(said(alone), said(whole), "{rows}");
    }
    let hidden: Vec<String> = run_again(5, 2).chain([together()]).collect();
    let hidden = hidden.join(",");
    let answers = [("squeue", hidden.as_str())];
    let slurm = Scripted::new(&answers);
    query_job(&slurm, 33, &mut Queue::default()).unwrap();
    let which = |line: String| {
        let words: Vec<&str> = line.split(' ').collect();
        let at = words.iter().position(|word| *word == "--jobs");
        let each = line.contains("--array");
        (words[at.unwrap() + 1].to_owned(), each)
    };
    let asked: Vec<(String, bool)> = slurm.asked().into_iter().map(which).collect();
    let asked: Vec<(&str, bool)> = asked.iter().map(|(job, each)| (&**job, *each)).collect();
    assert_eq!(
        asked,
        [("33", false), ("33", true), ("1005", true), ("1006", true)]
    );
}

#[test]
fn of_an_array_that_goes_on_meanwhile_what_waits_no_more_is_left_out() {
    struct GoesOn(Cell<usize>, [String; 2]);
    impl Commands for GoesOn {
        fn run(&self, _: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
            let at = self.0.replace(1);
            Ok(squeue::answer(&self.1[at], arguments))
        }
    }
    let seen = |then: String| {
        let before = of_33(33, "PENDING", "50-59", None, 0);
        let mut queue = Queue::default();
        query_job(&GoesOn(Cell::new(0), [before, then]), 33, &mut queue).unwrap();
        let handles = queue.jobs.iter().map(|job| job.handle.clone());
        handles.collect::<Vec<_>>()
    };
    assert_eq!(seen(of_33(33, "PENDING", "52-59", None, 0)), ["33_[52-59]"]);
    assert_eq!(seen(of_33(33, "PENDING", "59", None, 0)), ["33_59"]);
    assert_eq!(seen(of_33(33, "RUNNING", "", Some(59), 0)), [""; 0]);
}

#[test]
fn an_array_is_a_few_bytes_a_task_however_many_wait() {
    struct Counts(String, Cell<usize>);
    impl Commands for Counts {
        fn run(&self, _: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
            let answer = squeue::answer(&self.0, arguments);
            self.1.set(self.1.get() + answer.len());
            Ok(answer)
        }
    }
    let tasks = 20_000;
    let all = of_33(33, "PENDING", &format!("0-{}", tasks - 1), None, 0);
    let slurm = Counts(all, Cell::default());
    let mut queue = Queue::default();
    query_job(&slurm, 33, &mut queue).unwrap();
    assert_eq!(queue.jobs[0].count(), tasks as u32);
    assert!(slurm.1.get() < 40 * tasks, "{} bytes", slurm.1.get());
}

#[test]
fn a_job_or_the_tasks_that_are_meant_are_asked_for_as_they_are_now() {
    let task = |id: u64, task: u64, limit: Value| {
        let row = serde_json::json!({"job_id": id, "array_job_id": 33, "array_task_id": task, "job_state": "PENDING",
            "restart_cnt": 1, "memory_per_node": 1000, "cpus": 8, "cpus_per_task": 4, "time_limit": limit,
            "submit_time": 70, "eligible_time": 191, "user_id": 1});
        row.to_string()
    };
    let rows = [
        task(33, 9, 90.into()),
        task(40, 5, Value::Null),
        task(41, 6, 0.into()),
    ]
    .join(",");
    let answers = [("squeue", rows.as_str())];
    let asked = |handle: &str, job_id, tasks: &str| {
        let mut job = queued(job_id, "PENDING");
        (job.handle, job.tasks) = (handle.into(), tasks.into());
        (job.restarts, job.memory, job.original.script_id) = (1, Some(1000), 33);
        let slurm = Scripted::new(&answers);
        let seen = now(&slurm, handle, job_id).unwrap();
        assert!(seen.iter().all(|now| now.is(&job)), "{seen:?}");
        let id = slurm.asked().remove(0);
        let id = id.split("--jobs ").nth(1).unwrap();
        let id = id.split(' ').next().unwrap().to_owned();
        (id, seen)
    };
    // The number of the last task is that of the array.
    let (id, seen) = asked("33_9", 33, "9");
    let right = Now {
        handle: "33_9".into(),
        task: Some(9),
        state: "PENDING".into(),
        restarts: 1,
        memory: Some(1000),
        cpus: Some(4),
        all_cpus: Some(8),
        limit_min: Some(90),
        submitted: 70,
        begins: 191,
        dependency: String::new(),
    };
    assert_eq!((id.as_str(), seen), ("33", vec![right.clone()]));
    for other in [
        Now {
            state: "RUNNING".into(),
            ..right.clone()
        },
        Now {
            restarts: 2,
            ..right.clone()
        },
        Now {
            memory: Some(2000),
            ..right.clone()
        },
    ] {
        let job = QueuedJob {
            restarts: 1,
            memory: Some(1000),
            ..queued(33, "PENDING")
        };
        assert!(right.is(&job) && !other.is(&job), "{other:?}");
    }
    let (id, seen) = asked("33_[5-6]", 40, "5-6");
    let limits: Vec<Option<u64>> = seen.iter().map(|now| now.limit_min).collect();
    assert_eq!((id.as_str(), limits), ("33", vec![None, Some(u64::MAX)]));
    assert_eq!(asked("33_5", 40, "5").0, "40");
    assert_eq!(asked("50", 50, "").1, []);
}

#[test]
fn the_record_is_that_of_the_job_that_was_asked_for() {
    let answer = Answer(
        r#"{"job_id": 8, "admin_comment": "{\"shadowfit\":1,\"kind\":{},\"kept\":\"eight\"}"},
        {"job_id": 9, "admin_comment": "{\"shadowfit\":1,\"kind\":{},\"kept\":\"nine\"}"},
        {"job_id": 10, "admin_comment": ""}, {"job_id": 11, "admin_comment": "see ticket 5"}"#,
    );
    let kept = |job| ending(&answer, job).map(|ending| ending.record.map(|record| record.kept));
    assert_eq!(kept("8").unwrap(), Some(Some("eight".into())));
    assert_eq!(kept("9").unwrap(), Some(Some("nine".into())));
    assert_eq!(kept("10").unwrap(), None);
    for (job, problem) in [("11", "somebody else's"), ("12", "is not there")] {
        let error = kept(job).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn a_shadow_that_ended_without_a_report_says_how() {
    for state in [
        "PENDING",
        "CONFIGURING",
        "RUNNING",
        "COMPLETING",
        "SUSPENDED",
    ] {
        assert_eq!(shadow_in(state, None).outcome(), None, "{state}");
    }
    let lost = shadow_in("NODE_FAIL", None).outcome().unwrap();
    assert_eq!(
        (lost.ended, lost.why.as_deref()),
        (
            Ended::Failed,
            Some("NODE_FAIL, and its node reported nothing")
        )
    );
    let reported = ShadowCounters::refused("no overlay");
    let found = shadow_in("RUNNING", Some(reported.clone())).outcome();
    assert_eq!(found, Some(reported));
}

fn shadow_in(state: &str, counters: Option<ShadowCounters>) -> QueuedShadow {
    let mut record = ShadowRecord::ended("9", ShadowCounters::refused(""));
    record.counters = counters;
    QueuedShadow {
        job_id: 77,
        state: state.into(),
        record,
    }
}

#[test]
fn a_clone_is_of_the_first_task_that_waits() {
    let queue = query(&Answer(
        r#"{"job_id": 7, "array_job_id": 7, "array_task_string": "5-9%2,12", "user_id": 1, "group_id": 2,
         "command": "/a/b.sh x  y", "admin_comment": "{\"shadowfit\":1,\"kind\":{}}"},
        {"job_id": 8, "job_state": "RUNNING", "admin_comment": "{\"shadowfit\":1,\"shadow_of\":\"7\"}"},
        {"job_id": 9, "job_state": "PENDING", "state_reason": "Resources"}"#,
    ))
    .unwrap();
    let original = &queue.jobs[0].original;
    assert_eq!(
        (original.task, original.line.as_str()),
        (Some(5), "/a/b.sh x  y")
    );
    assert_eq!(queue.shadows[0].record.shadow_of, "7");
    assert_eq!(queue.jobs.len(), 1);
}

#[test]
fn dependents_name_what_failed_and_what_was_asked() {
    let queue = query(&Answer(
        r#"{"job_id": 9, "dependency": "afterok:8_2(failed),afterok:7_*(failed)?afterany:6(unfulfilled)"},
            {"job_id": 10, "dependency": "afterok:8(unfulfilled)"}"#,
    ))
    .unwrap();
    let [only] = &queue.dependents[..] else {
        panic!("{queue:?}")
    };
    assert_eq!(only.failed().collect::<Vec<_>>(), ["8_2", "7_*"]);
    assert_eq!(only.as_written(), "afterok:8_2,afterok:7?afterany:6");
}

#[test]
fn an_answer_that_is_none_is_an_error() {
    struct Says(&'static str);
    impl Commands for Says {
        fn run(&self, _: &str, _: &[&str]) -> Result<Vec<u8>, CommandError> {
            Ok(self.0.into())
        }
    }
    for answer in ["{}", "slurm_load_jobs error", "9|PENDING\n"] {
        assert!(query(&Says(answer)).is_err(), "{answer}");
    }
    assert!(query(&Says("")).is_ok(), "nothing waits");
}
