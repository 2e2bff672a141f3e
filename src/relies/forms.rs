//! Programs of which a table says how they are given their size: processes, or memory in a unit of their own.

use super::floor::LineNeed;
use super::lines::name_of;
use super::options::{Value, behind_equals, decimal, number, size, value};

/// What an option says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// How many processes are started.
    Processes,
    Memory(Unit),
    /// For each of the processes.
    MemoryOfEach(Unit),
}

/// What a number without a unit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Up to 1 it is a share of what there is.
    Bytes,
    Mib,
    Gib,
    /// Of eight bytes.
    Words,
}

/// Whether a file name is the program's, its option, and what that says.
struct Form(fn(&[u8]) -> bool, &'static str, Says);

/// One entry a form. Programs that start threads alone are none: with fewer CPUs those share them.
const FORMS: [Form; 25] = [
    Form(|name| name == b"fluent", "-t", Says::Processes),
    Form(is_ansys, "-np", Says::Processes),
    Form(is_ansys, "-m", Says::Memory(Unit::Mib)),
    Form(is_abaqus, "cpus=", Says::Processes),
    Form(is_gaussian, "-p", Says::Processes),
    Form(is_gaussian, "-m", Says::Memory(Unit::Words)),
    Form(is_molpro, "-n", Says::Processes),
    Form(is_molpro, "-m", Says::MemoryOfEach(Unit::Words)),
    Form(is_dalton, "-N", Says::Processes),
    Form(is_dalton, "-gb", Says::MemoryOfEach(Unit::Gib)),
    Form(is_dalton, "-mb", Says::MemoryOfEach(Unit::Mib)),
    Form(is_dirac, "--mpi", Says::Processes),
    Form(is_dirac, "--gb", Says::MemoryOfEach(Unit::Gib)),
    Form(is_dirac, "--mb", Says::MemoryOfEach(Unit::Mib)),
    Form(|name| name == b"ams", "-n", Says::Processes),
    Form(|name| name == b"horovodrun", "-np", Says::Processes),
    Form(
        |name| name == b"optistruct",
        "-len",
        Says::Memory(Unit::Mib),
    ),
    Form(
        |name| name.ends_with(b"spades.py"),
        "-m",
        Says::Memory(Unit::Gib),
    ),
    Form(|name| name == b"megahit", "-m", Says::Memory(Unit::Bytes)),
    Form(|name| name == b"kmc", "-m", Says::Memory(Unit::Gib)),
    Form(
        |name| name.starts_with(b"cd-hit"),
        "-M",
        Says::Memory(Unit::Mib),
    ),
    Form(|name| name == b"novosort", "-m", Says::Memory(Unit::Gib)),
    Form(|name| name == b"sas", "-MEMSIZE", Says::Memory(Unit::Mib)),
    Form(is_worker_of_spark, "-m", Says::Memory(Unit::Mib)),
    Form(is_worker_of_spark, "--memory", Says::Memory(Unit::Mib)),
];

fn is_ansys(name: &[u8]) -> bool {
    name.starts_with(b"ansys") || name == b"mapdl"
}

/// Abaqus is called by its release, too: `abq2023`.
fn is_abaqus(name: &[u8]) -> bool {
    name == b"abaqus" || name.starts_with(b"abq20")
}

pub fn is_gaussian(name: &[u8]) -> bool {
    matches!(name, b"g09" | b"g16")
}

fn is_molpro(name: &[u8]) -> bool {
    name == b"molpro"
}

fn is_dalton(name: &[u8]) -> bool {
    name == b"dalton"
}

/// Dirac is called by the script that starts it.
fn is_dirac(name: &[u8]) -> bool {
    name == b"pam" || name == b"pam-dirac"
}

pub fn is_worker_of_spark(name: &[u8]) -> bool {
    matches!(
        name,
        b"start-worker.sh" | b"start-slave.sh" | b"org.apache.spark.deploy.worker.Worker"
    )
}

/// Programs whose processes are counted by a word behind them, which stands so far behind.
const COUNTED_BY_PLACE: [(&[u8], usize); 3] = [(b"rungms", 3), (b"runmpi", 1), (b"runPcry", 1)];

/// Variables that say how many processes a program starts; what Gaussian takes where its input names nothing among them.
const COUNTED_BY_VARIABLE: [&[u8]; 4] = [b"PARNODES", b"MOLCAS_NPROCS", b"NSCM", b"GAUSS_PDEF"];

/// That by which Gaussian takes memory then, of eight bytes a word.
const MEMORY_OF_GAUSSIAN: &[u8] = b"GAUSS_MDEF";

/// Notes what the programs of a command are told.
pub fn needs(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    for form in &FORMS {
        if let Some(at) = words.iter().position(|word| (form.0)(name_of(word))) {
            form.needs(&words[at..], note);
        }
    }
    by_place(words, note);
    by_variable(words, note);
}

impl Form {
    fn needs(&self, words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
        let Some(value) = self.value_in(words) else {
            return;
        };
        match self.2 {
            Says::Processes => processes(value).into_iter().for_each(note),
            Says::Memory(unit) => memory(unit, value, Some(1), note),
            Says::MemoryOfEach(unit) => memory(unit, value, self.processes(words), note),
        }
    }

    /// How many processes the same program starts; `None` where nobody can say.
    fn processes(&self, words: &[&[u8]]) -> Option<u64> {
        let name = name_of(words[0]);
        let mut of_program = FORMS.iter().filter(|form| (form.0)(name));
        let form = of_program.find(|form| form.2 == Says::Processes);
        let value = form.and_then(|form| form.value_in(words));
        value.map_or(Some(1), Value::number)
    }

    fn value_in<'a>(&self, words: &[&'a [u8]]) -> Option<Value<'a>> {
        (1..words.len()).find_map(|at| self.value(words, at))
    }

    fn value<'a>(&self, words: &[&'a [u8]], at: usize) -> Option<Value<'a>> {
        if self.1.starts_with('-') {
            return value(words, at, &[self.1], &[self.1]);
        }
        let is_named = words[at].starts_with(self.1.as_bytes());
        is_named.then(|| behind_equals(words, at)).flatten()
    }
}

/// Notes what `value` counts in `unit`, taken so often; `None`: nobody can say how often.
fn memory(unit: Unit, value: Value, times: Option<u64>, note: &mut impl FnMut(LineNeed)) {
    match unit_in_mib(unit, value) {
        Size::None => {}
        Size::Mib(mib) => note(times.map_or(LineNeed::AllMemory, |times| {
            LineNeed::Memory(mib.saturating_mul(times))
        })),
        Size::Unknown => value.note_memory(note),
    }
}

/// What a program takes.
enum Size {
    /// For some of them 0 is no limit; and an option of that name may say something else.
    None,
    Mib(u64),
    Unknown,
}

fn unit_in_mib(unit: Unit, value: Value) -> Size {
    let Value::Written(text) = value else {
        return Size::Unknown;
    };
    let number = match (size(text), decimal(text)) {
        (Some(mib), _) if unit == Unit::Words && is_of_words(text) => {
            return Size::Mib(mib.saturating_mul(8));
        }
        (Some(mib), _) => return Size::Mib(mib),
        (None, Some(number)) if number > 0.0 => number,
        _ => return Size::None,
    };
    let in_mib = match unit {
        Unit::Bytes if number <= 1.0 => return Size::Unknown,
        Unit::Bytes => number / 1_048_576.0,
        Unit::Mib => number,
        Unit::Gib => number * 1024.0,
        Unit::Words => number / 131_072.0,
    };
    Size::Mib(in_mib.ceil() as u64)
}

/// `200m`: a letter alone is no unit of bytes where words are counted.
fn is_of_words(text: &[u8]) -> bool {
    matches!(
        text,
        [.., b'0'..=b'9', b'k' | b'm' | b'g' | b'K' | b'M' | b'G']
    )
}

fn processes(value: Value) -> Option<LineNeed> {
    match value {
        Value::Written(text) => number(text).map(LineNeed::Cpus),
        value => value.exceeds_given().then_some(LineNeed::AllCpus),
    }
}

/// `rungms input 01 16`.
fn by_place(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    for (at, word) in words.iter().enumerate() {
        let name = name_of(word);
        let form = COUNTED_BY_PLACE
            .iter()
            .find(|(start, _)| name.starts_with(start));
        let count = form.and_then(|&(_, place)| words.get(at + place));
        let need = count.and_then(|count| processes(Value::of(count)));
        need.into_iter().for_each(&mut *note);
    }
}

/// `export PARNODES=16`.
fn by_variable(words: &[&[u8]], note: &mut impl FnMut(LineNeed)) {
    for (at, word) in words.iter().enumerate() {
        let Some(equals) = memchr::memchr(b'=', word) else {
            continue;
        };
        let name = &word[..equals];
        if COUNTED_BY_VARIABLE.contains(&name) {
            let need = behind_equals(words, at).and_then(processes);
            need.into_iter().for_each(&mut *note);
        } else if name == MEMORY_OF_GAUSSIAN
            && let Some(value) = behind_equals(words, at)
        {
            memory(Unit::Words, value, Some(1), note);
        }
    }
}
