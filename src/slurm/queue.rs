//! squeue: the jobs that slurmctld still remembers, with our records.

use super::{CommandError, Commands};
use crate::record::Record;
use serde_json::Value;

/// What slurmctld remembers.
#[derive(Debug, Default)]
pub struct Queue {
    /// Jobs that carry a record of ours, whatever their state.
    pub jobs: Vec<QueuedJob>,
    /// Jobs, anybody's, that wait for something that has failed.
    pub dependents: Vec<Dependent>,
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
    /// JOB_STATE, without flags.
    pub state: String,
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
    /// What was decided about it.
    pub record: Record,
}

/// Asks for the whole queue.
pub fn query(commands: &dyn Commands) -> Result<Queue, CommandError> {
    let output = commands.run("squeue", &["--json"])?;
    let unreadable = |problem: String| CommandError::Unreadable {
        command: "squeue --json".into(),
        problem,
    };
    let answer: Value =
        serde_json::from_slice(&output).map_err(|error| unreadable(error.to_string()))?;
    let jobs = answer["jobs"]
        .as_array()
        .ok_or_else(|| unreadable("no list of jobs in the answer".into()))?;
    Ok(Queue {
        jobs: jobs.iter().filter_map(read_job).collect(),
        dependents: jobs.iter().filter_map(read_dependent).collect(),
    })
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

fn names(job: &Value) -> Vec<String> {
    let mut names: Vec<String> = number(&job["job_id"]).iter().map(u64::to_string).collect();
    if let Some(array) = number(&job["array_job_id"]).filter(|&array| array > 0) {
        names.push(format!("{array}_*"));
        names.extend(number(&job["array_task_id"]).map(|task| format!("{array}_{task}")));
    }
    names
}

fn read_job(job: &Value) -> Option<QueuedJob> {
    let record = Record::parse(job["admin_comment"].as_str()?)?;
    let text = |name: &str| job[name].as_str().unwrap_or_default().to_owned();
    Some(QueuedJob {
        handle: handle(job)?,
        names: names(job),
        state: state(&job["job_state"]),
        uid: number(&job["user_id"])?.try_into().ok()?,
        user: text("user_name"),
        account: text("account"),
        partition: text("partition"),
        memory: number(&job["memory_per_node"]).or_else(|| number(&job["memory_per_cpu"])),
        restarts: number(&job["restart_cnt"]).unwrap_or(0),
        record,
    })
}

/// A plain number, or `{"set": true, "number": 7}` as releases from 23.02 write it.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Object(object) => object
            .get("set")
            .and_then(Value::as_bool)
            .unwrap_or(true)
            .then(|| object.get("number")?.as_u64())?,
        other => other.as_u64(),
    }
}

/// A text, or a list of the state and its flags as releases from 23.11 write it.
fn state(value: &Value) -> String {
    let first = value
        .as_array()
        .and_then(|all| all.first())
        .unwrap_or(value);
    first.as_str().unwrap_or_default().to_owned()
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
             "restart_cnt": 0, "admin_comment": "{\"shadowfit\":1,\"kind\":{}}"},
            {"job_id": 8, "array_job_id": {"set": false, "number": 0}, "array_task_string": "",
             "job_state": ["OUT_OF_MEMORY"], "user_id": 1, "restart_cnt": {"set": true, "number": 2},
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
