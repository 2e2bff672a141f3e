//! What is kept of old runs: first without the curve of its profile, at last as a part of its month's sums.

use super::Store;
use anyhow::Result;
use rusqlite::params;
use std::io::Write;

/// Up to which end of a run curves have been taken out, in `progress`.
const CURVES_TAKEN: &str = "curves";

/// Runs that ended before were taken out, in `progress`.
pub(super) const KEPT_FROM: &str = "kept from";

const COLUMNS: [&str; 10] = [
    "Month",
    "User",
    "Account",
    "Partition",
    "Runs",
    "Completed",
    "NodeHours",
    "AskedGBh",
    "GivenGBh",
    "UsedGBh",
];

impl Store {
    /// Takes the curves out of the profiles of runs that ended before `before`, in seconds since 1970.
    pub fn forget_curves(&self, before: i64) -> Result<()> {
        let done = self.progress(CURVES_TAKEN)?.unwrap_or(0);
        self.db.execute(
            "UPDATE jobs SET comment = json_remove(comment, '$.profile.curve_mib') \
             WHERE ended >= ? AND ended < ? AND instr(comment, '\"curve_mib\"') > 0 AND json_valid(comment)",
            [done, before],
        )?;
        self.set_progress(CURVES_TAKEN, before.max(done))
    }

    /// Adds runs that ended before `before` to the sums of their months and takes them out; from then on
    /// such runs are not stored any more. Returns how many.
    pub fn forget_runs(&mut self, before: i64) -> Result<usize> {
        let step = self.db.transaction()?;
        step.execute(
            "INSERT INTO sums SELECT strftime('%Y-%m', ended, 'unixepoch'), user, account, partition, count(*), \
             sum(state = 'COMPLETED'), sum(elapsed * nodes / 3600.0), \
             sum(coalesce(asked, memory, 0) / 1e9 * nodes * elapsed / 3600), \
             sum(coalesce(memory, 0) / 1e9 * nodes * elapsed / 3600), \
             sum(coalesce(peak, 0) / 1e9 * nodes * elapsed / 3600) \
             FROM jobs JOIN usages ON job = id WHERE ended < ? GROUP BY 1, 2, 3, 4 \
             ON CONFLICT DO UPDATE SET runs = runs + excluded.runs, completed = completed + excluded.completed, \
             node_hours = node_hours + excluded.node_hours, asked_gbh = asked_gbh + excluded.asked_gbh, \
             given_gbh = given_gbh + excluded.given_gbh, used_gbh = used_gbh + excluded.used_gbh",
            [before],
        )?;
        step.execute(
            "DELETE FROM usages WHERE job IN (SELECT id FROM jobs WHERE ended < ?)",
            [before],
        )?;
        let runs = step.execute("DELETE FROM jobs WHERE ended < ?", [before])?;
        step.execute("DELETE FROM shadows WHERE submitted < ?", [before])?;
        step.execute("DELETE FROM unshadowed WHERE at < ?", [before])?;
        step.execute("DELETE FROM harms WHERE started < ?", [before])?;
        step.execute(
            "INSERT OR REPLACE INTO progress VALUES (?, ?)",
            params![KEPT_FROM, before],
        )?;
        step.commit()?;
        Ok(runs)
    }

    /// Writes the sums as CSV, with a header. Returns how many rows.
    pub fn export_sums(&self, out: impl Write) -> Result<usize> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(COLUMNS)?;
        let mut query = self
            .db
            .prepare("SELECT * FROM sums ORDER BY month, user, account, partition")?;
        let mut found = query.query([])?;
        let mut count = 0;
        while let Some(row) = found.next()? {
            let text = |column| row.get::<_, String>(column);
            let number = |column| Ok::<_, rusqlite::Error>(row.get::<_, f64>(column)?.to_string());
            let mut fields = (0..4).map(text).collect::<rusqlite::Result<Vec<_>>>()?;
            fields.extend(
                (4..COLUMNS.len())
                    .map(number)
                    .collect::<rusqlite::Result<Vec<_>>>()?,
            );
            rows.write_record(&fields)?;
            count += 1;
        }
        rows.flush()?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use crate::fingerprint::{Kind, Level};
    use crate::job::counters::{Counters, Ended};
    use crate::record::Record;
    use crate::record::tests::finished;
    use crate::store::Filter;
    use crate::store::tests::store;

    const DAY: i64 = 86_400;

    #[test]
    fn old_runs_become_sums_and_lose_their_curves_before() {
        let (_dir, mut store) = store();
        let kind = Kind::of_accounting(1001, b"align");
        let counters = Counters {
            curve_mib: vec![1, 2, 3],
            peak_mib: 3.0,
            ..Counters::nothing(Ended::Finished)
        };
        let jobs: Vec<_> = (0..100)
            .map(|n| {
                let mut job = finished(n, n as i64 * DAY, 100);
                job.comment = Record::with_profile(None, counters.clone().into()).into();
                (job, kind)
            })
            .collect();
        store.insert(&jobs).unwrap();
        store.forget_curves(90 * DAY).unwrap();
        let mut curves = Vec::new();
        store
            .each_job(&Filter::default(), |job, _| {
                let profile = job.comment.into_record().unwrap().profile.unwrap();
                assert_eq!(profile.peak_mib, 3.0);
                curves.push(profile.curve_mib.len());
            })
            .unwrap();
        assert_eq!(curves.iter().filter(|&&length| length == 3).count(), 10);
        assert_eq!(store.forget_runs(70 * DAY).unwrap(), 70);
        assert_eq!(store.forget_runs(75 * DAY).unwrap(), 5);
        // Read again, by accounting or by an import, they would count twice.
        assert_eq!(store.insert(&jobs).unwrap(), 0);
        let left = store
            .runs(Level::Name, kind.name.unwrap(), i64::MAX, 999)
            .unwrap();
        assert_eq!(left.len(), 25);
        let mut text = Vec::new();
        assert_eq!(store.export_sums(&mut text).unwrap(), 3);
        let text = String::from_utf8(text).unwrap();
        // March 1970 in two parts; 10 s of 4 GiB each.
        assert!(
            text.contains("1970-03,alice,physics,batch,16,16,"),
            "{text}"
        );
    }
}
