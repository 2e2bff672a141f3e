//! `[licenses]`, `[[license]]` and `[io]`: what shows that a license is in use, and what is done about it.

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
    /// The command that reports who holds seats, as `["lmutil", "lmstat", "-a", "-c", "27000@lic1"]`, or that of
    /// another manager; shadowfitd runs it in every pass, and more rarely where it takes long.
    #[serde(default)]
    pub lmstat: Vec<String>,
    /// What that command calls it; default: its name.
    #[serde(default)]
    pub feature: Option<String>,
    /// Environment modules: a script that names one may need the license, whatever earlier runs did.
    #[serde(default)]
    pub modules: Vec<String>,
    /// One seat for each MB a second that a job moves in its busiest second; as `[io]` names it.
    #[serde(skip)]
    pub rate: Option<Rate>,
}

/// What is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// From and to storage.
    Storage,
    /// Over the network.
    Network,
}

/// `[io]`: bandwidth as licenses, so that Slurm itself keeps jobs apart that would saturate a file system
/// or a network together. A license has one seat for each MB (10⁶ bytes) a second.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Io {
    /// For what goes from and to storage.
    pub license: Option<String>,
    /// For what goes over the network.
    pub network_license: Option<String>,
}

impl Io {
    /// What it names, as licenses to be watched for.
    pub fn licenses(&self) -> Vec<License> {
        let named = [
            (&self.license, Rate::Storage),
            (&self.network_license, Rate::Network),
        ];
        let license = |(name, rate): (&Option<String>, Rate)| {
            Some(License {
                name: name.clone()?,
                rate: Some(rate),
                ..License::default()
            })
        };
        named.into_iter().filter_map(license).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;
    use std::path::Path;

    #[test]
    fn bandwidth_is_a_license_like_others() {
        let text = "[[license]]\nname = 'matlab'\n[io]\nlicense = 'lustre_mbps'\n";
        let config = Config::parse(Path::new("x"), text.as_bytes()).unwrap();
        let named: Vec<_> = config
            .license
            .iter()
            .map(|l| (l.name.as_str(), l.rate))
            .collect();
        assert_eq!(
            named,
            [("matlab", None), ("lustre_mbps", Some(Rate::Storage))]
        );
    }
}
