//! The lines of a run: what people should look at, and what was found to be in order.

use engine_aws::Error;
use engine_http::logging::EventType;

use crate::Done;
use crate::group::Group;
use crate::lock::{Found, Lock};

const COMPARE: &str = "retention.compare";

/// A group is kept for less than the policy says.
pub(crate) fn shortened(group: &str, days: i32, policy: i32) {
    let event_type = EventType::SecurityEvent.as_str();
    let reason = "log_retention_shortened";
    tracing::error!(
        event_type,
        status = "FAILURE",
        action = "retention.repair",
        resource = group,
        details.reason = reason,
        details.retention_days = days,
        details.policy_days = policy,
        "{reason}"
    );
}

/// A group that must be there is not.
pub(crate) fn missing(group: &str) {
    let event_type = EventType::SecurityEvent.as_str();
    let reason = "log_group_missing";
    tracing::error!(
        event_type,
        status = "FAILURE",
        action = COMPARE,
        resource = group,
        details.reason = reason,
        "{reason}"
    );
}

/// A group has no key, or another than ours.
pub(crate) fn unencrypted(group: &Group) {
    let event_type = EventType::SecurityEvent.as_str();
    let reason = "log_group_unencrypted";
    tracing::error!(
        event_type,
        status = "FAILURE",
        action = COMPARE,
        resource = group.name,
        details.reason = reason,
        details.kms_key = group.key,
        "{reason}"
    );
}

/// The bucket of the sealed log locks what is put for less than the policy says.
pub(crate) fn unlocked(bucket: &str, found: &Found, policy: &Lock) {
    let event_type = EventType::SecurityEvent.as_str();
    let reason = "records_unlocked";
    tracing::error!(
        event_type,
        status = "FAILURE",
        action = COMPARE,
        resource = bucket,
        details.reason = reason,
        details.versioned = found.versioned,
        details.lock_mode = found.lock.as_ref().map(|lock| lock.mode.as_str()),
        details.lock_days = found.lock.as_ref().map(|lock| lock.days),
        details.policy_mode = policy.mode.as_str(),
        details.policy_days = policy.days,
        "{reason}"
    );
}

/// A group is kept for longer than the policy says, which is nothing to repair.
pub(crate) fn longer(group: &Group, policy: i32) {
    tracing::info!(
        event_type = EventType::Configuration.as_str(),
        status = "SUCCESS",
        action = COMPARE,
        resource = group.name,
        details.retention_days = group.days,
        details.policy_days = policy,
        "kept for longer than the policy says, left alone"
    );
}

/// A group, all that begin so, or the bucket could not be read or repaired.
pub(crate) fn failed(resource: &str, error: &Error) {
    tracing::error!(
        event_type = EventType::Configuration.as_str(),
        status = "FAILURE",
        action = COMPARE,
        resource,
        %error,
        "this could not be compared with the policy, or not be repaired"
    );
}

/// What a run found, in numbers.
pub(crate) fn compared(done: &Done) {
    tracing::info!(
        event_type = EventType::Configuration.as_str(),
        status = "SUCCESS",
        action = COMPARE,
        details.compared = done.compared,
        details.repaired = done.repaired,
        details.longer = done.longer,
        details.unencrypted = done.unencrypted,
        details.missing = done.missing,
        details.unlocked = done.unlocked,
        "compared with the policy"
    );
}
