//! squeue's answer as JSON, one job at a time: what a site has put in squeue's place may know no other form. Tens of
//! thousands of jobs are hundreds of megabytes, most of them nobody's business here, and a job that cannot be read
//! costs that job alone. Names hold any bytes, and some releases write numbers that are no JSON.

use super::rows::QueueRow;
use crate::slurm::json::{first, number, word};
use memchr::memchr2;
use serde_json::Value;
use std::io::{self, BufRead};

/// A larger job is none, in bytes.
const MAX_JOB: usize = 16 << 20;

/// An answer in this form begins with it. Fields begin with a job's number.
pub const BEGINS: u8 = b'{';

/// Calls `take` with each job of the list `jobs` that passes `only`. Returns whether there was such a list, whole.
pub fn each_row(
    input: &mut dyn BufRead,
    only: fn(&[u8]) -> bool,
    mut take: impl FnMut(&QueueRow),
) -> io::Result<bool> {
    let mut split = Split::default();
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Ok(false);
        }
        let length = bytes.len();
        split.take(bytes, &mut |job| {
            if only(job) {
                match first(job) {
                    Ok(job) => take(&QueueRow::named(|name| field(&job, name))),
                    Err(error) => tracing::warn!("a job in squeue's answer is left out: {error}"),
                }
            }
        });
        input.consume(length);
        if split.is_over {
            return Ok(true);
        }
    }
}

/// A job's value for a field of squeue's; empty where there is nothing.
fn field(job: &Value, name: &str) -> String {
    let text = |name: &str| job[name].as_str().unwrap_or_default().to_owned();
    let plain = |name: &str| number(&job[name]).map_or(String::new(), |number| number.to_string());
    let mib = |name: &str| number(&job[name]).map(|mib| format!("{mib}M"));
    match name {
        "jobid" => plain("job_id"),
        "arrayjobid" => plain("array_job_id"),
        "arraytaskid" => task(job),
        "state" => word(&job["job_state"]),
        "reason" => text("state_reason"),
        "prioritylong" => plain("priority"),
        "userid" => id(&job["user_id"]),
        "groupid" => id(&job["group_id"]),
        "username" => text("user_name"),
        "minmemory" => mib("memory_per_node")
            .or_else(|| mib("memory_per_cpu"))
            .unwrap_or_default(),
        "restartcnt" => plain("restart_cnt"),
        "nodelist" => text("nodes"),
        "starttime" => plain("start_time"),
        "submittime" => plain("submit_time"),
        "eligibletime" => plain("eligible_time"),
        // In minutes.
        "timelimit" => number(&job["time_limit"]).map_or(String::new(), |min| format!("{min}:00")),
        "cpus-per-task" => plain("cpus_per_task"),
        "numcpus" => plain("cpus"),
        "feature" => text("features"),
        "workdir" => text("current_working_directory"),
        _ => text(name),
    }
}

/// Of a job that is in no array, some releases say that its array is 0.
fn task(job: &Value) -> String {
    let together = job["array_task_string"].as_str().unwrap_or_default();
    match number(&job["array_job_id"]) {
        None | Some(0) => String::new(),
        Some(_) if !together.is_empty() => together.to_owned(),
        Some(_) => number(&job["array_task_id"]).map_or(String::new(), |task| task.to_string()),
    }
}

/// A user or group; some releases write those above 2^31 with a sign.
fn id(value: &Value) -> String {
    let signed = value.as_i64().and_then(|id| i32::try_from(id).ok());
    let plain = number(value).and_then(|id| u32::try_from(id).ok());
    let id = plain.or(signed.map(|id| id as u32));
    id.map_or(String::new(), |id| id.to_string())
}

/// Finds the objects of the list `jobs`, however the answer is cut into pieces.
#[derive(Default)]
struct Split {
    depth: u32,
    in_string: bool,
    is_escaped: bool,
    /// The last string at the top: the name of what follows.
    name: Vec<u8>,
    in_list: bool,
    job: Vec<u8>,
    is_over: bool,
}

impl Split {
    fn take(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(&[u8])) {
        while let Some(&first) = bytes.first() {
            if self.is_over {
                return;
            }
            let length = match self.in_string {
                true => self.string(bytes),
                false => {
                    self.between(first, each);
                    1
                }
            };
            bytes = &bytes[length..];
        }
    }

    /// Returns how many bytes it took.
    fn string(&mut self, bytes: &[u8]) -> usize {
        if std::mem::take(&mut self.is_escaped) {
            self.keep(&bytes[..1]);
            return 1;
        }
        let end = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        if self.depth == 1 {
            self.name.extend_from_slice(&bytes[..end]);
        }
        let taken = &bytes[..bytes.len().min(end + 1)];
        self.keep(taken);
        match bytes.get(end) {
            Some(b'"') => self.in_string = false,
            Some(_) => self.is_escaped = true,
            None => {}
        }
        taken.len()
    }

    fn between(&mut self, byte: u8, each: &mut dyn FnMut(&[u8])) {
        match byte {
            b'"' => {
                self.in_string = true;
                if self.depth == 1 {
                    self.name.clear();
                }
            }
            b'{' | b'[' => self.open(byte),
            _ => {}
        }
        self.keep(&[byte]);
        if matches!(byte, b'}' | b']') {
            self.close(each);
        }
    }

    fn open(&mut self, byte: u8) {
        self.depth += 1;
        self.in_list |= byte == b'[' && self.depth == 2 && self.name == b"jobs";
    }

    fn close(&mut self, each: &mut dyn FnMut(&[u8])) {
        if self.in_list && self.depth == 3 {
            match self.job.len() < MAX_JOB {
                true => each(&self.job),
                false => tracing::warn!("a job in squeue's answer is left out: it is too large"),
            }
            self.job.clear();
        }
        self.depth = self.depth.saturating_sub(1);
        self.is_over = self.in_list && self.depth == 1;
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.in_list && self.depth >= 3 && self.job.len() < MAX_JOB {
            self.job.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::matters;
    use super::super::tests::each_spoiled;
    use super::*;

    /// The ids of the jobs that matter, read in pieces of `size` bytes; `None` where there is no list.
    fn ids(answer: &[u8], size: usize) -> Option<Vec<u64>> {
        let mut found = Vec::new();
        let mut input = io::BufReader::with_capacity(size, answer);
        let is_whole = each_row(&mut input, matters, |row| {
            found.push(row.number("jobid").unwrap())
        });
        is_whole.unwrap().then_some(found)
    }

    #[test]
    fn jobs_are_found_whatever_stands_around_them() {
        let ours = r#""admin_comment": "{\"shadowfit\":1}""#;
        let cases: [(Vec<u8>, Option<Vec<u64>>); 13] = [
            (format!(r#"{{"jobs":[{{"job_id":1,{ours}}},{{"job_id":2}}]}}"#).into(), Some(vec![1])),
            (
                format!(r#"{{"meta":{{"jobs":[{{"job_id":7,{ours}}}]}},"jobs":[{{"job_id":1,{ours},"a":[{{"b":[]}}]}}],"errors":[]}}"#).into(),
                Some(vec![1]),
            ),
            (
                format!(r#"{{"jobs":[{{"name":"]}}\\\"[{{","job_id":1,{ours}}}]}}"#).into(),
                Some(vec![1]),
            ),
            ([br#"{"jobs":[{"job_id":1,"name":"f"#, &[0xfc, 0xff][..], br#"r (failed)"}]}"#].concat(), Some(vec![1])),
            (
                format!(r#"{{"jobs":[{{"job_id":1,"a":-Infinity,"b":NaN,"c":"NaN \" NaN",{ours}}}]}}"#).into(),
                Some(vec![1]),
            ),
            (format!("{{\"jobs\":[{{\"job_id\":1,{ours}}}]}}\nwarning: more\n{{").into(), Some(vec![1])),
            (
                format!(r#"{{"jobs":[{{"job_id":1, what is this {ours}}},{{"job_id":2,{ours}}}]}}"#).into(),
                Some(vec![2]),
            ),
            (format!(r#"{{"jobs":[{{"job_id":1,{ours}}},{{"job_"#).into(), None),
            (b"{}".to_vec(), None),
            (format!(r#"{{"a":1,"jobs":[{{"job_id":1,{ours}}}]}}"#).into(), Some(vec![1])),
            (
                format!(r#"{{"errors":[{{"job_id":7,{ours}}}],"jobs":[{{"job_id":1,{ours}}}]}}"#).into(),
                Some(vec![1]),
            ),
            (format!(r#"{{"jobs":{{"first":[{{"job_id":1,{ours}}}]}}}}"#).into(), None),
            (b"slurm_load_jobs error: Unable to contact slurm controller".to_vec(), None),
        ];
        for (answer, right) in cases {
            for size in [1, 2, 7, 4096] {
                let shown = String::from_utf8_lossy(&answer);
                assert_eq!(ids(&answer, size), right, "{size}: {shown}");
            }
        }
    }

    #[test]
    fn no_bytes_make_it_fail() {
        each_spoiled(
            br#"{"jobs":[{"job_id":1,"x":"shadowfit"}]}"#,
            |mut answer| {
                let _whatever_it_is = each_row(&mut answer, matters, |_| {});
            },
        );
    }

    #[test]
    fn fields_are_found_in_the_forms_of_all_releases() {
        let set =
            |number: i64| serde_json::json!({"set": true, "infinite": false, "number": number});
        let unset = serde_json::json!({"set": false, "infinite": false, "number": 0});
        let single = serde_json::json!({
            "job_id": 50, "array_job_id": set(0), "array_task_id": unset, "array_task_string": "", "job_state": ["OUT_OF_MEMORY", "COMPLETING"],
            "user_id": -2_094_967_279i64, "group_id": 7, "memory_per_node": set(1015), "memory_per_cpu": unset,
            "time_limit": set(90), "submit_time": set(70), "eligible_time": 71, "cpus": set(8), "cpus_per_task": unset,
            "start_time": set(77), "current_working_directory": "/w", "restart_cnt": 2, "nodes": "n1", "dependency": "",
        });
        let waiting = serde_json::json!({
            "job_id": 51, "array_job_id": 50, "array_task_id": null, "array_task_string": "5-30%2", "job_state": "PENDING",
            "user_id": 4_294_900_001u32, "memory_per_cpu": 2048, "start_time": 0, "name": "align",
        });
        let running = serde_json::json!({"array_job_id": set(50), "array_task_id": set(3), "array_task_string": ""});
        let cases: [(&Value, &[(&str, &str)]); 3] = [
            (
                &single,
                &[
                    ("jobid", "50"),
                    ("arraytaskid", ""),
                    ("state", "OUT_OF_MEMORY"),
                    ("userid", "2200000017"),
                    ("groupid", "7"),
                    ("minmemory", "1015M"),
                    ("starttime", "77"),
                    ("submittime", "70"),
                    ("eligibletime", "71"),
                    ("timelimit", "90:00"),
                    ("numcpus", "8"),
                    ("cpus-per-task", ""),
                    ("workdir", "/w"),
                    ("restartcnt", "2"),
                    ("nodelist", "n1"),
                    ("dependency", ""),
                    ("name", ""),
                    ("prioritylong", ""),
                ],
            ),
            (
                &waiting,
                &[
                    ("arrayjobid", "50"),
                    ("arraytaskid", "5-30%2"),
                    ("state", "PENDING"),
                    ("userid", "4294900001"),
                    ("minmemory", "2048M"),
                    ("starttime", "0"),
                    ("name", "align"),
                ],
            ),
            (
                &running,
                &[
                    ("arrayjobid", "50"),
                    ("arraytaskid", "3"),
                    ("minmemory", ""),
                ],
            ),
        ];
        for (job, fields) in cases {
            for (name, right) in fields {
                assert_eq!(field(job, name), *right, "{name} of {job}");
            }
        }
    }
}
