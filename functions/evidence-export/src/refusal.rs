//! What it means to who asked that the log cannot give what is wanted.

use engine_aws::evidence::ExportError;
use engine_core::time::rfc3339;
use engine_http::problem::Problem;

/// 400 with the field where the request cannot be; else the engine's own fault, which the log is told of.
pub(crate) fn refusal(error: ExportError) -> Problem {
    match error {
        ExportError::Invalid { field, problem } => Problem::invalid_field(field, problem),
        ExportError::TooRecent { latest } => Problem::invalid_field("to", too_recent(latest)),
        ExportError::Store(error) => error.into(),
        other => Problem::internal(other.to_string()),
    }
}

/// What is said of an end that the log has not settled up to.
pub(crate) fn too_recent(latest: jiff::Timestamp) -> String {
    format!("must not be later than {}", rfc3339(latest))
}
