//! The JSON schemas that documents are put together from.

use serde_json::{Map, Value, json};

use super::reference;

/// An object of these members. `?` behind a name says that the member may be left out.
#[must_use]
pub fn object(members: &[(&str, Value)]) -> Value {
    let required: Vec<_> = members.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('?')).collect();
    let properties: Map<_, _> =
        members.iter().map(|(name, schema)| (name.trim_end_matches('?').to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

/// The same as a body, which has no other members.
#[must_use]
pub fn fields(members: &[(&str, Value)]) -> Value {
    let mut schema = object(members);
    schema["additionalProperties"] = json!(false);
    schema
}

/// A page of a list.
#[must_use]
pub fn page(item: &str) -> Value {
    object(&[("items", list(&reference(item))), ("next_cursor", or_null(text()))])
}

/// A list of any length.
#[must_use]
pub fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// 1 to `most` items.
#[must_use]
pub fn some(items: &Value, most: usize) -> Value {
    json!({ "type": "array", "minItems": 1, "maxItems": most, "items": items })
}

/// The schema, or `null`.
#[must_use]
pub fn or_null(mut schema: Value) -> Value {
    if schema.get("$ref").is_some() {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    }
    if let Some(Value::Array(names)) = schema.get_mut("enum") {
        names.push(Value::Null);
    }
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

/// One of these names.
#[must_use]
pub fn one_of(names: &[&str]) -> Value {
    json!({ "type": "string", "enum": names })
}

/// Any text.
#[must_use]
pub fn text() -> Value {
    json!({ "type": "string" })
}

/// Text of so many characters.
#[must_use]
pub fn words(least: usize, most: usize) -> Value {
    json!({ "type": "string", "minLength": least, "maxLength": most })
}

/// Text of this pattern.
#[must_use]
pub fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// An RFC 3339 time.
#[must_use]
pub fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// A whole number between these, inclusive.
#[must_use]
pub fn whole(least: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// A whole number.
#[must_use]
pub fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// `true` or `false`.
#[must_use]
pub fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// A code of a second factor.
#[must_use]
pub fn code_of_factor() -> Value {
    pattern("^[0-9]{6}$")
}

/// A UUID.
#[must_use]
pub fn uuid() -> Value {
    json!({ "type": "string", "format": "uuid" })
}
