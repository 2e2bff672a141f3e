//! LS-Dyna's lstc_qrun -r.

use super::{Answer, Checkout, Since};

/// Reads the table of programs, each with those who run it. Programs of one group share its seats: where a
/// program's own figure is a dash, the list is complete if all of the group's seats are in it.
pub fn read(text: &str) -> Answer {
    let mut answer = Answer::default();
    let mut lines = text.lines();
    if !lines.any(|line| line.starts_with("PROGRAM") && line.contains("EXPIRATION")) {
        return answer;
    }
    let (mut program, mut group) = (None, 0u32);
    for line in lines {
        if let Some(row) = row(line) {
            let pool = answer.pool_mut(row.program);
            row.used
                .into_iter()
                .for_each(|seats| pool.add_in_use(seats));
            group = group.max(row.of_group.filter(|_| row.used.is_none()).unwrap_or(0));
            program = Some(row.program);
        } else if let Some((program, checkout)) = program.zip(checkout(line)) {
            answer.pool_mut(program).checkouts.push(checkout);
        }
    }
    complete(&mut answer, group);
    answer
}

/// Programs that say nothing of their own are in use as listed, if that is all that is in use.
fn complete(answer: &mut Answer, in_use: u32) {
    let of = |checkouts: &[Checkout]| {
        checkouts
            .iter()
            .fold(0u32, |sum, one| sum.saturating_add(one.seats))
    };
    let listed = answer
        .pools
        .values()
        .fold(0u32, |sum, pool| sum.saturating_add(of(&pool.checkouts)));
    for pool in answer.pools.values_mut().filter(|_| listed >= in_use) {
        pool.in_use.get_or_insert(of(&pool.checkouts));
    }
}

struct Row<'a> {
    program: &'a str,
    used: Option<u32>,
    of_group: Option<u32>,
}

/// `MPPDYNA          12/30/2027          -     60    500 |     0`: used, free and at most.
fn row(line: &str) -> Option<Row<'_>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [program, expires, used, free, most, "|", _queue] = words[..] else {
        return None;
    };
    let (free, most): (u32, u32) = (free.parse().ok()?, most.parse().ok()?);
    let starts = !line.starts_with(char::is_whitespace) && expires.contains('/');
    starts.then(|| Row {
        program,
        used: used.parse().ok(),
        of_group: most.checked_sub(free),
    })
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
            (
                "MPPDYNA  1/31/2030  -  370  500 |  0\n alice  59005@n1  80\nLS-DYNA  1/31/2030  0  370  500 |  0\n",
                ["ls-dyna: ", "mppdyna incomplete: alice n1*80"],
            ),
        ] {
            assert_eq!(shown(&read(&format!("{HEAD}{rows}"))), expected);
        }
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
