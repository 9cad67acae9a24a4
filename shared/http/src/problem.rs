//! What an API answer says when it says no: RFC 9457, with a closed list of codes.

use engine_core::access::{Allowance, Limited, Refusal, Tier};
use engine_core::field::FieldError;
use serde::Serialize;

use crate::context::RequestContext;
use crate::route::Missing;

/// Before every problem's `type`.
const TYPE_PREFIX: &str = "urn:borrow-rate-engine:problem:";

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        /// The error codes of the API: a closed list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code's name in `code`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The HTTP status it comes with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),* }
            }

            /// The text that is the same for every problem of the code.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }
        }
    };
}

codes! {
    /// Fields are missing or out of bounds.
    InvalidRequest = "invalid_request", 400, "Invalid request";
    /// The body is not a JSON object in UTF-8.
    MalformedBody = "malformed_body", 400, "Malformed body";
    /// No credential, or one that proves nothing.
    NotAuthenticated = "not_authenticated", 401, "Not authenticated";
    /// The right secret of a key past its end.
    KeyExpired = "key_expired", 401, "API key expired";
    /// The right secret of a revoked key.
    KeyRevoked = "key_revoked", 401, "API key revoked";
    /// The right secret of a successor whose receipt is not confirmed.
    KeyNotConfirmed = "key_not_confirmed", 401, "API key not confirmed";
    /// The right secret of a key that the client's contact froze.
    KeyFrozen = "key_frozen", 401, "API key frozen";
    /// The caller does not hold the permission.
    NotPermitted = "not_permitted", 403, "Not permitted";
    /// The request names another client than the key's.
    ClientMismatch = "client_mismatch", 403, "Another client's data";
    /// The action needs a current code of the caller's second factor, and none was sent.
    StepUpRequired = "step_up_required", 403, "Second factor required";
    /// The code is wrong, or was used before.
    StepUpFailed = "step_up_failed", 403, "Second factor refused";
    /// The caller has no second factor yet.
    StepUpNotEnrolled = "step_up_not_enrolled", 403, "Second factor not enrolled";
    /// The caller may not approve this: it made it, it is about its own access, or it lacks the capacity.
    ApprovalNotAllowed = "approval_not_allowed", 403, "Approval not allowed";
    /// No such ticker, or not one the key may see.
    TickerNotFound = "ticker_not_found", 404, "Ticker not found";
    /// What the path names does not exist, or not for the caller.
    ResourceNotFound = "resource_not_found", 404, "Not found";
    /// No route has this path.
    RouteNotFound = "route_not_found", 404, "Not found";
    /// The path has routes, with other methods.
    MethodNotAllowed = "method_not_allowed", 405, "Method not allowed";
    /// The state is not one from which this can be done, or something else changed it meanwhile.
    Conflict = "conflict", 409, "Conflict";
    /// The body is longer than the route takes.
    BodyTooLarge = "body_too_large", 413, "Body too large";
    /// The body is not `application/json`.
    UnsupportedMediaType = "unsupported_media_type", 415, "Unsupported media type";
    /// The idempotency key was used for another request.
    IdempotencyMismatch = "idempotency_mismatch", 422, "Idempotency key reused";
    /// Too many wrong codes; the second factor is locked for a while.
    StepUpLocked = "step_up_locked", 429, "Second factor locked";
    /// Too many failures came from here.
    TooManyFailures = "too_many_failures", 429, "Too many failures";
    /// The key's bucket does not hold that many tokens.
    RateLimited = "rate_limited", 429, "Too many requests";
    /// The engine's own fault; trying again will not help.
    InternalError = "internal_error", 500, "Internal error";
    /// A store did not answer, or too many change the same thing; a later try may succeed.
    Unavailable = "unavailable", 503, "Temporarily unavailable";
}

/// Why a request was refused: what the caller is told, and what only the log is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which problem.
    pub code: Code,
    /// What the caller is told about this one.
    pub detail: String,
    /// The refused fields.
    pub errors: Vec<FieldError>,
    /// When to try again.
    pub retry_after_seconds: Option<u64>,
    /// The methods that the path does have.
    pub allow: Option<String>,
    /// What the caller can pace itself by.
    pub allowance: Option<(Tier, Allowance)>,
    /// What happened, for the log only.
    pub internal: Option<String>,
}

impl Problem {
    /// A problem with nothing but its code and the public text.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_seconds: None,
            allow: None,
            allowance: None,
            internal: None,
        }
    }

    /// Fields were refused.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(Code::InvalidRequest, "One or more fields are not valid.") }
    }

    /// One field was refused.
    #[must_use]
    pub fn invalid_field(field: &str, message: impl std::fmt::Display) -> Self {
        Self::invalid(vec![FieldError::new(field, message)])
    }

    /// The body is not what the route can read.
    #[must_use]
    pub fn malformed_body() -> Self {
        Self::new(Code::MalformedBody, "The body must be one JSON object in UTF-8.")
    }

    /// No usable credential. One text, whatever was wrong and whatever kind the route takes.
    #[must_use]
    pub fn not_authenticated() -> Self {
        Self::new(Code::NotAuthenticated, "A valid credential is required.")
    }

    /// The right secret of a key past its end.
    #[must_use]
    pub fn key_expired() -> Self {
        Self::new(Code::KeyExpired, "The API key has expired.")
    }

    /// The right secret of a revoked key.
    #[must_use]
    pub fn key_revoked() -> Self {
        Self::new(Code::KeyRevoked, "The API key was revoked.")
    }

    /// The right secret of a successor whose receipt is not confirmed.
    #[must_use]
    pub fn key_not_confirmed() -> Self {
        Self::new(Code::KeyNotConfirmed, "The API key takes effect once its receipt is confirmed.")
    }

    /// The right secret of a frozen key.
    #[must_use]
    pub fn key_frozen() -> Self {
        Self::new(Code::KeyFrozen, "The API key is frozen.")
    }

    /// The credential does not permit it.
    #[must_use]
    pub fn not_permitted() -> Self {
        Self::new(Code::NotPermitted, "The credential does not permit this.")
    }

    /// The request names another client than the key's.
    #[must_use]
    pub fn client_mismatch() -> Self {
        Self::new(Code::ClientMismatch, "The API key belongs to another client than the request names.")
    }

    /// A code of the second factor is needed, and none was sent.
    #[must_use]
    pub fn step_up_required() -> Self {
        Self::new(Code::StepUpRequired, "A current code of your second factor is required in X-MFA-TOTP.")
    }

    /// The code is wrong, or was used before. One text for both.
    #[must_use]
    pub fn step_up_failed() -> Self {
        Self::new(Code::StepUpFailed, "The code was not accepted.")
    }

    /// The caller has no second factor.
    #[must_use]
    pub fn step_up_not_enrolled() -> Self {
        Self::new(Code::StepUpNotEnrolled, "A second factor must be enrolled first.")
    }

    /// Too many codes were wrong.
    #[must_use]
    pub fn step_up_locked(retry_after_seconds: u64) -> Self {
        Self {
            retry_after_seconds: Some(retry_after_seconds),
            ..Self::new(Code::StepUpLocked, "Too many codes were wrong.")
        }
    }

    /// The caller's approval does not count, for the reason in `detail`.
    #[must_use]
    pub fn approval_not_allowed(detail: impl Into<String>) -> Self {
        Self::new(Code::ApprovalNotAllowed, detail)
    }

    /// What the path or the body names does not exist, or not for the caller.
    #[must_use]
    pub fn resource_not_found() -> Self {
        Self::new(Code::ResourceNotFound, "There is no such resource.")
    }

    /// The state does not allow it, or changed meanwhile, as `detail` says.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Code::Conflict, detail)
    }

    /// The idempotency key belongs to another request.
    #[must_use]
    pub fn idempotency_mismatch() -> Self {
        Self::new(Code::IdempotencyMismatch, "The Idempotency-Key was used for another request.")
    }

    /// Too many requests from the same source, or in the same name, were refused.
    #[must_use]
    pub fn too_many_failures(retry_after_seconds: u64) -> Self {
        Self {
            retry_after_seconds: Some(retry_after_seconds),
            ..Self::new(Code::TooManyFailures, "Too many requests were refused. A valid credential is still taken.")
        }
    }

    /// No such ticker, or not one the key may see.
    #[must_use]
    pub fn ticker_not_found() -> Self {
        Self::new(Code::TickerNotFound, "There is no such ticker.")
    }

    /// No route has this path.
    #[must_use]
    pub fn route_not_found() -> Self {
        Self::new(Code::RouteNotFound, "There is nothing at this path.")
    }

    /// The path takes only the methods in `allow`.
    #[must_use]
    pub fn method_not_allowed(allow: String) -> Self {
        Self {
            detail: format!("This path takes {allow}."),
            allow: Some(allow),
            ..Self::new(Code::MethodNotAllowed, "")
        }
    }

    /// The body is longer than `limit_bytes`.
    #[must_use]
    pub fn body_too_large(limit_bytes: usize) -> Self {
        Self::new(Code::BodyTooLarge, format!("The body must be at most {limit_bytes} bytes."))
    }

    /// The body is not JSON by its header.
    #[must_use]
    pub fn unsupported_media_type() -> Self {
        Self::new(Code::UnsupportedMediaType, "The body must be application/json in UTF-8, without a content encoding.")
    }

    /// The bucket does not hold what the request costs.
    #[must_use]
    pub fn rate_limited(limited: Limited, tier: Tier, allowance: Allowance) -> Self {
        Self {
            retry_after_seconds: Some(limited.retry_after_seconds()),
            allowance: Some((tier, allowance)),
            ..Self::new(Code::RateLimited, "The API key's rate limit is used up for now.")
        }
    }

    /// The engine's own fault. `internal` is for the log only.
    #[must_use]
    pub fn internal(internal: impl Into<String>) -> Self {
        Self::new(Code::InternalError, "The request could not be answered.").with_internal(internal)
    }

    /// Something that is needed did not answer. `internal` is for the log only.
    #[must_use]
    pub fn unavailable(internal: impl Into<String>) -> Self {
        Self { retry_after_seconds: Some(1), ..Self::new(Code::Unavailable, "The request can be tried again.") }
            .with_internal(internal)
    }

    /// Adds what only the log is told.
    #[must_use]
    pub fn with_internal(self, internal: impl Into<String>) -> Self {
        Self { internal: Some(internal.into()), ..self }
    }

    /// Adds what the caller can pace itself by.
    #[must_use]
    pub fn with_allowance(self, tier: Tier, allowance: Allowance) -> Self {
        Self { allowance: Some((tier, allowance)), ..self }
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self, context: &RequestContext) -> ProblemBody {
        ProblemBody {
            type_uri: format!("{TYPE_PREFIX}{}", self.code.as_str().replace('_', "-")),
            title: self.code.title(),
            status: self.code.status(),
            detail: self.detail.clone(),
            instance: format!("urn:uuid:{}", context.request_id),
            code: self.code.as_str(),
            request_id: context.request_id.clone(),
            errors: self.errors.clone(),
        }
    }
}

impl From<engine_aws::Error> for Problem {
    fn from(error: engine_aws::Error) -> Self {
        use engine_aws::Error;
        match error {
            Error::Unavailable { .. } | Error::Conflict(_) => Self::unavailable(error.to_string()),
            Error::Corrupt { .. } | Error::NotFound(_) => Self::internal(error.to_string()),
        }
    }
}

impl Problem {
    /// What a store's refusal means to who asked: 409 where something else was first or the state does not allow it, 404 where
    /// what was named does not exist; else the engine's own fault.
    #[must_use]
    pub fn of_store(error: engine_aws::Error) -> Self {
        match error {
            engine_aws::Error::Conflict(why) => Self::conflict(why),
            engine_aws::Error::NotFound(what) => Self::resource_not_found().with_internal(what),
            other => other.into(),
        }
    }
}

impl From<Missing> for Problem {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::NotFound => Self::route_not_found(),
            Missing::MethodNotAllowed { allow } => Self::method_not_allowed(allow),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAuthenticated => Self::not_authenticated(),
            Refusal::Revoked => Self::key_revoked(),
            Refusal::Expired => Self::key_expired(),
            Refusal::NotConfirmed => Self::key_not_confirmed(),
            Refusal::Frozen => Self::key_frozen(),
        }
    }
}

impl From<Vec<FieldError>> for Problem {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::invalid(errors)
    }
}

/// An RFC 9457 problem as it is sent.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// Which problem, as a URN.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The problem in words, the same for every occurrence.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// This occurrence in words.
    pub detail: String,
    /// This occurrence, as a URN of the request id.
    pub instance: String,
    /// Which problem, as a name from the closed list.
    pub code: &'static str,
    /// The request's id, to quote to support.
    pub request_id: String,
    /// The refused fields, where fields were refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
}
