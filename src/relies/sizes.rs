//! Programs that are given their size in words of their own: how many processes they start, how much memory they may take, or that
//! they take what the job has.

use super::facts::{Facts, is_scheduler};
use super::floor::LineNeed;
use super::lines::name_of;
use super::options::{Value, number, size, text, value};

/// What a number without a unit counts.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Processes,
    Mib,
    Gib,
    /// Of eight bytes.
    Words,
}

/// How a program is given its size: whether a file name is its, the option, and what that counts.
struct Form {
    is: fn(&[u8]) -> bool,
    option: &'static str,
    unit: Unit,
}

/// One entry a form. Programs that start threads alone are none: with fewer CPUs those share them.
const FORMS: [Form; 11] = [
    Form {
        is: |name| name == b"fluent",
        option: "-t",
        unit: Unit::Processes,
    },
    Form {
        is: |name| is_ansys(name),
        option: "-np",
        unit: Unit::Processes,
    },
    Form {
        is: |name| is_ansys(name),
        option: "-m",
        unit: Unit::Mib,
    },
    Form {
        is: |name| is_abaqus(name),
        option: "cpus=",
        unit: Unit::Processes,
    },
    Form {
        is: |name| name.ends_with(b"spades.py"),
        option: "-m",
        unit: Unit::Gib,
    },
    Form {
        is: |name| is_gaussian(name),
        option: "-p",
        unit: Unit::Processes,
    },
    Form {
        is: |name| is_gaussian(name),
        option: "-m",
        unit: Unit::Words,
    },
    Form {
        is: |name| name == b"kmc",
        option: "-m",
        unit: Unit::Gib,
    },
    Form {
        is: |name| name.starts_with(b"cd-hit"),
        option: "-M",
        unit: Unit::Mib,
    },
    Form {
        is: |name| name == b"novosort",
        option: "-m",
        unit: Unit::Gib,
    },
    Form {
        is: |name| name == b"sas",
        option: "-MEMSIZE",
        unit: Unit::Mib,
    },
];

fn is_ansys(name: &[u8]) -> bool {
    name.starts_with(b"ansys") || name == b"mapdl"
}

/// Abaqus is called by its release, too: `abq2023`.
fn is_abaqus(name: &[u8]) -> bool {
    name == b"abaqus" || name.starts_with(b"abq20")
}

fn is_gaussian(name: &[u8]) -> bool {
    matches!(name, b"g09" | b"g16")
}

/// Profiles that say nothing of where tasks run.
const LOCAL_PROFILES: [&[u8]; 13] = [
    b"standard",
    b"local",
    b"test",
    b"test_full",
    b"debug",
    b"docker",
    b"singularity",
    b"apptainer",
    b"podman",
    b"conda",
    b"mamba",
    b"wave",
    b"arm",
];

/// Notes the sizes that the programs of a command are given.
pub fn needs(facts: &Facts, words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    for form in &FORMS {
        if let Some(at) = words.iter().position(|word| (form.is)(name_of(word))) {
            form.needs(&words[at..], note);
        }
    }
    parts_of_a_mesh(words, note);
    lists_of_cpus(words, note);
    stress(words, note);
    pools(words, note);
    nextflow(facts, words, note);
    takes_all(words, note);
}

impl Form {
    fn needs(&self, words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
        match (1..words.len()).find_map(|at| self.value(words, at)) {
            Some(Value::Written(text)) => match (self.unit, number(text), size(text)) {
                (Unit::Processes, Some(count), _) => note(LineNeed::Cpus(count)),
                // For some of them 0 is no limit.
                (_, Some(0), _) | (Unit::Processes, None, _) | (_, None, None) => {}
                (Unit::Mib, Some(mib), _) | (_, None, Some(mib)) => note(LineNeed::Memory(mib)),
                (Unit::Gib, Some(gib), _) => note(LineNeed::Memory(gib.saturating_mul(1024))),
                (Unit::Words, Some(words), _) => note(LineNeed::Memory((words >> 17).max(1))),
            },
            Some(value) if value.exceeds_given() => note(match self.unit {
                Unit::Processes => LineNeed::AllCpus,
                Unit::Mib | Unit::Gib | Unit::Words => LineNeed::AllMemory,
            }),
            Some(Value::Given(_)) if !matches!(self.unit, Unit::Processes) => {
                note(LineNeed::AllMemory)
            }
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

/// OpenFOAM's meshes lie in as many parts as processes are to work on them.
fn parts_of_a_mesh(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let mut names = words.iter().map(|word| name_of(word));
    let is_parallel = words.contains(&&b"-parallel"[..]);
    if names.any(|name| name == b"decomposePar" || name.ends_with(b"Foam") && is_parallel) {
        note(LineNeed::AllCpus);
    }
}

/// `numactl -C 0-15`, `taskset -c 0-15`, Gaussian's `-c="0-15"`: CPUs by their numbers, which a job must have.
fn lists_of_cpus(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    for at in 0..words.len() {
        let options: &[&str] = match name_of(words[at]) {
            b"numactl" => &["--physcpubind", "-C"],
            b"taskset" => &["--cpu-list", "-c"],
            name if is_gaussian(name) => &["-c"],
            _ => continue,
        };
        let mut lists = (at + 1..words.len()).filter_map(|at| text(words, at, options, options));
        // One CPU there always is.
        if lists.any(|list| list != b"all" && number(list).is_none_or(|cpu| cpu > 0)) {
            note(LineNeed::AllCpus);
        }
        return;
    }
}

/// Each of stress-ng's workers takes as much.
fn stress(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let find = |option: &str| (0..words.len()).find_map(|at| value(words, at, &[option], &[]));
    if let Some(Value::Written(bytes)) = find("--vm-bytes") {
        let workers = match find("--vm") {
            Some(Value::Written(count)) => number(count),
            Some(_) => None,
            None => Some(1),
        };
        let all = workers
            .zip(size(bytes))
            .map(|(one, mib)| mib.saturating_mul(one.max(1)));
        note(all.map_or(LineNeed::AllMemory, LineNeed::Memory));
    }
}

/// MATLAB refuses a pool of more workers than there are CPUs: `parpool(8)`, `parpool('local', 8)`.
fn pools(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let Some(at) = words.iter().position(|word| *word == b"parpool") else {
        return;
    };
    for word in words[at + 1..].iter().take(2) {
        match (number(word), Value::of(word)) {
            (Some(count), _) => return note(LineNeed::Cpus(count)),
            (None, Value::Computed) => return note(LineNeed::AllCpus),
            _ => {}
        }
    }
}

/// Programs that size themselves by what they see: Ray's store, Cell Ranger's stages.
fn takes_all(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let names =
        |options: &[&str]| (0..words.len()).any(|at| value(words, at, options, &[]).is_some());
    let is_ranger = starts(
        words,
        |name| name.ends_with(b"ranger"),
        &[b"count", b"multi", b"aggr", b"vdj", b"mkref", b"mkfastq"],
    )
    .is_some();
    let is_ray = starts(words, |name| name == b"ray", &[b"start"]).is_some();
    let mode = (0..words.len()).find_map(|at| value(words, at, &["--jobmode"], &[]));
    let is_here = mode.is_none_or(|mode| mode == Value::Written(b"local"));
    if is_ranger && is_here && !names(&["--localmem"])
        || is_ray && !names(&["--object-store-memory"])
    {
        note(LineNeed::AllMemory);
    }
}

/// Where the program stands that is given one of `commands`.
fn starts(words: &[&[u8]], is: fn(&[u8]) -> bool, commands: &[&[u8]]) -> Option<usize> {
    let at = words.iter().position(|word| is(name_of(word)))?;
    let mut behind = words[at..].iter();
    behind.any(|word| commands.contains(word)).then_some(at)
}

/// Where Nextflow runs its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tasks {
    /// In the job itself, which refuses one that wants more than there is.
    InTheJob,
    /// As jobs of their own.
    AsJobs,
    /// Only the site's profile knows, or a configuration beside the script.
    Unknown,
}

fn nextflow(facts: &Facts, words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    let Some(at) = starts(words, |name| name == b"nextflow", &[b"run"]) else {
        return;
    };
    let words = &words[at..];
    if asks(words) {
        return;
    }
    let is_in_the_job = Tasks::of(facts, words) == Tasks::InTheJob;
    // Who names the heap of Nextflow's own machine has a job for that machine alone.
    if is_in_the_job || !facts.has_heap_of_nextflow() {
        note(LineNeed::AllMemory);
    }
    if is_in_the_job {
        note(LineNeed::AllCpus);
    }
}

/// Nothing stands behind `nextflow run` but a question, or nothing at all.
fn asks(words: &[&[u8]]) -> bool {
    words.len() < 3
        || words
            .iter()
            .any(|word| matches!(*word, b"-h" | b"-help" | b"--help"))
}

impl Tasks {
    fn of(facts: &Facts, words: &[&[u8]]) -> Tasks {
        let behind = |option: &[u8]| {
            let at = words.iter().position(|word| *word == option);
            let values = at.map_or(&words[..0], |at| &words[at + 1..]);
            // Profiles stand in a list, which parts words.
            values
                .iter()
                .copied()
                .take(6)
                .take_while(|word| !word.starts_with(b"-"))
        };
        let executor = words
            .iter()
            .copied()
            .filter(|word| word.starts_with(b"-process.executor"));
        let said = behind(b"-profile")
            .chain(behind(b"-c").take(1))
            .chain(executor)
            .chain(behind(b"-process.executor").take(1))
            .any(is_scheduler);
        if said || facts.executor_is_scheduler() == Some(true) {
            return Tasks::AsJobs;
        }
        let mut profiles = behind(b"-profile").peekable();
        let names_executor = words
            .iter()
            .any(|word| word.starts_with(b"-process.executor"))
            || facts.executor_is_scheduler().is_some();
        // A configuration beside the script may name a scheduler, and does for who thinks of the heap of Nextflow itself.
        let may_be_jobs =
            profiles.peek().is_none() && !names_executor && facts.has_heap_of_nextflow();
        match may_be_jobs
            || !profiles.all(|profile| LOCAL_PROFILES.contains(&profile))
            || behind(b"-c").next().is_some()
        {
            true => Tasks::Unknown,
            false => Tasks::InTheJob,
        }
    }
}
