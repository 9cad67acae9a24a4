//! The HTTP edge from outside: what goes over the wire and into the log is the contract.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on should stop

mod api_key;
mod bearer;
mod body;
mod context;
mod documented_codes;
mod failures;
mod idempotency;
mod logging;
mod problem;
mod response;
mod route;
mod step_up;

use engine_http::RequestContext;
use jiff::Timestamp;
use lambda_http::Request;

/// 2026-11-22T03:27:43.120Z.
fn now() -> Timestamp {
    "2026-11-22T03:27:43.120Z".parse().unwrap()
}

fn context() -> RequestContext {
    RequestContext {
        request_id: "019a9f60-0000-7000-8000-000000000000".into(),
        correlation_id: Some("desk-7".into()),
        source_address: Some("192.0.2.1".into()),
        method: "POST".into(),
        path: "/api/v1/calculate-locate".into(),
        resource: "/api/v1/calculate-locate".into(),
        now: now(),
    }
}

/// A request as API Gateway sends it.
fn gateway_request(overrides: &serde_json::Value) -> Request {
    let mut event = serde_json::json!({
        "resource": "/{proxy+}",
        "path": "/api/v1/rates/AAPL",
        "httpMethod": "GET",
        "headers": {"Host": "abc.execute-api.example"},
        "multiValueHeaders": {"Host": ["abc.execute-api.example"]},
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": null,
        "stageVariables": null,
        "requestContext": {
            "stage": "prod", "path": "/prod/api/v1/rates/AAPL", "httpMethod": "GET", "requestId": "theirs",
            "accountId": "1", "apiId": "abc", "resourceId": "r", "resourcePath": "/{proxy+}",
            "identity": {"sourceIp": "192.0.2.1"}
        },
        "body": null,
        "isBase64Encoded": false
    });
    for (name, value) in overrides.as_object().unwrap() {
        event[name] = value.clone();
    }
    lambda_http::request::from_str(&event.to_string()).unwrap()
}
