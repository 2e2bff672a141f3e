//! squeue: the jobs that slurmctld still remembers, with our records.

use super::{CommandError, Commands};
use crate::record::Record;
use serde_json::Value;

/// One job in the queue that carries a record of ours.
#[derive(Debug, Clone)]
pub struct QueuedJob {
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

/// All jobs with a record, whatever their state.
pub fn query(commands: &dyn Commands) -> Result<Vec<QueuedJob>, CommandError> {
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
    Ok(jobs.iter().filter_map(read_job).collect())
}

fn read_job(job: &Value) -> Option<QueuedJob> {
    let record = Record::parse(job["admin_comment"].as_str()?)?;
    let text = |name: &str| job[name].as_str().unwrap_or_default().to_owned();
    let id = number(&job["job_id"])?;
    let tasks = text("array_task_string");
    let handle = match (number(&job["array_job_id"]), tasks.as_str()) {
        (Some(array), tasks) if !tasks.is_empty() => format!("{array}_[{tasks}]"),
        _ => id.to_string(),
    };
    Some(QueuedJob {
        handle,
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
        .unwrap();
        let seen: Vec<_> = jobs
            .iter()
            .map(|job| (job.handle.as_str(), job.state.as_str(), job.restarts))
            .collect();
        assert_eq!(seen, [("7_[5-9]", "PENDING", 0), ("8", "OUT_OF_MEMORY", 2)]);
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        for answer in ["", "{}", "[1]", "slurm_load_jobs error"] {
            assert!(query(&Answer(answer)).is_err(), "{answer}");
        }
    }
}
