//! From lines to records. A name may hold newlines, so that a record is complete when it has all its fields.

use crate::text::rejects::Rejects;
use memchr::memmem::Finder;
use std::io::BufRead;

/// A record is at most this many lines long before it is given up as broken.
const MAX_LINES: usize = 64;

/// The records of a file whose header has been read.
pub struct Records<R> {
    input: R,
    delimiter: Finder<'static>,
    /// Fields of a record.
    count: usize,
    /// Which of them is the job's number.
    id: usize,
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
    /// The records behind a header of `count` fields and `bytes` bytes, of which field `id` is the job's number.
    pub fn new(input: R, delimiter: Finder<'static>, count: usize, id: usize, bytes: u64) -> Self {
        Records {
            input,
            delimiter,
            count,
            id,
            lines: 1,
            bytes,
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
            if self.complete()? {
                // Of a file that passed through Windows.
                let end = self.record.trim_ascii_end().len();
                if self.record[end..].contains(&b'\r') {
                    self.record.truncate(end);
                }
                return Ok((passed, true));
            }
            if !self.record.trim_ascii().is_empty() {
                passed += 1;
                rejects.add("no record", self.line, &self.record);
            }
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
        let mut fields = self.fields();
        let is_number = |field: &[u8]| field.first().is_some_and(u8::is_ascii_digit);
        if fields.nth(self.id).is_some_and(|field| !is_number(field)) {
            return Fit::Broken;
        }
        match self.fields().count() {
            count if count < self.count => Fit::Short,
            count if count == self.count => Fit::Whole,
            _ => Fit::Broken,
        }
    }

    /// The fields of the record.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        split(&self.delimiter, &self.record)
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

/// The fields of `text`.
pub fn split<'a>(delimiter: &Finder, text: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let length = delimiter.needle().len();
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let rest = &text[from..];
        let end = delimiter.find(rest);
        start = end.map(|end| from + end + length);
        Some(&rest[..end.unwrap_or(rest.len())])
    })
}
