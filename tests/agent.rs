//! The agent's passes with answers instead of commands: what it asks for, and what it makes of
//! failures. The same passes run against a real Slurm in tests/cluster.

use shadowfit_core::agent::Agent;
use shadowfit_core::clock::Clock;
use shadowfit_core::config::{Config, Mode};
use shadowfit_core::decide::decide;
use shadowfit_core::fingerprint::{Kind, Level};
use shadowfit_core::job::arguments::Arguments;
use shadowfit_core::job::counters::{Counters, Ended, JobCounters, ShadowCounters};
use shadowfit_core::job::evidence::Evidence;
use shadowfit_core::job::shadow::Wait;
use shadowfit_core::job::{Ask, Layout, Memory, Request, Texts};
use shadowfit_core::model::snapshot::Snapshot;
use shadowfit_core::record::{Change, Comment, Record, Relicensed, ShadowRecord};
use shadowfit_core::slurm::{CommandError, Commands};
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::time::Duration;

#[path = "agent/accounting.rs"]
mod accounting;
#[path = "agent/events.rs"]
mod events;
#[path = "agent/queue.rs"]
mod queue;
#[path = "agent/shadows.rs"]
mod shadows;
#[path = "agent/squeue.rs"]
mod squeue;
#[path = "agent/trust.rs"]
mod trust;

const HEADER: &str = "JobIDRaw|JobID|Submit|Start|End|State|ElapsedRaw|UID|User|Account|Partition|AllocCPUS|NTasks|ReqMem|MaxRSS|TotalCPU|TRESUsageInTot|AdminComment|JobName|NNodes\n";
const DAY: i64 = 86_400;
const NOON: i64 = 20_000 * DAY + DAY / 2;

struct Watch(Cell<i64>);

impl Clock for Watch {
    fn now(&self) -> i64 {
        self.0.get()
    }

    fn sleep(&self, duration: Duration) {
        self.0.set(self.0.get() + duration.as_secs() as i64);
    }
}

/// Answers like Slurm and remembers what it was asked.
#[derive(Default)]
struct Slurm {
    asked: RefCell<Vec<String>>,
    rows: RefCell<String>,
    queue: RefCell<Vec<String>>,
    slurmdbd_is_down: Cell<bool>,
    slurmctld_is_down: Cell<bool>,
    refuses_shadows: Cell<bool>,
    /// How many shadows were submitted.
    shadows: Cell<u32>,
    /// What sinfo says; empty for a node that is idle.
    load: RefCell<String>,
    /// What scontrol says of partitions.
    partitions: RefCell<String>,
    state: RefCell<PathBuf>,
    seats: RefCell<String>,
    /// How sbatch was called, once accounting knows.
    submitted: RefCell<Option<String>>,
    /// Jobs that ended badly, by accounting: their numbers, ends and comments.
    ends: RefCell<Vec<(u32, i64, String)>>,
}

impl Slurm {
    fn calls(&self, program: &str) -> Vec<String> {
        let asked = self.asked.take();
        asked
            .into_iter()
            .filter(|line| line.starts_with(program))
            .collect()
    }
}

impl Commands for Slurm {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let line = format!("{program} {}", arguments.join(" "));
        self.asked.borrow_mut().push(line.clone());
        match program {
            "sacct" if self.slurmdbd_is_down.get() => Err(CommandError::Failed {
                command: line,
                said: "Connection refused".into(),
            }),
            "sacct" if arguments.contains(&"--json") => {
                let line = self.submitted.borrow();
                let jobs = line
                    .iter()
                    .map(|line| serde_json::json!({"submit_line": line}));
                Ok(serde_json::json!({"jobs": jobs.collect::<Vec<_>>()})
                    .to_string()
                    .into_bytes())
            }
            "sacct" if arguments.contains(&"--noheader") => {
                let mark = arguments[arguments.len() - 3];
                let rows = self.ends.borrow();
                let rows = rows
                    .iter()
                    .map(|(job, end, comment)| format!("{job}{mark}{end}{mark}{comment}\n"));
                Ok(rows.collect::<String>().into_bytes())
            }
            "sacct" => {
                let delimiter = arguments
                    .iter()
                    .skip_while(|word| **word != "--delimiter")
                    .nth(1);
                let text = format!("{HEADER}{}", self.rows.borrow());
                Ok(text
                    .replace('|', delimiter.expect("sacct is given a delimiter"))
                    .into_bytes())
            }
            "squeue" | "scontrol" if self.slurmctld_is_down.get() => Err(CommandError::Failed {
                command: line,
                said: "Unable to contact slurm controller".into(),
            }),
            "squeue" => {
                // The last answer stays.
                let mut answers = self.queue.borrow_mut();
                let answer = if answers.len() > 1 {
                    answers.remove(0)
                } else {
                    answers.first().cloned().unwrap_or_default()
                };
                Ok(squeue::answer(&answer, arguments))
            }
            "lmstat" => Ok(self.seats.borrow().clone().into_bytes()),
            "sinfo" if self.load.borrow().is_empty() => Ok(b"n1|0/32/0/32|64000|0|\n".to_vec()),
            "sinfo" => Ok(self.load.borrow().clone().into_bytes()),
            "sbatch" if self.refuses_shadows.get() => Err(CommandError::Failed {
                command: line,
                said: "--uid only permitted by root user".into(),
            }),
            "sbatch" => {
                self.shadows.set(self.shadows.get() + 1);
                Ok(format!("{}\n", 76 + self.shadows.get()).into_bytes())
            }
            "scontrol" if line.ends_with("show config") => {
                Ok(format!("StateSaveLocation = {}\n", self.state.borrow().display()).into_bytes())
            }
            "scontrol" if arguments.contains(&"--oneliner") && line.contains("show job") => {
                let jobs = self.queue.borrow();
                Ok(squeue::shown(
                    jobs.first().map_or("", String::as_str),
                    arguments,
                ))
            }
            "scontrol" if line.contains("show partition") => {
                Ok(self.partitions.borrow().clone().into_bytes())
            }
            "scontrol" if line.contains("batch_script") => Ok(b"#!/bin/sh\nwork\n".to_vec()),
            _ => Ok(Vec::new()),
        }
    }
}

struct Site {
    _dir: tempfile::TempDir,
    config: PathBuf,
    slurm: Slurm,
    watch: Watch,
}

impl Site {
    fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("shadowfit.toml");
        std::fs::write(
            &config,
            format!(
                "state_dir = '{}'\nmodes.default = 'apply'\ntrust.stages = []\n",
                dir.path().display()
            ),
        )
        .unwrap();
        Site {
            _dir: dir,
            config,
            slurm: Slurm::default(),
            watch: Watch(Cell::new(NOON)),
        }
    }

    fn agent(&self) -> Agent<'_> {
        Agent::new(self.config.clone(), &self.slurm, &self.watch).unwrap()
    }
}

/// A time as sacct's options take it.
fn local(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap();
    let zoned = time.to_zoned(jiff::tz::TimeZone::system());
    zoned.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

fn since(calls: &[String]) -> Vec<&str> {
    calls
        .iter()
        .filter_map(|line| line.split("--starttime ").nth(1)?.split(' ').next())
        .collect()
}

fn finished(id: u32, peak: u64) -> String {
    let end = NOON - 100 + i64::from(id);
    format!(
        "{id}|{id}|{0}|{1}|{end}|COMPLETED|50|7|alice|physics|batch|2||4000M||00:40.000|||align|1\n\
         {id}.batch|{id}.batch|{1}|{1}|{end}|COMPLETED|50||||||1||{peak}|00:40.000|||batch|1\n",
        end - 60,
        end - 50
    )
}

fn queued(id: u32, state: &str, restarts: u32, memory: u64, record: &Record) -> String {
    serde_json::json!({
        "job_id": id, "job_state": state, "user_id": 7, "group_id": 7, "user_name": "alice", "account": "physics", "partition": "batch",
        "restart_cnt": restarts, "memory_per_node": memory, "admin_comment": record.to_comment().unwrap(),
        "start_time": NOON - 150 + i64::from(id),
    })
    .to_string()
}

fn record(set: Option<u64>) -> Record {
    let ask = Ask {
        memory: Some(Memory::Node(8000)),
        cpus: 1,
        layout: Layout::SINGLE,
        time_s: None,
        own_time_min: false,
    };
    let change = |set| Change {
        mode: Mode::Apply,
        asked: 8000,
        set,
    };
    Record {
        memory: set.map(change),
        ..Record::kept(Kind::of_accounting(7, b"align"), Some(ask), "")
    }
}

#[test]
fn accounting_is_read_without_gaps_across_restarts_and_clock_changes() {
    let site = Site::new();
    site.agent().pass(true).unwrap();
    let first = site.slurm.calls("sacct ");
    assert_eq!(first.len(), 15, "two weeks, a day at a time");
    assert_eq!(since(&first)[0], local(NOON - 14 * DAY));

    site.watch.0.set(NOON + 60);
    site.agent().pass(true).unwrap();
    assert_eq!(
        since(&site.slurm.calls("sacct ")),
        [local(NOON - 900)],
        "a new agent goes on where the old one ended"
    );

    let mut agent = site.agent();
    for (now, begins) in [
        (61, 60 - 900),
        (100, 61 - 120),
        (61 + 224, 100 - 120),
        (61 + 225, 61 + 224 - 900),
    ] {
        site.watch.0.set(NOON + now);
        agent.pass(true).unwrap();
        assert_eq!(
            since(&site.slurm.calls("sacct ")),
            [local(NOON + begins)],
            "what may come late is read now and then"
        );
    }

    site.watch.0.set(NOON - 3600);
    site.agent().pass(true).unwrap();
    assert_eq!(
        since(&site.slurm.calls("sacct ")),
        [local(NOON - 3600 - 900), local(NOON - 3600 - DAY)],
        "the clock was set back: all is read again"
    );

    for _ in 0..13 {
        site.agent().pass(true).unwrap();
    }
    site.slurm.calls("sacct ");
    for pass in 0..16 {
        site.watch.0.set(NOON + DAY + 30 * pass);
        site.agent().pass(true).unwrap();
        let calls = site.slurm.calls("sacct ");
        let far = calls.len() - 1;
        assert_eq!(
            far,
            usize::from(pass < 14) + usize::from(pass == 0),
            "once a day everything is read again, a day in each pass: {calls:?}"
        );
        if pass < 14 {
            assert_eq!(since(&calls)[far], local(NOON - pass * DAY));
        }
    }
}

#[test]
fn what_is_too_old_is_forgotten_once_a_day() {
    let site = Site::new();
    *site.slurm.rows.borrow_mut() = (1..=5).map(|id| finished(id, 1 << 20)).collect();
    let kinds = || {
        let snapshot = Snapshot::load(&site.config.with_file_name("snapshot")).unwrap();
        snapshot.len()
    };
    site.agent().pass(true).unwrap();
    assert_eq!(kinds(), 1);
    site.watch.0.set(NOON + 1096 * DAY);
    assert_eq!(site.agent().pass(true).unwrap().new_runs, 0);
    assert_eq!(kinds(), 0, "learned anew from what is left");
}

#[test]
fn a_pass_without_slurmdbd_is_made_up_for() {
    let site = Site::new();
    site.agent().pass(true).unwrap();
    site.slurm.calls("");
    site.slurm.slurmdbd_is_down.set(true);
    site.watch.0.set(NOON + 7200);
    assert!(site.agent().pass(true).is_err());
    assert!(site.agent().pass(false).is_ok(), "the daemon goes on");
    site.slurm.slurmdbd_is_down.set(false);
    site.slurm.calls("");
    site.watch.0.set(NOON + 7260);
    site.agent().pass(true).unwrap();
    assert_eq!(since(&site.slurm.calls("sacct ")), [local(NOON - 900)]);
}

#[test]
fn waiting_jobs_are_set_once_when_enough_is_known() {
    let site = Site::new();
    site.slurm
        .queue
        .replace(vec![queued(9, "PENDING", 0, 8000, &record(None))]);
    site.slurm
        .rows
        .replace(finished(1, 900 << 20) + &finished(2, 900 << 20));
    let mut agent = site.agent();
    assert_eq!(
        agent.pass(true).unwrap().decided_again,
        0,
        "two runs are too few"
    );
    site.slurm.calls("");
    site.slurm
        .rows
        .borrow_mut()
        .push_str(&finished(3, 1000 << 20));
    let pass = agent.pass(true).unwrap();
    assert_eq!(
        (pass.new_runs, pass.published, pass.decided_again),
        (1, true, 1)
    );
    let set = site.slurm.calls("scontrol update");
    let enough: u64 = set[0]
        .strip_prefix("scontrol update JobId=9 MinMemoryNode=")
        .and_then(|rest| rest.split_once(" AdminComment={"))
        .and_then(|(mib, _)| mib.parse().ok())
        .unwrap_or_else(|| panic!("{set:?}"));
    assert!((1001..=1200).contains(&enough), "{set:?}");
    assert!(!set[0].contains("StartTime"));

    let has = |mib| {
        let queue = queued(9, "PENDING", 0, mib, &record(Some(mib)));
        site.slurm.queue.replace(vec![queue]);
    };
    has(enough);
    assert_eq!(
        agent.pass(true).unwrap(),
        Default::default(),
        "nothing new, nothing done"
    );
    // Less than a tenth less is not worth a call; more is needed at once.
    has(enough + enough / 20);
    assert_eq!(agent.pass(true).unwrap().decided_again, 0);
    has(enough - 1);
    assert_eq!(agent.pass(true).unwrap().decided_again, 1);
}

/// What a sampler saw of a job.
fn profile(ended: Ended, wall_s: f32, peak_mib: f32) -> JobCounters {
    let seen = Counters {
        wall_s,
        peak_mib,
        cpu_s: wall_s,
        ..Counters::nothing(ended)
    };
    seen.into()
}

#[test]
fn a_job_that_a_rewrite_harmed_runs_again_whatever_slurm_calls_its_end() {
    let kind = Kind::of_accounting(7, b"align");
    let rewritten = |profile: Option<JobCounters>| Record {
        kind,
        evidence: Some(Evidence {
            longest_s: 50,
            ..Evidence::default()
        }),
        profile: profile.map(Box::new),
        ..record(Some(1000))
    };
    let well = || profile(Ended::Finished, 50.0, 700.0);
    // As accounting has it; the group of a step is gone before the sampler looks.
    let step = "9.0|9.0|1|1|2|OUT_OF_MEMORY|1||||||1||7|00:01.000|||python3|1\n";
    let killed_step = finished(9, 990 << 20) + step;
    let by_itself = finished(4, 700 << 20).replace("COMPLETED", "FAILED");
    let cases = [
        (
            "a step was killed",
            "COMPLETED",
            profile(Ended::Oom, 50.0, 900.0),
            "",
            1,
        ),
        (
            "a child was killed",
            "FAILED",
            profile(Ended::Oom, 50.0, 900.0),
            "",
            1,
        ),
        (
            "a full tmpfs",
            "TIMEOUT",
            profile(Ended::Failed, 50.0, 990.0),
            "",
            1,
        ),
        (
            "a heap too small",
            "FAILED",
            profile(Ended::Failed, 3.0, 300.0),
            "",
            1,
        ),
        (
            "it did nothing",
            "COMPLETED",
            profile(Ended::Finished, 0.2, 3.0),
            "",
            1,
        ),
        (
            "accounting has a step that was killed",
            "COMPLETED",
            well(),
            killed_step.as_str(),
            1,
        ),
        ("all is well", "COMPLETED", well(), "", 0),
        (
            "its own failure",
            "FAILED",
            profile(Ended::Failed, 3.0, 300.0),
            by_itself.as_str(),
            0,
        ),
        ("its user's wish", "CANCELLED", well(), "", 0),
    ];
    for (what, state, profile, more, requeued) in cases {
        let site = Site::new();
        let history: String = (1..=3).map(|id| finished(id, 700 << 20)).collect();
        site.slurm.rows.replace(format!("{history}{more}"));
        let job = queued(9, state, 0, 1000, &rewritten(Some(profile)));
        site.slurm.queue.replace(vec![job]);
        let pass = site.agent().pass(true).unwrap();
        assert_eq!(pass.requeued, requeued, "{what}");
    }
}

#[test]
fn a_rescue_waits_for_the_requeue_and_happens_once() {
    let site = Site::new();
    site.slurm.slurmdbd_is_down.set(true);
    let killed = record(Some(1000));
    site.slurm.queue.replace(vec![
        queued(9, "OUT_OF_MEMORY", 0, 1000, &killed),
        queued(9, "COMPLETING", 1, 1000, &killed),
        queued(9, "PENDING", 1, 1000, &killed),
        queued(9, "RUNNING", 1, 8000, &killed.give_back()),
    ]);
    let mut agent = site.agent();
    let pass = agent.pass(false).unwrap();
    assert_eq!((pass.requeued, pass.given_back), (1, 1));
    let calls = site.slurm.calls("scontrol");
    assert!(
        calls.contains(&"scontrol requeue 9".to_owned()),
        "{calls:?}"
    );
    let set = calls
        .iter()
        .find(|line| line.starts_with("scontrol update"))
        .unwrap();
    assert!(
        set.contains("JobId=9 MinMemoryNode=8000") && set.ends_with("StartTime=now"),
        "{set}"
    );

    // It dies again: of what its user asked for, which is not ours to mend.
    site.slurm.queue.replace(vec![queued(
        9,
        "OUT_OF_MEMORY",
        1,
        8000,
        &killed.give_back(),
    )]);
    let pass = agent.pass(false).unwrap();
    assert_eq!((pass.requeued, pass.given_back), (0, 0));
}

#[test]
fn jobs_that_depend_on_a_rescued_job_wait_again() {
    let site = Site::new();
    let waits = |dependency: &str| {
        serde_json::json!({"job_id": 10, "job_state": "PENDING", "dependency": dependency})
            .to_string()
    };
    let answer = |state: &str, dependency: &str| {
        format!(
            "{},{}",
            queued(9, state, 1, 8000, &record(None).give_back()),
            waits(dependency)
        )
    };
    let mended = |answer: String| {
        site.slurm.queue.replace(vec![answer]);
        site.agent().pass(true).unwrap();
        site.slurm.calls("scontrol update")
    };
    assert_eq!(
        mended(answer("RUNNING", "afterok:9(failed)")),
        ["scontrol update JobId=10 Dependency=afterok:9"]
    );
    assert_eq!(mended(answer("RUNNING", "afterok:9(unfulfilled)")), [""; 0]);
    assert_eq!(mended(answer("RUNNING", "afterok:8(failed)")), [""; 0]);
    assert_eq!(mended(answer("FAILED", "afterok:9(failed)")), [""; 0]);
}

#[test]
fn what_others_changed_and_what_was_never_rewritten_is_left() {
    let site = Site::new();
    site.slurm
        .rows
        .replace((1..5).map(|id| finished(id, 900 << 20)).collect());
    for job in [
        queued(9, "PENDING", 0, 5000, &record(None)),
        queued(9, "PENDING", 1, 9000, &record(Some(1000))),
        queued(9, "OUT_OF_MEMORY", 0, 8000, &record(None)),
        queued(9, "RUNNING", 0, 8000, &record(None)),
    ] {
        site.slurm.queue.replace(vec![job.clone()]);
        let pass = site.agent().pass(true).unwrap();
        assert_eq!(
            (pass.decided_again, pass.requeued, pass.given_back),
            (0, 0, 0),
            "{job}"
        );
    }
}

/// A job that waits for a shadow until a minute from now.
fn new_kind(id: u32) -> String {
    new_kind_with(id, &[], "")
}

/// The same with arguments, and what squeue shows of its submission.
fn new_kind_with(id: u32, arguments: &[&[u8]], submitted: &str) -> String {
    let texts = Texts {
        name: b"work",
        script: b"#!/bin/sh\nwork\n",
        ..Texts::default()
    };
    let kind = Kind::of(7, &texts, Layout::SINGLE);
    let wait = Wait {
        since: NOON,
        until: NOON + 60,
        arguments: Arguments::of(arguments).expect("few blanks"),
    };
    let record = Record {
        kind,
        ..record(None)
    }
    .after_shadow(wait);
    let mut job: serde_json::Value =
        serde_json::from_str(&queued(id, "PENDING", 0, 8000, &record)).unwrap();
    job["command"] = submitted.into();
    job.to_string()
}

fn shadow(state: &str, counters: Option<ShadowCounters>) -> String {
    let comment = match counters {
        Some(counters) => ShadowRecord::ended("9", counters),
        None => ShadowRecord::submitted(&"shadow:9:1:1:1:1:1".parse().unwrap()),
    };
    let comment = comment.to_comment();
    serde_json::json!({"job_id": 77, "job_state": state, "admin_comment": comment}).to_string()
}

/// A site with shadows, whose slurmctld keeps the environments of jobs 9 and 10.
fn site_with_shadows() -> Site {
    let site = Site::new();
    let mut config = std::fs::read_to_string(&site.config).unwrap();
    config.push_str("[shadow]\nenabled = true\nleast_uid = 5\n");
    std::fs::write(&site.config, config).unwrap();
    for job in ["hash.9/job.9", "hash.0/job.10"] {
        let folder = site.config.with_file_name(job);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("environment"), b"\x01\0\0\0HOME=/home/alice\0").unwrap();
    }
    let state = site.config.parent().unwrap().to_owned();
    site.slurm.state.replace(state);
    site
}

#[test]
fn a_shadow_is_submitted_once_and_what_it_told_is_set_in_all_jobs_of_its_kind() {
    let site = site_with_shadows();
    let jobs = [new_kind(9), new_kind(10)].join(",");
    site.slurm.queue.replace(vec![jobs.clone()]);
    let mut agent = site.agent();
    assert_eq!(agent.pass(true).unwrap().shadows_started, 1);
    let sbatch = site.slurm.calls("sbatch");
    assert!(
        sbatch[0].contains("--uid=7 ") && sbatch[0].contains(&format!("shadow:9:{}:1:", NOON + 59)),
        "{sbatch:?}"
    );

    let running = [jobs.clone(), shadow("RUNNING", None)].join(",");
    site.slurm.queue.replace(vec![running]);
    assert_eq!(
        agent.glance().unwrap(),
        Default::default(),
        "it is still at work"
    );

    let seen = Counters {
        peak_mib: 1000.0,
        ..Counters::nothing(Ended::Finished)
    };
    let ended = [jobs, shadow("COMPLETED", Some(seen.into()))].join(",");
    site.slurm.queue.replace(vec![ended]);
    let pass = agent.glance().unwrap();
    assert_eq!((pass.shadows_ended, pass.decided_again), (1, 2));
    let set = site.slurm.calls("scontrol update");
    for line in &set {
        assert!(
            line.contains("MinMemoryNode=1100") && line.ends_with("StartTime=now"),
            "{line}"
        );
    }
    assert_eq!(set.len(), 2);
}

#[test]
fn a_shadow_that_told_nothing_lets_its_job_start_as_asked() {
    for (state, counters) in [
        ("CANCELLED", None),
        (
            "FAILED",
            Some(ShadowCounters::refused("overlay over /home")),
        ),
        ("COMPLETED", Some(Counters::nothing(Ended::Oom).into())),
    ] {
        let site = site_with_shadows();
        site.slurm.queue.replace(vec![new_kind(9)]);
        let mut agent = site.agent();
        agent.pass(true).unwrap();
        site.slurm.calls("");
        site.slurm
            .queue
            .replace(vec![[new_kind(9), shadow(state, counters)].join(",")]);
        assert_eq!(agent.glance().unwrap().shadows_ended, 1);
        let set = site.slurm.calls("scontrol update");
        assert!(
            set[0].contains("MinMemoryNode=8000") && set[0].ends_with("StartTime=now"),
            "{set:?}"
        );
    }
}

#[test]
fn a_shadow_that_cannot_be_submitted_costs_its_job_no_time() {
    let site = site_with_shadows();
    site.slurm.refuses_shadows.set(true);
    site.slurm.queue.replace(vec![new_kind(9)]);
    let mut agent = site.agent();
    assert_eq!(agent.pass(true).unwrap().shadows_started, 0);
    let set = site.slurm.calls("scontrol update");
    assert!(
        set[0].ends_with("StartTime=now") && set[0].contains("could be submitted"),
        "{set:?}"
    );
}

#[test]
fn a_shadow_has_the_arguments_of_its_job_or_is_refused() {
    let arguments: [&[u8]; 3] = [b"a b", b"", b"c"];
    let site = site_with_shadows();
    let submitted = "sbatch --mem=8000 job.sh a b  c";
    site.slurm
        .queue
        .replace(vec![new_kind_with(9, &arguments, submitted)]);
    assert_eq!(site.agent().pass(true).unwrap().shadows_started, 1);
    let sbatch = site.slurm.calls("sbatch");
    assert!(sbatch[0].ends_with(" a b  c"), "{sbatch:?}");

    // 24.11 has no such line but in accounting, which learns of a job a moment later.
    let site = site_with_shadows();
    let job = new_kind_with(9, &arguments, "");
    site.slurm.queue.replace(vec![job.clone()]);
    let mut agent = site.agent();
    assert_eq!(agent.pass(true).unwrap().shadows_started, 0);
    assert!(site.slurm.calls("scontrol update").is_empty());
    site.slurm.submitted.replace(Some(submitted.into()));
    assert_eq!(agent.glance().unwrap().shadows_started, 1);
    assert!(site.slurm.calls("sbatch")[0].ends_with(" a b  c"));

    for submitted in [
        "",
        "sbatch job.sh",
        "sbatch job.sh a b c",
        "sbatch job.sh a b  d",
    ] {
        let site = site_with_shadows();
        site.slurm.submitted.replace(Some(submitted.into()));
        site.slurm.queue.replace(vec![job.clone()]);
        assert_eq!(site.agent().pass(true).unwrap().shadows_started, 0);
        let calls = site.slurm.calls("");
        assert!(
            !calls.iter().any(|call| call.starts_with("sbatch")),
            "{calls:?}"
        );
        let set = calls
            .iter()
            .find(|call| call.starts_with("scontrol update"));
        let set = set.expect("its job is let go");
        assert!(
            set.ends_with("StartTime=now") && set.contains("does not report the arguments"),
            "{set}"
        );
    }
}

#[test]
fn a_shadow_that_never_started_is_cancelled_and_one_that_is_gone_is_lost() {
    let site = site_with_shadows();
    site.slurm.queue.replace(vec![new_kind(9)]);
    let mut agent = site.agent();
    agent.pass(true).unwrap();
    site.slurm.queue.replace(vec![shadow("PENDING", None)]);
    site.watch.0.set(NOON + 70);
    assert_eq!(agent.glance().unwrap().shadows_ended, 0);
    assert_eq!(site.slurm.calls("scancel"), ["scancel 77"]);
    site.slurm.queue.replace(vec![String::new()]);
    site.watch.0.set(NOON + 200);
    assert_eq!(agent.glance().unwrap().shadows_ended, 1);
}

#[test]
fn a_job_that_waits_for_others_is_shadowed_when_they_have_ended() {
    let site = site_with_shadows();
    let blocked = new_kind(9).replace(
        "\"job_id\":9",
        "\"job_id\":9,\"dependency\":\"afterok:8(unfulfilled)\"",
    );
    site.slurm.queue.replace(vec![blocked]);
    let mut agent = site.agent();
    assert_eq!(agent.pass(true).unwrap().shadows_started, 0);
    assert_eq!(
        site.slurm.calls("scontrol update"),
        [""; 0],
        "there is time yet"
    );
    site.watch.0.set(NOON + 40);
    agent.glance().unwrap();
    let delayed = site.slurm.calls("scontrol update");
    assert!(
        delayed[0].contains("JobId=9 StartTime=now+62seconds AdminComment={"),
        "{delayed:?}"
    );
    site.slurm.queue.replace(vec![new_kind(9)]);
    assert_eq!(agent.glance().unwrap().shadows_started, 1);
}

#[test]
fn the_budget_holds() {
    let site = site_with_shadows();
    let mut config = std::fs::read_to_string(&site.config).unwrap();
    config.push_str("max_running = 0\n");
    std::fs::write(&site.config, config).unwrap();
    site.slurm.queue.replace(vec![new_kind(9)]);
    assert_eq!(site.agent().pass(true).unwrap().shadows_started, 0);
    assert_eq!(site.slurm.calls("sbatch"), [""; 0]);
}

/// What a license manager reports of running jobs teaches as what their samplers saw does.
#[test]
fn seats_that_a_license_manager_sees_are_the_running_jobs() {
    let site = Site::new();
    let license = "[[license]]\nname = 'matlab'\nlmstat = ['lmstat', '-a']\nfeature = 'MATLAB'\n";
    let config = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(&site.config, format!("{config}{license}")).unwrap();
    let mut running: serde_json::Value =
        serde_json::from_str(&queued(1, "RUNNING", 0, 8000, &record(None))).unwrap();
    running["nodes"] = "n[1-2],m7".into();
    running["start_time"] = (NOON - 3600).into();
    site.slurm.queue.borrow_mut().push(running.to_string());
    let checkout = |minutes: i64| {
        let since = jiff::Timestamp::from_second(NOON + 60 * minutes).unwrap();
        since
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%a %m/%d %H:%M")
            .to_string()
    };
    *site.slurm.seats.borrow_mut() = format!(
        "Users of MATLAB:  (Total of 10 licenses issued;  Total of 9 licenses in use)\n\
           alice n2.site.org /dev/pts/1 (v44) (lic1/27000 1), start {}, 2 licenses\n\
           alice n2 /dev/pts/2 (v44) (lic1/27000 2), start {}\n\
           alice n3 /dev/pts/2 (v44) (lic1/27000 3), start {}\n\
           bob n2 /dev/pts/2 (v44) (lic1/27000 4), start {}, 4 licenses\n\
           alice n2 /dev/pts/2 (v44) (lic1/27000 5), start {}\n",
        checkout(-10),
        checkout(-5),
        checkout(-5),
        checkout(-5),
        checkout(-90)
    );
    site.agent().pass(true).unwrap();
    site.slurm.queue.borrow_mut().clear();
    *site.slurm.rows.borrow_mut() = finished(1, 1 << 20);
    site.watch.0.set(NOON + 60);
    assert_eq!(site.agent().pass(true).unwrap().new_runs, 1);
    let database = rusqlite::Connection::open(site.config.with_file_name("jobs.db")).unwrap();
    let seats: String = database
        .query_row("SELECT seats FROM usages", [], |row| row.get(0))
        .unwrap();
    assert_eq!(seats, r#"{"matlab":3}"#);
}

/// A job of alice's and one of bob's, on n1 and n2.
fn two_running_jobs() -> String {
    let job = |id: u32, user: &str, node: &str| {
        let mut job: serde_json::Value =
            serde_json::from_str(&queued(id, "RUNNING", 0, 8000, &record(None))).unwrap();
        job["user_name"] = user.into();
        job["nodes"] = node.into();
        job["start_time"] = (NOON - 3600).into();
        job.to_string()
    };
    [job(1, "alice", "n1"), job(2, "bob", "n2")].join(",")
}

fn site_with_matlab() -> Site {
    let site = Site::new();
    let config = std::fs::read_to_string(&site.config).unwrap();
    let license = "modes.licenses = 'apply'\n[[license]]\nname = 'matlab'\nlmstat = ['lmstat', '-a']\nfeature = 'MATLAB'\n";
    std::fs::write(&site.config, format!("{config}{license}")).unwrap();
    site
}

/// FlexNet's answer about MATLAB, with so many seats in use and these lines.
fn flexnet(in_use: u32, lines: &[&str]) -> String {
    let since = jiff::Timestamp::from_second(NOON - 600).unwrap();
    let since = since.to_zoned(jiff::tz::TimeZone::system());
    let since = since.strftime("(v44) (lic1/27000 1), start %a %m/%d %H:%M");
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.replace("@", &since.to_string()))
        .collect();
    format!(
        "Users of MATLAB:  (Total of 10 licenses issued;  Total of {in_use} licenses in use)\n{}\n",
        lines.join("\n")
    )
}

#[test]
fn seats_are_matched_to_jobs_and_what_cannot_be_matched_is_nobodys() {
    for (in_use, lines, expected) in [
        (0, &[][..], &[(1, 0), (2, 0)][..]),
        (1, &["  alice n1 :0 @"], &[(1, 1), (2, 0)]),
        (
            4,
            &[
                "  ALICE N1 :0 @",
                "  bob n2.site.org :0 @, 3 licenses, PID: 77",
            ],
            &[(1, 1), (2, 3)],
        ),
        (1, &["  John Doe pc17 :0 @"], &[(1, 0), (2, 0)]),
        (1, &["  eve n1 :0 @"], &[(2, 0)]),
        (2, &["  eve n1 :0 @", "  alice n1 :0 @"], &[(1, 1), (2, 0)]),
        (1, &["  alice n1 :0 @ (linger: 60 / 900)"], &[(2, 0)]),
        (
            2,
            &["  2 RESERVATIONs for GROUP a (lic1/27000)"],
            &[(1, 0), (2, 0)],
        ),
        (
            1,
            &[
                "  alice n9 :0 @",
                "  alice n1 :0 (v44) (lic1/27000 1) queued for 1 license",
            ],
            &[(1, 0), (2, 0)],
        ),
        (2, &["  alice n1 :0 @"], &[]),
        // The host is any of alice's: her job may hold it.
        (1, &["  alice 10.0.0.7 :0 @"], &[(2, 0)]),
        (1, &["  alice localhost.localdomain :0 @"], &[(2, 0)]),
        (1, &["  alice /dev/pts/1 @"], &[(2, 0)]),
        (1, &["  alice n1_v7 :0 @"], &[(1, 1), (2, 0)]),
        (1, &["  SITE\\Alice n1 :0 @"], &[(1, 1), (2, 0)]),
    ] {
        let site = site_with_matlab();
        site.slurm.queue.replace(vec![two_running_jobs()]);
        *site.slurm.seats.borrow_mut() = flexnet(in_use, lines);
        site.agent().pass(true).unwrap();
        let database = rusqlite::Connection::open(site.config.with_file_name("jobs.db")).unwrap();
        let mut noted = database
            .prepare("SELECT job_id, most FROM seats ORDER BY job_id")
            .unwrap();
        let noted = noted
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        let noted: Vec<(u32, u32)> = noted.map(Result::unwrap).collect();
        assert_eq!(noted, expected, "{lines:?}");
    }
}

/// A manager lists a seat once that programs of one user on one node share: a job without a seat of its own may
/// be one of those.
#[test]
fn a_seat_of_the_same_user_on_the_same_node_is_no_zero() {
    let site = site_with_matlab();
    let mut later: serde_json::Value =
        serde_json::from_str(&queued(3, "RUNNING", 0, 8000, &record(None))).unwrap();
    later["user_name"] = "alice".into();
    later["nodes"] = "n1".into();
    later["start_time"] = (NOON - 1800).into();
    site.slurm
        .queue
        .replace(vec![format!("{},{later}", two_running_jobs())]);
    *site.slurm.seats.borrow_mut() = flexnet(1, &["  alice n1 :0 @"]);
    site.agent().pass(true).unwrap();
    let database = rusqlite::Connection::open(site.config.with_file_name("jobs.db")).unwrap();
    let noted = |table: &str| -> Vec<u32> {
        let query = format!("SELECT job_id FROM {table} ORDER BY job_id");
        let mut query = database.prepare(&query).unwrap();
        let rows = query.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert_eq!(
        (noted("seats"), noted("unseen_seats")),
        (vec![2, 3], vec![1])
    );
}

/// What is set for a job that asks for matlab when five runs of its kind have ended, and these were the
/// answers of the license manager while they ran.
fn licenses_after_five_runs(answers: &[&str]) -> Option<String> {
    let site = site_with_matlab();
    let running: Vec<String> = (1..=5)
        .map(|id| queued(id, "RUNNING", 0, 8000, &record(None)))
        .collect();
    site.slurm.queue.replace(vec![running.join(",")]);
    let mut agent = site.agent();
    for answer in answers {
        *site.slurm.seats.borrow_mut() = (*answer).to_owned();
        agent.pass(true).unwrap();
    }
    site.slurm.queue.replace(vec![String::new()]);
    *site.slurm.rows.borrow_mut() = (1..=5).map(|id| finished(id, 1 << 20)).collect();
    site.watch.0.set(NOON + 60);
    assert_eq!(agent.pass(true).unwrap().new_runs, 5);
    let config = Config::load(&site.config).unwrap();
    let snapshot = Snapshot::load(&site.config.with_file_name("snapshot")).unwrap();
    let texts = Texts {
        name: b"align",
        script: b"#!/bin/sh\n",
        ..Texts::default()
    };
    let request = Request {
        jobs: 1,
        uid: 7,
        texts,
        ask: record(None).asked.unwrap(),
        licenses: "matlab",
        input_bytes: None,
        left_alone: None,
        may_wait: true,
        measured: false,
    };
    let decided = decide(&config, Some(&snapshot), &request, NOON + 60).unwrap();
    decided.licenses.map(|licenses| licenses.set)
}

#[test]
fn a_license_server_that_is_down_drops_no_license() {
    let down = "lmutil - Copyright\nError getting status: Cannot connect to license server system. (-15,570:111)\n";
    let other = flexnet(0, &[]).replace("MATLAB", "SIMULINK");
    let none = flexnet(0, &[]);
    let unlisted = flexnet(3, &[]);
    assert_eq!(
        licenses_after_five_runs(&[&none, &none]),
        Some(String::new()),
        "five runs that were seen to use none"
    );
    // One of two servers.
    let half = format!(
        "{none}License server status: 27000@lic2\n\nlmgrd is not running: no answer. (-96,7)\n"
    );
    for answers in [
        &[down][..],
        &[&half],
        &[""],
        &[&other],
        &[&unlisted],
        &[&none, down],
        &[down, &none],
        &[&none, "", &none],
    ] {
        assert_eq!(licenses_after_five_runs(answers), None, "{answers:?}");
    }
}
