//! From a kind of job to what its runs used.

use crate::config::EvidenceLimits;
use crate::fingerprint::{Key, Kind, Level};
use crate::job::evidence::Evidence;

/// Whatever remembers kinds of jobs: the snapshot in slurmctld, or a history that is replayed.
pub trait KnownKinds {
    /// What is known about `key`, for a job with this much input, in bytes.
    fn find(&self, key: Key, input_bytes: Option<u64>) -> Option<Evidence>;
}

/// Data, objective and command stand in `model/mod.rs`. A kind with so many runs is believed as much as the more general kind that it belongs to.
const BELIEVED_HALF: f64 = 8.0;

/// The evidence of the most specific of its user's kinds that has enough completed runs, shrunk towards
/// the next more general one with more of them while it is young; where there is none, that of a shadow
/// of this very command, if `shadows` show what the job does, or else what others saw who ran the same script.
pub fn predict(
    known: &dyn KnownKinds,
    kind: &Kind,
    input_bytes: Option<u64>,
    shadows: bool,
    limits: &EvidenceLimits,
) -> Option<(Level, Evidence)> {
    let find = |level, key, least| {
        let evidence = known.find(key, input_bytes)?;
        (evidence.runs >= least).then_some((level, evidence))
    };
    let others = || {
        let least = limits.application_min_runs;
        let key = kind.application.filter(|_| least > 0)?;
        find(Level::Application, key, least)
    };
    let mut own = kind
        .keys()
        .filter_map(|(level, key)| find(level, key, limits.min_runs));
    if let Some((level, evidence)) = own.next() {
        let more = |(_, general): &(Level, Evidence)| general.runs > evidence.runs;
        let general = own.find(more).or_else(|| others().filter(more));
        let shrunk = general.map_or(evidence, |(_, general)| shrunk(evidence, &general));
        return Some((level, shrunk));
    }
    let command = kind.command.filter(|_| shadows);
    let shadow = command.and_then(|key| find(Level::Shadow, key, 0));
    shadow
        .filter(|(_, evidence)| evidence.shadow_mib > 0)
        .or_else(others)
}

/// What few runs say, with what many runs of a wider kind say mixed in: never less than the few alone, as
/// those that finish first are often the small ones.
fn shrunk(own: Evidence, general: &Evidence) -> Evidence {
    let weight = f64::from(own.runs) / (f64::from(own.runs) + BELIEVED_HALF);
    let mixed = |own: u32, general: u32| {
        if own == 0 || general <= own {
            return own;
        }
        let ln = weight * f64::from(own).ln() + (1.0 - weight) * f64::from(general).ln();
        ln.exp().ceil() as u32
    };
    let enough_mib = mixed(own.enough_mib, general.enough_mib);
    let raised = f64::from(enough_mib) / f64::from(own.enough_mib.max(1));
    Evidence {
        enough_mib,
        lent_to_mib: (f64::from(own.lent_to_mib) * raised).ceil() as u32,
        enough_s: mixed(own.enough_s, general.enough_s),
        ..own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    struct Site(HashMap<Key, Evidence>);

    impl KnownKinds for Site {
        fn find(&self, key: Key, _: Option<u64>) -> Option<Evidence> {
            self.0.get(&key).copied()
        }
    }

    const KIND: Kind = Kind {
        command: Some(Key(1)),
        script: None,
        name: Some(Key(3)),
        application: Some(Key(4)),
    };

    fn evidence((runs, enough_mib): (u32, u32)) -> Evidence {
        Evidence {
            runs,
            enough_mib,
            ..Evidence::default()
        }
    }

    fn predicted(site: &[(Key, Evidence)]) -> Option<(Level, u32)> {
        let site = Site(site.iter().copied().collect());
        predict(&site, &KIND, None, true, &EvidenceLimits::default())
            .map(|(level, evidence)| (level, evidence.enough_mib))
    }

    fn enough(own: (u32, u32), general: (u32, u32)) -> Option<(Level, u32)> {
        predicted(&[(Key(1), evidence(own)), (Key(3), evidence(general))])
    }

    #[test]
    fn what_others_saw_counts_where_its_user_knows_nothing() {
        let others = |runs| (Key(4), evidence((runs, 4000)));
        let own = (Key(3), evidence((3, 1000)));
        assert_eq!(predicted(&[others(19)]), None);
        assert_eq!(predicted(&[others(20)]), Some((Level::Application, 4000)));
        let (level, young) = predicted(&[own, others(20)]).unwrap();
        assert!(level == Level::Name && (2000..3000).contains(&young));
        let mut shadow = evidence((0, 0));
        shadow.shadow_mib = 700;
        let (level, _) = predicted(&[(Key(1), shadow), others(99)]).unwrap();
        assert_eq!(level, Level::Shadow);
    }

    #[test]
    fn a_young_kind_leans_on_the_wider_one_and_never_below_itself() {
        let (level, young) = enough((3, 1000), (100, 4000)).unwrap();
        assert!(
            level == Level::Command && (2000..3000).contains(&young),
            "{young}"
        );
        let (_, grown) = enough((200, 1000), (300, 4000)).unwrap();
        assert!((1000..1100).contains(&grown), "{grown}");
        assert_eq!(enough((3, 1000), (100, 500)), Some((Level::Command, 1000)));
        assert_eq!(enough((2, 1000), (100, 500)), Some((Level::Name, 500)));
        assert_eq!(enough((2, 1000), (2, 500)), None);
    }

    #[test]
    fn only_a_wider_kind_with_more_runs_is_leaned_on_and_for_time_too() {
        assert_eq!(enough((9, 1000), (9, 4000)), Some((Level::Command, 1000)));
        let timed = |runs, enough_s| Evidence {
            enough_s,
            ..evidence((runs, 1000))
        };
        let site = Site([(Key(1), timed(3, 600)), (Key(3), timed(100, 2400))].into());
        let (_, young) = predict(&site, &KIND, None, true, &EvidenceLimits::default()).unwrap();
        assert!((1200..2000).contains(&young.enough_s), "{young:?}");
    }

    #[test]
    fn other_users_count_for_a_new_user_only_where_the_site_wants_that() {
        let site = Site([(Key(4), evidence((99, 4000)))].into());
        let level = |application_min_runs| {
            let limits = EvidenceLimits {
                application_min_runs,
                ..EvidenceLimits::default()
            };
            predict(&site, &KIND, None, true, &limits).map(|(level, _)| level)
        };
        assert_eq!(level(0), None);
        assert_eq!(level(1), Some(Level::Application));
    }
}
