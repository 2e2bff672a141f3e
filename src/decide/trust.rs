//! How far a kind of job is trusted with what was decided for one of its jobs.

use crate::config::{Config, KindNumber, Stage};
use crate::fingerprint::Key;
use crate::job::evidence::Trust;
use crate::model::predict::KnownKinds;
use crate::record::Record;

/// The kind whose evidence a job is rewritten by, where not any number of its jobs may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probation {
    /// The kind.
    pub kind: Key,
    /// How far it is trusted.
    pub trust: Trust,
    /// Why those beyond that keep their request.
    pub why: &'static str,
}

/// Whether the kind of a job is on probation. `None` where nothing is rewritten, or any number of its jobs may be.
pub fn probation(config: &Config, known: &dyn KnownKinds, record: &Record) -> Option<Probation> {
    if config.trust.trust_all() || !record.rewrites() {
        return None;
    }
    let found = match said(config, known, record) {
        None => earned(known, record),
        said => said,
    };
    found.filter(|probation| !probation.trust.is_whole())
}

/// What an admin says of one of its kinds, the most specific first, whatever its runs have earned.
fn said(config: &Config, known: &dyn KnownKinds, record: &Record) -> Option<Probation> {
    let own = record.kind.keys().map(|(_, key)| key);
    let mut keys = own.chain(record.kind.application);
    let (kind, stage) = keys.find_map(|key| {
        let stage = config.trust.kinds.get(&KindNumber(key.0))?;
        Some((key, *stage))
    })?;
    let open = || known.find(kind, None).map_or(0, |known| known.trust.open);
    Some(match stage {
        Stage::All => Probation {
            kind,
            trust: Trust::ALL,
            why: "",
        },
        Stage::Jobs(0) => Probation {
            kind,
            trust: Trust { left: 0, open: 0 },
            why: "the configuration says that its kind keeps its request",
        },
        Stage::Jobs(left) => Probation {
            kind,
            trust: Trust {
                left,
                open: open().min(left),
            },
            why: "the configuration says how many jobs of its kind are rewritten at once",
        },
    })
}

/// What the runs have earned of the kind that gave the evidence.
fn earned(known: &dyn KnownKinds, record: &Record) -> Option<Probation> {
    let by_evidence = || {
        let (level, evidence) = record.level.zip(record.evidence)?;
        Some((record.kind.key(level)?, evidence.trust))
    };
    // Of licenses more may be known than of the rest.
    let by_kind = || {
        let mut kinds = record.kind.keys();
        kinds.find_map(|(_, key)| Some((key, known.find(key, None)?.trust)))
    };
    let (kind, trust) = by_evidence().or_else(by_kind)?;
    let why = match trust.left {
        0 => {
            "a rewrite harmed a job of its kind: it is tried again once enough others have ended well"
        }
        _ => {
            "its kind is on probation: as many of its jobs are rewritten as may be until they have ended well"
        }
    };
    Some(Probation { kind, trust, why })
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
            let found = probation(&config, &site, &record);
            let kind = found.map(|probation| (probation.kind.0, probation.trust));
            assert_eq!(kind, right.map(|key| (key, few)), "{record:?}");
            config.trust.stages.clear();
            assert_eq!(probation(&config, &site, &record), None);
            config = Config::default();
        }
    }

    #[test]
    fn what_an_admin_says_of_any_of_its_kinds_counts_and_a_job_is_told_why() {
        use Stage::{All, Jobs};
        let site = Site(Key(2), Trust { left: 3, open: 2 });
        // What is said of which kinds, what its command earned, and what follows: of which kind, how many, why.
        type Said = &'static [(u64, Stage)];
        type Right = Option<(u64, u16, u16, &'static str)>;
        let cases: [(Said, u16, Right); 9] = [
            (&[], 0, Some((1, 0, 0, "a rewrite harmed"))),
            (&[], 4, Some((1, 4, 0, "its kind is on probation"))),
            (
                &[(1, Jobs(0))],
                u16::MAX,
                Some((1, 0, 0, "the configuration says that")),
            ),
            (
                &[(2, Jobs(0))],
                u16::MAX,
                Some((2, 0, 0, "the configuration says that")),
            ),
            (
                &[(4, Jobs(0))],
                4,
                Some((4, 0, 0, "the configuration says that")),
            ),
            (
                &[(2, Jobs(3))],
                0,
                Some((2, 3, 2, "the configuration says how many")),
            ),
            // Nothing is known of that one yet.
            (
                &[(3, Jobs(3))],
                4,
                Some((3, 3, 0, "the configuration says how many")),
            ),
            (&[(1, All), (2, Jobs(0))], 0, None),
            (&[(9, Jobs(0))], u16::MAX, None),
        ];
        for (said, left, right) in cases {
            let mut config = Config::default();
            let kinds = said.iter().map(|&(key, stage)| (KindNumber(key), stage));
            config.trust.kinds = kinds.collect();
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
                ..Record::kept(KIND, None, "")
            };
            let found = probation(&config, &site, &record);
            let shown = found.map(|one| (one.kind.0, one.trust.left, one.trust.open));
            assert_eq!(
                shown,
                right.map(|(key, left, open, _)| (key, left, open)),
                "{said:?}"
            );
            if let (Some(found), Some((.., why))) = (found, right) {
                assert!(found.why.starts_with(why), "{said:?}: {}", found.why);
            }
        }
    }
}
