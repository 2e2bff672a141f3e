//! What license managers complain of, in their words.

use crate::text::units::printable_part;

/// Most of it that is shown, in characters.
const MAX_COMPLAINT: usize = 200;

/// The line in which a manager, or one of several servers, says that it cannot answer. It may hold anything:
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
        if is_about_a_seat(line) {
            return false;
        }
        let line = line.trim_start_matches(['*', ' ', '\t']).to_lowercase();
        line.split([' ', ':']).next() == Some("error")
            || SIGNS.iter().any(|sign| line.contains(sign))
    };
    Some(quoted(text.lines().find(complains)?))
}

/// A line as it may be shown.
pub fn quoted(line: &str) -> String {
    printable_part(line.as_bytes(), MAX_COMPLAINT)
}

/// `user@host`, or a process of a user, `user 59005@host 80`: who holds a seat may be called anything. Servers are
/// `port@host`.
fn is_about_a_seat(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let before_host = |word: &&str| word.split_once('@').map(|(before, _)| is_number(before));
    let names_user = words.iter().any(|word| before_host(word) == Some(false));
    let is_process = matches!(words[..], [_, process, seats] if before_host(&process) == Some(true) && is_number(seats));
    names_user || is_process
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_seat_complains_of_nothing() {
        for (line, complains) in [
            ("Error connecting to 5053@lic1", true),
            ("*** ERROR failed to open server lic2", true),
            ("  error   59005@laptop  80", false),
            ("license server is down@n7: 1 seat", false),
            ("1 license(s) used by is down@n7 [10.0.0.7]", false),
            ("lmgrd is not running: no answer", true),
        ] {
            assert_eq!(complaint(line).is_some(), complains, "{line}");
        }
    }
}
