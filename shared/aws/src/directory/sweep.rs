//! What time makes of keys, each in one transaction: a successor offered, an end recorded, a key revoked that nobody uses.
//!
//! Keys that have something due are found by the index `due`, which lags behind their use: who finds a key that has nothing
//! due yet moves it there to its next time.

use std::collections::{BTreeSet, HashMap};

use engine_core::access::{KeyAction, KeyId};
use engine_core::audit::Event;
use engine_core::rotation::{CredentialKind, KeyDue, Notice, NoticeKind};
use engine_core::time::rfc3339;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::client_item::{self, ClientStatus};
use super::keys::{act, step};
use super::listing::Page;
use super::rotation::offer;
use super::{Directory, client_key, key_key};
use crate::Error;
use crate::author::{Act, Author};
use crate::change::Change;
use crate::item::{Item, n, parsed};
use crate::key_item::{self, AS_READ, DUE_INDEX, Held, as_read, due_shard};
use crate::rotations::Outbox;
use crate::transact::updated;

/// Why keys are offered a successor, end or are revoked by time alone.
const SCHEDULED: &str = "scheduled rotation";
const AT_ITS_END: &str = "its end has come";
const UNUSED: &str = "not used for 30 days";
const CLIENT_LEFT: &str = "its client has left";

/// A place in a part of the index: after this key.
#[derive(Clone, Debug)]
pub struct DuePosition(Item);

/// What was done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Swept {
    /// A successor was offered.
    Offered,
    /// It came to its end.
    Expired,
    /// It was revoked for want of use.
    RevokedIdle,
    /// It was revoked with its client.
    RevokedTerminated,
    /// Nothing was due, and the index says when something is.
    Moved,
    /// It is no longer as it was read: used, changed or swept by somebody else, or it had ended.
    Gone,
}

impl Directory {
    /// At most `limit` keys of a part of the index (0 to [`DUE_SHARDS`](super::DUE_SHARDS) less 1) that have something due by `until`, the longest
    /// due first. The index may lag by moments.
    pub async fn due_keys(
        &self,
        shard: u8,
        until: Timestamp,
        after: Option<DuePosition>,
        limit: i32,
    ) -> Result<Page<KeyId, DuePosition>, Error> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.keys)
            .index_name(DUE_INDEX)
            .key_condition_expression("due_shard = :shard AND due_at <= :until")
            .expression_attribute_values(":shard", due_shard(shard))
            .expression_attribute_values(":until", n(until.as_millisecond()))
            .set_exclusive_start_key(after.map(|DuePosition(key)| key))
            .limit(limit)
            .send()
            .await;
        let found = found.map_err(|error| Error::unavailable("dynamodb:Query", &error))?;
        let items = found.items().iter().map(|item| parsed(item, "pk", KeyId::parse)).collect::<Result<_, _>>()?;
        Ok(Page { items, next: found.last_evaluated_key.map(DuePosition) })
    }

    /// Does to each of these keys, at most 100, what is due at `now`, and notes it in `outbox` where somebody is to be told.
    /// What is done to one does not depend on the others.
    pub async fn sweep_keys(
        &self,
        ids: &[KeyId],
        outbox: &Outbox,
        author: &Author,
        now: Timestamp,
    ) -> Vec<(KeyId, Result<Swept, Error>)> {
        let (held, terminated) = match self.read_for_sweep(ids).await {
            Ok(read) => read,
            Err(error) => {
                let cause = error.to_string();
                let unread = || Error::Unavailable { operation: "dynamodb:BatchGetItem", cause: cause.clone() };
                return ids.iter().map(|id| (id.clone(), Err(unread()))).collect();
            }
        };
        let mut swept = Vec::with_capacity(ids.len());
        for id in ids {
            let done = match held.get(id.as_str()) {
                Some(held) => {
                    let terminated = terminated.contains(held.details.record.client_id.as_str());
                    self.sweep_key(held, terminated, outbox, author, now).await
                }
                None => Ok(Swept::Gone),
            };
            swept.push((id.clone(), done));
        }
        swept
    }

    /// The keys, and which of their clients have left.
    async fn read_for_sweep(&self, ids: &[KeyId]) -> Result<(HashMap<String, Held>, BTreeSet<String>), Error> {
        let held = self.all_held(ids.iter().map(KeyId::as_str)).await?;
        let clients: BTreeSet<_> = held.values().map(|held| held.details.record.client_id.as_str()).collect();
        let clients = self.get_all(&self.tables.clients, clients.into_iter().map(client_key).collect()).await?;
        let clients = clients.iter().map(client_item::read).collect::<Result<Vec<_>, _>>()?;
        let terminated = clients.into_iter().filter(|client| client.status == ClientStatus::Terminated);
        Ok((held, terminated.map(|client| client.client_id.to_string()).collect()))
    }

    async fn sweep_key(
        &self,
        held: &Held,
        client_terminated: bool,
        outbox: &Outbox,
        author: &Author,
        now: Timestamp,
    ) -> Result<Swept, Error> {
        let Some(due) = held.details.life().due(client_terminated, now) else { return self.move_due(held).await };
        let swept = match due {
            KeyDue::Offer => Swept::Offered,
            KeyDue::Expire => Swept::Expired,
            KeyDue::RevokeIdle => Swept::RevokedIdle,
            KeyDue::RevokeTerminated => Swept::RevokedTerminated,
        };
        let notice = told(held, due, now);
        let mut change = self.act_of(due, held, author, now).await?;
        outbox.add(&mut change, &notice)?;
        let done = match change.commit(&self.client).await {
            // The key was set back to before what was told of it, as by a restored backup: it must not live on for that.
            Err(Error::Conflict(_)) if outbox.has(&notice.id()).await? => {
                self.act_of(due, held, author, now).await?.commit(&self.client).await
            }
            done => done,
        };
        match done {
            Ok(()) => Ok(swept),
            Err(Error::Conflict(_)) => Ok(Swept::Gone),
            Err(error) => Err(error),
        }
    }

    /// The change of a key that is due for something, with its entry.
    async fn act_of(&self, due: KeyDue, held: &Held, author: &Author, now: Timestamp) -> Result<Change, Error> {
        let mut change = Change::default();
        match due {
            KeyDue::Offer => self.add_offer(&mut change, held, author, now)?,
            KeyDue::Expire => self.add_end(&mut change, held, author, now)?,
            KeyDue::RevokeIdle | KeyDue::RevokeTerminated => {
                // What is in use is not idle, so that revocation is lost where the key was used since it was read.
                let (reason, update): (_, key_item::AddUpdate) = if due == KeyDue::RevokeIdle {
                    (UNUSED, key_item::update_unused)
                } else {
                    (CLIENT_LEFT, key_item::update)
                };
                self.add_end_of(&mut change, held, update, Some(reason.to_owned()), author, now).await?;
            }
        }
        Ok(change)
    }

    fn add_offer(&self, change: &mut Change, held: &Held, author: &Author, now: Timestamp) -> Result<(), Error> {
        let mut next = step(held, KeyAction::Rotate)?;
        next.details.rotation.offer = Some(offer(held, SCHEDULED, now));
        key_item::update(change, &self.tables.keys, held, &next)?;
        let ends = Map::from_iter([("expires_at".to_owned(), json!(rfc3339(next.details.record.expires_at)))]);
        self.add_entry(change, Event::ApiKeyRotate, &next, (SCHEDULED, ends), author, now)
    }

    fn add_end(&self, change: &mut Change, held: &Held, author: &Author, now: Timestamp) -> Result<(), Error> {
        let next = step(held, KeyAction::Expire)?;
        key_item::update(change, &self.tables.keys, held, &next)?;
        self.forget_keys(change, held, None)?;
        let ended = Map::from_iter([("expired_at".to_owned(), json!(rfc3339(next.details.record.expires_at)))]);
        self.add_entry(change, Event::ApiKeyExpire, &next, (AT_ITS_END, ended), author, now)
    }

    fn add_entry(
        &self,
        change: &mut Change,
        event: Event,
        next: &Held,
        (reason, details): (&str, Map<String, Value>),
        author: &Author,
        now: Timestamp,
    ) -> Result<(), Error> {
        let act = Act { reason: Some(reason.to_owned()), ..act(event, next, details) };
        change.record(&self.audit, &author.entry(act, now)?)
    }

    /// Moves a key in the index to the time at which something is due for it. What is said about the key stays as it is.
    async fn move_due(&self, held: &Held) -> Result<Swept, Error> {
        let Some(due_at) = held.details.life().due_at() else { return Ok(Swept::Gone) };
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.keys)
            .set_key(Some(key_key(held.id().as_str())))
            .update_expression("SET due_at = :due_at")
            .condition_expression(AS_READ)
            .expression_attribute_values(":due_at", n(due_at.as_millisecond()));
        for (name, value) in as_read(held) {
            update = update.expression_attribute_values(name, value);
        }
        Ok(if updated(update.send().await)? { Swept::Moved } else { Swept::Gone })
    }
}

/// What the client is told.
fn told(held: &Held, due: KeyDue, now: Timestamp) -> Notice {
    let record = &held.details.record;
    let (id, client, end) = (&record.id, &record.client_id, rfc3339(record.expires_at));
    let (kind, text) = match due {
        KeyDue::Offer => (
            NoticeKind::KeySuccessorOffered,
            format!(
                "API key {id} of client {client} ends at {end}. A successor may be claimed with it until then: send it to \
                 POST /api/v1/keys/claim, keep the key in the answer, and confirm that with POST /api/v1/keys/confirm.\n\
                 Both keys work until the end of the former."
            ),
        ),
        KeyDue::Expire => (
            NoticeKind::KeyExpired,
            format!(
                "API key {id} of client {client} came to its end at {end} and is refused.\n\
                 Whoever has no other key asks us for a code that claims its successor."
            ),
        ),
        KeyDue::RevokeIdle => (
            NoticeKind::KeyRevokedIdle,
            format!(
                "API key {id} of client {client} was not used for 30 days and is revoked.\n\
                 Whoever needs it asks us for another."
            ),
        ),
        KeyDue::RevokeTerminated => (
            NoticeKind::KeyRevokedTerminated,
            format!("API key {id} of client {client} is revoked, since the client has left."),
        ),
    };
    Notice {
        kind,
        credential_kind: Some(CredentialKind::ApiKey),
        credential: id.to_string(),
        turn: end,
        client_id: Some(client.clone()),
        due_at: (due == KeyDue::Offer).then_some(record.expires_at),
        text,
        made_at: now,
    }
}
