//! What the options of a submission add up to, one after the other and then together.

use super::Release;
use super::begin::seconds;
use super::check::check;
use super::options::Given;
use super::values::{count, mib, nodes, one_of, time};
use crate::job::Memory;
use crate::job::unshadowed::Unshadowed;
use crate::shadow::{MEASURE, OFF, OPTION};
use crate::slurm::hosts::hosts;
use anyhow::{Context, Result, bail, ensure};
use jiff::{Timestamp, Zoned};
use std::collections::BTreeSet;

/// Values of `--exclusive`, the first of which it has without one.
const EXCLUSIVE: [&str; 6] = [
    "exclusive",
    "allocation",
    "oversubscribe",
    "user",
    "mcs",
    "topo",
];

/// Where an option was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A directive of the script.
    Script,
    /// A variable of the environment.
    Environment,
    /// The command line.
    CommandLine,
}

/// Options that a script cannot give: sbatch looks for them on its command line alone.
const NOT_IN_SCRIPTS: [&str; 6] = ["help", "quiet", "usage", "verbose", "version", "wrap"];

/// Values of `--input` by which a script reads nothing.
const NO_INPUT: [&str; 3] = ["", "none", "/dev/null"];

/// From this release on a job cannot ask for a node of its own and for a shared one.
const SHARING_IS_CHECKED: Release = (23, 2);

/// A request, as far as a decision depends on it. Texts are bytes: nothing says that they are UTF-8.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Of the sbatch that reads it.
    release: Release,
    /// `--job-name`.
    pub name: Option<Vec<u8>>,
    /// `--account`.
    pub account: Option<Vec<u8>>,
    /// `--partition`.
    pub partition: Option<Vec<u8>>,
    /// `--licenses`.
    pub licenses: Option<Vec<u8>>,
    /// `--comment`.
    pub comment: Option<Vec<u8>>,
    /// `--chdir`.
    pub work_dir: Option<Vec<u8>>,
    /// `--array`.
    pub array: Option<String>,
    /// `--mem`, `--mem-per-cpu` and `--mem-per-gpu` in MiB, and where each comes from.
    memory: [Option<(u64, Source)>; 3],
    /// Its nodes are not for everybody.
    pub exclusive: bool,
    /// `--no-requeue`.
    pub no_requeue: bool,
    /// `--requeue=expedite`, which a later `--requeue` does not take back.
    pub expedited: bool,
    /// `--shadowfit=off`.
    pub opted_out: bool,
    /// A shadow runs first, though its kind is known.
    pub measured: bool,
    /// It has further components.
    pub heterogeneous: bool,
    /// `--ignore-pbs`.
    pub ignores_foreign: bool,
    /// `--cpus-per-task`.
    pub cpus: Option<u32>,
    /// `--ntasks`.
    pub tasks: Option<u32>,
    /// `--ntasks-per-node`.
    pub tasks_per_node: Option<u32>,
    /// `--nodes`; 0 at most is no bound.
    pub nodes: Option<(u32, u32)>,
    /// `--nodelist`.
    node_list: Option<String>,
    /// Sockets a node, cores a socket, threads a core.
    topology: [Option<u32>; 3],
    /// `--mincpus`.
    pub min_cpus: Option<u32>,
    /// `--time` in seconds.
    pub time_s: Option<u64>,
    /// `--time-min`.
    pub own_time_min: bool,
    /// `--mem-update`.
    pub own_memory: bool,
    /// `--begin`, in seconds since 1970.
    begin: Option<i64>,
    /// `--deadline`, likewise.
    deadline: Option<i64>,
    /// `--reservation`.
    reserved: bool,
    /// Options that ask for GPUs.
    gpus: BTreeSet<String>,
    /// `--input` names a file that is not empty.
    own_input: bool,
    /// `--container` and `--container-id`, each where it names one.
    containers: BTreeSet<String>,
    /// `--bb` and `--bbf`, likewise.
    burst_buffers: BTreeSet<String>,
    wraps: bool,
    /// Others of [`EXCLUDE_EACH_OTHER`] that were given.
    exclusive_options: BTreeSet<&'static str>,
    /// `--tres-per-task` names the CPUs of a task.
    cpus_by_tres: bool,
    /// `--distribution=arbitrary` wants its nodes named.
    is_arbitrary: bool,
    /// Script or command line say how nodes are shared: for oneself, with others.
    sharing: [bool; 2],
}

/// Options of which only one may be given.
const EXCLUDE_EACH_OTHER: [(&str, &str); 8] = [
    ("ntasks-per-gpu", "gpus-per-task"),
    ("ntasks-per-gpu", "gpus-per-socket"),
    ("ntasks-per-gpu", "ntasks-per-node"),
    ("ntasks-per-tres", "gpus-per-task"),
    ("ntasks-per-tres", "ntasks-per-node"),
    ("core-spec", "thread-spec"),
    ("cpus-per-gpu", "cpus-per-task"),
    ("cpus-per-gpu", "tres-per-task"),
];

impl Asked {
    /// Nothing is asked for of an sbatch of this release.
    pub fn of(release: Release) -> Asked {
        Asked {
            release,
            ..Asked::default()
        }
    }

    /// Takes these options in their order.
    pub fn take_all(
        &mut self,
        options: &[Given],
        source: Source,
    ) -> Result<(), (usize, anyhow::Error)> {
        options.iter().try_for_each(|option| {
            self.take(option.name, option.value, source)
                .map_err(|error| (option.line, error))
        })
    }

    /// Takes one option; its errors name it.
    pub fn take(&mut self, name: &str, value: Option<&[u8]>, source: Source) -> Result<()> {
        if source == Source::Script && NOT_IN_SCRIPTS.contains(&name) {
            return Ok(());
        }
        let text = value.map(String::from_utf8_lossy);
        self.set(name, value.unwrap_or_default(), text.as_deref(), source)
            .with_context(|| match &text {
                Some(text) => format!("--{name}={text}"),
                None => format!("--{name}"),
            })
    }

    fn set(&mut self, name: &str, bytes: &[u8], value: Option<&str>, source: Source) -> Result<()> {
        let text = value.unwrap_or_default();
        // Of an optional value, an empty one is none.
        let given = value.filter(|value| !value.is_empty());
        self.note_exclusive(name);
        match name {
            "job-name" => self.name = Some(bytes.into()),
            "account" => self.account = Some(bytes.into()),
            "partition" => self.partition = Some(bytes.into()),
            "licenses" => self.licenses = Some(bytes.into()),
            "comment" => self.comment = Some(bytes.into()),
            "chdir" => self.work_dir = Some(bytes.into()),
            "array" => self.array = Some(text.into()),
            "mem" => self.memory[0] = Some((mib(text)?, source)),
            "mem-per-cpu" => self.memory[1] = Some((mib(text)?, source)),
            "mem-per-gpu" => self.memory[2] = Some((mib(text)?, source)),
            "exclusive" => {
                self.exclusive = one_of(given, &EXCLUSIVE)? != "oversubscribe";
                self.sharing[0] |= source != Source::Environment;
            }
            "oversubscribe" => {
                self.exclusive = false;
                self.sharing[1] |= source != Source::Environment;
            }
            "no-requeue" => self.no_requeue = true,
            "requeue" => {
                given.map_or(Ok(""), |given| one_of(Some(given), &["expedite"]))?;
                self.no_requeue = false;
                self.expedited |= given.is_some();
            }
            "cpus-per-task" => self.cpus = Some(count(text, 1)?),
            "distribution" => {
                check(name, value, self.release)?;
                self.is_arbitrary = text.to_ascii_lowercase().starts_with("arbitrary");
            }
            "ntasks" => self.tasks = Some(count(text, 1)?),
            "ntasks-per-node" | "tasks-per-node" => self.tasks_per_node = Some(count(text, 1)?),
            "nodes" => self.nodes = Some(nodes(text)?),
            "nodelist" => self.node_list = Some(text.into()),
            "sockets-per-node" => self.topology[0] = Some(count(text, 1)?),
            "cores-per-socket" => self.topology[1] = Some(count(text, 1)?),
            "threads-per-core" => self.topology[2] = Some(count(text, 1)?),
            "extra-node-info" => self.take_topology(text)?,
            "mem-update" => self.own_memory = true,
            "mincpus" => self.min_cpus = Some(count(text, 1)?),
            "time" => self.time_s = time(text)?,
            "time-min" => {
                time(text)?;
                self.own_time_min = true;
            }
            OPTION => self.take_own(text)?,
            "begin" => self.begin = Some(seconds(text, &Zoned::now())?),
            "deadline" => self.deadline = Some(seconds(text, &Zoned::now())?),
            "reservation" => self.reserved = !text.is_empty(),
            "ignore-pbs" => self.ignores_foreign = true,
            "input" => self.own_input = !NO_INPUT.contains(&&*text.to_ascii_lowercase()),
            "container" | "container-id" => note(&mut self.containers, name, !text.is_empty()),
            "bb" | "bbf" => note(&mut self.burst_buffers, name, !text.is_empty()),
            "gpus" | "gpus-per-node" | "gpus-per-socket" | "gpus-per-task" => {
                note(&mut self.gpus, name, true)
            }
            "gres" => note(&mut self.gpus, name, text.contains("gpu")),
            "tres-per-task" => {
                note(&mut self.gpus, name, text.contains("gpu"));
                if let Some(cpus) = cpus_of_tres(text)? {
                    self.cpus_by_tres = true;
                    self.cpus = Some(cpus);
                }
            }
            "wrap" => self.wraps = true,
            _ => check(name, value, self.release)?,
        }
        Ok(())
    }

    /// `--shadowfit`.
    fn take_own(&mut self, text: &str) -> Result<()> {
        ensure!(
            [OFF, MEASURE].contains(&text),
            "the values are '{OFF}' and '{MEASURE}'"
        );
        self.opted_out = text == OFF;
        self.measured = text == MEASURE;
        Ok(())
    }

    fn note_exclusive(&mut self, name: &str) {
        let name = if name == "tasks-per-node" {
            "ntasks-per-node"
        } else {
            name
        };
        let mut named = EXCLUDE_EACH_OTHER
            .iter()
            .flat_map(|&(one, other)| [one, other]);
        self.exclusive_options
            .extend(named.find(|one| *one == name));
    }

    fn check_exclusive(&self) -> Result<()> {
        let given = |option: &str| self.exclusive_options.contains(option);
        for (one, other) in EXCLUDE_EACH_OTHER {
            ensure!(
                !(given(one) && given(other)),
                "--{one} and --{other} exclude each other"
            );
        }
        ensure!(
            !(self.cpus_by_tres && given("cpus-per-task")),
            "--cpus-per-task and the CPUs of --tres-per-task exclude each other"
        );
        ensure!(
            !self.is_arbitrary || self.node_list.is_some(),
            "--distribution=arbitrary wants --nodelist"
        );
        Ok(())
    }

    /// `-B sockets:cores:threads`; what is empty or a * is any number.
    fn take_topology(&mut self, text: &str) -> Result<()> {
        for (place, part) in self.topology.iter_mut().zip(text.split(':')) {
            *place = match part.split_once('-') {
                _ if part.is_empty() || part.starts_with('*') => None,
                Some((least, most)) => {
                    count(most, 1)?;
                    Some(count(least, 0)?)
                }
                None => Some(count(part, 0)?),
            };
        }
        Ok(())
    }

    /// A variable that is set to no, as 0, takes an option without value back.
    pub fn take_back(&mut self, name: &str) {
        match name {
            "no-requeue" | "requeue" => self.no_requeue = false,
            "ignore-pbs" => self.ignores_foreign = false,
            _ => {}
        }
    }

    /// What sbatch checks once it has read all, and what it fills in.
    pub fn verify(&mut self) -> Result<()> {
        self.choose_memory()?;
        self.check_exclusive()?;
        let shares_both_ways = self.sharing == [true; 2] && self.release >= SHARING_IS_CHECKED;
        ensure!(
            !shares_both_ways,
            "--exclusive and --oversubscribe exclude each other"
        );
        ensure!(!self.wraps, "--wrap takes the place of a script");
        let too_late = self
            .begin
            .zip(self.deadline)
            .is_some_and(|(begin, deadline)| deadline < begin);
        ensure!(!too_late, "--deadline lies before --begin");
        if let Some(list) = self.node_list.as_deref().filter(|list| !list.contains('/')) {
            let listed = hosts(list).with_context(|| format!("--nodelist={list}"))?;
            let (min, max) = self.nodes.unwrap_or((listed, 0));
            self.nodes = Some((min.max(listed), max));
        }
        match (self.nodes, self.tasks) {
            (Some((min, max)), None)
                if self.tasks_per_node.is_none() && (min == max || max == 0) =>
            {
                // One task for each socket, core or thread that is named.
                let each: Vec<u32> = self.topology.into_iter().flatten().collect();
                let all = each
                    .iter()
                    .fold(min.max(1), |all, &one| all.saturating_mul(one));
                self.tasks = (!each.is_empty()).then_some(all);
            }
            (Some((min, _)), Some(tasks)) if tasks < min => self.nodes = Some((tasks, tasks)),
            (Some((min, max)), Some(tasks)) => self.nodes = Some((min, max.min(tasks))),
            _ => {}
        }
        Ok(())
    }

    /// Of script and command line only one may name memory, and it wins over the environment.
    fn choose_memory(&mut self) -> Result<()> {
        let given = self.memory.iter().enumerate();
        let given = given.filter_map(|(way, given)| Some((way, given.as_ref()?.1)));
        let (inherited, written): (Vec<_>, Vec<_>) =
            given.partition(|(_, source)| *source == Source::Environment);
        match (&written[..], &inherited[..]) {
            ([], [] | [_]) => {}
            ([], _) => bail!("SBATCH_MEM_PER_NODE, _CPU and _GPU exclude each other"),
            (&[(one, _)], _) => {
                let kept = self.memory[one];
                self.memory = [None; 3];
                self.memory[one] = kept;
            }
            _ => bail!("--mem, --mem-per-cpu and --mem-per-gpu exclude each other"),
        }
        Ok(())
    }

    /// Memory, where it is not asked for by GPU.
    pub fn memory(&self) -> Option<Memory> {
        let node = self.memory[0].map(|(mib, _)| Memory::Node(mib));
        node.or(self.memory[1].map(|(mib, _)| Memory::Cpu(mib)))
    }

    /// `--mem-per-gpu`.
    pub fn memory_per_gpu(&self) -> bool {
        self.memory[2].is_some()
    }

    /// What of it a shadow would not have.
    pub fn unshadowed(&self) -> Option<Unshadowed> {
        [
            (self.own_input, Unshadowed::Input),
            (!self.containers.is_empty(), Unshadowed::Container),
            (!self.burst_buffers.is_empty(), Unshadowed::BurstBuffer),
        ]
        .into_iter()
        .find_map(|(applies, why)| applies.then_some(why))
    }

    /// No shadow may run first.
    pub fn cannot_wait(&self) -> bool {
        let begins_later = self
            .begin
            .is_some_and(|begin| begin > Timestamp::now().as_second());
        begins_later || self.reserved || !self.gpus.is_empty()
    }
}

/// The last of an option's values counts: whether it asks for something.
fn note(options: &mut BTreeSet<String>, option: &str, asks: bool) {
    match asks {
        true => options.insert(option.to_owned()),
        false => options.remove(option),
    };
}

/// The CPUs of a task in `cpu:4,gres/gpu:1`, also with `=`.
fn cpus_of_tres(text: &str) -> Result<Option<u32>> {
    let cpus = |part: &str| part.strip_prefix("cpu").map(str::to_owned);
    match text.split(',').find_map(cpus) {
        Some(count_of) => {
            let number = count_of.strip_prefix([':', '=']).unwrap_or_default();
            count(number, 1).map(Some)
        }
        None => Ok(None),
    }
}
