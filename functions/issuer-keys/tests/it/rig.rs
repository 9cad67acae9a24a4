//! The function with everything it needs.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::guard::Guard;
use engine_aws::https::HttpsClient;
use engine_aws::kms::public_key;
use engine_core::access::token::jwk_from_spki;
use engine_test_support::clock::ManualClock;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::actor_key;
use engine_test_support::kms::Kms;
use engine_test_support::wire::Wire;
use issuer_keys::{Done, IssuerKeys, KeysAt, MOST_BYTES, RunError, Settings, Staff};
use serde_json::{Value, json};

pub(crate) const STAFF: &str = "https://idp.example/";
pub(crate) const OURS: &str = "borrow-rate-engine";

pub(crate) struct Rig {
    pub(crate) dynamo: Dynamo,
    pub(crate) kms: Kms,
    pub(crate) clock: ManualClock,
    /// The ARN of the key that signs our tokens.
    pub(crate) token_key: String,
    /// That of the key before it.
    pub(crate) token_key_predecessor: Option<String>,
}

/// An issuer's keys as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) jwks: String,
    pub(crate) digest: String,
    pub(crate) fetched_at: i64,
    pub(crate) version: u64,
}

impl Stored {
    pub(crate) fn key_ids(&self) -> Vec<String> {
        let set: Value = serde_json::from_str(&self.jwks).unwrap();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let kms = Kms::new();
        let token_key = kms.signing_key();
        let clock = ManualClock::at("2026-01-15T22:00:00Z");
        Self { dynamo: Dynamo::start().await, kms, clock, token_key, token_key_predecessor: None }
    }

    /// A function whose calls to DynamoDB pass the wire of [`Rig::dynamo`].
    pub(crate) fn function(&self, staff: Option<KeysAt>) -> IssuerKeys {
        self.function_on(self.dynamo.client(), staff)
    }

    /// A function of another process.
    pub(crate) fn second(&self, staff: Option<KeysAt>) -> IssuerKeys {
        self.function_on(self.dynamo.client_on(&Wire::default()), staff)
    }

    fn function_on(&self, dynamodb: aws_sdk_dynamodb::Client, staff: Option<KeysAt>) -> IssuerKeys {
        let settings = Settings {
            issuers_table: tables::ISSUERS.into(),
            guard_table: tables::GUARD.into(),
            audit_table: tables::AUDIT.into(),
            token_key: self.token_key.clone(),
            token_key_predecessor: self.token_key_predecessor.clone(),
            actor_key_secret: "unused: the key is given".into(),
            staff: staff.map(|keys| Staff { issuer: STAFF.into(), keys }),
        };
        let https = HttpsClient::new(Duration::from_secs(20)).with_body_limit(MOST_BYTES);
        IssuerKeys::new(dynamodb, self.kms.client(), https, actor_key(), settings, self.clock.shared())
    }

    /// One run with the staff issuer's keys given as a document.
    pub(crate) async fn run(&self, document: &str) -> Result<Done, RunError> {
        self.function(Some(KeysAt::Document(document.into()))).run("run").await
    }

    /// A public key of that id, new each time.
    pub(crate) async fn jwk(&self, key_id: &str) -> Value {
        let (_, spki) = public_key(&self.kms.client(), &self.kms.signing_key()).await.unwrap();
        serde_json::from_str(&jwk_from_spki(key_id, &spki).unwrap()).unwrap()
    }

    pub(crate) async fn stored(&self, issuer: &str) -> Option<Stored> {
        let key = AttributeValue::S(issuer.to_owned());
        let client = self.dynamo.client_on(&Wire::default());
        let item = client.get_item().table_name(tables::ISSUERS).key("pk", key).send().await.unwrap().item?;
        let text = |name: &str| item[name].as_s().unwrap().clone();
        let number = |name: &str| item[name].as_n().unwrap().parse::<i64>().unwrap();
        Some(Stored {
            jwks: text("jwks"),
            digest: text("digest"),
            fetched_at: number("fetched_at"),
            version: number("version").try_into().unwrap(),
        })
    }

    /// Headers and bodies of every entry of that event.
    pub(crate) async fn entries(&self, event: &str) -> Vec<(Value, Value)> {
        let client = self.dynamo.client_on(&Wire::default());
        let items = client.scan().table_name(tables::AUDIT).send().await.unwrap().items.unwrap_or_default();
        let json = |text: &AttributeValue| serde_json::from_str::<Value>(text.as_s().unwrap()).unwrap();
        let entries = items.iter().map(|item| (json(&item["header"]), json(&item["body"])));
        let mut entries: Vec<_> = entries.filter(|(header, _)| header["event"] == event).collect();
        entries.sort_by_key(|(_, body)| body["details"]["version"].as_u64());
        entries
    }

    /// Details of the entries about an issuer's keys, in the order of the versions that they made.
    pub(crate) async fn changes(&self, issuer: &str) -> Vec<Value> {
        let entries = self.entries("issuer.keys.change").await;
        let details = entries.into_iter().map(|(_, mut body)| body["details"].take());
        details.filter(|details| details["issuer"] == issuer).collect()
    }

    pub(crate) fn guard(&self) -> Guard {
        Guard::new(self.dynamo.client_on(&Wire::default()), tables::GUARD)
    }
}

/// A JWK Set.
pub(crate) fn set(keys: &[&Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// Serves one request on loopback with that answer, and gives its address.
pub(crate) fn serve(status: &str, body: &str) -> KeysAt {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer);
        // A client that does not read it all hangs up.
        let _ = stream.write_all(answer.as_bytes());
    });
    KeysAt::Url(url)
}
