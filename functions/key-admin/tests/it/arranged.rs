//! What tests of keys and clients start from, made through the API itself.

use serde_json::{Value, json};

use crate::fixture::{Admin, CLIENT, Someone};

pub(crate) const KEYS: &str = "/admin/api-keys";
pub(crate) const CLAIM: &str = "/api/v1/keys/claim";
pub(crate) const CONFIRM: &str = "/api/v1/keys/confirm";
pub(crate) const FREEZE: &str = "/api/v1/keys/freeze";
pub(crate) const ADDRESS: &str = "dana.ortiz@fund.example";

/// The body of the seed's call.
pub(crate) fn new_key() -> Value {
    json!({ "client_id": CLIENT, "rate_limit": 60, "expiry_days": 90 })
}

/// The path of a key's own resource, or of one below it.
pub(crate) fn at(key_id: &str, rest: &str) -> String {
    format!("{KEYS}/{key_id}{rest}")
}

/// The public part of a key's text.
pub(crate) fn id_of(key: &str) -> String {
    key.split('_').nth(2).expect("a key").to_owned()
}

/// The one-time code in a text: its only word that begins so.
pub(crate) fn code_in(text: &str) -> String {
    let codes: Vec<_> = text.split_whitespace().filter(|word| word.starts_with("br")).collect();
    let [code] = codes[..] else { panic!("one code, not {}", codes.len()) };
    code.to_owned()
}

impl Admin {
    /// An administrator.
    pub(crate) async fn administrator(&self) -> Someone {
        self.person("alice@example.com", "p-alice", &["admin"]).await
    }

    /// The text of the last notice of that kind, and to whom it went.
    pub(crate) fn last_notice(&self, kind: &str) -> (Value, String) {
        let published = self.sns.published();
        let last = published.iter().rev().find(|published| published.attributes["kind"] == kind).expect("a notice");
        let message = last.json();
        assert_eq!(message["kind"], kind);
        (message["to"].clone(), message["text"].as_str().unwrap().to_owned())
    }

    /// The kinds of the notices so far, in their order.
    pub(crate) fn notice_kinds(&self) -> Vec<String> {
        self.sns.published().iter().map(|published| published.attributes["kind"].clone()).collect()
    }

    /// Adds a contact to the client and verifies it; its id.
    pub(crate) async fn verified_contact(&self, by: &Someone) -> String {
        self.verified_contact_at(by, ADDRESS).await
    }

    /// The same with an address of its own.
    pub(crate) async fn verified_contact_at(&self, by: &Someone, address: &str) -> String {
        let contacts = format!("/admin/clients/{CLIENT}/contacts");
        let body = json!({ "name": "Dana Ortiz", "email": address });
        let made = self.call("POST", &contacts).stepped_up(by).body(&body).send().await.expect(201);
        let id = made["contact_id"].as_str().unwrap().to_owned();
        let code = code_in(&self.last_notice("contact.verification").1);
        let verify = self.call("POST", &format!("{contacts}/{id}/verify")).by(by).body(&json!({ "code": code }));
        verify.send().await.expect(200);
        id
    }

    /// Issues a key through the API.
    pub(crate) async fn key(&self, by: &Someone) -> String {
        let made = self.call("POST", KEYS).stepped_up(by).body(&new_key()).send().await.expect(201);
        made["api_key"].as_str().unwrap().to_owned()
    }

    /// Offers a successor to a key.
    pub(crate) async fn rotate(&self, by: &Someone, key: &str) -> Value {
        let body = json!({ "reason": "quarterly" });
        self.call("POST", &at(&id_of(key), "/rotate")).stepped_up(by).body(&body).send().await.expect(200)
    }

    /// Claims a successor with its predecessor; its text.
    pub(crate) async fn claim(&self, key: &str) -> String {
        let claimed = self.call("POST", CLAIM).key(key).send().await.expect(201);
        claimed["api_key"].as_str().unwrap().to_owned()
    }

    /// A key's metadata.
    pub(crate) async fn shown(&self, by: &Someone, key_id: &str) -> Value {
        self.call("GET", &at(key_id, "")).by(by).send().await.expect(200)
    }
}
