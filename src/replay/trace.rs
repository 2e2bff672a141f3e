//! Traces of jobs as CSV, plain or gzipped, one row a job:
//! `job_id,task_type,user,submit_s,start_s,end_s,runtime_s,req_mem_bytes,used_mem_bytes,req_cpus,used_cpus,req_time_s,input_bytes`.
//! An empty field is not known; a trace without run times counts an hour a job.

use super::PastJob;
use crate::fingerprint::Kind;
use crate::text::rejects::Rejects;
use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// A job, as the file has it.
#[derive(Deserialize)]
struct TraceRow {
    task_type: String,
    user: String,
    submit_s: Option<f64>,
    start_s: Option<f64>,
    end_s: Option<f64>,
    runtime_s: Option<f64>,
    req_mem_bytes: Option<f64>,
    used_mem_bytes: Option<f64>,
    req_cpus: Option<f64>,
    used_cpus: Option<f64>,
    req_time_s: Option<f64>,
    input_bytes: Option<f64>,
}

/// One recorder may count whole seconds where another counts fractions.
const CLOCK_STEP: f64 = 1.0;

/// No node has more memory, no job runs longer: 1 PiB, and ten years in seconds.
const MOST_BYTES: f64 = (1u64 << 50) as f64;
const LONGEST_S: f64 = 10.0 * 365.0 * 86_400.0;

/// Opens a file, plain or gzipped.
pub(super) fn open(path: &Path) -> std::io::Result<Box<dyn Read>> {
    unpacked(BufReader::new(File::open(path)?))
}

/// What is gzipped is unpacked.
pub fn unpacked(mut input: impl BufRead + 'static) -> std::io::Result<Box<dyn Read>> {
    Ok(if input.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(input))
    } else {
        Box::new(input)
    })
}

/// Reads a whole trace.
pub fn read(path: &Path) -> Result<(Vec<PastJob>, Rejects)> {
    let place = || path.display().to_string();
    let mut rows = csv::Reader::from_reader(open(path).with_context(place)?);
    let header = rows.headers().with_context(place)?;
    for column in ["task_type", "user", "used_mem_bytes"] {
        if !header.iter().any(|name| name == column) {
            anyhow::bail!("{}: line 1: no column {column}", place());
        }
    }
    let mut jobs = Vec::new();
    let rejects = each_row(&mut rows, |row| past_job(row).map(|job| jobs.push(job)))?;
    Ok((jobs, rejects))
}

/// Hands every row that can be read to `take`; what cannot be read or is not taken is left out.
pub(super) fn each_row<T: serde::de::DeserializeOwned>(
    rows: &mut csv::Reader<impl Read>,
    mut take: impl FnMut(T) -> Result<(), String>,
) -> Result<Rejects> {
    let header = rows.byte_headers()?.clone();
    let (mut rejects, mut record) = (Rejects::default(), csv::ByteRecord::new());
    loop {
        let line = rows.position().line();
        let taken = match rows.read_byte_record(&mut record) {
            Ok(false) => return Ok(rejects),
            Ok(true) => record
                .deserialize::<T>(Some(&header))
                .map_err(reason)
                .and_then(&mut take),
            Err(error) => {
                let at_end = matches!(error.kind(), csv::ErrorKind::Io(_));
                rejects.add(reason(error), line, record.as_slice());
                if at_end {
                    return Ok(rejects);
                }
                continue;
            }
        };
        if let Err(reason) = taken {
            let line = record.position().map_or(line, |position| position.line());
            rejects.add(reason, line, &joined(&record));
        }
    }
}

fn joined(record: &csv::ByteRecord) -> Vec<u8> {
    record.iter().collect::<Vec<_>>().join(&b',')
}

/// Without what is particular to the row, so that rows are counted together.
fn reason(error: csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Io(error) => format!("the file ends early or is damaged: {error}"),
        csv::ErrorKind::UnequalLengths { .. } => "wrong number of fields".into(),
        csv::ErrorKind::Utf8 { .. } => "not UTF-8 text".into(),
        _ => "a field that is no number, or not UTF-8 text".into(),
    }
}

fn past_job(row: TraceRow) -> Result<PastJob, String> {
    let positive = |value: Option<f64>| value.filter(|number| number.is_finite() && *number > 0.0);
    let peak = positive(row.used_mem_bytes).ok_or("no memory used")?;
    let absurd = |value: Option<f64>, most| value.is_some_and(|v| !(0.0..=most).contains(&v));
    if absurd(row.runtime_s, LONGEST_S) {
        return Err("a run time that cannot be".into());
    }
    if absurd(Some(peak), MOST_BYTES) || absurd(row.req_mem_bytes, MOST_BYTES) {
        return Err("memory that no node has".into());
    }
    if absurd(row.used_cpus, 1e7) || absurd(row.req_cpus, 1e7) {
        return Err("CPUs that no cluster has".into());
    }
    let times = match (row.submit_s, row.start_s, row.end_s) {
        (Some(submit), Some(start), Some(end))
            if end + CLOCK_STEP < start || start + CLOCK_STEP < submit =>
        {
            return Err("times that contradict each other".into());
        }
        (Some(submit), Some(start), Some(end)) => Some([submit, start, end]),
        _ => None,
    };
    let cpus = positive(row.req_cpus).zip(row.used_cpus);
    Ok(PastJob {
        kind: Kind::of_label(row.task_type.as_bytes()),
        label: row.task_type,
        parts: String::new(),
        user: row.user,
        times,
        hours: row.runtime_s.unwrap_or(3600.0) / 3600.0,
        nodes: 1,
        asked: positive(row.req_mem_bytes),
        peak,
        input_bytes: positive(row.input_bytes).map(|bytes| bytes as u64),
        time_s: positive(row.req_time_s).map(|seconds| seconds as u64),
        cpus: cpus.map(|(asked, busy)| (asked as u32, busy)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const HEADER: &str = "job_id,task_type,user,submit_s,start_s,end_s,runtime_s,req_mem_bytes,used_mem_bytes,req_cpus,used_cpus,req_time_s,input_bytes\n";

    fn written(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn good_rows_are_read_and_bad_ones_counted() {
        let rows = "1,a/b,u,1,2,3,10,4e9,1e9,2,1.5,,\n2,a,u,,,,,,1e9,,,,\n3,a,u,1,2,3,10,4e9,,2,1,,\n\
                    4,a,u,1,2,3,-1,4e9,1e9,2,1,,\n5,a,u,9,2,3,1,4e9,1e9,2,1,,\n6,a,u,x,2,3,1,4e9,1e9,2,1,,\n7,a\n";
        let file = written(format!("{HEADER}{rows}").as_bytes());
        let (jobs, rejects) = read(file.path()).unwrap();
        assert_eq!(jobs.len(), 2);
        assert_eq!(jobs[1].hours, 1.0);
        let reasons: Vec<_> = rejects
            .iter()
            .map(|(reason, reject)| (reason, reject.count, reject.line))
            .collect();
        assert_eq!(
            reasons,
            [
                ("a field that is no number, or not UTF-8 text", 1, 7),
                ("a run time that cannot be", 1, 5),
                ("no memory used", 1, 4),
                ("times that contradict each other", 1, 6),
                ("wrong number of fields", 1, 8),
            ]
        );
    }

    #[test]
    fn a_truncated_gzip_gives_what_is_whole_and_says_so() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(HEADER.as_bytes()).unwrap();
        for n in 0..5000 {
            writeln!(
                encoder,
                "{n},kind{},u,,,,{n},,{},,,,",
                n % 7,
                1_000_000 + n * 7919 % 104_729
            )
            .unwrap();
        }
        let whole = encoder.finish().unwrap();
        assert_eq!(read(written(&whole).path()).unwrap().0.len(), 5000);
        let (jobs, rejects) = read(written(&whole[..whole.len() / 2]).path()).unwrap();
        assert!(jobs.len() < 5000);
        assert!(
            rejects
                .iter()
                .any(|(reason, _)| reason.starts_with("the file ends early")),
            "{rejects:?}"
        );
    }

    #[test]
    fn another_file_is_refused() {
        let error = read(written(b"hello,world\n1,2\n").path())
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("line 1: no column task_type"), "{error}");
    }
}
