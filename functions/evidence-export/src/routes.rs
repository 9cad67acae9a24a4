//! The function's routes, each declared once with its permission, its step-up and the event that every call is recorded as.

use engine_core::access::Permission;
use engine_core::audit::Event;
use engine_http::route::{Access, Route, Routes};

/// What answers a route, and how it is named in logs and in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// What answers it.
    pub handler: Handler,
    /// The event as which a call is recorded, done or refused, and its name in logs.
    pub event: Event,
}

/// What answers a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// Searches the log.
    SearchAudit,
    /// Proves one entry.
    ShowProof,
    /// Asks for a bundle.
    RequestEvidence,
    /// Shows how far one is, and where.
    ShowEvidence,
}

impl Handler {
    /// Whether it makes something, and so may be repeated under an idempotency key.
    #[must_use]
    pub const fn makes(self) -> bool {
        matches!(self, Self::RequestEvidence)
    }
}

const READ: Access = Access::Token(Permission::EvidenceRead);
const EXPORT: Access = Access::SteppedUp(Permission::EvidenceRead);

const fn route(
    method: &'static str,
    path: &'static str,
    access: Access,
    handler: Handler,
    event: Event,
) -> Route<Target> {
    Route { method, path, access, handler: Target { handler, event } }
}

/// The route table.
#[rustfmt::skip] // a line a route, so that it reads as the table it is
pub static ROUTES: Routes<Target> = Routes(&[
    route("GET", "/api/v1/audit", READ, Handler::SearchAudit, Event::AuditSearch),
    route("GET", "/api/v1/audit/{id}/proof", READ, Handler::ShowProof, Event::AuditProofShow),
    route("POST", "/api/v1/evidence", EXPORT, Handler::RequestEvidence, Event::EvidenceRequest),
    route("GET", "/api/v1/evidence/{id}", READ, Handler::ShowEvidence, Event::EvidenceShow),
]);
