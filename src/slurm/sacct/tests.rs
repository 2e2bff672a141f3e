//! Tests of the whole room.

use super::dump::Reader;
use super::moment::Moment;
use super::row::*;
use super::*;
use crate::fingerprint::{Kind, Level};
use crate::job::{Ask, Layout, Memory};
use crate::record::Record;
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

fn step(id: &str, start: u64, end: u64, state: &str, rss: u64, tasks: u32, total: u64) -> String {
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
fn what_steps_name_at_once_is_known_and_what_they_get_of_the_whole_job_is_not() {
    let given = |id: &str, start: u64, end: u64, cpus: u32, mib: u64, nodes: u32| {
        format!(
            "{id}|{id}|110|{start}|{end}|COMPLETED|9|||physics||{cpus}|1||7|00:15.000|||x|{nodes}|cpu={cpus},mem={mib}M\n"
        )
    };
    let named = |memory_mib, cpus| crate::job::Named { memory_mib, cpus };
    let batch = given("5.batch", 110, 120, 4, 1000, 1);
    let whole = given("5.0", 110, 120, 4, 1000, 1);
    let one = given("5.1", 110, 113, 1, 300, 1);
    let beside = given("5.2", 112, 120, 2, 250, 1);
    let after = given("5.3", 113, 120, 1, 299, 1);
    let set = crate::record::Change {
        mode: crate::config::Mode::Apply,
        asked: 4000,
        set: 1000,
    };
    let record = |level, named_mib, named_cpus, asked: Memory| {
        let ask = Ask {
            memory: Some(asked),
            cpus: 4,
            layout: Layout::SINGLE,
            time_s: None,
            own_time_min: false,
        };
        let evidence = crate::job::evidence::Evidence {
            named_mib,
            named_cpus,
            ..Default::default()
        };
        let record = Record {
            level: Some(level),
            memory: Some(set),
            evidence: Some(evidence),
            ..Record::kept(Kind::default(), Some(ask), "")
        };
        record.to_comment().unwrap()
    };
    let node = Memory::Node(4000);
    let sized = record(Level::Script, 550, 3, node);
    let tight = record(Level::Script, 1000, 4, node);
    let others = record(Level::Application, 1000, 4, node);
    let per_cpu = record(Level::Script, 0, 0, Memory::Cpu(1000));
    let most = given("5.4", 110, 120, 3, 800, 1);
    for (comment, steps, right) in [
        ("", vec![], named(0, 0)),
        ("", vec![&batch, &whole], named(0, 0)),
        ("", vec![&batch, &whole, &one], named(300, 1)),
        ("", vec![&batch, &one, &beside], named(550, 3)),
        ("", vec![&batch, &one, &after], named(300, 1)),
        // Of a job that has more than was named before, what its steps name shows.
        (&sized, vec![&batch, &whole], named(0, 0)),
        (&sized, vec![&batch, &one], named(300, 1)),
        // One that has just that cannot show it; its script alone tells nothing.
        (&tight, vec![&batch, &whole], named(1000, 4)),
        (&tight, vec![&batch, &one], named(300, 1)),
        (&tight, vec![&batch], named(0, 0)),
        // What others' runs named is not carried on, and a share of memory per CPU is no name.
        (&others, vec![&batch, &whole], named(0, 0)),
        (&per_cpu, vec![&batch, &one], named(0, 1)),
        // Steps that overlap.
        ("", vec![&batch, &most, &most], named(1000, 4)),
    ] {
        let row = format!(
            "5|5|100|110|120|COMPLETED|10|7|alice|physics|batch|4||1000M||00:15.000||{comment}|a|1|\n"
        );
        let text = steps.into_iter().fold(row, |text, step| text + step);
        let dump = format!("{HEADER}|AllocTRES\n{text}");
        let mut reader = Reader::new(dump.as_bytes(), None).unwrap();
        let job = reader.next_job().unwrap().unwrap();
        assert_eq!(job.usage.named, right, "{dump}");
    }
    // Of a step on some of the nodes its share of them is known, of its CPUs nothing.
    let two = "5|5|100|110|120|COMPLETED|10|7|alice|physics|batch|8||2000M||00:15.000|||a|2|\n";
    let spread = given("5.0", 110, 120, 4, 300, 1) + &given("5.1", 120, 121, 6, 800, 2);
    let dump = format!("{HEADER}|AllocTRES\n{two}{spread}");
    let mut reader = Reader::new(dump.as_bytes(), None).unwrap();
    let job = reader.next_job().unwrap().unwrap();
    assert_eq!(job.usage.named, named(400, 6));
}

#[test]
fn thousands_of_short_steps_one_after_the_other_are_no_heap() {
    let mut rows = job(5, "COMPLETED", "a") + &step("5.batch", 110, 120, "COMPLETED", 100, 1, 100);
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
    let time = |text| {
        let moment = Moment::read(text).unwrap();
        moment.map(|moment| moment.first)
    };
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
        assert_eq!((reader.rows, reader.bytes()), (3, dump.len() as u64));
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
    format!("{HEADER}\n{}", rows.collect::<String>())
}

#[test]
fn columns_stand_in_any_order() {
    let dump = three_jobs();
    let (jobs, _) = jobs_of(dump.as_bytes());
    assert_eq!(jobs.len(), 3);
    let reversed = |row: &str| {
        let fields: Vec<&str> = row.split('|').rev().collect();
        fields.join("|") + "\n"
    };
    let whole = dump.replace("two\n\nlines", "@");
    let other: String = whole.lines().map(reversed).collect();
    let (other, reasons) = jobs_of(other.replace('@', "two\n\nlines").as_bytes());
    assert_eq!((other, reasons), (jobs, Vec::new()));
}

#[test]
fn a_dump_that_passed_through_windows_is_the_same_dump() {
    let dump = three_jobs().replace("two\n\nlines", "b");
    let (jobs, _) = jobs_of(dump.as_bytes());
    assert_eq!(jobs[2].nodes, 1);
    let four_nodes = dump.replace("|1\n", "|4\n");
    let crlf = format!("\u{feff}{}", four_nodes.replace('\n', "\r\n"));
    let (windows, reasons) = jobs_of(crlf.as_bytes());
    assert_eq!(
        (&windows, reasons),
        (&jobs_of(four_nodes.as_bytes()).0, Vec::new())
    );
    assert_eq!(windows[2].nodes, 4);
    let trailing = dump.replace('\n', "|\r\n");
    assert_eq!(jobs_of(trailing.as_bytes()).0, jobs);
    for mark in [[0xff, 0xfe], [0xfe, 0xff]] {
        let utf16 = [&mark[..], b"J\0o\0b\0\n\0"].concat();
        let error = Reader::new(&utf16[..], None).err().unwrap().to_string();
        assert!(error.contains("UTF-16"), "{error}");
    }
}

#[test]
fn a_row_in_a_jobs_name_is_no_job_and_takes_no_steps() {
    let own = |peak| step("6.batch", 110, 120, "COMPLETED", peak, 1, peak);
    let forged = job(99, "COMPLETED", "forged");
    let forged_step = step("99.batch", 110, 120, "COMPLETED", 1, 1, 1);
    for inside in [
        forged.clone(),
        forged.clone() + &forged_step,
        forged.repeat(9),
    ] {
        let rows = job(6, "COMPLETED", "x") + &inside + &own(700) + &job(7, "FAILED", "y");
        let (jobs, rejects) = read(&rows);
        let seen: Vec<_> = jobs
            .iter()
            .map(|job| (job.job_id, job.usage.peak_bytes))
            .collect();
        assert_eq!(seen, [(6, Some(700)), (7, None)]);
        assert_eq!(rejects.len(), 1);
        assert_eq!(rejects[0].2, 3, "{rejects:?}");
    }
}

#[test]
fn jobs_without_steps_keep_their_order_and_lose_no_other_jobs_steps() {
    let many: String = (1..60).map(|id| job(id, "COMPLETED", "a")).collect();
    let last = job(60, "COMPLETED", "z") + &step("60.0", 110, 120, "COMPLETED", 9, 1, 9);
    let (jobs, rejects) = read(&(many + &last));
    let ids: Vec<u64> = jobs.iter().map(|job| job.job_id).collect();
    assert_eq!((ids, rejects.len()), ((1..=60).collect(), 0));
    assert_eq!(jobs[59].usage.peak_bytes, Some(9));
    // A node failed before its steps were there; its next run is still running, and the steps are that one's.
    let running = "5|5|200|210|Unknown|RUNNING|10|7|a|p|b|4||1G|||||n|1\n";
    let steps = step("5.batch", 210, 220, "RUNNING", 9, 1, 9);
    let (jobs, _) = read(&(job(5, "NODE_FAIL", "a") + running + &steps));
    assert_eq!((jobs.len(), jobs[0].usage.peak_bytes), (1, None));
}

#[test]
fn figures_that_cannot_be_are_corrected_and_told() {
    let used = |state: &str, rss: &str| {
        let row = job(5, state, "a")
            + &step("5.batch", 110, 120, "COMPLETED", 77, 1, 0)
                .replace("|77|", &format!("|{rss}|"));
        let (jobs, reasons) = jobs_of(format!("{HEADER}\n{row}").as_bytes());
        (jobs[0].usage.peak_bytes, reasons.len())
    };
    assert_eq!(used("COMPLETED", "950G"), (Some(1000 << 20), 1));
    assert_eq!(used("FAILED", "950G"), (Some(950 << 30), 0));
    assert_eq!(used("COMPLETED", "1000M"), (Some(1000 << 20), 0));
    for nothing in ["18446744073709551614", "16384P", "20H", "0", "-5", "?"] {
        assert_eq!(used("COMPLETED", nothing), (None, 0), "{nothing}");
    }
    let busy = |cpu: &str| {
        let row = job(5, "COMPLETED", "a").replace("00:15.000", cpu);
        let (jobs, reasons) = jobs_of(format!("{HEADER}\n{row}").as_bytes());
        (jobs[0].usage.cores, reasons.len())
    };
    assert_eq!(busy("00:40.000"), (Some(4.0), 0));
    // 4 CPUs for less than 11 seconds, and 5 %.
    assert_eq!(busy("00:46.000"), (Some(4.6), 0));
    assert_eq!(busy("00:46.200"), (Some(4.62), 0));
    assert_eq!(busy("00:47.000"), (None, 1));
    let (jobs, _) = read(&job(5, "COMPLETED", "a").replace("|batch|4|", "|batch||"));
    assert_eq!(jobs[0].usage.cores, Some(1.5), "its CPUs are not known");
    assert_eq!(busy("-00:-01:-30"), (None, 0));
}

#[test]
fn what_a_rewritten_job_used_where_nothing_enforces_is_kept() {
    let asked = |mib| Ask {
        memory: Some(Memory::Node(mib)),
        cpus: 1,
        layout: Layout::SINGLE,
        time_s: None,
        own_time_min: false,
    };
    for (mib, peak) in [(8000, 3000), (2000, 2000), (500, 1000)] {
        let record = Record::kept(Kind::default(), Some(asked(mib)), "sized");
        let row = job(5, "COMPLETED", "a")
            .replace("|||a|", &format!("||{}|a|", record.to_comment().unwrap()));
        let rows = row + &step("5.batch", 110, 120, "COMPLETED", 3000 << 20, 1, 0);
        let (jobs, _) = read(&rows);
        assert_eq!(jobs[0].usage.peak_bytes, Some(peak << 20), "{mib}");
    }
}

#[test]
fn times_and_states_are_read_as_sacct_prints_them_or_the_setting_at_fault_is_named() {
    let moment = |text| Moment::read(text).unwrap().unwrap();
    let zone = moment("2026-03-01T10:00:00+01:00");
    assert_eq!(zone, moment("2026-03-01T09:00:00Z"));
    for text in ["03/01-10:00:00", "Mar 01 10:00", "10:00:00", "yesterday"] {
        let error = Moment::read(text).unwrap_err();
        assert!(error.contains("SLURM_TIME_FORMAT"), "{text}");
    }
    for (cut, state) in [
        ("OUT_OF_ME+", "OUT_OF_MEMORY"),
        ("CANCELLED+", "CANCELLED"),
        ("COMPLETED", "COMPLETED"),
        ("CANCELLED by 7", "CANCELLED"),
    ] {
        assert_eq!(read(&job(5, cut, "a")).0[0].state, state);
    }
    let backwards = job(5, "COMPLETED", "a").replace("|110|120|", "|120|110|");
    assert_eq!(read(&backwards).1[0].0, "it ended before it started");
    let array = job(5, "CANCELLED", "a").replace("5|5|", "5_[6-9%2]|5_[6-9%2]|");
    assert_eq!(read(&array).1[0].0, "tasks of an array that never started");
}

#[test]
fn memory_asked_for_is_found_among_other_resources_too() {
    let dump = "JobID|Submit|Start|End|State|User|NCPUS|AllocNodes|ReqTRES|MaxRSS|JobName\n\
                1|100|110|120|COMPLETED|alice|4|2|billing=4,cpu=4,mem=8G,node=2||a\n";
    let (jobs, _) = jobs_of(dump.as_bytes());
    assert_eq!(
        (jobs[0].memory, jobs[0].cpus, jobs[0].nodes),
        (Some(4 << 30), 4, 2)
    );
}

/// Two jobs, one of them a task of an array, as `sacct --json` of one release or a later one prints them.
fn json(later: bool) -> String {
    let number = |n: u64| match later {
        true => format!(r#"{{"set":true,"infinite":false,"number":{n}}}"#),
        false => n.to_string(),
    };
    let none = if later {
        r#"{"set":false,"number":0}"#
    } else {
        "null"
    };
    let word = |text: &str| {
        if later {
            format!("[\"{text}\"]")
        } else {
            format!("\"{text}\"")
        }
    };
    let job = |id: u64, task: &str, state: &str| {
        format!(
            r#"{{"job_id":{id},"array":{{"job_id":{},"task_id":{task}}},"het":{{"job_id":0,"job_offset":{none}}},
            "time":{{"submission":100,"start":110,"end":120,"elapsed":10,"total":{{"seconds":0,"microseconds":0}}}},
            "state":{{"current":{}}},"user":"alice","account":"physics","partition":"batch","name":"a|b\nc",
            "comment":{{"administrator":null,"job":"rule_x"}},"allocation_nodes":2,
            "tres":{{"allocated":[{{"type":"cpu","count":4}}],"requested":[{{"type":"cpu","count":4}},{{"type":"mem","count":8000}}]}},
            "steps":[{{"time":{{"start":{},"end":{},"total":{{"seconds":14,"microseconds":500000}}}},"state":{},
                "tasks":{{"count":2}},"nodes":{{"count":2}},
                "tres":{{"requested":{{"max":[{{"type":"cpu","count":9}},{{"type":"mem","count":700}}],"total":[{{"type":"mem","count":1300}}]}}}}}}]}}"#,
            id - 1,
            word(state),
            number(110),
            number(120),
            word("COMPLETED")
        )
    };
    format!(
        r#"{{"meta":{{}},"jobs":[{},{}],"errors":[]}}"#,
        job(1, none, "COMPLETED"),
        job(6, &number(3), "FAILED")
    )
}

#[test]
fn json_of_every_release_is_read() {
    for later in [false, true] {
        let (jobs, reasons) = jobs_of(json(later).as_bytes());
        assert_eq!((jobs.len(), reasons), (2, Vec::new()));
        let job = &jobs[0];
        assert_eq!(
            (job.job_id, job.label.as_str(), jobs[1].label.as_str()),
            (1, "1", "5_3")
        );
        assert_eq!((job.submitted, job.started, job.ended), (100, 110, 120));
        assert_eq!(
            (job.name.as_str(), job.user_comment.as_str()),
            ("a|b\nc", "rule_x")
        );
        assert_eq!((job.nodes, job.cpus, job.memory), (2, 4, Some(4000 << 20)));
        assert_eq!(
            (job.usage.peak_bytes, job.usage.cores),
            (Some(700), Some(1.45))
        );
        assert_eq!(jobs[1].state, "FAILED");
    }
    for broken in ["{", "{}", r#"{"jobs":7}"#, "{\"jobs\":[{}]"] {
        let error = Reader::new(broken.as_bytes(), None).err().unwrap();
        assert!(error.to_string().contains("sacct --json"), "{broken}");
    }
    let (jobs, reasons) =
        jobs_of(br#"{"jobs":[{},{"job_id":"x"},{"job_id":1,"state":{"current":7}}]}"#);
    assert_eq!((jobs.len(), reasons.len()), (0, 2));
}

#[test]
fn what_is_left_out_is_shown() {
    let text = format!(
        "{HEADER}\n{}",
        job(7, "EXPLODED", "a") + "no row\n" + &job(8, "FAILED", "b").replace("8|8|", "x|x|")
    );
    let mut reader = Reader::new(text.as_bytes(), None).unwrap();
    while reader.next_job().unwrap().is_some() {}
    let shown: Vec<_> = reader
        .rejects
        .iter()
        .map(|(why, one)| (why, &one.example[..4]))
        .collect();
    assert_eq!(shown, [("no record", "no r"), ("unknown state", "7|7|")]);
}
