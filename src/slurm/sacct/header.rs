//! Where the rows of a dump begin and what stands in them.

use super::columns::Columns;
use super::cut::Cut;
use super::error::DumpError;
use super::json;
use crate::text::rejects::Rejects;
use memchr::memmem::Finder;
use std::io::{BufRead, Read as _};
use std::ops::Range;

/// What some programs put before the first letter of UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a shell, a module or an admin wrote before the header is no longer than this.
const MOST_LINES_BEFORE: u64 = 64;

/// No header is longer; a file that is no text may have no end of line at all.
const LONGEST_LINE: u64 = 1 << 20;

/// How the files of common packers begin.
const PACKED: [&[u8]; 5] = [
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ",
    b"BZh",
    b"PK\x03\x04",
];

/// The header of a dump.
pub struct Header {
    pub columns: Columns,
    pub cut: Cut,
    /// Fields of a row.
    pub count: usize,
    text: Vec<u8>,
}

/// Where a dump begins.
pub enum DumpStart {
    Header(Box<Header>),
    /// In this line JSON does.
    Json(Vec<u8>),
}

/// What a line that is no row may be.
#[derive(Debug, PartialEq, Eq)]
pub enum Again {
    /// The header once more, as where dumps were put together.
    Same,
    /// A header with other columns.
    Other,
    No,
}

/// What has been read once the header is found.
#[derive(Default)]
pub struct Passed {
    pub lines: u64,
    pub bytes: u64,
}

impl Passed {
    /// The next line with its end, or as much of it as a header may be long; nothing at the end.
    fn next_line(&mut self, input: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let bytes = input
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?;
        if bytes == 0 {
            return Ok(None);
        }
        self.lines += 1;
        self.bytes += bytes as u64;
        Ok(Some(line))
    }
}

impl Header {
    /// Reads up to the header, or to JSON, and, where columns have a width each, the line of dashes below it. Without a
    /// `delimiter` it is the one that stands beside the job's number.
    pub fn find(
        input: &mut impl BufRead,
        delimiter: Option<&str>,
        rejects: &mut Rejects,
    ) -> Result<(DumpStart, Passed), DumpError> {
        let mut passed = Passed::default();
        let mut before: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut nearest: Option<(u64, Vec<&'static str>)> = None;
        while passed.lines < MOST_LINES_BEFORE {
            let Some(line) = passed.next_line(input)? else {
                break;
            };
            if passed.lines == 1 {
                refuse(&line)?;
            }
            if json::begins(line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line)) {
                reject(&before, rejects);
                return Ok((DumpStart::Json(line), passed));
            }
            let above = before
                .last()
                .filter(|(number, _)| *number + 1 == passed.lines);
            match Header::in_line(&line, above.map(|(_, above)| &above[..]), delimiter) {
                Ok(header) => {
                    header.reject_what_stands_above(&before, rejects);
                    return Ok((DumpStart::Header(header.into()), passed));
                }
                Err(missing) => {
                    let is_nearer = |(_, other): &(_, Vec<_>)| missing.len() < other.len();
                    if nearest.as_ref().is_none_or(is_nearer) {
                        nearest = Some((passed.lines, missing));
                    }
                }
            }
            if !line.trim_ascii().is_empty() {
                before.push((passed.lines, line));
            }
        }
        let (line, missing) = nearest.unwrap_or_else(|| (1, Columns::needed()));
        let missing = missing.join(", ");
        Err(DumpError::Header { line, missing })
    }

    /// The header that `line` is, or that the line right `above` it is if this one is the ruler below. The error names
    /// the columns that are missing.
    fn in_line(
        line: &[u8],
        above: Option<&[u8]>,
        delimiter: Option<&str>,
    ) -> Result<Header, Vec<&'static str>> {
        match above {
            Some(above) if is_ruler(line) => Header::of_widths(above, line),
            _ => Header::of(line, delimiter),
        }
    }

    /// `before` are the lines above the one in which it was found, the last of which is its own where that is the ruler.
    fn reject_what_stands_above(&self, before: &[(u64, Vec<u8>)], rejects: &mut Rejects) {
        let above = match self.cut {
            Cut::Widths(_) => before.len() - 1,
            _ => before.len(),
        };
        reject(&before[..above], rejects);
    }

    /// The error names the columns that are missing.
    fn of(line: &[u8], delimiter: Option<&str>) -> Result<Header, Vec<&'static str>> {
        let text = without_ends(line);
        // sacct's own output, with a delimiter that we chose, holds nobody's quotes.
        let (names, cut) = match delimiter {
            Some(delimiter) => {
                let delimiter = Finder::new(delimiter.as_bytes()).into_owned();
                (text.to_vec(), Cut::Delimiter(delimiter))
            }
            None => {
                let names: Vec<u8> = text.iter().copied().filter(|&b| b != b'"').collect();
                let delimiter = Finder::new(&guess_delimiter(&names)).into_owned();
                (names, Cut::Quotes(delimiter))
            }
        };
        Header::with(text, &names, cut)
    }

    fn of_widths(line: &[u8], ruler: &[u8]) -> Result<Header, Vec<&'static str>> {
        let text = without_ends(line);
        Header::with(text, text, Cut::Widths(widths(ruler)))
    }

    fn with(text: &[u8], names: &[u8], cut: Cut) -> Result<Header, Vec<&'static str>> {
        let names = cut.fields(names, 0);
        let names: Vec<&[u8]> = names.iter().map(|name| name.as_ref()).collect();
        Ok(Header {
            columns: Columns::of(&names)?,
            count: names.len(),
            cut,
            text: text.to_vec(),
        })
    }

    /// Whether a line that is no row is a header.
    pub fn again(&self, line: &[u8]) -> Again {
        let line = without_ends(line);
        let is_ruler_again = matches!(self.cut, Cut::Widths(_)) && is_ruler(line);
        if is_ruler_again || line.eq_ignore_ascii_case(&self.text) {
            return Again::Same;
        }
        // What nobody can guess stands in no job's name.
        let is_parted = match &self.cut {
            Cut::Delimiter(delimiter) => delimiter.find(line).is_some(),
            _ => true,
        };
        match is_parted && names_columns(line) {
            true => Again::Other,
            false => Again::No,
        }
    }
}

/// Leaves out what stands before a dump.
fn reject(before: &[(u64, Vec<u8>)], rejects: &mut Rejects) {
    for (number, text) in before {
        rejects.add("before the header", *number, text.trim_ascii_end());
    }
}

fn refuse(line: &[u8]) -> Result<(), DumpError> {
    if line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") {
        return Err(DumpError::Utf16);
    }
    match PACKED.iter().any(|start| line.starts_with(start)) {
        true => Err(DumpError::Packed),
        false => Ok(()),
    }
}

/// Blanks at the end may be delimiters.
fn without_ends(line: &[u8]) -> &[u8] {
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The line of dashes, a group a column, that sacct prints below the names.
fn is_ruler(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.contains(&b'-') && line.iter().all(|byte| b"- ".contains(byte))
}

fn widths(ruler: &[u8]) -> Vec<Range<usize>> {
    let mut columns: Vec<Range<usize>> = Vec::new();
    for (at, _) in ruler.iter().enumerate().filter(|(_, byte)| **byte == b'-') {
        match columns.last_mut().filter(|column| column.end == at) {
            Some(column) => column.end = at + 1,
            None => columns.push(at..at + 1),
        }
    }
    columns
}

/// Names and what stands between them, one of which is the column that every header has. In rows there are times.
fn names_columns(line: &[u8]) -> bool {
    let line: Vec<u8> = line.iter().copied().filter(|&b| b != b'"').collect();
    let delimiter = guess_delimiter(&line);
    let is_of_header = |byte: &u8| is_name(byte) || delimiter.contains(byte);
    job_id(&line).is_some() && line.iter().all(is_of_header)
}

/// Where the name of the column of job numbers stands.
fn job_id(header: &[u8]) -> Option<Range<usize>> {
    let mut at = 0;
    while at < header.len() {
        let word = header[at..].iter().take_while(|b| is_name(b)).count();
        let name = &header[at..at + word];
        if name.eq_ignore_ascii_case(b"JobID") || name.eq_ignore_ascii_case(b"JobIDRaw") {
            return Some(at..at + word);
        }
        at += word.max(1);
    }
    None
}

fn is_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// What follows the job's number, or stands before it where that is last.
fn guess_delimiter(header: &[u8]) -> Vec<u8> {
    let first = 0..header.iter().take_while(|b| is_name(b)).count();
    let name = job_id(header).unwrap_or(first);
    let after = &header[name.end..];
    let length = after.iter().take_while(|b| !is_name(b)).count();
    if length > 0 && length < after.len() {
        return after[..length].to_vec();
    }
    let before = &header[..name.start];
    let length = before.iter().rev().take_while(|b| !is_name(b)).count();
    match &before[before.len() - length..] {
        [] => b"|".to_vec(),
        delimiter => delimiter.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_stands_beside_the_jobs_number() {
        for (header, delimiter) in [
            ("JobID|State", "|"),
            ("State^|^JobIDRaw^|^User", "^|^"),
            ("Unnamed: 0,jobid,State", ","),
            (",JobID;x", ";"),
            ("State\tJobID", "\t"),
            ("State|JobID|", "|"),
            ("JobID", "|"),
            ("", "|"),
            ("Jobs of May", " "),
        ] {
            let guessed = guess_delimiter(header.as_bytes());
            assert_eq!(guessed, delimiter.as_bytes(), "{header}");
        }
    }

    #[test]
    fn a_ruler_tells_the_width_of_each_column() {
        assert!(is_ruler(b"---- -- \n") && !is_ruler(b"\n") && !is_ruler(b"-- x"));
        assert_eq!(widths(b"---- -- \r\n"), [0..4, 5..7]);
    }
}
