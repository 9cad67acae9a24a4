//! Why no token is issued, in the words of RFC 6749 section 5.2 and, for the log, of the engine's own problems.

use engine_core::access::ServiceAccount;
use engine_core::audit::ActorRef;
use engine_http::context::RequestContext;
use engine_http::problem::{Code, Problem};
use engine_http::response::{Reply, into_response};
use lambda_http::Body;
use lambda_http::http::header::{PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use lambda_http::http::{HeaderValue, Response};
use serde::Serialize;

/// How a client may authenticate (RFC 7617).
const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Basic realm="borrow-rate-engine", charset="UTF-8""#);
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The errors of the token endpoint: RFC 6749's, and for what it has no name for those of its section 4.1.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OauthError {
    /// Not a well-formed token request.
    InvalidRequest,
    /// The client is not authenticated.
    InvalidClient,
    /// The client has no scope at all.
    UnauthorizedClient,
    /// Another grant than client credentials.
    UnsupportedGrantType,
    /// More than was approved for the client, or not a scope.
    InvalidScope,
    /// Something that is needed did not answer.
    TemporarilyUnavailable,
    /// The engine's own fault.
    ServerError,
}

impl OauthError {
    /// The error's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }
}

/// A refusal.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What the client is told.
    pub error: OauthError,
    /// Status, description, and what only the log is told.
    pub problem: Problem,
    /// What it counts against, where the client gave a name that an account could have.
    pub against: Option<Against>,
    /// The account that the client proved to be, where it may not authenticate all the same.
    pub known: Option<Box<ServiceAccount>>,
}

/// A name that a client gave. Whether there is such an account makes no difference to what counts.
#[derive(Debug)]
pub(crate) struct Against {
    /// Reference of the name.
    pub name: ActorRef,
    /// Reference of the account, where there is one of that name.
    pub account: Option<ActorRef>,
}

/// RFC 6749's error object. The description has neither quotes nor backslashes.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'static str,
    error_description: &'a str,
}

impl Refusal {
    /// A refusal of an authenticated or unreadable request.
    pub(crate) fn bad(error: OauthError, description: &'static str) -> Self {
        let problem = Problem::new(Code::InvalidRequest, description).with_internal(error.as_str());
        Self { error, problem, against: None, known: None }
    }

    /// The client is not authenticated. `why` is for the log: every such answer is the same.
    pub(crate) fn client(why: &'static str, against: Option<Against>) -> Self {
        let problem = Problem::new(Code::NotAuthenticated, "The client could not be authenticated.");
        Self { error: OauthError::InvalidClient, problem: problem.with_internal(why), against, known: None }
    }

    /// The same answer for an account that is known to ask.
    pub(crate) fn known(account: ServiceAccount, why: &'static str, against: Against) -> Self {
        let refusal = Self::client(why, Some(against));
        Self { known: Some(Box::new(account)), ..refusal }
    }

    /// The answer, with what every answer of the endpoint carries.
    pub(crate) fn into_response(self, context: &RequestContext) -> Response<Body> {
        let status = self.problem.code.status();
        let body = ErrorBody { error: self.error.as_str(), error_description: &self.problem.detail };
        let mut response = finished(Reply::with_status(status, &body), context);
        if status == 401 {
            response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        if let Some(seconds) = self.problem.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An answer of the endpoint: never cached, by whichever version of HTTP (RFC 6749 section 5.1).
pub(crate) fn finished(answer: Result<Reply, Problem>, context: &RequestContext) -> Response<Body> {
    let mut response = into_response(answer, context);
    response.headers_mut().insert(PRAGMA, NO_CACHE);
    response
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let error = match problem.code {
            Code::Unavailable => OauthError::TemporarilyUnavailable,
            _ => OauthError::ServerError,
        };
        Self { error, problem, against: None, known: None }
    }
}

impl From<engine_aws::Error> for Refusal {
    fn from(error: engine_aws::Error) -> Self {
        Problem::from(error).into()
    }
}
