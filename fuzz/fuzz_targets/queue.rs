//! What squeue answers.
#![no_main]

use fuzz::Answer;
use libfuzzer_sys::fuzz_target;
use shadowfit_core::slurm::queue::{QueuedShadow, query, record_of};

fuzz_target!(|input: &[u8]| {
    if let Ok(queue) = query(&Answer(input)) {
        for job in &queue.jobs {
            let _written = job.record.to_comment();
        }
        let _outcomes: Vec<_> = queue.shadows.iter().map(QueuedShadow::outcome).collect();
        for dependent in &queue.dependents {
            let _failed: Vec<_> = dependent.failed().collect();
            let _written = dependent.as_written();
        }
    }
    let _record = record_of(&Answer(input), "1");
});
