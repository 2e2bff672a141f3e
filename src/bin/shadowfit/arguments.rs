//! The command line.

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use shadowfit_core::replay::{DecideAt, Split};
use shadowfit_core::report::savings::By;
use shadowfit_core::slurm::sbatch::{Sbatch, Submission};
use std::path::PathBuf;

/// Audits, explains and predicts what shadowfit does with batch jobs.
#[derive(Parser)]
#[command(version)]
pub struct CommandLine {
    /// The configuration; default: $SHADOWFIT_CONFIG, else shadowfit.toml beside slurm.conf
    #[arg(long, global = true)]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// What was requested, set, used and saved
    Report(Report),
    /// Why a job got what it got
    Explain {
        /// A job or array task as sacct names it: 33 or 33_5
        job: String,
    },
    /// What a job did, over time
    Profile(Profile),
    /// What would be decided about a script, without submitting it
    Predict(Predict),
    /// Runs a script as a shadow, in a sandbox that throws away all it does, and reports what it needs
    Shadow(RunShadow),
    /// What shadowfit would have saved on past jobs, and how many it would have hurt
    Replay(ReplayArguments),
    /// Take a dump of finished jobs into the database
    Import {
        /// A file that sacct --parsable2 wrote, or - for standard input
        #[arg(required_unless_present = "print_command")]
        file: Option<PathBuf>,
        /// Print the sacct command that writes such a file, and do nothing else
        #[arg(long)]
        print_command: bool,
    },
    /// Train from what is new in the database and publish the snapshot
    Train {
        /// Forget the old snapshot and train from everything
        #[arg(long)]
        all: bool,
    },
    /// The database: is it whole, copied, brought back, made smaller, handed on
    Db {
        #[command(subcommand)]
        what: Db,
    },
    /// Is everything loaded, fresh and readable?
    Doctor,
}

#[derive(Subcommand)]
pub enum Db {
    /// Is the file whole?
    Check,
    /// Copy it, while the agent works
    Backup {
        /// A file that is not there yet
        file: PathBuf,
    },
    /// Put a backup in its place; stop shadowfitd first
    Restore {
        /// A backup
        file: PathBuf,
    },
    /// Give back the space of what is gone
    Vacuum,
    /// Write every run as CSV
    Export {
        /// A file, or - for standard output
        file: PathBuf,
        /// The sums by month of runs that were too old to be kept, instead
        #[arg(long)]
        sums: bool,
    },
    /// Begin anew: shadowfitd fills it from accounting; stop it first
    Rebuild,
}

#[derive(Args)]
pub struct Report {
    /// Runs that ended at or after this time (2026-11-30, 2026-11-30T12:00:00, or seconds since 1970)
    #[arg(short = 'S', long)]
    pub starttime: Option<String>,
    /// Runs that ended before this time
    #[arg(short = 'E', long)]
    pub endtime: Option<String>,
    /// This user's runs
    #[arg(short, long)]
    pub user: Option<String>,
    /// This account's runs
    #[arg(short = 'A', long)]
    pub account: Option<String>,
    /// This partition's runs
    #[arg(short = 'r', long)]
    pub partition: Option<String>,
    /// This job's runs
    #[arg(short, long)]
    pub job: Option<String>,
    /// Runs that ended in this state, as COMPLETED
    #[arg(short, long)]
    pub state: Option<String>,
    /// One row for each
    #[arg(long, value_enum, default_value = "user")]
    pub by: By,
    /// Fields with | between them
    #[arg(short = 'P', long, conflicts_with = "json")]
    pub parsable2: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ReplayArguments {
    /// A trace of jobs as CSV, plain or gzipped
    #[arg(long, group = "past")]
    pub trace: Option<PathBuf>,
    /// A dump that sacct --parsable2 wrote
    #[arg(long, group = "past")]
    pub sacct: Option<PathBuf>,
    /// Memory over time of past jobs as CSV, plain or gzipped: what shadows would have predicted
    #[arg(long, group = "past", requires = "window")]
    pub series: Option<PathBuf>,
    /// With --series: how many seconds a shadow sees
    #[arg(long, value_name = "SECONDS")]
    pub window: Option<f64>,
    /// With --trace: a trace of jobs that had ended before, which teach and do not count
    #[arg(long, value_name = "TRACE", requires = "trace")]
    pub history: Option<PathBuf>,
    /// With --trace: divide jobs into kinds by this, too, to see what it brings
    #[arg(long, value_enum, requires = "trace")]
    pub split: Option<Split>,
    /// As if nodes lent memory ([elastic]) to all jobs in need of more but this share of them; 0 to 1
    #[arg(long, value_name = "REFUSED", conflicts_with = "series")]
    pub elastic: Option<f64>,
    /// When a request is decided
    #[arg(long, value_enum, default_value = "start")]
    pub decide: DecideAt,
    /// Write a page with plots to this file, too
    #[arg(long, value_name = "FILE", conflicts_with = "series")]
    pub html: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Profile {
    /// A job or array task as sacct names it: 33 or 33_5
    pub job: String,
    /// Write a page with plots to this file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// One JSON object a run
    #[arg(long, conflicts_with = "html")]
    pub json: bool,
}

#[derive(Args)]
pub struct Predict {
    /// The snapshot to decide with; default: the configuration's
    #[arg(long)]
    pub snapshot: Option<PathBuf>,
    /// Whose job it would be; default: yours
    #[arg(long)]
    pub uid: Option<u32>,
    /// One JSON object: the record that would stand in AdminComment
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub script: Script,
}

#[derive(Args)]
pub struct RunShadow {
    /// One JSON object: its counters
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub script: Script,
}

/// A command line of sbatch.
#[derive(Args)]
pub struct Script {
    /// The batch script
    pub script: String,
    /// Options as sbatch takes them
    #[arg(allow_hyphen_values = true)]
    pub options: Vec<String>,
    /// Arguments of the script
    #[arg(last = true)]
    pub arguments: Vec<String>,
}

impl Script {
    /// The options and the script's arguments: behind an option, clap takes `--` for one more.
    pub fn parted(&self) -> (Vec<String>, Vec<String>) {
        let mut options = self.options.clone();
        let end = options.iter().position(|word| word == "--");
        let mut arguments = end.map_or(Vec::new(), |end| options.split_off(end + 1));
        options.truncate(end.unwrap_or(options.len()));
        arguments.extend(self.arguments.iter().cloned());
        (options, arguments)
    }

    /// As this sbatch would submit it.
    pub fn submission(&self, sbatch: &Sbatch) -> Result<Submission> {
        let script = std::fs::read(&self.script).with_context(|| self.script.clone())?;
        let (options, arguments) = self.parted();
        Submission::new(sbatch, &self.script, script, &options, arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_the_script_come_behind_two_dashes_whatever_stands_before() {
        let cases: [(&[&str], &[&str], &[&str]); 4] = [
            (&[], &[], &[]),
            (&["--", "105"], &[], &["105"]),
            (
                &["--mem=4000", "-c2", "--", "105", "-x"],
                &["--mem=4000", "-c2"],
                &["105", "-x"],
            ),
            (
                &["-c", "2", "--", "--", "a b"],
                &["-c", "2"],
                &["--", "a b"],
            ),
        ];
        for (words, options, arguments) in cases {
            let all = [&["shadowfit", "predict", "job.sh"], words].concat();
            let Command::Predict(predict) = CommandLine::parse_from(all).command else {
                panic!("{words:?}");
            };
            let (read, rest) = predict.script.parted();
            assert_eq!(
                (read.as_slice(), rest.as_slice()),
                (
                    &options.iter().map(|s| s.to_string()).collect::<Vec<_>>()[..],
                    &arguments.iter().map(|s| s.to_string()).collect::<Vec<_>>()[..]
                ),
                "{words:?}"
            );
        }
    }
}
