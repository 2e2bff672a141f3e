//! How far a kind of job is trusted with what was decided for one of its jobs.

use crate::config::{Config, KindNumber, Stage};
use crate::fingerprint::Key;
use crate::job::evidence::Trust;
use crate::model::predict::KnownKinds;
use crate::record::Record;

/// The kind whose evidence a job is rewritten by, where not any number of its jobs may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// The kind.
    pub kind: Key,
    /// How far it is trusted.
    pub trust: Trust,
    /// Why those beyond that keep their request.
    pub why: &'static str,
}

/// Whether the kind of a job is on trial. `None` where nothing is rewritten, or any number of its jobs may be.
pub fn trial(config: &Config, known: &dyn KnownKinds, record: &Record) -> Option<Trial> {
    if config.trust.trust_all() || !record.rewrites() {
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
    let (kind, trust) = found.filter(|(_, trust)| !trust.is_whole())?;
    let why = match (config.trust.kinds.get(&KindNumber(kind.0)), trust.left) {
        (Some(Stage::Jobs(_)), 0) => "the configuration says that its kind keeps its request",
        (Some(Stage::Jobs(_)), _) => {
            "the configuration says how many jobs of its kind are rewritten at once"
        }
        (_, 0) => {
            "a rewrite harmed a job of its kind: it is tried again once enough others have ended well"
        }
        (_, _) => {
            "its kind is on trial: as many of its jobs are rewritten as may be until they have ended well"
        }
    };
    Some(Trial { kind, trust, why })
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
            let found = trial(&config, &site, &record);
            let kind = found.map(|trial| (trial.kind.0, trial.trust));
            assert_eq!(kind, right.map(|key| (key, few)), "{record:?}");
            config.trust.stages.clear();
            assert_eq!(trial(&config, &site, &record), None);
            config = Config::default();
        }
    }

    #[test]
    fn a_job_that_keeps_its_request_is_told_why() {
        let mut config = Config::default();
        config.trust.kinds.insert(KindNumber(1), Stage::Jobs(2));
        for (key, left, why) in [
            (1, 0, "the configuration says that its kind keeps"),
            (1, 2, "the configuration says how many"),
            (2, 0, "a rewrite harmed"),
            (2, 4, "its kind is on trial"),
        ] {
            let record = Record {
                level: Some(Level::Command),
                evidence: Some(Evidence {
                    trust: Trust { left, open: 0 },
                    ..Evidence::default()
                }),
                memory: Some(Change {
                    mode: Mode::Apply,
                    asked: 9,
                    set: 1,
                }),
                ..Record::kept(
                    Kind {
                        command: Some(Key(key)),
                        ..KIND
                    },
                    None,
                    "",
                )
            };
            let found = trial(&config, &Site(Key(9), Trust::ALL), &record).unwrap();
            assert!(found.why.starts_with(why), "{key} {left}: {}", found.why);
        }
    }
}
