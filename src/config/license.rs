//! `[licenses]` and `[[license]]`: what shows that a license is in use, and what is done about it.

use super::{Mode, limits::at_least_one};
use serde::Deserialize;

/// `[licenses]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LicenseLimits {
    /// Completed runs of a kind that were watched before a license that none of them used is dropped, or a
    /// count lowered; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub min_runs: u32,
    /// What is done about a license that most runs used and this job does not ask for.
    pub add: Mode,
}

impl Default for LicenseLimits {
    fn default() -> Self {
        LicenseLimits {
            min_runs: 5,
            add: Mode::Advise,
        }
    }
}

/// `[[license]]`: one of Slurm's licenses.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct License {
    /// As slurm.conf or sacctmgr name it.
    pub name: String,
    /// Its servers, as `27000@lic1`: each established connection of a job is a seat.
    #[serde(default)]
    pub servers: Vec<String>,
    /// Programs that hold a seat while they run.
    #[serde(default)]
    pub processes: Vec<String>,
    /// Environment modules: a script that names one may need the license, whatever earlier runs did.
    #[serde(default)]
    pub modules: Vec<String>,
}
