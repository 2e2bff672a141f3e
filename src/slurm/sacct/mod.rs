//! sacct: what finished jobs used.
//!
//! A job is one allocation row followed by its step rows. Names and comments may hold delimiters
//! and newlines; our own calls therefore use a delimiter that nobody can guess, and a record is
//! complete when it has all its fields, not when a line ends.

mod dump;
mod row;
mod steps;

use super::{CommandError, Commands};
use crate::record::FinishedJob;
pub use dump::{DumpError, Reader};

/// The command that writes a dump which [`Reader`] reads: what finished jobs of the last 90 days used. Both ends are
/// named: asked for by state from a start alone, sacct looks at that moment and finds nothing.
pub fn dump_command() -> String {
    format!(
        "sacct --allusers --duplicates --parsable2 --starttime now-90days --endtime now --state {ENDED} --format {FIELDS}"
    )
}

/// What we ask for. No free text comes last: its newlines could not be told from a record's end.
const FIELDS: &str = "JobIDRaw,JobID,Submit,Start,End,State,ElapsedRaw,UID,User,Account,Partition,\
                      AllocCPUS,NTasks,ReqMem,MaxRSS,TotalCPU,TRESUsageInTot,AdminComment,Comment,JobName,NNodes";

/// The states in which a run is over. Asked for by state, sacct looks at when a run ended. Asked for
/// without, it looks at when it became eligible, and passes over runs for which slurmdbd never
/// learned that, as can happen around a restart of slurmctld.
const ENDED: &str = "BOOT_FAIL,CANCELLED,COMPLETED,DEADLINE,FAILED,NODE_FAIL,OUT_OF_MEMORY,\
                     PREEMPTED,REQUEUED,TIMEOUT";

/// Asks for all runs that ended between two times, in seconds since 1970.
pub fn query(
    commands: &dyn Commands,
    since: i64,
    until: i64,
) -> Result<Vec<FinishedJob>, CommandError> {
    let (start, end) = (local_time(since), local_time(until));
    let which = ["--state", ENDED, "--starttime", &start, "--endtime", &end];
    ask(commands, &which)
}

/// Asks for all runs of one job that have ended; `job` is a number as users see it.
pub fn query_job(commands: &dyn Commands, job: &str) -> Result<Vec<FinishedJob>, CommandError> {
    ask(commands, &["--jobs", job])
}

fn ask(commands: &dyn Commands, which: &[&str]) -> Result<Vec<FinishedJob>, CommandError> {
    let delimiter = uuid::Uuid::new_v4().simple().to_string();
    let form = [
        "--allusers",
        "--duplicates",
        "--parsable2",
        "--noconvert",
        "--delimiter",
        &delimiter,
        "--format",
        FIELDS,
    ];
    let output = commands.run("sacct", &[which, &form].concat())?;
    let unreadable = |problem: String| CommandError::Unreadable {
        command: "sacct".into(),
        problem,
    };
    let mut reader = Reader::new(&output[..], Some(&delimiter))
        .map_err(|error| unreadable(error.to_string()))?;
    let mut jobs = Vec::new();
    while let Some(job) = reader
        .next_job()
        .map_err(|error| unreadable(error.to_string()))?
    {
        jobs.push(job);
    }
    for (reason, reject) in reader.rejects.iter() {
        tracing::warn!(
            reason,
            count = reject.count,
            example = reject.example,
            "sacct rows left out"
        );
    }
    Ok(jobs)
}

/// A time as sacct's options want it.
fn local_time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map(|time| {
            time.to_zoned(jiff::tz::TimeZone::system())
                .strftime("%Y-%m-%dT%H:%M:%S")
                .to_string()
        })
        .unwrap_or_else(|_| "1970-01-01".into())
}

#[cfg(test)]
mod tests {
    use super::dump::Reader;
    use super::row::*;
    use super::*;
    use std::cell::RefCell;

    const HEADER: &str = "JobIDRaw|JobID|Submit|Start|End|State|ElapsedRaw|UID|User|Account|Partition|AllocCPUS|NTasks|ReqMem|MaxRSS|TotalCPU|TRESUsageInTot|AdminComment|JobName|NNodes";

    fn read(rows: &str) -> (Vec<FinishedJob>, Vec<(String, u64, u64)>) {
        let text = format!("{HEADER}\n{rows}");
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
            "{id}|{id}|100|110|120|{state}|10|7|alice|physics|batch|4||1000M||00:15.000|||{rest}|1\n"
        )
    }

    fn step(
        id: &str,
        start: u64,
        end: u64,
        state: &str,
        rss: u64,
        tasks: u32,
        total: u64,
    ) -> String {
        format!(
            "{id}|{id}|110|{start}|{end}|{state}|9|||physics||4|{tasks}||{rss}|00:15.000|cpu=0,mem={total}||x|1\n"
        )
    }

    #[test]
    fn steps_that_overlap_add_up_and_others_do_not() {
        let rows = job(5, "COMPLETED", "a")
            + &step("5.batch", 110, 120, "COMPLETED", 100, 1, 100)
            + &step("5.0", 110, 113, "COMPLETED", 1000, 2, 1500)
            + &step("5.1", 113, 120, "COMPLETED", 900, 2, 0);
        let (jobs, _) = read(&rows);
        assert_eq!(jobs[0].usage.peak_bytes, Some(1900));
        assert_eq!(jobs[0].usage.cores, Some(1.5));
        assert_eq!(jobs[0].memory, Some(1000 << 20));
    }

    #[test]
    fn thousands_of_short_steps_one_after_the_other_are_no_heap() {
        let mut rows =
            job(5, "COMPLETED", "a") + &step("5.batch", 110, 120, "COMPLETED", 100, 1, 100);
        for n in 0..3000 {
            rows += &step(
                &format!("5.{n}"),
                111 + n / 1000,
                111 + n / 1000,
                "COMPLETED",
                7,
                1,
                7,
            );
        }
        assert_eq!(read(&rows).0[0].usage.peak_bytes, Some(107));
    }

    #[test]
    fn a_requeued_run_that_died_of_memory_is_out_of_memory() {
        let rows = job(5, "REQUEUED", "a") + &step("5.batch", 110, 111, "OUT_OF_MEMORY", 0, 1, 0);
        let (jobs, _) = read(&rows);
        assert_eq!(jobs[0].state, "OUT_OF_MEMORY");
        assert_eq!(jobs[0].usage.peak_bytes, Some(1000 << 20));
        assert!(jobs[0].usage.peak_is_bound);
    }

    #[test]
    fn names_with_newlines_and_delimiters_cost_at_most_their_own_row() {
        let rows = job(1, "COMPLETED", "two\nlines\n")
            + &job(2, "COMPLETED", "a|b")
            + "garbage\n"
            + &job(3, "FAILED", "ok");
        let (jobs, rejects) = read(&rows);
        let names: Vec<_> = jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["two\nlines\n", "ok"]);
        assert_eq!(rejects, [("no record".to_owned(), 2, 5)]);
    }

    #[test]
    fn an_unguessable_delimiter_keeps_every_name() {
        let delimiter = "5f1e0c";
        let text = format!("{HEADER}\n{}", job(1, "COMPLETED", "@")).replace('|', delimiter);
        let text = text.replace('@', "a|b\nc|");
        let mut reader = Reader::new(text.as_bytes(), Some(delimiter)).unwrap();
        let job = reader.next_job().unwrap().unwrap();
        assert_eq!(job.name, "a|b\nc|");
    }

    #[test]
    fn what_has_not_ended_is_not_there_yet() {
        let running = "9|9|100|110|Unknown|RUNNING|10|7|a|p|b|4||1G|||||n|1\n";
        let (jobs, rejects) = read(&(job(8, "CANCELLED by 7", "a") + running));
        assert_eq!(jobs.len(), 1);
        assert_eq!(jobs[0].state, "CANCELLED");
        assert!(rejects.is_empty());
    }

    #[test]
    fn broken_rows_are_counted_with_their_line() {
        let rows = job(1, "COMPLETED", "a")
            + &job(2, "EXPLODED", "b")
            + &job(3, "FAILED", "c").replace("|120|", "||");
        let (jobs, rejects) = read(&rows);
        assert_eq!(jobs.len(), 1);
        assert_eq!(
            rejects,
            [
                ("an ended job without end time".to_owned(), 1, 4),
                ("unknown state".to_owned(), 1, 3)
            ]
        );
    }

    #[test]
    fn a_file_that_is_no_dump_says_how_to_make_one() {
        let error = Reader::new(&b"hello world\n"[..], None)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("JobIDRaw") && error.contains("sacct --allusers"),
            "{error}"
        );
    }

    #[test]
    fn times_and_memory_are_read_in_every_form() {
        assert_eq!(cpu_seconds("1-01:00:00"), Some(90_000.0));
        assert_eq!(cpu_seconds("02:03.5"), Some(123.5));
        assert_eq!(cpu_seconds(""), None);
        assert_eq!(given_memory("4Gn", 2, 8), Some(4 << 30));
        assert_eq!(given_memory("1Gc", 2, 8), Some(4 << 30));
        assert_eq!(given_memory("8192M", 2, 8), Some(4 << 30));
        assert_eq!(given_memory("0", 2, 8), None);
        assert_eq!(cpu_seconds("00:00:00"), None);
        assert_eq!(time("0"), None);
        assert_eq!(time("Unknown"), None);
        assert_eq!(time("1795305659"), Some(1_795_305_659));
    }

    #[test]
    fn tasks_and_components_have_numbers_of_their_own_above_those_of_jobs() {
        let row = |id: &str| job(1, "COMPLETED", "a").replace("1|1|", &format!("{id}|{id}|"));
        let number = |id: &str| read(&row(id)).0.first().map(|job| job.job_id);
        assert_eq!(number("33"), Some(33));
        assert_eq!(number("33_5"), Some((33 << 32) + 5));
        assert_eq!(number("33+5"), Some((33 << 32) + 5));
        let largest = number("4294967295_7").unwrap();
        assert!(i64::try_from(largest).is_ok(), "the store keeps it signed");
        assert_eq!(number("33_[5-9]"), None);
    }

    #[test]
    fn a_dump_of_fewer_columns_with_another_delimiter_is_read() {
        for delimiter in ["|", "^", "::"] {
            let dump = "JobIDRaw|Submit|Start|End|State|User|MaxRSS|JobName\n\
                1|100|110|120|COMPLETED|alice||a\n1.batch|110|110|120|COMPLETED||5M|batch\n\
                2|100|Unknown|120|CANCELLED|alice||b\n";
            let dump = dump.replace('|', delimiter);
            let mut reader = Reader::new(dump.as_bytes(), None).unwrap();
            let ran = reader.next_job().unwrap().unwrap();
            assert_eq!((ran.label.as_str(), ran.usage.elapsed_s), ("1", 10));
            assert_eq!(ran.usage.peak_bytes, Some(5 << 20));
            let never = reader.next_job().unwrap().unwrap();
            assert_eq!((never.started, never.usage.elapsed_s), (0, 0));
            assert!(reader.next_job().unwrap().is_none());
            assert_eq!((reader.rows, reader.bytes), (3, dump.len() as u64));
        }
    }

    #[test]
    fn a_run_of_no_time_kept_no_cpu_busy() {
        let (jobs, _) = read(&job(5, "FAILED", "a").replace("|10|7|", "|0|7|"));
        assert_eq!((jobs[0].usage.elapsed_s, jobs[0].usage.cores), (0, None));
    }

    #[test]
    fn a_job_whose_step_died_of_memory_and_that_went_on_keeps_its_state() {
        let killed = step("5.0", 110, 120, "OUT_OF_MEMORY", 100, 1, 100);
        let well = step("5.0", 110, 120, "COMPLETED", 100, 1, 100);
        for (state, step, read_as, is_bound) in [
            ("COMPLETED", &killed, "COMPLETED", true),
            ("FAILED", &killed, "FAILED", true),
            ("REQUEUED", &killed, "OUT_OF_MEMORY", true),
            ("REQUEUED", &well, "REQUEUED", false),
            ("OUT_OF_MEMORY", &well, "OUT_OF_MEMORY", true),
            ("COMPLETED", &well, "COMPLETED", false),
        ] {
            let (jobs, _) = read(&(job(5, state, "a") + step));
            assert_eq!(jobs[0].state, read_as);
            assert_eq!(jobs[0].usage.peak_is_bound, is_bound, "{state}");
        }
    }

    #[test]
    fn a_record_that_breaks_off_costs_no_other() {
        let good = job(9, "COMPLETED", "good");
        let lines = |count| "text\n".repeat(count);
        for (broken, rejected) in [
            ("5|5\n".to_owned(), 1),
            ("5|5|100\n".to_owned(), 1),
            // What goes on for more than 64 lines is no name.
            ("5|5\n".to_owned() + &lines(63), 1),
            ("5|5\n".to_owned() + &lines(66), 4),
        ] {
            let text = format!("{HEADER}\n{broken}{good}");
            let mut reader = Reader::new(text.as_bytes(), None).unwrap();
            let job = reader.next_job().unwrap().map(|job| job.name);
            assert_eq!(job.as_deref(), Some("good"), "{broken}");
            assert!(reader.next_job().unwrap().is_none());
            let rejects: u64 = reader.rejects.iter().map(|(_, reject)| reject.count).sum();
            assert_eq!((rejects, reader.rows), (rejected, rejected + 1));
        }
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
            let answer = format!("{HEADER}\n{}", job(33, "COMPLETED", "a"));
            Ok(answer.replace('|', delimiter).into())
        }
    }

    #[test]
    fn runs_are_asked_for_by_the_states_in_which_they_are_over_or_by_their_number() {
        let slurm = Accounting(RefCell::default());
        let of_job = query_job(&slurm, "33").unwrap();
        let of_days = query(&slurm, 86_400, 172_800).unwrap();
        assert_eq!((of_job[0].job_id, &of_job), (33, &of_days));
        let asked = slurm.0.take();
        assert_eq!(asked[0], "sacct --jobs 33");
        let days = format!(
            "--starttime {} --endtime {}",
            local_time(86_400),
            local_time(172_800)
        );
        assert_eq!(asked[1], format!("sacct --state {ENDED} {days}"));
    }
}
