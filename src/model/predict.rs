//! From a kind of job to what its runs used.

use super::evidence::Evidence;
use crate::fingerprint::{Key, Kind, Level};

/// Whatever remembers kinds of jobs: the snapshot in slurmctld, or a history that is replayed.
pub trait Known {
    /// What is known about `key`, for a job with this much input, in bytes.
    fn find(&self, key: Key, input_bytes: Option<u64>) -> Option<Evidence>;
}

/// A kind with so many runs is believed as much as the more general kind that it belongs to.
const BELIEVED_HALF: f64 = 8.0;

/// The evidence of the most specific key of `kind` that has at least `min_runs` completed runs, shrunk
/// towards the next more general one while it is young; where there is none, that of a shadow of this
/// very command.
pub fn predict(
    known: &dyn Known,
    kind: &Kind,
    input_bytes: Option<u64>,
    min_runs: u32,
) -> Option<(Level, Evidence)> {
    let mut levels = kind.keys().filter_map(|(level, key)| {
        let evidence = known.find(key, input_bytes)?;
        (evidence.runs >= min_runs).then_some((level, evidence))
    });
    if let Some((level, own)) = levels.next() {
        let general = levels
            .map(|(_, evidence)| evidence)
            .find(|e| e.runs > own.runs);
        return Some((level, general.map_or(own, |general| shrunk(own, &general))));
    }
    let evidence = known.find(kind.command?, input_bytes)?;
    (evidence.shadow_mib > 0).then_some((Level::Shadow, evidence))
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
    Evidence {
        enough_mib: mixed(own.enough_mib, general.enough_mib),
        enough_s: mixed(own.enough_s, general.enough_s),
        ..own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    struct Site(HashMap<Key, Evidence>);

    impl Known for Site {
        fn find(&self, key: Key, _: Option<u64>) -> Option<Evidence> {
            self.0.get(&key).copied()
        }
    }

    fn enough(own: (u32, u32), general: (u32, u32)) -> Option<(Level, u32)> {
        let kind = Kind {
            command: Some(Key(1)),
            script: None,
            name: Some(Key(3)),
        };
        let evidence = |(runs, enough_mib)| Evidence {
            runs,
            enough_mib,
            ..Evidence::default()
        };
        let site = Site([(Key(1), evidence(own)), (Key(3), evidence(general))].into());
        predict(&site, &kind, None, 3).map(|(level, evidence)| (level, evidence.enough_mib))
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
}
