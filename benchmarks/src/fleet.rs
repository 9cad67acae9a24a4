//! Clients and their keys: a few made by the real writers, and multiplied.

use std::collections::HashMap;
use std::error::Error;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use engine_aws::author::Author;
use engine_aws::clock::random_bytes;
use engine_aws::directory::{DUE_SHARDS, Directory, DirectoryTables, MAX_KEYS_PER_CLIENT, NewClient, NewKey};
use engine_aws::key_gate::{KeyGate, Take};
use engine_core::access::ApiKey;
use engine_core::audit::{Actor, ActorType};
use engine_core::field::Fields;
use engine_test_support::dynamo::tables;
use engine_test_support::keys::{actor_key, reference_key};
use jiff::{SignedDuration, Timestamp};

/// The environment named in keys.
pub const ENVIRONMENT: &str = "bench";
/// Whose keys are multiplied; it is gone before anything is measured.
const MODEL: &str = "model";
/// Items of one `BatchWriteItem`.
const BATCH: usize = 25;

type Item = HashMap<String, AttributeValue>;

/// What went wrong; a benchmark only says it.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What a key has behind it at a certain time.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// Days since it was made, for 90.
    pub age: i64,
    /// Days since it was used, if it was.
    pub used: Option<i64>,
}

/// Clients with keys, in an empty DynamoDB.
#[derive(Debug)]
pub struct Fleet {
    client: Client,
    now: Timestamp,
}

/// The directory of clients and keys over `client`.
#[must_use]
pub fn directory(client: Client) -> Directory {
    let tables = DirectoryTables {
        keys: tables::KEYS.to_owned(),
        clients: tables::CLIENTS.to_owned(),
        audit: tables::AUDIT.to_owned(),
    };
    Directory::new(client, tables, actor_key(), reference_key())
}

impl Fleet {
    /// Over the tables that `client` reaches, at that time.
    #[must_use]
    pub fn new(client: Client, now: Timestamp) -> Self {
        Self { client, now }
    }

    /// Puts so many clients with so many keys each: key `n` of client `c` has the past that `past(c, n)` names. Answers the keys.
    pub async fn fill<P: AsRef<str>>(
        &self,
        (clients, keys_each): (usize, usize),
        pasts: &[(P, Past)],
        past: impl Fn(usize, usize) -> usize,
    ) -> Result<Vec<ApiKey>, Failure> {
        if keys_each > MAX_KEYS_PER_CLIENT {
            return Err(format!("a client holds {MAX_KEYS_PER_CLIENT} keys at most").into());
        }
        let (client_model, key_models) = self.models(pasts.iter().map(|(_, past)| *past)).await?;
        let (mut keys, mut key_items, mut client_items) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..clients {
            let name = format!("client-{number:05}");
            let mut ids = Vec::new();
            for place in 0..keys_each {
                let key = ApiKey::generate(ENVIRONMENT, random_bytes()?, &random_bytes()?)?;
                let mut item = key_models.get(past(number, place)).ok_or("no such past")?.clone();
                item.insert("pk".to_owned(), text(key.id().as_str()));
                item.insert("client_id".to_owned(), text(&name));
                item.insert("key_hash".to_owned(), AttributeValue::B(Blob::new(key.hash().as_bytes())));
                // As evenly spread as the ids are.
                item.insert("due_shard".to_owned(), text(&format!("{:02}", keys.len() % usize::from(DUE_SHARDS))));
                ids.push(key.id().to_string());
                key_items.push(item);
                keys.push(key);
            }
            let mut item = client_model.clone();
            item.insert("pk".to_owned(), text(&name));
            item.insert("key_ids".to_owned(), AttributeValue::Ss(ids));
            client_items.push(item);
            client_items.push(Item::from([("pk".to_owned(), text("#clients")), ("sk".to_owned(), text(&name))]));
        }
        self.put(tables::KEYS, key_items).await?;
        self.put(tables::CLIENTS, client_items).await?;
        Ok(keys)
    }

    /// A client, and a key of each past, as the directory and the gate leave them; the tables forget them.
    async fn models(&self, pasts: impl Iterator<Item = Past>) -> Result<(Item, Vec<Item>), Failure> {
        let (directory, gate) = (directory(self.client.clone()), KeyGate::new(self.client.clone(), tables::KEYS));
        let author = operator();
        let terms = Fields::from_pairs([("markup_percentage", "5"), ("fee_type", "FLAT"), ("fee_amount", "25.00")]);
        let client = NewClient { client_id: MODEL.to_owned(), name: "Model Ltd".to_owned(), terms };
        directory.commit(directory.create_client(&client, &author, self.now)?).await?;
        let mut keys = Vec::new();
        for past in pasts {
            let new = NewKey {
                client_id: MODEL.to_owned(),
                rate_limit: 60,
                expiry_days: 90,
                permissions: None,
                tickers: None,
                environment: ENVIRONMENT.to_owned(),
            };
            let prepared = directory.create_key(&new, &author, self.now - days(past.age)).await?;
            let key = directory.commit(prepared).await?.api_key;
            if let Some(used) = past.used {
                let take = Take { tokens: 1, owes_entry: false };
                gate.take(&key, take, self.now - days(used)).await?.map_err(|denial| format!("{denial:?}"))?;
            }
            keys.push(self.taken(tables::KEYS, Item::from([("pk".to_owned(), text(key.id().as_str()))])).await?);
        }
        for item in self.items(tables::CLIENTS).await? {
            let key = ["pk", "sk"].map(|name| (name.to_owned(), item.get(name).cloned()));
            let key = key.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let item = self.taken(tables::CLIENTS, key).await?;
            if item.contains_key("client_name") {
                return Ok((item, keys));
            }
        }
        Err("the directory made no client".into())
    }

    /// Removes an item and answers it.
    async fn taken(&self, table: &str, key: Item) -> Result<Item, Failure> {
        let delete = self.client.delete_item().table_name(table).set_key(Some(key));
        let old = delete.return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld).send().await?;
        Ok(old.attributes.ok_or("it is gone already")?)
    }

    /// Every item of a table, which is small.
    async fn items(&self, table: &str) -> Result<Vec<Item>, Failure> {
        Ok(self.client.scan().table_name(table).send().await?.items.unwrap_or_default())
    }

    async fn put(&self, table: &str, items: Vec<Item>) -> Result<(), Failure> {
        for some in items.chunks(BATCH) {
            let mut writes = Vec::new();
            for item in some {
                let put = PutRequest::builder().set_item(Some(item.clone())).build()?;
                writes.push(WriteRequest::builder().put_request(put).build());
            }
            self.client.batch_write_item().request_items(table, writes).send().await?;
        }
        Ok(())
    }
}

/// So many days.
#[must_use]
pub fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn operator() -> Author {
    let id = "arn:aws:iam::123456789012:user/operator".to_owned();
    Author {
        actor_ref: actor_key().actor_ref(ActorType::Operator, &id),
        actor: Actor { kind: ActorType::Operator, id, roles: Vec::new() },
        request_id: "bench".to_owned(),
        function: "engine",
        source_address: None,
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
