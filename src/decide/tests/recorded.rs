//! What is kept of a decision, and what its user reads.

use super::*;

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
