//! Signs that a line names something to rely on: all of them are looked for at once, for scripts are read while
//! somebody waits for sbatch, and most of their lines hold none.

use aho_corasick::{AhoCorasick, MatchKind};
use std::sync::OnceLock;

/// What the signs of a line say, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signs(u8);

impl Signs {
    /// It may start a step.
    pub const LAUNCHER: Signs = Signs(1);
    /// It reads how much memory the job has.
    pub const MEMORY_VARIABLE: Signs = Signs(1 << 1);
    /// It reads how many CPUs the job has.
    pub const CPU_VARIABLE: Signs = Signs(1 << 2);
    /// It may start a Java machine or name a heap.
    pub const JAVA: Signs = Signs(1 << 4);
    /// An option of it may speak of memory.
    pub const NAMES_MEMORY: Signs = Signs(1 << 5);
    /// It may sort.
    pub const SORT: Signs = Signs(1 << 6);
    /// It may be about another job.
    pub const OTHER_JOB: Signs = Signs(1 << 7);

    /// It holds one of these.
    pub fn has(self, others: Signs) -> bool {
        self.0 & others.0 != 0
    }

    /// A program or a step may rely on something.
    pub fn matter(self) -> bool {
        self.0 & !Signs::OTHER_JOB.0 != 0
    }

    fn add(&mut self, other: Signs) {
        self.0 |= other.0;
    }
}

const ALL: [(&str, Signs); 34] = [
    ("srun", Signs::LAUNCHER),
    ("mpirun", Signs::LAUNCHER),
    ("mpiexec", Signs::LAUNCHER),
    ("orterun", Signs::LAUNCHER),
    ("SLURM_MEM_", Signs::MEMORY_VARIABLE),
    ("memory.limit_in_bytes", Signs::MEMORY_VARIABLE),
    ("memory.max", Signs::MEMORY_VARIABLE),
    ("SLURM_CPUS_", Signs::CPU_VARIABLE),
    ("SLURM_JOB_CPUS_", Signs::CPU_VARIABLE),
    ("SLURM_NTASKS", Signs::CPU_VARIABLE),
    ("SLURM_NPROCS", Signs::CPU_VARIABLE),
    ("SLURM_TRES_PER_TASK", Signs::CPU_VARIABLE),
    ("java", Signs::JAVA),
    ("-Xm", Signs::JAVA),
    ("RAMPercentage", Signs::JAVA),
    ("RAMFraction", Signs::JAVA),
    ("-mem", Signs::NAMES_MEMORY),
    ("-Mem", Signs::NAMES_MEMORY),
    ("_mem", Signs::NAMES_MEMORY),
    ("mem=", Signs::NAMES_MEMORY),
    ("-max", Signs::NAMES_MEMORY),
    ("ram", Signs::NAMES_MEMORY),
    ("RAM", Signs::NAMES_MEMORY),
    ("heap", Signs::NAMES_MEMORY),
    ("memory", Signs::NAMES_MEMORY),
    ("Memory", Signs::NAMES_MEMORY),
    ("MEMORY", Signs::NAMES_MEMORY),
    ("-limit", Signs::NAMES_MEMORY),
    ("sort", Signs::SORT),
    ("sbatch", Signs::OTHER_JOB),
    ("salloc", Signs::OTHER_JOB),
    ("scontrol", Signs::OTHER_JOB),
    ("qsub", Signs::OTHER_JOB),
    ("sacct", Signs::OTHER_JOB),
];

/// Where signs end in a text, from its beginning on. Of signs that overlap, the one that begins first counts, and of those
/// that begin together the one that stands first in the list: that is what lets a reader skip most of a text.
pub fn find(text: &[u8]) -> Vec<(usize, Signs)> {
    static FINDER: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let finder = FINDER.get_or_init(|| {
        AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(ALL.map(|(sign, _)| sign))
            .ok()
    });
    let found = finder.iter().flat_map(|finder| finder.find_iter(text));
    found
        .map(|sign| (sign.end(), ALL[sign.pattern().as_usize()].1))
        .collect()
}

/// All signs up to `end`, which are taken out of `found`, given in the order of their ends.
pub fn up_to(end: usize, found: &mut &[(usize, Signs)]) -> Signs {
    let mut signs = Signs::default();
    while let Some((&(at, sign), rest)) = found.split_first()
        && at <= end
    {
        signs.add(sign);
        *found = rest;
    }
    signs
}
