//! The cost of one decision through the C ABI, as slurmctld pays it: latency with a snapshot of the
//! given size, and the longest a submission waits while a new snapshot of that size is taken in.
//!
//! Scripts that slurmctld saw a moment ago are measured apart from those that it never saw.
//!
//! usage: cargo bench --bench decision [-- --count FINGERPRINTS new|seen]

// A caller from C is played here.
#![allow(unsafe_code)]

use shadowfit_core::fingerprint::{Key, Kind};
use shadowfit_core::job::directory::{Directory, User, Watermark};
use shadowfit_core::job::evidence::{Evidence, Trust};
use shadowfit_core::job::{Layout, Texts};
use shadowfit_core::model::learned::Learned;
use shadowfit_core::model::snapshot::Snapshot;
use shadowfit_core::slurmctld::contract::{
    SHADOWFIT_REQUEUEABLE, SHADOWFIT_SET_MEMORY, shadowfit_answer, shadowfit_request,
};
use shadowfit_core::slurmctld::{shadowfit_decide, shadowfit_open};
use std::ffi::CString;
use std::hint::black_box;
use std::path::Path;
use std::ptr::null;
use std::time::{Duration, Instant};

const CALLS: usize = 20_000;
const UNSET: u64 = u64::MAX;

/// A script of about 2 KiB, like those of many sites: of seven that come again and again, or one of its own.
fn script(number: usize, is_new: bool) -> String {
    let own = if is_new {
        format!("# {number}\n")
    } else {
        String::new()
    };
    let step = "bwa mem -t $SLURM_CPUS_PER_TASK /ref/hg38.fa $1_1.fq.gz $1_2.fq.gz | samtools sort -o $1.bam\n";
    format!(
        "#!/bin/bash\n#SBATCH --mem=64G\n{own}module load tool{}\nset -euo pipefail\n{}",
        number % 7,
        step.repeat(20)
    )
}

struct Submission {
    name: CString,
    script: CString,
    argument: CString,
    work_dir: CString,
}

impl Submission {
    fn new(number: usize, is_new: bool) -> Submission {
        let c = |text: String| CString::new(text).expect("no NUL inside");
        Submission {
            name: c(format!("align_{}", ["liver", "brain", "heart"][number % 3])),
            script: c(script(number, is_new)),
            argument: c(format!("/data/run{number}/NA{number}.fastq.gz")),
            work_dir: c("/home/alice/genomes".into()),
        }
    }

    fn key(&self) -> Key {
        let texts = Texts {
            name: self.name.as_bytes(),
            script: self.script.as_bytes(),
            arguments: vec![self.argument.as_bytes()],
            ..Texts::default()
        };
        Kind::of(1000, &texts, Layout::SINGLE)
            .script
            .expect("a script has a key")
    }

    /// Times one call. Returns what was answered and how long it took.
    fn decide(&self, answer: &mut shadowfit_answer) -> Duration {
        let argv = [self.name.as_ptr(), self.argument.as_ptr()];
        let request = shadowfit_request {
            uid: 1000,
            traits: SHADOWFIT_REQUEUEABLE,
            account: null(),
            partition: null(),
            name: self.name.as_ptr(),
            script: self.script.as_ptr(),
            argv: argv.as_ptr(),
            argc: 2,
            admin_comment: null(),
            licenses: std::ptr::null(),
            spank_env: null(),
            spank_env_count: 0,
            memory_per_node_mib: 65536,
            memory_per_cpu_mib: UNSET,
            cpus_per_task: 8,
            tasks: UNSET,
            tasks_per_node: UNSET,
            min_nodes: UNSET,
            max_nodes: UNSET,
            time_limit_min: 600,
            comment: null(),
            work_dir: self.work_dir.as_ptr(),
            array: null(),
        };
        // As the shim does: a call through a pointer, into code that was compiled apart.
        let decide = black_box(shadowfit_decide as unsafe extern "C" fn(_, _));
        let start = Instant::now();
        // SAFETY: every text ends in NUL and lives through the call; so does the answer.
        unsafe { decide(&raw const request, &raw mut *answer) };
        start.elapsed()
    }
}

/// A snapshot that knows the submissions' scripts among many others.
fn snapshot(fingerprints: u64, known: &[Submission]) -> Vec<u8> {
    let evidence = Evidence {
        trust: Trust::ALL,
        enough_s: 600,
        runs: 23,
        max_mib: 8294,
        p99_mib: 8294,
        cores: 1.0,
        longest_s: 3000,
        shadow_mib: 0,
        enough_mib: 9124,
        lent_to_mib: 0,
        half_mib: 0,
        goes_on: false,
        named_mib: 0,
        named_cpus: 0,
    };
    let learned = Learned {
        evidence,
        ..Learned::default()
    };
    let mut entries: Vec<_> = known
        .iter()
        .map(|submission| (submission.key(), learned.clone()))
        .collect();
    entries.dedup_by_key(|(key, _)| *key);
    // Spread over the whole range, as hashes are.
    entries.extend(
        (0..fingerprints).map(|n| (Key(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)), learned.clone())),
    );
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries.dedup_by_key(|(key, _)| *key);
    let user = |uid| {
        (
            uid,
            User {
                name: format!("user{uid}"),
                account: Some("physics".into()),
            },
        )
    };
    let directory = Directory {
        licenses: Default::default(),
        exclusive_partitions: Default::default(),
        partitions_without_memory: Default::default(),
        partitions_with_cpus_by_memory: Default::default(),
        times_s: Default::default(),
        least_memory_mib: Default::default(),
        least_cpus: Default::default(),
        default_partition: Some("batch".into()),
        users: (1000..3000).map(user).collect(),
    };
    Snapshot::encode(entries.iter(), Watermark::default(), &directory)
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let to_count = arguments.iter().position(|word| word == "--count");
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("shadowfit.toml");
    let text = format!(
        "state_dir = '{}'\nmodes.default = 'apply'\n",
        dir.path().display()
    );
    std::fs::write(&config, text).expect("the folder is writable");
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("SHADOWFIT_CONFIG", &config) };
    let submissions = |is_new| -> Vec<Submission> {
        let numbers = 0..1000;
        numbers
            .map(|number| Submission::new(number, is_new))
            .collect()
    };
    if let Some(at) = to_count {
        let size = arguments.get(at + 1).and_then(|size| size.parse().ok());
        let is_new = arguments.get(at + 2).map(String::as_str) == Some("new");
        let size = size.expect("--count wants a number");
        return count(size, &submissions(is_new), dir.path());
    }
    println!(
        "{:>12} {:>7} {:>10} {:>10} {:>12} {:>12}",
        "fingerprints", "script", "median us", "p99 us", "reload ms", "resident MiB"
    );
    for size in [1, 10_000, 1_000_000] {
        for (script, is_new) in [("new", true), ("seen", false)] {
            print!("{size:>12} {script:>7}");
            measure(size, &submissions(is_new), dir.path());
        }
    }
}

/// For a counter of instructions: decisions alone, and how many.
fn count(fingerprints: u64, submissions: &[Submission], dir: &Path) {
    // SAFETY: plain numbers and characters, for which all zeros is a value.
    let mut answer: shadowfit_answer = unsafe { std::mem::zeroed() };
    Snapshot::publish(&dir.join("snapshot"), &snapshot(fingerprints, submissions))
        .expect("the folder is writable");
    // SAFETY: the answer is writable.
    unsafe { shadowfit_open(&mut answer) };
    for submission in submissions {
        submission.decide(&mut answer);
    }
    println!("{}", submissions.len());
}

fn measure(fingerprints: u64, submissions: &[Submission], dir: &Path) {
    // SAFETY: plain numbers and characters, for which all zeros is a value.
    let mut answer: shadowfit_answer = unsafe { std::mem::zeroed() };
    Snapshot::publish(&dir.join("snapshot"), &snapshot(fingerprints, submissions))
        .expect("the folder is writable");
    // SAFETY: the answer is writable.
    unsafe { shadowfit_open(&mut answer) };
    std::thread::sleep(Duration::from_millis(1100));
    for submission in submissions.iter().cycle().take(1000) {
        submission.decide(&mut answer);
    }
    assert_ne!(
        answer.actions & SHADOWFIT_SET_MEMORY,
        0,
        "the snapshot is in use and knows the job"
    );
    let mut times: Vec<Duration> = submissions
        .iter()
        .cycle()
        .take(CALLS)
        .map(|submission| submission.decide(&mut answer))
        .collect();
    times.sort_unstable();
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        " {:>10.2} {:>10.2} {:>12.2} {:>12}",
        us(times[CALLS / 2]),
        us(times[CALLS * 99 / 100]),
        us(longest_reload(fingerprints, submissions, dir, &mut answer)) / 1000.0,
        resident_mib()
    );
}

/// Replaces the snapshot and submits until the new one has been taken in, the worst of five times.
fn longest_reload(
    fingerprints: u64,
    submissions: &[Submission],
    dir: &Path,
    answer: &mut shadowfit_answer,
) -> Duration {
    let bytes = snapshot(fingerprints, submissions);
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        Snapshot::publish(&dir.join("snapshot"), &bytes).expect("the folder is writable");
        std::thread::sleep(Duration::from_millis(1100));
        let pieces = bytes.len() / (1 << 20) + 3;
        for submission in submissions.iter().cycle().take(pieces) {
            longest = longest.max(submission.decide(answer));
        }
    }
    longest
}
