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
        " shadow:1:1:1:1:1:1",
        "shadow: 1:1:1:1:1:1",
        "shadow:1_2:1:1:1:1:1",
        "shadow:1:1:1:1::1",
    ] {
        assert_eq!(read_by_c(text), None, "{text}");
        assert_eq!(text.parse::<Mark>(), Err(NoMark), "{text}");
    }
}

/// A mark in which field number `which` is `text`, and all others are 1.
fn with_field(which: usize, text: &str) -> String {
    let fields = (0..6).map(|field| if field == which { text } else { "1" });
    format!("shadow:{}", fields.collect::<Vec<_>>().join(":"))
}

#[test]
fn both_read_digits_alone_and_as_many_of_them() {
    for which in 0..6 {
        let most = if which == 2 { 9 } else { 18 };
        for text in ["0", "07", &"9".repeat(most)] {
            let mark = with_field(which, text);
            let read = read_by_c(&mark);
            assert!(read.is_some(), "{mark}");
            assert_eq!(mark.parse::<Mark>().ok(), read, "{mark}");
        }
        let too_long = "9".repeat(most + 1);
        for text in [
            "", "+1", "-1", " 1", "1 ", "\t1", "1_2", "0x1", "1.0", &too_long,
        ] {
            let mark = with_field(which, text);
            assert_eq!(read_by_c(&mark), None, "{mark:?}");
            assert_eq!(mark.parse::<Mark>(), Err(NoMark), "{mark:?}");
        }
    }
}
