//! What has been found in a script so far, line by line and command by command.

use super::LONGEST_LINE;
use super::facts::Facts;
use super::floor::{AskedCpus, Floor, LineNeed, Reliance, Taken};
use super::lines::{self, Has, Line};
use super::pipes::{self, Pipe};
use super::printed::{Sink, file_name};
use super::several::Several;
use super::signs::{self, Signs};
use super::variables::{Variables, Written};
use super::{
    appended, assignments, edits, forks, helpers, inner, inputs, java, memory, programs, sets,
    shares, shown, sizes, steps,
};
use crate::text::contains;
use crate::text::units::printable_part;
use std::cell::{Cell, OnceCell};
use std::ops::Range;

/// What is kept of a line, in characters.
pub(super) const SHOWN: usize = 60;

/// More commands of a script that hold a sign are not read: people write fewer, and somebody waits for each.
pub(super) const MOST_COMMANDS: u32 = 500;

/// More commands behind `||` are not read by themselves.
const MOST_ALTERNATIVES: usize = 8;

/// Commands that stand in others are read so deep.
const DEEPEST: u32 = 3;

/// Variables that hold how many CPUs there are are followed so many times: what is behind is read each time.
const MOST_FOLLOWED: u32 = 64;

/// A pipe goes on for so many lines.
const MOST_OF_A_PIPE: usize = 4;

/// Of more lines that read such a file nobody asks what they take from it.
const MOST_READING: usize = 64;

/// Of more files with answers of Slurm's nobody asks who reads them: for each all of the script is read.
const MOST_ANSWERS: u32 = 4;

/// Of more lists nobody asks whether they grow: for each all of the script is read.
const MOST_LISTS: u32 = 16;

/// What has been found so far: the line that needs most, of memory and of CPUs.
pub struct Found<'a> {
    /// As it is written.
    written: &'a [u8],
    /// Without what is about other jobs.
    script: &'a [u8],
    asked: AskedCpus,
    has: Has,
    pub facts: Facts<'a>,
    /// Commands that have been read.
    commands: u32,
    /// Found out where somebody asks.
    several: OnceCell<Several<'a>>,
    /// Names of files that the script starts.
    started: OnceCell<Vec<&'a [u8]>>,
    variables: Variables<'a>,
    followed: u32,
    /// Lists of which it was asked whether they grow.
    lists: u32,
    /// Files of which it was asked who reads the answer in them.
    answers: u32,
    /// Variables that have been followed, and where.
    known: Vec<(&'a [u8], Range<usize>)>,
    /// Whether a line has a command in the background: the last one of which that was asked, by where it begins and ends.
    background: Cell<Option<(Range<usize>, bool)>>,
    /// Of the command that is being read.
    words: Vec<&'a [u8]>,
    /// It writes its own words where others may start them.
    writes: bool,
    pipe: Pipe,
    memory: Option<(Option<u64>, Line<'a>)>,
    cpus: Option<(Option<u64>, Line<'a>)>,
}

impl<'a> Found<'a> {
    /// Nothing yet of a script as it is `written`, in which `script` is the job's own.
    pub fn in_script(written: &'a [u8], script: &'a [u8], asked: AskedCpus) -> Found<'a> {
        Found {
            written,
            script,
            asked,
            has: Has::of(written),
            facts: Facts::of(written),
            commands: 0,
            several: OnceCell::new(),
            started: OnceCell::new(),
            variables: Variables::of(script),
            followed: 0,
            lists: 0,
            answers: 0,
            known: Vec::new(),
            background: Cell::new(None),
            words: Vec::new(),
            writes: false,
            pipe: Pipe::default(),
            memory: None,
            cpus: None,
        }
    }

    /// Reads the commands of a line that hold a sign.
    pub fn take(&mut self, line: &Line<'a>, signs: &[(usize, Signs)]) {
        self.pipe.begin_line(line.text);
        let all = Signs::all(signs);
        let is_all = matches!(
            (&self.memory, &self.cpus),
            (Some((None, _)), Some((None, _)))
        );
        let asks = !is_all && self.asks_about_itself(line, all);
        if is_all || !all.matter() && !asks {
            return;
        }
        if line.text.len() > LONGEST_LINE {
            if all == Signs::SORT && !programs::may_name_a_buffer(line.text) {
                return;
            }
            return self.keep_all(line, all);
        }
        if asks {
            self.take_answers(line);
        }
        self.take_commands(line, signs);
    }

    /// A line asks Slurm about a job, and that may be this one.
    fn asks_about_itself(&self, line: &Line, signs: Signs) -> bool {
        signs.has(Signs::OTHER_JOB)
            && (signs.has(Signs::OWN_JOB) || self.names_itself(&self.written[line.place()]))
    }

    /// The job's own number stands in a text, or a variable that holds it.
    fn names_itself(&self, text: &[u8]) -> bool {
        let mut names = self.facts.own_job().iter();
        let is_slurms = |name: &[u8]| name.starts_with(b"SLURM_") && contains(text, name);
        names.any(|name| is_slurms(name) || sets::uses(name, text).next().is_some())
    }

    /// What the job asks Slurm about itself may be any part of a command, and what reads the answer stand below.
    fn take_answers(&mut self, line: &Line<'a>) {
        let written = Line {
            text: &self.written[line.start..self.end_of_pipe(line)],
            ..*line
        };
        for command in written.whole_commands(self.has) {
            let command = &written.text[command];
            if command.trim_ascii().is_empty() || !self.names_itself(command) {
                continue;
            }
            let kept = self.kept_answer(command, line);
            let texts = kept.into_iter().chain([command]);
            for text in texts {
                programs::asks_about_itself(command, text, &mut |need| match need {
                    LineNeed::Memory(_) | LineNeed::Beside(_) | LineNeed::AllMemory => {
                        raise(&mut self.memory, None, line)
                    }
                    LineNeed::Cpus(_) | LineNeed::AllCpus => raise(&mut self.cpus, None, line),
                });
            }
        }
    }

    /// Where the pipe ends that goes on below a line.
    fn end_of_pipe(&self, line: &Line) -> usize {
        let mut end = line.place().end;
        for _ in 0..MOST_OF_A_PIPE {
            if !self.written[line.start..end]
                .trim_ascii_end()
                .ends_with(b"|")
            {
                break;
            }
            let below = memchr::memchr(b'\n', &self.written[end..]);
            end = below.map_or(self.written.len(), |newline| end + newline + 1);
        }
        end
    }

    /// The lines that read the file into which a command writes an answer.
    fn kept_answer(&mut self, command: &[u8], line: &Line<'a>) -> Vec<&'a [u8]> {
        let Some(target) = shown::arrow_target(command).filter(|_| self.answers < MOST_ANSWERS)
        else {
            return Vec::new();
        };
        self.answers += 1;
        let name = file_name(target);
        let below = &self.written[line.place().end..];
        let reads = |line: &Line| lines::words(line.text).any(|word| lines::name_of(word) == name);
        let reading = lines::lines(below).filter(reads).take(MOST_READING);
        reading.map(|line| line.text).collect()
    }

    /// One more command of `line` may be read; where there are too many, all that its signs are about is kept.
    fn may_read_one(&mut self, line: &Line<'a>, signs: Signs) -> bool {
        self.commands += 1;
        let may = self.commands <= MOST_COMMANDS;
        if !may {
            self.keep_all(line, signs);
        }
        may
    }

    /// Keeps all that `signs` are about.
    fn keep_all(&mut self, line: &Line<'a>, signs: Signs) {
        if signs.are_about_memory() {
            raise(&mut self.memory, None, line);
        }
        if signs.are_about_cpus() {
            raise(&mut self.cpus, None, line);
        }
    }

    fn take_commands(&mut self, line: &Line<'a>, signs: &[(usize, Signs)]) {
        let said = line.before_comment(self.has).len();
        self.take_part(line, 0..said, signs, 0);
    }

    /// Reads the commands of a part of a line, which stands within so many commands.
    fn take_part(
        &mut self,
        line: &Line<'a>,
        part: Range<usize>,
        mut signs: &[(usize, Signs)],
        depth: u32,
    ) {
        for command in line.commands_in(part, self.has) {
            if signs.is_empty() {
                break;
            }
            let of_command = signs::up_to(line.start + command.end, &mut signs);
            self.pipe.begin(line.text, command.start);
            if of_command.is_empty() {
                continue;
            }
            let all = Signs::all(of_command);
            if self.may_read_one(line, all) && !self.only_shows(line, &command) {
                self.read(line, command.clone(), all);
                self.read_parts(line, command.clone(), all);
                self.read_inner(line, command.clone(), of_command, depth);
                self.read_alternatives(line, command, all);
            }
        }
    }

    /// Of several commands that stand in one, as in `$(a | b)`, each is read by itself too.
    fn read_inner(
        &mut self,
        line: &Line<'a>,
        command: Range<usize>,
        mut signs: &[(usize, Signs)],
        depth: u32,
    ) {
        let text = &line.text[command.clone()];
        if depth >= DEEPEST || memchr::memchr3(b'|', b';', b'&', text).is_none() {
            return;
        }
        let around = self.pipe;
        for inner in inner::places(text) {
            let place = command.start + inner.start..command.start + inner.end;
            let _before = signs::up_to(line.start + place.start, &mut signs);
            let of_inner = signs::up_to(line.start + place.end, &mut signs);
            self.take_part(line, place, of_inner, depth + 1);
        }
        self.pipe = around;
    }

    /// Of the commands that one is given as files, `<(...)`, all run beside it.
    fn read_parts(&mut self, line: &Line<'a>, command: Range<usize>, signs: Signs) {
        let parts = pipes::parts(&line.text[command.clone()]);
        if parts.len() < 2 || !self.pipe.needs_memory() {
            return;
        }
        self.pipe.forget();
        for part in parts {
            if !self.may_read_one(line, signs) {
                return;
            }
            self.pipe.join();
            let place = command.start + part.start..command.start + part.end;
            self.read(line, place, signs);
        }
    }

    /// What runs instead of a command that fails may need more than it, and stands in one command with it: `||` may be part of a
    /// condition.
    fn read_alternatives(&mut self, line: &Line<'a>, command: Range<usize>, signs: Signs) {
        let text = &line.text[command.clone()];
        // Most commands hold none: a look for one byte costs next to nothing.
        if !text.contains(&b'|') {
            return;
        }
        let mut places = memchr::memmem::find_iter(text, b"||")
            .take(MOST_ALTERNATIVES)
            .peekable();
        while let Some(at) = places.next() {
            let end = places.peek().copied().unwrap_or(text.len());
            self.pipe.forget();
            self.read(
                line,
                command.start + at + 2..command.start + end.max(at + 2),
                signs,
            );
        }
    }

    /// What a command prints is nothing that the job relies on, unless others start it.
    #[inline]
    fn only_shows(&self, line: &Line, command: &Range<usize>) -> bool {
        let facts = &self.facts;
        prints_only(facts, line, command)
            && !(facts.starts_several() && self.several().has(line.place()))
    }

    /// The script itself starts a file of this name.
    pub fn starts(&self, name: &[u8]) -> bool {
        let started = self.started.get_or_init(|| helpers::started(self.script));
        started.binary_search(&name).is_ok()
    }

    fn several(&self) -> &Several<'a> {
        let several = || Several::of(self.script, &self.facts);
        self.several.get_or_init(several)
    }

    fn read(&mut self, line: &Line<'a>, place: Range<usize>, mut signs: Signs) {
        let command = &line.text[place.clone()];
        let end = line.start + place.end;
        if signs == Signs::SORT
            && !programs::may_name_a_buffer(command)
            && !appended::is_list(command)
        {
            return;
        }
        let sink = match signs.has(Signs::IN_WORDS) && shown::shows(command) {
            true => {
                let place = line.start + place.start..end;
                self.facts.sink(command, &place)
            }
            false => None,
        };
        let writes = sink.is_some();
        self.writes = writes;
        if let Some(sink) = sink
            && !shown::is_input(command)
            && (shown::is_directive(command) || self.facts.submits() && !self.is_started(sink))
        {
            signs = signs.without_programs();
        }
        if signs.has(Signs::NAMES_MEMORY)
            && (shown::is_directive(command)
                || assignments::only_sets(command) && !self.facts.is_setting(line.start, command))
        {
            signs = signs.without_names_of_memory();
        }
        if !signs.has(Signs::IN_WORDS) {
            self.note(line, command, signs, &[]);
        } else {
            match self.written(command) {
                Written::AsItIs => {
                    let mut words = std::mem::take(&mut self.words);
                    words.clear();
                    words.extend(lines::words(command));
                    self.note(line, command, signs, &words);
                    self.words = words;
                }
                Written::Out(written) => {
                    let words: Vec<&[u8]> = lines::words(&written).collect();
                    // Of an array's elements nobody can say what they hold: what is written of them is no input.
                    let has_elements = writes && shown::has_elements(command);
                    signs = match has_elements && shown::is_input(command) {
                        true => signs.without_programs(),
                        false => signs.with_cpus_of(&written),
                    };
                    self.note(line, &written, signs, &words);
                }
                Written::TooMuch => self.keep_all(line, signs),
            }
        }
        if signs.has(Signs::CPU_VARIABLE) || signs.has(Signs::PROCESSORS) {
            let share = shares::least(command, || self.facts.parts());
            self.keep_share(share, line);
        }
        if signs.has(Signs::CPU_VARIABLE) {
            self.follow_all(command, None, end..self.script.len(), line);
        }
    }

    /// What goes there the script starts itself.
    fn is_started(&self, sink: Sink) -> bool {
        match sink {
            Sink::File(name) => self.starts(name),
            Sink::Command => true,
            Sink::Scheduler => false,
        }
    }

    /// A command with its variables written out; an export of another shell as bash writes it, a list of another language with what
    /// is appended to it.
    fn written(&mut self, command: &[u8]) -> Written {
        if self.lists < MOST_LISTS && appended::is_list(command) {
            self.lists += 1;
            if let Some(list) = appended::put_together(self.script, command) {
                return Written::Out(list);
            }
        }
        let Some(export) = assignments::as_export(command) else {
            return self.variables.write_out(command);
        };
        match self.variables.write_out(&export) {
            Written::AsItIs => Written::Out(export),
            written => written,
        }
    }

    /// Follows how many CPUs there are, which `name` holds unless Slurm's own variable does, to where a command hands that on:
    /// what it sets to it is used in `within`, the argument of a function of the script in that.
    fn follow_all(
        &mut self,
        command: &'a [u8],
        name: Option<&[u8]>,
        within: Range<usize>,
        line: &Line<'a>,
    ) {
        for set in sets::set_to_count(command, name) {
            self.follow(set, within.clone(), line);
        }
        if let Some((argument, body)) = self.facts.called(command, name) {
            let first = Line {
                number: 1,
                start: 0,
                text: &[],
            };
            let head = Line::around(self.script, body.start, &first);
            self.follow(argument, body, &head);
        }
    }

    /// Somewhere in `within` the script may hang on what `name` holds: how many CPUs there are. Where it is used too often for
    /// all of that to be read, it may.
    fn follow(&mut self, name: &'a [u8], within: Range<usize>, line: &Line<'a>) {
        let script = self.script;
        let (from, end) = (within.start.min(script.len()), within.end.min(script.len()));
        let mut known = self.known.iter();
        let is_known =
            known.any(|(known, place)| *known == name && place.start <= from && end <= place.end);
        if from >= end || is_known || matches!(self.cpus, Some((None, _))) {
            return;
        }
        self.known.push((name, from..end));
        self.followed += 1;
        if self.followed > MOST_FOLLOWED {
            raise(&mut self.cpus, None, line);
            return;
        }
        for at in sets::uses(name, &script[from..end]) {
            if matches!(self.cpus, Some((None, _))) {
                return;
            }
            self.followed += 1;
            let user = Line::around(script, from + at, line);
            if user.text.len() > LONGEST_LINE || self.followed > MOST_FOLLOWED {
                raise(&mut self.cpus, None, &user);
                return;
            }
            let command = user.command_at(from + at, self.has);
            if user.text.trim_ascii_start().starts_with(b"#")
                || prints_only(&self.facts, &user, &command)
            {
                continue;
            }
            let behind = user.start + command.end;
            let text = &user.text[command];
            if programs::hangs_on_count(&self.facts, text, Some(name)) {
                raise(&mut self.cpus, None, &user);
                continue;
            }
            let (before, after) = (&script[..from + at], &script[from + at + name.len()..]);
            if memory::is_size(before) {
                raise(&mut self.cpus, None, &user);
                continue;
            }
            if sets::set_by(text) != Some(b"OMP_NUM_THREADS") {
                let share = shares::least_behind(before, after, || self.facts.parts());
                self.keep_share(share, &user);
            }
            self.follow_all(text, Some(name), behind..end, &user);
        }
    }

    /// Each task must have so many CPUs, or a node where it was those that were counted; where its user did not ask for as many, it
    /// means something else.
    fn keep_share(&mut self, share: Option<u64>, line: &Line<'a>) {
        let Some(share) = share else {
            return;
        };
        let of_all_tasks = share.saturating_mul(self.asked.tasks);
        let asked = [of_all_tasks, share]
            .into_iter()
            .find(|&cpus| cpus <= self.asked.cpus);
        if share == shares::ALL {
            raise(&mut self.cpus, None, line);
        } else if asked.is_some() {
            raise(&mut self.cpus, asked, line);
        }
    }

    fn note(&mut self, line: &Line<'a>, command: &[u8], signs: Signs, words: &[&[u8]]) {
        let (facts, cpus) = (&self.facts, self.asked.cpus);
        let (script, places) = (self.script, &self.several);
        let places = || places.get_or_init(|| Several::of(script, facts));
        let background = &self.background;
        let is_background = || {
            let place = line.place();
            let known = background.take().filter(|(known, _)| *known == place);
            let (place, has) = known.unwrap_or_else(|| (place, line.has_background()));
            background.set(Some((place, has)));
            has
        };
        let (pipe, writes) = (&mut self.pipe, self.writes);
        let mut taken = Taken::default();
        let mut note = |need: LineNeed| match need {
            LineNeed::Memory(_) | LineNeed::Beside(_) => {
                raise(&mut self.memory, Some(pipe.with(taken.with(need))), line)
            }
            LineNeed::AllMemory => raise(&mut self.memory, None, line),
            LineNeed::Cpus(least) => raise(&mut self.cpus, Some(least), line),
            LineNeed::AllCpus => raise(&mut self.cpus, None, line),
        };
        // How many of them run at once is the script's own secret.
        let several = OnceCell::new();
        let is_kept = || {
            let variable = sets::set_by(command);
            variable.is_some_and(|name| places().uses(name))
                || (variable.is_some() || writes || shown::makes_text(words))
                    && facts.starts_several()
        };
        let is_several = || {
            *several.get_or_init(|| {
                is_background()
                    || forks::runs_several(words.iter().copied())
                    || forks::starts_several(words)
                    || forks::detaches(words.iter().copied())
                    || places().has(line.place())
                    || is_kept()
            })
        };
        if signs.has(Signs::LAUNCHER) {
            steps::needs(facts, command, cpus, is_several, &mut note);
        }
        let one_of_several = OnceCell::new();
        let is_one_of_several = || {
            *one_of_several
                .get_or_init(|| is_several() || steps::have_several_tasks(facts, command))
        };
        let mut note = |need: LineNeed| match need {
            LineNeed::Memory(_) | LineNeed::Beside(_) if is_one_of_several() => {
                note(LineNeed::AllMemory)
            }
            need => note(need),
        };
        programs::needs(facts, command, signs, words, cpus, &mut note);
        if signs.has(Signs::JAVA) {
            java::needs(facts, words, &mut note);
        }
        if signs.has(Signs::SIZED) || signs.has(Signs::PROCESSORS) {
            sizes::needs(facts, command, words, &mut note);
            let put_in = edits::put_in(words);
            let words = put_in.as_deref().unwrap_or(words);
            inputs::needs(facts, words, cpus, &mut note);
        }
    }

    pub fn floor(self) -> Floor {
        let reliance = |(least, line): (Option<u64>, Line)| Reliance {
            least,
            line: line.number,
            text: printable_part(&self.written[line.place()], SHOWN),
        };
        Floor {
            memory: self.memory.map(reliance),
            cpus: self.cpus.map(reliance),
        }
    }
}

/// A command of a line only shows something, as far as that is known of the script.
fn prints_only(facts: &Facts, line: &Line, command: &Range<usize>) -> bool {
    let goes_on = |text: &[u8], place: &Range<usize>| facts.sink(text, place).is_some();
    let prints = |name: &[u8]| facts.prints(name);
    line.only_shows(command, || facts.collects(), goes_on, prints)
}

/// Keeps what needs more; all that was asked for is the most.
fn raise<'a>(known: &mut Option<(Option<u64>, Line<'a>)>, least: Option<u64>, line: &Line<'a>) {
    let is_more = match (&known, least) {
        (None, _) => true,
        (Some((None, _)), _) => false,
        (Some((Some(_), _)), None) => true,
        (Some((Some(known), _)), Some(least)) => least > *known,
    };
    if is_more {
        *known = Some((least, *line));
    }
}
