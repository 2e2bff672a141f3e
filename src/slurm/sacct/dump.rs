//! A dump, job by job.

use super::FIELDS;
use super::columns::Columns;
use super::error::DumpError;
use super::header::{BYTE_ORDER_MARK, DumpStart, Header, Passed};
use super::jobs::Jobs;
use super::json::{self, Fields};
use super::lines::Records;
use super::plausible::corrections;
use super::row::{Row, job_id, read_row};
use super::steps::Open;
use crate::record::FinishedJob;
use crate::text::rejects::Rejects;
use crate::text::units::printable;
use std::borrow::Cow;
use std::io::BufRead;

/// Rows that were written twice, as where dumps were put together.
const AGAIN: &str = "the same row again";

/// Rows of jobs that run, wait or are held.
pub const NOT_ENDED: &str = "not ended yet";

const NOBODYS: &str = "a step whose job does not stand before it, or was left out: its job counts without it (was the dump sorted?)";

const CUT_NAME: &str = "a name that sacct cut short, so that jobs may count as of one kind that are not: add --parsable2";

/// Where rows come from.
enum Source<R> {
    Text(Box<Records<R>>),
    Json {
        rows: std::vec::IntoIter<Fields>,
        columns: Box<Columns>,
        bytes: u64,
    },
}

/// Reads jobs from parsable2 output with a header line, or from JSON.
pub struct Reader<R> {
    rows_of: Source<R>,
    jobs: Jobs,
    /// Rows read so far, steps included.
    pub rows: u64,
    /// Where the job that was returned last began.
    pub job_line: u64,
    /// What was left out or corrected.
    pub rejects: Rejects,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header. Without a `delimiter`, it is the one that stands beside the job's number there.
    pub fn new(mut input: R, delimiter: Option<&str>) -> Result<Self, DumpError> {
        let mut rejects = Rejects::default();
        let (start, passed) = Header::find(&mut input, delimiter, &mut rejects)?;
        let header = match start {
            DumpStart::Header(header) => *header,
            DumpStart::Json(line) => return Reader::of_json(input, line, &passed, rejects),
        };
        header.columns.lacks().for_each(|what| rejects.note(what));
        let records = Records::new(input, header, passed);
        Ok(Reader::of(Source::Text(Box::new(records)), rejects))
    }

    /// `line` is the first of the JSON, and the last that was read.
    fn of_json(
        mut input: R,
        line: Vec<u8>,
        passed: &Passed,
        mut rejects: Rejects,
    ) -> Result<Self, DumpError> {
        // What was passed stands there as empty lines: errors name a line of the file.
        let mut dump = vec![b'\n'; passed.lines as usize - 1];
        dump.extend_from_slice(line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line));
        let bytes = passed.bytes + input.read_to_end(&mut dump)? as u64;
        let found = json::read(&dump).map_err(DumpError::Json)?;
        for (line, text) in found.beside {
            rejects.add("no JSON", line, text.as_bytes());
        }
        for error in found.errors {
            rejects.note(format!("sacct says: {}", printable(&error)));
        }
        let names: Vec<&[u8]> = FIELDS.split(',').map(str::as_bytes).collect();
        let columns = Columns::of(&names).map_err(|missing| DumpError::Header {
            line: 1,
            missing: missing.join(", "),
        })?;
        let rows_of = Source::Json {
            rows: found.rows.into_iter(),
            columns: Box::new(columns),
            bytes,
        };
        Ok(Reader::of(rows_of, rejects))
    }

    fn of(rows_of: Source<R>, rejects: Rejects) -> Self {
        Reader {
            rows_of,
            jobs: Jobs::default(),
            rows: 0,
            job_line: 0,
            rejects,
        }
    }

    /// The next job that has ended, with all its steps.
    pub fn next_job(&mut self) -> std::io::Result<Option<FinishedJob>> {
        loop {
            if let Some(open) = self.jobs.ready() {
                return Ok(Some(self.close(open)));
            }
            let is_end = !self.take_row()?;
            let last = if is_end { self.jobs.last() } else { None };
            for step in self.jobs.lost() {
                self.rejects.add(NOBODYS, step.line, step.id.as_bytes());
            }
            if is_end {
                return Ok(last.map(|open| self.close(open)));
            }
        }
    }

    /// Nothing is left when it says false.
    fn take_row(&mut self) -> std::io::Result<bool> {
        let (line, row) = match &mut self.rows_of {
            Source::Text(records) => {
                let (passed, found) = records.advance(&mut self.rejects)?;
                self.rows += passed;
                if passed > 0 {
                    self.jobs.broken();
                }
                if !found {
                    return Ok(false);
                }
                let fields = records.fields();
                let fields: Vec<&[u8]> = fields.iter().map(Cow::as_ref).collect();
                let columns = &records.header.columns;
                let row = read_row(columns, &fields);
                if columns.names().any(|index| records.is_cut(index)) {
                    self.rejects.correct(CUT_NAME, records.line, records.text());
                }
                (
                    records.line,
                    row.map_err(|why| (why, records.text().to_vec(), job_id(columns, &fields))),
                )
            }
            Source::Json { rows, columns, .. } => {
                let Some(row) = rows.next() else {
                    return Ok(false);
                };
                let fields: Vec<&[u8]> = row.iter().map(Vec::as_slice).collect();
                let row = read_row(columns, &fields);
                (
                    self.rows + 1,
                    row.map_err(|why| (why, fields.join(&b'|'), job_id(columns, &fields))),
                )
            }
        };
        self.rows += 1;
        match row {
            Ok(row) => self.take(row, line),
            Err((why, text, job_id)) => {
                job_id.into_iter().for_each(|id| self.jobs.leave_out(id));
                self.rejects.add(why, line, &text);
            }
        }
        Ok(true)
    }

    fn take(&mut self, row: Row, line: u64) {
        match row {
            Row::Job(job) => self.jobs.begin(*job, line),
            Row::Running(job_id, shown) => {
                self.jobs.pass(job_id);
                self.rejects.add(NOT_ENDED, line, shown.as_bytes());
            }
            Row::Step(job_id, mut step) => {
                step.line = line;
                let between = self.jobs.step(job_id, step);
                between.into_iter().for_each(|open| self.between(open));
            }
        }
    }

    fn between(&mut self, open: Open) {
        let why = "it stands between a job and its steps, as a row in a job's name or of a sorted dump does";
        for _ in 0..=open.again {
            self.rejects.add(why, open.line, open.job.label.as_bytes());
        }
    }

    fn close(&mut self, mut open: Open) -> FinishedJob {
        self.job_line = open.line;
        for _ in 0..open.again {
            self.rejects
                .add(AGAIN, open.line, open.job.label.as_bytes());
        }
        for step in open.take_out_twins() {
            self.rejects.add(AGAIN, step.line, step.id.as_bytes());
        }
        let mut job = open.close();
        for what in corrections(&mut job) {
            self.rejects
                .correct(what, self.job_line, job.label.as_bytes());
        }
        job
    }

    /// The dump says what jobs asked for.
    pub fn has_requests(&self) -> bool {
        match &self.rows_of {
            Source::Text(records) => records.header.columns.has_requests(),
            Source::Json { columns, .. } => columns.has_requests(),
        }
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        match &self.rows_of {
            Source::Text(records) => records.bytes,
            Source::Json { bytes, .. } => *bytes,
        }
    }
}
