//! shadowfitd's work: passes over accounting and the queue.
//!
//! A pass may die at any point and be repeated: the store takes every run once, the snapshot is
//! renamed into place, and what is to be done with a job follows from the job's own record.
#![forbid(unsafe_code)]

mod alone;
mod breaker;
mod dependents;
mod events;
mod folders;
mod glance;
mod harm;
mod holders;
mod ingest;
pub mod license_managers;
mod names;
mod once;
mod queue;
mod rescue;
mod room;
mod seats;
mod shadow;
mod slurmdbd;
pub mod train;
mod trust;
mod turn;

use crate::clock::Clock;
use crate::config::Config;
use crate::fingerprint::Key;
use crate::job::directory::{Directory, User};
use crate::model::snapshot::Snapshot;
use crate::slurm::queue::{Queue, query};
use crate::slurm::{Commands, site};
use crate::store::Store;
use crate::store::private::make_folder;
pub use alone::{alone, alone_at_last};
use anyhow::{Context, Result, anyhow};
use events::Events;
pub use events::{MOST_REST, shown_by_folders};
pub use ingest::{Users, import};
use names::Names;
use once::Once;
pub use queue::REFUSED;
use slurmdbd::Sparing;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use train::train;
use trust::UnderWay;
use turn::Turn;

/// Who is who is asked again after this many seconds.
const DIRECTORY_AGE: i64 = 600;

/// So many seconds after it was asked in vain.
const UNKNOWN_AGE: i64 = 60;

/// While jobs may be rewritten as they are submitted, it is said anew how many after so many seconds.
const LOOK_AGE: i64 = 300;

/// A look at the queue is good for so long, for what changes a job that has ended or waits.
const FRESH: Duration = Duration::from_secs(10);

/// Who the agent ran as when it last started, in the store's `progress`.
pub const AGENT_UID: &str = "agent uid";
/// Up to which row of the store rewritten runs have been judged by their accounting.
const JUDGED: &str = "judged";

/// What one pass did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Runs that were new to the store.
    pub new_runs: usize,
    /// A new snapshot was published.
    pub published: bool,
    /// Pending jobs whose request was set anew.
    pub decided_again: usize,
    /// Shadows that were submitted.
    pub shadows_started: usize,
    /// Shadows that ended, whatever they showed.
    pub shadows_ended: usize,
    /// Jobs that died of a rewrite and were put back into the queue.
    pub requeued: usize,
    /// Jobs that were given more for another run: what is likely to be enough, or all that their user asked for.
    pub given_back: usize,
}

/// Whose turn it is, of what may be too much for one look.
#[derive(Default)]
struct Turns {
    /// Jobs that were harmed and are put back.
    harmed: Turn,
    /// Jobs that run again and are given more.
    again: Turn,
    /// Jobs that depend on one that runs again.
    dependents: Turn,
    /// Jobs that wait and have too little, and those that have too much.
    raised: Turn,
    lowered: Turn,
}

/// The agent between passes.
pub struct Agent<'a> {
    config_path: PathBuf,
    config: Config,
    store: Store,
    commands: Sparing<'a>,
    clock: &'a dyn Clock,
    snapshot: Option<Snapshot>,
    /// It holds more than the one that is published.
    is_new: bool,
    /// As of the last look at the queue, where that succeeded.
    under_way: Option<UnderWay>,
    /// When the queue, or some of it, was asked for last.
    looked: Duration,
    /// How many more jobs of kinds on probation slurmctld may have rewritten since then.
    left_to_slurmctld: HashMap<Key, u32>,
    events: Events,
    /// When accounting was last read as far back as records may be late.
    read_late: Option<i64>,
    turns: Turns,
    directory: Directory,
    /// When it was asked for, and for how long that will do, in seconds.
    directory_asked: Option<(i64, i64)>,
    names: Names,
    /// Slurm holds jobs to limits; `None` until slurmctld has said so or not.
    limits_hold: Option<bool>,
    /// How many seconds Slurm holds a requeued job back, as far as is known.
    requeue_hold_s: u64,
    /// When each of their commands may be run again.
    license_managers: HashMap<Vec<String>, Duration>,
    /// Jobs of which it has been said that AdminComment has no room for their records.
    without_room: Once,
    /// What was wanted for which job, and refused, and in which hour.
    refused: Once,
    /// Which dependencies were given anew for which run of the job that they are on.
    revived: Once,
}

impl<'a> Agent<'a> {
    /// Reads the configuration, opens the store and takes up the last snapshot. No other agent may be at work on them:
    /// see [`alone`].
    pub fn new(
        config_path: PathBuf,
        commands: &'a dyn Commands,
        clock: &'a dyn Clock,
    ) -> Result<Self> {
        let config = Config::load(&config_path)?;
        make_folder(&config.state_dir).with_context(|| config.state_dir.display().to_string())?;
        let store = Store::open(&config.database_path())?;
        store.set_progress(AGENT_UID, nix::unistd::geteuid().as_raw().into())?;
        let snapshot = Snapshot::load(&config.snapshot_path()).ok();
        let directory = snapshot
            .as_ref()
            .map(|old| old.directory().clone())
            .unwrap_or_default();
        Ok(Agent {
            config_path,
            config,
            store,
            commands: Sparing::new(commands, clock),
            clock,
            snapshot,
            is_new: false,
            under_way: None,
            looked: Duration::ZERO,
            left_to_slurmctld: HashMap::new(),
            events: Events::default(),
            read_late: None,
            turns: Turns::default(),
            names: Names::known(&directory.users),
            directory,
            directory_asked: None,
            limits_hold: None,
            requeue_hold_s: site::USUAL_HOLD_S,
            license_managers: HashMap::new(),
            without_room: Once::default(),
            refused: Once::default(),
            revived: Once::default(),
        })
    }

    /// Seconds to wait between two passes.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.config.agent.interval_s.into())
    }

    /// One pass. What fails is logged and tried again in the next: a slurmdbd that is down must not
    /// keep a dying job from its rescue. Returns the first failure when `strict`.
    pub fn pass(&mut self, strict: bool) -> Result<Pass> {
        let mut pass = Pass::default();
        let mut failures = Vec::new();
        match Config::load(&self.config_path) {
            Ok(config) => self.config = config,
            Err(error) => failures.push(anyhow::Error::new(error)),
        }
        failures.extend(self.find_folders().err());
        // What can be asked for later is asked for as rarely as it is dear.
        let queue = self.is_look_due().then(|| self.look());
        let looked = self.clock.elapsed();
        // First: nothing that accounting does keeps a dying job from it.
        let seen_to = match &queue {
            Some(Ok(queue)) => self.rescue(queue, &[], &mut pass),
            _ => Vec::new(),
        };
        failures.extend(self.read_accounting(&mut pass));
        let queue = match queue {
            Some(Ok(queue)) => Some(self.look_once_more(queue, looked, &seen_to, &mut pass)),
            other => other,
        };
        if queue.is_none() {
            failures.extend(self.rescue_some(&mut pass).err());
        }
        let to_wait_for = pass.requeued;
        failures.extend(self.note_how_jobs_are_seen().err());
        failures.extend(self.watch_breaker().err());
        failures.extend(self.learn().err());
        match queue {
            Some(Ok(queue)) => {
                failures.extend(self.tend_queue(&queue, &mut pass).err());
                failures.extend(self.watch_licenses(&queue.jobs).err());
            }
            Some(Err(error)) => failures.push(error),
            None => {}
        }
        failures.extend(
            self.publish()
                .map(|published| pass.published = published)
                .err(),
        );
        let waited = match self.events.folders_show_jobs() {
            true => self.wait_for_those_again(&mut pass),
            false => self.wait_for(to_wait_for, &mut pass),
        };
        failures.extend(waited.err());
        for error in &failures {
            tracing::warn!("{error:#}");
        }
        match failures.into_iter().next() {
            Some(error) if strict => Err(error),
            _ => Ok(pass),
        }
    }

    /// What slurmdbd knows. Where it has let one wait in vain, the others do not ask it.
    fn read_accounting(&mut self, pass: &mut Pass) -> Vec<anyhow::Error> {
        let mut failures = Vec::new();
        if !self.commands.lets_slurmdbd_alone() {
            failures.extend(self.ingest().map(|new| pass.new_runs = new).err());
        }
        failures.extend(self.judge_new_runs().err());
        failures.extend(self.forget().err());
        if !self.commands.lets_slurmdbd_alone() {
            failures.extend(self.ask_directory().err());
        }
        failures
    }

    /// The queue for what is done next, after accounting was read: a job may have been harmed that had ended well as far as
    /// slurmctld knows. What is old by then is asked for anew, as a job that had ended may run again. Those that were
    /// `seen_to` are not put back twice.
    fn look_once_more(
        &mut self,
        queue: Queue,
        looked: Duration,
        seen_to: &[u64],
        pass: &mut Pass,
    ) -> Result<Queue> {
        if self.clock.since(looked) > FRESH {
            let queue = self.look()?;
            self.rescue(&queue, &[], pass);
            return Ok(queue);
        }
        if pass.new_runs > 0 {
            self.rescue(&queue, seen_to, pass);
            if let Some(looked) = self.under_way.as_ref().map(|under_way| under_way.looked) {
                self.under_way = Some(self.under_way(&queue, looked)?);
            }
        }
        Ok(queue)
    }

    /// Who and what there is, where that is due, and who is who of those that are left.
    fn ask_directory(&mut self) -> Result<()> {
        let now = self.clock.now();
        let is_asked = self
            .directory_asked
            .is_some_and(|(asked, age)| (0..age).contains(&(now - asked)));
        if !is_asked {
            // Whatever comes of it.
            self.directory_asked = Some((now, UNKNOWN_AGE));
            self.read_directory()?;
            self.directory_asked = Some((now, DIRECTORY_AGE));
        }
        let all = !self.events.listens;
        let asked = self.names.ask(self.clock, all, site::number_of);
        self.directory.users = self.names.users();
        Ok(asked?)
    }

    fn read_directory(&mut self) -> Result<()> {
        let settings = site::settings(&self.commands)?;
        self.limits_hold = Some(site::limits_are_enforced(&settings));
        let setting = |name: &str| settings.get(name).map_or("", String::as_str);
        self.requeue_hold_s = site::requeue_hold_s(&setting);
        let (directory, users) = site::directory(&self.commands, &settings)?;
        let rules = &self.config.rule;
        let is_named = |user: &User| {
            rules
                .iter()
                .any(|rule| rule.names(&user.name, user.account.as_deref()))
        };
        self.names.expect(users, is_named);
        self.directory = directory;
        Ok(())
    }

    /// Asks for the queue, and counts what is under way in it.
    fn look(&mut self) -> Result<Queue> {
        self.under_way = None;
        let (began, looked) = (self.clock.elapsed(), self.clock.now());
        self.looked = began;
        let queue = query(&self.commands);
        // Whether slurmctld answered or not.
        let took = self.clock.since(began);
        self.events.looked.done(self.clock.now(), took);
        let queue = queue?;
        self.under_way = Some(self.under_way(&queue, looked)?);
        self.left_to_slurmctld.clear();
        self.events.note(&queue);
        self.compare(&queue);
        Ok(queue)
    }

    /// Learns what is new in the store.
    fn learn(&mut self) -> Result<()> {
        let previous = self.snapshot.as_ref();
        let now = self.clock.now();
        if let Some(bytes) = train(&self.store, previous, &self.config, &self.directory, now)? {
            self.snapshot = Some(Snapshot::read(bytes).map_err(|what| anyhow!(what))?);
            self.is_new = true;
        }
        Ok(())
    }

    /// Publishes what was learned, and how many more jobs of kinds that are on probation may be rewritten. Of what is under
    /// way where the queue could not be asked nobody knows: then it is none.
    fn publish(&mut self) -> Result<bool> {
        let (path, now) = (self.config.snapshot_path(), self.clock.now());
        let Some(snapshot) = &mut self.snapshot else {
            return Ok(false);
        };
        let under_way = self.under_way.as_ref();
        let given = RefCell::new(std::mem::take(&mut self.left_to_slurmctld));
        let open = |kind, left: u16| {
            let more = |under_way: &UnderWay| u32::from(left).saturating_sub(under_way.of(kind));
            let open = under_way.map_or(0, more);
            if open > 0 {
                let mut given = given.borrow_mut();
                let most = given.entry(kind).or_default();
                *most = open.max(*most);
            }
            open as u16
        };
        let differs = snapshot.open(open);
        self.left_to_slurmctld = given.into_inner();
        // slurmctld counts submissions that came to nothing until the queue has been looked at again.
        let is_old = snapshot.is_open() && now - snapshot.looked() >= LOOK_AGE;
        // A snapshot that somebody took away is made anew.
        if !(self.is_new || differs || is_old) && path.exists() {
            return Ok(false);
        }
        // Until it is written.
        self.is_new = true;
        let looked = under_way.map_or(0, |under_way| under_way.looked);
        Snapshot::publish(&path, snapshot.sealed(looked))
            .with_context(|| path.display().to_string())?;
        self.is_new = false;
        Ok(true)
    }
}
