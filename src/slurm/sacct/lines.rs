//! From lines to records. A name may hold newlines, so that a record is complete when it has all its fields.

use super::header::{Again, Header, Passed};
use crate::text::rejects::Rejects;
use std::borrow::Cow;
use std::io::BufRead;

/// A record is at most this many lines long before it is given up as broken.
const MAX_LINES: usize = 64;

/// Columns are never taken from a second header: a job's name may hold one.
const OTHER_HEADER: &str = "a header with other columns: make a file of its own of what follows";
const BEHIND_OTHER_HEADER: &str = "it stands behind a header with other columns";

const HOLDS_DELIMITER: &str = "no record: more fields than the header has, as where a name holds what separates them; choose another with sacct --delimiter";

/// The records of a file whose header has been read.
pub struct Records<R> {
    input: R,
    pub header: Header,
    /// What is read stands behind another header.
    is_others: bool,
    /// Lines read so far.
    lines: u64,
    /// Bytes read so far.
    pub bytes: u64,
    /// The record that was read last.
    record: Vec<u8>,
    /// Where it begins.
    pub line: u64,
    /// A line that belongs to the next record.
    ahead: Option<Vec<u8>>,
}

/// What the beginning of a record looks like.
#[derive(PartialEq, Eq)]
enum Fit {
    Short,
    Whole,
    Broken,
}

impl<R: BufRead> Records<R> {
    /// The records behind a header.
    pub fn new(input: R, header: Header, passed: Passed) -> Self {
        Records {
            input,
            header,
            is_others: false,
            lines: passed.lines,
            bytes: passed.bytes,
            record: Vec::new(),
            line: 1,
            ahead: None,
        }
    }

    /// Goes on to the next record that has all its fields; returns how many were passed over, and nothing at the
    /// end. What is passed over stands in `rejects`.
    pub fn advance(&mut self, rejects: &mut Rejects) -> std::io::Result<(u64, bool)> {
        let mut passed = 0;
        loop {
            self.record.clear();
            match self.ahead.take() {
                Some(line) => self.record = line,
                None if !self.append_line()? => return Ok((passed, false)),
                None => {}
            }
            self.line = self.lines;
            let is_whole = self.complete()?;
            if is_whole && !self.is_others {
                // Of a file that passed through Windows.
                if self.record.last() == Some(&b'\r') {
                    self.record.pop();
                }
                return Ok((passed, true));
            }
            let why = match self.header.again(&self.record) {
                _ if is_whole => BEHIND_OTHER_HEADER,
                Again::Same => {
                    self.is_others = false;
                    continue;
                }
                Again::Other => {
                    self.is_others = true;
                    OTHER_HEADER
                }
                Again::No if self.record.trim_ascii().is_empty() => continue,
                Again::No if self.is_others => BEHIND_OTHER_HEADER,
                Again::No if self.has_more() => HOLDS_DELIMITER,
                Again::No => "no record",
            };
            passed += 1;
            rejects.add(why, self.line, &self.record);
        }
    }

    /// Adds lines to the record until it is whole, or until it is known that it will not be.
    fn complete(&mut self) -> std::io::Result<bool> {
        for _ in 1..MAX_LINES {
            match self.fit() {
                Fit::Whole => return Ok(true),
                Fit::Broken => return Ok(false),
                Fit::Short => {}
            }
            let before = self.record.len();
            if self.record.trim_ascii().is_empty() || !self.append_line()? {
                return Ok(false);
            }
            if self.fit() == Fit::Broken {
                // The next line is a record of its own: this one broke off.
                self.ahead = Some(self.record.split_off(before + 1));
                self.record.truncate(before);
                return Ok(false);
            }
        }
        Ok(self.fit() == Fit::Whole)
    }

    fn fit(&self) -> Fit {
        let fields = self.fields();
        if fields
            .get(self.header.columns.id)
            .is_some_and(|id| !may_be_id(id))
        {
            return Fit::Broken;
        }
        match fields.len() {
            count if count < self.header.count => Fit::Short,
            count if count == self.header.count => Fit::Whole,
            _ => Fit::Broken,
        }
    }

    /// It begins like a record.
    fn has_more(&self) -> bool {
        let fields = self.fields();
        let begins_well = fields
            .get(self.header.columns.id)
            .is_some_and(|id| may_be_id(id));
        begins_well && fields.len() > self.header.count
    }

    /// The fields of the record.
    pub fn fields(&self) -> Vec<Cow<'_, [u8]>> {
        self.header.cut.fields(&self.record, self.header.count)
    }

    /// The field of column `index` goes on where sacct cut it.
    pub fn is_cut(&self, index: usize) -> bool {
        self.header.cut.is_cut(&self.record, index)
    }

    /// The record as it stands in the file.
    pub fn text(&self) -> &[u8] {
        &self.record
    }

    /// Appends one line without its end to the record, behind a newline if it continues one.
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

/// A number of a job or step holds no newline: what stands before one is a line of its own.
fn may_be_id(field: &[u8]) -> bool {
    field.first().is_some_and(u8::is_ascii_digit) && !field.contains(&b'\n')
}
