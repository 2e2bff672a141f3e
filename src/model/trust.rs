//! How far a kind of job is trusted with smaller requests: one rewritten job first, then a few, then all. A rewrite that
//! harms takes all of it back, and more runs must end well before it is tried again.
//!
//! Too little memory takes back one stage, and nothing where it is rare: what the model gives is meant to be too little
//! once in a while, and a second run mends that. Where it is too little again before as many as make a kind known ended
//! well, it takes back all.
//!
//! All follows from the kind's runs in the order in which they ended, so that nothing has to be remembered.

use crate::config::TrustLimits;
use crate::job::evidence::Trust;
use crate::job::{Harmed, Run};

/// Runs with their request that are wanted are doubled with each harm, no more often than so. A judgement: with `min_runs` of 3
/// that makes 3072, more than most kinds ever run, and a kind that was mended can still earn its way back.
const MOST_DOUBLINGS: u32 = 10;

/// What the runs of one kind have earned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earned {
    stages: Vec<u32>,
    /// Completed runs after which a kind is known: what is doubled.
    known_after: u32,
    /// The stage in [`TrustLimits::stages`], or their number.
    stage: usize,
    /// Rewritten jobs that ended well in it; once all are trusted, since one had too little memory.
    well: u32,
    /// Rewritten jobs that ended well since one had too little memory; any number where none had.
    well_since: u32,
    /// Harms since all were trusted.
    harms: u32,
    /// Runs that must still end well before the first stage begins.
    wanted: u32,
}

impl Earned {
    /// Nothing yet; a kind is known after `known_after` runs.
    pub fn new(limits: &TrustLimits, known_after: u32) -> Earned {
        Earned {
            stages: limits.stages.clone(),
            known_after,
            stage: 0,
            well: 0,
            well_since: u32::MAX,
            harms: 0,
            wanted: 0,
        }
    }

    /// Takes in a run that has ended.
    pub fn learn(&mut self, run: &Run) {
        match run.harmed.filter(|_| run.rewritten) {
            Some(Harmed::OfMemory) => self.had_too_little_memory(),
            Some(Harmed::Otherwise) => self.take_all_back(),
            // Neither harmed nor well: it tells nothing.
            None if !run.completed => (),
            None if self.wanted > 0 => self.wanted -= 1,
            None if run.rewritten => self.ended_well(),
            None => (),
        }
    }

    fn ended_well(&mut self) {
        self.well = self.well.saturating_add(1);
        self.well_since = self.well_since.saturating_add(1);
        if self.size().is_some_and(|size| self.well >= size) {
            (self.stage, self.well) = (self.stage + 1, 0);
            if self.size().is_none() {
                self.harms = 0;
            }
        }
    }

    fn had_too_little_memory(&mut self) {
        let largest = self.stages.last().copied().unwrap_or(0);
        let is_rare = self.size().is_none() && self.well >= largest;
        let again = std::mem::take(&mut self.well_since) < self.known_after;
        if self.stage == 0 || again {
            self.take_all_back();
        } else {
            (self.stage, self.well) = (self.stage - usize::from(!is_rare), 0);
        }
    }

    /// What was under way when it was taken back, and is harmed as well, is no further harm.
    fn take_all_back(&mut self) {
        self.harms += u32::from(self.wanted == 0);
        (self.stage, self.well, self.wanted) = (0, 0, self.distance());
    }

    /// Runs that must end well after a harm before the first stage begins again.
    fn distance(&self) -> u32 {
        let doublings = self.harms.min(MOST_DOUBLINGS);
        self.known_after.saturating_mul(1 << doublings)
    }

    /// Jobs of the stage; `None` once all are trusted.
    fn size(&self) -> Option<u32> {
        self.stages.get(self.stage).copied()
    }

    /// How many more jobs may be rewritten. None of them as they are submitted, until the agent knows what is under way.
    pub fn trust(&self) -> Trust {
        match self.size() {
            None => Trust::ALL,
            Some(_) if self.wanted > 0 => Trust { left: 0, open: 0 },
            Some(size) => Trust {
                left: (size - self.well).min(u32::from(Trust::MOST)) as u16,
                open: 0,
            },
        }
    }

    /// How many jobs may be rewritten before their ends are known, as `1`, `0` after a harm, `all`.
    pub fn stage_text(&self) -> String {
        match self.size() {
            None => "all".into(),
            Some(_) if self.wanted > 0 => "0".into(),
            Some(size) => size.to_string(),
        }
    }

    /// What holds it back; `None` once all jobs are trusted.
    pub fn held_back(&self) -> Option<String> {
        let size = self.size()?;
        Some(match self.wanted {
            0 => format!("{} of {size} rewritten jobs ended well", self.well),
            wanted => {
                let all = self.distance();
                format!("harmed: {} of {all} runs ended well since", all - wanted)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r`: rewritten and well, `a`: as asked and well, `h`: harmed, `m`: harmed for want of memory, `f`: failed by itself.
    fn run(letter: char) -> Run {
        Run {
            completed: "ra".contains(letter),
            rewritten: "rhm".contains(letter),
            harmed: match letter {
                'h' => Some(Harmed::Otherwise),
                'm' => Some(Harmed::OfMemory),
                _ => None,
            },
            went_on: false,
            usage: Default::default(),
            input_bytes: None,
            asked: None,
            command: None,
            user: 0,
            seats: Default::default(),
        }
    }

    fn after(stages: &[u32], runs: &str) -> Earned {
        let limits = TrustLimits {
            stages: stages.into(),
            ..TrustLimits::default()
        };
        let mut earned = Earned::new(&limits, 3);
        runs.chars().for_each(|letter| earned.learn(&run(letter)));
        earned
    }

    #[test]
    fn a_kind_is_trusted_with_one_job_then_with_more_and_after_a_harm_with_none() {
        let all = u16::MAX;
        let regained = "r".repeat(1 + 4 + 16);
        for (runs, left, stage) in [
            (String::new(), 1, "1"),
            ("aaa".into(), 1, "1"),
            ("aaaf".into(), 1, "1"),
            ("r".into(), 4, "4"),
            ("rrar".into(), 2, "4"),
            ("rrrrr".into(), 16, "16"),
            (regained.clone(), all, "all"),
            // Six runs must end well, rewritten before the harm or not; failures do not count.
            ("rrh".into(), 0, "0"),
            ("rrharafa".into(), 0, "0"),
            ("rrhaaaraa".into(), 1, "1"),
            ("rrhaaaaaar".into(), 4, "4"),
            // What was under way with it is no second one.
            ("hhhaaaaaa".into(), 1, "1"),
            // Twelve after the second, and after all were trusted six again.
            ("haaaaaahaaaaaa".into(), 0, "0"),
            ("haaaaaahaaaaaaaaaaaa".into(), 1, "1"),
            (format!("haaaaaa{regained}haaaaaa"), 1, "1"),
            (format!("haaaaaa{regained}haaaaa"), 0, "0"),
            // Too little memory takes back one stage, and in the first all.
            (format!("{regained}m"), 16, "16"),
            (format!("{regained}mrrrm"), 4, "4"),
            (format!("{regained}mrrm"), 0, "0"),
            (format!("{regained}{}m", "r".repeat(15)), 16, "16"),
            (format!("{regained}{}m", "r".repeat(16)), all, "all"),
            (format!("{regained}{}mrrrm", "r".repeat(16)), 16, "16"),
            (format!("{regained}{}mrm", "r".repeat(16)), 0, "0"),
            ("rmrm".into(), 0, "0"),
            ("rrm".into(), 1, "1"),
            ("m".into(), 0, "0"),
            ("maaaaaar".into(), 4, "4"),
        ] {
            let earned = after(&[1, 4, 16], &runs);
            assert_eq!(
                (earned.trust().left, earned.stage_text().as_str()),
                (left, stage),
                "{runs}"
            );
        }
    }

    #[test]
    fn a_site_says_how_many_and_without_stages_all_are_trusted_whatever_comes() {
        assert_eq!(after(&[2, 3], "rrr").trust().left, 2);
        assert_eq!(after(&[], "hhh").trust(), Trust::ALL);
        assert_eq!(after(&[70_000], "").trust().left, Trust::MOST);
        // Nobody waits for ever, and nothing overflows.
        let all_well = "a".repeat(3 << MOST_DOUBLINGS);
        let harmed = after(&[1], &format!("h{all_well}").repeat(20));
        assert_eq!((harmed.wanted, harmed.harms), (0, 20));
        assert_eq!(harmed.distance(), 3 << MOST_DOUBLINGS);
    }

    #[test]
    fn what_holds_a_kind_back_is_said() {
        let said = |runs| after(&[1, 4], runs).held_back();
        assert_eq!(said("r").unwrap(), "0 of 4 rewritten jobs ended well");
        assert_eq!(said("haa").unwrap(), "harmed: 2 of 6 runs ended well since");
        assert_eq!(said("rrrrr"), None);
    }
}
