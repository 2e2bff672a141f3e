//! What keeps a dump from being read.

use super::dump_command;

/// Why a dump cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is text of two bytes a letter.
    #[error("line 1: this is UTF-16; save it as UTF-8, as with: iconv -f UTF-16 -t UTF-8")]
    Utf16,
    /// It was packed, by a program that is not known here or twice.
    #[error("line 1: this is no text but a packed file; unpack it first")]
    Packed,
    /// It begins like JSON, and is not what sacct prints.
    // No source: who prints the chain would say it twice.
    #[error("this is not what 'sacct --json' prints: {0}")]
    Json(serde_json::Error),
    /// No line is a header that names what is needed.
    #[error(
        "line {line}: no sacct header with {missing}; make the dump with: {command}", command = dump_command()
    )]
    Header {
        /// The line that comes nearest to one.
        line: u64,
        /// The columns that are not there.
        missing: String,
    },
}
