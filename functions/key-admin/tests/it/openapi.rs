//! The documents say what the function does: same routes, same answers, and the committed copies are current.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use engine_http::route::Access;
use key_admin::openapi::summary;
use key_admin::routes::{Handler, ROUTES};
use serde_json::{Map, Value, json};

/// The one operation that another function answers.
const TOKEN: (&str, &str) = ("/api/v1/oauth/token", "post");
const BEGIN: &str = "<!-- routes: written by the test `openapi` -->\n";
const END: &str = "<!-- end of routes -->\n";

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| key_admin::openapi::document().expect("a document"));

/// Fails unless the document has this answer under the call's route: its status, its code, and every member; and what was
/// sent, where that was taken.
pub(crate) fn assert_documented(method: &str, path: &str, sent: Option<&str>, status: u16, body: &Value) {
    let Ok(found) = ROUTES.find(method, path) else { return };
    let operation = &DOCUMENT["paths"][found.route.path][method.to_ascii_lowercase()];
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "{method} {} does not document {status}: {body}", found.route.path);
    let content_type = if status < 400 { "application/json" } else { "application/problem+json" };
    let schema = &response["content"][content_type]["schema"];
    let mut wrong = Vec::new();
    check(body, schema, "$", &mut wrong);
    assert!(wrong.is_empty(), "{method} {} {status}: {wrong:?} in {body}", found.route.path);
    if let (true, Some(sent)) = (status < 300 && method == "POST", sent) {
        let mut sent: Value = serde_json::from_str(sent).expect("JSON, as it was taken");
        // A code may be sent in the body too, as prose says: two places cannot both be required.
        if matches!(found.route.access, Access::SteppedUp(_)) {
            sent.as_object_mut().and_then(|members| members.remove("mfaTotp"));
        }
        let none = json!({ "type": "object" });
        let documented = operation["requestBody"]["content"].get("application/json").map(|content| &content["schema"]);
        check(&sent, documented.unwrap_or(&none), "$", &mut wrong);
        assert!(wrong.is_empty(), "{method} {} takes {wrong:?} in {sent}", found.route.path);
    }
    if status >= 400 {
        let codes = response["x-codes"].as_array().expect("codes");
        assert!(codes.contains(&body["code"]), "{method} {} does not document {}", found.route.path, body["code"]);
    }
}

/// Adds what is wrong with a value by its schema: the keywords that the document uses of what is sent as JSON, no others.
fn check(value: &Value, schema: &Value, place: &str, wrong: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = DOCUMENT.pointer(reference.trim_start_matches('#')).expect("a reference that leads somewhere");
        return check(value, schema, place, wrong);
    }
    if let Some(any) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let fits = |schema| {
            let mut wrong = Vec::new();
            check(value, schema, place, &mut wrong);
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
        check(item, &schema["items"], &format!("{place}[{index}]"), wrong);
    }
    if let Some(members) = value.as_object() {
        check_members(members, schema, place, wrong);
    }
}

fn check_members(members: &Map<String, Value>, schema: &Value, place: &str, wrong: &mut Vec<String>) {
    for (name, member) in members {
        match schema["properties"].get(name) {
            Some(schema) => check(member, schema, &format!("{place}.{name}"), wrong),
            None => wrong.push(format!("{place}.{name} is not documented")),
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    wrong.extend(required.filter(|name| !members.contains_key(*name)).map(|name| format!("{place}.{name} is missing")));
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let page = json!({ "$ref": "#/components/schemas/Review" });
    let review = json!({ "at": "2026-01-15T22:00:00.000Z", "by": "a", "decision": "keep", "note": "n" });
    for (member, value, expected) in [
        ("at", json!(null), "$.at is null"),
        ("by", json!(1), "$.by is integer"),
        ("decision", json!("burn"), "$.decision is none of its names"),
        ("more", json!(1), "$.more is not documented"),
    ] {
        let (mut changed, mut wrong) = (review.clone(), Vec::new());
        changed[member] = value;
        check(&changed, &page, "$", &mut wrong);
        assert_eq!(wrong, [expected]);
    }
    let (mut changed, mut wrong) = (review, Vec::new());
    changed.as_object_mut().unwrap().remove("note");
    check(&changed, &page, "$", &mut wrong);
    assert_eq!(wrong, ["$.note is missing"]);
}

#[test]
fn every_route_is_in_the_document_and_nothing_else_is() {
    let routes = ROUTES.0.iter().map(|route| (route.path.to_owned(), route.method.to_ascii_lowercase()));
    let expected: BTreeSet<_> = routes.chain([(TOKEN.0.to_owned(), TOKEN.1.to_owned())]).collect();
    let mut documented = BTreeSet::new();
    for (path, operations) in DOCUMENT["paths"].as_object().unwrap() {
        documented.extend(operations.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())));
    }
    assert_eq!(documented, expected);
    assert_eq!(expected.len(), ROUTES.0.len() + 1, "a route is declared twice");
}

#[test]
fn every_operation_says_who_may_use_it() {
    for route in ROUTES.0 {
        let operation = &DOCUMENT["paths"][route.path][route.method.to_ascii_lowercase()];
        let (permission, stepped_up) = match route.access {
            Access::Token(permission) => (json!(permission.as_str()), Value::Null),
            Access::SteppedUp(permission) => (json!(permission.as_str()), json!(true)),
            _ => (Value::Null, Value::Null),
        };
        assert_eq!((&operation["x-permission"], &operation["x-step-up"]), (&permission, &stepped_up), "{}", route.path);
        let headers = operation["parameters"].as_array().into_iter().flatten();
        let header = |name: &str| headers.clone().any(|parameter| parameter["name"] == name);
        assert_eq!(header("X-MFA-TOTP"), stepped_up == json!(true), "{}", route.path);
        let repeatable = route.handler.event.is_some() && !permission.is_null();
        assert_eq!(header("Idempotency-Key"), repeatable, "{}", route.path);
        assert_eq!(operation["responses"]["422"].is_object(), repeatable, "{}", route.path);
    }
}

#[test]
fn every_reference_leads_somewhere_and_operation_ids_are_unique() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&DOCUMENT, &mut found);
    assert!(!found.is_empty());
    for reference in &found {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
    }
    for name in DOCUMENT["components"]["schemas"].as_object().unwrap().keys() {
        assert!(found.contains(&format!("#/components/schemas/{name}").as_str()), "nothing is a {name}");
    }
    let operations =
        DOCUMENT["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let ids: Vec<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn the_committed_document_is_the_code_s() {
    let path = in_docs("openapi-admin.json");
    let current = format!("{}\n", serde_json::to_string_pretty(&*DOCUMENT).unwrap());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(&path, &current).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/openapi-admin.json is out of date: run the tests with UPDATE_OPENAPI=1 and commit it"
    );
}

#[test]
fn the_documented_routes_are_the_code_s() {
    let path = in_docs("ADMIN-API.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("the table's beginning");
    let (written, after) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
    } else {
        assert_eq!(written, table(), "run the test with UPDATE_DOCS=1");
    }
}

/// The table of routes. A second factor is marked where the route itself asks for a code of it.
fn table() -> String {
    let mut rows = vec![["Route", "Permission", "Code", "What it does"].map(String::from)];
    for route in ROUTES.0 {
        let (permission, code) = match route.access {
            Access::Token(permission) => (format!("`{}`", permission.as_str()), ""),
            Access::SteppedUp(permission) => (format!("`{}`", permission.as_str()), "●"),
            _ => (possession(route.handler.handler).to_owned(), ""),
        };
        let summary = summary(route.handler.handler).trim_end_matches('.');
        rows.push([format!("`{} {}`", route.method, route.path), permission, code.to_owned(), summary.to_owned()]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..4).map(width).collect();
    let mut table = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} |"));
        let _ = writeln!(table, "|{}", cells.collect::<String>());
        if index == 0 {
            let rules = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2)));
            let _ = writeln!(table, "|{}", rules.collect::<String>());
        }
    }
    table
}

/// What a route without a token takes instead.
fn possession(handler: Handler) -> &'static str {
    match handler {
        Handler::ClaimKey => "API key, or claim code",
        Handler::ConfirmKey => "API key",
        Handler::FreezeKey => "freeze code",
        other => panic!("{other:?} has a credential that the table does not know"),
    }
}

fn in_docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}
