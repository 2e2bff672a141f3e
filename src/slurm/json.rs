//! Values as the releases of Slurm write them into JSON.

use serde_json::Value;

/// The first value of an answer: Slurm's plugins, too, write lines behind it. Names hold any bytes, and some releases write
/// numbers that are no JSON.
pub fn first(answer: &[u8]) -> serde_json::Result<Value> {
    with_odd_numbers(&String::from_utf8_lossy(answer), first_of)
}

/// What `read` makes of `text`, whose numbers may be such as are no JSON.
pub fn with_odd_numbers<T>(
    text: &str,
    read: impl Fn(&str) -> serde_json::Result<T>,
) -> serde_json::Result<T> {
    read(text).or_else(|_| read(&without_odd_numbers(text)))
}

fn first_of(text: &str) -> serde_json::Result<Value> {
    // Without any there is nothing to read, which is an error as well.
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    values.next().unwrap_or_else(|| serde_json::from_str(text))
}

/// A plain number, or `{"set": true, "number": 7}` as releases from 23.02 write it.
pub fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Object(object) => object
            .get("set")
            .and_then(Value::as_bool)
            .unwrap_or(true)
            .then(|| object.get("number")?.as_u64())?,
        other => other.as_u64(),
    }
}

/// A text, or the first of a list of them, as releases from 23.11 write states.
pub fn word(value: &Value) -> String {
    let first = value.as_array().and_then(|all| all.first());
    let text = first.unwrap_or(value).as_str();
    text.unwrap_or_default().to_owned()
}

/// `NaN` and `Infinity` where a number stands become `null`.
fn without_odd_numbers(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    // Every second part stands in a string; a quote within one is escaped and is no end of it.
    let mut in_string = false;
    for part in text.split_inclusive('"') {
        let is_string = in_string;
        let escapes = part.trim_end_matches('"').bytes().rev();
        let is_escaped = escapes.take_while(|&byte| byte == b'\\').count() % 2 == 1;
        if part.ends_with('"') && !(in_string && is_escaped) {
            in_string = !in_string;
        }
        match is_string {
            true => plain.push_str(part),
            false => plain.push_str(
                &["-Infinity", "Infinity", "-NaN", "NaN"]
                    .iter()
                    .fold(part.to_owned(), |part, odd| part.replace(odd, "null")),
            ),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_numbers_go_and_strings_stay() {
        let text = r#"{"a":NaN,"b":"NaN \\","c":[-Infinity,"\"Infinity"]}"#;
        let plain = r#"{"a":null,"b":"NaN \\","c":[null,"\"Infinity"]}"#;
        assert_eq!(without_odd_numbers(text), plain);
    }

    #[test]
    fn the_first_value_is_read_whatever_stands_behind_it() {
        let cases: [(&[u8], Option<&str>); 7] = [
            (br#"{"a":"b"}"#, Some("b")),
            (b"\n {\"a\":\"b\"}\nsacct: warning: {\n", Some("b")),
            (b"{\"a\":\"b\"}{\"a\":\"c\"}", Some("b")),
            (b"{\"a\":\"b\xff\"}", Some("b\u{fffd}")),
            (br#"{"x":-NaN,"a":"b"} more"#, Some("b")),
            (b"", None),
            (b"sacct: error", None),
        ];
        for (answer, right) in cases {
            let found = first(answer).ok();
            let text = found.as_ref().and_then(|value| value["a"].as_str());
            assert_eq!(text, right, "{}", String::from_utf8_lossy(answer));
        }
    }
}
