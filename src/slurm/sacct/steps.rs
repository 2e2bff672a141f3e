//! From a job's steps to what the whole job used.

use crate::fingerprint::Level;
use crate::job::{Memory, Named};
use crate::record::FinishedJob;
use crate::text::units::MIB;

/// The job whose steps are being read.
pub struct Open {
    pub job: FinishedJob,
    pub steps: Vec<Step>,
    /// Where its row began.
    pub line: u64,
    /// How often that row stood there again.
    pub again: u64,
    /// No more steps can come.
    pub settled: bool,
}

pub struct Step {
    /// As sacct prints it.
    pub id: String,
    /// Where its row began.
    pub line: u64,
    pub start: i64,
    pub end: i64,
    pub peak: u64,
    pub out_of_memory: bool,
    /// What it was given on all its nodes, in bytes; 0 where that is not known.
    pub memory: u64,
    pub cpus: u32,
    pub nodes: u32,
    /// By srun or a launcher: not the script itself, and not what Slurm keeps beside it.
    pub is_launched: bool,
}

impl Step {
    /// The same row.
    fn is_again(&self, other: &Step) -> bool {
        let figures = |step: &Step| (step.start, step.end, step.peak, step.memory, step.cpus);
        self.id == other.id && figures(self) == figures(other)
    }
}

impl Open {
    /// Takes out the steps whose row was written more than once, and returns them.
    pub fn take_out_twins(&mut self) -> Vec<Step> {
        self.steps.sort_by(|a, b| a.id.cmp(&b.id));
        let mut twins = Vec::new();
        let steps = std::mem::take(&mut self.steps);
        for step in steps {
            match self
                .steps
                .last()
                .is_some_and(|before| before.is_again(&step))
            {
                true => twins.push(step),
                false => self.steps.push(step),
            }
        }
        twins
    }

    /// The job with what its steps used.
    pub fn close(self) -> FinishedJob {
        let Open { mut job, steps, .. } = self;
        let peak = at_once(&steps, |step| step.peak);
        let named = named(&job, &steps);
        let launched = steps.iter().filter(|step| step.is_launched).count() as u32;
        let launched = (!steps.is_empty()).then_some(launched);
        let usage = &mut job.usage;
        // After a requeue the job's own state says so, and only its step still shows why.
        let killed = steps.iter().any(|step| step.out_of_memory);
        if job.state == "REQUEUED" && killed {
            job.state = "OUT_OF_MEMORY".into();
        }
        let died = job.state == "OUT_OF_MEMORY";
        // A script may go on after one of its steps was killed: of that job, too, only that more was needed is known.
        usage.peak_is_bound = died || killed;
        usage.peak_bytes = Some(peak).filter(|&peak| peak > 0);
        usage.named = named;
        usage.launched = launched;
        if died {
            // Sampling may have missed all of it; it certainly reached its limit.
            usage.peak_bytes = usage.peak_bytes.max(job.memory);
        }
        job
    }
}

/// What steps named for themselves: they were given less than the job, which they get all of otherwise, or, where the job
/// asked for memory per CPU, a share of that. Steps that overlap may add up to more than the job.
fn named(job: &FinishedJob, steps: &[Step]) -> Named {
    let record = job.comment.record();
    let own_kind = record.filter(|record| record.level != Some(Level::Application));
    let known = own_kind
        .and_then(|record| record.evidence)
        .unwrap_or_default();
    let asked = record
        .and_then(|record| record.asked)
        .and_then(|asked| asked.memory);
    let memory = |step: &Step| match asked {
        Some(Memory::Cpu(_)) => 0,
        _ => step.memory / u64::from(step.nodes),
    };
    let cpus = |step: &Step| {
        if step.nodes == job.nodes {
            step.cpus.into()
        } else {
            0
        }
    };
    let known_bytes = u64::from(known.named_mib) * MIB;
    let bytes = most_named(steps, memory, job.memory.unwrap_or(0), known_bytes);
    let cpus = most_named(steps, cpus, job.cpus.into(), known.named_cpus.into());
    Named {
        memory_mib: bytes.div_ceil(MIB).try_into().unwrap_or(u32::MAX),
        cpus: cpus.try_into().unwrap_or(u32::MAX),
    }
}

/// The most that was named at once in a job that was given so much. Where that is no more than was known to be named
/// before, a step that has all of it may have named it, too.
fn most_named(steps: &[Step], of: impl Fn(&Step) -> u64, given: u64, known: u64) -> u64 {
    let launched = |step: &Step| if step.is_launched { of(step) } else { 0 };
    let less = |step: &Step| Some(launched(step)).filter(|&own| own < given).unwrap_or(0);
    let may_name_all = given <= known && at_once(steps, launched) >= given;
    match may_name_all {
        true => known,
        false => at_once(steps, less).min(given),
    }
}

/// What happens to the sum at one moment. Their order counts: of two steps that follow each other
/// within a second, the first is taken to be gone before the second starts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Ends,
    Starts,
    /// Shorter than a second: it starts and ends here.
    Flashes,
}

/// The largest sum of what steps that ran at the same time had.
fn at_once(steps: &[Step], of: impl Fn(&Step) -> u64) -> u64 {
    let mut events: Vec<(i64, Event, u64)> = Vec::with_capacity(2 * steps.len());
    for step in steps {
        let own = of(step);
        if step.start < step.end {
            events.push((step.start, Event::Starts, own));
            events.push((step.end, Event::Ends, own));
        } else {
            events.push((step.start, Event::Flashes, own));
        }
    }
    events.sort_unstable();
    let (mut now, mut largest) = (0u64, 0);
    for (_, event, own) in events {
        match event {
            Event::Starts => now = now.saturating_add(own),
            Event::Ends => now = now.saturating_sub(own),
            Event::Flashes => largest = largest.max(now.saturating_add(own)),
        }
        largest = largest.max(now);
    }
    largest
}
