//! The nouns: what a user asks for, what is seen of a job, and what it used. They stand on nothing else.
#![forbid(unsafe_code)]

pub mod arguments;
pub mod array;
pub mod counters;
pub mod directory;
pub mod evidence;
pub mod licenses;
mod request;
mod run;
pub mod shadow;
pub mod unshadowed;

pub use request::{Ask, Layout, LeftAlone, Memory, OF_A_MANAGER, Request, Texts, kept_always};
pub use run::{Harmed, Named, Run, Usage};

/// Is left out where a noun is written.
fn is_zero(number: &u32) -> bool {
    *number == 0
}
