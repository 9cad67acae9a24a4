use engine_core::audit::{ActorRef, ActorType};

use super::EventType;
use crate::context::RequestContext;
use crate::problem::{Code, Problem};
use crate::response::{Answer, status};

/// What the one line of a request tells beside the request itself.
#[derive(Clone, Copy, Debug)]
pub struct AccessLog<'a> {
    /// What was asked for: `quote.create`, or the route's pattern where it has no better name.
    pub action: &'a str,
    /// Who asked, once that is known.
    pub actor: Option<(ActorType, &'a ActorRef)>,
    /// How long it took.
    pub duration_ms: u64,
}

/// A span that puts the request's ids on every line that is logged inside it.
#[must_use]
pub fn request_span(context: &RequestContext) -> tracing::Span {
    tracing::error_span!(
        "request",
        request_id = context.request_id.as_str(),
        correlation_id = context.correlation_id.as_deref()
    )
}

/// Writes the one line of a request. The engine's own failures are errors; a caller's are not.
pub fn log_access(context: &RequestContext, answer: &Answer, log: AccessLog<'_>) {
    let http_status = status(answer);
    let problem = answer.as_ref().err();
    let failed = http_status >= 400;
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                $level,
                event_type = event_type(problem).as_str(),
                status = if failed { "FAILURE" } else { "SUCCESS" },
                action = log.action,
                resource = context.resource.as_str(),
                request_id = context.request_id.as_str(),
                correlation_id = context.correlation_id.as_deref(),
                actor.type = log.actor.map(|(kind, _)| kind.as_str()),
                actor.ref = log.actor.map(|(_, reference)| reference.as_str()),
                actor.ip = context.source_address.as_deref(),
                details.method = context.method.as_str(),
                details.http_status = u64::from(http_status),
                details.duration_ms = log.duration_ms,
                details.code = problem.map(|problem| problem.code.as_str()),
                details.internal = problem.and_then(|problem| problem.internal.as_deref()),
                "request answered"
            )
        };
    }
    if http_status >= 500 { line!(tracing::Level::ERROR) } else { line!(tracing::Level::INFO) }
}

/// Refused credentials and refused permissions have types of their own, by which detection rules select them.
fn event_type(problem: Option<&Problem>) -> EventType {
    match problem.map(|problem| (problem.code, problem.code.status())) {
        Some((Code::TooManyFailures, _) | (_, 401)) => EventType::Authentication,
        Some((Code::StepUpLocked, _) | (_, 403)) => EventType::Authorization,
        _ => EventType::ApiAccess,
    }
}
