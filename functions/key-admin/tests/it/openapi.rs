//! The documents say what the function does: same routes, same answers, and the committed copies are current.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

use engine_http::route::Access;
use engine_test_support::committed;
use engine_test_support::documented::{self, Exchange, check};
use key_admin::openapi::summary;
use key_admin::routes::{Handler, ROUTES};
use serde_json::{Value, json};

/// The one operation that another function answers.
const TOKEN: (&str, &str) = ("/api/v1/oauth/token", "post");

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| key_admin::openapi::document().expect("a document"));

/// Fails unless the document has this answer under the call's route.
pub(crate) fn assert_documented(method: &str, path: &str, sent: Option<&str>, status: u16, body: &Value) {
    let Ok(found) = ROUTES.find(method, path) else { return };
    documented::assert_documented(&DOCUMENT, Exchange { method, route: found.route.path, sent, status, body });
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
        check(&DOCUMENT, &changed, &page, "$", &mut wrong);
        assert_eq!(wrong, [expected]);
    }
    let (mut changed, mut wrong) = (review, Vec::new());
    changed.as_object_mut().unwrap().remove("note");
    check(&DOCUMENT, &changed, &page, "$", &mut wrong);
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
    committed::assert_openapi("openapi-admin.json", &DOCUMENT);
}

#[test]
fn the_documented_routes_are_the_code_s() {
    committed::assert_routes("ADMIN-API.md", &table());
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
