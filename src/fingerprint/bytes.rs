//! What a byte is for the reading of words.

/// Part of a word.
pub const WORD: u8 = 1;
/// 0 to 9.
pub const DIGIT: u8 = 2;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => WORD | DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'-' | b'+' | b'%' | b'~' | b'.' | b'/' | 0x80.. => {
                WORD
            }
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// The bits that apply to `byte`.
pub const fn class(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

const fn repeat(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

/// The first byte from `from` on of which more than itself must be looked at: a dot, a slash, a digit or a control
/// character. Eight bytes are looked at together, since slurmctld waits for it.
pub fn next_special(text: &[u8], from: usize) -> Option<usize> {
    let (eights, rest) = text[from..].as_chunks::<8>();
    for (number, eight) in eights.iter().enumerate() {
        let found = specials(u64::from_le_bytes(*eight));
        if found != 0 {
            return Some(from + number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let is_special = |byte: &u8| matches!(byte, ..0x20 | b'.'..=b'9');
    let at = text.len() - rest.len();
    rest.iter().position(is_special).map(|further| at + further)
}

/// The highest bit of each byte that is special; each byte is added to on its own, as none of the sums
/// exceeds 255.
const fn specials(eight: u64) -> u64 {
    let low = eight & repeat(0x7f);
    let is_control = !(low + repeat(0x80 - 0x20));
    let from_dot = low + repeat(0x80 - b'.');
    let above_nine = low + repeat(0x80 - (b'9' + 1));
    (is_control | (from_dot & !above_nine)) & !eight & repeat(0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_at_every_place() {
        for byte in 0..=255u8 {
            let is_special = byte < 0x20 || (b'.'..=b'9').contains(&byte);
            for at in 0..20 {
                let mut text = [b'a', 0xff].repeat(10);
                text[at] = byte;
                let expected = is_special.then_some(at);
                assert_eq!(next_special(&text, 0), expected, "{byte} at {at}");
                assert_eq!(next_special(&text, at), expected, "{byte} at {at}");
            }
        }
    }
}
