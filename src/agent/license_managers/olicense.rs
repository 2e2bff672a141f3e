//! Optimum's olixtool.

use super::{Answer, Checkout, Since, complaint, holder, number_before};

/// Reads modules, each with those who hold one of its floating licenses.
pub fn read(text: &str) -> Answer {
    let mut answer = Answer::default();
    let mut module = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with("Application:") || line.matches(';').count() >= 2 {
            module = floating(line);
            module
                .into_iter()
                .for_each(|name| answer.pool_mut(name).add_in_use(0));
        }
        let Some(module) = module else { continue };
        if let Some(seats) = number_before(line, "FloatsLockedBy") {
            answer.pool_mut(module).add_in_use(seats);
        }
        answer.pool_mut(module).checkouts.extend(checkout(line));
    }
    if let Some(why) = complaint(text) {
        answer.lacks_a_server(&why);
    }
    answer
}

/// `tyre_model;  FreeFloating;  3;  2030-12-31 23:59:59;`
fn floating(line: &str) -> Option<&str> {
    let mut fields = line.split(';').map(str::trim);
    let (name, kind, count) = (fields.next()?, fields.next()?, fields.next()?);
    let is_one = !name.is_empty() && kind.ends_with("Floating") && count.parse::<u32>().is_ok();
    is_one.then_some(name)
}

/// `alice@node1 #1`
fn checkout(line: &str) -> Option<Checkout> {
    let (who, seats) = line.rsplit_once(" #")?;
    Some(Checkout {
        holder: holder(who)?,
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
    fn modules_and_their_holders_are_read() {
        let text = "olixtool 4.8.0\n\nServer: <10.0.0.1:31212:0>\n\n====\nApplication:\tacme\nLicense-ID:\tacme-1@lic1\nModules:\n\
            Name; LicenseType; FloatCount; Expiration\n----\n  tyre;   \tFreeFloating;\t4;\t2030-12-31 23:59:59;\n    3 FloatsLockedBy:\n\
            alice@N1 #1\n      Bob Li@n2.site.org #2\n  road;   \tFreeFloating;\t1;\t2030-12-31 23:59:59;\n\
            fixed;   \tNodeLocked;\t1;\t2030-12-31 23:59:59;\n====\nApplication:\tacme\n  tyre;\tFreeFloating;\t2;\t2030-12-31 23:59:00;\n";
        assert_eq!(
            shown(&read(text)),
            ["road: ", "tyre: alice N1*1, Bob Li n2.site.org*2"]
        );
        let short = "a; FreeFloating; 3; x;\n 2 FloatsLockedBy:\n alice@n1 #1\n";
        assert_eq!(shown(&read(short)), ["a incomplete: alice n1*1"]);
        for (rest, expected) in [
            (
                "b; NodeLocked; 1; x;\n 2 FloatsLockedBy:\n eve@n7 #2\n",
                "a: alice n1*1",
            ),
            (" 1 FloatsLockedBy 'somebody'\n", "a incomplete: alice n1*1"),
            (
                "OlComm 9 Request cannot connect\n",
                "a incomplete: alice n1*1",
            ),
        ] {
            let text = format!("a; FreeFloating; 3; x;\n 1 FloatsLockedBy:\n alice@n1 #1\n{rest}");
            assert_eq!(shown(&read(&text)), [expected], "{text}");
        }
    }

    #[test]
    fn hostile_lines_are_passed_over() {
        for text in [
            "; FreeFloating; 3;",
            "a; FreeFloating; x;",
            "a@b #1",
            "2 FloatsLockedBy:",
            "a;;;",
        ] {
            assert_eq!(read(text), Answer::default(), "{text}");
        }
        for line in ["a@ #1", "@b #1", "a@b #x", "a@b #-1"] {
            assert_eq!(
                shown(&read(&format!("a; FreeFloating; 3;\n{line}\n"))),
                ["a: "],
                "{line}"
            );
        }
    }
}
