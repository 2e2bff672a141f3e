//! Which jobs are of one kind: tables of submissions.

mod hostile;
mod pairs;
mod parameters;
mod samples;
mod sizes;
mod started;
mod wrappers;

use super::*;

fn job(name: &str, comment: &str, script: &str, arguments: &[&str], work_dir: &str) -> Kind {
    let texts = Texts {
        name: name.as_bytes(),
        comment: comment.as_bytes(),
        script: script.as_bytes(),
        arguments: arguments.iter().map(|a| a.as_bytes()).collect(),
        work_dir: Some(work_dir.as_bytes()),
        ..Texts::default()
    };
    Kind::of(1000, &texts, Layout::SINGLE)
}

fn kind(script: &str, arguments: &[&str]) -> Kind {
    job("job.sh", "", script, arguments, "/home/alice")
}

/// What `sbatch --wrap` makes of a command.
fn wrapped(command: &str) -> String {
    format!("#!/bin/sh\n# This script was created by sbatch --wrap.\n\n{command}\n")
}

fn shown(text: &str) -> String {
    let mut out = Vec::new();
    push_arguments(&[text.as_bytes()], Data::Types, &mut out);
    String::from_utf8(out).unwrap().trim_end().to_owned()
}

/// Name and comment as far as they say something.
fn said(name: &str, comment: &str) -> String {
    let mut out = Vec::new();
    push_name(name.as_bytes(), &mut out);
    out.push(b'|');
    push_comment(comment.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

const SNAKEFILE: &str = "--snakefile '/proj/wf/Snakefile'";

fn snakemake(rules: &str, jobs: &str, run: &str) -> Kind {
    let script = wrapped(&format!(
        "/opt/conda/bin/python3.12 -m snakemake {SNAKEFILE} --target-jobs {jobs} --allowed-rules {rules} \
         --cores 'all' --wait-for-files '/data/{run}/.snakemake/tmp.{run}laie' '/data/{run}/in.txt' --force"
    ));
    job(
        "e3a94c17-88d2-4b60-a5f3-02d9c7b1f64e",
        "",
        &script,
        &[],
        "/data",
    )
}

fn nextflow(marker: &str, name: &str, inputs: &str) -> Kind {
    let script = format!(
        "#!/bin/bash\n#SBATCH -J {name}\n{marker}\nset -e\nnxf_launch() {{\n    /bin/bash -ue \
         /work/3f/8a1b2c3d4e5f60718293a4b5c6d7e8/.command.sh\n}}\nnxf_stage() {{\n{inputs}}}\nnxf_main\n"
    );
    job(
        name,
        "",
        &script,
        &[],
        "/work/3f/8a1b2c3d4e5f60718293a4b5c6d7e8",
    )
}

fn galaxy(number: u32, tool: &str) -> Kind {
    let script = format!(
        "#!/bin/sh\ncd /srv/galaxy/jobs/000/{number}\n/bin/bash /srv/galaxy/jobs/000/{number}/tool_script.sh\n"
    );
    job(
        &format!("g{number}_{tool}_bob"),
        "",
        &script,
        &[],
        "/srv/galaxy/jobs",
    )
}

fn cromwell(workflow: &str, call: &str) -> Kind {
    let script = wrapped(&format!(
        "/bin/bash /scratch/cromwell-executions/germline/{workflow}-5a77-4b1c-9a33-7b1f5d0c2e11/call-{call}/execution/script"
    ));
    job(
        &format!("cromwell_{workflow}_{call}"),
        "",
        &script,
        &[],
        "/scratch",
    )
}

fn submitit(folder: &str) -> Kind {
    let script = format!(
        "#!/bin/bash\n#SBATCH --job-name=submitit\nexport SUBMITIT_EXECUTOR=slurm\nsrun --output {folder}/%j_%t_log.out \
         /opt/conda/bin/python -u -m submitit.core._submit {folder}\n"
    );
    job("submitit", "", &script, &[], "/home/alice")
}

fn wrap(command: &str) -> Kind {
    job("wrap", "", &wrapped(command), &[], "/home/alice/study")
}

fn wrap_in(command: &str, work_dir: &str) -> Kind {
    job("wrap", "", &wrapped(command), &[], work_dir)
}

#[test]
fn keys_survive_their_text_form_and_those_of_an_earlier_scheme_are_none() {
    let kind = kind("x", &[]);
    let text = serde_json::to_string(&kind).unwrap();
    assert_eq!(serde_json::from_str::<Kind>(&text).unwrap(), kind);
    let earlier = r#"{"command":"54529462603c14ed","name":"1bbbb20ee7d98541"}"#;
    assert_eq!(
        serde_json::from_str::<Kind>(earlier).unwrap(),
        Kind::default()
    );
}

/// A job of everyday, in a folder that has a name.
fn aligned(command: &str, work_dir: &str) -> Kind {
    let script = format!("#!/bin/bash\n#SBATCH -J align\n{command}\n");
    job("align", "", &script, &[], work_dir)
}

/// Different at every level of what a script runs.
fn assert_no_key_in_common(one: Kind, other: Kind, what: &str) {
    assert_ne!(one.command, other.command, "{what}");
    assert_ne!(one.script, other.script, "{what}");
    assert_ne!(one.application, other.application, "{what}");
}
