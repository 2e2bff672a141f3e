//! Commands for tests: they answer what the test has written down, and remember what they were asked.

use super::{CommandError, Commands, squeue};
use std::cell::RefCell;

/// Beginnings of command lines with their answers, squeue's as a list of jobs in JSON without its brackets; any other
/// command answers nothing.
#[derive(Default)]
pub struct Scripted<'a> {
    answers: &'a [(&'a str, &'a str)],
    asked: RefCell<Vec<String>>,
}

impl<'a> Scripted<'a> {
    /// The first answer whose beginning fits is given.
    pub fn new(answers: &'a [(&'a str, &'a str)]) -> Scripted<'a> {
        Scripted {
            answers,
            ..Scripted::default()
        }
    }

    /// The command lines since this was last called.
    pub fn asked(&self) -> Vec<String> {
        self.asked.take()
    }
}

impl Commands for Scripted<'_> {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let line = format!("{program} {}", arguments.join(" "));
        let answer = self
            .answers
            .iter()
            .find(|(start, _)| line.starts_with(start));
        self.asked.borrow_mut().push(line);
        Ok(match answer {
            Some((_, jobs)) if program == "squeue" => squeue::answer(jobs, arguments),
            Some((_, text)) => text.as_bytes().to_vec(),
            None => Vec::new(),
        })
    }
}
