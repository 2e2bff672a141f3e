//! What squeue answers, and scontrol where it is asked for single jobs.
#![no_main]

use fuzz::Answer;
use libfuzzer_sys::fuzz_target;
use shadowfit_core::slurm::queue::{
    Awaited, Now, QueuedJob, QueuedShadow, ending, now, part_of, query, that_wait_for_shadows,
};
use shadowfit_core::slurm::{CommandError, Commands};
use std::collections::BTreeMap;

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

/// As scontrol prints it with --oneliner; `None` for one whose record does not fit, or holds what a peek goes by.
fn line(job: &QueuedJob) -> Option<String> {
    const COMMENT: &str = " AdminComment=";
    let comment = job.record.to_comment()?;
    let name = job.original.name.replace('\n', " ");
    let array = match job.tasks.as_str() {
        "" => String::new(),
        tasks => format!("ArrayJobId={} ArrayTaskId={tasks} ", job.original.script_id),
    };
    let is_plain = !comment.contains(COMMENT) && !job.tasks.contains(['\n', ' ', '=']);
    is_plain.then(|| {
        let id = job.job_id;
        format!("JobId={id} {array}JobName={name} Command=a{COMMENT}{comment} StdErr=/dev/null \n")
    })
}

/// By which number it is asked for, and how it waits.
fn awaited(job: &QueuedJob) -> Option<(u64, Awaited)> {
    let until = job.record.shadow.as_ref()?.until;
    Some((job.original.script_id, (job.record.kind.command?, until)))
}

/// A peek sees of these jobs what the full reader has seen.
fn check_peek(jobs: &[QueuedJob]) {
    let shown = jobs.iter().filter_map(|job| Some((line(job)?, job)));
    let (lines, jobs): (String, Vec<&QueuedJob>) = shown.unzip();
    let expected: BTreeMap<u64, Awaited> = jobs.iter().copied().filter_map(awaited).collect();
    let asked = jobs.iter().map(|job| job.original.script_id).collect();
    let seen = that_wait_for_shadows(&Answer(lines.as_bytes()), &asked).expect("it answers");
    assert_eq!(seen, expected);
}

/// So many jobs of an input are asked for by themselves: each reads all of it.
const MOST_ASKED: usize = 3;

/// A job as it is right now, and the part of it that is as it was seen. Rows of single jobs have more fields than those of a queue: an
/// input may hold both, each of which its reader alone takes.
fn check_now(input: &[u8], job: &QueuedJob) {
    let Ok(seen) = now(&Rows(input), &job.handle, job.job_id) else {
        return;
    };
    if let Some((all, _)) = part_of(job, &seen, |_| true) {
        assert_eq!(all.handle, job.handle);
    }
    let those: Vec<_> = seen.iter().filter(|now| now.is(job)).collect();
    let Some((part, one)) = part_of(job, &seen, |now| now.is(job)) else {
        // Some of it that are no tasks have no name of their own.
        let has_name = |now: &&Now| now.task.is_some();
        return assert!(those.is_empty() || !those.iter().all(has_name));
    };
    assert!(one.is(job), "{one:?} of {job:?}");
    // Some of it are tasks, by their numbers.
    let is_all = those.len() == seen.len();
    assert!(is_all || part.handle.contains('_'), "{part:?} of {seen:?}");
}

fuzz_target!(|input: &[u8]| {
    if let Ok(queue) = query(&Rows(input)) {
        check_peek(&queue.jobs);
        for job in queue.jobs.iter().take(MOST_ASKED) {
            check_now(input, job);
        }
        for job in &queue.jobs {
            // By its number alone all tasks of its array are meant.
            assert!(job.tasks.is_empty() || job.handle.contains('_'), "{job:?}");
        }
        let _outcomes: Vec<_> = queue.shadows.iter().map(QueuedShadow::outcome).collect();
        for dependent in &queue.dependents {
            let _failed: Vec<_> = dependent.failed().collect();
            let _written = dependent.as_written();
        }
    }
    let asked = [7, 9].into();
    let seen = that_wait_for_shadows(&Answer(input), &asked).expect("it answers");
    assert!(seen.keys().all(|job| asked.contains(job)), "{seen:?}");
    let _ending = ending(&Rows(input), "1");
});
