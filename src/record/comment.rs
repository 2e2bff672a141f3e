//! What stands in AdminComment: read here, once, where squeue and sacct are read, and asked ever after.

use super::{Later, Record, VERSION};
use crate::job::counters::ShadowCounters;
use crate::shadow::Mark;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A job's AdminComment.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Comment {
    /// Nothing.
    #[default]
    Empty,
    /// The decision about the job.
    Ours(Box<Record>),
    /// The job is a shadow.
    Shadow(Box<ShadowRecord>),
    /// Somebody else's note, or one of a later release.
    Other(String),
}

impl Comment {
    /// Reads an AdminComment; nothing is an error.
    pub fn read(text: &str) -> Comment {
        let ours = || serde_json::from_str::<Record>(text).ok();
        let shadow = || serde_json::from_str::<ShadowRecord>(text).ok();
        if text.is_empty() {
            return Comment::Empty;
        }
        if let Some(mut record) = ours().filter(|record| record.shadowfit == VERSION) {
            record.later = later(&record, text);
            return Comment::Ours(Box::new(record));
        }
        match shadow().filter(|record| record.shadowfit == VERSION) {
            Some(record) => Comment::Shadow(Box::new(record)),
            None => Comment::Other(text.to_owned()),
        }
    }

    /// The decision about the job, if there was one.
    pub fn record(&self) -> Option<&Record> {
        match self {
            Comment::Ours(record) => Some(record),
            _ => None,
        }
    }

    /// The same, taken out.
    pub fn into_record(self) -> Option<Record> {
        match self {
            Comment::Ours(record) => Some(*record),
            _ => None,
        }
    }

    /// What is to be written.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Comment::Empty => "".into(),
            Comment::Ours(record) => whole(record).unwrap_or_default().into(),
            Comment::Shadow(record) => record.to_comment().into(),
            Comment::Other(text) => text.into(),
        }
    }
}

impl From<Record> for Comment {
    fn from(record: Record) -> Comment {
        Comment::Ours(Box::new(record))
    }
}

/// What stands in the AdminComment of a shadow: whose it is and, at its end, what it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowRecord {
    shadowfit: u8,
    /// The job whose shadow this is, as scontrol names it.
    pub shadow_of: String,
    /// How it is to run, as slurmctld took it from root or SlurmUser: a node compares.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mark: Option<String>,
    /// Written by the sampler when the shadow ends.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub counters: Option<ShadowCounters>,
}

impl ShadowRecord {
    /// The record of a shadow that is submitted with this mark.
    pub fn submitted(mark: &Mark) -> ShadowRecord {
        ShadowRecord {
            shadowfit: VERSION,
            shadow_of: mark.job.to_string(),
            mark: Some(mark.to_string()),
            counters: None,
        }
    }

    /// The record of a shadow of `job` that has ended, or was refused. The mark is gone: it was good for one run.
    pub fn ended(job: &str, counters: ShadowCounters) -> ShadowRecord {
        ShadowRecord {
            shadowfit: VERSION,
            shadow_of: job.to_owned(),
            mark: None,
            counters: Some(counters),
        }
    }

    /// The AdminComment.
    pub fn to_comment(&self) -> String {
        written(self).unwrap_or_default()
    }
}

/// What a later release has written into the record that was read of `text`. What was left out of it though it is known, as keys
/// of an earlier scheme are, is nothing later: it would come back as if it were of this one.
fn later(record: &Record, text: &str) -> Later {
    let known = written(record).unwrap_or_default();
    let later = Later::beyond(&known, text);
    // Nearly always.
    if later == Later::default() {
        return later;
    }
    let read = |text: &str| serde_json::from_str::<Record>(text).ok();
    let known_again = read(&known);
    let changes_nothing = |later: &Later| read(&later.joined(known.clone())) == known_again;
    let without_keys = later.clone().without("kind");
    let mut all = [later, without_keys].into_iter();
    all.find(changes_nothing).unwrap_or_default()
}

/// A record with what a later release wrote.
pub(super) fn whole(record: &Record) -> serde_json::Result<String> {
    Ok(bare(record.later.joined(written(record)?)))
}

/// JSON without a `|`, the delimiter of `sacct --parsable`: scripts of others read rows that hold this, too. Only
/// inside its strings can JSON hold one.
pub(super) fn written(record: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(record).map(bare)
}

fn bare(json: String) -> String {
    json.replace('|', "\\u007c")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Kind;
    use crate::shadow::contract::SHADOWFIT_SHADOW_COMMENT;

    fn mark() -> Mark {
        Mark {
            job: 33,
            until: 1_700_000_000,
            cpus: 8,
            scratch_mib: 512,
            pids: 1024,
            io_mib_s: 100,
        }
    }

    #[test]
    fn a_node_finds_the_comment_that_it_expects() {
        let expected = str::from_utf8(SHADOWFIT_SHADOW_COMMENT).unwrap();
        let expected = expected.trim_end_matches('\0').replacen("%s", "33", 1);
        let expected = expected.replacen("%s", &mark().to_string(), 1);
        assert_eq!(ShadowRecord::submitted(&mark()).to_comment(), expected);
    }

    #[test]
    fn a_comment_is_ours_a_shadows_or_somebody_elses_and_is_written_as_it_was_read() {
        let record = Record::kept(Kind::default(), None, "nothing is known");
        let ours = record.to_comment().unwrap();
        let shadow = ShadowRecord {
            shadow_of: "33_[5-7]".into(),
            ..ShadowRecord::submitted(&mark())
        };
        let shadow = shadow.to_comment();
        assert_eq!(Comment::read(&ours).record(), Some(&record));
        assert!(matches!(Comment::read(&shadow), Comment::Shadow(s) if s.shadow_of == "33_[5-7]"));
        assert_eq!(Comment::read(""), Comment::Empty);
        let later = ours.replace("\"shadowfit\":1", "\"shadowfit\":2");
        for text in [
            "site note",
            "{}",
            "null",
            "{\"shadowfit\":1}",
            "{\"a\":[",
            &later,
        ] {
            assert_eq!(Comment::read(text), Comment::Other(text.into()), "{text}");
        }
        for text in [&ours, &shadow, "", "site note"] {
            assert_eq!(Comment::read(text).text(), *text);
        }
    }

    #[test]
    fn what_is_written_never_breaks_a_row_of_sacct() {
        let record = Record::kept(Kind::default(), None, "sort -S 300M | sha256sum");
        for text in [
            record.to_comment().unwrap(),
            Comment::from(record.clone()).text().into_owned(),
            ShadowRecord::ended("33|5", ShadowCounters::refused("a|b")).to_comment(),
        ] {
            assert!(!text.contains(['|', '\n']), "{text}");
        }
        assert_eq!(
            Comment::read(&record.to_comment().unwrap()).record(),
            Some(&record)
        );
    }

    #[test]
    fn keys_of_another_scheme_do_not_come_back_as_keys_of_this_one() {
        let keys = r#""command":"f7833ad0a0e39ce1""#;
        for kind in [
            keys.into(),
            format!(r#""scheme":1,{keys}"#),
            format!(r#""scheme":250,{keys}"#),
        ] {
            let text = format!(r#"{{"shadowfit":1,"kind":{{{kind}}},"kept":"nothing"}}"#);
            let written = Comment::read(&text).text().into_owned();
            let again = Comment::read(&written).into_record().unwrap();
            assert_eq!(again.kind, Kind::default(), "{written}");
        }
        // What is new beside them stays.
        let text = format!(r#"{{"new":7,"shadowfit":1,"kind":{{{keys}}},"kept":"nothing"}}"#);
        assert!(Comment::read(&text).text().contains(r#""new":7"#));
        let ours = Record::kept(Kind::default(), None, "nothing")
            .to_comment()
            .unwrap();
        let text = ours.replacen('{', r#"{"new":7,"#, 1);
        assert!(Comment::read(&text).text().contains(r#""new":7"#));
    }

    #[test]
    fn comments_of_earlier_releases_are_read() {
        let seen = r#""ended":"finished","wall_s":9.5,"peak_mib":512.25,"charged_mib":600.0,"usual_mib":[40.0,45.0],
            "curve_mib":[1,512],"mapped_mib":900,"cpu_s":8.0,"demand":0.9,"demand_peak":1.0,"processes":2,"threads":3,
            "switches":4,"faults":5,"read_mib":[1.0,0.5],"written_mib":[2.0,0.0],"calls":[6,7]"#;
        let job = format!(
            r#"{{"shadowfit":1,"kind":{{}},"kept":"nothing","profile":{{{seen},"network_mib":[1.0,2.0],"licenses":{{"matlab":2}}}}}}"#
        );
        let record = Comment::read(&job).into_record().unwrap();
        let profile = record.profile.unwrap();
        assert_eq!((profile.peak_mib, profile.calls), (512.25, [6, 7]));
        assert_eq!(profile.usual_mib, Some([40.0, 45.0]));
        assert_eq!(profile.seats, [("matlab".into(), 2)].into());
        let shadow = format!(
            r#"{{"shadowfit":1,"shadow_of":"9","counters":{{{seen},"input_share_half":0.5,"ranks":4,"licenses":{{"1@a":3}}}}}}"#
        );
        let Comment::Shadow(record) = Comment::read(&shadow) else {
            panic!("{shadow}");
        };
        let counters = record.counters.unwrap();
        assert_eq!(
            (counters.ranks, counters.input_share_half),
            (Some(4), Some(0.5))
        );
        assert_eq!(counters.license_servers, [("1@a".into(), 3)].into());
    }
}
