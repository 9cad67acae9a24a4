//! The OpenAPI 3.1 document, made from the route table, what handlers read and answer, and the error codes.
//!
//! `docs/openapi-evidence.json` is this document; a test fails when they differ (`UPDATE_OPENAPI=1` writes it anew).

mod schemas;

use engine_http::openapi::{self, header, path, query, schema};
use engine_http::problem::Code;
use engine_http::route::{Access, Route};
use serde_json::{Map, Value, json};

use crate::routes::{Handler, ROUTES, Target};

/// The document.
pub fn document() -> Result<Value, serde_json::Error> {
    let mut paths = Map::new();
    for route in ROUTES.0 {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation(route);
    }
    let description = "The sealed audit log: searched, proven, exported as bundles that verify without us.";
    openapi::document("Borrow Rate Engine: evidence", description, &paths, schemas::components())
}

/// What the handler does, in one sentence.
#[must_use]
pub const fn summary(handler: Handler) -> &'static str {
    match handler {
        Handler::SearchAudit => "Entries of the log, newest first.",
        Handler::ShowProof => "One entry, and the proof that it is in the log.",
        Handler::RequestEvidence => "Asks for a bundle, which is made in the background.",
        Handler::ShowEvidence => "How far a bundle is, and where, for who asked for it.",
    }
}

fn operation(route: &Route<Target>) -> Value {
    let handler = route.handler.handler;
    let (status, answer) = schemas::answer(handler);
    let codes = codes(route);
    let mut responses = openapi::responses(status, &answer, codes.iter().copied());
    for code in codes.iter().copied().chain([Code::InternalError, Code::Unavailable]) {
        let response = &mut responses[&code.status().to_string()];
        match response["x-codes"].as_array_mut() {
            Some(named) => named.push(json!(code.as_str())),
            None => response["x-codes"] = json!([code.as_str()]),
        }
    }
    let name = format!("{handler:?}");
    let (first, rest) = name.split_at(1);
    let mut operation = json!({
        "operationId": format!("{}{rest}", first.to_ascii_lowercase()),
        "summary": summary(handler),
        "responses": responses,
    });
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if handler.makes() {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schemas::asked() } } });
    }
    if let Some(security) = openapi::security(route.access) {
        operation["security"] = security;
    }
    if let Access::Token(permission) | Access::SteppedUp(permission) = route.access {
        operation["x-permission"] = json!(permission.as_str());
    }
    if matches!(route.access, Access::SteppedUp(_)) {
        operation["x-step-up"] = json!(true);
    }
    operation
}

/// How the route says no, each code once.
fn codes(route: &Route<Target>) -> Vec<Code> {
    use Code as C;
    let mut codes = openapi::refusals(route.access).to_vec();
    codes.push(C::InvalidRequest);
    if route.handler.handler.makes() {
        codes.extend([C::MalformedBody, C::BodyTooLarge, C::UnsupportedMediaType, C::Conflict, C::IdempotencyMismatch]);
    }
    if route.path.contains('{') {
        codes.push(C::ResourceNotFound);
    }
    codes
}

fn parameters(route: &Route<Target>) -> Vec<Value> {
    match route.handler.handler {
        Handler::SearchAudit => {
            let filter = schemas::filter().into_iter().map(|(name, value)| query(name, &value, false));
            filter.chain(openapi::page_parameters()).collect()
        }
        Handler::ShowProof | Handler::ShowEvidence => vec![path("id", &schema::uuid())],
        Handler::RequestEvidence => {
            let key = json!({ "type": "string", "pattern": "^[!-~]{1,255}$" });
            vec![header("X-MFA-TOTP", &schema::code_of_factor(), true), header("Idempotency-Key", &key, false)]
        }
    }
}
