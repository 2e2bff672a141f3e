//! Figures and rows as people read and write them.
#![forbid(unsafe_code)]

#[cfg(feature = "programs")]
#[cfg(test)]
pub mod random;
pub mod rejects;
pub mod units;
