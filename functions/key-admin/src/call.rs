//! A request on its way through a handler.

use std::sync::OnceLock;

use engine_aws::author::Author;
use engine_aws::guard::nobody;
use engine_core::access::KeyId;
use engine_core::access::request::Party;
use engine_core::audit::{Actor, ActorRef, ActorType, Reference};
use engine_core::field::{FieldReader, Fields};
use engine_http::auth::Caller;
use engine_http::context::RequestContext;
use engine_http::problem::Problem;
use lambda_http::Request;

use crate::KeyAdmin;
use crate::reading::words;

/// The function's name in entries.
pub(crate) const FUNCTION: &str = "key-admin";
/// Characters of a justification.
const JUSTIFICATION: std::ops::RangeInclusive<usize> = 10..=1000;

/// A request, authenticated and permitted as its route asks.
pub(crate) struct Call<'a> {
    /// The request itself.
    pub request: &'a Request,
    /// What is known of it.
    pub context: &'a RequestContext,
    /// Who calls; `None` on a route that takes another credential than a token.
    pub caller: Option<&'a Caller>,
    /// Members of the body; none where there is no body.
    pub fields: &'a Fields,
    /// Query parameters.
    pub query: Fields,
    /// What stood in the place of the path's parameters.
    pub parameters: &'a [(&'static str, String)],
    /// Who calls on a route without a caller, once the handler knows.
    pub proven: &'a OnceLock<Proven>,
}

/// Who proved to hold a secret that is no token.
#[derive(Clone, Debug)]
pub(crate) struct Proven {
    /// The kind of actor.
    pub kind: ActorType,
    /// Who it is: a client's or a contact's id.
    pub id: String,
    /// The keyed reference.
    pub actor_ref: ActorRef,
    /// Commitment to the client.
    pub client_ref: Reference,
    /// The key that the secret is for.
    pub key_id: KeyId,
}

impl Call<'_> {
    /// What stood in the place of a parameter of the route's path.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(held, _)| *held == name).map_or("", |(_, value)| value.as_str())
    }

    /// Who calls.
    pub(crate) fn caller(&self) -> Result<&Caller, Problem> {
        self.caller.ok_or_else(Problem::not_authenticated)
    }

    /// Notes who calls on a route without a caller, for the log and for the record of a refusal.
    pub(crate) fn proven(&self, proven: Proven) {
        // A call has one caller, so a second note could only repeat the first.
        let _ = self.proven.set(proven);
    }

    /// Who the record says did it.
    pub(crate) fn author(&self, app: &KeyAdmin) -> Author {
        if let Some(caller) = self.caller {
            return caller.author(FUNCTION, self.context);
        }
        let (actor, actor_ref) = if let Some(proven) = self.proven.get() {
            let actor = Actor { kind: proven.kind, id: proven.id.clone(), roles: Vec::new() };
            (actor, proven.actor_ref.clone())
        } else {
            let nobody = nobody(app.directory.actor_key(), FUNCTION, &self.context.request_id);
            (nobody.actor, nobody.actor_ref)
        };
        Author {
            actor,
            actor_ref,
            request_id: self.context.request_id.clone(),
            function: FUNCTION,
            source_address: self.context.source_address.clone(),
        }
    }

    /// Who asks, where others must approve.
    pub(crate) fn maker(&self) -> Result<Party, Problem> {
        let caller = self.caller()?;
        Ok(Party { principal_id: caller.principal_id.clone(), person_id: caller.person_id.clone() })
    }

    /// The field `justification`: 10 to 1,000 characters that say why.
    pub(crate) fn justification(reader: &mut FieldReader<'_>) -> Option<String> {
        words(reader, "justification", JUSTIFICATION)
    }
}
