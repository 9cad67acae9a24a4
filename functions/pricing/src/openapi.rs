//! The OpenAPI 3.1 document, made from the route table, the answer types and the error codes.
//!
//! `docs/openapi.json` is this document; a test fails when they differ (`UPDATE_OPENAPI=1` writes it anew).

use engine_core::quote::MAX_BATCH;
use engine_http::openapi::{self, CLIENT_ID, page_parameters, query, reference};
use engine_http::problem::Code;
use engine_http::route::Route;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::bodies::{BatchBody, QuoteBody, RateBody, RatePageBody};
use crate::health::{ConfigBody, HealthBody, StateBody};
use crate::routes::{Handler, ROUTES};

#[derive(OpenApi)]
#[openapi(components(schemas(QuoteBody, BatchBody, RateBody, RatePageBody, HealthBody, StateBody, ConfigBody)))]
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
    let mut schemas = openapi::components::<Schemas>()?;
    schemas.insert("Position".into(), position_schema());
    let mut paths = Map::new();
    for route in ROUTES.0 {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation(route);
    }
    let description = "What it costs to borrow a stock, and what the locate fee is. Money and rates are strings.";
    openapi::document("Borrow Rate Engine", description, &paths, schemas)
}

fn operation(route: &Route<Handler>) -> Value {
    let Operation { id, summary, parameters, body, answer, problems } = describe(route.handler);
    let codes = problems.iter().chain(openapi::refusals(route.access)).copied();
    let responses = openapi::responses(200, &reference(answer), codes);
    let mut operation = json!({ "operationId": id, "summary": summary, "responses": responses });
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(schema) = body {
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    if let Some(security) = openapi::security(route.access) {
        operation["security"] = security;
    }
    operation
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
            parameters: [query("status", &json!({ "type": "string", "enum": ["EASY", "MEDIUM", "HARD"] }), false)]
                .into_iter()
                .chain(page_parameters())
                .collect(),
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

fn ticker_in_path() -> Value {
    openapi::path("ticker", &openapi::ticker())
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
        ("ticker", openapi::ticker(), true),
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
            json!({ "type": "string", "pattern": CLIENT_ID, "description": "Must be the key's own client." }),
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
