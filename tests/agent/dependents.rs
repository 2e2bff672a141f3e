//! A job that runs again, for which more jobs wait than one look has time for.

use super::*;
use std::collections::BTreeMap;

/// What each command takes.
const COMMAND: Duration = Duration::from_millis(20);

/// The first of the jobs that wait for job 9.
const FIRST: u32 = 1000;

/// A Slurm in which job 9 runs again, and job 8 dies, and 1003 is changed by its user, while the dependents of 9 are seen to.
struct Busy<'a> {
    site: &'a Site,
    /// By their numbers: what they wait for, as squeue shows it.
    dependents: RefCell<BTreeMap<u32, String>>,
    /// What is said where they may not be given their dependencies anew.
    refuses: Option<&'static str>,
    given: RefCell<Vec<String>>,
    /// When job 8 died, and was put back.
    died: Cell<Option<Duration>>,
    put_back: Cell<Option<Duration>>,
}

impl<'a> Busy<'a> {
    fn new(site: &'a Site, dependents: u32, refuses: Option<&'static str>) -> Self {
        let jobs = FIRST..FIRST + dependents;
        Busy {
            site,
            dependents: RefCell::new(jobs.map(|job| (job, "afterok:9(failed)".into())).collect()),
            refuses,
            given: RefCell::default(),
            died: Cell::default(),
            put_back: Cell::default(),
        }
    }

    fn rows(&self, only: Option<u32>) -> String {
        let waits = |(job, dependency): (&u32, &String)| {
            serde_json::json!({"job_id": job, "job_state": "PENDING", "dependency": dependency})
                .to_string()
        };
        let dependents = self.dependents.borrow();
        let wanted = dependents
            .iter()
            .filter(|(job, _)| only.is_none_or(|only| **job == only));
        let state = match (self.died.get(), self.put_back.get()) {
            (Some(_), None) => "OUT_OF_MEMORY",
            _ => "RUNNING",
        };
        let others = [
            queued(9, "RUNNING", 1, 8000, &record(None).give_back()),
            queued(8, state, 0, 1000, &record(Some(1000))),
        ];
        let rows: Vec<String> = others.into_iter().chain(wanted.map(waits)).collect();
        rows.join(",")
    }

    /// `JobId=1003 Dependency=afterok:9`
    fn depend(&self, words: &[&str]) {
        let job = words[1].strip_prefix("JobId=").unwrap();
        let dependency = words[2].strip_prefix("Dependency=").unwrap();
        let mut dependents = self.dependents.borrow_mut();
        if self.refuses.is_none() {
            dependents.insert(job.parse().unwrap(), format!("{dependency}(unfulfilled)"));
        }
        let mut given = self.given.borrow_mut();
        given.push(job.into());
        if given.len() == 2 && self.refuses.is_none() {
            self.died.set(Some(self.site.watch.elapsed()));
            dependents.insert(FIRST + 3, "afterok:7(unfulfilled)".into());
        }
    }
}

impl Commands for Busy<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        self.site.watch.sleep(COMMAND);
        match (program, arguments) {
            ("squeue", _) => {
                let mut after = arguments.iter().skip_while(|word| **word != "--jobs");
                let only = after.nth(1).map(|job| job.parse().unwrap());
                Ok(squeue::answer(&self.rows(only), arguments))
            }
            ("scontrol", ["update", _, dependency]) if dependency.starts_with("Dependency=") => {
                self.depend(arguments);
                match self.refuses {
                    Some(said) => Err(CommandError::Failed {
                        command: String::new(),
                        said: said.into(),
                    }),
                    None => Ok(Vec::new()),
                }
            }
            ("scontrol", ["requeue", "8"]) => {
                self.put_back.set(Some(self.site.watch.elapsed()));
                Ok(Vec::new())
            }
            _ => self.site.slurm.run(program, arguments),
        }
    }
}

#[test]
fn however_many_wait_for_a_job_that_runs_again_others_are_rescued_within_seconds() {
    let site = Site::new();
    let slurm = Busy::new(&site, 5000, None);
    let mut agent = Agent::new(site.config.clone(), &slurm, &site.watch).unwrap();
    agent.pass(true).unwrap();
    let some = slurm.given.borrow().len();
    assert!((50..500).contains(&some), "{some} had their turn");
    agent.pass(true).unwrap();
    let died = slurm.died.get().unwrap();
    let put_back = slurm.put_back.get().expect("job 8 is put back");
    let waited = put_back - died;
    assert!(waited < Duration::from_secs(8), "{waited:?}");
    let mut passes = 0;
    while slurm.given.borrow().len() < 4999 && passes < 60 {
        agent.pass(true).unwrap();
        passes += 1;
    }
    agent.pass(true).unwrap();
    let mut given = slurm.given.take();
    assert_eq!(given.len(), 4999, "each but the one that was changed");
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 4999, "and once");
    let changed = &slurm.dependents.borrow()[&(FIRST + 3)];
    assert_eq!(changed, "afterok:7(unfulfilled)", "its user's own");
}

#[test]
fn a_pass_does_not_wait_for_those_it_put_back_longer_than_it_means_to() {
    let site = Site::new();
    let slurm = Busy::new(&site, 5000, None);
    slurm.died.set(Some(Duration::ZERO));
    let mut agent = Agent::new(site.config.clone(), &slurm, &site.watch).unwrap();
    let began = site.watch.elapsed();
    agent.pass(true).unwrap();
    let took = site.watch.elapsed() - began;
    assert!(took < Duration::from_secs(40), "{took:?}");
}

#[test]
fn a_dependency_that_slurmctld_refuses_is_tried_once_and_one_that_nobody_answered_for_again() {
    for (said, tries) in [
        ("Job dependency problem for job 1000", 1),
        ("Unable to contact slurm controller", 3),
    ] {
        let site = Site::new();
        let slurm = Busy::new(&site, 1, Some(said));
        let mut agent = Agent::new(site.config.clone(), &slurm, &site.watch).unwrap();
        for _ in 0..3 {
            agent.pass(true).unwrap();
        }
        assert_eq!(slurm.given.borrow().len(), tries, "{said}");
    }
}
