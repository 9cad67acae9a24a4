//! Evidence bundles out of the sealed log: the same bytes from a function and from whoever may read the buckets.
//!
//! [`build`] reads nothing but the log's objects (and, for the annex, the log groups), and nothing in what it makes depends
//! on when or where it runs.

mod ahead;
mod anchors;
mod build;
mod jobs;
mod logs;
mod member;
mod request;
mod resolve;
mod sink;
mod source;

pub use anchors::ListedTicker;
pub use build::build;
pub use engine_core::evidence::Completeness;
pub use jobs::{ABANDONED, Claim, GIVEN_UP, Job, JobState, Jobs, KEPT, LEASE, Lease, MOST_ATTEMPTS, Made, NewJob};
pub use logs::{AROUND, LogLine, LogSource, LogsError, MOST_BYTES, MOST_PAGES, MOST_REQUESTS, MOST_TIME, Times};
pub use request::{Actor, ExportRequest, Resolver, actor_of};
pub use resolve::{KeyResolver, LogResolver, actor_refs};
pub use sink::{FileSink, MemorySink, PART_BYTES, S3Sink, Sink};
pub use source::{LogAt, LogEntry};

use engine_core::time::rfc3339;
use jiff::Timestamp;

use crate::Error;

/// A bundle that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Lower-case hex SHA-256 of the bundle.
    pub sha256: String,
    /// Its bytes.
    pub bytes: u64,
    /// Entries in it.
    pub matched: u64,
    /// What it proves.
    pub completeness: Completeness,
    /// Lower-case hex SHA-256 of its manifest, which its note signs.
    pub manifest_sha256: String,
}

/// How far a bundle is, in steps of about the same length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Steps done.
    pub done: u64,
    /// Steps in all, as far as is known.
    pub total: u64,
}

/// Why there is no bundle. The text is fit for who asked.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log has not settled up to the end asked for.
    #[error("to must not be later than {}: what was done later may not all be in the log yet", rfc3339(*.latest))]
    TooRecent {
        /// The latest end that the tree of that size allows.
        latest: Timestamp,
    },
    /// Something asked for cannot be.
    #[error("{field}: {problem}")]
    Invalid {
        /// The member of the request.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Something that the bundle must hold is not there.
    #[error("missing: {0}")]
    Missing(String),
    /// What is there does not fit together: the log is not to be trusted before it is looked into.
    #[error("inconsistent: {0}")]
    Inconsistent(String),
    /// The annex cannot be made.
    #[error(transparent)]
    Logs(LogsError),
    /// Reading or writing failed. A later try may succeed.
    #[error(transparent)]
    Store(Error),
}

impl From<LogsError> for ExportError {
    fn from(error: LogsError) -> Self {
        match error {
            LogsError::Unavailable(error) => Self::Store(error),
            other => Self::Logs(other),
        }
    }
}

impl From<Error> for ExportError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(what) => Self::Missing(what),
            Error::Corrupt { .. } | Error::Conflict(_) => Self::Inconsistent(error.to_string()),
            Error::Unavailable { .. } => Self::Store(error),
        }
    }
}
