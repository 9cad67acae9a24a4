//! What is known of a request before anything is decided.

use engine_core::audit::EntryId;
use jiff::Timestamp;
use lambda_http::request::RequestContext as Gateway;
use lambda_http::{Request, RequestExt};

use crate::masked::masked;

/// The longest correlation id that is kept.
const MAX_CORRELATION_ID: usize = 64;

/// A request's identity, origin and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// The request's id: a UUIDv7, always ours.
    pub request_id: String,
    /// The caller's id for it, from `X-Correlation-ID`: at most 64 of `[A-Za-z0-9._-]`, given once; else dropped.
    pub correlation_id: Option<String>,
    /// Network address of the caller as API Gateway saw it, never what a header claims.
    pub source_address: Option<String>,
    /// The method.
    pub method: String,
    /// The path as sent, without the stage: for routing alone, since it may hold a credential that was pasted into it.
    pub path: String,
    /// The path as it is logged and recorded: at most 256 characters, without the secrets in it.
    pub resource: String,
    /// When the request came.
    pub now: Timestamp,
}

impl RequestContext {
    /// Takes what is known of `request`.
    #[must_use]
    pub fn new(request: &Request, now: Timestamp, random: [u8; 10]) -> Self {
        Self {
            request_id: EntryId::new(now, random).to_string(),
            correlation_id: correlation_id(request),
            source_address: source_address(request),
            method: request.method().as_str().to_owned(),
            path: path(request).to_owned(),
            resource: masked(path(request)),
            now,
        }
    }
}

fn correlation_id(request: &Request) -> Option<String> {
    let mut values = request.headers().get_all("x-correlation-id").iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let id = value.to_str().ok()?;
    let valid = (1..=MAX_CORRELATION_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    valid.then(|| id.to_owned())
}

fn source_address(request: &Request) -> Option<String> {
    match request.request_context_ref()? {
        Gateway::ApiGatewayV1(context) => context.identity.source_ip.clone(),
        // Other origins exist where another crate of the build turns their features on.
        #[allow(unreachable_patterns)]
        _ => None,
    }
}

/// A request made by hand has no raw path; API Gateway's always has.
fn path(request: &Request) -> &str {
    match request.raw_http_path() {
        "" => request.uri().path(),
        raw => raw,
    }
}
