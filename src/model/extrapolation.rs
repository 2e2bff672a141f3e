//! From the counters of a shadow to what the whole job needs.
//!
//! A shadow that ran to its end has seen everything. One that was cut off has not: memory may still
//! have grown. How much is predicted by a linear model in logarithms, fitted over all kinds of jobs
//! together so that it serves kinds never seen: ln(peak / seen) from how much was seen and how fast
//! that grew. What is set lies above its estimate by a quantile of the errors it made on kinds that it
//! was not fitted on (split conformal prediction, Vovk et al. 2005, with kinds as the units).
//!
//! Constants beside the fit that its data can judge were looked at on the data that [`Extrapolation::PRIOR`] names, whose
//! command prints the objective: memory wasted on kinds never seen, as a share of what the requests waste, with at most 2 % of
//! jobs killed. With those below it is 0.38 at 0.06 %. They are not where it is least: 14 kinds of one pipeline are few, and
//! next to where it is least jobs die in numbers. `docs/measurements.md` has a row for each change.

use super::quantile::quantile;
use crate::job::counters::{Ended, ShadowCounters};
use crate::job::shadow::{Need, Observation};
use linfa::Dataset;
use linfa::traits::Fit as _;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2};
use std::collections::BTreeMap;

/// Below this, in MiB, differences are noise: it is added before logarithms are taken. At 16 the objective is 0.43, at 128
/// 0.33 with three times as many jobs killed.
const SOFT_MIB: f64 = 64.0;

/// ln(seen) is counted from here: e^6 MiB are about 400. No prediction depends on it, for what is added to all is free; it
/// lets the first coefficient speak of a job of that size.
const CENTRE: f64 = 6.0;

/// The share of jobs of unseen kinds for which what is set should be enough. At 0.9 the objective is 0.22, at 0.8 one job in
/// ten dies and it is 1.83, at 0.99 it is 0.52.
const CONFIDENCE: f64 = 0.95;

/// A site's own shadows take the place of the prior from this many on, of this many kinds. A judgement: with fewer one batch
/// would speak for the site, with more the site is held longer to what others run.
const ENOUGH_OBSERVATIONS: usize = 50;
const ENOUGH_KINDS: usize = 8;

/// What is set after a shadow that ran to its end, against what it used: no two runs are the same. A judgement, for the data
/// says nothing: between 1.0 and 1.2 its objective is the same. More wastes that share of each job, less kills those whose
/// second run is a little larger.
pub const FINISHED_MARGIN: f64 = 1.1;

/// Memory that grew by more than this in the second half of a view may grow on without end: nothing is
/// predicted then, and the request stays. At 1.1 the objective is 0.24, at 1.05 nearly one job in a hundred dies, at 1.02 one in
/// fourteen; from 1.2 to 1.5 it is 0.36.
const STILL_GROWING: f64 = 1.15;

/// Memory that grows with the input is predicted from the share of it that was read, within these: of less nothing
/// can be predicted, and growth after it was read has another cause. A judgement, as the data does not say what was read: a
/// small share multiplies what is wrong with it, up to ten times; beyond the largest there is nothing left to predict.
const LEAST_SHARE: f64 = 0.1;
const MOST_SHARE: f64 = 0.9;

/// At least this part of what was read must have been read in the second half: else it grew for another cause. A judgement,
/// too: half would be an even pace; less believes jobs that have nearly stopped reading, more gives up those that slow down.
const STILL_READ: f64 = 0.25;

const TERMS: usize = 3;

/// The model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extrapolation {
    /// Of 1, ln(seen) and ln(seen / seen in the first half).
    pub coefficients: [f64; TERMS],
    /// Added for what is set.
    pub offset: f64,
}

impl Extrapolation {
    /// Where a site starts: fitted on the Nextflow tasks of 14 kinds that a window of 60 s cuts off (the
    /// memory-over-time data of k-Segments, Bader et al. 2023), by
    /// `shadowfit replay --series memory-over-time-eager.csv.gz --window 60`, which prints it.
    pub const PRIOR: Extrapolation = Extrapolation {
        coefficients: [0.2057, 0.1130, 0.0167],
        offset: 0.4241,
    };

    /// Fits the model; `None` when the observations do not determine it.
    pub fn on(observations: &[Observation]) -> Option<Extrapolation> {
        let steady =
            |observation: &&Observation| !still_grows(observation.half_mib, observation.seen_mib);
        let observations: Vec<Observation> = observations.iter().filter(steady).copied().collect();
        let coefficients = regress(&observations)?;
        let offset = conformal_offset(&observations)?;
        Some(Extrapolation {
            coefficients,
            offset,
        })
    }

    /// A site's model: its own once it has seen enough.
    pub fn of_site(observations: &[Observation]) -> Extrapolation {
        let enough = observations.len() >= ENOUGH_OBSERVATIONS
            && by_kind(observations).len() >= ENOUGH_KINDS;
        let own = if enough {
            Extrapolation::on(observations)
        } else {
            None
        };
        own.unwrap_or(Extrapolation::PRIOR)
    }

    /// The likely peak of a job cut off after a view like this, in MiB.
    pub fn likely_mib(&self, half_mib: f64, seen_mib: f64) -> f64 {
        self.grown(half_mib, seen_mib, 0.0)
    }

    /// Memory that is enough for such a job, in MiB; `None` when it still grew too fast to say.
    pub fn enough_mib(&self, half_mib: f64, seen_mib: f64) -> Option<f64> {
        let enough = self.grown(half_mib, seen_mib, self.offset);
        (!still_grows(half_mib, seen_mib)).then_some(enough)
    }

    fn grown(&self, half_mib: f64, seen_mib: f64, offset: f64) -> f64 {
        let terms = terms(half_mib, seen_mib);
        let growth: f64 = terms
            .iter()
            .zip(self.coefficients)
            .map(|(t, c)| t * c)
            .sum();
        // A job's peak is never below what was seen of it.
        let grown = (log(seen_mib) + growth + offset).exp() - SOFT_MIB;
        grown.max(seen_mib)
    }

    /// What `counters` say about their job; `None` when they say too little.
    pub fn need(&self, counters: &ShadowCounters) -> Option<Need> {
        let seen_mib = f64::from(counters.peak_mib);
        let memory_mib = match counters.ended {
            Ended::Finished => seen_mib * FINISHED_MARGIN,
            Ended::Settled | Ended::Window if counters.was_starved() || counters.was_idle() => {
                return None;
            }
            Ended::Settled | Ended::Window => self
                .enough_mib(counters.half_peak_mib(), seen_mib)
                .or_else(|| enough_by_input(counters))?,
            Ended::Oom | Ended::Failed | Ended::Refused => return None,
        };
        // A launcher was asked to start more of the same: rank 0 stood for all of them.
        let ranks = counters.ranks.unwrap_or(1).max(1);
        Some(Need {
            memory_mib: (memory_mib * f64::from(ranks)).ceil().max(1.0) as u32,
            cores: counters.demand.max(counters.demand_peak) * ranks as f32,
        })
    }
}

/// Memory that is enough, in MiB, where it still grew while the input was being read: it may go on in
/// proportion until all of that has been read, and not beyond.
fn enough_by_input(counters: &ShadowCounters) -> Option<f64> {
    let [share, half] = [counters.input_share?, counters.input_share_half?].map(f64::from);
    let goes_on = half <= share * (1.0 - STILL_READ);
    let says = (LEAST_SHARE..MOST_SHARE).contains(&share) && goes_on;
    says.then(|| f64::from(counters.peak_mib) / share * FINISHED_MARGIN)
}

fn still_grows(half_mib: f64, seen_mib: f64) -> bool {
    log(seen_mib) - log(half_mib) > STILL_GROWING.ln()
}

fn log(mib: f64) -> f64 {
    (mib + SOFT_MIB).ln()
}

fn terms(half_mib: f64, seen_mib: f64) -> [f64; TERMS] {
    let seen = log(seen_mib);
    [1.0, seen - CENTRE, seen - log(half_mib)]
}

fn by_kind(observations: &[Observation]) -> BTreeMap<u64, Vec<Observation>> {
    let mut kinds: BTreeMap<u64, Vec<Observation>> = BTreeMap::new();
    for observation in observations {
        kinds
            .entry(observation.kind)
            .or_default()
            .push(*observation);
    }
    kinds
}

/// A kind's many observations count for more than one, and for less than their number.
fn weight(kind: &[Observation]) -> f64 {
    1.0 / (kind.len() as f64).sqrt()
}

/// Weighted least squares: rows scaled by the root of their weight.
fn regress(observations: &[Observation]) -> Option<[f64; TERMS]> {
    let (mut rows, mut targets) = (Vec::new(), Vec::new());
    for kind in by_kind(observations).values() {
        let scale = weight(kind).sqrt();
        for observation in kind {
            let terms = terms(observation.half_mib, observation.seen_mib);
            rows.extend(terms.map(|term| term * scale));
            targets.push((log(observation.peak_mib) - log(observation.seen_mib)) * scale);
        }
    }
    // A pull towards zero, so that a term which nothing speaks for stays out.
    for term in 1..TERMS {
        rows.extend((0..TERMS).map(|column| f64::from(u8::from(column == term))));
        targets.push(0.0);
    }
    let records = Array2::from_shape_vec((targets.len(), TERMS), rows).ok()?;
    let fitted = LinearRegression::new()
        .with_intercept(false)
        .fit(&Dataset::new(records, Array1::from(targets)))
        .ok()?;
    let found: Vec<f64> = fitted.params().to_vec();
    found.try_into().ok()
}

/// The quantile of the errors on kinds left out of the fit.
fn conformal_offset(observations: &[Observation]) -> Option<f64> {
    let kinds = by_kind(observations);
    let mut errors = Vec::new();
    for (left_out, of_kind) in &kinds {
        let rest: Vec<Observation> = observations
            .iter()
            .filter(|s| s.kind != *left_out)
            .copied()
            .collect();
        let fit = Extrapolation {
            coefficients: regress(&rest)?,
            offset: 0.0,
        };
        errors.extend(of_kind.iter().map(|observation| {
            let likely = fit.likely_mib(observation.half_mib, observation.seen_mib);
            (log(observation.peak_mib) - log(likely), weight(of_kind))
        }));
    }
    errors.sort_by(|a, b| a.0.total_cmp(&b.0));
    quantile(errors.into_iter(), CONFIDENCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::counters::Counters;

    /// Kinds whose jobs grow to `growth` times what was seen, on average.
    fn observations(growth: f64) -> Vec<Observation> {
        (0..200u64)
            .map(|n| {
                let seen_mib = 200.0 * (1.0 + (n % 23) as f64);
                let noise = 1.0 + ((n * 7919) % 11) as f64 / 100.0;
                Observation {
                    kind: n % 10,
                    half_mib: seen_mib * 0.9,
                    seen_mib,
                    peak_mib: (seen_mib + SOFT_MIB) * growth * noise - SOFT_MIB,
                }
            })
            .collect()
    }

    #[test]
    fn growth_is_learned_and_what_is_set_covers_it() {
        let observations = observations(1.6);
        let fit = Extrapolation::on(&observations).unwrap();
        let covered = observations
            .iter()
            .filter(|s| fit.enough_mib(s.half_mib, s.seen_mib).unwrap() >= s.peak_mib)
            .count();
        assert!(covered >= 186, "{covered} of 200: {fit:?}");
        let likely = fit.likely_mib(900.0, 1000.0);
        assert!((1550.0..1850.0).contains(&likely), "{likely}");
    }

    #[test]
    fn nothing_is_set_below_what_was_seen() {
        let shrinking = Extrapolation {
            coefficients: [-5.0, 0.0, 0.0],
            offset: -1.0,
        };
        assert_eq!(shrinking.enough_mib(490.0, 500.0), Some(500.0));
        assert!(Extrapolation::PRIOR.enough_mib(490.0, 500.0).unwrap() > 500.0);
    }

    #[test]
    fn memory_that_still_grows_tells_nothing() {
        assert_eq!(Extrapolation::PRIOR.enough_mib(300.0, 500.0), None);
    }

    #[test]
    fn memory_that_grows_with_the_input_is_told_by_the_share_read() {
        let grows = |[input_share, input_share_half]: [Option<f32>; 2]| {
            let seen = Counters {
                peak_mib: 200.0,
                curve_mib: vec![20, 40, 60, 80, 100, 110, 120, 140, 160, 180, 190, 200],
                input_share,
                ..busy(Ended::Window)
            };
            ShadowCounters {
                input_share_half,
                ..seen.into()
            }
        };
        let need = |share| {
            Extrapolation::PRIOR
                .need(&grows(share))
                .map(|need| need.memory_mib)
        };
        assert_eq!(need([Some(0.25), Some(0.125)]), Some(881));
        let nothing = [None, Some(0.01), Some(1.0), Some(f32::NAN)].map(|share| [share, Some(0.0)]);
        let read_long_ago = [Some(0.25), Some(0.25)];
        for shares in nothing.into_iter().chain([read_long_ago]) {
            assert_eq!(need(shares), None, "{shares:?}");
        }
    }

    /// For a minute, on one CPU.
    fn busy(ended: Ended) -> Counters {
        Counters {
            wall_s: 60.0,
            cpu_s: 59.0,
            demand: 1.0,
            ..Counters::nothing(ended)
        }
    }

    #[test]
    fn one_that_was_cut_off_and_hardly_ran_tells_nothing() {
        // CPU time that it got, CPUs that it wanted, MiB that it read.
        let cases = [
            (59.0, 1.0, 0.0, true),
            (16.0, 1.0, 0.0, true),
            (14.0, 1.0, 0.0, false),
            // One CPU for many threads is what a slice has.
            (59.0, 16.0, 0.0, true),
            (14.0, 16.0, 0.0, false),
            // Bursts of threads that wait for each other.
            (20.0, 3.0, 0.0, true),
            // It waits for its storage, and not for a CPU.
            (12.0, 0.2, 0.0, true),
            (1.0, 0.02, 6000.0, true),
            (2.0, 0.2, 6000.0, false),
            (1.0, 0.02, 10.0, false),
            (0.0, 0.0, 0.0, false),
        ];
        for (cpu_s, demand, read_mib, says) in cases {
            let of = |ended| -> ShadowCounters {
                Counters {
                    peak_mib: 500.0,
                    curve_mib: vec![490; 12],
                    cpu_s,
                    demand,
                    read_mib: [read_mib, 0.0],
                    ..busy(ended)
                }
                .into()
            };
            for ended in [Ended::Window, Ended::Settled] {
                let need = Extrapolation::PRIOR.need(&of(ended));
                assert_eq!(
                    need.is_some(),
                    says,
                    "{cpu_s} {demand} {read_mib} {ended:?}"
                );
            }
            assert!(Extrapolation::PRIOR.need(&of(Ended::Finished)).is_some());
        }
    }

    #[test]
    fn a_shadow_that_did_not_do_its_work_tells_nothing() {
        for ended in [Ended::Oom, Ended::Failed, Ended::Refused] {
            let nothing = Counters::nothing(ended).into();
            assert_eq!(Extrapolation::PRIOR.need(&nothing), None);
        }
        let finished: ShadowCounters = Counters {
            peak_mib: 300.2,
            demand: 0.9,
            demand_peak: 2.0,
            ..Counters::nothing(Ended::Finished)
        }
        .into();
        let need = Extrapolation::PRIOR.need(&finished).unwrap();
        assert_eq!((need.memory_mib, need.cores), (331, 2.0));
        let of_four = ShadowCounters {
            ranks: Some(4),
            ..finished
        };
        assert_eq!(Extrapolation::PRIOR.need(&of_four).unwrap().cores, 8.0);
    }

    #[test]
    fn a_site_starts_with_the_prior() {
        assert_eq!(
            Extrapolation::of_site(&observations(1.6)[..20]),
            Extrapolation::PRIOR
        );
        assert_ne!(
            Extrapolation::of_site(&observations(1.6)),
            Extrapolation::PRIOR
        );
        assert_eq!(Extrapolation::on(&[]), None);
    }
}
