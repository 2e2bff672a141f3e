//! How jobs fared that their nodes could lend memory.

use super::Store;
use crate::job::counters::Growth;
use crate::record::Comment;
use crate::text::units::MIB;
use anyhow::Result;
use rusqlite::Row;

/// Of the latest so many runs, as nodes may have more to lend by now than they had.
const LATEST: i64 = 1000;

/// Runs that needed more than they were given, while nodes were to lend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lent {
    /// All of them.
    pub runs: u32,
    /// Those that died of what they had.
    pub died: u32,
}

impl Store {
    /// Counts those of the latest runs. What died of all that its user asked for is its user's own.
    pub fn lent(&self) -> Result<Lent> {
        let mut query = self.db.prepare_cached(
            "SELECT comment, peak, peak_is_bound FROM jobs JOIN usages ON job = id \
             WHERE rewritten AND id > (SELECT max(id) FROM jobs) - ? AND comment LIKE '%\"elastic\":true%'",
        )?;
        let runs = query.query_map([LATEST], fared)?;
        let mut lent = Lent::default();
        for fared in runs {
            if let Some(died) = fared? {
                lent.runs += 1;
                lent.died += u32::from(died);
            }
        }
        Ok(lent)
    }
}

/// Whether a run that needed more died of what it had; `None` for one that needed no more, or more than was asked for.
fn fared(row: &Row) -> rusqlite::Result<Option<bool>> {
    let comment: String = row.get(0)?;
    let (peak, died): (Option<i64>, bool) = (row.get(1)?, row.get(2)?);
    let Some(record) = Comment::read(&comment).into_record() else {
        return Ok(None);
    };
    let first = record
        .profile
        .as_ref()
        .and_then(|profile| profile.growths.grown.first());
    let outgrew =
        |first: &Growth| peak.is_some_and(|peak| peak > i64::from(first.from_mib) * MIB as i64);
    let needed_more =
        record.elastic && (died && !record.had_all() || !died && first.is_some_and(outgrew));
    Ok(needed_more.then_some(died))
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;
    use crate::config::Mode;
    use crate::fingerprint::Kind;
    use crate::job::counters::{Counters, Ended, Growth, JobCounters};
    use crate::job::{Ask, Memory};
    use crate::record::tests::finished;
    use crate::record::{Change, Record};

    /// A run that was given 1000 of 4000 MiB, grew to that where it did, and died of its limit or not.
    fn ran(elastic: bool, grew_to: Option<u32>, died: bool) -> Record {
        let ask = Ask {
            memory: Some(Memory::Node(4000)),
            ..Ask::LEAST
        };
        let mut profile: JobCounters = Counters::nothing(Ended::Finished).into();
        profile.growths.grown.extend(grew_to.map(|to_mib| Growth {
            at_s: 1.0,
            from_mib: 1000,
            to_mib,
        }));
        profile.growths.refused = u32::from(died);
        Record {
            memory: Some(Change {
                mode: Mode::Apply,
                asked: 4000,
                set: 1000,
            }),
            elastic,
            profile: Some(Box::new(profile)),
            ..Record::kept(Kind::default(), Some(ask), "")
        }
    }

    #[test]
    fn what_nodes_lent_and_refused_is_counted_and_what_nobody_could_be_lent_is_not() {
        let (_dir, mut store) = store();
        assert_eq!(store.lent().unwrap(), Lent::default());
        let runs = [
            (ran(true, Some(2000), false), 1500, false),
            (ran(true, None, true), 1000, true),
            (ran(true, Some(2000), true), 2000, true),
            // All that its user asked for.
            (ran(true, Some(4000), true), 4000, true),
            // It was near its limit, and no further; or not even that.
            (ran(true, Some(2000), false), 990, false),
            (ran(true, None, false), 900, false),
            (ran(false, None, true), 1000, true),
        ];
        for (number, (record, peak_mib, died)) in (1..).zip(runs) {
            let mut job = finished(number, 100 * number as i64, peak_mib);
            job.comment = record.into();
            job.usage.peak_is_bound = died;
            store
                .insert(&[(job, Kind::of_accounting(1001, b"align"))])
                .unwrap();
        }
        assert_eq!(store.lent().unwrap(), Lent { runs: 3, died: 2 });
    }
}
