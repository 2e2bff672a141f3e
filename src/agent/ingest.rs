//! From sacct into the store: every run once, whatever is restarted or late meanwhile.

use super::Agent;
use crate::fingerprint::Kind;
use crate::record::FinishedJob;
use crate::record::{Comment, Record};
use crate::sampler::spool::{Spool, TOLERANCE_S};
use crate::slurm::sacct::{self, Reader};
use crate::store::Store;
use anyhow::Result;
use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

const DAY: i64 = 86_400;

/// What reaches slurmdbd late is read so often within `overlap_s`; other passes read again so many seconds, in which nodes
/// have left what belongs to a run.
const LATE_READS: i64 = 4;
const SHORT_OVERLAP_S: i64 = 120;

/// How many runs go into one transaction of an import.
const BATCH: usize = 10_000;

/// How far sacct has been read, when it was last begun to be read again from far back, and how far that has come, in the
/// store's `progress`.
const READ_THROUGH: &str = "sacct";
const LOOKED_BACK: &str = "lookback";
const LOOKED_BACK_TO: &str = "lookback to";
/// When old runs were last taken out.
const FORGOT: &str = "forgot";

impl Agent<'_> {
    /// Reads what is new in accounting. Returns the number of runs that the store did not have.
    ///
    /// Each pass reads again what the last one read at its end, and now and then all that may have come late: where twenty
    /// jobs end in a second, to read that each time would cost more than all else.
    pub(super) fn ingest(&mut self) -> Result<usize> {
        let now = self.clock.now();
        let Some(through) = self.store.progress(READ_THROUGH)? else {
            return self.read_for_the_first_time(now);
        };
        let overlap = i64::from(self.config.agent.overlap_s);
        let is_recent = |at: i64| (0..overlap / LATE_READS).contains(&(now - at));
        let is_short = self.read_late.is_some_and(is_recent);
        let again = overlap.min(if is_short { SHORT_OVERLAP_S } else { overlap });
        // A clock that was set back must not leave a gap.
        let new = self.read_days(through.min(now) - again, now + 1)?;
        self.store.set_progress(READ_THROUGH, now)?;
        if !is_short {
            self.read_late = Some(now);
        }
        Ok(new + self.look_back(now)?)
    }

    fn read_for_the_first_time(&mut self, now: i64) -> Result<usize> {
        let far = self.far_back(now);
        let new = self.read_days(far, now + 1)?;
        self.store.set_progress(LOOKED_BACK_TO, far)?;
        self.store.set_progress(LOOKED_BACK, now)?;
        self.store.set_progress(READ_THROUGH, now)?;
        Ok(new)
    }

    /// Once a day everything of the last days is read again, the last one first: slurmctld may have kept records back while
    /// slurmdbd was away. It is a day in each pass, for a job that dies meanwhile waits for the pass to end.
    fn look_back(&mut self, now: i64) -> Result<usize> {
        let begun = self.store.progress(LOOKED_BACK)?.filter(|&at| at <= now);
        let come_to = self.store.progress(LOOKED_BACK_TO)?;
        let last = begun.map(|begun| (begun, come_to.unwrap_or(self.far_back(begun))));
        let goes_on = |&(begun, to): &(i64, i64)| now - begun < DAY || to > self.far_back(begun);
        let (begun, to) = last.filter(goes_on).unwrap_or((now, now));
        let from = (to - DAY).max(self.far_back(begun));
        if from >= to {
            return Ok(0);
        }
        let new = self.read_days(from, to)?;
        self.store.set_progress(LOOKED_BACK_TO, from)?;
        self.store.set_progress(LOOKED_BACK, begun)?;
        Ok(new)
    }

    fn far_back(&self, now: i64) -> i64 {
        now - i64::from(self.config.agent.lookback_days) * DAY
    }

    /// Once a day, what is too old to be kept goes.
    pub(super) fn forget(&mut self) -> Result<()> {
        let now = self.clock.now();
        let forgot = self.store.progress(FORGOT)?;
        if forgot.is_some_and(|at| (0..DAY).contains(&(now - at))) {
            return Ok(());
        }
        let before = |days: u32| Some(now - i64::from(days) * DAY).filter(|_| days > 0);
        if let Some(before) = before(self.config.database.curves_days) {
            self.store.forget_curves(before)?;
        }
        let old = before(self.config.database.keep_days);
        if old
            .map(|before| self.store.forget_runs(before))
            .transpose()?
            > Some(0)
        {
            // What is left is learned anew.
            self.snapshot = None;
        }
        self.store.set_progress(FORGOT, now)
    }

    /// A day at a time, so that no answer is too large to hold.
    fn read_days(&mut self, since: i64, until: i64) -> Result<usize> {
        let now = self.clock.now() + 1;
        let mut users = Users::default();
        let spool = self.config.profile.spool_dir.as_deref();
        let spool = spool.map(|folder| Spool::look(folder, now)).transpose()?;
        let mut new = 0;
        let mut start = since;
        while start < until {
            let end = (start + DAY).min(until);
            let mut jobs = sacct::query(&self.commands, start, end)?;
            let taken = spool.as_ref().map(|spool| join(spool, &mut jobs, now));
            let jobs: Vec<_> = jobs
                .into_iter()
                .filter_map(|job| users.with_kind(job))
                .collect();
            new += self.store.insert(&jobs)?;
            for path in taken.into_iter().flatten() {
                let _gone_already = std::fs::remove_file(path);
            }
            start = end;
        }
        Ok(new)
    }
}

/// Joins what nodes have left to the jobs' records; what ended a moment ago is left for the next pass, as
/// its nodes may still be writing. Returns the files that are done with.
fn join<'a>(spool: &'a Spool, jobs: &mut Vec<FinishedJob>, now: i64) -> Vec<&'a Path> {
    jobs.retain(|job| job.ended < now - TOLERANCE_S);
    let mut done = Vec::new();
    for job in jobs {
        if let Some((counters, paths)) = spool.of(job) {
            let joined = Record::with_profile(job.comment.record().cloned(), counters);
            if joined.to_comment().is_some() {
                job.comment = joined.into();
            }
            done.extend(paths);
        }
    }
    done
}

/// Stores a dump of `sacct --parsable2`. Calls `advance` with the bytes read so far. Returns how many
/// runs were read, how many of them were new, and the reader with its counts.
pub fn import<R: BufRead>(
    store: &mut Store,
    mut reader: Reader<R>,
    mut advance: impl FnMut(u64),
) -> Result<(usize, usize, Reader<R>)> {
    let mut users = Users::default();
    let (mut read, mut new, mut unmeasured) = (0, 0, 0);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let job = match reader.next_job() {
            Ok(job) => job,
            Err(error) => {
                // What is whole of a file that breaks off is kept.
                store.insert(&batch)?;
                return Err(error.into());
            }
        };
        let at_end = job.is_none();
        batch.extend(job.and_then(|job| users.with_kind(job)));
        if batch.len() == BATCH || at_end {
            read += batch.len();
            unmeasured += batch.iter().filter(|(job, _)| is_unmeasured(job)).count();
            new += store.insert(&batch)?;
            batch.clear();
            advance(reader.bytes());
        }
        if at_end {
            if unmeasured > 0 {
                reader.rejects.note(format!(
                    "{unmeasured} of {read} runs have no measured memory and teach nothing of it; a dump without steps, as \
                     of sacct -X, has none"
                ));
            }
            return Ok((read, new, reader));
        }
    }
}

fn is_unmeasured(job: &FinishedJob) -> bool {
    job.state == "COMPLETED" && job.started > 0 && job.usage.peak_bytes.is_none()
}

/// Finds user numbers where a dump has only names; each name is asked for once.
#[derive(Default)]
pub struct Users(HashMap<String, Option<u32>>);

impl Users {
    /// The job with its fingerprint: from its record, else from what accounting alone knows. What the
    /// sampler beside it saw counts more than what accounting sampled. `None` for a shadow, which is no
    /// job of its user's.
    pub fn with_kind(&mut self, mut job: FinishedJob) -> Option<(FinishedJob, Kind)> {
        if matches!(job.comment, Comment::Shadow(_)) {
            return None;
        }
        job.take_profile();
        let record = job.comment.record();
        let kind = record
            .map(|record| record.kind)
            .filter(|kind| *kind != Kind::default());
        let kind = kind.unwrap_or_else(|| match self.uid(&job) {
            Some(uid) if job.nodes == 1 => {
                Kind::of_commented(uid, job.name.as_bytes(), job.user_comment.as_bytes())
            }
            _ => Kind::default(),
        });
        Some((job, kind))
    }

    fn uid(&mut self, job: &FinishedJob) -> Option<u32> {
        if job.uid.is_some() {
            return job.uid;
        }
        if let Some(&known) = self.0.get(&job.user) {
            return known;
        }
        let found = nix::unistd::User::from_name(&job.user).ok().flatten();
        let uid = found.map(|user| user.uid.as_raw());
        self.0.insert(job.user.clone(), uid);
        uid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::counters::ShadowCounters;
    use crate::record::tests::finished;
    use crate::record::{Record, ShadowRecord};
    use crate::store::tests::store;

    #[test]
    fn a_dump_is_imported_once_however_often_it_is_read() {
        let (_folder, mut store) = store();
        let row = |id: u32| format!("{id}|100|110|120|COMPLETED|root|5M|align\n");
        let rows: String = (1..=3).map(row).collect();
        let dump = format!("JobIDRaw|Submit|Start|End|State|User|MaxRSS|JobName\n{rows}");
        for expected in [(3, 3), (3, 0)] {
            let mut seen = Vec::new();
            let reader = Reader::new(dump.as_bytes(), None).unwrap();
            let (read, new, _) = import(&mut store, reader, |bytes| seen.push(bytes)).unwrap();
            assert_eq!((read, new), expected);
            assert_eq!(seen, [dump.len() as u64]);
        }
    }

    #[test]
    fn a_run_is_of_the_kind_that_its_record_names_or_else_of_its_users_name_for_it() {
        let recorded = Kind::of_label(b"decided");
        let by_name = Kind::of_accounting(1001, b"align");
        let record = |kind| Record::kept(kind, None, "").into();
        let run = |comment: Comment, nodes, uid, user: &str| {
            let job = FinishedJob {
                comment,
                nodes,
                uid,
                user: user.into(),
                ..finished(1, 100, 5)
            };
            Users::default().with_kind(job).map(|(_, kind)| kind)
        };
        let none = Some(Kind::default());
        let shadow = || {
            Comment::Shadow(Box::new(ShadowRecord::ended(
                "9",
                ShadowCounters::refused("no overlay"),
            )))
        };
        for (seen, expected) in [
            (run(record(recorded), 1, Some(1001), ""), Some(recorded)),
            (run(record(recorded), 2, Some(1001), ""), Some(recorded)),
            (
                run(record(Kind::default()), 1, Some(1001), ""),
                Some(by_name),
            ),
            (run(Comment::Empty, 1, Some(1001), ""), Some(by_name)),
            // A name says nothing about the share of one node.
            (run(Comment::Empty, 2, Some(1001), ""), none),
            (
                run(Comment::Empty, 1, None, "root"),
                Some(Kind::of_accounting(0, b"align")),
            ),
            (run(Comment::Empty, 1, None, "no such user"), none),
            (run(shadow(), 1, Some(1001), ""), None),
        ] {
            assert_eq!(seen, expected);
        }
    }
}
