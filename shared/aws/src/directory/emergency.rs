//! Emergency rotation of a client's keys: all that it holds ends in one transaction, and what takes their place is offered
//! later, once everything else that is to end has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::{ClientId, KeyAction, KeyId, KeyState};
use engine_core::audit::{Event, Outcome};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::client_item::{ClientRecord, ClientStatus};
use super::keys::ended;
use super::rotation::{made_for, offer_for};
use super::{Directory, changed, client_key};
use crate::Error;
use crate::author::{Act, Author};
use crate::change::{Change, Prepared};
use crate::item::{n, s};
use crate::key_item::{self, Held, SuccessorState};

/// What is said of a client that has left: its keys ended with it, and nothing is offered to it.
const TERMINATED: &str = "the client is terminated";

/// Why keys are rotated at once, as every entry about it says.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The rotation's id.
    pub rotation_id: &'a str,
    /// The account that asked for it.
    pub requested_by: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// Keys of a client that ended at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysEnded {
    /// All that were revoked.
    pub revoked: BTreeSet<String>,
    /// Those of them in whose place a successor is to be offered, with the days that it is to live. Not among them: a key that
    /// had ended by itself, one that another of them succeeds, and a successor that another key's offer still stands for.
    pub owed: BTreeMap<String, u32>,
    /// Why nothing was revoked, where the client has left.
    pub note: Option<&'static str>,
}

/// Successors that were offered to a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysOffered {
    /// The keys in whose place.
    pub offered: BTreeSet<String>,
    /// Why nothing was offered, where the client has left.
    pub note: Option<&'static str>,
}

impl Directory {
    /// Revokes what the client holds, whatever state it is in: `only` that key with its successors, or all. What was offered and not claimed is offered no more. The change is lost where the client, the set
    /// of its keys or one of them is not as it was read: a successor that was claimed meanwhile must not be missed. With all its keys
    /// end the codes that were made to claim successors of earlier ones.
    pub async fn revoke_client_keys(
        &self,
        client_id: &ClientId,
        only: Option<&KeyId>,
        occasion: Occasion<'_>,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<KeysEnded>, Error> {
        let client = self.client(client_id).await?;
        let mut change = Change::default();
        if client.status == ClientStatus::Terminated {
            return Ok(Prepared { change, value: KeysEnded { note: Some(TERMINATED), ..KeysEnded::default() } });
        }
        let held = self.all_held(client.key_ids.iter().map(String::as_str)).await?;
        let ending = ending(&held, only);
        let void = only.is_none().then_some(now);
        if ending.is_empty() {
            self.let_go(&mut change, &client, &BTreeSet::new(), void)?;
            return Ok(Prepared { change, value: KeysEnded::default() });
        }
        let owed = owed(&ending, &self.predecessors(&ending).await?, now);
        let mut versions = Map::new();
        for (id, held) in &ending {
            let next = ended(held, now)?;
            key_item::update(&mut change, &self.tables.keys, held, &next)?;
            versions.insert((*id).to_owned(), json!(next.details.version));
        }
        let revoked: BTreeSet<_> = ending.keys().map(|id| (*id).to_owned()).collect();
        self.let_go(&mut change, &client, &revoked, void)?;
        let mut details = occasion.details(&client, versions);
        details.insert("owed".to_owned(), json!(owed.keys().collect::<Vec<_>>()));
        let act = at_client(Event::ApiKeyEmergencyRotate, &client, occasion, details);
        change.record(&self.audit, &author.entry(act, now)?)?;
        Ok(Prepared { change, value: KeysEnded { revoked, owed, note: None } })
    }

    /// Offers a successor in the place of each of these keys, which this rotation revoked. Administrators make the codes that
    /// claim them.
    pub async fn offer_after_emergency(
        &self,
        client_id: &ClientId,
        owed: &BTreeMap<String, u32>,
        occasion: Occasion<'_>,
        author: &Author,
        now: Timestamp,
    ) -> Result<Prepared<KeysOffered>, Error> {
        let client = self.client(client_id).await?;
        let mut change = Change::default();
        if client.status == ClientStatus::Terminated {
            return Ok(Prepared { change, value: KeysOffered { note: Some(TERMINATED), ..KeysOffered::default() } });
        }
        let values = [(":terminated", s(ClientStatus::Terminated.as_str()))];
        let (key, lost) = (client_key(client_id.as_str()), changed(client_id));
        change.check(&self.tables.clients, key, "client_status <> :terminated", values, lost)?;
        let held = self.all_held(owed.keys().map(String::as_str)).await?;
        let (mut versions, mut offered) = (Map::new(), BTreeSet::new());
        for (id, days) in owed {
            let Some(held) = held.get(id).filter(|held| held.details.record.state == KeyState::Revoked) else {
                continue;
            };
            let mut next = held.next();
            next.details.rotation.offer = Some(offer_for(*days, occasion.reason, now));
            key_item::update(&mut change, &self.tables.keys, held, &next)?;
            versions.insert(id.clone(), json!(next.details.version));
            offered.insert(id.clone());
        }
        if !offered.is_empty() {
            let details = occasion.details(&client, versions);
            let act = at_client(Event::ApiKeyRotate, &client, occasion, details);
            change.record(&self.audit, &author.entry(act, now)?)?;
        }
        Ok(Prepared { change, value: KeysOffered { offered, note: None } })
    }

    /// Those of which these are successors, by id, where they are not among them.
    async fn predecessors(&self, ending: &BTreeMap<&str, &Held>) -> Result<HashMap<String, Held>, Error> {
        let ids: BTreeSet<_> = ending
            .values()
            .filter_map(|held| held.details.rotation.predecessor_id.as_ref().map(KeyId::as_str))
            .filter(|id| !ending.contains_key(id))
            .collect();
        if ids.is_empty() { Ok(HashMap::new()) } else { self.all_held(ids).await }
    }

    /// Adds that the client holds these keys no more, and that claim codes which were made until `void` claim nothing. Lost where
    /// the client or the set of its keys is not as it was read.
    fn let_go(
        &self,
        change: &mut Change,
        client: &ClientRecord,
        revoked: &BTreeSet<String>,
        void: Option<Timestamp>,
    ) -> Result<(), Error> {
        let (mut expression, mut values) = (String::new(), vec![(":read", n(client.version))]);
        let condition = if client.key_ids.is_empty() {
            "version = :read AND attribute_not_exists(key_ids)"
        } else {
            values.push((":held", AttributeValue::Ss(client.key_ids.clone())));
            "version = :read AND key_ids = :held"
        };
        if let Some(void) = void {
            expression.push_str("SET codes_void_until = :void ");
            values.push((":void", n(void.as_millisecond())));
        }
        if !revoked.is_empty() {
            expression.push_str("DELETE key_ids :gone");
            values.push((":gone", AttributeValue::Ss(revoked.iter().cloned().collect())));
        }
        let (key, lost) = (client_key(client.client_id.as_str()), changed(&client.client_id));
        if expression.is_empty() {
            return change.check(&self.tables.clients, key, condition, values, lost);
        }
        change.update(&self.tables.clients, key, expression.trim_end(), condition, values, lost)
    }
}

impl Occasion<'_> {
    fn details(self, client: &ClientRecord, versions: Map<String, Value>) -> Map<String, Value> {
        Map::from_iter([
            ("client_id".to_owned(), json!(client.client_id)),
            ("rotation_id".to_owned(), json!(self.rotation_id)),
            ("requested_by".to_owned(), json!(self.requested_by)),
            ("versions".to_owned(), Value::Object(versions)),
        ])
    }
}

/// What ends of what is held: everything that can, or the one key with all that was claimed with it and with its successors:
/// whoever had it could collect them, and confirm them too.
fn ending<'a>(held: &'a HashMap<String, Held>, only: Option<&KeyId>) -> BTreeMap<&'a str, &'a Held> {
    let line = only.map(|only| line_of(held, only));
    let wanted = |id: &KeyId| line.as_ref().is_none_or(|line| line.contains(id.as_str()));
    let can_end = |held: &&Held| held.details.record.state.after(KeyAction::Revoke).is_ok();
    held.values().filter(|held| wanted(held.id())).filter(can_end).map(|held| (held.id().as_str(), held)).collect()
}

/// A key and its successors, as far as the client holds them.
fn line_of<'a>(held: &'a HashMap<String, Held>, first: &'a KeyId) -> BTreeSet<&'a str> {
    let (mut line, mut next) = (BTreeSet::new(), Some(first));
    while let Some(id) = next.filter(|id| line.insert(id.as_str())) {
        let offer = held.get(id.as_str()).and_then(|held| held.details.rotation.offer.as_ref());
        next = offer.and_then(|offer| offer.successor_id.as_ref());
    }
    line
}

/// For which of the keys that end a successor is to be offered, and how long it is to live.
fn owed(ending: &BTreeMap<&str, &Held>, predecessors: &HashMap<String, Held>, now: Timestamp) -> BTreeMap<String, u32> {
    let usable = |held: &&&Held| now < held.details.record.expires_at;
    // Who holds it can use another one of them, in whose place a successor is offered.
    let succeeded = |held: &Held| {
        let offer = held.details.rotation.offer.as_ref().filter(|offer| offer.state == SuccessorState::Confirmed);
        offer.and_then(|offer| offer.successor_id.as_ref()).is_some_and(|id| ending.contains_key(id.as_str()))
    };
    // It was never taken into use, and what it was claimed for is or stays offered.
    let claimed = |held: &Held| {
        let Some(id) = &held.details.rotation.predecessor_id else { return false };
        let predecessor = ending.get(id.as_str()).copied().or_else(|| predecessors.get(id.as_str()));
        let offer = predecessor.and_then(Held::unfinished_offer);
        offer.is_some_and(|offer| offer.successor_id.as_ref() == Some(held.id()))
    };
    let owed = ending.values().filter(usable).filter(|held| !succeeded(held) && !claimed(held));
    owed.map(|held| (held.id().to_string(), made_for(held))).collect()
}

fn at_client(event: Event, client: &ClientRecord, occasion: Occasion<'_>, details: Map<String, Value>) -> Act {
    Act {
        event,
        outcome: Outcome::Success,
        resource: format!("client:{}", client.client_id),
        reason: Some(occasion.reason.to_owned()),
        client_ref: Some(client.client_ref.clone()),
        subject_ref: None,
        details: Value::Object(details),
    }
}
