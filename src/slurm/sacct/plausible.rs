//! Figures that cannot be: they count as what can be known instead, and are reported.

use crate::record::{FinishedJob, Record};

/// How much more CPU time than its CPUs had a job may show: clocks are not read at the same moment.
const CPU_TOLERANCE: f64 = 1.05;

const TOO_MUCH_MEMORY: &str = "MaxRSS above what a job that ended well was given (memory that processes share, counted twice): its request counts";
const TOO_MUCH_CPU: &str = "more CPU time than its CPUs had: it counts as unknown";

/// Corrects the figures of one job and says what was wrong.
pub fn corrections(job: &mut FinishedJob) -> impl Iterator<Item = &'static str> + use<> {
    let memory = limit_memory(job).then_some(TOO_MUCH_MEMORY);
    let cpu = limit_cpu(job).then_some(TOO_MUCH_CPU);
    memory.into_iter().chain(cpu)
}

/// A job that was given less than it asked for, where nothing enforces that, may have used what it asked for.
fn limit_memory(job: &mut FinishedJob) -> bool {
    let asked = job.comment.record().and_then(Record::asked_on_a_node);
    let (Some(given), "COMPLETED") = (job.memory.max(asked), job.state.as_str()) else {
        return false;
    };
    let is_too_much = job.usage.peak_bytes.is_some_and(|peak| peak > given);
    if is_too_much {
        job.usage.peak_bytes = Some(given);
    }
    is_too_much
}

/// Whole seconds of run time are short by up to one.
fn limit_cpu(job: &mut FinishedJob) -> bool {
    let (elapsed, cpus) = (job.usage.elapsed_s as f64, f64::from(job.cpus));
    let most = cpus * (elapsed + 1.0) * CPU_TOLERANCE;
    let is_too_much = |cores: f64| job.cpus > 0 && cores * elapsed > most;
    let unknown = job.usage.cores.is_some_and(is_too_much);
    if unknown {
        job.usage.cores = None;
    }
    unknown
}
