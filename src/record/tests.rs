//! What is to be done with a job, from its record alone.

pub use super::finished::tests::finished;
use super::*;
use crate::job::arguments::Arguments;
use crate::job::counters::{Counters, Ended, Growth, Growths};
use crate::job::{Layout, Memory};

const APPLIED: Change = Change {
    mode: Mode::Apply,
    asked: 4000,
    set: 1000,
};
const ADVISED: Change = Change {
    mode: Mode::Advise,
    ..APPLIED
};

fn ask(memory: Memory) -> Ask {
    Ask {
        memory: Some(memory),
        cpus: 4,
        layout: Layout::SINGLE,
        time_s: Some(7199),
        ..Ask::LEAST
    }
}

fn plain() -> Record {
    Record::kept(
        Kind::default(),
        Some(ask(Memory::Node(4000))),
        "nothing is known",
    )
}

fn licenses(mode: Mode, asked: &str, set: &str) -> Option<Relicensed> {
    Some(Relicensed {
        mode,
        asked: asked.into(),
        set: set.into(),
        forgotten: String::new(),
        why: String::new(),
    })
}

/// A profile of a job that held so many seats of "matlab".
fn held(seats: u32) -> JobCounters {
    JobCounters {
        seats: [("matlab".into(), seats)].into(),
        ..Counters::nothing(Ended::Failed).into()
    }
}

#[test]
fn a_job_that_was_lent_all_that_was_asked_for_was_not_killed_by_its_rewrite() {
    let lent = |to_mib| JobCounters {
        growths: Growths {
            grown: vec![Growth {
                at_s: 1.0,
                from_mib: 1000,
                to_mib,
            }],
            refused: 0,
        },
        ..Counters::nothing(Ended::Oom).into()
    };
    for (to_mib, harmed, given) in [(2000, true, 2000), (4000, false, 4000)] {
        let record = Record {
            memory: Some(APPLIED),
            profile: Some(Box::new(lent(to_mib))),
            ..plain()
        };
        for state in ["OUT_OF_MEMORY", "FAILED", "COMPLETED"] {
            assert_eq!(record.may_have_killed(state), harmed, "{to_mib} {state}");
        }
        assert_eq!(record.given_on_a_node(), Some(given));
    }
}

#[test]
fn a_job_grows_up_to_what_was_asked_for_where_its_nodes_lend_and_its_memory_was_set() {
    for (elastic, memory, times) in [
        (true, Some(APPLIED), Some(4.0)),
        (false, Some(APPLIED), None),
        (true, Some(ADVISED), None),
        (true, None, None),
    ] {
        let record = Record {
            elastic,
            memory,
            ..plain()
        };
        assert_eq!(record.may_grow(), times, "{elastic} {memory:?}");
    }
}

#[test]
fn only_what_was_really_set_may_have_killed_a_job_and_only_as_its_state_says() {
    let memory = |change| Record {
        memory: Some(change),
        ..plain()
    };
    let cpus = |change| Record {
        cpus: Some(change),
        ..plain()
    };
    let time = |change| Record {
        time: Some(change),
        ..plain()
    };
    for (record, deadly) in [
        (plain(), ""),
        (memory(APPLIED), "OUT_OF_MEMORY"),
        (cpus(APPLIED), "TIMEOUT"),
        (time(APPLIED), "TIMEOUT"),
        (memory(ADVISED), ""),
        (cpus(ADVISED), ""),
        (time(ADVISED), ""),
    ] {
        for state in [
            "OUT_OF_MEMORY",
            "TIMEOUT",
            "FAILED",
            "COMPLETED",
            "CANCELLED",
        ] {
            assert_eq!(
                record.may_have_killed(state),
                state == deadly,
                "{state}: {record:?}"
            );
        }
        assert_eq!(record.rewrites(), !deadly.is_empty(), "{record:?}");
    }
}

#[test]
fn what_goes_on_after_a_kill_by_itself_was_harmed_by_none_but_what_others_do_says_nothing() {
    let completed = |level, goes_on| {
        let record = Record {
            memory: Some(APPLIED),
            level,
            evidence: Some(Evidence {
                goes_on,
                ..Evidence::default()
            }),
            ..plain()
        };
        let record = Record::with_profile(Some(record), Counters::nothing(Ended::Oom).into());
        assert!(record.died_of_memory("FAILED") && record.died_of_memory("OUT_OF_MEMORY"));
        assert_eq!(
            record.died_of_memory("COMPLETED"),
            record.may_have_killed("COMPLETED")
        );
        record.died_of_memory("COMPLETED")
    };
    assert!(completed(Some(Level::Name), false));
    assert!(!completed(Some(Level::Name), true));
    assert!(completed(Some(Level::Application), true));
}

#[test]
fn a_job_with_a_failed_step_was_full_where_it_had_used_what_it_was_left_on_its_node() {
    let ended = |memory, tasks, peak_mib, set: Option<Change>| {
        let ask = Ask {
            layout: Layout::new(Some(tasks), None, Some(1), Some(1)),
            ..ask(memory)
        };
        let profile = Counters {
            peak_mib,
            ..Counters::nothing(Ended::Failed)
        };
        let record = Record {
            asked: Some(ask),
            memory: set,
            profile: Some(Box::new(profile.into())),
            ..plain()
        };
        assert_eq!(record.resizes(), set.is_some_and(|set| set.applies()));
        record.was_full()
    };
    let full = FULL as f32;
    let set = Some(APPLIED);
    assert!(ended(Memory::Node(4000), 1, 1000.0 * full + 1.0, set));
    assert!(!ended(Memory::Node(4000), 1, 1000.0 * full - 1.0, set));
    // Two tasks of four CPUs with 1000 MiB each.
    assert!(ended(Memory::Cpu(4000), 2, 8000.0 * full + 1.0, set));
    assert!(!ended(Memory::Cpu(4000), 2, 8000.0 * full - 1.0, set));
    assert!(!ended(Memory::Node(4000), 1, 1000.0, Some(ADVISED)));
    assert!(!plain().was_full());
}

#[test]
fn a_license_was_lacking_where_more_seats_were_held_than_were_left() {
    for (mode, asked, set, seats, lacked) in [
        (Mode::Apply, "matlab:3", "matlab", 2, true),
        (Mode::Apply, "matlab:3", "matlab:2", 2, false),
        (Mode::Apply, "matlab:3", "", 1, true),
        (Mode::Apply, "matlab:3", "", 0, false),
        // It was never lowered.
        (Mode::Apply, "matlab", "matlab", 2, false),
        (Mode::Apply, "matlab", "matlab:3", 2, false),
        (Mode::Apply, "ansys", "", 2, false),
        (Mode::Advise, "matlab:3", "matlab", 2, false),
    ] {
        let record = Record {
            licenses: licenses(mode, asked, set),
            profile: Some(Box::new(held(seats))),
            ..plain()
        };
        assert_eq!(record.may_have_killed("FAILED"), lacked, "{record:?}");
        assert_eq!(record.rewrites(), mode == Mode::Apply);
        let unwatched = Record {
            profile: None,
            ..record
        };
        assert!(!unwatched.may_have_killed("FAILED"));
    }
}

#[test]
fn what_a_job_has_is_what_was_set_or_else_what_was_asked() {
    let in_force = |record: &Record| {
        (
            record.memory_in_force(),
            record.cpus_in_force(),
            record.time_in_force(),
        )
    };
    let changed = |change| Record {
        memory: Some(change),
        cpus: Some(change),
        time: Some(change),
        ..plain()
    };
    let asked = (Some(4000), Some(4), Some(119));
    assert_eq!(in_force(&plain()), asked);
    assert_eq!(in_force(&changed(ADVISED)), asked);
    assert_eq!(
        in_force(&changed(APPLIED)),
        (Some(1000), Some(1000), Some(1000))
    );
    let left_alone = Record {
        asked: None,
        ..plain()
    };
    assert_eq!(in_force(&left_alone), (None, None, None));
}

#[test]
fn what_a_job_asked_for_on_a_node_counts_its_tasks_there() {
    let asked = |memory, tasks, per_node, nodes| {
        let ask = Ask {
            layout: Layout::new(tasks, per_node, nodes, nodes),
            ..ask(memory)
        };
        let record = Record {
            asked: Some(ask),
            ..plain()
        };
        record.asked_on_a_node().unwrap() / MIB
    };
    assert_eq!(asked(Memory::Node(4000), Some(8), None, Some(2)), 4000);
    assert_eq!(asked(Memory::Cpu(100), None, None, None), 400);
    assert_eq!(asked(Memory::Cpu(100), None, Some(2), Some(3)), 800);
    // Five tasks on two nodes: three on one of them.
    assert_eq!(asked(Memory::Cpu(100), Some(5), None, Some(2)), 1200);
}

#[test]
fn a_job_that_is_given_back_has_nothing_of_ours_but_a_note() {
    let rewritten = Record {
        memory: Some(APPLIED),
        cpus: Some(APPLIED),
        time: Some(APPLIED),
        licenses: licenses(Mode::Apply, "matlab", ""),
        profile: Some(Box::new(held(1))),
        kept: None,
        ..plain()
    };
    let expected = Record {
        given_back: true,
        kept: Some("an earlier run of this job was rewritten and ended early".into()),
        ..plain()
    };
    assert_eq!(rewritten.give_back(), expected);
}

#[test]
fn a_job_on_probation_keeps_its_request_and_notes_what_would_be_set() {
    let rewritten = Record {
        memory: Some(APPLIED),
        cpus: Some(ADVISED),
        time: Some(APPLIED),
        limits_time: true,
        licenses: licenses(Mode::Apply, "matlab", ""),
        ..plain()
    };
    let observed = Change {
        mode: Mode::Observe,
        ..APPLIED
    };
    let record = rewritten.on_probation("its kind is new");
    assert!(!record.rewrites() && !record.limits_time);
    assert_eq!(record.kept.as_deref(), Some("its kind is new"));
    assert_eq!(
        (record.memory, record.cpus, record.time),
        (Some(observed), Some(ADVISED), Some(observed))
    );
    assert_eq!(record.licenses, licenses(Mode::Observe, "matlab", ""));
    assert_eq!(record.memory_in_force(), Some(4000));
}

#[test]
fn a_wait_ends_a_moment_after_its_shadow_was_due() {
    let wait = Wait {
        since: 1000,
        array: None,
        until: 1060,
        arguments: Arguments::of(&[]).unwrap(),
    };
    let record = plain().after_shadow(wait.clone());
    assert_eq!(record.shadow, Some(wait));
    assert_eq!(
        record.kept.as_deref(),
        Some("a shadow of this new kind of job runs first")
    );
    for (now, waits) in [(1000, true), (1061, true), (1062, false), (1063, false)] {
        assert_eq!(record.waits(now), waits, "{now}");
    }
    assert!(!plain().waits(1000));
}

#[test]
fn a_comment_that_is_too_large_for_slurm_is_none_and_a_profile_has_room_of_its_own() {
    let why = |length| Record {
        kept: Some("x".repeat(length).into()),
        ..plain()
    };
    let profiled = |length| Record::with_profile(Some(why(length)), held(1));
    let size = |record: Record| serde_json::to_string(&record).unwrap().len();
    let fits = |record: Record| record.to_comment().is_some();
    let left = MAX_SIZE - size(why(0));
    assert!(fits(why(left)) && !fits(why(left + 1)));
    let left = MAX_SIZE + MAX_PROFILE_SIZE - size(profiled(0));
    assert!(fits(profiled(left)) && !fits(profiled(left + 1)));
}

#[test]
fn where_there_is_no_room_what_a_later_release_wrote_goes_first() {
    let comment = |length: usize| {
        let later = format!(r#"{{"shadowfit":1,"plan":"{}","#, "|".repeat(length));
        plain()
            .to_comment()
            .unwrap()
            .replacen(r#"{"shadowfit":1,"#, &later, 1)
    };
    let read = |length| Comment::read(&comment(length)).into_record().unwrap();
    let few = read(9).to_comment().unwrap();
    assert!(few.contains("plan") && !few.contains('|'), "{few}");
    assert_eq!(Comment::read(&few).record(), Some(&read(9)));
    assert_eq!(read(MAX_SIZE).to_comment(), plain().to_comment());
}

#[test]
fn a_profile_is_kept_of_a_job_about_which_nothing_was_decided_too() {
    let record = Record::with_profile(None, held(2));
    assert_eq!(record.profile.as_deref(), Some(&held(2)));
    assert_eq!(record.kept.as_deref(), Some("nothing was decided about it"));
    let record = Record::with_profile(Some(plain()), held(2));
    assert_eq!((record.asked, record.kept), (plain().asked, plain().kept));
}

#[test]
fn no_word_of_a_script_is_in_a_record() {
    let script = b"#!/bin/sh\nTOKEN=secret srun --mem=4G -c2 ./secret\n";
    let asked = crate::relies::AskedCpus { tasks: 1, cpus: 4 };
    let floor = Floor::of(script, asked);
    let shown = floor.memory.clone().unwrap();
    assert!(shown.text.contains("secret"), "for whoever has the script");
    let record = Record {
        floor: Some(floor.clone()),
        ..plain()
    };
    let comment = record.to_comment().unwrap();
    assert!(!comment.contains("secret"), "{comment}");
    let read = Comment::read(&comment)
        .record()
        .unwrap()
        .floor
        .clone()
        .unwrap();
    let memory = read.memory.unwrap();
    assert_eq!((memory.least, memory.line), (shown.least, 2));
    // Earlier releases wrote it, and miss it where it is not.
    let old = comment.replace("\"text\":\"\"", "\"text\":\"srun\"");
    assert!(old != comment && Comment::read(&old).record().is_some());
}

#[test]
fn a_job_that_has_started_says_that_it_waited_in_vain_and_no_other() {
    let wait = Wait {
        since: 100,
        array: None,
        until: 160,
        arguments: Arguments::of(&[]).unwrap(),
    };
    let waiting = || plain().after_shadow(wait.clone());
    let none = "no shadow of its kind had shown anything by the end of its wait";
    let room = format!("{none}: no room");
    let told = Record {
        kept: Some("its shadow failed".into()),
        ..waiting()
    };
    for (record, why, said) in [
        (waiting(), None, none),
        (waiting(), Some("no room"), &room),
        // As its sampler has noted, and accounting tells.
        (waiting().started(None), Some("no room"), &room),
        (told, Some("no room"), "its shadow failed"),
        (plain(), Some("no room"), "nothing is known"),
    ] {
        assert_eq!(record.started(why).kept.as_deref(), Some(said));
    }
    assert_eq!(waiting().kept.unwrap(), SHADOW_FIRST);
    let profiled = Record::with_profile(Some(waiting()), held(0));
    assert_eq!(profiled.kept.as_deref(), Some(none));
}
