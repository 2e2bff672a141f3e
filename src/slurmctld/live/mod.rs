//! What is in force right now: configuration, snapshot and kill switch, looked at once a second at
//! most, by whichever submission comes along. Nobody ever waits: a reader takes what is there, and
//! of two that find something to refresh, one does it.

use super::rewritten_since::RewrittenSince;
use crate::config::{Config, ConfigError};
use crate::decide::{LastScripts, decide_reading, probation};
use crate::job::Request;
use crate::model::snapshot::{Loading, Snapshot, SnapshotError};
use crate::record::Record;
use arc_swap::ArcSwapOption;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How much of a new snapshot one submission reads, in bytes: about a millisecond's worth.
const PIECE: usize = 1 << 20;

/// The state behind the exported calls.
pub struct Live {
    config_path: PathBuf,
    /// `None` while the file is broken: then every job passes.
    config: ArcSwapOption<Config>,
    snapshot: ArcSwapOption<Snapshot>,
    scripts: LastScripts,
    killed: AtomicBool,
    problem: ArcSwapOption<String>,
    watch: Mutex<Watch>,
    rewritten: RewrittenSince,
}

/// What was seen at the last look.
#[derive(Default)]
struct Watch {
    looked: Option<Instant>,
    /// The file that was read last; `Some(None)` when there was none.
    config: Option<Option<Identity>>,
    /// The breaker was open.
    is_advised_only: bool,
    /// Says where things lie, even while the file is broken.
    last_good: Arc<Config>,
    snapshot: Option<Identity>,
    loading: Option<Loading>,
}

/// By this a file is known to be still the one that was read.
#[derive(PartialEq, Clone, Copy)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(path: &Path) -> Option<Identity> {
        let meta: Metadata = std::fs::metadata(path).ok()?;
        Some(Identity {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        })
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

impl Live {
    /// Nothing is read yet.
    pub fn new(config_path: PathBuf) -> Live {
        Live {
            config_path,
            config: ArcSwapOption::empty(),
            snapshot: ArcSwapOption::empty(),
            scripts: LastScripts::default(),
            killed: AtomicBool::new(false),
            problem: ArcSwapOption::empty(),
            watch: Mutex::default(),
            rewritten: RewrittenSince::default(),
        }
    }

    /// Decides with what is in force; `None` means that the job passes.
    pub fn decide(&self, request: &Request) -> Option<Record> {
        self.refresh_a_little();
        if self.killed.load(Ordering::Relaxed) {
            return None;
        }
        let config = self.config.load_full()?;
        let snapshot = self.snapshot.load();
        let snapshot = snapshot.as_deref();
        let script = self.scripts.read(request);
        let record = decide_reading(&config, snapshot, request, &script, now())?;
        Some(match snapshot {
            Some(snapshot) => self.as_trusted(&config, snapshot, request, record),
            None => record,
        })
    }

    /// The record, or one that keeps the request where the kind is not trusted with so many jobs more.
    fn as_trusted(
        &self,
        config: &Config,
        snapshot: &Snapshot,
        request: &Request,
        record: Record,
    ) -> Record {
        let Some(probation) = probation(config, snapshot, &record) else {
            return record;
        };
        let (kind, open) = (probation.kind, probation.trust.open);
        let take = || {
            let looked = snapshot.looked();
            self.rewritten.take(kind, open, looked, request.jobs, now())
        };
        // Where it is held its kind would learn nothing for as long; the agent sees to it when it is released.
        match !request.starts_later && take() {
            true => record,
            false => record.on_probation(probation.why),
        }
    }

    /// Reads everything, however long it takes. For start-up, when no submission waits.
    pub fn refresh_fully(&self) {
        let watch = self.watch.lock();
        // A panic in another thread's look: its half-done work is dropped with the loading.
        self.refresh(
            &mut watch.unwrap_or_else(PoisonError::into_inner),
            usize::MAX,
        );
    }

    /// What went wrong since this was last asked, for the log.
    pub fn take_problem(&self) -> Option<String> {
        if self.problem.load().is_none() {
            return None;
        }
        self.problem.swap(None).map(|problem| problem.to_string())
    }

    /// What one submission does for all: a look if one is due, and a piece of a new snapshot.
    fn refresh_a_little(&self) {
        match self.watch.try_lock() {
            Ok(mut watch) => self.refresh(&mut watch, PIECE),
            Err(TryLockError::Poisoned(poisoned)) => {
                self.refresh(&mut poisoned.into_inner(), PIECE)
            }
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn refresh(&self, watch: &mut Watch, piece: usize) {
        let due = watch
            .looked
            .is_none_or(|looked| looked.elapsed() >= LOOK_EVERY);
        if due {
            watch.looked = Some(Instant::now());
            self.look(watch);
        }
        self.load_piece(watch, piece);
    }

    fn look(&self, watch: &mut Watch) {
        let config = Some(Identity::of(&self.config_path));
        let is_advised_only = watch.last_good.breaker_path().exists();
        if config != watch.config || is_advised_only != watch.is_advised_only {
            watch.config = config;
            watch.is_advised_only = is_advised_only;
            self.read_config(watch);
        }
        let switch = watch.last_good.kill_switch_path();
        self.killed.store(switch.exists(), Ordering::Relaxed);
        // A load that is under way ends first, however often the file is replaced meanwhile.
        let path = watch.last_good.snapshot_path();
        let snapshot = Identity::of(&path);
        if watch.loading.is_none() && snapshot.is_some() && snapshot != watch.snapshot {
            watch.snapshot = snapshot;
            match Loading::begin(&path) {
                Ok(loading) => watch.loading = Some(loading),
                Err(error) => self.report_snapshot(error),
            }
        }
    }

    fn read_config(&self, watch: &mut Watch) {
        match Config::load(&self.config_path) {
            Ok(config) => {
                watch.last_good = Arc::new(config);
                self.config.store(Some(watch.last_good.clone()));
            }
            Err(error) => self.report_config(error),
        }
    }

    fn load_piece(&self, watch: &mut Watch, piece: usize) {
        let Some(mut loading) = watch.loading.take() else {
            return;
        };
        match loading.advance(piece) {
            Ok(Some(snapshot)) => self.snapshot.store(Some(Arc::new(snapshot))),
            Ok(None) => watch.loading = Some(loading),
            Err(error) => self.report_snapshot(error),
        }
    }

    fn report_config(&self, error: ConfigError) {
        self.config.store(None);
        self.report(format!("every job passes unchanged: {error}"));
    }

    fn report_snapshot(&self, error: SnapshotError) {
        let last_good = if self.snapshot.load().is_some() {
            "the last good snapshot stays in use"
        } else {
            "no job is sized"
        };
        self.report(format!("{last_good}: {error}"));
    }

    fn report(&self, problem: String) {
        self.problem.store(Some(Arc::new(problem)));
    }
}

#[cfg(test)]
mod tests;
