//! Who and what the cluster has, for the snapshot's directory.

use super::{CommandError, Commands};
use crate::model::snapshot::{Directory, User};
use std::collections::HashMap;

/// Asks slurmctld for the default partition and slurmdbd for the users and their default accounts.
pub fn directory(commands: &dyn Commands) -> Result<Directory, CommandError> {
    let partitions = commands.run("scontrol", &["show", "partition", "--oneliner"])?;
    let users = commands.run(
        "sacctmgr",
        &[
            "--noheader",
            "--parsable2",
            "show",
            "user",
            "format=user,defaultaccount",
        ],
    )?;
    let licenses = commands.run("scontrol", &["show", "license", "--oneliner"])?;
    Ok(Directory {
        licenses: totals(&String::from_utf8_lossy(&licenses)),
        default_partition: default_partition(&String::from_utf8_lossy(&partitions)),
        users: String::from_utf8_lossy(&users)
            .lines()
            .filter_map(|line| {
                let (name, account) = line.split_once('|')?;
                let uid = nix::unistd::User::from_name(name).ok()??.uid.as_raw();
                let account = Some(account.to_owned()).filter(|account| !account.is_empty());
                let name = name.to_owned();
                Some((uid, User { name, account }))
            })
            .collect(),
    })
}

/// `LicenseName=matlab Total=4 Used=0 ...`, a line each.
fn totals(oneliner: &str) -> HashMap<String, u32> {
    let total = |line: &str| {
        let field = |name: &str| {
            line.split_whitespace()
                .find_map(|word| word.strip_prefix(name))
        };
        let name = field("LicenseName=")?.to_owned();
        Some((name, field("Total=")?.parse().ok()?))
    };
    oneliner.lines().filter_map(total).collect()
}

/// How full the cluster is, in CPUs.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Free for jobs.
    pub idle: u64,
    /// All there are.
    pub total: u64,
}

/// Asks slurmctld.
pub fn load(commands: &dyn Commands) -> Result<Load, CommandError> {
    let arguments = ["--noheader", "--format=%C"];
    let answer = commands.run("sinfo", &arguments)?;
    read_load(&String::from_utf8_lossy(&answer)).ok_or_else(|| CommandError::Unreadable {
        command: format!("sinfo {}", arguments.join(" ")),
        problem: "expected CPUs as allocated/idle/other/total".into(),
    })
}

fn read_load(text: &str) -> Option<Load> {
    let fields: Vec<u64> = text
        .trim()
        .split('/')
        .map(|field| field.parse().ok())
        .collect::<Option<_>>()?;
    match fields[..] {
        [_allocated, idle, _other, total] => Some(Load { idle, total }),
        _ => None,
    }
}

fn default_partition(oneliner: &str) -> Option<String> {
    oneliner
        .lines()
        .find(|line| line.split_whitespace().any(|word| word == "Default=YES"))?
        .split_whitespace()
        .find_map(|word| word.strip_prefix("PartitionName="))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #[test]
    fn licenses_are_counted() {
        let text =
            "LicenseName=ansys Total=10 Used=0 Free=10 Remote=no\nLicenseName=x Total=?\nnone\n";
        assert_eq!(super::totals(text), [("ansys".to_owned(), 10)].into());
    }

    #[test]
    fn the_load_is_read_or_refused() {
        let load = super::read_load("4/28/0/32\n").unwrap();
        assert_eq!((load.idle, load.total), (28, 32));
        assert!(super::read_load("4/28").is_none() && super::read_load("N/A").is_none());
    }

    #[test]
    fn the_default_partition_is_the_one_marked() {
        let text = "PartitionName=long AllowGroups=ALL Default=NO\nPartitionName=batch Default=YES QoS=N/A\n";
        assert_eq!(super::default_partition(text).as_deref(), Some("batch"));
    }
}
