//! A dump of sacct, as text or JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shadowfit_core::slurm::sacct::Reader;

fuzz_target!(|input: &[u8]| {
    let Ok(mut reader) = Reader::new(input, None) else {
        return;
    };
    while let Ok(Some(job)) = reader.next_job() {
        assert!(job.started == 0 || job.ended >= job.started, "{job:?}");
        if let Some(cores) = job.usage.cores {
            assert!(cores.is_finite() && cores >= 0.0, "{job:?}");
        }
        let _explained = shadowfit_core::report::explain::run(&job);
    }
    assert!(reader.bytes() <= input.len() as u64);
});
