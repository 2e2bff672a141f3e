//! The one configuration file, `shadowfit.toml`, and every default in one table: [`Config::default`].
#![forbid(unsafe_code)]

mod license;
mod limits;
mod managers;
mod modes;
mod trust;

pub use license::{Io, License, LicenseLimits, Rate};
pub use limits::{
    AgentLimits, BreakerLimits, CpuLimits, DatabaseLimits, ElasticLimits, EvidenceLimits,
    MemoryLimits, ProfileLimits, ShadowLimits, TimeLimits,
};
pub use managers::{Care, Manager, Managers};
pub use modes::{Mode, ModeTable, Modes, NoRequeue, Owner, PerResource, Rule};
use serde::Deserialize;
use std::path::{Path, PathBuf};
pub use trust::{KindNumber, Stage, TrustLimits};

/// The file's content.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the snapshot, the database and the kill switch lie; on the controller, readable by SlurmUser.
    pub state_dir: PathBuf,
    /// What is done unless a rule says otherwise.
    pub modes: ModeTable,
    /// Exceptions; of those that match a job, a later one wins over an earlier one.
    pub rule: Vec<Rule>,
    /// Jobs whose submitter retries by itself.
    pub managers: Managers,
    /// How much must be known.
    pub evidence: EvidenceLimits,
    /// How a kind of job earns that all of its jobs are rewritten.
    pub trust: TrustLimits,
    /// When nothing is rewritten any more.
    pub breaker: BreakerLimits,
    /// The breaker is open: nothing is set beyond advice. No setting: the file beside the snapshot says so.
    #[serde(skip)]
    pub is_advised_only: bool,
    /// How memory is set.
    pub memory: MemoryLimits,
    /// What jobs that outgrow their memory are lent.
    pub elastic: ElasticLimits,
    /// How CPUs are set.
    pub cpus: CpuLimits,
    /// How licenses are set.
    pub licenses: LicenseLimits,
    /// What shows that licenses are in use.
    pub license: Vec<License>,
    /// Bandwidth as licenses; they are in `license`, too.
    pub io: Io,
    /// How time is set.
    pub time: TimeLimits,
    /// Shadows of new kinds of jobs.
    pub shadow: ShadowLimits,
    /// How shadowfitd works.
    pub agent: AgentLimits,
    /// Where profiles go.
    pub profile: ProfileLimits,
    /// How long it remembers.
    pub database: DatabaseLimits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            state_dir: "/var/lib/shadowfit".into(),
            modes: ModeTable::default(),
            rule: Vec::new(),
            managers: Managers::default(),
            evidence: EvidenceLimits::default(),
            trust: TrustLimits::default(),
            breaker: BreakerLimits::default(),
            is_advised_only: false,
            memory: MemoryLimits::default(),
            elastic: ElasticLimits::default(),
            cpus: CpuLimits::default(),
            licenses: LicenseLimits::default(),
            license: Vec::new(),
            io: Io::default(),
            time: TimeLimits::default(),
            shadow: ShadowLimits::default(),
            agent: AgentLimits::default(),
            profile: ProfileLimits::default(),
            database: DatabaseLimits::default(),
        }
    }
}

/// Why a configuration cannot be used; says which file, which line and what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file's content is not a configuration.
    #[error("{path}: line {line}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What was expected.
        message: String,
    },
}

impl Config {
    /// The file that is read when none is named: `$SHADOWFIT_CONFIG`, else `shadowfit.toml` beside
    /// slurm.conf.
    pub fn default_path() -> PathBuf {
        if let Some(path) = std::env::var_os("SHADOWFIT_CONFIG") {
            return path.into();
        }
        let slurm_conf = std::env::var_os("SLURM_CONF").unwrap_or("/etc/slurm/slurm.conf".into());
        Path::new(&slurm_conf).with_file_name("shadowfit.toml")
    }

    /// Reads `path`; a file that does not exist means all defaults. Looks whether the breaker is open, too.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let mut config = match std::fs::read(path) {
            Ok(bytes) => Config::parse(path, &bytes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Config::default(),
            Err(source) => {
                return Err(ConfigError::Unreadable {
                    path: path.into(),
                    source,
                });
            }
        };
        config.is_advised_only = config.breaker_path().exists();
        Ok(config)
    }

    /// Parses the content of `path`.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Config, ConfigError> {
        let invalid = |line, message: &str| ConfigError::Invalid {
            path: path.into(),
            line,
            message: message.into(),
        };
        let text = str::from_utf8(bytes).map_err(|error| {
            let good = &bytes[..error.valid_up_to()];
            invalid(line_at(good, good.len()), "not UTF-8 text")
        })?;
        let mut config: Config = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            invalid(line_at(bytes, at), error.message())
        })?;
        if config.memory.raise == Mode::Apply && config.memory.raise_to_mib == 0 {
            let at = memchr::memmem::find(bytes, b"raise").unwrap_or(0);
            let message =
                "`raise = \"apply\"` needs `raise_to_mib`, the most that a job is given on a node";
            return Err(invalid(line_at(bytes, at), message));
        }
        config.license.extend(config.io.licenses());
        Ok(config)
    }

    /// The modes of a job of `owner`.
    pub fn modes(&self, owner: Owner) -> Modes {
        let table = &self.modes;
        let unset = PerResource::all(Mode::Off);
        let rules = self.rule.iter().filter(|rule| rule.matches(owner));
        let modes = rules.fold(
            table.named().over(Some(table.default), unset),
            |modes, rule| rule.named().over(rule.mode, modes),
        );
        match self.is_advised_only {
            true => modes.at_most(Mode::Advise),
            false => modes,
        }
    }

    /// The modes of a job that `manager` has submitted: none is set where its jobs keep their request.
    pub fn modes_under(&self, owner: Owner, manager: Option<Manager>) -> Modes {
        let modes = self.modes(owner);
        match self.managers.care(manager) {
            Care::Keep => modes.at_most(Mode::Observe),
            Care::Size | Care::Early | Care::Rescue => modes,
        }
    }

    /// Whether a job that `manager` has submitted is sized though it may not be requeued.
    pub fn sizes_without_requeue(&self, owner: Owner, manager: Option<Manager>) -> bool {
        let rules = self.rule.iter().filter(|rule| rule.matches(owner));
        let named = rules.filter_map(|rule| rule.no_requeue).next_back();
        let of_managers = manager.map(|_| self.managers.no_requeue);
        named.or(of_managers) == Some(NoRequeue::Size)
    }

    /// Whether any job at all may have a shadow.
    pub fn wants_shadows(&self) -> bool {
        self.shadow.enabled || self.rule.iter().any(|rule| rule.shadow == Some(true))
    }

    /// Whether a new kind of job of `owner` is measured by a shadow: only where that would change
    /// what it gets, since it has to wait for it.
    pub fn shadows(&self, owner: Owner, modes: Modes) -> bool {
        let rules = self.rule.iter().filter(|rule| rule.matches(owner));
        let enabled = rules
            .filter_map(|rule| rule.shadow)
            .next_back()
            .unwrap_or(self.shadow.enabled);
        enabled && (modes.memory == Mode::Apply || modes.cpus == Mode::Apply)
    }

    /// Whether a job of `owner` may be lent memory by its nodes.
    pub fn lends(&self, owner: Owner) -> bool {
        let rules = self.rule.iter().filter(|rule| rule.matches(owner));
        let named = rules.filter_map(|rule| rule.elastic).next_back();
        self.elastic.pool_mib > 0 && named.unwrap_or(true)
    }

    /// The model that slurmctld reads.
    pub fn snapshot_path(&self) -> PathBuf {
        self.state_dir.join("snapshot")
    }

    /// While this file exists, every job passes unchanged.
    pub fn kill_switch_path(&self) -> PathBuf {
        self.state_dir.join("off")
    }

    /// While this file exists, nothing is set beyond advice; it says why.
    pub fn breaker_path(&self) -> PathBuf {
        self.state_dir.join("breaker-open")
    }

    /// The behavioural database.
    pub fn database_path(&self) -> PathBuf {
        self.state_dir.join("jobs.db")
    }
}

fn line_at(text: &[u8], offset: usize) -> usize {
    1 + text[..offset.min(text.len())]
        .iter()
        .filter(|&&b| b == b'\n')
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("/etc/slurm/shadowfit.toml"), text.as_bytes())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_shipped_file_shows_exactly_the_defaults() {
        let shipped = include_str!("../../scripts/shadowfit.toml");
        assert_eq!(parse(shipped).unwrap(), Config::default());
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_line_and_what_is_allowed() {
        let cases = [
            ("\nmodez = 1", "line 2", "expected one of"),
            ("[modes]\ndefault = 'always'", "line 2", "`observe`"),
            ("[modes]\n\nmemmory = 'off'", "line 3", "`memory`"),
            ("[memory]\nfailure_price = -1", "line 2", "from 0 to 100"),
            ("[memory]\nraise = 'apply'", "line 2", "`raise_to_mib`"),
            ("[cpus]\nmargin = 0.5", "line 2", "from 1 to 100"),
            ("[evidence]\nmin_runs = 0", "line 2", "from 1"),
            ("[evidence]\nmax_kinds_per_user = 0", "line 2", "from 1"),
            // The kernel would take it for no limit at all.
            ("[shadow]\nscratch_mib = 0", "line 2", "from 1"),
            ("[shadow]\n\nio_mib_s = 0", "line 3", "from 1"),
            ("[shadow]\npids = 0", "line 2", "from 1"),
            ("[shadow]\nmemory_mib = 0", "line 2", "from 1"),
            ("[agent]\ninterval_s = -1", "line 2", "-1"),
            ("[trust]\nstages = [1, 0]", "line 2", "from 1"),
            (
                "[trust.kinds]\n1570986c03bd03d6 = 'most'",
                "line 2",
                "from 0 to 65534",
            ),
            (
                "[trust.kinds]\n1570986c03bd03d6 = 65535",
                "line 2",
                "from 0 to 65534",
            ),
            (
                "[trust.kinds]\n1570986c = 0",
                "line 2",
                "16 hexadecimal digits",
            ),
            ("[[rule]]\nuser = 'a'\nmode = 3", "line 3", "string"),
            ("x = [", "line 1", ""),
        ];
        for (text, line, allowed) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("/etc/slurm/shadowfit.toml: "), "{error}");
            assert!(
                error.contains(line) && error.contains(allowed),
                "{text:?}: {error}"
            );
        }
        let error = Config::parse(Path::new("f"), b"a = 1\n\xff").unwrap_err();
        assert_eq!(error.to_string(), "f: line 2: not UTF-8 text");
    }

    #[test]
    fn the_last_matching_rule_wins() {
        let config = parse(
            "[modes]\ndefault = 'apply'\ncpus = 'advise'\n\
             [[rule]]\npartition = 'debug'\nmode = 'off'\n\
             [[rule]]\nuser = 'alice'\nmemory = 'observe'",
        )
        .unwrap();
        let modes = |user, partition: &'static str| {
            let modes = config.modes(Owner {
                user: Some(user),
                account: None,
                partition: Some(partition.as_bytes()),
            });
            (modes.memory, modes.cpus)
        };
        assert_eq!(modes("bob", "batch"), (Mode::Apply, Mode::Advise));
        assert_eq!(modes("bob", "batch,debug"), (Mode::Off, Mode::Off));
        assert_eq!(modes("alice", "debug"), (Mode::Observe, Mode::Off));
    }

    #[test]
    fn jobs_that_may_not_be_requeued_are_sized_only_where_an_admin_says_so() {
        let nextflow = Some(Manager::Nextflow);
        let rule = "[[rule]]\nuser = 'alice'\nno_requeue =";
        for (text, own, managers) in [
            (String::new(), false, false),
            (format!("{rule} 'size'"), true, true),
            ("managers.no_requeue = 'size'".into(), false, true),
            (
                format!("managers.no_requeue = 'size'\n{rule} 'keep'"),
                false,
                false,
            ),
            (format!("{rule} 'size'\n{rule} 'keep'"), false, false),
            (
                "[[rule]]\nuser = 'bob'\nno_requeue = 'size'".into(),
                false,
                false,
            ),
        ] {
            let config = parse(&text).unwrap();
            let alice = Owner {
                user: Some("alice"),
                ..Owner::default()
            };
            let sizes = |manager| config.sizes_without_requeue(alice, manager);
            assert_eq!((sizes(None), sizes(nextflow)), (own, managers), "{text}");
        }
    }
}
