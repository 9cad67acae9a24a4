//! Who makes a change, and the audit entry that goes with it.

use engine_core::audit::{
    Actor, ActorRef, ActorType, Body, Draft, Entry, EntryId, Event, Outcome, Reference, SecretKey,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::Error;
use crate::clock::random_bytes;

/// Who acts, through what, and at which request.
#[derive(Clone, Debug)]
pub struct Author {
    /// The actor in clear.
    pub actor: Actor,
    /// The actor's keyed reference.
    pub actor_ref: ActorRef,
    /// The request that causes the change.
    pub request_id: String,
    /// The function, or `engine` for the command line.
    pub function: &'static str,
    /// Network address of the caller, where there is one.
    pub source_address: Option<String>,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Act {
    /// What happened.
    pub event: Event,
    /// How it ended.
    pub outcome: Outcome,
    /// What it was done to.
    pub resource: String,
    /// Why, where asked for.
    pub reason: Option<String>,
    /// The client concerned.
    pub client_ref: Option<Reference>,
    /// The ticker concerned.
    pub subject_ref: Option<Reference>,
    /// Event-specific facts.
    pub details: Value,
}

impl Author {
    /// A function of the stack that acts on an event or a schedule, at the request `request_id`.
    #[must_use]
    pub fn system(function: &'static str, actor_key: &SecretKey, request_id: impl Into<String>) -> Self {
        Self {
            actor: Actor { kind: ActorType::System, id: function.to_owned(), roles: vec!["system".to_owned()] },
            actor_ref: actor_key.actor_ref(ActorType::System, function),
            request_id: request_id.into(),
            function,
            source_address: None,
        }
    }

    /// The entry for an act at `now`, with an id and a salt of its own.
    pub fn entry(&self, act: Act, now: Timestamp) -> Result<Entry, Error> {
        self.entry_with_id(EntryId::new(now, random_bytes()?), act, now)
    }

    /// The entry for an act whose id was given out already, as a quote's is.
    pub fn entry_with_id(&self, id: EntryId, act: Act, now: Timestamp) -> Result<Entry, Error> {
        let draft = Draft {
            id,
            time: now,
            event: act.event,
            outcome: act.outcome,
            request_id: self.request_id.clone(),
            function: self.function,
            actor_ref: self.actor_ref.clone(),
            client_ref: act.client_ref,
            subject_ref: act.subject_ref,
            body: Body {
                actor: self.actor.clone(),
                source_address: self.source_address.clone(),
                resource: act.resource,
                reason: act.reason,
                details: act.details,
                salt: random_bytes()?,
            },
        };
        draft.finish().map_err(|error| Error::corrupt("audit entry", error))
    }
}
