//! The hot path's one write: it authenticates a key, takes its tokens, and counts its use.
//!
//! A conditional `UpdateItem` whose condition holds the key's hash, state, expiry and tier, and the limiter's bound. On
//! refusal DynamoDB returns the item as it stood, which says why without a read. Nothing caches validity: a revocation is
//! seen by the next request of every process.
//!
//! DynamoDB has no `max`, so the update has two forms: *idle* (the bucket is full again: `tat := now + n·T`) and *busy*
//! (`tat := tat + n·T`), each conditioned on its case. The form tried first is the one that the last seen `tat` suggests.
//! `tat` only grows, so for a fixed `now` a busy bucket stays busy, and at most three attempts settle a request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use engine_core::access::{Allowance, ApiKey, KeyHash, KeyId, KeyRecord, KeyState, Limited, Refusal, Tier};
use jiff::Timestamp;

use crate::item::{Item, n, s};
use crate::key_item::{read, read_use};
use crate::{Error, transact};

/// Keys remembered in one process. Beyond it the memory starts anew, which costs a wrong guess, never a wrong answer.
const REMEMBERED_KEYS: usize = 10_000;
/// A first guess, a correction, and one more where another request made the idle bucket busy in between.
const ATTEMPTS: usize = 3;
/// Times that an update is repeated that a transaction on the key kept from being carried out.
const BUSY_RETRIES: u32 = 3;

/// Admits API keys.
#[derive(Debug)]
pub struct KeyGate {
    client: Client,
    table: String,
    memory: Mutex<HashMap<KeyId, Remembered>>,
}

/// What a process remembers of a key. The hash never changes; tier and `tat` only choose the first attempt's form.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    hash: KeyHash,
    tier: Tier,
    tat: i64,
}

/// What a request asks of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Take {
    /// Tokens of the rate limit: 1, or one per 100 positions of a batch.
    pub tokens: u32,
    /// Whether the request owes an audit entry, which names the count it was given.
    pub owes_entry: bool,
}

/// An admitted request.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The key's record at that moment.
    pub key: KeyRecord,
    /// The key's count of uses that owe an entry, this one included if it does.
    pub seq: u64,
    /// What is left of the rate limit.
    pub allowance: Allowance,
}

/// A request that was not admitted.
#[derive(Clone, Debug)]
pub enum Denial {
    /// The key does not authenticate.
    Refused(Refusal),
    /// The key is good and has no tokens left.
    Limited {
        /// Whose key it is.
        key: Box<KeyRecord>,
        /// How long to wait until the request would pass.
        limited: Limited,
        /// What is left of the rate limit.
        allowance: Allowance,
    },
}

impl KeyGate {
    /// The gate over `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), memory: Mutex::default() }
    }

    /// Admits or denies one request at `now`.
    pub async fn take(&self, key: &ApiKey, take: Take, now: Timestamp) -> Result<Result<Admission, Denial>, Error> {
        let hash = key.hash();
        let mut known = self.recall(key.id());
        if known.is_some_and(|known| known.hash != hash) {
            return Ok(Err(Denial::Refused(Refusal::NotAuthenticated)));
        }
        let now_micros = now.as_microsecond();
        for _ in 0..ATTEMPTS {
            let guess = known.unwrap_or(Remembered { hash, tier: Tier::ALL[0], tat: 0 });
            let item = match self.attempt(key.id(), guess, take, now).await? {
                Ok(item) => {
                    let (record, used) = (read(&item)?, read_use(&item)?);
                    self.remember(key.id(), Remembered { hash, tier: record.tier, tat: used.tat });
                    let allowance = record.tier.allowance(used.tat, now_micros);
                    return Ok(Ok(Admission { key: record, seq: used.seq, allowance }));
                }
                Err(None) => return Ok(Err(Denial::Refused(Refusal::NotAuthenticated))),
                Err(Some(item)) => item,
            };
            let (record, used) = (read(&item)?, read_use(&item)?);
            let seen = Remembered { hash: record.hash, tier: record.tier, tat: used.tat };
            self.remember(key.id(), seen);
            if let Err(refusal) = record.admit(&hash, now) {
                return Ok(Err(Denial::Refused(refusal)));
            }
            if let Err(limited) = record.tier.take(used.tat, now_micros, take.tokens) {
                let allowance = record.tier.allowance(used.tat, now_micros);
                return Ok(Err(Denial::Limited { key: Box::new(record), limited, allowance }));
            }
            known = Some(seen);
        }
        Err(Error::Conflict(format!("the limiter of key {} did not settle", key.id())))
    }

    /// One conditional update: the item as it is now, or as it stood when the condition failed.
    async fn attempt(
        &self,
        id: &KeyId,
        guess: Remembered,
        take: Take,
        now: Timestamp,
    ) -> Result<Result<Item, Option<Item>>, Error> {
        let now_micros = now.as_microsecond();
        let interval = guess.tier.interval(take.tokens);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", s(id.as_str()))
            .expression_attribute_values(":hash", AttributeValue::B(Blob::new(guess.hash.as_bytes())))
            .expression_attribute_values(":active", s(KeyState::Active.as_str()))
            .expression_attribute_values(":now_ms", n(now.as_millisecond()))
            .expression_attribute_values(":tier", n(guess.tier.per_minute()))
            .expression_attribute_values(":now", n(now_micros))
            .expression_attribute_values(":one", n(u8::from(take.owes_entry)))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let usable = "key_hash = :hash AND key_state = :active AND expires_at > :now_ms AND rate_limit = :tier";
        // The idle form sets no bound of its own: more tokens than a bucket holds are left to the busy one, which refuses.
        let update = if guess.tat <= now_micros && take.tokens <= guess.tier.burst() {
            update
                .condition_expression(format!("{usable} AND tat <= :now"))
                .update_expression("SET tat = :next, last_used_at = :now_ms ADD seq :one")
                .expression_attribute_values(":next", n(now_micros + interval))
        } else {
            update
                .condition_expression(format!("{usable} AND tat > :now AND tat <= :latest"))
                .update_expression("SET tat = tat + :interval, last_used_at = :now_ms ADD seq :one")
                .expression_attribute_values(":latest", n(guess.tier.latest(now_micros, take.tokens)))
                .expression_attribute_values(":interval", n(interval))
        };
        let mut retry = 0;
        loop {
            // The SDK must not repeat what may have been done: a second update takes a second token and skips a number.
            let once = aws_sdk_dynamodb::Config::builder().retry_config(RetryConfig::disabled());
            let error = match update.clone().customize().config_override(once).send().await {
                Ok(done) => return Ok(Ok(done.attributes.unwrap_or_default())),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    return Ok(Err(failed.item().cloned()));
                }
                // A transaction, as of new terms, was at work on the key, and the update was not carried out.
                Some(UpdateItemError::TransactionConflictException(_)) if retry < BUSY_RETRIES => {
                    transact::pause(retry).await;
                    retry += 1;
                }
                _ => return Err(Error::unavailable("dynamodb:UpdateItem", &error)),
            }
        }
    }

    fn recall(&self, id: &KeyId) -> Option<Remembered> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    fn remember(&self, id: &KeyId, seen: Remembered) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() >= REMEMBERED_KEYS && !memory.contains_key(id) {
            memory.clear();
        }
        memory.insert(id.clone(), seen);
    }
}
