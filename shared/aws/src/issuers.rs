//! The public keys of token issuers, as `issuer-keys` mirrors them: `pk` = the issuer's name, `jwks` = a JWK Set,
//! `fetched_at` = when the issuer last said that these are its keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use engine_core::access::token::KeySet;
use jiff::{SignedDuration, Timestamp};

use crate::Error;
use crate::item::{parsed, s, time};

/// How long what was read is used.
const FRESH: SignedDuration = SignedDuration::from_secs(60);
/// How long what was read is used also where it lacks the key that is asked for.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);
/// How old the issuer's last word may be. The mirror asks every five minutes, so a dozen runs in a row have failed by then, and
/// a key that was withdrawn meanwhile would be trusted still.
const STALE: SignedDuration = SignedDuration::from_hours(1);

/// Finds issuers' keys, which each process keeps for a minute.
#[derive(Debug)]
pub struct IssuerKeys {
    client: Client,
    table: String,
    memory: Mutex<HashMap<String, Remembered>>,
}

/// Keys as they are mirrored.
#[derive(Clone, Debug)]
struct Mirrored {
    keys: Arc<KeySet>,
    fetched_at: Timestamp,
}

/// What was read of an issuer: its keys, or that it has none.
#[derive(Clone, Debug)]
struct Remembered {
    mirrored: Option<Mirrored>,
    read_at: Timestamp,
}

impl Remembered {
    /// The keys that may be trusted at `now`.
    fn keys(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        let mirrored = self.mirrored.as_ref().filter(|mirrored| now.duration_since(mirrored.fetched_at) <= STALE);
        mirrored.map(|mirrored| Arc::clone(&mirrored.keys))
    }

    /// Whether it still answers for that key at `now`. A clock that went back proves nothing.
    fn answers(&self, key_id: &str, now: Timestamp) -> bool {
        let known = self.keys(now).is_some_and(|keys| keys.contains(key_id));
        let limit = if known { FRESH } else { PATIENCE };
        (SignedDuration::ZERO..limit).contains(&now.duration_since(self.read_at))
    }
}

impl IssuerKeys {
    /// The keys in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), memory: Mutex::default() }
    }

    /// The keys of `issuer`, read anew where they are a minute old, or lack `key_id` and are ten seconds old. `None` where
    /// nothing is mirrored for it, or nothing since an hour. Only for issuers that the caller trusts: every other name would be remembered too.
    pub async fn key_set(&self, issuer: &str, key_id: &str, now: Timestamp) -> Result<Option<Arc<KeySet>>, Error> {
        let remembered = self.memory.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned();
        if let Some(remembered) = remembered.filter(|remembered| remembered.answers(key_id, now)) {
            return Ok(remembered.keys(now));
        }
        let remembered = Remembered { mirrored: self.read(issuer).await?, read_at: now };
        let keys = remembered.keys(now);
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).insert(issuer.to_owned(), remembered);
        Ok(keys)
    }

    async fn read(&self, issuer: &str) -> Result<Option<Mirrored>, Error> {
        let got = self.client.get_item().table_name(&self.table).key("pk", s(issuer)).send().await;
        let item = got.map_err(|error| Error::unavailable("dynamodb:GetItem", &error))?.item;
        let Some(item) = item else { return Ok(None) };
        let keys = Arc::new(parsed(&item, "jwks", KeySet::from_jwks)?);
        Ok(Some(Mirrored { keys, fetched_at: time(&item, "fetched_at")? }))
    }
}
