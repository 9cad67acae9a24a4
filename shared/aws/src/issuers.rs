//! The public keys of token issuers, as `issuer-keys` mirrors them: `pk` = the issuer's name, `jwks` = a JWK Set.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use engine_core::access::token::KeySet;
use jiff::{SignedDuration, Timestamp};

use crate::Error;
use crate::item::{parsed, s};

/// How long what was read is used.
const FRESH: SignedDuration = SignedDuration::from_secs(60);
/// How long what was read is used also where it lacks the key that is asked for.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// Finds issuers' keys, which each process keeps for a minute.
#[derive(Debug)]
pub struct IssuerKeys {
    client: Client,
    table: String,
    memory: Mutex<HashMap<String, Remembered>>,
}

/// What was read of an issuer: its keys, or that it has none.
#[derive(Clone, Debug)]
struct Remembered {
    keys: Option<Arc<KeySet>>,
    read_at: Timestamp,
}

impl Remembered {
    /// Whether it still answers for that key at `now`. A clock that went back proves nothing.
    fn answers(&self, key_id: &str, now: Timestamp) -> bool {
        let known = self.keys.as_ref().is_some_and(|keys| keys.contains(key_id));
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
    /// nothing is mirrored for it. Only for issuers that the caller trusts: every other name would be remembered too.
    pub async fn key_set(&self, issuer: &str, key_id: &str, now: Timestamp) -> Result<Option<Arc<KeySet>>, Error> {
        let remembered = self.memory.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned();
        if let Some(remembered) = remembered.filter(|remembered| remembered.answers(key_id, now)) {
            return Ok(remembered.keys);
        }
        let keys = self.read(issuer).await?.map(Arc::new);
        let remembered = Remembered { keys: keys.clone(), read_at: now };
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).insert(issuer.to_owned(), remembered);
        Ok(keys)
    }

    async fn read(&self, issuer: &str) -> Result<Option<KeySet>, Error> {
        let got = self.client.get_item().table_name(&self.table).key("pk", s(issuer)).send().await;
        let item = got.map_err(|error| Error::unavailable("dynamodb:GetItem", &error))?.item;
        item.map(|item| parsed(&item, "jwks", KeySet::from_jwks)).transpose()
    }
}
