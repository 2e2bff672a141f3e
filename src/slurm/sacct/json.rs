//! What `sacct --json` prints, as the rows of `sacct --parsable2`: one reader knows what they mean.

use super::FIELDS;
use crate::slurm::json::{number, word};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// A row, field by field, in the order of [`FIELDS`].
pub type Fields = Vec<Vec<u8>>;

/// All rows of a dump: what sacct printed, once or several times, or its list of jobs or jobs alone. Its bytes may be any; what
/// is no UTF-8 in it is replaced.
pub fn rows(dump: &[u8]) -> serde_json::Result<Vec<Fields>> {
    let text = String::from_utf8_lossy(dump);
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(&text).map(|Rows(rows)| rows);
    }
    let mut rows = Vec::new();
    let parts = serde_json::Deserializer::from_str(&text);
    if is_of_a_dump(&text) {
        for dump in parts.into_iter() {
            let Dump { jobs } = dump?;
            rows.extend(jobs.0);
        }
    } else {
        for job in parts.into_iter::<Value>() {
            rows.extend(rows_of(&job?));
        }
    }
    Ok(rows)
}

/// What sacct prints around its list of jobs, of which any may come first; other programs write a job a line.
fn is_of_a_dump(text: &str) -> bool {
    let first = text.split('"').nth(1).unwrap_or("jobs");
    ["meta", "jobs", "errors", "warnings"].contains(&first)
}

/// A job's row and those of its steps.
fn rows_of(job: &Value) -> impl Iterator<Item = Fields> {
    let steps = job["steps"].as_array().into_iter().flatten().enumerate();
    std::iter::once(job_row(job)).chain(steps.map(move |(n, step)| step_row(job, n, step)))
}

#[derive(Deserialize)]
struct Dump {
    jobs: Rows,
}

/// One job at a time becomes rows: as a whole a dump would fill much memory.
struct Rows(Vec<Fields>);

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rows, D::Error> {
        deserializer.deserialize_seq(JobList)
    }
}

struct JobList;

impl<'de> Visitor<'de> for JobList {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the list of jobs of sacct --json")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut jobs: A) -> Result<Rows, A::Error> {
        let mut rows = Vec::new();
        while let Some(job) = jobs.next_element::<Value>()? {
            rows.extend(rows_of(&job));
        }
        Ok(Rows(rows))
    }
}

fn job_row(job: &Value) -> Fields {
    let (time, tres) = (&job["time"], &job["tres"]);
    let cpus = amount(&tres["allocated"], "cpu").or_else(|| number(&job["required"]["CPUs"]));
    let asked = amount(&tres["requested"], "mem").map(|mib| format!("{mib}M"));
    row(|field| match field {
        "JobIDRaw" => text(number(&job["job_id"])),
        "JobID" => label(job),
        "Submit" => text(number(&time["submission"])),
        "Start" => text(number(&time["start"])),
        "End" => text(number(&time["end"])),
        "State" => job_state(job),
        "ElapsedRaw" => text(number(&time["elapsed"])),
        "User" => word(&job["user"]),
        "Account" => word(&job["account"]),
        "Partition" => word(&job["partition"]),
        "AllocCPUS" => text(cpus),
        "ReqMem" => asked.clone().unwrap_or_default(),
        "TotalCPU" => cpu_time(job),
        "AdminComment" => word(&job["comment"]["administrator"]),
        "Comment" => word(&job["comment"]["job"]),
        "JobName" => word(&job["name"]),
        "NNodes" => text(number(&job["allocation_nodes"])),
        _ => String::new(),
    })
}

fn step_row(job: &Value, n: usize, step: &Value) -> Fields {
    let used = &step["tres"]["requested"];
    let total = amount(&used["total"], "mem").map(|bytes| format!("mem={bytes}"));
    let given = amount(&step["tres"]["allocated"], "mem").map(|mib| format!("mem={mib}M"));
    row(|field| match field {
        "JobIDRaw" | "JobID" => {
            format!("{}.{}", text(number(&job["job_id"])), step_name(n, step))
        }
        "Start" => text(number(&step["time"]["start"])),
        "End" => text(number(&step["time"]["end"])),
        "State" => word(&step["state"]),
        "NTasks" => text(number(&step["tasks"]["count"])),
        "NNodes" => text(number(&step["nodes"]["count"])),
        "AllocCPUS" => text(amount(&step["tres"]["allocated"], "cpu")),
        "AllocTRES" => given.clone().unwrap_or_default(),
        "MaxRSS" => text(amount(&used["max"], "mem")),
        "TRESUsageInTot" => total.clone().unwrap_or_default(),
        _ => String::new(),
    })
}

fn row(value: impl Fn(&str) -> String) -> Fields {
    FIELDS
        .split(',')
        .map(|field| value(field).into_bytes())
        .collect()
}

/// A run that was requeued is over, and stands there as pending with a flag.
fn job_state(job: &Value) -> String {
    let current = &job["state"]["current"];
    let mut flags = current.as_array().into_iter().flatten();
    let ended = number(&job["time"]["end"]).is_some_and(|end| end > 0);
    match ended && flags.any(|flag| flag == "REQUEUED") {
        true => "REQUEUED".into(),
        false => word(current),
    }
}

/// `batch` or a number: releases print it alone, behind the job's or in parts. What prints none is counted, as step `n`.
fn step_name(n: usize, step: &Value) -> String {
    let id = &step["step"]["id"];
    let id = if id.is_object() { &id["step_id"] } else { id };
    match (id.as_str(), number(id)) {
        (Some(id), _) if !id.is_empty() => id.rsplit('.').next().unwrap_or_default().into(),
        (_, Some(id)) => id.to_string(),
        _ => n.to_string(),
    }
}

/// As users see it: tasks of an array and components of a heterogeneous job by their first number.
fn label(job: &Value) -> String {
    let part = |first: &Value, sign: char, part: &Value| {
        let first = number(first).filter(|&first| first > 0)?;
        Some(format!("{first}{sign}{}", number(part)?))
    };
    let (array, het) = (&job["array"], &job["het"]);
    part(&array["job_id"], '_', &array["task_id"])
        .or_else(|| part(&het["job_id"], '+', &het["job_offset"]))
        .unwrap_or_else(|| text(number(&job["job_id"])))
}

fn text(number: Option<u64>) -> String {
    number.map_or(String::new(), |number| number.to_string())
}

/// How much of one resource stands in a list of them.
fn amount(list: &Value, resource: &str) -> Option<u64> {
    let mut entries = list.as_array()?.iter();
    number(&entries.find(|one| one["type"] == resource)?["count"])
}

/// CPU time in seconds. Of the job itself some releases print none: it is that of its steps.
fn cpu_time(job: &Value) -> String {
    let of = |one: &Value| {
        let total = &one["time"]["total"];
        let fraction = number(&total["microseconds"]).unwrap_or(0);
        let seconds = number(&total["seconds"]).unwrap_or(0);
        seconds.saturating_mul(1_000_000).saturating_add(fraction)
    };
    let steps = job["steps"].as_array().into_iter().flatten();
    let microseconds = of(job).max(steps.map(of).fold(0, u64::saturating_add));
    format!(
        "{}.{:06}",
        microseconds / 1_000_000,
        microseconds % 1_000_000
    )
}
