//! What a store's refusal means to who asked.

use engine_aws::Error;
use engine_aws::directory::DirectoryError;
use engine_aws::people::PeopleError;
use engine_core::access::request::ApprovalError;
use engine_http::problem::Problem;

/// 409 where something else was first or the state does not allow it, 404 where what was named does not exist; else the
/// engine's own fault.
pub(crate) fn refusal(error: Error) -> Problem {
    match error {
        Error::Conflict(why) => Problem::conflict(why),
        Error::NotFound(what) => Problem::resource_not_found().with_internal(what),
        other => other.into(),
    }
}

/// The same of the directory, whose field errors are the caller's.
pub(crate) fn directory_refusal(error: DirectoryError) -> Problem {
    match error {
        DirectoryError::Invalid(errors) => Problem::invalid(errors),
        DirectoryError::Store(error) => refusal(error),
    }
}

/// The same of people, whose approvals may not count.
pub(crate) fn people_refusal(error: PeopleError) -> Problem {
    match error {
        PeopleError::Invalid(errors) => Problem::invalid(errors),
        PeopleError::Approval(error @ (ApprovalError::NotOpen | ApprovalError::Expired)) => {
            Problem::conflict(error.to_string())
        }
        PeopleError::Approval(error) => Problem::approval_not_allowed(error.to_string()),
        PeopleError::NotProved => Problem::step_up_failed().with_internal(error.to_string()),
        PeopleError::Store(error) => refusal(error),
    }
}
