//! An agent that goes by events: what it asks for, and what it finds although no event told.

use super::*;
use shadowfit_core::report::doctor::examine;

/// slurmctld's folder of a job.
fn folder_of(site: &Site, id: u32) {
    let folder = format!("hash.{}/job.{id}", id % 10);
    std::fs::create_dir_all(site.config.with_file_name(folder)).unwrap();
}

/// The same, as a shadow of the job needs it.
fn submitted(site: &Site, id: u32) {
    folder_of(site, id);
    let environment = format!("hash.{}/job.{id}/environment", id % 10);
    std::fs::write(site.config.with_file_name(environment), b"\x01\0\0\0A=1\0").unwrap();
}

fn shows(site: &Site, jobs: &[String]) {
    site.slurm.queue.replace(vec![jobs.join(",")]);
}

/// An agent that has done its first pass, at a site whose slurmctld has these jobs.
fn listening<'a>(site: &'a Site, jobs: &[String]) -> Agent<'a> {
    shows(site, jobs);
    let state = site.config.parent().unwrap().to_owned();
    site.slurm.state.replace(state);
    let mut agent = site.agent();
    agent.listen();
    agent.pass(true).unwrap();
    site.slurm.calls("");
    agent
}

/// What was looked at in the queue since this was last called: job numbers, or `all`.
fn asked(site: &Site) -> Vec<String> {
    let mut asked = site.slurm.calls("squeue ");
    asked.retain(|line| !is_of_one(line));
    let which = |line: &String| {
        let mut words = line.split(' ').skip_while(|word| *word != "--jobs");
        words.nth(1).unwrap_or("all").to_owned()
    };
    asked.iter().map(which).collect()
}

/// What doctor has against how new jobs are seen.
fn problem(site: &Site) -> Option<String> {
    let findings = examine(&site.config, &site.slurm);
    let found = findings
        .into_iter()
        .find(|one| one.what.starts_with("new jobs"));
    let (what, _) = found.expect("it is said").problem?;
    Some(what)
}

/// A Slurm whose squeue takes its time.
struct Slow<'a> {
    site: &'a Site,
    takes: Duration,
}

impl Commands for Slow<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        if program == "squeue" {
            self.site.watch.sleep(self.takes);
        }
        self.site.slurm.run(program, arguments)
    }
}

/// An agent that has done its first pass there.
fn listening_to<'a>(slow: &'a Slow) -> Agent<'a> {
    let site = slow.site;
    let state = site.config.parent().unwrap().to_owned();
    site.slurm.state.replace(state);
    let mut agent = Agent::new(site.config.clone(), slow, &site.watch).unwrap();
    agent.listen();
    let _accounting_may_be_silent = agent.pass(false).unwrap();
    site.slurm.calls("");
    agent
}

/// A look at the whole queue has been long ago.
fn rest(site: &Site) {
    site.watch.0.set(site.watch.0.get() + 1);
}

#[test]
fn a_new_job_is_seen_by_its_folder_and_the_queue_is_not_asked_for() {
    let site = site_with_shadows();
    let old = queued(5, "PENDING", 0, 8000, &record(None));
    folder_of(&site, 5);
    let mut agent = listening(&site, std::slice::from_ref(&old));
    assert_eq!(problem(&site), None);
    site.slurm.calls("");
    agent.glance().unwrap();
    assert_eq!(site.slurm.calls("s").len(), 1, "accounting alone");

    let new = |shadow: String| [old.clone(), new_kind(99), new_kind(98), shadow];
    shows(&site, &new(queued(6, "RUNNING", 0, 8000, &record(None))));
    [99, 98, 6].iter().for_each(|id| submitted(&site, *id));
    assert_eq!(agent.glance().unwrap().shadows_started, 1);
    assert_eq!(asked(&site), ["98", "99"], "6 waits for nothing");

    // What its shadow shows is set in all that wait for it.
    shows(&site, &new(shadow_of(98, "RUNNING", None)));
    assert_eq!(agent.glance().unwrap(), Default::default());
    assert_eq!(asked(&site), ["77"]);
    let seen = Counters {
        peak_mib: 1000.0,
        ..Counters::nothing(Ended::Finished)
    };
    shows(&site, &new(shadow_of(98, "COMPLETED", Some(seen.into()))));
    assert_eq!(agent.glance().unwrap().shadows_ended, 1);
    assert_eq!(agent.glance().unwrap().decided_again, 2);
    assert!(!asked(&site).contains(&"all".to_owned()));
}

#[test]
fn new_jobs_are_not_forgotten_while_slurmctld_is_silent() {
    let site = site_with_shadows();
    let mut agent = listening(&site, &[]);
    shows(&site, &[new_kind(9)]);
    folder_of(&site, 19);
    site.slurm.slurmctld_is_down.set(true);
    assert!(agent.glance().is_err());
    site.slurm.slurmctld_is_down.set(false);
    site.slurm.calls("");
    agent.glance().unwrap();
    assert_eq!(
        site.slurm.calls("scontrol --all"),
        ["scontrol --all --oneliner show job 19"]
    );
}

#[test]
fn an_end_that_accounting_tells_is_rescued_and_its_dependents_wait_again() {
    let site = Site::new();
    let killed = record(Some(1000));
    let both = |state: &str, restarts, dependency: &str| {
        let job = queued(9, state, restarts, 1000, &killed);
        let waits =
            serde_json::json!({"job_id": 10, "job_state": "PENDING", "dependency": dependency});
        [job, waits.to_string()]
    };
    folder_of(&site, 9);
    let mut agent = listening(&site, &both("RUNNING", 0, "afterok:9(unfulfilled)"));
    let comment = killed.to_comment().unwrap();
    let note = "see ticket 5".into();
    site.slurm
        .ends
        .replace(vec![(9, NOON - 2, comment), (77, NOON, note)]);
    agent.glance().unwrap();
    shows(&site, &both("COMPLETING", 0, "afterok:9(unfulfilled)"));
    assert_eq!(agent.glance().unwrap(), Default::default(), "it is ending");
    shows(&site, &both("OUT_OF_MEMORY", 0, "afterok:9(failed)"));
    assert_eq!(agent.glance().unwrap().requeued, 1);
    assert_eq!(asked(&site), ["9", "9"], "77 is not ours");
    rest(&site);
    shows(&site, &both("PENDING", 1, "afterok:9(failed)"));
    let pass = agent.glance().unwrap();
    assert_eq!((pass.requeued, pass.given_back), (0, 1));
    let calls = site.slurm.calls("scontrol update");
    let mended = "scontrol update JobId=10 Dependency=afterok:9";
    assert!(calls.iter().any(|line| line == mended), "{calls:?}");
}

/// Slurm calls it COMPLETED: the queue says nothing of it, and the next look at all of it is far.
#[test]
fn a_step_that_accounting_says_was_killed_is_rescued_with_the_pass_that_reads_it() {
    let site = Site::new();
    let killed = record(Some(1000));
    folder_of(&site, 9);
    let takes = Duration::from_millis(300);
    let slow = Slow { site: &site, takes };
    shows(&site, &[queued(9, "RUNNING", 0, 1000, &killed)]);
    let mut agent = listening_to(&slow);
    let comment = killed.to_comment().unwrap();
    let step = "9.0|9.0|1|1|2|OUT_OF_MEMORY|1||||||1||7|00:01.000||||python3|1|\n";
    let row = finished(9, 990 << 20).replacen("||||align|", &format!("||{comment}||align|"), 1);
    site.slurm.rows.replace(row + step);
    shows(&site, &[queued(9, "COMPLETED", 0, 1000, &killed)]);
    asked(&site);
    rest(&site);
    assert_eq!(agent.pass(true).unwrap().requeued, 1);
    assert!(
        asked(&site).iter().all(|which| which == "9"),
        "no look at all of it"
    );
}

#[test]
fn what_no_event_told_is_found_by_the_next_look_at_the_whole_queue() {
    let site = Site::new();
    site.slurm.slurmdbd_is_down.set(true);
    let mut agent = {
        let state = site.config.parent().unwrap().to_owned();
        site.slurm.state.replace(state);
        let mut agent = site.agent();
        agent.listen();
        let _accounting_is_silent = agent.pass(false).unwrap();
        agent
    };
    folder_of(&site, 9);
    shows(
        &site,
        &[queued(9, "OUT_OF_MEMORY", 0, 1000, &record(Some(1000)))],
    );
    assert!(agent.glance().is_err(), "it says so");
    rest(&site);
    assert_eq!(agent.pass(false).unwrap().requeued, 1);
}

#[test]
fn of_many_that_ended_badly_some_are_looked_at_and_all_in_the_next_look() {
    let site = Site::new();
    let mut agent = listening(&site, &[]);
    let ids = 100..300;
    let killed = record(Some(1000));
    let jobs = |state: &dyn Fn(u32) -> (&'static str, u32)| {
        let job = |id| queued(id, state(id).0, state(id).1, 1000, &killed);
        ids.clone().map(job).collect::<Vec<_>>()
    };
    ids.clone().for_each(|id| folder_of(&site, id));
    shows(&site, &jobs(&|_| ("OUT_OF_MEMORY", 0)));
    let comment = killed.to_comment().unwrap();
    let ends = ids.clone().map(|id| (id, NOON, comment.clone()));
    site.slurm.ends.replace(ends.collect());
    agent.glance().unwrap();
    assert_eq!(agent.glance().unwrap().requeued, 64);
    assert_eq!(asked(&site).len(), 64);
    let first = |id| match id < 164 {
        true => ("PENDING", 1),
        false => ("OUT_OF_MEMORY", 0),
    };
    shows(&site, &jobs(&first));
    rest(&site);
    let pass = agent.glance().unwrap();
    assert_eq!((pass.requeued, pass.given_back), (136, 64));
    assert_eq!(asked(&site), ["all"]);
}

#[test]
fn of_many_new_jobs_some_are_looked_at_and_all_in_the_next_look() {
    let site = site_with_shadows();
    let mut agent = listening(&site, &[]);
    let ids = 1000..3000;
    ids.clone().for_each(|id| folder_of(&site, id));
    let running = |id| queued(id, "RUNNING", 0, 8000, &record(None));
    let jobs = ids.map(running).chain([new_kind(10)]);
    shows(&site, &jobs.collect::<Vec<_>>());
    agent.glance().unwrap();
    let peeked = site.slurm.calls("scontrol --all").concat();
    assert_eq!(peeked.matches("show job").count(), 500);
    assert!(peeked.ends_with("show job 2999"), "the newest");
    rest(&site);
    // Nobody has seen the folder of the one that waits.
    assert_eq!(agent.glance().unwrap().shadows_started, 1);
    assert_eq!(asked(&site), ["all"]);
    site.slurm.calls("");
    agent.glance().unwrap();
    let peeked = site.slurm.calls("scontrol --all");
    assert_eq!(peeked, [""; 0], "none is left to be looked at");
}

#[test]
fn where_the_folders_cannot_be_read_the_whole_queue_is_asked_for_and_doctor_says_so() {
    let site = site_with_shadows();
    site.slurm.state.replace("/no/such/folder".into());
    shows(&site, &[new_kind(9)]);
    let mut agent = site.agent();
    agent.listen();
    agent.pass(true).unwrap();
    agent.glance().unwrap();
    assert_eq!(asked(&site), ["all", "all"]);
    assert!(problem(&site).is_some_and(|what| what.contains("whole queue")));
    // Once they can be read, they are.
    let state = site.config.parent().unwrap().to_owned();
    site.slurm.state.replace(state);
    agent.pass(true).unwrap();
    assert_eq!(problem(&site), None);
}

#[test]
fn where_the_folders_cannot_be_read_ends_are_still_rescued_between_passes() {
    for site in [Site::new(), site_with_shadows()] {
        let killed = record(Some(1000));
        let one = |state: &str, restarts| [queued(9, state, restarts, 1000, &killed)];
        shows(&site, &one("RUNNING", 0));
        site.slurm.state.replace("/no/such/folder".into());
        let mut agent = site.agent();
        agent.listen();
        agent.pass(true).unwrap();
        let comment = killed.to_comment().unwrap();
        site.slurm.ends.replace(vec![(9, NOON, comment)]);
        agent.glance().unwrap();
        shows(&site, &one("OUT_OF_MEMORY", 0));
        assert_eq!(agent.glance().unwrap().requeued, 1);
        rest(&site);
        shows(&site, &one("PENDING", 1));
        assert_eq!(agent.glance().unwrap().given_back, 1);
    }
}

/// As another slurmctld's, or one in which the kernel does not see what the slurmctld that is active makes.
#[test]
fn a_folder_that_lacks_jobs_is_believed_again_once_it_has_reported_one() {
    let site = site_with_shadows();
    // Left by a slurmctld of yesterday: the job of today has no folder there.
    folder_of(&site, 5);
    let mut agent = listening(&site, &[queued(77, "PENDING", 0, 8000, &record(None))]);
    assert_eq!(problem(&site), None, "it may have gone meanwhile");
    let mut pass = |after| {
        site.watch.0.set(site.watch.0.get() + after);
        agent.pass(true).unwrap();
        site.slurm.calls("");
        agent.glance().unwrap();
        (problem(&site).is_none(), asked(&site).is_empty())
    };
    let passes: Vec<_> = [1, 1, 1, 1, 3600, 1].map(&mut pass).into();
    let (shown, not) = ((true, true), (false, false));
    assert_eq!(passes, [not, shown, not, not, not, not]);
    // Listed by the watch of an hour later, and not reported.
    folder_of(&site, 77);
    assert_eq!(pass(3600), not);
    folder_of(&site, 78);
    assert_eq!([pass(1), pass(1)], [(true, false), shown], "one look more");
}

#[test]
fn a_folder_that_was_put_in_the_place_of_the_old_one_is_watched_in_its_turn() {
    let site = site_with_shadows();
    let state = site.config.with_file_name("state");
    let old = state.with_file_name("old");
    std::fs::create_dir(&state).unwrap();
    let mut agent = listening(&site, &[]);
    site.slurm.state.replace(state.clone());
    agent = {
        drop(agent);
        let mut agent = site.agent();
        agent.listen();
        agent.pass(true).unwrap();
        agent
    };
    std::fs::rename(&state, &old).unwrap();
    let make = |id: u32| std::fs::create_dir_all(state.join(format!("hash.7/job.{id}"))).unwrap();
    make(77);
    shows(&site, &[queued(77, "PENDING", 0, 8000, &record(None))]);
    for _ in 0..4 {
        rest(&site);
        agent.pass(true).unwrap();
    }
    assert_eq!(problem(&site), None);
    make(97);
    site.slurm.calls("");
    agent.glance().unwrap();
    let peeked = site.slurm.calls("scontrol --all");
    assert_eq!(peeked, ["scontrol --all --oneliner show job 97"]);
}

/// A folder in which the kernel does not see what others make, as one that another host writes on a file server: what is listed
/// is whole, and no event comes.
#[test]
fn a_folder_of_which_the_kernel_never_tells_is_given_up_however_rarely_jobs_come() {
    let site = Site::new();
    let state = site.config.with_file_name("state");
    std::fs::create_dir(&state).unwrap();
    shows(&site, &[]);
    site.slurm.state.replace(state.clone());
    let mut agent = site.agent();
    agent.listen();
    agent.pass(true).unwrap();
    let mut told = Vec::new();
    for last in 1..4u32 {
        std::fs::rename(&state, state.with_file_name(format!("unseen{last}"))).unwrap();
        for id in 1..=last {
            std::fs::create_dir_all(state.join(format!("hash.{id}/job.{id}"))).unwrap();
        }
        let jobs = (1..=last).map(|id| queued(id, "PENDING", 0, 8000, &record(None)));
        shows(&site, &jobs.collect::<Vec<_>>());
        for _ in 0..4 {
            rest(&site);
            agent.pass(true).unwrap();
        }
        told.push(problem(&site).is_none());
    }
    assert_eq!(told, [true, false, false]);
}

#[test]
fn jobs_whose_shadow_has_shown_what_they_need_get_no_more_than_their_kind_is_trusted_with() {
    let site = site_with_shadows();
    let config = std::fs::read_to_string(&site.config).unwrap();
    let config = config.replace("stages = []", "stages = [1, 4]");
    std::fs::write(&site.config, config).unwrap();
    let mut agent = listening(&site, &[]);
    [98, 99].iter().for_each(|id| submitted(&site, *id));
    let both = |shadow: String| [new_kind(98), new_kind(99), shadow];
    shows(&site, &both(new_kind(5)));
    assert_eq!(agent.glance().unwrap().shadows_started, 1);
    let seen = Counters {
        peak_mib: 1000.0,
        ..Counters::nothing(Ended::Finished)
    };
    shows(&site, &both(shadow_of(98, "COMPLETED", Some(seen.into()))));
    site.slurm.calls("");
    let pass = agent.glance().unwrap();
    assert_eq!((pass.shadows_ended, pass.decided_again), (1, 2));
    let set = site.slurm.calls("scontrol update");
    let rewritten = set
        .iter()
        .filter(|call| call.contains("MinMemoryNode=1100 "));
    assert_eq!(rewritten.count(), 1, "{set:?}");
    let snapshot = Snapshot::load(&site.config.with_file_name("snapshot")).unwrap();
    assert!(!snapshot.is_open(), "slurmctld may rewrite no other");
}

#[test]
fn after_a_look_at_the_whole_queue_there_is_a_rest_of_many_times_what_it_took() {
    // How long squeue takes, in ms; whether accounting is silent, so that the queue alone tells of ends; the rest in s.
    let cases = [
        (0, false, 1),
        (300, false, 30),
        (300, true, 6),
        (2000, false, 60),
        (2000, true, 40),
        (10_000, true, 60),
    ];
    for (ms, is_silent, rest) in cases {
        let site = Site::new();
        site.slurm.slurmdbd_is_down.set(is_silent);
        let takes = Duration::from_millis(ms);
        let slow = Slow { site: &site, takes };
        let mut agent = listening_to(&slow);
        let mut seconds = 0;
        while asked(&site).is_empty() && seconds < 100 {
            site.watch.sleep(Duration::from_secs(1));
            seconds += 1;
            let _accounting_may_be_silent = agent.glance();
        }
        assert_eq!(seconds, rest, "{ms} ms, {is_silent}");
    }
}

#[test]
fn looks_that_take_long_are_rare_where_the_folders_cannot_be_read() {
    let site = site_with_shadows();
    shows(&site, &[new_kind(9)]);
    let takes = Duration::from_millis(100);
    let slow = Slow { site: &site, takes };
    site.slurm.state.replace("/no/such/folder".into());
    let mut agent = Agent::new(site.config.clone(), &slow, &site.watch).unwrap();
    agent.listen();
    agent.pass(true).unwrap();
    asked(&site);
    agent.tend(Duration::from_secs(90));
    let looks = asked(&site).len();
    assert!((40..=45).contains(&looks), "{looks} looks");
}

#[test]
fn glances_that_take_long_are_rare() {
    let site = site_with_shadows();
    shows(&site, &[new_kind(9), shadow("RUNNING", None)]);
    let takes = Duration::from_millis(100);
    let slow = Slow { site: &site, takes };
    let mut agent = listening_to(&slow);
    let (began, time) = (site.watch.elapsed(), Duration::from_secs(9));
    agent.tend(time);
    // After half a second, then each after 20 times what the one before took.
    assert_eq!(asked(&site), ["77"; 5]);
    assert_eq!(site.watch.since(began), time);
}
