//! What is read and answered.

use engine_core::audit::{Event, Outcome};
use engine_http::openapi::schema::{
    boolean, count, fields, list, object, one_of, or_null, pattern, text, time, uuid, whole,
};
use engine_http::openapi::{CLIENT_ID, reference, ticker};
use serde_json::{Map, Value, json};

use crate::asked::{MOST_REQUESTS, MOST_VALUES};
use crate::routes::Handler;

/// The filter's fields, one value each.
pub(super) fn filter() -> [(&'static str, Value); 8] {
    [
        ("from", time()),
        ("to", time()),
        ("event", event()),
        ("outcome", outcome()),
        ("actor", pattern("^[a-z_0-9]+:[!-~]+$")),
        ("client", pattern(CLIENT_ID)),
        ("ticker", ticker()),
        ("request_id", pattern("^[!-~]{1,256}$")),
    ]
}

/// The body of a request for a bundle: of each list one value, or several.
pub(super) fn asked() -> Value {
    let several = |(name, schema): (&'static str, Value)| match name {
        "from" => ("from?", schema),
        "to" => ("to?", schema),
        "event" => ("event?", one_or_more(&schema, MOST_VALUES)),
        "outcome" => ("outcome?", one_or_more(&schema, MOST_VALUES)),
        "actor" => ("actor?", one_or_more(&schema, MOST_VALUES)),
        "client" => ("client?", one_or_more(&schema, MOST_VALUES)),
        "ticker" => ("ticker?", one_or_more(&schema, MOST_VALUES)),
        _ => ("request_id?", one_or_more(&schema, MOST_REQUESTS)),
    };
    let own = [("include_logs?", boolean()), ("size?", size()), ("consistent_with?", size())];
    fields(&filter().into_iter().map(several).chain(own).collect::<Vec<_>>())
}

fn one_or_more(schema: &Value, most: usize) -> Value {
    json!({ "anyOf": [schema, { "type": "array", "minItems": 1, "maxItems": most, "items": schema }] })
}

/// Status and schema of what is answered.
pub(super) fn answer(handler: Handler) -> (u16, Value) {
    match handler {
        Handler::SearchAudit => (200, page()),
        Handler::ShowProof => (200, proof()),
        Handler::RequestEvidence => (202, reference("Export")),
        Handler::ShowEvidence => (200, reference("Export")),
    }
}

/// The schemas that have a name.
pub(super) fn components() -> Map<String, Value> {
    [("Entry", entry()), ("Export", export()), ("Filter", described())]
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn page() -> Value {
    object(&[("size", count()), ("items", list(&reference("Entry"))), ("next_cursor", or_null(text()))])
}

fn entry() -> Value {
    object(&[
        ("index", count()),
        ("id", uuid()),
        ("time", time()),
        ("event", text()),
        ("outcome", text()),
        ("request_id", text()),
        ("function", text()),
        ("actor_ref", text()),
        ("client_ref?", digest()),
        ("subject_ref?", digest()),
    ])
}

fn proof() -> Value {
    object(&[
        ("id", uuid()),
        ("index", count()),
        ("size", count()),
        ("header", text()),
        ("body", text()),
        ("proof", list(&json!({ "type": "string", "contentEncoding": "base64" }))),
        ("checkpoint", text()),
    ])
}

/// What there is besides the request depends on the state.
fn export() -> Value {
    object(&[
        ("evidence_id", uuid()),
        ("state", one_of(&["pending", "running", "done", "expired", "failed"])),
        ("created_at", time()),
        ("size", size()),
        ("filter", reference("Filter")),
        ("include_logs", boolean()),
        ("consistent_with?", size()),
        ("progress?", object(&[("done", count()), ("total", count())])),
        ("sha256?", digest()),
        ("bytes?", count()),
        ("matched?", count()),
        ("completeness?", one_of(&["range", "selected"])),
        ("download_url?", json!({ "type": "string", "format": "uri" })),
        ("download_seconds?", count()),
        ("cause?", text()),
    ])
}

fn described() -> Value {
    let texts = || list(&text());
    object(&[
        ("from?", time()),
        ("to?", time()),
        ("event?", texts()),
        ("outcome?", texts()),
        ("actor?", texts()),
        ("client?", texts()),
        ("ticker?", texts()),
        ("request_id?", texts()),
    ])
}

fn event() -> Value {
    let names: Vec<_> = Event::ALL.iter().map(|event| event.as_str()).collect();
    one_of(&names)
}

fn outcome() -> Value {
    one_of(&[Outcome::Success, Outcome::Refused].map(Outcome::as_str))
}

fn size() -> Value {
    whole(1, 1 << 53)
}

fn digest() -> Value {
    pattern("^[0-9a-f]{64}$")
}
