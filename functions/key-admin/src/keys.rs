//! API keys: issued, listed, shown, revoked, and let go on where a contact froze them.

use engine_aws::directory::{IssuedKey, KeyDetails, KeyPosition, KeyQuery, MAX_EXPIRY_DAYS, NewKey};
use engine_core::access::{ClientId, KeyId, KeyState, MAX_LISTED_TICKERS, Permission, TickerScope, Tier};
use engine_core::field::FieldReader;
use engine_core::ticker::Ticker;
use engine_core::time::rfc3339;
use engine_http::page::{cursor, limit, write_cursor};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use engine_http::step_up;
use serde_json::{Value, json};

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled, Made};
use crate::reading::{key_id, no_fields, reason};
use crate::refusal::{directory_refusal, refusal};

/// Issues a key. Its text is in this answer and nowhere else.
pub(crate) async fn create(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let new = read_new(app, call)?;
    let prepared = app.directory.create_key(&new, &call.author(app), call.context.now).await;
    let prepared = prepared.map_err(directory_refusal)?;
    let IssuedKey { api_key, record } = prepared.value;
    let (id, place) = (record.id.as_str(), format!("/admin/api-keys/{}", record.id));
    let answer = Reply::created(&place, &json!({ "key_id": id, "api_key": api_key.expose() }))?;
    let repeat = json!({ "key_id": id, "api_key": null, "code": "already_issued" });
    let repeat = Reply::created(&place, &repeat)?;
    Ok(Done::Made(Box::new(Made { change: prepared.change, answer, repeat, notices: Vec::new() })))
}

fn read_new(app: &KeyAdmin, call: &Call<'_>) -> Result<NewKey, Problem> {
    let mut reader = FieldReader::new(call.fields);
    let client_id = reader.text("client_id", |text| ClientId::parse(text).map(|id| id.to_string()));
    let rate_limit = reader.integer("rate_limit", (1, u64::MAX)).filter(|limit| {
        let tier = Tier::from_per_minute(*limit);
        if tier.is_none() {
            reader.refuse("rate_limit", "must be 60, 300 or 1000 requests a minute");
        }
        tier.is_some()
    });
    let expiry_days = reader.integer("expiry_days", (1, MAX_EXPIRY_DAYS));
    let permissions = reader.has("permissions").then(|| {
        let known = |name: &str| match Permission::of_keys(name) {
            Some(permission) => Ok(permission.as_str().to_owned()),
            None => Err("must be fees:calculate or rates:view"),
        };
        reader.texts("permissions", Permission::OF_KEYS.len(), known)
    });
    let tickers = reader.has("tickers").then(|| {
        reader.texts("tickers", MAX_LISTED_TICKERS, |text| Ticker::parse(text).map(|ticker| ticker.to_string()))
    });
    reader.unknown(&["client_id", "rate_limit", "expiry_days", "permissions", "tickers", step_up::FIELD]);
    let new = (|| {
        Some(NewKey {
            client_id: client_id?,
            rate_limit: rate_limit?,
            expiry_days: expiry_days?,
            permissions: permissions.flatten(),
            tickers: tickers.flatten(),
            environment: app.settings.environment.clone(),
        })
    })();
    reader.finish(new).map_err(Problem::invalid)
}

/// A page of keys' metadata, by client and then by key id.
pub(crate) async fn list(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(&call.query);
    let client_id = reader.has("client_id").then(|| reader.text("client_id", ClientId::parse)).flatten();
    let state = |name: &str| KeyState::from_name(name).ok_or("must be CLAIMED, ACTIVE, FROZEN, EXPIRED or REVOKED");
    let state = reader.has("state").then(|| reader.text("state", state)).flatten();
    let limit = limit(&mut reader);
    let after = cursor(&mut reader, |place| {
        let (client, key) = place.split_once('#')?;
        let place = KeyPosition { client_id: ClientId::parse(client).ok()?, key_id: KeyId::parse(key).ok()? };
        // A place in another client's keys is none in this list.
        client_id.as_ref().is_none_or(|wanted| *wanted == place.client_id).then_some(place)
    });
    reader.unknown(&["client_id", "state", "limit", "cursor"]);
    let limit = reader.finish(limit).map_err(Problem::invalid)?;
    let page = app.directory.keys(&KeyQuery { client_id, state, after }, limit).await?;
    let items: Vec<_> = page.items.iter().map(describe).collect();
    let next = page.next.map(|place| write_cursor(format_args!("{}#{}", place.client_id, place.key_id)));
    Ok(Done::Read(Reply::ok(&json!({ "items": items, "next_cursor": next }))?))
}

/// One key's metadata.
pub(crate) async fn show(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let key = app.directory.key(&key_id(call)?).await.map_err(refusal)?;
    Ok(Done::Read(Reply::ok(&describe(&key))?))
}

/// Revokes a key for good. The reason may be given in the query or in a body.
pub(crate) async fn revoke(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let key_id = key_id(call)?;
    let why = read_why(call)?;
    let prepared = app.directory.revoke_key(&key_id, why.as_deref(), &call.author(app), call.context.now).await;
    let prepared = prepared.map_err(refusal)?;
    let key = &prepared.value;
    let answer = json!({
        "key_id": key.record.id.as_str(),
        "state": key.record.state.as_str(),
        "revoked_at": key.revoked_at.map(rfc3339),
    });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

fn read_why(call: &Call<'_>) -> Result<Option<String>, Problem> {
    let mut errors = Vec::new();
    let mut why = None;
    for fields in [&call.query, call.fields] {
        let mut reader = FieldReader::new(fields);
        if reader.has("reason") {
            let given = reason(&mut reader);
            if why.is_some() {
                reader.refuse("reason", "must be given once");
            }
            why = why.or(given);
        }
        reader.unknown(&["reason"]);
        errors.extend(reader.finish(Some(())).err().unwrap_or_default());
    }
    if errors.is_empty() { Ok(why) } else { Err(Problem::invalid(errors)) }
}

/// Lets a frozen key go on, once its receipt is confirmed again. The contacts' code still freezes it.
pub(crate) async fn unfreeze(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let key_id = key_id(call)?;
    no_fields(call, &[step_up::FIELD])?;
    let prepared = app.directory.unfreeze_key(&key_id, &call.author(app), call.context.now).await.map_err(refusal)?;
    Ok(Done::made(prepared.change, Reply::ok(&state_of(&prepared.value))?))
}

/// A key's id and state.
pub(crate) fn state_of(key: &KeyDetails) -> Value {
    json!({ "key_id": key.record.id.as_str(), "state": key.record.state.as_str() })
}

/// A key's metadata. Never the key or a hash.
fn describe(key: &KeyDetails) -> Value {
    let KeyDetails { record, used, rotation, revoked_at, issued_by, issued_because, version } = key;
    let permissions: Vec<_> = record.permissions.iter().map(|permission| permission.as_str()).collect();
    let tickers = match &record.tickers {
        TickerScope::All => None,
        TickerScope::Listed(tickers) => Some(tickers.iter().map(ToString::to_string).collect::<Vec<_>>()),
    };
    let offer = rotation.offer.as_ref();
    json!({
        "key_id": record.id.as_str(),
        "client_id": record.client_id,
        "state": record.state.as_str(),
        "created_at": rfc3339(record.created_at),
        "issued_by": issued_by,
        "issued_because": issued_because,
        "expires_at": rfc3339(record.expires_at),
        "revoked_at": revoked_at.map(rfc3339),
        "rate_limit": record.tier.per_minute(),
        "permissions": permissions,
        "tickers": tickers,
        "terms_version": record.terms_version,
        "last_used_at": used.last_used_at.map(rfc3339),
        "uses": used.seq,
        "offered_at": offer.map(|offer| rfc3339(offer.offered_at)),
        "successor_state": offer.map(|offer| offer.state.as_str()),
        "successor_id": offer.and_then(|offer| offer.successor_id.as_ref()).map(KeyId::as_str),
        "claim_code_expires_at": rotation.claim_code_expires_at.map(rfc3339),
        "predecessor_id": rotation.predecessor_id.as_ref().map(KeyId::as_str),
        "claimed_at": rotation.claimed_at.map(rfc3339),
        "confirmed_at": rotation.confirmed_at.map(rfc3339),
        "version": version,
    })
}
