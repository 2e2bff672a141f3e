//! The panic boundary: an unwinding panic that reached C would kill slurmctld.

use super::contract::{SHADOWFIT_LOG, shadowfit_answer};
use super::convert;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

static QUIET: Once = Once::new();

/// Clears `answer` and runs `body` on it. After a panic the answer holds no action but a line for
/// the log.
///
/// # Safety
/// `answer` is NULL (then nothing happens) or points to a writable `shadowfit_answer`.
pub unsafe fn guard(answer: *mut shadowfit_answer, body: impl FnOnce(&mut shadowfit_answer)) {
    // SAFETY: valid by the caller's promise.
    let Some(answer) = (unsafe { answer.as_mut() }) else {
        return;
    };
    // The standard hook would write to slurmctld's stderr.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    answer.actions = 0;
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(answer))) {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("unknown");
        answer.actions = SHADOWFIT_LOG;
        convert::text(
            &format!("internal error, this job passes unchanged: {what}"),
            &mut answer.log,
        );
    }
}
