//! Jobs that a rewrite harmed, and those that depend on them.

use super::*;
use shadowfit_core::agent::REFUSED;
use shadowfit_core::store::Store;
use std::collections::BTreeSet;

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
    let step = "9.0|9.0|1|1|2|OUT_OF_MEMORY|1||||||1||7|00:01.000||||python3|1|\n";
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
        let history: String = (1..=3).map(|id| finished_before(id, 700 << 20)).collect();
        site.slurm.rows.replace(format!("{history}{more}"));
        let job = queued(9, state, 0, 1000, &rewritten(Some(profile)));
        site.slurm.queue.replace(vec![job]);
        let pass = site.agent().pass(true).unwrap();
        assert_eq!(pass.requeued, requeued, "{what}");
    }
}

#[test]
fn a_step_that_its_own_limit_kills_while_the_script_goes_on_is_no_harm_where_the_kind_does_so_as_asked()
 {
    let sized = record(Some(1000));
    let known = Record {
        evidence: Some(Evidence {
            goes_on: true,
            ..Evidence::default()
        }),
        ..sized.clone()
    };
    // srun --mem=500M tool || fallback
    let with_killed_step = |id: u32, job: String| {
        job + &format!("{id}.0|{id}.0|1|1|2|OUT_OF_MEMORY|1||||||1||7|00:01.000||||tool|1|\n")
    };
    let killed = |id| with_killed_step(id, finished_before(id, 500 << 20));
    let rewritten = with_killed_step(
        4,
        finished_before(4, 500 << 20).replace(
            "||||align",
            &format!("||{}||align", sized.to_comment().unwrap()),
        ),
    );
    let failed = killed(4).replace("|COMPLETED|50|7", "|FAILED|50|7");
    let seen = || profile(Ended::Oom, 50.0, 500.0);
    let unseen = || profile(Ended::Finished, 50.0, 500.0);
    let cases = [
        ("as asked", killed(4), &sized, "COMPLETED", seen(), 0),
        (
            "as its steps show",
            killed(4),
            &sized,
            "COMPLETED",
            unseen(),
            0,
        ),
        (
            "known as it was submitted",
            String::new(),
            &known,
            "COMPLETED",
            seen(),
            0,
        ),
        ("no such run", String::new(), &sized, "COMPLETED", seen(), 1),
        (
            "it had less, too",
            rewritten,
            &sized,
            "COMPLETED",
            seen(),
            1,
        ),
        ("that one failed", failed, &sized, "COMPLETED", seen(), 1),
        ("this one fails", killed(4), &known, "FAILED", seen(), 1),
        (
            "its own limit",
            killed(4),
            &known,
            "OUT_OF_MEMORY",
            seen(),
            1,
        ),
    ];
    for (what, before, record, state, profile, requeued) in cases {
        let site = Site::new();
        let well: String = (1..=3).map(|id| finished_before(id, 700 << 20)).collect();
        let before = format!("{well}{before}");
        site.slurm.rows.replace(before.clone());
        site.agent().pass(true).unwrap();
        let own = with_killed_step(9, finished(9, 500 << 20));
        site.slurm.rows.replace(before + &own);
        let record = Record {
            profile: Some(Box::new(profile)),
            ..record.clone()
        };
        let job = queued(9, state, 0, 1000, &record);
        site.slurm.queue.replace(vec![job]);
        let pass = site.agent().pass(true).unwrap();
        assert_eq!(pass.requeued, requeued, "{what}");
    }
}

#[test]
fn a_slurmdbd_that_hangs_holds_up_no_rescue_and_is_asked_once() {
    let site = Site::new();
    site.slurm.slurmdbd_hangs.set(true);
    let job = |state, restarts| queued(9, state, restarts, 1000, &record(Some(1000)));
    site.slurm
        .queue
        .replace(vec![job("OUT_OF_MEMORY", 0), job("PENDING", 1)]);
    let mut agent = site.agent();
    let pass = agent.pass(false).unwrap();
    assert_eq!((pass.requeued, pass.given_back), (1, 1));
    let asked = site.slurm.calls("");
    let first = |what: &str| asked.iter().position(|line| line.starts_with(what));
    assert!(
        first("scontrol requeue 9") < first("sacct "),
        "it is rescued before anything waits: {asked:?}"
    );
    let of_slurmdbd = asked.iter().filter(|line| line.starts_with("sacct"));
    assert_eq!(of_slurmdbd.count(), 1, "{asked:?}");
}

#[test]
fn what_accounting_alone_shows_is_rescued_once_in_the_pass_that_reads_it() {
    // A step was killed, and another job died as slurmctld knows.
    let site = Site::new();
    let step = "9.0|9.0|1|1|2|OUT_OF_MEMORY|1||||||1||7|00:01.000||||python3|1|\n";
    site.slurm.rows.replace(finished(9, 990 << 20) + step);
    let jobs = [("COMPLETED", 9), ("OUT_OF_MEMORY", 10)];
    let jobs = jobs.map(|(state, id)| queued(id, state, 0, 1000, &record(Some(1000))));
    site.slurm.queue.replace(vec![jobs.join(",")]);
    let pass = site.agent().pass(true).unwrap();
    assert_eq!(pass.requeued, 2);
    let asked = site.slurm.calls("");
    let of_interest = |line: &&String| {
        let words = ["scontrol requeue", "sacct "];
        words.iter().any(|word| line.starts_with(word))
    };
    let order: Vec<&str> = asked
        .iter()
        .filter(of_interest)
        .map(|line| line.split(" --").next().unwrap())
        .collect();
    assert_eq!(order[0], "scontrol requeue 10", "{order:?}");
    assert_eq!(order.last(), Some(&"scontrol requeue 9"), "{order:?}");
    let requeued = order.iter().filter(|line| line.starts_with("scontrol"));
    assert_eq!(requeued.count(), 2, "{order:?}");
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
    let mut changes = calls
        .iter()
        .filter(|line| line.starts_with("scontrol update"));
    let given = "scontrol update JobId=9 MinMemoryNode=8000";
    assert_eq!(changes.next().map(String::as_str), Some(given));
    assert!(changes.next().unwrap().ends_with("StartTime=now"));

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

#[test]
fn a_job_that_cannot_be_given_more_is_put_back_twice_and_that_is_noted_for_doctor() {
    let site = Site::new();
    let killed = record(Some(1000));
    let refused = || {
        let database = site.config.with_file_name("jobs.db");
        Store::open_to_read(&database)
            .unwrap()
            .progress(REFUSED)
            .unwrap()
    };
    let requeued = |restarts| {
        site.slurm.queue.replace(vec![
            queued(9, "OUT_OF_MEMORY", restarts, 1000, &killed),
            queued(9, "PENDING", restarts + 1, 1000, &killed),
        ]);
        let mut agent = site.agent();
        let pass = agent.pass(false).unwrap();
        (pass.requeued, pass.given_back)
    };
    site.slurm.refuses_changes.set(true);
    let rescues: Vec<_> = (0..4).map(requeued).collect();
    assert_eq!(rescues, [(1, 0), (1, 0), (0, 0), (0, 0)]);
    assert!(refused().is_some_and(|at| at >= NOON));
}

#[test]
fn a_job_that_its_node_has_put_back_is_given_more_and_its_run_was_harmed() {
    let site = Site::new();
    let put_back = Record {
        put_back: Some(77),
        level: Some(Level::Name),
        early: true,
        profile: Some(Box::new(profile(Ended::Oom, 5.0, 990.0))),
        ..record(Some(1000))
    };
    let mut job: serde_json::Value =
        serde_json::from_str(&queued(9, "PENDING", 1, 1000, &put_back)).unwrap();
    job["submit_time"] = (77 + 5).into();
    site.slurm.queue.replace(vec![job.to_string()]);
    let given = |at: i64| {
        site.watch.0.set(at);
        site.agent().pass(true).unwrap().given_back
    };
    // It was requeued after five seconds, and its node has to clear it away.
    assert_eq!((given(77 + 9), given(77 + 10)), (0, 1));
    let set = site.slurm.calls("scontrol update");
    // Twice: it was its memory, and nobody knows how much the kind needs above that.
    assert_eq!(set[0], "scontrol update JobId=9 MinMemoryNode=2000");
    assert!(
        !set[1].contains("put_back"),
        "the next run was not: {set:?}"
    );
    assert!(set[1].ends_with("StartTime=now"), "{set:?}");
    let store = Store::open(&site.config.with_file_name("jobs.db")).unwrap();
    let harm = store.harm_of_run(9, 77).unwrap().unwrap();
    assert!(harm.of_memory && store.harm_of(9, 0).unwrap() == Some(harm));
}

/// A Slurm of which each command takes 20 ms.
struct Slow<'a>(&'a Site);

impl Commands for Slow<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        self.0.watch.sleep(Duration::from_millis(20));
        self.0.slurm.run(program, arguments)
    }
}

#[test]
fn however_many_run_again_a_pass_gives_more_to_some_and_the_next_ones_to_the_rest() {
    let site = Site::new();
    let job = |id| queued(id, "PENDING", 1, 1000, &record(Some(1000)));
    let jobs: Vec<String> = (1000..1250).map(job).collect();
    site.slurm.queue.replace(vec![jobs.join(",")]);
    let slow = Slow(&site);
    let mut agent = Agent::new(site.config.clone(), &slow, &site.watch).unwrap();
    let mut given = BTreeSet::new();
    for _ in 0..4 {
        let began = site.watch.elapsed();
        let pass = agent.pass(true).unwrap();
        let took = site.watch.elapsed() - began;
        assert!(took < Duration::from_secs(6), "{took:?}");
        assert!((50..100).contains(&pass.given_back), "{pass:?}");
        let made = site.slurm.made.take();
        given.extend(
            made.iter()
                .map(|line| line.split(' ').nth(2).unwrap().to_owned()),
        );
    }
    assert_eq!(given.len(), 250);
}
