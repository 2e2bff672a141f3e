//! How far above an estimate to set, from how far past jobs lay above theirs.
//!
//! What is set should cost least in expectation: memory set and not used, and for a job that is killed
//! all it was given, its second run with what its user asked for, and a price for the trouble. Past
//! ratios alone would put it exactly at a past maximum, which the next job misses by a hair at the price
//! of a whole run. So each ratio is smeared, and one job that nobody has seen yet is put above the worst.
//!
//! The constants: data, objective and command stand in `model/mod.rs`. They are not all alike: with UNSEEN_SPREADS at
//! 0.6 the objective is 0.50 instead of 0.43 (killed jobs given all at once), at 1.1 one trace (topeft) wastes four times as much.

use super::quantile::quantile;

/// Each past ratio stands for some above and below it, at this share of the spread.
const SMEAR: f64 = 0.1;

/// The unseen job lies above the worst by the spread times this, within the two bounds below, and
/// counts as so many jobs.
const UNSEEN_SPREADS: f64 = 0.75;
const UNSEEN_LEAST: f64 = 0.0063;
const UNSEEN_MOST: f64 = 0.122;
const UNSEEN_WEIGHT: f64 = 0.87;

/// What a spread is before anything is known, and how many jobs that is worth.
const USUAL_SPREAD: f64 = 0.087;
const USUAL_WEIGHT: f64 = 2.0;

/// While a kind is young, jobs far below the middle speak of others far above; after about so many it has
/// shown its upper side itself.
const YOUNG: f64 = 20.0;

/// At most this share of the smeared ratios may lie above what is set.
pub const MOST_ABOVE: f64 = 0.029;

/// What a job is lent costs so much of what it is set: a pool is kept out of Slurm's sight whether it is lent or not, and to lend
/// when it is asked it must be larger than what is lent. A judgement: more sets what more of the runs needed.
const LENT: f64 = 2.0;

/// So many of all jobs may be expected to be refused and killed, even if no more are killed where nobody lends. A judgement: with
/// more, jobs start lower and more run again; with none, nothing is ever lent where what is enough has been enough for all.
const MOST_REFUSED: f64 = 0.01;

/// The shares of jobs for which it is predicted what they stay under.
pub const SHARES: [f64; 3] = [0.5, 0.9, 0.99];

/// How far above an estimate things lie, in logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    /// What is to be set: ln(set / estimate).
    pub enough: f64,
    /// The same where nodes lend jobs more while they run; elsewhere `enough`.
    pub lent_to: f64,
    /// What each of [`SHARES`] stays under: ln(peak / estimate).
    pub quantiles: [f64; SHARES.len()],
}

/// What it costs to set too little.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// What a killed run costs beyond its memory, as a share of that.
    pub killed: f64,
    /// The share of jobs in need of more to which their node lends nothing; `None`: no node lends.
    pub refused: Option<f64>,
}

/// What [`Price::refused`] is where `died` of so many `runs` that needed more than they were given died of that; before any did, one
/// in four, which counts as four runs.
pub fn refused(runs: u32, died: u32) -> f64 {
    (f64::from(died) + 1.0) / (f64::from(runs) + 4.0)
}

/// A past job against its estimate.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    /// ln(peak / estimate).
    pub ln: f64,
    /// What the estimate costs there, times `count`: MiB·h for memory, seconds for run time.
    pub cost: f64,
    /// How much the job counts: 1 for a whole one.
    pub count: f64,
}

/// The margin that costs least for a job like those of `ratios`, of which there is at least one.
///
/// `retry` is what a second run gets as a share of the estimate; where it is missing or smaller than what
/// is set, that is doubled.
pub fn margin(mut ratios: Vec<Ratio>, retry: Option<f64>, price: Price) -> Margin {
    ratios.sort_by(|a, b| a.ln.total_cmp(&b.ln));
    let possible = smeared(&ratios);
    let count: f64 = possible.iter().map(|r| r.count).sum();
    let cheapest = |refused, most| cheapest(&possible, retry, price.killed, refused, most);
    let enough = cheapest(1.0, MOST_ABOVE * count);
    let above: f64 = possible
        .iter()
        .filter(|r| r.ln > enough)
        .map(|r| r.count)
        .sum();
    let most = above.max(MOST_REFUSED * count);
    let lent_to = |refused| cheapest(refused, most).min(enough);
    Margin {
        enough,
        lent_to: price.refused.map_or(enough, lent_to),
        quantiles: SHARES.map(|share| ln_at(&possible, share)),
    }
}

/// ln(set / estimate) that costs least for a job like those of `possible`, which are in order, where in the share `refused` of all
/// cases nothing is lent to one that needs more; no more of them than `most`, as they are counted, may die of that.
fn cheapest(possible: &[Ratio], retry: Option<f64>, price: f64, refused: f64, most: f64) -> f64 {
    let sum = |of: fn(&Ratio) -> f64| possible.iter().map(of).sum::<f64>();
    let (count, cost) = (sum(|r| r.count), sum(|r| r.cost));
    let used = sum(|r| r.cost * r.ln.exp());
    let (mut count_below, mut cost_below, mut used_below) = (0.0, 0.0, 0.0);
    let mut best = (f64::INFINITY, 0.0);
    for ratio in possible {
        count_below += ratio.count;
        cost_below += ratio.cost;
        used_below += ratio.cost * ratio.ln.exp();
        if refused * (count - count_below) > most {
            continue;
        }
        let set = ratio.ln.exp();
        let again = retry.filter(|&retry| retry > set).unwrap_or(2.0 * set);
        let cost_above = (cost - cost_below).max(0.0);
        let unused = set * cost_below - used_below;
        let lacking = used - used_below - set * cost_above;
        let killed = cost_above * (again + price * set) - lacking;
        let expected = unused + (1.0 - refused) * LENT * lacking + refused * killed;
        if expected < best.0 {
            best = (expected, ratio.ln);
        }
    }
    best.1
}

/// What `share` of these ratios, which are in order, do not exceed, as ln(peak / estimate).
fn ln_at(sorted: &[Ratio], share: f64) -> f64 {
    quantile(sorted.iter().map(|r| (r.ln, r.count)), share).unwrap_or(0.0)
}

/// The ratios, smeared, in order, and the job that nobody has seen yet.
fn smeared(ratios: &[Ratio]) -> Vec<Ratio> {
    let count: f64 = ratios.iter().map(|r| r.count).sum();
    let cost: f64 = ratios.iter().map(|r| r.cost).sum();
    let spread = spread(ratios, count);
    let mut all = Vec::with_capacity(3 * ratios.len() + 1);
    for (shift, share) in [(-1.0, 0.25), (0.0, 0.5), (1.0, 0.25)] {
        all.extend(ratios.iter().map(|r| Ratio {
            ln: r.ln + shift * SMEAR * spread,
            cost: r.cost * share,
            count: r.count * share,
        }));
    }
    let worst = ratios.last().map_or(0.0, |r| r.ln);
    all.push(Ratio {
        ln: worst + (UNSEEN_SPREADS * spread).clamp(UNSEEN_LEAST, UNSEEN_MOST),
        cost: UNSEEN_WEIGHT * cost / count,
        count: UNSEEN_WEIGHT,
    });
    // Stable, and so no more than a merge of three sorted lists.
    all.sort_by(|a, b| a.ln.total_cmp(&b.ln));
    all
}

/// Root mean square distance from the median, in logarithms, shrunk towards the usual; mostly of the
/// jobs above it.
fn spread(ratios: &[Ratio], count: f64) -> f64 {
    let median = ln_at(ratios, 0.5);
    let below = 1.0 / (1.0 + count / YOUNG);
    let squares: f64 = ratios
        .iter()
        .map(|r| {
            let distance = r.ln - median;
            let side = if distance > 0.0 { 2.0 - below } else { below };
            r.count * side * distance * distance
        })
        .sum();
    let usual = USUAL_WEIGHT * USUAL_SPREAD * USUAL_SPREAD;
    ((usual + squares) / (USUAL_WEIGHT + count)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratios(values: impl IntoIterator<Item = f64>) -> Vec<Ratio> {
        let ratio = |value: f64| Ratio {
            ln: value.ln(),
            cost: 1.0,
            count: 1.0,
        };
        values.into_iter().map(ratio).collect()
    }

    fn price(killed: f64, refused: Option<f64>) -> Price {
        Price { killed, refused }
    }

    fn set(values: impl IntoIterator<Item = f64>, retry: f64, killed: f64) -> f64 {
        margin(ratios(values), Some(retry), price(killed, None))
            .enough
            .exp()
    }

    #[test]
    fn quantiles_leave_their_share_above() {
        let values = (0..1000).map(|n| 1.0 + f64::from((n * 7919) % 1000) / 1000.0);
        let found = margin(ratios(values), Some(4.0), price(2.0, None))
            .quantiles
            .map(f64::exp);
        for (found, right) in found.into_iter().zip([1.5, 1.9, 1.99]) {
            assert!((found - right).abs() < 0.03, "{found} {right}");
        }
    }

    #[test]
    fn steady_jobs_get_a_hair_more_than_they_ever_used() {
        let set = set((0..200).map(|n| 1.0 + 0.001 * f64::from(n % 10)), 4.0, 2.0);
        assert!((1.009..1.03).contains(&set), "{set}");
    }

    #[test]
    fn few_jobs_get_more_room_than_many() {
        let few = set([1.0, 1.1, 1.2], 4.0, 2.0);
        let many = set((0..240).map(|n| 1.0 + 0.1 * f64::from(n % 3)), 4.0, 2.0);
        assert!(few > many && many > 1.2, "{few} {many}");
    }

    #[test]
    fn a_rare_giant_is_worth_a_second_run_only_while_that_is_cheap() {
        let values = || (0..200).map(|n| if n == 77 { 8.0 } else { 1.0 });
        assert!(set(values(), 9.0, 1.0) < 1.2);
        assert!(set(values(), 5000.0, 1.0) > 7.9);
    }

    #[test]
    fn less_is_set_the_more_surely_a_node_lends_and_few_are_killed() {
        let values = || (0..200).map(|n| 1.0 + f64::from((n * 7919) % 200) / 200.0);
        let lent_to = |refused| {
            let found = margin(ratios(values()), Some(4.0), price(2.0, refused));
            assert!(found.lent_to <= found.enough);
            found.lent_to.exp()
        };
        let sets = [Some(0.0), Some(0.05), Some(0.2), Some(1.0), None].map(lent_to);
        assert!(
            sets.is_sorted() && sets[0] < 1.7 && sets[3] > 1.95,
            "{sets:?}"
        );
        assert_eq!(sets[3], sets[4]);
        for (refused, set) in [0.05, 0.2].into_iter().zip(&sets[1..]) {
            let above = values().filter(|value| value > set).count();
            assert!(
                refused * above as f64 <= MOST_ABOVE * 201.0,
                "{refused}: {set}"
            );
        }
    }

    #[test]
    fn refusals_are_believed_as_they_come() {
        let shares = [(0, 0), (40, 0), (40, 40)].map(|(runs, died)| refused(runs, died));
        assert!(
            shares[0] == 0.25 && shares[1] < 0.03 && shares[2] > 0.9,
            "{shares:?}"
        );
    }

    #[test]
    fn a_higher_price_never_sets_less() {
        let values = || (0..60).map(|n| 1.0 + 0.05 * f64::from((n * 7919) % 60));
        let sets: Vec<f64> = [0.0, 1.0, 5.0, 50.0]
            .map(|price| set(values(), 5.0, price))
            .into();
        assert!(sets.is_sorted(), "{sets:?}");
    }
}
