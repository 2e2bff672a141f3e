//! Variables that stand for options: they win over the script, and the command line wins over them.

use super::Release;
use super::asked::{Asked, Source};
use super::installed::Sbatch;
use super::options::Takes;
use crate::shadow::{OPTION, OPTION_VARIABLE};
use anyhow::Result;

/// The one that is looked for before the script is read.
const EARLY: [(&str, &str); 1] = [("SBATCH_IGNORE_PBS", "ignore-pbs")];

/// Those whose options decide something, in sbatch's order.
const VARIABLES: [(&str, &str); 27] = [
    ("SBATCH_ACCOUNT", "account"),
    ("SBATCH_BURST_BUFFER", "bb"),
    ("SBATCH_CONTAINER", "container"),
    ("SBATCH_CONTAINER_ID", "container-id"),
    ("SBATCH_CORE_SPEC", "core-spec"),
    ("SBATCH_CPUS_PER_GPU", "cpus-per-gpu"),
    ("SBATCH_EXCLUSIVE", "exclusive"),
    ("SBATCH_GRES", "gres"),
    ("SBATCH_GPUS", "gpus"),
    ("SBATCH_GPUS_PER_NODE", "gpus-per-node"),
    ("SBATCH_GPUS_PER_SOCKET", "gpus-per-socket"),
    ("SBATCH_GPUS_PER_TASK", "gpus-per-task"),
    ("SBATCH_INPUT", "input"),
    ("SBATCH_JOB_NAME", "job-name"),
    ("SBATCH_MEM_PER_CPU", "mem-per-cpu"),
    ("SBATCH_MEM_PER_GPU", "mem-per-gpu"),
    ("SBATCH_MEM_PER_NODE", "mem"),
    ("SBATCH_NO_KILL", "no-kill"),
    ("SBATCH_NO_REQUEUE", "no-requeue"),
    ("SBATCH_OPEN_MODE", "open-mode"),
    ("SBATCH_PARTITION", "partition"),
    ("SBATCH_REQUEUE", "requeue"),
    ("SBATCH_RESERVATION", "reservation"),
    ("SBATCH_THREAD_SPEC", "thread-spec"),
    ("SBATCH_THREADS_PER_CORE", "threads-per-core"),
    ("SBATCH_TIMELIMIT", "time"),
    ("SBATCH_TRES_PER_TASK", "tres-per-task"),
];

/// What SPANK puts before the variables that it hands over.
const SPANK: &str = "SLURM_SPANK_";

/// From this release on its variable holds a value; before that, yes or no.
const REQUEUE_TAKES_A_VALUE: Release = (25, 11);

/// Before the script is read.
pub fn take_early(sbatch: &Sbatch, asked: &mut Asked) -> Result<()> {
    take(&EARLY, sbatch, asked)
}

/// Between script and command line.
pub fn take_all(sbatch: &Sbatch, asked: &mut Asked) -> Result<()> {
    take(&VARIABLES, sbatch, asked)?;
    take(
        &[(&format!("{SPANK}{OPTION_VARIABLE}"), OPTION)],
        sbatch,
        asked,
    )
}

fn take(variables: &[(&str, &str)], sbatch: &Sbatch, asked: &mut Asked) -> Result<()> {
    for (variable, option) in variables {
        let Some(value) = sbatch.environment.get(*variable) else {
            continue;
        };
        let given = Some(value.as_slice()).filter(|value| !value.is_empty());
        let takes = match *option {
            "requeue" if sbatch.release < REQUEUE_TAKES_A_VALUE => Takes::Nothing,
            _ => sbatch.table.takes(option),
        };
        let result = match takes {
            Takes::Nothing if !is_yes(value) => {
                asked.take_back(option);
                Ok(())
            }
            Takes::Nothing => asked.take(option, None, Source::Environment),
            // Of an optional value, an empty one is none.
            Takes::Perhaps => asked.take(option, given, Source::Environment),
            Takes::Value => asked.take(option, Some(value), Source::Environment),
        };
        result.map_err(|error| error.context((*variable).to_owned()))?;
    }
    Ok(())
}

/// Nothing, yes, or a number other than 0.
fn is_yes(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let counts = text
        .trim_ascii_start()
        .parse::<i64>()
        .is_ok_and(|number| number != 0);
    text.is_empty() || text.eq_ignore_ascii_case("yes") || counts
}
