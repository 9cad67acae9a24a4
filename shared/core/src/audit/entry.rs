//! One audit entry: made once, from values, and then only ever read.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ActorRef, CanonicalError, Event, Outcome, Reference, canonical_json};
use crate::{hex, time::rfc3339};

/// Version of the header's format.
const HEADER_VERSION: u32 = 1;
/// Partitions of each minute, so that no one partition takes every write.
pub const SHARDS: u8 = 64;

/// The partition of a minute's shard, `2026-11-22T03:27#07`. Seconds of `minute` do not matter.
#[must_use]
pub fn partition(minute: Timestamp, shard: u8) -> String {
    format!("{}#{shard:02}", minute.strftime("%Y-%m-%dT%H:%M"))
}

/// An entry's id: a UUIDv7 (RFC 9562), whose time says in which partition the entry is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(Uuid);

impl EntryId {
    /// The id for an entry made at `now`.
    #[must_use]
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Reads an id; `None` unless it is a UUIDv7.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().filter(|id| id.get_version_num() == 7).map(Self)
    }

    /// When the entry was made, to the millisecond.
    #[must_use]
    pub fn time(self) -> Timestamp {
        let bytes = self.0.as_bytes();
        let millis = bytes[..6].iter().fold(0i64, |millis, byte| millis << 8 | i64::from(*byte));
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    /// The partition that holds the entry: its minute and one of 64 shards, `2026-11-22T03:27#07`.
    #[must_use]
    pub fn partition(self) -> String {
        partition(self.time(), self.0.as_bytes()[15] % SHARDS)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// What kind of actor did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorType {
    /// A client's trading system, by API key.
    Client,
    /// A function of the stack acting on an event or a schedule.
    System,
    /// A person of the staff, by token.
    Staff,
    /// A service account, by token.
    ServiceAccount,
    /// The administrator that the stack starts with.
    Bootstrap,
    /// A client's contact, by a one-time code.
    Contact,
    /// Nobody known: requests that proved nothing, counted together.
    Anonymous,
    /// A person with AWS credentials, outside the API.
    Operator,
}

impl ActorType {
    /// Every type.
    pub const ALL: [Self; 8] = [
        Self::Client,
        Self::System,
        Self::Staff,
        Self::ServiceAccount,
        Self::Bootstrap,
        Self::Contact,
        Self::Anonymous,
        Self::Operator,
    ];

    /// The type of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The type's name in bodies and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::System => "system",
            Self::Staff => "staff",
            Self::ServiceAccount => "service_account",
            Self::Bootstrap => "bootstrap",
            Self::Contact => "contact",
            Self::Anonymous => "anonymous",
            Self::Operator => "operator",
        }
    }
}

/// Who did it, in clear: this stands only in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The kind of actor.
    pub kind: ActorType,
    /// Client id, function name, or the operator's ARN.
    pub id: String,
    /// Roles held at the time.
    pub roles: Vec<String>,
}

/// What an entry says beyond its header.
#[derive(Clone, Debug)]
pub struct Body {
    /// Who did it.
    pub actor: Actor,
    /// Network address the request came from, where there was one.
    pub source_address: Option<String>,
    /// What it was done to: a path, a key id, an object.
    pub resource: String,
    /// Why, in the words of who did it, where asked for.
    pub reason: Option<String>,
    /// Event-specific facts. Numbers must be integers; money and rates are strings.
    pub details: Value,
    /// Keeps a body that could be guessed from being confirmed by its digest.
    pub salt: [u8; 16],
}

/// Everything an entry is made of.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The entry's id.
    pub id: EntryId,
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub event: Event,
    /// How it ended.
    pub outcome: Outcome,
    /// The request that caused it.
    pub request_id: String,
    /// The function, or `engine` for the command line.
    pub function: &'static str,
    /// The actor's keyed reference.
    pub actor_ref: ActorRef,
    /// Commitment to the client it concerns.
    pub client_ref: Option<Reference>,
    /// Commitment to the ticker it concerns.
    pub subject_ref: Option<Reference>,
    /// The rest.
    pub body: Body,
}

/// An entry as it is stored: two canonical JSON texts (RFC 8785). The header is the leaf of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    id: EntryId,
    header: String,
    body: String,
}

/// A header, read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Format version.
    pub v: u32,
    /// Entry id.
    pub id: String,
    /// RFC 3339 time.
    pub time: String,
    /// Event name.
    pub event: String,
    /// Outcome name.
    pub outcome: String,
    /// Request id.
    pub request_id: String,
    /// Function name.
    pub function: String,
    /// Keyed actor reference.
    pub actor_ref: String,
    /// Commitment to the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// Commitment to the ticker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_ref: Option<String>,
    /// Hex SHA-256 of the body's text.
    pub body_sha256: String,
}

/// A piece of a body that is longer than one item may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// From 0.
    pub ordinal: usize,
    /// The piece.
    pub text: &'a str,
}

impl Draft {
    /// Fixes the entry's two texts.
    pub fn finish(self) -> Result<Entry, CanonicalError> {
        let Body { actor, source_address, resource, reason, details, salt } = self.body;
        let body = canonical_json(&without_nulls(json!({
            "actor": { "type": actor.kind.as_str(), "id": actor.id, "roles": actor.roles },
            "source_address": source_address,
            "resource": resource,
            "reason": reason,
            "details": details,
            "salt": STANDARD.encode(salt),
        })))?;
        let header = canonical_json(&without_nulls(json!({
            "v": HEADER_VERSION,
            "id": self.id.to_string(),
            "time": rfc3339(self.time),
            "event": self.event.as_str(),
            "outcome": self.outcome.as_str(),
            "request_id": self.request_id,
            "function": self.function,
            "actor_ref": self.actor_ref,
            "client_ref": self.client_ref,
            "subject_ref": self.subject_ref,
            "body_sha256": hex::sha256(body.as_bytes()),
        })))?;
        Ok(Entry { id: self.id, header, body })
    }
}

/// Leaves out the top-level members that do not apply.
fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    value
}

impl Entry {
    /// Takes an entry as stored; `None` unless its id, header and body belong together.
    #[must_use]
    pub fn from_stored(id: EntryId, header: String, body: String) -> Option<Self> {
        let entry = Self { id, header, body };
        let header = entry.read_header()?;
        (header.id == id.to_string() && header.body_sha256 == hex::sha256(entry.body.as_bytes())).then_some(entry)
    }

    /// The entry's id.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The header's exact text.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.header
    }

    /// The body's exact text.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The header's members.
    #[must_use]
    pub fn read_header(&self) -> Option<Header> {
        serde_json::from_str(&self.header).ok()
    }

    /// The body in pieces of at most `longest` bytes, cut between characters; at least one.
    #[must_use]
    pub fn chunks(&self, longest: usize) -> Vec<Chunk<'_>> {
        let mut chunks = Vec::new();
        let mut rest = self.body.as_str();
        loop {
            let (text, tail) = rest.split_at(rest.floor_char_boundary(longest.max(4)));
            chunks.push(Chunk { ordinal: chunks.len(), text });
            if tail.is_empty() {
                return chunks;
            }
            rest = tail;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SecretKey;
    use super::*;

    fn draft() -> Draft {
        let time: Timestamp = "2026-11-22T03:27:43.120Z".parse().unwrap();
        let key = SecretKey::from_document(&format!(r#"{{"current":"k1","k1":"{}"}}"#, "s".repeat(64))).unwrap();
        Draft {
            id: EntryId::new(time, [7; 10]),
            time,
            event: Event::QuoteCreate,
            outcome: Outcome::Success,
            request_id: "r".into(),
            function: "pricing",
            actor_ref: key.actor_ref(ActorType::Client, "demo"),
            client_ref: Some(key.commitment("client", "demo").reference()),
            subject_ref: None,
            body: Body {
                actor: Actor { kind: ActorType::Client, id: "demo".into(), roles: vec!["client".into()] },
                source_address: Some("192.0.2.1".into()),
                resource: "/api/v1/calculate-locate".into(),
                reason: None,
                details: json!({"z": {"nested": "kept"}, "a": 1}),
                salt: [9; 16],
            },
        }
    }

    #[test]
    fn an_id_says_its_time_and_partition() {
        let id = draft().id;
        assert_eq!(rfc3339(id.time()), "2026-11-22T03:27:43.120Z");
        assert_eq!(id.partition(), "2026-11-22T03:27#07");
        assert_eq!(EntryId::parse(&id.to_string()), Some(id));
        assert_eq!(EntryId::parse("9f2c0a7e-8f5e-4d4f-9a3a-0c6d3f5e2b11"), None, "a random UUID is not an entry id");
    }

    #[test]
    fn the_header_covers_the_body_actor_and_time_and_names_nobody() {
        let entry = draft().finish().unwrap();
        insta::assert_snapshot!(entry.header());
        insta::assert_snapshot!(entry.body());
        assert!(!entry.header().contains("demo"));
    }

    #[test]
    fn a_stored_entry_with_another_body_is_not_an_entry() {
        let entry = draft().finish().unwrap();
        let stored = |body: &str| Entry::from_stored(entry.id(), entry.header().into(), body.into());
        assert_eq!(stored(entry.body()).as_ref(), Some(&entry));
        assert_eq!(stored(&entry.body().replace("kept", "lost")), None);
    }

    #[test]
    fn chunks_rejoin_to_the_body_and_cut_between_characters() {
        let mut draft = draft();
        draft.body.details = json!({"text": "€".repeat(50)});
        let entry = draft.finish().unwrap();
        for longest in [4, 7, 64, 10_000] {
            let chunks = entry.chunks(longest);
            assert!(chunks.iter().all(|chunk| chunk.text.len() <= longest));
            assert_eq!(chunks.iter().map(|chunk| chunk.text).collect::<String>(), entry.body());
        }
    }
}
