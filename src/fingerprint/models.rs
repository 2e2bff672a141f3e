//! Numbers that are part of a model's name: its size, or what it goes by.

use super::meaning::{has_meaning, lower, varies};

/// Families of models that go by their size.
const FAMILIES: [&[u8]; 8] = [
    b"resnet",
    b"resnext",
    b"densenet",
    b"vgg",
    b"vit",
    b"gpt",
    b"yolov",
    b"wideresnet",
];

/// No model's name is longer, in bytes.
const LONGEST_NAME: usize = 64;

/// Whether the digits of `segment`, which goes on the word that begins at `from` in `out`, are part of a model's name.
pub fn is_part_of_name(segment: &[u8], out: &[u8], from: usize) -> bool {
    is_size(segment) && is_of_a_model(before(out, from)) || is_model(segment)
}

/// What stands before a segment in its word, which begins at `from`, and before a colon that stands there, as in `llama3:8b`.
/// Only the end is read.
fn before(out: &[u8], from: usize) -> &[u8] {
    let start = out.len().saturating_sub(LONGEST_NAME);
    let from = match out[..from] {
        [.., b':'] => {
            let is_other = |byte: &u8| byte.is_ascii_whitespace() || b":='\"\\".contains(byte);
            let name = &out[start..from.max(start + 1) - 1];
            name.iter()
                .rposition(is_other)
                .map_or(start, |at| start + at + 1)
        }
        _ => from,
    };
    &out[from.max(start)..]
}

/// A name before the size of a model, as in `llama-2-7b`: it needs memory by that number. In `patient_12b` it is a code.
fn is_of_a_model(before: &[u8]) -> bool {
    let mut words = before
        .split(|byte| !byte.is_ascii_alphabetic())
        .filter(|word| !word.is_empty());
    // A folder is called `opt`, too.
    words
        .clone()
        .any(|word| word == b"opt" || has_meaning(word))
        && !words.any(|word| lower(word, varies) || lower(word, is_numbered))
}

/// What is counted, half of it `a` and half `b`.
fn is_numbered(word: &[u8]) -> bool {
    matches!(
        word,
        b"plate"
            | b"well"
            | b"group"
            | b"cohort"
            | b"site"
            | b"visit"
            | b"case"
            | b"figure"
            | b"fig"
            | b"table"
            | b"chapter"
            | b"exercise"
            | b"phase"
            | b"line"
            | b"layer"
            | b"mouse"
            | b"plot"
            | b"section"
            | b"slide"
            | b"tile"
            | b"library"
            | b"lib"
            | b"set"
    )
}

/// Billions of parameters: `7b`, `70B`, of several experts `8x7b`.
pub fn is_size(segment: &[u8]) -> bool {
    let Some((b'b' | b'B', numbers)) = segment.split_last() else {
        return false;
    };
    let is_number =
        |digits: &[u8]| (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    match numbers.iter().position(|&byte| byte == b'x') {
        Some(x) => is_number(&numbers[..x]) && is_number(&numbers[x + 1..]),
        None => is_number(numbers),
    }
}

/// Models whose number is part of their name: `resnet18` and `resnet152` are two.
fn is_model(segment: &[u8]) -> bool {
    let letters = segment
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let (name, number) = segment.split_at(letters);
    number.len() <= 3
        && number.iter().all(u8::is_ascii_digit)
        && FAMILIES
            .iter()
            .any(|family| family.eq_ignore_ascii_case(name))
}
