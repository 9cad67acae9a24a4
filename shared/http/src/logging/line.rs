use engine_core::time::rfc3339;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::EventType;

/// Top-level names that an event sets. `timestamp`, `level` and `function` are the logger's alone.
const TOP_LEVEL: [&str; 7] = ["event_type", "status", "action", "resource", "request_id", "correlation_id", "message"];
/// What an actor consists of.
const ACTOR: [&str; 4] = ["type", "ref", "ip", "location"];

/// An event before it is written.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// When it was logged.
    pub timestamp: Timestamp,
    /// Its level.
    pub level: tracing::Level,
    /// The function that logged it.
    pub function: &'a str,
    /// The module that logged it; stands for the action of an event without one.
    pub target: &'a str,
    /// The event's fields in order, then those of the spans around it, innermost first.
    pub fields: Vec<(&'static str, Value)>,
}

/// The line's JSON text, without the line break.
///
/// Top-level names are fixed: a field of any other name goes under `details`, dots making objects. The first write of a
/// name wins, so that data that comes along can never replace what the event itself said.
#[must_use]
pub fn format_line(line: Line<'_>) -> String {
    let mut top = Map::new();
    let (mut actor, mut details) = (Map::new(), Map::new());
    top.insert("timestamp".to_owned(), rfc3339(line.timestamp).into());
    top.insert("level".to_owned(), line.level.as_str().into());
    top.insert("function".to_owned(), line.function.into());
    for (name, value) in line.fields {
        match name.split_once('.') {
            None if TOP_LEVEL.contains(&name) => insert(&mut top, name, value),
            Some(("actor", part)) if ACTOR.contains(&part) => insert(&mut actor, part, value),
            Some(("details", path)) => insert(&mut details, path, value),
            _ => insert(&mut details, name, value),
        }
    }
    insert(&mut top, "event_type", EventType::Lifecycle.as_str().into());
    insert(&mut top, "action", line.target.into());
    for (name, members) in [("actor", actor), ("details", details)] {
        if !members.is_empty() {
            top.insert(name.to_owned(), Value::Object(members));
        }
    }
    Value::Object(top).to_string()
}

/// Puts `value` at a dotted path where nothing stands yet.
fn insert(members: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            members.entry(path).or_insert(value);
        }
        Some((name, rest)) => {
            if let Value::Object(inner) = members.entry(name).or_insert_with(|| Value::Object(Map::new())) {
                insert(inner, rest, value);
            }
        }
    }
}
