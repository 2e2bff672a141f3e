//! What `shadowfit explain` and `report` say of jobs, from the database.

use shadowfit_core::fingerprint::Kind;
use shadowfit_core::job::arguments::Arguments;
use shadowfit_core::job::shadow::Wait;
use shadowfit_core::record::{FinishedJob, Record};
use shadowfit_core::store::Store;
use std::process::{Command, Output};

const SUBMITTED: i64 = 1_700_000_000;

/// What is said of a job that had to wait a minute for a shadow, and ended with that record.
fn explained(started: i64, prepare: impl Fn(&Store, &Kind)) -> String {
    let output = asked(&["explain", "7"], started, prepare);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same, and whatever else is asked.
fn asked(words: &[&str], started: i64, prepare: impl Fn(&Store, &Kind)) -> Output {
    let state = tempfile::tempdir().unwrap();
    let config = state.path().join("shadowfit.toml");
    std::fs::write(&config, format!("state_dir = '{}'", state.path().display())).unwrap();
    let kind = Kind {
        command: Kind::of_accounting(1001, b"align").name,
        ..Kind::default()
    };
    let wait = Wait {
        since: SUBMITTED,
        array: None,
        until: SUBMITTED + 60,
        arguments: Arguments::of(&[]).unwrap(),
    };
    let job = FinishedJob {
        job_id: 7,
        label: "7".into(),
        submitted: SUBMITTED,
        started,
        ended: SUBMITTED + 100,
        state: "COMPLETED".into(),
        comment: Record::kept(kind, None, "").after_shadow(wait).into(),
        ..FinishedJob::default()
    };
    let mut store = Store::open(&state.path().join("jobs.db")).unwrap();
    store.insert(&[(job, kind)]).unwrap();
    prepare(&store, &kind);
    Command::new(env!("CARGO_BIN_EXE_shadowfit"))
        .args(words)
        .arg("--config")
        .arg(&config)
        .output()
        .unwrap()
}

#[test]
fn a_report_of_no_run_says_so_to_people_and_is_an_answer_to_programs() {
    let report = |words: &[&str]| {
        let output = asked(&[&["report"], words].concat(), SUBMITTED + 63, |_, _| ());
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), output.stdout.is_empty(), said)
    };
    let none = "shadowfit: no run is known that fits this\n";
    for (words, right) in [
        (&[][..], (Some(0), false, "")),
        (&["-j", "8"], (Some(1), true, none)),
        (&["-j", "8", "--json"], (Some(0), false, "")),
        (&["-j", "8", "-P"], (Some(0), false, "")),
    ] {
        let found = report(words);
        assert_eq!((found.0, found.1, found.2.as_str()), right, "{words:?}");
    }
}

#[test]
fn a_job_that_waited_in_vain_for_a_shadow_says_so_and_why() {
    let none = "kept      no shadow of its kind had shown anything by the end of its wait";
    let started = SUBMITTED + 63;
    let unknown = explained(started, |_, _| ());
    assert!(unknown.contains(&format!("{none}\n")), "{unknown}");
    let noted = explained(started, |store, kind| {
        let kind = kind.command.unwrap();
        let noted = store.note_no_shadow(kind, SUBMITTED, SUBMITTED + 1, "no room");
        noted.unwrap();
    });
    assert!(noted.contains(&format!("{none}: no room\n")), "{noted}");
    // Cancelled while it waited.
    let waited = explained(0, |_, _| ());
    assert!(waited.contains("kept      a shadow of this"), "{waited}");
}
