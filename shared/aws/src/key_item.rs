//! A key's item in the `keys` table. It carries all that the data plane needs, so that one call authenticates.
//!
//! What is said about a key (its state, its end, its rotation) changes under `version`; what its use changes does not touch it.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::{ClientId, KeyHash, KeyId, KeyRecord, KeyState, Permission, TickerScope, Tier};
use engine_core::audit::{ActorRef, Reference};
use engine_core::rotation::KeyLife;
use engine_core::ticker::Ticker;
use jiff::Timestamp;

use crate::Error;
use crate::change::Change;
use crate::item::{Item, absent, n, number, parsed, s, string, strings, time};

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

/// Where the successor of a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuccessorState {
    /// It may be claimed.
    Offered,
    /// It was claimed; its receipt is not confirmed, and it may be claimed again.
    Claimed,
    /// Its receipt was confirmed.
    Confirmed,
}

impl SuccessorState {
    const ALL: [Self; 3] = [Self::Offered, Self::Claimed, Self::Confirmed];

    /// The state's name in the key's item.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "OFFERED",
            Self::Claimed => "CLAIMED",
            Self::Confirmed => "CONFIRMED",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// The successor that a key was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// When it was offered.
    pub offered_at: Timestamp,
    /// Days that the successor lives from its claim on.
    pub expiry_days: u32,
    /// Where the successor stands.
    pub state: SuccessorState,
    /// The key that was claimed last.
    pub successor_id: Option<KeyId>,
    /// Claims of this offer so far.
    pub claims: u32,
    /// Why it was offered.
    pub reason: Option<String>,
}

/// A key's part in rotations: as a predecessor, as a successor, or as both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The successor that it was offered.
    pub offer: Option<Offer>,
    /// Until when a claim code for that successor is good, where there is one.
    pub claim_code_expires_at: Option<Timestamp>,
    /// The key that it succeeds.
    pub predecessor_id: Option<KeyId>,
    /// When it was claimed, where it is a successor.
    pub claimed_at: Option<Timestamp>,
    /// When its receipt was confirmed.
    pub confirmed_at: Option<Timestamp>,
}

/// A key as an operator sees it.
#[derive(Clone, Debug)]
pub struct KeyDetails {
    /// Its record.
    pub record: KeyRecord,
    /// Its use so far.
    pub used: KeyUse,
    /// Its part in rotations.
    pub rotation: Rotation,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Who made it: an account, or the client that claimed it.
    pub issued_by: Option<String>,
    /// Why it was made.
    pub issued_because: Option<String>,
    /// Counts what was done to it, from 1. Use does not count.
    pub version: u64,
}

/// A key with the hashes of the codes that are good for it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) details: KeyDetails,
    /// Of the code that freezes it.
    pub(crate) freeze_hash: Option<KeyHash>,
    /// Of the code that claims its successor.
    pub(crate) claim_code_hash: Option<KeyHash>,
}

impl KeyDetails {
    /// What time makes of the key depends on this.
    #[must_use]
    pub fn life(&self) -> KeyLife {
        KeyLife {
            state: self.record.state,
            created_at: self.record.created_at,
            expires_at: self.record.expires_at,
            // Its receipt is confirmed with the key itself.
            last_used_at: self.used.last_used_at.max(self.rotation.confirmed_at),
            offered: self.rotation.offer.is_some(),
        }
    }
}

impl Held {
    /// A key that was just made.
    pub(crate) fn new(record: KeyRecord, issued_by: &str, issued_because: String) -> Self {
        let used = KeyUse { tat: 0, seq: 0, last_used_at: None };
        let details = KeyDetails {
            record,
            used,
            rotation: Rotation::default(),
            revoked_at: None,
            issued_by: Some(issued_by.to_owned()),
            issued_because: Some(issued_because),
            version: 1,
        };
        Self { details, freeze_hash: None, claim_code_hash: None }
    }

    /// A copy for the next version of it.
    pub(crate) fn next(&self) -> Self {
        let mut next = self.clone();
        next.details.version += 1;
        next
    }

    /// The offer of a successor whose receipt is not confirmed.
    pub(crate) fn unfinished_offer(&self) -> Option<&Offer> {
        self.details.rotation.offer.as_ref().filter(|offer| offer.state != SuccessorState::Confirmed)
    }

    /// The key's id.
    pub(crate) fn id(&self) -> &KeyId {
        &self.details.record.id
    }
}

/// Parts of the index `due` (partition `due_shard`, sort key `due_at`), so that no sweep reads through one partition alone.
pub const DUE_SHARDS: u8 = 16;
const DUE_SHARD: &str = "due_shard";
const DUE_AT: &str = "due_at";
/// The index, which holds the keys that have not ended.
pub(crate) const DUE_INDEX: &str = "due";

/// The name of a part of the index.
pub(crate) fn due_shard(shard: u8) -> AttributeValue {
    s(format!("{:02}", shard % DUE_SHARDS))
}

/// The part of the index that a key is in. Ids are random.
fn shard_of(id: &KeyId) -> u8 {
    id.as_str().bytes().fold(0u8, u8::wrapping_add) % DUE_SHARDS
}

/// What is said about a key, each with the name of its attribute and of its placeholder. `None` where nothing is said.
fn said(held: &Held) -> [(&'static str, &'static str, Option<AttributeValue>); 18] {
    let KeyDetails { record, rotation, revoked_at, version, .. } = &held.details;
    let (offer, due_at) = (rotation.offer.as_ref(), held.details.life().due_at());
    let at = |time: Option<Timestamp>| time.map(|time| n(time.as_millisecond()));
    let id = |id: Option<&KeyId>| id.map(|id| s(id.as_str()));
    let hash = |hash: Option<KeyHash>| hash.map(|hash| binary(&hash));
    [
        ("version", ":version", Some(n(version))),
        ("key_state", ":key_state", Some(s(record.state.as_str()))),
        ("expires_at", ":expires_at", at(Some(record.expires_at))),
        ("revoked_at", ":revoked_at", at(*revoked_at)),
        ("offered_at", ":offered_at", at(offer.map(|offer| offer.offered_at))),
        ("offer_expiry_days", ":offer_expiry_days", offer.map(|offer| n(offer.expiry_days))),
        ("successor_state", ":successor_state", offer.map(|offer| s(offer.state.as_str()))),
        ("successor_id", ":successor_id", id(offer.and_then(|offer| offer.successor_id.as_ref()))),
        ("offer_claims", ":offer_claims", offer.map(|offer| n(offer.claims))),
        ("claim_code_hash", ":claim_code_hash", hash(held.claim_code_hash)),
        ("claim_code_expires_at", ":claim_code_expires_at", at(rotation.claim_code_expires_at)),
        ("predecessor_id", ":predecessor_id", id(rotation.predecessor_id.as_ref())),
        ("claimed_at", ":claimed_at", at(rotation.claimed_at)),
        ("confirmed_at", ":confirmed_at", at(rotation.confirmed_at)),
        ("freeze_hash", ":freeze_hash", hash(held.freeze_hash)),
        ("offer_reason", ":offer_reason", offer.and_then(|offer| offer.reason.as_deref()).map(s)),
        (DUE_SHARD, ":due_shard", due_at.map(|_| due_shard(shard_of(&record.id)))),
        (DUE_AT, ":due_at", at(due_at)),
    ]
}

/// The item of a new key.
pub(crate) fn write(held: &Held) -> Item {
    let record = &held.details.record;
    let mut item = Item::from([
        ("pk".into(), s(record.id.as_str())),
        ("key_hash".into(), binary(&record.hash)),
        ("client_id".into(), s(record.client_id.as_str())),
        ("created_at".into(), n(record.created_at.as_millisecond())),
        ("rate_limit".into(), n(record.tier.per_minute())),
        ("actor_ref".into(), s(record.actor_ref.as_str())),
        ("client_ref".into(), s(record.client_ref.as_str())),
        ("terms_version".into(), n(record.terms_version)),
        ("tat".into(), n(held.details.used.tat)),
        ("seq".into(), n(held.details.used.seq)),
    ]);
    let issued = [("issued_by", &held.details.issued_by), ("issued_because", &held.details.issued_because)];
    item.extend(issued.into_iter().filter_map(|(name, value)| Some((name.to_owned(), s(value.as_ref()?)))));
    item.extend(said(held).into_iter().filter_map(|(name, _, value)| Some((name.to_owned(), value?))));
    let permissions = record.permissions.iter().map(|permission| permission.as_str().to_owned()).collect();
    item.insert("permissions".into(), AttributeValue::Ss(permissions));
    if let TickerScope::Listed(tickers) = &record.tickers {
        item.insert("tickers".into(), AttributeValue::Ss(tickers.iter().map(ToString::to_string).collect()));
    }
    item
}

/// Adds the change from one version of a key to the next: [`update`] or [`update_unused`].
pub(crate) type AddUpdate = fn(&mut Change, &str, &Held, &Held) -> Result<(), Error>;

/// Adds the change from one version of a key to the next, lost where it is no longer as it was read.
pub(crate) fn update(change: &mut Change, table: &str, read: &Held, next: &Held) -> Result<(), Error> {
    update_where(change, table, read, next, AS_READ, Vec::new())
}

/// The same, lost as well where the key was used since it was read.
pub(crate) fn update_unused(change: &mut Change, table: &str, read: &Held, next: &Held) -> Result<(), Error> {
    let (unused, values) = match read.details.used.last_used_at {
        Some(used) => ("last_used_at = :used", vec![(":used", n(used.as_millisecond()))]),
        None => ("attribute_not_exists(last_used_at)", Vec::new()),
    };
    update_where(change, table, read, next, &format!("{AS_READ} AND {unused}"), values)
}

/// The condition that a key is as it was read, but for its use.
pub(crate) const AS_READ: &str = "version = :read AND key_state = :from";

/// What [`AS_READ`] compares with.
pub(crate) fn as_read(read: &Held) -> [(&'static str, AttributeValue); 2] {
    [(":read", n(read.details.version)), (":from", s(read.details.record.state.as_str()))]
}

fn update_where(
    change: &mut Change,
    table: &str,
    read: &Held,
    next: &Held,
    condition: &str,
    more: Vec<(&'static str, AttributeValue)>,
) -> Result<(), Error> {
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    let mut values = more;
    values.extend(as_read(read));
    for ((name, placeholder, value), (_, _, before)) in said(next).into_iter().zip(said(read)) {
        match value {
            // The index may lag behind the key's use, so what it says is not known from what was read.
            Some(value) if Some(&value) != before.as_ref() || [DUE_SHARD, DUE_AT].contains(&name) => {
                set.push(format!("{name} = {placeholder}"));
                values.push((placeholder, value));
            }
            None if before.is_some() => remove.push(name),
            _ => {}
        }
    }
    let mut expression = format!("SET {}", set.join(", "));
    if !remove.is_empty() {
        expression.push_str(" REMOVE ");
        expression.push_str(&remove.join(", "));
    }
    let id = read.id();
    let key = Item::from([("pk".into(), s(id.as_str()))]);
    let lost = format_args!("key {id} was changed meanwhile: try again");
    change.update(table, key, &expression, condition, values, lost)
}

pub(crate) fn read(item: &Item) -> Result<KeyRecord, Error> {
    let tickers: BTreeSet<Ticker> = strings(item, "tickers")
        .iter()
        .map(|ticker| Ticker::parse(ticker).map_err(|error| Error::corrupt("tickers", error)))
        .collect::<Result<_, _>>()?;
    Ok(KeyRecord {
        id: parsed(item, "pk", KeyId::parse)?,
        hash: hash(item, "key_hash")?,
        client_id: parsed(item, "client_id", ClientId::parse)?,
        state: KeyState::from_name(string(item, "key_state")?).ok_or_else(|| absent("key_state"))?,
        created_at: time(item, "created_at")?,
        expires_at: time(item, "expires_at")?,
        tier: Tier::from_per_minute(number(item, "rate_limit")?).ok_or_else(|| absent("rate_limit"))?,
        permissions: strings(item, "permissions").iter().filter_map(|name| Permission::of_keys(name)).collect(),
        tickers: if item.contains_key("tickers") { TickerScope::Listed(tickers) } else { TickerScope::All },
        actor_ref: ActorRef::from_stored(string(item, "actor_ref")?.to_owned()),
        client_ref: Reference::from_stored(string(item, "client_ref")?.to_owned()),
        terms_version: number(item, "terms_version")?,
    })
}

pub(crate) fn read_use(item: &Item) -> Result<KeyUse, Error> {
    let last_used_at = if_there(item, "last_used_at", time)?;
    Ok(KeyUse { tat: number(item, "tat")?, seq: number(item, "seq")?, last_used_at })
}

pub(crate) fn read_held(item: &Item) -> Result<Held, Error> {
    let id = |item: &Item, name| parsed(item, name, KeyId::parse);
    let text = |item: &Item, name| string(item, name).map(str::to_owned);
    let offer = |item: &Item, _| {
        Ok(Offer {
            offered_at: time(item, "offered_at")?,
            expiry_days: number(item, "offer_expiry_days")?,
            state: SuccessorState::from_name(string(item, "successor_state")?)
                .ok_or_else(|| absent("successor_state"))?,
            successor_id: if_there(item, "successor_id", id)?,
            claims: number(item, "offer_claims")?,
            reason: if_there(item, "offer_reason", text)?,
        })
    };
    let rotation = Rotation {
        offer: if_there(item, "offered_at", offer)?,
        claim_code_expires_at: if_there(item, "claim_code_expires_at", time)?,
        predecessor_id: if_there(item, "predecessor_id", id)?,
        claimed_at: if_there(item, "claimed_at", time)?,
        confirmed_at: if_there(item, "confirmed_at", time)?,
    };
    let details = KeyDetails {
        record: read(item)?,
        used: read_use(item)?,
        rotation,
        revoked_at: if_there(item, "revoked_at", time)?,
        issued_by: if_there(item, "issued_by", text)?,
        issued_because: if_there(item, "issued_because", text)?,
        version: number(item, "version")?,
    };
    Ok(Held {
        details,
        freeze_hash: if_there(item, "freeze_hash", hash)?,
        claim_code_hash: if_there(item, "claim_code_hash", hash)?,
    })
}

/// Reads an attribute that may be absent.
fn if_there<T>(
    item: &Item,
    name: &'static str,
    read: impl FnOnce(&Item, &'static str) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    if item.contains_key(name) { read(item, name).map(Some) } else { Ok(None) }
}

fn hash(item: &Item, name: &'static str) -> Result<KeyHash, Error> {
    let bytes = item.get(name).and_then(|value| value.as_b().ok());
    bytes.and_then(|blob| KeyHash::from_stored(blob.as_ref())).ok_or_else(|| absent(name))
}

fn binary(hash: &KeyHash) -> AttributeValue {
    AttributeValue::B(Blob::new(hash.as_bytes()))
}
