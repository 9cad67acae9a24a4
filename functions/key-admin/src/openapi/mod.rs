//! The OpenAPI 3.1 document, made from the route table, what handlers read and answer, and the error codes.
//!
//! `docs/openapi-admin.json` is this document; a test fails when they differ (`UPDATE_OPENAPI=1` writes it anew).

mod operations;
mod schemas;
mod token;

use engine_http::openapi::{self, header, path};
use engine_http::problem::Code;
use engine_http::route::{Access, Route};
use serde_json::{Map, Value, json};

pub use self::operations::summary;
use self::operations::{answer, body, problems, query, security};
use crate::routes::{ROUTES, Target};

/// The document: the routes of this function, and that by which service accounts get their tokens.
pub fn document() -> Result<Value, serde_json::Error> {
    let mut paths = Map::new();
    for route in ROUTES.0 {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation(route);
    }
    paths.insert(token::PATH.into(), json!({ "post": token::operation() }));
    let description = "Clients, API keys, people, service accounts and the reviews of their access.";
    let title = "Borrow Rate Engine: administration";
    let mut document = openapi::document(title, description, &paths, schemas::components())?;
    document["components"]["securitySchemes"]["ClientSecret"] = json!({ "type": "http", "scheme": "basic" });
    Ok(document)
}

fn operation(route: &Route<Target>) -> Value {
    let (handler, changes) = (route.handler.handler, route.handler.event.is_some());
    let repeatable = changes && route.access != Access::Possession;
    let codes = codes(route, repeatable);
    let (status, schema) = answer(handler);
    let mut responses = openapi::responses(status, &schema, codes.iter().copied());
    for code in codes.iter().copied().chain([Code::InternalError, Code::Unavailable]) {
        let response = &mut responses[&code.status().to_string()];
        match response["x-codes"].as_array_mut() {
            Some(named) => named.push(json!(code.as_str())),
            None => response["x-codes"] = json!([code.as_str()]),
        }
    }
    let mut operation = json!({
        "operationId": operation_id(&format!("{handler:?}")),
        "summary": summary(handler),
        "responses": responses,
    });
    let parameters = parameters(route, repeatable);
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(schema) = body(handler) {
        let required = schema["required"].as_array().is_some_and(|required| !required.is_empty());
        operation["requestBody"] =
            json!({ "required": required, "content": { "application/json": { "schema": schema } } });
    }
    if let Some(security) = openapi::security(route.access).or_else(|| security(handler)) {
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

/// The handler's name as clients' generators like it.
fn operation_id(name: &str) -> String {
    let (first, rest) = name.split_at(name.len().min(1));
    format!("{}{rest}", first.to_ascii_lowercase())
}

/// How the route says no, each code once.
fn codes(route: &Route<Target>, repeatable: bool) -> Vec<Code> {
    use Code as C;
    let mut codes = openapi::refusals(route.access).to_vec();
    if route.handler.event.is_some() {
        codes.extend([C::InvalidRequest, C::MalformedBody, C::BodyTooLarge, C::UnsupportedMediaType, C::Conflict]);
    } else if !query(route.handler.handler).is_empty() {
        codes.push(C::InvalidRequest);
    }
    if repeatable {
        codes.push(C::IdempotencyMismatch);
    }
    if route.path.contains('{') {
        codes.push(C::ResourceNotFound);
    }
    codes.extend(problems(route.handler.handler));
    codes
}

fn parameters(route: &Route<Target>, repeatable: bool) -> Vec<Value> {
    let mut parameters = Vec::new();
    for segment in route.path.split('/') {
        if let Some(name) = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
            parameters.push(path(name, &schemas::in_path(name)));
        }
    }
    parameters.extend(query(route.handler.handler));
    if matches!(route.access, Access::SteppedUp(_)) {
        parameters.push(header("X-MFA-TOTP", &schemas::code_of_factor(), true));
    }
    if repeatable {
        let schema = json!({ "type": "string", "pattern": "^[!-~]{1,255}$" });
        parameters.push(header("Idempotency-Key", &schema, false));
    }
    parameters
}
