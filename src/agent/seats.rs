//! Seats that license managers see, asked for beside all else that the agent does: one that is slow or silent costs a
//! share of its time, and no more.

use super::Agent;
use super::holders::Running;
use super::license_managers::{Answer, complaint, read};
use crate::config::License;
use crate::slurm::queue::QueuedJob;
use crate::slurm::{Commands, Limits};
use anyhow::Result;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::time::Duration;

/// A manager that has not answered by then is taken for silent, and one that says more for none.
const LIMITS: Limits = Limits {
    timeout_s: 20,
    most_bytes: 8 << 20,
};

/// After an answer a manager is asked again after so many times as long as that took, and after none after so many times. What
/// takes little is asked in each pass.
const RESTS: u32 = 4;
const RESTS_AFTER_SILENCE: u32 = 30;

/// After so long no other manager is asked in a pass: jobs that die meanwhile wait for its end.
const MOST_IN_A_PASS: Duration = Duration::from_secs(20);

impl Agent<'_> {
    /// Some license manager is to be asked.
    pub(super) fn watches_licenses(&self) -> bool {
        let mut all = self.config.license.iter();
        all.any(|license| !license.lmstat.is_empty())
    }

    /// Asks each license manager that is configured, and notes what running jobs hold. One that does not
    /// answer, or not about the feature, is asked again later: silence is no zero.
    pub(super) fn watch_licenses(&mut self, jobs: &[QueuedJob]) -> Result<()> {
        let running = Running::of(jobs);
        if running.is_empty() {
            return Ok(());
        }
        let licenses = self.config.license.clone();
        let with_command = || licenses.iter().filter(|license| !license.lmstat.is_empty());
        // One command often reports many licenses.
        let mut replies: HashMap<&[String], Reply> = HashMap::new();
        let mut spent = Duration::ZERO;
        for license in with_command() {
            let command = license.lmstat.as_slice();
            let reply = replies
                .entry(command)
                .or_insert_with(|| self.reply(command, &mut spent));
            self.note(license, reply, &running)?;
        }
        Ok(())
    }

    /// What a manager says; nothing where it is not asked again yet: who ran in between held nobody knows what.
    fn reply(&mut self, command: &[String], spent: &mut Duration) -> Reply {
        let next = self.license_managers.get(command);
        let rests = next.is_some_and(|next| self.clock.elapsed() < *next);
        match rests || *spent >= MOST_IN_A_PASS {
            true => Reply::default(),
            false => self.ask(command, spent),
        }
    }

    fn ask(&mut self, command: &[String], spent: &mut Duration) -> Reply {
        let Some((program, arguments)) = command.split_first() else {
            return Reply::default();
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let began = self.clock.elapsed();
        let answer = self.commands.run_within(LIMITS, program, &arguments);
        let took = self.clock.since(began);
        let (reply, took, rests) = match &answer {
            Ok(output) => (Reply::of(&String::from_utf8_lossy(output)), took, RESTS),
            Err(error) => {
                tracing::warn!("{error}");
                let waited = took.max(error.waited());
                (Reply::default(), waited, RESTS_AFTER_SILENCE)
            }
        };
        *spent += took;
        let next = self.clock.elapsed() + took * rests;
        self.license_managers.insert(command.to_vec(), next);
        reply
    }

    fn note(&self, license: &License, reply: &Reply, running: &Running) -> Result<()> {
        let feature = license.feature.as_ref().unwrap_or(&license.name);
        if let Some(why) = reply.why_unknown(feature) {
            tracing::warn!(license = license.name, "its seats are not known: {why}");
        }
        let pool = reply.answer.pool(feature);
        for (job, seats) in running.held(pool, self.clock.now(), &TimeZone::system()) {
            self.store.note_seats(job, &license.name, seats)?;
        }
        Ok(())
    }
}

/// What a command printed.
#[derive(Default)]
struct Reply {
    answer: Answer,
    /// What it complained of.
    complaint: Option<String>,
}

impl Reply {
    fn of(text: &str) -> Reply {
        Reply {
            answer: read(text),
            complaint: complaint(text),
        }
    }

    /// Why it does not say, or not all, who holds seats of a feature, where it says why.
    fn why_unknown(&self, feature: &str) -> Option<&str> {
        let complaint = self.complaint.as_deref();
        let of_all = complaint.filter(|_| self.answer.pool(feature).is_none());
        self.answer.why_unknown(feature).or(of_all)
    }
}
