//! The tasks of an array, as users and Slurm write them: `1-9:2,12%4`.

use serde::{Deserialize, Serialize};

/// Longer texts are not counted, in bytes: slurmctld waits for that, and refuses most of them only later.
pub const LONGEST: usize = 4096;

/// How many jobs a submission is with this `--array`, none for a single one; any number, where that cannot be read or is too
/// long to be.
pub fn jobs(array: Option<&str>) -> u32 {
    let Some(text) = array.filter(|text| !text.is_empty()) else {
        return 1;
    };
    let short = Some(text).filter(|text| text.len() <= LONGEST);
    let tasks = short.and_then(Tasks::parse);
    tasks.map_or(u32::MAX, |tasks| tasks.count())
}

/// What each task of an array sees of all of them, whichever wait or run: `SLURM_ARRAY_TASK_COUNT` and its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// How many tasks there are.
    pub count: u32,
    /// The lowest number.
    pub min: u32,
    /// The highest.
    pub max: u32,
    /// The first distance that is named, 1 where none is.
    pub step: u32,
}

impl Extent {
    /// Of this `--array`. `None` where that cannot be read, is too long, or perhaps names a task twice, which counts once.
    pub fn of(array: &str) -> Option<Extent> {
        let short = Some(array).filter(|text| text.len() <= LONGEST);
        let Tasks(mut ranges) = short.and_then(Tasks::parse)?;
        ranges.sort_unstable_by_key(|range| range.first);
        let (first, last) = (*ranges.first()?, *ranges.last()?);
        let are_apart = ranges.windows(2).all(|two| two[0].last < two[1].first);
        are_apart.then_some(Extent {
            count: Tasks(ranges).count(),
            min: first.first,
            max: last.last - (last.last - last.first) % last.step,
            step: first_step(array)?,
        })
    }
}

/// Slurm tells every task of the first that stands there, of whatever range.
fn first_step(array: &str) -> Option<u32> {
    let Some((_, text)) = array.split_once(':') else {
        return Some(1);
    };
    let digits = text.split(|c: char| !c.is_ascii_digit()).next();
    digits?.parse().ok()
}

/// How scontrol names these tasks of array number `array`: `33_5`, or `33_[5-30]`.
pub fn handle(array: u64, tasks: &str) -> String {
    match tasks.bytes().all(|byte| byte.is_ascii_digit()) {
        true => format!("{array}_{tasks}"),
        false => format!("{array}_[{tasks}]"),
    }
}

/// Tasks in ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tasks(Vec<Range>);

/// From `first` to `last`, every `step`th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: u32,
    last: u32,
    step: u32,
}

impl Range {
    fn parse(text: &str) -> Option<Range> {
        let (range, step) = match text.split_once(':') {
            Some((range, step)) => (range, step.parse().ok()?),
            None => (text, 1),
        };
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last && step > 0).then_some(Range { first, last, step })
    }

    fn count(self) -> u64 {
        u64::from((self.last - self.first) / self.step) + 1
    }

    /// The first `count` of its tasks, and the others; it has more.
    fn split(self, count: u32) -> (Range, Range) {
        let next = self.first + count * self.step;
        let last = next - self.step;
        (
            Range { last, ..self },
            Range {
                first: next,
                ..self
            },
        )
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match (self.first == self.last, self.step) {
            (true, _) => write!(out, "{}", self.first),
            (_, 1) => write!(out, "{}-{}", self.first, self.last),
            (_, step) => write!(out, "{}-{}:{step}", self.first, self.last),
        }
    }
}

impl std::fmt::Display for Tasks {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let ranges: Vec<String> = self.0.iter().map(Range::to_string).collect();
        out.write_str(&ranges.join(","))
    }
}

impl Tasks {
    /// These tasks, in few ranges: three or more at equal distances are one.
    pub fn of(mut numbers: Vec<u32>) -> Tasks {
        numbers.sort_unstable();
        numbers.dedup();
        let mut ranges = Vec::new();
        let mut rest = &numbers[..];
        while let Some(range) = first_range(rest) {
            rest = &rest[range.count() as usize..];
            ranges.push(range);
        }
        Tasks(ranges)
    }

    /// Reads them; how many may run at once (`%4`, behind any of them) is left out. `None` for what is no list of tasks, or cut short.
    pub fn parse(text: &str) -> Option<Tasks> {
        let bare = |one: &'_ str| Range::parse(one.split('%').next()?.trim_matches(['[', ']']));
        let ranges = text.split(',').map(bare);
        ranges.collect::<Option<_>>().map(Tasks)
    }

    /// It is one of them.
    pub fn contain(&self, task: u32) -> bool {
        let is_in = |range: &Range| {
            (range.first..=range.last).contains(&task)
                && (task - range.first).is_multiple_of(range.step)
        };
        self.0.iter().any(is_in)
    }

    /// How many they are.
    pub fn count(&self) -> u32 {
        let count = self
            .0
            .iter()
            .fold(0u64, |sum, range| sum.saturating_add(range.count()));
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The first `count` of them, and the others.
    pub fn split(&self, count: u32) -> (Tasks, Tasks) {
        let (mut first, mut rest, mut left) = (Vec::new(), Vec::new(), count);
        for &range in &self.0 {
            let own = u32::try_from(range.count()).unwrap_or(u32::MAX);
            if own <= left {
                first.push(range);
            } else if left == 0 {
                rest.push(range);
            } else {
                let (one, other) = range.split(left);
                first.push(one);
                rest.push(other);
            }
            left = left.saturating_sub(own);
        }
        (Tasks(first), Tasks(rest))
    }
}

/// What the first of these numbers, which rise, is in.
fn first_range(numbers: &[u32]) -> Option<Range> {
    let &first = numbers.first()?;
    let one = Range {
        first,
        last: first,
        step: 1,
    };
    let Some(step) = numbers.get(1).map(|second| second - first) else {
        return Some(one);
    };
    let pairs = numbers.windows(2);
    let more = pairs.take_while(|pair| pair[1] - pair[0] == step).count();
    Some(match more >= 2 || step == 1 {
        true => Range {
            last: numbers[more],
            step,
            ..one
        },
        false => one,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_counted_as_slurm_counts_them() {
        for (text, count) in [
            ("7", Some(1)),
            ("1-10", Some(10)),
            ("0-9:3", Some(4)),
            ("5-9%2,12", Some(6)),
            ("5-9,12%2", Some(6)),
            ("[5-9]", Some(5)),
            ("0-4294967295", Some(u32::MAX)),
            ("0-4294967295,0-4294967295", Some(u32::MAX)),
            ("", None),
            ("9-5", None),
            ("1-9:0", None),
            ("1-3,5-...", None),
            ("-1", None),
            ("x", None),
            ("99999999999", None),
        ] {
            assert_eq!(
                Tasks::parse(text).map(|tasks| tasks.count()),
                count,
                "{text}"
            );
        }
    }

    #[test]
    fn what_tasks_see_of_their_array_is_what_slurm_shows_them() {
        for (text, seen) in [
            ("7", Some([1, 7, 7, 1])),
            ("1-10", Some([10, 1, 10, 1])),
            ("0-9:4%2", Some([3, 0, 8, 4])),
            ("20,5-9%2,12", Some([7, 5, 20, 1])),
            ("1,10-30:5,50-60:2", Some([12, 1, 60, 5])),
            // Perhaps one task twice.
            ("1-9:2,2-8:2", None),
            ("7,7", None),
            ("9-5", None),
            ("?", None),
            ("", None),
        ] {
            let of = |seen: Extent| [seen.count, seen.min, seen.max, seen.step];
            assert_eq!(Extent::of(text).map(of), seen, "{text}");
        }
        assert_eq!(Extent::of(&format!("1{}", ",".repeat(LONGEST))), None);
    }

    #[test]
    fn a_task_is_one_of_those_that_are_named() {
        let tasks = Tasks::parse("1-7:3,9,12-13%2").unwrap();
        let named: Vec<u32> = (0..20).filter(|task| tasks.contain(*task)).collect();
        assert_eq!(named, [1, 4, 7, 9, 12, 13]);
    }

    #[test]
    fn tasks_by_their_numbers_are_few_ranges() {
        for (numbers, text) in [
            (vec![], ""),
            (vec![7], "7"),
            (vec![9, 3, 4, 5, 4, 8], "3-5,8-9"),
            (vec![1, 3, 5, 7, 8, 9, 20], "1-7:2,8-9,20"),
            (vec![1, 4, 9, 16], "1,4,9,16"),
            (vec![2, 4], "2,4"),
            (vec![u32::MAX, u32::MAX - 1, 0], "0,4294967294-4294967295"),
        ] {
            assert_eq!(Tasks::of(numbers).to_string(), text);
        }
    }

    #[test]
    fn an_array_is_as_many_jobs_as_it_has_tasks_and_any_number_where_that_is_not_known() {
        for (array, count) in [
            (None, 1),
            (Some(""), 1),
            (Some("1-20%5"), 20),
            (Some("?"), u32::MAX),
        ] {
            assert_eq!(jobs(array), count, "{array:?}");
        }
        let longest = "1,".repeat(LONGEST / 2 - 1) + "10";
        assert_eq!(jobs(Some(&longest)), LONGEST as u32 / 2);
        assert_eq!(jobs(Some(&format!("{longest}0"))), u32::MAX);
    }

    #[test]
    fn the_first_of_them_and_the_others_are_all_of_them() {
        for (text, count, first, rest) in [
            ("1-10", 1, "1", "2-10"),
            ("1-10", 4, "1-4", "5-10"),
            ("1-9:2,12", 2, "1-3:2", "5-9:2,12"),
            ("1-9:2,12", 5, "1-9:2", "12"),
            ("3,5,7-8", 2, "3,5", "7-8"),
            ("3,5", 9, "3,5", ""),
            ("3,5", 0, "", "3,5"),
        ] {
            let tasks = Tasks::parse(text).unwrap();
            let (one, other) = tasks.split(count);
            assert_eq!(
                (one.to_string().as_str(), other.to_string().as_str()),
                (first, rest)
            );
            assert_eq!(one.count() + other.count(), tasks.count());
        }
    }
}
