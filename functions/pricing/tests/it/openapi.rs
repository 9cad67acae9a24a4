//! The document says what the function does: same routes, same statuses, and the committed copy is current.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use pricing::routes::ROUTES;
use serde_json::Value;

use crate::fixture::{Answer, Call};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| pricing::openapi::document().expect("a document"));

/// Fails unless the document has the answer's status under the call's route.
pub(crate) fn assert_documented(call: &Call, answer: &Answer) {
    let Ok(found) = ROUTES.find(call.method, &call.path) else { return };
    let operation = &DOCUMENT["paths"][found.route.path][call.method.to_ascii_lowercase()];
    let status = answer.status.to_string();
    let response = &operation["responses"][&status];
    assert!(response.is_object(), "{} {} does not document {status}", call.method, found.route.path);
    let content_type = answer.header("content-type").expect("a content type");
    assert!(response["content"][content_type].is_object(), "{status} as {content_type}");
}

#[test]
fn every_route_is_in_the_document_and_nothing_else_is() {
    let routes: BTreeSet<_> =
        ROUTES.0.iter().map(|route| (route.path.to_owned(), route.method.to_ascii_lowercase())).collect();
    let mut documented = BTreeSet::new();
    for (path, operations) in DOCUMENT["paths"].as_object().unwrap() {
        documented.extend(operations.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())));
    }
    assert_eq!(documented, routes);
    assert_eq!(routes.len(), ROUTES.0.len(), "a route is declared twice");
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
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
    }
    let operations =
        DOCUMENT["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let ids: Vec<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn the_committed_document_is_the_code_s() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let current = format!("{}\n", serde_json::to_string_pretty(&*DOCUMENT).unwrap());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/openapi.json is out of date: run the tests with UPDATE_OPENAPI=1 and commit it"
    );
}
