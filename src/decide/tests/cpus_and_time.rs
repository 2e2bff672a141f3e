//! CPUs and time.

use super::*;

#[test]
fn cpus_stay_where_fewer_could_hurt() {
    let memory = Some(Memory::Node(65536));
    let short_of_time = Ask {
        time_s: Some(199),
        ..ask(memory, 8, 1)
    };
    assert_eq!(sets(&sized(short_of_time, SEEN, Mode::Apply)).1, None);
    assert_eq!(sets(&sized(ask(None, 8, 1), SEEN, Mode::Apply)).1, None);
    let more_than_its_tasks_have = Ask {
        own_cpus: true,
        ..ask(memory, 8, 1)
    };
    assert_eq!(
        sets(&sized(more_than_its_tasks_have, SEEN, Mode::Apply)).1,
        None
    );
    let parallel = Evidence { cores: 3.2, ..SEEN };
    assert_eq!(
        sets(&sized(ask(memory, 8, 1), parallel, Mode::Apply)).1,
        Some(5)
    );
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

#[test]
fn a_job_whose_memory_slurm_lowers_keeps_it_and_is_told_so() {
    let lowered = |memory| Ask {
        own_memory: true,
        ..ask(Some(memory), 8, 1)
    };
    let sized = |ask| sized(ask, SEEN, Mode::Apply);
    let record = sized(lowered(Memory::Node(65536)));
    assert_eq!(sets(&record), (None, Some(1)));
    // CPUs would take memory with them.
    let record = sized(lowered(Memory::Cpu(4000)));
    assert_eq!(sets(&record), (None, None));
    assert!(record.kept.unwrap().contains("--mem-update"));
    // Nor is it raised.
    let short = Evidence {
        half_mib: 8000,
        ..SEEN
    };
    let record = super::sized(lowered(Memory::Node(1000)), short, Mode::Apply);
    assert_eq!((record.memory, record.raised), (None, None));
}
