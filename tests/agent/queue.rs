//! Jobs that wait, and what a pass sets in them.

use super::*;

/// The same site with more lines in its configuration, before any section.
fn site_with(lines: &str) -> Site {
    let site = Site::new();
    let config = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(&site.config, format!("{config}{lines}\n")).unwrap();
    // Five runs that took 50 seconds, 40 of CPU time, and 900 MiB.
    site.slurm
        .rows
        .replace((1..=5).map(|id| finished(id, 900 << 20)).collect());
    site
}

/// What a pass sets in job 9 when it waits with `memory` in the queue and `record`.
fn set(site: &Site, restarts: u32, memory: u64, record: &Record) -> Vec<String> {
    let job = queued(9, "PENDING", restarts, memory, record);
    site.slurm.queue.replace(vec![job]);
    site.agent().pass(true).unwrap();
    site.slurm.calls("scontrol update")
}

/// What five such runs are known to need.
fn enough() -> u64 {
    let set = set(&site_with(""), 0, 8000, &record(None));
    let (_, rest) = set[0].split_once("MinMemoryNode=").unwrap();
    rest.split_once(' ').unwrap().0.parse().unwrap()
}

#[test]
fn what_was_refused_is_tried_again_in_the_next_hour_alone() {
    let site = site_with("");
    site.slurm.refuses_changes.set(true);
    let mut agent = site.agent();
    for (after, is_tried) in [(0, true), (30, false), (3600, true)] {
        site.watch.0.set(NOON + after);
        let job = queued(9, "PENDING", 0, 8000, &record(None));
        site.slurm.queue.replace(vec![job]);
        agent.pass(false).unwrap();
        let calls = site.slurm.calls("scontrol update");
        assert_eq!(!calls.is_empty(), is_tried, "{after}: {calls:?}");
    }
}

#[test]
fn one_resource_that_differs_enough_is_enough_for_a_call() {
    let enough = enough();
    let ask = |cpus, time_s| {
        let asked = record(None).asked.unwrap();
        Some(Ask {
            cpus,
            time_s,
            ..asked
        })
    };
    let has_memory = |asked| Record {
        asked,
        ..record(Some(enough))
    };
    for (record, expected) in [
        (has_memory(ask(1, None)), None),
        (has_memory(ask(8, None)), Some("CpusPerTask=1 ")),
        (has_memory(ask(1, Some(7200))), Some("TimeMin=10 ")),
    ] {
        let site = site_with("modes.time = 'apply'");
        let set = set(&site, 0, enough, &record);
        match expected {
            Some(change) => assert!(set[0].contains(change), "{set:?}"),
            None => assert_eq!(set, [""; 0]),
        }
    }
}

#[test]
fn less_is_set_only_where_it_saves_more_than_the_site_cares_for() {
    let enough = enough();
    for (has, calls) in [(2 * enough, 0), (2 * enough + 2, 1)] {
        let site = site_with("evidence.min_saving = 0.5");
        assert_eq!(set(&site, 0, has, &record(Some(has))).len(), calls, "{has}");
    }
}

#[test]
fn where_many_jobs_wait_a_pass_sets_some_and_the_next_ones_the_rest() {
    let site = site_with("");
    let ids = 1000..2200;
    let jobs = |set: &dyn Fn(u32) -> Option<u64>| {
        let job = |id| queued(id, "PENDING", 0, set(id).unwrap_or(8000), &record(set(id)));
        ids.clone().map(job).collect::<Vec<_>>().join(",")
    };
    let mut agent = site.agent();
    let mut seen = std::collections::BTreeSet::new();
    site.slurm.queue.replace(vec![jobs(&|_| None)]);
    for expected in [500, 500, 500] {
        assert_eq!(agent.pass(true).unwrap().decided_again, expected);
        let calls = site.slurm.calls("scontrol update JobId=");
        let job = |call: &String| call.split(' ').nth(2).unwrap().to_owned();
        seen.extend(calls.iter().map(job));
    }
    assert_eq!(seen.len(), ids.len(), "each had its turn");
    let enough = enough();
    site.slurm.queue.replace(vec![jobs(&|_| Some(enough))]);
    assert_eq!(agent.pass(true).unwrap().decided_again, 0);
}

#[test]
fn a_job_that_leaves_memory_to_the_site_is_as_we_left_it() {
    let mut record = record(None);
    if let Some(asked) = &mut record.asked {
        (asked.memory, asked.time_s) = (None, Some(7200));
    }
    let set = set(&site_with("modes.time = 'apply'"), 0, 0, &record);
    assert!(set[0].contains("JobId=9 TimeMin=10 "), "{set:?}");
}

#[test]
fn what_a_later_release_has_written_into_a_record_stays_where_it_is_decided_anew() {
    let site = site_with("");
    let has_more = record(Some(7999));
    let job = queued(9, "PENDING", 0, 7999, &has_more);
    let mut job: serde_json::Value = serde_json::from_str(&job).unwrap();
    let comment = job["admin_comment"].as_str().unwrap();
    let later = [
        (r#"{"shadowfit":1,"#, r#"{"shadowfit":1,"plan":7,"#),
        (r#""asked":8000,"#, r#""asked":8000,"grounds":8,"#),
    ];
    let later = later.iter().fold(comment.to_owned(), |text, (from, to)| {
        text.replacen(from, to, 1)
    });
    assert!(
        later.contains("plan") && later.contains("grounds"),
        "{later}"
    );
    job["admin_comment"] = later.into();
    site.slurm.queue.replace(vec![job.to_string()]);
    site.agent().pass(true).unwrap();
    let set = site.slurm.calls("scontrol update");
    assert!(set[0].contains(r#""plan":7"#), "{set:?}");
    assert!(
        !set[0].contains("grounds"),
        "it is about another change: {set:?}"
    );
}

#[test]
fn licenses_that_were_decided_at_submission_stay() {
    let record = Record {
        licenses: Some(Relicensed {
            mode: Mode::Apply,
            asked: "matlab".into(),
            set: String::new(),
            forgotten: String::new(),
            why: "none of 8 runs used matlab".into(),
        }),
        ..record(None)
    };
    let set = set(&site_with(""), 0, 8000, &record);
    assert!(
        set[0].contains("none of 8 runs") && !set[0].contains("Licenses="),
        "{set:?}"
    );
}

#[test]
fn what_an_admin_gave_a_requeued_job_stays_only_where_it_is_more_than_was_asked() {
    // What it has is changed, and that is noted.
    for (memory, calls) in [(1000, 2), (8000, 1), (8001, 0)] {
        let set = set(&site_with(""), 1, memory, &record(Some(1000)));
        assert_eq!(set.len(), calls, "{memory}");
    }
}

#[test]
fn only_a_job_that_waits_is_given_back() {
    for (state, calls) in [("RUNNING", 0), ("COMPLETING", 0), ("PENDING", 1)] {
        let site = site_with("");
        let job = queued(9, state, 1, 1000, &record(Some(1000)));
        site.slurm.queue.replace(vec![job]);
        let pass = site.agent().pass(true).unwrap();
        assert_eq!(pass.given_back, calls, "{state}");
    }
}

#[test]
fn a_pass_ends_when_all_jobs_that_it_requeued_wait_again_or_after_ten_seconds() {
    let killed = record(Some(1000));
    let died = queued(9, "OUT_OF_MEMORY", 0, 1000, &killed);
    let ending = queued(9, "COMPLETING", 1, 1000, &killed);
    let waits = queued(9, "PENDING", 1, 1000, &killed);
    for (answers, seconds) in [
        (vec![died.clone(), waits], 1),
        (vec![died, ending.clone()], 10),
        (vec![ending], 0),
    ] {
        let site = Site::new();
        site.slurm.queue.replace(answers);
        site.agent().pass(true).unwrap();
        assert_eq!(site.watch.0.get() - NOON, seconds);
    }
}

#[test]
fn a_dependency_is_given_anew_once_for_each_run_that_may_still_end_well() {
    // The calls of three passes: two while the job runs a second time or not, one in the run after that.
    for (dependency, restarts, calls) in [
        ("afterok:9(failed)", 0, [0, 0, 1]),
        ("afterok:9(failed)", 1, [1, 0, 1]),
        // It waits for a failure, and there was none.
        ("afternotok:9(failed)", 1, [0, 0, 0]),
    ] {
        let site = Site::new();
        let waits =
            serde_json::json!({"job_id": 10, "job_state": "PENDING", "dependency": dependency});
        let mut agent = site.agent();
        let seen = [restarts, restarts, restarts + 1].map(|restarts| {
            let job = queued(9, "COMPLETED", restarts, 8000, &record(None).give_back());
            site.slurm.queue.replace(vec![format!("{job},{waits}")]);
            agent.pass(true).unwrap();
            site.slurm.calls("scontrol update").len()
        });
        assert_eq!(seen, calls, "{dependency}, {restarts}");
    }
}

#[test]
fn who_is_who_is_asked_every_ten_minutes_and_published() {
    let site = Site::new();
    let partition = "PartitionName=batch Default=YES\n";
    site.slurm.partitions.replace(partition.into());
    let mut agent = site.agent();
    for (after, asked) in [(0, 1), (599, 0), (600, 1), (599, 1)] {
        site.watch.0.set(NOON + after);
        agent.pass(true).unwrap();
        let calls = site.slurm.calls("scontrol show partition");
        assert_eq!(calls.len(), asked, "{after}");
    }
    let snapshot = Snapshot::load(&site.config.with_file_name("snapshot")).unwrap();
    let partition = snapshot.directory().default_partition.as_deref();
    assert_eq!(partition, Some("batch"));
}

#[test]
fn a_job_that_waits_for_whole_nodes_gets_what_it_asked_for() {
    for (line, is_lowered) in [("", true), (" OverSubscribe=EXCLUSIVE", false)] {
        let site = site_with("");
        let partition = format!("PartitionName=batch Default=YES{line}\n");
        site.slurm.partitions.replace(partition);
        let asked = record(None);
        assert_eq!(
            set(&site, 0, 8000, &asked).is_empty(),
            !is_lowered,
            "{line}"
        );
        if !is_lowered {
            let given_back = set(&site, 0, 1000, &record(Some(1000)));
            let given = "scontrol update JobId=9 MinMemoryNode=8000";
            assert_eq!(given_back[0], given, "{given_back:?}");
        }
    }
}

#[test]
fn the_site_says_how_often_a_pass_is_made() {
    let agent = site_with("agent.interval_s = 7");
    assert_eq!(agent.agent().interval(), Duration::from_secs(7));
}

#[test]
fn a_job_whose_workflow_manager_submits_again_is_not_requeued_beside_it() {
    let marks = [
        ("comment", "rule_sort_wildcards_7"),
        ("name", "nf-SORT_(7)"),
        ("name", "cromwell_1f_sort"),
        ("name", "toil_job_3"),
        ("comment", "/home/a/cylc-run/flow"),
        ("name", "sort"),
    ];
    for (field, mark) in marks {
        let is_managed = mark != "sort";
        for (lines, requeued) in [
            ("", !is_managed),
            ("managers.default = 'size'", !is_managed),
            ("managers.default = 'rescue'", true),
        ] {
            let site = site_with(lines);
            let dead = queued(9, "OUT_OF_MEMORY", 0, 1000, &record(Some(1000)));
            let mut job: serde_json::Value = serde_json::from_str(&dead).unwrap();
            job[field] = mark.into();
            site.slurm.queue.replace(vec![job.to_string()]);
            site.agent().pass(true).unwrap();
            let calls = site.slurm.calls("scontrol requeue").len();
            assert_eq!(calls, usize::from(requeued), "{mark} with {lines:?}");
        }
    }
}

#[test]
fn a_job_that_may_not_be_requeued_is_not_and_gets_its_request_back_where_it_is_not_to_be_sized() {
    let sized = Record {
        no_requeue: true,
        ..record(Some(1000))
    };
    let site = site_with("");
    let dead = queued(9, "OUT_OF_MEMORY", 0, 1000, &sized);
    site.slurm.queue.replace(vec![dead]);
    assert_eq!(site.agent().pass(true).unwrap().requeued, 0);
    assert_eq!(site.slurm.calls("scontrol requeue"), [""; 0]);
    for (lines, given_back) in [("[[rule]]\nno_requeue = 'size'", 0), ("", 1)] {
        let site = site_with(lines);
        let waiting = queued(9, "PENDING", 0, 1000, &sized);
        site.slurm.queue.replace(vec![waiting]);
        site.agent().pass(true).unwrap();
        let back = site
            .slurm
            .calls("scontrol update JobId=9 MinMemoryNode=8000");
        assert_eq!(back.len(), given_back, "{lines}");
    }
}

#[test]
fn a_waiting_job_of_a_workflow_manager_is_sized_only_where_the_site_says_so() {
    for (lines, sized) in [("", 0), ("managers.toil = 'size'", 1)] {
        let site = site_with(lines);
        let waiting = queued(9, "PENDING", 0, 8000, &record(None));
        let mut job: serde_json::Value = serde_json::from_str(&waiting).unwrap();
        job["name"] = "toil_job_3".into();
        site.slurm.queue.replace(vec![job.to_string()]);
        site.agent().pass(true).unwrap();
        assert_eq!(site.slurm.calls("scontrol update").len(), sized, "{lines}");
    }
}

/// A job of a known kind that was given 1000 MiB of 8000 and died of it, `restarts` runs before.
fn died(restarts: u32, state: &str, record: &Record) -> String {
    let set = record.memory.map_or(8000, |memory| memory.set);
    queued(9, state, restarts, set, record)
}

/// What the job gets for its next run, and the record with it.
fn next_run(site: &Site, restarts: u32, record: &Record) -> (u64, Record) {
    site.slurm
        .queue
        .replace(vec![died(restarts, "PENDING", record)]);
    assert_eq!(site.agent().pass(true).unwrap().given_back, 1);
    let [set, noted] = &site.slurm.calls("scontrol update")[..] else {
        panic!("it is given more, and then that is noted");
    };
    let (_, rest) = set.split_once("MinMemoryNode=").unwrap();
    let mib = rest.split(' ').next().unwrap();
    let (_, comment) = noted.split_once("AdminComment=").unwrap();
    let comment = comment.strip_suffix(" StartTime=now").unwrap();
    let record = Comment::read(comment).into_record().unwrap();
    (mib.parse().unwrap(), record)
}

#[test]
fn a_job_that_died_of_its_memory_gets_a_step_more_and_then_all() {
    let above = finished(7, 3000 << 20);
    let of_its_own = finished(8, 7900 << 20).replace("|COMPLETED|", "|OUT_OF_MEMORY|");
    let killed = Record {
        level: Some(Level::Name),
        cpus: Some(Change {
            mode: Mode::Apply,
            asked: 4,
            set: 1,
        }),
        ..record(Some(1000))
    };
    let failed = profile(Ended::Failed, 3.0, 300.0);
    let cases = [
        ("nothing needed more", "OUT_OF_MEMORY", None, "", 2000),
        (
            "one needed more",
            "OUT_OF_MEMORY",
            None,
            above.as_str(),
            3300,
        ),
        (
            "a step was killed",
            "COMPLETED",
            Some(profile(Ended::Oom, 50.0, 990.0)),
            "",
            2000,
        ),
        (
            "it dies with all, too",
            "OUT_OF_MEMORY",
            None,
            of_its_own.as_str(),
            8000,
        ),
        ("it lacked something else", "FAILED", Some(failed), "", 8000),
        ("somebody else requeued it", "NODE_FAIL", None, "", 8000),
    ];
    for (what, state, profile, more, expected) in cases {
        let site = Site::new();
        let history: String = (1..=3).map(|id| finished(id, 700 << 20)).collect();
        site.slurm.rows.replace(format!("{history}{more}"));
        let first = Record {
            profile: profile.map(Box::new),
            ..killed.clone()
        };
        // Each pass is another agent's: the one that requeued it may be gone.
        site.slurm.queue.replace(vec![died(0, state, &first)]);
        let requeued = site.agent().pass(true).unwrap().requeued;
        assert_eq!(requeued, usize::from(state != "NODE_FAIL"), "{what}");
        site.slurm.calls("");
        let (mib, second) = next_run(&site, 1, &first);
        assert_eq!(mib, expected, "{what}");
        assert_eq!(second.cpus, None, "{what}: CPUs are given back whole");
        assert_eq!(second.given_back, expected == 8000, "{what}");
        if second.given_back {
            continue;
        }
        // It waits for that run: nothing more is done.
        site.slurm.queue.replace(vec![died(1, "PENDING", &second)]);
        assert_eq!(site.agent().pass(true).unwrap().given_back, 0, "{what}");
        site.slurm
            .queue
            .replace(vec![died(1, "OUT_OF_MEMORY", &second)]);
        assert_eq!(site.agent().pass(true).unwrap().requeued, 1, "{what}");
        site.slurm.calls("");
        let (mib, third) = next_run(&site, 2, &second);
        assert_eq!(
            (mib, third.given_back, third.rewrites()),
            (8000, true, false),
            "{what}"
        );
        // And what its user asked for was too little: that is no fourth run.
        site.slurm
            .queue
            .replace(vec![died(2, "OUT_OF_MEMORY", &third)]);
        assert_eq!(site.agent().pass(true).unwrap().requeued, 0, "{what}");
    }
}

#[test]
fn memory_for_each_cpu_is_stepped_for_the_cpus_that_are_given_back() {
    let site = Site::new();
    let ask = Ask {
        memory: Some(Memory::Cpu(2000)),
        cpus: 4,
        ..record(None).asked.unwrap()
    };
    let change = |asked, set| {
        Some(Change {
            mode: Mode::Apply,
            asked,
            set,
        })
    };
    // One CPU with 1000 MiB: the next run has four, and 2000 MiB on all of them.
    let first = Record {
        asked: Some(ask),
        level: Some(Level::Name),
        memory: change(2000, 1000),
        cpus: change(4, 1),
        ..record(None)
    };
    site.slurm
        .queue
        .replace(vec![died(0, "OUT_OF_MEMORY", &first)]);
    site.agent().pass(true).unwrap();
    site.slurm.calls("");
    site.slurm.queue.replace(vec![died(1, "PENDING", &first)]);
    site.agent().pass(true).unwrap();
    let set = site.slurm.calls("scontrol update").remove(0);
    assert!(
        set.contains("MinMemoryCPU=500 CpusPerTask=4 MinCPUsNode=4 NumCPUs=4"),
        "{set}"
    );
}

#[test]
fn waiting_jobs_are_set_once_when_enough_is_known() {
    let site = Site::new();
    site.slurm
        .queue
        .replace(vec![queued(9, "PENDING", 0, 8000, &record(None))]);
    site.slurm
        .rows
        .replace(finished(1, 900 << 20) + &finished(2, 900 << 20));
    let mut agent = site.agent();
    assert_eq!(
        agent.pass(true).unwrap().decided_again,
        0,
        "two runs are too few"
    );
    site.slurm.calls("");
    site.slurm
        .rows
        .borrow_mut()
        .push_str(&finished(3, 1000 << 20));
    let pass = agent.pass(true).unwrap();
    assert_eq!(
        (pass.new_runs, pass.published, pass.decided_again),
        (1, true, 1)
    );
    let set = site.slurm.calls("scontrol update");
    let enough: u64 = set[0]
        .strip_prefix("scontrol update JobId=9 MinMemoryNode=")
        .and_then(|rest| rest.split_once(" AdminComment={"))
        .and_then(|(mib, _)| mib.parse().ok())
        .unwrap_or_else(|| panic!("{set:?}"));
    assert!((1001..=1200).contains(&enough), "{set:?}");
    assert!(!set[0].contains("StartTime"));

    let has = |mib| {
        let queue = queued(9, "PENDING", 0, mib, &record(Some(mib)));
        site.slurm.queue.replace(vec![queue]);
    };
    has(enough);
    assert_eq!(
        agent.pass(true).unwrap(),
        Default::default(),
        "nothing new, nothing done"
    );
    // Less than a tenth less is not worth a call; more is needed at once.
    has(enough + enough / 20);
    assert_eq!(agent.pass(true).unwrap().decided_again, 0);
    has(enough - 1);
    assert_eq!(agent.pass(true).unwrap().decided_again, 1);
}

#[test]
fn a_job_whose_record_has_no_room_keeps_what_it_has_and_that_is_logged_once() {
    let site = Site::new();
    site.slurm
        .rows
        .replace((1..=5).map(|id| finished(id, 700 << 20)).collect());
    let with_licenses = |text: &str| Record {
        licenses: Some(Relicensed {
            mode: Mode::Observe,
            asked: text.into(),
            set: String::new(),
            forgotten: String::new(),
            why: String::new(),
        }),
        ..record(None)
    };
    let used = with_licenses("").to_comment().unwrap().len();
    for (spare, is_set) in [(300, true), (0, false)] {
        let record = with_licenses(&"x".repeat(MAX_SIZE - used - spare));
        let job = queued(9, "PENDING", 0, 8000, &record);
        site.slurm.queue.replace(vec![job]);
        let mut agent = site.agent();
        site.slurm.calls("");
        let log = logged(|| {
            let passes = [(); 2].map(|()| agent.pass(true).unwrap().decided_again > 0);
            assert_eq!(passes, [is_set; 2], "{spare}");
        });
        let changed = site.slurm.calls("scontrol update");
        assert_eq!(changed.is_empty(), !is_set, "{changed:?}");
        let said = log.matches("has no room").count();
        assert_eq!(said, usize::from(!is_set), "{log}");
    }
}
