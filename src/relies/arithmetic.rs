//! What the shell would compute of written numbers, and of what Slurm gave.

use super::names::name_length;

/// Beginnings of the names of Slurm's variables that hold how many CPUs, tasks or nodes there are.
const COUNTS: [&[u8]; 7] = [
    b"CPUS_",
    b"JOB_CPUS_",
    b"NTASKS",
    b"NPROCS",
    b"TASKS_PER_NODE",
    b"NNODES",
    b"JOB_NUM_NODES",
];

/// The value of a sum such as `64 * 3 / 4 - 2`; `None` where it holds anything but numbers.
pub fn number(text: &[u8]) -> Option<u64> {
    value(text, None)?.try_into().ok()
}

/// What is computed of Slurm's counts is more than Slurm gave, or may be: in a job of one task on one node with one CPU it is
/// not 1, as `$SLURM_NNODES * 16` is not, and `$SLURM_NNODES * $SLURM_CPUS_ON_NODE` is.
pub fn exceeds_counts(text: &[u8]) -> bool {
    value(text, Some(1)).is_none_or(|value| value > 1)
}

fn value(text: &[u8], of_count: Option<i64>) -> Option<i64> {
    let mut rest = Rest { text, of_count };
    let value = rest.sum(0)?;
    rest.text.trim_ascii().is_empty().then_some(value)
}

/// So many brackets may lie in each other.
const DEEPEST: u32 = 8;

struct Rest<'a> {
    text: &'a [u8],
    /// What each of Slurm's counts is taken for.
    of_count: Option<i64>,
}

impl Rest<'_> {
    fn next_if(&mut self, signs: &[u8]) -> Option<u8> {
        let text = self.text.trim_ascii_start();
        let (&first, rest) = text.split_first()?;
        signs.contains(&first).then(|| {
            self.text = rest;
            first
        })
    }

    fn sum(&mut self, depth: u32) -> Option<i64> {
        let mut value = self.product(depth)?;
        while let Some(sign) = self.next_if(b"+-") {
            let other = self.product(depth)?;
            value = match sign {
                b'+' => value.checked_add(other),
                _ => value.checked_sub(other),
            }?;
        }
        Some(value)
    }

    fn product(&mut self, depth: u32) -> Option<i64> {
        let mut value = self.part(depth)?;
        while let Some(sign) = self.next_if(b"*/%") {
            let other = self.part(depth)?;
            value = match sign {
                b'*' => value.checked_mul(other),
                b'%' => value.checked_rem(other),
                _ => value.checked_div(other),
            }?;
        }
        Some(value)
    }

    fn part(&mut self, depth: u32) -> Option<i64> {
        if self.next_if(b"(").is_some() {
            let value = (depth < DEEPEST).then(|| self.sum(depth + 1))??;
            return self.next_if(b")").map(|_| value);
        }
        let text = self.text.trim_ascii_start();
        if let Some(name) = text.strip_prefix(b"$SLURM_") {
            let (name, rest) = name.split_at(name_length(name));
            self.text = rest;
            let is_count = COUNTS.iter().any(|count| name.starts_with(count));
            return self.of_count.filter(|_| is_count);
        }
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.text = &text[digits..];
        str::from_utf8(&text[..digits]).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_written_numbers_are_computed() {
        for (text, right) in [
            ("8", Some(8)),
            (" 64 * 3 / 4 - 2 ", Some(46)),
            ("(64-8)/4", Some(14)),
            ("2*(3+(4))", Some(14)),
            ("1 - 2", None),
            ("8 / 0", None),
            ("", None),
            ("8 x", None),
            ("$A * 2", None),
            ("99999999999999999999", None),
            ("9223372036854775807 * 2", None),
        ] {
            assert_eq!(number(text.as_bytes()), right, "{text}");
        }
        for (text, right) in [
            ("$SLURM_NNODES * 16", true),
            ("16*$SLURM_JOB_NUM_NODES", true),
            ("$SLURM_CPUS_PER_TASK + 1", true),
            ("$SLURM_ARRAY_TASK_ID * 1", true),
            ("$SLURM_NTASKS * x", true),
            ("$SLURM_NNODES * $SLURM_NTASKS_PER_NODE", false),
            ("$SLURM_NTASKS / 2", false),
            ("($SLURM_NTASKS - 1) % 4", false),
        ] {
            assert_eq!(exceeds_counts(text.as_bytes()), right, "{text}");
        }
        let deep = "(".repeat(10_000);
        assert_eq!(number(deep.as_bytes()), None);
    }
}
