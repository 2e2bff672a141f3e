//! Names that archives give to samples and sequences: letters of which tell no jobs apart, however they mix with digits.

/// Before the barcode of a sample, by whose project it is, and how long its first part is at most: `TCGA-BRCA` is a cohort.
const PROJECTS: [(&[u8], usize); 3] = [(b"TCGA-", 2), (b"TARGET-", 2), (b"GTEX-", 5)];

/// Of what RefSeq and its like call sequences.
const SEQUENCES: [&[u8]; 17] = [
    b"NC", b"NM", b"NR", b"NP", b"NG", b"NT", b"NW", b"NZ", b"XM", b"XR", b"XP", b"AC", b"AP",
    b"YP", b"WP", b"GCA", b"GCF",
];

/// No accession is longer, in bytes.
const LONGEST: usize = 48;

/// No archive counts with fewer digits.
const FEWEST_DIGITS: usize = 5;

/// The accession that `text` starts with: how much of it is the same for all, and its length.
pub fn accession(text: &[u8]) -> Option<(usize, usize)> {
    let project = PROJECTS
        .iter()
        .find(|(project, _)| text.starts_with(project));
    match project {
        Some(&(project, first)) => Some((
            project.len(),
            project.len() + barcode(&text[project.len()..], first)?,
        )),
        None => Some((0, sequence(text)?)),
    }
}

/// `A1-A0SB-01A` and `BH-A18V`.
fn barcode(text: &[u8], first: usize) -> Option<usize> {
    let is_one = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'-';
    let code = &text[..text.iter().take(LONGEST).take_while(is_one).count()];
    let end = code.iter().rposition(|&byte| byte != b'-')? + 1;
    let ends = !text.get(end).is_some_and(u8::is_ascii_lowercase)
        && code.iter().take_while(|&&byte| byte != b'-').count() <= first;
    (ends && code[0] != b'-' && code.iter().any(u8::is_ascii_digit)).then_some(end)
}

/// `NC_045512`, `NZ_CP012345`, `GCF_000001405`.
fn sequence(text: &[u8]) -> Option<usize> {
    let letters = count(text, u8::is_ascii_uppercase);
    let number = text[letters..].strip_prefix(b"_")?;
    let inner = count(number, u8::is_ascii_uppercase);
    let digits = count(&number[inner..], u8::is_ascii_digit);
    let end = letters + 1 + inner + digits;
    let ends = !text.get(end).is_some_and(u8::is_ascii_alphanumeric);
    (ends && digits >= FEWEST_DIGITS && inner <= 4 && SEQUENCES.contains(&&text[..letters]))
        .then_some(end)
}

/// A run of the archives in Europe and Japan, which have those of the one in America, too.
pub fn is_run_elsewhere(segment: &[u8]) -> bool {
    matches!(segment, [b'E' | b'D', b'R', b'R', digits @ ..]
        if digits.len() >= FEWEST_DIGITS && digits.iter().all(u8::is_ascii_digit))
}

/// How many bytes at the beginning are such ones; of many not all are counted.
fn count(text: &[u8], is: impl Fn(&u8) -> bool) -> usize {
    text.iter()
        .take(LONGEST)
        .take_while(|byte| is(byte))
        .count()
}
