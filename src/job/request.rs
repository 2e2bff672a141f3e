//! What a user asks for.

use super::array::Extent;
use super::unshadowed::Unshadowed;
use serde::{Deserialize, Serialize};

/// The texts of a submission, borrowed for the time of one decision. Bytes, not strings: nothing
/// says that a script or a job name is UTF-8.
#[derive(Debug, Clone, Default)]
pub struct Texts<'a> {
    /// Account, when the user named one.
    pub account: Option<&'a [u8]>,
    /// Partition or comma-separated partitions, when the user named any.
    pub partition: Option<&'a [u8]>,
    /// Job name; Slurm fills in the script's file name.
    pub name: &'a [u8],
    /// Comment, empty for none.
    pub comment: &'a [u8],
    /// The folder in which it starts.
    pub work_dir: Option<&'a [u8]>,
    /// The batch script.
    pub script: &'a [u8],
    /// The script's arguments, without the script itself: the [`first`](super::arguments::first) of them.
    pub arguments: Vec<&'a [u8]>,
}

impl Texts<'_> {
    /// Slurm refuses longer texts, in bytes, once job_submit has seen them; slurmctld waits for what is read of them before.
    pub const LONGEST: usize = 1024;
    /// The same of folders.
    pub const LONGEST_PATH: usize = 4096;
    /// The same of scripts, where a site sets no other (`max_script_size`).
    pub const LONGEST_SCRIPT: usize = 4 << 20;

    /// One of them, or the job's `licenses`, is longer than is read.
    pub fn are_too_long(&self, licenses: &[u8]) -> bool {
        let [account, partition, work_dir] =
            [self.account, self.partition, self.work_dir].map(Option::unwrap_or_default);
        let short = [account, partition, self.name, self.comment, licenses];
        short.iter().any(|text| text.len() > Self::LONGEST)
            || work_dir.len() > Self::LONGEST_PATH
            || self.script.len() > Self::LONGEST_SCRIPT
    }
}

/// Memory as the user asked for it, in MiB as Slurm counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Memory {
    /// `--mem`.
    Node(u64),
    /// `--mem-per-cpu`.
    Cpu(u64),
}

impl Memory {
    /// The figure itself, in MiB, whatever it is counted per.
    pub fn mib(self) -> u64 {
        match self {
            Memory::Node(mib) | Memory::Cpu(mib) => mib,
        }
    }

    /// What it amounts to on a node with `tasks` tasks of `cpus` CPUs each, in MiB.
    pub fn on_a_node(self, tasks: u64, cpus: u32) -> u64 {
        match self {
            Memory::Node(mib) => mib,
            Memory::Cpu(mib) => mib.saturating_mul(tasks * u64::from(cpus)),
        }
    }

    /// So many MiB on a node does one MiB of this form amount to; at least 1.
    pub fn units_on_a_node(self, tasks: u64, cpus: u32) -> u64 {
        self.with(1).on_a_node(tasks, cpus).max(1)
    }

    /// The same form with another figure in MiB.
    pub fn with(self, mib: u64) -> Memory {
        match self {
            Memory::Node(_) => Memory::Node(mib),
            Memory::Cpu(_) => Memory::Cpu(mib),
        }
    }
}

/// How a job is spread: tasks over nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Tasks of the whole job, at least 1.
    pub tasks: u32,
    /// Nodes asked for at least, at least 1.
    pub nodes: u32,
    /// Tasks on one node, where the request fixes it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub per_node: Option<u32>,
}

impl Layout {
    /// One task on one node.
    pub const SINGLE: Layout = Layout {
        tasks: 1,
        nodes: 1,
        per_node: None,
    };

    /// From what the user said, with Slurm's defaults for the rest. `max_nodes` equal to
    /// `min_nodes` fixes the number of nodes.
    pub fn new(
        tasks: Option<u32>,
        per_node: Option<u32>,
        min_nodes: Option<u32>,
        max_nodes: Option<u32>,
    ) -> Layout {
        let per_node = per_node.filter(|&n| n > 0);
        let nodes = min_nodes.unwrap_or(1).max(1);
        let tasks = tasks
            .unwrap_or_else(|| per_node.unwrap_or(1).saturating_mul(nodes))
            .max(1);
        let one_node = nodes == 1 && (tasks == 1 || max_nodes == Some(1));
        Layout {
            tasks,
            nodes,
            per_node: per_node.or((one_node && tasks > 1).then_some(tasks)),
        }
    }

    /// Tasks that share a node, when that is known before the job starts.
    pub fn tasks_on_a_node(self) -> Option<u32> {
        if self.tasks == 1 {
            Some(1)
        } else {
            self.per_node
        }
    }
}

/// The resources of a request that may be sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Memory; `None` when the user left it to the site's default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub memory: Option<Memory>,
    /// CPUs for each task, at least 1.
    pub cpus: u32,
    /// Tasks and nodes.
    #[serde(flatten)]
    pub layout: Layout,
    /// Time limit in seconds, when the user set one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time_s: Option<u64>,
    /// The user also said by how much Slurm may shorten it (`--time-min`): it stays as it is.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub own_time_min: bool,
    /// More CPUs are asked for than its tasks have (`--mincpus`, or by a plugin of the site): they stay as they are.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub own_cpus: bool,
    /// Slurm is to give back what the job does not use while it runs (`--mem-update`): its memory stays as it is.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub own_memory: bool,
    /// A shadow would not have all that the job has ([`Unshadowed`]): what one showed is not about it. The decision says so, for
    /// the agent that decides again.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub no_shadow: bool,
}

impl Ask {
    /// One task of one CPU, and nothing else: what others are said to differ from.
    pub const LEAST: Ask = Ask {
        memory: None,
        cpus: 1,
        layout: Layout::SINGLE,
        time_s: None,
        own_time_min: false,
        own_cpus: false,
        own_memory: false,
        no_shadow: false,
    };
}

/// Why a job is left exactly as it is, whatever is known about its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftAlone {
    /// srun or salloc: there is no script to say what kind of job it is, and somebody waits.
    NoScript,
    /// `--mem=0`: all the memory of the node.
    WholeNodeMemory,
    /// `--exclusive`.
    Exclusive,
    /// Its partition gives each job whole nodes (OverSubscribe=EXCLUSIVE).
    WholeNodes,
    /// `--mem-per-gpu`.
    MemoryPerGpu,
    /// A component of a heterogeneous job.
    Heterogeneous,
    /// By scrontab: Slurm starts it again and again, and lets nobody change it meanwhile.
    Scrontab,
    /// `--requeue=expedite`: where its script fails, as of too little memory, Slurm holds it, and nobody could rescue it.
    Expedited,
    /// `--no-requeue`, or a site that never requeues: it could not be rescued.
    NoRequeue,
    /// `--shadowfit=off`.
    OptedOut,
    /// Not all of them are read: what they make of the job is not known.
    ManyArguments,
    /// A text of it is [longer](Texts::are_too_long) than is read.
    LongTexts,
}

/// Why a job of a workflow manager keeps its request where the site would size it.
pub const OF_A_MANAGER: &str = "its workflow manager submits again by itself ([managers])";

/// Why jobs keep their request whatever their kind's runs tell, as records say it.
pub fn kept_always() -> impl Iterator<Item = &'static str> {
    let left_alone = LeftAlone::RECORDED.into_iter().map(LeftAlone::text);
    left_alone.chain([OF_A_MANAGER])
}

impl LeftAlone {
    /// All for which there is a record.
    const RECORDED: [LeftAlone; 11] = [
        LeftAlone::NoRequeue,
        LeftAlone::WholeNodes,
        LeftAlone::Exclusive,
        LeftAlone::WholeNodeMemory,
        LeftAlone::MemoryPerGpu,
        LeftAlone::Heterogeneous,
        LeftAlone::Scrontab,
        LeftAlone::Expedited,
        LeftAlone::OptedOut,
        LeftAlone::ManyArguments,
        LeftAlone::LongTexts,
    ];

    /// The reason in Slurm's words.
    pub fn text(self) -> &'static str {
        match self {
            LeftAlone::NoScript => "interactive job",
            LeftAlone::WholeNodeMemory => "--mem=0",
            LeftAlone::Exclusive => "--exclusive",
            LeftAlone::WholeNodes => "its partition gives whole nodes",
            LeftAlone::MemoryPerGpu => "--mem-per-gpu",
            LeftAlone::Heterogeneous => "heterogeneous job",
            LeftAlone::Scrontab => "scrontab",
            LeftAlone::Expedited => "--requeue=expedite",
            LeftAlone::NoRequeue => "may not be requeued",
            LeftAlone::OptedOut => "--shadowfit=off",
            LeftAlone::ManyArguments => "more arguments than are read",
            LeftAlone::LongTexts => "a longer text than is read",
        }
    }
}

/// One submission, as the decision sees it.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The user.
    pub uid: u32,
    /// What distinguishes kinds of jobs.
    pub texts: Texts<'a>,
    /// What may be sized.
    pub ask: Ask,
    /// How many jobs this is: the tasks of an array, else 1.
    pub jobs: u32,
    /// What its tasks see of an array, where that is known.
    pub array: Option<Extent>,
    /// Licenses, as Slurm writes them; empty for none.
    pub licenses: &'a str,
    /// Size of the input files that the command line names, in bytes, where it is known.
    pub input_bytes: Option<u64>,
    /// Set when the job must stay as it is.
    pub left_alone: Option<LeftAlone>,
    /// A shadow may run first: the job has no begin time or reservation of its own, and no GPU.
    pub may_wait: bool,
    /// What of it a shadow would not have.
    pub unshadowed: Option<Unshadowed>,
    /// Others of its kind will have started before: it is held, or waits for a time.
    pub starts_later: bool,
    /// The user asked for one, however well the kind is known.
    pub measured: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_fills_in_slurms_defaults() {
        assert_eq!(Layout::new(None, None, None, None), Layout::SINGLE);
        let spread = Layout::new(None, Some(4), Some(2), None);
        assert_eq!((spread.tasks, spread.tasks_on_a_node()), (8, Some(4)));
        assert_eq!(
            Layout::new(Some(8), None, Some(1), None).tasks_on_a_node(),
            None
        );
        assert_eq!(
            Layout::new(Some(8), None, Some(1), Some(1)).tasks_on_a_node(),
            Some(8)
        );
    }
}
