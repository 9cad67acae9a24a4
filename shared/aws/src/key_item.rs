//! A key's item in the `keys` table. It carries all that the data plane needs, so that one call authenticates.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::{ClientId, KeyHash, KeyId, KeyRecord, KeyState, Permission, TickerScope, Tier};
use engine_core::audit::{ActorRef, Reference};
use engine_core::ticker::Ticker;
use jiff::Timestamp;

use crate::Error;
use crate::item::{Item, absent, n, number, parsed, s, string, strings};

/// What changes with every use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// Theoretical arrival time of the limiter, microseconds since the epoch.
    pub tat: i64,
    /// Uses that owe an audit entry, counted from 1.
    pub seq: u64,
    /// The last use, if any.
    pub last_used_at: Option<Timestamp>,
}

pub(crate) fn write(record: &KeyRecord) -> Item {
    let mut item = Item::from([
        ("pk".into(), s(record.id.as_str())),
        ("key_hash".into(), AttributeValue::B(Blob::new(record.hash.as_bytes()))),
        ("client_id".into(), s(record.client_id.as_str())),
        ("key_state".into(), s(record.state.as_str())),
        ("created_at".into(), n(record.created_at.as_millisecond())),
        ("expires_at".into(), n(record.expires_at.as_millisecond())),
        ("rate_limit".into(), n(record.tier.per_minute())),
        ("actor_ref".into(), s(record.actor_ref.as_str())),
        ("client_ref".into(), s(record.client_ref.as_str())),
        ("terms_version".into(), n(record.terms_version)),
        ("tat".into(), n(0)),
        ("seq".into(), n(0)),
    ]);
    let permissions = record.permissions.iter().map(|permission| permission.as_str().to_owned()).collect();
    item.insert("permissions".into(), AttributeValue::Ss(permissions));
    if let TickerScope::Listed(tickers) = &record.tickers {
        item.insert("tickers".into(), AttributeValue::Ss(tickers.iter().map(ToString::to_string).collect()));
    }
    item
}

pub(crate) fn read(item: &Item) -> Result<KeyRecord, Error> {
    let hash = item.get("key_hash").and_then(|value| value.as_b().ok());
    let hash = hash.and_then(|blob| KeyHash::from_stored(blob.as_ref())).ok_or_else(|| absent("key_hash"))?;
    let tickers: BTreeSet<Ticker> = strings(item, "tickers")
        .iter()
        .map(|ticker| Ticker::parse(ticker).map_err(|error| Error::corrupt("tickers", error)))
        .collect::<Result<_, _>>()?;
    Ok(KeyRecord {
        id: parsed(item, "pk", KeyId::parse)?,
        hash,
        client_id: parsed(item, "client_id", ClientId::parse)?,
        state: KeyState::from_name(string(item, "key_state")?).ok_or_else(|| absent("key_state"))?,
        created_at: time(item, "created_at")?,
        expires_at: time(item, "expires_at")?,
        tier: Tier::from_per_minute(number(item, "rate_limit")?).ok_or_else(|| absent("rate_limit"))?,
        permissions: strings(item, "permissions").iter().filter_map(|name| Permission::from_name(name)).collect(),
        tickers: if item.contains_key("tickers") { TickerScope::Listed(tickers) } else { TickerScope::All },
        actor_ref: ActorRef::from_stored(string(item, "actor_ref")?.to_owned()),
        client_ref: Reference::from_stored(string(item, "client_ref")?.to_owned()),
        terms_version: number(item, "terms_version")?,
    })
}

pub(crate) fn read_use(item: &Item) -> Result<KeyUse, Error> {
    let last_used_at = if item.contains_key("last_used_at") { Some(time(item, "last_used_at")?) } else { None };
    Ok(KeyUse { tat: number(item, "tat")?, seq: number(item, "seq")?, last_used_at })
}

fn time(item: &Item, name: &'static str) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(number(item, name)?).map_err(|error| Error::corrupt(name, error))
}
