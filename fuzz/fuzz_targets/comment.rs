//! AdminComment: a decision, a profile, a shadow, or somebody's note.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shadowfit_core::record::{Comment, Record};
use shadowfit_core::report::{explain, profile};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let comment = Comment::read(&text);
    assert!(text.is_empty() || comment != Comment::Empty);
    let written = comment.text();
    if matches!(comment, Comment::Other(_)) {
        return assert_eq!(written, text);
    }
    assert!(!written.contains('|'), "{written}");
    if let Some(record) = comment.record() {
        check(record);
    }
});

fn check(record: &Record) {
    let _what_is_asked = (
        record.waits(1_700_000_000),
        record.rewrites(),
        record.relicenses(),
        record.opted_out(),
        record.resizes(),
        record.may_have_killed("OUT_OF_MEMORY"),
        record.may_have_killed("COMPLETED"),
        record.asked_on_a_node(),
        record.memory_in_force(),
        record.time_in_force(),
        record.cpus_in_force(),
        record.give_back().to_comment(),
        shadowfit_core::decide::sentence(record),
        explain::decision(record),
    );
    if let Some(wait) = &record.shadow {
        let _words = wait.arguments.find("run.sh a b  c");
        let _delay = wait.delay_s();
    }
    if let Some(counters) = &record.profile {
        let _lines = profile::lines(counters);
        let _joined = Record::with_profile(Some(record.clone()), (**counters).clone()).to_comment();
        let _both = (**counters).clone().with((**counters).clone());
    }
}
