//! The document says what the function does: same routes, same answers, and the committed copy is current.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

use engine_http::route::Access;
use engine_test_support::committed;
use engine_test_support::documented::{self, Exchange};
use evidence_export::openapi::summary;
use evidence_export::routes::ROUTES;
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| evidence_export::openapi::document().expect("a document"));

/// Fails unless the document has this answer under the call's route.
pub(crate) fn assert_documented(method: &str, path: &str, sent: Option<&str>, status: u16, body: &Value) {
    let Ok(found) = ROUTES.find(method, path) else { return };
    documented::assert_documented(&DOCUMENT, Exchange { method, route: found.route.path, sent, status, body });
}

#[test]
fn every_route_is_in_the_document_and_nothing_else_is() {
    let routes = ROUTES.0.iter().map(|route| (route.path.to_owned(), route.method.to_ascii_lowercase()));
    let mut documented = BTreeSet::new();
    for (path, operations) in DOCUMENT["paths"].as_object().unwrap() {
        documented.extend(operations.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())));
    }
    assert_eq!(documented, routes.collect());
}

#[test]
fn every_operation_says_who_may_use_it() {
    for route in ROUTES.0 {
        let operation = &DOCUMENT["paths"][route.path][route.method.to_ascii_lowercase()];
        let stepped_up = matches!(route.access, Access::SteppedUp(_));
        assert_eq!(operation["x-permission"], "evidence:read", "{}", route.path);
        assert_eq!(operation["x-step-up"] == json!(true), stepped_up, "{}", route.path);
        let headers = operation["parameters"].as_array().into_iter().flatten();
        let header = |name: &str| headers.clone().any(|parameter| parameter["name"] == name);
        assert_eq!((header("X-MFA-TOTP"), header("Idempotency-Key")), (stepped_up, stepped_up), "{}", route.path);
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let text = DOCUMENT.to_string();
    for name in DOCUMENT["components"]["schemas"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("#/components/schemas/{name}\"")), "nothing is a {name}");
    }
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(DOCUMENT.pointer(reference).is_some(), "{reference}");
    }
}

#[test]
fn the_committed_document_is_the_code_s() {
    committed::assert_openapi("openapi-evidence.json", &DOCUMENT);
}

#[test]
fn the_documented_routes_are_the_code_s() {
    committed::assert_routes("EVIDENCE-API.md", &table());
}

/// The table of routes.
fn table() -> String {
    let mut table = String::from("| Route | Code | Recorded as | What it does |\n|---|---|---|---|\n");
    for route in ROUTES.0 {
        let code = if matches!(route.access, Access::SteppedUp(_)) { "●" } else { "" };
        let (target, summary) = (route.handler, summary(route.handler.handler).trim_end_matches('.'));
        let _ =
            writeln!(table, "| `{} {}` | {code} | `{}` | {summary} |", route.method, route.path, target.event.as_str());
    }
    table
}
