//! Records that are broken, forged, or of few columns, and what is said of them.

use super::*;

#[test]
fn names_with_newlines_and_delimiters_cost_at_most_their_own_row() {
    let rows = job(1, "COMPLETED", "two\nlines\n")
        + &job(2, "COMPLETED", "a|b")
        + "garbage\n"
        + &job(3, "FAILED", "ok");
    let (jobs, rejects) = read(&rows);
    let names: Vec<_> = jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["two\nlines\n", "ok"]);
    let told: Vec<_> = rejects
        .iter()
        .map(|(why, count, line)| (why.contains("--delimiter"), *count, *line))
        .collect();
    assert_eq!(told, [(false, 1, 6), (true, 1, 5)]);
    assert!(rejects.iter().all(|(why, ..)| why.starts_with("no record")));
}

#[test]
fn an_unguessable_delimiter_keeps_every_name() {
    let delimiter = "5f1e0c";
    let text = dump(&job(1, "COMPLETED", "@")).replace('|', delimiter);
    let text = text.replace('@', "a|b\nc|");
    let mut reader = Reader::new(text.as_bytes(), Some(delimiter)).unwrap();
    let job = reader.next_job().unwrap().unwrap();
    assert_eq!(job.name, "a|b\nc|");
}

#[test]
fn no_name_in_an_answer_is_a_header_and_costs_the_others_their_rows() {
    let delimiter = "5f1e0c";
    let name = "x".to_owned() + &"\n".repeat(64) + "JobID\nJobID|State\n";
    let rows = job(1, "COMPLETED", "a") + &job(2, "FAILED", "@") + &job(3, "COMPLETED", "c");
    let text = dump(&rows).replace('|', delimiter);
    let text = text.replace('@', &name);
    let mut reader = Reader::new(text.as_bytes(), Some(delimiter)).unwrap();
    let mut found = Vec::new();
    while let Some(job) = reader.next_job().unwrap() {
        found.push(job.job_id);
    }
    assert_eq!(found, [1, 3]);
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
        let text = dump(&format!("{broken}{good}"));
        let mut reader = Reader::new(text.as_bytes(), None).unwrap();
        let job = reader.next_job().unwrap().map(|job| job.name);
        assert_eq!(job.as_deref(), Some("good"), "{broken}");
        assert!(reader.next_job().unwrap().is_none());
        let rejects: u64 = reader.rejects.iter().map(|(_, reject)| reject.count).sum();
        assert_eq!((rejects, reader.rows), (rejected, rejected + 1));
    }
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
    // The last column is a number.
    let dump = dump.replace("|AllocTRES", "").replace("|1|\n", "|1\n");
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
    let running = "5|5|200|210|Unknown|RUNNING|10|7|a|p|b|4||1G||||||n|1|\n";
    let steps = step("5.batch", 210, 220, "RUNNING", 9, 1, 9);
    let (jobs, _) = read(&(job(5, "NODE_FAIL", "a") + running + &steps));
    assert_eq!((jobs.len(), jobs[0].usage.peak_bytes), (1, None));
}

#[test]
fn what_is_left_out_is_shown() {
    let rows =
        job(7, "EXPLODED", "a") + "no row\n" + &job(8, "FAILED", "b").replace("8|8|", "x|x|");
    let text = dump(&rows);
    let mut reader = Reader::new(text.as_bytes(), None).unwrap();
    while reader.next_job().unwrap().is_some() {}
    let shown: Vec<_> = reader
        .rejects
        .iter()
        .map(|(why, one)| (why, &one.example[..4]))
        .collect();
    assert_eq!(shown, [("no record", "no r"), ("unknown state", "7|7|")]);
}

#[test]
fn a_column_that_is_missing_is_not_the_one_without_a_name() {
    let dump = "JobID|Submit|Start|End|State|User|MaxRSS|JobName|\n";
    for missing in ["Submit", "MaxRSS", "JobName"] {
        let dump = dump.replace(missing, "Other");
        let error = Reader::new(dump.as_bytes(), None).err().unwrap();
        let named = format!("header with {missing};");
        assert!(error.to_string().contains(&named), "{error}");
    }
}

#[test]
fn rows_of_jobs_that_have_not_ended_are_counted_once_a_job() {
    let states = [
        "RUNNING",
        "PENDING",
        "SUSPENDED",
        "RESIZING",
        "STOPPED",
        "COMPLETING",
        "REQUEUE_HOLD",
        "SPECIAL_EXIT",
    ];
    let rows = (5..).zip(states).map(|(id, state)| {
        job(id, state, "weave") + &step(&format!("{id}.batch"), 110, 120, state, 9, 1, 9)
    });
    let text = dump(&(job(4, "COMPLETED", "spin") + &rows.collect::<String>()));
    let mut reader = Reader::new(text.as_bytes(), None).unwrap();
    let ended = std::iter::from_fn(|| reader.next_job().unwrap());
    assert_eq!(ended.map(|job| job.job_id).collect::<Vec<_>>(), [4]);
    assert_eq!(
        reader.rejects.to_string(),
        "8 rows left out: not ended yet; first on line 3: 5 weave RUNNING\n"
    );
}
