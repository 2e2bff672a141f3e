//! Is everything loaded, fresh and readable? Each finding with the command that fixes it.

mod cluster;
mod node;
mod state;

use crate::config::{Config, Mode};
use crate::slurm::Commands;
use std::path::Path;

/// One thing looked at.
#[derive(Debug)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// `None` when it is well, else what is wrong and the command that fixes it.
    pub problem: Option<(String, String)>,
}

impl Finding {
    fn good(what: impl Into<String>) -> Finding {
        Finding {
            what: what.into(),
            problem: None,
        }
    }

    fn bad(what: impl Into<String>, problem: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            what: what.into(),
            problem: Some((problem.into(), fix.into())),
        }
    }

    /// Good when `problem` is `None`.
    fn check(what: impl Into<String>, problem: Option<String>, fix: impl Into<String>) -> Finding {
        Finding {
            what: what.into(),
            problem: problem.map(|problem| (problem, fix.into())),
        }
    }
}

/// Looks at everything.
pub fn examine(config_path: &Path, commands: &dyn Commands) -> Vec<Finding> {
    let what = format!("configuration {}", config_path.display());
    let config = match Config::load(config_path) {
        Ok(config) => config,
        Err(error) => {
            let fix = format!("edit {}", config_path.display());
            return vec![Finding::bad(what, error.to_string(), fix)];
        }
    };
    // A file that was written somewhere else has no effect, and says so nowhere.
    let what = match config_path.exists() {
        true => what,
        false => format!("{what}: it is not there, all is as built in"),
    };
    let mut findings = vec![Finding::good(what)];
    findings.extend(licenses(&config));
    findings.extend(spool(&config));
    findings.extend(state::switches(&config));
    findings.extend(cluster::findings(commands, &config));
    findings.extend(state::findings(&config));
    findings
}

/// A mode for licenses without a word of what shows their use does nothing.
fn licenses(config: &Config) -> Option<Finding> {
    let named = config.modes.licenses.is_some_and(|mode| mode > Mode::Off);
    (named && config.license.is_empty()).then(|| {
        Finding::bad(
            "modes: licenses",
            "no [[license]] says what shows that one is in use; the setting has no effect",
            "add a [[license]], or remove licenses from [modes]",
        )
    })
}

/// Without its folder no profile arrives, and no outcome either: they are read together.
fn spool(config: &Config) -> Option<Finding> {
    let folder = config.profile.spool_dir.as_ref()?;
    let missing = (!folder.is_dir()).then(|| "it is no folder here".to_owned());
    let fix = format!(
        "mkdir -m 700 {}, on a file system that all nodes share",
        folder.display()
    );
    Some(Finding::check("profile: spool_dir", missing, fix))
}

#[cfg(test)]
mod tests;
