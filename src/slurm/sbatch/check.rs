//! Values of options that decide nothing here, and that sbatch refuses all the same.

use super::Release;
use super::values::{count, mib, number, one_of, time};
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

/// What `--signal` takes by name, also behind SIG.
const SIGNALS: [&str; 16] = [
    "HUP", "INT", "QUIT", "ABRT", "KILL", "ALRM", "TERM", "USR1", "USR2", "URG", "CONT", "STOP",
    "TSTP", "TTIN", "TTOU", "XCPU",
];
const LATER_SIGNALS: [&str; 2] = ["PIPE", "CHLD"];

/// Ways to lay out tasks over nodes, then over sockets, then over cores.
const OVER_NODES: [&str; 4] = ["block", "cyclic", "arbitrary", "*"];
const OVER_SOCKETS: [&str; 5] = ["block", "cyclic", "fcyclic", "*", ""];

/// Beginnings of what `--cpu-freq` takes beside numbers, from the least to the most; then the governors.
const FREQUENCIES: [&str; 3] = ["lo", "me", "hi"];
const GOVERNORS: [&str; 6] = ["co", "on", "pe", "po", "sc", "us"];

const SAMPLED: [&str; 4] = ["task", "energy", "network", "filesystem"];

/// What `--profile` takes; one of several that is known will do.
const PROFILED: [&str; 6] = ["none", "all", "energy", "task", "lustre", "network"];

/// What `--gpu-bind` begins with.
const GPU_BINDINGS: [&str; 6] = [
    "closest",
    "none",
    "single:",
    "per_task:",
    "map_gpu:",
    "mask_gpu:",
];

/// What `--mem-bind` takes beside lists, and their beginnings.
const MEMORY_BINDINGS: [&str; 9] = [
    "quiet", "verbose", "none", "rank", "local", "sort", "nosort", "prefer", "help",
];
const LISTS_OF_MEMORY: [&str; 2] = ["map_mem:", "mask_mem:"];

/// Slurm keeps the two largest numbers of 32 bits for itself, and of a nice value as many below and above.
const NO_PRIORITY: i64 = 0xffff_fffe;
const MOST_NICE: u64 = 0x7fff_fffd;

/// What is known to be read otherwise by this release than by 22.05.
const READ_ANEW: Release = (24, 11);

/// Fails for a value that sbatch refuses.
pub fn check(name: &str, value: Option<&str>, release: Release) -> Result<()> {
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
        "signal" => {
            let known = is_signal(text, release);
            ensure!(known, "expected [B|R:]SIGNAL[@SECONDS]");
            Ok(())
        }
        "distribution" => {
            let known = is_distribution(text);
            ensure!(known, "expected block, cyclic, plane=N and their like");
            Ok(())
        }
        "cpu-freq" => {
            let known = is_frequency(text, release);
            ensure!(
                known,
                "expected a frequency, a governor, or MIN-MAX:GOVERNOR"
            );
            Ok(())
        }
        "acctg-freq" => {
            let known = text.is_empty() || text.trim_end_matches(',').split(',').all(is_interval);
            ensure!(known, "expected seconds, or TYPE=SECONDS");
            Ok(())
        }
        "profile" => {
            let known = PROFILED
                .iter()
                .any(|one| text.to_ascii_lowercase().contains(one));
            ensure!(known, "expected {}", PROFILED.join(" or "));
            Ok(())
        }
        "priority" => {
            // Anything else is the highest there may be.
            let known = number(text).is_none_or(|(number, _)| (0..NO_PRIORITY).contains(&number));
            ensure!(
                known,
                "expected a whole number from 0 to {}",
                NO_PRIORITY - 1
            );
            Ok(())
        }
        "nice" => {
            let known = number(text).is_none_or(|(number, _)| number.unsigned_abs() <= MOST_NICE);
            ensure!(known, "expected a whole number up to {MOST_NICE}");
            Ok(())
        }
        "wait-all-nodes" | "oom-kill-step" if !text.is_empty() => {
            ensure!(count(text, 0)? <= 1, "expected 0 or 1");
            Ok(())
        }
        "gpu-bind" => {
            let binding = text.strip_prefix("verbose,").unwrap_or(text);
            let known = GPU_BINDINGS.iter().any(|one| binding.starts_with(one));
            ensure!(known, "expected {}", GPU_BINDINGS.join(" or "));
            Ok(())
        }
        "gpu-freq" => {
            let known = text.split(',').all(is_gpu_frequency);
            ensure!(
                known,
                "expected MHz, low, medium, high or highm1, also of memory="
            );
            Ok(())
        }
        "mem-bind" => {
            let known = text.split(',').take(2).all(is_memory_binding);
            ensure!(known, "expected {}", MEMORY_BINDINGS.join(" or "));
            Ok(())
        }
        "switches" => count(text.split('@').next().unwrap_or_default(), 1).map(drop),
        "delay-boot" => time(text).map(drop),
        "kill-on-invalid-dep" => one_of(value, &["yes", "no"]).map(drop),
        "open-mode" => {
            let known = text.starts_with(['a', 'A', 't', 'T']);
            ensure!(known, "expected append or truncate");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// `B:USR1@60`: flags, a name or a number, and how long before the end.
fn is_signal(text: &str, release: Release) -> bool {
    let (flags, text) = text.split_once(':').unwrap_or(("", text));
    let (signal, seconds) = text.split_once('@').unwrap_or((text, ""));
    let signal = signal.to_ascii_uppercase();
    let name = signal.strip_prefix("SIG").unwrap_or(&signal);
    let is_known = SIGNALS.contains(&name)
        || LATER_SIGNALS.contains(&name) && release >= READ_ANEW
        || signal.parse::<i32>().is_ok_and(|number| number != 0);
    let is_time = seconds.is_empty() || seconds.parse::<u16>().is_ok();
    is_known && is_time && flags.chars().all(|flag| "BRbr".contains(flag))
}

/// `cyclic:block,NoPack`; `plane=4` stands alone.
fn is_distribution(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    if let Some(size) = text.strip_prefix("plane=") {
        return count(size, 1).is_ok();
    }
    let is_packing = |text: &str| matches!(text, "pack" | "nopack");
    let (layout, packing) = text.split_once(',').unwrap_or((&text, "pack"));
    let mut levels = layout.split(':');
    let over_nodes = levels.next().unwrap_or_default();
    let rest: Vec<&str> = levels.collect();
    let is_layout = OVER_NODES.contains(&over_nodes)
        && rest.len() <= 2
        && rest.iter().all(|level| OVER_SOCKETS.contains(level));
    is_packing(&text) || is_layout && is_packing(packing)
}

/// `2400000`, `high`, `Performance`, `low-high:OnDemand`; since 24.11 a range wants its governor.
fn is_frequency(text: &str, release: Release) -> bool {
    let text = text.to_ascii_lowercase();
    let begins_governor = |text: &str| GOVERNORS.iter().any(|name| text.starts_with(name));
    let (range, governor) = match text.split_once(':') {
        Some((range, governor)) => (range, Some(governor)),
        None => (&text[..], None),
    };
    match (range.split_once('-'), governor) {
        (Some((least, most)), _) => {
            let ordered = frequency(least).zip(frequency(most));
            let is_governed = governor.map_or(release < READ_ANEW, begins_governor);
            ordered.is_some_and(|(least, most)| least <= most) && is_governed
        }
        (None, None) => frequency(range).is_some() || begins_governor(range),
        (None, Some(_)) => false,
    }
}

/// Where it stands among the others: numbers below words.
fn frequency(text: &str) -> Option<(usize, u32)> {
    let word = FREQUENCIES.iter().position(|name| text.starts_with(name));
    let number = || count(text, 1).ok().map(|number| (0, number));
    word.map(|at| (at + 1, 0)).or_else(number)
}

/// `1200`, `memory=low`, `verbose`.
fn is_gpu_frequency(text: &str) -> bool {
    let value = text.strip_prefix("memory=").unwrap_or(text);
    text == "verbose"
        || matches!(value, "low" | "medium" | "high" | "highm1")
        || count(value, 0).is_ok()
}

/// A word, or as little of it as begins no other; a list may go on behind its first part.
fn is_memory_binding(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let begins = |one: &str| !text.is_empty() && one.starts_with(&text);
    let is_list = LISTS_OF_MEMORY
        .iter()
        .any(|one| text.strip_prefix(one).is_some_and(|list| !list.is_empty()));
    is_list
        || text.starts_with("0x")
        || text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty()
        || MEMORY_BINDINGS.iter().any(|one| begins(one))
}

/// `30`, `task=30`; what follows the digits is not looked at.
fn is_interval(text: &str) -> bool {
    let seconds = match text.split_once('=') {
        Some((what, seconds)) if one_of(Some(what), &SAMPLED).is_ok() => seconds,
        Some(_) => return false,
        None => text,
    };
    seconds.starts_with(|c: char| c.is_ascii_digit())
}
