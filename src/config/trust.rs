//! `[trust]`: how a kind of job earns that all of its jobs are rewritten, and what an admin says of single kinds.

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;

/// `[trust]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustLimits {
    /// So many rewritten jobs of a kind must end well, one stage after the other, before all are rewritten; each at
    /// least 1. Without any, all are from the first on, and harm takes nothing back.
    #[serde(deserialize_with = "each_at_least_one")]
    pub stages: Vec<u32>,
    /// What an admin says of single kinds, by their keys, whatever their runs have earned.
    pub kinds: BTreeMap<KindNumber, Stage>,
}

impl TrustLimits {
    /// Any number of jobs of any kind may be rewritten.
    pub fn trust_all(&self) -> bool {
        self.stages.is_empty() && self.kinds.is_empty()
    }
}

/// A kind's key, written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KindNumber(pub u64);

impl<'de> Deserialize<'de> for KindNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KindNumber, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = u64::from_str_radix(&text, 16)
            .ok()
            .filter(|_| text.len() == 16);
        number.map(KindNumber).ok_or_else(|| {
            serde::de::Error::custom(
                "expected the 16 hexadecimal digits of a kind that report --by fingerprint shows",
            )
        })
    }
}

/// How many jobs of a kind may be rewritten before their ends are known: a number or `"all"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// So many; 0: they keep their request.
    Jobs(u16),
    /// Any number.
    All,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Jobs(jobs) => jobs.fmt(f),
            Stage::All => f.write_str("all"),
        }
    }
}

impl<'de> Deserialize<'de> for Stage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Stage, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Said {
            Jobs(i64),
            Word(String),
        }
        let said = Said::deserialize(deserializer).ok();
        let stage = said.and_then(|said| match said {
            Said::Jobs(jobs) => u16::try_from(jobs)
                .ok()
                .filter(|jobs| *jobs < u16::MAX)
                .map(Stage::Jobs),
            Said::Word(word) => (word == "all").then_some(Stage::All),
        });
        stage.ok_or_else(|| {
            serde::de::Error::custom("allowed: a whole number from 0 to 65534, or \"all\"")
        })
    }
}

impl Default for TrustLimits {
    fn default() -> Self {
        TrustLimits {
            stages: vec![1, 4, 16],
            kinds: BTreeMap::new(),
        }
    }
}

fn each_at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let numbers = Vec::<u32>::deserialize(deserializer)?;
    match numbers.contains(&0) {
        true => Err(serde::de::Error::custom("allowed: whole numbers from 1")),
        false => Ok(numbers),
    }
}
