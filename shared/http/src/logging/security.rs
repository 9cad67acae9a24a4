use super::EventType;
use crate::context::RequestContext;

/// Something that people should look at.
#[derive(Clone, Copy, Debug)]
pub struct SecurityEvent<'a> {
    /// What it is, as detection rules select it: `repeated_failures`, `step_up_locked`.
    pub reason: &'static str,
    /// What was asked for.
    pub action: &'a str,
    /// Whose doing it is, as an id or reference that is no secret, where that is known.
    pub actor: Option<&'a str>,
    /// How many failures it stands for; at least.
    pub failures: usize,
}

/// Writes one line that detection rules and people look for.
pub fn security_event(context: &RequestContext, event: SecurityEvent<'_>) {
    tracing::warn!(
        event_type = EventType::SecurityEvent.as_str(),
        status = "FAILURE",
        action = event.action,
        resource = context.resource.as_str(),
        request_id = context.request_id.as_str(),
        correlation_id = context.correlation_id.as_deref(),
        actor.ref = event.actor,
        actor.ip = context.source_address.as_deref(),
        details.reason = event.reason,
        details.failures = u64::try_from(event.failures).unwrap_or(u64::MAX),
        "{}",
        event.reason
    );
}
