//! parsable2 output, record by record and job by job.

use super::dump_command;
use super::row::{Columns, Row, read_row};
use super::steps::Open;
use crate::record::FinishedJob;
use crate::text::rejects::Rejects;
use memchr::memmem::Finder;
use std::io::BufRead;

/// A record is at most this many lines long before it is given up as broken.
const MAX_LINES: usize = 64;

/// Why a dump cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
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
    /// Where the job that was returned last began.
    pub job_line: u64,
    open_line: u64,
    /// What was left out.
    pub rejects: Rejects,
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
        let columns = Columns::of(&split(&delimiter, header))
            .map_err(|missing| DumpError::Header { missing })?;
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
            job_line: 0,
            open_line: 0,
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
            self.job_line = std::mem::replace(&mut self.open_line, self.record_line);
            if let Some(done) = before {
                return Ok(Some(done.close()));
            }
        }
        self.job_line = self.open_line;
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
                if joined == MAX_LINES || !self.append_line()? {
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
