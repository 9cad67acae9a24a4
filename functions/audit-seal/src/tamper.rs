//! An item of the audit table that is not what was appended: said at once in the log lines, and recorded in the log.

use std::fmt;

use engine_core::audit::{Entry, Event};
use engine_http::logging::EventType;
use serde_json::json;

use crate::collect::Wrong;
use crate::fact::{Fact, open_id};
use crate::{AuditSeal, StepError};

/// What is wrong with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Something was written over it.
    Rewritten,
    /// It was deleted.
    Removed,
    /// It is no entry, or not in its place.
    Foreign,
}

impl Reason {
    /// The reason as detection rules select it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Rewritten => "audit_entry_rewritten",
            Self::Removed => "audit_entry_removed",
            Self::Foreign => "foreign_audit_item",
        }
    }
}

/// An item that is not what was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tampering {
    /// What is wrong.
    pub(crate) reason: Reason,
    /// The item's partition.
    pub(crate) partition: String,
    /// The item's sort key.
    pub(crate) sort_key: String,
}

impl fmt::Display for Tampering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.sort_key)
    }
}

impl Tampering {
    /// Writes the line that an alarm waits for. It names the item and quotes nothing of it.
    pub(crate) fn log(&self, request_id: &str) {
        tracing::error!(
            event_type = EventType::SecurityEvent.as_str(),
            status = "FAILURE",
            action = Event::AuditTamper.as_str(),
            resource = %self,
            request_id,
            details.reason = self.reason.as_str(),
            "{}",
            self.reason.as_str()
        );
    }
}

impl AuditSeal {
    /// Records what is wrong; answers the entry about it, the same whenever it is made.
    pub(crate) async fn record_tampering(&self, wrong: &Wrong) -> Result<Entry, StepError> {
        let Wrong { found, change, time } = wrong;
        let details = json!({
            "reason": found.reason.as_str(), "partition": found.partition, "sort_key": found.sort_key, "change": change,
        });
        let fact = Fact { event: Event::AuditTamper, name: change, time: *time, resource: found.to_string(), details };
        let entry = self.entry_of(open_id(Event::AuditTamper, change, *time), fact)?;
        self.record(Event::AuditTamper, change, entry).await
    }
}
