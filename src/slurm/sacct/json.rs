//! What `sacct --json` prints, as the rows of `sacct --parsable2`: one reader knows what they mean.

use super::FIELDS;
use crate::slurm::json::{number, with_odd_numbers, word};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// A row, field by field, in the order of [`FIELDS`].
pub type Fields = Vec<Vec<u8>>;

/// What a dump holds.
#[derive(Default)]
pub struct JsonDump {
    pub rows: Vec<Fields>,
    /// What sacct says went wrong.
    pub errors: Vec<String>,
    /// Lines that are no JSON, by their numbers: what sacct's plugins or a shell have written beside it.
    pub beside: Vec<(u64, String)>,
}

/// Whether JSON begins with this line, as sacct or another program writes it; a prompt may begin with `[` as well.
pub fn begins(line: &[u8]) -> bool {
    let mut bytes = line.iter().filter(|byte| !byte.is_ascii_whitespace());
    match bytes.next() {
        Some(b'{') => matches!(bytes.next(), None | Some(b'"' | b'}')),
        Some(b'[') => matches!(bytes.next(), None | Some(b'{' | b']')),
        _ => false,
    }
}

/// All of a dump: what sacct printed, once or several times, or its list of jobs or jobs alone. Its bytes may be any; what
/// is no UTF-8 in it is replaced.
pub fn read(dump: &[u8]) -> serde_json::Result<JsonDump> {
    with_odd_numbers(&String::from_utf8_lossy(dump), read_parts)
}

fn read_parts(text: &str) -> serde_json::Result<JsonDump> {
    let (mut found, mut rest, mut line) = (JsonDump::default(), text, 1);
    loop {
        let start = rest.trim_start();
        if start.is_empty() {
            return Ok(found);
        }
        let blanks = rest.len() - start.len();
        let length = match begins(start.as_bytes()) {
            // With the empty lines before it: errors count them.
            true => read_part(rest, &mut found)?,
            false => {
                let end = start.find('\n').unwrap_or(start.len());
                let number = line + lines(&rest[..blanks]);
                found.beside.push((number, start[..end].into()));
                blanks + end
            }
        };
        line += lines(&rest[..length]);
        rest = &rest[length..];
    }
}

fn lines(text: &str) -> u64 {
    memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64
}

/// Reads the value that `text` begins with; returns where it ends.
fn read_part(text: &str, found: &mut JsonDump) -> serde_json::Result<usize> {
    if text.trim_start().starts_with('[') {
        let (Rows(rows), length) = value(text)?;
        found.rows.extend(rows);
        return Ok(length);
    }
    if !is_of_a_dump(text) {
        let (job, length) = value(text)?;
        found.rows.extend(rows_of(&job));
        return Ok(length);
    }
    let (dump, length) = value::<Dump>(text)?;
    let errors = errors(&dump.errors);
    match dump.jobs {
        Some(Rows(rows)) => found.rows.extend(rows),
        None if errors.is_empty() => return Err(serde_json::Error::missing_field("jobs")),
        None => {}
    }
    found.errors.extend(errors);
    Ok(length)
}

/// The first value, and where it ends.
fn value<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<(T, usize)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    let first = values.next();
    let first = first.unwrap_or_else(|| serde_json::from_str(text))?;
    Ok((first, values.byte_offset()))
}

/// What sacct prints around its list of jobs, of which any may come first; other programs write a job a line.
fn is_of_a_dump(text: &str) -> bool {
    let first = text.split('"').nth(1).unwrap_or("jobs");
    ["meta", "jobs", "errors", "warnings"].contains(&first)
}

/// Each error in sacct's words: releases describe it, name it or do both.
fn errors(list: &Value) -> Vec<String> {
    let said = |error: &Value| {
        let texts = ["description", "error"].map(|part| word(&error[part]));
        texts
            .into_iter()
            .chain([word(error)])
            .find(|text| !text.is_empty())
    };
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(said)
        .collect()
}

/// A job's row and those of its steps.
fn rows_of(job: &Value) -> impl Iterator<Item = Fields> {
    let steps = job["steps"].as_array().into_iter().flatten().enumerate();
    std::iter::once(job_row(job)).chain(steps.map(move |(n, step)| step_row(job, n, step)))
}

#[derive(Deserialize)]
struct Dump {
    jobs: Option<Rows>,
    #[serde(default)]
    errors: Value,
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
