//! A shadow is started as its job is: the same arguments, whatever stands in them, and the same environment.

use crate::cluster::{Cluster, Result, checked, ensure, eventually, text};
use crate::shadow::{counters, enable, near, shadow_of, write_script};
use serde_json::json;
use std::path::Path;

/// Holds 120 MiB if arguments and environment are those of the file beside it, and fails if they are not.
const CHECK: &str = r#"#!/usr/bin/python3
import json, os, sys, time
with open(WANTED) as file:
    wanted = json.load(file)
if sys.argv[1:] != wanted["arguments"]:
    sys.exit("other arguments")
if any(os.environ.get(name) != value for name, value in wanted["environment"].items()):
    sys.exit("another environment")
if "OF_THE_AGENT" in os.environ:
    sys.exit("the agent's environment")
held = bytearray(120 << 20)
time.sleep(1)
"#;

const ENVIRONMENT: [(&str, &str); 3] = [
    ("BLANKS", " a  b "),
    ("LINES", "x\ny=z\n"),
    ("QUOTES", "'\"`$(id)\\"),
];

fn submit(cluster: &Cluster, script: &Path, arguments: &[&str]) -> Result<u64> {
    let mut command = cluster.command("alice", &["sbatch", "--parsable", "--output=/dev/null"]);
    command.arg("--mem=3000").arg(script).args(arguments);
    let output = checked(command.envs(ENVIRONMENT))?;
    Ok(text(&output.stdout).parse().map_err(|_| "no job number")?)
}

pub fn a_shadow_has_exactly_the_arguments_of_its_job(cluster: &mut Cluster) -> Result<()> {
    enable(cluster, 40, "")?;
    let many: Vec<String> = (0..1000)
        .map(|n| match n % 100 {
            0 => format!("number {n}"),
            _ => n.to_string(),
        })
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cases: [(&str, &[&str]); 4] = [
        ("none", &[]),
        ("plain", &["-n", "--mem=3", "*", "50"]),
        (
            "odd",
            &[
                "a b",
                "",
                " ",
                "x\ny",
                "  c  d ",
                "tab\there",
                "'\"`$(id)\\",
                "ü",
                "{\"a\": 1}",
                "",
            ],
        ),
        ("many", &many),
    ];
    for (name, arguments) in cases {
        let wanted = cluster.scratch.join(format!("{name}.json"));
        let environment: serde_json::Map<_, _> = ENVIRONMENT
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .into_iter()
            .collect();
        std::fs::write(
            &wanted,
            json!({"arguments": arguments, "environment": environment}).to_string(),
        )?;
        let script = CHECK.replace("WANTED", &format!("{:?}", wanted.display().to_string()));
        let script = write_script(cluster, &format!("arguments-{name}.py"), &script)?;
        let job = submit(cluster, &script, arguments)?;
        let mut shadow = None;
        eventually("a shadow", 10, || {
            let mut agent = cluster.command("root", &["shadowfitd", "--once"]);
            let environment = [("OF_THE_AGENT", "1"), ("SBATCH_TIMELIMIT", "0:01")];
            checked(agent.envs(environment))?;
            shadow = shadow_of(cluster, job)?;
            Ok(shadow.is_some() || cluster.job(job)?.record()["shadow"].is_null())
        })?;
        let shadow = shadow.ok_or_else(|| {
            format!(
                "{name}: no shadow: {}",
                cluster.job(job).map(|job| job.comment).unwrap_or_default()
            )
        })?;
        let seen = counters(cluster, shadow)?;
        ensure(seen["ended"] == "finished", format!("{name}: {seen}"))?;
        near("peak_mib", &seen["peak_mib"], 120.0, 150.0)?;
        cluster.pass_as_root()?;
        // The job itself, sized, agrees.
        cluster.wait_for(job, "COMPLETED")?;
        let sized = cluster.job(job)?.memory_mib.unwrap_or(0);
        ensure((120..300).contains(&sized), format!("{name}: {sized} MB"))?;
    }
    Ok(())
}
