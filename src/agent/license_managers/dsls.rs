//! Dassault Systèmes' DSLicSrv: getLicenseUsage, as text or with -csv.

use super::{Answer, Checkout, complaint, date_and_time};
use std::collections::BTreeSet;

/// Reads either form.
pub fn read(text: &str) -> Answer {
    let header = text
        .lines()
        .position(|line| line.contains("Feature,") && line.contains("Inuse,"));
    let mut answer = match header {
        Some(header) => table(text.lines().skip(header)),
        None => listing(text),
    };
    if let Some(why) = complaint(text) {
        answer.lacks_a_server(&why);
    }
    answer
}

/// A row for each holder, which repeats what it says of the feature, or one without a holder.
fn table<'a>(lines: impl Iterator<Item = &'a str>) -> Answer {
    let mut answer = Answer::default();
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let columns = reader.headers().cloned().unwrap_or_default();
    let mut pools = BTreeSet::new();
    for row in reader.records().flatten() {
        let field = |name: &str| {
            let at = columns.iter().position(|column| column == name)?;
            row.get(at).map(str::trim).filter(|text| !text.is_empty())
        };
        let figures = (
            field("Feature"),
            field("Inuse").and_then(|seats| seats.parse().ok()),
        );
        let (Some(feature), Some(seats)) = figures else {
            continue;
        };
        let pool = answer.pool_mut(feature);
        // Lots of one feature may differ in any of what comes before.
        let of_lot = columns.iter().take_while(|column| *column != "Inuse");
        let lot: Vec<_> = row
            .iter()
            .take(of_lot.count() + 1)
            .map(str::to_owned)
            .collect();
        if pools.insert(lot) {
            pool.add_in_use(seats);
        }
        let holder =
            field("User").zip(field("Host").and_then(|host| host.split_whitespace().next()));
        let seats = field("Tokens").map_or(Some(1), |tokens| tokens.parse().ok());
        if let (Some((user, host)), Some(seats), None) = (holder, seats, field("Queue Position")) {
            pool.checkouts.push(checkout(
                user,
                host,
                field("Granted Since").unwrap_or_default(),
                seats,
            ));
        }
    }
    answer
}

fn checkout(user: &str, host: &str, since: &str, seats: u32) -> Checkout {
    Checkout {
        holder: format!("{user} {host}"),
        since: date_and_time(since),
        seats,
        lingers: false,
    }
}

/// A line for each feature, then one for each holder.
fn listing(text: &str) -> Answer {
    let mut answer = Answer::default();
    let mut feature = None;
    for line in text.lines().map(str::trim) {
        if let Some((name, seats)) = counted(line) {
            answer.pool_mut(name).add_in_use(seats);
            feature = Some((name, line.contains("type: Token")));
        } else if let Some((name, tokens)) = feature {
            let checkout = if tokens {
                of_tokens(line)
            } else {
                of_seat(line)
            };
            answer.pool_mut(name).checkouts.extend(checkout);
        }
    }
    answer
}

/// `ABC maxReleaseNumber: 7 ... type: Token count: 30 inuse: 3 customerId: 1`
fn counted(line: &str) -> Option<(&str, u32)> {
    let (_, after) = line.split_once(" inuse:")?;
    let seats = after.split_whitespace().next()?.parse().ok()?;
    let counts = line.contains(" type: ") && line.contains(" count:");
    counts.then_some((line.split_whitespace().next()?, seats))
}

/// `node1 (4D2-0a.1)/10.0.0.1  alice  /opt/abc  granted since: 11/24/26 1:55:06 PM tokens: 1`
fn of_tokens(line: &str) -> Option<Checkout> {
    let (who, grant) = line.split_once(" granted since:")?;
    let (since, tokens) = grant.split_once(" tokens:")?;
    let mut words = who.split_whitespace();
    let (host, _, user) = (words.next()?, words.next()?, words.next()?);
    Some(checkout(user, host, since, tokens.trim().parse().ok()?))
}

/// `internal Id: x  granted since: 11/24/26 9:15:43 AM  last used at: ...  by user: alice on host: node1 (..)`.
/// Lines without an id are further sessions on the same seat.
fn of_seat(line: &str) -> Option<Checkout> {
    let (_, grant) = line
        .strip_prefix("internal Id:")?
        .split_once(" granted since:")?;
    let (since, rest) = grant.split_once(" last used at:")?;
    let (user, host) = rest.split_once(" by user:")?.1.split_once(" on host:")?;
    let user = Some(user.trim()).filter(|user| !user.is_empty())?;
    Some(checkout(user, host.split_whitespace().next()?, since, 1))
}

#[cfg(test)]
mod tests {
    use super::super::read as read_all;
    use super::super::tests::shown;
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let text = "Software version: 6.4\nReady: yes\nACME (5E-1)\n\
            TKN maxReleaseNumber: 7  type: Token  count: 30  inuse: 3 customerId: 1\n\
            N1 (4D2-0a.1)/10.0.0.1  alice  /opt/abc/bin  granted since: 11/24/26 1:55:06 PM tokens: 3\n\
            CON maxReleaseNumber: 0 type: ConcurrentUser count: 9 inuse: 1 customerId: 1\n\
            internal Id: BOB@x  granted since: 11/24/26 9:15:43 AM  last used at: 11/24/26 9:16:00 AM  by user: bob li on host: n2.site.org (41-0a.1)/10.0.0.2\n\
            n2 (41-0a.1)/10.0.0.2 bob  /opt/cad  granted since: 11/24/26 9:15:43 AM\n\
            NIL maxReleaseNumber: 0 type: ConcurrentUser count: 9 inuse: 0 customerId: 1\n";
        assert_eq!(
            shown(&read(text)),
            ["con: bob li n2.site.org*1", "nil: ", "tkn: alice N1*3"]
        );
        let csv = "License Administration Tool\nadmin >getLicenseUsage -csv\n\
            Editor,Feature,Expiration Date,Customer ID,Count,Inuse,Tokens,Host,User,Granted Since,Queue Position\n\
            ACME,TKN,2030-01-01,1,30,3,2,n1 (4D2)/10.0.0.1,alice,2026-11-24 10:15:00 CET,\n\
            ACME,TKN,2030-01-01,1,30,3,1,n2,\"li, bob\",2026-11-24 10:16:00 CET,\n\
            ACME,TKN,2030-01-01,1,30,3,5,n3,eve,,1\n\
            ACME,NIL,2030-01-01,1,30,0,,,,,\nadmin >quit\n";
        let answer = read(csv);
        assert_eq!(shown(&answer), ["nil: ", "tkn: alice n1*2, li, bob n2*1"]);
        let since = answer.pool("TKN").unwrap().checkouts[0].since;
        assert_eq!(since, date_and_time("2026-11-24 10:15:00"));
    }

    #[test]
    fn lots_of_a_feature_and_a_missing_server_are_told_apart() {
        let head = "admin >Editor,Feature,Max Release Date,Count,Inuse,Tokens,Host,User\n";
        let eve = "ACME,FEM,2030-01-01,9,1,1,n7 (4D2)/10.0.0.7,eve\n";
        for (rows, expected) in [
            (format!("{eve}{eve}"), "fem: eve n7*1"),
            (
                format!("{eve}ACME,FEM,2031-01-01,9,1,,,\n"),
                "fem incomplete: eve n7*1",
            ),
            (
                format!("{eve}Cannot connect to server s2 on port 4084\n"),
                "fem incomplete: eve n7*1",
            ),
        ] {
            assert_eq!(
                shown(&read_all(&format!("{head}{rows}"))),
                [expected],
                "{rows}"
            );
        }
    }

    #[test]
    fn hostile_lines_are_passed_over() {
        let begin = "T type: Token count: 3 inuse: 1\n";
        for line in [
            "granted since: x tokens: 1",
            "n1 x granted since: y tokens: 1",
            "n1 (x) alice /a granted since: y tokens: x",
            "internal Id: x",
        ] {
            assert_eq!(
                shown(&read(&format!("{begin}{line}\n"))),
                ["t incomplete: "],
                "{line}"
            );
        }
        let nobody = "C type: ConcurrentUser count: 3 inuse: 1\n\
            internal Id: x granted since: y last used at: z by user:  on host: n1\n";
        assert_eq!(shown(&read(nobody)), ["c incomplete: "]);
        for text in [
            "T type: Token count: 3 inuse: x\n",
            "Feature,Inuse,\n\"",
            "Feature,Inuse,\nT,x,\n",
        ] {
            assert_eq!(read(text), Answer::default(), "{text}");
        }
    }
}
