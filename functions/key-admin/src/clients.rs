//! Clients and their terms. Terms need a second person, so what is made here is a request.

use engine_aws::change::Change;
use engine_aws::clock::random_bytes;
use engine_aws::directory::{ClientRecord, NewClient, Proposal};
use engine_core::access::request::{OPEN_FOR, RequestState, Wanted};
use engine_core::access::{AccessRequest, ClientId, ClientTerms, terms_in_force};
use engine_core::audit::EntryId;
use engine_core::field::FieldReader;
use engine_core::time::rfc3339;
use engine_http::page::{cursor, limit, write_cursor};
use engine_http::problem::Problem;
use engine_http::response::Reply;
use engine_http::step_up;
use serde_json::{Value, json};

use crate::KeyAdmin;
use crate::call::Call;
use crate::contacts;
use crate::done::{Done, Handled};
use crate::reading::{client_id, reason};
use crate::refusal::{directory_refusal, refusal};

/// Fields of terms. The first ones apply from their approval on, later ones from `effective_from`.
const TERMS: [&str; 4] = ["markup_percentage", "fee_type", "fee_amount", "day_count"];
const EFFECTIVE_FROM: &str = "effective_from";

/// Creates a client, and asks for its first terms to be approved.
#[allow(clippy::unused_async)] // handlers are called alike
pub(crate) async fn create(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(call.fields);
    let text = |text: &str| Ok::<_, String>(text.to_owned());
    let (id, name) = (reader.text("client_id", text), reader.text("name", text));
    let justification = Call::justification(&mut reader);
    reader.unknown(&[&["client_id", "name", "justification"], &TERMS[..]].concat());
    let read = (|| Some((id?, name?, justification?)))();
    let (id, name, justification) = reader.finish(read).map_err(Problem::invalid)?;
    let new = NewClient { client_id: id, name, terms: call.fields.clone() };
    let request_id = request_id(call)?;
    let proposal = Proposal { request_id: &request_id, justification: &justification };
    let prepared = app.directory.propose_client(&new, proposal, &call.author(app), call.context.now);
    let prepared = prepared.map_err(directory_refusal)?;
    let (client, terms) = prepared.value;
    let mut change = prepared.change;
    ask(app, call, &mut change, &client.client_id, proposal, &as_written(&terms, false))?;
    let answer = json!({ "client_id": client.client_id, "status": client.status.as_str(), "request_id": request_id });
    Ok(Done::made(change, Reply::created(format!("/admin/clients/{}", client.client_id), &answer)?))
}

/// Asks for a further version of a client's terms to be approved.
pub(crate) async fn propose_terms(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let client_id = client_id(call)?;
    let client = app.directory.client(&client_id).await.map_err(refusal)?;
    let mut reader = FieldReader::new(call.fields);
    let justification = Call::justification(&mut reader);
    let dated: &[&str] = if client.terms_version == 0 { &[] } else { &[EFFECTIVE_FROM] };
    reader.unknown(&[&["justification"], dated, &TERMS[..]].concat());
    let justification = reader.finish(justification).map_err(Problem::invalid)?;
    let request_id = request_id(call)?;
    let proposal = Proposal { request_id: &request_id, justification: &justification };
    let (author, now) = (call.author(app), call.context.now);
    let prepared = app.directory.propose_terms(&client_id, call.fields, proposal, &author, now).await;
    let prepared = prepared.map_err(directory_refusal)?;
    let mut change = prepared.change;
    let fields = as_written(&prepared.value, call.fields.has(EFFECTIVE_FROM));
    ask(app, call, &mut change, &client_id, proposal, &fields)?;
    let answer = json!({ "client_id": client_id, "request_id": request_id });
    Ok(Done::made(change, Reply::created(format!("/admin/requests/{request_id}"), &answer)?))
}

fn request_id(call: &Call<'_>) -> Result<String, Problem> {
    Ok(EntryId::new(call.context.now, random_bytes()?).to_string())
}

/// Terms as a request holds them. Without a date of their own they apply from their approval on.
fn as_written(terms: &ClientTerms, dated: bool) -> Value {
    let mut fields = json!({
        "markup_percentage": terms.markup_percentage.to_string(),
        "fee_type": terms.transaction_fee.kind.as_str(),
        "fee_amount": terms.transaction_fee.amount.to_string(),
        "day_count": terms.day_count.as_str(),
    });
    if dated {
        fields[EFFECTIVE_FROM] = json!(terms.effective_from.to_string());
    }
    fields
}

/// Adds the request for approval.
fn ask(
    app: &KeyAdmin,
    call: &Call<'_>,
    change: &mut Change,
    client_id: &ClientId,
    proposal: Proposal<'_>,
    fields: &Value,
) -> Result<(), Problem> {
    let request = AccessRequest {
        id: proposal.request_id.to_owned(),
        wanted: Wanted::Terms { fields: fields.to_string() },
        subject: client_id.to_string(),
        subject_person: None,
        manager: None,
        maker: call.maker()?,
        justification: proposal.justification.to_owned(),
        created_at: call.context.now,
        expires_at: call.context.now + OPEN_FOR,
        state: RequestState::Open,
        approvals: Vec::new(),
        decided: None,
    };
    app.people.open_request(change, &request).map_err(refusal)
}

/// A page of clients, by id.
pub(crate) async fn list(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let mut reader = FieldReader::new(&call.query);
    let limit = limit(&mut reader);
    let after = cursor(&mut reader, |place| ClientId::parse(place).ok());
    reader.unknown(&["limit", "cursor"]);
    let limit = reader.finish(limit).map_err(Problem::invalid)?;
    let page = app.directory.clients(after.as_ref(), limit).await?;
    let items: Vec<_> = page.items.iter().map(describe).collect();
    Ok(Done::Read(Reply::ok(&json!({ "items": items, "next_cursor": page.next.map(write_cursor) }))?))
}

/// One client with all its terms and its contacts.
pub(crate) async fn show(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let client_id = client_id(call)?;
    let client = app.directory.client(&client_id).await.map_err(refusal)?;
    let terms = app.directory.terms(&client_id).await?;
    let contacts = app.directory.contacts(&client_id).await?;
    let mut body = describe(&client);
    body["terms_version_in_force"] = json!(terms_in_force(&terms, call.context.now).map(|terms| terms.version));
    body["terms"] = json!(terms);
    body["contacts"] = contacts.iter().map(contacts::describe).collect::<Vec<Value>>().into();
    Ok(Done::Read(Reply::ok(&body)?))
}

/// Ends the relationship, and every key of the client with it.
pub(crate) async fn terminate(app: &KeyAdmin, call: &Call<'_>) -> Handled {
    let client_id = client_id(call)?;
    let mut reader = FieldReader::new(call.fields);
    let why = reason(&mut reader);
    reader.unknown(&["reason", step_up::FIELD]);
    let why = reader.finish(why).map_err(Problem::invalid)?;
    let prepared = app.directory.terminate_client(&client_id, &why, &call.author(app), call.context.now).await;
    let prepared = prepared.map_err(refusal)?;
    let client = &prepared.value;
    let answer = json!({
        "client_id": client.client_id,
        "status": client.status.as_str(),
        "terminated_at": client.terminated_at.map(rfc3339),
        "version": client.version,
    });
    Ok(Done::made(prepared.change, Reply::ok(&answer)?))
}

fn describe(client: &ClientRecord) -> Value {
    json!({
        "client_id": client.client_id,
        "name": client.name,
        "status": client.status.as_str(),
        "created_at": rfc3339(client.created_at),
        "terminated_at": client.terminated_at.map(rfc3339),
        "terms_version": client.terms_version,
        "key_ids": client.key_ids,
        "version": client.version,
    })
}
