//! What shadows may start with: less as the cluster fills, and nothing beyond the CPU time of an hour, of all and of
//! each user.

use super::Agent;
use crate::config::ShadowLimits;
use crate::slurm::site::{Load, load};
use crate::store::Shadow;
use anyhow::Result;
use std::collections::HashMap;

const HOUR: i64 = 3600;

/// In a full cluster a shadow has this share of its window.
const LEAST_WINDOW: f64 = 0.5;

/// In less memory a shadow would show nothing.
const LEAST_SLICE_MIB: u64 = 256;

/// What bounds them where nothing else does.
const ENOUGH: &str = "as many were there as max_running and the free CPUs allow";

/// What shadows may start with.
#[derive(Debug)]
pub(super) struct Room {
    /// How many.
    pub shadows: u64,
    /// What keeps them from being more.
    bound: &'static str,
    /// The share of the window that they have.
    pub window: f64,
    /// Memory for each, in MiB.
    pub free_mib: u64,
    used: HashMap<String, Used>,
}

/// What shadows have of what they may have.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    running: u64,
    cpu_s: f64,
}

impl Used {
    /// One shadow more, of windows of `window_s` seconds.
    fn add(&mut self, shadow: &Shadow, window_s: u32) {
        self.running += u64::from(!shadow.has_ended);
        self.cpu_s += cpu_s(shadow, window_s);
    }
}

/// CPU time that a shadow had, in seconds. What one did of which nobody reported is not known: it counts as if it had used its
/// CPU for all of its window, or whoever has a way to lose shadows would have as many as they like.
fn cpu_s(shadow: &Shadow, window_s: u32) -> f64 {
    match &shadow.counters {
        Some(counters) if !counters.was_lost() => counters.cpu_s.into(),
        // Slurm has never heard of it.
        None if !shadow.has_ended || shadow.job_id.is_none() => 0.0,
        _ => window_s.into(),
    }
}

impl Room {
    /// Why there is no room for a shadow of this user's; `None` where there is.
    pub fn lacks(&self, user: &str, limits: &ShadowLimits) -> Option<&'static str> {
        let used = self.used.get(user).copied().unwrap_or_default();
        first_that_holds([
            (self.shadows == 0, self.bound),
            (
                used.running >= limits.max_running_per_user.into(),
                "max_running_per_user of its user's shadows were there",
            ),
            (
                used.cpu_s >= limits.max_cpu_s_per_hour_per_user.into(),
                "max_cpu_s_per_hour_per_user was used up",
            ),
        ])
    }

    /// A shadow of this user's has it now.
    pub fn take(&mut self, user: &str) {
        self.shadows = self.shadows.saturating_sub(1);
        self.used.entry(user.to_owned()).or_default().running += 1;
    }
}

impl Agent<'_> {
    /// `now` is in seconds since 1970.
    pub(super) fn room(&self, now: i64) -> Result<Room> {
        let limits = &self.config.shadow;
        let (mut all, mut used) = (Used::default(), HashMap::<String, Used>::new());
        let ended = self.store.ended_shadows(now - HOUR)?;
        for shadow in self.store.running_shadows()?.iter().chain(&ended) {
            all.add(shadow, limits.window_s);
            let user = used.entry(shadow.user.clone()).or_default();
            user.add(shadow, limits.window_s);
        }
        let Load { idle, free_mib } = load(&self.commands)?;
        let allowed = (f64::from(limits.max_running) * idle).ceil() as u64;
        let more = allowed.saturating_sub(all.running);
        let bounds = [
            (
                all.cpu_s >= f64::from(limits.max_cpu_s_per_hour),
                "max_cpu_s_per_hour was used up",
            ),
            (more == 0, ENOUGH),
            (
                free_mib < LEAST_SLICE_MIB,
                "no node had memory free for one",
            ),
        ];
        let bound = first_that_holds(bounds);
        Ok(Room {
            shadows: if bound.is_some() { 0 } else { more },
            bound: bound.unwrap_or(ENOUGH),
            window: LEAST_WINDOW + (1.0 - LEAST_WINDOW) * idle,
            free_mib,
            used,
        })
    }
}

/// The first of these reasons that holds.
fn first_that_holds(reasons: [(bool, &'static str); 3]) -> Option<&'static str> {
    let mut reasons = reasons.into_iter();
    reasons.find_map(|(holds, why)| holds.then_some(why))
}
