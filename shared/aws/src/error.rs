//! What can go wrong between the engine and AWS.

use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};

/// Failure of a store. The text is internal: it is for logs, never for an API answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service did not do it and a later try may succeed. Nothing was changed, or the change can be repeated.
    #[error("{operation} failed: {cause}")]
    Unavailable {
        /// The call that failed, as `service:Action`.
        operation: &'static str,
        /// The SDK's account of it.
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
    pub fn unavailable<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        SdkError<E, R>: std::error::Error,
    {
        Self::Unavailable { operation, cause: DisplayErrorContext(error).to_string() }
    }

    /// Data that should have been readable.
    pub fn corrupt(what: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::Corrupt { what, cause: cause.to_string() }
    }
}
