//! Figures and rows as people read and write them.
#![forbid(unsafe_code)]

#[cfg(feature = "programs")]
#[cfg(test)]
pub mod random;
pub mod rejects;
pub mod units;

/// `part` stands in `text`.
pub fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}
