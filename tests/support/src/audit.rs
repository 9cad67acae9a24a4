//! Audit entries, made quickly: the same number always gives the same entry.

use engine_aws::audit_log::AuditLog;
use engine_core::audit::{Actor, ActorType, Body, Draft, Entry, EntryId, Event, Outcome, Reference};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::dynamo::{self, tables};
use crate::keys::{actor_key, reference_key};
use crate::stream::Item;
use crate::wire::Wire;

/// When the first of [`entries`] was made.
pub const START: &str = "2026-11-22T03:00:00Z";
/// Time between two of [`entries`].
pub const STEP: SignedDuration = SignedDuration::from_millis(100);
/// The clients that [`entries`] concern, in turn.
pub const CLIENTS: [&str; 3] = ["alpha", "beta", "gamma"];
/// The tickers that [`entries`] concern, in turn.
pub const TICKERS: [&str; 5] = ["AAPL", "GME", "TSLA", "BRK.B", "KO"];

/// The reference to a client under [`reference_key`].
pub fn client_ref(client: &str) -> Reference {
    reference_key().commitment("client", client).reference()
}

/// The reference to a ticker under [`reference_key`].
pub fn subject_ref(ticker: &str) -> Reference {
    reference_key().commitment("ticker", ticker).reference()
}

/// The id of entry `n` made at `at`; consecutive numbers fall into different shards.
pub fn entry_id(n: u64, at: Timestamp) -> EntryId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    EntryId::new(at, random)
}

/// The draft of entry `n`: a success of `event` at `at`, by a client, concerning nobody, request `request-<n>`. A test
/// changes what it is about and finishes it.
pub fn draft(n: u64, event: Event, at: Timestamp) -> Draft {
    let actor = CLIENTS[0];
    let mut salt = [0; 16];
    salt[8..].copy_from_slice(&n.to_be_bytes());
    Draft {
        id: entry_id(n, at),
        time: at,
        event,
        outcome: Outcome::Success,
        request_id: request_id(n),
        function: "pricing",
        actor_ref: actor_key().actor_ref(ActorType::Client, actor),
        client_ref: None,
        subject_ref: None,
        body: Body {
            actor: Actor { kind: ActorType::Client, id: actor.to_owned(), roles: vec!["client".to_owned()] },
            source_address: Some("192.0.2.1".to_owned()),
            resource: "/api/v1/calculate-locate".to_owned(),
            reason: None,
            details: json!({ "number": n }),
            salt,
        },
    }
}

/// The request of entry `n`.
pub fn request_id(n: u64) -> String {
    format!("request-{n}")
}

/// Entry `n`: `event` at `at`, concerning that client and that ticker (by name, not by reference).
pub fn entry(n: u64, event: Event, at: Timestamp, client: Option<&str>, ticker: Option<&str>) -> Entry {
    let mut draft = draft(n, event, at);
    draft.client_ref = client.map(client_ref);
    draft.subject_ref = ticker.map(subject_ref);
    finish(draft)
}

/// The first `count` entries of a busy day: quotes for [`CLIENTS`] and [`TICKERS`] in turn from [`START`] on, one every
/// [`STEP`], one in seven a batch, one in ten refused, each in its client's name.
pub fn entries(count: u64) -> Vec<Entry> {
    let start: Timestamp = START.parse().unwrap();
    let key = actor_key();
    let clients = CLIENTS.map(|client| (client, client_ref(client), key.actor_ref(ActorType::Client, client)));
    let tickers = TICKERS.map(subject_ref);
    let make = |n: u64| {
        let turn = usize::try_from(n).unwrap();
        let event = if n % 7 == 6 { Event::QuoteBatchCreate } else { Event::QuoteCreate };
        let at = start + STEP * i32::try_from(n).unwrap();
        let (client, client_ref, actor_ref) = &clients[turn % clients.len()];
        let mut draft = draft(n, event, at);
        draft.client_ref = Some(client_ref.clone());
        draft.subject_ref = Some(tickers[turn % tickers.len()].clone());
        draft.actor_ref = actor_ref.clone();
        (*client).clone_into(&mut draft.body.actor.id);
        if n % 10 == 9 {
            draft.outcome = Outcome::Refused;
        }
        finish(draft)
    };
    (0..count).map(make).collect()
}

/// A draft's entry.
pub fn finish(draft: Draft) -> Entry {
    draft.finish().expect("details of integers")
}

/// The items that the audit table holds of an entry, as [`AuditLog`] puts them.
pub fn items(entry: &Entry) -> Vec<Item> {
    let client = dynamo::client_at("http://127.0.0.1:1", &Wire::default());
    let puts = AuditLog::new(client, tables::AUDIT).transact_items(entry).expect("an entry's items");
    puts.into_iter().map(|item| item.put.expect("a put").item).collect()
}
