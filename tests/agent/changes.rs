//! Changes of jobs that are refused, broken off, or come beside somebody else's.

use super::*;
use shadowfit_core::agent::REFUSED;
use shadowfit_core::store::Store;

/// A site where limits hold, so that a change is the user's own.
fn site_with_limits() -> Site {
    let site = Site::new();
    site.slurm.holds_limits.set(true);
    site
}

fn with(job: String, fields: &[(&str, i64)]) -> String {
    let mut job: serde_json::Value = serde_json::from_str(&job).unwrap();
    for (name, value) in fields {
        job[*name] = (*value).into();
    }
    job.to_string()
}

/// Job 9, requeued a while ago and given nothing for its next run yet.
fn requeued(memory: u64, record: &Record, fields: &[(&str, i64)]) -> String {
    with(queued(9, "PENDING", 1, memory, record), fields)
}

fn cut(asked: u64, set: u64) -> Option<Change> {
    Some(Change {
        mode: Mode::Apply,
        asked,
        set,
    })
}

/// What a pass changes in the queue of this one job, that which was refused left out.
fn changed(site: &Site, job: String) -> Vec<String> {
    site.slurm.queue.replace(vec![job]);
    site.agent().pass(true).unwrap();
    changes_of(site)
}

fn changes_of(site: &Site) -> Vec<String> {
    let mut changes = site.slurm.made.take();
    changes.retain(|line| line.contains(" update "));
    changes
}

/// The record that a change writes.
fn noted(change: &str) -> Record {
    let (_, comment) = change.split_once("AdminComment=").unwrap();
    let comment = comment.trim_end_matches(" StartTime=now");
    Comment::read(comment).into_record().unwrap()
}

#[test]
fn a_rescue_that_is_broken_off_has_noted_nothing_and_is_done_again() {
    let site = site_with_limits();
    // slurmctld goes once the first change is made.
    site.slurm
        .refused
        .replace(vec![("", "Unable to contact", 1)]);
    let killed = record(Some(1000));
    let change = "scontrol --uid=7 update JobId=9 MinMemoryNode=8000";
    assert_eq!(changed(&site, requeued(1000, &killed, &[])), [change]);
    site.slurm.refused.take();
    let [again] = &changed(&site, requeued(8000, &killed, &[]))[..] else {
        panic!("it has it already, and that is noted");
    };
    assert!(
        again.starts_with("scontrol update JobId=9 AdminComment="),
        "{again}"
    );
    assert!(
        again.ends_with("StartTime=now") && noted(again).given_back,
        "{again}"
    );
}

#[test]
fn of_an_array_that_was_changed_in_part_those_tasks_are_noted_anew_that_have_what_they_had() {
    let site = site_with_limits();
    let rows = (1..=5).map(|id| finished(id, 900 << 20));
    site.slurm.rows.replace(rows.collect());
    let said = "33_5: Job is no longer pending execution";
    site.slurm.refused.replace(vec![("--uid=7", said, 0)]);
    let task = |state, task: i64, memory| {
        let job = queued(33, state, 0, memory, &record(None));
        with(job, &[("array_job_id", 33), ("array_task_id", task)])
    };
    let meanwhile = [
        task("RUNNING", 5, 8000),
        task("PENDING", 6, 1100),
        task("PENDING", 7, 8000),
    ];
    site.slurm.meanwhile.replace(Some(meanwhile.join(",")));
    let waiting = queued(33, "PENDING", 0, 8000, &record(None));
    let mut waiting: serde_json::Value = serde_json::from_str(&waiting).unwrap();
    waiting["array_job_id"] = 33.into();
    waiting["array_task_string"] = "5-7".into();
    let changes = changed(&site, waiting.to_string());
    let handles: Vec<&str> = changes
        .iter()
        .map(|line| line.split(' ').nth(2).unwrap())
        .collect();
    assert_eq!(handles, ["JobId=33_[5-7]", "JobId=33_[5,7]"]);
    assert!(noted(&changes[0]).rewrites() && !noted(&changes[1]).rewrites());
}

/// A job that had less of all.
fn killed_with_less_of_all() -> Record {
    let mut killed = Record {
        time: cut(600, 30),
        limits_time: true,
        cpus: cut(4, 1),
        licenses: Some(Relicensed {
            mode: Mode::Apply,
            asked: "matlab:2".into(),
            set: "matlab".into(),
            forgotten: String::new(),
            why: String::new(),
        }),
        ..record(Some(1000))
    };
    if let Some(asked) = &mut killed.asked {
        asked.cpus = 4;
    }
    killed
}

/// That job's memory and CPUs, as its user asked for them.
const SIZES: &str = "update JobId=9 MinMemoryNode=8000 CpusPerTask=4 MinCPUsNode=4 NumCPUs=4";

#[test]
fn what_a_limit_refuses_its_user_no_operator_gives_a_job_that_runs_again() {
    for (said, is_given, is_noted) in [
        (
            "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits) for job 9",
            false,
            true,
        ),
        ("More processors requested than permitted", false, true),
        (
            "Memory required by task is not available for job 9",
            false,
            true,
        ),
        (
            "slurm_update error: Unable to contact slurm controller",
            false,
            false,
        ),
        ("Socket timed out on send/recv operation", false, false),
        (
            "Rate limit exceeded, please retry momentarily",
            false,
            false,
        ),
        ("Access/permission denied for job 9", true, true),
        ("Unspecified error for job 9", true, true),
    ] {
        let site = site_with_limits();
        site.slurm.refused.replace(vec![("--uid=7", said, 0)]);
        let job = requeued(1000, &killed_with_less_of_all(), &[]);
        let changes = changed(&site, job);
        let given = changes.first().map(String::as_str);
        let right = is_given.then(|| format!("scontrol {SIZES}"));
        assert_eq!(given, right.as_deref(), "{said}");
        let store = Store::open_to_read(&site.config.with_file_name("jobs.db")).unwrap();
        let noted = store.progress(REFUSED).unwrap();
        assert_eq!(noted.is_some(), is_noted, "{said}");
    }
}

#[test]
fn what_a_limit_refuses_is_asked_for_once_an_hour_and_nobody_waits_for_it() {
    let site = site_with_limits();
    let said = "Job violates accounting/QOS policy";
    site.slurm.refused.replace(vec![("--uid=7", said, 0)]);
    let killed = killed_with_less_of_all();
    let dead = queued(9, "OUT_OF_MEMORY", 0, 1000, &killed);
    site.slurm
        .queue
        .replace(vec![dead, requeued(1000, &killed, &[])]);
    let mut agent = site.agent();
    let began = site.watch.elapsed();
    assert_eq!(agent.pass(true).unwrap().requeued, 1);
    let tries = || {
        let calls = site.slurm.calls("scontrol");
        calls.iter().filter(|line| line.contains("--uid=7")).count()
    };
    let all_and_sizes = 2;
    assert_eq!(tries(), all_and_sizes);
    let took = site.watch.elapsed() - began;
    assert!(took < Duration::from_secs(8), "{took:?}");
    agent.pass(true).unwrap();
    assert_eq!(tries(), 0);
    site.watch.sleep(Duration::from_secs(3600));
    agent.pass(true).unwrap();
    assert_eq!(tries(), all_and_sizes);
}

#[test]
fn what_its_user_may_still_have_is_the_users_own_change_where_time_and_licenses_are_refused() {
    // A time limit above the partition's names no limit.
    for said in [
        "Access/permission denied",
        "Requested time limit is invalid",
    ] {
        let site = site_with_limits();
        site.slurm.refused.replace(vec![("TimeLimit", said, 0)]);
        let job = requeued(1000, &killed_with_less_of_all(), &[]);
        let changes = changed(&site, job);
        assert_eq!(changes[0], format!("scontrol --uid=7 {SIZES}"), "{said}");
        let record = noted(&changes[1]);
        assert!(record.shortens() && record.relicenses() && record.memory.is_none());
        assert_eq!(changes.len(), 2, "{changes:?}");
    }
}

#[test]
fn what_has_changed_while_its_user_was_refused_it_is_no_operators_to_change() {
    let site = site_with_limits();
    let said = "Unspecified error for job 9";
    site.slurm.refused.replace(vec![("--uid=7", said, 0)]);
    let job = requeued(1000, &record(Some(1000)), &[]);
    site.slurm.queue.replace(vec![job]);
    let slurm = ChangesMidway(&site, Cell::new(false));
    let mut agent = Agent::new(site.config.clone(), &slurm, &site.watch).unwrap();
    agent.pass(true).unwrap();
    assert_eq!(changes_of(&site), [""; 0]);
}

#[test]
fn what_a_user_may_not_have_any_more_an_operator_gives_back_without_its_time_and_licenses() {
    let site = site_with_limits();
    site.slurm
        .refused
        .replace(vec![("--uid=7", "Unspecified error for job 9", 0)]);
    let killed = killed_with_less_of_all();
    let sizes = format!("scontrol {SIZES}");
    let changes = changed(&site, requeued(1000, &killed, &[]));
    let is_its_users = |line: &String| line.contains("TimeLimit") || line.contains("Licenses=");
    assert!(!changes.iter().any(is_its_users), "{changes:?}");
    assert_eq!(changes[0], sizes);
    let record = noted(&changes[1]);
    assert_eq!((record.time, record.limits_time), (cut(600, 30), true));
    assert!(record.relicenses() && record.memory.is_none() && record.cpus.is_none());
    // It waits for that run, and has all that it may have.
    assert_eq!(changed(&site, requeued(8000, &record, &[])), [""; 0]);
    // Its time kills it: that is the rewrite's doing.
    let dead = queued(9, "TIMEOUT", 1, 8000, &record);
    site.slurm.queue.replace(vec![dead]);
    assert_eq!(site.agent().pass(true).unwrap().requeued, 1);
}

#[test]
fn a_job_that_is_to_begin_later_by_hand_is_given_more_and_does_not_start() {
    for (begins, starts) in [(NOON + 121, true), (NOON, true), (NOON + 8 * 3600, false)] {
        let site = Site::new();
        let job = requeued(1000, &record(Some(1000)), &[("eligible_time", begins)]);
        let changes = changed(&site, job);
        assert!(changes[0].starts_with("scontrol update JobId=9 MinMemoryNode=8000"));
        let last = changes.last().unwrap();
        assert_eq!(last.ends_with(" StartTime=now"), starts, "{begins}");
    }
}

#[test]
fn what_was_raised_by_hand_stays_and_the_rest_is_given_back() {
    let timed = Record {
        time: cut(120, 30),
        limits_time: true,
        ..record(Some(1000))
    };
    for (memory, limit, expected) in [
        (1000, 30, "MinMemoryNode=8000 TimeLimit=120 TimeMin=120"),
        (1000, 600, "MinMemoryNode=8000 TimeMin=120"),
        (9000, 30, "TimeLimit=120 TimeMin=120"),
    ] {
        let site = Site::new();
        let changes = changed(&site, requeued(memory, &timed, &[("time_limit", limit)]));
        let set = changes[0].split(" AdminComment=").next().unwrap();
        assert_eq!(set, format!("scontrol update JobId=9 {expected}"));
        assert!(noted(changes.last().unwrap()).given_back);
    }
}

#[test]
fn whoever_requeued_a_job_its_node_has_time_to_clear_the_run_before_away() {
    let site = Site::new();
    let job = requeued(1000, &record(Some(1000)), &[("submit_time", NOON - 4)]);
    assert_eq!(changed(&site, job.clone()), [""; 0]);
    site.watch.0.set(NOON + 1);
    assert_eq!(changed(&site, job).len(), 2);
}

#[test]
fn a_change_that_came_too_late_is_no_refusal_of_the_site() {
    let waits = record(None);
    for (meanwhile, refused) in [
        (queued(9, "PENDING", 0, 8000, &waits), true),
        // A part of the change was made.
        (queued(9, "PENDING", 0, 1100, &waits), true),
        (queued(9, "RUNNING", 0, 8000, &waits), false),
        (queued(9, "PENDING", 1, 8000, &waits), false),
        (String::new(), false),
    ] {
        let site = Site::new();
        let rows = (1..=5).map(|id| finished(id, 900 << 20));
        site.slurm.rows.replace(rows.collect());
        site.slurm.refuses_changes.set(true);
        let seen = queued(9, "PENDING", 0, 8000, &waits);
        site.slurm.queue.replace(vec![seen]);
        let mut agent = site.agent();
        site.slurm.meanwhile.replace(Some(meanwhile.clone()));
        agent.pass(true).unwrap();
        let store = Store::open_to_read(&site.config.with_file_name("jobs.db")).unwrap();
        let noted = store.progress(REFUSED).unwrap();
        assert_eq!(noted.is_some(), refused, "{meanwhile}");
    }
}

#[test]
fn a_job_that_its_user_has_requeued_meanwhile_is_let_alone() {
    let killed = record(Some(1000));
    let dead = queued(9, "OUT_OF_MEMORY", 0, 1000, &killed);
    for (meanwhile, requeues) in [
        (None, 1),
        (Some(queued(9, "RUNNING", 1, 1000, &killed)), 0),
        (Some(queued(9, "PENDING", 1, 1000, &killed)), 0),
        (Some(String::new()), 0),
    ] {
        let site = Site::new();
        site.slurm.queue.replace(vec![dead.clone()]);
        site.slurm.meanwhile.replace(meanwhile.clone());
        let pass = site.agent().pass(true).unwrap();
        let calls = site.slurm.calls("scontrol requeue").len();
        assert_eq!(
            (pass.requeued, calls),
            (requeues, requeues),
            "{meanwhile:?}"
        );
    }
}

/// A Slurm in which the user of job 9 gives it 5000 MiB once it has been asked for alone.
struct ChangesMidway<'a>(&'a Site, Cell<bool>);

impl Commands for ChangesMidway<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let answer = self.0.slurm.run(program, arguments);
        if arguments.contains(&"--jobs") && !self.1.replace(true) {
            let job = requeued(5000, &record(Some(1000)), &[]);
            self.0.slurm.meanwhile.replace(Some(job));
        }
        answer
    }
}

/// A Slurm whose accounting takes two seconds to find its rows.
struct SlowAccounting<'a>(&'a Site, Cell<bool>);

impl Commands for SlowAccounting<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        if program == "sacct" && !self.1.replace(true) {
            self.0.watch.sleep(Duration::from_secs(2));
        }
        self.0.slurm.run(program, arguments)
    }
}

#[test]
fn what_a_user_changes_while_accounting_is_read_is_not_overwritten() {
    let waiting = |memory| queued(9, "PENDING", 0, memory, &record(None));
    for (meanwhile, is_set) in [(8000, true), (5000, false)] {
        let site = Site::new();
        let rows = (1..=5).map(|id| finished(id, 900 << 20));
        site.slurm.rows.replace(rows.collect());
        site.slurm.queue.replace(vec![waiting(8000)]);
        site.slurm.meanwhile.replace(Some(waiting(meanwhile)));
        let slow = SlowAccounting(&site, Cell::new(false));
        let mut agent = Agent::new(site.config.clone(), &slow, &site.watch).unwrap();
        assert_eq!(agent.pass(true).unwrap().decided_again, usize::from(is_set));
        assert_eq!(changes_of(&site).len(), usize::from(is_set), "{meanwhile}");
    }
}

#[test]
fn tasks_that_still_wait_are_set_where_one_has_started_meanwhile() {
    let task = |state, task: i64| {
        let job = queued(33, state, 0, 8000, &record(None));
        with(job, &[("array_job_id", 33), ("array_task_id", task)])
    };
    let waiting = [5, 6, 7].map(|n| task("PENDING", n)).join(",");
    let meanwhile = [task("RUNNING", 5), task("PENDING", 6), task("PENDING", 7)];
    let site = Site::new();
    let rows = (1..=5).map(|id| finished(id, 900 << 20));
    site.slurm.rows.replace(rows.collect());
    site.slurm.queue.replace(vec![waiting]);
    site.slurm.meanwhile.replace(Some(meanwhile.join(",")));
    let slow = SlowAccounting(&site, Cell::new(false));
    let mut agent = Agent::new(site.config.clone(), &slow, &site.watch).unwrap();
    assert_eq!(agent.pass(true).unwrap().decided_again, 1);
    let changes = changes_of(&site);
    assert!(
        changes.len() == 1 && changes[0].contains(" JobId=33_[6-7] "),
        "{changes:?}"
    );
}

#[test]
fn a_time_limit_that_its_user_has_lowered_is_not_met_with_more() {
    let mut asked = record(None);
    if let Some(asked) = &mut asked.asked {
        asked.time_s = Some(7200);
    }
    for (limit, is_timed) in [(120, true), (10, true), (9, false)] {
        let site = Site::new();
        let config = std::fs::read_to_string(&site.config).unwrap();
        std::fs::write(&site.config, config + "modes.time = 'apply'\n").unwrap();
        let rows = (1..=5).map(|id| finished(id, 900 << 20));
        site.slurm.rows.replace(rows.collect());
        let job = with(
            queued(9, "PENDING", 0, 8000, &asked),
            &[("time_limit", limit)],
        );
        let [change] = &changed(&site, job)[..] else {
            panic!("it is set at once");
        };
        assert!(change.contains("MinMemoryNode="), "{change}");
        assert_eq!(change.contains("TimeMin=10 "), is_timed, "{change}");
        assert_eq!(noted(change).shortens(), is_timed, "{change}");
    }
}
