//! What was asked, set, used and saved: figures first, then the forms they are printed in.
#![forbid(unsafe_code)]

pub mod doctor;
pub mod explain;
pub mod page;
mod plot;
pub mod print;
pub mod profile;
pub mod savings;
pub mod shadow;
pub mod trust;
