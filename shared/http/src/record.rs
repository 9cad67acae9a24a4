//! What the record says of a request that was refused.

use engine_aws::author::Act;
use engine_core::audit::{Event, Outcome};
use serde_json::json;

use crate::context::RequestContext;
use crate::problem::{Code, Problem};

/// The refusal of `event`, for the record; `None` for what is no verdict on the request, or would fill the record with what was
/// refused for being too much.
#[must_use]
pub fn refused(context: &RequestContext, event: Event, problem: &Problem) -> Option<Act> {
    let too_much = matches!(problem.code, Code::RateLimited | Code::TooManyFailures);
    if too_much || problem.code.status() >= 500 {
        return None;
    }
    Some(Act {
        event,
        outcome: Outcome::Refused,
        resource: context.resource.clone(),
        reason: None,
        client_ref: None,
        subject_ref: None,
        details: json!({
            "code": problem.code.as_str(),
            "errors": problem.errors,
            "method": context.method,
            "correlation_id": context.correlation_id,
        }),
    })
}
