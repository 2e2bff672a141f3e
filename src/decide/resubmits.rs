//! Scripts that submit or requeue themselves where what they run fails: like a workflow manager they would do so beside the
//! rescue of a job that a rewrite harmed, and two jobs would write the same files.

use super::failure;
use crate::relies::is_in_name;
use crate::text::contains;
use std::cell::{OnceCell, RefCell};

/// How a script calls itself.
const ITSELF: [&[u8]; 5] = [
    b"$0",
    b"${0}",
    b"$BASH_SOURCE",
    b"${BASH_SOURCE",
    b"$SLURM_JOB_SCRIPT",
];

/// The guard of a submission stands so near before it, in bytes.
const NEAR: usize = 160;

/// No command that does so is longer, in bytes.
const LONGEST: usize = 512;

/// So many names for itself are looked for, and so many commands that may be one.
const MOST_NAMES: usize = 4;
const MOST_COMMANDS: usize = 256;

/// A command in a script that starts a job.
#[derive(Clone, Copy)]
struct Command<'a> {
    /// Its line up to it.
    before: &'a [u8],
    /// What stands behind it.
    behind: &'a [u8],
    /// What stands before it in the script.
    above: &'a [u8],
}

/// `script` runs again by itself when something in it has failed. Of one that does so in very many places it is taken to be true.
pub fn resubmits(script: &[u8]) -> bool {
    let names = OnceCell::new();
    let names = || names.get_or_init(|| own_names(script));
    let waiting = OnceCell::new();
    let waits = || *waiting.get_or_init(|| waits(script));
    let runs = |command: &Command| {
        !only_after_success(command.before) && (contains(command.before, b"||") || !waits())
    };
    let holders = RefCell::new(Vec::new());
    let submits = |command: &Command| {
        let itself = || names_itself(command.behind, names()) && runs(command);
        let after_failure = || is_after_failure(script, command, &mut holders.borrow_mut());
        !is_outside_of_a_job(command.above) && (itself() || after_failure())
    };
    let requeues = |command: &Command| contains(command.behind, b"$") && runs(command);
    let any = |name: &'static [u8], starts: &dyn Fn(&Command) -> bool| {
        let mut all = commands(script, name).enumerate();
        all.any(|(n, command)| n >= MOST_COMMANDS || !only_says(command.before) && starts(&command))
    };
    any(b"sbatch ", &submits) || any(b"scontrol requeue", &requeues)
}

/// It runs where something in the job has failed, whatever it submits: for the job itself under another name, who knows. So does
/// what stands in a function or a variable that is called there; of those that are `known` nobody asks again.
fn is_after_failure(script: &[u8], command: &Command, known: &mut Vec<Vec<u8>>) -> bool {
    if failure::leads_to(command.above, command.before) || failure::is_awaited(command.behind) {
        return true;
    }
    let Some(name) = failure::holder(command.above, command.before) else {
        return false;
    };
    if known.len() == MOST_NAMES || known.iter().any(|one| one == name) {
        return false;
    }
    known.push(name.to_vec());
    let calls = memchr::memmem::find_iter(script, name).take(MOST_COMMANDS);
    let mut calls = calls.map(|at| (at, Command::at(script, at, at + name.len())));
    calls.any(|(at, call)| {
        let is_in_longer = script[..at].last().is_some_and(|byte| is_in_name(*byte))
            || call.behind.first().is_some_and(|byte| is_in_name(*byte));
        !is_in_longer
            && !call.is_comment()
            && !only_says(call.before)
            && (failure::leads_to(call.above, call.before)
                || is_trapped(call.before) && contains(call.behind, b"ERR"))
    })
}

/// `trap again`, `trap 'again`.
fn is_trapped(before: &[u8]) -> bool {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    let quotes = usize::from(before.last().is_some_and(is_quote));
    before[..before.len() - quotes].ends_with(b"trap ")
}

/// Commands of this name in lines that are no comments.
fn commands<'a>(script: &'a [u8], name: &'static [u8]) -> impl Iterator<Item = Command<'a>> {
    let all = memchr::memmem::find_iter(script, name);
    let all = all.map(move |at| Command::at(script, at, at + name.len()));
    all.filter(|command| !command.is_comment())
}

impl<'a> Command<'a> {
    /// The one of which the name stands between these bytes.
    fn at(script: &'a [u8], start: usize, end: usize) -> Command<'a> {
        let line = &script[start.saturating_sub(LONGEST)..start];
        let behind = &script[end..];
        Command {
            before: memchr::memrchr(b'\n', line).map_or(line, |newline| &line[newline + 1..]),
            behind: &behind[..end_of(&behind[..behind.len().min(LONGEST)])],
            above: &script[start.saturating_sub(NEAR)..start],
        }
    }

    fn is_comment(&self) -> bool {
        self.before.trim_ascii_start().starts_with(b"#")
    }
}

/// Where the command ends with which `text` begins; it may go on below.
fn end_of(text: &[u8]) -> usize {
    let mut ends = memchr::memchr2_iter(b'\n', b';', text);
    let end = ends.find(|&at| text[at] == b';' || !text[..at].ends_with(b"\\"));
    end.unwrap_or(text.len())
}

/// Words behind which a command begins.
const BEGIN: [&[u8]; 7] = [
    b"if ", b"elif ", b"while ", b"then ", b"else ", b"do ", b"! ",
];

/// The last command that `line` holds, or begins.
fn last_command(line: &[u8]) -> &[u8] {
    let parts = |&at: &usize| match line[at] {
        b'&' => !line[..at].ends_with(b">"),
        byte => b";|{(\n".contains(&byte),
    };
    let begin = (0..line.len()).rev().find(parts);
    let mut command = line[begin.map_or(0, |at| at + 1)..].trim_ascii_start();
    while let Some(rest) = BEGIN.iter().find_map(|word| command.strip_prefix(*word)) {
        command = rest.trim_ascii_start();
    }
    command
}

/// What it only prints, or notes behind a command.
fn only_says(before: &[u8]) -> bool {
    let command = last_command(before);
    let says = [&b"echo "[..], b"printf "];
    let is_outside = |at: usize| {
        let quotes = |quote: u8| before[..at].iter().filter(|&&byte| byte == quote).count();
        quotes(b'"') % 2 == 0 && quotes(b'\'') % 2 == 0
    };
    says.iter().any(|name| command.starts_with(name))
        || memchr::memmem::find_iter(before, b" #").any(is_outside)
}

/// It stands behind `&&`, and that behind what is no question and no wait.
fn only_after_success(before: &[u8]) -> bool {
    let Some(line) = before.trim_ascii_end().strip_suffix(b"&&") else {
        return false;
    };
    let command = last_command(line);
    let asks = [&b"["[..], b"test ", b"sleep "];
    let is_denied = line.trim_ascii_start().starts_with(b"!") || contains(line, b" ! ");
    let computes = line.trim_ascii_end().ends_with(b"))");
    !asks.iter().any(|word| command.starts_with(word))
        && !is_denied
        && !computes
        && !contains(line, b"||")
}

/// Names of variables that hold the script's own.
fn own_names(script: &[u8]) -> Vec<&[u8]> {
    let assigned = ITSELF
        .iter()
        .flat_map(|name| memchr::memmem::find_iter(script, name));
    let names = assigned.take(MOST_COMMANDS).filter_map(|at| {
        let line = &script[at.saturating_sub(NEAR)..at];
        let line = memchr::memrchr(b'\n', line).map_or(line, |start| &line[start + 1..]);
        // A part of it is another name.
        if contains(line, b"dirname") || contains(line, b"basename") {
            return None;
        }
        let equals = memchr::memchr(b'=', line)?;
        let name = line[..equals].trim_ascii_start();
        (!name.is_empty() && name.iter().all(|byte| is_in_name(*byte))).then_some(name)
    });
    names.take(MOST_NAMES).collect()
}

fn names_itself(text: &[u8], own: &[&[u8]]) -> bool {
    // There `$0` is a whole record, or another program's name.
    if contains(text, b"awk") || contains(text, b"--wrap") {
        return false;
    }
    let is_own = |name: &[u8]| {
        let mut places = memchr::memmem::find_iter(text, name);
        places.any(|at| {
            let is_part = |byte: &u8| is_in_name(*byte) || b"/%.#:".contains(byte);
            matches!(text[..at].last(), Some(b'$' | b'{'))
                && !text.get(at + name.len()).is_some_and(is_part)
        })
    };
    ITSELF.iter().any(|name| contains(text, name)) || own.iter().any(|name| is_own(name))
}

/// It waits for a signal, which no failure sends, and nothing else.
fn waits(script: &[u8]) -> bool {
    let mut waits = false;
    for at in memchr::memmem::find_iter(script, b"trap ").take(MOST_COMMANDS) {
        let line = &script[at + b"trap ".len()..];
        let line = &line[..memchr::memchr(b'\n', line)
            .unwrap_or(line.len())
            .min(LONGEST)];
        let at_the_end = contains(line, b" EXIT");
        if contains(line, b" ERR") || at_the_end && may_resubmit(line) {
            return false;
        }
        waits |= !at_the_end;
    }
    waits
}

/// What a trap does: what it names, or what a function does.
fn may_resubmit(action: &[u8]) -> bool {
    let names = [&b"submit"[..], b"sbatch", b"requeue"];
    let is_quoted = matches!(action.trim_ascii_start().first(), Some(b'\'' | b'"'));
    !is_quoted || names.iter().any(|name| contains(action, name))
}

/// It stands behind a question whether this is a job, or which argument it has: `[ -n "$SLURM_JOB_ID" ] || exec sbatch "$0"` is how a
/// script is submitted by its user.
fn is_outside_of_a_job(above: &[u8]) -> bool {
    // Of a file's name, or of how often it has run, something else is asked.
    const OTHERS: [&[u8]; 7] = [b"-f ", b"-e ", b"-s ", b"-lt ", b"-le ", b"-gt ", b"-ge "];
    let is_question = |at: usize| {
        let command = last_command(&above[..at]);
        let begins = command.starts_with(b"[") || command.starts_with(b"test ");
        let rest = &above[at..];
        let is_over = contains(rest, b"exit") || contains(rest, b"fi\n");
        let asks_else = OTHERS
            .iter()
            .any(|word| contains(command, word) || contains(rest, word));
        begins && !is_over && !asks_else
    };
    let asked = [&b"SLURM_JOB_ID"[..], b"SLURM_JOBID", b"$1", b"$#", b"${1"];
    let last = asked
        .iter()
        .filter_map(|name| memchr::memmem::rfind(above, name));
    last.max().is_some_and(is_question)
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
            ("srun -n $SLURM_NTASKS ./solve || sbatch $0", true),
            (
                "echo \"job = $SLURM_JOB_ID\"\nsrun -n 4 ./solve\nif [ $? -ne 0 ]; then sbatch $0; fi",
                true,
            ),
            (
                "./solve || sbatch --dependency=singleton \\\n  \"$0\"",
                true,
            ),
            ("ME=$(realpath \"$0\")\n./solve || sbatch $ME", true),
            ("ME=$(realpath \"$0\")\n./solve || sbatch ${ME} 5", true),
            ("ME=$(realpath \"$0\")\n./solve; sbatch SOME.sh", false),
            ("./solve || { echo failed; sbatch $0; }", true),
            (
                "usage() { echo \"Usage: sbatch $0 FILE\"; exit 1; }\n./solve",
                false,
            ),
            ("./solve # again: sbatch $0", false),
            ("sbatch --wrap=\"awk '{print $0}' a\"\n./solve", false),
            ("./solve && sbatch $0", false),
            ("[[ $SLURM_JOB_ID ]] || exec sbatch $0\n./solve", false),
            (
                "if [ \"$1\" != in ]; then exec sbatch $0 in; fi\n./solve",
                false,
            ),
            (
                "trap 'rm -rf $T' EXIT\ntrap 'scontrol requeue $SLURM_JOB_ID' USR1\n./solve & wait",
                false,
            ),
            ("trap 'sbatch $0' EXIT\n./solve", true),
            (
                "trap 'rm -rf $T' EXIT\nif ! ./solve; then\n  sbatch $0\nfi",
                true,
            ),
            (
                "on_exit() {\n sbatch $0\n}\ntrap on_exit EXIT\n./solve",
                true,
            ),
            ("./solve\n[ $? -ne 0 ] && sbatch $0", true),
            ("! ./solve && sbatch $0", true),
            ("(( RC )) && scontrol requeue $SLURM_JOB_ID", true),
            ("[ -f done ] || { sleep 5 && sbatch $0; }", true),
            ("echo \"[$SLURM_JOB_ID] failed, again\"\nsbatch $0", true),
            ("if [ ! -f $SLURM_JOB_ID.done ]; then\nsbatch $0\nfi", true),
            (
                "./solve || { [ $1 -lt 5 ] || exit 1; sbatch $0 $(($1+1)); }",
                true,
            ),
            (
                "if [ -z \"$1\" ]; then exit 1; fi\n./solve || sbatch $0 a",
                true,
            ),
            ("./solve || { echo \"try #2\"; sbatch $0; }", true),
            ("DIR=$(dirname $0)\n./solve\nsbatch $DIR/next.sh", false),
            ("X=$(basename $0); ./solve; sbatch ${X%.sh}_next.sh", false),
            ("ME=$(realpath $0)\n./solve\nsbatch $MEM next.sh", false),
            (
                "if x; then echo \"Usage: sbatch $0 IN\"; fi\n./solve",
                false,
            ),
            ("echo >&2 \"Usage: sbatch $0\"\n./solve", false),
            ("./solve", false),
            // Whatever is submitted, where something has failed.
            ("./solve || sbatch run.sh", true),
            ("./solve; [ $? -ne 0 ] && sbatch run.sh", true),
            (
                "./solve\nrc=$?\nif [ $rc -ne 0 ]; then\n  sbatch run.sh\nfi",
                true,
            ),
            ("./solve\nif [ ! -f done ]; then sbatch run.sh; fi", true),
            ("if ./solve; then :; else sbatch --mem=16G run.sh; fi", true),
            ("case $? in 137) sbatch --mem=16G run.sh;; esac", true),
            ("./solve\n[[ $? -eq 137 ]] && sbatch --mem=64G run.sh", true),
            ("EXIT=$?\nif (( EXIT == 1 )); then sbatch run.sh; fi", true),
            (
                "./solve || python -c \"import os; os.system('sbatch run.sh')\"",
                true,
            ),
            ("./solve || ssh login \"cd $PWD; sbatch run.sh\"", true),
            (
                "sbatch --dependency=afternotok:$SLURM_JOB_ID run.sh\n./solve",
                true,
            ),
            ("again() { sbatch \"$SELF\"; }\n./solve || again", true),
            (
                "again() {\n  echo again\n  sbatch run.sh\n}\ntrap again ERR\n./solve",
                true,
            ),
            ("AGAIN=\"sbatch run.sh\"\n./solve || $AGAIN", true),
            ("./solve || echo \"sbatch run.sh again\"", false),
            (
                "[ -f in ] || { echo none; exit 1; }; ./solve; sbatch next.sh",
                false,
            ),
            ("if [ $? -eq 0 ]; then sbatch next.sh; fi", false),
            ("if ./solve; then\n  sbatch next.sh\nfi", false),
            (
                "if [ ! -f in ]; then exit 1; fi\n./solve\nsbatch next.sh",
                false,
            ),
            ("next() { sbatch next.sh; }\n./solve && next", false),
            ("NEXT=\"sbatch next.sh\"\n./solve\n$NEXT", false),
            (
                "sbatch --dependency=afterok:$SLURM_JOB_ID next.sh\n./solve",
                false,
            ),
        ] {
            assert_eq!(resubmits(script.as_bytes()), right, "{script}");
        }
        for hostile in [
            "trap x\nsbatch $0 &&\n",
            "ff() { sbatch ff; }\n",
            "AA=\"sbatch AA\n",
            "sbatch $0;",
            "A=$0 ",
            "sbatch \\\n",
        ] {
            let script = hostile.repeat((1 << 16) / hostile.len());
            let _either = resubmits(script.as_bytes());
        }
    }
}
