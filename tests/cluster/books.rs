//! What accounting knows and what the store has: the same runs, each exactly once.

use crate::cluster::{Cluster, Result, eventually};
use std::path::Path;

/// Runs that ended, each named by its job and when it was submitted, sorted.
#[derive(Default)]
struct Books {
    accounting: Vec<String>,
    store: Vec<String>,
    /// Of the runs in the store, those whose use is known.
    usages: Vec<String>,
}

impl Books {
    fn agree(&self) -> bool {
        self.accounting == self.store && self.store == self.usages
    }

    fn difference(&self) -> String {
        let lacks = |what: &str, these: &[String], those: &[String]| {
            let missing = beyond(those, these);
            (!missing.is_empty()).then(|| format!("{what}: {}", missing.join(", ")))
        };
        let said = [
            lacks("the store lacks", &self.store, &self.accounting),
            lacks("accounting lacks", &self.accounting, &self.store),
            lacks("there is no usage of", &self.usages, &self.store),
            lacks("there is a usage too many of", &self.store, &self.usages),
        ];
        said.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// Those of `these` that are not, or not as often, among `those`.
fn beyond(these: &[String], those: &[String]) -> Vec<String> {
    let mut rest = those.to_vec();
    let is_missing = |run: &&String| match rest.iter().position(|other| other == *run) {
        Some(at) => {
            rest.swap_remove(at);
            false
        }
        None => true,
    };
    these.iter().filter(is_missing).cloned().collect()
}

impl Cluster {
    /// Passes until the store has every ended run that accounting knows, each exactly once. The last
    /// records reach slurmdbd a moment after the queue is empty.
    pub fn books_agree(&self) -> Result<()> {
        self.books_agree_in(&self.dir.join("shadowfit"), || self.pass().map(drop))
    }

    /// The same of the store in another folder, where something else passes.
    pub fn books_agree_in(&self, state: &Path, mut pass: impl FnMut() -> Result<()>) -> Result<()> {
        let mut books = Books::default();
        let agreed = eventually("books that agree", 20, || {
            pass()?;
            books = self.books(state)?;
            Ok(books.agree())
        });
        agreed.map_err(|_| books.difference().into())
    }

    /// For tests without shadows, which are nobody's jobs.
    fn books(&self, state: &Path) -> Result<Books> {
        let database = rusqlite::Connection::open(state.join("jobs.db"))?;
        let stored = |tables: &str| -> Result<Vec<String>> {
            let mut query = database.prepare(&format!("SELECT job_id, submitted FROM {tables}"))?;
            let runs = query.query_map([], |row| Ok(run(row.get(0)?, row.get(1)?)))?;
            Ok(sorted(runs.collect::<std::result::Result<_, _>>()?))
        };
        Ok(Books {
            accounting: sorted(self.ended_in_accounting()?),
            store: stored("jobs")?,
            usages: stored("jobs JOIN usages ON job = id")?,
        })
    }

    fn ended_in_accounting(&self) -> Result<Vec<String>> {
        // By number, not by time: what a window of time leaves out must not be left out here too.
        let last = self.jobs()?.iter().map(|job| job.id).max().unwrap_or(0);
        let all: Vec<String> = (1..=last).map(|id| id.to_string()).collect();
        let (all, format) = (all.join(","), "JobIDRaw,Submit,State");
        let command = ["env", "SLURM_TIME_FORMAT=%s", "sacct", "-a", "-D", "-X"];
        let options = ["-n", "-P", "-o", format, "-j", &all];
        let rows = self.run("root", &[&command[..], &options].concat())?;
        let ended = rows
            .lines()
            .filter(|row| !row.contains("RUNNING") && !row.contains("PENDING"));
        ended
            .map(|row| {
                let fields: Vec<&str> = row.split('|').collect();
                let [job, submitted, _] = fields[..] else {
                    return Err(row.into());
                };
                Ok(run(job.parse()?, submitted.parse()?))
            })
            .collect()
    }
}

fn run(job: i64, submitted: i64) -> String {
    format!("job {job} submitted at {submitted}")
}

fn sorted(mut runs: Vec<String>) -> Vec<String> {
    runs.sort();
    runs
}
