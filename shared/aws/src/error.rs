//! What can go wrong between the engine and AWS.

use std::fmt::Write;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;

/// Failure of a store. The text is internal: it is for logs, never for an API answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service did not do it and a later try may succeed. Nothing was changed, or the change can be repeated.
    #[error("{operation} failed: {cause}")]
    Unavailable {
        /// The call that failed, as `service:Action`.
        operation: &'static str,
        /// What kind of failure, and what the service says of it. Never what it answered: an answer holds stored data.
        cause: String,
    },
    /// Something else got there first, or the state is not one from which this change is allowed.
    #[error("conflict: {0}")]
    Conflict(String),
    /// What it was to be done to does not exist.
    #[error("not found: {0}")]
    NotFound(String),
    /// Stored data is not what this version of the engine writes.
    #[error("stored {what} cannot be read: {cause}")]
    Corrupt {
        /// What kind of data.
        what: &'static str,
        /// Why it cannot be read.
        cause: String,
    },
}

impl Error {
    /// A failed SDK call.
    pub fn unavailable<E>(operation: &'static str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut cause = match error {
            SdkError::ConstructionFailure(_) => chain("the request could not be made", error),
            SdkError::TimeoutError(_) => chain("timeout", error),
            SdkError::DispatchFailure(_) => chain("the request could not be sent", error),
            SdkError::ResponseError(_) => "the answer could not be read".to_owned(),
            SdkError::ServiceError(refused) => {
                let code = refused.err().code().unwrap_or("no error code");
                format!("{code}, {}", refused.err().message().unwrap_or("no message"))
            }
            _ => "unknown failure".to_owned(),
        };
        if let Some(id) = error.request_id() {
            let _ = write!(cause, " (request {id})");
        }
        Self::Unavailable { operation, cause }
    }

    /// Data that should have been readable.
    pub fn corrupt(what: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::Corrupt { what, cause: cause.to_string() }
    }
}

/// The kind of a failure before any answer, and what caused it: nothing of an answer can be in there.
fn chain(kind: &str, error: &dyn std::error::Error) -> String {
    let mut text = kind.to_owned();
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}
