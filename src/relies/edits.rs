//! What sed puts into an input of chemists' programs: of `s/%mem=.*/%mem=48GB/` the last part.

/// Where in the text of sed's a word stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Outside,
    /// What is replaced.
    Pattern,
    Replacement,
}

/// The words that a command puts into an input; `None` where it puts none.
pub fn put_in<'a>(words: &[&'a [u8]]) -> Option<Vec<&'a [u8]>> {
    if !words.iter().any(|word| word.starts_with(b"s/")) {
        return None;
    }
    let mut part = Part::Outside;
    let mut found = Vec::new();
    for word in words {
        let mut pieces = word.split(|&byte| byte == b'/').peekable();
        while let Some(piece) = pieces.next() {
            if part == Part::Replacement && !piece.is_empty() {
                found.push(piece);
            }
            if pieces.peek().is_some() {
                part = part.behind(piece);
            }
        }
    }
    found.iter().any(|word| is_of_input(word)).then_some(found)
}

/// A word that stands in an input alone, as `%mem=8GB` does.
fn is_of_input(word: &[u8]) -> bool {
    word.starts_with(b"%") || word.eq_ignore_ascii_case(b"nprocs")
}

impl Part {
    /// What follows behind the slash that ends `piece`.
    fn behind(self, piece: &[u8]) -> Part {
        match self {
            Part::Outside if piece.ends_with(b"s") => Part::Pattern,
            Part::Pattern => Part::Replacement,
            Part::Outside | Part::Replacement => Part::Outside,
        }
    }
}
