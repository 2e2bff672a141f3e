//! What is known about kinds of jobs: predict from it, carry it, train it. It knows no database.
//!
//! Its constants were searched by hand and by random steps on the public traces of nine systems that
//! `docs/measurements.md` lists; no command searches again, but one judges. Objective: the geometric mean over the traces of
//! the memory wasted on known kinds, as a share of what 1.1 times the largest peak seen wastes, with at most 2.5 % of jobs killed
//! on each. `scripts/bench replay --traces DIR` prints both; beside them, for each trace, the waste without the inputs' sizes,
//! and of four traces that of jobs drawn at random, by which a model would be seen that fits the order in which jobs
//! came. A change of a constant is a change of that figure: measure before and after. What no trace can judge is called a judgement
//! where it stands.
#![forbid(unsafe_code)]

#[cfg(feature = "programs")]
pub mod agreement;
pub mod curve;
#[cfg(feature = "programs")]
mod estimator;
#[cfg(feature = "programs")]
pub mod excess;
#[cfg(feature = "programs")]
pub mod extrapolation;
#[cfg(feature = "programs")]
pub mod far_less;
#[cfg(feature = "programs")]
pub mod kind;
pub mod learned;
#[cfg(feature = "programs")]
pub mod margin;
#[cfg(feature = "programs")]
pub mod own_way;
pub mod predict;
#[cfg(feature = "programs")]
mod quantile;
pub mod seats;
#[cfg(feature = "programs")]
pub mod second;
#[cfg(feature = "programs")]
mod selection;
pub mod snapshot;
#[cfg(feature = "programs")]
pub mod trust;
#[cfg(feature = "programs")]
pub mod users;
