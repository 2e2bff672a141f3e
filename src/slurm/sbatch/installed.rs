//! The sbatch of this machine: which release it is, and what plugins add to it.

use super::options::{Table, Takes};
use super::{LATEST, Release};
use crate::slurm::Commands;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt;

/// Variables as sbatch reads them, by name.
pub type Environment = BTreeMap<String, Vec<u8>>;

/// How the sbatch that is asked about reads submissions.
#[derive(Debug)]
pub struct Sbatch {
    pub(super) release: Release,
    pub(super) table: Table,
    pub(super) environment: Environment,
}

impl Default for Sbatch {
    /// The latest release, without plugins, in an empty environment.
    fn default() -> Self {
        Sbatch {
            release: LATEST,
            table: Table::of_sbatch(None, &[]),
            environment: Environment::new(),
        }
    }
}

impl Sbatch {
    /// The one that would be run here, in this process's environment. Where there is none, or it does not
    /// answer, the latest release without plugins.
    pub fn installed(commands: &dyn Commands) -> Sbatch {
        let answer = |question| {
            let said = commands.run("sbatch", &[question]).unwrap_or_default();
            String::from_utf8_lossy(&said).into_owned()
        };
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            Some((name, value.into_vec()))
        });
        let said = release(&answer("--version"));
        Sbatch {
            release: said.unwrap_or(LATEST),
            table: Table::of_sbatch(said, &plugin_options(&answer("--help"))),
            environment: environment.collect(),
        }
    }

    /// The same in another environment.
    pub fn with_environment(self, environment: Environment) -> Sbatch {
        Sbatch {
            environment,
            ..self
        }
    }
}

/// Of `slurm-wlm 22.05.8`.
fn release(text: &str) -> Option<Release> {
    let version = text.split_whitespace().last()?;
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The long options that a help text names, as `--container-image=[USER@]IMAGE`.
fn plugin_options(help: &str) -> Vec<(String, Takes)> {
    let words = help.lines().filter_map(|line| {
        let line = line.trim_start();
        let behind_letter = line
            .split_once(", ")
            .filter(|(letter, _)| letter.len() == 2);
        let long = behind_letter.map_or(line, |(_, long)| long);
        long.strip_prefix("--")?.split(char::is_whitespace).next()
    });
    let option = |word: &str| {
        let end = word.find(['=', '[', ',']).unwrap_or(word.len());
        let takes = match &word[end..] {
            value if value.starts_with("[=") => Takes::Perhaps,
            value if value.starts_with('=') => Takes::Value,
            _ => Takes::Nothing,
        };
        (word[..end].to_owned(), takes)
    };
    let all = words.map(option).filter(|(name, _)| !name.is_empty());
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_and_plugins_are_read_from_sbatch_itself() {
        assert_eq!(release("slurm-wlm 22.05.8\n"), Some((22, 5)));
        assert_eq!(release("slurm 26.05.5"), Some((26, 5)));
        assert_eq!(release("sbatch: fatal"), None);
        let help = "Usage: sbatch\n  -A, --account=name   charge\n      --image=[U@]I   run in it\n      --plain  x\n\
                    --some[=x]  y\n  -- z\n";
        let expected = [
            ("account", Takes::Value),
            ("image", Takes::Value),
            ("plain", Takes::Nothing),
            ("some", Takes::Perhaps),
        ];
        let found = plugin_options(help);
        let found: Vec<_> = found
            .iter()
            .map(|(name, takes)| (name.as_str(), *takes))
            .collect();
        assert_eq!(found, expected);
    }
}
