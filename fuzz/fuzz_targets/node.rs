//! A job's cgroup, v1 and v2, with its limits, and its folder in /proc; what stand-ins noted in a shadow, and what samplers of nodes
//! left.
#![no_main]

use fuzz::{Fields, Folder};
use libfuzzer_sys::fuzz_target;
use shadowfit_core::elastic::GroupLimits;
use shadowfit_core::job::counters::JobCounters;
use shadowfit_core::record::FinishedJob;
use shadowfit_core::sampler::cgroup::{Group, Tree};
use shadowfit_core::sampler::descriptors::Descriptors;
use shadowfit_core::sampler::process::{Processes, anonymous};
use shadowfit_core::sampler::spool::{NodeProfile, Spool, leave};
use shadowfit_core::sampler::threads::Threads;
use shadowfit_core::slurm::notes::Notes;
use std::sync::LazyLock;

const JOB: u64 = 50;
const PID: i32 = 4711;

static FOLDER: LazyLock<Folder> = LazyLock::new(|| Folder::new("node"));

/// The files of a node that are read, as fields of the input name them.
const OF_PROCESS: [&str; 7] = [
    "cgroup",
    "status",
    "statm",
    "io",
    "schedstat",
    "environ",
    "fdinfo/3",
];
const V1: [&str; 6] = [
    "memory/memory.stat",
    "memory/memory.usage_in_bytes",
    "memory/memory.max_usage_in_bytes",
    "memory/memory.oom_control",
    "cpuacct/cpuacct.usage",
    "memory/cgroup.procs",
];
const V2: [&str; 6] = [
    "memory.stat",
    "memory.current",
    "memory.peak",
    "memory.events",
    "cpu.stat",
    "cgroup.procs",
];

/// Several lines of a file stand in as many fields.
fn content(fields: &Fields, name: &str) -> Vec<u8> {
    let lines: Vec<&[u8]> = fields.all(name).collect();
    let mut content = lines.join(&b'\n');
    content.push(b'\n');
    content
}

/// The kernel's own line: a name is its process's choice, the rest are numbers.
fn stat(fields: &Fields) -> Vec<u8> {
    let name = fields.text("comm").unwrap_or(b"python");
    let words = fields
        .text("stat")
        .unwrap_or_default()
        .split(|&byte| byte == b' ');
    let numbers = words.map(|word| {
        str::from_utf8(word)
            .ok()
            .and_then(|word| word.parse::<i128>().ok())
            .unwrap_or(0)
            .to_string()
    });
    let numbers = numbers.collect::<Vec<_>>().join(" ");
    [
        format!("{PID} (").as_bytes(),
        &name[..name.len().min(15)],
        format!(") S {numbers}\n").as_bytes(),
    ]
    .concat()
}

/// The most that is believed of a launch.
const MAX_RANKS: u32 = 1 << 20;

fn read_notes(fields: &Fields) {
    let mut notes = Notes::default();
    notes.read(&FOLDER.write("notes", &content(fields, "notes")));
    let ranks = notes.ranks();
    assert!(ranks.is_none_or(|ranks| (1..=MAX_RANKS).contains(&ranks)));
    notes.read(&FOLDER.write("notes", b"ranks=1\n"));
    assert_eq!(notes.ranks(), ranks.or(Some(1)), "the largest launch stays");
}

/// A larger file is passed over.
const MAX_PROFILE: usize = 16 << 10;

/// What a sampler may leave: figures that are numbers, in a file of some size. `None` for what is no such profile.
fn profile(fields: &Fields, ended: i64) -> Option<NodeProfile> {
    let counters: JobCounters = serde_json::from_slice(fields.text("counters")?).ok()?;
    let node = String::from_utf8_lossy(fields.text("node").unwrap_or(b"n1")).into_owned();
    let profile = NodeProfile {
        job: JOB,
        node,
        ended,
        counters,
    };
    let text = serde_json::to_string(&profile).expect("it is text");
    (text.len() <= MAX_PROFILE && !text.contains("null")).then_some(profile)
}

/// Whatever else lies there, what one node left comes back as it was.
fn read_spool(fields: &Fields) {
    let job = FinishedJob {
        job_id: JOB,
        started: fields.number("started").unwrap_or(0).min(1 << 40) as i64,
        ended: 1 << 41,
        ..FinishedJob::default()
    };
    let folder = Folder::new("node-spool");
    for (number, file) in fields.all("spool").enumerate() {
        folder.write(&format!("{JOB}.n{number}.{}.json", job.ended), file);
    }
    if let Some((counters, _)) = look(&folder, &job) {
        assert!(counters.nodes >= 1);
    }
    let own = Folder::new("node-own");
    let Some(left) = profile(fields, job.ended) else {
        return;
    };
    if leave(own.path(), &left).is_err() {
        return assert!(left.node.len() > 200, "{left:?}");
    }
    let (counters, files) = look(&own, &job).expect("it is there");
    let expected = JobCounters {
        nodes: 1,
        ..left.counters
    };
    assert_eq!((counters, files), (expected, 1));
}

fn look(folder: &Folder, job: &FinishedJob) -> Option<(JobCounters, usize)> {
    let spool = Spool::look(folder.path(), job.ended).expect("in memory");
    let (counters, files) = spool.of(job)?;
    Some((counters, files.len()))
}

/// What is read of a job's limits, in either version.
const LIMITS: [&[&str]; 2] = [
    &[
        "memory.limit_in_bytes",
        "memory.memsw.limit_in_bytes",
        "memory.usage_in_bytes",
        "memory.kmem.usage_in_bytes",
        "memory.stat",
    ],
    &["memory.max", "memory.high", "memory.current", "memory.stat"],
];
/// Nobody lends more.
const MOST_LENT: u64 = 1 << 50;

/// The limits of a job and of a step of it, which begins with the job's first; they are raised as often as the input says.
fn read_limits(fields: &Fields, form: &str, names: &[&str]) {
    let folder = |below: &str| format!("limits/{form}{below}");
    for name in names {
        FOLDER.write(&folder(&format!("/{name}")), &content(fields, name));
        FOLDER.write(&folder(&format!("/step/{name}")), &content(fields, name));
    }
    let Some(mut limits) = GroupLimits::of(&FOLDER.path().join(folder(""))) else {
        return;
    };
    let (first, used) = (limits.first(), limits.used());
    assert_eq!(limits.now(), first);
    if let Some(needed) = limits.needed() {
        assert!(used.is_some_and(|used| needed.most <= used), "{needed:?}");
    }
    let number = |bytes: &[u8]| str::from_utf8(bytes).ok()?.parse::<u64>().ok();
    for more in fields.all("lent").filter_map(number) {
        let to = limits.now().saturating_add(more.min(MOST_LENT));
        if limits.raise(to).is_ok() {
            assert!(limits.hold() && limits.now() >= to);
        }
    }
    // Whoever raises it by hand is followed, whoever lowers it is noticed.
    FOLDER.write(
        &folder(&format!("/{}", names[0])),
        &content(fields, "by_hand"),
    );
    let (before, holds) = (limits.now(), limits.hold());
    limits.level();
    assert!(limits.now() >= before && (holds || limits.now() == before));
}

fuzz_target!(|input: &[u8]| {
    let fields = Fields::of(input);
    read_notes(&fields);
    read_spool(&fields);
    for (form, names) in ["v1", "v2"].into_iter().zip(LIMITS) {
        read_limits(&fields, form, names);
    }
    FOLDER.write(&format!("proc/{PID}/stat"), &stat(&fields));
    for name in OF_PROCESS {
        FOLDER.write(&format!("proc/{PID}/{name}"), &content(&fields, name));
    }
    let file = |path: &str| content(&fields, path.rsplit('/').next().unwrap_or(path));
    for path in V1 {
        let (controller, name) = path.split_once('/').expect("a controller");
        FOLDER.write(
            &format!("v1/{controller}/slurm/job_{JOB}/{name}"),
            &file(path),
        );
    }
    FOLDER.write(
        &format!("v1/memory/slurm/job_{JOB}/tasks"),
        &content(&fields, "cgroup.procs"),
    );
    for name in V2 {
        FOLDER.write(&format!("v2/slurm/job_{JOB}/{name}"), &file(name));
    }
    FOLDER.write(
        &format!("v2/slurm/job_{JOB}/cgroup.threads"),
        &content(&fields, "cgroup.procs"),
    );
    let (proc, root) = (FOLDER.path().join("proc"), |form| FOLDER.path().join(form));
    let _found = Group::of_job(&root("v1"), &proc, PID, JOB);
    let _shadow = Group::of_shadow(&root("v2"), &proc, PID);
    let name = format!("slurm/job_{JOB}");
    let groups = [
        Group::new(&root("v1"), &name),
        Group::new(&root("v2"), &name),
        Group::Processes(Tree::new(&proc, JOB, 0)),
    ];
    for group in groups {
        group.look(0.0);
        let _figures = (
            group.memory(),
            group.charged(),
            group.oom_kills(),
            group.cpu_s(),
        );
        let _members = (group.threads(), group.processes());
        group.look(2.0);
    }
    let ids = [PID as u32, 1];
    let (mut threads, mut processes) = (Threads::new(&proc), Processes::new(&proc));
    for _ in 0..2 {
        threads.look(&ids);
        processes.count_in_parent_of(PID);
        processes.look(&Descriptors::of(&proc, &ids));
        processes.look_at_transfers(&ids);
        let _bytes = anonymous(&proc, PID as u32);
    }
    let _waited = threads.waited_s();
    let _done = (processes.deeds(), processes.moved(), processes.mapped());
    if let Some((share, _)) = processes.input() {
        assert!((0.0..=1.0).contains(&share), "{share}");
    }
});
