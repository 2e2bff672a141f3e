//! shadowfit-sampler: started by SPANK beside each shadow or batch job, as root, outside of its cgroup.
//! Watches it and reports its counters through AdminComment.
#![forbid(unsafe_code)]

mod alone;
mod job;
mod news;
mod node;
mod shadow;

use clap::{Args, Parser, Subcommand, value_parser};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use shadowfit_core::config::Config;
use shadowfit_core::sampler::cgroup;
use shadowfit_core::shadow::GROUP_PREFIX;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::IsTerminal;
use std::path::Path;

const CGROUPS: &str = "/sys/fs/cgroup";
const PROC: &str = "/proc";
/// Where the samplers of a node keep each other away, and note what they have lent.
const NOTES: &str = "/run/shadowfit";
/// Files that it may open, where the node allows more.
const MOST_FILES: u64 = 8192;
/// Seconds that scontrol has to write the report.
const REPORT_TIMEOUT_S: u32 = 4;

/// Watches one shadow or job. SPANK starts it; nobody else needs to.
#[derive(Parser)]
#[command(version, name = "shadowfit-sampler")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A shadow, in its sandbox
    Shadow(Shadow),
    /// A batch job, all its steps on this node
    Job(Job),
    /// A batch job on one of its other nodes
    Node(Node),
}

#[derive(Args)]
struct Shadow {
    /// The shadow's own job
    #[arg(long)]
    job: u64,
    /// The job whose shadow it is
    #[arg(long)]
    shadow_of: String,
    /// What its cgroups are called
    #[arg(long, value_parser = group_name)]
    group: String,
    /// When its window ends, in seconds since 1970
    #[arg(long)]
    until: i64,
    /// License servers to stand in for: 27000@lic1,27001@10.0.0.7
    #[arg(long, default_value = "")]
    license_servers: String,
    /// The pipe on which the sandbox reports its pid and its end
    #[arg(long)]
    report_fd: u32,
    /// The pipe on which the sandbox learns that it is watched
    #[arg(long)]
    go_fd: u32,
}

#[derive(Args)]
struct Job {
    /// The job
    #[arg(long)]
    job: u64,
    /// A process of it
    #[arg(long)]
    pid: i32,
    /// Its user's number
    #[arg(long)]
    user: u32,
    /// The pipe on which its end is reported
    #[arg(long)]
    report_fd: u32,
    /// The pipe on which slurmstepd is asked to wait for longer
    #[arg(long)]
    wait_fd: u32,
    /// Its shadowfit.toml; empty for the one beside slurm.conf
    #[arg(long, default_value = "", value_parser = value_parser!(OsString))]
    config: OsString,
}

#[derive(Args)]
struct Node {
    /// The job
    #[arg(long)]
    job: u64,
    /// A process of it
    #[arg(long)]
    pid: i32,
    /// Its user's number
    #[arg(long)]
    user: u32,
    /// This node's name
    #[arg(long, value_parser = node_name)]
    node: String,
    /// Its shadowfit.toml; empty for the one beside slurm.conf
    #[arg(long, default_value = "", value_parser = value_parser!(OsString))]
    config: OsString,
}

/// What is killed and removed at the end must be a shadow's.
fn group_name(text: &str) -> Result<String, String> {
    let own = text.strip_prefix(GROUP_PREFIX).unwrap_or_default();
    let is_name = !own.is_empty() && own.chars().all(is_part);
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| "no name of a shadow's cgroup".into())
}

/// It comes from the job's environment, and becomes part of a path.
fn node_name(text: &str) -> Result<String, String> {
    let is_name =
        text.chars().all(is_part) && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| "no name of a node".into())
}

fn main() {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| refuse(&error));
    cgroup::leave(Path::new(CGROUPS));
    allow_more_files();
    match arguments.what {
        What::Shadow(shadow) => shadow::run(&shadow),
        What::Job(job) => job::run(&job),
        What::Node(node) => node::run(&node),
    }
}

/// A plugin of another release calls it in another way, and one of an earlier release lets it write into the job's own output.
fn refuse(error: &clap::Error) -> ! {
    if error.use_stderr() && !std::io::stderr().is_terminal() {
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// The configuration in `named`, or the default one. Without a readable one no license is watched for, no profile is left for
/// others, and no memory lent.
fn config(named: &OsStr) -> Config {
    let path = match named.is_empty() {
        true => Config::default_path(),
        false => named.into(),
    };
    Config::load(&path).unwrap_or_default()
}

/// As many as the node allows: a file is kept open for each of a job's threads.
fn allow_more_files() {
    let files = Resource::RLIMIT_NOFILE;
    if let Ok((now, most)) = getrlimit(files) {
        let _as_many_as_before = setrlimit(files, most.min(MOST_FILES).max(now), most);
    }
}

/// The end of a pipe into which this process writes, by its number.
fn pipe(fd: u32) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .open(format!("{PROC}/self/fd/{fd}"))
}

/// Of a name that becomes part of a path.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::{Arguments, What, config, group_name, node_name};
    use clap::Parser;

    /// As a C function calls it: texts as they stand there, and for its variables what they may hold.
    fn called(call: &str) -> Vec<String> {
        let value = |argument: &str| match argument.strip_prefix('"') {
            Some(text) => text.trim_end_matches('"').to_owned(),
            None if argument.ends_with("group") => "shadowfit_1".into(),
            None if argument.ends_with("node") => "n1".into(),
            // Where plugstack.conf says which.
            None if argument == "config()" => "--config".into(),
            None => "7".into(),
        };
        let arguments = call.split(',').map(str::trim);
        // The program stands there twice, and no pointer at the end.
        let arguments = arguments.skip(1).filter(|one| !one.contains("NULL"));
        arguments.map(value).collect()
    }

    #[test]
    fn it_is_started_as_spank_starts_it() {
        let calls = include_str!("../../../c_shim/spank/sampler.c").split("execl(");
        let calls: Vec<_> = calls
            .skip(1)
            .map(|rest| called(rest.split(");").next().unwrap()))
            .collect();
        let kinds: Vec<&str> = calls.iter().map(|call| call[1].as_str()).collect();
        assert_eq!(kinds, ["shadow", "job", "node"]);
        for call in calls {
            if let Err(error) = Arguments::try_parse_from(&call) {
                panic!("{call:?}: {error}");
            }
        }
    }

    #[test]
    fn plugstack_says_where_the_configuration_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.toml");
        std::fs::write(&path, "[elastic]\npool_mib = 7\n").unwrap();
        let path = path.display().to_string();
        let pool = |more: &[&str]| {
            let call = [
                "sampler",
                "node",
                "--job=7",
                "--pid=7",
                "--user=7",
                "--node=n1",
            ];
            let parsed = Arguments::try_parse_from(call.iter().chain(more)).unwrap();
            let What::Node(node) = parsed.what else {
                panic!("another program")
            };
            config(&node.config).elastic.pool_mib
        };
        assert_eq!(pool(&["--config", &path]), 7);
        assert_eq!(pool(&["--config", ""]), pool(&[]));
    }

    #[test]
    fn only_a_shadows_group_is_one() {
        assert!(group_name("shadowfit_site_7").is_ok());
        for name in ["", "shadowfit_", "slurm", "shadowfit_../x", "a/shadowfit_x"] {
            assert!(group_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn only_a_name_is_a_name() {
        for name in ["n1", "gpu-07.site.org", "a_b"] {
            assert!(node_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "../../etc/cron.d/x",
            "a/b",
            "-n",
            "a b",
            "a\n",
        ] {
            assert!(node_name(name).is_err(), "{name:?}");
        }
    }
}
