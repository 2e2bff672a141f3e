//! What is known about kinds of jobs: predict from it, carry it, train it.
#![forbid(unsafe_code)]

#[cfg(feature = "programs")]
mod base;
pub mod curve;
pub mod evidence;
#[cfg(feature = "programs")]
pub mod fit;
#[cfg(feature = "programs")]
pub mod learner;
#[cfg(feature = "programs")]
pub mod margin;
pub mod predict;
#[cfg(feature = "programs")]
mod quantity;
pub mod seats;
pub mod snapshot;
#[cfg(feature = "programs")]
pub mod train;
