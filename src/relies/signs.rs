//! Signs that a line names something to rely on: all of them are looked for at once, for scripts are read while
//! somebody waits for sbatch, and most of their lines hold none.

use aho_corasick::packed::{Config, MatchKind, Searcher};
use std::sync::OnceLock;

/// What the signs of a line say, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signs(u16);

impl Signs {
    /// It may start a step.
    pub const LAUNCHER: Signs = Signs(1);
    /// It reads how much memory the job has.
    pub const MEMORY_VARIABLE: Signs = Signs(1 << 1);
    /// It reads how many CPUs the job has.
    pub const CPU_VARIABLE: Signs = Signs(1 << 2);
    /// It names the job itself.
    pub const OWN_JOB: Signs = Signs(1 << 3);
    /// It may start a Java machine or name a heap.
    pub const JAVA: Signs = Signs(1 << 4);
    /// An option of it may speak of memory.
    pub const NAMES_MEMORY: Signs = Signs(1 << 5);
    /// It may sort.
    pub const SORT: Signs = Signs(1 << 6);
    /// It may be about another job.
    pub const OTHER_JOB: Signs = Signs(1 << 7);

    /// It may start a program of which a table says how it is given its size.
    pub const SIZED: Signs = Signs(1 << 8);
    /// It may ask how many CPUs there are, or name them in a program's input.
    pub const PROCESSORS: Signs = Signs(1 << 9);

    /// It reads something that Slurm gave the job: what, stands behind.
    const SLURM_VARIABLE: Signs = Signs(0);
    /// A share of the memory, of a Java machine or of another program.
    const SHARE_OF_MEMORY: Signs = Signs(Signs::JAVA.0 | Signs::NAMES_MEMORY.0);
    /// A Java machine that is given more than its heap.
    const JAVA_AND_SIZED: Signs = Signs(Signs::JAVA.0 | Signs::SIZED.0);
    /// A program whose memory's option has no sign of its own.
    const SIZED_AND_NAMES: Signs = Signs(Signs::SIZED.0 | Signs::NAMES_MEMORY.0);
    /// Of these, what is read is found word by word.
    pub const IN_WORDS: Signs = Signs(
        Signs::LAUNCHER.0
            | Signs::JAVA.0
            | Signs::NAMES_MEMORY.0
            | Signs::SORT.0
            | Signs::OTHER_JOB.0
            | Signs::SIZED.0
            | Signs::PROCESSORS.0,
    );

    /// It holds one of these.
    pub fn has(self, others: Signs) -> bool {
        self.0 & others.0 != 0
    }

    /// A program or a step may rely on something; or the job asks Slurm about itself.
    pub fn matter(self) -> bool {
        let both = Signs::OTHER_JOB.0 | Signs::OWN_JOB.0;
        self.0 & !both != 0 || self.0 & both == both
    }

    /// What they are about may be memory.
    pub fn are_about_memory(self) -> bool {
        self.0 & !(Signs::CPU_VARIABLE.0 | Signs::OTHER_JOB.0) != 0
    }

    /// What they are about may be CPUs.
    pub fn are_about_cpus(self) -> bool {
        let about = [
            Signs::LAUNCHER,
            Signs::CPU_VARIABLE,
            Signs::OWN_JOB,
            Signs::SIZED,
            Signs::PROCESSORS,
        ];
        about.iter().any(|&sign| self.has(sign))
    }

    /// What is left of them where a command only writes its words into a file.
    pub fn without_programs(self) -> Signs {
        Signs(self.0 & !Signs::IN_WORDS.0)
    }

    /// What is left of them where what speaks of memory reaches no program.
    pub fn without_names_of_memory(self) -> Signs {
        Signs(self.0 & !Signs::NAMES_MEMORY.0)
    }

    /// With what stands in a command whose variables are written out.
    pub fn with_cpus_of(self, command: &[u8]) -> Signs {
        let has_cpus = memchr::memmem::find(command, b"$SLURM_CPUS").is_some();
        Signs(self.0 | if has_cpus { Signs::CPU_VARIABLE.0 } else { 0 })
    }

    /// All signs of a list.
    pub fn all(found: &[(usize, Signs)]) -> Signs {
        Signs(found.iter().fold(0, |all, (_, sign)| all | sign.0))
    }
}

/// Of four bytes at least: fewer make the search stop at what is no sign. Each one more makes it stop more often at what is
/// none, and more than 64 cannot be looked for at once. Which of them are told apart together follows from their order: this
/// one, found by trial on scripts of many sites, costs a third less than by meaning; `memory` stands behind the longer ones.
const ALL: [(&str, Signs); 64] = [
    ("srun", Signs::LAUNCHER),
    ("-mem", Signs::NAMES_MEMORY),
    ("mpirun", Signs::LAUNCHER),
    ("terun", Signs::LAUNCHER),
    ("parpool", Signs::SIZED),
    ("Memory", Signs::NAMES_MEMORY),
    ("memory.max", Signs::MEMORY_VARIABLE),
    ("maxcore", Signs::SIZED),
    ("fluent", Signs::SIZED),
    ("memory.limit_in_bytes", Signs::MEMORY_VARIABLE),
    ("%MEM", Signs::NAMES_MEMORY),
    (" in=", Signs::JAVA),
    ("MEMORY", Signs::NAMES_MEMORY),
    ("sort", Signs::SORT),
    ("-jar", Signs::JAVA),
    ("_mem", Signs::NAMES_MEMORY),
    ("SLURM_", Signs::SLURM_VARIABLE),
    ("xRAM", Signs::SHARE_OF_MEMORY),
    ("mem=", Signs::NAMES_MEMORY),
    ("tRAM", Signs::NAMES_MEMORY),
    ("ray start", Signs::SIZED),
    ("mpiexec", Signs::LAUNCHER),
    ("%Npr", Signs::PROCESSORS),
    ("nproc", Signs::PROCESSORS),
    ("nextflow", Signs::JAVA_AND_SIZED),
    ("dask", Signs::NAMES_MEMORY),
    ("java", Signs::JAVA),
    (" in1=", Signs::JAVA),
    ("memory", Signs::NAMES_MEMORY),
    ("squeue", Signs::OTHER_JOB),
    ("abaqus", Signs::SIZED_AND_NAMES),
    ("NProc", Signs::PROCESSORS),
    ("salloc", Signs::OTHER_JOB),
    ("mem_", Signs::NAMES_MEMORY),
    ("MaxCore", Signs::SIZED),
    ("%MAX", Signs::SIZED),
    ("ranger", Signs::SIZED_AND_NAMES),
    ("bbmap", Signs::JAVA),
    ("-Xmx", Signs::JAVA),
    ("%NPR", Signs::PROCESSORS),
    ("eRAM", Signs::NAMES_MEMORY),
    ("MsortRAM", Signs::NAMES_MEMORY),
    ("lRAM", Signs::SHARE_OF_MEMORY),
    ("-ram", Signs::NAMES_MEMORY),
    ("GAUSS_", Signs::SIZED),
    ("-Mem", Signs::NAMES_MEMORY),
    ("heap", Signs::NAMES_MEMORY),
    ("gatk", Signs::JAVA),
    ("Mem=", Signs::NAMES_MEMORY),
    ("decomposePar", Signs::SIZED),
    ("-Xms", Signs::JAVA),
    ("-max", Signs::NAMES_MEMORY),
    ("GATK", Signs::JAVA),
    ("-RAM", Signs::NAMES_MEMORY),
    ("nRAM", Signs::SHARE_OF_MEMORY),
    ("scontrol", Signs::OTHER_JOB),
    ("prun", Signs::LAUNCHER),
    ("qsub", Signs::OTHER_JOB),
    ("sacct", Signs::OTHER_JOB),
    ("Foam", Signs::SIZED),
    ("mvn ", Signs::JAVA),
    ("sbatch", Signs::OTHER_JOB),
    ("ansys", Signs::SIZED),
    ("spades", Signs::SIZED),
];

/// More than can be looked for together with those: they are looked for once more.
const MORE: [(&str, Signs); 64] = [
    ("_MEM", Signs::NAMES_MEMORY),
    ("MEMLIMIT", Signs::NAMES_MEMORY),
    ("ibrun", Signs::LAUNCHER),
    ("flux ", Signs::LAUNCHER),
    ("hq submit", Signs::LAUNCHER),
    ("abq2", Signs::SIZED_AND_NAMES),
    ("g09 ", Signs::SIZED),
    ("g16 ", Signs::SIZED),
    ("kmc ", Signs::SIZED),
    ("cd-hit", Signs::SIZED),
    ("--vm-bytes", Signs::SIZED),
    ("-MEMSIZE", Signs::SIZED),
    ("mapdl", Signs::SIZED),
    ("numactl", Signs::SIZED),
    ("taskset", Signs::SIZED),
    (" PAL", Signs::PROCESSORS),
    (" Pal", Signs::PROCESSORS),
    (" pal", Signs::PROCESSORS),
    ("!PAL", Signs::PROCESSORS),
    ("novosort", Signs::SIZED),
    ("sched_getaffinity", Signs::CPU_VARIABLE),
    ("availableCores", Signs::CPU_VARIABLE),
    ("_cpu:", Signs::SIZED),
    ("canu ", Signs::SIZED_AND_NAMES),
    ("--cpu-", Signs::SIZED),
    ("CACHEMAX", Signs::NAMES_MEMORY),
    ("likwid-", Signs::SIZED),
    ("hwloc-bind", Signs::SIZED),
    ("PROCESSOR_LIST", Signs::SIZED),
    ("_AFFINITY", Signs::SIZED),
    ("batchSystem", Signs::SIZED),
    ("OMP_PLACES", Signs::SIZED),
    ("LocalC", Signs::SIZED),
    ("Client(", Signs::SIZED),
    ("ray.init(", Signs::SIZED),
    ("duckdb", Signs::SIZED),
    ("molpro ", Signs::SIZED),
    ("megahit", Signs::SIZED),
    ("dalton ", Signs::SIZED),
    ("pam -", Signs::SIZED),
    ("optistruct", Signs::SIZED),
    ("worker.", Signs::SIZED),
    ("start-slave", Signs::SIZED),
    ("toil-", Signs::SIZED),
    ("PARNODES", Signs::SIZED),
    ("MOLCAS_NPROCS", Signs::SIZED),
    ("NSCM=", Signs::SIZED),
    ("ams -n", Signs::SIZED),
    ("AMSBIN", Signs::SIZED),
    ("rungms", Signs::SIZED),
    ("runmpi", Signs::SIZED),
    ("runPcry", Signs::SIZED),
    ("horovodrun", Signs::SIZED),
    ("dotnet ", Signs::SIZED),
    ("supernova", Signs::SIZED_AND_NAMES),
    ("NPROCS ", Signs::PROCESSORS),
    ("HEAPSIZE", Signs::NAMES_MEMORY),
    ("bflyHeap", Signs::NAMES_MEMORY),
    ("scala ", Signs::JAVA),
    ("ant ", Signs::JAVA),
    ("groovy", Signs::JAVA),
    ("gradle", Signs::JAVA),
    ("sbt ", Signs::JAVA),
    ("kotlin ", Signs::JAVA),
];

/// What Slurm's variables say, by what follows their common beginning.
const VARIABLES: [(&[u8], Signs); 8] = [
    (b"MEM_", Signs::MEMORY_VARIABLE),
    (b"CPUS_", Signs::CPU_VARIABLE),
    (b"JOB_CPUS_", Signs::CPU_VARIABLE),
    (b"JOB_ID", Signs::OWN_JOB),
    (b"JOBID", Signs::OWN_JOB),
    (b"NTASKS", Signs::CPU_VARIABLE),
    (b"NPROCS", Signs::CPU_VARIABLE),
    (b"TRES_PER_TASK", Signs::CPU_VARIABLE),
];

/// Where signs end in a text, from its beginning on. Of signs that overlap, the one that begins first counts, and of those
/// that begin together the one that stands first in the list: that is what lets a reader skip most of a text.
pub fn find(text: &[u8]) -> Vec<(usize, Signs)> {
    static FIRST: OnceLock<Option<Searcher>> = OnceLock::new();
    static SECOND: OnceLock<Option<Searcher>> = OnceLock::new();
    let find = |finder: &'static OnceLock<Option<Searcher>>, all: &'static [(&str, Signs)]| {
        let finder = finder.get_or_init(|| searcher(all.iter().map(|&(sign, _)| sign)));
        let found = finder.iter().flat_map(|finder| finder.find_iter(text));
        found.map(|sign| (sign.end(), all[sign.pattern().as_usize()].1))
    };
    // More are rarely found, and room that is made as it is needed costs as much as the search.
    let mut all = Vec::with_capacity(64);
    all.extend(find(&FIRST, &ALL).map(|(end, sign)| match sign {
        Signs::SLURM_VARIABLE => (end, variable(&text[end..])),
        _ => (end, sign),
    }));
    let count = all.len();
    all.extend(find(&SECOND, &MORE));
    if all.len() > count {
        all.sort_by_key(|&(end, _)| end);
    }
    all
}

/// What looks for all of these at once, of which each has four bytes at least.
pub fn searcher(signs: impl Iterator<Item = &'static str> + Clone) -> Option<Searcher> {
    let signs = || signs.clone();
    let mut config = Config::new();
    config.match_kind(MatchKind::LeftmostFirst);
    let searcher = config.builder().extend(signs()).build();
    // CPUs without its instructions search in another way.
    let otherwise = || {
        config
            .only_rabin_karp(true)
            .builder()
            .extend(signs())
            .build()
    };
    searcher.or_else(otherwise)
}

fn variable(rest: &[u8]) -> Signs {
    let named = VARIABLES.iter().find(|(name, _)| rest.starts_with(name));
    named.map_or(Signs::default(), |&(_, sign)| sign)
}

/// The signs up to `end`, which are taken out of `found`, given in the order of their ends.
pub fn up_to<'a>(end: usize, found: &mut &'a [(usize, Signs)]) -> &'a [(usize, Signs)] {
    let count = found.iter().take_while(|&&(at, _)| at <= end).count();
    let (signs, rest) = found.split_at(count);
    *found = rest;
    signs
}
