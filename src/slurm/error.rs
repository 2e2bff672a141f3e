//! Why a command gave no answer, and what that says of slurmctld.

use crate::text::units::printable;
use std::time::Duration;

/// Why a command gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("{0}: {1}")]
    Start(String, std::io::Error),
    /// It said no.
    #[error("{command}: {said}")]
    Failed {
        /// The beginning of the command line.
        command: String,
        /// What it wrote to stderr, or its exit status and the last lines of what it printed.
        said: String,
    },
    /// It was ended, having answered nothing or not all.
    #[error("{command}: no answer within {seconds} s")]
    Late {
        /// The command line.
        command: String,
        /// So long it was waited for.
        seconds: u32,
    },
    /// It was not run: a job's record is larger than AdminComment may be.
    #[error("AdminComment of job {0} has no room for its record")]
    NoRoom(String),
    /// It answered something that cannot be read.
    #[error("{command}: {problem}")]
    Unreadable {
        /// The command line.
        command: String,
        /// What was expected.
        problem: String,
    },
}

/// What scontrol says where a job has changed meanwhile, or nobody has answered who could.
const NO_REFUSAL: [&str; 15] = [
    "try again",
    "please retry",
    "standby",
    "Zero Bytes",
    "uthentication",
    "no longer pending",
    "Invalid job id",
    "completing or completed",
    "Unable to contact",
    "timed out",
    "eceive failure",
    "end failure",
    "socket",
    "Connection re",
    "Broken pipe",
];

/// Words of what scontrol says, in small letters, where a limit of a user, an account, a QOS, a partition or a node is why. What
/// a site's own plugin forbids, as "site policy: not permitted", is none.
const LIMITS: [&str; 10] = [
    "limit",
    "qos",
    "association",
    "invalid account",
    "requested account",
    "requested partition",
    "use this partition",
    "than permitted",
    "exceed",
    "not available",
];

/// Most of a reason that AdminComment has room for, in characters.
const MAX_REASON: usize = 150;

/// So many bytes of an output are its end.
const MAX_END: usize = 300;

impl CommandError {
    /// What went wrong, in a few words: without the command line, which may be long.
    pub fn reason(&self) -> String {
        let text = match self {
            CommandError::Start(_, error) => error.to_string(),
            CommandError::NoRoom(_) => self.to_string(),
            CommandError::Late { seconds, .. } => format!("no answer within {seconds} s"),
            CommandError::Failed { said: text, .. }
            | CommandError::Unreadable { problem: text, .. } => text.clone(),
        };
        printable(&text).chars().take(MAX_REASON).collect()
    }

    /// How long it was waited for until it was ended; nothing for a command that ended by itself.
    pub fn waited(&self) -> Duration {
        match self {
            CommandError::Late { seconds, .. } => Duration::from_secs((*seconds).into()),
            _ => Duration::ZERO,
        }
    }

    /// slurmctld has heard, and said no to something that it could have done. A command that ended without a word has heard nothing.
    pub fn is_refusal(&self) -> bool {
        let is_silent =
            |said: &str| said.starts_with("signal: ") || said.starts_with("exit status: ");
        let refused = |said: &String| {
            !is_silent(said) && !NO_REFUSAL.iter().any(|other| said.contains(other))
        };
        matches!(self, CommandError::Failed { said, .. } if refused(said))
    }

    /// It is a refusal, and because of a limit that its words name. One that they do not name may be a limit all the same: a time
    /// limit above a partition's is "denied".
    pub fn names_a_limit(&self) -> bool {
        let of_limits = |said: &String| {
            let said = said.to_lowercase();
            LIMITS.iter().any(|word| said.contains(word))
        };
        self.is_refusal() && matches!(self, CommandError::Failed { said, .. } if of_limits(said))
    }

    /// slurmctld may have done it all the same, or do it in a moment.
    pub fn is_unclear(&self) -> bool {
        let is_lost = |said: &String| {
            ["timed out", "Zero Bytes"]
                .iter()
                .any(|one| said.contains(one))
        };
        match self {
            CommandError::Late { .. } => true,
            CommandError::Failed { said, .. } => is_lost(said),
            _ => false,
        }
    }

    /// License managers complain on standard output: its end stands for what stderr does not say.
    pub(super) fn or_printed(self, output: &[u8]) -> CommandError {
        let end = &output[output.len().saturating_sub(MAX_END)..];
        let text = String::from_utf8_lossy(end);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        let end = printable(&lines[lines.len().saturating_sub(3)..].join("; "));
        match self {
            CommandError::Failed { command, said }
                if said.starts_with("exit status: ") && !end.is_empty() =>
            {
                let said = format!("{said}: {end}");
                CommandError::Failed { command, said }
            }
            error => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_has_changed_and_a_slurmctld_that_is_silent_refuse_nothing() {
        let refused = |said: &str| {
            let said = said.to_owned();
            let command = String::new();
            CommandError::Failed { command, said }.is_refusal()
        };
        assert!(refused("Unspecified error for job 22"));
        assert!(refused("33_[5-7]: Access/permission denied"));
        let late = CommandError::Late {
            command: "scontrol".into(),
            seconds: 300,
        };
        assert_eq!(late.waited(), Duration::from_secs(300));
        assert!(!late.is_refusal());
        for said in [
            "Job is no longer pending execution for job 22",
            "Invalid job id specified for job 22",
            "33_5: Job/step already completing or completed",
            "slurm_update error: Unable to contact slurm controller (connect failure)",
            "slurm_update error: Socket timed out on send/recv operation",
            "Rate limit exceeded, please retry momentarily",
            "slurm_update error: Message receive failure",
            "slurm_update error: Unexpected missing socket error",
            "slurm_update error: Connection reset by peer",
            "signal: 9 (SIGKILL)",
            "exit status: 1",
        ] {
            assert!(!refused(said), "{said}");
        }
    }

    #[test]
    fn a_refusal_because_of_a_limit_names_it() {
        let of_limits = |said: &str| {
            let (command, said) = (String::new(), said.to_owned());
            CommandError::Failed { command, said }.names_a_limit()
        };
        for said in [
            "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
            "Requested time limit is invalid (missing or exceeds some limit) for job 22",
            "More processors requested than permitted for job 22",
            "Memory required by task is not available",
            "Requested node configuration is not available",
            "Requested partition configuration not available now",
            "Requested account has breached requested QOS usage threshold",
            "site: more than your group's Limit",
        ] {
            assert!(of_limits(said), "{said}");
        }
        for said in [
            "Access/permission denied for job 22",
            "Unspecified error for job 22",
            "changing jobs is not permitted here",
            "site policy: users may not modify jobs of this account",
            "Rate limit exceeded, please retry momentarily",
            "Job update not available right now, the DB index is being set, try again in a bit",
        ] {
            assert!(!of_limits(said), "{said}");
        }
    }
}
