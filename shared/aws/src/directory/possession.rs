//! What the holder of a secret does to a key: no account stands behind it, and the entry says so.

use engine_core::access::{ApiKey, KeyAction, KeyHash, KeyRecord, KeyState, OneTimeCode, Refusal};
use engine_core::audit::{Actor, ActorRef, ActorType, Event};
use jiff::Timestamp;
use serde_json::Map;

use super::keys::{act, also, step};
use super::{Directory, key_key};
use crate::Error;
use crate::author::Author;
use crate::change::{Change, Prepared};
use crate::key_item::{self, Held, KeyDetails, SuccessorState};

/// Why what a secret was presented for was not done.
#[derive(Debug, thiserror::Error)]
pub enum PossessionError {
    /// The secret does not prove what it must. Who does not hold the right one is told [`Refusal::NotAuthenticated`].
    #[error("the presented secret is refused: {0:?}")]
    Refused(Refusal),
    /// The secret is right, and the store could not do it or the state does not allow it.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The request through which the holder of a secret acts.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The request's id.
    pub request_id: String,
    /// The function.
    pub function: &'static str,
    /// Network address of the caller, where there is one.
    pub source_address: Option<String>,
}

impl Origin {
    /// The client whose key acts.
    pub(super) fn client(&self, record: &KeyRecord) -> Author {
        self.author(ActorType::Client, record, record.actor_ref.clone())
    }

    fn author(&self, kind: ActorType, record: &KeyRecord, actor_ref: ActorRef) -> Author {
        Author {
            actor: Actor { kind, id: record.client_id.to_string(), roles: Vec::new() },
            actor_ref,
            request_id: self.request_id.clone(),
            function: self.function,
            source_address: self.source_address.clone(),
        }
    }
}

impl Directory {
    /// Confirms receipt of a claimed key, with the key itself: from then on it may be used.
    pub async fn confirm_key(
        &self,
        presented: &ApiKey,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Prepared<KeyDetails>, PossessionError> {
        let held = self.presented(presented.id()).await?;
        let proved = held.details.record.prove(&presented.hash(), now).map_err(PossessionError::Refused)?;
        if proved == KeyState::Frozen {
            return Err(PossessionError::Refused(Refusal::Frozen));
        }
        let mut next = step(&held, KeyAction::Confirm)?;
        next.details.rotation.confirmed_at = Some(now);
        let mut change = Change::default();
        key_item::update(&mut change, &self.tables.keys, &held, &next)?;
        let predecessor = self.succeed(&mut change, &held).await?;
        let entry =
            origin.client(&held.details.record).entry(act(Event::ApiKeyConfirm, &next, also(&predecessor)), now);
        change.record(&self.audit, &entry?)?;
        Ok(Prepared { change, value: next.details })
    }

    /// Adds to the predecessor's offer that its successor is confirmed, unless it says so already.
    async fn succeed(&self, change: &mut Change, successor: &Held) -> Result<Option<Held>, Error> {
        let Some(id) = &successor.details.rotation.predecessor_id else { return Ok(None) };
        let predecessor = self.held(id).await?;
        let mut next = predecessor.next();
        match &mut next.details.rotation.offer {
            Some(offer) if offer.successor_id.as_ref() == Some(successor.id()) => {
                if offer.state == SuccessorState::Confirmed {
                    return Ok(None);
                }
                offer.state = SuccessorState::Confirmed;
            }
            // What takes an offer back revokes what was claimed by it, so this was read between the two.
            _ => return Err(Error::Conflict(format!("key {} was changed meanwhile: try again", successor.id()))),
        }
        key_item::update(change, &self.tables.keys, &predecessor, &next)?;
        Ok(Some(next))
    }

    /// Stops a key, confirmed or not, with the code that the client's contacts were sent when it was claimed.
    pub async fn freeze_key(
        &self,
        code: &OneTimeCode,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Prepared<KeyDetails>, PossessionError> {
        let held = self.presented(code.id()).await?;
        proves(held.freeze_hash.as_ref(), &code.hash())?;
        let next = step(&held, KeyAction::Freeze)?;
        let mut change = Change::default();
        key_item::update(&mut change, &self.tables.keys, &held, &next)?;
        let record = &held.details.record;
        let actor_ref = self.actor_key.actor_ref(ActorType::Contact, record.client_id.as_str());
        let author = origin.author(ActorType::Contact, record, actor_ref);
        change.record(&self.audit, &author.entry(act(Event::ApiKeyFreeze, &next, Map::new()), now)?)?;
        Ok(Prepared { change, value: next.details })
    }

    /// The key that a presented secret names. One that does not exist is refused like a wrong secret.
    pub(super) async fn presented(&self, id: &engine_core::access::KeyId) -> Result<Held, PossessionError> {
        match self.get(&self.tables.keys, key_key(id.as_str())).await? {
            Some(item) => Ok(key_item::read_held(&item)?),
            None => Err(PossessionError::Refused(Refusal::NotAuthenticated)),
        }
    }
}

/// Whether a presented code is the one whose hash is held.
pub(super) fn proves(held: Option<&KeyHash>, presented: &KeyHash) -> Result<(), PossessionError> {
    if held == Some(presented) { Ok(()) } else { Err(PossessionError::Refused(Refusal::NotAuthenticated)) }
}
