//! Scripts that submit or requeue themselves where what they run fails: like a workflow manager they would do so beside the
//! rescue of a job that a rewrite harmed, and two jobs would write the same files.

use crate::text::contains;

/// How a script calls itself.
const ITSELF: [&[u8]; 5] = [
    b"$0",
    b"${0}",
    b"$BASH_SOURCE",
    b"${BASH_SOURCE",
    b"$SLURM_JOB_SCRIPT",
];

/// How it asks whether it runs as a job at all.
const ASKS: [&[u8]; 6] = [b"-z ", b"-n ", b"-v ", b" == ", b" = ", b" != "];

/// The guard of a submission stands so near before it, in bytes.
const NEAR: usize = 160;

/// No command that does so is longer, in bytes.
const LONGEST: usize = 512;

/// One line's part up to a command, and what stands behind it.
struct Place<'a> {
    before: &'a [u8],
    behind: &'a [u8],
    /// What stands before it in the script.
    above: &'a [u8],
}

/// `script` runs again by itself when something in it has failed.
pub fn resubmits(script: &[u8]) -> bool {
    let submits = |place: &Place| names_itself(place.behind) && !is_outside_of_a_job(place.above);
    let requeues = |place: &Place| contains(place.behind, b"$");
    // What waits for a signal is not started by a failure.
    let waits =
        || contains(script, b"trap ") && !contains(script, b" ERR") && !contains(script, b" EXIT");
    let runs = |place: &Place| contains(place.before, b"||") || !waits();
    places(script, b"sbatch ").any(|place| submits(&place) && runs(&place))
        || places(script, b"scontrol requeue").any(|place| requeues(&place) && runs(&place))
}

/// Where a command stands in lines that are no comments.
fn places<'a>(script: &'a [u8], command: &'static [u8]) -> impl Iterator<Item = Place<'a>> {
    let all = memchr::memmem::find_iter(script, command).map(move |at| {
        let line = &script[at.saturating_sub(LONGEST)..at];
        let behind = &script[at + command.len()..script.len().min(at + LONGEST)];
        let end = memchr::memchr2(b'\n', b';', behind).unwrap_or(behind.len());
        Place {
            before: memchr::memrchr(b'\n', line).map_or(line, |start| &line[start + 1..]),
            behind: &behind[..end],
            above: &script[at.saturating_sub(NEAR)..at],
        }
    });
    all.filter(|place| !place.before.trim_ascii_start().starts_with(b"#"))
}

fn names_itself(text: &[u8]) -> bool {
    ITSELF.iter().any(|name| contains(text, name))
}

/// It stands behind a question whether this is a job: `[ -n "$SLURM_JOB_ID" ] || exec sbatch "$0"` is how a script is submitted
/// by its user.
fn is_outside_of_a_job(above: &[u8]) -> bool {
    let Some(at) = memchr::memmem::rfind(above, b"SLURM_") else {
        return false;
    };
    let line = memchr::memrchr(b'\n', &above[..at]).map_or(0, |start| start + 1);
    ASKS.iter().any(|ask| contains(&above[line..], ask))
}

#[cfg(test)]
mod tests {
    use super::resubmits;

    #[test]
    fn a_script_that_runs_again_by_itself_is_known_and_one_that_its_user_submits_is_not() {
        for (script, right) in [
            ("./solve || sbatch $0", true),
            (
                "./solve || { sleep 60; sbatch --dependency=singleton \"$0\" \"$@\"; }",
                true,
            ),
            ("if ! ./solve; then\n  sbatch ${0}\nfi", true),
            ("./solve\nsbatch \"${BASH_SOURCE[0]}\"", true),
            ("./solve || scontrol requeue $SLURM_JOB_ID", true),
            (
                "./solve\n[ $? = 0 ] || scontrol requeue ${SLURM_ARRAY_JOB_ID}_7",
                true,
            ),
            ("trap 'sbatch $0' ERR\n./solve", true),
            (
                "trap 'touch a' USR1\n./solve || scontrol requeue $SLURM_JOB_ID",
                true,
            ),
            (
                "trap 'scontrol requeue $SLURM_JOB_ID' USR1\n./solve & wait",
                false,
            ),
            (
                "[ -n \"$SLURM_JOB_ID\" ] || exec sbatch \"$0\"\n./solve",
                false,
            ),
            (
                "if [ -z \"$SLURM_JOB_ID\" ]; then\n  sbatch $0\n  exit\nfi\n./solve",
                false,
            ),
            ("# ./solve || sbatch $0\n./solve", false),
            ("./solve && sbatch next.sh", false),
            ("./solve", false),
        ] {
            assert_eq!(resubmits(script.as_bytes()), right, "{script}");
        }
    }
}
