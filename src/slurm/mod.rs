//! The one room that runs Slurm's commands and reads what they print.
//!
//! Nothing ever goes through a shell: a job name may hold anything.

pub mod clone;
pub mod control;
mod error;
#[allow(unsafe_code)]
pub mod hints;
mod hosts;
mod json;
pub mod launch;
pub mod notes;
pub mod queue;
pub mod sacct;
pub mod sbatch;
#[cfg(test)]
mod scripted;
pub mod site;
#[cfg(test)]
#[path = "../../tests/agent/squeue.rs"]
mod squeue;

use crate::text::units::{printable, printable_part};
pub use error::CommandError;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Takes a command's output as it comes.
pub type Take<'a> = &'a mut dyn FnMut(&mut dyn BufRead) -> io::Result<()>;

/// How much is waited for and read of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Seconds until it is ended.
    pub timeout_s: u32,
    /// Bytes of its standard output; a longer one is an error.
    pub most_bytes: u64,
}

impl Limits {
    /// Of time alone.
    pub fn time(timeout_s: u32) -> Limits {
        Limits {
            timeout_s,
            most_bytes: u64::MAX,
        }
    }
}

/// Runs commands. A parameter of everything that needs Slurm, so that a test can answer instead.
pub trait Commands {
    /// Runs `program` with `arguments` and returns its standard output.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError>;

    /// The same within limits that are narrower than those of all commands.
    fn run_within(
        &self,
        _limits: Limits,
        program: &str,
        arguments: &[&str],
    ) -> Result<Vec<u8>, CommandError> {
        self.run(program, arguments)
    }

    /// The same in an environment that holds nothing of this process's but which cluster it is for: what
    /// sbatch hands on to a job.
    fn run_bare(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        self.run(program, arguments)
    }

    /// Runs `program` with `arguments` and `lines` as its standard input, and lets `take` read its standard output. Who
    /// stands in for a command finds the lines behind the arguments.
    fn feed(
        &self,
        program: &str,
        arguments: &[&str],
        lines: &[String],
        take: Take,
    ) -> Result<(), CommandError> {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let output = self.run(program, &[arguments, &lines].concat())?;
        take(&mut &output[..]).map_err(|error| CommandError::Start(program.into(), error))
    }

    /// Runs `program` with `arguments` and lets `take` read its standard output. `secret` is a variable in its environment and
    /// its value: arguments are anybody's to read. Who stands in for a command finds it behind the arguments.
    fn read(
        &self,
        program: &str,
        arguments: &[&str],
        secret: (&str, &str),
        take: Take,
    ) -> Result<(), CommandError> {
        let output = self.run(program, &[arguments, &[secret.0, secret.1]].concat())?;
        take(&mut &output[..]).map_err(|error| CommandError::Start(program.into(), error))
    }
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
        self.run_within(Limits::time(self.timeout_s), program, arguments)
    }

    fn run_within(
        &self,
        limits: Limits,
        program: &str,
        arguments: &[&str],
    ) -> Result<Vec<u8>, CommandError> {
        let timeout_s = limits.timeout_s.min(self.timeout_s);
        let mut all = Vec::new();
        let taken = System { timeout_s }.take(command(program, arguments), &mut |output| {
            read_at_most(output, limits.most_bytes, &mut all)
        });
        match taken {
            Ok(()) => Ok(all),
            Err(error) => Err(error.or_printed(&all)),
        }
    }

    fn run_bare(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let mut command = Command::new(found_by_path(program));
        command.env_clear().args(arguments);
        if let Some(cluster) = std::env::var_os(CLUSTER) {
            command.env(CLUSTER, cluster);
        }
        let mut all = Vec::new();
        self.take(command, &mut |output| {
            output.read_to_end(&mut all).map(drop)
        })?;
        Ok(all)
    }

    fn feed(
        &self,
        program: &str,
        arguments: &[&str],
        lines: &[String],
        take: Take,
    ) -> Result<(), CommandError> {
        let start = |error| CommandError::Start(program.into(), error);
        // A file gives any amount of it without anybody writing.
        let mut input = tempfile::tempfile().map_err(start)?;
        let text = lines.join("\n") + "\n";
        let written = input.write_all(text.as_bytes());
        written.and_then(|()| input.rewind()).map_err(start)?;
        self.give(command(program, arguments), input.into(), take)
    }

    fn read(
        &self,
        program: &str,
        arguments: &[&str],
        (name, value): (&str, &str),
        take: Take,
    ) -> Result<(), CommandError> {
        let mut command = command(program, arguments);
        command.env(name, value);
        self.take(command, take)
    }
}

fn read_at_most(output: &mut dyn BufRead, most: u64, all: &mut Vec<u8>) -> io::Result<()> {
    Read::take(&mut *output, most).read_to_end(all)?;
    match output.fill_buf()?.is_empty() {
        true => Ok(()),
        false => Err(io::Error::new(TOO_LONG, "the answer is too long")),
    }
}

/// The kind of error of an answer of which no more is read.
const TOO_LONG: io::ErrorKind = io::ErrorKind::FileTooLarge;

/// What whoever started this process likes to see, as SQUEUE_STATES, and of which cluster, is nothing to us.
const LIKINGS: [&str; 4] = ["SQUEUE_", "SACCT_", "SINFO_", "SLURM_CLUSTERS"];

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let is_it = |liking: &&str| name.as_encoded_bytes().starts_with(liking.as_bytes());
        if LIKINGS.iter().any(is_it) {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        // Seconds since 1970: no time zone, no locale, no hour that comes twice a year.
        .env("SLURM_TIME_FORMAT", "%s")
        // Arrays in full, however many ranges they have.
        .env("SLURM_BITSTR_LEN", "0")
        .env("LC_ALL", "C.UTF-8");
    command
}

/// Names the configuration, and so the cluster, that Slurm's commands are for.
const CLUSTER: &str = "SLURM_CONF";

/// A program as this process's PATH finds it; the bare name where it does not.
fn found_by_path(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(program));
    candidates
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| program.into())
}

/// Most of a command line that an error shows, in characters: what its users wrote may be long.
const MOST_SHOWN: usize = 200;

/// So many bytes of complaints are read, and so many characters of them are told.
const MOST_READ: u64 = 1 << 16;
const MOST_SAID: usize = 1000;

/// For errors: the program and its first words.
fn line_of(command: &Command) -> String {
    let mut line = command.get_program().as_encoded_bytes().to_vec();
    for word in command.get_args() {
        if line.len() > MOST_SHOWN * 4 {
            break;
        }
        line.push(b' ');
        line.extend_from_slice(word.as_encoded_bytes());
    }
    printable_part(&line, MOST_SHOWN)
}

fn complaints(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text).trim().replace('\n', "; ");
    printable(&text).chars().take(MOST_SAID).collect()
}

/// The time limit is a few lines of our own: while output is read, all that a command has started must end with it, or whoever
/// holds that output open is waited for. Crates that wait for so long (wait-timeout) end the command alone, and those that end a
/// group (command-group) know no limit.
impl System {
    fn take(&self, command: Command, take: Take) -> Result<(), CommandError> {
        self.give(command, Stdio::null(), take)
    }

    fn give(&self, mut command: Command, input: Stdio, take: Take) -> Result<(), CommandError> {
        let shown = line_of(&command);
        let line = || shown.clone();
        let failed = |said| CommandError::Failed {
            command: line(),
            said,
        };
        let start = |error| CommandError::Start(line(), error);
        // A file takes any amount of it without anybody reading.
        let mut said = tempfile::tempfile().map_err(start)?;
        command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(said.try_clone().map_err(start)?)
            // Whatever it starts ends with it.
            .process_group(0);
        let mut child = command.spawn().map_err(start)?;
        let (taken, is_late) = self.within_time(&mut child, take);
        let status = child.wait().map_err(start)?;
        if is_late {
            return Err(CommandError::Late {
                command: shown,
                seconds: self.timeout_s,
            });
        }
        let is_cut = taken.as_ref().is_err_and(|error| error.kind() == TOO_LONG);
        if status.success() || is_cut {
            return taken.map_err(|error| failed(error.to_string()));
        }
        let mut text = Vec::new();
        let read = said
            .rewind()
            .and_then(|()| said.take(MOST_READ).read_to_end(&mut text));
        let text = read.map_or_else(|error| error.to_string(), |_| complaints(&text));
        Err(failed(match text.as_str() {
            "" => status.to_string(),
            _ => text,
        }))
    }

    /// Lets `take` read, and the child end; ends it once its time is over, and says so. The child is left to
    /// be waited for, so that its number is nobody else's meanwhile.
    fn within_time(&self, child: &mut Child, take: Take) -> (io::Result<()>, bool) {
        let time = Duration::from_secs(self.timeout_s.into());
        let id = Pid::from_raw(child.id() as i32);
        let (done, is_done) = mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            let is_late = is_done.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            if is_late {
                let _gone_already = killpg(id, Signal::SIGKILL);
            }
            is_late
        });
        let taken = child.stdout.take().map_or(Ok(()), |output| {
            let mut output = BufReader::with_capacity(1 << 16, output);
            match take(&mut output) {
                Err(error) if error.kind() == TOO_LONG => {
                    let _gone_already = killpg(id, Signal::SIGKILL);
                    Err(error)
                }
                // A command whose output nobody reads would wait for a reader.
                taken => taken.and(io::copy(&mut output, &mut io::sink()).map(drop)),
            }
        });
        let _it_is_ours = waitid(Id::Pid(id), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        drop(done);
        (taken, watch.join().unwrap_or(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, timeout_s: u32) -> Result<Vec<u8>, CommandError> {
        System { timeout_s }.run("sh", &["-c", script])
    }

    #[test]
    fn output_of_any_size_is_read_whole_beside_any_amount_of_complaints() {
        let output = shell("yes x | head -c 3000000; yes y | head -c 3000000 >&2", 60).unwrap();
        assert_eq!(output.len(), 3_000_000);
    }

    #[test]
    fn an_answer_longer_than_its_limit_is_an_error_and_the_command_is_ended() {
        let run = |script: &str| {
            let limits = Limits {
                timeout_s: 60,
                most_bytes: 6,
            };
            System::default().run_within(limits, "sh", &["-c", script])
        };
        assert_eq!(run("echo words").unwrap(), b"words\n");
        for script in ["echo longer", "yes", "echo longer; exec >&-; sleep 1000"] {
            let error = run(script).unwrap_err();
            assert_eq!(error.reason(), "the answer is too long", "{script}");
        }
    }

    #[test]
    fn an_error_shows_the_beginning_of_its_command_on_one_line() {
        let long = "x\n\u{202e}\u{9b}".repeat(1000);
        for script in ["exit 1", "echo \"$0\" >&2; exit 1"] {
            let error = System::default().run("sh", &["-c", script, &long]);
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with("sh -c "), "{error}");
            let is_odd = |c: char| c.is_control() || c == '\u{202e}';
            assert!(!error.contains(is_odd), "{error:?}");
            let most = MOST_SHOWN + MOST_SAID + 2;
            assert!(error.chars().count() <= most, "{error}");
        }
        let missing = System::default().run("no-such-command-at-all", &[&long]);
        assert!(missing.unwrap_err().to_string().chars().count() < 300);
    }

    #[test]
    fn lines_are_fed_one_by_one() {
        let lines: Vec<String> = (0..30_000).map(|n| format!("line {n}")).collect();
        let mut seen = Vec::new();
        let done = System { timeout_s: 60 }.feed("cat", &[], &lines, &mut |output| {
            output.read_to_end(&mut seen).map(drop)
        });
        assert!(done.is_ok());
        assert_eq!(String::from_utf8(seen).unwrap(), lines.join("\n") + "\n");
    }

    #[test]
    fn a_bare_command_is_found_and_sees_nothing_of_ours() {
        let seen = System::default().run_bare("env", &[]).unwrap();
        let seen = String::from_utf8(seen).unwrap();
        assert!(
            seen.lines().all(|line| line.starts_with("SLURM_CONF=")),
            "{seen}"
        );
    }

    #[test]
    fn what_a_command_says_is_in_the_error() {
        let error = shell(
            "echo part; echo 'no such job' >&2; echo more >&2; exit 3",
            60,
        );
        assert!(
            error
                .unwrap_err()
                .to_string()
                .ends_with("no such job; more")
        );
        assert!(
            shell("exit 3", 60)
                .unwrap_err()
                .to_string()
                .contains("exit status: 3")
        );
        for (script, said) in [
            (
                "echo top; echo; echo top; echo head; printf 'cannot\\033 connect\\n\\n'; exit 241",
                "exit status: 241: top; head; cannot? connect",
            ),
            ("yes x | head -c 3000; exit 1", "; x; x"),
            ("echo; exit 1", "exit status: 1"),
            ("echo part; echo no >&2; exit 1", ": no"),
        ] {
            let error = shell(script, 60).unwrap_err().to_string();
            assert!(error.ends_with(said), "{error}");
        }
        let missing = System::default().run("no-such-command-at-all", &[]);
        assert!(matches!(missing, Err(CommandError::Start(..))));
    }

    #[test]
    fn a_command_that_hangs_is_ended_with_all_that_it_started() {
        let scripts = [
            "sleep 1000",
            "echo part; sleep 1000",
            "sleep 1000 & sleep 1000",
            "exec >&-; sleep 1000",
        ];
        let ended = scripts.map(|script| std::thread::spawn(move || (script, shell(script, 1))));
        for thread in ended {
            let (script, result) = thread.join().unwrap();
            let error = result.unwrap_err().to_string();
            assert!(error.ends_with("no answer within 1 s"), "{script}: {error}");
        }
    }

    #[test]
    fn output_that_nobody_reads_does_not_hold_a_command_up() {
        let read = System { timeout_s: 60 }.read(
            "sh",
            &["-c", "yes | head -c 3000000"],
            ("A", "b"),
            &mut |_| Ok(()),
        );
        assert!(read.is_ok());
    }
}
