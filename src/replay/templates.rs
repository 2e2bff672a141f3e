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
    let mut groups: BTreeMap<(String, String, usize), Vec<usize>> = BTreeMap::new();
    for (number, job) in jobs.iter().enumerate() {
        if job.kind.command.is_none() && job.kind.name.is_some() {
            let separators = job.parts.replace(|c| !is_separator(c), "");
            groups
                .entry((job.user.clone(), separators, tokens(&job.parts).len()))
                .or_default()
                .push(number);
        }
    }
    let parts: Vec<String> = jobs.iter().map(|job| job.parts.clone()).collect();
    for ((user, ..), members) in groups {
        let names = members.iter().map(|&n| (n, tokens(&parts[n]))).collect();
        let mut templates = HashMap::new();
        split(names, false, &mut templates);
        for (number, template) in templates {
            let template = template.unwrap_or_else(|| jobs[number].label.clone());
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

/// What stands in one part of some names.
#[derive(Default)]
struct Values<'a> {
    /// Names whose part is a mark alone: each has a value of its own.
    marks: usize,
    /// All others, and how many names have one.
    words: BTreeSet<&'a str>,
    with_word: usize,
}

impl<'a> Values<'a> {
    fn of(names: &Names<'a>, part: usize) -> Values<'a> {
        let mut values = Values::default();
        for word in names.iter().map(|(_, words)| words[part]) {
            if word.trim_start_matches(is_separator) == "#" {
                values.marks += 1;
            } else {
                values.with_word += 1;
                values.words.insert(word);
            }
        }
        values
    }

    fn count(&self) -> usize {
        self.words.len() + usize::from(self.marks > 0)
    }

    /// The part takes ever new values.
    fn is_new(&self) -> bool {
        let names = self.marks + self.with_word;
        is_new(self.count(), names) || (self.count() > 1 && self.are_codes(names))
    }

    /// By chance some of the codes that become marks hold few digits or none: then what is left is ever new as well. Few are
    /// told from steps by their letters.
    fn are_codes(&self, names: usize) -> bool {
        let is_ever_new = self.words.len() * MOST_JOBS_A_VALUE >= self.with_word;
        let all = is_new(self.marks + self.words.len(), names);
        let are_many = self.words.len() >= FEWEST_VALUES;
        is_ever_new && all && (are_many || self.words.iter().all(|word| is_hexadecimal(word)))
    }
}

fn is_new(values: usize, names: usize) -> bool {
    values >= FEWEST_VALUES && values * MOST_JOBS_A_VALUE >= names
}

/// What is left of hexadecimal digits; without a mark, of a few letters that may spell a step, as `add` does, it is none.
fn is_hexadecimal(word: &str) -> bool {
    let word = word.trim_start_matches(is_separator);
    let fits = |c: char| c == '#' || c.is_ascii_hexdigit();
    word.chars().all(fits) && (word.len() > 3 || word.contains('#'))
}

/// Appends what names have in common; `None` for those that have nothing that says anything. Where they were `told` apart by a
/// part in which most have a word that does, a common word of the others (`fold` beside `dock`) is a step as well.
fn split<'a>(names: Names<'a>, told: bool, templates: &mut HashMap<usize, Option<String>>) {
    let values: Vec<Values> = (0..names[0].1.len())
        .map(|part| Values::of(&names, part))
        .collect();
    let by = (0..values.len())
        .filter(|&part| values[part].count() > 1 && !values[part].is_new())
        .min_by_key(|&part| values[part].count());
    if let Some(part) = by {
        let said = names
            .iter()
            .filter(|(_, words)| says_something(words[part]));
        let told = told || said.count() * 2 >= names.len();
        let mut parts: BTreeMap<&'a str, Names<'a>> = BTreeMap::new();
        for name in names {
            parts.entry(name.1[part]).or_default().push(name);
        }
        return parts
            .into_values()
            .for_each(|names| split(names, told, templates));
    }
    let varies: Vec<bool> = values.iter().map(Values::is_new).collect();
    let is_useful =
        |form: &String| says_something(form) || (told && form.contains(char::is_alphabetic));
    let template = Some(template(&names[0].1, &varies)).filter(is_useful);
    for (number, _) in names {
        templates.insert(number, template.clone());
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
    use crate::fingerprint::parts_of_name;

    fn job(name: &str) -> PastJob {
        PastJob {
            kind: Kind::of_accounting(7, name.as_bytes()),
            label: name.into(),
            parts: parts_of_name(name, ""),
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

    /// A code of four digits to a base of 16 or more, and so by chance of letters alone.
    fn code_to_base(base: u32, n: u32) -> String {
        let mut rest = n.wrapping_mul(2_654_435_761) >> 7;
        let digit = |_| {
            let digit = rest % base;
            rest /= base;
            char::from_digit(digit, base)
        };
        (0..4).filter_map(digit).collect()
    }

    #[test]
    fn codes_of_letters_and_digits_are_parameters_however_few_digits_they_hold() {
        let steps = ["spin", "weave"];
        let both = |form: fn(&str, u32) -> String| {
            let name = |n: u32| form(steps[n as usize % 2], n);
            kinds((0..80).map(name)).into_keys().collect::<Vec<_>>()
        };
        for (form, right) in [
            (
                (|step, n| format!("{step}_{}", code_to_base(16, n))) as fn(&str, u32) -> String,
                ["spin_#", "weave_#"],
            ),
            (
                |step, n| {
                    let codes = [n, n + 1000].map(|n| code_to_base(16, n));
                    format!("mill.{step}.{}.{}of99", codes.join("-"), n % 99)
                },
                ["mill.spin.#", "mill.weave.#"],
            ),
            (
                |step, n| format!("{step}_{}{}", n % 9 + 1, code(n as usize)),
                ["spin_#", "weave_#"],
            ),
            (
                |step, n| format!("{step}_{}", code_to_base(36, n)),
                ["spin_#", "weave_#"],
            ),
        ] {
            assert_eq!(both(form), right);
        }
        // A common word is a step beside others, and says nothing alone or beside its like.
        let coded = |words: [&str; 2]| {
            let name = |n: u32| format!("{}_{}k{}", words[n as usize % 2], n % 9, code(n as usize));
            kinds((0..80).map(name)).into_keys().collect::<Vec<_>>()
        };
        assert_eq!(coded(["fold", "spin"]), ["fold_#", "spin_#"]);
        assert_eq!(coded(["fold", "run"]).len(), 80);
        // Steps beside samples stay, and what comes again and again is no code.
        let beside = |n: u32| match n % 10 {
            0 => "spin_merge".to_owned(),
            1 => "spin_add".to_owned(),
            2 => format!("spin_batch{n}"),
            _ => format!("spin_S{n:02}"),
        };
        let found: Vec<_> = kinds((0..80).map(beside)).into_keys().collect();
        assert_eq!(found, ["spin_#", "spin_add", "spin_batch#", "spin_merge"]);
    }

    #[test]
    fn names_that_begin_or_end_with_a_separator_have_parts_of_their_own() {
        let names = [":weave", "weave:", ":", "_a_", "a__"];
        assert_eq!(kinds(names.map(String::from)).len(), names.len());
    }

    #[test]
    fn names_that_have_nothing_in_common_stay_apart() {
        let names: Vec<String> = (0..30)
            .map(|n| format!("{}_{}", code(n), code(n + 50)))
            .collect();
        assert_eq!(kinds(names.clone()).len(), names.len());
    }
}
