//! What may be done with which resource of whose job.

use serde::{Deserialize, Serialize};

/// What may be done with a job or one of its resources; each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing, not even a record.
    Off,
    /// Record what would be set.
    #[default]
    Observe,
    /// Tell the user what would be set.
    Advise,
    /// Set it.
    Apply,
}

/// One thing for each resource of a request that may be sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerResource<T> {
    /// `--mem` and `--mem-per-cpu`.
    pub memory: T,
    /// `--cpus-per-task`.
    pub cpus: T,
    /// `--licenses`.
    pub licenses: T,
    /// `--time-min`, and `--time` where the site wants that.
    pub time: T,
}

/// The modes of one job.
pub type Modes = PerResource<Mode>;

/// What a mode for all resources means for each that is not named itself. A job that lacks a license fails,
/// and one that runs out of time loses all its work: those are set only where they are named.
const UNNAMED_MOST: Modes = PerResource {
    memory: Mode::Apply,
    cpus: Mode::Apply,
    licenses: Mode::Advise,
    time: Mode::Observe,
};

impl<T: Copy> PerResource<T> {
    /// The same for each.
    pub fn all(value: T) -> PerResource<T> {
        PerResource {
            memory: value,
            cpus: value,
            licenses: value,
            time: value,
        }
    }

    /// Of every resource.
    fn values(self) -> [T; 4] {
        [self.memory, self.cpus, self.licenses, self.time]
    }

    /// What `of` makes of each.
    fn map<U>(self, of: impl Fn(T) -> U) -> PerResource<U> {
        PerResource {
            memory: of(self.memory),
            cpus: of(self.cpus),
            licenses: of(self.licenses),
            time: of(self.time),
        }
    }

    /// Each beside its own of `other`.
    fn zip<U>(self, other: PerResource<U>) -> PerResource<(T, U)> {
        PerResource {
            memory: (self.memory, other.memory),
            cpus: (self.cpus, other.cpus),
            licenses: (self.licenses, other.licenses),
            time: (self.time, other.time),
        }
    }
}

impl Modes {
    /// The same, no resource going further than `most`.
    pub fn at_most(self, most: Mode) -> Modes {
        self.map(|mode| mode.min(most))
    }

    /// Nothing is to be done with this job at all.
    pub fn all_off(self) -> bool {
        self == PerResource::all(Mode::Off)
    }
}

impl PerResource<Option<Mode>> {
    /// What is named, else `unnamed` as far as it goes, else what was so before.
    pub(super) fn over(self, unnamed: Option<Mode>, before: Modes) -> Modes {
        let each = self.zip(UNNAMED_MOST).zip(before);
        each.map(|((named, most), before)| {
            let unnamed = unnamed.map(|mode| mode.min(most));
            named.or(unnamed).unwrap_or(before)
        })
    }
}

/// `[modes]`: one mode for all resources, and one for each that differs.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModeTable {
    /// For each resource not named below.
    pub default: Mode,
    /// Memory.
    pub memory: Option<Mode>,
    /// CPUs per task.
    pub cpus: Option<Mode>,
    /// Licenses; no more than advised unless they are named.
    pub licenses: Option<Mode>,
    /// Time; no more than observed unless it is named.
    pub time: Option<Mode>,
}

/// `[[rule]]`: matches the jobs that have all that it names.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// User name.
    pub user: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// Partition; matches a job that names it among others.
    pub partition: Option<String>,
    /// For every resource of the job.
    pub mode: Option<Mode>,
    /// Memory.
    pub memory: Option<Mode>,
    /// CPUs per task.
    pub cpus: Option<Mode>,
    /// Licenses; no more than advised unless they are named.
    pub licenses: Option<Mode>,
    /// Time; no more than observed unless it is named.
    pub time: Option<Mode>,
    /// Whether new kinds of jobs are measured by a shadow.
    pub shadow: Option<bool>,
    /// Whether jobs that outgrow their memory are lent more, where nodes have a pool.
    pub elastic: Option<bool>,
    /// What is done with jobs that may not be requeued.
    pub no_requeue: Option<NoRequeue>,
}

/// What is done with jobs that Slurm may not requeue: nobody can rescue them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoRequeue {
    /// They keep their request.
    #[default]
    Keep,
    /// They are sized like others. One that a rewrite harms has failed.
    Size,
}

/// Of a table that names a mode for each resource. Its fields stand in either: serde takes no flattened ones where unknown keys
/// are refused.
macro_rules! names_modes {
    ($table:ty) => {
        impl $table {
            /// What is named for each resource.
            pub(super) fn named(&self) -> PerResource<Option<Mode>> {
                PerResource {
                    memory: self.memory,
                    cpus: self.cpus,
                    licenses: self.licenses,
                    time: self.time,
                }
            }
        }
    };
}

names_modes!(ModeTable);
names_modes!(Rule);

/// Whom a job belongs to, for matching rules.
#[derive(Debug, Clone, Copy, Default)]
pub struct Owner<'a> {
    /// User name, when known.
    pub user: Option<&'a str>,
    /// Account, the user's default when none was named.
    pub account: Option<&'a [u8]>,
    /// Partitions, comma-separated; the default partition when none was named.
    pub partition: Option<&'a [u8]>,
}

impl Rule {
    /// It lets something be set.
    pub fn applies(&self) -> bool {
        self.mode == Some(Mode::Apply) || self.named().values().contains(&Some(Mode::Apply))
    }

    /// It names this user, or this account.
    pub fn names(&self, user: &str, account: Option<&str>) -> bool {
        self.user.as_deref() == Some(user)
            || self
                .account
                .as_deref()
                .is_some_and(|own| Some(own) == account)
    }

    pub(super) fn matches(&self, owner: Owner) -> bool {
        let account = |name: &String| owner.account == Some(name.as_bytes());
        let partition = |name: &String| {
            owner
                .partition
                .is_some_and(|all| all.split(|&b| b == b',').any(|one| one == name.as_bytes()))
        };
        self.user
            .as_deref()
            .is_none_or(|user| owner.user == Some(user))
            && self.account.as_ref().is_none_or(account)
            && self.partition.as_ref().is_none_or(partition)
    }
}
