//! What is known about kinds of jobs: predict from it, carry it, train it.
#![forbid(unsafe_code)]

pub mod evidence;
#[cfg(feature = "programs")]
pub mod fit;
pub mod predict;
pub mod snapshot;
#[cfg(feature = "programs")]
pub mod train;
