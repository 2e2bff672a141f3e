//! squeue's answer, one job at a time: fields that are asked for by name, between marks that nobody can guess. Its
//! JSON takes ten times as long, some seventy kilobytes of memory a job, and on 22.05 holds the whole queue
//! whichever job is asked for.

use memchr::memmem::{self, Finder};
use std::borrow::Cow;
use std::io::{self, BufRead, Read};

/// What squeue is asked for. A field that some release does not know would cost all of them.
const FIELDS: [&str; 27] = [
    "jobid",
    "arrayjobid",
    "arraytaskid",
    "state",
    "reason",
    "prioritylong",
    "userid",
    "groupid",
    "username",
    "account",
    "partition",
    "minmemory",
    "restartcnt",
    "dependency",
    "nodelist",
    "starttime",
    "feature",
    "workdir",
    "command",
    "name",
    "comment",
    "admin_comment",
    // From here on of a job that is asked for alone.
    "submittime",
    "eligibletime",
    "timelimit",
    "cpus-per-task",
    "numcpus",
];

/// So many of them are asked for of each job of a whole queue, where each costs.
const OF_MANY: usize = 22;

/// So many of them say which tasks of an array are one job, and wait.
const OF_TASKS: usize = 4;

/// How squeue writes that there is nothing.
const NOTHING: [&[u8]; 4] = [b"(null)", b"N/A", b"n/a", b"NONE"];

/// A larger job is none, in bytes.
const MAX_JOB: usize = 1 << 20;

/// Whether a job may matter here, by its bytes: it has a comment of ours, or depends on something that has failed.
pub fn matters(job: &[u8]) -> bool {
    let holds = |text: &[u8]| memmem::find(job, text).is_some();
    holds(b"shadowfit") || holds(b"(failed)")
}

/// The marks of one answer. Names and comments hold any bytes, newlines included.
pub struct Marks {
    between: String,
    end: String,
    fields: &'static [&'static str],
}

impl Marks {
    /// Marks that nobody has seen before, for what is asked for of many jobs.
    pub fn new() -> Marks {
        Marks::between(&FIELDS[..OF_MANY])
    }

    /// The same for all that is ever asked for of a job.
    pub fn of_one() -> Marks {
        Marks::between(&FIELDS)
    }

    /// For which tasks are of which job. No user has a say in any of these words: no mark need be secret, or long.
    pub fn of_tasks() -> Marks {
        Marks {
            between: "|".into(),
            end: "|.".into(),
            fields: &FIELDS[..OF_TASKS],
        }
    }

    fn between(fields: &'static [&'static str]) -> Marks {
        let mark = uuid::Uuid::new_v4().simple().to_string();
        Marks {
            between: format!("|{mark}|"),
            end: format!("|{mark}."),
            fields,
        }
    }

    /// As `squeue --Format` takes it.
    pub fn format(&self) -> String {
        let last = self.fields.len() - 1;
        let field = |(n, name): (usize, &&str)| {
            let mark = if n == last { &self.end } else { &self.between };
            format!("{name}:{mark}")
        };
        let fields: Vec<String> = self.fields.iter().enumerate().map(field).collect();
        fields.join(",")
    }

    /// Calls `take` with each job that passes `only`; one that cannot be read is left out. Returns whether the
    /// answer was whole.
    pub fn each_row(
        &self,
        input: &mut dyn BufRead,
        only: fn(&[u8]) -> bool,
        mut take: impl FnMut(&QueueRow),
    ) -> io::Result<bool> {
        let end = format!("{}\n", self.end);
        let between = Finder::new(&self.between);
        let mut job = Vec::new();
        loop {
            let most = (MAX_JOB + end.len()) as u64;
            if (&mut *input).take(most).read_until(b'\n', &mut job)? == 0 {
                return Ok(job.is_empty());
            }
            match job.strip_suffix(end.as_bytes()) {
                Some(row) => {
                    if only(row) {
                        self.read(&between, row, &mut take);
                    }
                    job.clear();
                }
                // What is left of it has too few fields.
                None if job.len() > MAX_JOB => job = b"?".to_vec(),
                None => {}
            }
        }
    }

    fn read(&self, between: &Finder, row: &[u8], take: &mut impl FnMut(&QueueRow)) {
        let mut fields = Vec::with_capacity(self.fields.len());
        let mut from = 0;
        for at in between.find_iter(row) {
            fields.push(Cow::Borrowed(&row[from..at]));
            from = at + between.needle().len();
        }
        fields.push(Cow::Borrowed(&row[from..]));
        match fields.len() == self.fields.len() {
            true => take(&QueueRow(fields)),
            false => tracing::warn!(
                fields = fields.len(),
                "a job in squeue's answer is left out"
            ),
        }
    }
}

/// One job.
pub struct QueueRow<'a>(Vec<Cow<'a, [u8]>>);

impl QueueRow<'_> {
    /// One whose fields are found otherwise, by their names for squeue.
    pub fn named(field: impl Fn(&str) -> String) -> QueueRow<'static> {
        let value = |name: &&str| Cow::Owned(field(name).into_bytes());
        QueueRow(FIELDS.iter().map(value).collect())
    }

    /// A field by its name for squeue; empty where there is nothing, or where it was not asked for.
    pub fn text(&self, name: &str) -> String {
        let at = FIELDS.iter().position(|field| *field == name);
        let field = at.and_then(|at| self.0.get(at));
        let field = field.map_or(&b""[..], |field| &**field);
        match NOTHING.contains(&field) {
            true => String::new(),
            false => String::from_utf8_lossy(field).into_owned(),
        }
    }

    /// The same as a number.
    pub fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.text(name).trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::each_spoiled;
    use super::*;

    /// An answer with these values of job number and comment, and `name` in all.
    fn answer(marks: &Marks, jobs: &[(&str, &str)], name: &str) -> Vec<u8> {
        let row = |(id, comment): &(&str, &str)| {
            let value = |field: &&str| match *field {
                "jobid" => (*id).to_owned(),
                "admin_comment" => (*comment).to_owned(),
                "name" => name.to_owned(),
                _ => "(null)".to_owned(),
            };
            let values: Vec<String> = marks.fields.iter().map(value).collect();
            values.join(&marks.between) + &marks.end + "\n"
        };
        jobs.iter().map(row).collect::<String>().into_bytes()
    }

    /// The numbers of the jobs that matter, read in pieces of `size` bytes; `None` where the answer is not whole.
    fn ids(marks: &Marks, answer: &[u8], size: usize) -> Option<Vec<u64>> {
        let mut found = Vec::new();
        let mut input = io::BufReader::with_capacity(size, answer);
        let is_whole = marks.each_row(&mut input, matters, |job| {
            found.extend(job.number::<u64>("jobid"));
        });
        is_whole.unwrap().then_some(found)
    }

    #[test]
    fn jobs_are_found_whatever_their_names_hold() {
        let marks = Marks::new();
        let ours = r#"{"shadowfit":1}"#;
        let jobs = [("1", ours), ("2", ""), ("3", "(failed)"), ("x", ours)];
        for name in ["a", "a\nb|\n\n|", "|.\n1|2|3", "\u{1f}\0(null)"] {
            let answer = answer(&marks, &jobs, name);
            for size in [1, 7, 4096] {
                assert_eq!(ids(&marks, &answer, size), Some(vec![1, 3]), "{name:?}");
            }
            let cut = &answer[..answer.len() - 2];
            assert_eq!(ids(&marks, cut, 7), None, "half a job");
        }
        let strangers = answer(&Marks::new(), &jobs, "a");
        assert_eq!(ids(&marks, &strangers, 7), None, "marks of another answer");
        assert_eq!(ids(&marks, b"", 7), Some(vec![]));
    }

    #[test]
    fn a_job_that_is_too_large_or_has_other_fields_costs_itself_alone() {
        let marks = Marks::new();
        let ours = r#"{"shadowfit":1}"#;
        let huge = "x".repeat(3 * MAX_JOB);
        let more = format!("a{}b", marks.between);
        for name in [huge.as_str(), more.as_str()] {
            let parts = [
                answer(&marks, &[("1", ours)], "a"),
                answer(&marks, &[("2", ours)], name),
                answer(&marks, &[("3", ours)], "a"),
            ];
            assert_eq!(ids(&marks, &parts.concat(), 4096), Some(vec![1, 3]));
        }
    }

    #[test]
    fn no_bytes_make_it_fail() {
        let marks = Marks::new();
        let answer = answer(&marks, &[("1", r#"{"shadowfit":1}"#)], "a");
        each_spoiled(&answer, |mut answer| {
            let _whatever_it_is = marks.each_row(&mut answer, matters, |_| {});
        });
    }
}
