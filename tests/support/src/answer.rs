//! What a function answers, as a test looks at it.

use lambda_http::{Body, Response};
use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub text: String,
}

impl Answer {
    /// Takes a function's response.
    pub fn new(response: &Response<Body>) -> Self {
        let headers = response.headers().iter();
        Self {
            status: response.status().as_u16(),
            headers: headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect(),
            text: String::from_utf8(response.body().as_ref().to_vec()).unwrap(),
        }
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    /// The body, after making sure of the status.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The body of a problem, after making sure of status and code.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
        body
    }

    /// The names of the refused fields of a 400.
    pub fn bad_fields(&self) -> Vec<String> {
        let body = self.problem(400, "invalid_request");
        let errors = body["errors"].as_array().expect("errors");
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    /// A problem's body without what differs from one request to the next.
    pub fn alike(&self) -> Value {
        let mut body = self.json();
        let members = body.as_object_mut().unwrap();
        assert!(members.remove("request_id").is_some() && members.remove("instance").is_some());
        body
    }

    /// Makes sure of what holds of every answer of the API: headers, and the form of a problem.
    pub fn assert_common(&self) {
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(self.header(name), Some(value), "{name} of {self:?}");
        }
        let request_id = self.header("x-request-id").expect("a request id");
        let problem = self.status >= 400;
        let content_type = if problem { "application/problem+json" } else { "application/json" };
        assert_eq!(self.header("content-type"), Some(content_type));
        let body = self.json();
        if problem {
            assert_eq!(body["status"], self.status);
            assert_eq!(body["request_id"], request_id);
            assert_eq!(body["instance"], format!("urn:uuid:{request_id}"));
            for member in ["type", "title", "detail", "code"] {
                assert!(body[member].is_string(), "{member} of {body}");
            }
        }

        assert_eq!(self.header("retry-after").is_some(), matches!(self.status, 429 | 503), "{self:?}");
        assert_eq!(self.header("www-authenticate").is_some(), self.status == 401);
        assert_eq!(self.header("allow").is_some(), self.status == 405);
    }
}
