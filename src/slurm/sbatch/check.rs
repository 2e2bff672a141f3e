//! Values of options that decide nothing here, and that sbatch refuses all the same.

use super::values::{count, mib, one_of};
use anyhow::{Result, ensure};

const HINTS: [&str; 4] = [
    "compute_bound",
    "memory_bound",
    "multithread",
    "nomultithread",
];

const GRES_FLAGS: [&str; 4] = [
    "disable-binding",
    "enforce-binding",
    "multiple-tasks-per-sharing",
    "one-task-per-sharing",
];

const MAIL_TYPES: [&str; 13] = [
    "NONE",
    "ALL",
    "BEGIN",
    "END",
    "FAIL",
    "REQUEUE",
    "INVALID_DEPEND",
    "STAGE_OUT",
    "TIME_LIMIT",
    "TIME_LIMIT_90",
    "TIME_LIMIT_80",
    "TIME_LIMIT_50",
    "ARRAY_TASKS",
];

/// Fails for a value that sbatch refuses.
pub fn check(name: &str, value: Option<&str>) -> Result<()> {
    let text = value.unwrap_or_default();
    match name {
        "cpus-per-gpu" | "ntasks-per-core" | "ntasks-per-gpu" | "ntasks-per-socket"
        | "ntasks-per-tres" | "thread-spec" => count(text, 1).map(drop),
        "core-spec" => count(text, 0).map(drop),
        "get-user-env" => {
            let mode = text.trim_start_matches(|c: char| c.is_ascii_digit());
            let known = mode.is_empty() || mode.starts_with(['s', 'S', 'l', 'L']);
            ensure!(known, "expected seconds, then S or L");
            Ok(())
        }
        "tmp" => mib(text).map(drop),
        "hint" => text
            .split(',')
            .try_for_each(|hint| one_of(Some(hint), &HINTS).map(drop)),
        "gres-flags" => text
            .split(',')
            .filter(|flag| !flag.is_empty())
            .try_for_each(|flag| one_of(Some(flag), &GRES_FLAGS).map(drop)),
        "mail-type" => {
            // Of several, one that is known will do.
            let known = text
                .split(',')
                .any(|kind| one_of(Some(kind), &MAIL_TYPES).is_ok());
            ensure!(known, "expected {}", MAIL_TYPES.join(" or "));
            Ok(())
        }
        "no-kill" => {
            let given = value.filter(|value| !value.is_empty());
            one_of(given, &["set", "off", "no"]).map(drop)
        }
        "kill-on-invalid-dep" => one_of(value, &["yes", "no"]).map(drop),
        "open-mode" => {
            let known = text.starts_with(['a', 'A', 't', 'T']);
            ensure!(known, "expected append or truncate");
            Ok(())
        }
        _ => Ok(()),
    }
}
