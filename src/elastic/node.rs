//! A node's memory, as /proc/meminfo tells it.

use std::io;
use std::path::Path;

/// Of its lines the one that begins with `name`, in bytes, where `proc` is `/proc`.
///
/// # Errors
/// Where it cannot be read, or has no such line.
pub fn memory(proc: &Path, name: &str) -> io::Result<u64> {
    let text = std::fs::read_to_string(proc.join("meminfo"))?;
    let kib = text.lines().find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?.trim();
        value.strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    let kib = kib.ok_or_else(|| io::Error::other(format!("no {name} in it")))?;
    Ok(kib.saturating_mul(1024))
}
