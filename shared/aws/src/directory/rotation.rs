//! Successors, as an administrator offers them. Nothing is made until the client claims.

use engine_core::access::{CodeKind, KeyAction, KeyId, KeyState, OneTimeCode};
use engine_core::audit::Event;
use engine_core::field::FieldError;
use engine_core::time::rfc3339;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use zeroize::Zeroizing;

use super::claims::MOST_CLAIMS;
use super::keys::{act, also, in_days, step, unfit_environment};
use super::{Directory, DirectoryError};
use crate::Error;
use crate::author::{Act, Author};
use crate::change::{Change, Prepared};
use crate::clock::random_bytes;
use crate::key_item::{self, Held, KeyDetails, Offer, SuccessorState};

/// Days that a key may work on beside its successor.
const OVERLAP_DAYS: (u32, u32) = (1, 14);
/// How long a claim code is good.
pub(super) const CLAIM_CODE_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// A key that has ended, and the code that claims its successor.
pub struct Offered {
    /// The key as it is now.
    pub key: KeyDetails,
    /// The code, where one was made.
    pub claim_code: Option<ClaimCode>,
}

/// A code that claims the successor of a key that has ended: the only place where it can be read.
pub struct ClaimCode {
    /// The code in clear, good once.
    pub code: OneTimeCode,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

impl Directory {
    /// Offers a successor and brings the key's end forward to `overlap_days` (1 to 14) from now, if that is earlier. Until
    /// then both work. What was claimed as often as it may be is offered anew, and what was claimed last is revoked.
    pub async fn rotate_key(
        &self,
        key_id: &KeyId,
        overlap_days: u64,
        reason: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<KeyDetails>, DirectoryError> {
        let (least, most) = OVERLAP_DAYS;
        let overlap = u32::try_from(overlap_days).ok().filter(|days| (least..=most).contains(days));
        let Some(overlap) = overlap else {
            let message = format_args!("must be between {least} and {most}");
            return Err(DirectoryError::Invalid(vec![FieldError::new("overlap_days", message)]));
        };
        let held = self.held(key_id).await?;
        let mut next = step(&held, KeyAction::Rotate)?;
        not_ended(&held, now)?;
        match &held.details.rotation.offer {
            None => {}
            Some(offer) if offer.state == SuccessorState::Claimed && offer.claims >= MOST_CLAIMS => {}
            Some(offer) if offer.state == SuccessorState::Confirmed => return Err(succeeded(key_id).into()),
            Some(_) => {
                return Err(Error::Conflict(format!("a successor of key {key_id} is offered already")).into());
            }
        }
        next.details.rotation.offer = Some(offer(&held, reason, now));
        next.details.record.expires_at = held.details.record.expires_at.min(in_days(now, overlap));
        let mut change = Change::default();
        key_item::update(&mut change, &self.tables.keys, &held, &next)?;
        let successor = match self.unconfirmed_successor(&held).await? {
            Some(successor) => Some(self.add_revocation(&mut change, &successor, now)?),
            None => None,
        };
        if let Some(successor) = &successor {
            self.forget_keys(&mut change, successor, None)?;
        }
        let mut details = also(&successor);
        details.insert("expires_at".to_owned(), json!(rfc3339(next.details.record.expires_at)));
        let act = Act { reason: Some(reason.to_owned()), ..act(Event::ApiKeyRotate, &next, details) };
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: next.details })
    }

    /// Ends a key at once, with a successor that was claimed with it and not confirmed, and offers a new successor. The key no
    /// longer can claim it: a code can, which is made here where `code_of` names the code's environment, and by
    /// [`Directory::create_claim_code`] otherwise. Whoever gets the code gets a key with it.
    pub async fn emergency_rotate_key(
        &self,
        key_id: &KeyId,
        code_of: Option<&str>,
        reason: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<Offered>, Error> {
        let held = self.held(key_id).await?;
        let mut next = step(&held, KeyAction::EmergencyRotate)?;
        not_ended(&held, now)?;
        if held.details.rotation.offer.is_some() && held.unfinished_offer().is_none() {
            return Err(succeeded(key_id));
        }
        next.details.revoked_at = Some(now);
        next.details.rotation.offer = Some(offer(&held, reason, now));
        let claim_code = code_of.map(|environment| give_claim_code(&mut next, environment, now)).transpose()?;
        let mut change = Change::default();
        key_item::update(&mut change, &self.tables.keys, &held, &next)?;
        let successor = match self.unconfirmed_successor(&held).await? {
            Some(successor) => Some(self.add_revocation(&mut change, &successor, now)?),
            None => None,
        };
        self.forget_keys(&mut change, &held, successor.as_ref())?;
        let act = act(Event::ApiKeyEmergencyRotate, &next, also(successor.as_ref()));
        change.record(&self.audit, &author.entry(Act { reason: Some(reason.to_owned()), ..act }, now)?)?;
        Ok(Prepared { change, value: Offered { key: next.details, claim_code } })
    }

    /// A code that claims the successor of a key that has ended and cannot claim it. It takes the place of an earlier one, and
    /// is an administrator's offer of its own: claims are counted anew.
    pub async fn create_claim_code(
        &self,
        key_id: &KeyId,
        environment: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<Offered>, Error> {
        let held = self.held(key_id).await?;
        let record = &held.details.record;
        if held.unfinished_offer().is_none() {
            return Err(Error::Conflict(format!("no successor of key {key_id} waits to be claimed")));
        }
        if record.state != KeyState::Revoked && now < record.expires_at {
            return Err(Error::Conflict(format!("key {key_id} has not ended: its successor is claimed with it")));
        }
        let mut next = held.next();
        if let Some(offer) = &mut next.details.rotation.offer {
            offer.claims = 0;
        }
        let claim_code = give_claim_code(&mut next, environment, now)?;
        let mut change = Change::default();
        key_item::update(&mut change, &self.tables.keys, &held, &next)?;
        change.record(&self.audit, &author.entry(act(Event::ApiKeyClaimCodeCreate, &next, also([])), now)?)?;
        Ok(Prepared { change, value: Offered { key: next.details, claim_code: Some(claim_code) } })
    }
}

/// An offer to the holder of that key: a successor that lives as long as the key was made to live.
pub(super) fn offer(held: &Held, reason: &str, now: Timestamp) -> Offer {
    offer_for(made_for(held), reason, now)
}

/// An offer of a successor that lives so many days.
pub(super) fn offer_for(expiry_days: u32, reason: &str, now: Timestamp) -> Offer {
    let reason = Some(reason.to_owned());
    Offer { offered_at: now, expiry_days, state: SuccessorState::Offered, successor_id: None, claims: 0, reason }
}

/// Days that a key was made to live, or that its successor was offered for.
pub(super) fn made_for(held: &Held) -> u32 {
    let record = &held.details.record;
    let days = record.expires_at.duration_since(record.created_at).as_hours() / 24;
    let offered = held.details.rotation.offer.as_ref().map(|offer| offer.expiry_days);
    offered.unwrap_or_else(|| u32::try_from(days).unwrap_or(0).max(1))
}

fn give_claim_code(next: &mut Held, environment: &str, now: Timestamp) -> Result<ClaimCode, Error> {
    let secret = Zeroizing::new(random_bytes()?);
    let code = OneTimeCode::generate(CodeKind::Claim, environment, next.id().clone(), &secret);
    let code = code.map_err(unfit_environment)?;
    let expires_at = now + CLAIM_CODE_LIFE;
    next.claim_code_hash = Some(code.hash());
    next.details.rotation.claim_code_expires_at = Some(expires_at);
    Ok(ClaimCode { code, expires_at })
}

fn not_ended(held: &Held, now: Timestamp) -> Result<(), Error> {
    if now < held.details.record.expires_at {
        Ok(())
    } else {
        Err(Error::Conflict(format!("key {} has expired: create another", held.id())))
    }
}

fn succeeded(key_id: &KeyId) -> Error {
    Error::Conflict(format!("the successor of key {key_id} is confirmed: rotate the successor, or revoke the key"))
}
