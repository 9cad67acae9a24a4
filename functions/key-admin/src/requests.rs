//! Requests for approval. The last approval carries out what was asked for.

use engine_aws::clock::random_bytes;
use engine_aws::directory::DirectoryError;
use engine_aws::people::{Approver, Judged, Versioned};
use engine_core::access::request::{Capacity, RequestState, Wanted};
use engine_core::access::service_account::ServiceAccountCredential;
use engine_core::access::{AccessRequest, ClientId, ServiceAccountName};
use engine_core::audit::EntryId;
use engine_core::field::{FieldError, FieldReader, Fields};
use engine_core::time::rfc3339;
use engine_http::page::{cursor, limit, write_cursor};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use engine_http::step_up;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::KeyAdmin;
use crate::call::Call;
use crate::done::{Done, Handled, Made};
use crate::reading::reason;
use crate::refusal::{people_refusal, refusal};

/// A page of requests, the latest first.
pub(crate) async fn list(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(&call.query);
    let named = |name: &str| RequestState::from_name(name).ok_or("must be OPEN, APPROVED or REJECTED");
    let state = reader.has("state").then(|| reader.text("state", named)).flatten();
    let limit = limit(&mut reader);
    let after = cursor(&mut reader, |place| EntryId::parse(place).map(|id| id.to_string()));
    reader.unknown(&["state", "limit", "cursor"]);
    let limit = reader.finish(limit).map_err(Problem::invalid)?;
    let page = app.people.requests(state, limit, after.as_deref()).await?;
    let items: Vec<_> = page.items.iter().map(|read| describe(read, call)).collect();
    Ok(Done::Read(Reply::ok(&json!({ "items": items, "next_cursor": page.next.map(write_cursor) }))?))
}

/// One request.
pub(crate) async fn show(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let read = app.people.request(call.parameter("request_id")).await.map_err(refusal)?;
    Ok(Done::Read(Reply::ok(&describe(&read, call))?))
}

/// Approves a request, in a capacity that it needs.
pub(crate) async fn approve(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(call.fields);
    let named = |name: &str| Capacity::from_name(name).ok_or("must be manager, system_owner or security");
    let capacity = reader.has("as").then(|| reader.text("as", named)).flatten();
    reader.unknown(&["as", step_up::FIELD]);
    reader.finish(Some(())).map_err(Problem::invalid)?;
    let (caller, by, now) = (call.caller()?, call.maker()?, call.context.now);
    let approver = Approver { by: &by, roles: &caller.roles, capacity };
    let judged = app.people.judge(call.parameter("request_id"), approver, now).await.map_err(people_refusal)?;
    match (judged.next.state, &judged.next.wanted) {
        (RequestState::Approved, Wanted::Terms { fields }) => approve_terms(app, call, &judged, fields).await,
        (RequestState::Approved, Wanted::ServiceAccount { .. }) => create_service_account(app, call, &judged).await,
        _ => carry_out(app, call, &judged).await,
    }
}

async fn carry_out(app: &KeyAdmin, call: &Call<'_>, judged: &Judged) -> Handled {
    let (environment, author) = (&app.settings.environment, call.author(app));
    let prepared = app.people.approve(judged, environment, &author, call.context.now).await.map_err(people_refusal)?;
    let common = approved(&prepared.value.request);
    let Some(ticket) = prepared.value.ticket else { return Ok(Done::made(prepared.change, Reply::ok(&common)?)) };
    let (mut answer, mut repeat) = (common.clone(), common);
    answer["ticket"] = json!(ticket.expose());
    repeat["ticket"] = json!(null);
    repeat["code"] = json!("already_issued");
    let (answer, repeat) = (Reply::ok(&answer)?, Reply::ok(&repeat)?);
    Ok(Done::Made(Box::new(Made { change: prepared.change, answer, repeat, notices: Vec::new() })))
}

async fn approve_terms(app: &KeyAdmin, call: &Call<'_>, judged: &Judged, fields: &str) -> Handled {
    let stored = |error: String| Problem::internal(format!("stored request cannot be read: {error}"));
    let client_id = ClientId::parse(&judged.next.subject).map_err(|error| stored(error.to_string()))?;
    let fields = Fields::from_json(fields).map_err(|error| stored(error.to_string()))?;
    let (author, now) = (call.author(app), call.context.now);
    let added = app.directory.add_terms(&client_id, &fields, judged.details(), &author, now).await;
    let mut prepared = added.map_err(|error| match error {
        DirectoryError::Invalid(errors) => no_longer(&errors),
        DirectoryError::Store(error) => refusal(error),
    })?;
    app.people.decided(&mut prepared.change, judged, &author).await.map_err(refusal)?;
    let mut answer = approved(&judged.next);
    answer["terms_version"] = json!(prepared.value.version);
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

/// Terms that were in order when they were proposed, and are not any more: a date that has passed.
fn no_longer(errors: &[FieldError]) -> Problem {
    let errors: Vec<_> = errors.iter().map(|error| format!("{} {}", error.field, error.message)).collect();
    Problem::conflict(format!("the terms cannot be added any more: {}", errors.join("; ")))
}

/// The credential goes to Secrets Manager first and nowhere else; its hash goes into the account. The name is reserved
/// meanwhile, so that no approval of this or another request for it puts another credential there than the one whose hash is kept.
async fn create_service_account(app: &KeyAdmin, call: &Call<'_>, judged: &Judged) -> Handled {
    let name = ServiceAccountName::parse(&judged.next.subject);
    let name = name.map_err(|error| Problem::internal(format!("stored request cannot be read: {error}")))?;
    app.people.unused(&name).await.map_err(refusal)?;
    let reserved = app.people.reserve(judged, call.context.now).await.map_err(refusal)?;
    let secret = Zeroizing::new(random_bytes()?);
    let credential = ServiceAccountCredential::generate(&name, &app.settings.environment, random_bytes()?, &secret);
    let credential = credential.map_err(|error| Problem::internal(error.to_string()))?;
    let document = credential.document();
    let settings = &app.settings;
    let (place, description) =
        (format!("{}{name}", settings.service_account_prefix), format!("Credential of service account {name}"));
    let key = Some(settings.service_accounts_key.as_str());
    app.secrets.create_or_replace(&place, key, &description, &document, &[("service-account", name.as_str())]).await?;
    let (hash, actor_key, author) = (credential.hash(), app.directory.actor_key(), call.author(app));
    let now = call.context.now;
    let prepared = app.people.create_service_account(judged, &reserved, &hash, actor_key, &author, now).await;
    let prepared = prepared.map_err(people_refusal)?;
    let mut answer = approved(&judged.next);
    answer["service_account"] = json!(name);
    answer["secret_name"] = json!(place);
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

/// Rejects a request, or withdraws one's own.
pub(crate) async fn reject(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(call.fields);
    let why = reason(&mut reader);
    reader.unknown(&["reason", step_up::FIELD]);
    let why = reader.finish(why).map_err(Problem::invalid)?;
    let (caller, by) = (call.caller()?, call.maker()?);
    let approver = Approver { by: &by, roles: &caller.roles, capacity: None };
    let (author, now) = (call.author(app), call.context.now);
    let prepared = app.people.reject(call.parameter("request_id"), approver, &why, &author, now).await;
    let prepared = prepared.map_err(people_refusal)?;
    let answer = json!({ "request_id": prepared.value.id, "state": prepared.value.state.as_str() });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

fn approved(request: &AccessRequest) -> Value {
    json!({ "request_id": request.id, "state": request.state.as_str(), "missing": request.missing() })
}

fn describe(read: &Versioned<AccessRequest>, call: &Call<'_>) -> Value {
    let request = &read.value;
    let missing = if request.state == RequestState::Open { request.missing() } else { Vec::new() };
    json!({
        "request_id": request.id,
        "kind": request.wanted.kind(),
        "wanted": request.wanted,
        "subject": request.subject,
        "subject_person": request.subject_person,
        "manager": request.manager,
        "maker": request.maker,
        "justification": request.justification,
        "state": request.state.as_str(),
        "expired": request.state == RequestState::Open && request.open(call.context.now).is_err(),
        "missing": missing,
        "approvals": request.approvals,
        "decided": request.decided,
        "created_at": rfc3339(request.created_at),
        "expires_at": rfc3339(request.expires_at),
        "version": read.version,
    })
}
