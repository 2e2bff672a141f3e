//! What most of many weighted values do not exceed.

/// The smallest value that at least `share`, from 0 to 1, of the weight does not exceed; `None` where there is none.
/// `sorted` are values in their order, each with its weight.
pub fn quantile(sorted: impl Iterator<Item = (f64, f64)> + Clone, share: f64) -> Option<f64> {
    let total: f64 = sorted.clone().map(|(_, weight)| weight).sum();
    let mut below = 0.0;
    let found = sorted.clone().find(|(_, weight)| {
        below += weight;
        below >= share * total
    });
    found.or_else(|| sorted.last()).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_value_and_weight_counts() {
        type Case<'a> = (&'a [(f64, f64)], f64, Option<f64>);
        let heavy_end = [(1.0, 1.0), (2.0, 1.0), (9.0, 2.0)];
        let cases: [Case; 9] = [
            (&heavy_end, 0.0, Some(1.0)),
            (&heavy_end, 0.25, Some(1.0)),
            (&heavy_end, 0.26, Some(2.0)),
            (&heavy_end, 0.5, Some(2.0)),
            (&heavy_end, 0.51, Some(9.0)),
            (&heavy_end, 1.0, Some(9.0)),
            // No weight says anything.
            (&[(1.0, f64::NAN), (5.0, 1.0)], 0.5, Some(5.0)),
            (&[(7.0, 0.1)], 0.99, Some(7.0)),
            (&[], 0.5, None),
        ];
        for (sorted, share, right) in cases {
            let found = quantile(sorted.iter().copied(), share);
            assert_eq!(found, right, "{sorted:?} {share}");
        }
    }
}
