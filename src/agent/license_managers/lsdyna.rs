//! LS-Dyna's lstc_qrun -r.

use super::{Answer, Checkout, Since, complaint};
use std::collections::BTreeMap;

/// What it prints without `-r`: who runs programs, and not how many seats are in use.
const RUNNING: &str = "Running Programs";
const WITHOUT_R: &str =
    "this is no answer of lstc_qrun -r: only with -r it says how many seats are in use";

/// Reads the table of programs, each with those who run it. Programs of one group share its seats: where a
/// program's own figure is a dash, the list is complete if all of the group's seats are in it.
pub fn read(text: &str) -> Answer {
    let mut answer = Answer::default();
    let mut lines = text.lines();
    if !lines.any(|line| line.starts_with("PROGRAM") && line.contains("EXPIRATION")) {
        answer.says_too_little = text
            .lines()
            .any(|line| line.trim() == RUNNING)
            .then_some(WITHOUT_R);
        return answer;
    }
    let (mut program, mut group) = (None, Group::default());
    for line in lines {
        if let Some(in_use) = end_of_group(line) {
            group.in_use = group.in_use.max(in_use);
            std::mem::take(&mut group).enter(&mut answer);
            program = None;
        } else if let Some(row) = row(line) {
            group.add(&row, &mut answer);
            program = Some(row.program);
        } else if let Some((program, checkout)) = program.zip(checkout(line)) {
            group.list(program, checkout.seats);
            answer.pool_mut(program).checkouts.push(checkout);
        }
    }
    group.enter(&mut answer);
    if let Some(why) = complaint(text) {
        answer.lacks_a_server(&why);
    }
    answer
}

/// Programs that share seats.
#[derive(Default)]
struct Group<'a> {
    in_use: u32,
    listed: u32,
    /// Seats that are listed for programs which do not say how many they use.
    unsaid: BTreeMap<&'a str, u32>,
}

impl<'a> Group<'a> {
    fn add(&mut self, row: &ProgramLine<'a>, answer: &mut Answer) {
        let pool = answer.pool_mut(row.program);
        match row.used {
            Some(seats) => pool.add_in_use(seats),
            None => {
                self.unsaid.entry(row.program).or_default();
                self.in_use = self.in_use.max(row.of_group.unwrap_or(0));
            }
        }
    }

    fn list(&mut self, program: &str, seats: u32) {
        self.listed = self.listed.saturating_add(seats);
        if let Some(sum) = self.unsaid.get_mut(program) {
            *sum = sum.saturating_add(seats);
        }
    }

    /// Programs that say nothing of their own use what is listed, if that is all that is in use.
    fn enter(self, answer: &mut Answer) {
        for (program, listed) in self.unsaid {
            let pool = answer.pool_mut(program);
            if self.listed >= self.in_use {
                pool.add_in_use(listed);
            } else {
                let why = format!("{} of {} seats are listed", self.listed, self.in_use);
                pool.why_unknown.get_or_insert(why);
            }
        }
    }
}

/// What a line says of one program.
struct ProgramLine<'a> {
    program: &'a str,
    used: Option<u32>,
    of_group: Option<u32>,
}

/// `MPPDYNA          12/30/2027          -     60    500 |     0`: used, free and at most.
fn row(line: &str) -> Option<ProgramLine<'_>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [program, expires, used, free, most, "|", _queue] = words[..] else {
        return None;
    };
    let (free, most): (u32, u32) = (free.parse().ok()?, most.parse().ok()?);
    let starts = !line.starts_with(char::is_whitespace) && expires.contains('/');
    starts.then(|| ProgramLine {
        program,
        used: used.parse().ok(),
        of_group: most.checked_sub(free),
    })
}

/// `                   LICENSE GROUP   440     60    500 |     0`: what the programs above use together.
fn end_of_group(line: &str) -> Option<u32> {
    let rest = line.trim_start().strip_prefix("LICENSE GROUP ")?;
    rest.split_whitespace().next()?.parse().ok()
}

/// ` alice      59005@node1  80`: a process and its seats, one for each of its CPUs.
fn checkout(line: &str) -> Option<Checkout> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [user @ .., process, seats] = &words[..] else {
        return None;
    };
    let (pid, host) = process.split_once('@')?;
    let is_process = !user.is_empty() && !host.is_empty() && pid.parse::<u32>().is_ok();
    Some(Checkout {
        holder: format!("{} {host}", user.join(" ")),
        since: Since::Unknown,
        seats: seats.parse().ok().filter(|_| is_process)?,
        lingers: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    const HEAD: &str = "Using server lic1\n\nLICENSE INFORMATION\n\n\
        PROGRAM          EXPIRATION CPUS  USED   FREE    MAX | QUEUE\n---------------- ----------      ----- ------ ------ | -----\n";

    #[test]
    fn programs_and_their_processes_are_read() {
        for (rows, expected) in [
            (
                "MPPDYNA  1/31/2030  -  380  500 |  0\n alice  59005@n1  80\n Bob Li  7@n2.site.org   40\nLS-DYNA  1/31/2030  0  380  500 |  0\n     LICENSE GROUP   120  380  500 |  0\n",
                ["ls-dyna: ", "mppdyna: alice n1*80, Bob Li n2.site.org*40"],
            ),
            (
                "MPPDYNA  1/31/2030  -  380  500 |  0\n alice  59005@n1  80\nLS-DYNA  1/31/2030  -  380  500 |  0\n bob  7@n2  40\n",
                ["ls-dyna: bob n2*40", "mppdyna: alice n1*80"],
            ),
            // Two groups, of which the first lists all and the second does not.
            (
                "MPPDYNA  1/31/2030  -  20  100 |  0\n alice  59005@n1  80\n   LICENSE GROUP  80  20  100 |  0\n\
                 LS-DYNA  1/31/2030  -  80  100 |  0\n bob  7@n2  10\n   LICENSE GROUP  20  80  100 |  0\n",
                ["ls-dyna incomplete: bob n2*10", "mppdyna: alice n1*80"],
            ),
            (
                "MPPDYNA  1/31/2030  -  20  100 |  0\n alice  59005@n1  80\n   LICENSE GROUP  80  20  100 |  0\n\
                 LS-DYNA  1/31/2030  0  100  100 |  0\nMPPDYNA  1/31/2030  -  80  100 |  0\n bob  7@n2  10\n   LICENSE GROUP  20  80  100 |  0\n",
                ["ls-dyna: ", "mppdyna incomplete: alice n1*80, bob n2*10"],
            ),
            (
                "MPPDYNA  1/31/2030  80  20  100 |  0\n alice  59005@n1  80\nLS-DYNA  1/31/2030  0  20  100 |  0\n*** ERROR failed to open server lic2\n",
                ["ls-dyna incomplete: ", "mppdyna incomplete: alice n1*80"],
            ),
            (
                "MPPDYNA  1/31/2030  -  370  500 |  0\n alice  59005@n1  80\nLS-DYNA  1/31/2030  0  370  500 |  0\n",
                ["ls-dyna: ", "mppdyna incomplete: alice n1*80"],
            ),
        ] {
            assert_eq!(shown(&read(&format!("{HEAD}{rows}"))), expected);
        }
    }

    #[test]
    fn who_runs_programs_alone_is_too_little_and_is_told() {
        let running = "Using server lic1\n\n            Running Programs\n\n\
            User   Host        Program    Started     # procs\n---------------------\n\
            mira   4711@n1     MPPDYNA    Tue Feb  5 12:13     80\nNo programs queued\n";
        let answer = super::super::read(running);
        assert_eq!(answer.pools().count(), 0);
        assert_eq!(answer.why_unknown("mppdyna"), Some(WITHOUT_R));
        let whole = format!("{HEAD}MPPDYNA  1/31/2030  0  9  9 |  0\n Running Programs\n");
        assert_eq!(super::super::read(&whole).why_unknown("mppdyna"), None);
    }

    #[test]
    fn hostile_lines_are_passed_over() {
        let begin = format!("{HEAD}A  1/31/2030  1  9  10 |  0\n");
        for line in [
            " alice  x@n1  1",
            " 1@n1 1",
            " alice 1@ 1",
            " alice 1@n1 -1",
            " alice 1@n1 99999999999",
            "A 1/1 - x 10 | 0",
        ] {
            assert_eq!(
                shown(&read(&format!("{begin}{line}\n"))),
                ["a incomplete: "],
                "{line}"
            );
        }
        assert_eq!(read("A  1/31/2030  1  9  10 |  0\n"), Answer::default());
    }
}
