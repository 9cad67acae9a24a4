//! Requests as API Gateway's proxy integration sends them.

use lambda_http::Request;
use serde_json::{Map, Value, json};

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct GatewayRequest {
    /// The method.
    pub method: &'static str,
    /// The path, without a stage.
    pub path: String,
    /// Names and values, in their order.
    pub headers: Vec<(String, String)>,
    /// Names and values, in their order.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// Where it comes from.
    pub address: String,
}

impl GatewayRequest {
    /// A request with nothing in it, from 192.0.2.10.
    pub fn new(method: &'static str, path: &str) -> Self {
        let (headers, query) = (Vec::new(), Vec::new());
        Self { method, path: path.to_owned(), headers, query, body: None, address: "192.0.2.10".to_owned() }
    }

    /// The request, read by the runtime's own reader.
    pub fn request(&self) -> Request {
        lambda_http::request::from_str(&self.event().to_string()).expect("an API Gateway event")
    }

    /// The event.
    pub fn event(&self) -> Value {
        let (query, headers) = (multi(&self.query), multi(&self.headers));
        json!({
            "resource": "/{proxy+}",
            "path": self.path,
            "httpMethod": self.method,
            "headers": null,
            "multiValueHeaders": headers,
            "queryStringParameters": null,
            "multiValueQueryStringParameters": query,
            "pathParameters": null,
            "stageVariables": null,
            "requestContext": {
                "accountId": "111122223333",
                "apiId": "a1b2c3d4e5",
                "domainName": "api.example.com",
                "httpMethod": self.method,
                "identity": { "sourceIp": self.address, "userAgent": "test" },
                "path": format!("/live{}", self.path),
                "protocol": "HTTP/1.1",
                "requestId": "5f0c2f3e-0b1d-4c55-9a63-3f6f6f1f0001",
                "requestTimeEpoch": 1_768_514_400_000_u64,
                "resourceId": "abc123",
                "resourcePath": "/{proxy+}",
                "stage": "live",
            },
            "body": self.body,
            "isBase64Encoded": false,
        })
    }
}

fn multi(pairs: &[(String, String)]) -> Map<String, Value> {
    let mut multi = Map::new();
    for (name, value) in pairs {
        let values = multi.entry(name).or_insert_with(|| json!([]));
        values.as_array_mut().unwrap().push(json!(value));
    }
    multi
}
