//! The forms in which dumps come, whole and broken.

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
    let text = format!("{HEADER}\n{}", job(1, "COMPLETED", "@")).replace('|', delimiter);
    let text = text.replace('@', "a|b\nc|");
    let mut reader = Reader::new(text.as_bytes(), Some(delimiter)).unwrap();
    let job = reader.next_job().unwrap().unwrap();
    assert_eq!(job.name, "a|b\nc|");
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
        let text = format!("{HEADER}\n{broken}{good}");
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

/// Columns with lists, an empty one last.
const WOVEN: [&str; 14] = [
    "JobID",
    "Submit",
    "Start",
    "End",
    "State",
    "User",
    "ReqMem",
    "MaxRSS",
    "AllocTRES",
    "JobName",
    "NTasks",
    "AllocCPUS",
    "NNodes",
    "AdminComment",
];

/// Two jobs of two tasks each, line by line and field by field.
fn woven() -> Vec<Vec<String>> {
    let line = |text: &str| text.split('|').map(str::to_owned).collect();
    let rows = (41..43).flat_map(|id| {
        let job =
            format!("{id}|100|110|120|COMPLETED|mira|4G||cpu=4,mem=4G,node=1|weave_wool||4|1|");
        let step =
            format!("{id}.batch|110|110|120|COMPLETED|||5K|cpu=4,mem=4G,node=1|batch|2|4|1|");
        [line(&job), line(&step)]
    });
    [WOVEN.map(str::to_owned).to_vec()]
        .into_iter()
        .chain(rows)
        .collect()
}

fn written(rows: &[Vec<String>], delimiter: &str, end: &str) -> String {
    let line = |row: &Vec<String>| row.join(delimiter) + end;
    rows.iter().map(line).collect()
}

/// As spreadsheets write it, with quotes where they are needed or around all.
fn spreadsheet(rows: &[Vec<String>], needed: impl Fn(&str) -> bool) -> Vec<Vec<String>> {
    let field = |text: &String| match needed(text) {
        true => format!("\"{text}\""),
        false => text.clone(),
    };
    rows.iter()
        .map(|row| row.iter().map(field).collect())
        .collect()
}

/// As sacct prints it for people: to the right, cut to the column's width.
fn for_people(rows: &[Vec<String>], widths: impl Fn(&str) -> usize) -> String {
    let widths: Vec<usize> = rows[0].iter().map(|name| widths(name)).collect();
    let cut = |text: &str, width: usize| match text.len() > width {
        true => format!("{}+", &text[..width - 1]),
        false => format!("{text:>width$}"),
    };
    let line = |row: &Vec<String>| {
        let fields: Vec<String> = row.iter().zip(&widths).map(|(f, w)| cut(f, *w)).collect();
        fields.join(" ") + " \n"
    };
    let ruler: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let rest: String = rows[1..].iter().map(line).collect();
    format!("{}{} \n{rest}", line(&rows[0]), ruler.join(" "))
}

/// Without blanks at the ends of lines, as some editors save it.
fn shortened(text: &str) -> String {
    text.lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

#[test]
fn the_same_rows_in_another_form_are_the_same_jobs() {
    let rows = woven();
    let (right, _) = jobs_of(written(&rows, "|", "\n").as_bytes());
    assert_eq!(
        (right.len(), right[1].usage.peak_bytes),
        (2, Some(10 << 10))
    );
    let has_comma = |text: &str| text.contains(',');
    let indexed = |mut rows: Vec<Vec<String>>, name: &str| {
        for (n, row) in rows.iter_mut().enumerate() {
            let index = if n == 0 {
                name.to_owned()
            } else {
                n.to_string()
            };
            row.insert(0, index);
        }
        rows
    };
    let floats = |rows: Vec<Vec<String>>| {
        let float = |text: &String| match text.parse::<u32>() {
            Ok(_) if text.len() < 4 => format!("{text}.0"),
            _ => text.clone(),
        };
        let mut floats: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(float).collect())
            .collect();
        (0..rows.len()).for_each(|n| floats[n][0] = rows[n][0].clone());
        floats
    };
    let quoted = spreadsheet(&rows, has_comma);
    for (form, dump) in [
        ("tabs and an empty field last", written(&rows, "\t", "\n")),
        ("the same from Windows", written(&rows, "\t", "\r\n")),
        ("a tab behind each field", written(&rows, "\t", "\t\n")),
        ("quotes where needed", written(&quoted, ",", "\r\n")),
        (
            "quotes around all",
            written(&spreadsheet(&rows, |_| true), ";", "\n"),
        ),
        ("an index", written(&indexed(quoted.clone(), ""), ",", "\n")),
        (
            "a named index",
            written(&indexed(quoted, "Unnamed: 0"), ",", "\n"),
        ),
        ("missing numbers", written(&floats(rows.clone()), "|", "\n")),
        ("columns of widths", for_people(&rows, |_| 30)),
        ("blanks cut off", shortened(&for_people(&rows, |_| 30))),
        (
            "capitals",
            written(&rows, "|", "\n").replace("JobName", "JOBNAME"),
        ),
        (
            "small letters",
            written(&rows, "|", "\n").replace("COMPL", "compl"),
        ),
    ] {
        let (jobs, reasons) = jobs_of(dump.as_bytes());
        assert_eq!((&jobs, reasons), (&right, Vec::new()), "{form}\n{dump}");
    }
}

#[test]
fn what_is_cut_in_columns_of_widths_is_told_or_not_used() {
    let narrow = |name: &str| match name {
        "Submit" | "Start" | "End" => 19,
        _ => 9,
    };
    let (jobs, reasons) = jobs_of(for_people(&woven(), narrow).as_bytes());
    assert_eq!(jobs[0].name, "weave_wo+");
    assert_eq!(jobs[1].usage.peak_bytes, Some(10 << 10));
    assert!(
        reasons.len() == 1 && reasons[0].contains("--parsable2"),
        "{reasons:?}"
    );
}

#[test]
fn what_stands_before_the_header_is_passed_over_and_told() {
    let dump = written(&woven(), "|", "\n");
    for (before, left_out) in [
        ("\n\n", 0),
        ("$ sacct -aP\nloading slurm\n\n", 2),
        ("sep=|\r\n", 1),
        ("\u{feff}", 0),
    ] {
        let text = format!("{before}{dump}");
        let mut reader = Reader::new(text.as_bytes(), None).unwrap();
        let first = reader.next_job().unwrap().unwrap();
        assert_eq!(first.label, "41", "{before}");
        let lines = before.lines().count() as u64 - u64::from(before.starts_with('\u{feff}'));
        assert_eq!(reader.job_line, 2 + lines);
        let count: u64 = reader.rejects.iter().map(|(_, one)| one.count).sum();
        assert_eq!(count, left_out, "{before}");
    }
    let never = "a log\n".repeat(70) + &dump;
    let error = Reader::new(never.as_bytes(), None)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("line 1: no sacct header with JobIDRaw, Submit"),
        "{error}"
    );
    let lacking = format!("a log\n{}", dump.replace("MaxRSS", "AveRSS"));
    let error = Reader::new(lacking.as_bytes(), None)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("line 2: no sacct header with MaxRSS;"),
        "{error}"
    );
    for packed in ["\x1f\u{8b}", "PK\x03\x04", "BZh9"] {
        let bytes: Vec<u8> = packed.chars().map(|c| c as u8).collect();
        let error = Reader::new(&bytes[..], None).err().unwrap().to_string();
        assert!(error.contains("unpack"), "{error}");
    }
    let endless = vec![b'x'; 3 << 20];
    assert!(Reader::new(&endless[..], None).is_err());
}

#[test]
fn dumps_that_were_put_together_are_read_as_far_as_their_columns_are_the_same() {
    let rows = woven();
    let header = rows[0].join("|") + "\n";
    let of = |rows: &[Vec<String>]| written(rows, "|", "\n");
    let job = |at: usize| of(&rows[at..at + 2]);
    let turned: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().rev().cloned().collect())
        .collect();
    let swapped = header.replace("ReqMem|MaxRSS", "MaxRSS|ReqMem");
    let other = "it stands behind a header with other columns";
    for (dump, labels, why) in [
        (
            header.clone() + &job(1) + &header + &job(3),
            vec!["41", "42"],
            None,
        ),
        (
            header.clone() + &job(1) + "\u{feff}" + &header + &job(3),
            vec!["41", "42"],
            None,
        ),
        (
            header.clone() + &job(1) + &of(&turned),
            vec!["41"],
            Some(other),
        ),
        (
            header.clone() + &job(1) + &swapped + &job(3),
            vec!["41"],
            Some(other),
        ),
        (
            header.clone() + &swapped + &job(1) + &header + &job(3),
            vec!["42"],
            Some(other),
        ),
        // A name that holds the words of a header.
        (
            header.clone() + &job(1).replace("wool", "a|JobID|b") + &job(3),
            vec!["42"],
            Some("no record"),
        ),
        // A line of a log that begins with a figure costs no row.
        (
            header.clone() + &job(1) + "2026 has begun\n" + &job(3),
            vec!["41", "42"],
            Some("no record"),
        ),
    ] {
        let (jobs, reasons) = jobs_of(dump.as_bytes());
        let read: Vec<&str> = jobs.iter().map(|job| job.label.as_str()).collect();
        assert_eq!(read, labels, "{dump}");
        let told = why.is_some_and(|why| reasons.iter().any(|reason| reason.starts_with(why)));
        assert!(
            told || (why.is_none() && reasons.is_empty()),
            "{reasons:?}\n{dump}"
        );
    }
}

#[test]
fn rows_that_stand_twice_or_in_another_order_count_once_and_steps_of_nobody_are_told() {
    let rows = woven();
    let of = |order: &[usize]| {
        let rows: Vec<Vec<String>> = order.iter().map(|&at| rows[at].clone()).collect();
        written(&rows, "|", "\n")
    };
    let both = vec![(41, Some(10 << 10)), (42, Some(10 << 10))];
    let second = vec![(42, Some(10 << 10))];
    let first_alone = vec![(41, Some(10 << 10)), (42, None)];
    let again = "the same row again";
    let nobodys = "a step whose job does not stand before it";
    for (order, right, told) in [
        (vec![0, 1, 2, 2, 3, 4, 4], &both, vec![(again, 2, 4)]),
        (vec![0, 1, 1, 2, 3, 3, 4], &both, vec![(again, 2, 2)]),
        // Sorted, or turned around.
        (vec![0, 2, 1, 4, 3], &both, vec![]),
        (vec![0, 2, 2, 1, 1, 4, 3], &both, vec![(again, 2, 4)]),
        (vec![0, 2, 1, 3, 4], &first_alone, vec![(nobodys, 1, 5)]),
        // The beginning is missing.
        (vec![0, 2, 3, 4], &second, vec![(nobodys, 1, 2)]),
        (vec![0, 2, 4, 3], &second, vec![(nobodys, 1, 2)]),
        (vec![0, 2, 4], &vec![], vec![(nobodys, 2, 2)]),
        (vec![0, 1, 2, 4, 3], &first_alone, vec![(nobodys, 1, 4)]),
    ] {
        let text = of(&order);
        let mut reader = Reader::new(text.as_bytes(), None).unwrap();
        let mut seen = Vec::new();
        while let Some(job) = reader.next_job().unwrap() {
            seen.push((job.job_id, job.usage.peak_bytes));
        }
        assert_eq!(&seen, right, "{text}");
        let found: Vec<_> = reader
            .rejects
            .iter()
            .map(|(why, one)| (why, one.count, one.line))
            .collect();
        assert_eq!(found.len(), told.len(), "{found:?}\n{text}");
        for (found, told) in found.iter().zip(told) {
            assert!(found.0.starts_with(told.0), "{found:?}");
            assert_eq!((found.1, found.2), (told.1, told.2), "{text}");
        }
    }
    // A name that says so tells nothing of the order.
    let forged = of(&[2, 1]).replace("41", "99");
    let first = of(&[1]).replace("wool", &format!("a|b\n{forged}"));
    let (jobs, _) = jobs_of((of(&[0]) + &first + &of(&[3, 4])).as_bytes());
    let seen = jobs.last().map(|job| (job.job_id, job.usage.peak_bytes));
    assert_eq!(seen, Some(both[1]));
    // Those of a job that runs or is left out go with it.
    let left_out = of(&[0, 1, 2, 3, 4]).replacen("COMPLETED", "RUNNING", 2);
    assert_eq!(jobs_of(left_out.as_bytes()).1, Vec::<String>::new());
    let left_out = of(&[0, 1, 2, 3, 4]).replacen("COMPLETED", "WEAVING", 1);
    assert_eq!(jobs_of(left_out.as_bytes()).1, ["unknown state"]);
}
