//! On what terms a job is sized where it is to run: what the site's configuration allows, and what Slurm's own asks for.

use super::SERIAL;
use crate::config::{Config, Manager, Mode, Modes, Owner};
use crate::job::directory::{Directory, Place};
use crate::job::evidence::Evidence;
use crate::job::{Ask, OF_A_MANAGER};

/// The terms of one job.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// What may be done with each resource.
    pub modes: Modes,
    /// Why it is not set what the site's modes would set.
    pub(super) kept: Option<&'static str>,
    place: Place,
    least_memory_mib: &'a [u64],
    least_cpus: &'a [u64],
    /// What its node may lend it, in MiB.
    lent_mib: u64,
}

/// Of a job of which nothing is known but this.
impl From<Modes> for Terms<'_> {
    fn from(modes: Modes) -> Self {
        Terms {
            modes,
            kept: None,
            place: Place::default(),
            least_memory_mib: &[],
            least_cpus: &[],
            lent_mib: 0,
        }
    }
}

/// The terms of a job of `owner` that `manager` has submitted. Memory that is not given out is not set.
pub fn terms<'a>(
    config: &Config,
    directory: Option<&'a Directory>,
    owner: Owner,
    manager: Option<Manager>,
) -> Terms<'a> {
    let modes = config.modes_under(owner, manager);
    let sizes = |modes: Modes| [modes.memory, modes.cpus, modes.time];
    let kept = (sizes(modes) != sizes(config.modes(owner))).then_some(OF_A_MANAGER);
    let Some(directory) = directory else {
        return Terms {
            kept,
            ..modes.into()
        };
    };
    let place = directory.place(owner.partition.unwrap_or_default());
    let memory = match place.memory_is_not_given_out {
        true => modes.memory.min(Mode::Observe),
        false => modes.memory,
    };
    Terms {
        modes: Modes { memory, ..modes },
        kept,
        place,
        least_memory_mib: &directory.least_memory_mib,
        least_cpus: &directory.least_cpus,
        lent_mib: 0,
    }
}

impl Terms<'_> {
    /// The same for a job that its node lends up to `lent_mib` more memory while it runs: only one whose memory is really set.
    pub fn lent(self, lent_mib: u64) -> Self {
        Terms {
            lent_mib: match self.modes.memory {
                Mode::Apply => lent_mib,
                _ => 0,
            },
            ..self
        }
    }

    /// What is known of a kind as it counts for a job that is lent the rest, if it is: never more than its node may lend.
    pub(super) fn with_the_rest_lent(&self, evidence: &Evidence) -> Option<Evidence> {
        let lent = self.lent_mib.min(u32::MAX.into()) as u32;
        let least = evidence.enough_mib.saturating_sub(lent);
        let lent_to = evidence.lent_to_mib.max(least);
        (evidence.lent_to_mib > 0 && lent_to < evidence.enough_mib).then_some(Evidence {
            enough_mib: lent_to,
            ..*evidence
        })
    }

    /// The time that it has, in seconds; `None` where there is no limit, or none is known.
    pub(super) fn time_s(&self, ask: &Ask) -> Option<u64> {
        ask.time_s.or(self.place.time_s)
    }

    /// Its CPUs came with its memory: there is a most for each CPU, and such jobs keep more CPUs busy than they ask for.
    pub(super) fn memory_brings_cpus(&self, ask: &Ask, cores: f32) -> bool {
        let asked = ask.cpus as f32 * ask.layout.tasks as f32;
        self.place.memory_brings_cpus && cores > SERIAL * asked
    }

    /// What a node must give at least so that no QOS refuses the whole job that took it as it was asked, in MiB. Which QOS
    /// a job will have nobody knows before slurmctld does.
    pub(super) fn least_on_node(&self, ask: &Ask) -> Option<u64> {
        let tasks = u64::from(ask.layout.tasks_on_a_node()?);
        let on_node = ask.memory?.on_a_node(tasks, ask.cpus);
        let nodes = u64::from(ask.layout.nodes.max(1));
        let least = largest_within(self.least_memory_mib, on_node.saturating_mul(nodes))?;
        Some(least.div_ceil(nodes))
    }

    /// The same of the CPUs of all its tasks.
    pub(super) fn least_cpus(&self, ask: &Ask) -> Option<u64> {
        let asked = u64::from(ask.cpus).saturating_mul(ask.layout.tasks.into());
        largest_within(self.least_cpus, asked)
    }
}

fn largest_within(all: &[u64], most: u64) -> Option<u64> {
    all.iter().copied().filter(|&one| one <= most).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;
    use crate::decide::tests::{ask, sized_on};
    use crate::job::Memory;

    /// What is set of memory and CPUs in a partition of this directory, for runs that kept so many CPUs busy for 2000 s at most.
    fn set(
        directory: &Directory,
        partition: &str,
        ask: Ask,
        cores: f32,
    ) -> (Option<u64>, Option<u64>) {
        let owner = Owner {
            partition: Some(partition.as_bytes()),
            ..Owner::default()
        };
        let config: Config = toml::from_str("modes.default = 'apply'").unwrap();
        let evidence = Evidence {
            runs: 9,
            max_mib: 900,
            p99_mib: 900,
            enough_mib: 1000,
            cores,
            longest_s: 2000,
            ..Evidence::default()
        };
        let record = sized_on(terms(&config, Some(directory), owner, None), ask, evidence);
        assert!(
            record
                .memory
                .is_none_or(|change| change.mode == Mode::Apply)
        );
        (
            record.memory.map(|change| change.set),
            record.cpus.map(|change| change.set),
        )
    }

    #[test]
    fn a_partitions_own_time_limit_counts_where_a_job_names_none() {
        let directory = Directory {
            times_s: [("short".into(), 3600), ("long".into(), 9000)].into(),
            ..Directory::default()
        };
        let plain = ask(Some(Memory::Node(8000)), 8, 1);
        let named = Ask {
            time_s: Some(4000),
            ..plain
        };
        for (partition, ask, cpus) in [
            ("short", plain, None),
            ("long", plain, Some(3)),
            ("long,short", plain, None),
            ("endless", plain, Some(3)),
            ("short", named, Some(3)),
        ] {
            assert_eq!(set(&directory, partition, ask, 1.8).1, cpus, "{partition}");
        }
    }

    #[test]
    fn memory_that_brought_the_cpus_that_a_kind_uses_stays() {
        let directory = Directory {
            partitions_with_cpus_by_memory: ["shared".into()].into(),
            ..Directory::default()
        };
        let one = ask(Some(Memory::Node(8000)), 1, 1);
        for (partition, ask, cores, memory) in [
            ("shared", one, 7.0, None),
            ("shared", one, 1.05, Some(1000)),
            ("shared", ask_of(8), 7.0, Some(1000)),
            ("other", one, 7.0, Some(1000)),
        ] {
            assert_eq!(
                set(&directory, partition, ask, cores).0,
                memory,
                "{partition} {cores}"
            );
        }
    }

    fn ask_of(cpus: u32) -> Ask {
        ask(Some(Memory::Node(8000)), cpus, 1)
    }

    #[test]
    fn no_job_becomes_too_small_for_a_qos_that_took_it() {
        let with = |memory: &[u64], cpus: &[u64]| Directory {
            least_memory_mib: memory.into(),
            least_cpus: cpus.into(),
            ..Directory::default()
        };
        let two_nodes = Ask {
            layout: crate::job::Layout::new(Some(4), Some(2), Some(2), Some(2)),
            ..ask_of(8)
        };
        let per_cpu = ask(Some(Memory::Cpu(1000)), 8, 1);
        for (directory, ask, memory, cpus) in [
            (with(&[], &[]), ask_of(8), Some(1000), Some(1)),
            (
                with(&[3000, 9000, 50], &[4, 16]),
                ask_of(8),
                Some(3000),
                Some(4),
            ),
            (with(&[8000], &[8]), ask_of(8), None, None),
            // Half of it on each of two nodes, a quarter for each of four tasks.
            (with(&[6000], &[7]), two_nodes, Some(3000), Some(2)),
            (with(&[6000], &[]), per_cpu, None, Some(6)),
        ] {
            assert_eq!(set(&directory, "any", ask, 1.0), (memory, cpus), "{ask:?}");
        }
    }
}
