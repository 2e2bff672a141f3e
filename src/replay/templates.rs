//! What the names of a dump have in common. Here the whole table is known, so that a part of a name that takes
//! ever new values among names otherwise alike is seen to, whatever letters and digits it is made of.
//!
//! Names of a user with the same separators are split by the part that has the fewest values, again and again,
//! until every part of what is left is the same or ever new: IPLoM's way of finding templates in logs.

use super::PastJob;
use crate::fingerprint::{Kind, says_something};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A part with fewer values than this is no parameter.
const FEWEST_VALUES: usize = 8;

/// And its values come this often at most, on average.
const MOST_JOBS_A_VALUE: usize = 2;

/// Gives jobs that differ in nothing but such parts of their names one label and one kind. Kinds that are
/// known by more than the name stay.
pub fn join_alike(jobs: &mut [PastJob]) {
    let mut groups: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (number, job) in jobs.iter().enumerate() {
        if job.kind.command.is_none() && job.kind.name.is_some() {
            let separators = job.label.replace(|c| !is_separator(c), "");
            groups
                .entry((job.user.clone(), separators))
                .or_default()
                .push(number);
        }
    }
    let labels: Vec<String> = jobs.iter().map(|job| job.label.clone()).collect();
    for ((user, _), members) in groups {
        let names = members.iter().map(|&n| (n, tokens(&labels[n]))).collect();
        let mut templates = HashMap::new();
        split(names, &mut templates);
        for (number, template) in templates {
            jobs[number].kind = Kind::of_label(format!("{user}\0{template}").as_bytes());
            jobs[number].label = template;
        }
    }
}

fn is_separator(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && c != '#'
}

/// Words, each with the separator before it.
fn tokens(label: &str) -> Vec<&str> {
    let starts = label.match_indices(is_separator).map(|(at, _)| at);
    let starts: Vec<usize> = std::iter::once(0)
        .chain(starts.filter(|&at| at > 0))
        .chain([label.len()])
        .collect();
    starts
        .windows(2)
        .map(|pair| &label[pair[0]..pair[1]])
        .collect()
}

type Names<'a> = Vec<(usize, Vec<&'a str>)>;

fn split<'a>(names: Names<'a>, templates: &mut HashMap<usize, String>) {
    let values = |part: usize| {
        names
            .iter()
            .map(|(_, words)| words[part])
            .collect::<BTreeSet<_>>()
            .len()
    };
    let values: Vec<usize> = (0..names[0].1.len()).map(values).collect();
    let is_new =
        |&count: &usize| count >= FEWEST_VALUES && count * MOST_JOBS_A_VALUE >= names.len();
    let by = (0..values.len())
        .filter(|&part| values[part] > 1 && !is_new(&values[part]))
        .min_by_key(|&part| values[part]);
    if let Some(part) = by {
        let mut parts: BTreeMap<&'a str, Names<'a>> = BTreeMap::new();
        for name in names {
            parts.entry(name.1[part]).or_default().push(name);
        }
        return parts
            .into_values()
            .for_each(|names| split(names, templates));
    }
    let varies: Vec<bool> = values.iter().map(is_new).collect();
    let template = template(&names[0].1, &varies);
    let useful = says_something(&template);
    for (number, words) in names {
        templates.insert(
            number,
            if useful {
                template.clone()
            } else {
                words.concat()
            },
        );
    }
}

/// The words with a mark in place of those that vary; marks side by side are one.
fn template(words: &[&str], varies: &[bool]) -> String {
    let mut template = String::new();
    for (word, &varies) in words.iter().zip(varies) {
        let separator = if word.starts_with(is_separator) {
            &word[..1]
        } else {
            ""
        };
        let rest = if varies {
            "#"
        } else {
            &word[separator.len()..]
        };
        if rest != "#" || !template.ends_with('#') {
            template += separator;
            template += rest;
        }
    }
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> PastJob {
        PastJob {
            kind: Kind::of_accounting(7, name.as_bytes()),
            label: name.into(),
            user: "alice".into(),
            times: None,
            hours: 1.0,
            nodes: 1,
            asked: None,
            peak: 1e9,
            input_bytes: None,
            cpus: None,
            time_s: None,
        }
    }

    fn kinds(names: impl IntoIterator<Item = String>) -> BTreeMap<String, BTreeSet<u64>> {
        let mut jobs: Vec<_> = names.into_iter().map(|name| job(&name)).collect();
        join_alike(&mut jobs);
        let mut kinds: BTreeMap<_, BTreeSet<u64>> = BTreeMap::new();
        for job in jobs {
            let key = job.kind.name.map_or(0, |key| key.0);
            kinds.entry(job.label).or_default().insert(key);
        }
        kinds
    }

    /// Codes of letters alone.
    fn code(n: usize) -> String {
        [n % 26, n / 26 % 26, n * 7 % 26]
            .map(|letter| (b'a' + letter as u8) as char)
            .iter()
            .collect()
    }

    #[test]
    fn parts_that_are_ever_new_are_parameters_and_others_are_names() {
        let steps = ["align", "sort", "call"];
        type Case = (Vec<String>, &'static [&'static str]);
        let cases: [Case; 7] = [
            (
                (0..60)
                    .map(|n| format!("{}_{}", steps[n % 3], code(n)))
                    .collect(),
                &["align_#", "call_#", "sort_#"],
            ),
            (
                (0..60)
                    .map(|n| format!("{}-{}", code(n / 3), steps[n % 3]))
                    .collect(),
                &["#-align", "#-call", "#-sort"],
            ),
            (
                (0..40)
                    .map(|n| format!("fit.{}.{}", code(n), code(n + 99)))
                    .collect(),
                &["fit.#"],
            ),
            // Few values, each again and again, are kinds.
            (
                (0..60).map(|n| format!("train_{}", steps[n % 3])).collect(),
                &["train_align", "train_call", "train_sort"],
            ),
            // Few jobs say nothing yet.
            (
                (0..5)
                    .map(|n| format!("fit_{}", ["a", "b", "c", "d", "e"][n]))
                    .collect(),
                &["fit_a", "fit_b", "fit_c", "fit_d", "fit_e"],
            ),
            (vec!["align_#".into(); 9], &["align_#"]),
            (
                vec!["_".into(), "__".into(), "ä_#".into(), "(x".into()],
                &["(x", "ä_#"],
            ),
        ];
        for (names, expected) in cases {
            let first = names[0].clone();
            let mut found = kinds(names);
            found.retain(|label, _| label.contains(char::is_alphanumeric));
            assert_eq!(found.keys().collect::<Vec<_>>(), expected, "{first}");
            assert!(found.values().all(|keys| keys.len() == 1), "{found:?}");
        }
    }

    #[test]
    fn names_that_have_nothing_in_common_stay_apart() {
        let names: Vec<String> = (0..30)
            .map(|n| format!("{}_{}", code(n), code(n + 50)))
            .collect();
        assert_eq!(kinds(names.clone()).len(), names.len());
    }
}
