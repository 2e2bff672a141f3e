//! Memory.

use super::*;

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
fn a_request_is_never_raised_and_small_savings_are_left() {
    for asked in [100, 9000, 9124, 10_000] {
        let record = sized(ask(Some(Memory::Node(asked)), 1, 1), SEEN, Mode::Apply);
        assert_eq!(sets(&record), (None, None), "{asked}");
        assert_eq!(record.kept.as_deref(), Some("the request fits"));
    }
}

#[test]
fn a_job_that_is_lent_more_starts_with_less_where_that_is_really_set() {
    let seen = |shadow_mib, lent_to_mib, half_mib| Evidence {
        shadow_mib,
        lent_to_mib,
        half_mib,
        ..SEEN
    };
    let set = |mode, is_lent, evidence| {
        let terms = Terms::from(Modes::all(mode)).lent(if is_lent { 9000 } else { 0 });
        let record = sized_on(terms, ask(Some(Memory::Node(65_536)), 1, 1), evidence);
        record.memory.unwrap().set
    };
    assert_eq!(set(Mode::Apply, true, seen(0, 5000, 0)), 5000);
    assert_eq!(set(Mode::Apply, false, seen(0, 5000, 0)), 9124);
    assert_eq!(set(Mode::Advise, true, seen(0, 5000, 0)), 9124);
    assert_eq!(
        set(Mode::Apply, true, seen(0, 0, 0)),
        9124,
        "nothing is known of that"
    );
    let named = Evidence {
        named_mib: 7000,
        ..seen(0, 5000, 0)
    };
    assert_eq!(set(Mode::Apply, true, named), 7000);
    // No more than its node may lend.
    let lent = |mib| {
        sized_on(
            Terms::from(Modes::all(Mode::Apply)).lent(mib),
            ask(Some(Memory::Node(65_536)), 1, 1),
            seen(0, 5000, 0),
        )
    };
    assert_eq!(
        [1000, 124].map(|mib| lent(mib).memory.unwrap().set),
        [8124, 9000]
    );
    assert_eq!(lent(9000).evidence.unwrap().lent_to_mib, 5000);
    assert_eq!(
        lent(0).evidence.unwrap().lent_to_mib,
        0,
        "nobody would know what was set"
    );
    // Half of its runs needed more than it asks for, and nobody is lent that.
    for raise in ["advise", "apply' \nmemory.raise_to_mib = 90000 #"] {
        let config =
            Config::parse("f".as_ref(), format!("memory.raise = '{raise}'").as_bytes()).unwrap();
        let asks = ask(Some(Memory::Node(6000)), 1, 1);
        let terms = Terms::from(Modes::all(Mode::Apply)).lent(9000);
        let record = sized_by(&config, terms, asks, seen(0, 2000, 7000), &Floor::default());
        assert_eq!(
            (record.raised.unwrap().set, record.memory),
            (9124, None),
            "{raise}"
        );
    }
}

#[test]
fn what_is_lent_takes_no_cpus_that_bring_memory() {
    let evidence = Evidence {
        lent_to_mib: 5000,
        ..SEEN
    };
    for mib in [4000, 4500, 8200] {
        let asks = ask(Some(Memory::Cpu(mib)), 8, 1);
        let cpus = |lent| {
            let terms = Terms::from(Modes::all(Mode::Apply)).lent(lent);
            sized_on(terms, asks, evidence).cpus.unwrap().set
        };
        assert_eq!(cpus(9000), cpus(0), "{mib}");
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
    // Slurm gives it memory for more CPUs than its tasks have.
    let beyond = Ask {
        own_cpus: true,
        ..ask(Some(Memory::Cpu(2000)), 2, 1)
    };
    assert_eq!(sized(beyond, seen, Mode::Apply).raised, None);
    let said = |text: &str| Some(format!("shadowfit: {text}"));
    let node = Memory::Node;
    let default = "";
    let up_to = |mib| format!("[memory]\nraise = 'apply'\nraise_to_mib = {mib}");
    let told = said(
        "--mem=4000M is too small: half of this kind's runs needed 8.1G on a node or more; --mem=9124M would do",
    );
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
                "memory 4G -> 9G (half of this kind's runs needed 8.1G on a node or more); --shadowfit=off keeps your request",
            ),
        ),
        (
            up_to(6000),
            Mode::Apply,
            node(4000),
            Some((Mode::Apply, 6000)),
            6000,
            said(
                "memory 4G -> 5.9G (half of this kind's runs needed 8.1G on a node or more); --shadowfit=off keeps your request",
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
                "memory 2G -> 4.5G (half of this kind's runs needed 8.1G on a node or more); --shadowfit=off keeps your request",
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
    // Where nothing is left to set it says why.
    let all = Floor {
        cpus: Some(reliance(None)),
        ..memory(None)
    };
    let kept = |floor| sized_above(per_node, SEEN, Mode::Apply, floor).kept;
    let why = "its script relies on what it asks for";
    assert_eq!(kept(&all).as_deref(), Some(why));
    let fits = ask(Some(Memory::Node(1)), 1, 1);
    let kept = sized(fits, SEEN, Mode::Apply).kept;
    assert_eq!(kept.as_deref(), Some("the request fits"));
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
