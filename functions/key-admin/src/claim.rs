//! How a client collects a successor, and how its contacts stop one. Whoever holds the right secret needs no account.

use engine_aws::directory::{Claimed, Origin, PossessionError};
use engine_aws::key_gate::{Denial, Take};
use engine_aws::notices::{Notice, NoticeKind};
use engine_core::access::{ApiKey, CodeKind, KeyId, KeyRecord, OneTimeCode, Refusal};
use engine_core::audit::ActorType;
use engine_core::field::FieldReader;
use engine_core::time::rfc3339;
use engine_http::api_key::{self, presented_key};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use serde_json::json;
use zeroize::Zeroizing;

use crate::KeyAdmin;
use crate::call::{Call, FUNCTION, Proven};
use crate::done::{Done, Handled, Made};
use crate::keys::state_of;
use crate::reading::no_fields;
use crate::refusal::refusal;

/// Hands out a successor, to the holder of its predecessor or of a claim code, once the client's contacts are told.
pub(crate) async fn claim(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let (environment, origin, now) = (&app.settings.environment, origin(call), call.context.now);
    let (predecessor, claimed) = if let Some(code) = code(app, call, CodeKind::Claim, "claim_code")? {
        (code.id().clone(), app.directory.claim_by_code(&code, environment, &origin, now).await.map_err(not_by_code))
    } else {
        let key = presented_key(call.request, environment)?;
        take(app, call, &key).await?;
        (key.id().clone(), app.directory.claim_by_key(&key, environment, &origin, now).await)
    };
    let prepared = match claimed {
        Ok(prepared) => prepared,
        Err(error) => return Err(possession_refusal(app, call, &predecessor, ActorType::Client, error).await),
    };
    let Claimed { issued, freeze_code, contacts } = prepared.value;
    prove(app, call, &predecessor, &issued.record, ActorType::Client);
    let notices = vec![Notice {
        kind: NoticeKind::KeyClaimed,
        to: app.contacts.addresses(&issued.record.client_id, &contacts).await?,
        subject: format!("A successor of API key {predecessor} was claimed"),
        lines: told(call, &predecessor, &issued.record, &freeze_code),
    }];
    let body = json!({ "key_id": issued.record.id.as_str(), "api_key": issued.api_key.expose() });
    let answer = Reply::with_status(201, &body)?;
    let repeat = json!({ "key_id": issued.record.id.as_str(), "api_key": null, "code": "already_issued" });
    let repeat = Reply::with_status(201, &repeat)?;
    Ok(Done::Made(Box::new(Made { change: prepared.change, answer, repeat, notices })))
}

/// Takes a token of the key's own rate limit: a claim makes a key and writes to people.
async fn take(app: &KeyAdmin, call: &Call<'_>, key: &ApiKey) -> Result<(), Problem> {
    match app.gate.take(key, Take { tokens: 1, owes_entry: false }, call.context.now).await? {
        Ok(_) => Ok(()),
        Err(Denial::Refused(refusal)) => {
            let refused = PossessionError::Refused(refusal);
            Err(possession_refusal(app, call, key.id(), ActorType::Client, refused).await)
        }
        Err(Denial::Limited { key, limited, allowance }) => {
            prove(app, call, &key.id, &key, ActorType::Client);
            Err(Problem::rate_limited(limited, key.tier, allowance))
        }
    }
}

/// Confirms receipt of a successor, with the successor itself.
pub(crate) async fn confirm(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    no_fields(call, &[])?;
    let key = presented_key(call.request, &app.settings.environment)?;
    let prepared = match app.directory.confirm_key(&key, &origin(call), call.context.now).await {
        Ok(prepared) => prepared,
        Err(error) => return Err(possession_refusal(app, call, key.id(), ActorType::Client, error).await),
    };
    let details = &prepared.value;
    prove(app, call, key.id(), &details.record, ActorType::Client);
    let mut answer = state_of(details);
    answer["confirmed_at"] = json!(details.rotation.confirmed_at.map(rfc3339));
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

/// Stops a claimed key with the code that the contacts were sent.
pub(crate) async fn freeze(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let code = code(app, call, CodeKind::Freeze, "freeze_code")?.ok_or_else(Problem::not_authenticated)?;
    let frozen = app.directory.freeze_key(&code, &origin(call), call.context.now).await.map_err(not_by_code);
    let prepared = match frozen {
        Ok(prepared) => prepared,
        Err(error) => return Err(possession_refusal(app, call, code.id(), ActorType::Contact, error).await),
    };
    prove(app, call, code.id(), &prepared.value.record, ActorType::Contact);
    Ok(Done::made(prepared.change, Reply::ok(&state_of(&prepared.value))?))
}

/// The code in the body, where there is one. What has not a code's form proves nothing.
fn code(app: &KeyAdmin, call: &Call<'_>, kind: CodeKind, field: &str) -> Result<Option<OneTimeCode>, Problem> {
    let mut reader = FieldReader::new(call.fields);
    let given = reader.has(field);
    let text = if given { reader.text(field, |text| Ok::<_, String>(Zeroizing::new(text.to_owned()))) } else { None };
    if given && call.request.headers().contains_key(api_key::HEADER) {
        reader.refuse(field, "must not be given beside X-API-Key");
    }
    reader.unknown(&[field]);
    let text = reader.finish(Some(text)).map_err(Problem::invalid)?;
    let parse = |text: Zeroizing<String>| OneTimeCode::parse(kind, &text, &app.settings.environment);
    text.map(parse).transpose().map_err(|_| Problem::not_authenticated())
}

fn origin(call: &Call<'_>) -> Origin {
    Origin {
        request_id: call.context.request_id.clone(),
        function: FUNCTION,
        source_address: call.context.source_address.clone(),
    }
}

/// Notes who acts, the client or one of its contacts, and on which key.
fn prove(app: &KeyAdmin, call: &Call<'_>, key_id: &KeyId, record: &KeyRecord, kind: ActorType) {
    let id = record.client_id.to_string();
    let actor_ref = match kind {
        ActorType::Client => record.actor_ref.clone(),
        _ => app.directory.actor_key().actor_ref(kind, &id),
    };
    let client_ref = record.client_ref.clone();
    call.proven(Proven { kind, id, actor_ref, client_ref, key_id: key_id.clone() });
}

/// A code that is refused proves nothing, whatever is wrong with it.
fn not_by_code(error: PossessionError) -> PossessionError {
    match error {
        PossessionError::Refused(_) => PossessionError::Refused(Refusal::NotAuthenticated),
        store @ PossessionError::Store(_) => store,
    }
}

/// What the holder of a secret is told. Where the secret was right and the state was not, the record names holder and key:
/// who presents a dead key had it, or has stolen it.
async fn possession_refusal(
    app: &KeyAdmin,
    call: &Call<'_>,
    key_id: &KeyId,
    kind: ActorType,
    error: PossessionError,
) -> Problem {
    let right = match &error {
        PossessionError::Refused(refusal) => *refusal != Refusal::NotAuthenticated,
        PossessionError::Store(error) => matches!(error, engine_aws::Error::Conflict(_)),
    };
    if right && let Ok(key) = app.directory.key(key_id).await {
        prove(app, call, key_id, &key.record, kind);
    }
    match error {
        PossessionError::Refused(refusal) => refusal.into(),
        PossessionError::Store(error) => refusal(error),
    }
}

/// The notice's text.
fn told(call: &Call<'_>, predecessor: &KeyId, claimed: &KeyRecord, freeze_code: &OneTimeCode) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "A successor of API key {predecessor} of client {client} was claimed at {at} from {address}.\n\
         It is key {id}, and takes effect once its receipt is confirmed with it.\n\
         If you do not know of this, stop the key at once: send this code to POST /api/v1/keys/freeze as freeze_code.\n\
         {code}\n\
         Then tell us. The key that it succeeds may be in the wrong hands.",
        client = claimed.client_id,
        at = rfc3339(claimed.created_at),
        address = call.context.source_address.as_deref().unwrap_or("an unknown address"),
        id = claimed.id,
        code = freeze_code.expose(),
    ))
}
