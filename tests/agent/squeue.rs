//! squeue, as it answers when it is asked for fields: from jobs as its JSON has them.

use serde_json::Value;

fn text(value: &Value) -> String {
    let number = value["set"].as_bool().filter(|set| !set).is_none();
    match value {
        Value::Object(object) if number => object["number"].to_string(),
        Value::Array(all) => all.first().map(text).unwrap_or_default(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Object(_) => String::new(),
        other => other.to_string(),
    }
}

fn field(job: &Value, name: &str) -> String {
    let of = |name: &str| text(&job[name]);
    let or = |first: String, second: String| if first.is_empty() { second } else { first };
    let none = |text: String, none: &str| or(text, none.into());
    let mib = |text: String| {
        if text.is_empty() {
            text
        } else {
            format!("{text}M")
        }
    };
    let null = |name: &str| none(of(name), "(null)");
    match name {
        "jobid" => of("job_id"),
        "arrayjobid" => match of("array_job_id").as_str() {
            "" | "0" => of("job_id"),
            array => array.into(),
        },
        "arraytaskid" => match of("array_job_id").as_str() {
            "" | "0" => "N/A".into(),
            _ => none(or(of("array_task_string"), of("array_task_id")), "N/A"),
        },
        "state" => of("job_state"),
        "reason" => none(of("state_reason"), "None"),
        "prioritylong" => none(of("priority"), "4294901000"),
        "userid" => of("user_id"),
        "groupid" => of("group_id"),
        "username" => of("user_name"),
        "minmemory" => or(mib(of("memory_per_node")), mib(of("memory_per_cpu"))),
        "restartcnt" => none(of("restart_cnt"), "0"),
        "nodelist" => of("nodes"),
        "starttime" => none(of("start_time"), "N/A"),
        "submittime" => none(of("submit_time"), "N/A"),
        "eligibletime" => none(of("eligible_time"), "N/A"),
        "timelimit" => match of("time_limit").as_str() {
            "" => "NOT_SET".into(),
            minutes => format!("{minutes}:00"),
        },
        "cpus-per-task" => none(of("cpus_per_task"), "N/A"),
        "numcpus" => of("cpus"),
        "feature" => null("features"),
        "workdir" => of("current_working_directory"),
        "admin_comment" => of("admin_comment"),
        "account" | "partition" | "name" | "command" | "comment" | "dependency" => null(name),
        _ => panic!("squeue knows no field {name}"),
    }
}

/// What squeue prints of `jobs`, a list in JSON without its brackets, when it is given these arguments.
pub fn answer(jobs: &str, arguments: &[&str]) -> Vec<u8> {
    let after = |option: &str| {
        let mut words = arguments.iter().skip_while(|word| **word != option);
        words.nth(1).copied()
    };
    let jobs: Vec<Value> = serde_json::from_str(&format!("[{jobs}]")).expect("a list of jobs");
    let format = after("SQUEUE_FORMAT2").expect("squeue is asked for fields");
    let is_wanted = |job: &&Value| {
        let ids = [text(&job["job_id"]), text(&job["array_job_id"])];
        after("--jobs").is_none_or(|wanted| ids.iter().any(|id| id == wanted))
    };
    let row = |job: &Value| {
        let fields = format.split(',').map(|one| {
            let (name, mark) = one.split_once(':').expect("a mark behind each field");
            field(job, name) + mark
        });
        fields.collect::<String>() + "\n"
    };
    let jobs: Vec<Value> = jobs.into_iter().filter(|job| is_wanted(&job)).collect();
    let shown = match arguments.contains(&"--array") {
        true => jobs.iter().flat_map(each_task).collect(),
        false => folded(jobs),
    };
    let rows: String = shown.iter().map(row).collect();
    rows.into_bytes()
}

/// Tasks that wait together, one by one.
fn each_task(job: &Value) -> Vec<Value> {
    let tasks = text(&job["array_task_string"]);
    let number = |text: &str| text.parse::<u64>().ok();
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(number(first)?..=number(last)?)
    };
    let list = tasks.split('%').next().unwrap_or_default();
    let ranges: Option<Vec<_>> = list.split(',').map(range).collect();
    let one = |task: u64| {
        let mut one = job.clone();
        one["array_task_string"] = "".into();
        one["array_task_id"] = task.into();
        one
    };
    match ranges {
        Some(ranges) => ranges.into_iter().flatten().map(one).collect(),
        None => vec![job.clone()],
    }
}

/// Of the tasks of an array that wait those alone that wait together, where there are some: as the tasks of all.
fn folded(jobs: Vec<Value>) -> Vec<Value> {
    let waits = |job: &Value| text(&job["job_state"]) == "PENDING";
    let is_together = |job: &Value| waits(job) && !text(&job["array_task_string"]).is_empty();
    let array = |job: &Value| text(&job["array_job_id"]);
    let together = jobs.iter().filter(|job| is_together(job));
    let arrays: Vec<String> = together.map(array).collect();
    let is_hidden = |job: &Value| waits(job) && !is_together(job) && arrays.contains(&array(job));
    let (hidden, mut shown): (Vec<Value>, Vec<Value>) = jobs.into_iter().partition(is_hidden);
    for job in shown.iter_mut().filter(|job| is_together(job)) {
        let theirs = hidden.iter().filter(|one| array(one) == array(job));
        let tasks = theirs.map(|one| text(&one["array_task_id"]) + ",");
        let tasks = tasks.collect::<String>() + &text(&job["array_task_string"]);
        job["array_task_string"] = tasks.into();
    }
    shown
}

/// What scontrol prints of those of `jobs` that its lines, `show job 9`, ask for.
#[allow(dead_code, reason = "the tests of the rooms alone have no agent")]
pub fn shown(jobs: &str, lines: &[&str]) -> Vec<u8> {
    let jobs: Vec<Value> = serde_json::from_str(&format!("[{jobs}]")).expect("a list of jobs");
    let wanted: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("show job "))
        .collect();
    let is_wanted = |job: &&Value| {
        let ids = [text(&job["job_id"]), text(&job["array_job_id"])];
        ids.iter().any(|id| wanted.contains(&id.as_str()))
    };
    let line = |job: &Value| {
        let of = |name: &str| field(job, name);
        format!(
            "JobId={} JobName={} JobState={} AdminComment={} \n",
            of("jobid"),
            of("name"),
            of("state"),
            of("admin_comment"),
        )
    };
    let lines: String = jobs.iter().filter(is_wanted).map(line).collect();
    lines.into_bytes()
}
