//! How far each kind of job is trusted with smaller requests, how often those harmed it, and what holds it back.

use crate::agent::train::runs;
use crate::config::{Config, KindNumber, Stage};
use crate::fingerprint::{Key, Level};
use crate::job::Run;
use crate::model::trust::Earned;
use crate::store::Store;
use anyhow::Result;
use serde::Serialize;

/// Of a normal distribution, 95 % lie within so many standard deviations.
const Z: f64 = 1.96;

/// The levels of a user's own kinds.
const LEVELS: [Level; 3] = [Level::Command, Level::Script, Level::Name];

/// Where one kind stands, from its latest runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// How many of its jobs may be rewritten before their ends are known: a number, `all`, or `new` before any is.
    pub stage: String,
    /// Runs that were rewritten, and ended well or were harmed.
    pub rewritten: u64,
    /// Of those, the harmed ones.
    pub harmed: u64,
    /// Between these shares lies the rate of harm, at 95 %.
    pub harmed_between: [f64; 2],
    /// What must happen before more of its jobs are rewritten; `None` once all are.
    pub held_back: Option<String>,
}

impl Standing {
    /// Of the kind with this key, from all of its runs that count.
    pub fn of(store: &Store, config: &Config, key: Key) -> Result<Option<Standing>> {
        for level in LEVELS {
            let runs = runs(store, config, level, key, i64::MAX)?;
            if !runs.is_empty() {
                let earned = Standing::after(config, runs.iter().rev());
                return Ok(Some(
                    earned.unless_said(config.trust.kinds.get(&KindNumber(key.0))),
                ));
            }
        }
        Ok(None)
    }

    /// After these runs, the earliest first.
    fn after<'a>(config: &Config, runs: impl Iterator<Item = &'a Run>) -> Standing {
        let least = config.evidence.min_runs;
        let mut earned = Earned::new(&config.trust, least);
        let (mut completed, mut rewritten, mut harmed) = (0, 0, 0);
        for run in runs {
            earned.learn(run);
            completed += u32::from(run.completed);
            rewritten += u64::from(run.rewritten && (run.completed || run.harmed.is_some()));
            harmed += u64::from(run.rewritten && run.harmed.is_some());
        }
        let is_new = completed < least;
        Standing {
            stage: match is_new {
                true => "new".into(),
                false => earned.stage_text(),
            },
            rewritten,
            harmed,
            harmed_between: interval(harmed, rewritten),
            held_back: match is_new {
                true => Some(format!("{completed} of {least} completed runs")),
                false => earned.held_back(),
            },
        }
    }

    /// What an admin says counts, whatever was earned.
    fn unless_said(self, said: Option<&Stage>) -> Standing {
        match said {
            Some(stage) if self.stage != "new" => Standing {
                stage: stage.to_string(),
                held_back: (*stage != Stage::All).then(|| "[trust.kinds]".into()),
                ..self
            },
            _ => self,
        }
    }

    /// What is shown of it.
    pub const COLUMNS: [&'static str; 4] = ["Stage", "Harmed", "Harmed95%", "HeldBack"];

    /// In the order of [`Standing::COLUMNS`].
    pub fn cells(&self) -> [String; 4] {
        let [low, high] = self.harmed_between.map(|share| 100.0 * share);
        [
            self.stage.clone(),
            format!("{}/{}", self.harmed, self.rewritten),
            match self.rewritten {
                0 => "-".into(),
                _ => format!("{low:.1}..{high:.1}"),
            },
            self.held_back.clone().unwrap_or("-".into()),
        ]
    }
}

/// The score interval of a share, 95 % (Wilson, Journal of the American Statistical Association 22, 1927); from 0 to 1 where
/// nothing was counted.
fn interval(found: u64, of: u64) -> [f64; 2] {
    if of == 0 {
        return [0.0, 1.0];
    }
    let (n, share, z2) = (of as f64, found as f64 / of as f64, Z * Z);
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    [(middle - half).max(0.0), (middle + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Harmed;

    #[test]
    fn the_interval_is_wilsons() {
        for (found, of, low, high) in [
            (0, 10, 0.0, 0.2775),
            (1, 10, 0.0179, 0.4042),
            (5, 10, 0.2366, 0.7634),
            (10, 10, 0.7225, 1.0),
            (29, 1000, 0.0203, 0.0413),
            (0, 0, 0.0, 1.0),
        ] {
            let [from, to] = interval(found, of);
            assert!(
                (from - low).abs() < 1e-4 && (to - high).abs() < 1e-4,
                "{found}/{of}: {from} {to}"
            );
        }
    }

    #[test]
    fn a_kind_stands_where_its_runs_have_brought_it() {
        let run = |letter| Run {
            completed: letter != 'h',
            rewritten: letter != 'a',
            harmed: (letter == 'h').then_some(Harmed::Otherwise),
            went_on: false,
            usage: Default::default(),
            input_bytes: None,
            asked: None,
            command: None,
            user: 0,
            seats: Default::default(),
        };
        let after = |letters: &str| {
            let runs: Vec<Run> = letters.chars().map(run).collect();
            Standing::after(&Config::default(), runs.iter())
                .cells()
                .join("|")
        };
        for (runs, cells) in [
            ("aa", "new|0/0|-|2 of 3 completed runs"),
            ("aaa", "1|0/0|-|0 of 1 rewritten jobs ended well"),
            ("aaarr", "4|0/2|0.0..65.8|1 of 4 rewritten jobs ended well"),
            (
                "aaarhaa",
                "0|1/2|9.5..90.5|harmed: 2 of 6 runs ended well since",
            ),
        ] {
            assert_eq!(after(runs), cells);
        }
        assert!(after(&"r".repeat(30)).starts_with("all|0/30|0.0..11.4|-"));
    }
}
