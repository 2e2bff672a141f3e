//! Memory and text as Slurm's users read and write them.

/// Bytes in one MiB, the unit in which Slurm counts memory.
pub const MIB: u64 = 1 << 20;

/// Memory the way Slurm prints it: `512M`, `8.1G`, `1.5T`. `mib` is in MiB; one decimal below ten
/// and none above, and never a figure smaller than the truth.
pub fn memory_text(mib: u64) -> String {
    let (value, unit) = match mib {
        0..1024 => return format!("{mib}M"),
        1024..1_048_576 => (mib as f64 / 1024.0, 'G'),
        _ => (mib as f64 / 1_048_576.0, 'T'),
    };
    let tenths = (value * 10.0).ceil() as u64;
    if tenths.is_multiple_of(10) || tenths >= 100 {
        format!("{}{unit}", tenths.div_ceil(10))
    } else {
        format!("{}.{}{unit}", tenths / 10, tenths % 10)
    }
}

/// Reads memory as Slurm writes it (`4000M`, `2.5G`, `617460K`, plain bytes from `--noconvert`);
/// a trailing `n` or `c`, per node or per CPU in old releases, is passed over. `plain` is the size
/// in bytes of a number without unit. Returns bytes; `None` for anything else.
pub fn parse_memory(text: &str, plain: u64) -> Option<u64> {
    let text = text.trim().trim_end_matches(['n', 'c']);
    let (number, unit) = match text.chars().last()? {
        'K' | 'k' => (&text[..text.len() - 1], 1 << 10),
        'M' | 'm' => (&text[..text.len() - 1], MIB),
        'G' | 'g' => (&text[..text.len() - 1], 1 << 30),
        'T' | 't' => (&text[..text.len() - 1], 1 << 40),
        'P' | 'p' => (&text[..text.len() - 1], 1 << 50),
        _ => (text, plain),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let value: f64 = number.parse().ok()?;
    let bytes = value * unit as f64;
    (bytes.is_finite() && (0.0..1e18).contains(&bytes)).then_some(bytes as u64)
}

/// A text from a user, safe for a terminal: one line, no escape sequences, and what is read is what stands there.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if misleads(c) { '?' } else { c })
        .collect()
}

/// JSON that a terminal may show: what would mislead there, and stands only in strings, is escaped. Line breaks between
/// values stay.
pub fn printable_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match misleads(c) && !c.is_ascii_whitespace() {
            // They all have four digits.
            true => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => escaped.push(c),
        }
    }
    escaped
}

/// It moves a terminal's cursor, or shows nothing, a line break or text in another order than it stands there.
fn misleads(c: char) -> bool {
    let is_invisible = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}');
    is_invisible || c.is_control()
}

/// The beginning of a text of any bytes, safe for a terminal, on one line, with single blanks; at most `most`
/// characters.
pub fn printable_part(text: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(8 * most)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = printable(&words.join(" "));
    line.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misleads_on_a_terminal_is_shown_as_such_in_text_and_json() {
        let odd = "\u{1b}\u{7f}\u{85}\u{9b}\u{200b}\u{200f}\u{2028}\u{202a}\u{202e}\u{2066}\u{2069}\u{feff}";
        for c in odd.chars() {
            assert_eq!(printable(&format!("a{c}é b")), "a?é b", "{c:?}");
            let json = serde_json::to_string(&format!("a{c}é")).unwrap();
            let shown = printable_json(&json);
            assert!(!shown.contains(c), "{shown:?}");
            let read: String = serde_json::from_str(&shown).unwrap();
            assert_eq!(read, format!("a{c}é"), "it says the same");
        }
        let pretty = "{\n  \"a\": 1\n}";
        assert_eq!(printable_json(pretty), pretty);
    }

    #[test]
    fn memory_is_printed_as_slurm_prints_it_and_never_too_small() {
        let shown: Vec<String> = [512, 1023, 1024, 8294, 9216, 65536, 1_572_864]
            .map(memory_text)
            .into();
        assert_eq!(shown, ["512M", "1023M", "1G", "8.1G", "9G", "64G", "1.5T"]);
        assert_eq!(memory_text(10 * 1024 + 1), "11G");
    }

    #[test]
    fn memory_is_read_in_every_form_sacct_has_used() {
        assert_eq!(parse_memory("4000M", 1), Some(4000 * MIB));
        assert_eq!(parse_memory("617460K", 1), Some(617_460 * 1024));
        assert_eq!(parse_memory("212566016", 1), Some(212_566_016));
        assert_eq!(parse_memory("2.5Gn", 1), Some(2560 * MIB));
        assert_eq!(parse_memory("4000Mc", 1), Some(4000 * MIB));
    }

    #[test]
    fn memory_that_is_none_is_refused() {
        for text in ["", "M", "-5M", "NaN", "1e99G", "x", "99999999999P", "é"] {
            assert_eq!(parse_memory(text, 1), None, "{text}");
        }
    }
}
