//! People and service accounts: their accounts, second factors, requests and reviews, in the table `people`.
//!
//! A record is a JSON `document` with a `version`. Whoever changes one reads it, judges it, and conditions the write on the
//! version read, in one transaction with everything else that the change touches and with its audit entry. What belongs to one
//! person whichever account they use, their active accounts and their second factor, is one record: two changes that could
//! together make an administrator meet there.

mod administrators;
mod carried_out;
mod credentials;
mod factors;
mod person;
mod principals;
mod requests;
mod reviews;
mod service_accounts;
mod sweep;
mod table;

use aws_sdk_dynamodb::Client;
use engine_core::access::request::ApprovalError;
use engine_core::audit::{ActorType, Event, Outcome};
use engine_core::field::FieldError;
use serde_json::{Map, Value};

use crate::Error;
use crate::audit_log::AuditLog;
use crate::author::{Act, Author};

pub use carried_out::Carried;
pub use credentials::NextCredential;
pub use factors::{Proof, TICKET_LIFE};
pub use person::{Factor, FactorState, Person, Ticket};
pub use principals::{Account, NewPrincipal, Onboarding};
pub use requests::{Approver, Judged, NewRequest};
pub use reviews::{AccessRow, RoleReview};
pub use service_accounts::{NewServiceAccount, Reservation, Rotated, ServiceAccountHeld};

/// Reads and changes people, service accounts and what others must agree to.
#[derive(Clone, Debug)]
pub struct People {
    client: Client,
    table: String,
    audit: AuditLog,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The record.
    pub value: T,
    /// Counts its changes, from 1; 0 for one that is not there yet.
    pub version: u64,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// Fields that do not hold what they must.
    #[error("invalid request")]
    Invalid(Vec<FieldError>),
    /// Who decides may not.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// Nothing proves that a second factor may be handed out: no ticket, or one that is wrong, used or too old.
    #[error("no valid enrolment ticket")]
    NotProved,
    /// The store could not do it, or the state does not allow it.
    #[error(transparent)]
    Store(#[from] Error),
}

impl People {
    /// The people in `table`, with changes recorded in `audit`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, audit: AuditLog) -> Self {
        Self { client, table: table.into(), audit }
    }
}

impl From<Vec<FieldError>> for PeopleError {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::Invalid(errors)
    }
}

/// Something done to `resource`, whose version after it `details` say.
fn act(event: Event, resource: String, reason: Option<&str>, details: Map<String, Value>) -> Act {
    Act {
        event,
        outcome: Outcome::Success,
        resource,
        reason: reason.map(str::to_owned),
        client_ref: None,
        subject_ref: None,
        details: Value::Object(details),
    }
}

/// Facts by name.
fn facts<const N: usize>(facts: [(&str, Value); N]) -> Map<String, Value> {
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Whether the administrator that the stack starts with acts.
fn is_bootstrap(author: &Author) -> bool {
    author.actor.kind == ActorType::Bootstrap
}
