//! sbatch: submits a shadow, a clone of a job that waits.
//!
//! The clone's script is a stub of two lines that does nothing, followed by the user's script. Only a
//! node's sandbox unwraps it: where there is none, nothing of the user's ever runs.

mod arguments;
mod environment;
mod kept;
#[cfg(test)]
mod tests;
mod unnamed;

use super::{CommandError, Commands, Limits, site};
use crate::config::ShadowLimits;
use crate::job::Ask;
use crate::job::array::Extent;
use crate::job::shadow::Wait;
use crate::shadow::{MEASURE, Mark, OPTION, OPTION_VARIABLE, SERVERS_VARIABLE, STUB};
use std::path::Path;
use unnamed::Unnamed;

/// Minutes of Slurm's own time limit beyond the window, for a node that has lost the sampler.
const SPARE_MINUTES: u32 = 1;

/// Its tasks would share their work otherwise than the job's.
const NOT_ITS_ARRAY: &str = "its record does not say what the tasks of its array see of it";

/// A script larger than the largest that a site lets slurmctld take is none.
const SCRIPT: Limits = Limits {
    timeout_s: 60,
    most_bytes: 64 << 20,
};

/// What is cloned.
#[derive(Debug, Clone)]
pub struct Original {
    /// As scontrol names it.
    pub handle: String,
    /// Its name.
    pub name: String,
    /// The number under which slurmctld keeps its script: of an array, the array's.
    pub script_id: u64,
    /// The first array task that waits.
    pub task: Option<u64>,
    /// User and group.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
    /// Partitions, comma-separated.
    pub partition: String,
    /// Constraint, empty if none.
    pub features: String,
    /// Working directory.
    pub work_dir: String,
    /// What is run: a line that ends in the script's arguments, joined by blanks, up to 24.05.
    pub line: String,
}

/// How the clone runs.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Memory in MiB.
    pub memory_mib: u64,
    /// What the job asked for: the program sees that.
    pub ask: Ask,
    /// When it must have ended, in seconds since 1970.
    pub until: i64,
}

impl Slice {
    /// The same with no more memory than a node has free.
    pub fn at_most(self, free_mib: u64) -> Slice {
        Slice {
            memory_mib: self.memory_mib.min(free_mib),
            ..self
        }
    }
}

impl ShadowLimits {
    /// The slice for a shadow of a job that asks for `ask`, which must have ended at `until`.
    pub fn slice(&self, ask: &Ask, until: i64) -> Slice {
        let tasks = u64::from(ask.layout.tasks_on_a_node().unwrap_or(1));
        let asked = ask.memory.map(|memory| memory.on_a_node(tasks, ask.cpus));
        Slice {
            memory_mib: asked.unwrap_or(self.memory_mib).min(self.memory_mib),
            ask: *ask,
            until,
        }
    }
}

/// A shadow that sbatch has but to be given: all that can fail without slurmctld's knowledge is done.
pub struct Prepared {
    words: Vec<String>,
    /// sbatch reads them once, as it starts.
    _files: [Unnamed; 2],
}

impl Prepared {
    /// Submits it and returns its job number. After an error it may have been submitted all the same: only the queue
    /// can tell.
    pub fn submit(self, commands: &dyn Commands) -> Result<u64, CommandError> {
        sbatch(&self.words, |words| commands.run_bare("sbatch", words))
    }
}

/// Prepares a shadow of `job`, which waits for it; `None` while Slurm does not show yet which arguments its script has.
pub fn prepare(
    commands: &dyn Commands,
    limits: &ShadowLimits,
    job: &Original,
    slice: Slice,
    wait: &Wait,
) -> Result<Option<Prepared>, CommandError> {
    let own = |problem: String| unreadable(&job.handle, problem);
    if job.task.is_some() && wait.array.is_none() {
        return Err(own(NOT_ITS_ARRAY.into()));
    }
    let Some(arguments) = arguments::find(commands, job, &wait.arguments)? else {
        return Ok(None);
    };
    let script = script(commands, job)?;
    let mark = mark(limits, job.script_id, slice);
    // With an environment of its own, sbatch does not put its SPANK options into it.
    let mut environment = environment(commands, job, &slice.ask, wait.array).map_err(own)?;
    environment.extend_from_slice(format!("{OPTION_VARIABLE}={mark}\0").as_bytes());
    let servers = environment::license_servers(&limits.license_servers, &environment);
    environment.extend_from_slice(format!("{SERVERS_VARIABLE}={servers}\0").as_bytes());
    let file = |content: &[u8]| Unnamed::with(content).map_err(|error| own(error.to_string()));
    let (script, environment) = (file(&script)?, file(&environment)?);
    let mut words = options(limits, job.script_id, slice);
    words.extend([
        format!("--uid={}", job.uid),
        format!("--gid={}", job.gid),
        format!("--chdir={}", job.work_dir),
        format!(
            "--partition={}",
            limits.partition.as_ref().unwrap_or(&job.partition)
        ),
        // What sbatch itself has in its environment, which is next to nothing, comes on top. Without
        // --export, 26.05 takes that alone.
        "--export=ALL".into(),
        format!("--export-file={}", environment.path()),
    ]);
    if !job.features.is_empty() {
        words.push(format!("--constraint={}", job.features));
    }
    words.push(script.path());
    words.extend(arguments);
    Ok(Some(Prepared {
        words,
        _files: [script, environment],
    }))
}

/// Submits a job that is to be measured and never runs: it is held. `words` are sbatch's own.
pub fn submit_held(commands: &dyn Commands, words: &[String]) -> Result<u64, CommandError> {
    let own = ["--parsable", "--hold"].map(str::to_owned);
    let option = format!("--{OPTION}={MEASURE}");
    let words = [&own[..], &[option], words].concat();
    sbatch(&words, |words| commands.run("sbatch", words))
}

fn unreadable(job: &str, problem: String) -> CommandError {
    CommandError::Unreadable {
        command: format!("shadow of job {job}"),
        problem,
    }
}

fn sbatch(
    words: &[String],
    run: impl Fn(&[&str]) -> Result<Vec<u8>, CommandError>,
) -> Result<u64, CommandError> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let answer = run(&words)?;
    let text = String::from_utf8_lossy(&answer);
    let number = text.trim().split(';').next().and_then(|id| id.parse().ok());
    number.ok_or_else(|| unreadable("a script", format!("sbatch answered '{}'", text.trim())))
}

/// By what the node knows that this is a shadow, and how it is to run.
fn mark(limits: &ShadowLimits, of: u64, slice: Slice) -> Mark {
    Mark {
        job: of,
        until: slice.until,
        cpus: slice.ask.cpus,
        // To the kernel, a file system of size 0 is one without a limit.
        scratch_mib: limits.scratch_mib.min(slice.memory_mib / 2).max(1),
        pids: limits.pids.into(),
        io_mib_s: limits.io_mib_s.into(),
    }
}

/// What every shadow is submitted with.
fn options(limits: &ShadowLimits, of: u64, slice: Slice) -> Vec<String> {
    let fixed = [
        "--parsable",
        "--nodes=1",
        "--ntasks=1",
        "--cpus-per-task=1",
        "--nice=1000000",
        "--no-requeue",
        "--mail-type=NONE",
        "--output=/dev/null",
        "--error=/dev/null",
        "--input=/dev/null",
    ];
    let mut words = fixed.map(str::to_owned).to_vec();
    words.extend([
        format!("--job-name=shadow-of-{of}"),
        format!("--mem={}M", slice.memory_mib),
        format!("--time={}", limits.window_s.div_ceil(60) + SPARE_MINUTES),
        format!("--{OPTION}={}", mark(limits, of, slice)),
    ]);
    let account = limits
        .account
        .iter()
        .map(|account| format!("--account={account}"));
    let qos = limits.qos.iter().map(|qos| format!("--qos={qos}"));
    words.extend(account.chain(qos));
    words
}

fn script(commands: &dyn Commands, job: &Original) -> Result<Vec<u8>, CommandError> {
    let id = job.script_id.to_string();
    let write = ["write", "batch_script", &id, "-"];
    let text = commands.run_within(SCRIPT, "scontrol", &write)?;
    Ok([STUB.as_bytes(), &text].concat())
}

/// The job's environment from where slurmctld keeps it: nothing else has that of a job that waits.
fn environment(
    commands: &dyn Commands,
    job: &Original,
    ask: &Ask,
    array: Option<Extent>,
) -> Result<Vec<u8>, String> {
    let settings = site::settings(commands).map_err(|error| error.to_string())?;
    let state = settings
        .get("StateSaveLocation")
        .ok_or("scontrol show config names no StateSaveLocation")?;
    let bytes = kept::read(Path::new(state), job.script_id, "environment")
        .map_err(|error| format!("{state}: environment of job {}: {error}", job.script_id))?;
    // A 32-bit count, then the variables, each ended by NUL.
    let stored = bytes.get(4..).unwrap_or_default();
    Ok(environment::of_shadow(stored, ask, job, array))
}
