//! X-Formation's lmxendutil -licstat.

use super::{Answer, Checkout, Since, complaint, date_and_time, holder, number_before};

/// Reads `Feature: NAME Version: ...` and what follows.
pub fn read(text: &str) -> Answer {
    let mut answer = Answer::default();
    let mut feature = None;
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("Feature: ") {
            feature = rest.split_once(" Version: ").map(|(name, _)| name.trim());
        }
        let Some(pool) = feature.map(|feature| answer.pool_mut(feature)) else {
            continue;
        };
        if let Some(checkout) = checkout(line) {
            pool.checkouts.push(checkout);
        } else if let Some(seats) = in_use(line) {
            pool.add_in_use(seats);
        } else if let Some((_, time)) = line.split_once("Checkout time: ")
            && let Some(last) = pool.checkouts.last_mut()
        {
            last.since = date_and_time(time);
        } else if line.contains("Borrow expire time:")
            && let Some(last) = pool.checkouts.last_mut()
        {
            last.lingers = true;
        }
    }
    if let Some(why) = complaint(text) {
        answer.lacks_a_server(&why);
    }
    answer
}

/// `3 of 10 license(s) used`
fn in_use(line: &str) -> Option<u32> {
    line.contains("license(s) used")
        .then(|| number_before(line, " of "))?
}

/// `2 license(s) used by alice@node1 [10.0.0.1]`
fn checkout(line: &str) -> Option<Checkout> {
    let (seats, who) = line.split_once(" license(s) used by ")?;
    Some(Checkout {
        holder: holder(who.split(" [").next()?)?,
        since: Since::Unknown,
        seats: seats.parse().ok()?,
        lingers: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    #[test]
    fn features_and_their_holders_are_read() {
        let text = "LM-X End-user Utility v3.32\nServer version: v5.1 Uptime: 4 day(s)\n----\n\
            Feature: Mesh Version: 21.0 Vendor: ACME\nKey type: EXCLUSIVE\n\n0 of 3 license(s) used\n----\n\
            Feature: Solve Version: 21.0 Vendor: ACME\n\n3 of 2147483647 license(s) used:\n\n\
            2 license(s) used by ALICE@N1 [10.0.0.1]\n    Login time: 2026-11-24 10:00   Checkout time: 2026-11-24 10:15 \n\n\
            1 license(s) used by Bob Li@n2.site.org_v7 [10.0.0.2]\n    Shared on hostname: n2\n----\n\
            Feature: Post Version: 21.0 Vendor: ACME\n2 of 10 license(s) used:\n    alice@n1 [10.0.0.1]\n";
        let answer = read(text);
        assert_eq!(
            shown(&answer),
            [
                "mesh: ",
                "post incomplete: ",
                "solve: ALICE N1*2, Bob Li n2.site.org_v7*1"
            ]
        );
        let solve = &answer.pool("Solve").unwrap().checkouts;
        assert_eq!(solve[0].since, date_and_time("2026-11-24 10:15"));
        assert_eq!(solve[1].since, Since::Unknown);
    }

    #[test]
    fn borrowed_seats_linger_and_a_missing_server_is_unknown() {
        let fem = "Feature: fem-5.1 Version: 2.0 Vendor: ACME\n1 of UNLIMITED license(s) used:\n1 license(s) used by eve@n7 [10.0.0.7]\n";
        let borrowed = format!(
            "{fem}    Login time: 2026-03-02 08:00   Borrow expire time: 2026-03-09 08:00\n"
        );
        for (text, expected) in [
            (fem.to_owned(), "fem-5.1: eve n7*1"),
            (borrowed, "fem-5.1: eve n7*1 lingers"),
            (
                format!("{fem}LM-X License Server on 6200@s2:\nError: Cannot connect to it\n"),
                "fem-5.1 incomplete: eve n7*1",
            ),
        ] {
            assert_eq!(shown(&read(&text)), [expected], "{text}");
        }
    }

    #[test]
    fn hostile_lines_are_passed_over() {
        let begin = "Feature: a Version: 1\n";
        for text in [
            "3 license(s) used by a@b [c]",
            "Feature: a\n3 license(s) used by a@b [c]",
            "Feature:  Version: \n",
        ] {
            assert!(read(text).pool("a").is_none(), "{text}");
        }
        for line in [
            "x license(s) used by a@b [c]",
            "1 license(s) used by @",
            "Checkout time: x",
            "-1 of 2 license(s) used",
        ] {
            let answer = read(&format!("{begin}{line}\n"));
            let pool = answer.pool("a").unwrap();
            assert!(pool.checkouts.is_empty() && !pool.is_complete(), "{line}");
        }
    }
}
