//! The mark of a shadow, written by Rust, is read by C on the node.
#![allow(unsafe_code)]

use shadowfit_core::shadow::contract::shadowfit_mark;
use shadowfit_core::shadow::{Mark, NoMark};
use std::ffi::{CStr, CString, c_char, c_int};

unsafe extern "C" {
    /// In c_shim/spank/mark.c, which the library links.
    fn mark_read(text: *const c_char, mark: *mut shadowfit_mark) -> c_int;
}

/// What C reads of `text`; `None` where that is no mark.
fn read_by_c(text: &str) -> Option<Mark> {
    let text = CString::new(text).expect("no NUL");
    // SAFETY: a struct of numbers alone.
    let mut mark: shadowfit_mark = unsafe { std::mem::zeroed() };
    // SAFETY: the text ends in NUL, and the struct is writable.
    let answer = unsafe { mark_read(text.as_ptr(), &mut mark) };
    // SAFETY: C ends the job's name in NUL.
    let job = unsafe { CStr::from_ptr(mark.job.as_ptr()) };
    let is_empty = job.is_empty();
    assert_eq!(is_empty, answer != 0, "no job without a mark");
    (answer == 0).then(|| Mark {
        job: job.to_str().expect("digits").parse().expect("a number"),
        until: mark.until,
        cpus: mark.cpus,
        scratch_mib: mark.scratch_mib,
        pids: mark.pids,
        io_mib_s: mark.io_mib,
    })
}

#[test]
fn c_reads_the_mark_that_rust_writes() {
    let mark = Mark {
        job: 4711,
        until: 1_700_000_000,
        cpus: 8,
        scratch_mib: 512,
        pids: 1024,
        io_mib_s: 100,
    };
    assert_eq!(read_by_c(&mark.to_string()), Some(mark.clone()));
    assert_eq!(mark.to_string().parse(), Ok(mark.clone()));
    for text in [
        "",
        "off",
        "shadow:",
        "shadow:1:2:3:4:5",
        &format!("{mark}x"),
        &format!("{mark}:1"),
        "shadow:../x:1:1:1:1:1",
    ] {
        assert_eq!(read_by_c(text), None, "{text}");
        assert_eq!(text.parse::<Mark>(), Err(NoMark), "{text}");
    }
}
