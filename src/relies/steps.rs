//! Steps that name their own memory, CPUs and tasks: one that asks for more than its job has cannot be created.

use super::Need;
use super::lines::Line;
use super::options::{Value, size, value};

const LAUNCHERS: [&[u8]; 4] = [b"srun", b"mpirun", b"mpiexec", b"orterun"];

/// What one step names.
#[derive(Default)]
struct Step<'a> {
    memory: Option<Value<'a>>,
    memory_per_cpu: Option<Value<'a>>,
    cpus: Option<Value<'a>>,
    tasks: Option<Value<'a>>,
}

/// Notes what the steps of a line need.
pub fn needs(line: &Line, words: &[&[u8]], note: &mut impl FnMut(Need)) {
    let starts = (0..words.len()).filter(|&at| LAUNCHERS.contains(&name_of(words[at])));
    for start in starts {
        let step = Step::read(&words[start + 1..]);
        step.needs(line.has_background(), note);
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
        for at in 0..words.len() {
            let find = |long: &[&str], short: &[&str]| value(words, at, long, short);
            let is_next_step = LAUNCHERS.contains(&name_of(words[at]));
            if is_next_step {
                break;
            }
            step.memory = step.memory.or(find(&["--mem"], &[]));
            step.memory_per_cpu = step.memory_per_cpu.or(find(&["--mem-per-cpu"], &[]));
            step.cpus = step
                .cpus
                .or(find(&["--cpus-per-task", "--cpus-per-rank"], &["-c"]));
            step.tasks = step.tasks.or(find(&["--ntasks", "-np", "--np"], &["-n"]));
        }
        step
    }

    fn needs(&self, is_background: bool, note: &mut impl FnMut(Need)) {
        let cpus = self.cpus.and_then(Value::number).unwrap_or(1).max(1);
        let tasks = self.tasks.and_then(Value::number).unwrap_or(1).max(1);
        let all = cpus.saturating_mul(tasks);
        let names_memory = self.memory.is_some() || self.memory_per_cpu.is_some();
        let names_cpus = [self.cpus, self.tasks]
            .iter()
            .flatten()
            .any(|value| value.number().is_some());
        // How many of them run at once is the script's own secret.
        if is_background && names_memory {
            note(Need::AllMemory);
        }
        if is_background && (names_cpus || self.cpus.is_some()) {
            note(Need::AllCpus);
        }
        if let Some(memory) = self.memory {
            note(memory_of(memory, 1));
        }
        if let Some(memory) = self.memory_per_cpu {
            note(memory_of(memory, all));
        }
        if names_cpus {
            note(Need::Cpus(all));
        }
    }
}

/// Slurm's plain numbers are MiB; `--mem=0` is all that the job has.
fn memory_of(value: Value, times: u64) -> Need {
    let mib = match value {
        Value::Written(text) => size(text).or(value.number()),
        Value::Computed => None,
    };
    match mib {
        Some(0) => Need::Memory(0),
        Some(mib) => Need::Memory(mib.saturating_mul(times)),
        None => Need::AllMemory,
    }
}
