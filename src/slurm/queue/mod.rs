//! squeue: the jobs that slurmctld still remembers, with our records.

mod answer;

use super::clone::Original;
use super::json::{number, word};
use super::{CommandError, Commands};
use crate::config::Manager;
use crate::decide;
use crate::job::array::{self, Tasks};
use crate::job::counters::{Counters, Ended, ShadowCounters};
use crate::record::{Comment, Record, ShadowRecord};
use answer::{each_job, matters};
use hostlist_parser::parse;
use serde_json::Value;

/// What slurmctld remembers.
#[derive(Debug, Default)]
pub struct Queue {
    /// Jobs that carry a record of ours, whatever their state.
    pub jobs: Vec<QueuedJob>,
    /// Jobs, anybody's, that wait for something that has failed.
    pub dependents: Vec<Dependent>,
    /// Shadows, whatever their state.
    pub shadows: Vec<QueuedShadow>,
}

/// A shadow in the queue.
#[derive(Debug, Clone)]
pub struct QueuedShadow {
    /// Its own job.
    pub job_id: u64,
    /// JOB_STATE, without flags.
    pub state: String,
    /// Whose it is and, once it has ended, what it did.
    pub record: ShadowRecord,
}

/// States in which a shadow may still report.
const ALIVE: [&str; 5] = [
    "PENDING",
    "CONFIGURING",
    "RUNNING",
    "COMPLETING",
    "SUSPENDED",
];

impl QueuedShadow {
    /// What it did, once that is known.
    pub fn outcome(&self) -> Option<ShadowCounters> {
        if let Some(counters) = &self.record.counters {
            return Some(counters.clone());
        }
        // It ended, and nobody reported: it was cancelled before it ran, or its node was lost.
        (!ALIVE.contains(&self.state.as_str())).then(|| {
            let lost = Counters {
                why: Some(self.state.clone()),
                ..Counters::nothing(Ended::Failed)
            };
            lost.into()
        })
    }
}

/// A job that will never start, because what it depends on has failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependent {
    /// How scontrol names it.
    pub handle: String,
    /// As squeue shows it: `afterok:33(failed),afterany:34(unfulfilled)`.
    pub dependency: String,
}

/// One job in the queue that carries a record of ours.
#[derive(Debug, Clone)]
pub struct QueuedJob {
    /// How other jobs name it in their dependencies.
    pub names: Vec<String>,
    /// How scontrol names it: `33`, or `33_[5-30]` for array tasks that still wait together.
    pub handle: String,
    /// JobIDRaw.
    pub job_id: u64,
    /// JOB_STATE, without flags.
    pub state: String,
    /// Where it runs.
    pub nodes: Vec<String>,
    /// When it started, or may, in seconds since 1970.
    pub started: i64,
    /// It waits for other jobs, whose results it may need.
    pub waits_for_others: bool,
    /// Its user or an admin holds it.
    pub is_held: bool,
    /// Tasks of an array that still wait together, as `5-30%2`; empty for a single job.
    pub tasks: String,
    /// The user.
    pub uid: u32,
    /// The user's name.
    pub user: String,
    /// Account.
    pub account: String,
    /// Partition or partitions.
    pub partition: String,
    /// Memory that is requested now, in MiB per node or per CPU.
    pub memory: Option<u64>,
    /// How often it was started before.
    pub restarts: u64,
    /// The workflow manager that has submitted it.
    pub manager: Option<Manager>,
    /// What was decided about it.
    pub record: Record,
    /// What a shadow of it needs to know.
    pub original: Original,
}

impl QueuedJob {
    /// How many jobs it is; any number where that is not known.
    pub fn count(&self) -> u32 {
        array::jobs(Some(&self.tasks))
    }

    /// The first `count` of its tasks as one job, and the others; it has more than these.
    pub fn split(&self, count: u32) -> Option<[QueuedJob; 2]> {
        let (array, _) = self.handle.split_once("_[")?;
        let (first, others) = Tasks::parse(&self.tasks)?.split(count);
        Some([first, others].map(|tasks| QueuedJob {
            handle: format!("{array}_[{tasks}]"),
            tasks: tasks.to_string(),
            ..self.clone()
        }))
    }
}

/// Asks for the record of one job that has not ended yet; `None` where nothing was decided about it. A
/// comment of somebody else's is an error.
pub fn record_of(commands: &dyn Commands, job: &str) -> Result<Option<Record>, CommandError> {
    let arguments = ["--json", "--states=all", "--jobs", job];
    let mut found = None;
    ask(
        commands,
        &arguments,
        |_| true,
        |one| {
            if number(&one["job_id"]).is_some_and(|id| id.to_string() == job) {
                found = Some(comment(&one));
            }
        },
    )?;
    match found {
        None => Err(unreadable(&arguments, "the job is not there".into())),
        Some(Comment::Empty) => Ok(None),
        Some(Comment::Ours(record)) => Ok(Some(*record)),
        Some(_) => {
            let problem = "its AdminComment is somebody else's".into();
            Err(unreadable(&arguments, problem))
        }
    }
}

fn comment(job: &Value) -> Comment {
    Comment::read(job["admin_comment"].as_str().unwrap_or_default())
}

fn unreadable(arguments: &[&str], problem: String) -> CommandError {
    CommandError::Unreadable {
        command: format!("squeue {}", arguments.join(" ")),
        problem,
    }
}

/// Calls `take` with each job of the answer that passes `only`, by its bytes.
fn ask(
    commands: &dyn Commands,
    arguments: &[&str],
    only: fn(&[u8]) -> bool,
    mut take: impl FnMut(Value),
) -> Result<(), CommandError> {
    let mut is_whole = false;
    commands.read("squeue", arguments, &mut |output| {
        is_whole = each_job(output, only, &mut take)?;
        Ok(())
    })?;
    match is_whole {
        true => Ok(()),
        false => Err(unreadable(
            arguments,
            "no list of jobs in the answer".into(),
        )),
    }
}

/// Asks for the whole queue, jobs that have ended and are not forgotten yet included.
pub fn query(commands: &dyn Commands) -> Result<Queue, CommandError> {
    let mut queue = Queue::default();
    ask(commands, &["--json", "--states=all"], matters, |job| {
        queue.take(&job)
    })?;
    Ok(queue)
}

impl Queue {
    fn take(&mut self, job: &Value) {
        self.dependents.extend(read_dependent(job));
        match comment(job) {
            Comment::Ours(record) => self.jobs.extend(read_job(job, *record)),
            Comment::Shadow(record) => self.shadows.extend(read_shadow(job, *record)),
            Comment::Empty | Comment::Other(_) => {}
        }
    }
}

impl Dependent {
    /// The jobs whose failure it waits for in vain.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        self.dependency
            .split([',', '?'])
            .filter_map(|part| part.strip_suffix("(failed)")?.split_once(':'))
            .map(|(_, job)| job)
    }

    /// The dependency as a user writes it: without the states, `33` for all tasks of array 33.
    pub fn as_written(&self) -> String {
        ["(failed)", "(unfulfilled)", "_*"]
            .iter()
            .fold(self.dependency.clone(), |text, shown| {
                text.replace(shown, "")
            })
    }
}

fn read_dependent(job: &Value) -> Option<Dependent> {
    let dependency = job["dependency"]
        .as_str()
        .filter(|text| text.contains("(failed)"))?;
    Some(Dependent {
        handle: handle(job)?,
        dependency: dependency.to_owned(),
    })
}

/// `33`, or `33_[5-30]` for array tasks that still wait together.
fn handle(job: &Value) -> Option<String> {
    let tasks = job["array_task_string"].as_str().unwrap_or_default();
    match number(&job["array_job_id"]) {
        Some(array) if !tasks.is_empty() => Some(format!("{array}_[{tasks}]")),
        _ => Some(number(&job["job_id"])?.to_string()),
    }
}

fn read_shadow(job: &Value, record: ShadowRecord) -> Option<QueuedShadow> {
    Some(QueuedShadow {
        job_id: number(&job["job_id"])?,
        state: word(&job["job_state"]),
        record,
    })
}

fn original(job: &Value) -> Option<Original> {
    let text = |name: &str| job[name].as_str().unwrap_or_default().to_owned();
    let tasks = text("array_task_string");
    let first = tasks.split(|c: char| !c.is_ascii_digit()).next();
    let array = number(&job["array_job_id"]).filter(|&array| array > 0);
    Some(Original {
        handle: handle(job)?,
        script_id: array.or(number(&job["job_id"]))?,
        task: first
            .and_then(|task| task.parse().ok())
            .or(array.and(number(&job["array_task_id"]))),
        uid: id(&job["user_id"])?,
        gid: id(&job["group_id"])?,
        partition: text("partition"),
        features: text("features"),
        work_dir: text("current_working_directory"),
        lines: [text("command"), text("submit_line")],
    })
}

fn names(job: &Value) -> Vec<String> {
    let mut names: Vec<String> = number(&job["job_id"]).iter().map(u64::to_string).collect();
    if let Some(array) = number(&job["array_job_id"]).filter(|&array| array > 0) {
        names.push(format!("{array}_*"));
        names.extend(number(&job["array_task_id"]).map(|task| format!("{array}_{task}")));
    }
    names
}

fn read_job(job: &Value, record: Record) -> Option<QueuedJob> {
    let text = |name: &str| job[name].as_str().unwrap_or_default().to_owned();
    Some(QueuedJob {
        handle: handle(job)?,
        names: names(job),
        job_id: number(&job["job_id"])?,
        nodes: parse(&text("nodes")).unwrap_or_default(),
        started: number(&job["start_time"]).unwrap_or(0) as i64,
        state: word(&job["job_state"]),
        // The reason for which it is said to wait is set later than this.
        waits_for_others: !text("dependency").is_empty(),
        is_held: text("state_reason").starts_with("JobHeld"),
        tasks: text("array_task_string"),
        uid: id(&job["user_id"])?,
        user: text("user_name"),
        account: text("account"),
        partition: text("partition"),
        memory: number(&job["memory_per_node"]).or_else(|| number(&job["memory_per_cpu"])),
        restarts: number(&job["restart_cnt"]).unwrap_or(0),
        manager: record
            .manager
            .or_else(|| decide::of_queue(text("name").as_bytes(), text("comment").as_bytes())),
        record,
        original: original(job)?,
    })
}

/// A user or group; some releases write those above 2^31 with a sign.
fn id(value: &Value) -> Option<u32> {
    let signed = value.as_i64().and_then(|id| i32::try_from(id).ok());
    let plain = number(value).and_then(|id| u32::try_from(id).ok());
    plain.or(signed.map(|id| id as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Answer(&'static str);
    impl Commands for Answer {
        fn run(&self, _: &str, _: &[&str]) -> Result<Vec<u8>, CommandError> {
            Ok(self.0.as_bytes().to_vec())
        }
    }

    #[test]
    fn jobs_are_read_in_the_forms_of_old_and_new_releases() {
        let jobs = query(&Answer(
            r#"{"jobs": [
            {"job_id": 7, "array_job_id": 7, "array_task_string": "5-9", "job_state": "PENDING", "user_id": 1,
             "group_id": 1, "command": "/a/b.sh x  y", "restart_cnt": 0, "admin_comment": "{\"shadowfit\":1,\"kind\":{}}"},
            {"job_id": 8, "array_job_id": {"set": false, "number": 0}, "array_task_string": "",
             "job_state": ["OUT_OF_MEMORY"], "user_id": 1, "group_id": {"set": true, "number": 1}, "restart_cnt": {"set": true, "number": 2},
             "admin_comment": "{\"shadowfit\":1,\"kind\":{}}"},
            {"job_id": 9, "admin_comment": "site note"}, {"job_id": 10}]}"#,
        ))
        .unwrap()
        .jobs;
        let seen: Vec<_> = jobs
            .iter()
            .map(|job| (job.handle.as_str(), job.state.as_str(), job.restarts))
            .collect();
        assert_eq!(seen, [("7_[5-9]", "PENDING", 0), ("8", "OUT_OF_MEMORY", 2)]);
    }

    #[test]
    fn tasks_of_arrays_are_named_as_dependencies_and_scontrol_name_them() {
        let job = |array: &str, tasks: &str, task: &str| {
            let text = format!(
                r#"{{"job_id": 40, "array_job_id": {array}, "array_task_string": "{tasks}", "array_task_id": {task},
                "user_id": 1, "group_id": 2, "command": "/a/b.sh x  y", "features": "gpu", "partition": "p,q",
                "current_working_directory": "/home/alice"}}"#
            );
            serde_json::from_str::<Value>(&text).unwrap()
        };
        let none = r#"{"set": false, "number": 0}"#;
        for (job, named, at, script_id, task) in [
            (job("0", "", "null"), vec!["40"], "40", 40, None),
            (job(none, "", none), vec!["40"], "40", 40, None),
            (
                job("33", "", "5"),
                vec!["40", "33_*", "33_5"],
                "40",
                33,
                Some(5),
            ),
            (
                job("33", "5-9,12", "null"),
                vec!["40", "33_*"],
                "33_[5-9,12]",
                33,
                Some(5),
            ),
        ] {
            assert_eq!(names(&job), named, "{job}");
            let original = original(&job).unwrap();
            assert_eq!(original.handle, at);
            assert_eq!(
                (original.script_id, original.task),
                (script_id, task),
                "{job}"
            );
            assert_eq!((original.uid, original.gid), (1, 2));
            assert_eq!(original.lines[0], "/a/b.sh x  y");
            assert_eq!(
                (original.features, original.partition),
                ("gpu".into(), "p,q".into())
            );
            assert_eq!(original.work_dir, "/home/alice");
        }
    }

    #[test]
    fn the_record_is_that_of_the_job_that_was_asked_for() {
        let answer = Answer(
            r#"{"jobs": [{"job_id": 8, "admin_comment": "{\"shadowfit\":1,\"kind\":{},\"kept\":\"eight\"}"},
            {"job_id": 9, "admin_comment": "{\"shadowfit\":1,\"kind\":{},\"kept\":\"nine\"}"},
            {"job_id": 10, "admin_comment": ""}, {"job_id": 11, "admin_comment": "see ticket 5"}]}"#,
        );
        let kept = |job| record_of(&answer, job).map(|record| record.map(|record| record.kept));
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
            (Ended::Failed, Some("NODE_FAIL"))
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
    fn users_above_two_to_the_31_are_users_like_others() {
        let ids = [
            ("7", Some(7)),
            ("4294900001", Some(4_294_900_001)),
            ("-2094967279", Some(2_200_000_017)),
            (r#"{"set":true,"number":9}"#, Some(9)),
            ("-9999999999", None),
            ("\"root\"", None),
        ];
        for (text, right) in ids {
            assert_eq!(id(&serde_json::from_str(text).unwrap()), right, "{text}");
        }
    }

    #[test]
    fn a_clone_is_of_the_first_task_that_waits() {
        let queue = query(&Answer(
            r#"{"jobs": [{"job_id": 7, "array_job_id": 7, "array_task_string": "5-9%2,12", "user_id": 1, "group_id": 2,
             "command": "/a/b.sh x  y", "admin_comment": "{\"shadowfit\":1,\"kind\":{}}"},
            {"job_id": 8, "job_state": "RUNNING", "admin_comment": "{\"shadowfit\":1,\"shadow_of\":\"7\"}"},
            {"job_id": 9, "job_state": "PENDING", "state_reason": "Resources"}]}"#,
        ))
        .unwrap();
        let original = &queue.jobs[0].original;
        assert_eq!(
            (original.task, original.lines[0].as_str()),
            (Some(5), "/a/b.sh x  y")
        );
        assert_eq!(queue.shadows[0].record.shadow_of, "7");
        assert_eq!(queue.jobs.len(), 1);
    }

    #[test]
    fn dependents_name_what_failed_and_what_was_asked() {
        let queue = query(&Answer(
            r#"{"jobs": [{"job_id": 9, "dependency": "afterok:8_2(failed),afterok:7_*(failed)?afterany:6(unfulfilled)"},
                {"job_id": 10, "dependency": "afterok:8(unfulfilled)"}]}"#,
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
        for answer in ["", "{}", "[1]", "slurm_load_jobs error"] {
            assert!(query(&Answer(answer)).is_err(), "{answer}");
        }
    }
}
