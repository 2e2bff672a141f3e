//! From the text of a record to its fields.

use memchr::memmem::Finder;
use std::borrow::Cow;
use std::ops::Range;

/// How a record is cut into fields.
pub enum Cut {
    /// At each delimiter.
    Delimiter(Finder<'static>),
    /// The same in a file that another program may have written, which puts quotes around what holds a delimiter.
    Quotes(Finder<'static>),
    /// Columns of one width each, in bytes, as sacct prints them for people.
    Widths(Vec<Range<usize>>),
}

impl Cut {
    /// The fields of `text`, which should be `count`.
    pub fn fields<'a>(&self, text: &'a [u8], count: usize) -> Vec<Cow<'a, [u8]>> {
        match self {
            Cut::Delimiter(delimiter) => split(delimiter, text).map(Cow::Borrowed).collect(),
            Cut::Quotes(delimiter) => quoted(delimiter, text, count),
            Cut::Widths(columns) => columns
                .iter()
                .map(|column| Cow::Borrowed(slice(text, column).trim_ascii()))
                .collect(),
        }
    }

    /// The field of column `index` goes on where sacct cut it.
    pub fn is_cut(&self, text: &[u8], index: usize) -> bool {
        match self {
            Cut::Widths(columns) => {
                let column = &columns[index];
                let field = slice(text, column).trim_ascii();
                field.len() == column.len() && field.ends_with(b"+")
            }
            _ => false,
        }
    }
}

/// A line may be shorter: editors take blanks away.
fn slice<'a>(text: &'a [u8], column: &Range<usize>) -> &'a [u8] {
    let end = column.end.min(text.len());
    &text[column.start.min(end)..end]
}

/// The fields of `text`.
pub fn split<'a>(delimiter: &Finder, text: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let length = delimiter.needle().len();
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let rest = &text[from..];
        let end = delimiter.find(rest);
        start = end.map(|end| from + end + length);
        Some(&rest[..end.unwrap_or(rest.len())])
    })
}

/// sacct itself quotes nothing, and a name may begin with a quote: quotes count where only they give as many fields as
/// there should be.
fn quoted<'a>(delimiter: &Finder, text: &'a [u8], count: usize) -> Vec<Cow<'a, [u8]>> {
    let plain: Vec<&[u8]> = split(delimiter, text).collect();
    let fields = match plain.len() == count || !text.contains(&b'"') {
        true => plain,
        false => {
            let whole = join_quoted(delimiter, text);
            if whole.len() == count { whole } else { plain }
        }
    };
    fields.into_iter().map(unquoted).collect()
}

/// The fields of `text`, where one that begins with a quote goes on to the quote that ends a field.
fn join_quoted<'a>(delimiter: &Finder, text: &'a [u8]) -> Vec<&'a [u8]> {
    let (mut fields, mut from, mut end) = (Vec::new(), 0, 0);
    for part in split(delimiter, text) {
        end += part.len();
        if end == text.len() || is_whole(&text[from..end]) {
            fields.push(&text[from..end]);
            from = end + delimiter.needle().len();
        }
        end += delimiter.needle().len();
    }
    fields
}

/// Quotes inside of quotes are doubled.
fn is_whole(field: &[u8]) -> bool {
    !field.starts_with(b"\"") || field.iter().filter(|&&byte| byte == b'"').count() % 2 == 0
}

fn unquoted(field: &[u8]) -> Cow<'_, [u8]> {
    let inside = field
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    match inside {
        None => Cow::Borrowed(field),
        Some(inside) if !inside.contains(&b'"') => Cow::Borrowed(inside),
        Some(inside) => {
            let mut text = inside.to_vec();
            let mut was_quote = false;
            text.retain(|&byte| {
                was_quote = byte == b'"' && !was_quote;
                byte != b'"' || was_quote
            });
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(cut: &Cut, text: &str, count: usize) -> Vec<String> {
        let read = |field: Cow<[u8]>| String::from_utf8_lossy(&field).into_owned();
        cut.fields(text.as_bytes(), count)
            .into_iter()
            .map(read)
            .collect()
    }

    #[test]
    fn quotes_count_where_only_they_give_the_fields_that_should_be() {
        let cut = Cut::Quotes(Finder::new(b",").into_owned());
        for (text, right) in [
            ("7,,x", &["7", "", "x"][..]),
            (r#""7","","x""#, &["7", "", "x"]),
            (r#"7,"cpu=4,mem=8G",x"#, &["7", "cpu=4,mem=8G", "x"]),
            ("7,\"two\nlines,\",x", &["7", "two\nlines,", "x"]),
            (r#"7,"say ""a,b""",x"#, &["7", r#"say "a,b""#, "x"]),
            (r#"7,y,"a,b""#, &["7", "y", "a,b"]),
            // A name of sacct's own.
            (r#"7,"open,x"#, &["7", "\"open", "x"]),
            (r#"7,a"b,x"#, &["7", "a\"b", "x"]),
            (r#"7,"open,x,y"#, &["7", "\"open", "x", "y"]),
            ("", &[""]),
        ] {
            assert_eq!(fields(&cut, text, 3), right, "{text}");
        }
        let plain = Cut::Delimiter(Finder::new(b"::").into_owned());
        assert_eq!(fields(&plain, "\"7\"::x::", 3), ["\"7\"", "x", ""]);
    }

    #[test]
    fn columns_of_one_width_are_cut_where_they_end() {
        let cut = Cut::Widths(vec![0..4, 5..10]);
        assert_eq!(fields(&cut, "  71  warp", 2), ["71", "warp"]);
        assert_eq!(fields(&cut, "  71", 2), ["71", ""]);
        assert_eq!(fields(&cut, "", 2), ["", ""]);
        assert!(cut.is_cut(b"  71 warp+", 1));
        assert!(!cut.is_cut(b"  71  war+", 1), "a name of its own");
    }
}
