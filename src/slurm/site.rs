//! Who and what the cluster has, for the snapshot's directory.

use super::sbatch::values::time;
use super::{CommandError, Commands, Limits};
use crate::job::directory::{Directory, User};
use crate::text::units::{MIB, parse_memory, printable};
use nix::errno::Errno;
use std::collections::{HashMap, HashSet};

/// So many seconds slurmdbd may take for each answer.
const SLURMDBD_TIMEOUT_S: u32 = 60;

/// Asks slurmctld for the partitions and what they give out, and slurmdbd for the users and their default accounts. Their
/// numbers Slurm does not say, so the directory has none of them.
pub fn directory(
    commands: &dyn Commands,
    settings: &HashMap<String, String>,
) -> Result<(Directory, Vec<User>), CommandError> {
    let partitions = commands.run("scontrol", &["show", "partition", "--oneliner"])?;
    let partitions = String::from_utf8_lossy(&partitions);
    let users = sacctmgr(commands, ["show", "user", "format=user"])?;
    // One slurmdbd may know several clusters, in each of which a user has another account.
    let cluster = settings.get("ClusterName");
    let of_cluster = cluster.map(|name| format!("cluster={name}"));
    let accounts = ["show", "association", "onlydefaults", "format=user,account"];
    let accounts = sacctmgr(commands, accounts.into_iter().chain(of_cluster.as_deref()))?;
    let accounts: HashMap<&str, &str> = accounts
        .lines()
        .filter_map(|line| line.split_once('|'))
        .collect();
    let least = sacctmgr(commands, ["show", "qos", "format=mintres"])?;
    let licenses = commands.run("scontrol", &["show", "license", "--oneliner"])?;
    let directory = Directory {
        times_s: times_s(&partitions),
        partitions_with_cpus_by_memory: partitions_with_cpus_by_memory(&partitions, settings),
        least_memory_mib: least_of(&least, "mem", |text| Some(parse_memory(text, MIB)? / MIB)),
        least_cpus: least_of(&least, "cpu", |text| text.parse().ok()),
        licenses: totals(&String::from_utf8_lossy(&licenses)),
        default_partition: default_partition(&partitions),
        exclusive_partitions: exclusive_partitions(&partitions, settings),
        partitions_without_memory: partitions_without_memory(&partitions, settings),
        users: HashMap::new(),
    };
    let names = users.lines().filter(|name| !name.is_empty());
    let users = names.map(|name| user(name, &accounts));
    Ok((directory, users.collect()))
}

fn user(name: &str, accounts: &HashMap<&str, &str>) -> User {
    let account = accounts.get(name).filter(|account| !account.is_empty());
    User {
        name: name.to_owned(),
        account: account.map(|&account| account.to_owned()),
    }
}

fn sacctmgr<'a>(
    commands: &dyn Commands,
    words: impl IntoIterator<Item = &'a str>,
) -> Result<String, CommandError> {
    let form = ["--noheader", "--parsable2"].into_iter();
    let words: Vec<&str> = form.chain(words).collect();
    let output = commands.run_within(Limits::time(SLURMDBD_TIMEOUT_S), "sacctmgr", &words)?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// What a name service says of a name that it does not know, beside nothing.
const NO_SUCH: [Errno; 4] = [Errno::ENOENT, Errno::ESRCH, Errno::EBADF, Errno::EPERM];

/// The number of a user, from the name service; `None` for one whom the controller does not know. A name service that does not
/// answer is an error: without a user no rule for that user would hold.
pub fn number_of(name: &str) -> Result<Option<u32>, CommandError> {
    match nix::unistd::User::from_name(name) {
        Err(error) if NO_SUCH.contains(&error) => Ok(None),
        Err(error) => Err(CommandError::Unreadable {
            command: format!("the name service's answer for {}", printable(name)),
            problem: error.to_string(),
        }),
        Ok(found) => Ok(found.map(|found| found.uid.as_raw())),
    }
}

/// What a QOS takes at least of a whole job, as `cpu=4,mem=200G`, a line each.
fn least_of(lines: &str, resource: &str, read: impl Fn(&str) -> Option<u64>) -> Vec<u64> {
    let parts = lines.lines().flat_map(|line| line.split(','));
    let own = parts.filter_map(|part| part.split_once('='));
    let own = own.filter(|(name, _)| *name == resource);
    own.filter_map(|(_, amount)| read(amount)).collect()
}

/// slurm.conf as slurmctld has it in force: names and values.
pub fn settings(commands: &dyn Commands) -> Result<HashMap<String, String>, CommandError> {
    let output = commands.run("scontrol", &["show", "config"])?;
    let lines = String::from_utf8_lossy(&output);
    let settings = lines.lines().filter_map(|line| line.split_once('='));
    Ok(settings
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect())
}

/// `LicenseName=matlab Total=4 Used=0 ...`, a line each.
fn totals(oneliner: &str) -> HashMap<String, u32> {
    let total = |line: &str| {
        let total = field(line, "Total")?.parse().ok()?;
        Some((field(line, "LicenseName")?.to_owned(), total))
    };
    oneliner.lines().filter_map(total).collect()
}

/// How full the cluster is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Share of its CPUs that no job has, 0 to 1.
    pub idle: f64,
    /// Most memory that no job has on one node, in MiB.
    pub free_mib: u64,
}

/// Asks slurmctld.
pub fn load(commands: &dyn Commands) -> Result<Load, CommandError> {
    let arguments = [
        "--noheader",
        "--Node",
        "--Format=NodeList:|,CPUsState:|,Memory:|,AllocMem:|",
    ];
    let answer = commands.run("sinfo", &arguments)?;
    read_load(&String::from_utf8_lossy(&answer)).ok_or_else(|| CommandError::Unreadable {
        command: format!("sinfo {}", arguments.join(" ")),
        problem:
            "expected for each node its name, its CPUs as allocated/idle/other/total, and memory"
                .into(),
    })
}

/// A node stands there once for each of its partitions.
fn read_load(text: &str) -> Option<Load> {
    let (mut nodes, mut idle, mut total, mut free_mib) = (HashSet::new(), 0, 0, 0);
    for line in text.lines() {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, cpus, memory, allocated] = *fields.first_chunk()?;
        let cpus: Vec<u64> = cpus
            .split('/')
            .map(|n| n.parse().ok())
            .collect::<Option<_>>()?;
        let [_allocated, idle_here, _other, total_here] = *cpus.first_chunk()?;
        if nodes.insert(name) {
            idle = u64::saturating_add(idle, idle_here);
            total = u64::saturating_add(total, total_here);
            // A node that is down has no CPU that is idle.
            let free = memory
                .parse::<u64>()
                .ok()?
                .saturating_sub(allocated.parse().ok()?);
            free_mib = free_mib.max(if idle_here > 0 { free } else { 0 });
        }
    }
    (total > 0).then(|| Load {
        idle: (idle as f64 / total as f64).min(1.0),
        free_mib,
    })
}

fn default_partition(oneliner: &str) -> Option<String> {
    partitions_where(oneliner, |value| value("Default") == Some("YES")).next()
}

/// select/linear knows nothing but whole nodes.
fn exclusive_partitions(oneliner: &str, settings: &HashMap<String, String>) -> HashSet<String> {
    let all = settings
        .get("SelectType")
        .is_some_and(|select| select == "select/linear");
    partitions_where(oneliner, |value| {
        all || value("OverSubscribe") == Some("EXCLUSIVE")
    })
    .collect()
}

/// What a partition does not say for itself is as the cluster has it.
fn partitions_without_memory(
    oneliner: &str,
    settings: &HashMap<String, String>,
) -> HashSet<String> {
    let of_cluster = settings.get("SelectTypeParameters").map(String::as_str);
    let is_without = |select: &str| !select.to_ascii_uppercase().contains("MEMORY");
    partitions_where(oneliner, |value| {
        let own = value("SelectTypeParameters").filter(|own| *own != "NONE");
        own.or(of_cluster).is_some_and(is_without)
    })
    .collect()
}

/// Slurm holds jobs to the limits of users, accounts and QOS (AccountingStorageEnforce).
pub fn limits_are_enforced(settings: &HashMap<String, String>) -> bool {
    let enforced = settings.get("AccountingStorageEnforce");
    enforced.is_some_and(|list| {
        let mut words = list.split(',').map(str::trim);
        words.any(|word| ["limits", "safe", "all"].contains(&word.to_ascii_lowercase().as_str()))
    })
}

/// What Slurm holds a requeued job back for where nothing else is set, in seconds.
pub const USUAL_HOLD_S: u64 = 120;

/// Less than this much of `cred_expire`, in seconds, Slurm takes for a mistake, and for the usual.
const LEAST_CRED_EXPIRE_S: u64 = 5;

/// The release that learned SchedulerParameters=requeue_delay.
const DELAYS_SINCE: [u32; 3] = [26, 5, 0];

/// SchedulerParameters=requeue_delay counts.
pub fn delays_requeues<'a>(setting: &impl Fn(&str) -> &'a str) -> bool {
    release(setting("SLURM_VERSION")) >= Some(DELAYS_SINCE)
}

/// How many seconds Slurm holds a job back that was requeued.
pub fn requeue_hold_s<'a>(setting: &impl Fn(&str) -> &'a str) -> u64 {
    let delay = number_behind(setting("SchedulerParameters"), "requeue_delay=");
    let expire = number_behind(setting("AuthInfo"), "cred_expire=");
    let expire = expire.filter(|&seconds| seconds >= LEAST_CRED_EXPIRE_S);
    let delay = delay.filter(|_| delays_requeues(setting));
    delay.or(expire).unwrap_or(USUAL_HOLD_S)
}

/// The numbers of `24.11.5` or `25.11.0-rc1`.
pub fn release(text: &str) -> Option<[u32; 3]> {
    let mut numbers = text.split(['.', '-']).map(|number| number.parse().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// The number behind `name=`, of which there are others before and behind.
fn number_behind(list: &str, name: &str) -> Option<u64> {
    let (_, value) = list.split_once(name)?;
    let digits = value.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// MaxMemPerCPU of the partition, or of the cluster.
fn partitions_with_cpus_by_memory(
    oneliner: &str,
    settings: &HashMap<String, String>,
) -> HashSet<String> {
    let is_limit = |text: &str| text.parse::<u64>().is_ok_and(|mib| mib > 0);
    let of_cluster = settings
        .get("MaxMemPerCPU")
        .is_some_and(|text| is_limit(text));
    partitions_where(oneliner, |value| match value("MaxMemPerCPU") {
        Some(own) => is_limit(own),
        // One for the whole node takes its place.
        None => of_cluster && !value("MaxMemPerNode").is_some_and(is_limit),
    })
    .collect()
}

/// DefaultTime, or where a partition has none, its MaxTime.
fn times_s(oneliner: &str) -> HashMap<String, u64> {
    let time = |text: &str| time(text).ok().flatten();
    let of_line = |line: &str| {
        let own = time(field(line, "DefaultTime")?).or_else(|| time(field(line, "MaxTime")?));
        Some((field(line, "PartitionName")?.to_owned(), own?))
    };
    oneliner.lines().filter_map(of_line).collect()
}

fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = line
        .split_whitespace()
        .filter_map(|word| word.split_once('='));
    pairs.find(|(its, _)| *its == name).map(|(_, value)| value)
}

/// The names of the partitions whose values are such: each line has one partition's, as `Name=Value`.
fn partitions_where<'a>(
    oneliner: &'a str,
    is_such: impl Fn(&dyn Fn(&str) -> Option<&'a str>) -> bool + 'a,
) -> impl Iterator<Item = String> + 'a {
    oneliner.lines().filter_map(move |line| {
        let value = |name: &str| field(line, name);
        let name = value("PartitionName")?;
        is_such(&value).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::super::scripted::Scripted;
    use super::*;

    #[test]
    fn the_directory_is_read_and_the_users_with_the_account_that_they_have() {
        let slurm = Scripted::new(&[
            (
                "scontrol show config",
                "SelectType              = select/cons_tres\nSelectTypeParameters    = CR_CORE_MEMORY\n\
                 ClusterName             = mine\nAccountingStorageEnforce = associations,limits,qos\nMaxMemPerCPU            = 4096\n",
            ),
            (
                "scontrol show partition",
                "PartitionName=batch Default=YES OverSubscribe=NO SelectTypeParameters=NONE DefaultTime=01:00:00 MaxTime=2-00:00:00\n\
                 PartitionName=whole Default=NO OverSubscribe=EXCLUSIVE SelectTypeParameters=CR_CORE DefaultTime=NONE \
                 MaxTime=UNLIMITED MaxMemPerNode=9000\n",
            ),
            ("scontrol show license", "LicenseName=ansys Total=10\n"),
            (
                "sacctmgr --noheader --parsable2 show association onlydefaults format=user,account cluster=mine",
                "|root\nroot|physics\nbin|\nno such user|x\nno line\n",
            ),
            (
                "sacctmgr --noheader --parsable2 show user format=user",
                "root\ndaemon\nbin\nno such user\n\n",
            ),
            (
                "sacctmgr --noheader --parsable2 show qos format=mintres",
                "\ncpu=4,mem=200G\nmem=512M,node=1\ngres/gpu=1\n",
            ),
        ]);
        let user = |name: &str, account: Option<&str>| User {
            name: name.into(),
            account: account.map(str::to_owned),
        };
        let expected = Directory {
            default_partition: Some("batch".into()),
            users: HashMap::new(),
            licenses: [("ansys".into(), 10)].into(),
            exclusive_partitions: ["whole".into()].into(),
            partitions_without_memory: ["whole".into()].into(),
            partitions_with_cpus_by_memory: ["batch".into()].into(),
            times_s: [("batch".into(), 3600)].into(),
            least_memory_mib: vec![204_800, 512],
            least_cpus: vec![4],
        };
        let settings = settings(&slurm).unwrap();
        assert!(limits_are_enforced(&settings));
        let users = [
            user("root", Some("physics")),
            user("daemon", None),
            user("bin", None),
            user("no such user", Some("x")),
        ];
        let found = directory(&slurm, &settings).unwrap();
        assert_eq!(found, (expected, users.into()));
    }

    #[test]
    fn the_name_service_knows_who_exists() {
        assert_eq!(number_of("root").unwrap(), Some(0));
        assert_eq!(number_of("no such user").unwrap(), None);
    }

    #[test]
    fn what_a_partition_does_not_say_is_as_the_cluster_has_it() {
        let text = "PartitionName=a SelectTypeParameters=NONE\nPartitionName=b SelectTypeParameters=CR_CORE_MEMORY\n";
        for (select, parameters, whole, without) in [
            ("select/cons_tres", "CR_CORE_MEMORY", "", ""),
            ("select/cons_tres", "CR_CPU,CR_LLN", "", "a"),
            ("select/linear", "CR_MEMORY", "ab", ""),
            ("select/linear", "NONE", "ab", "a"),
        ] {
            let known = [("SelectType", select), ("SelectTypeParameters", parameters)];
            let settings = known
                .map(|(name, value)| (name.into(), value.into()))
                .into();
            let named = |names: &str| names.chars().map(String::from).collect::<HashSet<_>>();
            assert_eq!(
                exclusive_partitions(text, &settings),
                named(whole),
                "{select}"
            );
            assert_eq!(
                partitions_without_memory(text, &settings),
                named(without),
                "{parameters}"
            );
        }
        assert_eq!(
            partitions_without_memory(text, &HashMap::new()),
            HashSet::new()
        );
    }

    #[test]
    fn licenses_are_counted() {
        let text =
            "LicenseName=ansys Total=10 Used=0 Free=10 Remote=no\nLicenseName=x Total=?\nnone\n";
        assert_eq!(super::totals(text), [("ansys".to_owned(), 10)].into());
    }

    #[test]
    fn the_load_is_read_or_refused() {
        let text = "n1|4/4/0/8|8000|5000|\nn1|4/4/0/8|8000|5000|\nn2|0/0/8/8|8000|0|\n";
        let load = super::read_load(text).unwrap();
        assert_eq!((load.idle, load.free_mib), (0.25, 3000));
        let boasts = format!("n1|0/{0}/0/8|8000|0|\nn2|0/{0}/0/8|8000|0|\n", u64::MAX);
        assert_eq!(super::read_load(&boasts).unwrap().idle, 1.0);
        for text in ["", "n1|4/4|8000|0|", "n1|N/A|8000|0|", "n1|0/8/0/8|x|0|"] {
            assert_eq!(super::read_load(text), None, "{text}");
        }
    }

    #[test]
    fn the_default_partition_is_the_one_marked() {
        let text = "PartitionName=long AllowGroups=ALL Default=NO\nPartitionName=batch Default=YES QoS=N/A\n";
        assert_eq!(super::default_partition(text).as_deref(), Some("batch"));
    }
}
