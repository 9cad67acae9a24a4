//! A successor is collected: a new key is made, its text handed out once, and the client's contacts are to be told.

use engine_core::access::{ApiKey, CodeKind, KeyRecord, KeyState, OneTimeCode, Refusal};
use engine_core::audit::Event;
use jiff::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use super::client_item::ClientRecord;
use super::contact_item::Contact;
use super::keys::{Place, act, also, describe, generate, in_days, unfit_environment};
use super::possession::{Origin, PossessionError, proves};
use super::rotation::CLAIM_CODE_LIFE;
use super::{Directory, IssuedKey};
use crate::Error;
use crate::change::{Change, Prepared};
use crate::clock::random_bytes;
use crate::key_item::{self, Held, SuccessorState};

/// Claims of one offer: a lost answer or two, and then somebody looks into it.
pub(super) const MOST_CLAIMS: u32 = 5;

/// A successor just claimed: the only place where its text and its freeze code can be read.
pub struct Claimed {
    /// The successor.
    pub issued: IssuedKey,
    /// What freezes it: for the client's contacts, not for who claims.
    pub freeze_code: OneTimeCode,
    /// The client's verified contacts, who must be told before the key is handed out. At least one.
    pub contacts: Vec<Contact>,
}

impl Directory {
    /// Claims the successor that was offered to the presented key, which must be usable. Claiming again before the
    /// successor is confirmed revokes it and makes another, five times for one offer.
    pub async fn claim_by_key(
        &self,
        presented: &ApiKey,
        environment: &str,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Prepared<Claimed>, PossessionError> {
        let held = self.presented(presented.id()).await?;
        held.details.record.admit(&presented.hash(), now).map_err(PossessionError::Refused)?;
        let client = self.client(&held.details.record.client_id).await?;
        Ok(self.claim(&held, &client, environment, None, origin, now).await?)
    }

    /// The same with a claim code, which is good once, in the place of a key that has ended.
    pub async fn claim_by_code(
        &self,
        code: &OneTimeCode,
        environment: &str,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Prepared<Claimed>, PossessionError> {
        let held = self.presented(code.id()).await?;
        proves(held.claim_code_hash.as_ref(), &code.hash())?;
        let end = held.details.rotation.claim_code_expires_at.filter(|end| now < *end);
        let made_at = end.ok_or(PossessionError::Refused(Refusal::Expired))? - CLAIM_CODE_LIFE;
        let client = self.client(&held.details.record.client_id).await?;
        if client.codes_void_until.is_some_and(|until| made_at <= until) {
            return Err(PossessionError::Refused(Refusal::Revoked));
        }
        Ok(self.claim(&held, &client, environment, Some(made_at), origin, now).await?)
    }

    async fn claim(
        &self,
        predecessor: &Held,
        client: &ClientRecord,
        environment: &str,
        code_made_at: Option<Timestamp>,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Prepared<Claimed>, Error> {
        let id = predecessor.id();
        let offer = predecessor.unfinished_offer();
        let offer = offer.ok_or_else(|| Error::Conflict(format!("no successor of key {id} waits to be claimed")))?;
        let old = &predecessor.details.record;
        let contacts = self.verified_contacts(&old.client_id).await?;
        let mut change = Change::default();
        let replaced = match self.unconfirmed_successor(predecessor).await? {
            // What the contacts stopped is not claimed past them.
            Some(frozen) if frozen.details.record.state == KeyState::Frozen => {
                return Err(Error::Conflict("the successor is frozen: an administrator decides".to_owned()));
            }
            Some(successor) => Some(self.add_revocation(&mut change, &successor, now)?),
            None => None,
        };
        if offer.claims >= MOST_CLAIMS {
            let many = format!(
                "the successor of key {id} was claimed {MOST_CLAIMS} times: an administrator must offer it anew"
            );
            return Err(Error::Conflict(many));
        }

        let api_key = generate(environment)?;
        let record = KeyRecord {
            id: api_key.id().clone(),
            hash: api_key.hash(),
            state: KeyState::Claimed,
            created_at: now,
            expires_at: in_days(now, offer.expiry_days),
            terms_version: client.terms_version,
            ..old.clone()
        };
        let because = match &offer.reason {
            Some(reason) => format!("successor of {id}: {reason}"),
            None => format!("successor of {id}"),
        };
        let mut successor = Held::new(record, old.client_id.as_str(), because);
        let secret = Zeroizing::new(random_bytes()?);
        let freeze_code = OneTimeCode::generate(CodeKind::Freeze, environment, successor.id().clone(), &secret);
        let freeze_code = freeze_code.map_err(unfit_environment)?;
        successor.freeze_hash = Some(freeze_code.hash());
        successor.details.rotation.predecessor_id = Some(id.clone());
        successor.details.rotation.claimed_at = Some(now);
        let place = Place::Successor { replaced: replaced.as_ref().map(Held::id), code_made_at };
        self.add_key(&mut change, client, &successor, place, now).await?;

        let mut next = predecessor.next();
        if let Some(offer) = &mut next.details.rotation.offer {
            offer.state = SuccessorState::Claimed;
            offer.successor_id = Some(successor.id().clone());
            offer.claims += 1;
        }
        next.claim_code_hash = None;
        next.details.rotation.claim_code_expires_at = None;
        key_item::update(&mut change, &self.tables.keys, predecessor, &next)?;
        self.check_contacts(&mut change, &old.client_id, &contacts)?;

        let mut details = describe(&successor.details.record);
        details.extend(also([&next].into_iter().chain(&replaced)));
        details.insert("predecessor_id".to_owned(), json!(id.as_str()));
        details.insert("claimed_by".to_owned(), json!(if code_made_at.is_some() { "claim_code" } else { "key" }));
        details.insert("contacts_to_tell".to_owned(), json!(contacts.len()));
        let entry = origin.client(old).entry(act(Event::ApiKeyClaim, &successor, details), now)?;
        change.record(&self.audit, &entry)?;
        let issued = IssuedKey { api_key, record: successor.details.record };
        Ok(Prepared { change, value: Claimed { issued, freeze_code, contacts } })
    }
}
