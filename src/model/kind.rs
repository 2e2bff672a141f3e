//! What is learned about one kind of job, run by run: what its runs used, and what is enough for the next.

use super::estimator::{Prediction, Sample};
use super::learned::Learned;
use super::margin::{Price, SHARES};
use super::seats::{SeatUse, id};
use super::second::{Second, second};
use super::selection::Selection;
use super::trust::Earned;
use crate::config::Config;
use crate::job::evidence::Evidence;
use crate::job::shadow::Need;
use crate::job::{Named, Run};
use crate::text::units::MIB;
use std::collections::{BTreeMap, VecDeque};

/// Of a run that died of its memory limit the need is not known; it is taken to be this much more. A judgement, for the traces
/// know each peak: with less a kind that has outgrown its history kills more runs until it is seen to, with more each such kill
/// widens what all of its jobs get.
const OUTGROWN: f64 = 1.2;

/// What is known about one kind of job.
pub struct KindModel {
    window: usize,
    lends: bool,
    runs: VecDeque<Run>,
    memory: Selection,
    time: Selection,
    earned: Earned,
}

impl KindModel {
    /// Nothing is known yet. `refused` is the share of jobs in need of more memory to which their node lends nothing; `None`
    /// where no node lends.
    pub fn new(config: &Config, refused: Option<f64>) -> KindModel {
        let window = config.evidence.window;
        let price = |killed, refused| Price { killed, refused };
        KindModel {
            window: window as usize,
            lends: refused.is_some(),
            runs: VecDeque::new(),
            memory: Selection::new(window, price(config.memory.failure_price, refused)),
            time: Selection::new(window, price(config.time.failure_price, None)),
            earned: Earned::new(&config.trust, config.evidence.min_runs),
        }
    }

    /// Takes in a run.
    pub fn learn(&mut self, run: &Run) {
        self.earned.learn(run);
        if let Some(sample) = self.memory_of(run) {
            self.memory.learn(sample);
        }
        if let Some(sample) = self.time_of(run) {
            self.time.learn(sample);
        }
        self.runs.push_back(run.clone());
        if self.runs.len() > self.window {
            self.runs.pop_front();
        }
    }

    /// What a run says about memory. One that did not end well says something only if it needed more
    /// than it would be given.
    fn memory_of(&self, run: &Run) -> Option<Sample> {
        let peak = run.usage.peak_bytes.filter(|&bytes| bytes > 0)? as f64 / MIB as f64;
        let sample = Sample {
            input: ln_input(run.input_bytes),
            peak: if run.usage.peak_is_bound {
                OUTGROWN * peak
            } else {
                peak
            },
            // A run counts for at least a second.
            hours: run.usage.elapsed_s.max(1) as f64 / 3600.0,
            asked: run.asked.map(|bytes| bytes as f64 / MIB as f64),
        };
        let outgrown = || {
            let predicted = self.memory.predict(sample.input);
            predicted.is_none_or(|predicted| sample.peak > predicted.enough)
        };
        (run.completed || outgrown()).then_some(sample)
    }

    /// What a run says about run time: only one that was left to its end says all of it.
    fn time_of(&self, run: &Run) -> Option<Sample> {
        run.completed.then(|| Sample {
            input: ln_input(run.input_bytes),
            peak: run.usage.elapsed_s.max(1) as f64,
            hours: 1.0,
            asked: None,
        })
    }

    /// The memory in MiB that each of [`SHARES`] of such jobs with this much input, in bytes, stay under.
    pub fn memory_quantiles(&self, input_bytes: Option<u64>) -> Option<[f64; SHARES.len()]> {
        let known = self.memory.predict(ln_input(input_bytes));
        let known = known.or_else(|| self.memory.predict(None));
        Some(known?.quantiles)
    }

    /// What memory a job gets next that died of `first_mib` on a node; all in MiB. See [`second`].
    pub fn second(&self, first_mib: f64, asked_mib: f64) -> Option<Second> {
        second(&self.runs, first_mib, asked_mib)
    }

    /// All that is known by now; `shadow` is what a shadow of this kind predicted.
    pub fn learned(&self, shadow: Option<Need>) -> Learned {
        let figure = |predicted: Option<Prediction>, of: fn(&Prediction) -> f64| {
            predicted.map_or(0, |predicted| of(&predicted).ceil() as u32)
        };
        let (any_memory, memory, lent_share) = self.memory.learned();
        let (any_time, time, _) = self.time.learned();
        let lent_to = any_memory.filter(|_| self.lends);
        Learned {
            evidence: Evidence {
                enough_mib: figure(any_memory, |memory| memory.enough),
                lent_to_mib: figure(lent_to, |memory| memory.lent_to),
                enough_s: figure(any_time, |time| time.enough),
                ..self.evidence(shadow)
            },
            memory,
            lent_share: lent_share as f32,
            time,
            seats: self.seats(),
            ..Learned::default()
        }
    }

    fn seats(&self) -> Vec<SeatUse> {
        let mut found: BTreeMap<&str, SeatUse> = BTreeMap::new();
        for run in self.runs.iter().filter(|run| run.completed) {
            for (name, &held) in &run.seats {
                let seats = found.entry(name).or_default();
                seats.license = id(name);
                seats.watched = seats.watched.saturating_add(1);
                seats.used = seats.used.saturating_add(u8::from(held > 0));
                seats.most = seats.most.max(held.min(u16::MAX.into()) as u16);
            }
        }
        found.into_values().collect()
    }

    fn evidence(&self, shadow: Option<Need>) -> Evidence {
        let mib = |run: &Run| run.usage.peak_bytes.map(|bytes| bytes.div_ceil(MIB) as u32);
        let completed = self.runs.iter().filter(|run| run.completed);
        let mut peaks: Vec<u32> = completed.filter_map(mib).collect();
        let shadow_cores = shadow.map(|need| f64::from(need.cores));
        let cores = self.runs.iter().filter_map(|run| run.usage.cores);
        let longest = self.runs.iter().map(|run| run.usage.elapsed_s).max();
        Evidence {
            runs: peaks.len() as u32,
            max_mib: self.runs.iter().filter_map(mib).max().unwrap_or(0),
            p99_mib: percentile_99(&mut peaks),
            cores: cores.chain(shadow_cores).fold(0.0, f64::max) as f32,
            longest_s: longest.unwrap_or(0).min(u64::from(u32::MAX)) as u32,
            shadow_mib: shadow.map_or(0, |need| need.memory_mib),
            enough_mib: 0,
            lent_to_mib: 0,
            enough_s: 0,
            trust: self.earned.trust(),
            half_mib: half(self.runs.iter().filter_map(at_least).collect()),
            named_mib: self.most_named(|named| named.memory_mib),
            named_cpus: self.most_named(|named| named.cpus),
            goes_on: self.runs.iter().any(|run| run.went_on),
        }
    }

    fn most_named(&self, of: fn(&Named) -> u32) -> u32 {
        let named = self.runs.iter().map(|run| of(&run.usage.named));
        named.max().unwrap_or(0)
    }
}

/// What a run needed at least, in MiB; nothing of those that ended before their time.
fn at_least(run: &Run) -> Option<u32> {
    let peak = run.usage.peak_bytes?.div_ceil(MIB) as u32;
    match run.usage.peak_is_bound {
        true => Some(peak.saturating_add(1)),
        false => run.completed.then_some(peak),
    }
}

/// The largest value that at least half of them reach.
fn half(mut values: Vec<u32>) -> u32 {
    let middle = values.len() / 2;
    match values.is_empty() {
        true => 0,
        false => *values.select_nth_unstable(middle).1,
    }
}

fn ln_input(input_bytes: Option<u64>) -> Option<f64> {
    let input = input_bytes.filter(|&bytes| bytes > 0)?;
    Some((input as f64).ln())
}

/// Nearest rank: the smallest value that at least 99 % do not exceed.
fn percentile_99(values: &mut [u32]) -> u32 {
    let rank = (values.len() * 99).div_ceil(100);
    rank.checked_sub(1)
        .map_or(0, |index| *values.select_nth_unstable(index).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Usage;

    fn run(input_gb: Option<f64>, peak_mib: f64) -> Run {
        Run {
            completed: true,
            usage: Usage {
                peak_bytes: Some((peak_mib * MIB as f64) as u64),
                peak_is_bound: false,
                cores: Some(1.0),
                elapsed_s: 3600,
                named: Default::default(),
                launched: None,
            },
            input_bytes: input_gb.map(|gb| (gb * 1e9) as u64),
            asked: Some(64 << 30),
            rewritten: false,
            harmed: None,
            went_on: false,
            command: None,
            user: 0,
            seats: BTreeMap::new(),
        }
    }

    fn after(runs: impl IntoIterator<Item = Run>) -> Learned {
        let mut model = KindModel::new(&Config::default(), None);
        runs.into_iter().for_each(|run| model.learn(&run));
        model.learned(None)
    }

    fn enough(learned: &Learned, input_gb: f64) -> f64 {
        f64::from(learned.for_input(Some((input_gb * 1e9) as u64)).enough_mib)
    }

    #[test]
    fn what_steps_of_any_run_named_stays_known() {
        let naming = |memory_mib, cpus| {
            let mut run = run(None, 100.0);
            run.usage.named = Named { memory_mib, cpus };
            run
        };
        let named = |runs: Vec<Run>| {
            let evidence = after(runs).evidence;
            (evidence.named_mib, evidence.named_cpus)
        };
        assert_eq!(named(vec![]), (0, 0));
        assert_eq!(
            named(vec![
                run(None, 1.0),
                naming(800, 2),
                naming(300, 4),
                run(None, 1.0)
            ]),
            (800, 4)
        );
    }

    #[test]
    fn a_kind_goes_on_that_has_done_so_with_what_its_user_asked_for() {
        let goes_on = |went_on| {
            let went_on = Run {
                completed: false,
                went_on,
                ..run(None, 9.0)
            };
            after([run(None, 9.0), went_on, run(None, 9.0)])
                .evidence
                .goes_on
        };
        assert!(goes_on(true) && !goes_on(false));
    }

    #[test]
    fn half_of_the_runs_need_that_and_those_that_died_of_their_limit_more() {
        let dead = |peak_mib| {
            let mut run = run(None, peak_mib);
            run.completed = false;
            run.usage.peak_is_bound = true;
            run
        };
        let failed = Run {
            completed: false,
            ..run(None, 9000.0)
        };
        let half = |runs: Vec<Run>| after(runs).evidence.half_mib;
        assert_eq!(half(vec![]), 0);
        assert_eq!(half(vec![run(None, 100.0), run(None, 300.0), failed]), 300);
        assert_eq!(
            half(vec![run(None, 100.0), dead(200.0), run(None, 300.0)]),
            201
        );
        assert_eq!(
            half(vec![run(None, 100.0), run(None, 100.0), dead(900.0)]),
            100
        );
    }

    #[test]
    fn memory_that_follows_the_input_is_set_by_it() {
        let sizes = (0..90).map(|n| 1.0 + f64::from((n * 37) % 90));
        let grows = after(sizes.map(|gb| run(Some(gb), 500.0 + 100.0 * gb)));
        for gb in [2.0, 30.0, 85.0, 120.0] {
            let over = enough(&grows, gb) / (500.0 + 100.0 * gb);
            assert!((1.0..1.25).contains(&over), "{gb} GB: {over}");
        }
    }

    #[test]
    fn memory_that_does_not_follow_the_input_is_one_figure() {
        let sizes = (0..90).map(|n| 1.0 + f64::from((n * 37) % 90));
        let steady = after(sizes.map(|gb| run(Some(gb), 11_000.0 + gb % 7.0)));
        assert!(steady.memory.0.len() <= 4, "{:?}", steady.memory);
        for gb in [2.0, 85.0, 300.0] {
            let over = enough(&steady, gb) / 11_000.0;
            assert!((1.0..1.05).contains(&over), "{gb} GB: {over}");
        }
    }

    #[test]
    fn a_job_that_outgrew_what_it_was_given_widens_its_kind_at_once() {
        let mut runs: Vec<Run> = (0..40)
            .map(|n| run(None, 1000.0 + f64::from(n % 5)))
            .collect();
        let before = after(runs.clone()).evidence.enough_mib;
        assert!((1004..1100).contains(&before), "{before}");
        let mut killed = run(None, f64::from(before));
        killed.completed = false;
        killed.usage.peak_is_bound = true;
        runs.push(killed);
        let learned = after(runs);
        assert!(f64::from(learned.evidence.enough_mib) >= 1.2 * f64::from(before));
        assert_eq!(learned.evidence.runs, 40);
    }

    #[test]
    fn runs_that_failed_early_tell_nothing() {
        let good = (0..20).map(|_| run(None, 1000.0));
        let failed = Run {
            completed: false,
            ..run(None, 3.0)
        };
        let all = after(good.clone().chain(vec![failed; 20]))
            .evidence
            .enough_mib;
        assert_eq!(all, after(good).evidence.enough_mib);
    }

    #[test]
    fn hostile_sizes_are_survived() {
        let outliers = [0, 1, u64::MAX].into_iter().flat_map(|input| {
            [0, 1, u64::MAX].map(|peak| Run {
                input_bytes: Some(input),
                usage: Usage {
                    peak_bytes: Some(peak),
                    ..run(None, 1.0).usage
                },
                ..run(None, 1.0)
            })
        });
        let learned = after(outliers.cycle().take(40));
        let mut knots = learned.memory.0.iter().chain(&learned.time.0);
        assert!(knots.all(|k| k.input.is_finite() && k.enough.is_finite()));
    }

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        assert_eq!(percentile_99(&mut []), 0);
        assert_eq!(percentile_99(&mut [9, 4]), 9);
        assert_eq!(percentile_99(&mut (1..=200).collect::<Vec<_>>()), 198);
    }
}
