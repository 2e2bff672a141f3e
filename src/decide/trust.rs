//! How far a kind of job is trusted with what was decided for one of its jobs.

use crate::config::Config;
use crate::fingerprint::Key;
use crate::job::evidence::Trust;
use crate::model::predict::KnownKinds;
use crate::record::Record;

/// The kind whose evidence a job is rewritten by, and how far it is trusted. `None` where nothing is rewritten, or any
/// number of its jobs may be.
pub fn trust(config: &Config, known: &dyn KnownKinds, record: &Record) -> Option<(Key, Trust)> {
    if config.trust.stages.is_empty() || !record.rewrites() {
        return None;
    }
    let by_evidence = || {
        let (level, evidence) = record.level.zip(record.evidence)?;
        Some((record.kind.key(level)?, evidence.trust))
    };
    // Of licenses more may be known than of the rest.
    let by_kind = || {
        let mut kinds = record.kind.keys();
        kinds.find_map(|(_, key)| Some((key, known.find(key, None)?.trust)))
    };
    let found = by_evidence().or_else(by_kind);
    found.filter(|(_, trust)| !trust.is_whole())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;
    use crate::fingerprint::{Kind, Level};
    use crate::job::evidence::Evidence;
    use crate::record::{Change, Relicensed};

    struct Site(Key, Trust);
    impl KnownKinds for Site {
        fn find(&self, key: Key, _: Option<u64>) -> Option<Evidence> {
            (key == self.0).then(|| Evidence {
                trust: self.1,
                ..Evidence::default()
            })
        }
    }

    const KIND: Kind = Kind {
        command: Some(Key(1)),
        script: Some(Key(2)),
        name: Some(Key(3)),
        application: Some(Key(4)),
    };

    #[test]
    fn the_kind_that_gave_the_evidence_is_the_one_that_is_trusted() {
        let few = Trust { left: 4, open: 2 };
        let change = |mode| {
            Some(Change {
                mode,
                asked: 9,
                set: 1,
            })
        };
        let by = |level, trust, mode| Record {
            level: Some(level),
            evidence: Some(Evidence {
                trust,
                ..Evidence::default()
            }),
            memory: change(mode),
            ..Record::kept(KIND, None, "")
        };
        let licensed = Record {
            licenses: Some(Relicensed {
                mode: Mode::Apply,
                asked: "matlab".into(),
                set: String::new(),
                forgotten: String::new(),
                why: String::new(),
            }),
            ..Record::kept(KIND, None, "")
        };
        let site = Site(Key(2), few);
        let mut config = Config::default();
        for (record, right) in [
            (by(Level::Command, few, Mode::Apply), Some(1)),
            (by(Level::Shadow, few, Mode::Apply), Some(1)),
            (by(Level::Name, few, Mode::Apply), Some(3)),
            (by(Level::Application, few, Mode::Apply), Some(4)),
            (by(Level::Name, Trust::ALL, Mode::Apply), None),
            (by(Level::Name, few, Mode::Advise), None),
            (licensed, Some(2)),
            (Record::kept(KIND, None, ""), None),
        ] {
            let found = trust(&config, &site, &record);
            assert_eq!(found, right.map(|key| (Key(key), few)), "{record:?}");
            config.trust.stages.clear();
            assert_eq!(trust(&config, &site, &record), None);
            config = Config::default();
        }
    }
}
