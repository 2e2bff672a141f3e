//! What a later release has written into a record, and this one does not know: whoever writes the record anew leaves it there.
//! Nodes are upgraded one after the other, and the record outlives that.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Such fields of an object, and of those in it that are known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Later {
    fields: Map<String, Value>,
    inner: BTreeMap<String, Later>,
}

impl Later {
    /// What stands in `text` and not in `known`, which was read of it and written again.
    pub(super) fn beyond(known: &str, text: &str) -> Later {
        // Nearly always: there is nothing.
        if known == text {
            return Later::default();
        }
        match (object(text), object(known)) {
            (Some(text), Some(known)) => Later::found(text, &known),
            _ => Later::default(),
        }
    }

    fn found(text: Map<String, Value>, known: &Map<String, Value>) -> Later {
        let mut later = Later::default();
        for (name, value) in text {
            match (value, known.get(&name)) {
                (Value::Object(inner), Some(Value::Object(known))) => {
                    let inner = Later::found(inner, known);
                    if inner != Later::default() {
                        later.inner.insert(name, inner);
                    }
                }
                (_, Some(_)) => {}
                (value, None) => {
                    later.fields.insert(name, value);
                }
            }
        }
        later
    }

    /// The same but for what stands in the object of that name, which is another one now.
    pub(super) fn without(mut self, name: &str) -> Later {
        self.inner.remove(name);
        self
    }

    /// The same for a record that is decided anew: in what is another object then it would tell nothing true.
    pub fn decided_anew(&self) -> Later {
        let mut later = self.clone();
        for name in ["evidence", "memory", "raised", "cpus", "time"] {
            later.inner.remove(name);
        }
        later
    }

    /// The record that is written as `known`, with these fields.
    pub(super) fn joined(&self, known: String) -> String {
        // Nearly always; slurmctld is not to read what it has just written.
        if *self == Later::default() {
            return known;
        }
        match object(&known) {
            None => known,
            Some(mut all) => {
                self.join(&mut all);
                Value::Object(all).to_string()
            }
        }
    }

    /// Nothing of the record's own gives way, and what stood in an object that is gone is gone with it.
    fn join(&self, all: &mut Map<String, Value>) {
        for (name, value) in &self.fields {
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
        for (name, later) in &self.inner {
            if let Some(Value::Object(all)) = all.get_mut(name) {
                later.join(all);
            }
        }
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_stays_wherever_its_object_does() {
        let known = r#"{"a":1,"b":{"c":0.1},"d":{"e":2}}"#;
        let text = r#"{"a":1,"new":[1,{}],"b":{"c":0.1,"new":{"x":0.1}},"d":{"e":2,"new":3}}"#;
        let later = Later::beyond(known, text);
        for (now, joined) in [
            (
                r#"{"a":2,"b":{"c":0.3}}"#,
                r#"{"a":2,"b":{"c":0.3,"new":{"x":0.1}},"new":[1,{}]}"#,
            ),
            // By another record it has become known.
            (r#"{"new":0,"b":7}"#, r#"{"b":7,"new":0}"#),
        ] {
            assert_eq!(later.joined(now.into()), joined);
        }
        let elsewhere = later.without("b").joined(r#"{"b":{}}"#.into());
        assert_eq!(elsewhere, r#"{"b":{},"new":[1,{}]}"#);
        for text in [known, "", "null", "[", r#"{"b":{}}"#] {
            assert_eq!(Later::beyond(known, text), Later::default(), "{text}");
        }
    }
}
