//! Values as the releases of Slurm write them into JSON.

use serde_json::Value;

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
