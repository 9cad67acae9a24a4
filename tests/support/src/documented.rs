//! Whether an answer is what an OpenAPI document says of it.

use serde_json::{Map, Value, json};

/// What was sent and answered.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The method.
    pub method: &'a str,
    /// The route's pattern.
    pub route: &'a str,
    /// The body that was sent.
    pub sent: Option<&'a str>,
    /// The status of the answer.
    pub status: u16,
    /// The answer.
    pub body: &'a Value,
}

/// Fails unless the document has this answer under its route: its status, its code, and every member; and what was sent, where
/// that was taken.
pub fn assert_documented(document: &Value, exchange: Exchange<'_>) {
    let Exchange { method, route, sent, status, body } = exchange;
    let operation = &document["paths"][route][method.to_ascii_lowercase()];
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "{method} {route} does not document {status}: {body}");
    let content_type = if status < 400 { "application/json" } else { "application/problem+json" };
    let schema = &response["content"][content_type]["schema"];
    let mut wrong = Vec::new();
    check(document, body, schema, "$", &mut wrong);
    assert!(wrong.is_empty(), "{method} {route} {status}: {wrong:?} in {body}");
    if let (true, Some(sent)) = (status < 300 && method == "POST", sent) {
        let mut sent: Value = serde_json::from_str(sent).expect("JSON, as it was taken");
        // A code may be sent in the body too, as prose says: two places cannot both be required.
        if operation["x-step-up"] == true {
            sent.as_object_mut().and_then(|members| members.remove("mfaTotp"));
        }
        let none = json!({ "type": "object" });
        let documented = operation["requestBody"]["content"].get("application/json").map(|content| &content["schema"]);
        check(document, &sent, documented.unwrap_or(&none), "$", &mut wrong);
        assert!(wrong.is_empty(), "{method} {route} takes {wrong:?} in {sent}");
    }
    if status >= 400 {
        let codes = response["x-codes"].as_array().expect("codes");
        assert!(codes.contains(&body["code"]), "{method} {route} does not document {}", body["code"]);
    }
}

/// Adds what is wrong with a value by its schema: the keywords that the document uses of what is sent as JSON, no others.
pub fn check(document: &Value, value: &Value, schema: &Value, place: &str, wrong: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#')).expect("a reference that leads somewhere");
        return check(document, value, schema, place, wrong);
    }
    if let Some(any) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let fits = |schema| {
            let mut wrong = Vec::new();
            check(document, value, schema, place, &mut wrong);
            wrong.is_empty()
        };
        if !any.iter().any(fits) {
            wrong.push(format!("{place} fits none of its schemas"));
        }
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let documented = match &schema["type"] {
        Value::String(name) => name == kind || (name == "number" && kind == "integer"),
        Value::Array(names) => names.contains(&json!(kind)),
        _ => false,
    };
    if !documented {
        return wrong.push(format!("{place} is {kind}"));
    }
    if schema.get("enum").is_some_and(|names| !names.as_array().expect("names").contains(value)) {
        wrong.push(format!("{place} is none of its names"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, item, &schema["items"], &format!("{place}[{index}]"), wrong);
    }
    if let Some(members) = value.as_object() {
        check_members(document, members, schema, place, wrong);
    }
}

fn check_members(document: &Value, members: &Map<String, Value>, schema: &Value, place: &str, wrong: &mut Vec<String>) {
    for (name, member) in members {
        match schema["properties"].get(name) {
            Some(schema) => check(document, member, schema, &format!("{place}.{name}"), wrong),
            None => wrong.push(format!("{place}.{name} is not documented")),
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    wrong.extend(required.filter(|name| !members.contains_key(*name)).map(|name| format!("{place}.{name} is missing")));
}
