//! From the fields of one record to a job or a step.

use super::steps::Step;
use crate::job::Usage;
use crate::record::{Comment, FinishedJob};
use crate::text::units::parse_memory;

/// Where each column stands; `None` where the dump lacks it.
pub struct Columns {
    pub count: usize,
    id: usize,
    label: Option<usize>,
    submit: usize,
    start: usize,
    end: usize,
    state: usize,
    elapsed: Option<usize>,
    uid: Option<usize>,
    user: usize,
    account: Option<usize>,
    partition: Option<usize>,
    nodes: Option<usize>,
    cpus: Option<usize>,
    tasks: Option<usize>,
    memory: Option<usize>,
    rss: usize,
    cpu_time: Option<usize>,
    total: Option<usize>,
    comment: Option<usize>,
    user_comment: Option<usize>,
    name: usize,
}

impl Columns {
    /// The error names the columns that are missing.
    pub fn of(header: &[&[u8]]) -> Result<Columns, String> {
        let find = |name: &str| {
            header
                .iter()
                .position(|field| field.eq_ignore_ascii_case(name.as_bytes()))
        };
        let mut missing = Vec::new();
        let mut need = |name: &'static str, other: &str| {
            find(name).or(find(other)).unwrap_or_else(|| {
                missing.push(name);
                0
            })
        };
        let columns = Columns {
            count: header.len(),
            id: need("JobIDRaw", "JobID"),
            submit: need("Submit", ""),
            start: need("Start", ""),
            end: need("End", ""),
            state: need("State", ""),
            user: need("User", ""),
            rss: need("MaxRSS", ""),
            name: need("JobName", ""),
            label: find("JobID"),
            elapsed: find("ElapsedRaw"),
            uid: find("UID"),
            account: find("Account"),
            partition: find("Partition"),
            nodes: find("NNodes"),
            cpus: find("AllocCPUS"),
            tasks: find("NTasks"),
            memory: find("ReqMem"),
            cpu_time: find("TotalCPU"),
            total: find("TRESUsageInTot"),
            comment: find("AdminComment"),
            user_comment: find("Comment"),
        };
        if missing.is_empty() {
            Ok(columns)
        } else {
            Err(missing.join(", "))
        }
    }
}

pub enum Row {
    Job(Box<FinishedJob>),
    Step(u64, Step),
    Running,
}

pub fn read_row(columns: &Columns, fields: &[&[u8]]) -> Result<Row, &'static str> {
    let text = |index: usize| str::from_utf8(fields[index]).unwrap_or_default();
    let optional = |index: Option<usize>| index.map_or("", text);
    let lossy = |index: Option<usize>| {
        index.map_or(String::new(), |index| {
            String::from_utf8_lossy(fields[index]).into_owned()
        })
    };
    let id = text(columns.id);
    let state = text(columns.state)
        .split_ascii_whitespace()
        .next()
        .unwrap_or_default();
    let start = time(text(columns.start));
    let end = time(text(columns.end));
    if let Some((job_id, _step)) = id.split_once('.') {
        let job_id = number(job_id).ok_or("no job number")?;
        return Ok(Row::Step(
            job_id,
            Step {
                start: start.unwrap_or(0),
                end: end.unwrap_or(i64::MAX),
                peak: step_peak(
                    text(columns.rss),
                    optional(columns.tasks),
                    optional(columns.nodes),
                    optional(columns.total),
                ),
                out_of_memory: state == "OUT_OF_MEMORY",
            },
        ));
    }
    let job_id = number(id).ok_or("no job number")?;
    if !has_ended(state)? {
        return Ok(Row::Running);
    }
    let ended = end.ok_or("an ended job without end time")?;
    let submitted = time(text(columns.submit)).ok_or("no submit time")?;
    let started = start.filter(|&start| start <= ended).unwrap_or(0);
    let elapsed_s = match optional(columns.elapsed).parse() {
        Ok(elapsed) => elapsed,
        Err(_) if started > 0 => (ended - started) as u64,
        Err(_) => 0,
    };
    let nodes = optional(columns.nodes).parse().unwrap_or(1).max(1);
    let cpus = optional(columns.cpus).parse().unwrap_or(0);
    let busy = cpu_seconds(optional(columns.cpu_time)).filter(|_| elapsed_s > 0);
    let label = optional(columns.label);
    Ok(Row::Job(Box::new(FinishedJob {
        job_id,
        label: if label.is_empty() { id } else { label }.into(),
        submitted,
        started,
        ended,
        state: state.into(),
        name: lossy(Some(columns.name)),
        user_comment: lossy(columns.user_comment),
        uid: optional(columns.uid).parse().ok(),
        user: lossy(Some(columns.user)),
        account: lossy(columns.account),
        partition: lossy(columns.partition),
        nodes,
        cpus,
        memory: given_memory(optional(columns.memory), nodes, cpus),
        usage: Usage {
            peak_bytes: None,
            // What its steps show.
            peak_is_bound: false,
            cores: busy.map(|seconds| seconds / elapsed_s as f64),
            elapsed_s,
        },
        comment: Comment::read(&lossy(columns.comment)),
    })))
}

/// The number of a job. A dump may have JobID alone: then an array's task `33_5` or a component `33+1` gets
/// one of its own, above those of all jobs.
fn number(id: &str) -> Option<u64> {
    let Some((job, part)) = id.split_once(['_', '+']) else {
        return id.parse().ok();
    };
    let (job, part): (u32, u32) = (job.parse().ok()?, part.parse().ok()?);
    Some((u64::from(job) << 32 | u64::from(part)) & i64::MAX as u64)
}

/// Whether a state is final. An unknown state is an error: a new release may have added one.
fn has_ended(state: &str) -> Result<bool, &'static str> {
    match state {
        "COMPLETED" | "FAILED" | "CANCELLED" | "TIMEOUT" | "OUT_OF_MEMORY" | "NODE_FAIL"
        | "PREEMPTED" | "BOOT_FAIL" | "DEADLINE" | "REQUEUED" | "REVOKED" | "LAUNCH_FAILED" => {
            Ok(true)
        }
        "PENDING" | "RUNNING" | "SUSPENDED" | "RESIZING" | "COMPLETING" | "CONFIGURING"
        | "STOPPED" | "STAGE_OUT" | "SIGNALING" | "SPECIAL_EXIT" | "REQUEUE_HOLD"
        | "REQUEUE_FED" | "RESV_DEL_HOLD" => Ok(false),
        _ => Err("unknown state"),
    }
}

/// Seconds since 1970, from a number or from local time as sacct prints it by default.
pub fn time(text: &str) -> Option<i64> {
    let seconds = text.parse().ok().or_else(|| {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        Some(
            civil
                .to_zoned(jiff::tz::TimeZone::system())
                .ok()?
                .timestamp()
                .as_second(),
        )
    })?;
    (seconds > 0).then_some(seconds)
}

/// `[DD-]HH:MM:SS` or `MM:SS.mmm`, in seconds; `None` when it says nothing.
pub fn cpu_seconds(text: &str) -> Option<f64> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (days.parse::<f64>().ok()?, clock),
        None => (0.0, text),
    };
    let mut seconds = 0.0;
    for part in clock.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok().filter(|n| *n >= 0.0)?;
    }
    let seconds = seconds + days * 86400.0;
    (seconds > 0.0).then_some(seconds)
}

/// Memory of one step on its fullest node. MaxRSS is one task's; the other tasks of the node are
/// taken to be as large, but all tasks together never more than their sum.
fn step_peak(rss: &str, tasks: &str, nodes: &str, total: &str) -> u64 {
    let largest = parse_memory(rss, 1).unwrap_or(0);
    let tasks: u64 = tasks.parse().unwrap_or(1).max(1);
    let nodes: u64 = nodes.parse().unwrap_or(1).max(1);
    let sum = total
        .split(',')
        .find_map(|part| parse_memory(part.strip_prefix("mem=")?, 1))
        .filter(|&sum| sum >= largest)
        .unwrap_or(u64::MAX);
    largest.saturating_mul(tasks.div_ceil(nodes)).min(sum)
}

/// ReqMem, per node. Since 21.08 it is the job's total; before, `n` and `c` marked per node and per CPU.
pub fn given_memory(text: &str, nodes: u32, cpus: u32) -> Option<u64> {
    let bytes = parse_memory(text, crate::text::units::MIB).filter(|&bytes| bytes > 0)?;
    let nodes = u64::from(nodes);
    match text.as_bytes().last() {
        Some(b'n') => Some(bytes),
        Some(b'c') => Some(bytes.saturating_mul(u64::from(cpus).div_ceil(nodes))),
        _ => Some(bytes / nodes),
    }
}
