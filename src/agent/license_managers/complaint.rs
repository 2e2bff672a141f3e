//! What license managers complain of, in their words.

use crate::text::units::printable_part;

/// Most of it that is told, in characters.
const MAX_COMPLAINT: usize = 200;

/// The line in which a manager, or one of several servers, says that it cannot tell. It may hold anything:
/// it is safe to be printed.
pub fn complaint(text: &str) -> Option<String> {
    const SIGNS: [&str; 8] = [
        ": down",
        "cannot connect",
        "connection error",
        "failed to open",
        "is down",
        "is not running",
        "no license server",
        "server down",
    ];
    let complains = |line: &&str| {
        let line = line.trim_start_matches(['*', ' ', '\t']).to_lowercase();
        line.split([' ', ':']).next() == Some("error")
            || SIGNS.iter().any(|sign| line.contains(sign))
    };
    Some(quoted(text.lines().find(complains)?))
}

/// A line as it may be told.
pub fn quoted(line: &str) -> String {
    printable_part(line.as_bytes(), MAX_COMPLAINT)
}
