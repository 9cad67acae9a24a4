//! The lines of a run: what failed, what was changed elsewhere than in the tables, and how much was done.

use engine_aws::Error;
use engine_http::logging::EventType;

use crate::Done;

const SWEEP: &str = "credential.sweep";

/// Something could not be done.
pub(crate) fn failed(what: &str, error: &Error) {
    tracing::error!(
        event_type = EventType::Configuration.as_str(),
        status = "FAILURE",
        action = SWEEP,
        resource = what,
        %error,
        "this could not be done: the next run tries it again"
    );
}

/// A secret was told to rotate by itself.
pub(crate) fn scheduled(secret: &str) {
    tracing::info!(
        event_type = EventType::Configuration.as_str(),
        status = "SUCCESS",
        action = "rotation.schedule",
        resource = secret,
        "the secret had no rotation schedule, or another one"
    );
}

/// What a run did, in numbers.
pub(crate) fn swept(done: &Done, failed: usize) {
    let status = if failed == 0 { "SUCCESS" } else { "FAILURE" };
    tracing::info!(
        event_type = EventType::Configuration.as_str(),
        status,
        action = SWEEP,
        details.successors_offered = done.successors_offered,
        details.keys_expired = done.keys_expired,
        details.keys_revoked = done.keys_revoked,
        details.accounts_disabled = done.accounts_disabled,
        details.schedules_put = done.schedules_put,
        details.elevations_ended = done.elevations_ended,
        details.found_due = done.found_due,
        details.emergencies_completed = done.emergencies_completed,
        details.notices_told = done.notices_told,
        details.cut_short = done.cut_short,
        details.failed = failed,
        "credentials swept"
    );
}
