//! The one room that runs Slurm's commands and reads what they print.
//!
//! Nothing ever goes through a shell: a job name may hold anything.

pub mod clone;
pub mod control;
#[allow(unsafe_code)]
pub mod hints;
pub mod launch;
pub mod notes;
pub mod queue;
pub mod sacct;
pub mod sbatch;
pub mod site;

use std::process::{Command, Stdio};

/// Why a command gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("{0}: {1}")]
    Start(String, std::io::Error),
    /// It said no.
    #[error("{command}: {said}")]
    Failed {
        /// The command line.
        command: String,
        /// What it wrote to stderr, or its exit status.
        said: String,
    },
    /// It answered something that cannot be read.
    #[error("{command}: {problem}")]
    Unreadable {
        /// The command line.
        command: String,
        /// What was expected.
        problem: String,
    },
}

/// Runs commands. A parameter of everything that needs Slurm, so that a test can answer instead.
pub trait Commands {
    /// Runs `program` with `arguments` and returns its standard output.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError>;
}

/// The real commands, found by PATH; each is ended after `timeout_s` seconds.
pub struct System {
    /// Seconds.
    pub timeout_s: u32,
}

impl Default for System {
    fn default() -> Self {
        System { timeout_s: 300 }
    }
}

impl Commands for System {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let line = || format!("{program} {}", arguments.join(" "));
        let output = Command::new("timeout")
            .arg(self.timeout_s.to_string())
            .arg(program)
            .args(arguments)
            // Seconds since 1970: no time zone, no locale, no hour that comes twice a year.
            .env("SLURM_TIME_FORMAT", "%s")
            // Arrays in full, however many ranges they have.
            .env("SLURM_BITSTR_LEN", "0")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| CommandError::Start(line(), error))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said = match (output.status.code(), stderr.trim()) {
            (Some(124), _) => format!("no answer within {} s", self.timeout_s),
            (_, "") => output.status.to_string(),
            (_, text) => text.replace('\n', "; "),
        };
        Err(CommandError::Failed {
            command: line(),
            said,
        })
    }
}
