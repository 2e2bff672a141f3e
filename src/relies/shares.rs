//! What is computed of how many CPUs there are, and becomes 0 where they are few: half of them, or all but one. `-j 0` is
//! unlimited and a pool of 0 an error, so there must be as many CPUs as make it 1.

use super::assignments::is_nproc;
use super::names::is_in_name;
use super::sets::set_by;
use super::signs::searcher;
use aho_corasick::Match;
use aho_corasick::packed::Searcher;
use std::sync::LazyLock;

/// What says how many CPUs a task has.
const COUNTS: [&str; 6] = [
    "SLURM_CPUS_PER_TASK",
    "SLURM_CPUS_ON_NODE",
    "SLURM_JOB_CPUS_PER_NODE",
    "sched_getaffinity(0",
    "availableCores(",
    NPROC,
];
const NPROC: &str = "nproc";

static FINDER: LazyLock<Option<Searcher>> = LazyLock::new(|| searcher(COUNTS.into_iter()));

/// No more is read behind a count, in bytes.
const LONGEST: usize = 96;

/// So many counts of a command are looked at.
const MOST_COUNTS: usize = 16;

/// All that were asked for: what is computed, nobody can say.
pub const ALL: u64 = u64::MAX;

/// More CPUs nobody is given; what needs more is something else.
const MOST: f64 = 4096.0;

/// How many CPUs a task must have for all that `command` computes of their count to be 1 at least; `None` where it computes
/// nothing that could be less.
pub fn least<'a>(command: &[u8], parts: impl Fn() -> &'a [&'a [u8]]) -> Option<u64> {
    // OpenMP takes no notice of a 0.
    if set_by(command) == Some(b"OMP_NUM_THREADS") {
        return None;
    }
    let is_count = |found: &Match| {
        let is_command = COUNTS[found.pattern().as_usize()] == NPROC;
        !is_command || is_nproc(&command[found.start()..])
    };
    let found = FINDER.iter().flat_map(|finder| finder.find_iter(command));
    found
        .filter(is_count)
        .take(MOST_COUNTS)
        .filter_map(|found| {
            let (before, after) = (&command[..found.start()], &command[found.end()..]);
            least_behind(before, after, &parts)
        })
        .max()
}

/// The same of the count between `before` and `after`. Where it is multiplied with one of `parts`, which part of the work it is,
/// less of the work is done with another one.
pub fn least_behind<'a>(
    before: &[u8],
    after: &[u8],
    parts: impl Fn() -> &'a [&'a [u8]],
) -> Option<u64> {
    let after = &after[..after.len().min(LONGEST)];
    let has_brace = before.ends_with(b"${");
    let after = without_default(after, has_brace);
    if is_slice(before, after, parts) {
        return Some(ALL);
    }
    if is_in_sum(before) && is_unclear(after) {
        return Some(ALL);
    }
    let steps = Steps(after);
    let value = |cpus: f64| steps.fold(cpus, |value, step| step.of(value).floor());
    if value(1.0) >= 1.0 {
        return None;
    }
    let mut enough = 2.0;
    while value(enough) < 1.0 {
        enough *= 2.0;
        if enough > MOST {
            return None;
        }
    }
    let mut few = enough / 2.0;
    while enough - few > 1.0 {
        let middle = ((few + enough) / 2.0).floor();
        match value(middle) >= 1.0 {
            true => enough = middle,
            false => few = middle,
        }
    }
    Some(enough as u64)
}

/// `(SLURM_ARRAY_TASK_ID - 1) * SLURM_CPUS_PER_TASK`, in one sum.
fn is_slice<'a>(before: &[u8], after: &[u8], parts: impl Fn() -> &'a [&'a [u8]]) -> bool {
    let is_between = |byte: &&u8| byte.is_ascii_whitespace() || b"${}()\"'\\]".contains(byte);
    let before = &before[before.len().saturating_sub(LONGEST)..];
    let is_multiplied = before.iter().rev().find(|byte| !is_between(byte)) == Some(&b'*')
        || after.iter().find(|byte| !is_between(byte)) == Some(&b'*');
    if !is_multiplied {
        return false;
    }
    let begins = before.iter().rposition(|byte| b"\n;=,".contains(byte));
    let before = &before[begins.map_or(0, |at| at + 1)..];
    let before = &before[memchr::memmem::rfind(before, b"((").unwrap_or(0)..];
    let closes = memchr::memmem::find(after, b"))");
    let after = &after[..closes.unwrap_or(after.len())];
    let after = &after[..memchr::memchr2(b'\n', b';', after).unwrap_or(after.len())];
    let parts = parts();
    let mut words = before
        .split(|byte| !is_in_name(*byte))
        .chain(after.split(|byte| !is_in_name(*byte)));
    words.any(|word| parts.contains(&word))
}

/// A `((` is open at the end of `before`.
fn is_in_sum(before: &[u8]) -> bool {
    let line = &before[before.len().saturating_sub(LONGEST)..];
    let opens = memchr::memmem::rfind(line, b"((");
    opens.is_some_and(|at| memchr::memmem::find(&line[at..], b"))").is_none())
}

/// Something is taken off or divided by that is no plain number: a variable, or a product that is read first.
fn is_unclear(after: &[u8]) -> bool {
    let end = memchr::memmem::find(after, b"))").unwrap_or(after.len());
    let mut parts = after[..end].split_inclusive(|byte| b"+-*/".contains(byte));
    let mut sign = parts.next().and_then(|part| part.last());
    for part in parts {
        let text = part.trim_ascii_start();
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let follows = text[digits..].trim_ascii_start().first();
        let is_product = digits > 0 && matches!(follows, Some(b'*' | b'/'));
        match sign {
            Some(b'-' | b'+') if is_product => return true,
            Some(b'-' | b'/') if digits == 0 => return true,
            _ => sign = part.last(),
        }
    }
    false
}

/// What stands behind a count and what is taken where there is none: `:-4}`, `", 4)`.
fn without_default(after: &[u8], has_brace: bool) -> &[u8] {
    let behind = |close: u8, text: &'_ [u8]| memchr::memchr(close, text).map(|at| at + 1);
    if has_brace {
        return &after[behind(b'}', after).unwrap_or(after.len())..];
    }
    let quote = after
        .first()
        .is_some_and(|byte| matches!(byte, b'"' | b'\''));
    let rest = after[usize::from(quote)..].trim_ascii_start();
    match rest.strip_prefix(b",") {
        Some(rest) => &rest[behind(b')', rest).unwrap_or(rest.len())..],
        None => after,
    }
}

/// The steps of a sum, one behind the other: ` - 1) / 4`.
#[derive(Clone, Copy)]
struct Steps<'a>(&'a [u8]);

impl Iterator for Steps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let closes = |byte: &u8| byte.is_ascii_whitespace() || b")]}\"'`".contains(byte);
        let length = self.0.iter().position(|byte| !closes(byte))?;
        let (closing, rest) = self.0.split_at(length);
        let (&sign, rest) = rest.split_first()?;
        let rest = rest
            .strip_prefix(b"/")
            .filter(|_| sign == b'/')
            .unwrap_or(rest);
        let rest = rest
            .strip_prefix(b"*")
            .filter(|_| sign == b'\\')
            .unwrap_or(rest);
        let text = rest.trim_ascii_start();
        let is_digit = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
        let digits = text.iter().take_while(is_digit).count();
        let number: f64 = str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
        // `-t $T -1 reads` is another option, `$((T -1))` none.
        let is_option = closing.last().is_some_and(u8::is_ascii_whitespace)
            && text.len() == rest.len()
            && !matches!(text.get(digits), Some(b')' | b']'));
        self.0 = &text[digits..];
        match sign {
            b'-' if !is_option => Some(Step::Less(number)),
            b'+' if !is_option => Some(Step::Less(-number)),
            b'/' if number > 0.0 => Some(Step::Times(1.0 / number)),
            b'*' | b'\\' => Some(Step::Times(number)),
            _ => None,
        }
    }
}

/// One step of a sum.
enum Step {
    Less(f64),
    Times(f64),
}

impl Step {
    fn of(&self, value: f64) -> f64 {
        match self {
            Step::Less(number) => value - number,
            // A third of three is 1, however it is rounded.
            Step::Times(number) => value * number + 1e-9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_count_is_one_at_least() {
        for (command, right) in [
            ("parallel -j $((SLURM_CPUS_PER_TASK/4))", Some(4)),
            ("a -t $((SLURM_CPUS_PER_TASK - 1))", Some(2)),
            ("a -t $((SLURM_CPUS_PER_TASK -1))", Some(2)),
            ("a -t $((SLURM_CPUS_PER_TASK * 3 / 4))", Some(2)),
            ("a -t $(( (SLURM_CPUS_PER_TASK - 2) / 4 ))", Some(6)),
            ("a -t $((${SLURM_CPUS_PER_TASK:-8} / 2))", Some(2)),
            ("make -j $(( $(nproc)/2 ))", Some(2)),
            ("make -j $((`nproc` / 3))", Some(3)),
            ("N=`expr $SLURM_CPUS_PER_TASK / 4`", Some(4)),
            ("Pool(int(os.environ[\"SLURM_CPUS_PER_TASK\"])-1)", Some(2)),
            (
                "n = int(os.environ.get('SLURM_CPUS_PER_TASK', 4)) // 2",
                Some(2),
            ),
            (
                "n = int(0.5 + len(os.sched_getaffinity(0)) * 0.25)",
                Some(4),
            ),
            ("workers <- availableCores() - 1", Some(2)),
            ("parpool(str2num(getenv('SLURM_CPUS_PER_TASK'))-1)", Some(2)),
            ("a -j $((SLURM_CPUS_PER_TASK / PER))", Some(ALL)),
            ("a -j $((SLURM_CPUS_PER_TASK - $KEPT))", Some(ALL)),
            ("a -j $((SLURM_CPUS_PER_TASK / (2 * 2)))", Some(ALL)),
            ("a -j $((SLURM_CPUS_PER_TASK - 2 * 4))", Some(ALL)),
            ("a -j $((SLURM_CPUS_PER_TASK * PER))", None),
            ("a -j $((SLURM_CPUS_PER_TASK)) $X/$((3 / Y))", None),
            ("bowtie2 -p $SLURM_CPUS_PER_TASK -1 a -2 b", None),
            ("a -t ${SLURM_CPUS_PER_TASK-1}", None),
            ("a -t $((SLURM_CPUS_PER_TASK * 2 - 1))", None),
            ("a -t $((SLURM_CPUS_PER_TASK + 1))", None),
            ("a $SLURM_CPUS_PER_TASK/b", None),
            ("make -j $(($(nproc --all)/2))", None),
            ("a -t $((SLURM_NTASKS / 2))", None),
            ("export OMP_NUM_THREADS=$((SLURM_CPUS_PER_TASK / 2))", None),
            ("a $((SLURM_CPUS_PER_TASK / 0))", None),
            ("a $((SLURM_CPUS_PER_TASK * 0))", None),
            ("a $((SLURM_CPUS_PER_TASK / 99999999999999999999))", None),
        ] {
            assert_eq!(least(command.as_bytes(), || &[]), right, "{command}");
        }
    }
}
