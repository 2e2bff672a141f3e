//! parsable2 output, job by job.

use super::dump_command;
use super::jobs::Jobs;
use super::lines::{Records, split};
use super::plausible::corrections;
use super::row::{Columns, Row, read_row};
use super::steps::Open;
use crate::record::FinishedJob;
use crate::text::rejects::Rejects;
use memchr::memmem::Finder;
use std::io::BufRead;

/// What some programs put before the first letter of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a dump cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is text of two bytes a letter.
    #[error("line 1: this is UTF-16; save it as UTF-8, as with: iconv -f UTF-16 -t UTF-8")]
    Utf16,
    /// The first line is no header that names what is needed.
    #[error(
        "line 1: no sacct header with {missing}; make the dump with: {command}", command = dump_command()
    )]
    Header {
        /// The columns that are not there.
        missing: String,
    },
}

/// Reads jobs from parsable2 output with a header line.
pub struct Reader<R> {
    records: Records<R>,
    columns: Columns,
    jobs: Jobs,
    /// Rows read so far, steps included.
    pub rows: u64,
    /// Where the job that was returned last began.
    pub job_line: u64,
    /// What was left out or corrected.
    pub rejects: Rejects,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header. Without a `delimiter`, it is the one that follows the header's first word.
    pub fn new(mut input: R, delimiter: Option<&str>) -> Result<Self, DumpError> {
        let mut header = Vec::new();
        let bytes = input.read_until(b'\n', &mut header)? as u64;
        if header.starts_with(b"\xff\xfe") || header.starts_with(b"\xfe\xff") {
            return Err(DumpError::Utf16);
        }
        let header = header.trim_ascii_end();
        let header = header.strip_prefix(BYTE_ORDER_MARK).unwrap_or(header);
        let delimiter = match delimiter {
            Some(delimiter) => delimiter.as_bytes().to_vec(),
            None => guess_delimiter(header),
        };
        let delimiter = Finder::new(&delimiter).into_owned();
        let names: Vec<&[u8]> = split(&delimiter, header).collect();
        let columns = Columns::of(&names).map_err(|missing| DumpError::Header { missing })?;
        Ok(Reader {
            records: Records::new(input, delimiter, names.len(), columns.id, bytes),
            columns,
            jobs: Jobs::default(),
            rows: 0,
            job_line: 0,
            rejects: Rejects::default(),
        })
    }

    /// The next job that has ended, with all its steps.
    pub fn next_job(&mut self) -> std::io::Result<Option<FinishedJob>> {
        loop {
            if let Some(open) = self.jobs.ready() {
                return Ok(Some(self.close(open)));
            }
            let (passed, found) = self.records.advance(&mut self.rejects)?;
            self.rows += passed;
            if !found {
                return Ok(self.jobs.last().map(|open| self.close(open)));
            }
            self.rows += 1;
            self.take_record();
        }
    }

    fn take_record(&mut self) {
        let (line, text) = (self.records.line, self.records.text());
        let fields: Vec<&[u8]> = self.records.fields().collect();
        match read_row(&self.columns, &fields) {
            Ok(Row::Job(job)) => self.jobs.begin(*job, line),
            Ok(Row::Running) => self.jobs.pass(),
            Ok(Row::Step(job_id, step)) => {
                for Open { job, line, .. } in self.jobs.step(job_id, step) {
                    let why =
                        "it stands between a job and its steps, as a row in a job's name does";
                    self.rejects.add(why, line, job.label.as_bytes());
                }
            }
            Err(reason) => self.rejects.add(reason, line, text),
        }
    }

    fn close(&mut self, open: Open) -> FinishedJob {
        self.job_line = open.line;
        let mut job = open.close();
        for what in corrections(&mut job) {
            self.rejects
                .correct(what, self.job_line, job.label.as_bytes());
        }
        job
    }

    /// The dump says what jobs asked for.
    pub fn has_requests(&self) -> bool {
        self.columns.has_requests()
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.records.bytes
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
