//! From a job's steps to what the whole job used.

use crate::record::FinishedJob;

/// The job whose steps are being read.
pub struct Open {
    pub job: FinishedJob,
    pub steps: Vec<Step>,
    /// Where its row began.
    pub line: u64,
    /// No more steps can come.
    pub settled: bool,
}

pub struct Step {
    pub start: i64,
    pub end: i64,
    pub peak: u64,
    pub out_of_memory: bool,
}

impl Open {
    /// The job with what its steps used.
    pub fn close(self) -> FinishedJob {
        let Open { mut job, steps, .. } = self;
        let peak = peak_of_steps(&steps);
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
        if died {
            // Sampling may have missed all of it; it certainly reached its limit.
            usage.peak_bytes = usage.peak_bytes.max(job.memory);
        }
        job
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

/// The largest sum of the peaks of steps that ran at the same time.
fn peak_of_steps(steps: &[Step]) -> u64 {
    let mut events: Vec<(i64, Event, u64)> = Vec::with_capacity(2 * steps.len());
    for step in steps {
        if step.start < step.end {
            events.push((step.start, Event::Starts, step.peak));
            events.push((step.end, Event::Ends, step.peak));
        } else {
            events.push((step.start, Event::Flashes, step.peak));
        }
    }
    events.sort_unstable();
    let (mut now, mut largest) = (0u64, 0);
    for (_, event, peak) in events {
        match event {
            Event::Starts => now = now.saturating_add(peak),
            Event::Ends => now = now.saturating_sub(peak),
            Event::Flashes => largest = largest.max(now.saturating_add(peak)),
        }
        largest = largest.max(now);
    }
    largest
}
