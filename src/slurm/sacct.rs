//! sacct: what finished jobs used.
//!
//! A job is one allocation row followed by its step rows. Names and comments may hold delimiters
//! and newlines; our own calls therefore use a delimiter that nobody can guess, and a record is
//! complete when it has all its fields, not when a line ends.

use super::{CommandError, Commands};
use crate::job::Usage;
use crate::units::parse_memory;
use memchr::memmem::Finder;
use std::collections::BTreeMap;
use std::io::BufRead;

/// What we ask for. No free text comes last: its newlines could not be told from a record's end.
const FIELDS: &str = "JobIDRaw,JobID,Submit,Start,End,State,ElapsedRaw,UID,User,Account,Partition,\
                      AllocCPUS,NTasks,ReqMem,MaxRSS,TotalCPU,TRESUsageInTot,AdminComment,JobName,NNodes";

/// A record is at most this many lines long before it is given up as broken.
const MAX_LINES: usize = 64;

/// A job that has ended, as accounting tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedJob {
    /// The number that is unique among jobs and array tasks (JobIDRaw).
    pub job_id: u64,
    /// The number that users see: `33_5` for an array task.
    pub label: String,
    /// Seconds since 1970; with `job_id` the identity of this run, since a requeue submits anew.
    pub submitted: i64,
    /// Seconds since 1970; 0 if it never started.
    pub started: i64,
    /// Seconds since 1970.
    pub ended: i64,
    /// State without its details: `CANCELLED`, not `CANCELLED by 1000`.
    pub state: String,
    /// Job name.
    pub name: String,
    /// User number, where the output has it.
    pub uid: Option<u32>,
    /// User name.
    pub user: String,
    /// Account.
    pub account: String,
    /// Partition it ran in.
    pub partition: String,
    /// Nodes it had.
    pub nodes: u32,
    /// CPUs it had in all.
    pub cpus: u32,
    /// Memory it was given on each node, in bytes, when that was limited.
    pub memory: Option<u64>,
    /// What it used.
    pub usage: Usage,
    /// AdminComment, empty if there was none.
    pub comment: String,
}

/// What was left out, and why: by reason, how often and where first.
#[derive(Debug, Default)]
pub struct Rejects(BTreeMap<&'static str, Reject>);

/// The rows left out for one reason.
#[derive(Debug)]
pub struct Reject {
    /// How many.
    pub count: u64,
    /// The first one's line, counted from 1.
    pub line: u64,
    /// The first one's text, cut and without control characters.
    pub example: String,
}

impl Rejects {
    fn add(&mut self, reason: &'static str, line: u64, text: &[u8]) {
        let entry = self.0.entry(reason).or_insert_with(|| Reject {
            count: 0,
            line,
            example: example(text),
        });
        entry.count += 1;
    }

    /// By reason.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Reject)> {
        self.0.iter().map(|(reason, reject)| (*reason, reject))
    }
}

fn example(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(120)
        .collect()
}

/// Asks for all jobs that were active between two times, in seconds since 1970.
pub fn query(
    commands: &dyn Commands,
    since: i64,
    until: i64,
) -> Result<Vec<FinishedJob>, CommandError> {
    let delimiter = uuid::Uuid::new_v4().simple().to_string();
    let (start, end) = (local_time(since), local_time(until));
    let arguments = [
        "--allusers",
        "--duplicates",
        "--parsable2",
        "--noconvert",
        "--delimiter",
        &delimiter,
        "--starttime",
        &start,
        "--endtime",
        &end,
        "--format",
        FIELDS,
    ];
    let output = commands.run("sacct", &arguments)?;
    let unreadable = |problem: String| CommandError::Unreadable {
        command: "sacct".into(),
        problem,
    };
    let mut reader = Reader::new(&output[..], Some(&delimiter))
        .map_err(|error| unreadable(error.to_string()))?;
    let mut jobs = Vec::new();
    while let Some(job) = reader
        .next_job()
        .map_err(|error| unreadable(error.to_string()))?
    {
        jobs.push(job);
    }
    for (reason, reject) in reader.rejects.iter() {
        tracing::warn!(
            reason,
            count = reject.count,
            example = reject.example,
            "sacct rows left out"
        );
    }
    Ok(jobs)
}

/// A time as sacct's options want it.
fn local_time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map(|time| {
            time.to_zoned(jiff::tz::TimeZone::system())
                .strftime("%Y-%m-%dT%H:%M:%S")
                .to_string()
        })
        .unwrap_or_else(|_| "1970-01-01".into())
}

/// Why a dump cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The first line is no header that names what is needed.
    #[error(
        "line 1: no sacct header with {missing}; make the dump with: sacct --allusers --duplicates --parsable2 --starttime ... --format {FIELDS}"
    )]
    Header {
        /// The columns that are not there.
        missing: String,
    },
}

/// Where each column stands; `None` where the dump lacks it.
struct Columns {
    count: usize,
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
    name: usize,
}

impl Columns {
    fn of(header: &[&[u8]]) -> Result<Columns, DumpError> {
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
        };
        if missing.is_empty() {
            Ok(columns)
        } else {
            Err(DumpError::Header {
                missing: missing.join(", "),
            })
        }
    }
}

/// Reads jobs from parsable2 output with a header line.
pub struct Reader<R> {
    input: R,
    delimiter: Finder<'static>,
    columns: Columns,
    /// Lines read so far.
    lines: u64,
    /// Bytes read so far.
    pub bytes: u64,
    /// Rows read so far, steps included.
    pub rows: u64,
    record: Vec<u8>,
    record_line: u64,
    /// A line that belongs to the next record.
    ahead: Vec<u8>,
    open: Option<Open>,
    /// What was left out.
    pub rejects: Rejects,
}

/// The job whose steps are being read.
struct Open {
    job: FinishedJob,
    steps: Vec<Step>,
}

struct Step {
    start: i64,
    end: i64,
    peak: u64,
    out_of_memory: bool,
}

enum Row {
    Job(Box<FinishedJob>),
    Step(u64, Step),
    Running,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header. Without a `delimiter`, it is the one that follows the header's first word.
    pub fn new(mut input: R, delimiter: Option<&str>) -> Result<Self, DumpError> {
        let mut header = Vec::new();
        let bytes = input.read_until(b'\n', &mut header)? as u64;
        let header = header.trim_ascii_end();
        let delimiter = match delimiter {
            Some(delimiter) => delimiter.as_bytes().to_vec(),
            None => guess_delimiter(header),
        };
        let delimiter = Finder::new(&delimiter).into_owned();
        let columns = Columns::of(&split(&delimiter, header))?;
        Ok(Reader {
            input,
            delimiter,
            columns,
            lines: 1,
            bytes,
            rows: 0,
            record: Vec::new(),
            record_line: 0,
            ahead: Vec::new(),
            open: None,
            rejects: Rejects::default(),
        })
    }

    /// The next job that has ended, with all its steps.
    pub fn next_job(&mut self) -> std::io::Result<Option<FinishedJob>> {
        while self.next_record()? {
            self.rows += 1;
            let fields = split(&self.delimiter, &self.record);
            let row = match read_row(&self.columns, &fields) {
                Ok(row) => row,
                Err(reason) => {
                    self.rejects.add(reason, self.record_line, &self.record);
                    continue;
                }
            };
            let before = match row {
                Row::Job(job) => self.open.replace(Open {
                    job: *job,
                    steps: Vec::new(),
                }),
                Row::Running => self.open.take(),
                Row::Step(job_id, step) => {
                    if let Some(open) = self.open.as_mut().filter(|open| open.job.job_id == job_id)
                    {
                        open.steps.push(step);
                    }
                    continue;
                }
            };
            if let Some(done) = before {
                return Ok(Some(done.close()));
            }
        }
        Ok(self.open.take().map(Open::close))
    }

    /// Fills `record` with the next record that has all its fields.
    fn next_record(&mut self) -> std::io::Result<bool> {
        loop {
            self.record.clear();
            self.record.append(&mut self.ahead);
            if self.record.is_empty() && !self.append_line()? {
                return Ok(false);
            }
            self.record_line = self.lines;
            if !self.record.first().is_some_and(u8::is_ascii_digit) {
                self.reject_record();
                continue;
            }
            let mut joined = 1;
            loop {
                let fields = self.delimiter.find_iter(&self.record).count() + 1;
                if fields == self.columns.count {
                    return Ok(true);
                }
                let whole = self.record.len();
                if fields > self.columns.count || joined == MAX_LINES || !self.append_line()? {
                    self.reject_record();
                    break;
                }
                joined += 1;
                let with_next = self.delimiter.find_iter(&self.record).count() + 1;
                if with_next > self.columns.count {
                    // The next line is a record of its own: this one was broken.
                    self.ahead = self.record.split_off(whole);
                    if self.ahead.first() == Some(&b'\n') {
                        self.ahead.remove(0);
                    }
                    self.reject_record();
                    break;
                }
            }
        }
    }

    fn reject_record(&mut self) {
        if !self.record.trim_ascii().is_empty() {
            self.rows += 1;
            self.rejects
                .add("no record", self.record_line, &self.record);
        }
    }

    /// Appends one line without its end to `record`, behind a newline if it continues one.
    fn append_line(&mut self) -> std::io::Result<bool> {
        let start = self.record.len();
        if start > 0 {
            self.record.push(b'\n');
        }
        let read = self.input.read_until(b'\n', &mut self.record)?;
        if read == 0 {
            self.record.truncate(start);
            return Ok(false);
        }
        if self.record.last() == Some(&b'\n') {
            self.record.pop();
        }
        self.lines += 1;
        self.bytes += read as u64;
        Ok(true)
    }
}

fn guess_delimiter(header: &[u8]) -> Vec<u8> {
    let is_name = |b: &u8| b.is_ascii_alphanumeric();
    let start = header
        .iter()
        .position(|b| !is_name(b))
        .unwrap_or(header.len());
    let end = header[start..]
        .iter()
        .position(is_name)
        .map_or(header.len(), |at| start + at);
    match &header[start..end] {
        [] => b"|".to_vec(),
        delimiter => delimiter.to_vec(),
    }
}

fn split<'a>(delimiter: &Finder, record: &'a [u8]) -> Vec<&'a [u8]> {
    let mut fields = Vec::with_capacity(24);
    let mut start = 0;
    for at in delimiter.find_iter(record) {
        fields.push(&record[start..at]);
        start = at + delimiter.needle().len();
    }
    fields.push(&record[start..]);
    fields
}

fn read_row(columns: &Columns, fields: &[&[u8]]) -> Result<Row, &'static str> {
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
        let job_id = job_id.parse().map_err(|_| "no job number")?;
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
    let job_id = id.parse().map_err(|_| "no job number")?;
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
        uid: optional(columns.uid).parse().ok(),
        user: lossy(Some(columns.user)),
        account: lossy(columns.account),
        partition: lossy(columns.partition),
        nodes,
        cpus,
        memory: given_memory(optional(columns.memory), nodes, cpus),
        usage: Usage {
            peak_bytes: None,
            peak_is_bound: state == "OUT_OF_MEMORY",
            cores: busy.map(|seconds| seconds / elapsed_s as f64),
            elapsed_s,
        },
        comment: lossy(columns.comment),
    })))
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
fn time(text: &str) -> Option<i64> {
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
fn cpu_seconds(text: &str) -> Option<f64> {
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

/// ReqMem, per node. Since 21.08 it is the job's total; before, `n` and `c` told per node and per CPU.
fn given_memory(text: &str, nodes: u32, cpus: u32) -> Option<u64> {
    let bytes = parse_memory(text, crate::units::MIB).filter(|&bytes| bytes > 0)?;
    let nodes = u64::from(nodes);
    match text.as_bytes().last() {
        Some(b'n') => Some(bytes),
        Some(b'c') => Some(bytes.saturating_mul(u64::from(cpus).div_ceil(nodes))),
        _ => Some(bytes / nodes),
    }
}

impl Open {
    /// The job with what its steps used.
    fn close(self) -> FinishedJob {
        let Open { mut job, steps } = self;
        let peak = peak_of_steps(&steps);
        let usage = &mut job.usage;
        // After a requeue the job's own state says so, and only its step still tells why.
        if job.state == "REQUEUED" && steps.iter().any(|step| step.out_of_memory) {
            job.state = "OUT_OF_MEMORY".into();
        }
        usage.peak_is_bound = job.state == "OUT_OF_MEMORY";
        usage.peak_bytes = Some(peak).filter(|&peak| peak > 0);
        if usage.peak_is_bound {
            // Sampling may have missed all of it; it certainly reached its limit.
            usage.peak_bytes = usage.peak_bytes.max(job.memory);
        }
        job
    }
}

/// The largest sum of the peaks of steps that ran at the same time.
fn peak_of_steps(steps: &[Step]) -> u64 {
    let at_start = |this: &Step| -> u64 {
        let beside = |other: &&Step| other.start <= this.start && this.start < other.end;
        let others: u64 = steps.iter().filter(beside).map(|other| other.peak).sum();
        // A step shorter than a second ends when it starts and does not count itself.
        if this.start < this.end {
            others
        } else {
            others + this.peak
        }
    };
    if steps.len() <= 1000 {
        return steps.iter().map(at_start).max().unwrap_or(0);
    }
    // Thousands of steps: the batch step and the largest other one at a time.
    let mut peaks: Vec<u64> = steps.iter().map(|step| step.peak).collect();
    peaks.sort_unstable_by(|a, b| b.cmp(a));
    peaks.iter().take(2).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "JobIDRaw|JobID|Submit|Start|End|State|ElapsedRaw|UID|User|Account|Partition|AllocCPUS|NTasks|ReqMem|MaxRSS|TotalCPU|TRESUsageInTot|AdminComment|JobName|NNodes";

    fn read(rows: &str) -> (Vec<FinishedJob>, Vec<(&'static str, u64, u64)>) {
        let text = format!("{HEADER}\n{rows}");
        let mut reader = Reader::new(text.as_bytes(), None).unwrap();
        let mut jobs = Vec::new();
        while let Some(job) = reader.next_job().unwrap() {
            jobs.push(job);
        }
        let rejects = reader
            .rejects
            .iter()
            .map(|(r, n)| (r, n.count, n.line))
            .collect();
        (jobs, rejects)
    }

    fn job(id: u64, state: &str, rest: &str) -> String {
        format!(
            "{id}|{id}|100|110|120|{state}|10|7|alice|physics|batch|4||1000M||00:15.000|||{rest}|1\n"
        )
    }

    fn step(
        id: &str,
        start: u64,
        end: u64,
        state: &str,
        rss: u64,
        tasks: u32,
        total: u64,
    ) -> String {
        format!(
            "{id}|{id}|110|{start}|{end}|{state}|9|||physics||4|{tasks}||{rss}|00:15.000|cpu=0,mem={total}||x|1\n"
        )
    }

    #[test]
    fn steps_that_overlap_add_up_and_others_do_not() {
        let rows = job(5, "COMPLETED", "a")
            + &step("5.batch", 110, 120, "COMPLETED", 100, 1, 100)
            + &step("5.0", 110, 113, "COMPLETED", 1000, 2, 1500)
            + &step("5.1", 113, 120, "COMPLETED", 900, 2, 0);
        let (jobs, _) = read(&rows);
        assert_eq!(jobs[0].usage.peak_bytes, Some(1900));
        assert_eq!(jobs[0].usage.cores, Some(1.5));
        assert_eq!(jobs[0].memory, Some(1000 << 20));
    }

    #[test]
    fn a_requeued_run_that_died_of_memory_is_out_of_memory() {
        let rows = job(5, "REQUEUED", "a") + &step("5.batch", 110, 111, "OUT_OF_MEMORY", 0, 1, 0);
        let (jobs, _) = read(&rows);
        assert_eq!(jobs[0].state, "OUT_OF_MEMORY");
        assert_eq!(jobs[0].usage.peak_bytes, Some(1000 << 20));
        assert!(jobs[0].usage.peak_is_bound);
    }

    #[test]
    fn names_with_newlines_and_delimiters_cost_at_most_their_own_row() {
        let rows = job(1, "COMPLETED", "two\nlines\n")
            + &job(2, "COMPLETED", "a|b")
            + "garbage\n"
            + &job(3, "FAILED", "ok");
        let (jobs, rejects) = read(&rows);
        let names: Vec<_> = jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["two\nlines\n", "ok"]);
        assert_eq!(rejects, [("no record", 2, 5)]);
    }

    #[test]
    fn an_unguessable_delimiter_keeps_every_name() {
        let delimiter = "5f1e0c";
        let text = format!("{HEADER}\n{}", job(1, "COMPLETED", "@")).replace('|', delimiter);
        let text = text.replace('@', "a|b\nc|");
        let mut reader = Reader::new(text.as_bytes(), Some(delimiter)).unwrap();
        let job = reader.next_job().unwrap().unwrap();
        assert_eq!(job.name, "a|b\nc|");
    }

    #[test]
    fn what_has_not_ended_is_not_there_yet() {
        let running = "9|9|100|110|Unknown|RUNNING|10|7|a|p|b|4||1G|||||n|1\n";
        let (jobs, rejects) = read(&(job(8, "CANCELLED by 7", "a") + running));
        assert_eq!(jobs.len(), 1);
        assert_eq!(jobs[0].state, "CANCELLED");
        assert!(rejects.is_empty());
    }

    #[test]
    fn broken_rows_are_counted_with_their_line() {
        let rows = job(1, "COMPLETED", "a")
            + &job(2, "EXPLODED", "b")
            + &job(3, "FAILED", "c").replace("|120|", "||");
        let (jobs, rejects) = read(&rows);
        assert_eq!(jobs.len(), 1);
        assert_eq!(
            rejects,
            [
                ("an ended job without end time", 1, 4),
                ("unknown state", 1, 3)
            ]
        );
    }

    #[test]
    fn a_file_that_is_no_dump_says_how_to_make_one() {
        let error = Reader::new(&b"hello world\n"[..], None)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("JobIDRaw") && error.contains("sacct --allusers"),
            "{error}"
        );
    }

    #[test]
    fn times_and_memory_are_read_in_every_form() {
        assert_eq!(cpu_seconds("1-01:00:00"), Some(90_000.0));
        assert_eq!(cpu_seconds("02:03.5"), Some(123.5));
        assert_eq!(cpu_seconds(""), None);
        assert_eq!(given_memory("4Gn", 2, 8), Some(4 << 30));
        assert_eq!(given_memory("1Gc", 2, 8), Some(4 << 30));
        assert_eq!(given_memory("8192M", 2, 8), Some(4 << 30));
        assert_eq!(time("Unknown"), None);
        assert_eq!(time("1795305659"), Some(1_795_305_659));
    }
}
