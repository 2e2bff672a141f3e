//! From the fields of one record to a job or a step.

use super::columns::Columns;
use super::moment::Moment;
use super::steps::Step;
use crate::job::{Named, Usage};
use crate::record::{Comment, FinishedJob};
use crate::slurm::hosts::hosts;
use crate::text::units::parse_memory;

/// From here on numbers of steps are Slurm's own: the script, what is beside it. Old releases print them as numbers.
const FIRST_OF_SLURMS_OWN: u32 = 0xffff_fff0;

/// What sacct prints as the nodes of a job that had none.
const NO_NODES: [&str; 2] = ["None assigned", "(null)"];

/// Bytes; an exabyte.
const NO_MACHINE_HAS: u64 = 1 << 60;

pub enum Row {
    Job(Box<FinishedJob>),
    Step(u64, Step),
    /// A job that has not ended: its number, and what shows it to people.
    Running(u64, String),
}

/// A job's number and a step's; `5.0` of a row that names its user is a job's, as pandas write it.
fn step_of<'a>(id: &'a str, user: &str) -> Option<(&'a str, &'a str)> {
    let parts = id.split_once('.')?;
    (parts.1 != "0" || user.is_empty()).then_some(parts)
}

/// The fields of one row, by their columns.
struct Cells<'a> {
    columns: &'a Columns,
    fields: &'a [&'a [u8]],
}

impl<'a> Cells<'a> {
    /// Empty for what is not UTF-8.
    fn text(&self, index: usize) -> &'a str {
        str::from_utf8(self.fields[index]).unwrap_or_default()
    }

    /// Empty for a column that the dump lacks.
    fn optional(&self, index: Option<usize>) -> &'a str {
        index.map_or("", |index| self.text(index))
    }

    /// With signs in place of what is not UTF-8.
    fn lossy(&self, index: Option<usize>) -> String {
        index.map_or(String::new(), |index| {
            String::from_utf8_lossy(self.fields[index]).into_owned()
        })
    }

    /// CPUs of a job or step; 0 where that is not known.
    fn cpus(&self) -> u32 {
        count(self.optional(self.columns.cpus))
            .or_else(|| resource("cpu=", self.optional(self.columns.given)))
            .unwrap_or(0)
    }
}

/// The error says why a row is none of a job or step that is known here.
pub fn read_row(columns: &Columns, fields: &[&[u8]]) -> Result<Row, &'static str> {
    let cells = Cells { columns, fields };
    let id = cells.text(columns.id);
    let state = state(cells.text(columns.state));
    match step_of(id, cells.text(columns.user)) {
        Some((job_id, step)) => Ok(Row::Step(number(job_id)?, read_step(&cells, step, state))),
        None => {
            let id = whole(id);
            let job_id = number(id)?;
            match has_ended(state)? {
                true => Ok(Row::Job(Box::new(read_job(&cells, id, job_id, state)?))),
                false => Ok(Row::Running(job_id, shown(&cells, id, state))),
            }
        }
    }
}

/// A job as the example of a reason shows it.
fn shown(cells: &Cells, id: &str, state: &str) -> String {
    format!("{id} {} {state}", cells.lossy(Some(cells.columns.name)))
}

/// `step` is what stands behind its job's number.
fn read_step(cells: &Cells, step: &str, state: &str) -> Step {
    let columns = cells.columns;
    let moment = |index| Moment::read(cells.text(index)).ok().flatten();
    let nodes = count(cells.optional(columns.nodes))
        .or_else(|| resource("node=", cells.optional(columns.given)))
        .unwrap_or(1)
        .max(1);
    let largest = measured(cells.optional(columns.rss))
        .or_else(|| memory_in(cells.optional(columns.most)))
        .unwrap_or(0);
    let tasks = columns
        .tasks
        .map(|tasks| count(cells.text(tasks)).unwrap_or(1));
    Step {
        id: cells.text(columns.id).into(),
        line: 0,
        start: moment(columns.start).map_or(0, |start| start.first),
        end: moment(columns.end).map_or(i64::MAX, |end| end.first),
        peak: step_peak(largest, tasks, nodes, cells.optional(columns.total)),
        out_of_memory: state == "OUT_OF_MEMORY",
        memory: memory_in(cells.optional(columns.given)).unwrap_or(0),
        cpus: cells.cpus(),
        nodes,
        is_launched: step
            .parse()
            .is_ok_and(|step: u32| step < FIRST_OF_SLURMS_OWN),
    }
}

/// A job that has ended.
fn read_job(
    cells: &Cells,
    id: &str,
    job_id: u64,
    state: &str,
) -> Result<FinishedJob, &'static str> {
    let columns = cells.columns;
    let times = Times::read(cells)?;
    let nodes = nodes_of_job(cells)?;
    let cpus = cells.cpus();
    let busy = cpu_seconds(cells.optional(columns.cpu_time)).filter(|_| times.elapsed_s > 0);
    let label = whole(cells.optional(columns.label));
    Ok(FinishedJob {
        job_id,
        label: if label.is_empty() { id } else { label }.into(),
        submitted: times.submitted,
        started: times.started,
        ended: times.ended,
        state: state.into(),
        name: cells.lossy(Some(columns.name)),
        user_comment: cells.lossy(columns.user_comment),
        uid: count(cells.optional(columns.uid)),
        user: cells.lossy(Some(columns.user)),
        account: cells.lossy(columns.account),
        partition: cells.lossy(columns.partition),
        nodes,
        cpus,
        memory: given_memory(cells.optional(columns.memory), nodes, cpus)
            .or_else(|| Some(memory_in(cells.optional(columns.tres))? / u64::from(nodes))),
        usage: Usage {
            peak_bytes: None,
            // What its steps show.
            peak_is_bound: false,
            cores: busy.map(|seconds| seconds / times.elapsed_s as f64),
            elapsed_s: times.elapsed_s,
            named: Named::default(),
            launched: None,
        },
        comment: Comment::read(&cells.lossy(columns.comment)),
        harm: None,
    })
}

/// When a job that has ended ran, in seconds since 1970, and for how long.
struct Times {
    submitted: i64,
    /// 0 where it never did.
    started: i64,
    ended: i64,
    elapsed_s: u64,
}

impl Times {
    fn read(cells: &Cells) -> Result<Times, &'static str> {
        let columns = cells.columns;
        let moment = |index| Moment::read(cells.text(index));
        let end = moment(columns.end)?.ok_or("an ended job without end time")?;
        let submitted = moment(columns.submit)?.ok_or("no submit time")?.first;
        let start = moment(columns.start)?.map_or(0, |start| start.first);
        let ended = end.not_before(start);
        let by_clock_column = || {
            let seconds = cpu_seconds(cells.optional(columns.elapsed_clock));
            seconds.map(|seconds| seconds as u64)
        };
        let elapsed = count(cells.optional(columns.elapsed))
            .map(u64::from)
            .or_else(by_clock_column);
        if start > ended && elapsed.is_some_and(|seconds| seconds > 0) {
            return Err("it ended before it started");
        }
        let started = if start <= ended { start } else { 0 };
        let between = if started > 0 { ended - started } else { 0 };
        Ok(Times {
            submitted,
            started,
            ended,
            elapsed_s: elapsed.unwrap_or(between as u64),
        })
    }
}

/// At least 1.
fn nodes_of_job(cells: &Cells) -> Result<u32, &'static str> {
    let columns = cells.columns;
    let nodes = match cells.optional(columns.nodes) {
        "" => resource("node=", cells.optional(columns.given))
            .or_else(|| resource("node=", cells.optional(columns.tres)))
            .or_else(|| listed(cells.optional(columns.node_list)))
            .unwrap_or(1),
        text => count(text).ok_or("NNodes is no number")?,
    };
    Ok(nodes.max(1))
}

/// `5` of the `5.0` that pandas write.
fn whole(id: &str) -> &str {
    id.strip_suffix(".0").unwrap_or(id)
}

/// The number of a job whose row cannot be read.
pub fn job_id(columns: &Columns, fields: &[&[u8]]) -> Option<u64> {
    number(str::from_utf8(fields[columns.id]).ok()?).ok()
}

/// A number of things. sacct prints large ones as `2K`, and programs that know no missing numbers `2.0`.
fn count(text: &str) -> Option<u32> {
    parse_memory(text, 1)?.try_into().ok()
}

/// How many of `resource`, as `node=`, stand in a list of resources.
fn resource(resource: &str, list: &str) -> Option<u32> {
    list.split(',')
        .find_map(|part| count(part.strip_prefix(resource)?))
}

/// How many nodes a list like `n[1-3],m7` names.
fn listed(nodes: &str) -> Option<u32> {
    let named = Some(nodes).filter(|nodes| !nodes.is_empty() && !NO_NODES.contains(nodes))?;
    hosts(named).ok()
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
    if let Some(over) = OVER
        .into_iter()
        .find(|state| state.eq_ignore_ascii_case(word))
    {
        return over;
    }
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
        | "REQUEUE_FED" | "RESV_DEL_HOLD" | "EXPEDITING" => Ok(false),
        _ => Err("unknown state"),
    }
}

/// `[DD-]HH:MM:SS` or `MM:SS.mmm`, in seconds; `None` when it says nothing.
pub fn cpu_seconds(text: &str) -> Option<f64> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (figure(days)?, clock),
        None => (0.0, text),
    };
    let mut seconds = 0.0;
    for part in clock.split(':') {
        seconds = seconds * 60.0 + figure(part)?;
    }
    let seconds = seconds + days * 86400.0;
    (seconds > 0.0 && seconds.is_finite()).then_some(seconds)
}

/// Digits, and what is behind a point: Slurm writes no exponents, and `inf` is no figure.
fn figure(text: &str) -> Option<f64> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_plain)
}

/// Memory of one step on its fullest node. MaxRSS is one task's; the other tasks of the node are
/// taken to be as large, but all tasks together never more than their sum. Where a dump does not say how many there
/// are, that is the node's share of the sum.
fn step_peak(largest: u64, tasks: Option<u32>, nodes: u32, total: &str) -> u64 {
    let sum = memory_in(total).filter(|&sum| sum >= largest);
    match tasks {
        Some(tasks) => {
            let on_node = u64::from(tasks.max(1).div_ceil(nodes));
            largest.saturating_mul(on_node).min(sum.unwrap_or(u64::MAX))
        }
        None => largest.max(sum.unwrap_or(0).div_ceil(nodes.into())),
    }
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
        // Without the CPUs it cannot be known.
        Some(b'c') if cpus == 0 => None,
        Some(b'c') => Some(bytes.saturating_mul(u64::from(cpus).div_ceil(nodes))),
        _ => Some(bytes / nodes),
    }
}
