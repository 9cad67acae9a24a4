//! Operational logs: one JSON object a line on stdout, which Lambda hands to CloudWatch.
//!
//! ```
//! # use engine_http::logging::EventType;
//! tracing::info!(
//!     event_type = EventType::SecurityEvent.as_str(), status = "FAILURE", action = "key.probe",
//!     actor.ip = "192.0.2.1", details.retry_after = 3, "too many bad keys",
//! );
//! ```

mod access;
mod event_type;
mod layer;
mod level;
mod line;
mod security;

pub use access::{AccessLog, log_access, request_span};
pub use event_type::EventType;
pub use layer::{JsonLines, announce_retention, init};
pub use level::{LevelFilter, is_ours};
pub use line::{Line, format_line};
pub use security::{SecurityEvent, security_event};
