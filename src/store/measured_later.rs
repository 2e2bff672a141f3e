//! A run whose memory was not known when it was stored: a dump had no steps, or slurmdbd had not written them yet.

use crate::record::FinishedJob;
use rusqlite::{Connection, OptionalExtension, params};

/// Takes in what a run used that is reported again, now with its memory. Says whether there was one; its kind is learned from
/// it again.
pub fn take(step: &Connection, job: &FinishedJob, is_harmed: bool) -> rusqlite::Result<bool> {
    let usage = &job.usage;
    let Some(peak) = usage.peak_bytes else {
        return Ok(false);
    };
    let mut unmeasured = step.prepare_cached(
        "SELECT id FROM jobs JOIN usages ON job = id WHERE job_id = ? AND submitted = ? AND started = ? AND user = ? \
         AND name = ? AND peak IS NULL",
    )?;
    let same = params![
        job.job_id as i64,
        job.submitted,
        job.started,
        job.user,
        job.name
    ];
    let found = unmeasured.query_row(same, |row| row.get::<_, i64>(0));
    let Some(id) = found.optional()? else {
        return Ok(false);
    };
    // In order of arrival: what is read since the last training is above it.
    step.pragma_update(None, "defer_foreign_keys", true)?;
    step.execute(
        "UPDATE usages SET job = (SELECT max(id) + 1 FROM jobs), peak = ?, peak_is_bound = ?, cores = coalesce(?, cores), \
         named_mib = ?, named_cpus = ?, launched = ? WHERE job = ?",
        params![
            peak as i64,
            usage.peak_is_bound,
            usage.cores,
            usage.named.memory_mib,
            usage.named.cpus,
            usage.launched,
            id
        ],
    )?;
    step.execute(
        "UPDATE jobs SET id = (SELECT max(id) + 1 FROM jobs), harmed = harmed OR ? WHERE id = ?",
        params![is_harmed, id],
    )?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::fingerprint::{Kind, Level};
    use crate::record::tests::finished;
    use crate::store::tests::store;

    #[test]
    fn memory_that_is_told_later_is_learned_and_what_was_known_stays() {
        let (_folder, mut store) = store();
        let kind = Kind::of_accounting(1001, b"weave");
        let name = kind.name.unwrap();
        let mut unknown = finished(7, 100, 5);
        unknown.usage.peak_bytes = None;
        let peaks = |store: &crate::store::Store| -> Vec<Option<u64>> {
            let runs = store.runs(Level::Name, name, i64::MAX, 10).unwrap();
            runs.iter().map(|run| run.usage.peak_bytes).collect()
        };
        let of_another = crate::record::FinishedJob {
            user: "somebody else".into(),
            ..finished(7, 100, 9)
        };
        for (told, new, peak) in [
            (&unknown, 1, None),
            (&of_another, 0, None),
            (&unknown, 0, None),
            (&finished(7, 100, 5), 1, Some(5 << 20)),
            (&finished(7, 100, 9), 0, Some(5 << 20)),
            (&unknown, 0, Some(5 << 20)),
        ] {
            let before = store.watermark().unwrap().jobs;
            assert_eq!(store.insert(&[(told.clone(), kind)]).unwrap(), new);
            assert!(peaks(&store).iter().all(|found| *found == peak));
            let learned = store.keys_after(before, Level::Name).unwrap();
            assert_eq!(learned.len(), new);
        }
    }
}
