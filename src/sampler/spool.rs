//! Profiles as files in a folder that all nodes share: of jobs of several nodes, and where AdminComment
//! holds something else. Each sampler writes one file a job, the agent reads it with the job's outcome.
#![forbid(unsafe_code)]

use crate::job::counters::JobCounters;
use crate::record::FinishedJob;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A profile belongs to a run that ended so many seconds before or after it, the clocks of nodes being what
/// they are. It is awaited as long.
pub const TOLERANCE_S: i64 = 15;

/// A file without a job goes after so many seconds.
const FORGOTTEN_S: i64 = 7 * 86_400;

/// A larger file is none of ours, in bytes.
const MAX_SIZE: u64 = 16 << 10;

/// What one node saw of a job.
#[derive(Debug, Serialize, Deserialize)]
pub struct NodeProfile {
    /// The job, as JobIDRaw.
    pub job: u64,
    /// The node.
    pub node: String,
    /// When it was over, in seconds since 1970.
    pub ended: i64,
    /// What was seen.
    pub counters: JobCounters,
}

/// Leaves a file in `folder`, under its name only once it is whole.
pub fn leave(folder: &Path, profile: &NodeProfile) -> Result<()> {
    let node: String = profile
        .node
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    let name = format!("{}.{node}.{}.json", profile.job, profile.ended);
    let place = || folder.display().to_string();
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(place)?;
    file.write_all(&serde_json::to_vec(profile)?)
        .with_context(place)?;
    file.persist(folder.join(name)).with_context(place)?;
    Ok(())
}

/// The files of a folder, by job.
pub struct Spool(HashMap<u64, Vec<PathBuf>>);

impl Spool {
    /// Looks what is there, and removes what lies there since long before `now`.
    pub fn look(folder: &Path, now: i64) -> Result<Spool> {
        let mut found: HashMap<u64, Vec<PathBuf>> = HashMap::new();
        let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str());
            let mut parts = name.unwrap_or_default().split('.');
            let job = parts.next().and_then(|job| job.parse().ok());
            let ended = parts.nth(1).and_then(|ended| ended.parse::<i64>().ok());
            match (job, ended) {
                (Some(_), Some(ended)) if ended < now - FORGOTTEN_S => {
                    let _gone_already = std::fs::remove_file(path);
                }
                (Some(job), Some(_)) => found.entry(job).or_default().push(path),
                _ => {}
            }
        }
        Ok(Spool(found))
    }

    /// What the nodes of this run saw, taken together, and the files that say so.
    pub fn of(&self, job: &FinishedJob) -> Option<(JobCounters, Vec<&Path>)> {
        let run = job.started - TOLERANCE_S..=job.ended + TOLERANCE_S;
        let paths = self.0.get(&job.job_id)?.iter().map(PathBuf::as_path);
        let profile = paths.filter_map(|path| Some((path, read(path)?)));
        let of_run = profile
            .filter(|(_, profile)| profile.job == job.job_id && run.contains(&profile.ended));
        let (paths, profile): (Vec<&Path>, Vec<NodeProfile>) = of_run.unzip();
        let nodes: HashSet<&str> = profile.iter().map(|seen| seen.node.as_str()).collect();
        let nodes = nodes.len() as u32;
        let counters = profile.into_iter().map(|seen| seen.counters);
        let all = counters.reduce(JobCounters::with)?;
        Some((JobCounters { nodes, ..all }, paths))
    }
}

fn read(path: &Path) -> Option<NodeProfile> {
    let size = std::fs::symlink_metadata(path)
        .ok()
        .filter(|file| file.is_file())?
        .len();
    let text = (size <= MAX_SIZE).then(|| std::fs::read(path).ok())?;
    serde_json::from_slice(&text?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::counters::Counters;
    use crate::job::counters::Ended;
    use crate::record::tests::finished;

    fn profile(job: u64, node: &str, ended: i64, peak_mib: f32) -> NodeProfile {
        let counters = Counters {
            peak_mib,
            cpu_s: 10.0,
            ..Counters::nothing(Ended::Finished)
        };
        NodeProfile {
            job,
            node: node.into(),
            ended,
            counters: counters.into(),
        }
    }

    #[test]
    fn a_profile_is_of_the_run_within_which_it_ended_give_or_take_what_clocks_differ() {
        let job = finished(7, 100_000, 5);
        let (first, last) = (job.started - TOLERANCE_S, job.ended + TOLERANCE_S);
        for (ended, belongs) in [
            (first, true),
            (first - 1, false),
            (last, true),
            (last + 1, false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            leave(dir.path(), &profile(7, "../n-2", ended, 10.0)).unwrap();
            assert!(dir.path().join(format!("7.n-2.{ended}.json")).is_file());
            let spool = Spool::look(dir.path(), job.ended).unwrap();
            assert_eq!(spool.of(&job).is_some(), belongs, "{ended}");
        }
    }

    #[test]
    fn the_nodes_of_a_run_are_taken_together_and_other_runs_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let job = finished(7, 100_000, 5);
        for (node, ended, peak) in [
            ("n1", job.ended, 10.0),
            ("../n2", job.ended + 3, 400.0),
            ("../n2", job.ended - 5, 30.0),
            ("n1", 50, 900.0),
        ] {
            leave(dir.path(), &profile(7, node, ended, peak)).unwrap();
        }
        std::fs::write(dir.path().join("7.n3.100011.json"), "{").unwrap();
        std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        let spool = Spool::look(dir.path(), job.ended).unwrap();
        let (counters, paths) = spool.of(&job).unwrap();
        assert_eq!(
            (
                counters.peak_mib,
                counters.cpu_s,
                counters.nodes,
                paths.len()
            ),
            (400.0, 30.0, 2, 3)
        );
        assert!(spool.of(&finished(8, 100_000, 5)).is_none());
        Spool::look(dir.path(), job.ended + FORGOTTEN_S + 100).unwrap();
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "what is not ours stays"
        );
    }

    #[test]
    fn figures_of_nodes_that_no_node_has_are_as_large_as_they_come() {
        let dir = tempfile::tempdir().unwrap();
        let job = finished(7, 100_000, 5);
        for node in ["n1", "n2"] {
            let mut left = profile(7, node, job.ended, f32::MAX);
            let seen = &mut left.counters.seen;
            (seen.cpu_s, seen.read_mib) = (f32::MAX, [f32::MAX; 2]);
            (seen.threads, seen.switches, seen.calls) = (u32::MAX, u64::MAX, [u64::MAX; 2]);
            left.counters.connections = u32::MAX;
            left.counters.network_mib = Some([f32::MAX; 2]);
            left.counters.seats = [("matlab".into(), u32::MAX)].into();
            leave(dir.path(), &left).unwrap();
        }
        let spool = Spool::look(dir.path(), job.ended).unwrap();
        let (all, _) = spool.of(&job).unwrap();
        assert_eq!((all.threads, all.switches), (u32::MAX, u64::MAX));
        assert_eq!((all.connections, all.calls), (u32::MAX, [u64::MAX; 2]));
        assert_eq!((all.cpu_s, all.read_mib), (f32::MAX, [f32::MAX; 2]));
        assert_eq!(all.network_mib, Some([f32::MAX; 2]));
        assert_eq!(all.seats["matlab"], u32::MAX);
    }
}
