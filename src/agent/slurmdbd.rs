//! Commands of an agent that slurmdbd does not hold up: after one that was waited for in vain, nothing asks slurmdbd for
//! a while. What asks slurmctld alone, as a rescue does, goes on.

use crate::clock::Clock;
use crate::slurm::{CommandError, Commands, Limits, Take};
use std::cell::Cell;
use std::time::Duration;

/// Slurm's commands that ask it.
const ASK_IT: [&str; 2] = ["sacct", "sacctmgr"];

/// It is let alone for so many times as long as it was waited for, and not longer than this: then there is something to
/// catch up with.
const RESTS: u32 = 10;
const MOST_REST: Duration = Duration::from_secs(600);

/// A command that failed after so long had waited in vain, whoever ended it.
const LONG: Duration = Duration::from_secs(10);

/// Commands, of which those that ask slurmdbd fail at once while it is let alone.
pub(super) struct Sparing<'a> {
    commands: &'a dyn Commands,
    clock: &'a dyn Clock,
    until: Cell<Duration>,
}

impl<'a> Sparing<'a> {
    pub fn new(commands: &'a dyn Commands, clock: &'a dyn Clock) -> Sparing<'a> {
        Sparing {
            commands,
            clock,
            until: Cell::new(Duration::ZERO),
        }
    }

    /// slurmdbd has let somebody wait in vain a short while ago.
    pub fn lets_slurmdbd_alone(&self) -> bool {
        self.clock.elapsed() < self.until.get()
    }

    fn ask<T>(
        &self,
        program: &str,
        ask: impl FnOnce(&dyn Commands) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        if !ASK_IT.contains(&program) {
            return ask(self.commands);
        }
        if self.lets_slurmdbd_alone() {
            return Err(CommandError::Failed {
                command: program.into(),
                said: "slurmdbd did not answer a short while ago, and is let alone".into(),
            });
        }
        let began = self.clock.elapsed();
        let answer = ask(self.commands);
        let waited = match &answer {
            Ok(_) => Duration::ZERO,
            Err(error) => self.clock.since(began).max(error.waited()),
        };
        if waited >= LONG {
            let rest = MOST_REST.min(waited * RESTS);
            self.until.set(self.clock.elapsed() + rest);
        }
        answer
    }
}

impl Commands for Sparing<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        self.ask(program, |commands| commands.run(program, arguments))
    }

    fn run_within(
        &self,
        limits: Limits,
        program: &str,
        arguments: &[&str],
    ) -> Result<Vec<u8>, CommandError> {
        self.ask(program, |commands| {
            commands.run_within(limits, program, arguments)
        })
    }

    fn run_bare(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        self.ask(program, |commands| commands.run_bare(program, arguments))
    }

    fn feed(
        &self,
        program: &str,
        arguments: &[&str],
        lines: &[String],
        take: Take,
    ) -> Result<(), CommandError> {
        self.ask(program, |commands| {
            commands.feed(program, arguments, lines, take)
        })
    }

    fn read(
        &self,
        program: &str,
        arguments: &[&str],
        secret: (&str, &str),
        take: Take,
    ) -> Result<(), CommandError> {
        self.ask(program, |commands| {
            commands.read(program, arguments, secret, take)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each second goes by in a command.
    struct Watch(Cell<u64>);

    impl Clock for Watch {
        fn now(&self) -> i64 {
            self.0.get() as i64
        }
        fn elapsed(&self) -> Duration {
            Duration::from_secs(self.0.get())
        }
        fn sleep(&self, duration: Duration) {
            self.0.set(self.0.get() + duration.as_secs());
        }
    }

    /// Every command takes so many seconds and ends so.
    struct Slow<'a>(&'a Watch, u64, fn() -> Result<Vec<u8>, CommandError>);

    impl Commands for Slow<'_> {
        fn run(&self, _: &str, _: &[&str]) -> Result<Vec<u8>, CommandError> {
            self.0.sleep(Duration::from_secs(self.1));
            self.2()
        }
    }

    fn late() -> Result<Vec<u8>, CommandError> {
        Err(CommandError::Late {
            command: "sacct".into(),
            seconds: 60,
        })
    }

    fn failed() -> Result<Vec<u8>, CommandError> {
        Err(CommandError::Failed {
            command: "sacct".into(),
            said: "Connection refused".into(),
        })
    }

    #[test]
    fn slurmdbd_is_let_alone_after_it_was_waited_for_in_vain_and_slurmctld_never() {
        for (program, took, end, rest) in [
            ("sacct", 60, late as fn() -> _, 600),
            ("sacctmgr", 60, late, 600),
            ("sacct", 30, failed, 300),
            ("sacct", 300, late, 600),
            ("sacct", 12, failed, 120),
            ("sacct", 2, failed, 0),
            ("sacct", 50, || Ok(Vec::new()), 0),
            ("scontrol", 300, late, 0),
        ] {
            let watch = Watch(Cell::new(5));
            let slow = Slow(&watch, took, end);
            let sparing = Sparing::new(&slow, &watch);
            assert!(!sparing.lets_slurmdbd_alone());
            assert_eq!(sparing.run(program, &[]).is_ok(), end().is_ok());
            let now = watch.0.get();
            let until = (now..).find(|at| {
                watch.0.set(*at);
                !sparing.lets_slurmdbd_alone()
            });
            assert_eq!(until, Some(now + rest), "{program} {took}");
            if rest > 0 {
                watch.0.set(now);
                let limits = Limits::time(1);
                assert!(sparing.run_within(limits, "sacct", &[]).is_err());
                assert_eq!(watch.0.get(), now, "nothing is waited for");
                let _asked = sparing.run("squeue", &[]);
                assert_eq!(watch.0.get(), now + took);
            }
        }
    }
}
