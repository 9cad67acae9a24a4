//! What the functions' OpenAPI 3.1 documents say alike: credentials, problems, parameters, and the frame around their paths.

pub mod schema;

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::problem::{Code, ProblemBody};
use crate::route::Access;

/// A client's id, as a regular expression.
pub const CLIENT_ID: &str = "^[A-Za-z0-9_-]{3,50}$";

#[derive(OpenApi)]
#[openapi(components(schemas(ProblemBody)))]
struct Problems;

/// A document of these paths, with `schemas` and those of problems as its components.
pub fn document(
    title: &str,
    description: &str,
    paths: &Map<String, Value>,
    mut schemas: Map<String, Value>,
) -> Result<Value, serde_json::Error> {
    schemas.extend(components::<Problems>()?);
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": description,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "ApiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
                "Bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            },
        },
    }))
}

/// The schemas that `T` declares, by name.
pub fn components<T: OpenApi>() -> Result<Map<String, Value>, serde_json::Error> {
    let schemas = T::openapi().components.map(|components| components.schemas);
    match serde_json::to_value(schemas)? {
        Value::Object(schemas) => Ok(schemas),
        _ => Ok(Map::new()),
    }
}

/// The credentials that a route takes, each enough; `None` where it takes none, or where its handler judges another one.
#[must_use]
pub fn security(access: Access) -> Option<Value> {
    match access {
        Access::Anyone | Access::Possession => None,
        Access::ApiKey(_) => Some(json!([{ "ApiKey": [] }])),
        Access::ApiKeyOrToken(_) => Some(json!([{ "ApiKey": [] }, { "Bearer": [] }])),
        Access::Token(_) | Access::SteppedUp(_) => Some(json!([{ "Bearer": [] }])),
    }
}

/// How a route of that access refuses who may not use it.
#[must_use]
pub const fn refusals(access: Access) -> &'static [Code] {
    use Code as C;
    match access {
        Access::Anyone => &[],
        Access::ApiKey(_) | Access::ApiKeyOrToken(_) => &[
            C::NotAuthenticated,
            C::KeyExpired,
            C::KeyRevoked,
            C::KeyNotConfirmed,
            C::KeyFrozen,
            C::NotPermitted,
            C::RateLimited,
            C::TooManyFailures,
        ],
        Access::Token(_) => &[C::NotAuthenticated, C::NotPermitted, C::TooManyFailures],
        Access::SteppedUp(_) => &[
            C::NotAuthenticated,
            C::NotPermitted,
            C::StepUpRequired,
            C::StepUpFailed,
            C::StepUpNotEnrolled,
            C::TooManyFailures,
            C::StepUpLocked,
        ],
        Access::Possession => {
            &[C::NotAuthenticated, C::KeyExpired, C::KeyRevoked, C::KeyNotConfirmed, C::KeyFrozen, C::TooManyFailures]
        }
    }
}

/// The responses of an operation: `status` with an answer of `schema`, and a problem for each status of `codes` and of what
/// any route may fail of. The first code of a status describes it.
#[must_use]
pub fn responses(status: u16, schema: &Value, codes: impl IntoIterator<Item = Code>) -> Map<String, Value> {
    let answer = json!({ "description": "Done.", "content": { "application/json": { "schema": schema } } });
    let mut responses = Map::from_iter([(status.to_string(), answer)]);
    for code in codes.into_iter().chain([Code::InternalError, Code::Unavailable]) {
        let problem = json!({
            "description": code.title(),
            "content": { "application/problem+json": { "schema": reference("ProblemBody") } },
        });
        responses.entry(code.status().to_string()).or_insert(problem);
    }
    responses
}

/// A reference to a schema of the components.
#[must_use]
pub fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// A query parameter.
#[must_use]
pub fn query(name: &str, schema: &Value, required: bool) -> Value {
    parameter("query", name, schema, required)
}

/// A parameter of the path.
#[must_use]
pub fn path(name: &str, schema: &Value) -> Value {
    parameter("path", name, schema, true)
}

/// A header.
#[must_use]
pub fn header(name: &str, schema: &Value, required: bool) -> Value {
    parameter("header", name, schema, required)
}

fn parameter(place: &str, name: &str, schema: &Value, required: bool) -> Value {
    json!({ "name": name, "in": place, "required": required, "schema": schema })
}

/// The query parameters of every list.
#[must_use]
pub fn page_parameters() -> [Value; 2] {
    [
        query("limit", &json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 20 }), false),
        query("cursor", &json!({ "type": "string" }), false),
    ]
}

/// A ticker as callers may write it.
#[must_use]
pub fn ticker() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9]{1,10}([.\\- ][A-Za-z0-9]{1,4})?$", "examples": ["AAPL", "BRK B"] })
}
