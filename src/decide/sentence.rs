//! A decision in one line, for the user.

use crate::config::Mode;
use crate::fingerprint::Level;
use crate::job::Memory;
use crate::job::evidence::Evidence;
use crate::record::{Change, Record, Relicensed};
use crate::text::units::memory_text;

/// The line that the user sees, if there is anything to say.
pub fn sentence(record: &Record) -> Option<String> {
    if let Some(wait) = &record.shadow {
        return Some(format!(
            "shadowfit: a new kind of job: a trial run measures what it needs, which delays it by {} s at \
             most; --shadowfit=off starts it at once, as requested",
            wait.delay_s()
        ));
    }
    let sized = match record.raised.filter(|change| change.mode >= Mode::Advise) {
        Some(change) => Some(raised(record, change)),
        None => sized(record),
    };
    let licenses = record.licenses.as_ref().filter(|l| l.mode >= Mode::Advise);
    let licenses = licenses.map(licenses_text);
    match (sized, licenses) {
        (Some(sized), Some(licenses)) => Some(format!("{sized}; {licenses}")),
        (Some(sized), None) => Some(sized),
        (None, licenses) => licenses.map(|text| format!("shadowfit: {text}")),
    }
}

fn licenses_text(change: &Relicensed) -> String {
    let shown = |licenses: &str| match licenses {
        "" => "none".to_owned(),
        _ => licenses.to_owned(),
    };
    let (asked, set, why) = (shown(&change.asked), shown(&change.set), &change.why);
    let said = match change.mode {
        Mode::Apply => format!("licenses {asked} -> {set}"),
        _ => format!("--licenses={set} would do"),
    };
    match change.forgotten.as_str() {
        "" => format!("{said} ({why})"),
        forgotten => format!("{said}; it may need {forgotten}, too ({why})"),
    }
}

fn sized(record: &Record) -> Option<String> {
    let evidence = record.evidence?;
    let memory = record.memory.filter(|change| change.mode >= Mode::Advise);
    let cpus = record.cpus.filter(|change| change.mode >= Mode::Advise);
    let time = record.time.filter(Change::applies);
    let applied: Vec<String> = [
        memory
            .filter(|c| c.applies())
            .map(|c| format!("memory {} -> {}", memory_text(c.asked), memory_text(c.set))),
        cpus.filter(|c| c.applies())
            .map(|c| format!("CPUs {} -> {}", c.asked, c.set)),
        time.map(|c| format!("time {} -> at least {} min", c.asked, c.set)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let advised: Vec<String> = [
        memory
            .filter(|c| !c.applies())
            .map(|c| format!("{}={}M", option_of(record), c.set)),
        cpus.filter(|c| !c.applies())
            .map(|c| format!("--cpus-per-task={}", c.set)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let runs = seen(record.level, &evidence, memory.is_some(), cpus.is_some());
    match (applied.is_empty(), advised.is_empty()) {
        (true, true) => None,
        (true, false) => Some(format!(
            "shadowfit: {} would do ({runs})",
            advised.join(" ")
        )),
        (false, true) => Some(format!(
            "shadowfit: {} ({runs}); --shadowfit=off keeps your request",
            applied.join(", ")
        )),
        (false, false) => Some(format!(
            "shadowfit: {} ({runs}); --shadowfit=off keeps your request; {} would do",
            applied.join(", "),
            advised.join(" ")
        )),
    }
}

fn raised(record: &Record, change: Change) -> String {
    let Change { asked, set, .. } = change;
    let option = option_of(record);
    let half = record.evidence.map_or(0, |evidence| evidence.half_mib);
    let needed = format!(
        "half of this kind's runs needed {} on a node or more",
        memory_text(half.into())
    );
    match change.applies() {
        true => format!(
            "shadowfit: memory {} -> {} ({needed}); --shadowfit=off keeps your request",
            memory_text(asked),
            memory_text(set)
        ),
        false => {
            format!("shadowfit: {option}={asked}M is too small: {needed}; {option}={set}M would do")
        }
    }
}

fn option_of(record: &Record) -> &'static str {
    match record.asked.and_then(|asked| asked.memory) {
        Some(Memory::Cpu(_)) => "--mem-per-cpu",
        _ => "--mem",
    }
}

fn seen(level: Option<Level>, evidence: &Evidence, memory: bool, cpus: bool) -> String {
    if level == Some(Level::Shadow) {
        return format!(
            "a trial run says {} and {:.1} CPUs",
            memory_text(evidence.shadow_mib.into()),
            evidence.cores
        );
    }
    let memory =
        memory.then(|| format!(", 99% were under {}", memory_text(evidence.p99_mib.into())));
    let cpus = cpus.then(|| format!(", {:.1} CPUs busy at most", evidence.cores));
    let lent = match evidence.lent_to_mib {
        0 => "",
        _ => ", more is lent",
    };
    let whose = match level {
        Some(Level::Application) => " of this script by all users",
        _ => "",
    };
    format!(
        "{} runs{whose}{}{lent}{}",
        evidence.runs,
        memory.unwrap_or_default(),
        cpus.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Kind;
    use crate::job::evidence::Trust;
    use crate::job::{Ask, Layout};

    const SEEN: Evidence = Evidence {
        runs: 5,
        max_mib: 2048,
        p99_mib: 2048,
        cores: 1.5,
        longest_s: 100,
        enough_s: 0,
        shadow_mib: 700,
        lent_to_mib: 0,
        enough_mib: 2100,
        trust: Trust::ALL,
        half_mib: 0,
        goes_on: false,
        named_mib: 0,
        named_cpus: 0,
    };

    /// A job of four CPUs with 4 GiB for each.
    fn record(level: Level, memory: Mode, cpus: Mode) -> Record {
        let ask = Ask {
            memory: Some(Memory::Cpu(4096)),
            cpus: 4,
            layout: Layout::SINGLE,
            ..Ask::LEAST
        };
        let change = |mode, asked, set| Some(Change { mode, asked, set });
        Record {
            level: Some(level),
            evidence: Some(SEEN),
            memory: change(memory, 4096, 2100),
            cpus: change(cpus, 4, 1),
            kept: None,
            ..Record::kept(Kind::default(), Some(ask), "")
        }
    }

    #[test]
    fn what_is_set_and_what_is_advised_stand_in_one_line_with_who_ran_it() {
        let keep = "--shadowfit=off keeps your request";
        for (level, memory, cpus, expected) in [
            (
                Level::Name,
                Mode::Apply,
                Mode::Advise,
                format!(
                    "memory 4G -> 2.1G (5 runs, 99% were under 2G, 1.5 CPUs busy at most); {keep}; \
                     --cpus-per-task=1 would do"
                ),
            ),
            (
                Level::Application,
                Mode::Advise,
                Mode::Observe,
                "--mem-per-cpu=2100M would do (5 runs of this script by all users, 99% were under 2G)"
                    .to_owned(),
            ),
            (
                Level::Shadow,
                Mode::Observe,
                Mode::Apply,
                format!("CPUs 4 -> 1 (a trial run says 700M and 1.5 CPUs); {keep}"),
            ),
        ] {
            let said = sentence(&record(level, memory, cpus));
            assert_eq!(said, Some(format!("shadowfit: {expected}")));
        }
    }

    #[test]
    fn licenses_are_spoken_of_from_advice_on() {
        let change = |mode, set: &str, forgotten: &str| Relicensed {
            mode,
            asked: "matlab".into(),
            set: set.into(),
            forgotten: forgotten.into(),
            why: "because".into(),
        };
        let silent = Record::kept(Kind::default(), None, "");
        let sized = record(Level::Name, Mode::Observe, Mode::Apply);
        let sizes = "shadowfit: CPUs 4 -> 1 (5 runs, 1.5 CPUs busy at most); --shadowfit=off keeps your request";
        for (record, licenses, expected) in [
            (
                &silent,
                change(Mode::Apply, "", ""),
                Some("shadowfit: licenses matlab -> none (because)".to_owned()),
            ),
            (
                &silent,
                change(Mode::Advise, "ansys", ""),
                Some("shadowfit: --licenses=ansys would do (because)".to_owned()),
            ),
            (&silent, change(Mode::Observe, "", ""), None),
            (
                &sized,
                change(Mode::Observe, "", ""),
                Some(sizes.to_owned()),
            ),
            (
                &sized,
                change(Mode::Apply, "", "ansys"),
                Some(format!(
                    "{sizes}; licenses matlab -> none; it may need ansys, too (because)"
                )),
            ),
        ] {
            let record = Record {
                licenses: Some(licenses),
                ..record.clone()
            };
            assert_eq!(sentence(&record), expected);
        }
    }
}
