//! What several users' runs of a script teach others: never less than any of these users' own runs need. Runs that are many and
//! small, as one user's trials or what somebody submits on purpose, would hide those of a user who has few.

use super::curve::Curve;
use super::learned::Learned;
use super::margin::MOST_ABOVE;
use super::quantile::quantile;
use crate::job::Run;
use crate::text::units::MIB;
use std::collections::BTreeMap;

/// One run's part in one quantity.
struct Need {
    user: u32,
    input_bytes: Option<u64>,
    /// Above 0.
    value: f64,
}

/// Raises what is enough until it is for each user's own runs, but for the share of them that may lie above what is set.
pub fn cover_each(learned: &mut Learned, runs: &[Run]) {
    let needs = |of: fn(&Run) -> Option<f64>| -> Vec<Need> {
        let completed = runs.iter().filter(|run| run.completed);
        let need = |run: &Run| {
            Some(Need {
                user: run.user,
                input_bytes: run.input_bytes,
                value: of(run).filter(|&value| value > 0.0)?,
            })
        };
        completed.filter_map(need).collect()
    };
    let memory = needs(|run| Some(run.usage.peak_bytes? as f64 / MIB as f64));
    let time = needs(|run| Some(run.usage.elapsed_s as f64));
    let evidence = &mut learned.evidence;
    raise(&mut evidence.enough_mib, &mut learned.memory, &memory);
    raise(&mut evidence.enough_s, &mut learned.time, &time);
}

fn raise(enough: &mut u32, curve: &mut Curve, needs: &[Need]) {
    *enough = (*enough).max(most(needs, |need| Some(need.value)).ceil() as u32);
    // How far short a curve falls of what was needed at the same input.
    let short = most(needs, |need| {
        let enough = curve.at(need.input_bytes?)?;
        Some(need.value / enough)
    });
    // Nobody knows where on the curve these lie.
    let unknown = most(needs, |need| {
        need.input_bytes.is_none().then_some(need.value)
    });
    for knot in &mut curve.0 {
        let raised = knot.enough + short.max(1.0).ln() as f32;
        knot.enough = raised.max(unknown.max(1.0).ln() as f32);
    }
}

/// The largest of what each user's own runs stay under; 0 where there are none.
fn most(needs: &[Need], of: impl Fn(&Need) -> Option<f64>) -> f64 {
    let mut each: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for need in needs {
        if let Some(value) = of(need) {
            each.entry(need.user).or_default().push(value);
        }
    }
    let own = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        quantile(
            values.into_iter().map(|value| (value, 1.0)),
            1.0 - MOST_ABOVE,
        )
    };
    each.into_values().filter_map(own).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::curve::Knot;

    /// A user's run with this input in MiB, and the MiB that it came to.
    type Case = (u32, Option<u64>, u64);

    fn run((user, input_mib, peak_mib): Case) -> Run {
        Run {
            completed: true,
            usage: crate::job::Usage {
                peak_bytes: Some(peak_mib << 20),
                elapsed_s: peak_mib,
                ..Default::default()
            },
            input_bytes: input_mib.map(|mib| mib << 20),
            asked: None,
            rewritten: false,
            harmed: None,
            went_on: false,
            command: None,
            user,
            seats: BTreeMap::new(),
        }
    }

    /// 10 is enough for 1 MiB of input, 100 for 10 MiB, and 10 where the input is not known.
    fn learned() -> Learned {
        let knot = |input_mib: u64, enough: f32| Knot {
            input: ((input_mib << 20) as f32).ln(),
            enough: enough.ln(),
        };
        let curve = Curve(vec![knot(1, 10.0), knot(10, 100.0)]);
        let mut learned = Learned {
            memory: curve.clone(),
            time: curve,
            ..Learned::default()
        };
        (learned.evidence.enough_mib, learned.evidence.enough_s) = (10, 10);
        learned
    }

    #[test]
    fn each_users_own_runs_are_covered_at_their_own_input_and_where_it_is_unknown() {
        let hundred = [(1, Some(1), 5); 100];
        let with = |more: &[Case]| [&hundred[..], more].concat();
        // What is enough without an input, with 1 MiB, and with 10 MiB.
        for (what, runs, right) in [
            ("none needs more", with(&[]), [10, 10, 100]),
            (
                "one needs twice as much",
                with(&[(2, Some(1), 20)]),
                [20, 20, 200],
            ),
            (
                "one has a larger input",
                with(&[(2, Some(10), 100)]),
                [100, 10, 100],
            ),
            (
                "one's input is not known",
                with(&[(2, None, 40)]),
                [40, 40, 100],
            ),
            (
                "a rare run of the one who has many",
                with(&[(1, Some(1), 20)]),
                [10, 10, 100],
            ),
            (
                "and not so rare",
                with(&[(1, Some(1), 20); 4]),
                [20, 20, 200],
            ),
        ] {
            let mut learned = learned();
            let runs: Vec<Run> = runs.into_iter().map(run).collect();
            cover_each(&mut learned, &runs);
            let inputs = [None, Some(1 << 20), Some(10 << 20)];
            // Knots are kept as logarithms.
            let near = |found: u32, right: u32| found.abs_diff(right) <= 1;
            for (input, right) in inputs.into_iter().zip(right) {
                let found = learned.for_input(input);
                assert!(near(found.enough_mib, right), "{what} {input:?}: {found:?}");
                assert!(near(found.enough_s, right), "{what} {input:?}: {found:?}");
            }
        }
    }

    #[test]
    fn runs_that_did_not_end_well_or_used_nothing_are_no_need() {
        let mut learned = learned();
        let mut failed = run((2, None, 900));
        failed.completed = false;
        cover_each(
            &mut learned,
            &[failed, run((3, None, 0)), run((4, Some(0), 0))],
        );
        assert_eq!(learned, self::learned());
    }
}
