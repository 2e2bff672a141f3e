//! The breaker of the whole site: where rewritten jobs fail more often than others of the same kinds did, nothing is rewritten
//! any more until an admin takes away the file that says so.

use super::Agent;
use crate::model::excess::Excess;
use crate::model::snapshot::Snapshot;
use anyhow::{Context, Result};

/// Seconds between two looks.
const EVERY_S: i64 = 300;

/// Runs that ended so long ago say nothing about today, in seconds.
const REMEMBERED_S: i64 = 30 * 86_400;

/// When it was last looked at, whether the breaker was open then, and from when on runs count, in the store's `progress`.
const LOOKED: &str = "breaker looked";
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
        let looked = self.store.progress(LOOKED)?;
        let is_due = !looked.is_some_and(|at| (0..EVERY_S).contains(&(now - at)));
        if self.config.is_advised_only || !self.config.breaker.enabled || !is_due {
            return Ok(());
        }
        self.store.set_progress(LOOKED, now)?;
        let since = self.store.progress(SINCE)?.unwrap_or(0);
        let since = since.max(now - REMEMBERED_S);
        let kinds = self.store.ends_of_kinds(since)?;
        let as_asked = self.store.ends_as_asked(since)?;
        let excess = Excess::of(kinds, &as_asked, self.config.breaker.allowed);
        if excess.is_certain() {
            self.open_breaker(&excess)?;
        }
        Ok(())
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
