//! What slurmctld loads: the exported calls of `c_shim/shadowfit_core.h`, and nothing behind them
//! that waits, writes, starts a thread or a process, or knows a database.
//!
//! Each call does the same: guard, convert, call, convert. All of the library's `unsafe` stands in
//! this room.

#[allow(missing_docs, non_camel_case_types, dead_code, clippy::all)]
#[rustfmt::skip]
pub mod contract;
mod convert;
mod guard;
mod live;
mod rewritten_since;

use contract::{SHADOWFIT_ABI, shadowfit_answer, shadowfit_request};
use live::Live;
use once_cell::sync::OnceCell;

static LIVE: OnceCell<Live> = OnceCell::new();

fn live() -> &'static Live {
    LIVE.get_or_init(|| Live::new(crate::config::Config::default_path()))
}

/// The contract's number that this core was built with.
#[unsafe(no_mangle)]
pub extern "C" fn shadowfit_abi() -> u32 {
    SHADOWFIT_ABI
}

/// Reads configuration and snapshot once, in full, and reports what is wrong with them.
///
/// # Safety
/// `answer` is NULL or points to a writable `shadowfit_answer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadowfit_open(answer: *mut shadowfit_answer) {
    // SAFETY: the caller's promise is the one that `guard` asks for.
    unsafe {
        guard::guard(answer, |answer| {
            live().refresh_fully();
            convert::log(live().take_problem(), answer);
        });
    }
}

/// Decides about one job; whatever goes wrong, the answer is "no action".
///
/// # Safety
/// `request` points to a request whose texts are NULL or end in NUL and whose arrays have the
/// lengths it names; `answer` points to a writable `shadowfit_answer`; all for the time of the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadowfit_decide(
    request: *const shadowfit_request,
    answer: *mut shadowfit_answer,
) {
    // SAFETY: the caller's promises are the ones that `guard` and `convert::request` ask for.
    unsafe {
        guard::guard(answer, |answer| {
            let Some(raw) = request.as_ref() else { return };
            if let Some(marked) = convert::marked(raw) {
                return convert::answer_marked(&marked, answer);
            }
            let request = convert::request(raw);
            #[cfg(feature = "panic-hook")]
            assert_ne!(request.texts.name, b"panic", "a panic on demand");
            let decision = live().decide(&request);
            convert::log(live().take_problem(), answer);
            if let Some(record) = decision {
                convert::answer(
                    &record,
                    convert::has_comment(raw),
                    convert::is_read(raw, &record),
                    answer,
                );
            }
        });
    }
}
