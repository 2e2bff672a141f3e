//! One decision in words: what was asked, what was set, from which evidence, what it used.

use super::profile::growths;
use super::shadow::curve;
use crate::config::Mode;
use crate::fingerprint::{Kind, Level};
use crate::job::evidence::Evidence;
use crate::job::{Ask, Memory};
use crate::record::{Change, FinishedJob, Record, Relicensed};
use crate::relies::{Floor, Reliance};
use crate::text::units::{MIB, memory_text, printable};

/// What the script relies on, and where that stands in it.
fn floor(floor: &Floor) -> Vec<String> {
    let line = |what: &str, reliance: &Reliance, unit: fn(u64) -> String| {
        let least = reliance.least.map_or("as asked".into(), unit);
        let at = format!("floor     {what} {least}: line {}", reliance.line);
        match &*printable(&reliance.text) {
            "" => at + " of its script",
            text => format!("{at}: {text}"),
        }
    };
    let memory = floor
        .memory
        .iter()
        .map(|memory| line("memory", memory, memory_text));
    let cpus = floor
        .cpus
        .iter()
        .map(|cpus| line("CPUs", cpus, |cpus| cpus.to_string()));
    memory.chain(cpus).collect()
}

/// What steps named in runs of the kind, also where the script itself does not show it.
fn named(evidence: &Evidence) -> Option<String> {
    let memory = Some(evidence.named_mib).filter(|&mib| mib > 0);
    let cpus = Some(evidence.named_cpus).filter(|&cpus| cpus > 0);
    let said = [
        memory.map(|mib| format!("memory {}", memory_text(mib.into()))),
        cpus.map(|cpus| format!("CPUs {cpus}")),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    (!said.is_empty()).then(|| format!("floor     {}: named by steps of its runs", said.join(", ")))
}

/// The decision itself, a line each: what is asked and set, the evidence, the fingerprint.
pub fn decision(record: &Record) -> Vec<String> {
    let mut lines: Vec<String> = record.asked.as_ref().map(asked).into_iter().collect();
    lines.extend(changes(record));
    lines.extend(record.licenses.as_ref().map(licenses));
    let kept = record.kept.as_deref();
    lines.extend(kept.map(|why| format!("kept      {}", printable(why))));
    lines.extend(no_rescue(record));
    lines.extend(again(record));
    lines.extend(record.floor.iter().flat_map(floor));
    if let Some((level, evidence)) = record.level.zip(record.evidence) {
        lines.extend(named(&evidence));
        lines.push(format!("evidence  {}", seen(level, &evidence)));
    }
    lines.push(kind(&record.kind));
    lines
}

fn asked(asked: &Ask) -> String {
    let memory = match asked.memory {
        None => "the site's default memory".into(),
        Some(Memory::Node(mib)) => format!("--mem={}", memory_text(mib)),
        Some(Memory::Cpu(mib)) => format!("--mem-per-cpu={}", memory_text(mib)),
    };
    format!(
        "asked     {memory} --cpus-per-task={} --ntasks={} --nodes={}",
        asked.cpus, asked.layout.tasks, asked.layout.nodes
    )
}

/// What is set of resources that are counted.
fn changes(record: &Record) -> impl Iterator<Item = String> {
    let number: fn(u64) -> String = |number| number.to_string();
    [
        ("memory", record.memory, memory_text as fn(u64) -> String),
        ("CPUs", record.cpus, number),
        ("time, in minutes,", record.time, number),
        ("memory, which is too small,", record.raised, memory_text),
    ]
    .into_iter()
    .filter_map(|(what, change, show)| Some(changed(what, change?, show)))
}

fn licenses(licenses: &Relicensed) -> String {
    format!(
        "{:<9} licenses {} -> {} ({})",
        verb(licenses.mode),
        or_none(&licenses.asked),
        or_none(&licenses.set),
        printable(&licenses.why)
    )
}

fn kind(kind: &Kind) -> String {
    let keys = kind.keys();
    let keys: Vec<String> = keys
        .map(|(level, key)| format!("{} {key}", level.text()))
        .collect();
    format!("kind      {}", keys.join(", "))
}

fn no_rescue(record: &Record) -> Option<String> {
    (record.no_requeue && record.rewrites()).then(|| {
        "requeue   it may not be requeued: nothing rescues it if that is too little".into()
    })
}

/// Which run of a job this is that died of its memory before.
fn again(record: &Record) -> Option<String> {
    let again = record.again?;
    let first = memory_text(again.first);
    Some(match (record.given_back, again.runs) {
        (true, _) => format!(
            "again     the third run: the first had {first}, the second more, and both were harmed"
        ),
        (false, _) if record.memory.is_none() => {
            "again     an earlier run was harmed: this one has the memory and CPUs that were asked for"
                .into()
        }
        (false, 0) => {
            format!("again     the second run: the first died of {first}; this one has twice that")
        }
        (false, runs) => format!(
            "again     the second run: the first died of {first}; this one has what {runs} runs above that needed"
        ),
    })
}

fn verb(mode: Mode) -> &'static str {
    match mode {
        Mode::Apply => "set",
        Mode::Advise => "advised",
        Mode::Off | Mode::Observe => "would set",
    }
}

fn or_none(licenses: &str) -> String {
    match licenses {
        "" => "none".into(),
        _ => printable(licenses),
    }
}

fn changed(what: &str, change: Change, show: impl Fn(u64) -> String) -> String {
    format!(
        "{:<9} {what} {} -> {}",
        verb(change.mode),
        show(change.asked),
        show(change.set)
    )
}

fn seen(level: Level, evidence: &Evidence) -> String {
    if level == Level::Shadow {
        return format!(
            "a shadow of this command: {} are enough, {:.1} CPUs busy",
            memory_text(evidence.shadow_mib.into()),
            evidence.cores
        );
    }
    format!(
        "same {}: {} completed runs, memory at most {} (99% under {}), {:.1} CPUs busy at most, longest {} s",
        level.text(),
        evidence.runs,
        memory_text(evidence.max_mib.into()),
        memory_text(evidence.p99_mib.into()),
        evidence.cores,
        evidence.longest_s
    )
}

/// One run: what it was, the decision about it, what it used and what that saved.
pub fn run(job: &FinishedJob) -> Vec<String> {
    let mut lines = vec![format!(
        "JobId={} JobName={} User={} Account={} Partition={} State={}",
        job.label,
        printable(&job.name),
        printable(&job.user),
        printable(&job.account),
        printable(&job.partition),
        job.state
    )];
    let record = job.comment.record();
    match &record {
        Some(record) => lines.extend(decision(record)),
        None => lines.push("kept      shadowfit did not decide about this run".into()),
    }
    lines.push(format!("used      {}", used(job)));
    lines.extend(
        job.harm
            .as_deref()
            .map(|why| format!("harmed    {}", printable(why))),
    );
    let profile = record.as_ref().and_then(|record| record.profile.as_ref());
    lines.extend(profile.into_iter().flat_map(|counters| growths(counters)));
    lines.extend(profile.map(|counters| format!("profile   {}", curve(&counters.curve_mib))));
    lines.extend(record.and_then(|record| saved(record, job)));
    lines
}

fn used(job: &FinishedJob) -> String {
    let memory = match job.usage.peak_bytes {
        Some(peak) if job.usage.peak_is_bound => {
            format!("at least {} of memory", memory_text(peak / MIB))
        }
        Some(peak) => format!("{} of memory on a node", memory_text(peak.div_ceil(MIB))),
        None => "memory was not measured".into(),
    };
    let cpus = job.usage.cores.map_or("CPUs not measured".into(), |cores| {
        format!("{cores:.2} CPUs")
    });
    format!("{memory}, {cpus}, {} s", job.usage.elapsed_s)
}

fn saved(record: &Record, job: &FinishedJob) -> Option<String> {
    let hours = job.usage.elapsed_s as f64 / 3600.0;
    let memory = record
        .memory
        .filter(Change::applies)
        .zip(record.asked)
        .map(|(change, asked)| {
            let units = match asked.memory {
                Some(Memory::Cpu(_)) => f64::from(job.cpus),
                _ => f64::from(job.nodes),
            };
            format!(
                "{:.3} GiB·h",
                (change.asked - change.set) as f64 / 1024.0 * units * hours
            )
        });
    let cpus = record.cpus.filter(Change::applies).map(|change| {
        format!(
            "{:.3} CPU·h",
            f64::from(job.cpus) * (change.asked as f64 / change.set as f64 - 1.0) * hours
        )
    });
    let parts: Vec<String> = memory.into_iter().chain(cpus).collect();
    (!parts.is_empty()).then(|| format!("saved     {}", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::SecondRun;

    #[test]
    fn a_run_that_an_operator_gave_memory_alone_is_no_second_one_with_twice_that() {
        let second = Record {
            again: Some(SecondRun {
                restarts: 1,
                first: 1000,
                runs: 0,
            }),
            ..Record::kept(Kind::default(), None, "")
        };
        let said = again(&second).unwrap();
        assert!(
            said.ends_with("the memory and CPUs that were asked for"),
            "{said}"
        );
    }
}
