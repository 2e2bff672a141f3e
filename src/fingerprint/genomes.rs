//! What sequencing says by letters without a number: chromosomes (`X` is a value as `7` is), and who was sequenced, in read groups.

use std::ops::Range;

/// Fields of a read group that are another in each job, with what stands behind them.
const OF_A_SAMPLE: [&[u8]; 4] = [b"ID:", b"SM:", b"PU:", b"LB:"];

/// Options behind which chromosomes and regions stand.
const OF_REGIONS: [&[u8]; 9] = [
    b"-r ",
    b"-R ",
    b"-L ",
    b"-c ",
    b"--intervals ",
    b"--regions ",
    b"--targets ",
    b"--contig ",
    b"--chroms ",
];

/// Where the value begins of a field of a read group whose colon stands at `at`.
pub fn read_group(line: &[u8], at: usize) -> Option<usize> {
    let name = at.checked_sub(2)?;
    let begins = match line[..name] {
        [] => true,
        [.., b'\\', b't'] => true,
        [.., before] => before.is_ascii_whitespace() || matches!(before, b'"' | b'\''),
    };
    let value = &line[at + 1..];
    // A library is called `lib1` as often as after a sample.
    let is_library = line[name] == b'L'
        && value
            .get(..3)
            .is_some_and(|lib| lib.eq_ignore_ascii_case(b"lib"));
    (begins && !is_library && OF_A_SAMPLE.contains(&&line[name..=at])).then_some(at + 1)
}

/// The chromosome without a number before the colon of a region at `at`: of `chrX:1-100`. All of it stands behind `from`.
pub fn before_range(line: &[u8], from: usize, at: usize) -> Option<Range<usize>> {
    if !line.get(at + 1)?.is_ascii_digit() {
        return None;
    }
    let before = &line[from..at];
    let letters = before
        .iter()
        .rev()
        .take(6)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let start = at - letters;
    let begins = start.checked_sub(1).is_none_or(|before| {
        let before = line[before];
        before.is_ascii_whitespace() || matches!(before, b'"' | b'\'' | b'=' | b',')
    });
    let letter = begins.then(|| letter(&line[start..at]))??;
    (start + letter.end == at).then_some(start + letter.start..at)
}

/// The same behind an option at `at`: `-L X`.
pub fn behind_option(line: &[u8], at: usize) -> Option<Range<usize>> {
    let begins = at
        .checked_sub(1)
        .is_none_or(|before| line[before].is_ascii_whitespace());
    if !begins {
        return None;
    }
    let text = &line[at..];
    let option = OF_REGIONS.iter().find(|option| text.starts_with(option))?;
    let start = at + option.len();
    let letter = letter(&line[start..])?;
    Some(start + letter.start..start + letter.end)
}

/// Where in a word that starts here the letter of a chromosome stands that has no number.
fn letter(text: &[u8]) -> Option<Range<usize>> {
    let start = if text.starts_with(b"chr") { 3 } else { 0 };
    let is_in_word =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
    let length = text[start..]
        .iter()
        .take(3)
        .take_while(|byte| is_in_word(byte))
        .count();
    let end = start + length;
    matches!(&text[start..end], b"X" | b"Y" | b"M" | b"MT").then_some(start..end)
}
