use super::cluster::{
    allots_memory, grows, holds, is_last, page_cache, plugstack, reaches_nodes, remembers,
};
use super::state::{growth, named_kinds, shadows, snapshot, unshadowed};
use super::*;
use crate::agent::train::train;
use crate::config::{KindNumber, Stage};
use crate::fingerprint::{Key, Kind};
use crate::job::counters::{Counters, Ended, ShadowCounters};
use crate::job::directory::Directory;
use crate::model::learned::{Learned, owner};
use crate::model::snapshot::Snapshot;
use crate::record::tests::finished;
use crate::record::{FinishedJob, Record};
use crate::slurm::CommandError;
use crate::store::Store;
use crate::store::tests::shadow;

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
fn a_pool_is_of_use_where_cgroups_alone_end_a_job() {
    for (task, gather, is_told) in [
        ("task/affinity,task/cgroup", "(null)", false),
        ("task/cgroup", "NoShared", false),
        ("task/cgroup", "NoShared,OverMemoryKill", true),
        ("task/none", "(null)", true),
    ] {
        for enforced in ["associations", "associations,limits,qos"] {
            let setting = |name: &str| match name {
                "TaskPlugin" => task,
                "AccountingStorageEnforce" => enforced,
                _ => gather,
            };
            let found = grows(&setting);
            assert_eq!(found.problem.is_some(), is_told, "{:?}", found.problem);
            let is_outside = found.what.contains("which no limit");
            assert_eq!(is_outside, enforced.contains("limits"), "{}", found.what);
        }
    }
}

#[test]
fn a_configless_cluster_is_told_what_its_nodes_do_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let plugstack = dir.path().join("plugstack.conf");
    let path = plugstack.display().to_string();
    let mut lends = Config::default();
    lends.elastic.pool_mib = 1000;
    let nothing = Config::default();
    let line = "optional spank_shadowfit.so profile=off";
    let named = "optional spank_shadowfit.so config=/etc/shadowfit.toml";
    let behind_a_tab = "optional\tspank_shadowfit.so\tconfig=/etc/shadowfit.toml";
    let commented_out = "  # optional spank_shadowfit.so config=/etc/shadowfit.toml";
    for (config, parameters, line, problem) in [
        (&lends, "enable_configless", line, Some(true)),
        (
            &lends,
            "enable_configless,idle_on_node_suspend",
            named,
            Some(false),
        ),
        (&lends, "enable_configless", behind_a_tab, Some(false)),
        (&lends, "enable_configless", commented_out, Some(true)),
        (&lends, "", line, None),
        (&nothing, "enable_configless", line, None),
    ] {
        std::fs::write(&plugstack, line).unwrap();
        let setting = |name: &str| match name {
            "SlurmctldParameters" => parameters,
            "PlugStackConfig" => &path,
            _ => "",
        };
        let found = reaches_nodes(&setting, config);
        let is_told = found.map(|found| found.problem.is_some());
        assert_eq!(is_told, problem, "{parameters} {line}");
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
    // Releases that do not know the word say nothing of it.
    for release in ["24.11.5", "25.05.8", "25.11.0"] {
        assert!(
            is_told(release, v2, cgroup, "no_file_cache", ""),
            "{release}"
        );
    }
    for (release, plugin, gather, params, file) in [
        ("23.02.8", v2, cgroup, "(null)", "/"),
        ("22.05.8", v2, cgroup, "(null)", "/"),
        ("24.11.5", "cgroup/v1", cgroup, "(null)", "/"),
        ("24.11.5", "autodetect", cgroup, "(null)", "/no/such/file"),
        ("24.11.5", v2, "jobacct_gather/linux", "(null)", "/"),
        ("26.05.1", v2, cgroup, "UsePss,no_file_cache", "/"),
        ("25.11.1", v2, cgroup, "No_File_Cache", "/"),
        ("", v2, cgroup, "(null)", "/"),
    ] {
        assert!(
            !is_told(release, plugin, gather, params, file),
            "{release} {plugin} {params}"
        );
    }
}

#[test]
fn a_plugin_behind_ours_is_told() {
    for (plugins, problem) in [
        ("shadowfit", false),
        ("lua,shadowfit", false),
        ("lua", false),
        ("shadowfit,lua", true),
        ("lua,shadowfit,throttle", true),
    ] {
        assert_eq!(is_last(plugins).problem.is_some(), problem, "{plugins}");
    }
}

#[test]
fn memory_that_slurm_does_not_allot_is_told_where_it_is_set() {
    let is_told = |select, mode| {
        let mut config = Config::default();
        config.modes.memory = Some(mode);
        let finding = allots_memory(select, &config);
        finding.is_some_and(|one| one.problem.is_some())
    };
    for (select, mode, told) in [
        ("CR_CORE", Mode::Apply, true),
        ("CR_CPU,CR_LLN", Mode::Apply, true),
        ("CR_CORE", Mode::Advise, false),
        ("CR_CORE_MEMORY", Mode::Apply, false),
        ("CR_MEMORY", Mode::Apply, false),
        ("", Mode::Apply, false),
    ] {
        assert_eq!(is_told(select, mode), told, "{select}");
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
fn a_hold_after_a_requeue_that_ends_before_the_agent_looks_is_told_with_what_sets_it() {
    let mut config = Config::default();
    config.agent.interval_s = 30;
    let told = |config: &Config, release, scheduler, auth| {
        let setting = |name: &str| match name {
            "SLURM_VERSION" => release,
            "SchedulerParameters" => scheduler,
            "AuthInfo" => auth,
            _ => "",
        };
        let (problem, fix) = holds(&setting, config).problem?;
        let hold = problem.split(" s:").next()?.rsplit(' ').next()?;
        Some(format!("{hold}: {}", fix.split(' ').next()?))
    };
    let delay = |seconds: u32| Some(format!("{seconds}: requeue_delay=90"));
    let expire = |seconds: u32| Some(format!("{seconds}: cred_expire=90"));
    for (release, scheduler, auth, right) in [
        ("26.05.1", "(null)", "(null)", None),
        ("", "", "", None),
        (
            "26.05.1",
            "defer,requeue_delay=5,bf_interval=9",
            "",
            delay(5),
        ),
        ("26.05.1", "requeue_delay=0", "cred_expire=600", delay(0)),
        ("26.05.1", "requeue_delay=89", "", delay(89)),
        ("26.05.1", "requeue_delay=90", "cred_expire=5", None),
        ("26.05.1", "defer", "cred_expire=10", delay(10)),
        ("24.11.5", "requeue_delay=5", "", None),
        (
            "24.11.5",
            "",
            "socket=/run/munge.sock;cred_expire=20",
            expire(20),
        ),
        ("22.05.8", "(null)", "cred_expire=60;", expire(60)),
        ("22.05.8", "", "cred_expire=4", None),
    ] {
        let found = told(&config, release, scheduler, auth);
        assert_eq!(found, right, "{release} {scheduler} {auth}");
    }
    config.agent.interval_s = 90;
    let slow = told(&config, "26.05.1", "", "");
    assert_eq!(slow, Some("120: requeue_delay=150".into()));
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
    assert!(named_kinds(&config).is_none());
    for (key, problem) in [(3, None), (7, Some("key 0000000000000007"))] {
        config.trust.kinds = [(KindNumber(key), Stage::All)].into();
        let said = named_kinds(&config).unwrap().problem;
        assert_eq!(said.is_some(), problem.is_some(), "{said:?}");
        assert!(said.is_none_or(|(said, _)| said.ends_with(problem.unwrap_or_default())));
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

/// Of a flood of kinds that run once, each with a decision in AdminComment, as of so many a period.
const FLOOD: u64 = 1000;

/// The runs of a period of so many seconds: the flood's by one user, and three of a kind of another's.
fn flood_of(period: u64, length: i64) -> Vec<(FinishedJob, Kind)> {
    let start = period as i64 * length;
    let run = |user: &str, id: u64, key: u64| {
        let kind = Kind {
            command: Some(Key(4 * key)),
            script: Some(Key(4 * key + 1)),
            name: Some(Key(4 * key + 2)),
            application: Some(Key(4 * key + 3)),
        };
        let job = FinishedJob {
            user: user.into(),
            comment: Record::kept(kind, None, "nothing is known of it").into(),
            ..finished(id, start + (id % FLOOD) as i64, 100)
        };
        (job, kind)
    };
    let flood = (1..=FLOOD).map(|n| period * 2 * FLOOD + n);
    let flood = flood.map(|id| run("greedy", id, id));
    let known = (1..=3).map(|n| run("alice", period * 2 * FLOOD + FLOOD + n, 1 << 40));
    flood.chain(known).collect()
}

/// What it holds in the end follows how long runs are kept, not how many kinds there ever were. The bounds hold for any number:
/// a run takes the same space whichever number it is.
#[test]
fn kinds_of_one_run_each_are_not_known_and_their_runs_go_with_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        state_dir: dir.path().into(),
        ..Config::default()
    };
    let length = 100_000;
    let mut sizes = Vec::new();
    for period in 0..5 {
        let mut store = Store::open(&config.database_path()).unwrap();
        store.insert(&flood_of(period, length)).unwrap();
        // The runs of two periods are kept.
        let kept_from = (period as i64 - 1) * length;
        store.forget_runs(kept_from).unwrap();
        let now = (period as i64 + 1) * length;
        let old = Snapshot::load(&config.snapshot_path()).ok();
        let bytes = train(&store, old.as_ref(), &config, &Directory::default(), now).unwrap();
        let bytes = bytes.unwrap();
        assert!(bytes.len() < 1500, "{period}: {} bytes", bytes.len());
        Snapshot::publish(&config.snapshot_path(), &bytes).unwrap();
        // Its log goes into the file as it is closed.
        drop(store);
        sizes.push(std::fs::metadata(config.database_path()).unwrap().len());
        let periods = (period + 1).min(2);
        let runs = format!("database: {} runs since ", periods * (FLOOD + 3));
        let (told, kinds) = (growth(&config).unwrap().what, snapshot(&config).what);
        assert!(told.starts_with(&runs), "{period}: {told}");
        // The kind that ran three times has a key on each of four levels, of which that for all users wants more of them.
        assert!(
            kinds.starts_with("snapshot: 3 kinds of jobs of 1 users, "),
            "{period}: {kinds}"
        );
    }
    let a_run = sizes[0] / FLOOD;
    assert!(a_run < 1000, "{a_run} bytes a run");
    // A period is stored before the one that is too old goes.
    assert!(
        sizes[4] <= sizes[2] * 11 / 10,
        "it goes on growing: {sizes:?}"
    );
}

#[test]
fn shadows_that_no_node_runs_are_told_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config {
        state_dir: dir.path().into(),
        ..Config::default()
    };
    config.shadow.enabled = true;
    let store = Store::open(&config.database_path()).unwrap();
    assert!(shadows(&config).is_none(), "none yet");
    let ended = |counters: ShadowCounters| {
        let shadow = shadow(1, "alice", jiff::Timestamp::now().as_second());
        let row = store.intend_shadow(&shadow).unwrap();
        store.end_shadow(row, Some(&counters), None).unwrap();
        shadows(&config).unwrap()
    };
    // Nobody reported of it, as where a node has no sampler.
    assert!(ended(ShadowCounters::lost("FAILED")).problem.is_none());
    for _ in 0..3 {
        assert!(
            ended(ShadowCounters::refused("/a is of type gpfs"))
                .problem
                .is_none()
        );
    }
    let found = ended(ShadowCounters::refused("/b is of type \x1b[31mgpfs"));
    let (problem, _) = found.problem.unwrap();
    assert!(problem.starts_with("the last 5 did not run"), "{problem}");
    assert!(
        problem.contains("/b is of type") && !problem.contains('\x1b'),
        "{problem}"
    );
    let ran = ended(Counters::nothing(Ended::Finished).into());
    assert!(ran.problem.is_none() && ran.what == "shadows: 6 in 7 days");
    config.shadow.enabled = false;
    assert!(shadows(&config).is_none());
}

#[test]
fn kinds_that_wait_in_vain_are_told_where_they_are_many() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config {
        state_dir: dir.path().into(),
        ..Config::default()
    };
    config.shadow.enabled = true;
    let store = Store::open(&config.database_path()).unwrap();
    let now = jiff::Timestamp::now().as_second();
    for kind in 1..=20 {
        assert!(unshadowed(&config).is_none(), "{kind} are few");
        let why = if kind < 3 { "no memory" } else { "no room" };
        store.note_no_shadow(Key(kind), now - 9, now, why).unwrap();
    }
    let (problem, _) = unshadowed(&config).unwrap().problem.unwrap();
    assert!(
        problem.starts_with("20 waited in vain") && problem.ends_with("no room"),
        "{problem}"
    );
    config.shadow.enabled = false;
    assert!(unshadowed(&config).is_none());
}
