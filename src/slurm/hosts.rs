//! Lists of hosts as Slurm writes them.

use anyhow::{Result, anyhow, ensure};
use std::collections::BTreeSet;

/// How many hosts a list may name: no cluster has more, and a few letters could name billions.
const MAX_HOSTS: u64 = 65_536;

/// How many hosts a list as `n[1-3],m7` names.
pub fn hosts(list: &str) -> Result<u32> {
    ensure!(most_hosts(list) <= MAX_HOSTS, "more than {MAX_HOSTS} nodes");
    let named = hostlist_parser::parse(list).map_err(|_| anyhow!("expected a list of nodes"))?;
    Ok(named.into_iter().collect::<BTreeSet<String>>().len() as u32)
}

/// As many at most: all ranges times each other.
fn most_hosts(list: &str) -> u64 {
    let figure = |text: &str| text.parse::<u32>().map_or(u64::MAX, u64::from);
    let width = |range: &str| match range.split_once('-') {
        Some((first, last)) => figure(last).abs_diff(figure(first)).saturating_add(1),
        None => 1,
    };
    let group = |text: &str| {
        let inside = text.split(']').next().unwrap_or_default();
        inside.split(',').map(width).fold(0u64, u64::saturating_add)
    };
    let too_long = |text: &str| {
        text.split(|c: char| !c.is_ascii_digit())
            .any(|digits| digits.len() > 9)
    };
    match too_long(list) {
        true => u64::MAX,
        false => list
            .split('[')
            .skip(1)
            .map(group)
            .fold(list.len() as u64, u64::saturating_mul),
    }
}
