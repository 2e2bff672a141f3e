//! What the figures of jobs and steps are read as.

use super::super::dump::NOT_ENDED;
use super::super::moment::Moment;
use super::super::row::*;
use super::*;
use crate::fingerprint::{Kind, Level};
use crate::job::{Ask, Layout, Memory};
use crate::record::Record;

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
            "{id}|{id}|110|{start}|{end}|COMPLETED|9|||physics||{cpus}|1||7|00:15.000||||x|{nodes}|cpu={cpus},mem={mib}M\n"
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
            ..Ask::LEAST
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
    let [most, as_much] = ["5.4", "5.5"].map(|id| given(id, 110, 120, 3, 800, 1));
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
        ("", vec![&batch, &most, &as_much], named(1000, 4)),
    ] {
        let row = format!(
            "5|5|100|110|120|COMPLETED|10|7|alice|physics|batch|4||1000M||00:15.000||{comment}||a|1|\n"
        );
        let launched = steps.iter().filter(|step| !step.contains("batch")).count() as u32;
        let launched = Some(launched).filter(|_| !steps.is_empty());
        let text = steps.into_iter().fold(row, |text, step| text + step);
        let dump = dump(&text);
        let mut reader = Reader::new(dump.as_bytes(), None).unwrap();
        let job = reader.next_job().unwrap().unwrap();
        assert_eq!(job.usage.named, right, "{dump}");
        assert_eq!(job.usage.launched, launched, "{dump}");
    }
    // Of a step on some of the nodes its share of them is known, of its CPUs nothing.
    let two = "5|5|100|110|120|COMPLETED|10|7|alice|physics|batch|8||2000M||00:15.000||||a|2|\n";
    let spread = given("5.0", 110, 120, 4, 300, 1) + &given("5.1", 120, 121, 6, 800, 2);
    let dump = dump(&format!("{two}{spread}"));
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
fn what_has_not_ended_is_not_there_yet() {
    let running = "9|9|100|110|Unknown|RUNNING|10|7|a|p|b|4||1G||||||n|1|\n";
    let (jobs, rejects) = read(&(job(8, "CANCELLED by 7", "a") + running));
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].state, "CANCELLED");
    assert_eq!(rejects, [(NOT_ENDED.to_owned(), 1, 3)]);
}

#[test]
fn times_and_memory_are_read_in_every_form() {
    assert_eq!(cpu_seconds("1-01:00:00"), Some(90_000.0));
    assert_eq!(cpu_seconds("02:03.5"), Some(123.5));
    for broken in [
        "",
        "00:03E500",
        "inf",
        "1e300-00:00:01",
        "NaN:00",
        "-1:00",
        &"9".repeat(400),
    ] {
        assert_eq!(cpu_seconds(broken), None, "{broken}");
    }
    assert_eq!(given_memory("4Gn", 2, 8), Some(4 << 30));
    assert_eq!(given_memory("1Gc", 2, 8), Some(4 << 30));
    assert_eq!(given_memory("8192M", 2, 8), Some(4 << 30));
    assert_eq!(given_memory("0", 2, 8), None);
    assert_eq!(given_memory("1Gc", 2, 0), None);
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
fn figures_that_cannot_be_are_corrected_and_told() {
    let used = |state: &str, rss: &str| {
        let row = job(5, state, "a")
            + &step("5.batch", 110, 120, "COMPLETED", 77, 1, 0)
                .replace("|77|", &format!("|{rss}|"));
        let (jobs, reasons) = jobs_of(dump(&row).as_bytes());
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
        let (jobs, reasons) = jobs_of(dump(&row).as_bytes());
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
        ..Ask::LEAST
    };
    for (mib, peak) in [(8000, 3000), (2000, 2000), (500, 1000)] {
        let record = Record::kept(Kind::default(), Some(asked(mib)), "sized");
        let row = job(5, "COMPLETED", "a")
            .replace("||||a|", &format!("||{}||a|", record.to_comment().unwrap()));
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

/// One job of two nodes with its step, of these columns alone.
fn spread(columns: &str, job: &str, step: &str) -> (FinishedJob, String, Vec<String>) {
    let text = format!(
        "JobID|Submit|Start|End|State|User|JobName|{columns}\n\
         8|100|110|120|COMPLETED|mira|weave|{job}\n8.0|110|110|120|COMPLETED||weave|{step}\n"
    );
    let mut reader = Reader::new(text.as_bytes(), None).unwrap();
    let job = reader.next_job().unwrap();
    let notes = reader.rejects.to_string();
    let reasons = reader
        .rejects
        .iter()
        .map(|(why, _)| why.to_owned())
        .collect();
    (job.unwrap_or_default(), notes, reasons)
}

#[test]
fn nodes_tasks_and_peaks_are_found_where_a_dump_has_them() {
    let gib = 1 << 30;
    for (columns, job, step, nodes, memory, peak) in [
        ("ReqMem|MaxRSS|NTasks|NNodes", "8G|||2", "|1G|4|2", 2, 4, 2),
        (
            "ReqMem|MaxRSS|NTasks|NNodes",
            "8G|||2.0",
            "|1G|4.0|2.0",
            2,
            4,
            2,
        ),
        (
            "ReqMem|MaxRSS|NTasks|NNodes",
            "8T|||2K",
            "|1G|4096|2K",
            2048,
            4,
            2,
        ),
        (
            "MaxRSS|NTasks|AllocTRES",
            "||cpu=8,mem=8G,node=2",
            "1G|4|cpu=8,mem=8G,node=2",
            2,
            4,
            2,
        ),
        (
            "ReqMem|MaxRSS|NTasks|NodeList",
            "8G|||n[1-2]",
            "|1G|2|n1",
            2,
            4,
            2,
        ),
        (
            "ReqMem|MaxRSS|NTasks|NodeList",
            "4G|||None assigned",
            "|1G|2|n1",
            1,
            4,
            2,
        ),
        // How many tasks there are is not told: their sum is.
        (
            "ReqMem|MaxRSS|TRESUsageInTot|NNodes",
            "8G|||2",
            "|1G|mem=4G|2",
            2,
            4,
            2,
        ),
        (
            "ReqMem|TRESUsageInMax|NTasks|NNodes",
            "8G|||2",
            "|cpu=9,mem=1048576K|4|2",
            2,
            4,
            2,
        ),
        (
            "ReqMem|TRESUsageInMax|NTasks|NNodes",
            "8G|||2",
            "|energy=0,mem=1073741824|4|2",
            2,
            4,
            2,
        ),
        (
            "ReqMem|MaxRSS|TRESUsageInMax|NTasks|NNodes",
            "8G||||2",
            "||mem=1G|4|2",
            2,
            4,
            2,
        ),
    ] {
        let (read, notes, _) = spread(columns, job, step);
        assert_eq!(
            (read.nodes, read.memory),
            (nodes, Some(memory * gib)),
            "{columns} {job}"
        );
        assert_eq!(read.usage.peak_bytes, Some(peak * gib), "{columns} {step}");
        assert_eq!(
            notes,
            "no TotalCPU and AllocCPUS in it: of CPUs nothing is known\n"
        );
    }
    let (read, notes, _) = spread("ReqMem|MaxRSS", "8G|", "|1G");
    assert_eq!((read.nodes, read.usage.peak_bytes), (1, Some(gib)));
    assert!(
        notes.contains("no NNodes") && notes.contains("no NTasks"),
        "{notes}"
    );
    for (columns, job, busy, elapsed) in [
        (
            "ReqMem|MaxRSS|TotalCPU|AllocCPUS|NTasks|NNodes|Elapsed",
            "||00:10|2|||00:00:05",
            2.0,
            5,
        ),
        (
            "MaxRSS|TotalCPU|AllocTRES|NTasks|NNodes|Elapsed",
            "|00:10|cpu=2|||1-00:00:00",
            10.0 / 86400.0,
            86400,
        ),
    ] {
        let (read, notes, _) = spread(columns, job, job);
        assert_eq!((read.cpus, read.usage.cores), (2, Some(busy)), "{columns}");
        assert_eq!((read.usage.elapsed_s, notes), (elapsed, String::new()));
    }
    let (_, _, reasons) = spread("ReqMem|MaxRSS|NNodes", "8G||two", "|1G|two");
    assert_eq!(reasons, ["NNodes is no number"]);
}

#[test]
fn seconds_may_have_a_fraction() {
    let time = |text| Moment::read(text).unwrap().map(|moment| moment.first);
    assert_eq!(time("1777597200.0"), Some(1_777_597_200));
    assert_eq!(time("0.0"), None);
    assert!(Moment::read("nan").is_err() && Moment::read("inf").is_err());
}
