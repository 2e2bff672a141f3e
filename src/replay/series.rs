//! Memory over time: what a shadow of each past job would have predicted, had its kind never been seen.
//!
//! `task_type,task_id,t_s,used_mem_mb,peak_mem_mb,input_bytes,req_mem_bytes,req_cpus,start_s,end_s`,
//! one row a point, plain or gzipped; MB = 10⁶ bytes. The points of a task follow one another.

use super::trace::{each_row, open};
use crate::config::Config;
use crate::decide::node_need;
use crate::fingerprint::Level;
use crate::job::evidence::Evidence;
use crate::job::shadow::Observation;
use crate::model::extrapolation::{Extrapolation, FINISHED_MARGIN};
use crate::text::rejects::Rejects;
use crate::text::units::MIB;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

const MB: f64 = 1e6;
const GB: f64 = 1e9;

/// One moment of a job, as the file has it.
#[derive(Deserialize)]
struct SeriesRow {
    task_type: String,
    task_id: String,
    t_s: f64,
    used_mem_mb: f64,
    peak_mem_mb: f64,
    req_mem_bytes: Option<f64>,
    start_s: f64,
    end_s: f64,
}

/// One past job with its memory over time, in bytes and seconds.
#[derive(Debug, Clone)]
pub struct Series {
    task_id: String,
    kind: String,
    points: Vec<(f64, f64)>,
    peak: f64,
    asked: Option<f64>,
    runtime_s: f64,
}

/// How good shadows of this window would have been.
#[derive(Debug, Clone, Serialize)]
pub struct SeriesFigures {
    /// Jobs.
    pub n: u64,
    /// Median of |likely − peak| / peak.
    pub median_ape: f64,
    /// Memory set and not used times run time, killed attempts whole, against the same of the requests.
    pub waste_ratio: f64,
    /// Jobs that would have been killed, in percent.
    pub failed_tasks_pct: f64,
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<(Vec<Series>, Rejects)> {
    let place = || path.display().to_string();
    let mut rows = csv::Reader::from_reader(open(path).with_context(place)?);
    let mut all = Vec::<Series>::new();
    let rejects = each_row(&mut rows, |row| checked(row).map(|row| add(&mut all, row)));
    Ok((all, rejects.with_context(place)?))
}

fn checked(row: SeriesRow) -> Result<SeriesRow, String> {
    let numbers = [
        row.t_s,
        row.used_mem_mb,
        row.peak_mem_mb,
        row.end_s - row.start_s,
    ];
    if numbers
        .iter()
        .all(|number| number.is_finite() && *number >= 0.0)
        && row.peak_mem_mb > 0.0
    {
        Ok(row)
    } else {
        Err("times or memory that cannot be".into())
    }
}

fn add(all: &mut Vec<Series>, row: SeriesRow) {
    let point = (row.t_s, row.used_mem_mb * MB);
    match all.last_mut() {
        Some(last) if last.kind == row.task_type && last.task_id == row.task_id => {
            last.points.push(point);
        }
        _ => all.push(Series {
            points: vec![point],
            peak: row.peak_mem_mb * MB,
            asked: row.req_mem_bytes.filter(|bytes| *bytes > 0.0),
            runtime_s: row.end_s - row.start_s,
            kind: row.task_type,
            task_id: row.task_id,
        }),
    }
}

impl Series {
    /// Largest memory in the first `seconds`, in bytes.
    fn seen(&self, seconds: f64) -> f64 {
        let seen = self.points.iter().filter(|(at, _)| *at <= seconds);
        seen.map(|(_, memory)| *memory).fold(0.0, f64::max)
    }

    fn observation(&self, window_s: f64, kind: u64) -> Observation {
        let mib = |bytes: f64| bytes / MIB as f64;
        Observation {
            kind,
            half_mib: mib(self.seen(window_s / 2.0)),
            seen_mib: mib(self.seen(window_s)),
            peak_mib: mib(self.peak),
        }
    }
}

/// The model that these jobs, cut off after `window_s` seconds, give.
pub fn fit(all: &[Series], window_s: f64) -> Result<Extrapolation> {
    Extrapolation::on(&observations(all, window_s, None))
        .context("too few jobs or kinds of jobs to fit a model")
}

/// Observations of the jobs that a window cuts off, without those of one kind.
fn observations(all: &[Series], window_s: f64, left_out: Option<&str>) -> Vec<Observation> {
    let names: BTreeSet<&str> = all.iter().map(|series| series.kind.as_str()).collect();
    let numbers: Vec<&str> = names.into_iter().collect();
    all.iter()
        .filter(|series| series.runtime_s > window_s && left_out != Some(series.kind.as_str()))
        .map(|series| {
            let kind = numbers.partition_point(|name| *name < series.kind.as_str());
            series.observation(window_s, kind as u64)
        })
        .collect()
}

/// Predicts each job by a model that has never seen its kind, from its first `window_s` seconds.
pub fn evaluate(config: &Config, all: &[Series], window_s: f64) -> Result<SeriesFigures> {
    let kinds: BTreeSet<&str> = all.iter().map(|series| series.kind.as_str()).collect();
    let (mut errors, mut waste, mut asked_waste, mut failed) = (Vec::new(), 0.0, 0.0, 0u64);
    for kind in kinds {
        let fit = Extrapolation::on(&observations(all, window_s, Some(kind)))
            .context("too few jobs or kinds of jobs to fit a model")?;
        for series in all.iter().filter(|series| series.kind == kind) {
            let asked = series.asked.unwrap_or(2.0 * series.peak);
            let (likely, set) = predict(config, &fit, series, window_s, asked);
            errors.push((likely - series.peak).abs() / series.peak);
            let killed = set < series.peak && set < asked;
            failed += u64::from(killed);
            let over = |memory: f64| (memory - series.peak).max(0.0);
            let bytes = if killed { set + over(asked) } else { over(set) };
            waste += bytes / GB * series.runtime_s / 3600.0;
            asked_waste += over(asked) / GB * series.runtime_s / 3600.0;
        }
    }
    errors.sort_by(f64::total_cmp);
    Ok(SeriesFigures {
        n: errors.len() as u64,
        median_ape: errors.get(errors.len() / 2).copied().unwrap_or(0.0),
        waste_ratio: waste / asked_waste,
        failed_tasks_pct: 100.0 * failed as f64 / errors.len().max(1) as f64,
    })
}

/// The likely peak and what would be set, in bytes, with the policy's own margin, floor and least saving.
fn predict(
    config: &Config,
    fit: &Extrapolation,
    series: &Series,
    window_s: f64,
    asked: f64,
) -> (f64, f64) {
    let observation = series.observation(window_s, 0);
    let (half, seen) = (observation.half_mib, observation.seen_mib);
    let (likely, enough) = if series.runtime_s <= window_s {
        (
            observation.peak_mib,
            Some(observation.peak_mib * FINISHED_MARGIN),
        )
    } else {
        (fit.likely_mib(half, seen), fit.enough_mib(half, seen))
    };
    let likely = likely * MIB as f64;
    let Some(enough) = enough else {
        return (likely, asked);
    };
    let evidence = Evidence {
        shadow_mib: enough.ceil() as u32,
        ..Evidence::default()
    };
    let set = (node_need(config, Level::Shadow, &evidence) * MIB) as f64;
    let saves = set <= asked * (1.0 - config.evidence.min_saving);
    (likely, if saves { set } else { asked })
}
