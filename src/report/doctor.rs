//! Is everything loaded, fresh and readable? Each finding with the command that fixes it.

use crate::agent::TOLD_BY_FOLDERS;
use crate::config::{Config, Mode};
use crate::model::snapshot::Snapshot;
use crate::slurm::{Commands, site};
use crate::store::Store;
use crate::text::units::MIB;
use crate::text::units::printable;
use std::collections::HashMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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
    findings.push(kill_switch(&config));
    findings.push(breaker(&config));
    findings.extend(slurm(commands, &config));
    findings.push(snapshot(&config));
    findings.push(database(&config));
    findings.extend(new_jobs(&config));
    findings.extend(growth(&config));
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

fn kill_switch(config: &Config) -> Finding {
    let path = config.kill_switch_path();
    let thrown = path
        .exists()
        .then(|| "it is there: every job passes unchanged".to_owned());
    Finding::check("kill switch", thrown, format!("rm {}", path.display()))
}

/// Whoever closes it wants to know why it opened.
fn breaker(config: &Config) -> Finding {
    let path = config.breaker_path();
    let why = std::fs::read_to_string(&path).unwrap_or_default();
    let why = printable(why.trim());
    let problem = config
        .is_advised_only
        .then(|| format!("nothing is set beyond advice: {why}"));
    let fix = format!(
        "see 'shadowfit report --by fingerprint', leave out by a rule what fails, then: rm {}",
        path.display()
    );
    Finding::check("breaker", problem, fix)
}

fn slurm(commands: &dyn Commands, config: &Config) -> Vec<Finding> {
    let settings = match site::settings(commands) {
        Ok(settings) => settings,
        Err(error) => {
            return vec![Finding::bad(
                "slurmctld",
                error.to_string(),
                "systemctl start slurmctld",
            )];
        }
    };
    let setting = |name: &str| settings.get(name).map_or("", String::as_str);
    let conf = "edit slurm.conf, then: scontrol reconfigure";
    let expect = |what: &str, good: bool, problem: String, fix: &str| {
        Finding::check(what, (!good).then_some(problem), fix)
    };
    let plugins = setting("JobSubmitPlugins");
    let mut findings = vec![
        expect(
            "plugin in slurm.conf",
            plugins.split(',').any(|plugin| plugin == "shadowfit"),
            format!("JobSubmitPlugins={plugins}"),
            "add shadowfit to JobSubmitPlugins in slurm.conf, behind what stands there, then restart slurmctld",
        ),
        expect(
            "accounting",
            setting("AccountingStorageType").ends_with("slurmdbd"),
            format!(
                "AccountingStorageType={}: no job's use comes back",
                setting("AccountingStorageType")
            ),
            conf,
        ),
        expect(
            "sampling",
            !setting("JobAcctGatherType").ends_with("none"),
            format!(
                "JobAcctGatherType={}: no job's use is measured",
                setting("JobAcctGatherType")
            ),
            conf,
        ),
        expect(
            "requeue",
            setting("JobRequeue") != "0",
            "JobRequeue=0: only jobs with --requeue are sized, since no other could be rescued"
                .into(),
            conf,
        ),
        expect(
            "dependencies",
            !setting("DependencyParameters").contains("kill_invalid_depend"),
            "DependencyParameters=kill_invalid_depend: jobs that depend on one that dies of a rewrite are cancelled before \
             it is rescued"
                .into(),
            "remove kill_invalid_depend from slurm.conf, or set mode \"advise\" where jobs depend on others",
        ),
        remembers(setting("MinJobAge"), config),
        page_cache(&setting, Path::new(CGROUP_V2)),
        libraries(setting("PluginDir")),
    ];
    if config.wants_shadows() {
        findings.extend(shadows(&setting, config));
    }
    findings.push(readable_by_slurmctld(
        setting("SlurmUser"),
        &config.snapshot_path(),
    ));
    findings
}

/// slurmctld forgets an ended job after MinJobAge, shown as `300 sec`; the agent, which looks at the whole queue once a pass or
/// once a minute, must have seen until then how it ended.
fn remembers(min_job_age: &str, config: &Config) -> Finding {
    let interval = u64::from(config.agent.interval_s);
    let least = (4 * interval).max(2 * 60);
    let seconds = min_job_age.split(' ').next().and_then(|s| s.parse().ok());
    let problem = seconds
        .filter(|&seconds: &u64| seconds < least)
        .map(|_| format!("MinJobAge={min_job_age}: jobs may be forgotten before one that a rewrite harmed is rescued"));
    let fix = format!("MinJobAge={least} or more in slurm.conf, then: scontrol reconfigure");
    Finding::check("ended jobs are remembered", problem, fix)
}

/// Under cgroup v2 MaxRSS counts page cache, since this release: a job that reads much seems to need all it is given.
const COUNTS_PAGE_CACHE_SINCE: (u32, u32) = (23, 11);

/// It is there where control groups are version 2.
const CGROUP_V2: &str = "/sys/fs/cgroup/cgroup.controllers";

/// `cgroup_v2` is a file that is there where this machine's control groups are version 2.
fn page_cache<'a>(setting: &impl Fn(&str) -> &'a str, cgroup_v2: &Path) -> Finding {
    let release = setting("SLURM_VERSION")
        .split_once('.')
        .and_then(|(year, rest)| {
            let month = rest.split('.').next()?;
            Some((year.parse().ok()?, month.parse().ok()?))
        });
    let is_v2 = match setting("CgroupPlugin") {
        "cgroup/v2" => true,
        "cgroup/v1" => false,
        _ => cgroup_v2.exists(),
    };
    let counts = release >= Some(COUNTS_PAGE_CACHE_SINCE)
        && is_v2
        && setting("JobAcctGatherType").ends_with("cgroup")
        && !setting("JobAcctGatherParams")
            .to_ascii_lowercase()
            .contains("no_file_cache");
    let problem = counts.then(|| {
        "MaxRSS counts page cache here, so that runs without a profile seem to need all that they are given".into()
    });
    Finding::check(
        "page cache in MaxRSS",
        problem,
        "add JobAcctGatherParams=no_file_cache to slurm.conf (25.11 or later); before that runs need profiles: plugstack.conf on \
         all nodes, without profile=off",
    )
}

/// What shadows need beyond the rest.
fn shadows<'a>(setting: &impl Fn(&str) -> &'a str, config: &Config) -> Vec<Finding> {
    let plugstack = plugstack(setting("PlugStackConfig"), setting("SLURM_CONF"));
    let loaded = std::fs::read_to_string(&plugstack)
        .is_ok_and(|text| text.lines().any(|line| line.contains("spank_shadowfit.so")));
    let agent = Store::open_to_read(&config.database_path())
        .and_then(|store| store.progress(crate::agent::AGENT_UID));
    let applies = config.modes.default == Mode::Apply
        || [config.modes.memory, config.modes.cpus].contains(&Some(Mode::Apply))
        || config.rule.iter().any(|rule| rule.applies());
    vec![
        Finding::check(
            "shadows: SPANK plugin",
            (!loaded).then(|| format!("{} does not load spank_shadowfit.so", plugstack.display())),
            "add 'optional spank_shadowfit.so' to plugstack.conf, here and on every compute node",
        ),
        Finding::check(
            "shadows: agent",
            agent
                .is_ok_and(|uid| uid.is_some_and(|uid| uid != 0))
                .then(|| {
                    "shadowfitd does not run as root, and cannot submit in users' names".into()
                }),
            "install -D -t /etc/systemd/system/shadowfitd.service.d /usr/local/share/shadowfit/shadowfitd-root.conf, \
             then: systemctl daemon-reload; systemctl restart shadowfitd",
        ),
        Finding::check(
            "shadows: modes",
            (!applies)
                .then(|| "nothing is applied anywhere, so no job is delayed for a shadow".into()),
            "set mode \"apply\" somewhere, or [shadow] enabled = false",
        ),
    ]
}

/// plugstack.conf, which lies beside slurm.conf where nothing else is set.
fn plugstack(set: &str, slurm_conf: &str) -> PathBuf {
    match set {
        "" | "(null)" => Path::new(slurm_conf).with_file_name("plugstack.conf"),
        set => set.into(),
    }
}

fn libraries(plugin_dirs: &str) -> Finding {
    let complete = |dir: &str| {
        ["job_submit_shadowfit.so", "libshadowfit_core.so"]
            .iter()
            .all(|library| Path::new(dir).join(library).exists())
    };
    let missing = !plugin_dirs.split(':').any(complete);
    let problem =
        missing.then(|| format!("no folder of PluginDir={plugin_dirs} holds plugin and core"));
    Finding::check("libraries", problem, "scripts/install")
}

/// SlurmUser is printed as `slurm(64030)`.
fn readable_by_slurmctld(slurm_user: &str, snapshot: &Path) -> Finding {
    let uid = slurm_user
        .split_once('(')
        .and_then(|(_, rest)| rest.trim_end_matches(')').parse::<u32>().ok());
    let problem = std::fs::metadata(snapshot).ok().and_then(|meta| {
        let mode = meta.permissions().mode();
        let own = uid == Some(meta.uid()) && mode & 0o400 != 0;
        let readable = own || mode & 0o004 != 0 || uid == Some(0);
        (!readable).then(|| format!("{slurm_user} cannot read {}", snapshot.display()))
    });
    Finding::check(
        "snapshot readable by SlurmUser",
        problem,
        format!("chmod a+r {}", snapshot.display()),
    )
}

/// How large it is, and whether kinds are left out of it: of all, or of a user who has very many.
fn snapshot(config: &Config) -> Finding {
    let path = config.snapshot_path();
    let snapshot = match Snapshot::load(&path) {
        Ok(snapshot) => snapshot,
        Err(error) => return Finding::bad("snapshot", error.to_string(), "shadowfit train"),
    };
    let mut users: HashMap<u32, usize> = HashMap::new();
    for (_, learned) in snapshot.entries().filter(|(_, one)| one.owner != 0) {
        *users.entry(learned.owner).or_default() += 1;
    }
    let limits = &config.evidence;
    let full = users
        .values()
        .filter(|&&kinds| kinds >= limits.max_kinds_per_user as usize)
        .count();
    let what = format!(
        "snapshot: {} kinds of jobs of {} users, {} of them with all that one may have, {:.1} MiB",
        snapshot.len(),
        users.len(),
        full,
        mib(&path)
    );
    let problem = (snapshot.len() >= limits.max_kinds as usize).then(|| {
        "as many kinds as are allowed: those that ran longest ago are left out".to_owned()
    });
    let fix = "raise max_kinds under [evidence], lower kinds_days or max_kinds_per_user, then: shadowfit train --all";
    Finding::check(what, problem, fix)
}

/// The size of a file; 0 where there is none.
fn mib(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(0.0, |meta| meta.len() as f64 / MIB as f64)
}

/// How much the database holds, and for how long it will.
fn growth(config: &Config) -> Option<Finding> {
    let path = config.database_path();
    let (runs, first) = Store::open_to_read(&path).ok()?.extent().ok()?;
    let since = first.and_then(|first| jiff::Timestamp::from_second(first).ok());
    let since = since.map_or(String::new(), |first| {
        format!(" since {}", first.strftime("%Y-%m-%d"))
    });
    let kept = match config.database.keep_days {
        0 => "kept for good".to_owned(),
        days => format!("kept for {days} days"),
    };
    let size = mib(&path);
    Some(Finding::good(format!(
        "database: {runs} runs{since}, {kept}, {size:.1} MiB"
    )))
}

/// How the agent learns of new jobs; nothing where none has run for long yet.
fn new_jobs(config: &Config) -> Option<Finding> {
    let store = Store::open_to_read(&config.database_path()).ok()?;
    Some(match store.progress(TOLD_BY_FOLDERS).ok()?? {
        0 => Finding::bad(
            "new jobs",
            "shadowfitd is not told of them by slurmctld's StateSaveLocation and asks for the whole queue, which a large one makes slow",
            "run shadowfitd on the controller, as SlurmUser or root",
        ),
        _ => Finding::good("new jobs: told by slurmctld's folders"),
    })
}

/// The database's last pass shows whether the agent lives.
fn database(config: &Config) -> Finding {
    let path = config.database_path();
    let passed = Store::open_to_read(&path).and_then(|store| store.progress("sacct"));
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs() as i64);
    match passed {
        Err(error) => Finding::bad(
            "database",
            format!("{error:#}"),
            "systemctl restart shadowfitd",
        ),
        Ok(None) => Finding::bad(
            "agent",
            "it has never read accounting",
            "systemctl start shadowfitd",
        ),
        Ok(Some(at)) if now - at > 10 * i64::from(config.agent.interval_s) => {
            let problem = format!("its last pass was {} s ago", now - at);
            Finding::bad("agent", problem, "systemctl restart shadowfitd")
        }
        Ok(Some(at)) => Finding::good(format!("agent: last pass {} s ago", now - at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::{Key, Kind};
    use crate::model::learned::{Learned, owner};
    use crate::record::tests::finished;
    use crate::slurm::CommandError;

    struct Conf(&'static str);
    impl Commands for Conf {
        fn run(&self, _: &str, _: &[&str]) -> Result<Vec<u8>, CommandError> {
            Ok(self.0.as_bytes().to_vec())
        }
    }

    #[test]
    fn plugstack_conf_lies_where_slurm_says_or_beside_its_own() {
        let cases = [
            (
                "/site/plug.conf",
                "/etc/slurm/slurm.conf",
                "/site/plug.conf",
            ),
            (
                "(null)",
                "/etc/slurm/slurm.conf",
                "/etc/slurm/plugstack.conf",
            ),
            ("", "/etc/slurm/slurm.conf", "/etc/slurm/plugstack.conf"),
        ];
        for (set, slurm_conf, path) in cases {
            assert_eq!(plugstack(set, slurm_conf), Path::new(path), "{set}");
        }
    }

    #[test]
    fn page_cache_in_max_rss_is_told_where_slurm_counts_it() {
        let is_told = |release, plugin, gather, params, v2: &str| {
            let setting = |name: &str| match name {
                "SLURM_VERSION" => release,
                "CgroupPlugin" => plugin,
                "JobAcctGatherType" => gather,
                "JobAcctGatherParams" => params,
                _ => "",
            };
            page_cache(&setting, Path::new(v2)).problem.is_some()
        };
        let (v2, cgroup) = ("cgroup/v2", "jobacct_gather/cgroup");
        assert!(is_told("24.11.5", v2, cgroup, "(null)", ""));
        assert!(is_told("23.11.0-rc1", "autodetect", cgroup, "(null)", "/"));
        for (release, plugin, gather, params, file) in [
            ("23.02.8", v2, cgroup, "(null)", "/"),
            ("22.05.8", v2, cgroup, "(null)", "/"),
            ("24.11.5", "cgroup/v1", cgroup, "(null)", "/"),
            ("24.11.5", "autodetect", cgroup, "(null)", "/no/such/file"),
            ("24.11.5", v2, "jobacct_gather/linux", "(null)", "/"),
            ("26.05.1", v2, cgroup, "UsePss,no_file_cache", "/"),
            ("", v2, cgroup, "(null)", "/"),
        ] {
            assert!(
                !is_told(release, plugin, gather, params, file),
                "{release} {plugin} {params}"
            );
        }
    }

    #[test]
    fn a_slurmctld_that_forgets_sooner_than_the_agent_looks_is_told() {
        let config = Config::default();
        let is_told = |age: &str| remembers(age, &config).problem.is_some();
        assert!(is_told("2 sec") && is_told("119 sec"));
        for age in ["120 sec", "300 sec", "", "(null)"] {
            assert!(!is_told(age), "{age}");
        }
    }

    #[test]
    fn an_empty_site_is_told_all_that_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shadowfit.toml");
        std::fs::write(
            &path,
            format!(
                "state_dir = '{}'\nmodes.licenses = 'apply'",
                dir.path().display()
            ),
        )
        .unwrap();
        let conf = Conf(
            "JobSubmitPlugins        = lua\nAccountingStorageType = accounting_storage/none\nJobRequeue = 0\n",
        );
        let findings = examine(&path, &conf);
        let bad: Vec<_> = findings
            .iter()
            .filter(|f| f.problem.is_some())
            .map(|f| f.what.as_str())
            .collect();
        assert_eq!(
            bad,
            [
                "modes: licenses",
                "plugin in slurm.conf",
                "accounting",
                "requeue",
                "libraries",
                "snapshot",
                "database"
            ]
        );
    }

    #[test]
    fn an_open_breaker_is_told_with_its_reason_and_the_way_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shadowfit.toml");
        std::fs::write(&path, format!("state_dir = '{}'", dir.path().display())).unwrap();
        let said = || {
            let findings = examine(&path, &Conf(""));
            let finding = findings.into_iter().find(|one| one.what == "breaker");
            finding.unwrap().problem
        };
        assert_eq!(said(), None);
        let breaker = dir.path().join("breaker-open");
        std::fs::write(&breaker, "9 of 10 failed\x1b[2J\n").unwrap();
        let (problem, fix) = said().unwrap();
        assert!(problem.contains("advice: 9 of 10 failed") && !problem.contains('\x1b'));
        assert!(fix.ends_with(&format!("rm {}", breaker.display())), "{fix}");
    }

    #[test]
    fn a_broken_configuration_is_the_first_thing_to_mend() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shadowfit.toml");
        std::fs::write(&path, "mode = 1").unwrap();
        let findings = examine(&path, &Conf(""));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].problem.as_ref().unwrap().0.contains("line 1"));
    }

    #[test]
    fn how_much_is_known_is_told_and_when_kinds_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let kind = |key, user| {
            let learned = Learned {
                owner: owner(user),
                ..Learned::default()
            };
            (Key(key), learned)
        };
        let kinds = [kind(1, "alice"), kind(2, "alice"), kind(3, "bob")];
        let bytes = Snapshot::encode(kinds.iter(), Default::default(), &Default::default());
        Snapshot::publish(&dir.path().join("snapshot"), &bytes).unwrap();
        let mut config = Config {
            state_dir: dir.path().into(),
            ..Config::default()
        };
        for (most, of_one, full, is_bad) in [(4, 3, 0, false), (4, 2, 1, false), (3, 2, 1, true)] {
            config.evidence.max_kinds = most;
            config.evidence.max_kinds_per_user = of_one;
            let found = snapshot(&config);
            let said = format!("3 kinds of jobs of 2 users, {full} of them");
            assert!(found.what.contains(&said), "{}", found.what);
            assert_eq!(found.problem.is_some(), is_bad, "{most} {of_one}");
        }
        assert!(growth(&config).is_none(), "no database yet");
        let mut store = Store::open(&config.database_path()).unwrap();
        store
            .insert(&[(finished(1, 86_400, 9), Kind::default())])
            .unwrap();
        let said = growth(&config).unwrap().what;
        assert!(
            said.starts_with("database: 1 runs since 1970-01-02, kept for 1095 days, "),
            "{said}"
        );
    }
}
