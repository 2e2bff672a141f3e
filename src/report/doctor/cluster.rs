//! What of Slurm's own configuration keeps jobs from being sized, measured or rescued.

use super::{Finding, node};
use crate::agent::{AGENT_UID, MOST_REST};
use crate::config::{Config, Mode};
use crate::shadow::PROGRAMS;
use crate::slurm::{Commands, site};
use crate::store::Store;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What slurmctld says of itself.
pub(super) fn findings(commands: &dyn Commands, config: &Config) -> Vec<Finding> {
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
    let plugins = setting("JobSubmitPlugins");
    let mut findings = vec![plugin(plugins), is_last(plugins)];
    findings.extend(measures(&setting));
    findings.extend(allots_memory(setting("SelectTypeParameters"), config));
    findings.extend(rescues(&setting));
    findings.push(remembers(setting("MinJobAge"), config));
    findings.push(holds(&setting, config));
    findings.push(page_cache(&setting, Path::new(CGROUP_V2)));
    findings.push(libraries(setting("PluginDir")));
    findings.extend(reaches_nodes(&setting, config));
    if config.wants_shadows() {
        findings.extend(shadows(&setting, config));
    }
    if config.elastic.pool_mib > 0 {
        findings.push(grows(&setting));
    }
    findings.push(readable_by_slurmctld(
        setting("SlurmUser"),
        &config.snapshot_path(),
    ));
    findings
}

/// What slurm.conf is mended by, where that is all.
const EDIT: &str = "edit slurm.conf, then: scontrol reconfigure";

fn plugin(plugins: &str) -> Finding {
    let is_loaded = plugins.split(',').any(|plugin| plugin == "shadowfit");
    Finding::check(
        "plugin in slurm.conf",
        (!is_loaded).then(|| format!("JobSubmitPlugins={plugins}")),
        "add shadowfit to JobSubmitPlugins in slurm.conf, behind what stands there, then restart slurmctld",
    )
}

/// A plugin behind ours sees a request that is sized already, and what it changes then we never see.
pub(super) fn is_last(plugins: &str) -> Finding {
    let behind = plugins.split_once("shadowfit,").map(|(_, behind)| behind);
    Finding::check(
        "plugin order",
        behind.map(|behind| {
            format!(
                "{behind} comes behind shadowfit: what it changes is unknown to shadowfit, and a job whose AdminComment it \
                 takes is sized and cannot be rescued"
            )
        }),
        "name shadowfit last in JobSubmitPlugins in slurm.conf, then restart slurmctld",
    )
}

/// Where memory is not allotted a smaller request makes room for nobody, and none is made.
pub(super) fn allots_memory(select: &str, config: &Config) -> Option<Finding> {
    let applies = |memory: Option<Mode>, all: Option<Mode>| memory.or(all) == Some(Mode::Apply);
    let mut rules = config.rule.iter();
    let sizes = applies(config.modes.memory, Some(config.modes.default))
        || rules.any(|rule| applies(rule.memory, rule.mode));
    let in_vain = !select.is_empty() && !select.contains("MEMORY");
    sizes.then(|| {
        Finding::check(
            "memory is allotted",
            in_vain.then(|| {
                format!("SelectTypeParameters={select}: less memory for a job would make room for none; it is observed, and not set")
            }),
            "CR_Core_Memory or the like in slurm.conf, or memory = \"advise\" under [modes]",
        )
    })
}

/// Who the agent last ran as.
fn agent_uid(config: &Config) -> Option<i64> {
    let store = Store::open_to_read(&config.database_path()).ok()?;
    store.progress(AGENT_UID).ok()?
}

const AS_ROOT: &str = "install -D -t /etc/systemd/system/shadowfitd.service.d /usr/local/share/shadowfit/shadowfitd-root.conf, \
                       then: systemctl daemon-reload; systemctl restart shadowfitd";

/// What jobs use is measured, and comes back.
fn measures<'a>(setting: &impl Fn(&str) -> &'a str) -> [Finding; 2] {
    let (storage, gather) = (
        setting("AccountingStorageType"),
        setting("JobAcctGatherType"),
    );
    [
        Finding::check(
            "accounting",
            (!storage.ends_with("slurmdbd"))
                .then(|| format!("AccountingStorageType={storage}: no job's use comes back")),
            EDIT,
        ),
        Finding::check(
            "sampling",
            gather
                .ends_with("none")
                .then(|| format!("JobAcctGatherType={gather}: no job's use is measured")),
            EDIT,
        ),
    ]
}

/// A job that a rewrite harmed runs again, and those that depend on it wait for that.
fn rescues<'a>(setting: &impl Fn(&str) -> &'a str) -> [Finding; 2] {
    let never_requeues = setting("JobRequeue") == "0";
    let cancels = setting("DependencyParameters").contains("kill_invalid_depend");
    [
        Finding::check(
            "requeue",
            never_requeues.then(|| {
                "JobRequeue=0: only jobs with --requeue are sized, since no other could be rescued"
                    .into()
            }),
            EDIT,
        ),
        Finding::check(
            "dependencies",
            cancels.then(|| {
                "DependencyParameters=kill_invalid_depend: jobs that depend on one that dies of a rewrite are cancelled before \
                 it is rescued"
                    .into()
            }),
            "remove kill_invalid_depend from slurm.conf, or set mode \"advise\" where jobs depend on others",
        ),
    ]
}

/// slurmctld forgets an ended job after MinJobAge, shown as `300 sec`; the agent, which looks at the whole queue once a pass or
/// after its longest rest, must have seen until then how it ended.
pub(super) fn remembers(min_job_age: &str, config: &Config) -> Finding {
    let interval = u64::from(config.agent.interval_s);
    let least = (4 * interval).max(2 * MOST_REST.as_secs());
    let seconds = min_job_age.split(' ').next().and_then(|s| s.parse().ok());
    let problem = seconds
        .filter(|&seconds: &u64| seconds < least)
        .map(|_| format!("MinJobAge={min_job_age}: jobs may be forgotten before one that a rewrite harmed is rescued"));
    let fix = format!("MinJobAge={least} or more in slurm.conf, then: scontrol reconfigure");
    Finding::check("ended jobs are remembered", problem, fix)
}

/// So long a look at the queue may take beyond the pause between two passes, in seconds. A judgement: with less a job that its
/// node put back may start as it was, with more sites are told whose jobs never do.
const LONGEST_LOOK_S: u64 = 60;

/// A job that its node has put back is given more at the agent's next look, and must not have started by then.
pub(super) fn holds<'a>(setting: &impl Fn(&str) -> &'a str, config: &Config) -> Finding {
    let has_delay = site::delays_requeues(setting);
    let hold_s = site::requeue_hold_s(setting);
    let least_s = LONGEST_LOOK_S + u64::from(config.agent.interval_s);
    let option = match has_delay {
        true => format!("requeue_delay={least_s} or more in SchedulerParameters"),
        false => format!("cred_expire={least_s} or more in AuthInfo"),
    };
    Finding::check(
        "requeued jobs are held",
        (hold_s < least_s).then(|| {
            format!(
                "Slurm holds a requeued job for {hold_s} s: one that its node put back may start before it is given more memory, \
                 and die again"
            )
        }),
        format!("{option} in slurm.conf on all hosts, then restart slurmctld and slurmd; or a smaller interval_s under [agent]"),
    )
}

/// Under cgroup v2 MaxRSS counts page cache, since this release: a job that reads much seems to need all it is given.
const COUNTS_PAGE_CACHE_SINCE: [u32; 3] = [23, 11, 0];

/// The release that learned JobAcctGatherParams=no_file_cache; others pass over the word in silence.
const LEAVES_PAGE_CACHE_OUT_SINCE: [u32; 3] = [25, 11, 1];

/// It is there where control groups are version 2.
const CGROUP_V2: &str = "/sys/fs/cgroup/cgroup.controllers";

/// `cgroup_v2` is a file that is there where this machine's control groups are version 2.
pub(super) fn page_cache<'a>(setting: &impl Fn(&str) -> &'a str, cgroup_v2: &Path) -> Finding {
    let release = site::release(setting("SLURM_VERSION"));
    let is_v2 = match setting("CgroupPlugin") {
        "cgroup/v2" => true,
        "cgroup/v1" => false,
        _ => cgroup_v2.exists(),
    };
    let leaves_out = release >= Some(LEAVES_PAGE_CACHE_OUT_SINCE)
        && setting("JobAcctGatherParams")
            .to_ascii_lowercase()
            .contains("no_file_cache");
    let counts = release >= Some(COUNTS_PAGE_CACHE_SINCE)
        && is_v2
        && setting("JobAcctGatherType").ends_with("cgroup")
        && !leaves_out;
    let problem = counts.then(|| {
        "MaxRSS counts page cache here, so that runs without a profile seem to need all that they are given".into()
    });
    Finding::check(
        "page cache in MaxRSS",
        problem,
        "add JobAcctGatherParams=no_file_cache to slurm.conf (25.11.1 or later, others do not know it); before that runs need \
         profiles: plugstack.conf on all nodes, without profile=off",
    )
}

/// A job grows by its cgroup's limit, which must be what ends it, and nothing else.
pub(super) fn grows<'a>(setting: &impl Fn(&str) -> &'a str) -> Finding {
    let (task, gather) = (setting("TaskPlugin"), setting("JobAcctGatherParams"));
    let kills = gather.to_ascii_lowercase().contains("overmemorykill");
    let problem = match (task.contains("cgroup"), kills) {
        (false, _) => Some(format!(
            "TaskPlugin={task}: jobs have no limit that could be raised"
        )),
        (true, true) => Some(format!(
            "JobAcctGatherParams={gather}: what uses more than Slurm gave it is killed, lent or not"
        )),
        (true, false) => None,
    };
    let what = match setting("AccountingStorageEnforce").contains("limits") {
        true => "elastic memory, which no limit of QOS or association counts",
        false => "elastic memory",
    };
    Finding::check(
        what,
        problem,
        "task/cgroup in TaskPlugin, ConstrainRAMSpace=yes in cgroup.conf and no OverMemoryKill, or pool_mib = 0 under [elastic]",
    )
}

/// slurmctld hands its own files to nodes that have none, and not shadowfit.toml, which says some things to samplers.
pub(super) fn reaches_nodes<'a>(
    setting: &impl Fn(&str) -> &'a str,
    config: &Config,
) -> Option<Finding> {
    let is_configless = setting("SlurmctldParameters").contains("enable_configless");
    let watches = !config.license.is_empty();
    let says = watches || config.profile.spool_dir.is_some() || config.elastic.pool_mib > 0;
    let names_one = || {
        let plugstack = plugstack(setting("PlugStackConfig"), setting("SLURM_CONF"));
        let text = std::fs::read_to_string(plugstack).unwrap_or_default();
        let mut words = plugin_lines(&text).flat_map(str::split_whitespace);
        words.any(|word| word.starts_with("config="))
    };
    (is_configless && says).then(|| {
        Finding::check(
            "shadowfit.toml on nodes",
            (!names_one()).then(|| {
                "enable_configless: nodes without slurm.conf have no shadowfit.toml either, and there spool_dir, [elastic] and \
                 [[license]] are as if they were not set"
                    .into()
            }),
            "put shadowfit.toml on every node, and config=FILE behind spank_shadowfit.so in plugstack.conf",
        )
    })
}

/// The lines of plugstack.conf that load the plugin; one that is commented out does not.
fn plugin_lines(plugstack: &str) -> impl Iterator<Item = &str> {
    let loads = |line: &&str| !line.starts_with('#') && line.contains("spank_shadowfit.so");
    plugstack.lines().map(str::trim).filter(loads)
}

/// What shadows need beyond the rest.
fn shadows<'a>(setting: &impl Fn(&str) -> &'a str, config: &Config) -> Vec<Finding> {
    let plugstack = plugstack(setting("PlugStackConfig"), setting("SLURM_CONF"));
    let text = std::fs::read_to_string(&plugstack).unwrap_or_default();
    let loaded = plugin_lines(&text).next().is_some();
    let agent = agent_uid(config);
    let applies = config.modes.default == Mode::Apply
        || [config.modes.memory, config.modes.cpus].contains(&Some(Mode::Apply))
        || config.rule.iter().any(|rule| rule.applies());
    let mut findings = vec![
        Finding::check(
            "shadows: SPANK plugin",
            (!loaded).then(|| format!("{} does not load spank_shadowfit.so", plugstack.display())),
            "add 'optional spank_shadowfit.so' to plugstack.conf, here and on every compute node",
        ),
        Finding::check(
            "shadows: agent",
            agent.is_some_and(|uid| uid != 0).then(|| {
                "shadowfitd does not run as root, and cannot submit in users' names".into()
            }),
            AS_ROOT,
        ),
        Finding::check(
            "shadows: modes",
            (!applies)
                .then(|| "nothing is applied anywhere, so no job is delayed for a shadow".into()),
            "set mode \"apply\" somewhere, or [shadow] enabled = false",
        ),
    ];
    findings.extend(node::shadows(Path::new("/proc"), programs(&text)));
    findings
}

/// Where the nodes' programs are, by plugstack.conf.
fn programs(plugstack: &str) -> &Path {
    let mut words = plugin_lines(plugstack).flat_map(str::split_whitespace);
    let named = words.find_map(|word| word.strip_prefix("programs="));
    Path::new(named.unwrap_or(PROGRAMS))
}

/// plugstack.conf, which lies beside slurm.conf where nothing else is set.
pub(super) fn plugstack(set: &str, slurm_conf: &str) -> PathBuf {
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
