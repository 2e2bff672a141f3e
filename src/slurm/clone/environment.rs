//! The environment of a shadow: its program sees what it would see in the job.

use super::Original;
use crate::job::array::Extent;
use crate::job::licenses::Server;
use crate::job::{Ask, Memory};
use crate::shadow::{MOST_SERVERS, OPTION_VARIABLE, SET_PREFIX, UNSET_PREFIX};

/// What sbatch takes from its own process and options, whatever environment it is given to export: the node gives a shadow
/// that of its job in its place, or none where the job has none.
const OF_THE_SUBMISSION: [&str; 6] = [
    "SLURM_SUBMIT_DIR",
    "SLURM_SUBMIT_HOST",
    "SLURM_UMASK",
    "SLURM_NTASKS_PER_NODE",
    "SLURM_CPUS_PER_TASK",
    "SLURM_TRES_PER_TASK",
];
/// So are the limits of processes, which are as many as there are.
const LIMITS: &str = "SLURM_RLIMIT_";

/// What a job's own environment says of shadows is not for its shadow.
const OURS: [&str; 3] = [OPTION_VARIABLE, SET_PREFIX, UNSET_PREFIX];

/// The environment for a shadow of `job`, which asks for `ask` and was submitted with `stored`; a task of an array sees `array`. Each
/// variable is ended by NUL.
pub(super) fn of_shadow(
    stored: &[u8],
    ask: &Ask,
    job: &Original,
    array: Option<Extent>,
) -> Vec<u8> {
    let variables = || {
        stored
            .split(|&byte| byte == 0)
            .filter(|one| !one.is_empty())
    };
    let mut all = Vec::new();
    let mut add = |parts: &[&[u8]]| {
        all.extend(parts.concat());
        all.push(0);
    };
    let is_ours = |one: &&[u8]| OURS.iter().any(|prefix| one.starts_with(prefix.as_bytes()));
    for variable in variables().filter(|one| !is_ours(one)) {
        match is_of_the_submission(variable) {
            true => add(&[SET_PREFIX.as_bytes(), variable]),
            false => add(&[variable]),
        }
    }
    let is_there = |name: &&str| variables().any(|one| name_of(one) == name.as_bytes());
    for name in OF_THE_SUBMISSION.iter().filter(|name| !is_there(name)) {
        add(&[UNSET_PREFIX.as_bytes(), name.as_bytes(), b"="]);
    }
    for (name, value) in of_the_allocation(ask, is_there(&"SLURM_NTASKS")) {
        match value {
            Some(value) => add(&[format!("{SET_PREFIX}{name}={value}").as_bytes()]),
            None => add(&[format!("{UNSET_PREFIX}{name}=").as_bytes()]),
        }
    }
    add(&[format!("{SET_PREFIX}SLURM_JOB_NAME={}", job.name).as_bytes()]);
    if let (Some(task), Some(array)) = (job.task, array) {
        for (name, value) in of_the_array(job.script_id, task, array) {
            add(&[format!("SLURM_ARRAY_{name}={value}").as_bytes()]);
        }
    }
    all
}

fn name_of(variable: &[u8]) -> &[u8] {
    variable
        .split(|&byte| byte == b'=')
        .next()
        .unwrap_or_default()
}

fn is_of_the_submission(variable: &[u8]) -> bool {
    let is_named = |name: &&str| name.as_bytes() == name_of(variable);
    variable.starts_with(LIMITS.as_bytes()) || OF_THE_SUBMISSION.iter().any(is_named)
}

/// What a node says of a job's allocation on it: a shadow's is a small slice. A single task is counted where the submission
/// names it.
fn of_the_allocation(ask: &Ask, names_tasks: bool) -> [(&'static str, Option<u64>); 7] {
    let tasks = u64::from(ask.layout.tasks_on_a_node().unwrap_or(1));
    let counted = (tasks > 1 || names_tasks).then_some(tasks);
    let cpus = tasks.saturating_mul(ask.cpus.into());
    let (per_node, per_cpu) = match ask.memory {
        Some(Memory::Node(mib)) => (Some(mib), None),
        Some(Memory::Cpu(mib)) => (None, Some(mib)),
        None => (None, None),
    };
    [
        ("SLURM_NTASKS", counted),
        ("SLURM_NPROCS", counted),
        ("SLURM_TASKS_PER_NODE", Some(tasks)),
        ("SLURM_CPUS_ON_NODE", Some(cpus)),
        ("SLURM_JOB_CPUS_PER_NODE", Some(cpus)),
        ("SLURM_MEM_PER_NODE", per_node),
        ("SLURM_MEM_PER_CPU", per_cpu),
    ]
}

/// What a task sees of its array, behind `SLURM_ARRAY_`: programs share their work by it.
fn of_the_array(id: u64, task: u64, array: Extent) -> [(&'static str, u64); 6] {
    [
        ("TASK_ID", task),
        ("JOB_ID", id),
        ("TASK_COUNT", array.count.into()),
        ("TASK_MIN", array.min.into()),
        ("TASK_MAX", array.max.into()),
        ("TASK_STEP", array.step.into()),
    ]
}

/// The site's license servers and those that the job's own environment names (`LM_LICENSE_FILE`,
/// `RLM_LICENSE`, `MLM_LICENSE_FILE` and their like), as `27000@lic1,27001@10.0.0.7`.
pub(super) fn license_servers(site: &[String], environment: &[u8]) -> String {
    let named = environment
        .split(|&b| b == 0)
        .filter_map(|variable| str::from_utf8(variable).ok()?.split_once('='))
        .filter(|(name, _)| name.ends_with("_LICENSE_FILE") || name.ends_with("_LICENSE"))
        .flat_map(|(_, value)| value.split([':', ',', ';']));
    let mut servers: Vec<&str> = Vec::new();
    for server in site.iter().map(String::as_str).chain(named) {
        if Server::parse(server).is_some() && !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers.truncate(MOST_SERVERS);
    servers.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Layout;

    #[test]
    fn a_single_task_is_counted_where_the_submission_names_it() {
        for (tasks, is_named, counted) in [
            (1, false, None),
            (1, true, Some(1)),
            (2, false, Some(2)),
            (2, true, Some(2)),
        ] {
            let layout = Layout {
                tasks,
                nodes: 1,
                per_node: Some(tasks),
            };
            let ask = Ask {
                layout,
                ..Ask::LEAST
            };
            let found = of_the_allocation(&ask, is_named);
            assert_eq!(found[0], ("SLURM_NTASKS", counted), "{tasks} {is_named}");
            let per_node = Some(u64::from(tasks));
            assert_eq!(found[2], ("SLURM_TASKS_PER_NODE", per_node));
        }
    }
}
