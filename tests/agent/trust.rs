//! Kinds that earn trust: which waiting jobs are rewritten, and how many slurmctld may rewrite.

use super::*;
use shadowfit_core::job::evidence::Trust;
use shadowfit_core::store::{Filter, Store};

/// A site with the shipped stages, where a kind has completed three runs with its request.
fn site() -> Site {
    let site = Site::new();
    let config = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(&site.config, config.replace("trust.stages = []\n", "")).unwrap();
    site.slurm
        .rows
        .replace((1..=3).map(|id| finished_before(id, 900 << 20)).collect());
    site
}

/// A run that had what `record` gave it.
fn rewritten(id: u32, state: &str) -> String {
    let comment = record(Some(1000)).to_comment().unwrap();
    let row = finished(id, 900 << 20).replace("|COMPLETED|", &format!("|{state}|"));
    row.replacen("||||align|", &format!("||{comment}||align|"), 1)
}

fn trust_of(site: &Site) -> Trust {
    let snapshot = Snapshot::load(&site.config.with_file_name("snapshot")).unwrap();
    let kind = Kind::of_accounting(7, b"align").name.unwrap();
    snapshot.trust(kind).unwrap()
}

/// Jobs that wait with their request, and what a pass sets in them.
fn pass_over(site: &Site, jobs: &[String]) -> Vec<String> {
    site.slurm.queue.replace(vec![jobs.join(",")]);
    site.agent().pass(true).unwrap();
    let handle = |line: String| line.split_whitespace().nth(2).unwrap()[6..].to_owned();
    let set = site.slurm.calls("scontrol update");
    let mut handles: Vec<String> = set.into_iter().map(handle).collect();
    // What is more is changed first, and then noted.
    handles.dedup();
    handles
}

fn waiting(id: u32) -> String {
    queued(id, "PENDING", 0, 8000, &record(None))
}

fn array(id: u32, tasks: &str) -> String {
    let mut job: serde_json::Value = serde_json::from_str(&waiting(id)).unwrap();
    job["array_job_id"] = id.into();
    job["array_task_string"] = tasks.into();
    job.to_string()
}

fn with(job: String, field: &str, value: &str) -> String {
    let mut job: serde_json::Value = serde_json::from_str(&job).unwrap();
    job[field] = value.into();
    job.to_string()
}

#[test]
fn of_jobs_that_wait_one_is_rewritten_and_slurmctld_may_rewrite_none_beside_it() {
    let site = site();
    assert_eq!(
        pass_over(&site, &[waiting(11), waiting(12), waiting(13)]),
        ["11"]
    );
    assert_eq!(trust_of(&site), Trust { left: 1, open: 0 });
    // It waits, runs, has ended and accounting has not told yet: no other one meanwhile.
    let has = record(Some(1000));
    for state in ["PENDING", "RUNNING", "COMPLETED"] {
        let jobs = [queued(11, state, 0, 1000, &has), waiting(12), waiting(13)];
        assert_eq!(pass_over(&site, &jobs), [""; 0], "{state}");
        assert_eq!(trust_of(&site), Trust { left: 1, open: 0 }, "{state}");
    }
    // Then four.
    site.slurm
        .rows
        .borrow_mut()
        .push_str(&rewritten(11, "COMPLETED"));
    let jobs: Vec<String> = [queued(11, "COMPLETED", 0, 1000, &has)]
        .into_iter()
        .chain((12..=14).map(waiting))
        .collect();
    assert_eq!(pass_over(&site, &jobs), ["12", "13", "14"]);
    assert_eq!(
        trust_of(&site),
        Trust { left: 4, open: 1 },
        "one more as it is submitted"
    );
}

#[test]
fn of_an_array_that_waits_as_many_tasks_are_parted_as_may_be_rewritten() {
    let site = site();
    assert_eq!(pass_over(&site, &[array(40, "5-30%4")]), ["40_[5]"]);
    site.slurm
        .rows
        .borrow_mut()
        .push_str(&rewritten(11, "COMPLETED"));
    assert_eq!(
        pass_over(&site, &[array(40, "6-30%4"), waiting(50)]),
        ["40_[6-9]"]
    );
    assert_eq!(trust_of(&site), Trust { left: 4, open: 0 });
}

#[test]
fn jobs_that_will_not_start_soon_take_nobodys_chance() {
    let site = site();
    let jobs = [
        with(waiting(10), "priority", "0"),
        with(waiting(11), "state_reason", "JobHeldUser"),
        with(waiting(12), "dependency", "afterok:9(unfulfilled)"),
    ];
    assert_eq!(pass_over(&site, &jobs), [""; 0]);
    assert_eq!(trust_of(&site), Trust { left: 1, open: 1 });
    assert_eq!(
        pass_over(&site, &[jobs.as_slice(), &[waiting(13)]].concat()),
        ["13"]
    );
}

#[test]
fn a_harm_takes_a_kind_back_at_once_and_jobs_that_wait_get_their_request() {
    let site = site();
    let well: String = (10..=30).map(|id| rewritten(id, "COMPLETED")).collect();
    site.slurm.rows.borrow_mut().push_str(&well);
    pass_over(&site, &[]);
    assert_eq!(trust_of(&site), Trust::ALL);
    // Accounting calls it well; its profile does not, and its manager would submit it again.
    site.slurm
        .rows
        .borrow_mut()
        .push_str(&rewritten(31, "COMPLETED"));
    let killed = Record {
        profile: Some(Box::new(profile(Ended::Oom, 50.0, 990.0))),
        ..record(Some(1000))
    };
    let waits = queued(32, "PENDING", 0, 1000, &record(Some(1000)));
    let jobs = [
        queued(31, "COMPLETED", 0, 1000, &killed),
        waits,
        waiting(33),
    ];
    let set = pass_over(&site, &jobs);
    assert_eq!(set, ["32"], "32 gets its request, and 33 keeps its own");
    assert_eq!(trust_of(&site), Trust { left: 0, open: 0 });
    // Six good runs later it is tried again, with one.
    let good: String = (41..=46).map(|id| finished(id, 900 << 20)).collect();
    site.slurm.rows.borrow_mut().push_str(&good);
    pass_over(&site, &[]);
    assert_eq!(trust_of(&site), Trust { left: 1, open: 1 });
}

#[test]
fn where_the_queue_is_not_known_nothing_may_be_rewritten_on_probation() {
    let site = site();
    pass_over(&site, &[]);
    assert_eq!(trust_of(&site), Trust { left: 1, open: 1 });
    site.slurm.slurmctld_is_down.set(true);
    assert!(site.agent().pass(true).is_err());
    assert_eq!(trust_of(&site), Trust { left: 1, open: 0 });
}

#[test]
fn what_came_to_nothing_is_open_again_after_a_while() {
    let site = site();
    let published = || site.agent().pass(true).unwrap().published;
    assert!(published());
    assert!(!published());
    site.watch.0.set(NOON + 300);
    assert!(published());
}

/// Five kinds of each of these users, of each of which six ran well with their request and six failed with less.
fn failing(users: &[&str]) -> [String; 2] {
    let names = ["align", "sort", "merge", "solve", "pack"];
    let kinds = users.iter().flat_map(|user| names.map(|name| (user, name)));
    let mut rows = [String::new(), String::new()];
    for (n, (user, name)) in (0..).zip(kinds) {
        let named = |row: String| {
            let row = row.replace("|align|", &format!("|{name}|"));
            row.replace("|alice|", &format!("|{user}|"))
        };
        for id in 0..6 {
            let id = 100 + 20 * n + id;
            rows[0].push_str(&named(finished(id, 900 << 20)));
            rows[1].push_str(&named(without_kind(&rewritten(id + 10, "FAILED"))));
        }
    }
    rows
}

/// Its record does not say of which kind it is: its name does.
fn without_kind(row: &str) -> String {
    let kind = serde_json::to_string(&record(None).kind).unwrap();
    row.replace(&kind, "{}")
}

#[test]
fn where_rewritten_jobs_fail_more_often_all_goes_back_to_advice_until_the_file_is_gone() {
    let site = Site::new();
    let breaker = site.config.with_file_name("breaker-open");
    let [well, bad] = failing(&["alice", "bob"]);
    let waits = [
        queued(41, "PENDING", 0, 1000, &record(Some(1000))),
        waiting(42),
    ];
    let first = bad.lines().take(2).map(|line| format!("{line}\n"));
    site.slurm
        .rows
        .replace(format!("{well}{}", first.collect::<String>()));
    assert_eq!(pass_over(&site, &waits), ["42"]);
    assert!(!breaker.exists(), "one failure is chance");
    site.slurm.rows.replace(well + &bad);
    pass_over(&site, &[]);
    assert!(!breaker.exists(), "it is looked at every five minutes");
    site.watch.0.set(NOON + 300);
    assert_eq!(
        pass_over(&site, &waits),
        ["41"],
        "what was set is given back"
    );
    let why = std::fs::read_to_string(&breaker).unwrap();
    assert!(
        why.starts_with("60 of 60 rewritten jobs failed or were harmed, where 0.0 would"),
        "{why}"
    );
    site.watch.0.set(NOON + 900);
    assert_eq!(pass_over(&site, &waits), ["41"]);
    // An admin closes it: what was before does not count again.
    std::fs::remove_file(&breaker).unwrap();
    for later in [1200, 1600] {
        site.watch.0.set(NOON + later);
        assert_eq!(pass_over(&site, &waits), ["42"]);
        assert!(!breaker.exists());
    }
}

#[test]
fn one_user_cannot_open_the_breaker() {
    let site = Site::new();
    site.slurm.rows.replace(failing(&["alice"]).concat());
    pass_over(&site, &[]);
    assert!(!site.config.with_file_name("breaker-open").exists());
    site.slurm.rows.replace(failing(&["alice", "bob"]).concat());
    site.watch.0.set(NOON + 300);
    pass_over(&site, &[]);
    assert!(site.config.with_file_name("breaker-open").exists());
}

#[test]
fn a_site_may_do_without_the_breaker() {
    let site = Site::new();
    let config = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(&site.config, format!("{config}breaker.enabled = false\n")).unwrap();
    site.slurm.rows.replace(failing(&["alice", "bob"]).concat());
    pass_over(&site, &[]);
    assert!(!site.config.with_file_name("breaker-open").exists());
}

/// A run that had what `record` gave it, and ended at once, as accounting alone tells.
fn did_nothing(id: u32) -> String {
    let end = NOON - 100 + i64::from(id);
    let job = rewritten(id, "COMPLETED");
    let job = job.lines().next().unwrap();
    let job = job.replace("|COMPLETED|50|", "|COMPLETED|0|");
    let job = job.replace(&format!("|{end}|"), &format!("|{}|", end - 50));
    job.replace("||00:40.000|", "|||") + "\n"
}

#[test]
fn jobs_that_end_at_once_having_done_nothing_are_harmed_and_earn_no_trust_without_any_profile() {
    let site = site();
    let stage_of = |rows: String| {
        site.slurm.rows.borrow_mut().push_str(&rows);
        site.agent().pass(true).unwrap();
        trust_of(&site)
    };
    assert_eq!(stage_of(String::new()).left, 1);
    // All five at once, and slurmctld has forgotten them.
    assert_eq!(stage_of((11..=15).map(did_nothing).collect()).left, 0);
    let store = Store::open_to_read(&site.config.with_file_name("jobs.db")).unwrap();
    let mut harms = Vec::new();
    store
        .each_job(&Filter::default(), |job, _| harms.extend(job.harm))
        .unwrap();
    assert_eq!(
        harms,
        ["it ended far too soon, having used far too little"; 5]
    );
    // One that slurmctld still knows runs again.
    let has = record(Some(1000));
    site.slurm
        .queue
        .replace(vec![queued(15, "COMPLETED", 0, 1000, &has)]);
    let pass = site.agent().pass(true).unwrap();
    assert_eq!(pass.requeued, 1);
}

#[test]
fn a_rewritten_run_of_which_nothing_was_measured_earns_no_trust() {
    let site = site();
    let rows = rewritten(11, "COMPLETED");
    let unmeasured = rows.lines().next().unwrap().to_owned() + "\n";
    site.slurm.rows.borrow_mut().push_str(&unmeasured);
    site.agent().pass(true).unwrap();
    assert_eq!(trust_of(&site).left, 1);
}
