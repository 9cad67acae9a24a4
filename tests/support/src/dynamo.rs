//! DynamoDB in the process (dynoxide), served on loopback to the real SDK, with the tables of the template.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use dynoxide::Database;
use tokio::task::JoinHandle;

use crate::wire::Wire;

/// Names of the tables, as a test's functions are told them.
pub mod tables {
    /// API keys: `pk`.
    pub const KEYS: &str = "keys";
    /// Clients and their terms: `pk`, `sk`.
    pub const CLIENTS: &str = "clients";
    /// Market data: `pk`, `sk`.
    pub const MARKET: &str = "market";
    /// The audit log: `pk`, `sk`.
    pub const AUDIT: &str = "audit";
    /// Principals, persons, requests, service accounts: `pk`, `sk`.
    pub const PEOPLE: &str = "people";
    /// Token issuers' public keys: `pk`.
    pub const ISSUERS: &str = "issuers";
    /// Counters of step-up and of failures, and what may happen only once: `pk`.
    pub const GUARD: &str = "guard";
    /// The sealed log's head, batches, index and search rows: `pk`, `sk`.
    pub const LOG: &str = "log";
    /// Exports of evidence: `pk`.
    pub const EXPORTS: &str = "exports";
    /// Notices, emergency rotations, what is known of credentials that are kept elsewhere: `pk`, `sk`.
    pub const ROTATIONS: &str = "rotations";
}

/// An embedded DynamoDB; it ends with the value.
#[derive(Debug)]
pub struct Dynamo {
    endpoint: String,
    wire: Wire,
    server: JoinHandle<()>,
}

impl Dynamo {
    /// Starts one with empty tables.
    pub async fn start() -> Self {
        let database = Database::memory().expect("an in-memory database");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(dynoxide::server::serve_on(listener, database));
        let dynamo = Self { endpoint, wire: Wire::default(), server };
        let client = dynamo.client_on(&Wire::default());
        for (name, sorted) in [
            (tables::KEYS, false),
            (tables::CLIENTS, true),
            (tables::MARKET, true),
            (tables::AUDIT, true),
            (tables::PEOPLE, true),
            (tables::ISSUERS, false),
            (tables::GUARD, false),
            (tables::LOG, true),
            (tables::EXPORTS, false),
            (tables::ROTATIONS, true),
        ] {
            create_table(&client, name, sorted).await;
        }
        dynamo
    }

    /// A client whose calls pass [`Dynamo::wire`].
    pub fn client(&self) -> Client {
        self.client_on(&self.wire)
    }

    /// A client of a second process, with a wire of its own.
    pub fn client_on(&self, wire: &Wire) -> Client {
        client_at(&self.endpoint, wire)
    }

    /// The wire that [`Dynamo::client`] sends on.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }
}

impl Drop for Dynamo {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A client of what answers at `endpoint`.
pub(crate) fn client_at(endpoint: &str, wire: &Wire) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::standard().with_initial_backoff(std::time::Duration::from_millis(1)))
        .interceptor(wire.clone())
        .build();
    Client::from_conf(config)
}

async fn create_table(client: &Client, name: &str, sorted: bool) {
    let mut table = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    let keys = if sorted { vec![("pk", KeyType::Hash), ("sk", KeyType::Range)] } else { vec![("pk", KeyType::Hash)] };
    for (attribute, kind) in keys {
        table =
            table.attribute_definitions(definition(attribute, ScalarAttributeType::S)).key_schema(key(attribute, kind));
    }
    if name == tables::KEYS {
        table = table
            .attribute_definitions(definition("due_shard", ScalarAttributeType::S))
            .attribute_definitions(definition("due_at", ScalarAttributeType::N))
            .global_secondary_indexes(due());
    }
    table.send().await.expect("a new table");
}

/// The index of keys by when something is due for them.
fn due() -> GlobalSecondaryIndex {
    GlobalSecondaryIndex::builder()
        .index_name("due")
        .key_schema(key("due_shard", KeyType::Hash))
        .key_schema(key("due_at", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .expect("a complete index")
}

fn definition(attribute: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    let definition = AttributeDefinition::builder().attribute_name(attribute).attribute_type(kind);
    definition.build().expect("a complete definition")
}

fn key(attribute: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(attribute).key_type(kind).build().expect("a complete element")
}
