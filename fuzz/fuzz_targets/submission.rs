//! A batch script as `shadowfit predict` reads it: directives of sbatch and of other systems.
#![no_main]

use fuzz::Fields;
use libfuzzer_sys::fuzz_target;
use shadowfit_core::slurm::sbatch::{Sbatch, Submission};

fuzz_target!(|input: &[u8]| {
    let fields = Fields::of(input);
    let words = |name| {
        let words = fields.all(name);
        words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect::<Vec<_>>()
    };
    // An environment is what a shell hands on: no input names a variable twice, nor with NUL.
    let environment = fields.all("variable").filter_map(|variable| {
        let (name, value) = str::from_utf8(variable).ok()?.split_once('=')?;
        Some((name.to_owned(), value.as_bytes().to_vec()))
    });
    let sbatch = Sbatch::default().with_environment(environment.collect());
    let made = Submission::new(
        &sbatch,
        "job.sh",
        fields.rest.to_vec(),
        &words("option"),
        Vec::new(),
    );
    match made {
        Ok(submission) => {
            let request = submission.request(1001);
            assert!(
                request.ask.cpus > 0
                    && request.ask.layout.tasks > 0
                    && request.ask.layout.nodes > 0
            );
        }
        Err(error) => assert!(!format!("{error:#}").contains('\n'), "one line"),
    }
});
