//! Shadows in words: what one showed, what all of them cost, how good they were.

use crate::fingerprint::Level;
use crate::job::counters::{Ended, ShadowCounters};
use crate::job::shadow::Need;
use crate::store::{Filter, Store};
use crate::text::units::{MIB, memory_text, printable};
use anyhow::Result;
use serde::Serialize;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What a shadow showed, a line each.
pub fn lines(counters: &ShadowCounters, need: Option<Need>) -> Vec<String> {
    let mut lines = vec![format!("shadow    {}", ended(counters))];
    if counters.ended != Ended::Refused {
        lines.push(format!(
            "          memory {} at most {}, {:.1} CPUs wanted, {:.1} s of CPU time",
            memory_text(counters.peak_mib.ceil() as u64),
            curve(&counters.curve_mib),
            counters.demand_peak.max(counters.demand),
            counters.cpu_s
        ));
        lines.push(format!(
            "          {} processes, {} threads, read {} and wrote {}{}",
            counters.processes,
            counters.threads,
            memory_text(counters.read_mib[0].ceil() as u64),
            memory_text(counters.written_mib[0].ceil() as u64),
            rest(counters)
        ));
    }
    lines.push(match need {
        Some(need) => format!(
            "needs     {} of memory are enough, {:.1} CPUs",
            memory_text(need.memory_mib.into()),
            need.cores
        ),
        None => "needs     unknown: it shows nothing about the whole job".into(),
    });
    lines
}

fn ended(counters: &ShadowCounters) -> String {
    let after = format!("after {:.0} s", counters.wall_s);
    let why = counters.why.as_deref().map(printable).unwrap_or_default();
    match counters.ended {
        Ended::Finished => format!("ran to its end {after}"),
        Ended::Settled => format!("was ended {after}: it had settled"),
        Ended::Window => format!("was ended {after}: its window was over"),
        Ended::Oom => format!("was killed {after}: it needed more memory than its slice has"),
        Ended::Failed => format!("failed {after}: {why}"),
        Ended::Refused => format!("did not run: {why}"),
    }
}

fn rest(counters: &ShadowCounters) -> String {
    let mut text = String::new();
    if let Some((share, mib)) = counters.input_share.zip(counters.input_mib) {
        let size = memory_text(mib.ceil() as u64);
        text += &format!(", {:.0} % of {size} of input", 100.0 * share);
    }
    if let Some(ranks) = counters.ranks {
        text += &format!(", {ranks} ranks");
    }
    for (server, times) in &counters.license_servers {
        text += &format!(", asked {} {times} times", printable(server));
    }
    text
}

/// Memory over time as a line of bars.
pub fn curve(points: &[u32]) -> String {
    let top = points.iter().copied().max().unwrap_or(0).max(1);
    let bar = |point: &u32| BARS[(*point as usize * (BARS.len() - 1)).div_ceil(top as usize)];
    points.iter().map(bar).collect()
}

/// What shadows cost, and how good their predictions were.
#[derive(Debug, Default, Serialize)]
pub struct Shadows {
    /// That ended.
    pub shadows: u64,
    /// That predicted what their kind needs.
    pub predicted: u64,
    /// That no node could give a sandbox.
    pub refused: u64,
    /// CPU time of all, in hours.
    pub cpu_h: f64,
    /// Completed runs of jobs sized by a shadow alone.
    pub runs: u64,
    /// Runs that died of what a shadow predicted.
    pub killed: u64,
    /// Median of |predicted − used| / used over the completed runs.
    pub median_error: Option<f64>,
    /// Memory set and not used times run time, against the same of the requests.
    pub waste_ratio: Option<f64>,
}

/// Sums up the shadows since `filter.since`, and the runs that `filter` lets through.
pub fn shadows(store: &Store, filter: &Filter) -> Result<Shadows> {
    let mut sum = Shadows::default();
    let all = store.ended_shadows(filter.since.unwrap_or(0))?;
    for shadow in all.iter().filter(|shadow| shadow.job_id.is_some()) {
        sum.shadows += 1;
        sum.predicted += u64::from(shadow.need.is_some());
        if let Some(counters) = &shadow.counters {
            sum.refused += u64::from(counters.ended == Ended::Refused);
            sum.cpu_h += f64::from(counters.cpu_s) / 3600.0;
        }
    }
    let (mut errors, mut waste, mut asked_waste) = (Vec::new(), 0.0, 0.0);
    store.each_job(filter, |job, _| {
        let Some(record) = job.comment.record() else {
            return;
        };
        if record.level != Some(Level::Shadow) {
            return;
        }
        sum.killed += u64::from(job.was_harmed());
        let figures = record.evidence.zip(record.memory).zip(job.usage.peak_bytes);
        let Some(((evidence, change), peak)) = figures.filter(|_| job.state == "COMPLETED") else {
            return;
        };
        sum.runs += 1;
        let used = peak as f64 / MIB as f64;
        errors.push((f64::from(evidence.shadow_mib) - used).abs() / used.max(1.0));
        let hours = job.usage.elapsed_s as f64 / 3600.0;
        waste += (change.set as f64 - used).max(0.0) * hours;
        asked_waste += (change.asked as f64 - used).max(0.0) * hours;
    })?;
    errors.sort_by(f64::total_cmp);
    sum.median_error = errors.get(errors.len() / 2).copied();
    sum.waste_ratio = (asked_waste > 0.0).then(|| waste / asked_waste);
    Ok(sum)
}

impl Shadows {
    /// One line below a report; `None` where there was no shadow.
    pub fn text(&self) -> Option<String> {
        let percent =
            |share: Option<f64>| share.map_or("-".into(), |s| format!("{:.0} %", 100.0 * s));
        (self.shadows > 0).then(|| {
            format!(
                "shadows: {} ({} predicted, {} refused), {:.3} CPU·h; {} runs sized by them, {} killed, median error {}, \
                 {} of what the requests waste",
                self.shadows,
                self.predicted,
                self.refused,
                self.cpu_h,
                self.runs,
                self.killed,
                percent(self.median_error),
                percent(self.waste_ratio)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_drawn_to_its_own_scale() {
        assert_eq!(curve(&[0, 50, 100]), "▁▅█");
        assert_eq!(curve(&[]), "");
    }

    #[test]
    fn a_refusal_is_told_and_hostile_words_are_not_printed_raw() {
        let refused = ShadowCounters::refused("overlay over /home: \u{1b}[31mno");
        let lines = lines(&refused, None).join("\n");
        assert!(
            lines.starts_with("shadow    did not run: overlay over /home"),
            "{lines}"
        );
        assert!(!lines.contains('\u{1b}'));
    }
}
