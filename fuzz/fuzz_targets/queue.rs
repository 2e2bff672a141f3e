//! What squeue answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shadowfit_core::slurm::queue::{QueuedShadow, query, record_of};
use shadowfit_core::slurm::{CommandError, Commands};

/// The bytes that stand for squeue's marks, which are others each time: between two fields, and behind the last one.
const BETWEEN: u8 = 0x0c;
const END: u8 = 0x0b;

struct Rows<'a>(&'a [u8]);

impl Commands for Rows<'_> {
    fn run(&self, _program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let format = arguments.iter().find_map(|one| one.split_once(','));
        let mark = format.and_then(|(first, _)| first.split_once(':'));
        let last = arguments.iter().find_map(|one| one.rsplit_once(':'));
        let (Some((_, between)), Some((_, end))) = (mark, last) else {
            return Ok(self.0.to_vec());
        };
        let bytes = self.0.iter().map(|byte| match *byte {
            BETWEEN => between.as_bytes().to_vec(),
            END => format!("{end}\n").into_bytes(),
            byte => vec![byte],
        });
        Ok(bytes.collect::<Vec<_>>().concat())
    }
}

fuzz_target!(|input: &[u8]| {
    if let Ok(queue) = query(&Rows(input)) {
        for job in &queue.jobs {
            let _written = job.record.to_comment();
        }
        let _outcomes: Vec<_> = queue.shadows.iter().map(QueuedShadow::outcome).collect();
        for dependent in &queue.dependents {
            let _failed: Vec<_> = dependent.failed().collect();
            let _written = dependent.as_written();
        }
    }
    let _record = record_of(&Rows(input), "1");
});
