//! Programs that are told their size in words of their own: how many processes they start, how much memory they may take, or that
//! they take what the job has.

use super::Need;
use super::java::has_heap_elsewhere;
use super::options::{Value, size, value};
use super::programs::contains;
use super::steps::name_of;

/// What a number without a unit counts.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Processes,
    Mib,
    Gib,
}

/// How a program is told: whether a file name is its, the option, and what that counts.
struct Form {
    is: fn(&[u8]) -> bool,
    option: &'static str,
    unit: Unit,
}

/// One entry a form. Programs that start threads alone are none: with fewer CPUs those share them.
const FORMS: [Form; 5] = [
    Form {
        is: |name| name == b"fluent",
        option: "-t",
        unit: Unit::Processes,
    },
    Form {
        is: |name| name.starts_with(b"ansys"),
        option: "-np",
        unit: Unit::Processes,
    },
    Form {
        is: |name| name.starts_with(b"ansys"),
        option: "-m",
        unit: Unit::Mib,
    },
    Form {
        is: |name| name == b"abaqus",
        option: "cpus=",
        unit: Unit::Processes,
    },
    Form {
        is: |name| name.ends_with(b"spades.py"),
        option: "-m",
        unit: Unit::Gib,
    },
];

/// Nextflow runs its tasks in the job itself, unless it is told one of these.
const SCHEDULERS: [&[u8]; 10] = [
    b"slurm", b"cluster", b"pbs", b"sge", b"lsf", b"hpc", b"batch", b"k8s", b"condor", b"flux",
];

/// Notes what the programs of a command are told.
pub fn needs(script: &[u8], words: &[&[u8]], cpus: u64, note: &mut impl FnMut(Need)) {
    for form in &FORMS {
        if let Some(at) = words.iter().position(|word| (form.is)(name_of(word))) {
            form.needs(&words[at..], note);
        }
    }
    for word in words {
        defaults_of_gaussian(word, note);
    }
    parts_of_a_mesh(words, note);
    pools(words, note);
    takes_all(script, words, note);
    chemistry(script, words, cpus, note);
}

impl Form {
    fn needs(&self, words: &[&[u8]], note: &mut impl FnMut(Need)) {
        match (1..words.len()).find_map(|at| self.value(words, at)) {
            Some(Value::Written(text)) => match (self.unit, number(text), size(text)) {
                (Unit::Processes, Some(count), _) => note(Need::Cpus(count)),
                (Unit::Mib, Some(mib), _) | (Unit::Mib | Unit::Gib, None, Some(mib)) => {
                    note(Need::Memory(mib))
                }
                (Unit::Gib, Some(gib), _) => note(Need::Memory(gib.saturating_mul(1024))),
                _ => {}
            },
            Some(Value::Computed) => note(match self.unit {
                Unit::Processes => Need::AllCpus,
                Unit::Mib | Unit::Gib => Need::AllMemory,
            }),
            Some(Value::Given(_)) if !matches!(self.unit, Unit::Processes) => note(Need::AllMemory),
            _ => {}
        }
    }

    fn value<'a>(&self, words: &[&'a [u8]], at: usize) -> Option<Value<'a>> {
        if self.option.starts_with('-') {
            return value(words, at, &[self.option], &[self.option]);
        }
        words[at]
            .strip_prefix(self.option.as_bytes())
            .map(Value::of)
    }
}

fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// What Gaussian takes where its input names nothing.
fn defaults_of_gaussian(word: &[u8], note: &mut impl FnMut(Need)) {
    if let Some(mib) = word.strip_prefix(b"GAUSS_MDEF=").and_then(size) {
        note(Need::Memory(mib));
    }
    if let Some(count) = word.strip_prefix(b"GAUSS_PDEF=").and_then(number) {
        note(Need::Cpus(count));
    }
}

/// OpenFOAM's meshes lie in as many parts as processes are to work on them.
fn parts_of_a_mesh(words: &[&[u8]], note: &mut impl FnMut(Need)) {
    let mut names = words.iter().map(|word| name_of(word));
    let is_parallel = || words.contains(&&b"-parallel"[..]);
    if names.any(|name| name == b"decomposePar" || name.ends_with(b"Foam") && is_parallel()) {
        note(Need::AllCpus);
    }
}

/// MATLAB refuses a pool of more workers than there are CPUs: `parpool(8)`, `parpool('local', 8)`.
fn pools(words: &[&[u8]], note: &mut impl FnMut(Need)) {
    let Some(at) = words.iter().position(|word| *word == b"parpool") else {
        return;
    };
    for word in words[at + 1..].iter().take(2) {
        match (number(word), Value::of(word)) {
            (Some(count), _) => return note(Need::Cpus(count)),
            (None, Value::Computed) => return note(Need::AllCpus),
            _ => {}
        }
    }
}

/// Programs that size themselves by what they see: tasks of Nextflow in the job itself, which refuses one that wants more than
/// there is; Ray's store; Cell Ranger's stages.
fn takes_all(script: &[u8], words: &[&[u8]], note: &mut impl FnMut(Need)) {
    let starts = |name: fn(&[u8]) -> bool, commands: &[&[u8]]| {
        let at = words.iter().position(|word| name(name_of(word)))?;
        words[at..]
            .iter()
            .any(|word| commands.contains(word))
            .then_some(at)
    };
    if let Some(at) = starts(|name| name == b"nextflow", &[b"run"])
        && !asks(&words[at..])
    {
        let is_local = !has_scheduler(script, &words[at..]);
        if is_local || !has_heap_elsewhere(script) {
            note(Need::AllMemory);
        }
        if is_local {
            note(Need::AllCpus);
        }
    }
    let names =
        |options: &[&str]| (0..words.len()).any(|at| value(words, at, options, &[]).is_some());
    let is_ranger = starts(
        |name| name.ends_with(b"ranger"),
        &[b"count", b"multi", b"aggr", b"vdj", b"mkref", b"mkfastq"],
    )
    .is_some();
    let is_ray = starts(|name| name == b"ray", &[b"start"]).is_some();
    if is_ranger && !names(&["--localmem", "--jobmode"])
        || is_ray && !names(&["--object-store-memory"])
    {
        note(Need::AllMemory);
    }
}

/// Nothing stands behind `nextflow run` but a question, or nothing at all.
fn asks(words: &[&[u8]]) -> bool {
    words.len() < 3
        || words
            .iter()
            .any(|word| matches!(*word, b"-h" | b"-help" | b"--help"))
}

/// Its tasks are jobs of their own.
fn has_scheduler(script: &[u8], words: &[&[u8]]) -> bool {
    let is_one = |text: &[u8]| {
        let text = text.to_ascii_lowercase();
        SCHEDULERS
            .iter()
            .any(|scheduler| contains(&text, scheduler))
    };
    let behind = |option: &[u8]| {
        let at = words.iter().position(|word| word.starts_with(option));
        // Profiles stand in a list, which parts words.
        at.is_some_and(|at| {
            words[at..]
                .iter()
                .take(6)
                .enumerate()
                .take_while(|(number, word)| *number == 0 || !word.starts_with(b"-"))
                .any(|(_, word)| is_one(word))
        })
    };
    let by_environment = || {
        let name = b"NXF_EXECUTOR=";
        memchr::memmem::find(script, name).is_some_and(|at| {
            is_one(
                &script[at + name.len()..][..script.len().saturating_sub(at + name.len()).min(16)],
            )
        })
    };
    behind(b"-profile") || behind(b"-process.executor") || by_environment()
}

/// Inputs that stand in the script: Gaussian's `%nprocshared=8`, ORCA's `nprocs 8` and its `%maxcore`, which is for each of them.
fn chemistry(script: &[u8], words: &[&[u8]], cpus: u64, note: &mut impl FnMut(Need)) {
    for (at, word) in words.iter().enumerate() {
        let name = word.split(|&byte| byte == b'=').next().unwrap_or_default();
        let is = |names: &[&[u8]]| names.iter().any(|one| name.eq_ignore_ascii_case(one));
        let behind = || match word.get(name.len() + 1..) {
            Some(text) if !text.is_empty() => Some(Value::of(text)),
            _ => words.get(at + 1).map(|next| Value::of(next)),
        };
        // A script's own variable may have that name.
        let is_input = at == 0 && !word.contains(&b'=') || words[0].starts_with(b"%");
        if is(&[b"%nprocshared", b"%nproc"]) && word.contains(&b'=') || is(&[b"nprocs"]) && is_input
        {
            match behind() {
                Some(Value::Written(text)) => number(text)
                    .into_iter()
                    .for_each(|count| note(Need::Cpus(count))),
                Some(Value::Computed) => note(Need::AllCpus),
                _ => {}
            }
        }
        if is(&[b"%maxcore"]) {
            match behind() {
                Some(Value::Written(text)) => {
                    let mib = number(text).unwrap_or(0);
                    note(Need::Memory(
                        mib.saturating_mul(processes(script).unwrap_or(cpus)),
                    ));
                }
                _ => note(Need::AllMemory),
            }
        }
    }
}

/// How many processes ORCA's input names: `nprocs 8`, or `! PAL8`.
fn processes(script: &[u8]) -> Option<u64> {
    let behind = |name: &[u8]| {
        let at = memchr::memmem::find(script, name)?;
        let text = script[at + name.len()..].trim_ascii_start();
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        number(&text[..digits])
    };
    behind(b"nprocs ").or_else(|| behind(b" PAL"))
}
