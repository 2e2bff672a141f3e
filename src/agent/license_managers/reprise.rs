//! Reprise's rlmstat.

use super::flexnet::clock;
use super::{Answer, Checkout, Since, complaint, holder, quoted};

/// Reads pools, which say how many seats are in use, and usage, which says by whom.
pub fn read(text: &str) -> Answer {
    let mut answer = Answer::default();
    let mut feature = None;
    for line in text.lines() {
        if let Some((feature, checkout)) = checkout(line) {
            answer.pool_mut(feature).checkouts.push(checkout);
        } else if let Some(seats) = in_use(line) {
            feature
                .take()
                .into_iter()
                .for_each(|feature| answer.pool_mut(feature).add_in_use(seats));
        } else {
            feature = versioned(line.trim());
        }
    }
    if let Some(why) = complaint(text).or_else(|| stopped(text)) {
        answer.lacks_a_server(&why);
    }
    answer
}

/// `acme  6000  No  3`: a vendor's server that is not running says nothing.
fn stopped(text: &str) -> Option<String> {
    let is_stopped = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words[..], [_, port, "No", restarts]
            if port.parse::<u16>().is_ok() && restarts.parse::<u32>().is_ok())
    };
    let line = text.lines().find(is_stopped)?;
    Some(quoted(&format!("not running: {}", line.trim())))
}

/// `solver v1.0`, where pools have numbers `solver v1.0, pool: 3`
fn versioned(text: &str) -> Option<&str> {
    let text = text.split(", pool:").next()?;
    let (feature, version) = text.rsplit_once(' ')?;
    let is_version = version
        .strip_prefix('v')?
        .starts_with(|c: char| c.is_ascii_digit());
    is_version.then(|| feature.trim())
}

/// `count: 10, # reservations: 0, inuse: 3, exp: permanent`
fn in_use(line: &str) -> Option<u32> {
    let (_, rest) = line
        .trim_start()
        .strip_prefix("count:")?
        .split_once("inuse:")?;
    rest.split(',').next()?.trim().parse().ok()
}

/// `        solver v1.0: alice@node1 1/0 at 11/24 10:15  (handle: 41)`: seats that were free to all, and reserved
/// ones.
fn checkout(line: &str) -> Option<(&str, Checkout)> {
    let (who, when) = line.rsplit_once(" at ")?;
    let (feature, who) = who.trim().split_once(": ")?;
    let (who, seats) = who.rsplit_once(' ')?;
    let (of_all, reserved) = seats.split_once('/')?;
    let checkout = Checkout {
        holder: holder(who)?,
        since: Since::InSomeYear(clock(when)?),
        seats: of_all
            .parse::<u32>()
            .ok()?
            .saturating_add(reserved.parse().ok()?),
        lingers: false,
    };
    Some((versioned(feature)?, checkout))
}

#[cfg(test)]
mod tests {
    use super::super::read as read_all;
    use super::super::tests::shown;
    use super::*;

    #[test]
    fn pools_and_usage_are_read() {
        let found = read("\tsolver v1.0: alice@node1 2/0 at 11/24 10:15  (handle: 41)\n");
        assert_eq!(shown(&found), ["solver incomplete: alice node1*2"]);
        let text = "rlm status on lic1 (port 5053), up 2d 01:02:03\n rlm software version v12.2 (build:2)\n\n\
            acme license pool status on lic1 (port 6000)\n\n  solver v1.0\n    count: 10, # reservations: 0, inuse: 3, exp: permanent\n\
            obsolete: 0, min_remove: 120, total checkouts: 9\n  viewer v2.1\n    count: 5, # reservations: 2, inuse: 0, exp: 1-jan-2030\n\n\
            acme license usage status on lic1 (port 6000)\n\n\
            solver v1.0: Alice Li@NODE1 2/0 at 11/24 10:15  (handle: 41)\n\
            solver v1.0: bob@n2.site.org 1/0 at 11/24 9:00  (handle: 4)\n";
        assert_eq!(
            shown(&read(text)),
            ["solver: Alice Li NODE1*2, bob n2.site.org*1", "viewer: "]
        );
    }

    #[test]
    fn every_kind_of_seat_is_told_apart() {
        let count = |seats| {
            format!(
                "    count: 9, # reservations: 1, inuse: {seats}, exp: permanent\n    obsolete: 0, min_remove: 120\n"
            )
        };
        let (one, two) = (count(1), count(2));
        let eve = "fem v2.0: eve@n7 1/0 at 03/02 08:00  (handle: 1)\n";
        for (text, expected) in [
            (format!("fem v2.0, pool: 1\n{one}\n{eve}"), "fem: eve n7*1"),
            (
                format!("fem v2.0, pool: 1\n{one}fem v2.1, pool: 2\n{one}\n{eve}"),
                "fem incomplete: eve n7*1",
            ),
            (
                format!("fem v2.0\n{two}\n{}", eve.replace("1/0", "0/2")),
                "fem: eve n7*2",
            ),
            (
                format!("fem v2.0\n{two}\n{}", eve.replace("1/0", "1/1")),
                "fem: eve n7*2",
            ),
            // Shared by programs of one user on one machine.
            (
                format!(
                    "fem v2.0\n{two}\n{eve}{eve}  fem v2.0: li@n8 1/0 at 03/02 08:01  (handle: 3)\n"
                ),
                "fem: eve n7*1, li n8*1",
            ),
            (
                format!("fem v2.0\n{two}\n{eve}{eve}"),
                "fem: eve n7*1, eve n7*1",
            ),
            (
                format!("fem v2.0\n    UNCOUNTED, inuse: 1\n{eve}"),
                "fem incomplete: eve n7*1",
            ),
            // A server or a vendor's part of it is missing.
            (
                format!("Error connecting to \"rlm\" server\nfem v2.0\n{one}\n{eve}"),
                "fem incomplete: eve n7*1",
            ),
            (
                format!("Name  Port Running Restarts\nacme  6000  No  3\nfem v2.0\n{one}\n{eve}"),
                "fem incomplete: eve n7*1",
            ),
            (
                format!("Name  Port Running Restarts\nacme  6000  Yes  0\nfem v2.0\n{one}\n{eve}"),
                "fem: eve n7*1",
            ),
            (
                format!(
                    "error_bars v2.0\n{one}\n{}",
                    eve.replace("fem", "error_bars")
                ),
                "error_bars: eve n7*1",
            ),
        ] {
            assert_eq!(shown(&read_all(&text))[0], expected, "{text}");
        }
    }

    #[test]
    fn hostile_lines_are_passed_over() {
        for text in [
            "x v1: a@b 99999999999/0 at 1/1 1:1",
            "x v1: @b 1/0 at 1/1 1:1",
            "x v1: a@ 1/0 at 1/1 1:1",
            "x: a@b 1/0 at 1/1 1:1",
            "x v1: a@b x/0 at 1/1 1:1",
            "x v1: a@b 1/0 at 13/1 1:1",
            "count: 1, inuse: 1, exp",
            "x v1\ncount: 1, inuse: x, exp",
        ] {
            assert_eq!(read(text), Answer::default(), "{text}");
        }
    }
}
