//! Steps that name their own memory, CPUs and tasks: one that asks for more than its job has cannot be created.

use super::Need;
use super::options::{Value, size, value};

pub(super) const LAUNCHERS: [&[u8]; 6] = [
    b"srun",
    b"mpirun",
    b"mpiexec",
    b"orterun",
    b"mpiexec.hydra",
    b"mpirun_rsh",
];

/// Options of launchers behind which no value stands.
const WITHOUT_VALUE: [&[u8]; 18] = [
    b"-l",
    b"-u",
    b"-K",
    b"-v",
    b"-s",
    b"-O",
    b"-E",
    b"-Q",
    b"-q",
    b"--label",
    b"--unbuffered",
    b"--exclusive",
    b"--exact",
    b"--overlap",
    b"--overcommit",
    b"--oversubscribe",
    b"--allow-run-as-root",
    b"--export-all",
];

/// Those with two.
const WITH_TWO_VALUES: [&[u8]; 5] = [b"-mca", b"--mca", b"-genv", b"-env", b"-gmca"];

/// What one step names.
#[derive(Default)]
struct Step<'a> {
    memory: Option<Value<'a>>,
    memory_per_cpu: Option<Value<'a>>,
    cpus: Option<Value<'a>>,
    tasks: Option<Value<'a>>,
}

/// Notes what the steps of a line need; `is_background` says whether a command of that goes on in the background.
pub fn needs(
    words: &[&[u8]],
    cpus: u64,
    is_background: impl Fn() -> bool,
    note: &mut impl FnMut(Need),
) {
    let starts = (0..words.len()).filter(|&at| LAUNCHERS.contains(&name_of(words[at])));
    for start in starts {
        let step = Step::read(&words[start + 1..]);
        step.needs(is_background(), cpus, note);
    }
}

/// The file name of a program.
pub fn name_of(word: &[u8]) -> &[u8] {
    word.rsplit(|&byte| byte == b'/').next().unwrap_or(word)
}

impl<'a> Step<'a> {
    fn read(words: &[&'a [u8]]) -> Step<'a> {
        let mut step = Step::default();
        // Where the program follows at once, all options are its own.
        if !words
            .first()
            .is_some_and(|word| word.starts_with(b"-") || word.starts_with(b"$"))
        {
            return step;
        }
        let mut values_ahead = 0;
        let mut is_programs = false;
        // An option of which nobody says whether a value stands behind it leaves open where the program begins.
        let mut is_open = false;
        for at in 0..words.len() {
            match values_behind(words[at]) {
                Some(values) => {
                    values_ahead = values;
                    is_open |= values > 0 && !is_programs;
                }
                None if values_ahead > 0 => values_ahead -= 1,
                None => {
                    is_open |= words[at].starts_with(b"$") && !is_programs;
                    is_programs = true;
                }
            }
            let find = |long: &[&str], short: &[&str]| value(words, at, long, short);
            // What the shell computes may as well be the program's, and what is written is where nothing is open.
            let count = |long: &[&str], short: &[&str]| {
                find(long, short)
                    .filter(|found| !is_programs || is_open && *found != Value::Computed)
            };
            let is_next_step = LAUNCHERS.contains(&name_of(words[at]));
            if is_next_step {
                break;
            }
            step.memory = step.memory.or(find(&["--mem"], &[]));
            step.memory_per_cpu = step.memory_per_cpu.or(find(&["--mem-per-cpu"], &[]));
            step.cpus = step
                .cpus
                .or(count(&["--cpus-per-task", "--cpus-per-rank"], &["-c"]));
            step.tasks = step.tasks.or(count(&["--ntasks", "-np", "--np"], &["-n"]));
        }
        step
    }

    fn needs(&self, is_background: bool, cpus: u64, note: &mut impl FnMut(Need)) {
        let named = [self.cpus, self.tasks];
        let number = |value: Option<Value>| value.and_then(Value::number).unwrap_or(1).max(1);
        let written = number(self.cpus).saturating_mul(number(self.tasks));
        // What is not written a step has from its job: all CPUs at most.
        let is_written = |value: &Option<Value>| value.and_then(Value::number).is_some();
        let most = match named.iter().all(is_written) {
            true => written,
            false => written.max(cpus),
        };
        let names_memory = self.memory.is_some() || self.memory_per_cpu.is_some();
        let names_cpus = named.iter().flatten().any(|value| value.number().is_some());
        let computes = named.contains(&Some(Value::Computed));
        // How many of them run at once is the script's own secret.
        if is_background && names_memory {
            note(Need::AllMemory);
        }
        if computes || is_background && (names_cpus || self.cpus.is_some()) {
            note(Need::AllCpus);
        }
        if let Some(memory) = self.memory {
            note(memory_of(memory, 1));
        }
        if let Some(memory) = self.memory_per_cpu {
            note(memory_of(memory, most));
        }
        if names_cpus {
            note(Need::Cpus(written));
        }
    }
}

/// How many values stand behind an option; `None` for what is none.
fn values_behind(word: &[u8]) -> Option<u32> {
    match word {
        [b'-', ..] if word.contains(&b'=') || WITHOUT_VALUE.contains(&word) => Some(0),
        // `-n4`.
        [b'-', letter, digit, ..] if letter.is_ascii_alphabetic() && digit.is_ascii_digit() => {
            Some(0)
        }
        [b'-', ..] if WITH_TWO_VALUES.contains(&word) => Some(2),
        [b'-', ..] => Some(1),
        _ => None,
    }
}

/// Slurm's plain numbers are MiB; `--mem=0` is all that the job has.
fn memory_of(value: Value, times: u64) -> Need {
    let mib = match value {
        Value::Written(text) => size(text).or(value.number()),
        Value::Given(_) | Value::Computed => None,
    };
    match mib {
        Some(0) => Need::Memory(0),
        Some(mib) => Need::Memory(mib.saturating_mul(times)),
        None => Need::AllMemory,
    }
}
