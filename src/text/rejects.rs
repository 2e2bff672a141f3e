//! Rows of somebody's file that were left out or corrected: counted by reason, each with an example, never silently.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Longest part of a row that is shown, in characters.
const SHOWN: usize = 120;

/// What was left out or corrected, and why: by reason, how often and where first.
#[derive(Debug, Default)]
pub struct Rejects {
    rows: BTreeMap<Cow<'static, str>, Reject>,
    notes: Vec<String>,
}

/// The rows left out or corrected for one reason.
#[derive(Debug)]
pub struct Reject {
    /// How many.
    pub count: u64,
    /// The first one's line, counted from 1.
    pub line: u64,
    /// The first one's text, cut and without control characters.
    pub example: String,
    /// They count, without the figure that cannot be.
    pub corrected: bool,
}

impl Rejects {
    /// Leaves out a row.
    pub fn add(&mut self, reason: impl Into<Cow<'static, str>>, line: u64, text: &[u8]) {
        self.count(reason.into(), line, text, false);
    }

    /// Corrects a row.
    pub fn correct(&mut self, reason: impl Into<Cow<'static, str>>, line: u64, text: &[u8]) {
        self.count(reason.into(), line, text, true);
    }

    fn count(&mut self, reason: Cow<'static, str>, line: u64, text: &[u8], corrected: bool) {
        let entry = self.rows.entry(reason).or_insert_with(|| Reject {
            count: 0,
            line,
            example: example(text),
            corrected,
        });
        entry.count += 1;
    }

    /// Says what holds for all rows.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// By reason.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Reject)> {
        self.rows
            .iter()
            .map(|(reason, reject)| (reason.as_ref(), reject))
    }

    /// Nothing was left out or corrected.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// One line a reason, and one a note.
impl fmt::Display for Rejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (reason, reject) in self.iter() {
            let Reject {
                count,
                line,
                example,
                corrected,
            } = reject;
            let done = if *corrected { "corrected" } else { "left out" };
            writeln!(
                f,
                "{count} rows {done}: {reason}; first on line {line}: {example}"
            )?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        Ok(())
    }
}

fn example(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(4 * SHOWN)])
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(SHOWN)
        .collect()
}
