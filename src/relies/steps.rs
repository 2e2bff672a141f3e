//! Steps that name their own memory, CPUs and tasks: one that asks for more than its job has cannot be created.

use super::facts::Facts;
use super::floor::LineNeed;
use super::launchers::{OF_CENTRES, is_launcher};
use super::lines::{name_of, word_places, words};
use super::options::{Value, number, size, text, value};
use super::shell_words::ShellWords;
use std::ops::Range;

/// Programs that do so within a job, with a word behind their name.
const WITH_COMMAND: [(&[u8], &[u8]); 3] =
    [(b"flux", b"run"), (b"flux", b"submit"), (b"hq", b"submit")];

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

/// How many of something a step names: of several the last one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Count {
    /// As many as Slurm gave.
    Given,
    Number(u64),
    /// Nobody can say.
    Unknown,
}

impl Count {
    fn of(value: Value) -> Count {
        match value {
            _ if value.exceeds_given() => Count::Unknown,
            Value::Given(_) => Count::Given,
            Value::Computed => Count::Unknown,
            Value::Written(text) => number(text).map_or(Count::Unknown, Count::Number),
        }
    }

    fn times(self, other: Count) -> Count {
        match (self, other) {
            (Count::Number(one), Count::Number(other)) => Count::Number(one.saturating_mul(other)),
            _ => self.max(other),
        }
    }

    /// What is written, and 1 where that is not known.
    fn written(self) -> u64 {
        match self {
            Count::Number(number) => number.max(1),
            Count::Given | Count::Unknown => 1,
        }
    }
}

/// What one step names.
#[derive(Default)]
struct Step<'a> {
    memory: Option<Value<'a>>,
    memory_per_cpu: Option<Value<'a>>,
    /// `--mem-per-gpu`: nobody says how many GPUs there are.
    has_memory_per_gpu: bool,
    /// For each task.
    cpus: Option<Count>,
    tasks: Option<Count>,
    tasks_per_node: Option<Count>,
    nodes: Option<Count>,
    /// At least so many, whatever the tasks have.
    least_cpus: Option<Count>,
}

/// Notes what the steps of a command need; `is_several` says whether several of its commands may run at once.
pub fn needs(
    facts: &Facts,
    command: &[u8],
    cpus: u64,
    is_several: impl Fn() -> bool,
    note: &mut impl FnMut(LineNeed),
) {
    any_step(facts, command, |step| {
        step.needs(&is_several, cpus, note);
        false
    });
}

/// A step of it has several tasks, so what stands behind its launcher runs several times.
pub fn have_several_tasks(facts: &Facts, command: &[u8]) -> bool {
    any_step(facts, command, |step| {
        !matches!(step.all_tasks(), None | Some(Count::Number(0 | 1)))
    })
}

/// A step of a command is such a one.
fn any_step(facts: &Facts, command: &[u8], mut is_one: impl FnMut(&Step) -> bool) -> bool {
    let mut launchers = word_places(command).filter_map(|place| launcher(command, place));
    launchers.any(|(launcher, end)| {
        let behind = &command[end..];
        let of_shell;
        let words: Vec<&[u8]> = if is_listed(behind) {
            // R's `system2("srun", args = c("-n", "4"))`.
            let is_of_r = |word: &&[u8]| matches!(*word, b"args" | b"=" | b"args=" | b"c");
            words(behind).skip_while(is_of_r).collect()
        } else {
            of_shell = ShellWords::behind(behind, is_launcher);
            of_shell.iter().collect()
        };
        let parted;
        let has_letters = matches!(launcher, b"srun" | b"ccc_mprun");
        let words = match has_letters && words.iter().any(|word| flags_before(word) > 0) {
            true => {
                parted = without_flags(&words);
                parted.iter().map(Vec::as_slice).collect()
            }
            false => words,
        };
        let mut step = Step::read(facts, launcher, &words);
        step.cpus = step.cpus.or_else(|| exported(facts.cpus_of_steps()));
        step.tasks = step.tasks.or_else(|| exported(facts.tasks_of_steps()));
        is_one(&step)
    })
}

/// The launcher that stands at `place`, if one does, and where its options begin.
fn launcher(command: &[u8], place: Range<usize>) -> Option<(&[u8], usize)> {
    let name = name_of(&command[place.clone()]);
    if is_launcher(name) || OF_CENTRES.contains(&name) {
        return Some((name, place.end));
    }
    if !WITH_COMMAND.iter().any(|(known, _)| *known == name) {
        return None;
    }
    let next = word_places(&command[place.end..]).next()?;
    let next = place.end + next.start..place.end + next.end;
    let is_known = WITH_COMMAND.contains(&(name, &command[next.clone()]));
    is_known.then_some((name, next.end))
}

/// How many letters without a value stand before one with a count in srun's options that are written as one: `-lc4`, `-un 4`.
fn flags_before(word: &[u8]) -> usize {
    let Some(letters) = word.strip_prefix(b"-") else {
        return 0;
    };
    let flags = letters
        .iter()
        .take_while(|byte| b"EHKOQXZklqsuv".contains(byte));
    let flags = flags.count();
    match letters[flags..] {
        [b'c' | b'n' | b'N' | b'B'] => flags,
        [b'c' | b'n' | b'N' | b'B', b'0'..=b'9' | b'$' | b'=', ..] => flags,
        _ => 0,
    }
}

/// The words of srun's, each of such options without those letters.
fn without_flags(words: &[&[u8]]) -> Vec<Vec<u8>> {
    let without = |word: &&[u8]| match flags_before(word) {
        0 => word.to_vec(),
        flags => [b"-", &word[1 + flags..]].concat(),
    };
    words.iter().map(without).collect()
}

/// It stands in a list of another language, as in `["srun", "-n", "4"]`.
fn is_listed(behind: &[u8]) -> bool {
    matches!(behind, [b'"' | b'\'', b',', ..])
}

/// What the script exports for its steps.
fn exported(value: Option<&[u8]>) -> Option<Count> {
    value.map(|text| Count::of(Value::of(text)))
}

impl<'a> Step<'a> {
    fn read(facts: &Facts, launcher: &[u8], words: &[&'a [u8]]) -> Step<'a> {
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
                    // What a function is called with may be options.
                    if is_arguments(words[at]) && !is_programs && facts.has_functions() {
                        step.cpus = Some(Count::Unknown);
                    }
                    is_open |= words[at].starts_with(b"$") && !is_programs;
                    is_programs = true;
                }
            }
            if is_launcher(name_of(words[at])) {
                break;
            }
            // Another program follows, with tasks of its own.
            if words[at] == b":" && words.get(at + 1).is_some_and(|next| next.starts_with(b"-")) {
                step.tasks = Some(Count::Unknown);
            }
            if !words[at].starts_with(b"-") {
                continue;
            }
            step.take_memory(words, at);
            // What the shell computes may as well be the program's, and what is written is where nothing is open.
            if !is_programs || is_open {
                let is_its = |count| !is_programs || count != Count::Unknown;
                step.take_counts(words, at, is_its);
                step.take_own_counts(launcher, words, at, is_its);
            }
        }
        step
    }

    fn take_memory(&mut self, words: &[&'a [u8]], at: usize) {
        let find = |option: &str| value(words, at, &[option], &[]);
        self.memory = find("--mem").or(self.memory);
        self.memory_per_cpu = find("--mem-per-cpu").or(self.memory_per_cpu);
        self.has_memory_per_gpu |= find("--mem-per-gpu").is_some();
    }

    fn take_counts(&mut self, words: &[&'a [u8]], at: usize, is_its: impl Fn(Count) -> bool) {
        let find = |long: &[&str], short: &[&str]| value(words, at, long, short);
        let count = |long: &[&str], short: &[&str]| {
            find(long, short)
                .map(Count::of)
                .filter(|&count| is_its(count))
        };
        let take = |known: &mut Option<Count>, found: Option<Count>| *known = found.max(*known);
        take(
            &mut self.cpus,
            count(
                &[
                    "--cpus-per-task",
                    "--cores-per-task",
                    "--cpus-per-rank",
                    "-cpus-per-rank",
                    "--cpus-per-proc",
                    "-cpus-per-proc",
                ],
                &["-c"],
            ),
        );
        take(
            &mut self.cpus,
            cpus_of_tres(words, at).filter(|&count| is_its(count)),
        );
        take(
            &mut self.tasks,
            count(&["--ntasks", "-np", "--np", "--n"], &["-n"]),
        );
        take(
            &mut self.tasks_per_node,
            count(
                &[
                    "--ntasks-per-node",
                    "--tasks-per-node",
                    "-ppn",
                    "-perhost",
                    "-npernode",
                    "--npernode",
                ],
                &[],
            ),
        );
        take(&mut self.nodes, count(&["--nodes"], &[]));
        take(&mut self.least_cpus, count(&["--mincpus"], &[]));
        let map = text(words, at, &["--map-by", "-map-by"], &[]).unwrap_or_default();
        let is_ppr = map.starts_with(b"ppr:");
        take(&mut self.tasks_per_node, is_ppr.then_some(Count::Unknown));
        take(&mut self.cpus, elements_of_map(map));
        let sockets = find(&["--extra-node-info"], &["-B"]);
        take(
            &mut self.least_cpus,
            sockets.map(threads_of).filter(|&count| is_its(count)),
        );
        let of_others = count(
            &[
                "--cpus-per-gpu",
                "--ntasks-per-gpu",
                "--ntasks-per-socket",
                "-npersocket",
                "--npersocket",
            ],
            &[],
        );
        take(&mut self.least_cpus, of_others.map(|_| Count::Unknown));
    }

    /// Takes what not every launcher means by the same option.
    fn take_own_counts(
        &mut self,
        launcher: &[u8],
        words: &[&[u8]],
        at: usize,
        is_its: impl Fn(Count) -> bool,
    ) {
        let count = |long: &[&str], short: &[&str]| {
            let found = value(words, at, long, short).map(Count::of);
            found.filter(|&count| is_its(count))
        };
        let take = |known: &mut Option<Count>, found: Option<Count>| *known = found.max(*known);
        match launcher {
            b"srun" | b"flux" | b"ccc_mprun" => take(&mut self.nodes, count(&[], &["-N"])),
            b"hq" => take(&mut self.cpus, count(&["--cpus"], &[])),
            b"aprun" => {
                take(&mut self.cpus, count(&["--cpus-per-pe"], &["-d"]));
                take(
                    &mut self.tasks_per_node,
                    count(&["--pes-per-node"], &["-N"]),
                );
            }
            // Each of its sets of resources has tasks that share them.
            b"jsrun" => {
                take(&mut self.tasks, count(&["--nrs"], &[]));
                take(
                    &mut self.cpus,
                    count(&["--cpu_per_rs", "--tasks_per_rs"], &["-a"]),
                );
            }
            _ => take(&mut self.tasks_per_node, count(&[], &["-N"])),
        }
    }

    fn all_tasks(&self) -> Option<Count> {
        let nodes = self.nodes.unwrap_or(Count::Number(1));
        self.tasks
            .or(self.tasks_per_node.map(|tasks| tasks.times(nodes)))
    }

    fn needs(&self, is_several: impl Fn() -> bool, cpus: u64, note: &mut impl FnMut(LineNeed)) {
        let named = [self.cpus, self.all_tasks()];
        let written = named
            .iter()
            .flatten()
            .fold(1u64, |all, count| all.saturating_mul(count.written()));
        let is_written = |count: &Option<Count>| matches!(count, Some(Count::Number(_)));
        // What is not written a step has from its job: all CPUs at most.
        let most = match named.iter().all(is_written) {
            true => written,
            false => written.max(cpus),
        };
        let names_memory = self.has_memory_per_gpu
            || [self.memory, self.memory_per_cpu]
                .into_iter()
                .flatten()
                .any(|it| !is_all(it));
        let names_cpus = named.iter().chain([&self.least_cpus]).any(is_written);
        let is_unknown =
            named.contains(&Some(Count::Unknown)) || self.least_cpus == Some(Count::Unknown);
        // How many of them run at once is the script's own secret.
        let is_several = (names_memory || names_cpus || self.cpus.is_some()) && is_several();
        if self.has_memory_per_gpu || names_memory && is_several {
            note(LineNeed::AllMemory);
        }
        if is_unknown || is_several && (names_cpus || self.cpus.is_some()) {
            note(LineNeed::AllCpus);
        }
        if let Some(memory) = self.memory {
            memory_of(memory, 1, note);
        }
        if let Some(memory) = self.memory_per_cpu {
            memory_of(memory, most, note);
        }
        if names_cpus {
            let least = self.least_cpus.map_or(1, Count::written);
            note(LineNeed::Cpus(written.max(least)));
        }
    }
}

/// All that a function, or the script, was called with.
fn is_arguments(word: &[u8]) -> bool {
    matches!(word, b"$@" | b"$*")
}

/// `--tres-per-task=cpu:4`, also with `=`, and behind others in a list.
fn cpus_of_tres(words: &[&[u8]], at: usize) -> Option<Count> {
    let Value::Written(text) = value(words, at, &["--tres-per-task"], &[])? else {
        return Some(Count::Unknown);
    };
    let cpus = |text: &[u8]| {
        let count = text.strip_prefix(b"cpu")?;
        let count = count.strip_prefix(b":").or(count.strip_prefix(b"="))?;
        Some(Count::of(Value::of(count)))
    };
    text.split(|&byte| byte == b',').find_map(cpus)
}

/// `slot:PE=4`: how many CPUs each process is bound to.
fn elements_of_map(map: &[u8]) -> Option<Count> {
    let mut parts = map.split(|&byte| byte == b':');
    parts.find_map(|part| {
        let (name, count) = part.split_at_checked(3)?;
        name.eq_ignore_ascii_case(b"pe=")
            .then(|| Count::of(Value::of(count)))
    })
}

/// `-B 1:4:2`: sockets, cores and threads.
fn threads_of(value: Value) -> Count {
    let Value::Written(text) = value else {
        return Count::of(value);
    };
    let parts = text
        .split(|&byte| byte == b':')
        .filter(|part| *part != b"*");
    parts.fold(Count::Number(1), |all, part| {
        all.times(Count::of(Value::Written(part)))
    })
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

/// `--mem=0` is all that the job has, however much that is.
fn is_all(value: Value) -> bool {
    matches!(value, Value::Written(text @ [b'0', ..]) if mib(text).is_none_or(|mib| mib == 0))
}

fn mib(text: &[u8]) -> Option<u64> {
    // Slurm's plain numbers are MiB.
    size(text).or_else(|| number(text))
}

fn memory_of(value: Value, times: u64, note: &mut impl FnMut(LineNeed)) {
    let mib = match value {
        _ if is_all(value) => return,
        Value::Written(text) => mib(text),
        Value::Given(_) | Value::Computed => None,
    };
    match mib {
        Some(mib) => note(LineNeed::Memory(mib.saturating_mul(times))),
        None => value.note_memory(note),
    }
}
