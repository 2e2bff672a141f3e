//! Memory that grows in place: a running job that outgrows what it was given is lent more by its node, up to what its user asked
//! for, out of memory that Slurm does not give out. Slurm's books stay as they are: what all jobs of a node may use is never more
//! than Slurm has given out and the pool together.
//!
//! Nothing is paused: the job's use is read so often that no allocation gets from there to its limit meanwhile.
#![forbid(unsafe_code)]

mod holders;
mod limits;
mod node;
mod pace;
mod pool;
mod step;

use crate::clock::{Clock, WallClock};
use crate::job::counters::{Growth, Growths};
use crate::sampler::rest::Rest;
use crate::text::units::MIB;
use holders::Holders;
pub use limits::GroupLimits;
use limits::Needed;
use pace::Pace;
pub use pool::MemoryPool;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use step::{least_mark, near, rest};
pub use step::{mark, next};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// After its node had nothing to lend it is asked again so much later.
const REFUSED: Duration = Duration::from_millis(100);

/// By now the kernel has counted who has what: it does so every two seconds.
const COUNTED: Duration = Duration::from_secs(4);

/// Going through a job's steps takes one part in so many of the time at most.
const LEVEL_TIMES: u32 = 50;

/// What a job was lent so far: written by the thread that watches it, read as the job ends.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Growths>>);

impl Ledger {
    /// All of it.
    pub fn growths(&self) -> Growths {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Growths> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a job may grow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GrowthTerms {
    /// What Slurm gave it on this node, in bytes. One that has more by somebody else's hand does not grow.
    pub given: u64,
    /// How many times that it may have at most.
    pub times: f64,
}

/// Watches the job whose group is `folder` as long as that is there, in a thread of its own; `proc` is `/proc`. `terms` says how far the
/// job may grow, if it may at all; it is asked once, and may take its time.
pub fn beside(
    folder: &Path,
    proc: &Path,
    pool: MemoryPool,
    terms: impl FnOnce() -> Option<GrowthTerms> + Send + 'static,
) -> Ledger {
    let ledger = Ledger::default();
    let (noted, folder) = (ledger.clone(), folder.to_owned());
    let holders = Holders::new(proc);
    std::thread::spawn(move || {
        let Some(limits) = GroupLimits::of(&folder) else {
            return;
        };
        let terms = terms().filter(|terms| limits.first() <= terms.given);
        if let Some(terms) = terms {
            // Not before: programs that are asked would be as urgent.
            run_first();
            let mut job = Job::new(limits, holders, pool, terms.times, noted);
            watch(&mut job, &WallClock);
        }
    });
    ledger
}

/// Until it is over.
fn watch(job: &mut Job, clock: &dyn Clock) {
    let (began, mut rest) = (clock.elapsed(), Rest::default());
    loop {
        let busy = clock.busy();
        let Some(apart) = job.look(clock.since(began)) else {
            return;
        };
        let cost = clock.busy().saturating_sub(busy);
        let at = clock.since(began).as_secs_f64();
        rest.begin(at, apart.as_secs_f64(), cost);
        clock.sleep(rest.left(at));
    }
}

/// This thread runs as soon as it wants to, however many of a job's own keep the node busy: it takes some microseconds each time.
/// Where that may not be, it takes its turn.
fn run_first() {
    let (lowest, turns) = (
        ThreadPriority::Min,
        RealtimeThreadSchedulePolicy::RoundRobin,
    );
    let _takes_its_turn = set_thread_priority_and_policy(
        thread_native_id(),
        lowest,
        ThreadSchedulePolicy::Realtime(turns),
    );
}

/// A job that may grow.
struct Job {
    limits: GroupLimits,
    holders: Holders,
    pool: MemoryPool,
    /// Bytes.
    most: u64,
    noted: Ledger,
    is_refused: bool,
    /// Since when the kernel's figures do not tell whether it is near its limit.
    in_doubt_since: Option<Duration>,
    pace: Pace,
    /// Before this its steps are not gone through again: users have as many as they like.
    leveled_until: Duration,
}

impl Job {
    fn new(
        limits: GroupLimits,
        holders: Holders,
        pool: MemoryPool,
        times: f64,
        noted: Ledger,
    ) -> Job {
        Job {
            most: most(limits.now(), times),
            limits,
            holders,
            pool,
            noted,
            is_refused: false,
            in_doubt_since: None,
            pace: Pace::default(),
            leveled_until: Duration::ZERO,
        }
    }

    /// Looks at what it uses, and lends it more where that nears its limit; says when to look again. `None` once the job is over,
    /// may not grow, or has been given another limit by somebody else.
    fn look(&mut self, at: Duration) -> Option<Duration> {
        let first = self.limits.first();
        if first >= self.most || !self.limits.hold() {
            return None;
        }
        self.level(at);
        let now = self.limits.now();
        let used = self.limits.used()?;
        // What the kernel can drop is no reason to grow.
        let needed = match used < least_mark(now) {
            true => Needed::unasked(used),
            false => self.limits.needed()?,
        };
        let needed = self.sure(needed, at);
        self.pace.look(used, needed.held, at);
        let (calm, mark) = (self.pace.calm(at), mark(now, self.pace.ahead()));
        if now >= self.most {
            return Some(rest(first, first, calm));
        }
        if needed.most < mark {
            self.is_refused = false;
            return Some(rest(mark - needed.most, first, calm));
        }
        let is_lent = self.grow(at)?;
        Some(if is_lent { Duration::ZERO } else { REFUSED })
    }

    /// What is needed of that, as far as anybody knows: where the kernel's figures leave in doubt whether that is near the limit, the
    /// job's processes are asked, until they must have been counted.
    fn sure(&mut self, needed: Needed, at: Duration) -> Needed {
        if needed.held.is_some() {
            self.holders.look(at);
        }
        let now = self.limits.now();
        let mark = mark(now, self.pace.ahead());
        let near = near(mark, self.holders.batched());
        if needed.most < mark || needed.held >= Some(near) {
            self.in_doubt_since = None;
            return needed;
        }
        let since = *self.in_doubt_since.get_or_insert(at);
        if at.saturating_sub(since) >= COUNTED {
            return needed;
        }
        let Some(held) = self.holders.held(self.limits.folder(), near) else {
            return needed;
        };
        let held = needed.held.map_or(held, |counted| counted.max(held));
        Needed {
            most: if held < near { held } else { needed.most },
            held: Some(held),
        }
    }

    /// Steps begin with what Slurm gave the job.
    fn level(&mut self, at: Duration) {
        if at >= self.leveled_until {
            let began = Instant::now();
            self.limits.level();
            self.leveled_until = at + began.elapsed().saturating_mul(LEVEL_TIMES);
        }
    }

    /// Whether it was lent more; `None` where its limit cannot be raised.
    fn grow(&mut self, at: Duration) -> Option<bool> {
        let before = self.limits.now();
        let wanted = next(before, self.most, self.pace.ahead());
        let lent = self.pool.lend(self.limits.folder(), wanted - before);
        if lent == 0 {
            self.noted.lock().refused += u32::from(!self.is_refused);
            self.is_refused = true;
            return Some(false);
        }
        self.limits.raise(before + lent).ok()?;
        let mib = |bytes: u64| u32::try_from(bytes / MIB).unwrap_or(u32::MAX);
        self.noted.lock().note(Growth {
            at_s: at.as_secs_f32(),
            from_mib: mib(before),
            to_mib: mib(before + lent),
        });
        (self.is_refused, self.in_doubt_since) = (false, None);
        Some(true)
    }
}

/// So many times a limit, in whole MiB beyond it: less is never lent.
fn most(limit: u64, times: f64) -> u64 {
    // From floats to integers Rust saturates.
    let more = (limit as f64 * times) as u64;
    limit.saturating_add(more.saturating_sub(limit) / MIB * MIB)
}

#[cfg(test)]
mod tests;
