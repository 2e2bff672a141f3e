//! Requests and what becomes of them.

use super::*;
use crate::config::Rule;
use crate::job::arguments::Arguments;
use crate::job::directory::{Directory, User, Watermark};
use crate::job::evidence::Trust;
use crate::job::{Layout, Texts};
use crate::model::learned::Learned;
use crate::record::Comment;

const SEEN: Evidence = Evidence {
    runs: 23,
    max_mib: 8294,
    p99_mib: 8294,
    cores: 1.02,
    longest_s: 100,
    shadow_mib: 0,
    enough_mib: 9124,
    enough_s: 0,
    trust: Trust::ALL,
    half_mib: 0,
    named_mib: 0,
    named_cpus: 0,
};

/// What the agent publishes once it knows one kind of job.
fn snapshot(kind: &Kind, evidence: Evidence, directory: &Directory) -> Snapshot {
    let learned = Learned {
        evidence,
        ..Learned::default()
    };
    let entries = [(kind.name.unwrap(), learned)];
    let bytes = Snapshot::encode(entries.iter(), Watermark::default(), directory);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("snapshot");
    Snapshot::publish(&path, &bytes).unwrap();
    Snapshot::load(&path).unwrap()
}

fn sized_by(config: &Config, modes: Modes, ask: Ask, evidence: Evidence, floor: &Floor) -> Record {
    let kind = Kind::of_accounting(1, b"align");
    let snapshot = snapshot(&kind, evidence, &Directory::default());
    size(
        config,
        modes,
        known(Some(&snapshot)),
        kind,
        ask,
        Some(7),
        floor,
    )
}

fn sized(ask: Ask, evidence: Evidence, mode: Mode) -> Record {
    sized_above(ask, evidence, mode, &Floor::default())
}

fn sized_above(ask: Ask, evidence: Evidence, mode: Mode, floor: &Floor) -> Record {
    sized_by(&Config::default(), Modes::all(mode), ask, evidence, floor)
}

fn ask(memory: Option<Memory>, cpus: u32, tasks: u32) -> Ask {
    Ask {
        memory,
        cpus,
        layout: Layout::new(Some(tasks), None, Some(1), Some(1)),
        time_s: None,
        own_time_min: false,
    }
}

fn sets(record: &Record) -> (Option<u64>, Option<u64>) {
    (record.memory.map(|c| c.set), record.cpus.map(|c| c.set))
}

#[test]
fn memory_for_each_cpu_that_no_node_has_is_no_reason_for_more_cpus() {
    for mib in [1 << 62, u64::MAX] {
        let huge = ask(Some(Memory::Cpu(mib)), 8, 4);
        let (memory, cpus) = sets(&sized(huge, SEEN, Mode::Apply));
        assert_eq!(
            cpus,
            sets(&sized(
                ask(Some(Memory::Cpu(65536)), 8, 4),
                SEEN,
                Mode::Apply
            ))
            .1
        );
        assert!(memory.is_some_and(|memory| memory < 65536));
    }
}

#[test]
fn the_user_reads_what_was_changed_and_why() {
    let ask = ask(Some(Memory::Node(65536)), 8, 1);
    assert_eq!(
        sentence(&sized(ask, SEEN, Mode::Apply)).unwrap(),
        "shadowfit: memory 64G -> 9G, CPUs 8 -> 1 (23 runs, 99% were under 8.1G, \
         1.0 CPUs busy at most); --shadowfit=off keeps your request"
    );
    assert_eq!(
        sentence(&sized(ask, SEEN, Mode::Advise)).unwrap(),
        "shadowfit: --mem=9124M --cpus-per-task=1 would do (23 runs, 99% were under 8.1G, \
         1.0 CPUs busy at most)"
    );
    assert_eq!(sentence(&sized(ask, SEEN, Mode::Observe)), None);
}

#[test]
fn a_request_is_never_raised_and_small_savings_are_left() {
    for asked in [100, 9000, 9124, 10_000] {
        let record = sized(ask(Some(Memory::Node(asked)), 1, 1), SEEN, Mode::Apply);
        assert_eq!(sets(&record), (None, None), "{asked}");
        assert_eq!(record.kept.as_deref(), Some("the request fits"));
    }
}

#[test]
fn a_job_is_never_set_below_what_steps_of_its_kind_named() {
    let seen = |named_mib, named_cpus| Evidence {
        named_mib,
        named_cpus,
        ..SEEN
    };
    let set = |memory, cpus, tasks, evidence| {
        sets(&sized(
            ask(Some(memory), cpus, tasks),
            evidence,
            Mode::Apply,
        ))
    };
    let node = Memory::Node(65_536);
    assert_eq!(set(node, 8, 1, seen(0, 0)), (Some(9124), Some(1)));
    assert_eq!(set(node, 8, 1, seen(9000, 1)), (Some(9124), Some(1)));
    assert_eq!(set(node, 8, 1, seen(20_000, 3)), (Some(20_000), Some(3)));
    assert_eq!(set(node, 8, 1, seen(70_000, 9)), (None, None));
    assert_eq!(set(node, 4, 2, seen(0, 5)), (Some(9124), Some(3)));
    // A step's share of memory per CPU shrinks with that.
    assert_eq!(set(Memory::Cpu(8192), 8, 1, seen(60_000, 8)).0, Some(1141));
}

#[test]
fn a_request_that_most_runs_outgrew_is_told_so_and_raised_where_the_site_wants_that() {
    let seen = Evidence {
        half_mib: 8200,
        ..SEEN
    };
    let raised = |text: &str, mode, memory, evidence| {
        let config = Config::parse("x".as_ref(), text.as_bytes()).unwrap();
        let ask = ask(Some(memory), 2, 1);
        let record = sized_by(&config, Modes::all(mode), ask, evidence, &Floor::default());
        let in_force = record.memory_in_force().unwrap();
        (
            record.raised.map(|change| (change.mode, change.set)),
            in_force,
            sentence(&record),
        )
    };
    let said = |text: &str| Some(format!("shadowfit: {text}"));
    let node = Memory::Node;
    let default = "";
    let up_to = |mib| format!("[memory]\nraise = 'apply'\nraise_to_mib = {mib}");
    let told =
        said("--mem=4000M is too small: most runs of this kind needed more; --mem=9124M would do");
    let cases = [
        (
            default.into(),
            Mode::Apply,
            node(4000),
            Some((Mode::Advise, 9124)),
            4000,
            told.clone(),
        ),
        (
            default.into(),
            Mode::Observe,
            node(4000),
            Some((Mode::Observe, 9124)),
            4000,
            None,
        ),
        (default.into(), Mode::Off, node(4000), None, 4000, None),
        (
            "[memory]\nraise = 'off'".into(),
            Mode::Apply,
            node(4000),
            None,
            4000,
            None,
        ),
        (
            up_to(20_000),
            Mode::Apply,
            node(4000),
            Some((Mode::Apply, 9124)),
            9124,
            said(
                "memory 4G -> 9G (most runs of this kind needed more); --shadowfit=off keeps your request",
            ),
        ),
        (
            up_to(6000),
            Mode::Apply,
            node(4000),
            Some((Mode::Apply, 6000)),
            6000,
            said(
                "memory 4G -> 5.9G (most runs of this kind needed more); --shadowfit=off keeps your request",
            ),
        ),
        // Nothing is raised above the ceiling, and nothing set that is only advised.
        (
            up_to(3000),
            Mode::Apply,
            node(4000),
            Some((Mode::Advise, 9124)),
            4000,
            told.clone(),
        ),
        (
            up_to(20_000),
            Mode::Advise,
            node(4000),
            Some((Mode::Advise, 9124)),
            4000,
            told,
        ),
        (
            up_to(20_000),
            Mode::Apply,
            Memory::Cpu(2000),
            Some((Mode::Apply, 4562)),
            4562,
            said(
                "memory 2G -> 4.5G (most runs of this kind needed more); --shadowfit=off keeps your request",
            ),
        ),
        // One run in many is its user's own risk.
        (up_to(20_000), Mode::Apply, node(8200), None, 8200, None),
    ];
    for (text, mode, memory, change, in_force, words) in cases {
        let found = raised(&text, mode, memory, seen);
        let (set, _, _) = &found;
        assert_eq!(
            (set, found.1),
            (&change, in_force),
            "{text} {mode:?} {memory:?}"
        );
        let cpus = |words: &String| words.contains("CPUs") || words.contains("--cpus");
        assert_eq!(
            found.2.filter(|words| !cpus(words)),
            words,
            "{text} {mode:?} {memory:?}"
        );
    }
}

#[test]
fn memory_per_cpu_is_shared_by_the_cpus_that_remain() {
    let per_cpu = |mib| Some(Memory::Cpu(mib));
    assert_eq!(
        sets(&sized(ask(per_cpu(16384), 4, 2), SEEN, Mode::Apply)),
        (Some(4562), Some(1))
    );
    // One CPU alone would bring too little memory: as many stay as are needed for it.
    assert_eq!(
        sets(&sized(ask(per_cpu(4000), 8, 1), SEEN, Mode::Apply)),
        (Some(3042), Some(3))
    );
}

#[test]
fn tasks_that_slurm_may_spread_keep_their_request() {
    for memory in [Memory::Node(65536), Memory::Cpu(65536)] {
        let spread = Ask {
            layout: Layout::new(Some(4), None, Some(1), None),
            ..ask(Some(memory), 8, 4)
        };
        assert_eq!(sets(&sized(spread, SEEN, Mode::Apply)), (None, None));
    }
}

#[test]
fn cpus_stay_where_fewer_could_hurt() {
    let memory = Some(Memory::Node(65536));
    let short_of_time = Ask {
        time_s: Some(199),
        ..ask(memory, 8, 1)
    };
    assert_eq!(sets(&sized(short_of_time, SEEN, Mode::Apply)).1, None);
    assert_eq!(sets(&sized(ask(None, 8, 1), SEEN, Mode::Apply)).1, None);
    let parallel = Evidence { cores: 3.2, ..SEEN };
    assert_eq!(
        sets(&sized(ask(memory, 8, 1), parallel, Mode::Apply)).1,
        Some(5)
    );
}

#[test]
fn too_few_runs_keep_the_request() {
    let young = Evidence { runs: 2, ..SEEN };
    let record = sized(ask(Some(Memory::Node(65536)), 8, 1), young, Mode::Apply);
    assert_eq!(record.kept.as_deref(), Some("too few runs of this kind"));
}

#[test]
fn a_record_survives_admin_comment_and_fits_into_it() {
    let record = sized(ask(Some(Memory::Cpu(65536)), 8, 2), SEEN, Mode::Apply);
    let comment = record.to_comment().unwrap();
    assert_eq!(Comment::read(&comment).record(), Some(&record));
    assert!(comment.len() < 600, "{} bytes: {comment}", comment.len());
    assert_eq!(Comment::read("{\"shadowfit\":2}").record(), None);
    assert_eq!(Comment::read("site note").record(), None);
}

#[test]
fn no_job_is_set_below_what_its_script_relies_on() {
    let reliance = |least| Reliance {
        least,
        line: 3,
        text: "java -Xmx7g".into(),
    };
    let memory = |least| Floor {
        memory: Some(reliance(least)),
        cpus: None,
    };
    let cpus = |least| Floor {
        memory: None,
        cpus: Some(reliance(least)),
    };
    let per_node = ask(Some(Memory::Node(65536)), 8, 1);
    let per_cpu = ask(Some(Memory::Cpu(8192)), 8, 1);
    let cases = [
        (per_node, memory(Some(20_000)), (Some(20_000), Some(1))),
        (per_node, memory(Some(1)), (Some(9124), Some(1))),
        (per_node, memory(Some(99_000)), (None, Some(1))),
        (per_node, memory(None), (None, Some(1))),
        (per_node, cpus(Some(6)), (Some(9124), Some(6))),
        (per_node, cpus(Some(8)), (Some(9124), None)),
        (per_node, cpus(None), (Some(9124), None)),
        // Memory comes with CPUs there.
        (per_cpu, memory(None), (None, None)),
        (per_cpu, memory(Some(20_000)), (Some(6667), Some(3))),
    ];
    for (ask, floor, right) in cases {
        let record = sized_above(ask, SEEN, Mode::Apply, &floor);
        assert_eq!(sets(&record), right, "{floor:?}");
        assert_eq!(record.floor, Some(floor));
    }
}

#[test]
fn only_what_changes_is_recorded_as_changed() {
    let memory_alone = sized(ask(Some(Memory::Node(65536)), 1, 1), SEEN, Mode::Apply);
    let cpus_alone = sized(ask(Some(Memory::Node(9124)), 8, 1), SEEN, Mode::Apply);
    let timed = Ask {
        time_s: Some(7200),
        ..ask(Some(Memory::Node(9124)), 1, 1)
    };
    let hour = Evidence {
        enough_s: 3600,
        ..SEEN
    };
    let time_alone = sized(timed, hour, Mode::Apply);
    assert_eq!(sets(&memory_alone), (Some(9124), None));
    assert_eq!(sets(&cpus_alone), (None, Some(1)));
    assert_eq!(sets(&time_alone), (None, None));
    assert_eq!(time_alone.time.map(|time| time.set), Some(60));
    for record in [memory_alone, cpus_alone, time_alone] {
        assert_eq!(record.kept, None);
        assert_eq!(record.level, Some(Level::Name));
        assert_eq!(record.input_bytes, Some(7));
    }
}

#[test]
fn a_request_of_just_what_is_needed_is_no_change_however_little_must_be_saved() {
    let mut config = Config::default();
    config.evidence.min_saving = 0.0;
    let set = |mib| {
        let ask = ask(Some(Memory::Node(mib)), 1, 1);
        sets(&sized_by(
            &config,
            Modes::all(Mode::Apply),
            ask,
            SEEN,
            &Floor::default(),
        ))
        .0
    };
    assert_eq!(set(9124), None);
    assert_eq!(set(9125), Some(9124));
}

#[test]
fn cpus_are_those_kept_busy_times_the_margin_and_as_many_as_memory_comes_with() {
    let busy = Evidence { cores: 5.0, ..SEEN };
    let per_cpu = Some(Memory::Cpu(4000));
    for (ask, evidence, expected) in [
        (ask(Some(Memory::Node(9124)), 16, 1), busy, (None, Some(8))),
        // Two tasks of two CPUs have 16000M on the node, of one CPU 8000M: too little.
        (ask(per_cpu, 8, 2), SEEN, (Some(2281), Some(2))),
    ] {
        assert_eq!(
            sets(&sized(ask, evidence, Mode::Apply)),
            expected,
            "{ask:?}"
        );
    }
}

#[test]
fn a_time_limit_is_lowered_to_what_is_enough_and_of_no_program_that_gets_slower() {
    let two_hours = Ask {
        time_s: Some(7200),
        ..ask(Some(Memory::Node(9124)), 8, 1)
    };
    let fewer_cpus = Ask {
        cpus: 5,
        ..two_hours
    };
    let own = Ask {
        own_time_min: true,
        ..two_hours
    };
    let unlimited = Ask {
        time_s: None,
        ..two_hours
    };
    let ran = |enough_s, cores| Evidence {
        enough_s,
        cores,
        ..SEEN
    };
    let apply = Modes::all(Mode::Apply);
    let advises_cpus = Modes {
        cpus: Mode::Advise,
        ..apply
    };
    for (ask, evidence, modes, expected) in [
        (two_hours, ran(1801, 1.02), apply, Some(31)),
        (two_hours, ran(60, 1.02), apply, Some(10)),
        (two_hours, ran(0, 1.02), apply, None),
        (two_hours, ran(7000, 1.02), apply, None),
        (own, ran(1801, 1.02), apply, None),
        (unlimited, ran(1801, 1.02), apply, None),
        // Fewer CPUs make a parallel program slower, and a serial one not.
        (two_hours, ran(1801, 3.2), apply, None),
        (two_hours, ran(1801, SERIAL), apply, Some(31)),
        (two_hours, ran(1801, 3.2), advises_cpus, Some(31)),
        (fewer_cpus, ran(1801, 3.2), apply, Some(31)),
    ] {
        for limits in [false, true] {
            let mut config = Config::default();
            config.time.limit = limits;
            let record = sized_by(&config, modes, ask, evidence, &Floor::default());
            let set = record.time.map(|time| (time.asked, time.set));
            assert_eq!(set, expected.map(|set| (120, set)), "{ask:?} {evidence:?}");
            assert_eq!(record.limits_time, limits && set.is_some(), "{ask:?}");
        }
    }
}

const NOW: i64 = 1_000_000;

/// `sbatch work.sh a b` by the user with number 1007.
fn request(ask: Ask) -> Request<'static> {
    Request {
        jobs: 1,
        uid: 1007,
        texts: Texts {
            name: b"solve",
            script: b"#!/bin/sh\nwork $1 $2\n",
            arguments: vec![b"a", b"b"],
            ..Texts::default()
        },
        ask,
        licenses: "",
        input_bytes: Some(7),
        left_alone: None,
        may_wait: true,
        measured: false,
    }
}

/// A site that measures new kinds of jobs which are worth half a GiB × hour, and sets everything.
fn measuring() -> Config {
    let mut config = Config::default();
    config.modes.default = Mode::Apply;
    config.shadow.enabled = true;
    config.shadow.window_s = 60;
    config.shadow.min_stake_gib_h = 0.5;
    config
}

#[test]
fn a_new_kind_waits_for_its_shadow_where_enough_is_at_stake() {
    let half_an_hour = |memory, cpus, tasks| Ask {
        time_s: Some(1800),
        ..ask(memory, cpus, tasks)
    };
    let node = |mib| Some(Memory::Node(mib));
    let two_nodes = Ask {
        layout: Layout::new(Some(2), Some(1), Some(2), Some(2)),
        ..half_an_hour(node(65536), 1, 1)
    };
    let spread = Ask {
        layout: Layout::new(Some(4), None, Some(1), None),
        ..half_an_hour(node(65536), 1, 1)
    };
    for (ask, waits) in [
        (half_an_hour(node(1024), 1, 1), true),
        (half_an_hour(node(1023), 1, 1), false),
        (half_an_hour(Some(Memory::Cpu(256)), 2, 2), true),
        (half_an_hour(Some(Memory::Cpu(255)), 2, 2), false),
        (half_an_hour(None, 64, 1), false),
        // Without a time limit of its own a job counts for an hour.
        (ask(node(512), 1, 1), true),
        (ask(node(511), 1, 1), false),
        (two_nodes, false),
        (spread, false),
    ] {
        let record = decide(&measuring(), None, &request(ask), NOW).unwrap();
        let wait = Wait {
            since: NOW,
            until: NOW + 60,
            arguments: Arguments::of(&request(ask).texts.arguments).unwrap(),
        };
        assert_eq!(wait.arguments.count, 2);
        assert_eq!(record.shadow, waits.then_some(wait), "{ask:?}");
        assert_eq!(record.input_bytes, Some(7));
        let why = record.kept.unwrap();
        assert_eq!(why.contains("a shadow of this new kind"), waits, "{why}");
    }
}

#[test]
fn no_job_waits_in_vain() {
    let ask = ask(Some(Memory::Node(65536)), 8, 1);
    let waits = |config: &Config, snapshot: Option<&Snapshot>, request: &Request| {
        decide(config, snapshot, request, NOW).is_some_and(|record| record.shadow.is_some())
    };
    let measuring = measuring();
    let disabled = Config {
        shadow: Config::default().shadow,
        ..measuring.clone()
    };
    let observing = Config {
        modes: Config::default().modes,
        ..measuring.clone()
    };
    let request = request(ask);
    let cannot_wait = Request {
        may_wait: false,
        ..request.clone()
    };
    let kind = Kind::of(1007, &request.texts, ask.layout);
    let knows = snapshot(&kind, SEEN, &Directory::default());
    assert!(waits(&measuring, None, &request));
    assert!(
        !waits(&measuring, Some(&knows), &request),
        "its kind is known"
    );
    assert!(!waits(&disabled, None, &request));
    assert!(!waits(&observing, None, &request), "nothing would be set");
    assert!(!waits(&measuring, None, &cannot_wait));
}

#[test]
fn a_job_that_is_left_alone_says_why_and_nobodys_job_has_no_record() {
    let ask = ask(Some(Memory::Node(65536)), 8, 1);
    let mut off = Config::default();
    off.modes.default = Mode::Off;
    let left_alone = |reason| Request {
        left_alone: Some(reason),
        ..request(ask)
    };
    assert_eq!(decide(&off, None, &request(ask), NOW), None);
    assert_eq!(
        decide(&measuring(), None, &left_alone(LeftAlone::NoScript), NOW),
        None
    );
    let record = decide(&measuring(), None, &left_alone(LeftAlone::Exclusive), NOW).unwrap();
    assert_eq!(record.kept.as_deref(), Some("--exclusive"));
    assert_eq!((record.asked, record.shadow), (None, None));
    let record = decide(&Config::default(), None, &request(ask), NOW).unwrap();
    assert_eq!(record.kept.as_deref(), Some("no snapshot"));
    assert_eq!(record.asked, Some(ask));
}

#[test]
fn what_a_script_relies_on_is_read_at_submission() {
    let ask = ask(Some(Memory::Node(65536)), 4, 2);
    let mut request = request(ask);
    request.texts.script = b"#!/bin/sh\nsrun --mem=20000M -n2 -c3 work\n";
    let record = decide(&measuring(), None, &request, NOW).unwrap();
    let floor = record.floor.unwrap();
    let least = |reliance: &Option<Reliance>| reliance.as_ref().and_then(|found| found.least);
    assert_eq!(
        (least(&floor.memory), least(&floor.cpus)),
        (Some(20_000), Some(6))
    );
    let sized = sized_above(ask, SEEN, Mode::Apply, &floor);
    assert_eq!(sets(&sized), (Some(20_000), Some(3)));
}

#[test]
fn rules_know_whose_job_it_is_from_the_directory_where_the_request_does_not_say() {
    let alice = User {
        name: "alice".into(),
        account: Some("physics".into()),
    };
    let directory = Directory {
        default_partition: Some("batch".into()),
        users: [(1007, alice)].into(),
        ..Directory::default()
    };
    let snapshot = snapshot(&Kind::of_accounting(1, b"align"), SEEN, &directory);
    let plain = request(ask(None, 1, 1));
    let named = Request {
        texts: Texts {
            account: Some(b"chemistry"),
            partition: Some(b"long"),
            ..plain.texts.clone()
        },
        ..plain.clone()
    };
    let stranger = Request {
        uid: 8,
        ..plain.clone()
    };
    let (user, account, partition) = ("user", "account", "partition");
    for (request, key, value, matches) in [
        (&plain, user, "alice", true),
        (&plain, account, "physics", true),
        (&plain, partition, "batch", true),
        (&named, account, "physics", false),
        (&named, account, "chemistry", true),
        (&named, partition, "batch", false),
        (&named, partition, "long", true),
        (&stranger, user, "alice", false),
        (&stranger, account, "physics", false),
        (&stranger, partition, "batch", true),
    ] {
        let only = |name| (key == name).then(|| value.to_owned());
        let rule = Rule {
            user: only(user),
            account: only(account),
            partition: only(partition),
            mode: Some(Mode::Off),
            ..Rule::default()
        };
        let config = Config {
            rule: vec![rule],
            ..Config::default()
        };
        let record = decide(&config, Some(&snapshot), request, NOW);
        assert_eq!(record.is_none(), matches, "{key} = {value}: {request:?}");
    }
}

#[test]
fn a_job_of_a_workflow_manager_is_rewritten_only_where_the_site_says_so() {
    let submitted = |toml: &str, comment: &'static [u8]| {
        let request = Request {
            jobs: 1,
            uid: 1,
            texts: Texts {
                name: b"align",
                comment,
                script: b"#!/bin/sh\nalign\n",
                ..Texts::default()
            },
            ask: ask(Some(Memory::Node(65536)), 1, 1),
            licenses: "",
            input_bytes: None,
            left_alone: None,
            may_wait: false,
            measured: false,
        };
        let kind = Kind::of(1, &request.texts, request.ask.layout);
        let snapshot = snapshot(&kind, SEEN, &Directory::default());
        let toml = format!("modes.default = 'apply'\n{toml}");
        let config = Config::parse("f".as_ref(), toml.as_bytes()).unwrap();
        decide(&config, Some(&snapshot), &request, 0).unwrap()
    };
    let rule: &[u8] = b"rule_align_wildcards_7";
    for (toml, comment, mode) in [
        ("", b"".as_slice(), Mode::Apply),
        ("", rule, Mode::Observe),
        ("managers.snakemake = 'size'", rule, Mode::Apply),
        ("managers.toil = 'size'", rule, Mode::Observe),
    ] {
        let record = submitted(toml, comment);
        assert_eq!(record.memory.unwrap().mode, mode, "{toml}");
        assert_eq!(record.manager.is_some(), !comment.is_empty());
    }
}
