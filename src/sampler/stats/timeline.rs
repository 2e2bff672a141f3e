//! The largest value in each slice of a time.

/// Maxima of slices of equal length; the slices double when there are too many.
#[derive(Debug)]
pub struct Timeline {
    points: Vec<u32>,
    limit: usize,
    per_point: u32,
    in_last: u32,
}

impl Timeline {
    /// At most `limit` points at the end.
    pub fn new(limit: usize) -> Timeline {
        Timeline {
            points: Vec::with_capacity(2 * limit),
            limit,
            per_point: 1,
            in_last: 0,
        }
    }

    /// Takes the next sample; samples come at equal distances.
    pub fn push(&mut self, value: u32) {
        if self.in_last == 0 {
            if self.points.len() == 2 * self.limit {
                self.halve();
            }
            self.points.push(value);
        } else if let Some(last) = self.points.last_mut() {
            *last = value.max(*last);
        }
        self.in_last = (self.in_last + 1) % self.per_point;
    }

    fn halve(&mut self) {
        self.points = self.points.chunks(2).map(largest).collect();
        self.per_point *= 2;
    }

    /// At most `limit` points, oldest first, in the unit of the samples.
    pub fn points(&self) -> Vec<u32> {
        let per_point = self.points.len().div_ceil(self.limit).max(1);
        self.points.chunks(per_point).map(largest).collect()
    }
}

fn largest(slice: &[u32]) -> u32 {
    slice.iter().copied().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_keeps_its_shape_and_its_peak_whatever_its_length() {
        for length in [1, 12, 13, 100, 5000] {
            let mut timeline = Timeline::new(12);
            (0..length).for_each(|n| timeline.push(n));
            let points = timeline.points();
            assert!(points.len() <= 12 && points.is_sorted(), "{points:?}");
            assert_eq!(points.last(), Some(&(length - 1)));
        }
    }

    #[test]
    fn a_point_is_the_largest_of_its_slice() {
        let points = |samples: &[u32]| {
            let mut timeline = Timeline::new(3);
            samples.iter().for_each(|&value| timeline.push(value));
            timeline.points()
        };
        assert_eq!(points(&[]), [0; 0]);
        assert_eq!(points(&[5, 1, 3]), [5, 1, 3]);
        assert_eq!(points(&[5, 1, 3, 4]), [5, 4]);
        assert_eq!(points(&[5, 1, 3, 4, 9, 2]), [5, 4, 9]);
        assert_eq!(points(&[5, 1, 3, 4, 9, 2, 7]), [5, 9]);
        assert_eq!(points(&[5, 1, 3, 4, 9, 2, 7, 8, 1, 1, 1, 6]), [5, 9, 6]);
    }
}
