//! Tests of the whole room.

mod broken;
mod figures;
mod forms;
mod json;

use super::dump::Reader;
use super::*;
use std::cell::RefCell;

/// What sacct prints: the header, and `rows` in its columns.
fn dump(rows: &str) -> String {
    format!("{}\n{rows}", FIELDS.replace(',', "|"))
}

fn read(rows: &str) -> (Vec<FinishedJob>, Vec<(String, u64, u64)>) {
    let text = dump(rows);
    let mut reader = Reader::new(text.as_bytes(), None).unwrap();
    let mut jobs = Vec::new();
    while let Some(job) = reader.next_job().unwrap() {
        jobs.push(job);
    }
    let rejects = reader
        .rejects
        .iter()
        .map(|(r, n)| (r.to_owned(), n.count, n.line))
        .collect();
    (jobs, rejects)
}

fn job(id: u64, state: &str, rest: &str) -> String {
    format!(
        "{id}|{id}|100|110|120|{state}|10|7|alice|physics|batch|4||1000M||00:15.000||||{rest}|1|\n"
    )
}

fn step(id: &str, start: u64, end: u64, state: &str, rss: u64, tasks: u32, total: u64) -> String {
    format!(
        "{id}|{id}|110|{start}|{end}|{state}|9|||physics||4|{tasks}||{rss}|00:15.000|cpu=0,mem={total}|||x|1|\n"
    )
}

fn jobs_of(dump: &[u8]) -> (Vec<FinishedJob>, Vec<String>) {
    let mut reader = Reader::new(dump, None).unwrap();
    let mut jobs = Vec::new();
    while let Some(job) = reader.next_job().unwrap() {
        jobs.push(job);
    }
    let reasons = reader.rejects.iter().map(|(reason, _)| reason.to_owned());
    (jobs, reasons.collect())
}

/// Three jobs with their steps; one has a name with newlines.
fn three_jobs() -> String {
    let name = job(2, "FAILED", "two\n\nlines");
    let parts = [job(1, "COMPLETED", "a"), name, job(3, "COMPLETED", "c")];
    let rows = (1..)
        .zip(parts)
        .map(|(id, row)| row + &step(&format!("{id}.batch"), 110, 120, "COMPLETED", 500, 1, 500));
    dump(&rows.collect::<String>())
}

/// Answers with the delimiter that it is given.
struct Accounting(RefCell<Vec<String>>);

impl Commands for Accounting {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let at = arguments.iter().position(|word| *word == "--delimiter");
        let delimiter = arguments[at.unwrap() + 1];
        let rest: Vec<&str> = arguments
            .iter()
            .copied()
            .take_while(|word| *word != "--allusers")
            .collect();
        self.0
            .borrow_mut()
            .push(format!("{program} {}", rest.join(" ")));
        let answer = dump(&job(33, "COMPLETED", "a"));
        Ok(answer.replace('|', delimiter).into())
    }
}

#[test]
fn runs_are_asked_for_by_the_states_in_which_they_are_over_or_by_their_number() {
    let slurm = Accounting(RefCell::default());
    let of_job = query_job(&slurm, "33").unwrap();
    let of_days = query(&slurm, 86_400, 172_800_000).unwrap();
    assert_eq!((of_job[0].job_id, &of_job), (33, &of_days));
    let asked = slurm.0.take();
    assert_eq!(asked[0], "sacct --jobs 33");
    // Less than a million is no time to Slurm.
    let days = "--starttime uts1000000 --endtime uts172800000";
    assert_eq!(asked[1], format!("sacct --state {ENDED} {days}"));
}

/// In local time it would say of no hour which of two it is.
#[test]
fn the_hour_that_comes_twice_is_asked_for_once() {
    let slurm = Accounting(RefCell::default());
    // In central Europe both are at half past two.
    let (first, second) = (1_792_888_200, 1_792_891_800);
    query(&slurm, first, second).unwrap();
    let asked = slurm.0.take().concat();
    assert!(
        asked.ends_with("--starttime uts1792888200 --endtime uts1792891800"),
        "{asked}"
    );
}
