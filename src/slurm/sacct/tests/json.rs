//! What `sacct --json` of each release prints.

use super::super::dump::NOT_ENDED;
use super::*;

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

fn a_job_a_line(jobs: &str) -> String {
    let jobs: Vec<serde_json::Value> = serde_json::from_str(jobs).unwrap();
    let line = |job: &serde_json::Value| job.to_string() + "\n";
    jobs.iter().map(line).collect()
}

#[test]
fn json_that_was_put_together_or_taken_apart_is_read() {
    let whole = json(true);
    let (right, _) = jobs_of(whole.as_bytes());
    let jobs = &whole[whole.find('[').unwrap()..whole.rfind("],\"errors\"").unwrap() + 1];
    for (form, text, times) in [
        ("a byte order mark", format!("\u{feff}{whole}"), 1),
        ("two months", format!("{whole}\n{whole}"), 2),
        ("the list alone", jobs.to_owned(), 1),
        ("a job a line", a_job_a_line(jobs), 1),
    ] {
        let (read, reasons) = jobs_of(text.as_bytes());
        assert_eq!(
            (read, reasons),
            (vec![right.clone(); times].concat(), Vec::new()),
            "{form}"
        );
    }
}

#[test]
fn a_requeued_run_and_the_names_of_steps_are_known_in_json() {
    for (id, is_launched) in [
        (r#""batch""#, false),
        (r#""1.batch""#, false),
        (r#"{"job_id":1,"step_id":"extern"}"#, false),
        (r#""0""#, true),
        (r#""1.0""#, true),
        (r#"{"step_id":{"set":true,"number":0}}"#, true),
        ("4294967291", false),
        ("null", true),
    ] {
        let step = format!(
            r#"{{"step":{{"id":{id}}},"time":{{"start":110,"end":120}},"nodes":{{"count":1}},"tasks":{{"count":1}},
            "tres":{{"allocated":[{{"type":"cpu","count":1}},{{"type":"mem","count":100}}],"requested":{{"max":[]}}}}}}"#
        );
        let text = format!(
            r#"{{"jobs":[{{"job_id":1,"time":{{"submission":100,"start":110,"end":120,"elapsed":10}},"allocation_nodes":1,
            "state":{{"current":["PENDING","REQUEUED"]}},"user":"mira","name":"weave",
            "tres":{{"allocated":[{{"type":"cpu","count":4}}],"requested":[{{"type":"mem","count":800}}]}},"steps":[{step}]}}]}}"#
        );
        let (jobs, reasons) = jobs_of(text.as_bytes());
        assert_eq!((jobs[0].state.as_str(), reasons), ("REQUEUED", Vec::new()));
        let named = if is_launched { (100, 1) } else { (0, 0) };
        assert_eq!(
            (jobs[0].usage.named.memory_mib, jobs[0].usage.named.cpus),
            named,
            "{id}"
        );
    }
    let waits = r#"{"jobs":[{"job_id":1,"time":{"submission":100,"end":0},"state":{"current":["PENDING","REQUEUED"]}}]}"#;
    let waiting = vec![NOT_ENDED.to_owned()];
    assert_eq!(jobs_of(waits.as_bytes()), (Vec::new(), waiting));
}

/// The numbers of the jobs, and what was left out or noted.
fn read_whole(text: &str) -> (Vec<u64>, String) {
    let mut reader = Reader::new(text.as_bytes(), None).unwrap();
    let jobs = std::iter::from_fn(|| reader.next_job().unwrap());
    let ids = jobs.map(|job| job.job_id).collect();
    (ids, reader.rejects.to_string())
}

#[test]
fn lines_beside_json_and_numbers_that_are_none_cost_no_job() {
    let whole = json(true);
    let odd = whole.replace(
        r#""elapsed":10"#,
        r#""limit":Infinity,"idle":-NaN,"elapsed":10"#,
    );
    let before = "1 rows left out: before the header; first on line 1";
    let beside = "1 rows left out: no JSON; first on line";
    let behind = 1 + whole.matches('\n').count();
    let after = 2 + whole.matches('\n').count();
    let one = vec![1, 6];
    for (text, ids, told) in [
        (odd.clone(), one.clone(), String::new()),
        (
            format!("sacct: slow\n{whole}"),
            one.clone(),
            format!("{before}: sacct: slow\n"),
        ),
        (
            format!("[mira@front ~]$ sacct --json\n{odd}"),
            one.clone(),
            format!("{before}: [mira@front ~]$ sacct --json\n"),
        ),
        (
            format!("{whole}\nsacct: bye {{\n"),
            one.clone(),
            format!("{beside} {after}: sacct: bye {{\n"),
        ),
        (
            format!("{odd} done\n"),
            one.clone(),
            format!("{beside} {behind}: done\n"),
        ),
        (
            format!("{whole}\n[mira@front ~]$ sacct --json\n{whole}"),
            vec![1, 6, 1, 6],
            format!("{beside} {after}: [mira@front ~]$ sacct --json\n"),
        ),
        (
            r#"{"jobs":[],"errors":[{"error":"x","description":"No way to slurmdbd"}]}"#.into(),
            vec![],
            "sacct says: No way to slurmdbd\n".into(),
        ),
        (
            r#"{"errors":[{"error_number":7,"error":"Gone"},"plain"]}"#.into(),
            vec![],
            "sacct says: Gone\nsacct says: plain\n".into(),
        ),
    ] {
        assert_eq!(read_whole(&text), (ids, told), "{text}");
    }
}

#[test]
fn a_prompt_before_a_table_is_passed_over_and_an_error_names_its_line_once() {
    let rows = job(4, "COMPLETED", "spin");
    for prompt in [
        "[mira@front ~]$ sacct -P",
        "[1]+ Done",
        "{mira} sacct",
        "$ sacct",
    ] {
        let (ids, told) = read_whole(&format!("{prompt}\n{}", dump(&rows)));
        let right = format!("1 rows left out: before the header; first on line 1: {prompt}\n");
        assert_eq!((ids, told), (vec![4], right));
    }
    let broken = Reader::new(&b"sacct: slow\n{\"jobs\":[7}"[..], None);
    let error = anyhow::Error::from(broken.err().unwrap());
    let told = format!("{error:#}");
    assert_eq!(told.matches("line 2").count(), 1, "{told}");
}
