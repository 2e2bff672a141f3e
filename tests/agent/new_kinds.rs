//! Jobs of a kind that nobody knows: a shadow runs first.

use super::*;

#[test]
fn a_shadow_is_submitted_once_and_what_it_told_is_set_in_all_jobs_of_its_kind() {
    let site = site_with_shadows();
    // The last one's user has told it to begin in an hour.
    let mut later: serde_json::Value = serde_json::from_str(&new_kind(11)).unwrap();
    later["start_time"] = (NOON + 3600).into();
    let jobs = [new_kind(9), new_kind(10), later.to_string()].join(",");
    site.slurm.queue.replace(vec![jobs.clone()]);
    let mut agent = site.agent();
    assert_eq!(agent.pass(true).unwrap().shadows_started, 1);
    let sbatch = site.slurm.calls("sbatch");
    assert!(
        sbatch[0].contains("--uid=7 ") && sbatch[0].contains(&format!("shadow:9:{}:1:", NOON + 59)),
        "{sbatch:?}"
    );

    let running = [jobs.clone(), shadow("RUNNING", None)].join(",");
    site.slurm.queue.replace(vec![running]);
    assert_eq!(
        agent.glance().unwrap(),
        Default::default(),
        "it is still at work"
    );

    let seen = Counters {
        peak_mib: 1000.0,
        ..Counters::nothing(Ended::Finished)
    };
    let ended = [jobs, shadow("COMPLETED", Some(seen.into()))].join(",");
    site.slurm.queue.replace(vec![ended]);
    let pass = agent.glance().unwrap();
    assert_eq!((pass.shadows_ended, pass.decided_again), (1, 3));
    let set = site.slurm.calls("scontrol update");
    assert!(set.iter().all(|line| line.contains("MinMemoryNode=1100")));
    let starts: Vec<bool> = set
        .iter()
        .map(|line| line.ends_with("StartTime=now"))
        .collect();
    assert_eq!(starts, [true, true, false], "{set:?}");
}

#[test]
fn a_shadow_that_told_nothing_lets_its_job_start_as_asked() {
    for (state, counters) in [
        ("CANCELLED", None),
        (
            "FAILED",
            Some(ShadowCounters::refused("overlay over /home")),
        ),
        ("COMPLETED", Some(Counters::nothing(Ended::Oom).into())),
    ] {
        let site = site_with_shadows();
        site.slurm.queue.replace(vec![new_kind(9)]);
        let mut agent = site.agent();
        agent.pass(true).unwrap();
        site.slurm.calls("");
        site.slurm
            .queue
            .replace(vec![[new_kind(9), shadow(state, counters)].join(",")]);
        assert_eq!(agent.glance().unwrap().shadows_ended, 1);
        let set = site.slurm.calls("scontrol update");
        assert!(
            set[0].contains("MinMemoryNode=8000") && set[0].ends_with("StartTime=now"),
            "{set:?}"
        );
    }
}

#[test]
fn a_shadow_that_cannot_be_submitted_costs_its_job_no_time_and_nothing_that_was_changed_by_hand() {
    for memory in [8000, 9000] {
        let site = site_with_shadows();
        site.slurm.refuses_shadows.set(true);
        let mut job: serde_json::Value = serde_json::from_str(&new_kind(9)).unwrap();
        job["memory_per_node"] = memory.into();
        site.slurm.queue.replace(vec![job.to_string()]);
        let mut agent = site.agent();
        assert_eq!(agent.pass(true).unwrap().shadows_started, 0);
        let set = site.slurm.calls("scontrol update");
        assert!(
            set[0].ends_with("StartTime=now") && set[0].contains("could be submitted"),
            "{set:?}"
        );
        assert!(!set[0].contains("MinMemory"), "{set:?}");
    }
}

#[test]
fn a_shadow_has_the_arguments_of_its_job_or_is_refused() {
    let arguments: [&[u8]; 3] = [b"a b", b"", b"c"];
    let site = site_with_shadows();
    let submitted = "sbatch --mem=8000 job.sh a b  c";
    site.slurm
        .queue
        .replace(vec![new_kind_with(9, &arguments, submitted)]);
    assert_eq!(site.agent().pass(true).unwrap().shadows_started, 1);
    let sbatch = site.slurm.calls("sbatch");
    assert!(sbatch[0].ends_with(" a b  c"), "{sbatch:?}");

    // 24.11 has no such line but in accounting, which learns of a job a moment later.
    let site = site_with_shadows();
    let job = new_kind_with(9, &arguments, "");
    site.slurm.queue.replace(vec![job.clone()]);
    let mut agent = site.agent();
    assert_eq!(agent.pass(true).unwrap().shadows_started, 0);
    assert!(site.slurm.calls("scontrol update").is_empty());
    site.slurm.submitted.replace(Some(submitted.into()));
    assert_eq!(agent.glance().unwrap().shadows_started, 1);
    assert!(site.slurm.calls("sbatch")[0].ends_with(" a b  c"));

    for submitted in [
        "",
        "sbatch job.sh",
        "sbatch job.sh a b c",
        "sbatch job.sh a b  d",
    ] {
        let site = site_with_shadows();
        site.slurm.submitted.replace(Some(submitted.into()));
        site.slurm.queue.replace(vec![job.clone()]);
        assert_eq!(site.agent().pass(true).unwrap().shadows_started, 0);
        let calls = site.slurm.calls("");
        assert!(
            !calls.iter().any(|call| call.starts_with("sbatch")),
            "{calls:?}"
        );
        let set = calls
            .iter()
            .find(|call| call.starts_with("scontrol update"));
        let set = set.expect("its job is let go");
        assert!(
            set.ends_with("StartTime=now") && set.contains("does not report the arguments"),
            "{set}"
        );
    }
}

#[test]
fn a_shadow_that_never_started_is_cancelled_and_has_ended() {
    let site = site_with_shadows();
    site.slurm.queue.replace(vec![new_kind(9)]);
    let mut agent = site.agent();
    agent.pass(true).unwrap();
    site.slurm.queue.replace(vec![shadow("PENDING", None)]);
    site.watch.0.set(NOON + 70);
    assert_eq!(agent.glance().unwrap().shadows_ended, 1);
    assert_eq!(site.slurm.calls("scancel"), ["scancel 77"]);
    assert_eq!(agent.glance().unwrap().shadows_ended, 0);
}

#[test]
fn a_job_that_waits_for_others_is_shadowed_when_they_have_ended() {
    let site = site_with_shadows();
    let blocked = new_kind(9).replace(
        "\"job_id\":9",
        "\"job_id\":9,\"dependency\":\"afterok:8(unfulfilled)\"",
    );
    site.slurm.queue.replace(vec![blocked]);
    let mut agent = site.agent();
    assert_eq!(agent.pass(true).unwrap().shadows_started, 0);
    assert_eq!(
        site.slurm.calls("scontrol update"),
        [""; 0],
        "there is time yet"
    );
    site.watch.0.set(NOON + 40);
    agent.glance().unwrap();
    let delayed = site.slurm.calls("scontrol update");
    assert!(
        delayed[0].contains("JobId=9 StartTime=now+62seconds AdminComment={"),
        "{delayed:?}"
    );
    site.slurm.queue.replace(vec![new_kind(9)]);
    assert_eq!(agent.glance().unwrap().shadows_started, 1);
}

#[test]
fn the_budget_holds() {
    let site = site_with_shadows();
    let mut config = std::fs::read_to_string(&site.config).unwrap();
    config.push_str("max_running = 0\n");
    std::fs::write(&site.config, config).unwrap();
    site.slurm.queue.replace(vec![new_kind(9)]);
    assert_eq!(site.agent().pass(true).unwrap().shadows_started, 0);
    assert_eq!(site.slurm.calls("sbatch"), [""; 0]);
}
