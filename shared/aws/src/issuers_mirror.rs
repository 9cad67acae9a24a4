//! Writing what [`issuers`](crate::issuers) reads: for `issuer-keys` alone. Whoever writes these keys decides whose tokens hold.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::token::KeySet;
use engine_core::audit::{Event, Outcome};
use engine_core::hex;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Error;
use crate::audit_log::AuditLog;
use crate::author::{Act, Author};
use crate::change::Change;
use crate::item::{Item, n, number, s, string, time};
use crate::transact::ABSENT;

/// Tries at one issuer's keys, each lost only to another run at the same time.
const TRIES: u32 = 4;
/// The condition that the item is as it was read.
const AS_READ: &str = "version = :read AND fetched_at = :fetched";

/// Writes issuers' keys: an item an issuer, `jwks` (the usable keys and nothing else), its `digest` (hex SHA-256),
/// `fetched_at` (milliseconds since the epoch) and the `version`, which every change of the keys counts up.
#[derive(Clone, Debug)]
pub struct IssuersMirror {
    client: Client,
    table: String,
    audit: AuditLog,
}

/// Keys as they were fetched.
#[derive(Clone, Copy, Debug)]
pub struct Fetched<'a> {
    /// Whose they are.
    pub issuer: &'a str,
    /// Where they came from, for the record.
    pub source: &'a str,
    /// The keys.
    pub keys: &'a KeySet,
    /// When they were asked for.
    pub at: Timestamp,
}

/// What became of fetched keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirrored {
    /// They differ from those before, which they replaced.
    Changed,
    /// They are those that were there.
    Unchanged,
    /// Keys that were fetched later are there.
    Overtaken,
}

/// The item as it stands.
struct Held {
    jwks: String,
    fetched_at: Timestamp,
    version: u64,
}

impl IssuersMirror {
    /// The mirror in `table`, its changes recorded in `audit`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, audit: AuditLog) -> Self {
        Self { client, table: table.into(), audit }
    }

    /// Puts fetched keys in the place of those before: with an entry in the same transaction where they differ, else only to
    /// say when they were last seen. What was fetched earlier never replaces what was fetched later.
    pub async fn put(&self, fetched: Fetched<'_>, author: &Author) -> Result<Mirrored, Error> {
        let jwks = fetched.keys.to_jwks();
        let mut lost = String::new();
        for _ in 0..TRIES {
            let held = self.held(fetched.issuer).await?;
            let tried = match &held {
                Some(held) if held.fetched_at > fetched.at => return Ok(Mirrored::Overtaken),
                Some(held) if held.jwks == jwks => self.seen(fetched, held).await.map(|()| Mirrored::Unchanged),
                held => self.change(fetched, &jwks, held.as_ref(), author).await.map(|()| Mirrored::Changed),
            };
            match tried {
                Err(Error::Conflict(meanwhile)) => lost = meanwhile,
                settled => return settled,
            }
        }
        Err(Error::Conflict(lost))
    }

    async fn held(&self, issuer: &str) -> Result<Option<Held>, Error> {
        let key = s(issuer);
        let got = self.client.get_item().table_name(&self.table).key("pk", key).consistent_read(true).send().await;
        let item = got.map_err(|error| Error::unavailable("dynamodb:GetItem", &error))?.item;
        let Some(item) = item else { return Ok(None) };
        Ok(Some(Held {
            jwks: string(&item, "jwks")?.to_owned(),
            fetched_at: time(&item, "fetched_at")?,
            version: number(&item, "version")?,
        }))
    }

    async fn seen(&self, fetched: Fetched<'_>, held: &Held) -> Result<(), Error> {
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(fetched, &held.jwks, held.version)))
            .condition_expression(AS_READ);
        for (name, value) in as_read(held) {
            put = put.expression_attribute_values(name, value);
        }
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Err(Error::Conflict(meanwhile(fetched))),
                _ => Err(Error::unavailable("dynamodb:PutItem", &error)),
            },
        }
    }

    async fn change(
        &self,
        fetched: Fetched<'_>,
        jwks: &str,
        held: Option<&Held>,
        author: &Author,
    ) -> Result<(), Error> {
        let version = held.map_or(0, |held| held.version) + 1;
        let act = Act {
            event: Event::IssuerKeysChange,
            outcome: Outcome::Success,
            resource: fetched.issuer.to_owned(),
            reason: None,
            client_ref: None,
            subject_ref: None,
            details: json!({
                "issuer": fetched.issuer,
                "source": fetched.source,
                "key_ids_before": held.map_or(Ok(Vec::new()), |held| key_ids(&held.jwks))?,
                "key_ids_after": key_ids(jwks)?,
                "digest": hex::sha256(jwks.as_bytes()),
                "version": version,
            }),
        };
        let mut change = Change::default();
        let item = item(fetched, jwks, version);
        match held {
            Some(held) => change.put(&self.table, item, AS_READ, as_read(held), meanwhile(fetched))?,
            None => change.put(&self.table, item, ABSENT, [], meanwhile(fetched))?,
        }
        change.record(&self.audit, &author.entry(act, fetched.at)?)?;
        change.commit(&self.client).await
    }
}

fn item(fetched: Fetched<'_>, jwks: &str, version: u64) -> Item {
    Item::from([
        ("pk".into(), s(fetched.issuer)),
        ("jwks".into(), s(jwks)),
        ("digest".into(), s(hex::sha256(jwks.as_bytes()))),
        ("fetched_at".into(), n(fetched.at.as_millisecond())),
        ("version".into(), n(version)),
    ])
}

fn as_read(held: &Held) -> [(&'static str, AttributeValue); 2] {
    [(":read", n(held.version)), (":fetched", n(held.fetched_at.as_millisecond()))]
}

fn meanwhile(fetched: Fetched<'_>) -> String {
    format!("the keys of {} were written meanwhile", fetched.issuer)
}

/// The ids of a set's keys, for the record: they say which key came and which went.
fn key_ids(jwks: &str) -> Result<Vec<String>, Error> {
    let set: Value = serde_json::from_str(jwks).map_err(|error| Error::corrupt("key set", error))?;
    let keys = set["keys"].as_array().into_iter().flatten();
    Ok(keys.filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect())
}
