//! FlexNet's lmstat, also known as FlexLM.

use super::{Answer, Checkout, Since, complaint, number_before, quoted};
use jiff::civil::date;
use std::collections::BTreeSet;

/// Each server begins with this line, a triad of servers with a single one.
const SERVER: &str = "License server status:";

/// Reads `Users of FEATURE:` and what follows. A server that is asked twice answers twice: the same lines are
/// the same seats.
pub fn read(text: &str) -> Answer {
    let mut answer = Answer::default();
    let mut seen = BTreeSet::new();
    for block in blocks(text) {
        if seen.insert(block.clone()) {
            add(&block, &mut answer);
        }
    }
    if let Some(why) = silent_server(text) {
        answer.lacks_a_server(&why);
    }
    answer
}

/// What is said of a feature behind `Users of`, and the lines about its seats.
type Block<'a> = (&'a str, Vec<&'a str>);

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("Users of ") {
            blocks.push((rest, Vec::new()));
            is_inside = true;
        } else if line.starts_with(SERVER) {
            is_inside = false;
        }
        let is_of_seats = line.contains(", start ") || line.contains(" RESERVATION");
        if let Some((_, lines)) = blocks.last_mut().filter(|_| is_inside && is_of_seats) {
            lines.push(line);
        }
    }
    blocks
}

/// `MATLAB:  (Total of 10 licenses issued;  Total of 4 licenses in use)`. What is not counted, or cannot be,
/// is not spoken of.
fn add((rest, lines): &Block, answer: &mut Answer) {
    let Some((feature, about)) = rest.split_once(':') else {
        return;
    };
    let feature = feature.trim();
    if feature.is_empty() || about.contains("Uncounted") {
        return;
    }
    if about.contains("Error") || about.contains("Cannot") {
        return answer.refuse(feature, quoted(about));
    }
    let pool = answer.pool_mut(feature);
    let used = about.split(';').find(|part| part.contains("in use"));
    match used.and_then(|part| number_before(part, "license")) {
        Some(used) => pool.add_in_use(used),
        None => pool.why_unknown = Some(quoted(rest)),
    }
    pool.checkouts
        .extend(lines.iter().filter_map(|line| checkout(line)));
    let reserved = lines.iter().map(|line| reserved(line));
    pool.reserved = reserved.fold(pool.reserved, u32::saturating_add);
}

/// Why one of several servers says nothing. Of a triad one that is up is enough; one that is up while its
/// daemon is down names the features of which it says nothing.
fn silent_server(text: &str) -> Option<String> {
    let why = |said: &str| complaint(said).unwrap_or_else(|| quoted(said));
    let is_silent = |said: &&str| {
        let is_down = said.contains("daemon is down") || said.contains(": DOWN");
        let is_up = said.contains("license server UP") && !is_down;
        !is_up && !said.contains("Users of ")
    };
    let silent = text.split(SERVER).skip(1).find(is_silent).map(why);
    silent.or_else(|| {
        let mut lines = text.lines().map(str::trim_start);
        lines
            .find(|line| line.starts_with("Error getting status"))
            .map(quoted)
    })
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

/// The first `11/24 10:15`, with or without seconds.
pub fn clock(text: &str) -> Option<[i8; 4]> {
    let words: Vec<&str> = text
        .split([' ', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let first_two = |text: &str, between: char| {
        let mut numbers = text.split(between).map(|number| number.parse().ok());
        Some([numbers.next()??, numbers.next()??])
    };
    words.windows(2).find_map(|two| {
        let ([month, day], [hour, minute]) = (first_two(two[0], '/')?, first_two(two[1], ':')?);
        // A leap day is one in every year here.
        let is_one =
            (1..=12).contains(&month) && (1..=date(2024, month, 1).days_in_month()).contains(&day);
        (is_one && (0..24).contains(&hour) && (0..60).contains(&minute))
            .then_some([month, day, hour, minute])
    })
}

#[cfg(test)]
mod tests {
    use super::super::read as read_all;
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
                "eve n7 :0 (v1) (s/1 2), start Mon 3/2 8:00:41, 9 licenses\n".into(),
                "cfd: eve n7 :0*9",
            ),
            (
                "9 RESERVATIONs for HOST_GROUP rack (s/1)\neve n7 :0 (v1) (s/1 2) queued for 1 license\n".into(),
                "cfd: ",
            ),
            // Asked twice.
            (
                format!("eve n7 :0 {when}, 9 licenses\n{pool}  eve n7 :0 {when}, 9 licenses\r\n"),
                "cfd: eve n7 :0*9",
            ),
            (
                format!("eve n7 :0 {when}, 9 licenses\n{pool}li n8 :0 {when}, 9 licenses\n"),
                "cfd: eve n7 :0*9, li n8 :0*9",
            ),
            // A second pool without a figure.
            (
                format!("eve n7 :0 {when}, 9 licenses\nUsers of cfd:  (Total of 3 licenses issued;  Total of -1 licenses in use)\n"),
                "cfd incomplete: eve n7 :0*9",
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
    fn what_a_server_does_not_tell_is_not_known() {
        let up = "License server status: 1@s1\n  License file(s) on s1: /l:\n\n  s1: license server UP (MASTER) v11\n\n";
        let cfd = "Users of cfd:  (Total of 2 licenses issued;  Total of 1 license in use)\n  \
            eve n7 :0 (v1) (s1/1 2), start Mon 3/2 8:00\n";
        let second = "License server status: 1@s2\n  License file(s) on s2: /l:\n\n";
        let daemon_down = "  s2: license server UP v11\n\nVendor daemon status (on s2):\n  acmed: The daemon is down. (-9)\n";
        for (text, why) in [
            (format!("{up}{cfd}"), None),
            (
                format!(
                    "License server status: 1@s1,1@s2,1@s3\n\ns1: license server UP (MASTER) v11\ns2: license server UP v11\ns3: Cannot connect to it (-15)\n{cfd}"
                ),
                None,
            ),
            (
                format!(
                    "{up}{cfd}{second}  s2: license server UP v11\nUsers of mesh:  (Total of 2 licenses issued;  Total of 0 licenses in use)\n"
                ),
                None,
            ),
            (
                format!(
                    "{up}{cfd}{second}{daemon_down}Users of mesh: Cannot get users of mesh: none (-5)\n"
                ),
                None,
            ),
            (
                format!("{up}{cfd}Users of cfd:  (Uncounted, node-locked)\n"),
                None,
            ),
            (
                format!("{up}{cfd}{second}lmgrd is not running: no answer (-96)\n"),
                Some("lmgrd is not running: no answer (-96)"),
            ),
            (
                format!("{second}  s2: license server DOWN\n{up}{cfd}"),
                Some("s2: license server DOWN"),
            ),
            (
                format!("{up}{cfd}{second}"),
                Some("1@s2 License file(s) on s2: /l:"),
            ),
            (
                format!("{up}{cfd}{second}{daemon_down}"),
                Some("acmed: The daemon is down. (-9)"),
            ),
            (
                format!("{up}{cfd}{second}  s2: license server UP v11\n  acmed: DOWN v11\n"),
                Some("acmed: DOWN v11"),
            ),
            (
                format!("{up}{cfd}Error getting status: none\x1b (-15)\n"),
                Some("Error getting status: none? (-15)"),
            ),
            (
                format!("{up}Users of cfd: Cannot get users of cfd: none (-5)\n{up}{cfd}"),
                Some("Cannot get users of cfd: none (-5)"),
            ),
            (
                format!("{up}{cfd}Users of CFD:  (Error: 2 licenses, not here)\n"),
                Some("(Error: 2 licenses, not here)"),
            ),
        ] {
            let answer = read_all(&text);
            assert_eq!(answer.why_unknown("cfd"), why, "{text}");
            let pool = answer.pool("cfd").unwrap();
            assert_eq!(
                (pool.is_complete(), pool.checkouts.len()),
                (why.is_none(), 1),
                "{text}"
            );
        }
        let refused = read_all("Users of x:  (Error: 1 license, not here)\n");
        assert_eq!(
            refused.why_unknown("X"),
            Some("(Error: 1 license, not here)")
        );
        assert!(refused.pool("x").is_none());
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
