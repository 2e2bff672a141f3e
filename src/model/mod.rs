//! What is known about kinds of jobs: predict from it, carry it, train it. It knows no database.
#![forbid(unsafe_code)]

pub mod curve;
#[cfg(feature = "programs")]
mod estimator;
#[cfg(feature = "programs")]
pub mod extrapolation;
#[cfg(feature = "programs")]
pub mod kind;
pub mod learned;
#[cfg(feature = "programs")]
pub mod margin;
pub mod predict;
pub mod seats;
#[cfg(feature = "programs")]
mod selection;
pub mod snapshot;
