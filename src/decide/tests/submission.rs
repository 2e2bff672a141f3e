//! Whole requests: whose they are, what they wait for, why they are left alone.

use super::*;

const NOW: i64 = 1_000_000;

/// `sbatch work.sh a b` by the user with number 1007.
fn request(ask: Ask) -> Request<'static> {
    Request {
        jobs: 1,
        array: None,
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
        unshadowed: None,
        starts_later: false,
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
    let lowered = Ask {
        own_memory: true,
        ..half_an_hour(node(65536), 1, 1)
    };
    for (ask, waits) in [
        (half_an_hour(node(1024), 1, 1), true),
        (lowered, false),
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
            array: None,
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
fn a_new_kind_whose_arguments_cannot_be_told_says_that_it_has_no_shadow() {
    let ask = ask(Some(Memory::Node(65536)), 8, 1);
    let restless = request(ask).texts;
    let restless = Request {
        texts: Texts {
            arguments: [b"a b" as &[u8], b"c"].repeat(200),
            ..restless
        },
        ..request(ask)
    };
    let record = decide(&measuring(), None, &restless, NOW).unwrap();
    assert_eq!(record.shadow, None);
    assert_eq!(record.kept.as_deref(), Some(Unshadowed::Arguments.text()));
    let cannot_wait = Request {
        may_wait: false,
        starts_later: false,
        ..restless
    };
    let record = decide(&measuring(), None, &cannot_wait, NOW).unwrap();
    assert_eq!(record.kept.as_deref(), Some("no snapshot"));
}

#[test]
fn a_new_kind_whose_shadow_would_see_something_else_does_not_wait_and_says_so() {
    let whole = request(ask(Some(Memory::Node(65536)), 8, 1));
    let staged = Texts {
        script: b"#!/bin/sh\n#BB_LUA pool=fast\nwork $1 $2\n",
        ..whole.texts.clone()
    };
    let with = |unshadowed| Request {
        unshadowed: Some(unshadowed),
        measured: true,
        ..whole.clone()
    };
    for (request, why) in [
        (with(Unshadowed::Input), Unshadowed::Input),
        (with(Unshadowed::Container), Unshadowed::Container),
        (with(Unshadowed::BurstBuffer), Unshadowed::BurstBuffer),
        (
            Request {
                jobs: 5,
                ..whole.clone()
            },
            Unshadowed::Array,
        ),
        (
            Request {
                texts: staged,
                ..whole.clone()
            },
            Unshadowed::BurstBuffer,
        ),
    ] {
        let record = decide(&measuring(), None, &request, NOW).unwrap();
        assert_eq!(record.shadow, None, "{why:?}");
        assert_eq!(record.kept.as_deref(), Some(why.text()));
    }
}

#[test]
fn what_a_shadow_of_its_kind_showed_is_nothing_to_a_job_that_has_what_no_shadow_has() {
    let whole = request(ask(Some(Memory::Node(65536)), 1, 1));
    let kind = Kind::of(1007, &whole.texts, whole.ask.layout);
    let shown = Evidence {
        runs: 0,
        shadow_mib: 700,
        ..SEEN
    };
    let by_command = Kind {
        name: kind.command,
        ..kind
    };
    let knows = snapshot(&by_command, shown, &Directory::default());
    let decided = |request: &Request| decide(&measuring(), Some(&knows), request, NOW).unwrap();
    let record = decided(&whole);
    assert_eq!(record.level, Some(Level::Shadow));
    assert!(record.rewrites());
    for why in [
        Unshadowed::Input,
        Unshadowed::Container,
        Unshadowed::BurstBuffer,
    ] {
        let record = decided(&Request {
            unshadowed: Some(why),
            ..whole.clone()
        });
        assert_eq!((record.level, record.rewrites()), (None, false), "{why:?}");
        assert_eq!(record.kept.as_deref(), Some(why.text()));
        // Whoever decides again has this and not the request.
        let asked = record.asked.unwrap();
        let modes = Modes::all(Mode::Apply);
        let floor = Floor::default();
        let again = size(
            &measuring(),
            modes,
            known(Some(&knows)),
            kind,
            asked,
            None,
            &floor,
        );
        assert_eq!(again.level, None, "{why:?}");
    }
}

#[test]
fn an_array_waits_with_what_its_tasks_see_of_it() {
    let array = crate::job::array::Extent::of("1-9:2");
    let request = Request {
        jobs: 5,
        array,
        ..request(ask(Some(Memory::Node(65536)), 8, 1))
    };
    let record = decide(&measuring(), None, &request, NOW).unwrap();
    assert_eq!(record.shadow.unwrap().array, array);
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
        starts_later: false,
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
    let mut nameless = request.clone();
    nameless.texts.name = b"job";
    nameless.texts.script = b"#!/bin/sh\nsrun $PROGRAM\n";
    assert!(
        !waits(&measuring, None, &nameless),
        "its environment alone says what runs"
    );
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
    // A step without a number of tasks has all of the job's CPUs.
    request.texts.script = b"#!/bin/sh\nsrun --mem-per-cpu=1G work\n";
    let record = decide(&measuring(), None, &request, NOW).unwrap();
    assert_eq!(least(&record.floor.unwrap().memory), Some(8 * 1024));
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

/// What is decided of a job of a known kind.
fn align(toml: &str, comment: &'static [u8], left_alone: Option<LeftAlone>) -> Record {
    let request = Request {
        jobs: 1,
        array: None,
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
        left_alone,
        may_wait: false,
        unshadowed: None,
        starts_later: false,
        measured: false,
    };
    let kind = Kind::of(1, &request.texts, request.ask.layout);
    let snapshot = snapshot(&kind, SEEN, &Directory::default());
    let toml = format!("modes.default = 'apply'\n{toml}");
    let config = Config::parse("f".as_ref(), toml.as_bytes()).unwrap();
    decide(&config, Some(&snapshot), &request, 0).unwrap()
}

#[test]
fn a_job_that_may_not_be_requeued_is_rewritten_only_where_the_site_says_so() {
    let rule: &[u8] = b"rule_align_wildcards_7";
    let no_requeue = Some(LeftAlone::NoRequeue);
    let of_managers = "managers.default = 'size'\nmanagers.no_requeue = 'size'";
    for (toml, comment, left_alone, sized) in [
        ("", b"".as_slice(), no_requeue, false),
        ("[[rule]]\nno_requeue = 'size'", b"", no_requeue, true),
        (
            "[[rule]]\nno_requeue = 'size'",
            b"",
            Some(LeftAlone::Exclusive),
            false,
        ),
        (of_managers, b"", no_requeue, false),
        (of_managers, rule, no_requeue, true),
        ("managers.default = 'size'", rule, no_requeue, false),
    ] {
        let record = align(toml, comment, left_alone);
        assert_eq!(record.rewrites(), sized, "{toml}");
        assert_eq!(record.no_requeue, sized, "{toml}");
        assert_eq!(record.kept.is_some(), !sized, "{toml}");
    }
    assert!(!align("", b"", None).no_requeue);
}

#[test]
fn a_job_that_is_sized_may_be_lent_more_where_nodes_have_a_pool() {
    for (toml, lends) in [
        ("", false),
        ("elastic.pool_mib = 100", true),
        ("elastic.pool_mib = 100\n[[rule]]\nelastic = false", false),
        ("elastic.pool_mib = 100\n[[rule]]\nmemory = 'advise'", false),
    ] {
        let record = align(toml, b"", None);
        assert_eq!(record.elastic, lends, "{toml}");
        let again = by_its_nodes(
            &Config::parse("f".as_ref(), toml.as_bytes()).unwrap(),
            Owner::default(),
            Record {
                steps: true,
                ..record
            },
        );
        assert!(!again.elastic, "its steps would take it back");
    }
}

#[test]
fn only_jobs_that_nodes_lend_to_and_that_somebody_here_runs_again_count_on_it() {
    let lends = Config::parse("f".as_ref(), b"elastic.pool_mib = 100").unwrap();
    let alone = ask(None, 1, 1);
    let on_two = Ask {
        layout: Layout::new(Some(2), None, Some(2), Some(2)),
        ..alone
    };
    for (config, manager, ask, steps, no_requeue, right) in [
        (&lends, None, alone, false, false, 50),
        (&Config::default(), None, alone, false, false, 0),
        (&lends, Some(Manager::Nextflow), alone, false, false, 0),
        (&lends, None, on_two, false, false, 0),
        (&lends, None, alone, true, false, 0),
        (&lends, None, alone, false, true, 0),
    ] {
        let mib = lent_mib(config, Owner::default(), manager, &ask, steps, no_requeue);
        assert_eq!(mib, right, "{ask:?} {steps} {no_requeue} {manager:?}");
    }
}

#[test]
fn a_job_of_a_workflow_manager_is_rewritten_only_where_the_site_says_so() {
    let submitted = |toml, comment| align(toml, comment, None);
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
        // Who reads what would be set reads why it is not.
        let told = record.kept.as_deref().unwrap_or_default();
        let is_told = told.starts_with("its workflow manager");
        assert_eq!(is_told, mode == Mode::Observe, "{toml}: {told}");
    }
}

#[test]
fn a_job_of_a_partition_that_gives_whole_nodes_is_left_alone() {
    let directory = Directory {
        default_partition: Some("whole".into()),
        exclusive_partitions: ["whole".into()].into(),
        ..Directory::default()
    };
    let snapshot = snapshot(&Kind::of_accounting(1, b"align"), SEEN, &directory);
    let plain = request(ask(Some(Memory::Node(65536)), 1, 1));
    for (partition, alone) in [
        (None, true),
        (Some(b"whole".as_slice()), true),
        (Some(b"batch,whole"), true),
        (Some(b"batch"), false),
    ] {
        let mut one = plain.clone();
        one.texts.partition = partition;
        let record = decide(&Config::default(), Some(&snapshot), &one, 0).unwrap();
        assert_eq!(
            record.kept == Some(LeftAlone::WholeNodes.text().into()),
            alone,
            "{partition:?}"
        );
    }
}

#[test]
fn memory_that_a_partition_does_not_give_out_is_not_set() {
    let directory = Directory {
        partitions_without_memory: ["cores".into()].into(),
        ..Directory::default()
    };
    let plain = request(ask(Some(Memory::Node(65536)), 8, 1));
    let kind = Kind::of(plain.uid, &plain.texts, plain.ask.layout);
    let snapshot = snapshot(&kind, SEEN, &directory);
    for (partition, mode) in [
        (b"cores".as_slice(), Mode::Observe),
        (b"batch,cores", Mode::Observe),
        (b"batch", Mode::Apply),
    ] {
        let mut one = plain.clone();
        one.texts.partition = Some(partition);
        let mut config = Config::default();
        config.modes.default = Mode::Apply;
        let record = decide(&config, Some(&snapshot), &one, 0).unwrap();
        assert_eq!(
            record.memory.map(|memory| memory.mode),
            Some(mode),
            "{partition:?}"
        );
        assert_eq!(
            record.cpus.map(|cpus| cpus.mode),
            Some(Mode::Apply),
            "{partition:?}"
        );
    }
}
