//! API keys: issued once, shown once, revoked for good.

use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::{ApiKey, KeyAction, KeyId, KeyRecord, KeyState, TickerScope};
use engine_core::audit::{Event, Outcome};
use engine_core::time::rfc3339;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::client_item::{ClientRecord, ClientStatus};
use super::new_key::{NewKey, read_new};
use super::{Directory, DirectoryError, MAX_KEYS_PER_CLIENT, changed, client_key, listing};
use crate::Error;
use crate::author::{Act, Author};
use crate::change::{Change, Prepared};
use crate::clock::random_bytes;
use crate::item::{n, s};
use crate::key_item::{self, Held, KeyDetails};

/// A key just issued: the only place where its text can be read.
pub struct IssuedKey {
    /// The key in clear.
    pub api_key: ApiKey,
    /// Its record.
    pub record: KeyRecord,
}

/// The place that a new key takes.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// One of its own.
    Own,
    /// That of a successor.
    Successor {
        /// The one that was claimed before and is revoked.
        replaced: Option<&'a KeyId>,
        /// When the code was made that claims it, where one does: it must not have been made void.
        code_made_at: Option<Timestamp>,
    },
}

impl<'a> Place<'a> {
    fn replaced(self) -> Option<&'a KeyId> {
        match self {
            Self::Own => None,
            Self::Successor { replaced, .. } => replaced,
        }
    }
}

impl Directory {
    /// Issues a key to an existing active client.
    pub async fn create_key(
        &self,
        new: &NewKey,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<IssuedKey>, DirectoryError> {
        let wanted = read_new(new).map_err(DirectoryError::Invalid)?;
        let client = self.client(&wanted.client_id).await?;
        let api_key = generate(&new.environment)?;
        let days = u32::try_from(new.expiry_days).unwrap_or(u32::MAX);
        let record = KeyRecord {
            id: api_key.id().clone(),
            hash: api_key.hash(),
            client_id: wanted.client_id,
            state: KeyState::Active,
            created_at: now,
            expires_at: in_days(now, days),
            tier: wanted.tier,
            permissions: wanted.permissions,
            tickers: wanted.tickers,
            actor_ref: client.actor_ref.clone(),
            client_ref: client.client_ref.clone(),
            terms_version: client.terms_version,
        };
        let held = Held::new(record, &author.actor.id, "created".to_owned());
        let mut change = Change::default();
        self.add_key(&mut change, &client, &held, Place::Own, now).await?;
        let act = act(Event::ApiKeyCreate, &held, describe(&held.details.record));
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: IssuedKey { api_key, record: held.details.record } })
    }

    /// Adds a new key of an active client to `change`.
    pub(super) async fn add_key(
        &self,
        change: &mut Change,
        client: &ClientRecord,
        new: &Held,
        place: Place<'_>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (client_id, active) = (&client.client_id, ClientStatus::Active);
        if client.status != active {
            return Err(Error::Conflict(format!("client {client_id} is {}, not {active}", client.status)));
        }
        let mut values = vec![(":active", s(active.as_str())), (":terms", n(new.details.record.terms_version))];
        let key = new.id().to_string();
        let (set, room) = match self.make_room(client, place.replaced(), now).await? {
            None => {
                values.push((":key", AttributeValue::Ss(vec![key])));
                values.push((":most", n(MAX_KEYS_PER_CLIENT)));
                ("ADD key_ids :key", "(attribute_not_exists(key_ids) OR size(key_ids) < :most)")
            }
            Some(mut others) => {
                others.push(key);
                values.push((":live", AttributeValue::Ss(others)));
                values.push((":read", AttributeValue::Ss(client.key_ids.clone())));
                ("SET key_ids = :live", "key_ids = :read")
            }
        };
        change.put_new(&self.tables.keys, key_item::write(new), format_args!("key {} exists already", new.id()))?;
        let row = listing::key_row(client_id, new.id());
        change.put_new(&self.tables.clients, row, format_args!("key {} is listed already", new.id()))?;
        let mut condition = format!("client_status = :active AND terms_version = :terms AND {room}");
        if let Place::Successor { code_made_at: Some(made_at), .. } = place {
            values.push((":code_made_at", n(made_at.as_millisecond())));
            condition.push_str(" AND (attribute_not_exists(codes_void_until) OR codes_void_until < :code_made_at)");
        }
        let key = client_key(client_id.as_str());
        change.update(&self.tables.clients, key, set, &condition, values, changed(client_id))
    }

    /// The client's other keys, where one is replaced or the expired ones must be forgotten; `None` where there is room.
    async fn make_room(
        &self,
        client: &ClientRecord,
        replaced: Option<&KeyId>,
        now: Timestamp,
    ) -> Result<Option<Vec<String>>, Error> {
        let kept = |id: &&String| replaced.is_none_or(|replaced| replaced.as_str() != **id);
        let others: Vec<_> = client.key_ids.iter().filter(kept).cloned().collect();
        if others.len() < MAX_KEYS_PER_CLIENT {
            return Ok((others.len() < client.key_ids.len()).then_some(others));
        }
        let held = self.all_held(others.iter().map(String::as_str)).await?;
        let lives = |id: &String| held.get(id).is_some_and(|held| now < held.details.record.expires_at);
        let live: Vec<_> = others.into_iter().filter(lives).collect();
        if live.len() < MAX_KEYS_PER_CLIENT {
            Ok(Some(live))
        } else {
            let id = &client.client_id;
            Err(Error::Conflict(format!("client {id} holds {MAX_KEYS_PER_CLIENT} live keys: revoke one first")))
        }
    }

    /// Revokes a key for good, and a successor that was claimed with it and not confirmed. Every process refuses them from
    /// the next request on. What was offered and not claimed is offered no more.
    pub async fn revoke_key(
        &self,
        key_id: &KeyId,
        reason: Option<&str>,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<KeyDetails>, Error> {
        let held = self.held(key_id).await?;
        let mut change = Change::default();
        let (reason, update) = (reason.map(str::to_owned), key_item::update);
        let next = self.add_end_of(&mut change, &held, update, reason, author, now).await?;
        Ok(Prepared { change, value: next.details })
    }

    /// Adds that a key ends before its time, with a successor that was claimed with it and not confirmed: what `update` conditions
    /// the key's own change on, the client's keys, and the entry. The key as it is after it.
    pub(super) async fn add_end_of(
        &self,
        change: &mut Change,
        held: &Held,
        update: key_item::AddUpdate,
        reason: Option<String>,
        author: &Author,
        now: Timestamp,
    ) -> Result<Held, Error> {
        let next = ended(held, now)?;
        update(change, &self.tables.keys, held, &next)?;
        let successor = match self.unconfirmed_successor(held).await? {
            Some(successor) => Some(self.add_revocation(change, &successor, now)?),
            None => None,
        };
        self.forget_keys(change, held, successor.as_ref())?;
        let act = Act { reason, ..act(Event::ApiKeyRevoke, &next, also(successor.as_ref())) };
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(next)
    }

    /// The key that was claimed as a successor of this one, unless its receipt was confirmed or it was revoked.
    pub(super) async fn unconfirmed_successor(&self, predecessor: &Held) -> Result<Option<Held>, Error> {
        let Some(id) = predecessor.unfinished_offer().and_then(|offer| offer.successor_id.as_ref()) else {
            return Ok(None);
        };
        Ok(Some(self.held(id).await?).filter(|successor| successor.details.record.state != KeyState::Revoked))
    }

    /// Adds the revocation of a key; what it is after it.
    pub(super) fn add_revocation(&self, change: &mut Change, held: &Held, now: Timestamp) -> Result<Held, Error> {
        let mut next = step(held, KeyAction::Revoke)?;
        next.details.revoked_at = Some(now);
        key_item::update(change, &self.tables.keys, held, &next)?;
        Ok(next)
    }

    /// Adds that the client no longer has these keys.
    pub(super) fn forget_keys(&self, change: &mut Change, key: &Held, other: Option<&Held>) -> Result<(), Error> {
        let ids = [Some(key), other].into_iter().flatten().map(|held| held.id().to_string()).collect();
        let client_id = &key.details.record.client_id;
        change.update(
            &self.tables.clients,
            client_key(client_id.as_str()),
            "DELETE key_ids :keys",
            "attribute_exists(pk)",
            [(":keys", AttributeValue::Ss(ids))],
            changed(client_id),
        )
    }

    /// Lets a frozen key go on, once its receipt is confirmed again. The contacts' code still freezes it: who was mistaken in
    /// letting it go on must not take that from them.
    pub async fn unfreeze_key(
        &self,
        key_id: &KeyId,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<KeyDetails>, Error> {
        let held = self.held(key_id).await?;
        let mut next = step(&held, KeyAction::Unfreeze)?;
        next.details.rotation.confirmed_at = None;
        let mut change = Change::default();
        key_item::update(&mut change, &self.tables.keys, &held, &next)?;
        change.record(&self.audit, &author.entry(act(Event::ApiKeyUnfreeze, &next, Map::new()), now)?)?;
        Ok(Prepared { change, value: next.details })
    }

    /// The key with that id.
    pub async fn key(&self, key_id: &KeyId) -> Result<KeyDetails, Error> {
        self.held(key_id).await.map(|held| held.details)
    }
}

/// A new key's text.
pub(super) fn generate(environment: &str) -> Result<ApiKey, Error> {
    ApiKey::generate(environment, random_bytes()?, &zeroize::Zeroizing::new(random_bytes()?)).map_err(unfit_environment)
}

/// The stack's name for itself cannot stand in a credential.
pub(super) fn unfit_environment(_: impl std::error::Error) -> Error {
    Error::corrupt("environment", "must be 2 to 10 lower-case letters or digits")
}

/// The end of a life of so many days from `now` on.
pub(super) fn in_days(now: Timestamp, days: u32) -> Timestamp {
    now + SignedDuration::from_hours(24 * i64::from(days))
}

/// The next version of a key after `action`, if the table of a key's life allows it.
pub(super) fn step(held: &Held, action: KeyAction) -> Result<Held, Error> {
    let mut next = held.next();
    let after = held.details.record.state.after(action);
    next.details.record.state = after.map_err(|illegal| match (illegal.state, illegal.action) {
        (KeyState::Revoked, KeyAction::Revoke) => Error::Conflict(format!("key {} is revoked already", held.id())),
        _ => Error::Conflict(illegal.to_string()),
    })?;
    Ok(next)
}

/// A key as its revocation leaves it: good for nothing, and offered nothing that was not confirmed.
pub(super) fn ended(held: &Held, now: Timestamp) -> Result<Held, Error> {
    let mut next = step(held, KeyAction::Revoke)?;
    next.details.revoked_at = Some(now);
    if held.unfinished_offer().is_some() {
        next.details.rotation.offer = None;
        next.details.rotation.claim_code_expires_at = None;
        next.claim_code_hash = None;
    }
    Ok(next)
}

/// What was done to a key, whose next version `next` is.
pub(super) fn act(event: Event, next: &Held, more: Map<String, Value>) -> Act {
    let record = &next.details.record;
    let mut details = more;
    details.insert("client_id".to_owned(), json!(record.client_id));
    details.insert("key_id".to_owned(), json!(record.id.as_str()));
    details.insert("state".to_owned(), json!(record.state.as_str()));
    details.insert("version".to_owned(), json!(next.details.version));
    Act {
        event,
        outcome: Outcome::Success,
        resource: format!("api_key:{}", record.id),
        reason: None,
        client_ref: Some(record.client_ref.clone()),
        subject_ref: None,
        details: Value::Object(details),
    }
}

/// Names other keys that the same act changed, with the version that each has after it.
pub(super) fn also<'a>(others: impl IntoIterator<Item = &'a Held>) -> Map<String, Value> {
    let one = |held: &Held| (held.id().to_string(), json!(held.details.version));
    let versions: Map<_, _> = others.into_iter().map(one).collect();
    if versions.is_empty() { Map::new() } else { Map::from_iter([("versions".to_owned(), Value::Object(versions))]) }
}

/// A new key's metadata, as recorded. Never its hash.
pub(super) fn describe(record: &KeyRecord) -> Map<String, Value> {
    let tickers = match &record.tickers {
        TickerScope::All => Value::Null,
        TickerScope::Listed(tickers) => json!(tickers),
    };
    let permissions: Vec<_> = record.permissions.iter().map(|permission| permission.as_str()).collect();
    Map::from_iter([
        ("expires_at".to_owned(), json!(rfc3339(record.expires_at))),
        ("rate_limit".to_owned(), json!(record.tier.per_minute())),
        ("permissions".to_owned(), json!(permissions)),
        ("tickers".to_owned(), tickers),
    ])
}
