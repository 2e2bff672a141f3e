//! From the fields of one record to a job or a step.

use super::moment::Moment;
use super::steps::Step;
use crate::job::{Named, Usage};
use crate::record::{Comment, FinishedJob};
use crate::text::units::parse_memory;

/// Bytes; an exabyte.
const NO_MACHINE_HAS: u64 = 1 << 60;

/// Where each column stands; `None` where the dump lacks it.
pub struct Columns {
    pub id: usize,
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
    tres: Option<usize>,
    given: Option<usize>,
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
            nodes: find("NNodes").or(find("AllocNodes")),
            cpus: find("AllocCPUS").or(find("NCPUS")),
            tasks: find("NTasks"),
            memory: find("ReqMem"),
            tres: find("ReqTRES").or(find("AllocTRES")),
            given: find("AllocTRES"),
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

    /// One of them says what a job asked for.
    pub fn has_requests(&self) -> bool {
        self.memory.is_some() || self.tres.is_some()
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
    let state = state(text(columns.state));
    if let Some((job_id, step)) = id.split_once('.') {
        let job_id = number(job_id)?;
        let moment = |index| Moment::read(text(index)).ok().flatten();
        return Ok(Row::Step(
            job_id,
            Step {
                start: moment(columns.start).map_or(0, |start| start.first),
                end: moment(columns.end).map_or(i64::MAX, |end| end.first),
                peak: step_peak(
                    text(columns.rss),
                    optional(columns.tasks),
                    optional(columns.nodes),
                    optional(columns.total),
                ),
                out_of_memory: state == "OUT_OF_MEMORY",
                memory: memory_in(optional(columns.given)).unwrap_or(0),
                cpus: optional(columns.cpus).parse().unwrap_or(0),
                nodes: optional(columns.nodes).parse().unwrap_or(1).max(1),
                is_launched: step.bytes().all(|byte| byte.is_ascii_digit()),
            },
        ));
    }
    let job_id = number(id)?;
    if !has_ended(state)? {
        return Ok(Row::Running);
    }
    let end = Moment::read(text(columns.end))?.ok_or("an ended job without end time")?;
    let submitted = Moment::read(text(columns.submit))?
        .ok_or("no submit time")?
        .first;
    let start = Moment::read(text(columns.start))?.map_or(0, |start| start.first);
    let ended = end.not_before(start);
    let elapsed: Option<u64> = optional(columns.elapsed).parse().ok();
    if start > ended && elapsed.is_some_and(|seconds| seconds > 0) {
        return Err("it ended before it started");
    }
    let started = if start <= ended { start } else { 0 };
    let by_clock = if started > 0 { ended - started } else { 0 };
    let elapsed_s = elapsed.unwrap_or(by_clock as u64);
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
        memory: given_memory(optional(columns.memory), nodes, cpus)
            .or_else(|| Some(memory_in(optional(columns.tres))? / u64::from(nodes))),
        usage: Usage {
            peak_bytes: None,
            // What its steps show.
            peak_is_bound: false,
            cores: busy.map(|seconds| seconds / elapsed_s as f64),
            elapsed_s,
            named: Named::default(),
        },
        comment: Comment::read(&lossy(columns.comment)),
        harm: None,
    })))
}

/// The number of a job. A dump may have JobID alone: then an array's task `33_5` or a component `33+1` gets
/// one of its own, above those of all jobs.
fn number(id: &str) -> Result<u64, &'static str> {
    let read = |text: &str| text.parse::<u32>().map_err(|_| "no job number");
    let Some((job, part)) = id.split_once(['_', '+']) else {
        return id.parse().map_err(|_| "no job number");
    };
    if part.starts_with('[') {
        return Err("tasks of an array that never started");
    }
    let (job, part) = (read(job)?, read(part)?);
    Ok((u64::from(job) << 32 | u64::from(part)) & i64::MAX as u64)
}

const OVER: [&str; 12] = [
    "COMPLETED",
    "FAILED",
    "CANCELLED",
    "TIMEOUT",
    "OUT_OF_MEMORY",
    "NODE_FAIL",
    "PREEMPTED",
    "BOOT_FAIL",
    "DEADLINE",
    "REQUEUED",
    "REVOKED",
    "LAUNCH_FAILED",
];

/// A state without what stands behind it, and whole where sacct cut it: `CANCELLED by 7`, `OUT_OF_ME+`.
fn state(text: &str) -> &str {
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    match word.strip_suffix('+').filter(|start| start.len() > 2) {
        Some(start) => OVER
            .into_iter()
            .find(|state| state.starts_with(start))
            .unwrap_or(start),
        None => word,
    }
}

/// Whether a state is final. An unknown state is an error: a new release may have added one.
fn has_ended(state: &str) -> Result<bool, &'static str> {
    match state {
        _ if OVER.contains(&state) => Ok(true),
        "PENDING" | "RUNNING" | "SUSPENDED" | "RESIZING" | "COMPLETING" | "CONFIGURING"
        | "STOPPED" | "STAGE_OUT" | "SIGNALING" | "SPECIAL_EXIT" | "REQUEUE_HOLD"
        | "REQUEUE_FED" | "RESV_DEL_HOLD" => Ok(false),
        _ => Err("unknown state"),
    }
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
    let largest = measured(rss).unwrap_or(0);
    let tasks: u64 = tasks.parse().unwrap_or(1).max(1);
    let nodes: u64 = nodes.parse().unwrap_or(1).max(1);
    let sum = memory_in(total)
        .filter(|&sum| sum >= largest)
        .unwrap_or(u64::MAX);
    largest.saturating_mul(tasks.div_ceil(nodes)).min(sum)
}

/// Memory in a list of resources, `cpu=4,mem=8G,node=1`.
fn memory_in(list: &str) -> Option<u64> {
    list.split(',')
        .find_map(|part| measured(part.strip_prefix("mem=")?))
}

/// An amount of memory, without the largest numbers, by which Slurm says that it has no value.
fn measured(text: &str) -> Option<u64> {
    parse_memory(text, 1).filter(|&bytes| bytes < NO_MACHINE_HAS)
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
