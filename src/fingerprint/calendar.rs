//! Months and days of the week by their names, as they stand in dates.

use super::meaning::lower;
use std::ops::{Range, RangeInclusive};

pub const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// No name is shorter than `may` or longer than `wednesday`.
const LENGTHS: RangeInclusive<usize> = 3..=9;

/// Whether the segment of `word` at `place` is of a date: `Oct` and `Monday` in `align_Oct-12`, as programs print them, and `oct`
/// where a day or a year follows.
pub fn is_part_of_date(word: &[u8], place: Range<usize>) -> bool {
    let segment = &word[place.clone()];
    let is_alone = segment.len() == word.len();
    let is_word = LENGTHS.contains(&segment.len()) && segment.iter().all(u8::is_ascii_alphabetic);
    if is_alone || !is_word {
        return false;
    }
    let is_printed =
        segment[0].is_ascii_uppercase() && segment[1..].iter().all(u8::is_ascii_lowercase);
    match is_printed {
        true => lower(segment, is_month) || lower(segment, is_day_of_week),
        false => has_number(&word[place.end..]) && lower(segment, is_month),
    }
}

/// Behind a separator stand two digits at least.
fn has_number(behind: &[u8]) -> bool {
    matches!(behind, [b'_' | b'-' | b'.', one, two, ..] if one.is_ascii_digit() && two.is_ascii_digit())
}

fn is_month(word: &[u8]) -> bool {
    MONTHS.contains(&word)
        || matches!(
            word,
            b"january"
                | b"february"
                | b"march"
                | b"april"
                | b"june"
                | b"july"
                | b"august"
                | b"september"
                | b"october"
                | b"november"
                | b"december"
        )
}

fn is_day_of_week(word: &[u8]) -> bool {
    matches!(
        word,
        b"mon"
            | b"tue"
            | b"wed"
            | b"thu"
            | b"fri"
            | b"sat"
            | b"sun"
            | b"monday"
            | b"tuesday"
            | b"wednesday"
            | b"thursday"
            | b"friday"
            | b"saturday"
            | b"sunday"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_days_are_of_a_date_where_they_are_printed_so_or_a_number_follows() {
        for (word, part, right) in [
            ("weave_Oct-12", "Oct", true),
            ("weave_October", "October", true),
            ("Tue_weave", "Tue", true),
            ("weave_oct_2025", "oct", true),
            ("weave_OCT.07", "OCT", true),
            ("weave_oct_4", "oct", false),
            ("weave_sat_12", "sat", false),
            ("weave_SAT-12", "SAT", false),
            ("Sun", "Sun", false),
            ("weave_Octopus", "Octopus", false),
            ("weave_Mo", "Mo", false),
        ] {
            let start = word.find(part).unwrap();
            let place = start..start + part.len();
            assert_eq!(is_part_of_date(word.as_bytes(), place), right, "{word}");
        }
    }
}
