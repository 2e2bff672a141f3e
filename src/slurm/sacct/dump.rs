//! A dump, job by job.

use super::jobs::Jobs;
use super::json::{self, Fields};
use super::lines::{Records, split};
use super::plausible::corrections;
use super::row::{Columns, Row, read_row};
use super::steps::Open;
use super::{FIELDS, dump_command};
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
    /// It begins like JSON, and is not what sacct prints.
    #[error("this is not what 'sacct --json' prints: {0}")]
    Json(#[from] serde_json::Error),
    /// The first line is no header that names what is needed.
    #[error(
        "line 1: no sacct header with {missing}; make the dump with: {command}", command = dump_command()
    )]
    Header {
        /// The columns that are not there.
        missing: String,
    },
}

/// Where rows come from.
enum Source<R> {
    Text(Box<Records<R>>),
    Json {
        rows: std::vec::IntoIter<Fields>,
        bytes: u64,
    },
}

/// Reads jobs from parsable2 output with a header line, or from JSON.
pub struct Reader<R> {
    rows_of: Source<R>,
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
        if input.fill_buf()?.first() == Some(&b'{') {
            return Reader::of_json(input);
        }
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
        let columns = columns_of(&names)?;
        let records = Records::new(input, delimiter, names.len(), columns.id, bytes);
        let lacks: Vec<&str> = columns.lacks().collect();
        let mut reader = Reader::of(Source::Text(Box::new(records)), columns);
        lacks.into_iter().for_each(|what| reader.rejects.note(what));
        Ok(reader)
    }

    fn of_json(mut input: R) -> Result<Self, DumpError> {
        let mut dump = Vec::new();
        let bytes = input.read_to_end(&mut dump)? as u64;
        let rows = json::rows(&dump)?.into_iter();
        let names: Vec<&[u8]> = FIELDS.split(',').map(str::as_bytes).collect();
        let columns = columns_of(&names)?;
        Ok(Reader::of(Source::Json { rows, bytes }, columns))
    }

    fn of(rows_of: Source<R>, columns: Columns) -> Self {
        Reader {
            rows_of,
            columns,
            jobs: Jobs::default(),
            rows: 0,
            job_line: 0,
            rejects: Rejects::default(),
        }
    }

    /// The next job that has ended, with all its steps.
    pub fn next_job(&mut self) -> std::io::Result<Option<FinishedJob>> {
        loop {
            if let Some(open) = self.jobs.ready() {
                return Ok(Some(self.close(open)));
            }
            if !self.take_row()? {
                return Ok(self.jobs.last().map(|open| self.close(open)));
            }
        }
    }

    /// Nothing is left when it says false.
    fn take_row(&mut self) -> std::io::Result<bool> {
        let (line, row) = match &mut self.rows_of {
            Source::Text(records) => {
                let (passed, found) = records.advance(&mut self.rejects)?;
                self.rows += passed;
                if !found {
                    return Ok(false);
                }
                let fields: Vec<&[u8]> = records.fields().collect();
                let row = read_row(&self.columns, &fields);
                (
                    records.line,
                    row.map_err(|why| (why, records.text().to_vec())),
                )
            }
            Source::Json { rows, .. } => {
                let Some(row) = rows.next() else {
                    return Ok(false);
                };
                let fields: Vec<&[u8]> = row.iter().map(Vec::as_slice).collect();
                let row = read_row(&self.columns, &fields);
                (self.rows + 1, row.map_err(|why| (why, fields.join(&b'|'))))
            }
        };
        self.rows += 1;
        match row {
            Ok(row) => self.take(row, line),
            Err((why, text)) => self.rejects.add(why, line, &text),
        }
        Ok(true)
    }

    fn take(&mut self, row: Row, line: u64) {
        let between = match row {
            Row::Job(job) => {
                self.jobs.begin(*job, line);
                return;
            }
            Row::Running => {
                self.jobs.pass();
                return;
            }
            Row::Step(job_id, step) => self.jobs.step(job_id, step),
        };
        for Open { job, line, .. } in between {
            let why = "it stands between a job and its steps, as a row in a job's name does";
            self.rejects.add(why, line, job.label.as_bytes());
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
        match &self.rows_of {
            Source::Text(records) => records.bytes,
            Source::Json { bytes, .. } => *bytes,
        }
    }
}

fn columns_of(names: &[&[u8]]) -> Result<Columns, DumpError> {
    Columns::of(names).map_err(|missing| DumpError::Header {
        missing: missing.join(", "),
    })
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
