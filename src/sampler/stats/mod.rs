//! Figures of fixed size over a time whose length nobody knows in advance.

mod peak_demand;
mod peak_rate;
mod spread;
mod timeline;

pub use peak_demand::PeakDemand;
pub use peak_rate::PeakRate;
pub use spread::Spread;
pub use timeline::Timeline;

/// Everything together: the size of a file is its user's choice, and the kernel's figures may be of any size.
pub fn total(figures: impl IntoIterator<Item = u64>) -> u64 {
    figures.into_iter().fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn a_total_that_no_number_holds_is_the_largest() {
        assert_eq!(total([7, 8]), 15);
        assert_eq!(total([u64::MAX - 7, 8, 1 << 62]), u64::MAX);
    }
}
