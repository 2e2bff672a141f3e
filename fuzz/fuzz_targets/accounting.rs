//! A dump of sacct, as text or JSON, and what the agent asks sacct for.
#![no_main]

use fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use shadowfit_core::job::counters::{Counters, Ended};
use shadowfit_core::record::{FinishedJob, Record};
use shadowfit_core::sampler::spool::{NodeProfile, Spool, leave};
use shadowfit_core::slurm::sacct::{self, Reader};
use shadowfit_core::slurm::{CommandError, Commands};
use std::sync::LazyLock;

/// The byte that stands for the delimiter that sacct is asked for, which is another one each time.
const BETWEEN: u8 = 0x0c;

/// sacct, with `BETWEEN` in the place of the delimiter.
struct Rows<'a>(&'a [u8]);

impl Commands for Rows<'_> {
    fn run(&self, _program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let mut words = arguments.iter();
        words.find(|word| **word == "--delimiter");
        let delimiter = words.next().expect("it is asked for");
        let fields: Vec<&[u8]> = self.0.split(|&byte| byte == BETWEEN).collect();
        Ok(fields.join(delimiter.as_bytes()))
    }
}

/// A profile of job 7 that one node left.
static SPOOL: LazyLock<Spool> = LazyLock::new(|| {
    let folder = Folder::new("accounting");
    let profile = NodeProfile {
        job: 7,
        node: "n1".into(),
        ended: 1_700_000_100,
        counters: Counters::nothing(Ended::Finished).into(),
    };
    leave(folder.path(), &profile).expect("in memory");
    Spool::look(folder.path(), profile.ended).expect("in memory")
});

/// The look for harmed jobs sees of these what the full reader has seen.
fn check_harmed(jobs: &[FinishedJob]) {
    let row = |job: &FinishedJob| {
        format!(
            "{}\x0c{}\x0c{}\n",
            job.job_id,
            job.ended,
            job.comment.text()
        )
    };
    // A mark of ours in a text would stand for one of sacct's.
    let of_one_field = |job: &&FinishedJob| !job.comment.text().contains(['\n', '\x0c']);
    let jobs: Vec<&FinishedJob> = jobs.iter().filter(of_one_field).collect();
    let rows: String = jobs.iter().copied().map(row).collect();
    let rewritten = jobs
        .iter()
        .filter(|job| job.comment.record().is_some_and(Record::rewrites));
    let expected: Vec<_> = rewritten.map(|job| (job.job_id, job.ended)).collect();
    let seen = sacct::harmed(&Rows(rows.as_bytes()), 0, 1).expect("it answers");
    assert_eq!(seen, expected);
}

fuzz_target!(|input: &[u8]| {
    let _anything = sacct::harmed(&Rows(input), 0, 1);
    let mut jobs = sacct::query(&Rows(input), 0, 1).unwrap_or_default();
    let Ok(mut reader) = Reader::new(input, None) else {
        return;
    };
    while let Ok(Some(job)) = reader.next_job() {
        assert!(job.started == 0 || job.ended >= job.started, "{job:?}");
        if let Some(cores) = job.usage.cores {
            assert!(cores.is_finite() && cores >= 0.0, "{job:?}");
        }
        let _explained = shadowfit_core::report::explain::run(&job);
        let _profile = SPOOL.of(&job);
        jobs.push(job);
    }
    assert!(reader.bytes() <= input.len() as u64);
    check_harmed(&jobs);
});
