//! Between the contract's structs and the project's nouns.

use super::contract::*;
use crate::config::Manager;
use crate::decide::sentence;
use crate::job::array::Extent;
use crate::job::unshadowed::Unshadowed;
use crate::job::{Ask, Layout, LeftAlone, Memory, Request, Texts};
use crate::job::{arguments, array};
use crate::record::{Change, Record, ShadowRecord};
use crate::shadow::{INPUT_VARIABLE, MARK_PREFIX, MEASURE, Mark, OFF, OPTION_VARIABLE};
use std::ffi::c_char;

/// What SPANK hands on is read up to here, in bytes: all that is ours is shorter.
const LONGEST_VALUE: usize = 4096;

/// What whoever forges a mark reads.
const NOT_YOURS: &str =
    "shadowfit: only root and SlurmUser submit shadows, and none of root's jobs";

/// Reads a request.
///
/// # Safety
/// The texts of `raw` are NULL or end in NUL, its arrays have the lengths it names, and all of
/// them outlive `raw`.
pub unsafe fn request(raw: &shadowfit_request) -> Request<'_> {
    // SAFETY: the caller's promise covers every pointer in `raw`.
    let (texts, has_all_arguments, licenses, array, input_bytes, option) = unsafe {
        let all = list(raw.argv, raw.argc, arguments::MOST_BYTES + 1);
        let (arguments, has_all) = arguments::first(all.skip(1));
        let texts = Texts {
            account: beginning(raw.account, Texts::LONGEST + 1),
            partition: beginning(raw.partition, Texts::LONGEST + 1),
            name: beginning(raw.name, Texts::LONGEST + 1).unwrap_or_default(),
            comment: beginning(raw.comment, Texts::LONGEST + 1).unwrap_or_default(),
            work_dir: beginning(raw.work_dir, Texts::LONGEST_PATH + 1),
            script: beginning(raw.script, Texts::LONGEST_SCRIPT + 1).unwrap_or_default(),
            arguments,
        };
        (
            texts,
            has_all,
            beginning(raw.licenses, Texts::LONGEST + 1),
            beginning(raw.array, array::LONGEST + 1),
            input_bytes(raw),
            option(raw).unwrap_or_default(),
        )
    };
    let array = array.map(|text| str::from_utf8(text).unwrap_or("?"));
    let reads_all = Reads {
        arguments: has_all_arguments,
        texts: !texts.are_too_long(licenses.unwrap_or_default()),
    };
    Request {
        uid: raw.uid,
        texts,
        ask: ask(raw),
        // What is not UTF-8 names no license of ours.
        licenses: licenses.map_or("", |text| str::from_utf8(text).unwrap_or("|")),
        jobs: array::jobs(array),
        array: array.and_then(Extent::of),
        input_bytes,
        left_alone: left_alone(raw, option == OFF.as_bytes(), reads_all),
        may_wait: raw.traits & (SHADOWFIT_CANNOT_WAIT | SHADOWFIT_GPUS) == 0,
        unshadowed: unshadowed(raw),
        starts_later: raw.traits & SHADOWFIT_LATER != 0,
        measured: option == MEASURE.as_bytes(),
    }
}

/// A submission with the mark of a shadow.
pub enum Marked {
    /// As the agent submits it.
    Shadow(Mark),
    /// By somebody who may not, in the name of root, or no mark at all.
    Forged,
}

/// Whether this submission is marked as a shadow, and rightly.
///
/// # Safety
/// As for [`request`].
pub unsafe fn marked(raw: &shadowfit_request) -> Option<Marked> {
    // SAFETY: the caller's promise is the one that `option` asks for.
    let option = unsafe { option(raw) }?;
    if !option.starts_with(MARK_PREFIX.as_bytes()) {
        return None;
    }
    let mark = str::from_utf8(option)
        .ok()
        .and_then(|text| text.parse().ok());
    let may = raw.traits & SHADOWFIT_TRUSTED != 0 && raw.uid != 0;
    Some(mark.filter(|_| may).map_or(Marked::Forged, Marked::Shadow))
}

/// The size of the input, as sbatch's side found it.
///
/// # Safety
/// As for [`request`].
unsafe fn input_bytes(raw: &shadowfit_request) -> Option<u64> {
    // SAFETY: the caller's promise is the one that `variable` asks for.
    let value = unsafe { variable(raw, INPUT_VARIABLE) }?;
    str::from_utf8(value)
        .ok()?
        .parse()
        .ok()
        .filter(|&bytes| bytes > 0)
}

/// The value of `--shadowfit`.
///
/// # Safety
/// As for [`request`].
unsafe fn option<'a>(raw: &shadowfit_request) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise is the one that `variable` asks for.
    unsafe { variable(raw, OPTION_VARIABLE) }
}

/// What SPANK hands to job_submit under this name.
///
/// # Safety
/// As for [`request`].
unsafe fn variable<'a>(raw: &shadowfit_request, name: &str) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise covers `spank_env` and its length.
    let mut entries = unsafe { pointers(raw.spank_env, raw.spank_env_count) };
    // SAFETY: and each of its entries.
    entries.find_map(|entry| unsafe { value(entry, name) })
}

/// What stands behind `name=`. Of entries with other names, of which there may be any number, no more is read than tells that.
///
/// # Safety
/// `entry` is NULL or a text ending in NUL that lives long enough.
unsafe fn value<'a>(entry: *const c_char, name: &str) -> Option<&'a [u8]> {
    if entry.is_null() {
        return None;
    }
    let mut begin = name.bytes().chain(*b"=").enumerate();
    // SAFETY: the first byte that differs, as a NUL does, is the last that is read.
    if !begin.all(|(at, byte)| unsafe { *entry.add(at) as u8 == byte }) {
        return None;
    }
    // SAFETY: the name and its sign stand before this, so the text ends here or later.
    unsafe { beginning(entry.add(name.len() + 1), LONGEST_VALUE) }
}

fn ask(raw: &shadowfit_request) -> Ask {
    let memory = number(raw.memory_per_node_mib)
        .map(Memory::Node)
        .or(number(raw.memory_per_cpu_mib).map(Memory::Cpu));
    Ask {
        memory,
        cpus: small(raw.cpus_per_task).unwrap_or(1).max(1),
        layout: Layout::new(
            small(raw.tasks),
            small(raw.tasks_per_node),
            small(raw.min_nodes),
            small(raw.max_nodes),
        ),
        time_s: number(raw.time_limit_min).map(|minutes| minutes.saturating_mul(60)),
        own_time_min: raw.traits & SHADOWFIT_OWN_TIME_MIN != 0,
        own_cpus: raw.traits & SHADOWFIT_OWN_CPUS != 0,
        own_memory: raw.traits & SHADOWFIT_OWN_MEMORY != 0,
        ..Ask::LEAST
    }
}

fn unshadowed(raw: &shadowfit_request) -> Option<Unshadowed> {
    [
        (SHADOWFIT_OWN_INPUT, Unshadowed::Input),
        (SHADOWFIT_CONTAINER, Unshadowed::Container),
        (SHADOWFIT_BURST_BUFFER, Unshadowed::BurstBuffer),
    ]
    .into_iter()
    .find_map(|(bit, why)| (raw.traits & bit != 0).then_some(why))
}

/// What of a submission was read to its end.
struct Reads {
    arguments: bool,
    texts: bool,
}

fn left_alone(raw: &shadowfit_request, opted_out: bool, reads_all: Reads) -> Option<LeftAlone> {
    let has = |bit| raw.traits & bit != 0;
    [
        (raw.script.is_null(), LeftAlone::NoScript),
        (opted_out, LeftAlone::OptedOut),
        (
            raw.memory_per_node_mib == 0 || raw.memory_per_cpu_mib == 0,
            LeftAlone::WholeNodeMemory,
        ),
        (has(SHADOWFIT_EXCLUSIVE), LeftAlone::Exclusive),
        (has(SHADOWFIT_MEM_PER_GPU), LeftAlone::MemoryPerGpu),
        (has(SHADOWFIT_HETEROGENEOUS), LeftAlone::Heterogeneous),
        (has(SHADOWFIT_CRON), LeftAlone::Scrontab),
        (has(SHADOWFIT_EXPEDITED), LeftAlone::Expedited),
        (!reads_all.arguments, LeftAlone::ManyArguments),
        (!reads_all.texts, LeftAlone::LongTexts),
        (!has(SHADOWFIT_REQUEUEABLE), LeftAlone::NoRequeue),
    ]
    .into_iter()
    .find_map(|(applies, reason)| applies.then_some(reason))
}

/// Somebody else uses this job's AdminComment.
///
/// # Safety
/// As for [`request`].
pub unsafe fn has_comment(raw: &shadowfit_request) -> bool {
    // SAFETY: the caller's promise covers `admin_comment`.
    unsafe { beginning(raw.admin_comment, 1) }.is_some_and(|comment| !comment.is_empty())
}

/// Somebody reads what sbatch prints: no other job, whose own output it would be in, and no workflow manager.
pub fn is_read(raw: &shadowfit_request, record: &Record) -> bool {
    let by_a_program = record
        .manager
        .is_some_and(|manager| manager != Manager::Itself);
    raw.traits & SHADOWFIT_FROM_A_JOB == 0 && !by_a_program
}

/// Writes a decision, with a line for the user if that `is_read`. A job whose AdminComment is taken is not rewritten: without the
/// record nobody could explain the rewrite, nor undo it.
pub fn answer(
    record: &Record,
    comment_is_taken: bool,
    is_read: bool,
    answer: &mut shadowfit_answer,
) {
    let Some(comment) = record.to_comment().filter(|_| !comment_is_taken) else {
        return;
    };
    text(&comment, &mut answer.comment);
    answer.actions |= SHADOWFIT_SET_COMMENT;
    let mut memory = [record.memory, record.raised].into_iter().flatten();
    if let Some(memory) = memory.find(Change::applies) {
        answer.memory_mib = memory.set;
        answer.actions |= SHADOWFIT_SET_MEMORY;
    }
    if let Some(cpus) = record.cpus.filter(Change::applies) {
        answer.cpus_per_task = cpus.set as u32;
        answer.actions |= SHADOWFIT_SET_CPUS;
    }
    if let Some(time) = record.time.filter(Change::applies) {
        answer.time_min = time.set as u32;
        answer.actions |= SHADOWFIT_SET_TIME_MIN;
        if record.limits_time {
            answer.actions |= SHADOWFIT_SET_TIME_LIMIT;
        }
    }
    let licenses = record.licenses.as_ref().filter(|_| record.relicenses());
    if let Some(licenses) = licenses.filter(|l| l.set.len() < answer.licenses.len()) {
        text(&licenses.set, &mut answer.licenses);
        answer.actions |= SHADOWFIT_SET_LICENSES;
    }
    if let Some(wait) = &record.shadow {
        answer.delay_s = wait.delay_s();
        answer.actions |= SHADOWFIT_DELAY;
    }
    if let Some(line) = sentence(record).filter(|_| is_read) {
        text(&line, &mut answer.text);
        answer.actions |= SHADOWFIT_NOTIFY_USER;
    }
}

/// Marks a shadow as whose it is.
pub fn answer_marked(marked: &Marked, answer: &mut shadowfit_answer) {
    match marked {
        Marked::Shadow(mark) => {
            let comment = ShadowRecord::submitted(mark).to_comment();
            text(&comment, &mut answer.comment);
            answer.actions |= SHADOWFIT_SET_COMMENT;
        }
        Marked::Forged => {
            text(NOT_YOURS, &mut answer.text);
            answer.actions |= SHADOWFIT_REFUSE;
        }
    }
}

/// Writes a line for slurmctld's log, if there is one.
pub fn log(problem: Option<String>, answer: &mut shadowfit_answer) {
    if let Some(problem) = problem {
        text(&problem, &mut answer.log);
        answer.actions |= SHADOWFIT_LOG;
    }
}

/// Copies `from` into a C buffer, cut to fit and ended with NUL.
pub fn text(from: &str, into: &mut [c_char]) {
    let room = into.len() - 1;
    let length = (0..=room.min(from.len()))
        .rev()
        .find(|&at| from.is_char_boundary(at))
        .unwrap_or(0);
    for (to, byte) in into.iter_mut().zip(&from.as_bytes()[..length]) {
        *to = *byte as c_char;
    }
    into[length] = 0;
}

fn number(raw: u64) -> Option<u64> {
    (raw != SHADOWFIT_UNSET as u64).then_some(raw)
}

fn small(raw: u64) -> Option<u32> {
    number(raw).and_then(|raw| raw.try_into().ok())
}

/// As much of a text as is read, whose length its user decides: `most` bytes of it at most.
unsafe fn beginning<'a>(text: *const c_char, most: usize) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller promises that a text that is not NULL ends in NUL and lives long enough: nothing behind that is read.
    unsafe {
        let length = (0..most).find(|&at| *text.add(at) == 0).unwrap_or(most);
        Some(std::slice::from_raw_parts(text.cast(), length))
    }
}

/// Of each of these texts at most `most` bytes.
unsafe fn list<'a>(
    array: *const *const c_char,
    count: u32,
    most: usize,
) -> impl Iterator<Item = &'a [u8]> {
    // SAFETY: the caller promises what `pointers` asks for, and that each is NULL or a text ending in NUL.
    unsafe { pointers(array, count).filter_map(move |text| beginning(text, most)) }
}

unsafe fn pointers(array: *const *const c_char, count: u32) -> impl Iterator<Item = *const c_char> {
    let count = if array.is_null() { 0 } else { count as usize };
    // SAFETY: the caller promises `count` readable pointers.
    (0..count).map(move |index| unsafe { *array.add(index) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Kind;
    use std::ffi::CString;
    use std::ptr::null;

    /// As one comes from C, with all that is not said here NULL or 0.
    fn raw() -> shadowfit_request {
        // SAFETY: numbers and pointers, for which all zeros (and NULL) is a value.
        unsafe { std::mem::zeroed() }
    }

    #[test]
    fn of_a_text_no_more_is_read_than_is_wanted() {
        let text = CString::new("four").unwrap();
        for (most, read) in [(0, ""), (3, "fou"), (4, "four"), (5, "four")] {
            // SAFETY: the text outlives what is read of it.
            let found = unsafe { beginning(text.as_ptr(), most) };
            assert_eq!(found, Some(read.as_bytes()), "{most}");
        }
        // Without an end nothing but this bound keeps whoever reads it.
        let endless = [b'x' as c_char; 8];
        // SAFETY: as many bytes are there; NULL is allowed.
        let found = unsafe { [beginning(endless.as_ptr(), 8), beginning(null(), 8)] };
        assert_eq!(found, [Some(&b"xxxxxxxx"[..]), None]);
    }

    #[test]
    fn a_job_with_a_longer_text_than_slurm_takes_is_left_alone_and_no_more_of_it_is_read() {
        let text = |length: usize| CString::new(vec![b','; length]).unwrap();
        let [script, most, path, long] = [
            9,
            Texts::LONGEST,
            Texts::LONGEST_PATH,
            Texts::LONGEST_SCRIPT + 9,
        ]
        .map(text);
        let well = shadowfit_request {
            account: most.as_ptr(),
            partition: most.as_ptr(),
            name: most.as_ptr(),
            comment: most.as_ptr(),
            licenses: most.as_ptr(),
            work_dir: path.as_ptr(),
            script: script.as_ptr(),
            traits: SHADOWFIT_REQUEUEABLE,
            memory_per_node_mib: 1000,
            memory_per_cpu_mib: u64::MAX,
            ..raw()
        };
        // How much is read of all texts together, and why the job is left alone.
        let read = |raw: &shadowfit_request| {
            // SAFETY: the texts end in NUL and outlive the request.
            let found = unsafe { request(raw) };
            let texts = &found.texts;
            let some = [texts.account, texts.partition, texts.work_dir].into_iter();
            let all = [
                texts.name,
                texts.comment,
                texts.script,
                found.licenses.as_bytes(),
            ];
            let bytes: usize = some.flatten().chain(all).map(<[u8]>::len).sum();
            (bytes, found.left_alone)
        };
        let (whole, left_alone) = read(&well);
        assert_eq!(left_alone, None);
        let set: [fn(&mut shadowfit_request, *const c_char); 7] = [
            |raw, text| raw.account = text,
            |raw, text| raw.partition = text,
            |raw, text| raw.name = text,
            |raw, text| raw.comment = text,
            |raw, text| raw.licenses = text,
            |raw, text| raw.work_dir = text,
            |raw, text| raw.script = text,
        ];
        for (which, set) in set.iter().enumerate() {
            let mut raw = well;
            set(&mut raw, long.as_ptr());
            let most = match which {
                6 => whole - 9 + Texts::LONGEST_SCRIPT + 1,
                _ => whole + 1,
            };
            assert_eq!(read(&raw), (most, Some(LeftAlone::LongTexts)), "{which}");
        }
    }

    #[test]
    fn of_entries_with_other_names_no_more_is_read_than_tells_that() {
        // Each but the last two lacks an end: nothing but the first byte that differs keeps whoever reads it.
        let entries: [&[u8]; 5] = [b"X", b"NAMEX", b"NA\0", b"NAME=\0", b"NAME=off\0"];
        let values = entries.map(|entry| {
            // SAFETY: up to the first byte that differs, or their end, they can be read.
            unsafe { value(entry.as_ptr().cast(), "NAME") }
        });
        assert_eq!(values, [None, None, None, Some(&b""[..]), Some(b"off")]);
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { value(null(), "NAME") }, None);
    }

    #[test]
    fn what_no_shadow_would_have_is_told() {
        for (traits, why) in [
            (0, None),
            (SHADOWFIT_OWN_INPUT, Some(Unshadowed::Input)),
            (SHADOWFIT_CONTAINER, Some(Unshadowed::Container)),
            (SHADOWFIT_BURST_BUFFER, Some(Unshadowed::BurstBuffer)),
        ] {
            let raw = shadowfit_request { traits, ..raw() };
            // SAFETY: it holds no text.
            assert_eq!(unsafe { request(&raw) }.unshadowed, why);
        }
    }

    #[test]
    fn a_job_that_slurm_would_requeue_and_hold_is_left_alone() {
        let script = CString::new("#!/bin/sh\n").unwrap();
        let raw = shadowfit_request {
            script: script.as_ptr(),
            traits: SHADOWFIT_REQUEUEABLE | SHADOWFIT_EXPEDITED,
            memory_per_node_mib: 1000,
            memory_per_cpu_mib: u64::MAX,
            ..raw()
        };
        // SAFETY: the text ends in NUL and outlives the request.
        let found = unsafe { request(&raw) };
        assert_eq!(found.left_alone, Some(LeftAlone::Expedited));
    }

    #[test]
    fn a_long_array_is_any_number_of_jobs_whatever_it_says() {
        let text = |count: usize| CString::new(vec!["1"; count].join(",")).unwrap();
        for (count, jobs) in [(1, 1), (2048, 2048), (4_000_000, u32::MAX)] {
            let array = text(count);
            let raw = shadowfit_request {
                array: array.as_ptr(),
                ..raw()
            };
            // SAFETY: the text ends in NUL and outlives the request.
            assert_eq!(unsafe { request(&raw) }.jobs, jobs, "{count}");
        }
    }

    #[test]
    fn nothing_is_said_where_nobody_reads_it() {
        for (traits, manager, right) in [
            (0, None, true),
            (0, Some(Manager::Itself), true),
            (0, Some(Manager::Snakemake), false),
            (SHADOWFIT_FROM_A_JOB, None, false),
            (SHADOWFIT_FROM_A_JOB, Some(Manager::Itself), false),
        ] {
            let raw = shadowfit_request { traits, ..raw() };
            let record = Record {
                manager,
                ..Record::kept(Kind::default(), None, "")
            };
            assert_eq!(is_read(&raw, &record), right, "{traits} {manager:?}");
        }
    }

    #[test]
    fn a_job_with_more_arguments_than_are_read_is_left_alone() {
        let script = CString::new("#!/bin/sh\n").unwrap();
        let [short, long] =
            [1, arguments::MOST_BYTES + 1].map(|n| CString::new(vec![b'x'; n]).unwrap());
        let cases = [
            (&short, 1, 1, None),
            (&short, arguments::MOST, arguments::MOST, None),
            (
                &short,
                1_000_000,
                arguments::MOST,
                Some(LeftAlone::ManyArguments),
            ),
            (&long, 1, 0, Some(LeftAlone::ManyArguments)),
        ];
        for (argument, count, read, left_alone) in cases {
            let argv = vec![argument.as_ptr(); count + 1];
            let raw = shadowfit_request {
                script: script.as_ptr(),
                argv: argv.as_ptr(),
                argc: argv.len() as u32,
                traits: SHADOWFIT_REQUEUEABLE,
                memory_per_node_mib: 1000,
                memory_per_cpu_mib: u64::MAX,
                ..raw()
            };
            // SAFETY: the texts end in NUL and outlive the request; there are as many arguments as it says.
            let found = unsafe { request(&raw) };
            assert_eq!(
                (found.texts.arguments.len(), found.left_alone),
                (read, left_alone)
            );
        }
    }
}
