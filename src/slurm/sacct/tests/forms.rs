//! The forms in which the same dump comes.

use super::*;

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
        // Steps have names.
        let steps = (0..rows.len()).filter(|&n| rows[n][0].contains('.'));
        steps.for_each(|n| floats[n][0] = rows[n][0].clone());
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
    assert_eq!(jobs_of(left_out.as_bytes()).1, ["not ended yet"]);
    let left_out = of(&[0, 1, 2, 3, 4]).replacen("COMPLETED", "WEAVING", 1);
    assert_eq!(jobs_of(left_out.as_bytes()).1, ["unknown state"]);
}
