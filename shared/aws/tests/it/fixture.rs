//! What the directory's and the key gate's tests start from: a client, its keys, and who made them.

use std::ops::Deref;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::directory::{Directory, DirectoryTables, NewClient, NewKey};
use engine_aws::key_gate::KeyGate;
use engine_core::access::{ApiKey, ClientId};
use engine_core::field::Fields;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::{actor_key, reference_key};
use engine_test_support::wire::Wire;
use jiff::Timestamp;
use serde_json::Value;

use crate::desk::{Desk, ENVIRONMENT};

/// The client that the tests' keys belong to.
pub(crate) const CLIENT: &str = "demo";

pub(crate) type Item = std::collections::HashMap<String, AttributeValue>;

/// A directory over tables of its own. The calls of its desk pass `dynamo.wire()`.
pub(crate) struct Fixture {
    pub(crate) dynamo: Dynamo,
    desk: Desk,
}

impl Deref for Fixture {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Fixture {
    /// With empty tables.
    pub(crate) async fn empty() -> Self {
        let dynamo = Dynamo::start().await;
        let desk = Desk::over(dynamo.client());
        Self { dynamo, desk }
    }

    /// With the client.
    pub(crate) async fn with_client() -> Self {
        let fixture = Self::empty().await;
        fixture.create_client(&new_client()).await.unwrap();
        fixture
    }

    /// With the client and a key of that tier.
    pub(crate) async fn with_key(rate_limit: u64) -> (Self, ApiKey) {
        let fixture = Self::with_client().await;
        let issued = fixture.create_key(&NewKey { rate_limit, ..new_key() }).await.unwrap();
        fixture.dynamo.wire().reset();
        (fixture, issued.api_key)
    }

    /// A desk of another process, on a wire of its own.
    pub(crate) fn rival(&self) -> Desk {
        Desk { now: self.now, ..Desk::over(self.dynamo.client_on(&Wire::default())) }
    }

    /// A gate of another process, and its wire.
    pub(crate) fn gate(&self) -> (Arc<KeyGate>, Wire) {
        let wire = Wire::default();
        (Arc::new(KeyGate::new(self.dynamo.client_on(&wire), tables::KEYS)), wire)
    }

    /// Every item of a table.
    pub(crate) async fn scan(&self, table: &str) -> Vec<Item> {
        let client = self.dynamo.client_on(&Wire::default());
        client.scan().table_name(table).send().await.unwrap().items.unwrap_or_default()
    }

    /// How many items the keys, clients and audit tables hold.
    pub(crate) async fn sizes(&self) -> [usize; 3] {
        [
            self.scan(tables::KEYS).await.len(),
            self.scan(tables::CLIENTS).await.len(),
            self.scan(tables::AUDIT).await.len(),
        ]
    }

    /// The header and body of the log's entries of that event.
    pub(crate) async fn entries(&self, event: &str) -> Vec<(Value, Value)> {
        let items = self.scan(tables::AUDIT).await;
        let read = |item: &Item, name: &str| serde_json::from_str::<Value>(item[name].as_s().unwrap()).unwrap();
        let entries = items.iter().map(|item| (read(item, "header"), read(item, "body")));
        entries.filter(|(header, _)| header["event"] == event).collect()
    }
}

/// A directory whose calls go through `client`.
pub(crate) fn directory(client: aws_sdk_dynamodb::Client) -> Directory {
    let tables = DirectoryTables {
        keys: tables::KEYS.to_owned(),
        clients: tables::CLIENTS.to_owned(),
        audit: tables::AUDIT.to_owned(),
    };
    Directory::new(client, tables, actor_key(), reference_key())
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn client_id() -> ClientId {
    ClientId::parse(CLIENT).unwrap()
}

pub(crate) fn terms(markup: &str) -> Fields {
    Fields::from_pairs([("markup_percentage", markup), ("fee_type", "FLAT"), ("fee_amount", "25.00")])
}

pub(crate) fn new_client() -> NewClient {
    NewClient { client_id: CLIENT.to_owned(), name: "Demo Ltd".to_owned(), terms: terms("5") }
}

pub(crate) fn new_key() -> NewKey {
    NewKey {
        client_id: CLIENT.to_owned(),
        rate_limit: 60,
        expiry_days: 30,
        permissions: None,
        tickers: None,
        environment: ENVIRONMENT.to_owned(),
    }
}

/// Runs `future` from inside a wire's hook, which is not async. Needs the multi-threaded test runtime.
pub(crate) fn meanwhile<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

/// Everything that a value holds, as bytes.
pub(crate) fn bytes(value: &AttributeValue) -> Vec<u8> {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.clone().into_bytes(),
        AttributeValue::B(blob) => blob.as_ref().to_vec(),
        AttributeValue::Ss(texts) => texts.join("\n").into_bytes(),
        other => panic!("a type that no table uses: {other:?}"),
    }
}

/// A well-formed key with the same id and another secret.
pub(crate) fn forged(key: &ApiKey) -> ApiKey {
    const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let digit = |character| u128::try_from(ALPHABET.find(character).unwrap()).unwrap();
    let number = key.id().as_str().chars().fold(0, |number, character| number * 62 + digit(character));
    let id = number.to_be_bytes()[7..].try_into().unwrap();
    let forged = ApiKey::generate("test", id, &[7; 32]).unwrap();
    assert_eq!(forged.id(), key.id());
    forged
}
