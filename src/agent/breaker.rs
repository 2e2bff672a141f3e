//! The breaker of the whole site: where rewritten jobs fail more often than others of the same kinds did, nothing is rewritten
//! any more until an admin takes away the file that says so.

use super::Agent;
use crate::model::excess::{AsAsked, Excess};
use crate::model::snapshot::Snapshot;
use anyhow::{Context, Result};

/// Seconds between two looks.
const EVERY_S: i64 = 300;

/// Seconds between two looks at all runs that are remembered, of which a second of CPU time goes into each million.
const BACK_EVERY_S: i64 = 3600;

/// Runs that ended so long ago say nothing about today, in seconds.
const REMEMBERED_S: i64 = 30 * 86_400;

/// When it was last looked at, whether the breaker was open then, and from when on runs count, in the store's `progress`.
const LOOKED: &str = "breaker looked";
const LOOKED_BACK: &str = "breaker looked back";
const WAS_OPEN: &str = "breaker open";
const SINCE: &str = "breaker since";

impl Agent<'_> {
    /// Opens the breaker if it is time to; runs from before it was last closed do not count.
    pub(super) fn watch_breaker(&mut self) -> Result<()> {
        let now = self.clock.now();
        let was_open = self.store.progress(WAS_OPEN)? == Some(1);
        if was_open && !self.config.is_advised_only {
            tracing::info!("the breaker was closed: rewrites are made again");
            self.store.set_progress(SINCE, now)?;
            self.store.set_progress(WAS_OPEN, 0)?;
        }
        let is_off = self.config.is_advised_only || !self.config.breaker.enabled;
        if is_off || !self.is_due(LOOKED, EVERY_S)? {
            return Ok(());
        }
        let since = self.store.progress(SINCE)?.unwrap_or(0);
        let since = since.max(now - REMEMBERED_S);
        let kinds = self.store.ends_of_kinds(since)?;
        let as_asked = match self.is_due(LOOKED_BACK, BACK_EVERY_S)? {
            true => self.store.ends_as_asked(since)?,
            false => AsAsked::new(),
        };
        let excess = Excess::of(kinds, &as_asked, self.config.breaker.allowed);
        if excess.is_certain() {
            self.open_breaker(&excess)?;
        }
        Ok(())
    }

    /// It was done so many seconds ago or more; if so it counts as done now.
    fn is_due(&self, what: &str, every_s: i64) -> Result<bool> {
        let now = self.clock.now();
        let done = self.store.progress(what)?;
        let is_due = !done.is_some_and(|at| (0..every_s).contains(&(now - at)));
        if is_due {
            self.store.set_progress(what, now)?;
        }
        Ok(is_due)
    }

    fn open_breaker(&mut self, excess: &Excess) -> Result<()> {
        let why = format!(
            "{} of {} rewritten jobs failed or were harmed, where {:.1} would have failed as others of their kinds did",
            excess.failed, excess.rewritten, excess.expected
        );
        tracing::error!("{why}: nothing is rewritten any more");
        let path = self.config.breaker_path();
        // First what is remembered: a file that is there without that would be taken for closed when it is gone.
        self.store.set_progress(WAS_OPEN, 1)?;
        // Like a snapshot: slurmctld sees all of it or nothing, whoever an earlier agent was.
        Snapshot::publish(&path, format!("{why}\n").as_bytes())
            .with_context(|| path.display().to_string())?;
        self.config.is_advised_only = true;
        Ok(())
    }
}
