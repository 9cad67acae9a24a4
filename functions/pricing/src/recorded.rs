//! The record of a call: written before its answer leaves, or there is no such answer.

use engine_aws::author::{Act, Author};
use engine_aws::clock::random_bytes;
use engine_aws::key_gate::Admission;
use engine_core::audit::{Actor, ActorType, EntryId, Event, Outcome, Reference};
use engine_core::quote::{PositionRequest, QuoteRecord};
use engine_http::problem::Problem;
use serde_json::{Value, json};

use crate::{Call, Pricing};

/// Role under which API keys act.
const CLIENT_ROLE: &str = "client";

/// Why a call got no quote, and what of it only the record says.
pub(crate) struct Refused {
    /// What the client is told.
    pub problem: Problem,
    /// What was asked for, once it could be read.
    request: Value,
    /// Commitment to the ticker, where the stock exists and the key may not see it.
    withheld: Option<Reference>,
}

impl Refused {
    /// A refusal of a request that could be read.
    pub(crate) fn asked(problem: Problem, request: &PositionRequest) -> Self {
        let request = json!({
            "ticker": request.ticker,
            "position_value": request.size.value().to_string(),
            "loan_days": request.loan_days,
            "client_id": request.client_id,
        });
        Self { problem, request, withheld: None }
    }

    /// Says for the record that the stock exists.
    pub(crate) fn withheld(self, subject: Reference) -> Self {
        Self { withheld: Some(subject), ..self }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, request: Value::Null, withheld: None }
    }
}

/// Writes the one entry that an admitted call owes.
pub(crate) struct Recorder<'a> {
    app: &'a Pricing,
    call: Call<'a>,
    admission: &'a Admission,
    event: Event,
    id: EntryId,
}

impl<'a> Recorder<'a> {
    /// A recorder for one call, with the id under which the call will be recorded.
    pub(crate) fn new(
        app: &'a Pricing,
        call: Call<'a>,
        admission: &'a Admission,
        event: Event,
    ) -> Result<Self, Problem> {
        let id = EntryId::new(call.context.now, random_bytes()?);
        Ok(Self { app, call, admission, event, id })
    }

    /// The entry's id, which is the quote's or the batch's.
    pub(crate) fn id(&self) -> EntryId {
        self.id
    }

    /// Records quotes. `subject` is the commitment to the ticker, where there is one ticker.
    pub(crate) async fn quotes(&self, record: &QuoteRecord, subject: Option<Reference>) -> Result<(), Problem> {
        let quote = serde_json::to_value(record).map_err(|error| Problem::internal(error.to_string()))?;
        self.append(Outcome::Success, subject, json!({ "quote": quote })).await
    }

    /// Records a refusal and gives back the problem to answer with.
    pub(crate) async fn refused(&self, refused: Refused) -> Problem {
        let Refused { problem, request, withheld } = refused;
        let refusal = json!({
            "code": problem.code.as_str(), "errors": problem.errors, "request": request, "withheld": withheld.is_some(),
        });
        match self.append(Outcome::Refused, withheld, json!({ "refusal": refusal })).await {
            Ok(()) => problem,
            Err(unrecorded) => unrecorded,
        }
    }

    async fn append(&self, outcome: Outcome, subject: Option<Reference>, mut details: Value) -> Result<(), Problem> {
        let (context, key) = (self.call.context, &self.admission.key);
        if let Value::Object(members) = &mut details {
            members.insert("key_id".into(), json!(key.id.as_str()));
            members.insert("key_seq".into(), json!(self.admission.seq));
            members.insert("method".into(), json!(context.method));
            members.insert("correlation_id".into(), json!(context.correlation_id));
        }
        let author = Author {
            actor: Actor {
                kind: ActorType::Client,
                id: key.client_id.to_string(),
                roles: vec![CLIENT_ROLE.to_owned()],
            },
            actor_ref: key.actor_ref.clone(),
            request_id: context.request_id.clone(),
            function: "pricing",
            source_address: context.source_address.clone(),
        };
        let act = Act {
            event: self.event,
            outcome,
            resource: context.resource.clone(),
            reason: None,
            client_ref: Some(key.client_ref.clone()),
            subject_ref: subject,
            details,
        };
        let entry = author.entry_with_id(self.id, act, context.now)?;
        Ok(self.app.audit.append(&entry).await?)
    }
}
