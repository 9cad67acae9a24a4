//! What a store's refusal means to who asked.

use engine_aws::Error;
use engine_aws::directory::DirectoryError;
use engine_aws::people::PeopleError;
use engine_core::access::request::ApprovalError;
use engine_http::problem::Problem;

/// What it means of any store.
pub(crate) fn refusal(error: Error) -> Problem {
    Problem::of_store(error)
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
