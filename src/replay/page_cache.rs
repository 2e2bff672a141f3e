//! Since 23.11 MaxRSS under cgroup v2 counts page cache, too: a job that reads much seems to need all that it asks
//! for, however much that is.

use super::PastJob;
use std::collections::BTreeMap;

/// This share of a request, or more, is all of it.
const ALL: f64 = 0.98;

/// A kind with fewer runs shows nothing.
const FEWEST_RUNS: usize = 3;

/// It is reported from this share of all runs on.
const REPORTED_FROM: f64 = 0.1;

/// What to say to whoever has a dump with kinds of which every run used all it asked for.
pub fn hint(jobs: &[PastJob]) -> Option<String> {
    let used_all = |job: &PastJob| job.asked.is_some_and(|asked| job.peak >= ALL * asked);
    let mut kinds: BTreeMap<(&str, &str), (usize, bool)> = BTreeMap::new();
    for job in jobs {
        let kind = kinds
            .entry((job.user.as_str(), job.label.as_str()))
            .or_insert((0, true));
        *kind = (kind.0 + 1, kind.1 && used_all(job));
    }
    let runs: usize = kinds
        .values()
        .filter(|(runs, all)| *all && *runs >= FEWEST_RUNS)
        .map(|(runs, _)| runs)
        .sum();
    let is_reported = runs > 0 && runs as f64 >= REPORTED_FROM * jobs.len() as f64;
    is_reported.then(|| {
        format!(
            "{runs} of {} runs are of kinds that used {:.0} % or more of whatever they asked for: MaxRSS counts page cache \
             here, or shared memory twice; profiles, or JobAcctGatherParams=no_file_cache from 25.11.1 on, would show which",
            jobs.len(),
            100.0 * ALL
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Kind;

    fn runs(label: &str, count: usize, used: f64) -> Vec<PastJob> {
        let job = |n: usize| {
            let asked = (1 + n % 2) as f64 * 10e9;
            PastJob {
                kind: Kind::of_label(label.as_bytes()),
                label: label.into(),
                parts: String::new(),
                user: "alice".into(),
                times: None,
                hours: 1.0,
                nodes: 1,
                asked: Some(asked),
                peak: used * asked,
                input_bytes: None,
                cpus: None,
                time_s: None,
            }
        };
        (0..count).map(job).collect()
    }

    #[test]
    fn kinds_that_use_all_of_any_request_are_told_and_others_are_not() {
        let of = |parts: &[Vec<PastJob>]| hint(&parts.concat());
        let all = of(&[runs("read", 4, 0.998), runs("solve", 4, 0.5)]).unwrap();
        assert!(all.starts_with("4 of 8 runs"), "{all}");
        assert_eq!(of(&[runs("solve", 4, 0.97)]), None);
        assert_eq!(of(&[runs("read", 2, 0.998)]), None, "too few to tell");
        let mixed = [runs("read", 3, 0.998), runs("read", 1, 0.5)];
        assert_eq!(of(&mixed), None, "one run shows what it needs");
        let rare = [runs("read", 3, 0.998), runs("solve", 30, 0.5)];
        assert_eq!(of(&rare), None);
    }
}
