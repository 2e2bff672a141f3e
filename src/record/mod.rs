//! The record of a decision: the JSON object that travels with the job in AdminComment and comes
//! home with sacct. Every decision can be explained from it.
#![forbid(unsafe_code)]

mod comment;
mod finished;
mod later;
#[cfg(test)]
pub(crate) mod tests;

pub use comment::{Comment, ShadowRecord};
pub use finished::FinishedJob;
pub use later::Later;

use crate::config::{Manager, Mode};
use crate::fingerprint::{Kind, Level};
use crate::job::counters::{Ended, JobCounters};
use crate::job::evidence::Evidence;
use crate::job::licenses::parse;
use crate::job::shadow::Wait;
use crate::job::{Ask, LeftAlone};
use crate::relies::Floor;
use crate::text::units::MIB;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Raised by every change that an older reader would misunderstand.
const VERSION: u8 = 1;

/// AdminComment holds at most this many bytes of a decision.
pub const MAX_SIZE: usize = 1024;

/// And so many of what the job did.
const MAX_PROFILE_SIZE: usize = 2048;

/// Why a job that waits keeps its request meanwhile.
const SHADOW_FIRST: &str = "a shadow of this new kind of job runs first";

/// And why one keeps it that has started by itself.
const NO_SHADOW: &str = "no shadow of its kind had shown anything by the end of its wait";

/// The share of its memory from which on a job is full.
const FULL: f64 = 0.9;

/// One resource, asked and set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Whether it was really set ([`Mode::Apply`]) or only reported or noted.
    pub mode: Mode,
    /// In the user's form: MiB per node or per CPU; CPUs per task.
    pub asked: u64,
    /// In the same form; less than asked but in [`Record::raised`].
    pub set: u64,
}

impl Change {
    /// The job's request was really rewritten.
    pub fn applies(&self) -> bool {
        self.mode == Mode::Apply
    }
}

/// Licenses, asked and set, as Slurm writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relicensed {
    /// Whether they were really set.
    pub mode: Mode,
    /// By the user; empty for none.
    pub asked: String,
    /// Instead; empty for none.
    pub set: String,
    /// What the job may need beyond that, and is only advised; empty for none.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub forgotten: String,
    /// In how many runs what was used.
    pub why: String,
}

/// The second run of a job that died of its first limit: it has more, and not yet all that its user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondRun {
    /// How often Slurm had started the job before: once more, and this run is over.
    pub restarts: u64,
    /// The memory of the first run, in MiB per node or per CPU as it was asked.
    pub first: u64,
    /// So many runs of its kind needed more than the first had, and say how much; 0: it was doubled.
    pub runs: u32,
}

/// What was decided about one job, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this object; also the mark that the comment is ours.
    pub shadowfit: u8,
    /// The fingerprint.
    pub kind: Kind,
    /// What the user asked for; absent for jobs that are left alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked: Option<Ask>,
    /// Size of the input files that the command line names, in bytes, where the submission named it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_bytes: Option<u64>,
    /// The key that the evidence came from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<Level>,
    /// What runs of this kind used.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<Evidence>,
    /// What its script relies on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub floor: Option<Floor>,
    /// The rewrite of memory, in MiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub memory: Option<Change>,
    /// More memory than the job asks for, in MiB: its kind needs more. `set` is above `asked` here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub raised: Option<Change>,
    /// The rewrite of CPUs per task.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cpus: Option<Change>,
    /// The least time limit that Slurm may give it, in minutes; `asked` is the user's own limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time: Option<Change>,
    /// That was set as the time limit itself, and not only as what Slurm may shorten it to.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub limits_time: bool,
    /// The rewrite of licenses.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub licenses: Option<Relicensed>,
    /// The workflow manager that has submitted it, and may do so again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manager: Option<Manager>,
    /// Slurm may not requeue the job: it is sized by the admin's wish, and nobody rescues it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub no_requeue: bool,
    /// Its node puts the job back into the queue where its memory kills something of it, before Slurm can show an end.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub early: bool,
    /// Its nodes lend the job more than it was given, up to what its user asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub elastic: bool,
    /// Its script may start steps, each of which takes back what the job was lent.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub steps: bool,
    /// Its node has done so with the run that began then, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub put_back: Option<i64>,
    /// Why nothing was changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kept: Option<Cow<'static, str>>,
    /// A shadow runs first, and the job waits for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shadow: Option<Wait>,
    /// What the job did, as measured by the sampler beside it as it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<Box<JobCounters>>,
    /// An earlier run of this job died of its memory, and this is the second; with `given_back`, the third.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub again: Option<SecondRun>,
    /// The job runs again, and with what its user asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub given_back: bool,
    /// What a later release has written into it beyond that.
    #[serde(skip)]
    pub later: Later,
}

impl Record {
    /// A decision to change nothing.
    pub fn kept(kind: Kind, asked: Option<Ask>, why: &'static str) -> Record {
        Record {
            shadowfit: VERSION,
            kind,
            asked,
            input_bytes: None,
            level: None,
            evidence: None,
            floor: None,
            memory: None,
            cpus: None,
            time: None,
            limits_time: false,
            raised: None,
            licenses: None,
            manager: None,
            no_requeue: false,
            early: false,
            elastic: false,
            steps: false,
            put_back: None,
            kept: Some(why.into()),
            shadow: None,
            profile: None,
            again: None,
            given_back: false,
            later: Later::default(),
        }
    }

    /// The record of a job that has ended, `None` if nothing was decided about it, with what it did.
    pub fn with_profile(record: Option<Record>, profile: JobCounters) -> Record {
        let nothing = || Record::kept(Kind::default(), None, "nothing was decided about it");
        let record = record.unwrap_or_else(nothing).started(None);
        Record {
            profile: Some(Box::new(profile)),
            // Of another run's profile it would tell nothing true.
            later: record.later.without("profile"),
            ..record
        }
    }

    /// The decision to wait for a shadow before anything else.
    pub fn after_shadow(self, wait: Wait) -> Record {
        Record {
            shadow: Some(wait),
            kept: Some(SHADOW_FIRST.into()),
            ..self
        }
    }

    /// The record of a job that has started: if it waited for a shadow, then in vain. `why`, where that is known.
    pub fn started(self, why: Option<&str>) -> Record {
        let waited = [SHADOW_FIRST, NO_SHADOW].map(Some);
        if self.shadow.is_none() || !waited.contains(&self.kept.as_deref()) {
            return self;
        }
        let kept = match why {
            Some(why) => format!("{NO_SHADOW}: {why}").into(),
            None => NO_SHADOW.into(),
        };
        Record {
            kept: Some(kept),
            ..self
        }
    }

    /// The record of a job that keeps its request because its kind is not trusted with it yet: what would be set is
    /// noted, and `why`.
    pub fn on_probation(self, why: &str) -> Record {
        let noted = |mode| match mode {
            Mode::Apply => Mode::Observe,
            other => other,
        };
        let unset = |change: Option<Change>| {
            change.map(|change| Change {
                mode: noted(change.mode),
                ..change
            })
        };
        let licenses = self.licenses.map(|licenses| Relicensed {
            mode: noted(licenses.mode),
            ..licenses
        });
        Record {
            memory: unset(self.memory),
            cpus: unset(self.cpus),
            time: unset(self.time),
            licenses,
            limits_time: false,
            kept: Some(why.to_owned().into()),
            ..self
        }
    }

    /// The record of a second run with `set` MiB of memory, in the form in which it was asked; the rest is as asked.
    pub fn with_more(&self, set: u64, again: SecondRun) -> Record {
        let memory = self.memory.map(|change| Change { set, ..change });
        Record {
            memory,
            again: Some(again),
            given_back: false,
            kept: None,
            ..self.give_back()
        }
    }

    /// The job waits for the run that this record is about, having been started `restarts` times before.
    pub fn is_of_run(&self, restarts: u64) -> bool {
        self.again.map_or(0, |again| again.restarts) == restarts
    }

    /// The record once its job is given back what its user asked for.
    pub fn give_back(&self) -> Record {
        Record {
            memory: None,
            raised: None,
            cpus: None,
            time: None,
            licenses: None,
            profile: None,
            put_back: None,
            given_back: true,
            kept: Some("an earlier run of this job was rewritten and ended early".into()),
            ..self.clone()
        }
    }

    /// The AdminComment; `None` if it would be too large. What a later release has written goes first.
    pub fn to_comment(&self) -> Option<String> {
        let most = MAX_SIZE + self.profile.as_ref().map_or(0, |_| MAX_PROFILE_SIZE);
        let fits = |text: &String| text.len() <= most;
        let whole = comment::whole(self).ok().filter(fits);
        whole.or_else(|| comment::written(self).ok().filter(fits))
    }

    /// It still waits for a shadow at `now`, in seconds since 1970.
    pub fn waits(&self, now: i64) -> bool {
        self.shadow
            .as_ref()
            .is_some_and(|wait| now < wait.starts_at())
    }

    /// Something of this job's request was really rewritten.
    pub fn rewrites(&self) -> bool {
        let changes = [self.memory, self.cpus, self.time];
        changes.iter().flatten().any(Change::applies) || self.relicenses()
    }

    /// The run shows whether the rewrite was right; a second one was already harmed.
    pub fn is_tried(&self) -> bool {
        self.rewrites() && self.again.is_none()
    }

    /// The job's licenses were really rewritten.
    pub fn relicenses(&self) -> bool {
        self.licenses
            .as_ref()
            .is_some_and(|licenses| licenses.mode == Mode::Apply)
    }

    /// Its user wanted the job to be left alone.
    pub fn opted_out(&self) -> bool {
        self.kept.as_deref() == Some(LeftAlone::OptedOut.text())
    }

    /// The job's time limit, or what backfill may shorten it to, was really rewritten.
    pub fn shortens(&self) -> bool {
        self.time.is_some_and(|change| change.applies())
    }

    /// Memory or CPUs of this job's request were really rewritten.
    pub fn resizes(&self) -> bool {
        [self.memory, self.cpus]
            .iter()
            .flatten()
            .any(Change::applies)
    }

    /// A run that ended in `state` has, by that and by its profile, died of what was rewritten, or a part of it has:
    /// Slurm calls a job COMPLETED whose script went on after a step or a child was killed.
    pub fn may_have_killed(&self, state: &str) -> bool {
        let applies = |change: Option<Change>| change.is_some_and(|change| change.applies());
        match state {
            "OUT_OF_MEMORY" | "COMPLETED" => self.died_of_memory(state),
            // A full tmpfs does not kill: it lets a job wait for its end.
            "TIMEOUT" => {
                applies(self.time)
                    || applies(self.cpus)
                    || (applies(self.memory) && self.was_full())
            }
            "FAILED" => self.died_of_memory(state) || self.lacked_a_license(),
            _ => false,
        }
    }

    /// A process of the job was killed for want of memory.
    fn killed_inside(&self) -> bool {
        let profile = self.profile.as_ref();
        profile.is_some_and(|profile| profile.ended == Ended::Oom)
    }

    /// Jobs of its own kind go on after something of them is killed for want of memory, and end as COMPLETED, with all that their
    /// user asks for, too: a step may have a lower limit of its own.
    pub fn goes_on(&self) -> bool {
        let of_its_user = self.level != Some(Level::Application);
        of_its_user && self.evidence.is_some_and(|evidence| evidence.goes_on)
    }

    /// A run that ended in `state` died of the memory that a rewrite had left it, or a part of it did. Not so one that
    /// filled its memory and hung: all its time is gone, and there is no second guess at that price.
    pub fn died_of_memory(&self, state: &str) -> bool {
        let is_set = self.memory.is_some_and(|change| change.applies());
        let died = match state {
            "OUT_OF_MEMORY" => true,
            "FAILED" => self.killed_inside(),
            "COMPLETED" => self.killed_inside() && !self.goes_on(),
            _ => false,
        };
        is_set && died && !self.had_all()
    }

    /// The run that ends, before which the job had been started `restarts` times, is to be put back by its node: the memory
    /// that it was given killed something of it, and its kind does not go on after that by itself. One that had no more than an earlier run that was put back is not: nobody has
    /// given it more.
    pub fn is_put_back(&self, restarts: u64) -> bool {
        self.early && self.is_of_run(restarts) && self.died_of_memory("COMPLETED")
    }

    /// How many times the memory that the job was given on a node its user asked for; `None` where its nodes lend it none, or it has
    /// all of that.
    pub fn may_grow(&self) -> Option<f64> {
        let asked = self.asked.filter(|asked| asked.layout.nodes <= 1)?;
        let asked = asked.memory?.mib();
        let set = self.memory.filter(Change::applies)?.set;
        // Of fewer CPUs it may have as many all the same: nodes give out whole cores.
        let times = asked as f64 / set.max(1) as f64;
        (self.elastic && times > 1.0).then_some(times)
    }

    /// Its nodes lent it all that its user asked for: what killed it then was not the rewrite.
    pub fn had_all(&self) -> bool {
        let lent = self
            .profile
            .as_ref()
            .and_then(|profile| profile.growths.most_mib());
        let asked = self.asked_on_a_node().map(|bytes| bytes / MIB);
        lent.zip(asked)
            .is_some_and(|(lent, asked)| u64::from(lent) >= asked)
    }

    /// The job used nearly all the memory on a node that a rewrite left it.
    fn was_full(&self) -> bool {
        let (Some(profile), Some(given)) = (&self.profile, self.given_on_a_node()) else {
            return false;
        };
        f64::from(profile.peak_mib) >= FULL * given as f64
    }

    /// The memory that the job had on a node in the end, in MiB, where that is known.
    pub fn given_on_a_node(&self) -> Option<u64> {
        let (ask, set) = (self.asked?, self.memory_in_force()?);
        let cpus = self.cpus_in_force().unwrap_or(1) as u32;
        let tasks = ask.layout.tasks_on_a_node().unwrap_or(1);
        let given = ask.memory?.with(set).on_a_node(tasks.into(), cpus);
        let profile = self.profile.as_ref();
        let lent = profile.and_then(|profile| profile.growths.most_mib());
        Some(given.max(lent.unwrap_or(0).into()))
    }

    /// The job was seen to use more of a license than the rewrite had left it.
    fn lacked_a_license(&self) -> bool {
        let (Some(licenses), Some(profile)) = (&self.licenses, &self.profile) else {
            return false;
        };
        let counts = |text| parse(text).unwrap_or_default();
        let set: BTreeMap<&str, u32> = counts(&licenses.set).into_iter().collect();
        let lacked = |(name, asked): (&str, u32)| {
            let had = set.get(name).copied().unwrap_or(0);
            had < asked && profile.seats.get(name).is_some_and(|&held| held > had)
        };
        self.relicenses() && counts(&licenses.asked).into_iter().any(lacked)
    }

    /// The memory that the user asked for on each node, in bytes.
    pub fn asked_on_a_node(&self) -> Option<u64> {
        let ask = self.asked?;
        let spread = || ask.layout.tasks.div_ceil(ask.layout.nodes.max(1));
        let tasks = ask.layout.tasks_on_a_node().unwrap_or_else(spread);
        let mib = ask.memory?.on_a_node(tasks.into(), ask.cpus);
        Some(mib.saturating_mul(MIB))
    }

    /// The memory that the job was given, in MiB per node or per CPU as it was asked.
    pub fn memory_in_force(&self) -> Option<u64> {
        let changes = [self.memory, self.raised];
        let applied = changes
            .into_iter()
            .flatten()
            .find(Change::applies)
            .map(|change| change.set);
        applied.or(self.asked?.memory.map(|memory| memory.mib()))
    }

    /// The time limit in minutes that the job has at least.
    pub fn time_in_force(&self) -> Option<u64> {
        let applied = self.time.filter(Change::applies).map(|change| change.set);
        applied.or(self.asked?.time_s.map(|seconds| seconds / 60))
    }

    /// The CPUs per task that the job was given.
    pub fn cpus_in_force(&self) -> Option<u64> {
        let applied = self.cpus.filter(Change::applies).map(|change| change.set);
        applied.or(self.asked.map(|asked| asked.cpus.into()))
    }
}
