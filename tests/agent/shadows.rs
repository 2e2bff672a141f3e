//! When a shadow is submitted, with how much, and what becomes of the jobs that wait for it.

use super::*;

/// Job `id`, in this state, of a kind of its own for each script, which waits from `since` for a minute.
fn waiting(id: u32, script: &str, state: &str, restarts: u32, since: i64) -> String {
    let texts = Texts {
        name: b"work",
        script: script.as_bytes(),
        ..Texts::default()
    };
    let wait = Wait {
        since,
        until: since + 60,
        array: None,
        arguments: Arguments::of(&[]).unwrap(),
    };
    let record = Record {
        kind: Kind::of(7, &texts, Layout::SINGLE),
        ..record(None)
    };
    queued(id, state, restarts, 8000, &record.after_shadow(wait))
}

fn new_job(id: u32, since: i64) -> String {
    waiting(id, "#!/bin/sh\nwork\n", "PENDING", 0, since)
}

/// Three jobs of three new kinds.
fn three_kinds(since: i64) -> String {
    let job = |(id, script)| waiting(id, script, "PENDING", 0, since);
    [(8, "align"), (9, "sort"), (10, "call")].map(job).join(",")
}

/// As the site of the other tests, with room for the shadows of more jobs.
fn site() -> Site {
    let site = site_with_shadows();
    allow(
        &site,
        "max_running_per_user = 9\nmax_cpu_s_per_hour_per_user = 9999\n",
    );
    let folder = site.config.with_file_name("hash.8/job.8");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("environment"), b"\x01\0\0\0HOME=/home/alice\0").unwrap();
    site
}

/// Adds to `[shadow]`, which comes last.
fn allow(site: &Site, settings: &str) {
    let mut config = std::fs::read_to_string(&site.config).unwrap();
    config.push_str(settings);
    std::fs::write(&site.config, config).unwrap();
}

fn shows(site: &Site, jobs: &[String]) {
    site.slurm.queue.replace(vec![jobs.join(",")]);
}

#[test]
fn shadows_are_as_many_as_cpus_and_memory_are_free() {
    for (load, started) in [
        ("n1|0/32/0/32|64000|0|\n", 3),
        ("n1|16/16/0/32|64000|0|\n", 2),
        ("n1|31/1/0/32|64000|0|\n", 1),
        ("n1|32/0/0/32|64000|0|\n", 0),
        ("n1|0/32/0/32|64000|63744|\n", 3),
        ("n1|0/32/0/32|64000|63745|\n", 0),
    ] {
        let site = site();
        site.slurm.load.replace(load.into());
        shows(&site, &[three_kinds(NOON)]);
        let mut agent = site.agent();
        assert_eq!(agent.pass(true).unwrap().shadows_started, started, "{load}");
        assert_eq!(
            site.slurm.calls("sinfo").len(),
            1,
            "asked once for all kinds"
        );
        assert_eq!(
            agent.glance().unwrap().shadows_started,
            0,
            "no room is left, or no kind"
        );
    }
}

#[test]
fn a_slice_is_no_larger_than_what_is_free() {
    let site = site();
    site.slurm
        .load
        .replace("n1|0/32/0/32|64000|63000|\n".into());
    shows(&site, &[new_job(9, NOON)]);
    site.agent().pass(true).unwrap();
    let sbatch = site.slurm.calls("sbatch");
    assert!(sbatch[0].contains(" --mem=1000M "), "{sbatch:?}");
}

#[test]
fn a_shadow_has_less_time_in_a_full_cluster_and_never_more_than_its_job_waits() {
    for (load, at, until) in [
        ("n1|0/32/0/32|64000|0|\n", NOON, Some(NOON + 59)),
        ("n1|16/16/0/32|64000|0|\n", NOON, Some(NOON + 44)),
        ("n1|16/16/0/32|64000|0|\n", NOON + 30, Some(NOON + 59)),
        // Less than five seconds show nothing.
        ("n1|0/32/0/32|64000|0|\n", NOON + 55, Some(NOON + 59)),
        ("n1|0/32/0/32|64000|0|\n", NOON + 56, None),
    ] {
        let site = site();
        site.slurm.load.replace(load.into());
        site.watch.0.set(at);
        shows(&site, &[new_job(9, NOON)]);
        site.agent().pass(true).unwrap();
        let sbatch = site.slurm.calls("sbatch");
        let expected = until.map(|until| format!("--shadowfit=shadow:9:{until}:1:"));
        match expected {
            Some(mark) => assert!(sbatch[0].contains(&mark), "{mark}: {sbatch:?}"),
            None => assert_eq!(sbatch, [""; 0]),
        }
    }
}

/// How many shadows start for `next`, `later` seconds after one that used `cpu_s` seconds of CPU time.
fn started_after_a_shadow(site: &Site, cpu_s: f32, later: i64, next: String) -> usize {
    shows(site, &[new_job(9, NOON)]);
    let mut agent = site.agent();
    assert_eq!(agent.pass(true).unwrap().shadows_started, 1);
    let used = Counters {
        cpu_s,
        ..Counters::nothing(Ended::Oom)
    };
    shows(site, &[shadow("COMPLETED", Some(used.into()))]);
    assert_eq!(agent.glance().unwrap().shadows_ended, 1);
    site.watch.0.set(NOON + later);
    shows(site, &[next]);
    agent.glance().unwrap().shadows_started
}

#[test]
fn shadows_use_no_more_cpu_time_in_an_hour_than_the_site_allows() {
    for (cpu_s, later, started) in [
        (3599.0, 0, 1),
        (3600.0, 0, 0),
        (3600.0, 3600, 0),
        (3600.0, 3601, 1),
    ] {
        let next = waiting(10, "another", "PENDING", 0, NOON + later);
        let found = started_after_a_shadow(&site(), cpu_s, later, next);
        assert_eq!(found, started, "{cpu_s} s, {later} s ago");
    }
}

#[test]
fn only_jobs_that_have_never_run_and_still_wait_are_shadowed() {
    for (state, restarts, started) in [("PENDING", 0, 1), ("PENDING", 1, 0), ("RUNNING", 0, 0)] {
        let site = site();
        shows(&site, &[waiting(9, "work", state, restarts, NOON)]);
        let pass = site.agent().pass(true).unwrap();
        assert_eq!(pass.shadows_started, started, "{state} {restarts}");
    }
}

#[test]
fn a_job_whose_shadow_showed_nothing_starts_and_its_record_says_why() {
    let ended = |ended| {
        let seen = Counters {
            peak_mib: 900.0,
            curve_mib: vec![1, 2, 4, 8, 16, 900],
            ..Counters::nothing(ended)
        };
        Some(seen.into())
    };
    let hardly_ran = |cpu_s, demand| {
        let seen = Counters {
            wall_s: 60.0,
            cpu_s,
            demand,
            ..Counters::nothing(Ended::Window)
        };
        Some(seen.into())
    };
    for (state, counters, why) in [
        (
            "COMPLETED",
            hardly_ran(3.0, 1.0),
            "its node was too busy for its shadow to get on",
        ),
        (
            "COMPLETED",
            hardly_ran(0.1, 0.0),
            "it did next to nothing while its shadow ran",
        ),
        (
            "NODE_FAIL",
            None,
            "its shadow failed: NODE_FAIL, and its node reported nothing",
        ),
        (
            "FAILED",
            Some(ShadowCounters::refused("overlay over /home")),
            "no shadow could run on its node: overlay over /home",
        ),
        (
            "COMPLETED",
            ended(Ended::Oom),
            "its shadow needed more memory than a slice has",
        ),
        (
            "COMPLETED",
            ended(Ended::Window),
            "its memory still grew when its shadow's window was over",
        ),
    ] {
        let site = site();
        shows(&site, &[new_job(9, NOON)]);
        let mut agent = site.agent();
        agent.pass(true).unwrap();
        site.slurm.calls("");
        shows(&site, &[new_job(9, NOON), shadow(state, counters)]);
        agent.glance().unwrap();
        let set = site.slurm.calls("scontrol update");
        assert!(set[0].contains(&format!("\"kept\":\"{why}\"")), "{set:?}");
    }
}

#[test]
fn a_lost_shadow_is_waited_for_two_minutes_beyond_its_window() {
    let site = site();
    shows(&site, &[new_job(9, NOON)]);
    let mut agent = site.agent();
    agent.pass(true).unwrap();
    for (after, ended) in [(60, 0), (179, 0), (180, 1)] {
        site.watch.0.set(NOON + after);
        assert_eq!(agent.glance().unwrap().shadows_ended, ended, "{after}");
    }
    let set = site.slurm.calls("scontrol update");
    assert!(
        set[0].contains("\"kept\":\"its shadow was lost\""),
        "{set:?}"
    );
}

#[test]
fn a_shadow_is_cancelled_only_where_it_has_not_started_in_time() {
    let site = site();
    shows(&site, &[new_job(9, NOON)]);
    let mut agent = site.agent();
    agent.pass(true).unwrap();
    for (after, state, cancelled) in [
        (59, "PENDING", 0),
        (60, "PENDING", 1),
        (70, "RUNNING", 0),
        (70, "COMPLETING", 0),
    ] {
        site.slurm.calls("");
        site.watch.0.set(NOON + after);
        shows(&site, &[shadow(state, None)]);
        agent.glance().unwrap();
        assert_eq!(
            site.slurm.calls("scancel").len(),
            cancelled,
            "{after} {state}"
        );
    }
}

#[test]
fn a_shadow_that_showed_nothing_is_tried_again_for_later_jobs_and_another_serves_them() {
    let finished = Counters {
        peak_mib: 1000.0,
        ..Counters::nothing(Ended::Finished)
    };
    for (counters, tried_again) in [
        (ShadowCounters::refused("no overlay"), true),
        (finished.into(), false),
    ] {
        let site = site();
        shows(&site, &[new_job(9, NOON)]);
        let mut agent = site.agent();
        agent.pass(true).unwrap();
        shows(
            &site,
            &[new_job(9, NOON), shadow("COMPLETED", Some(counters))],
        );
        assert_eq!(agent.glance().unwrap().decided_again, 1);
        site.watch.0.set(NOON + 300);
        shows(&site, &[new_job(10, NOON + 300)]);
        let pass = agent.glance().unwrap();
        assert_eq!(pass.shadows_started, usize::from(tried_again));
        assert_eq!(pass.decided_again, usize::from(!tried_again));
    }
}

#[test]
fn a_job_that_waits_for_others_waits_anew_once_a_quarter_of_its_window_is_over() {
    let blocked = new_job(9, NOON).replace(
        "\"job_id\":9",
        "\"job_id\":9,\"dependency\":\"afterok:8(unfulfilled)\"",
    );
    for (after, expected) in [(15, None), (16, Some((NOON + 16, NOON + 76)))] {
        let site = site();
        site.watch.0.set(NOON + after);
        shows(&site, std::slice::from_ref(&blocked));
        site.agent().pass(true).unwrap();
        let set = site.slurm.calls("scontrol update");
        assert_eq!(set.len(), usize::from(expected.is_some()));
        if let Some((since, until)) = expected {
            let wait = format!("\"shadow\":{{\"since\":{since},\"until\":{until},");
            assert!(set[0].contains(&wait), "{set:?}");
        }
    }
}

#[test]
fn a_job_of_which_no_shadow_can_be_submitted_waits_for_none() {
    let site = site();
    site.slurm.refuses_shadows.set(true);
    shows(&site, &[new_job(9, NOON)]);
    site.agent().pass(true).unwrap();
    let set = site.slurm.calls("scontrol update");
    assert!(!set[0].contains("\"shadow\":"), "{set:?}");
}

#[test]
fn why_jobs_of_a_kind_have_no_shadow_is_logged_once_however_many_they_are() {
    let site = site();
    site.slurm.refuses_shadows.set(true);
    let jobs: Vec<String> = (9..=20).map(|id| new_job(id, NOON)).collect();
    shows(&site, &jobs);
    let log = logged(|| site.agent().pass(true).map(drop).unwrap());
    assert_eq!(site.slurm.calls("scontrol update").len(), jobs.len());
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("job=")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("no shadow") && lines[0].contains("others=11"));
}

#[test]
fn a_switched_off_site_starts_no_shadow_and_takes_what_those_before_showed() {
    let site = site();
    shows(&site, &[new_job(9, NOON)]);
    let mut agent = site.agent();
    agent.pass(true).unwrap();
    std::fs::write(site.config.with_file_name("off"), "").unwrap();
    let other = waiting(10, "another", "PENDING", 0, NOON);
    shows(&site, &[new_job(9, NOON), other, shadow("FAILED", None)]);
    site.slurm.calls("");
    let pass = agent.glance().unwrap();
    assert_eq!((pass.shadows_ended, pass.shadows_started), (1, 0));
    assert_eq!(site.slurm.calls("scontrol update"), [""; 0]);
}

/// From here on this fails in the site's database, as on a full disk.
fn fails(site: &Site, what: &str) {
    let trigger = format!(
        "CREATE TRIGGER fault BEFORE {what} ON shadows BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    );
    database(site).execute_batch(&trigger).unwrap();
}

fn works_again(site: &Site) {
    database(site).execute_batch("DROP TRIGGER fault").unwrap();
}

fn database(site: &Site) -> rusqlite::Connection {
    rusqlite::Connection::open(site.config.with_file_name("jobs.db")).unwrap()
}

#[test]
fn a_shadow_that_could_not_be_remembered_is_not_submitted_and_its_job_starts() {
    let site = site();
    let mut agent = site.agent();
    fails(&site, "INSERT");
    shows(&site, &[new_job(9, NOON)]);
    assert!(agent.pass(true).is_err());
    let asked = site.slurm.calls("");
    assert!(!asked.iter().any(|line| line.starts_with("sbatch")));
    let set = asked.iter().find(|line| line.contains("update JobId=9"));
    let why = "\"kept\":\"no shadow of it could be submitted: the database cannot be written\"";
    assert!(set.is_some_and(|set| set.contains(why)), "{asked:?}");
    works_again(&site);
    shows(&site, &[waiting(10, "another", "PENDING", 0, NOON)]);
    assert_eq!(agent.glance().unwrap().shadows_started, 1);
}

/// An agent ends between the submission of a shadow and the note of its number.
fn ended_in_between(site: &Site) {
    let mut agent = site.agent();
    fails(site, "UPDATE OF job_id");
    shows(site, &[new_job(9, NOON)]);
    assert!(agent.pass(true).is_err());
    assert_eq!(site.slurm.calls("sbatch").len(), 1);
    works_again(site);
}

#[test]
fn a_shadow_whose_number_was_never_noted_is_found_in_the_queue_and_serves_its_job() {
    let finished = Counters {
        peak_mib: 1000.0,
        ..Counters::nothing(Ended::Finished)
    };
    for (state, counters) in [
        ("PENDING", None),
        ("RUNNING", None),
        ("COMPLETED", Some(finished)),
    ] {
        let site = site();
        ended_in_between(&site);
        let counters = counters.map(Into::into);
        let ended = usize::from(counters.is_some());
        shows(&site, &[new_job(9, NOON), shadow(state, counters)]);
        let pass = site.agent().glance().unwrap();
        let seen = (pass.shadows_started, pass.shadows_ended, pass.decided_again);
        assert_eq!(seen, (0, ended, ended), "{state}");
        let number: i64 = database(&site)
            .query_row("SELECT job_id FROM shadows", [], |row| row.get(0))
            .unwrap();
        assert_eq!(number, 77);
    }
}

#[test]
fn of_the_shadows_of_a_job_the_one_that_nobody_remembers_is_it() {
    let site = site();
    ended_in_between(&site);
    let known = "INSERT INTO shadows (job_id, shadow_of, origin, command_key, submitted, asked, ended) \
                 SELECT 79, shadow_of, origin, 1, submitted, asked, 1 FROM shadows";
    database(&site).execute_batch(known).unwrap();
    let numbered = |id: u32| shadow("RUNNING", None).replace("77", &id.to_string());
    let of_another = numbered(80).replace("\\\"9\\\"", "\\\"8\\\"");
    assert_ne!(of_another, numbered(80));
    shows(
        &site,
        &[numbered(76), numbered(78), numbered(79), of_another],
    );
    site.agent().glance().unwrap();
    let numbers = "SELECT job_id FROM shadows WHERE ended IS NULL";
    let number: i64 = database(&site)
        .query_row(numbers, [], |row| row.get(0))
        .unwrap();
    assert_eq!(number, 78);
}

#[test]
fn a_shadow_that_never_reached_slurm_is_given_up_and_its_job_has_no_other() {
    let site = site();
    ended_in_between(&site);
    shows(&site, &[new_job(9, NOON)]);
    let mut agent = site.agent();
    for (after, ended) in [(0, 0), (29, 0), (30, 1), (31, 0)] {
        site.watch.0.set(NOON + after);
        let pass = agent.glance().unwrap();
        assert_eq!((pass.shadows_started, pass.shadows_ended), (0, ended));
    }
    let set = site.slurm.calls("scontrol update");
    let why = "\"kept\":\"its shadow was lost\"";
    assert!(set[0].contains(why), "{set:?}");
}

#[test]
fn a_shadow_of_which_nobody_reports_counts_with_all_of_its_window_and_one_that_never_ran_does_not()
{
    // What becomes of the first, how long after it began, and whether its user may have another where so many seconds are allowed.
    for (state, after, allowed, started) in [
        (Some("COMPLETED"), 10, 60, 0),
        (Some("COMPLETED"), 10, 61, 1),
        (Some("CANCELLED"), 10, 60, 0),
        (Some("NODE_FAIL"), 10, 60, 0),
        (Some("PENDING"), 60, 60, 1),
        (None, 180, 60, 0),
        (None, 180, 61, 1),
    ] {
        let site = site_with_room_for(9, allowed);
        shows(&site, &[new_job(9, NOON)]);
        let mut agent = site.agent();
        assert_eq!(agent.pass(true).unwrap().shadows_started, 1);
        site.watch.0.set(NOON + after);
        shows(
            &site,
            &state
                .map(|state| shadow(state, None))
                .into_iter()
                .collect::<Vec<_>>(),
        );
        assert_eq!(agent.glance().unwrap().shadows_ended, 1, "{state:?}");
        shows(&site, &[waiting(10, "another", "PENDING", 0, NOON + after)]);
        let found = agent.glance().unwrap().shadows_started;
        assert_eq!(found, started, "{state:?}, {allowed} s");
    }
}

/// The same job of another user's.
fn bobs(job: String) -> String {
    assert!(job.contains("alice"));
    job.replace("alice", "bob")
}

#[test]
fn one_user_has_no_more_shadows_than_are_hers_and_others_have_room() {
    let kinds = [(8, "align"), (9, "sort"), (10, "call")];
    let job = |at: usize| waiting(kinds[at].0, kinds[at].1, "PENDING", 0, NOON);
    for (most, jobs, started) in [
        (1, [job(0), job(1), job(2)], 1),
        (2, [job(0), job(1), job(2)], 2),
        (1, [job(0), job(1), bobs(job(2))], 2),
        (0, [job(0), job(1), bobs(job(2))], 0),
    ] {
        let site = site_with_room_for(most, 9999);
        shows(&site, &jobs);
        let mut agent = site.agent();
        assert_eq!(agent.pass(true).unwrap().shadows_started, started, "{most}");
        // They still run.
        assert_eq!(agent.glance().unwrap().shadows_started, 0, "{most}");
    }
}

#[test]
fn one_users_shadows_have_no_more_cpu_time_in_an_hour_than_is_hers_and_others_have_theirs() {
    let next = |later| waiting(10, "another", "PENDING", 0, NOON + later);
    for (cpu_s, later, job, started) in [
        (99.0, 0, next(0), 1),
        (100.0, 0, next(0), 0),
        (100.0, 0, bobs(next(0)), 1),
        (100.0, 3601, next(3601), 1),
    ] {
        let found = started_after_a_shadow(&site_with_room_for(9, 100), cpu_s, later, job);
        assert_eq!(found, started, "{cpu_s} s, {later} s ago");
    }
}

fn site_with_room_for(shadows: u32, cpu_s: u32) -> Site {
    let site = site();
    let text = std::fs::read_to_string(&site.config).unwrap();
    let text = text
        .replace("per_user = 9\n", &format!("per_user = {shadows}\n"))
        .replace("per_user = 9999\n", &format!("per_user = {cpu_s}\n"));
    std::fs::write(&site.config, text).unwrap();
    site
}

#[test]
fn a_job_whose_memory_was_changed_while_it_waited_starts_with_that() {
    let after_its_shadow = |memory: u64, starts: i64| {
        let site = site_with_shadows();
        site.slurm.queue.replace(vec![new_kind(9)]);
        let mut agent = site.agent();
        agent.pass(true).unwrap();
        site.slurm.calls("");
        let mut job: serde_json::Value = serde_json::from_str(&new_kind(9)).unwrap();
        job["memory_per_node"] = memory.into();
        job["start_time"] = starts.into();
        let ended = shadow("COMPLETED", Some(Counters::nothing(Ended::Oom).into()));
        site.slurm
            .queue
            .replace(vec![[job.to_string(), ended].join(",")]);
        agent.glance().unwrap();
        site.slurm.calls("scontrol update")
    };
    let set = after_its_shadow(4000, NOON + 61);
    assert!(
        set[0].starts_with("scontrol update JobId=9 AdminComment={")
            && set[0].contains("was changed while it waited")
            && set[0].ends_with("StartTime=now"),
        "{set:?}"
    );
    assert_eq!(after_its_shadow(4000, NOON + 3600), [""; 0]);
}

/// A slurmctld that was killed forgets its last jobs, and gives their numbers to others.
#[test]
fn a_shadow_whose_number_was_given_anew_is_lost_and_learns_nothing_from_another() {
    let finished = |job| {
        let finished = Counters {
            peak_mib: 1000.0,
            ..Counters::nothing(Ended::Finished)
        };
        shadow_of(job, "COMPLETED", Some(finished.into()))
    };
    let site = site();
    shows(&site, &[new_job(9, NOON)]);
    let mut agent = site.agent();
    agent.pass(true).unwrap();
    shows(&site, &[new_job(9, NOON), finished(8)]);
    assert_eq!(agent.glance().unwrap().shadows_ended, 0);
    // The job's number was given anew, too: to one of another kind.
    site.slurm.shadows.set(0);
    let another_kind = || waiting(9, "another", "PENDING", 0, NOON);
    shows(&site, &[another_kind()]);
    assert_eq!(agent.glance().unwrap().shadows_started, 1);
    shows(&site, &[another_kind(), finished(9)]);
    assert_eq!(agent.glance().unwrap().shadows_ended, 1);
    let rows = "SELECT group_concat(job_id || ' ' || (need_mib IS NOT NULL)) FROM shadows";
    let rows: String = database(&site)
        .query_row(rows, [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, "77 0,77 1");
}

#[test]
fn why_a_kind_has_no_shadow_yet_is_noted() {
    let spaced: [&[u8]; 1] = [b"a b"];
    let plain = new_job(9, NOON);
    // Accounting does not know it yet.
    let untold = new_kind_with(9, &spaced, "job.sh");
    for (job, load, noted) in [
        (&plain, "n1|0/32/0/32|64000|0|\n", None),
        (
            &plain,
            "n1|32/0/0/32|64000|0|\n",
            Some("as many were there as max_running and the free CPUs allow"),
        ),
        (
            &plain,
            "n1|0/32/0/32|64000|63745|\n",
            Some("no node had memory free for one"),
        ),
        (
            &untold,
            "n1|0/32/0/32|64000|0|\n",
            Some("accounting did not show yet how it was submitted"),
        ),
    ] {
        let site = site();
        site.slurm.load.replace(load.into());
        shows(&site, std::slice::from_ref(job));
        site.agent().pass(true).unwrap();
        let why = "SELECT max(why) FROM unshadowed WHERE at = ?";
        let why: Option<String> = database(&site)
            .query_row(why, [NOON], |row| row.get(0))
            .unwrap();
        assert_eq!(why.as_deref(), noted, "{load}");
    }
}
