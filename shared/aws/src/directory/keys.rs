//! API keys: issued once, shown once, revoked for good.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::{
    ApiKey, ClientId, KeyId, KeyRecord, KeyState, MAX_LISTED_TICKERS, Permission, TickerScope, Tier,
};
use engine_core::audit::{Event, Outcome};
use engine_core::field::FieldError;
use engine_core::ticker::Ticker;
use engine_core::time::rfc3339;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::clients::{ACTIVE, ClientRecord};
use super::{Directory, DirectoryError, MAX_KEYS_PER_CLIENT, changed, client_key, key_key, put_new, update};
use crate::Error;
use crate::author::{Act, Author};
use crate::clock::random_bytes;
use crate::item::{n, s};
use crate::key_item::{self, KeyUse};

/// Longest life of a key, in days.
const MAX_EXPIRY_DAYS: u64 = 90;

/// A key as asked for.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The client it is for.
    pub client_id: String,
    /// Requests a minute: 60, 300 or 1000.
    pub rate_limit: u64,
    /// Days until it ends: 1 to 90.
    pub expiry_days: u64,
    /// Names of permissions; `None` for all.
    pub permissions: Option<Vec<String>>,
    /// Tickers it may see, at most 50; `None` for all.
    pub tickers: Option<Vec<String>>,
    /// The environment named in the key's text.
    pub environment: String,
}

/// A key just issued: the only place where its text can be read.
pub struct IssuedKey {
    /// The key in clear.
    pub api_key: ApiKey,
    /// Its record.
    pub record: KeyRecord,
}

/// A key as an operator sees it.
#[derive(Clone, Debug)]
pub struct KeyDetails {
    /// Its record.
    pub record: KeyRecord,
    /// Its use so far.
    pub used: KeyUse,
}

struct Wanted {
    client_id: ClientId,
    tier: Tier,
    permissions: BTreeSet<Permission>,
    tickers: TickerScope,
}

impl Directory {
    /// Issues a key to an existing active client.
    pub async fn create_key(&self, new: &NewKey, author: &Author, now: Timestamp) -> Result<IssuedKey, DirectoryError> {
        let wanted = read_new(new).map_err(DirectoryError::Invalid)?;
        let client = self.client(&wanted.client_id).await?;
        if client.status != ACTIVE {
            return Err(
                Error::Conflict(format!("client {} is {}, not {ACTIVE}", client.client_id, client.status)).into()
            );
        }
        let live = self.make_room(&client, now).await?;
        let api_key = ApiKey::generate(&new.environment, random_bytes()?, &random_bytes()?)
            .map_err(|_| Error::corrupt("environment", "must be 2 to 10 lower-case letters or digits"))?;
        let days = i64::try_from(new.expiry_days).unwrap_or(i64::MAX);
        let record = KeyRecord {
            id: api_key.id().clone(),
            hash: api_key.hash(),
            client_id: wanted.client_id,
            state: KeyState::Active,
            created_at: now,
            expires_at: now + SignedDuration::from_hours(24 * days),
            tier: wanted.tier,
            permissions: wanted.permissions,
            tickers: wanted.tickers,
            actor_ref: client.actor_ref.clone(),
            client_ref: client.client_ref.clone(),
            terms_version: client.terms_version,
        };
        let entry = author.entry(
            Act {
                event: Event::ApiKeyCreate,
                outcome: Outcome::Success,
                resource: format!("api_key:{}", record.id),
                reason: None,
                client_ref: Some(record.client_ref.clone()),
                subject_ref: None,
                details: describe(&record),
            },
            now,
        )?;
        let mut values = vec![(":active", s(ACTIVE)), (":terms", n(record.terms_version))];
        let key = record.id.to_string();
        let (change, room) = match live {
            None => {
                values.push((":key", AttributeValue::Ss(vec![key])));
                values.push((":most", n(MAX_KEYS_PER_CLIENT)));
                ("ADD key_ids :key", "(attribute_not_exists(key_ids) OR size(key_ids) < :most)")
            }
            Some(mut live) => {
                live.push(key);
                values.push((":live", AttributeValue::Ss(live)));
                values.push((":read", AttributeValue::Ss(client.key_ids)));
                ("SET key_ids = :live", "key_ids = :read")
            }
        };
        let changes = vec![
            put_new(&self.tables.keys, key_item::write(&record))?,
            update(
                &self.tables.clients,
                client_key(record.client_id.as_str()),
                change,
                &format!("client_status = :active AND terms_version = :terms AND {room}"),
                values,
            )?,
        ];
        self.commit(changes, &entry, |_| changed(&record.client_id)).await?;
        Ok(IssuedKey { api_key, record })
    }

    /// The keys of a full client that have not expired, for the others to be forgotten; `None` where there is room.
    async fn make_room(&self, client: &ClientRecord, now: Timestamp) -> Result<Option<Vec<String>>, Error> {
        if client.key_ids.len() < MAX_KEYS_PER_CLIENT {
            return Ok(None);
        }
        let mut live = Vec::new();
        for id in &client.key_ids {
            let item = self.get(&self.tables.keys, key_key(id)).await?;
            if item.as_ref().map(key_item::read).transpose()?.is_some_and(|key| now < key.expires_at) {
                live.push(id.clone());
            }
        }
        if live.len() < MAX_KEYS_PER_CLIENT {
            Ok(Some(live))
        } else {
            let id = &client.client_id;
            Err(Error::Conflict(format!("client {id} holds {MAX_KEYS_PER_CLIENT} live keys: revoke one first")))
        }
    }

    /// Revokes a key for good. Every process refuses it from the next request on.
    pub async fn revoke_key(&self, key_id: &KeyId, reason: &str, author: &Author, now: Timestamp) -> Result<(), Error> {
        let record = self.key(key_id).await?.record;
        let entry = author.entry(
            Act {
                event: Event::ApiKeyRevoke,
                outcome: Outcome::Success,
                resource: format!("api_key:{key_id}"),
                reason: Some(reason.to_owned()),
                client_ref: Some(record.client_ref.clone()),
                subject_ref: None,
                details: json!({ "client_id": record.client_id, "key_id": key_id.as_str() }),
            },
            now,
        )?;
        let changes = vec![
            update(
                &self.tables.keys,
                key_key(key_id.as_str()),
                "SET key_state = :revoked, revoked_at = :now",
                "key_state = :active",
                [
                    (":revoked", s(KeyState::Revoked.as_str())),
                    (":active", s(KeyState::Active.as_str())),
                    (":now", n(now.as_millisecond())),
                ],
            )?,
            update(
                &self.tables.clients,
                client_key(record.client_id.as_str()),
                "DELETE key_ids :key",
                "attribute_exists(pk)",
                [(":key", AttributeValue::Ss(vec![key_id.to_string()]))],
            )?,
        ];
        let lost =
            |index| if index == 0 { format!("key {key_id} is revoked already") } else { changed(&record.client_id) };
        self.commit(changes, &entry, lost).await
    }

    /// The key with that id.
    pub async fn key(&self, key_id: &KeyId) -> Result<KeyDetails, Error> {
        let item = self.get(&self.tables.keys, key_key(key_id.as_str())).await?;
        let item = item.ok_or_else(|| Error::NotFound(format!("API key {key_id}")))?;
        Ok(KeyDetails { record: key_item::read(&item)?, used: key_item::read_use(&item)? })
    }
}

/// A key's metadata, as recorded. Never its hash.
fn describe(record: &KeyRecord) -> serde_json::Value {
    let tickers = match &record.tickers {
        TickerScope::All => serde_json::Value::Null,
        TickerScope::Listed(tickers) => json!(tickers),
    };
    json!({
        "client_id": record.client_id,
        "key_id": record.id.as_str(),
        "expires_at": rfc3339(record.expires_at),
        "rate_limit": record.tier.per_minute(),
        "permissions": record.permissions.iter().map(|permission| permission.as_str()).collect::<Vec<_>>(),
        "tickers": tickers,
    })
}

fn read_new(new: &NewKey) -> Result<Wanted, Vec<FieldError>> {
    let mut errors = Vec::new();
    let client_id =
        ClientId::parse(&new.client_id).map_err(|error| errors.push(FieldError::new("client_id", error))).ok();
    let tier = Tier::from_per_minute(new.rate_limit);
    if tier.is_none() {
        errors.push(FieldError::new("rate_limit", "must be 60, 300 or 1000 requests a minute"));
    }
    if !(1..=MAX_EXPIRY_DAYS).contains(&new.expiry_days) {
        errors.push(FieldError::new("expiry_days", format_args!("must be between 1 and {MAX_EXPIRY_DAYS}")));
    }
    let permissions = match &new.permissions {
        None => Some(BTreeSet::from(Permission::ALL)),
        Some(names) => names.iter().map(|name| Permission::from_name(name)).collect::<Option<BTreeSet<_>>>(),
    }
    .filter(|permissions| !permissions.is_empty());
    if permissions.is_none() {
        errors.push(FieldError::new("permissions", "must list fees:calculate, rates:view or both"));
    }
    let tickers = match &new.tickers {
        None => Some(TickerScope::All),
        Some(tickers) if (1..=MAX_LISTED_TICKERS).contains(&tickers.len()) => {
            tickers.iter().map(|ticker| Ticker::parse(ticker).ok()).collect::<Option<_>>().map(TickerScope::Listed)
        }
        Some(_) => None,
    };
    if tickers.is_none() {
        errors.push(FieldError::new("tickers", format_args!("must list 1 to {MAX_LISTED_TICKERS} ticker symbols")));
    }
    match (client_id, tier, permissions, tickers) {
        (Some(client_id), Some(tier), Some(permissions), Some(tickers)) if errors.is_empty() => {
            Ok(Wanted { client_id, tier, permissions, tickers })
        }
        _ => Err(errors),
    }
}
