//! A request on its way through a handler, and what a handler ends with.

use engine_aws::author::{Act, Author};
use engine_aws::change::Change;
use engine_core::audit::{Event, Outcome, Reference};
use engine_core::field::Fields;
use engine_http::auth::Caller;
use engine_http::context::RequestContext;
use engine_http::problem::Problem;
use engine_http::response::Reply;
use serde_json::Value;

/// The function's name in entries.
pub(crate) const FUNCTION: &str = "evidence-export";

/// A request, authenticated and permitted as its route asks.
pub(crate) struct Call<'a> {
    /// What is known of it.
    pub context: &'a RequestContext,
    /// Who calls.
    pub caller: &'a Caller,
    /// Members of the body; none where there is no body.
    pub fields: &'a Fields,
    /// Query parameters.
    pub query: &'a Fields,
    /// What stood in the place of the path's parameters.
    pub parameters: &'a [(&'static str, String)],
}

/// What a handler ends with. Either way the caller is answered once the record is written.
pub(crate) enum Done {
    /// Nothing is changed; the act of reading is recorded.
    Read(Reply, Box<Act>),
    /// A change, audit entry included, to be committed with the caller's idempotency record.
    Made(Change, Reply),
}

/// A handler's end.
pub(crate) type Handled = Result<Done, Problem>;

impl Call<'_> {
    /// What stood in the place of a parameter of the route's path.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(held, _)| *held == name).map_or("", |(_, value)| value.as_str())
    }

    /// Who the record says did it.
    pub(crate) fn author(&self) -> Author {
        self.caller.author(FUNCTION, self.context)
    }

    /// The act that the record says was done.
    pub(crate) fn done(&self, event: Event, concerns: Concerns, details: Value) -> Act {
        Act {
            event,
            outcome: Outcome::Success,
            resource: self.context.resource.clone(),
            reason: None,
            client_ref: concerns.client_ref,
            subject_ref: concerns.subject_ref,
            details,
        }
    }
}

/// Whom an act concerns: the one client and the one ticker of its filter, where there is one of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Concerns {
    /// The client.
    pub client_ref: Option<Reference>,
    /// The ticker.
    pub subject_ref: Option<Reference>,
}
