//! The agent's passes with answers instead of commands: what it asks for, and what it makes of
//! failures. The same passes run against a real Slurm in tests/cluster.

mod accounting;
mod changes;
mod dependents;
mod events;
mod harm;
mod licenses;
mod new_kinds;
mod queue;
mod rescue;
mod shadows;
mod squeue;
mod trust;

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
use shadowfit_core::record::{Change, Comment, MAX_SIZE, Record, Relicensed, ShadowRecord};
use shadowfit_core::slurm::sacct::FIELDS;
use shadowfit_core::slurm::{CommandError, Commands};
use std::cell::{Cell, RefCell};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DAY: i64 = 86_400;

const NOON: i64 = 20_000 * DAY + DAY / 2;

/// The time of day, in seconds since 1970, and what has gone by in sleep.
struct Watch(Cell<i64>, Cell<Duration>);

impl Clock for Watch {
    fn now(&self) -> i64 {
        self.0.get()
    }

    fn elapsed(&self) -> Duration {
        self.1.get()
    }

    fn sleep(&self, duration: Duration) {
        let (before, after) = (self.1.get(), self.1.get() + duration);
        let seconds = after.as_secs() - before.as_secs();
        self.0.set(self.0.get() + seconds as i64);
        self.1.set(after);
    }
}

/// Answers like Slurm and remembers what it was asked.
#[derive(Default)]
struct Slurm {
    asked: RefCell<Vec<String>>,
    rows: RefCell<String>,
    queue: RefCell<Vec<String>>,
    /// What squeue answered last: a job that is asked for alone is as it was seen.
    seen: RefCell<String>,
    /// Jobs as they are once the agent has looked at them, where they are others.
    meanwhile: RefCell<Option<String>>,
    slurmdbd_is_down: Cell<bool>,
    /// slurmdbd takes connections and never answers.
    slurmdbd_hangs: Cell<bool>,
    slurmctld_is_down: Cell<bool>,
    refuses_shadows: Cell<bool>,
    /// A plugin of the site lets nobody change a job.
    refuses_changes: Cell<bool>,
    /// scontrol's words that are refused, with what is said, once so many others were done.
    refused: RefCell<Vec<(&'static str, &'static str, usize)>>,
    /// What scontrol has done.
    made: RefCell<Vec<String>>,
    /// Slurm holds jobs to their users' limits.
    holds_limits: Cell<bool>,
    /// How many shadows were submitted.
    shadows: Cell<u32>,
    /// What sinfo says; empty for a node that is idle.
    load: RefCell<String>,
    /// What scontrol says of partitions.
    partitions: RefCell<String>,
    state: RefCell<PathBuf>,
    seats: RefCell<String>,
    /// License managers take connections and never answer.
    managers_hang: Cell<bool>,
    /// How sbatch was called, once accounting knows.
    submitted: RefCell<Option<String>>,
    /// Jobs that ended badly, by accounting: their numbers, ends and comments.
    ends: RefCell<Vec<(u32, i64, String)>>,
}

impl Slurm {
    /// What is said to a change that is refused.
    fn refuses(&self, line: &str) -> Option<&'static str> {
        let made = self.made.borrow().len();
        let refused = self.refused.borrow();
        let mut fitting = refused.iter();
        let (_, said, _) =
            fitting.find(|(word, _, after)| line.contains(word) && made >= *after)?;
        Some(said)
    }

    fn change(&self, line: String) -> Result<Vec<u8>, CommandError> {
        match self.refuses(&line) {
            Some(said) => Err(CommandError::Failed {
                command: line,
                said: said.into(),
            }),
            None => {
                self.made.borrow_mut().push(line);
                Ok(Vec::new())
            }
        }
    }

    fn calls(&self, program: &str) -> Vec<String> {
        let asked = self.asked.take();
        asked
            .into_iter()
            .filter(|line| line.starts_with(program))
            .collect()
    }
}

/// squeue is asked for a job right before something is done with it.
fn is_of_one(line: &str) -> bool {
    line.contains("submittime")
}

impl Commands for Slurm {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let line = format!("{program} {}", arguments.join(" "));
        self.asked.borrow_mut().push(line.clone());
        match program {
            "sacct" | "sacctmgr" if self.slurmdbd_hangs.get() => Err(CommandError::Late {
                command: line,
                seconds: 60,
            }),
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
                let text = format!("{}\n{}", FIELDS.replace(',', "|"), self.rows.borrow());
                Ok(text
                    .replace('|', delimiter.expect("sacct is given a delimiter"))
                    .into_bytes())
            }
            "squeue" | "scontrol" if self.slurmctld_is_down.get() => Err(CommandError::Failed {
                command: line,
                said: "Unable to contact slurm controller".into(),
            }),
            "squeue" if is_of_one(&line) => {
                let meanwhile = self.meanwhile.borrow().clone();
                let jobs = meanwhile.unwrap_or_else(|| self.seen.borrow().clone());
                Ok(squeue::answer(&jobs, arguments))
            }
            "squeue" => {
                // The last answer stays.
                let mut answers = self.queue.borrow_mut();
                let answer = if answers.len() > 1 {
                    answers.remove(0)
                } else {
                    answers.first().cloned().unwrap_or_default()
                };
                self.seen.replace(answer.clone());
                Ok(squeue::answer(&answer, arguments))
            }
            "lmstat" if self.managers_hang.get() => Err(CommandError::Late {
                command: line,
                seconds: 20,
            }),
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
            "scontrol" if self.refuses_changes.get() && arguments.first() == Some(&"update") => {
                Err(CommandError::Failed {
                    command: line,
                    said: "Unspecified error for job 9".into(),
                })
            }
            "scontrol" if arguments.contains(&"update") => self.change(line),
            "scontrol" if line.ends_with("show config") => {
                let limits = match self.holds_limits.get() {
                    true => "AccountingStorageEnforce = limits\n",
                    false => "",
                };
                let state = self.state.borrow();
                let state = format!("StateSaveLocation = {}\n", state.display());
                Ok((state + limits).into_bytes())
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
            watch: Watch(Cell::new(NOON), Cell::default()),
        }
    }

    fn agent(&self) -> Agent<'_> {
        Agent::new(self.config.clone(), &self.slurm, &self.watch).unwrap()
    }
}

/// What is logged meanwhile, warnings and worse.
fn logged(meanwhile: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, meanwhile);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// A time as sacct's options take it.
fn uts(seconds: i64) -> String {
    format!("uts{seconds}")
}

fn since(calls: &[String]) -> Vec<&str> {
    calls
        .iter()
        .filter_map(|line| line.split("--starttime ").nth(1)?.split(' ').next())
        .collect()
}

fn finished(id: u32, peak: u64) -> String {
    finished_at(NOON - 100 + i64::from(id), id, peak)
}

/// Before those of [`finished`] started.
fn finished_before(id: u32, peak: u64) -> String {
    finished_at(NOON - 1000 + i64::from(id), id, peak)
}

fn finished_at(end: i64, id: u32, peak: u64) -> String {
    format!(
        "{id}|{id}|{0}|{1}|{end}|COMPLETED|50|7|alice|physics|batch|2||4000M||00:40.000||||align|1|\n\
         {id}.batch|{id}.batch|{1}|{1}|{end}|COMPLETED|50||||||1||{peak}|00:40.000||||batch|1|\n",
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
        ..Ask::LEAST
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
        array: None,
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
    shadow_of(9, state, counters)
}

fn shadow_of(job: u32, state: &str, counters: Option<ShadowCounters>) -> String {
    let comment = match counters {
        Some(counters) => ShadowRecord::ended(&job.to_string(), counters),
        None => ShadowRecord::submitted(&format!("shadow:{job}:1:1:1:1:1").parse().unwrap()),
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
