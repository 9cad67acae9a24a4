//! The OpenAPI 3.1 document, made from the route table, the answer types and the error codes.
//!
//! `docs/openapi.json` is this document; a test fails when they differ (`UPDATE_OPENAPI=1` writes it anew).

use engine_core::quote::MAX_BATCH;
use engine_http::problem::{Code, ProblemBody};
use engine_http::route::{Access, Route};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::bodies::{BatchBody, QuoteBody, RateBody, RatePageBody};
use crate::health::{ConfigBody, HealthBody, StateBody};
use crate::routes::{Handler, ROUTES};

#[derive(OpenApi)]
#[openapi(components(schemas(
    QuoteBody,
    BatchBody,
    RateBody,
    RatePageBody,
    HealthBody,
    StateBody,
    ConfigBody,
    ProblemBody
)))]
struct Schemas;

/// What the document says of a handler beyond its route.
struct Operation {
    id: &'static str,
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answer: &'static str,
    problems: &'static [Code],
}

/// The document.
pub fn document() -> Result<Value, serde_json::Error> {
    let mut schemas = serde_json::to_value(Schemas::openapi().components)?["schemas"].take();
    if let Value::Object(schemas) = &mut schemas {
        schemas.insert("Position".into(), position_schema());
    }
    let mut paths = Map::new();
    for route in ROUTES.0 {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation(route);
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Borrow Rate Engine",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What it costs to borrow a stock, and what the locate fee is. Money and rates are strings.",
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

fn operation(route: &Route<Handler>) -> Value {
    let Operation { id, summary, parameters, body, answer, problems } = describe(route.handler);
    let mut responses = Map::new();
    responses.insert(
        "200".into(),
        json!({ "description": "Done.", "content": { "application/json": { "schema": reference(answer) } } }),
    );
    let security = security(route.access);
    let refusals: &[Code] = match security {
        Value::Null => &[],
        _ => &[Code::NotAuthenticated, Code::NotPermitted, Code::RateLimited, Code::TooManyFailures],
    };
    for code in problems.iter().chain(refusals).chain(&[Code::InternalError, Code::Unavailable]) {
        let response = json!({
            "description": code.title(),
            "content": { "application/problem+json": { "schema": reference("ProblemBody") } },
        });
        responses.entry(code.status().to_string()).or_insert(response);
    }
    let mut operation = json!({ "operationId": id, "summary": summary, "responses": responses });
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(schema) = body {
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    if !security.is_null() {
        operation["security"] = security;
    }
    operation
}

/// The credentials that a route takes, each enough; `null` where it takes none.
fn security(access: Access) -> Value {
    match access {
        Access::Anyone | Access::Possession => Value::Null,
        Access::ApiKey(_) => json!([{ "ApiKey": [] }]),
        Access::ApiKeyOrToken(_) => json!([{ "ApiKey": [] }, { "Bearer": [] }]),
        Access::Token(_) | Access::SteppedUp(_) => json!([{ "Bearer": [] }]),
    }
}

fn describe(handler: Handler) -> Operation {
    let plain =
        |id, summary, answer| Operation { id, summary, parameters: Vec::new(), body: None, answer, problems: &[] };
    let body_problems = &[Code::InvalidRequest, Code::TickerNotFound, Code::BodyTooLarge, Code::UnsupportedMediaType];
    match handler {
        Handler::CalculatePost => Operation {
            body: Some(reference("Position")),
            problems: body_problems,
            ..plain("calculateLocate", "Price one position.", "Quote")
        },
        Handler::CalculateGet => Operation {
            parameters: position_parameters(),
            problems: &[Code::InvalidRequest, Code::TickerNotFound],
            ..plain("calculateLocateByQuery", "Price one position given in the query.", "Quote")
        },
        Handler::CalculateBatch => Operation {
            body: Some(json!({
                "type": "object",
                "required": ["positions"],
                "properties": {
                    "positions": { "type": "array", "minItems": 1, "maxItems": MAX_BATCH, "items": reference("Position") },
                },
            })),
            problems: &[Code::InvalidRequest, Code::BodyTooLarge, Code::UnsupportedMediaType],
            ..plain("calculateLocateBatch", "Price up to 1,000 positions under one record.", "Batch")
        },
        Handler::ListRates => Operation {
            parameters: vec![
                query("status", &json!({ "type": "string", "enum": ["EASY", "MEDIUM", "HARD"] }), false),
                query("limit", &json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 20 }), false),
                query("cursor", &json!({ "type": "string" }), false),
            ],
            problems: &[Code::InvalidRequest],
            ..plain("listRates", "The rates that the caller may see, in ticker order.", "RatePage")
        },
        Handler::GetRate => Operation {
            parameters: vec![ticker_in_path()],
            problems: &[Code::InvalidRequest, Code::TickerNotFound],
            ..plain("getRate", "One stock's borrow rate.", "Rate")
        },
        Handler::WhatIf => Operation {
            parameters: vec![
                ticker_in_path(),
                query("volatility_index", &json!({ "type": "number", "minimum": 0, "maximum": 1000 }), false),
                query("event_risk_factor", &json!({ "type": "integer", "minimum": 0, "maximum": 10 }), false),
            ],
            problems: &[Code::InvalidRequest, Code::TickerNotFound],
            ..plain("calculateRate", "One stock's borrow rate under given market conditions.", "Rate")
        },
        Handler::Health => plain("health", "State of the engine and of each source of market data.", "Health"),
        Handler::Readiness => plain("readiness", "Whether the engine can price.", "State"),
        Handler::Liveness => plain("liveness", "Whether the process runs.", "State"),
        Handler::Config => plain("config", "Limits, tiers and coefficients.", "Config"),
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn query(name: &str, schema: &Value, required: bool) -> Value {
    json!({ "name": name, "in": "query", "required": required, "schema": schema })
}

fn ticker_in_path() -> Value {
    json!({ "name": "ticker", "in": "path", "required": true, "schema": ticker_schema() })
}

fn ticker_schema() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9]{1,10}([.\\- ][A-Za-z0-9]{1,4})?$", "examples": ["AAPL", "BRK B"] })
}

fn amount_schema(description: &str, decimals: u32) -> Value {
    json!({
        "description": description,
        "oneOf": [
            { "type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000 },
            { "type": "string", "pattern": format!("^(0|[1-9][0-9]{{0,9}})(\\.[0-9]{{1,{decimals}}})?$") },
        ],
    })
}

fn position_properties() -> Vec<(&'static str, Value, bool)> {
    vec![
        ("ticker", ticker_schema(), true),
        (
            "position_value",
            amount_schema("0.01 to 1000000000, at most 2 decimals; or quantity and price instead.", 2),
            false,
        ),
        ("quantity", json!({ "type": "integer", "minimum": 1, "description": "Whole shares, with price." }), false),
        ("price", amount_schema("Money per share, at most 6 decimals, with quantity.", 6), false),
        ("loan_days", json!({ "type": "integer", "minimum": 1, "maximum": 365 }), true),
        (
            "client_id",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{3,50}$", "description": "Must be the key's own client." }),
            false,
        ),
    ]
}

fn position_schema() -> Value {
    let properties = position_properties();
    let required: Vec<_> = properties.iter().filter(|(_, _, required)| *required).map(|(name, ..)| *name).collect();
    let properties: Map<_, _> =
        properties.iter().map(|(name, schema, _)| ((*name).to_owned(), schema.clone())).collect();
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "example": { "ticker": "AAPL", "position_value": "100000", "loan_days": 30 },
    })
}

fn position_parameters() -> Vec<Value> {
    position_properties().iter().map(|(name, schema, required)| query(name, schema, *required)).collect()
}
