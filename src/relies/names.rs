//! Names of variables.

/// A variable's name may hold this byte.
pub fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How many bytes of a variable's name a text begins with; arguments such as `$1` are none of the script's.
pub fn name_length(text: &[u8]) -> usize {
    match text.first() {
        Some(first) if is_in_name(*first) && !first.is_ascii_digit() => text
            .iter()
            .position(|byte| !is_in_name(*byte))
            .unwrap_or(text.len()),
        _ => 0,
    }
}
