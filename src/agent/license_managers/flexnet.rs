//! FlexNet's lmstat, also known as FlexLM.

use super::{Answer, Checkout, Since, number_before};
use jiff::civil::date;

/// Reads `Users of FEATURE:` and what follows.
pub fn read(text: &str) -> Answer {
    let mut answer = Answer::default();
    let mut feature = None;
    for line in text.lines() {
        if let Some(rest) = line.trim_start().strip_prefix("Users of ") {
            feature = begin(rest, &mut answer);
        }
        let Some(feature) = feature else { continue };
        let pool = answer.pool_mut(feature);
        pool.checkouts.extend(checkout(line));
        pool.reserved = pool.reserved.saturating_add(reserved(line));
    }
    answer
}

/// `MATLAB:  (Total of 10 licenses issued;  Total of 4 licenses in use)`. What is not counted, or cannot be,
/// is not spoken of.
fn begin<'a>(rest: &'a str, answer: &mut Answer) -> Option<&'a str> {
    let (feature, about) = rest.split_once(':')?;
    let feature = feature.trim();
    if feature.is_empty() || about.contains("Uncounted") || about.contains("Error") {
        return None;
    }
    let pool = answer.pool_mut(feature);
    let used = about.split(';').find(|part| part.contains("in use"));
    if let Some(used) = used.and_then(|part| number_before(part, "license")) {
        pool.add_in_use(used);
    }
    Some(feature)
}

/// `    alice node1 /dev/pts/3 (v44) (lic1/27000 1234), start Tue 11/24 10:15, 3 licenses, PID: 1234`. A
/// line of somebody who is queued has no start.
fn checkout(line: &str) -> Option<Checkout> {
    let (holder, when) = line.split_once(", start ")?;
    holder.split_whitespace().nth(1)?;
    let seats = when
        .split(',')
        .find_map(|part| number_before(part, "license"));
    Some(Checkout {
        holder: holder.trim().to_owned(),
        since: Since::InSomeYear(clock(when)?),
        seats: seats.unwrap_or(1),
        lingers: when.contains("(linger:"),
    })
}

/// `        2 RESERVATIONs for GROUP solvers (lic1/27000)`
fn reserved(line: &str) -> u32 {
    number_before(line, " RESERVATION").unwrap_or(0)
}

/// The first `11/24 10:15`.
pub fn clock(text: &str) -> Option<[i8; 4]> {
    let words: Vec<&str> = text
        .split([' ', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let pair = |text: &str, between: char| {
        let (first, second) = text.split_once(between)?;
        Some([first.parse().ok()?, second.parse().ok()?])
    };
    words.windows(2).find_map(|two| {
        let ([month, day], [hour, minute]) = (pair(two[0], '/')?, pair(two[1], ':')?);
        // A leap day is one in every year here.
        let is_one =
            (1..=12).contains(&month) && (1..=date(2024, month, 1).days_in_month()).contains(&day);
        (is_one && (0..24).contains(&hour) && (0..60).contains(&minute))
            .then_some([month, day, hour, minute])
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    const FLEXNET: &str = "lmstat - Copyright (c) 1989-2024\n\
        Users of MATLAB:  (Total of 10 licenses issued;  Total of 4 licenses in use)\n\n  \
        \"MATLAB\" v45, vendor: MLM, expiry: 01-jan-2027\n  floating license\n\n    \
        alice node1 /dev/pts/3 (v44) (lic1/27000 1234), start Tue 11/24 10:15\n    \
        bob node2.site.org node2:0.0 (v44) (lic1/27000 305), start Tue 11/24 9:00, 3 licenses\n\
        Users of Optimization_Toolbox:  (Total of 2 licenses issued;  Total of 1 license in use)\n    \
        alice node1 /dev/pts/3 (v44) (lic1/27000 1235), start Tue 11/24 10:16\n";

    #[test]
    fn seats_and_their_holders_are_read() {
        let answer = read(FLEXNET);
        assert_eq!(
            shown(&answer),
            [
                "matlab: alice node1 /dev/pts/3*1, bob node2.site.org node2:0.0*3",
                "optimization_toolbox: alice node1 /dev/pts/3*1"
            ]
        );
        let first = &answer.pool("Matlab").unwrap().checkouts[0];
        assert_eq!(first.since, Since::InSomeYear([11, 24, 10, 15]));
    }

    #[test]
    fn every_kind_of_seat_is_told_apart() {
        let pool = "Users of cfd:  (Total of 9 licenses issued;  Total of 9 licenses in use)\n";
        let when = "(v1) (s/1 2), start Mon 3/2 8:00";
        for (lines, expected) in [
            ("".into(), "cfd incomplete: "),
            (
                format!("EVE N7 :0 {when}, 9 licenses, PID: 77\n"),
                "cfd: EVE N7 :0*9",
            ),
            (
                format!("Eve Li n7 :0 {when}, 9 licenses\n"),
                "cfd: Eve Li n7*9",
            ),
            (
                format!("eve n7 :0 {when} (linger: 60 / 900), 9 licenses\n"),
                "cfd: eve n7 :0*9 lingers",
            ),
            ("9 RESERVATIONs for USER eve (s/1)\n".into(), "cfd: "),
            (
                format!("1 RESERVATION for HOST n7\neve n7 :0 {when}, 8 licenses\n"),
                "cfd: eve n7 :0*8",
            ),
            (
                "eve n7 :0 (v1) (s/1 2) queued for 9 licenses\n".into(),
                "cfd incomplete: ",
            ),
            (
                format!("{pool}eve n7 :0 {when}, 18 licenses\n"),
                "cfd: eve n7 :0*18",
            ),
            (
                format!("{pool}eve n7 :0 {when}, 9 licenses\n"),
                "cfd incomplete: eve n7 :0*9",
            ),
        ] {
            assert_eq!(
                shown(&read(&format!("{pool}{lines}"))),
                [expected],
                "{lines}"
            );
        }
        for unknown in [
            "(Uncounted, node-locked)",
            "(Error: 1 license, unsupported by licensed server)",
        ] {
            let text = format!("Users of x:  {unknown}\n\n  eve n7 :0 {when}\n");
            assert_eq!(shown(&read(&text)), [""; 0], "{unknown}");
        }
        let none = "Users of x:  (Total of 5 licenses issued;  Total of 0 licenses in use)\n";
        assert_eq!(shown(&read(none)), ["x: "]);
    }

    #[test]
    fn hostile_lines_are_passed_over() {
        for text in [
            ", start Tue 11/24 10:15",
            "Users of :\n a b (v1), start 1/1 1:1",
            "Users of X:\n a b (v1), start Tue 13/24 10:15",
            "Users of X:\n a b (v1), start Tue 2/30 10:15",
            "Users of X:\n a b (v1), start Tue 99999/1 1:1, 9 licenses",
            "a b: c@d e/f at 1/1 1:1",
            "x v1: a@b 99999999999/0 at 1/1 1:1",
        ] {
            let answer = read(text);
            let found = answer.pool("x").map(|pool| pool.checkouts.len());
            assert!(found.unwrap_or(0) == 0, "{text}");
        }
    }
}
