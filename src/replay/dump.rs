//! Past jobs from a dump of sacct, plain or gzipped.

use super::PastJob;
use super::templates::join_alike;
use super::trace::open;
use crate::agent::Users;
use crate::fingerprint::Kind;
use crate::record::FinishedJob;
use crate::slurm::sacct::Reader;
use crate::text::rejects::Rejects;
use anyhow::{Context, Result};
use std::collections::HashSet;
use std::io::BufReader;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// What a replay takes for a request where the dump has none.
const ASSUMED: &str = "jobs of kinds that are not known yet count as if they had the largest peak so far, and what requests waste is \
                       not told";

/// Reads a whole dump. What says nothing of a job's needs is left out and counted.
pub fn read(path: &Path) -> Result<(Vec<PastJob>, Rejects)> {
    let place = || path.display().to_string();
    let file = BufReader::with_capacity(1 << 20, open(path).with_context(place)?);
    let mut reader = Reader::new(file, None).with_context(place)?;
    if !reader.has_requests() {
        reader.rejects.note(ASSUMED);
    }
    let (mut users, mut seen) = (Users::default(), HashSet::new());
    let mut jobs = Vec::new();
    loop {
        let job = match reader.next_job() {
            Ok(Some(job)) => job,
            Ok(None) => break,
            Err(error) => {
                let why = format!("the file ends early: {error}");
                reader.rejects.add(why, reader.job_line, b"");
                break;
            }
        };
        let example = format!("{} {} {}", job.label, job.name, job.state);
        let taken = if seen.insert((job.job_id, job.submitted)) {
            take(job, &mut users, reader.has_requests())
        } else {
            Err("the same run again".into())
        };
        match taken {
            Ok(job) => jobs.push(job),
            Err(reason) => reader
                .rejects
                .add(reason, reader.job_line, example.as_bytes()),
        }
    }
    join_alike(&mut jobs);
    Ok((jobs, reader.rejects))
}

fn take(job: FinishedJob, users: &mut Users, has_requests: bool) -> Result<PastJob, String> {
    if job.state != "COMPLETED" {
        return Err(format!("{}: it did not show what it needs", job.state));
    }
    if job.started == 0 {
        return Err("it never started".into());
    }
    let (job, kind) = users.with_kind(job).ok_or("a shadow")?;
    if job.usage.peak_is_bound {
        return Err("a step ran out of memory: it did not show what it needs".into());
    }
    // A dump from elsewhere names users that nobody here knows: seen from here they are all the same.
    let of_stranger = || {
        let stranger = xxh3_64(job.user.as_bytes()) as u32;
        Kind::of_commented(stranger, job.name.as_bytes(), job.user_comment.as_bytes())
    };
    let is_known = kind != Kind::default() || job.nodes > 1;
    let kind = if is_known { kind } else { of_stranger() };
    let past = PastJob::of(job, kind).ok_or("its memory was not measured")?;
    match past.asked {
        None if has_requests => Err("it is not known what it asked for".into()),
        _ => Ok(past),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn row(id: u32, user: &str, state: &str, rss: &str) -> String {
        let (start, end) = (1_700_000_000 + 100 * id, 1_700_000_050 + 100 * id);
        format!(
            "{id}|{start}|{start}|{end}|{state}|{user}|4000M||align\n\
             {id}.batch|{start}|{start}|{end}|COMPLETED|||{rss}|batch\n"
        )
    }

    #[test]
    fn a_dump_from_elsewhere_is_read_and_what_tells_nothing_is_counted() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(
            file,
            "JobID|Submit|Start|End|State|User|ReqMem|MaxRSS|JobName"
        )
        .unwrap();
        let rows: String = (1..5)
            .map(|id| row(id, "nobody-here", "COMPLETED", "100M"))
            .collect();
        let useless = row(7, "x", "CANCELLED by 3", "1M") + &row(8, "x", "COMPLETED", "");
        write!(
            file,
            "{rows}{useless}{}",
            row(1, "nobody-here", "COMPLETED", "100M")
        )
        .unwrap();
        let (jobs, rejects) = read(file.path()).unwrap();
        assert_eq!(jobs.len(), 4);
        assert!(
            jobs.iter()
                .all(|job| job.kind == jobs[0].kind && job.kind.name.is_some())
        );
        let left_out: Vec<_> = rejects
            .iter()
            .map(|(why, one)| (why, one.count, one.line))
            .collect();
        let expected = [
            ("CANCELLED: it did not show what it needs", 1, 10),
            ("its memory was not measured", 1, 12),
            ("the same run again", 1, 14),
        ];
        assert_eq!(left_out, expected);
    }
    #[test]
    fn a_run_whose_request_is_not_known_is_left_out_where_requests_are_known() {
        let rows = row(1, "x", "COMPLETED", "1M") + &row(2, "x", "COMPLETED", "1M");
        let header = "JobID|Submit|Start|End|State|User|ReqMem|MaxRSS|JobName";
        let some = format!("{header}\n{}", rows.replacen("4000M", "0n", 1));
        let nowhere = format!("{}\n{rows}", header.replace("ReqMem", "Other"));
        for (dump, known, reason) in [
            (some, 1, Some("it is not known what it asked for")),
            (nowhere, 2, None),
        ] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(dump.as_bytes()).unwrap();
            let (jobs, rejects) = read(file.path()).unwrap();
            assert_eq!(jobs.len(), known);
            assert_eq!(rejects.iter().next().map(|(why, _)| why), reason);
            let notes = rejects.to_string();
            let is_told = notes.contains("no ReqMem in it") && notes.contains(ASSUMED);
            assert_eq!(is_told, reason.is_none(), "{notes}");
        }
    }
}
